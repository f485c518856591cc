//! Follows a run of a server until it has ended, and draws it as one of this machine is drawn.

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;

use super::super::arguments::RunFormat;
use super::super::exit::Exit;
use super::super::next_commands;
use super::super::output::Output;
use super::super::run::execute::{observer, shows_all};
use super::super::runs::wait_words;
use super::super::shell_word::shell_word;
use super::super::show::{logged, written};
use super::super::state;
use super::answers::{RecordsAnswer, status};
use super::cancel;
use super::client::{RemoteError, RemoteProblem, RemoteServer};
use super::interrupts::Interrupts;
use super::named::run_by_id;
use super::show::{last_lines, outline, records};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{RunEvent, RunEventKind, Status, WaitReason};
use lockstep_outline::Outline;
use lockstep_runtime::driver::ControlRequest;
use lockstep_store::{QueueWait, RunStatus};
use lockstep_view::{LedgerFormat, LogsCommand, RunObserver, RunSummary};

/// So many seconds the server waits for news of the run.
const WAIT_SECONDS: u64 = 20;
/// How often what is drawn in place is drawn anew.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// After a lost connection it is asked again after this time, and after twice as long each time.
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(250);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// A run whose process is gone is resumed by a server that starts: it has this time for that.
const STOPPED_GRACE: Duration = Duration::from_secs(5);
/// A run that is only being started is cancelled within this time.
const MAX_CANCEL_WAIT: Duration = Duration::from_secs(20);

const CANCEL_NOTICE: &str = "\
cancelling: commands stop, deployments roll back; Ctrl-C again leaves the run to the server
";

/// A run that is followed.
pub(super) struct FollowedRun<'a> {
    pub(super) server: &'a RemoteServer,
    pub(super) run: &'a str,
    /// The last record that was there before: what it and those before it say is no news.
    pub(super) known: u64,
    pub(super) format: RunFormat,
    /// Whether it takes back what another run did.
    pub(super) goes_back: bool,
}

/// What the thread says that asks the server.
enum News {
    /// Events, and whether they are of before.
    Events(Vec<(RunEvent, bool)>),
    /// It waits in a queue.
    Queued(QueueWait),
    /// There is no answer any more.
    Lost(String),
    /// There are answers again.
    Found,
    /// It has ended, or was stopped, or has not begun: how, and why not.
    Ended(String, Option<String>),
    /// The server says no more of it.
    Refused(RemoteError),
    /// Whether the server has been asked to cancel it.
    Cancelling(Result<(), RemoteError>),
}

/// Follows a run; the exit code says how it ended.
pub(super) fn follow(
    followed: &FollowedRun<'_>,
    interrupts: Interrupts,
    output: &mut Output,
) -> Exit {
    let Interrupts {
        runtime,
        mut requests,
        listener,
        cancels,
    } = interrupts;
    let exit = runtime.block_on(watch(followed, &mut requests, cancels, output));
    listener.abort();
    // A request may still wait for its answer.
    runtime.shutdown_background();
    exit
}

async fn watch(
    followed: &FollowedRun<'_>,
    controls: &mut UnboundedReceiver<ControlRequest>,
    cancels: bool,
    output: &mut Output,
) -> Exit {
    let (to, mut news) = unbounded_channel();
    let reader = Reader {
        server: followed.server.clone(),
        run: followed.run.to_owned(),
        known: followed.known,
        to: to.clone(),
        seq: 0,
        seen: HashMap::new(),
    };
    let plan = match followed.goes_back {
        true => None,
        false => outline(followed.server, followed.run),
    };
    let mut screen = Screen::new(followed, plan.as_ref(), output);
    let reading = std::thread::Builder::new().spawn(move || reader.read());
    if let Err(error) = reading {
        output.complain(&format!("error: the run cannot be followed: {error}\n"));
        return Exit::Stopped;
    }
    if cancels {
        screen.cancel(&to);
    }
    let ended = screen.draw(&to, &mut news, controls).await;
    let (mut summary, broken) = screen.finish();
    if let Some(plan) = &plan {
        summary.by_plan(plan);
    }
    output.took_effect();
    let exit = end(followed, ended, &summary, output);
    if let Some(error) = broken {
        output.write_failed(error);
    }
    exit
}

