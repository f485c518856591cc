//! The workflow of a run: carries out what [`RunLoop`] decides, with timers, activities and
//! signals. Whatever it does follows from the history alone.

#![allow(missing_docs, reason = "constants that the macros make have none")]

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use lockstep_engine::{EffectId, EffectOutcome};
use lockstep_lang::ir::FailureClass;
use temporalio_common::RetryPolicy;
use temporalio_common::error::{ApplicationFailure, IncomingError};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, ContinueAsNewOptions,
    LocalActivityOptions, SignalWorkflowOptions, SyncWorkflowContext, TimerOptions,
    WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, WorkflowContextView,
    WorkflowResult, WorkflowTermination,
};

use crate::attributes;
use crate::earlier;
use crate::journal::Journal;
use crate::lease::STEP_HEARTBEAT_TIMEOUT;
use crate::lock_workflow::{LockSteps, SharedLock, lock_workflow};
use crate::run_loop::{Act, RunLoop, StartStep};
use crate::steps::{LostStep, Steps};
use crate::wire::{
    AnswerSignal, EarlierJournal, GiveWaySignal, GrantSignal, JournalPage, LockLeave, LockWant,
    NotBegun, Packed, ProbeSignal, PutAsideSignal, QueuedSignal, RunInput, RunResult, RunStart,
    StepInput, StepOutput,
};
use crate::worker::{pool_queue, step_id};

/// A step is given up after this time, in which its worker sends heartbeats. Time limits are the
/// machine's: this one is only for the server, which wants one.
const STEP_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 3600);

/// A request to a lock that is not taken in this time is sent again.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// From so many events of history on, a run goes on in a new execution where nothing is under way.
const CONTINUE_AT_EVENTS: u32 = 8_000;

/// From so many on, nothing more is started, so that this comes about: a server ends a workflow at
/// 51,200.
const DRAIN_AT_EVENTS: u32 = 30_000;

/// What others have sent to a run.
#[derive(Debug)]
enum Sent {
    Answer(AnswerSignal),
    Cancel,
    Begun(EffectId),
    Granted(GrantSignal),
    Queued(QueuedSignal),
    PutAside(PutAsideSignal),
    Probe(ProbeSignal),
    GiveWay(GiveWaySignal),
}

/// The workflow of a run.
#[workflow]
#[derive(Default)]
pub struct DeployRun {
    sent: VecDeque<Sent>,
    start: Option<RunStart>,
    journal: Journal,
    /// Where the journal is, until it is taken up.
    earlier: Option<EarlierJournal>,
    not_begun: Option<NotBegun>,
}

/// What a future of a run comes to.
enum Came {
    Step(EffectId, Box<Result<StepOutput, ActivityExecutionError>>),
    Timer(i64),
    /// Another run was told something.
    Sent,
    /// This lock was asked, or given back.
    LockHeard(String),
}

type Coming<'a> = Pin<Box<dyn Future<Output = Came> + 'a>>;

/// The timer that is set; machines have many, of which the server needs to know the next one alone.
struct ArmedTimer {
    /// When it fires, in milliseconds since 1970.
    at: i64,
    token: WorkflowCancellationToken,
}

