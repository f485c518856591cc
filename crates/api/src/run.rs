//! A run that goes on by itself, on a thread of its own.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::RunEvent;
#[cfg(feature = "store")]
use lockstep_engine::run_event::Status;
use lockstep_engine::{LeftHalfDone, UnclearPlace};
use lockstep_plan::RunFacts;
use lockstep_runtime::driver::{
    AnswerSender, ControlRequest, DriveError, DriverExit, RecordedRun, RunHost,
};
use lockstep_runtime::run_id;
#[cfg(feature = "store")]
use lockstep_runtime::secrets::SecretVault;
use lockstep_verify::conformance::Violation;
#[cfg(feature = "store")]
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

use crate::engine::Engine;
use crate::journal::{self, JournalLinesError};
use crate::program::{Diagnostics, Plan};
use crate::question::{ApprovalQuestion, FailureQuestion, Question};
#[cfg(feature = "store")]
use crate::queue::{self, NOT_HAD, Unstarted};
use crate::session::{Session, SessionHost, SessionOptions, StoredPlanError, StoredSession};
#[cfg(feature = "store")]
use crate::state::{self, StoreError};

/// Why a run did not begin; nothing of it has been started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The plan calls actions that the engine was not given.
    MissingActions(Vec<String>),
    /// Secrets could not be read.
    Secrets(Diagnostics),
    /// No private folder for the outputs of commands can be made.
    TemporaryFolder(std::io::Error),
    /// No thread or runtime can be had for it.
    Thread(std::io::Error),
    /// The state directory cannot be used, or the run that was named cannot be continued.
    #[cfg(feature = "store")]
    Store(StoreError),
    /// An earlier run has left a place half done to which the plan deploys: what the run would find
    /// there is not what was there before. [`Engine::forced`] deploys there all the same.
    Unclear {
        /// The service.
        service: Name,
        /// The infrastructure.
        target: Name,
        /// The earlier run.
        run: Name,
        /// Whether it was stopped there, and can be resumed; else its rollback failed.
        is_broken_off: bool,
    },
    /// The run waited in the queue of its pipeline, and does not begin.
    #[cfg(feature = "store")]
    Queue(Unstarted),
    /// The engine has no store.
    NoStore,
    /// The lines of a journal cannot be continued.
    Journal(JournalLinesError),
    /// The plan of a stored run cannot be used.
    Plan(StoredPlanError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingActions(names) => {
                write!(f, "this program provides no action {}", names.join(", "))
            }
            Self::Secrets(diagnostics) => diagnostics.fmt(f),
            Self::TemporaryFolder(error) => write!(f, "cannot create a temporary folder: {error}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            #[cfg(feature = "store")]
            Self::Store(error) => error.fmt(f),
            Self::Unclear {
                service,
                target,
                run,
                is_broken_off,
            } => {
                let place = UnclearPlace {
                    service: service.clone(),
                    target: target.clone(),
                    run: run.clone(),
                    left: match is_broken_off {
                        true => LeftHalfDone::BrokenOff,
                        false => LeftHalfDone::RollbackFailed,
                    },
                };
                place.fmt(f)
            }
            #[cfg(feature = "store")]
            Self::Queue(why) => why.fmt(f),
            Self::NoStore => f.write_str("the engine has no store"),
            Self::Journal(error) => error.fmt(f),
            Self::Plan(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(feature = "store")]
impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A run that goes on, on a thread of its own. It is also a stream of its events. Dropping it does
/// not stop the run.
///
/// Events wait in memory until they are taken: take them, or call [`Run::wait`].
#[derive(Debug)]
pub struct Run {
    id: String,
    control: mpsc::UnboundedSender<ControlRequest>,
    events: mpsc::UnboundedReceiver<RunEvent>,
    ended: oneshot::Receiver<DriverExit>,
}

impl Engine {
    /// Starts a run of a plan. Secrets have been read, and where the engine has a store the run is
    /// in it and has its place in the queue of its pipeline, when this is ready. To drop the future
    /// while the run waits there cancels it.
    ///
    /// # Errors
    ///
    /// Where the run cannot begin; nothing has been started then.
    pub async fn start(&self, plan: &Plan) -> Result<Run, StartError> {
        self.start_with(plan, None).await
    }

    /// Starts a run that does not ask the windows of what it deploys to, and says why. Who may do
    /// that is for the caller to decide; the reason is a part of the run.
    ///
    /// # Errors
    ///
    /// As [`Engine::start`].
    pub async fn start_outside_window(&self, plan: &Plan, reason: &str) -> Result<Run, StartError> {
        self.start_with(plan, Some(reason.into())).await
    }

    async fn start_with(&self, plan: &Plan, outside: Option<Name>) -> Result<Run, StartError> {
        let facts = RunFacts::new(
            self.new_id()?,
            self.parts.user.clone(),
            self.parts.clock.now(),
        );
        let facts = facts.with_outside_window(outside);
        let options = SessionOptions {
            plan: plan.0.clone(),
            facts,
            seed: random(),
            max_commands: None,
            folder: None,
            source_folders: None,
        };
        spawn(self.clone(), options.facts.id.clone(), Origin::New(options)).await
    }

    /// Goes on with a run of the engine's store that was stopped before its end, by its id or the
    /// beginning of it.
    ///
    /// # Errors
    ///
    /// Where there is no such run, another process drives it, or it cannot be continued.
    #[cfg(feature = "store")]
    pub async fn resume(&self, run: &str) -> Result<Run, StartError> {
        let (options, resumed) = state::resume(self, run)?;
        let id = options.facts.id.clone();
        spawn(
            self.clone(),
            id,
            Origin::Resumed(options, Box::new(resumed)),
        )
        .await
    }

    /// Continues a run from the lines of its journal; see [`EngineBuilder::journal`].
    ///
    /// # Errors
    ///
    /// Where the lines are not those of a run, or it cannot be continued.
    ///
    /// [`EngineBuilder::journal`]: crate::EngineBuilder::journal
    pub async fn resume_from(
        &self,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<Run, StartError> {
        let (options, past) = journal::read(lines).map_err(StartError::Journal)?;
        let id = options.facts.id.clone();
        spawn(self.clone(), id, Origin::Journal(options, past)).await
    }

    #[cfg(feature = "store")]
    fn new_id(&self) -> Result<Name, StartError> {
        let taken = state::ids(self)?;
        loop {
            let id = random_id();
            if !taken(&id)? {
                return Ok(id);
            }
        }
    }

    #[cfg(not(feature = "store"))]
    fn new_id(&self) -> Result<Name, StartError> {
        Ok(random_id())
    }
}

fn random_id() -> Name {
    run_id::from_number(random())
}

/// A number that no other run has; the standard library seeds its hashers from the system.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

/// Where a run comes from.
enum Origin {
    New(SessionOptions),
    Journal(StoredSession, RecordedRun),
    #[cfg(feature = "store")]
    Resumed(StoredSession, Box<state::Resumed>),
}

/// Starts a thread that drives a run, and waits until it has begun.
async fn spawn(engine: Engine, id: Name, origin: Origin) -> Result<Run, StartError> {
    let (control, controls) = mpsc::unbounded_channel();
    let (sender, events) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let id = id.to_string();
    let thread = std::thread::Builder::new().name(format!("lockstep {id}"));
    let drive = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                // Whoever asked may have gone.
                let _ = begun.send(Err(StartError::Thread(error)));
                return;
            }
        };
        let ending = runtime.block_on(async {
            let session = prepare(&engine, origin, &|| begun.is_closed()).await;
            let (session, mut recorded) = match session {
                Ok(prepared) => prepared,
                Err(error) => {
                    let _ = begun.send(Err(error));
                    return None;
                }
            };
            let _ = begun.send(Ok(()));
            let mut host = Channel {
                events: sender,
                engine: engine.clone(),
                past: Vec::new(),
            };
            let ending = session.drive(&mut host, controls).await;
            if let DriverExit::Ended(_) = ending {
                recorded.ended();
            }
            Some(ending)
        });
        // A request that was stopped may still wait for its answer.
        runtime.shutdown_background();
        // Whoever hears of the end and drops the engine removes its private folder.
        drop(engine);
        if let Some(ending) = ending {
            let _ = end.send(ending);
        }
    };
    thread.spawn(drive).map_err(StartError::Thread)?;
    let broke_off = |_| StartError::Thread(std::io::Error::other("it broke off"));
    has_begun.await.map_err(broke_off)??;
    Ok(Run {
        id,
        control,
        events,
        ended,
    })
}