/// Why a run is not followed any more.
enum Followed {
    Ended(String, Option<String>),
    Refused(RemoteError),
    /// A person has left it.
    Left,
}

/// Says how a run has ended.
fn end(
    followed: &FollowedRun<'_>,
    ended: Followed,
    summary: &RunSummary,
    output: &mut Output,
) -> Exit {
    let (id, words) = (followed.run, followed.server.words());
    let goes_on = format!(
        "run {id} goes on at the server; `lockstep logs {id} -f{words}` follows it, and `lockstep \
         show {id}{words}` says how it is\n"
    );
    let (word, why) = match ended {
        Followed::Ended(word, why) => (word, why),
        Followed::Refused(error) => {
            error.show(followed.server, output);
            output.complain(&goes_on);
            return Exit::Stopped;
        }
        Followed::Left => {
            output.complain(&goes_on);
            return Exit::Stopped;
        }
    };
    if let Some(why) = why {
        if word == "refused" {
            let problem = RemoteProblem::unstarted(why);
            return RemoteError::Refused(Box::new(problem)).show(followed.server, output);
        }
        output.complain(&format!("run {id} did not begin: {why}\n"));
    }
    let how = status(&word);
    let next = match how {
        RunStatus::Ended(_) if followed.goes_back => Vec::new(),
        RunStatus::Ended(status) => next_commands::after(status, id, &words),
        RunStatus::Stopped | RunStatus::Running => next_commands::resume(id, &words),
    };
    if followed.format.is_for_people() && summary.run().is_some() {
        ledger(followed, summary, next, output);
    }
    match how {
        RunStatus::Running | RunStatus::Stopped => Exit::Stopped,
        RunStatus::Ended(Status::Succeeded) => Exit::Succeeded,
        RunStatus::Ended(Status::RollbackFailed) => Exit::RollbackFailed,
        RunStatus::Ended(Status::Cancelled) => Exit::Cancelled,
        RunStatus::Ended(Status::Superseded) => Exit::Superseded,
        RunStatus::Ended(_) => Exit::Failed,
    }
}

fn ledger(
    followed: &FollowedRun<'_>,
    summary: &RunSummary,
    next: Vec<String>,
    output: &mut Output,
) {
    let ledger = LedgerFormat {
        style: state::look(output),
        width: std::io::stdout()
            .is_terminal()
            .then(|| output.stdout_style().width),
        // The file is where the server is.
        sources: None,
        next,
        logs: Some(LogsCommand {
            run: followed.run.to_owned(),
            state: followed.server.words(),
        }),
        goes_on: None,
    };
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = ledger.print(&mut text, summary);
    output.print(&format!("\n{}", String::from_utf8_lossy(&text)));
}

/// What is drawn.
struct Screen<'a> {
    followed: &'a FollowedRun<'a>,
    shown: Box<dyn RunObserver>,
    summary: RunSummary,
    broken: Option<std::io::Error>,
    /// The nodes whose questions have been said.
    asked: HashSet<NodePath>,
    was_queued: bool,
    was_lost: bool,
}

impl<'a> Screen<'a> {
    fn new(followed: &'a FollowedRun<'a>, plan: Option<&Outline>, output: &Output) -> Self {
        Self {
            shown: observer(followed.format, plan, state::look(output)),
            followed,
            summary: RunSummary::new(),
            broken: None,
            asked: HashSet::new(),
            was_queued: false,
            was_lost: false,
        }
    }

