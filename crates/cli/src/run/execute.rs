//! Executes a run, new or resumed: reads its secrets, starts the driver, shows the events, and at
//! the end prints the ledger and the possible next commands.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::arguments::RunFormat;
use super::super::exit::Exit;
use super::super::files::CallerEnvironment;
use super::super::groups::GroupMembers;
use super::super::next_commands;
use super::super::output::Output;
use super::super::resume;
use super::super::state;
use super::super::terminal;
use super::super::trace;
use super::host::TerminalHost;
use super::queue;
use super::signals::listen;
use lockstep_api::session::{Session, SessionOptions, read_secrets};
use lockstep_api::state::{NOT_HAD, Recorded, queue_of, way_back_of};
use lockstep_api::{Engine, StartError};
use lockstep_base::diagnostic::render::{Ink, clean, render};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Sources;
use lockstep_engine::BrokenInvariant;
use lockstep_engine::run_event::{RunEvent, Status};
use lockstep_engine::way_back::WayBack;
use lockstep_outline::Outline;
use lockstep_plan::{BoundInputs, MAX_COMMANDS, Plan, RunFacts, RunQueue};
use lockstep_runtime::driver::{
    ControlRequest, DriveError, DriverExit, RecordedRun, RunPersistence,
};
use lockstep_runtime::journal::JournalError;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{Store, StoreError, StoredRun};
use lockstep_verify::conformance::Violation;
use lockstep_view::{
    JsonObserver, LedgerFormat, LiveObserver, LogsCommand, PlainObserver, RunObserver, RunSummary,
    Style,
};
use tokio::sync::mpsc::UnboundedReceiver;

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
    /// Whether it takes back what another run did, and nothing of its plan happens.
    pub(crate) goes_back: bool,
    /// Whether it has its place in its queue, or has none.
    pub(crate) has_place: bool,
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

/// The engine of the command line.
pub(crate) fn engine() -> Engine {
    let engine = Engine::builder()
        .environment(CallerEnvironment)
        .max_commands(max_commands())
        .temporary_folder(std::env::temp_dir())
        .guarded();
    match super::super::engine::connected() {
        Some(remote) => engine.remote(remote).build(),
        None => engine.build(),
    }
}

/// Where a run is stored, and its past.
pub(crate) struct RunRecord {
    pub(super) by: Option<Recorded>,
    pub(super) past: RecordedRun,
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

    /// Who is in which group; nobody where that cannot be read.
    fn groups(&self) -> GroupMembers {
        let folder = self.by.as_ref().map(|it| it.store().folder().to_path_buf());
        GroupMembers::read(None, &folder.unwrap_or_default()).unwrap_or_default()
    }

    /// The run, where it is stored.
    pub(crate) fn run(&self) -> Option<&StoredRun> {
        self.by.as_ref().map(Recorded::run)
    }

    /// Reads the secrets of a stored run, and what they open. One that has queued was stored before
    /// they had been read.
    pub(crate) fn open(
        mut self,
        has_queued: bool,
        output: &mut Output,
    ) -> Result<(Self, Arc<Plan>, RunFacts, OpenedSecrets), Exit> {
        let Some(recorded) = self.by.take() else {
            return Err(Exit::Refused);
        };
        let opened = resume::open(recorded.store(), recorded.run(), output);
        let opened = opened.and_then(|(plan, facts, past, secrets)| {
            let way = way_back_of(recorded.store(), recorded.run(), &plan, &secrets.vault);
            let way = way.map_err(|error| resume::not_continued(&error, output))?;
            Ok((plan, facts, past, secrets, way))
        });
        let (plan, facts, past, secrets, way) = match opened {
            Ok(opened) => opened,
            Err(exit) => {
                recorded.release();
                return Err(exit);
            }
        };
        let mut recorded = recorded.going_back(way);
        if has_queued {
            let sealed = recorded.seal(&secrets.vault);
            recorded = sealed.map_err(|error| state::refuse(&error, output))?;
        }
        let events = self.past.events.max(past.events);
        let record = Self {
            by: Some(recorded),
            past: RecordedRun { events, ..past },
        };
        Ok((record, plan, facts, secrets))
    }

    /// The same, where this person goes on with it.
    pub(crate) fn resumed_by(mut self, who: String) -> Self {
        self.past.resumed_by = who.into();
        self
    }

    /// The same, where it takes back what another run did.
    pub(crate) fn going_back(self, way_back: Option<WayBack>) -> Self {
        let by = self.by.map(|recorded| recorded.going_back(way_back));
        Self { by, ..self }
    }

    /// The command with which others answer the run's questions.
    fn answered_by(&self) -> Option<String> {
        let recorded = self.by.as_ref()?;
        let state = state::words(recorded.store().folder());
        Some(format!("lockstep approve {}{state}", recorded.run().id))
    }

