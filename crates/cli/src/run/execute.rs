//! Executes a run, new or resumed: reads its secrets, starts the driver, shows the events, and at
//! the end prints the ledger and the possible next commands.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::arguments::RunFormat;
use super::super::exit::Exit;
use super::super::files::CallerEnvironment;
use super::super::next_commands;
use super::super::output::Output;
use super::super::state;
use super::super::terminal;
use super::super::trace;
use super::host::TerminalHost;
use super::signals::listen;
use lockstep_api::session::{Session, SessionOptions, read_secrets};
use lockstep_api::state::Recorded;
use lockstep_api::{Engine, StartError};
use lockstep_base::diagnostic::render::{Ink, clean, render};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Sources;
use lockstep_engine::BrokenInvariant;
use lockstep_engine::run_event::Status;
use lockstep_outline::Outline;
use lockstep_plan::{BoundInputs, Plan, RunFacts};
use lockstep_runtime::driver::{DriveError, DriverExit, RecordedRun, RunPersistence};
use lockstep_runtime::journal::JournalError;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{Store, StoreError, StoredRun};
use lockstep_verify::conformance::Violation;
use lockstep_view::{
    JsonObserver, LedgerFormat, LiveObserver, LogsCommand, PlainObserver, RunObserver, RunSummary,
    Style,
};

/// At least so many cells of each loop have their places in a ledger.
const LISTED_CELLS: usize = 1_000;

/// A run to execute.
pub(crate) struct RunJob {
    pub(crate) plan: Arc<Plan>,
    pub(crate) facts: RunFacts,
    pub(crate) seed: u64,
    /// The maximum number of concurrent commands, if it was given.
    pub(crate) max: Option<u32>,
    /// The folder in which it was started: file names are relative to it.
    pub(crate) home: PathBuf,
    /// The real folder of each source file.
    pub(crate) source_folders: Vec<PathBuf>,
    pub(crate) format: RunFormat,
    pub(crate) yes: bool,
    /// Whether nobody is asked anything.
    pub(crate) no_input: bool,
    /// Whether what other runs have deployed since does not matter.
    pub(crate) force: bool,
    /// For a stored run, what its plan was opened with.
    pub(crate) opened: Option<OpenedSecrets>,
}

/// The secrets of a stored run, which have been read to open its plan.
pub(crate) struct OpenedSecrets {
    engine: Engine,
    pub(crate) vault: Arc<SecretVault>,
}

/// Reads the secrets of a stored run. A signal ends this process as if it had not begun.
pub(crate) fn open_secrets(
    bound: &BoundInputs,
    facts: &RunFacts,
    source_folders: &[PathBuf],
    output: &mut Output,
) -> Result<OpenedSecrets, Exit> {
    let engine = engine();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        output.complain(&format!("error: the secrets could not be read: {error}\n"));
        Exit::Refused
    })?;
    let read = read_secrets(&engine, bound, facts, source_folders);
    match runtime.block_on(read) {
        Ok(vault) => {
            trace::mask(vault.redactor());
            output.mask(&vault);
            Ok(OpenedSecrets { engine, vault })
        }
        Err(diagnostics) => Err(unread_secrets(&diagnostics, &bound.program.sources, output)),
    }
}

fn unread_secrets(diagnostics: &[Diagnostic], sources: &Sources, output: &mut Output) -> Exit {
    let style = output.stderr_style();
    output.complain(&render(diagnostics, sources, style));
    Exit::Refused
}

fn engine() -> Engine {
    Engine::builder()
        .environment(CallerEnvironment)
        .max_commands(max_commands())
        .temporary_folder(std::env::temp_dir())
        .guarded()
        .build()
}

/// Where a run is stored, and its past.
pub(crate) struct RunRecord {
    by: Option<Recorded>,
    past: RecordedRun,
}

impl RunRecord {
    /// It is not stored.
    pub(crate) fn nothing() -> Self {
        Self {
            by: None,
            past: RecordedRun::default(),
        }
    }