    async fn draw(
        &mut self,
        to: &UnboundedSender<News>,
        news: &mut UnboundedReceiver<News>,
        controls: &mut UnboundedReceiver<ControlRequest>,
    ) -> Followed {
        let mut ticks = tokio::time::interval(TICK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(asked) = controls.recv() => match asked {
                    ControlRequest::Cancel => self.cancel(to),
                    ControlRequest::Kill => return Followed::Left,
                },
                Some(new) = news.recv() => {
                    if let Some(ended) = self.take(new) {
                        return ended;
                    }
                    if news.is_empty() {
                        self.write(|shown| shown.flush());
                    }
                },
                _ = ticks.tick() => self.write(|shown| shown.tick(lockstep_store::now())),
            }
        }
    }

    /// Asks the server to cancel the run.
    fn cancel(&mut self, to: &UnboundedSender<News>) {
        let (server, run) = (self.followed.server.clone(), self.followed.run.to_owned());
        let to = to.clone();
        let asking = std::thread::Builder::new().spawn(move || {
            let mut said = Ok(());
            cancel::settles(MAX_CANCEL_WAIT, || {
                said = cancel::ask(&server, &run, None).map(|_| ());
                // One that is only being started is not there yet.
                said.as_ref()
                    .err()
                    .is_none_or(|error| !error.is_not_found() && !error.may_pass())
            });
            // Nobody may listen any more.
            let _ = to.send(News::Cancelling(said));
        });
        match asking {
            Ok(_) if self.followed.format.is_for_people() => self.print(CANCEL_NOTICE),
            Ok(_) => {}
            Err(error) => self.print(&format!("the run cannot be cancelled: {error}\n")),
        }
    }

    fn take(&mut self, new: News) -> Option<Followed> {
        match new {
            News::Events(events) => {
                for (event, is_old) in &events {
                    self.event(event, *is_old);
                }
            }
            News::Queued(wait) => {
                if !self.was_queued && self.followed.format.is_for_people() {
                    let run = self.followed.run;
                    self.print(&format!("run {run} waits {}\n", wait_words(&wait)));
                }
                self.was_queued = true;
            }
            News::Lost(why) => {
                if !self.was_lost {
                    self.print(&format!(
                        "the server does not answer ({why}); the run may go on there: asking again \
                         until it answers\n"
                    ));
                }
                self.was_lost = true;
            }
            News::Found => {}
            News::Ended(word, why) => return Some(Followed::Ended(word, why)),
            News::Refused(error) => return Some(Followed::Refused(error)),
            News::Cancelling(Ok(())) => {}
            News::Cancelling(Err(error)) => {
                self.print(&format!("the run is not cancelled: {}\n", error.why()));
            }
        }
        None
    }

    fn event(&mut self, event: &RunEvent, is_old: bool) {
        self.summary.take(event);
        let names_it = self.followed.format.is_for_people()
            && matches!(event.what, RunEventKind::RunStarted { .. });
        if !is_old || names_it || shows_all(self.followed.format) {
            self.write(|shown| shown.event(event));
        }
        match &event.what {
            RunEventKind::NodeWaiting {
                node,
                waiting: WaitReason::Approval { choices, .. },
                ..
            } if !is_old => self.say_how_to_answer(node, choices),
            RunEventKind::NodeFinished { node, .. } => drop(self.asked.remove(node)),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::RunFinished { .. } => {}
        }
    }

    fn say_how_to_answer(&mut self, node: &NodePath, choices: &[Name]) {
        if !self.followed.format.is_for_people() || !self.asked.insert(node.clone()) {
            return;
        }
        let (run, words) = (self.followed.run, self.followed.server.words());
        // Where several ask, the path says which one is answered.
        let path = match self.asked.len() {
            1 => String::new(),
            _ => format!(" {}", shell_word(node)),
        };
        let how = match choices.iter().any(|it| &**it == "retry") {
            true => "--choose retry|ignore|rollback|abort",
            false => "--yes|--no",
        };
        self.print(&format!(
            "answer with: lockstep approve {run}{path} {how}{words}\n"
        ));
    }

    /// Prints something besides what is drawn.
    fn print(&mut self, words: &str) {
        self.write(|shown| shown.pause());
        // The terminal may have been closed.
        let _ = std::io::stderr().write_all(words.as_bytes());
        self.write(|shown| shown.proceed());
    }

    /// What cannot be written does not end the run.
    fn write(&mut self, write: impl FnOnce(&mut dyn RunObserver) -> std::io::Result<()>) {
        if self.broken.is_none()
            && let Err(error) = write(&mut *self.shown)
        {
            self.broken = Some(error);
        }
    }

    /// The data for the ledger, and why output was lost, if it was.
    fn finish(mut self) -> (RunSummary, Option<std::io::Error>) {
        self.write(|shown| shown.finish());
        (self.summary, self.broken)
    }
}