#[workflow_methods]
impl DeployRun {
    /// Carries a run out.
    #[run]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        mut input: RunInput,
    ) -> WorkflowResult<RunResult> {
        let ctx = &*ctx;
        let start = input.start.clone();
        ctx.state_mut(|state| {
            state.start = Some(start.clone());
            state.earlier = input.earlier.clone();
        });
        earlier::take_up(ctx, &mut input).await.map_err(failed)?;
        let (now, _) = time(ctx);
        let mut run = RunLoop::new(&input, now).map_err(failed)?;
        ctx.state_mut(|state| {
            state.journal = Journal::of(input.journal);
            state.earlier = None;
        });
        if let Some(resumed) = &input.resumed {
            ctx.state_mut(|state| state.not_begun = Some(NotBegun::Ending));
            wait_until(ctx, resumed.not_before).await;
        }
        let mut coming: Vec<Coming<'_>> = Vec::new();
        let mut tokens: BTreeMap<EffectId, WorkflowCancellationToken> = BTreeMap::new();
        let mut armed: Option<ArmedTimer> = None;
        let mut is_cancelled = false;
        // Messages to locks and runs that are under way, or wait for that.
        let mut sends = 0_usize;
        let mut to_locks = LockMessages::default();
        // It is not earlier than this, as what has come says. A worker that answers a question
        // about the run takes what has come since the last task for a part of that, with its time:
        // then a lock that was waited for for an hour would be granted an hour ago, and time limits
        // over.
        let mut least = 0_i64;
        loop {
            let all_sent = ctx.state_mut(|state| std::mem::take(&mut state.sent));
            for sent in &all_sent {
                if let Sent::Granted(grant) = sent {
                    least = least.max(grant.since);
                }
            }
            run.begin_task(time(ctx).0);
            let (now, at) = not_before(least, time(ctx));
            if !is_cancelled && ctx.cancellation_token().is_cancelled() {
                // Somebody has cancelled the workflow itself, and not by this program.
                is_cancelled = true;
                run.cancel();
            }
            for sent in all_sent {
                match sent {
                    Sent::Answer(answer) => run.answer(answer, shown_time(at)),
                    Sent::Cancel => run.cancel(),
                    Sent::Begun(id) => run.begun(id, now),
                    Sent::Granted(grant) => run.granted(grant),
                    Sent::Queued(queued) => run.queued(queued),
                    Sent::PutAside(aside) => run.put_aside(aside),
                    Sent::Probe(probe) => run.probed(&probe),
                    Sent::GiveWay(signal) => run.give_way(&signal),
                }
            }
            run.work(now, at).map_err(failed)?;
            let lines = run.take_lines();
            ctx.state_mut(|state| {
                lines.into_iter().for_each(|line| state.journal.push(line));
                state.not_begun = run.not_begun();
            });
            for act in run.acts() {
                match act {
                    Act::Start(step) => {
                        let token = WorkflowCancellationToken::new();
                        tokens.insert(step.id, token.clone());
                        coming.push(step_future(ctx, &start, step, token));
                    }
                    Act::Stop(id) => {
                        if let Some(token) = tokens.get(&id) {
                            token.cancel();
                        }
                    }
                    Act::Want(want) => {
                        sends += 1;
                        coming.extend(to_locks.send(ctx, LockMessage::Want(want)));
                    }
                    Act::Leave(leave) => {
                        sends += 1;
                        coming.extend(to_locks.send(ctx, LockMessage::Leave(leave)));
                    }
                    Act::Probe { to, probe } => {
                        sends += 1;
                        let run = ctx.external_workflow(to, None);
                        let sent = run.signal(DeployRun::probe, probe, detached());
                        coming.push(told(sent));
                    }
                    Act::GiveWay(signal) => {
                        sends += 1;
                        let run = ctx.external_workflow(signal.run.clone(), None);
                        let sent = run.signal(DeployRun::give_way, signal, detached());
                        coming.push(told(sent));
                    }
                }
            }
            if let Some(status) = run.finished() {
                // The locks are given back before it ends.
                if let Some(Act::Leave(leave)) = run.leave_queue() {
                    sends += 1;
                    coming.extend(to_locks.send(ctx, LockMessage::Leave(leave)));
                }
                while sends > 0 {
                    ctx.state_mut(|state| state.sent.clear());
                    match next(ctx, &mut coming, true).await {
                        Some(Came::Sent) => sends -= 1,
                        Some(Came::LockHeard(name)) => {
                            sends -= 1;
                            coming.extend(to_locks.heard(ctx, &name));
                        }
                        Some(Came::Timer(_) | Came::Step(..)) | None => {}
                    }
                }
                let events = ctx.state(|state| state.journal.count());
                let status = status.as_str().to_owned();
                if start.has_attributes {
                    ctx.upsert_search_attributes([attributes::STATUS.value_set(status.clone())]);
                }
                return Ok(RunResult { status, events });
            }
            if run.has_events() {
                continue;
            }
            let is_long = ctx.history_length() > CONTINUE_AT_EVENTS || run.size().is_large();
            if run.running() == 0 && sends == 0 && is_long {
                // It stays here, too, for whoever asks this execution.
                let journal = ctx.state(|state| state.journal.clone());
                let (journal, earlier) = earlier::hand_on(journal, ctx.run_id()).map_err(failed)?;
                let next = RunInput {
                    start,
                    journal,
                    earlier,
                    lost: run.lost(),
                    resumed: None,
                };
                ctx.continue_as_new(next, ContinueAsNewOptions::default())?;
                return Err(failed("it cannot go on in a new execution"));
            }
            let is_too_long = ctx.history_length() > DRAIN_AT_EVENTS;
            run.drain(is_too_long || run.size().is_too_large());
            arm(ctx, &run, now, &mut armed, &mut coming);
            match next(ctx, &mut coming, is_cancelled).await {
                None => {}
                Some(Came::Sent) => sends -= 1,
                Some(Came::LockHeard(name)) => {
                    sends -= 1;
                    coming.extend(to_locks.heard(ctx, &name));
                }
                // One that was cancelled comes, too: its time has not come.
                Some(Came::Timer(at)) => {
                    let fired = armed.take_if(|armed| armed.at == at);
                    least = least.max(fired.map_or(0, |armed| armed.at));
                }
                Some(Came::Step(id, ended)) => {
                    let was_stopped = tokens.remove(&id).is_some_and(|it| it.is_cancelled());
                    if let Ok(output) = &*ended {
                        least = least.max(output.ended_at);
                    }
                    step_ended(&mut run, id, *ended, was_stopped);
                }
            }
        }
    }

    /// A person answers a question.
    #[signal]
    pub fn answer(&mut self, _ctx: &mut SyncWorkflowContext<Self>, answer: AnswerSignal) {
        self.sent.push_back(Sent::Answer(answer));
    }

    /// The run is to be cancelled.
    #[signal]
    pub fn cancel(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _: ()) {
        self.sent.push_back(Sent::Cancel);
    }

    /// A step has begun at its place.
    #[signal]
    pub fn begun(&mut self, _ctx: &mut SyncWorkflowContext<Self>, id: EffectId) {
        self.sent.push_back(Sent::Begun(id));
    }

    /// A lock is held.
    #[signal]
    pub fn granted(&mut self, _ctx: &mut SyncWorkflowContext<Self>, grant: GrantSignal) {
        self.sent.push_back(Sent::Granted(grant));
    }

    /// Others are before the run at a lock.
    #[signal]
    pub fn queued(&mut self, _ctx: &mut SyncWorkflowContext<Self>, queued: QueuedSignal) {
        self.sent.push_back(Sent::Queued(queued));
    }

    /// A newer run has put this one aside.
    #[signal]
    pub fn put_aside(&mut self, _ctx: &mut SyncWorkflowContext<Self>, aside: PutAsideSignal) {
        self.sent.push_back(Sent::PutAside(aside));
    }

    /// Another run waits for this one.
    #[signal]
    pub fn probe(&mut self, _ctx: &mut SyncWorkflowContext<Self>, probe: ProbeSignal) {
        self.sent.push_back(Sent::Probe(probe));
    }

    /// A request of this run has to give way.
    #[signal]
    pub fn give_way(&mut self, _ctx: &mut SyncWorkflowContext<Self>, signal: GiveWaySignal) {
        self.sent.push_back(Sent::GiveWay(signal));
    }

    /// What the run was begun with.
    #[query]
    pub fn start(&self, _ctx: &WorkflowContextView) -> Option<RunStart> {
        self.start.clone()
    }

    /// A part of the journal, behind this event.
    #[query]
    pub fn journal(&self, _ctx: &WorkflowContextView, after: u64) -> JournalPage {
        JournalPage {
            lines: Packed(self.journal.after(after)),
            last: self.journal.count(),
            not_begun: self.not_begun.clone(),
            earlier: self.earlier.clone(),
        }
    }
}