    /// It is stored in a state directory. Where a command of another run has begun this process,
    /// that is recorded, too: the other one cannot go on before this one has ended.
    pub(crate) fn by(store: Store, run: StoredRun, past: RecordedRun) -> Result<Self, StoreError> {
        let variable = |name| std::env::var(name).ok();
        let outer = variable("LOCKSTEP_RUN_ID").zip(variable("LOCKSTEP_NODE"));
        let outer = outer.as_ref().map(|(id, node)| (&**id, &**node));
        store.record_outer_run(run.number, outer)?;
        Ok(Self {
            by: Some(Recorded::new(store, run)),
            past,
        })
    }

    /// The command with which others answer the run's questions.
    fn answered_by(&self) -> Option<String> {
        let recorded = self.by.as_ref()?;
        let state = state::words(recorded.store().folder());
        Some(format!("lockstep approve {}{state}", recorded.run().id))
    }

    fn persistence(&mut self, is_forced: bool) -> Result<RunPersistence, StoreError> {
        let past = std::mem::take(&mut self.past);
        match &self.by {
            Some(recorded) => recorded.persistence(past, is_forced),
            None => Ok(RunPersistence::default()),
        }
    }
}

/// Executes a run. `begin` stores it, once all preconditions hold.
pub(crate) fn run(
    job: &RunJob,
    begin: impl FnOnce(&SecretVault) -> Result<RunRecord, StoreError>,
    output: &mut Output,
) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // One turn may emit thousands of lines; signals must be polled more often than by default.
        .event_interval(8)
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(execute(job, begin, output));
            // A request that was stopped may still wait for its response.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            output.complain(&format!("error: the run could not be started: {error}\n"));
            Exit::Refused
        }
    }
}

async fn execute(
    job: &RunJob,
    begin: impl FnOnce(&SecretVault) -> Result<RunRecord, StoreError>,
    output: &mut Output,
) -> Exit {
    let (control, mut controls) = tokio::sync::mpsc::unbounded_channel();
    let signals = listen(control);
    let engine = match &job.opened {
        Some(opened) => opened.engine.clone(),
        None => engine(),
    };
    let options = SessionOptions {
        plan: job.plan.clone(),
        facts: job.facts.clone(),
        seed: job.seed,
        max_commands: job.max.map(|max| (max as usize).min(max_commands())),
        folder: Some(job.home.clone()),
        source_folders: Some(job.source_folders.clone()),
    };
    let mut session = match Session::new(&engine, options) {
        Ok(session) => session,
        Err(error) => return not_started(&error, output),
    };
    if let Some(opened) = &job.opened {
        session.use_secrets(opened.vault.clone());
    } else {
        let read = tokio::select! {
            read = session.read_secrets() => read,
            // The command of a secret may prompt somebody, or hang. Nothing has run that would have
            // to be rolled back.
            Some(_) = controls.recv() => {
                output.complain("cancelled while the secrets were read: nothing ran\n");
                return Exit::Cancelled;
            }
        };
        if let Err(diagnostics) = read {
            return unread_secrets(&diagnostics, &job.plan.bound.program.sources, output);
        }
    }
    trace::mask(session.vault().redactor());
    output.mask(session.vault());
    let mut record = match begin(session.vault()) {
        Ok(record) => record,
        Err(error) => return state::refuse(&error, output),
    };
    let begun = !record.past.records.is_empty();
    match record.persistence(job.force) {
        Ok(persistence) => session.persist_to(persistence),
        Err(error) => return state::refuse(&error, output),
    }
    let mut host = TerminalHost::new(report(job, output), job.yes, job.format == RunFormat::Json)
        .replaying(shows_all(job.format))
        .answered_by(record.answered_by())
        .asking_nobody(job.no_input);
    let ended = session.drive(&mut host, controls).await;
    signals.abort();
    let stray = host.plan_violation();
    let (mut summary, broken) = host.finish();
    summary.by_plan(&outline_of(&job.plan, &summary));
    // If the journal does not match, nothing was done.
    let refused = matches!(&ended, DriverExit::Broken(error) if error.is_before_start());
    let began = !refused && (begun || summary.run().is_some());
    if began {
        output.took_effect();
    }
    let exit = finish(job, &record, &ended, began, output);
    if job.format != RunFormat::Json && began {
        ledger(job, &record, &ended, &summary, output);
    }
    if let Some(error) = broken {
        output.write_failed(error);
    }
    match stray {
        Some(stray) => report_violation(&stray, exit, output),
        None => exit,
    }
}