    /// It had its place, and could not begin.
    fn did_not_begin(&self, exit: Exit) {
        let (status, why) = match exit {
            Exit::Cancelled => (Status::Cancelled, "it was cancelled before it began"),
            _ => (Status::Failed, NOT_HAD),
        };
        match &self.by {
            // One that is resumed stays as it was.
            Some(recorded) if !self.past.records.is_empty() => recorded.release(),
            Some(recorded) => recorded.does_not_begin(status, why),
            None => {}
        }
    }

    fn persistence(&mut self, is_forced: bool) -> Result<RunPersistence, StoreError> {
        let past = std::mem::take(&mut self.past);
        match &self.by {
            Some(recorded) => recorded.persistence(past, is_forced),
            None => Ok(RunPersistence::default()),
        }
    }
}

/// Waits until a stored run has its place in a queue, before its secrets are read: its plan may
/// still be sealed.
pub(crate) fn wait(
    job: &RunJob,
    queue: &RunQueue,
    mut record: RunRecord,
    output: &mut Output,
) -> Result<RunRecord, Exit> {
    let waited = runtime(output)?.block_on(async {
        let (control, mut controls) = tokio::sync::mpsc::unbounded_channel();
        let signals = listen(control);
        let host = host(job, &record, output);
        let taken = queue::take_place(job, queue, &mut record, host, &mut controls, output).await;
        signals.abort();
        taken
    });
    let (_, broken) = waited?.finish();
    if let Some(error) = broken {
        output.write_failed(error);
    }
    Ok(record)
}

fn runtime(output: &mut Output) -> Result<tokio::runtime::Runtime, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // One turn may emit thousands of lines; signals must be polled more often than by default.
        .event_interval(8)
        .build();
    runtime.map_err(|error| {
        output.complain(&format!("error: the run could not be started: {error}\n"));
        Exit::Refused
    })
}