/// The time of the workflow since 1970, in milliseconds and in nanoseconds.
fn time(ctx: &WorkflowContext<DeployRun>) -> (i64, i64) {
    let since = ctx
        .workflow_time()
        .and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let since = since.unwrap_or_default();
    let number = |value: u128| i64::try_from(value).unwrap_or(i64::MAX);
    (number(since.as_millis()), number(since.as_nanos()))
}

/// Waits until it is so late, in milliseconds since 1970.
async fn wait_until(ctx: &WorkflowContext<DeployRun>, at: i64) {
    let (now, _) = time(ctx);
    if let Some(wait) = u64::try_from(at - now).ok().filter(|wait| *wait > 0) {
        let options = TimerOptions::builder(Duration::from_millis(wait))
            .cancellation_token(WorkflowCancellationToken::new())
            .build();
        ctx.timer(options).await;
    }
}

/// This time, or a later one in milliseconds.
fn not_before(least: i64, (now, at): (i64, i64)) -> (i64, i64) {
    (now.max(least), at.max(least.saturating_mul(1_000_000)))
}

fn shown_time(nanoseconds: i64) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or_default();
    format!("{at:.3}")
}

fn failed(why: impl std::fmt::Display) -> WorkflowTermination {
    let why = std::io::Error::other(why.to_string());
    WorkflowTermination::failed_application(ApplicationFailure::new(why))
}