/// Reports why a run did not start.
fn not_started(error: &StartError, output: &mut Output) -> Exit {
    let text = match error {
        StartError::TemporaryFolder(error) => {
            let folder = std::env::temp_dir();
            format!(
                "cannot create a folder for temporary files in `{}`: {error}; the variable \
                 `TMPDIR` names another place",
                folder.display()
            )
        }
        error => error.to_string(),
    };
    let word = output.stderr_style().paint(Ink::Error, "error");
    output.complain(&format!("{word}: {text}\n"));
    Exit::Refused
}

/// Reports that the run has deviated from its plan, which is a bug of this program: a reported
/// success cannot be trusted.
fn report_violation(stray: &Violation, exit: Exit, output: &mut Output) -> Exit {
    let word = output.stderr_style().paint(Ink::Error, "error");
    output.complain(&format!(
        "{word}: this run deviated from its plan: {} (event {})\n  \
         This is a bug in lockstep, not in the file. Check what was deployed, and please\n  \
         report it with the file and the events that `--format json` shows.\n",
        clean(&stray.to_string()),
        stray.event,
    ));
    match exit {
        Exit::Succeeded => Exit::Failed,
        exit => exit,
    }
}

/// Releases a run that has not ended, and reports the reason if that is not obvious.
fn finish(
    job: &RunJob,
    record: &RunRecord,
    ended: &DriverExit,
    began: bool,
    output: &mut Output,
) -> Exit {
    if let (Some(recorded), DriverExit::Stopped | DriverExit::Broken(_)) = (&record.by, ended) {
        recorded.release();
    }
    match ended {
        DriverExit::Ended(Status::Succeeded) => Exit::Succeeded,
        DriverExit::Ended(Status::RollbackFailed) => Exit::RollbackFailed,
        DriverExit::Ended(Status::Cancelled) => Exit::Cancelled,
        DriverExit::Ended(Status::Superseded) => Exit::Superseded,
        DriverExit::Ended(_) => Exit::Failed,
        DriverExit::Stopped if record.by.is_none() => Exit::Cancelled,
        DriverExit::Stopped => Exit::Stopped,
        DriverExit::Broken(DriveError::Machine(broken)) => {
            broke_its_rules(job, record, broken, output);
            match record.by {
                Some(_) => Exit::Stopped,
                None => Exit::Failed,
            }
        }
        DriverExit::Broken(error) => {
            let id = &job.facts.id;
            let message = format!("run {id} cannot continue: {error}");
            let code = match error {
                DriveError::Replay(_)
                | DriveError::NoThread(_)
                | DriveError::Machine(_)
                | DriveError::Journal(JournalError::Taken) => codes::NOT_CONTINUED,
                DriveError::Journal(JournalError::Unwritable(_))
                | DriveError::Locks(_)
                | DriveError::Logs(_)
                | DriveError::Inbox(_) => codes::STATE_UNUSABLE,
            };
            output.refuse(&Diagnostic::without_place(code, message));
            if began { Exit::Stopped } else { Exit::Refused }
        }
    }
}

/// Reports that the run was stopped by a bug of this program, with all that is needed to analyse
/// it.
fn broke_its_rules(
    job: &RunJob,
    record: &RunRecord,
    broken: &BrokenInvariant,
    output: &mut Output,
) {
    let word = output.stderr_style().paint(Ink::Error, "error");
    let id = &job.facts.id;
    let mut text = format!(
        "{word}: run {id} was stopped: internal error in lockstep\n  \
         The file is not at fault. All commands of the run were stopped; nothing was rolled back.\n"
    );
    if let Some(recorded) = &record.by {
        let state = state::words(recorded.store().folder());
        let show = format!("lockstep show {id}{state}");
        let resume = format!("lockstep resume {id}{state}");
        text += &format!(
            "  `{show}` shows what was done. A version without the bug\n  \
             continues the run with `{resume}`.\n"
        );
    }
    text += "  Please report it with the file and these lines:\n\n";
    for (word, said) in broken.report() {
        text += &format!("    {word:<8} {}\n", clean(&said));
    }
    output.complain(&text);
}