/// Where a run is kept. It is let go of in the end, also where something panics.
struct Recorded {
    #[cfg(feature = "store")]
    by: Option<state::Recorded>,
}

impl Recorded {
    /// The run has ended: the store knows.
    fn ended(&mut self) {
        #[cfg(feature = "store")]
        {
            self.by = None;
        }
    }
}

#[cfg(feature = "store")]
impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(by) = &self.by {
            by.release();
        }
    }
}

/// `is_dropped` says whether nobody waits for the run any more.
#[cfg_attr(
    not(feature = "store"),
    expect(unused_variables, reason = "nothing is waited for")
)]
async fn prepare(
    engine: &Engine,
    origin: Origin,
    is_dropped: &dyn Fn() -> bool,
) -> Result<(Session, Recorded), StartError> {
    let (options, vault, past) = match origin {
        Origin::New(options) => (options, None, Past::None),
        Origin::Journal(stored, past) => {
            let (options, vault) = stored.open(engine).await?;
            (options, Some(vault), Past::Journal(past))
        }
        #[cfg(feature = "store")]
        Origin::Resumed(stored, resumed) => {
            let (recorded, past) = resumed.recorded();
            let recorded = Recorded { by: Some(recorded) };
            let (options, vault, recorded) = go_on(engine, stored, recorded, is_dropped).await?;
            (options, Some(vault), Past::Store(Box::new(recorded), past))
        }
    };
    let plan = options.plan.clone();
    #[cfg(feature = "store")]
    let begins = state::Beginning::of(&options);
    let mut session = Session::new(engine, options)?;
    // What is secret is read when the run has its place; until then, what lies there is withheld.
    #[cfg(feature = "store")]
    let queued = match &past {
        Past::None => {
            session.preview_secrets();
            begins.queue(engine, session.vault(), is_dropped).await?
        }
        Past::Store(..) | Past::Journal(_) => None,
    };
    match vault {
        Some(vault) => {
            session.use_secrets(vault);
            let sources = || plan.bound.program.sources.clone();
            let ready = session.find_programs().await;
            ready.map_err(|missing| StartError::Secrets(Diagnostics::new(missing, sources())))?;
        }
        None => {
            let read = session.read_secrets().await;
            #[cfg(feature = "store")]
            if let (Err(_), Some(recorded)) = (&read, &queued) {
                recorded.does_not_begin(Status::Failed, NOT_HAD);
            }
            let sources = || plan.bound.program.sources.clone();
            read.map_err(|secrets| StartError::Secrets(Diagnostics::new(secrets, sources())))?;
        }
    }
    match past {
        #[cfg(not(feature = "store"))]
        Past::None => Ok((session, Recorded {})),
        #[cfg(feature = "store")]
        Past::None => {
            let by = match queued {
                Some(recorded) => Some(recorded.seal(session.vault())?),
                None => begins.record(engine, session.vault())?,
            };
            if let Some(recorded) = &by {
                let past = RecordedRun::default();
                session.persist_to(recorded.persistence(past, engine.is_forced)?);
            }
            Ok((session, Recorded { by }))
        }
        Past::Journal(past) => {
            session.go_on(past);
            #[cfg(feature = "store")]
            let recorded = Recorded { by: None };
            #[cfg(not(feature = "store"))]
            let recorded = Recorded {};
            Ok((session, recorded))
        }
        #[cfg(feature = "store")]
        Past::Store(recorded, past) => {
            if let Some(by) = &recorded.by {
                session.persist_to(by.persistence(past, engine.is_forced)?);
            }
            Ok((session, *recorded))
        }
    }
}

