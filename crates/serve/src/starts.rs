//! Starting runs so that a crash at any moment neither loses one nor starts one twice: the start is
//! written down, then a process is started for it, then the process writes the run down, under an
//! id that the start has fixed. After a crash what was written down is started again; if the first
//! process is still there, only one of them can write the run.

use std::time::Duration;

use jiff::Timestamp;
use lockstep_runtime::run_id;
use lockstep_store::{RunOwner, RunStatus};
use tokio::process::Child;

use crate::app::App;
use crate::database::{NewStart, RunScope, RunStart, StartRequest, StartState};
use crate::error::ServeError;
use crate::http::caller::AuditDraft;
use crate::runner::RunnerCommand;
use crate::stores::Stores;

/// How often it is looked whether a run has begun.
const BEGIN_POLL_INTERVAL: Duration = Duration::from_millis(15);
/// An answer is given after this time, even if the run has not begun: it may have to read secrets.
const MAX_BEGIN_WAIT: Duration = Duration::from_secs(10);

/// A random number from the system's generator.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let keys = std::collections::hash_map::RandomState::new();
    keys.build_hasher().finish()
}

/// A new run that somebody asks for.
pub(crate) struct NewRunRequest {
    pub(crate) command: RunnerCommand,
    pub(crate) user: String,
    /// What it may touch.
    pub(crate) scope: RunScope,
    pub(crate) request: StartRequest,
    /// What is written into the audit log where it is new.
    pub(crate) audit: AuditDraft,
}

/// What has come of asking for a run.
#[derive(Debug)]
pub(crate) enum Started {
    /// It is there, or will be soon.
    Run(RunStart),
    /// The same was asked before.
    Repeated(RunStart),
    /// Something else was asked with this key.
    KeyTaken,
}

/// Writes down that a run is to start, as a part of a transaction.
pub(crate) fn write_down(
    stores: &Stores,
    new: NewRunRequest,
) -> Result<(RunStart, NewStart), ServeError> {
    let mut run = run_id::from_number(random());
    while stores.runs.run_by_id(&run)?.is_some() {
        run = run_id::from_number(random());
    }
    let start = RunStart {
        run: run.to_string(),
        command: new.command,
        user: new.user,
        pipeline: new.scope.pipeline.clone(),
        at: Timestamp::now(),
        state: StartState::Asked,
    };
    let own = stores.own();
    let said = own
        .ask(&start, &new.request)
        .map_err(ServeError::database)?;
    if matches!(said, NewStart::Accepted) {
        let kept = own.put_scope(&start.run, &new.scope);
        kept.map_err(ServeError::database)?;
        let audit = new.audit.about(&start.run, &new.scope);
        audit
            .detail("command", start.command.word())
            .write(stores)?;
    }
    Ok((start, said))
}

/// Starts a run, and waits until it has begun, or is refused.
pub(crate) async fn start(app: &App, new: NewRunRequest) -> Result<Started, ServeError> {
    let asked = app.stores.run(move |stores| {
        let write = || write_down(stores, new);
        stores.access.in_transaction(write)
    });
    let (start, said) = asked.await??;
    match said {
        NewStart::KeyTaken => Ok(Started::KeyTaken),
        NewStart::Repeated(known) => Ok(Started::Repeated(await_begin(app, *known).await?)),
        NewStart::Accepted => {
            launch(app, &start).await?;
            Ok(Started::Run(await_begin(app, start).await?))
        }
    }
}

/// Starts the process of a start that was written down, and follows it.
pub(crate) async fn launch(app: &App, start: &RunStart) -> Result<(), ServeError> {
    if let Some(child) = spawn(app, start).await? {
        tokio::spawn(watch(app.clone(), start.clone(), child));
    }
    Ok(())
}

/// Starts the process of a start; where that is not possible, the start is refused.
async fn spawn(app: &App, start: &RunStart) -> Result<Option<Child>, ServeError> {
    match begin(app, &start.run, &start.user, &start.command).await {
        Ok(child) => Ok(Some(child)),
        Err(error) => {
            let why = StartState::Refused(format!("its process cannot be started: {error}"));
            settle(app, &start.run, why).await?;
            Ok(None)
        }
    }
}