/// Asks the server for what is new, on a thread of its own.
struct Reader {
    server: RemoteServer,
    run: String,
    known: u64,
    to: UnboundedSender<News>,
    /// The number of the last event.
    seq: u64,
    /// How many lines of the logs of commands have been shown.
    seen: HashMap<NodePath, u64>,
}

impl Reader {
    fn read(mut self) {
        let mut after = 0;
        let mut stopped_since: Option<Instant> = None;
        let mut pause = MIN_RETRY_INTERVAL;
        let mut is_lost = false;
        while !self.to.is_closed() {
            let wait = match stopped_since {
                Some(_) => 1,
                None => WAIT_SECONDS,
            };
            let asked = records(&self.server, &self.run, after, wait);
            let passed = asked.and_then(|page| self.pass_on(page, &mut after));
            match passed {
                Ok(None) => stopped_since = None,
                Ok(Some((word, why))) => match status(&word) {
                    RunStatus::Running => stopped_since = None,
                    RunStatus::Stopped => {
                        let since = *stopped_since.get_or_insert_with(Instant::now);
                        if since.elapsed() >= STOPPED_GRACE {
                            return self.say(News::Ended(word, why));
                        }
                    }
                    RunStatus::Ended(_) => return self.say(News::Ended(word, why)),
                },
                Err(error) if error.may_pass() => {
                    if !is_lost {
                        self.say(News::Lost(error.why()));
                    }
                    is_lost = true;
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(MAX_RETRY_INTERVAL);
                    continue;
                }
                Err(error) => return self.say(News::Refused(error)),
            }
            if is_lost {
                self.say(News::Found);
            }
            (is_lost, pause) = (false, MIN_RETRY_INTERVAL);
        }
    }

    /// Passes on what a page says; how the run is where that is nothing.
    fn pass_on(
        &mut self,
        page: RecordsAnswer,
        after: &mut u64,
    ) -> Result<Option<(String, Option<String>)>, RemoteError> {
        if page.records.is_empty() {
            if page.status == "queued" {
                let run = run_by_id(&self.server, &self.run)?;
                if let Some(queue) = run.queue {
                    self.say(News::Queued(queue.wait()));
                }
            }
            return Ok(Some((page.status, page.unstarted)));
        }
        let mut events = Vec::new();
        let (seq, seen) = (self.seq, self.seen.clone());
        for record in page.records {
            let is_old = record.record <= self.known;
            for what in record.events {
                let event = RunEvent {
                    seq: 0,
                    at: record.at,
                    what,
                };
                let lines = match self.lines(&event) {
                    Ok(lines) => lines,
                    Err(error) => {
                        // The page is asked for again as a whole.
                        (self.seq, self.seen) = (seq, seen);
                        return Err(error);
                    }
                };
                for event in lines.into_iter().chain([event]) {
                    self.seq += 1;
                    let seq = self.seq;
                    events.push((RunEvent { seq, ..event }, is_old));
                }
            }
        }
        *after = page.last;
        self.say(News::Events(events));
        Ok(None)
    }

    /// The last lines of a command that has failed, which are not in the journal.
    fn lines(&mut self, event: &RunEvent) -> Result<Vec<RunEvent>, RemoteError> {
        let Some(node) = logged(event) else {
            return Ok(Vec::new());
        };
        let log = match last_lines(&self.server, &self.run, node) {
            Ok(log) => log,
            Err(error) if error.may_pass() => return Err(error),
            // The rest of the run is more than its logs.
            Err(_) => return Ok(Vec::new()),
        };
        let seen = self.seen.insert(node.clone(), log.total).unwrap_or(0);
        let skipped = usize::try_from(seen.saturating_sub(log.first)).unwrap_or(usize::MAX);
        let new = log.lines.iter().skip(skipped);
        Ok(new.map(|text| written(event, node, text)).collect())
    }

    fn say(&self, news: News) {
        // Nobody may listen any more.
        let _ = self.to.send(news);
    }
}