/// Opens a stored run that this process has taken over, once it has its place in its queue.
#[cfg(feature = "store")]
async fn go_on(
    engine: &Engine,
    stored: StoredSession,
    mut recorded: Recorded,
    is_dropped: &dyn Fn() -> bool,
) -> Result<(SessionOptions, Arc<SecretVault>, Recorded), StartError> {
    let queue = (recorded.by.as_ref()).and_then(|it| queue::stored_queue(it.run(), &stored.bound));
    if let (Some(by), Some(queue)) = (&recorded.by, &queue) {
        take_place(by, queue, is_dropped).await?;
    }
    let (options, vault) = stored.open(engine).await?;
    if let Some(by) = recorded.by.take() {
        let way = state::way_back_of(by.store(), by.run(), &options.plan, &vault);
        recorded.by = Some(by);
        let way = way?;
        let by = recorded.by.take().map(|by| by.going_back(way));
        recorded.by = match (by, &queue) {
            // It was stored before its secrets had been read.
            (Some(by), Some(_)) => Some(by.seal(&vault)?),
            (by, _) => by,
        };
    }
    Ok((options, vault, recorded))
}

/// Waits until a run has its place in a queue.
#[cfg(feature = "store")]
pub(crate) async fn take_place(
    recorded: &state::Recorded,
    queue: &lockstep_plan::RunQueue,
    is_dropped: &dyn Fn() -> bool,
) -> Result<(), StartError> {
    let (control, mut controls) = mpsc::unbounded_channel();
    let mut see = |_| {
        if is_dropped() {
            // It is received below.
            let _ = control.send(ControlRequest::Cancel);
        }
    };
    let taken = queue::take_place(recorded, queue, &mut controls, &mut see).await;
    if !matches!(taken, Ok(Ok(()))) {
        recorded.release();
    }
    taken?.map_err(StartError::Queue)
}