/// Starts a process, for which no thread waits: there may be many.
async fn begin(
    app: &App,
    run: &str,
    user: &str,
    command: &RunnerCommand,
) -> std::io::Result<Child> {
    let runners = app.runners.clone();
    let (run, user, command) = (run.to_owned(), user.to_owned(), command.clone());
    let made = tokio::task::spawn_blocking(move || runners.process(&run, &user, &command)).await;
    let made = made.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    tokio::process::Command::from(made?).spawn()
}

async fn settle(app: &App, run: &str, state: StartState) -> Result<(), ServeError> {
    let run = run.to_owned();
    let settled = app
        .stores
        .run(move |stores| stores.own().settle(&run, &state));
    settled.await?.map_err(ServeError::database)
}

/// Whether what was asked for is in the state directory.
async fn has_begun(app: &App, start: &RunStart) -> Result<bool, ServeError> {
    let start = start.clone();
    let found = app.stores.run(move |stores| match &start.command {
        RunnerCommand::Run { .. } | RunnerCommand::Retry { .. } | RunnerCommand::Undo { .. } => {
            Ok::<_, ServeError>(stores.runs.run_by_id(&start.run)?.is_some())
        }
        // One that goes on is driven again, or has ended since.
        RunnerCommand::Resume { run } => {
            let run = stores.runs.run_by_id(run)?;
            Ok(run.is_some_and(|run| run.status != RunStatus::Stopped))
        }
    });
    found.await?
}

/// Waits until a run has begun or is refused.
async fn await_begin(app: &App, start: RunStart) -> Result<RunStart, ServeError> {
    let run = start.run.clone();
    let deadline = tokio::time::Instant::now() + MAX_BEGIN_WAIT;
    let mut known = start;
    loop {
        let id = run.clone();
        let now = app
            .stores
            .run(move |stores| stores.own().start(&id))
            .await?;
        if let Ok(Some(now)) = now {
            known = now;
        }
        if known.state != StartState::Asked || tokio::time::Instant::now() >= deadline {
            return Ok(known);
        }
        tokio::time::sleep(BEGIN_POLL_INTERVAL).await;
    }
}

/// Follows a process until its run has begun, or it has ended without that.
async fn watch(app: App, start: RunStart, mut child: Child) {
    loop {
        let ended = child.try_wait();
        let is_over = !matches!(ended, Ok(None));
        let begun = has_begun(&app, &start).await.unwrap_or(false);
        if begun {
            // What cannot be written now is found out at the next start of the server.
            let _ = settle(&app, &start.run, StartState::Begun).await;
            app.runners.forget(&start.run);
            break;
        }
        if is_over {
            let mut why = app.runners.message(&start.run);
            if why.is_empty() {
                why = match ended {
                    Ok(Some(status)) => format!("its process ended without a message: {status}"),
                    _ => String::from("its process is gone"),
                };
            }
            let _ = settle(&app, &start.run, StartState::Refused(why)).await;
            break;
        }
        tokio::time::sleep(BEGIN_POLL_INTERVAL).await;
    }
    // One that has ended is removed from the system's table of processes.
    let _ = child.wait().await;
}

/// After a start of the server: what was asked for and has not begun is started again, and runs
/// that lost their process go on.
pub(crate) async fn recover(app: &App) -> Result<Vec<String>, ServeError> {
    let open = app.stores.run(|stores| stores.own().open_starts()).await?;
    let open = open.map_err(ServeError::database)?;
    let mut said = Vec::new();
    for start in open {
        if has_begun(app, &start).await? {
            settle(app, &start.run, StartState::Begun).await?;
            app.runners.forget(&start.run);
            continue;
        }
        said.push(format!("starts run {} for {}", start.run, start.user));
        launch(app, &start).await?;
    }
    if app.options.engine.is_some() {
        // They have lost nothing: the engine drives them.
        return Ok(said);
    }
    let stopped = app
        .stores
        .run(|stores| stores.runs.unended_runs())
        .await??;
    for run in stopped {
        // One that was stopped on purpose has given its owner up.
        let is_of_here = run.owner.as_ref().is_some_and(RunOwner::is_within_sight);
        let lost = run.status == RunStatus::Stopped && is_of_here;
        if lost {
            said.push(format!("resumes run {}, whose process is gone", run.id));
            let command = RunnerCommand::Resume {
                run: run.id.to_string(),
            };
            if let Ok(mut child) = begin(app, &run.id, "lockstep serve", &command).await {
                tokio::spawn(async move { child.wait().await });
            }
        }
    }
    Ok(said)
}