/// Starts a step in its pool.
fn step_future<'a>(
    ctx: &'a WorkflowContext<DeployRun>,
    start: &RunStart,
    step: StartStep,
    token: WorkflowCancellationToken,
) -> Coming<'a> {
    let StartStep {
        id,
        work,
        pool,
        once,
        makers,
        tells_begin,
    } = step;
    let summary = work.node().to_string();
    // What is tried again is decided by the machine.
    let no_retries = RetryPolicy::builder().maximum_attempts(1).build();
    let options = ActivityOptions::with_start_to_close_timeout(STEP_TIMEOUT)
        .activity_id(step_id(id, pool.as_deref()))
        .task_queue(pool_queue(pool.as_deref()))
        .heartbeat_timeout(STEP_HEARTBEAT_TIMEOUT)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .cancellation_token(token)
        .retry_policy(no_retries)
        .summary(summary)
        .build();
    let input = StepInput {
        run: start.facts.id.clone(),
        effect: id,
        work: Packed(work),
        makers: makers
            .into_iter()
            .map(|(id, work)| (id, Packed(work)))
            .collect(),
        tells_begin,
        once,
    };
    let ended = ctx.execute_activity(Steps::step, input, options);
    Box::pin(async move { Came::Step(id, Box::new(ended.await)) })
}

/// What is said to a lock.
enum LockMessage {
    Want(LockWant),
    Leave(LockLeave),
}

/// What is said to locks: to each of them one thing after the other, so that it hears them in the
/// order in which the run has decided them.
#[derive(Default)]
struct LockMessages {
    /// What waits behind the message that is under way, by lock.
    waiting: BTreeMap<String, VecDeque<LockMessage>>,
}

impl LockMessages {
    fn send<'a>(
        &mut self,
        ctx: &'a WorkflowContext<DeployRun>,
        message: LockMessage,
    ) -> Option<Coming<'a>> {
        let name = match &message {
            LockMessage::Want(want) => want.name.clone(),
            LockMessage::Leave(leave) => leave.name.clone(),
        };
        match self.waiting.get_mut(&name) {
            Some(waiting) => {
                waiting.push_back(message);
                None
            }
            None => {
                self.waiting.insert(name, VecDeque::new());
                Some(tell_lock(ctx, message))
            }
        }
    }

    /// A lock has heard what was said: what it is told next.
    fn heard<'a>(&mut self, ctx: &'a WorkflowContext<DeployRun>, name: &str) -> Option<Coming<'a>> {
        let next = self.waiting.get_mut(name).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(name);
        }
        next.map(|message| tell_lock(ctx, message))
    }
}

fn tell_lock(ctx: &WorkflowContext<DeployRun>, message: LockMessage) -> Coming<'_> {
    match message {
        LockMessage::Want(want) => ask_lock(ctx, want),
        LockMessage::Leave(leave) => leave_lock(ctx, leave),
    }
}

/// Asks for a lock.
fn ask_lock(ctx: &WorkflowContext<DeployRun>, want: LockWant) -> Coming<'_> {
    let options = LocalActivityOptions::builder()
        // It is tried until the server takes it.
        .schedule_to_close_timeout(STEP_TIMEOUT)
        .start_to_close_timeout(SEND_TIMEOUT)
        .cancellation_token(WorkflowCancellationToken::new())
        .build();
    let name = want.name.clone();
    let asked = ctx.execute_local_activity(LockSteps::ask, want, options);
    Box::pin(async move {
        let _ = asked.await;
        Came::LockHeard(name)
    })
}