/// What has happened to a run before.
enum Past {
    None,
    Journal(RecordedRun),
    #[cfg(feature = "store")]
    Store(Box<Recorded>, RecordedRun),
}

impl Run {
    /// Its id: `r-7f3a2c`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Cancels it: commands are stopped, deployments under way roll back, `always` blocks run.
    pub fn cancel(&self) {
        // It may be over.
        let _ = self.control.send(ControlRequest::Cancel);
    }

    /// Stops it at once: commands are killed and nothing is rolled back. Where it has a store it
    /// can be resumed.
    pub fn stop(&self) {
        // It may be over.
        let _ = self.control.send(ControlRequest::Kill);
    }

    /// The next event; none after the last.
    pub async fn next_event(&mut self) -> Option<RunEvent> {
        self.events.recv().await
    }

    /// Waits for its end. Events that have not been taken are dropped.
    pub async fn wait(mut self) -> RunEnd {
        while self.events.recv().await.is_some() {}
        match self.ended.await {
            Ok(DriverExit::Ended(status) | DriverExit::DidNotBegin(status, _)) => {
                RunEnd::Ended(status)
            }
            Ok(DriverExit::Stopped) => RunEnd::Stopped,
            Ok(DriverExit::Broken(error)) => RunEnd::Broken(RunError(Reason::Driver(error))),
            Err(_) => RunEnd::Broken(RunError(Reason::Panicked)),
        }
    }
}

impl Stream for Run {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        self.events.poll_recv(context)
    }
}

/// How a run was left.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// It has ended.
    Ended(lockstep_engine::run_event::Status),
    /// It was stopped at once; where it has a store it can be resumed.
    Stopped,
    /// It cannot go on, and was stopped.
    Broken(RunError),
}

/// Why a run cannot go on: its journal, locks, logs or questions cannot be kept, or what is kept
/// does not fit; or Lockstep or the host has a mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct RunError(Reason);

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    Driver(DriveError),
    /// Something on its thread has panicked: an `on_question` or a trait of the host.
    Panicked,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Driver(error) => error.fmt(f),
            Reason::Panicked => f.write_str("the thread of the run has panicked"),
        }
    }
}

impl std::error::Error for RunError {}

/// A host that hands on what it hears.
struct Channel {
    events: mpsc::UnboundedSender<RunEvent>,
    engine: Engine,
    /// What happened before the run was continued. It is told when the run goes on, so that whoever
    /// hears of it and moves a clock moves that of a run whose timers are set.
    past: Vec<RunEvent>,
}

impl Channel {
    fn announce_past(&mut self) {
        for event in self.past.drain(..) {
            // Nobody may listen any more.
            let _ = self.events.send(event);
        }
    }
}

impl RunHost for Channel {
    fn observe(&mut self, event: &RunEvent) {
        self.announce_past();
        // Nobody may listen any more.
        let _ = self.events.send(event.clone());
    }

    fn on_replayed_event(&mut self, event: &RunEvent) {
        self.past.push(event.clone());
    }

    fn idle(&mut self) {
        self.announce_past();
    }

    fn ask(
        &mut self,
        node: &NodePath,
        question: &lockstep_engine::Question,
        answerer: AnswerSender,
    ) {
        let Some(answer) = &self.engine.parts.answer else {
            return;
        };
        let node = node.to_string();
        answer(match question.clone() {
            lockstep_engine::Question::Approve(request) => {
                let missing = request.missing();
                let yeses = request.yeses.into_iter().map(|yes| yes.by.to_string());
                Question::Approval(ApprovalQuestion {
                    node,
                    text: request.text,
                    groups: request.by,
                    missing,
                    except: request.except.into_iter().chain(yeses).collect(),
                    answerer,
                })
            }
            lockstep_engine::Question::Failed { text } => Question::Failure(FailureQuestion {
                node,
                text,
                answerer,
            }),
        });
    }
}

impl SessionHost for Channel {
    // The log has it; an embedding program can do nothing about it.
    fn on_plan_violation(&mut self, _: &Violation) {}
}