/// Executes a run. `begin` stores it, once all preconditions hold.
pub(crate) fn run(
    job: &RunJob,
    begin: impl FnOnce(&SecretVault) -> Result<RunRecord, StoreError>,
    output: &mut Output,
) -> Exit {
    match runtime(output) {
        Ok(runtime) => {
            let exit = runtime.block_on(execute(job, begin, output));
            // A request that was stopped may still wait for its response.
            runtime.shutdown_background();
            exit
        }
        Err(exit) => exit,
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
    }
    let prepared = prepare(job, &mut session, begin, &mut controls, output).await;
    let (mut record, mut host) = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let begun = !record.past.records.is_empty();
    match record.persistence(job.force) {
        Ok(persistence) => session.persist_to(persistence),
        Err(error) => return state::refuse(&error, output),
    }
    let ended = session.drive(&mut host, controls).await;
    signals.abort();
    let stray = host.plan_violation();
    let (mut summary, broken) = host.finish();
    if !job.goes_back {
        summary.by_plan(&outline_of(&job.plan, &summary));
    }
    // If the journal does not match, nothing was done.
    let refused = matches!(&ended, DriverExit::Broken(error) if error.is_before_start());
    let began = !refused && (begun || summary.run().is_some());
    if began {
        output.took_effect();
    }
    let exit = finish(job, &record, &ended, began, output);
    if job.format.is_for_people() && began {
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

/// Stores the run, takes its place where it has to queue, and reads its secrets.
async fn prepare(
    job: &RunJob,
    session: &mut Session,
    begin: impl FnOnce(&SecretVault) -> Result<RunRecord, StoreError>,
    controls: &mut UnboundedReceiver<ControlRequest>,
    output: &mut Output,
) -> Result<(RunRecord, TerminalHost), Exit> {
    let stored = |begin: Result<RunRecord, StoreError>, output: &mut Output| {
        begin.map_err(|error| state::refuse(&error, output))
    };
    let queue = match job.has_place || super::super::engine::connected().is_some() {
        // An engine elsewhere has queues of its own.
        true => None,
        false => queue_of(&job.plan, job.goes_back),
    };
    let Some(queue) = queue else {
        make_ready(job, session, controls, output).await?;
        mask(session, output);
        let record = stored(begin(session.vault()), output)?;
        let host = host(job, &record, output);
        return Ok((record, host));
    };
    if job.opened.is_none() {
        session.preview_secrets();
    }
    mask(session, output);
    let mut record = stored(begin(session.vault()), output)?;
    let mut host = host(job, &record, output);
    host = queue::take_place(job, &queue, &mut record, host, controls, output).await?;
    if let Err(exit) = make_ready(job, session, controls, output).await {
        record.did_not_begin(exit);
        return Err(exit);
    }
    if job.opened.is_none() {
        mask(session, output);
        if let Some(recorded) = record.by.take() {
            let sealed = recorded.seal(session.vault());
            record.by = Some(sealed.map_err(|error| state::refuse(&error, output))?);
        }
    }
    Ok((record, host))
}

fn mask(session: &Session, output: &mut Output) {
    trace::mask(session.vault().redactor());
    output.mask(session.vault());
}

fn host(job: &RunJob, record: &RunRecord, output: &Output) -> TerminalHost {
    TerminalHost::new(report(job, output), job.yes, !job.format.is_for_people())
        .replaying(shows_all(job.format))
        .answered_by(record.answered_by())
        .with_groups(record.groups())
        .asking_nobody(job.no_input)
}

/// Reads the secrets where that has not been done, and looks for what is required. A run that takes
/// another back requires nothing: what it can take back, it should.
async fn make_ready(
    job: &RunJob,
    session: &mut Session,
    controls: &mut UnboundedReceiver<ControlRequest>,
    output: &mut Output,
) -> Result<(), Exit> {
    let ready = async {
        match &job.opened {
            None => session.read_secrets().await,
            Some(_) if job.goes_back => Ok(()),
            Some(_) => session.find_programs().await,
        }
    };
    let ready = tokio::select! {
        ready = ready => ready,
        // The command of a secret may prompt somebody, or hang. Nothing has run that would have
        // to be rolled back.
        Some(_) = controls.recv() => {
            output.complain(match &job.opened {
                None => "cancelled while the secrets were read: nothing ran\n",
                Some(_) => "cancelled while programs were looked for: nothing ran\n",
            });
            return Err(Exit::Cancelled);
        }
    };
    ready.map_err(|failed| unread_secrets(&failed, &job.plan.bound.program.sources, output))
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
        DriverExit::DidNotBegin(status, why) => {
            if let Some(recorded) = &record.by {
                recorded.does_not_begin(*status, why);
            }
            let id = &job.facts.id;
            output.complain(&format!(
                "run {id} did not begin: {}; nothing ran\n",
                clean(why)
            ));
            match status {
                Status::Cancelled => Exit::Cancelled,
                Status::Superseded => Exit::Superseded,
                _ => Exit::Failed,
            }
        }
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
                | DriveError::NoScratch(_)
                | DriveError::Machine(_)
                | DriveError::Journal(JournalError::Taken) => codes::NOT_CONTINUED,
                DriveError::Journal(JournalError::Unwritable(_))
                | DriveError::Locks(_)
                | DriveError::Logs(_)
                | DriveError::Inbox(_) => codes::STATE_UNUSABLE,
                DriveError::NotBegun(_) | DriveError::Remote(_) | DriveError::BrokenOff(_) => {
                    codes::ENGINE
                }
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
        // What is left is taken back by another run of the same kind.
        DriverExit::Ended(_) if job.goes_back => Vec::new(),
        DriverExit::Ended(status) => next_commands::after(*status, &job.facts.id, &state),
        DriverExit::DidNotBegin(..) => Vec::new(),
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
        goes_on: None,
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
pub(crate) fn shows_all(format: RunFormat) -> bool {
    match format {
        RunFormat::Live => true,
        RunFormat::Auto => terminal::can_redraw(&std::io::stdout()),
        RunFormat::Json | RunFormat::Plain | RunFormat::Quiet => false,
    }
}

fn report(job: &RunJob, output: &Output) -> Box<dyn RunObserver> {
    let is_drawn = shows_all(job.format) && !job.goes_back;
    let plan = is_drawn.then(|| Outline::of(&job.plan));
    observer(job.format, plan.as_ref(), style(output))
}

/// What shows a run on standard output; a plan says how much there is to do.
pub(crate) fn observer(
    format: RunFormat,
    plan: Option<&Outline>,
    style: Style,
) -> Box<dyn RunObserver> {
    match format {
        RunFormat::Json => Box::new(JsonObserver::new(std::io::stdout())),
        RunFormat::Quiet => Box::new(SilentObserver),
        format if shows_all(format) => Box::new(live(plan, style)),
        RunFormat::Auto | RunFormat::Live | RunFormat::Plain => {
            Box::new(PlainObserver::new(std::io::stdout(), style))
        }
    }
}

/// Shows nothing: whoever has started the run reads its journal.
struct SilentObserver;

impl RunObserver for SilentObserver {
    fn event(&mut self, _event: &RunEvent) -> std::io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn live(plan: Option<&Outline>, style: Style) -> LiveObserver<std::io::Stdout> {
    let size = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout());
        size.map_or((100, 30), |size| (size.ws_col.max(20), size.ws_row.max(5)))
    };
    let mut live = LiveObserver::new(std::io::stdout(), style, size);
    for work in plan.map(Outline::work).unwrap_or_default() {
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
        .clamp(1, MAX_COMMANDS as usize)
}