/// Gives a lock back.
fn leave_lock(ctx: &WorkflowContext<DeployRun>, leave: LockLeave) -> Coming<'_> {
    let name = leave.name.clone();
    let lock = ctx.external_workflow(lock_workflow(&name), None);
    let sent = lock.signal(SharedLock::leave, leave, detached());
    Box::pin(async move {
        // A lock that is not there is not held.
        let _ = sent.await;
        Came::LockHeard(name)
    })
}

/// Options for a message that is sent also while the workflow is cancelled.
fn detached() -> SignalWorkflowOptions {
    let mut options = SignalWorkflowOptions::default();
    options.cancellation_token = Some(WorkflowCancellationToken::new());
    options
}

/// A message to another workflow, which may be gone.
fn told<'a, T>(sent: impl Future<Output = T> + 'a) -> Coming<'a> {
    Box::pin(async move {
        let _ = sent.await;
        Came::Sent
    })
}

/// Takes in how a step has ended.
fn step_ended(
    run: &mut RunLoop,
    id: EffectId,
    ended: Result<StepOutput, ActivityExecutionError>,
    was_stopped: bool,
) {
    let error = match ended {
        Ok(output) => return run.ended(id, output.outcome.0),
        Err(error) => error,
    };
    if let Some(timeout) = error.as_timeout() {
        let heard = timeout.raw_last_heartbeat_details();
        let was_heard = heard.is_some_and(|heard| !heard.is_empty());
        return run.worker_lost(id, was_stopped, was_heard);
    }
    if let Some(IncomingError::Application(why)) = error.cause()
        && let Some(lost) = why.type_name().and_then(LostStep::named)
    {
        return run.worker_lost(id, was_stopped, lost == LostStep::Begun);
    }
    let failed = match &error {
        ActivityExecutionError::Cancelled(_) => {
            EffectOutcome::failed(FailureClass::Cancelled, "it had not started")
        }
        ActivityExecutionError::Failed(why) => {
            let why = why.failure();
            let why = why
                .cause
                .as_deref()
                .map_or(&why.message, |cause| &cause.message);
            let message = format!("its worker could not carry it out: {why}");
            EffectOutcome::failed(FailureClass::Internal, message)
        }
        other => {
            let message = format!("what its worker answered cannot be read: {other}");
            EffectOutcome::failed(FailureClass::Internal, message)
        }
    };
    run.ended(id, failed);
}

/// Sets a timer where one is due before the one that is set.
fn arm<'a>(
    ctx: &'a WorkflowContext<DeployRun>,
    run: &RunLoop,
    now: i64,
    armed: &mut Option<ArmedTimer>,
    coming: &mut Vec<Coming<'a>>,
) {
    let Some(wait) = run.next_timer(now) else {
        return;
    };
    let at = now + wait;
    if armed.as_ref().is_some_and(|armed| armed.at <= at) {
        return;
    }
    if let Some(armed) = armed.take() {
        armed.token.cancel();
    }
    let token = WorkflowCancellationToken::new();
    let wait = Duration::from_millis(wait.max(1).unsigned_abs());
    let options = TimerOptions::builder(wait)
        .cancellation_token(token.clone())
        .build();
    let fired = ctx.timer(options);
    coming.push(Box::pin(async move {
        fired.await;
        Came::Timer(at)
    }));
    *armed = Some(ArmedTimer { at, token });
}

/// Waits until something comes, or somebody has sent something. What comes first in the order in
/// which it was begun goes first, so that it is the same whenever the history is handled again.
async fn next(
    ctx: &WorkflowContext<DeployRun>,
    coming: &mut Vec<Coming<'_>>,
    is_cancelled: bool,
) -> Option<Came> {
    let mut options = WaitConditionOptions::default();
    options.cancellation_token = is_cancelled.then(WorkflowCancellationToken::new);
    let has_sent = |state: &DeployRun| !state.sent.is_empty();
    let mut sent = std::pin::pin!(ctx.wait_condition_with_options(has_sent, options));
    std::future::poll_fn(|context| {
        if sent.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        for at in 0..coming.len() {
            let Some(future) = coming.get_mut(at) else {
                break;
            };
            if let Poll::Ready(came) = future.as_mut().poll(context) {
                drop(coming.remove(at));
                return Poll::Ready(Some(came));
            }
        }
        Poll::Pending
    })
    .await
}