/// The commands that resume or retry.
fn next(job: &RunJob, record: &RunRecord, ended: &DriverExit) -> Vec<String> {
    let Some(recorded) = &record.by else {
        return Vec::new();
    };
    let state = state::words(recorded.store().folder());
    match ended {
        DriverExit::Ended(status) => next_commands::after(*status, &job.facts.id, &state),
        DriverExit::Stopped | DriverExit::Broken(_) => next_commands::resume(&job.facts.id, &state),
    }
}

fn ledger(
    job: &RunJob,
    record: &RunRecord,
    ended: &DriverExit,
    summary: &RunSummary,
    output: &mut Output,
) {
    let ledger = LedgerFormat {
        style: style(output),
        width: std::io::stdout()
            .is_terminal()
            .then(|| output.stdout_style().width),
        sources: Some(&job.plan.bound.program.sources),
        next: next(job, record, ended),
        logs: record.by.as_ref().map(|recorded| LogsCommand {
            run: job.facts.id.to_string(),
            state: state::words(recorded.store().folder()),
        }),
        goes_on: false,
    };
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = ledger.print(&mut text, summary);
    output.print(&format!("\n{}", String::from_utf8_lossy(&text)));
}

/// The outline of a plan with all cells that a run has deployed to.
pub(crate) fn outline_of(plan: &Plan, summary: &RunSummary) -> Outline {
    Outline::with(plan, summary.rows().len().max(LISTED_CELLS))
}

fn style(output: &Output) -> Style {
    let style = output.stdout_style();
    Style {
        color: style.color,
        unicode: style.unicode,
    }
}

/// Whether a report draws the whole state, and not only new events.
fn shows_all(format: RunFormat) -> bool {
    match format {
        RunFormat::Live => true,
        RunFormat::Auto => terminal::can_redraw(&std::io::stdout()),
        RunFormat::Json | RunFormat::Plain => false,
    }
}

fn report(job: &RunJob, output: &Output) -> Box<dyn RunObserver> {
    let style = style(output);
    match job.format {
        RunFormat::Json => Box::new(JsonObserver::new(std::io::stdout())),
        format if shows_all(format) => Box::new(live(&job.plan, style)),
        _ => Box::new(PlainObserver::new(std::io::stdout(), style)),
    }
}

fn live(plan: &Plan, style: Style) -> LiveObserver<std::io::Stdout> {
    let size = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout());
        size.map_or((100, 30), |size| (size.ws_col.max(20), size.ws_row.max(5)))
    };
    let mut live = LiveObserver::new(std::io::stdout(), style, size);
    let outline = Outline::of(plan);
    for work in outline.work() {
        live.expect(&work);
    }
    live
}

/// The user of this process.
pub(crate) fn user() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    user.unwrap_or_else(|| {
        // Containers and services may lack these variables.
        let id = rustix::process::geteuid().as_raw();
        user_of(id).unwrap_or_else(|| format!("uid {id}"))
    })
}

/// The name of a user of this machine.
pub(crate) fn user_of(id: u32) -> Option<String> {
    let id = id.to_string();
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

/// A random number; the standard library seeds its hashers from the system.
pub(crate) fn chance() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

/// The files that the program itself has open: the state, its logs, pipes.
const OWN_FILES: u64 = 64;

/// The default limit of concurrent commands by the number of file descriptors that this process may
/// open; each command needs about six.
fn max_commands() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, there are just fewer slots.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    let files = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    let own = OWN_FILES.min(files / 2);
    usize::try_from(files.saturating_sub(own) / 6)
        .unwrap_or(usize::MAX)
        .clamp(1, 4096)
}
