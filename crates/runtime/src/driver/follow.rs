//! Follows a run that something else drives. A machine of its own handles the recorded events
//! again, and what follows from them is stored and shown as the driver of this process would. What
//! people answer and ask for goes to who drives the run, and comes back as an event like all
//! others.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::control::{accepts, masked_answer, masked_person, masked_request};
use super::quiet::QuietOutput;
use super::{
    AnswerSender, ControlRequest, DriveError, DriverExit, DriverMessage, HEARTBEAT_INTERVAL,
    NOTE_EVENTS_EVERY, RunHost, RunPersistence, RunSettings, machine_of,
};
use crate::inbox::{InboxRequestKind, Responder, RunInbox};
use crate::journal::{Journal, JournalEntry, JournalRecord};
use crate::logs::RunLogs;
use crate::process::OutputLine;
use crate::replay::{ReplayError, replay, replayed_events};
use crate::secrets::SecretVault;
use crate::shown_events::EventRedactor;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{RunEvent, RunEventKind, Status, Stream};
use lockstep_engine::way_back::UndoneRun;
use lockstep_engine::{Answer, CompletedWork, Effect, EffectId, Event, Machine, Question};
use lockstep_plan::{Plan, RunFacts};

/// An event of a run, as who drives it has recorded it.
#[derive(Debug, Clone)]
pub struct RemoteRecord {
    /// Its number in the run, from 1 without gaps.
    pub seq: u64,
    /// When it was handled.
    pub at: jiff::Timestamp,
    /// The machine's clock at that time, in milliseconds.
    pub clock: i64,
    /// The event, sealed.
    pub event: Event,
}

/// What is heard of a run from who drives it.
#[derive(Debug, Clone)]
pub enum RemoteMessage {
    /// It has recorded an event. Records that are known are skipped.
    Recorded(Box<RemoteRecord>),
    /// A piece of the log of a command; in order, and before the end of the command.
    Log {
        /// The command.
        node: NodePath,
        /// Where the piece begins in the log, in bytes.
        offset: u64,
        /// The piece, masked.
        bytes: Vec<u8>,
    },
    /// All that has been recorded by now has been passed on.
    Current,
    /// It has not been heard of for a while, and is waited for: a sentence for people, without a
    /// full stop.
    Waiting(String),
    /// It has ended without having begun, for this reason.
    DidNotBegin(Status, String),
    /// It was broken off there, after all that has been passed on, and can be resumed: a sentence
    /// for people, without a full stop.
    BrokenOff(String),
    /// It cannot be heard of any more: a sentence for people, without a full stop.
    Lost(String),
}

/// What people ask of who drives a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteRequest {
    /// Cancel it.
    Cancel,
    /// An answer to a question.
    Answer {
        /// The question.
        id: EffectId,
        /// The answer.
        answer: Answer,
        /// Who gives it.
        from: Responder,
    },
}

/// The connection to who drives a run.
#[derive(Debug)]
pub struct RemoteRun {
    /// What is heard.
    pub messages: mpsc::UnboundedReceiver<RemoteMessage>,
    /// What is asked.
    pub requests: mpsc::UnboundedSender<RemoteRequest>,
}

/// A run as who begins it, or goes on following it, knows it.
pub struct RemoteStart {
    /// Its plan, which has been proved.
    pub plan: Arc<Plan>,
    /// Its id, user and start.
    pub run: RunFacts,
    /// The seed for the jitter of retries.
    pub seed: u64,
    /// The maximum number of commands that run at once.
    pub max: usize,
    /// The records that are known.
    pub known: u64,
    /// Who resumes it, where it is not begun now: what has been broken off there goes on.
    pub resumer: Option<Resumer>,
    /// The runs that it goes on from.
    pub source: RunSource,
    /// The completed work of the run that it retries, sealed.
    pub completed_work: CompletedWork,
    /// The folder in which it was started, and the real folder of each source file.
    pub source_folders: Vec<PathBuf>,
}

/// Who resumes a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumer {
    /// The name.
    pub by: Name,
    /// The user id, if it is known.
    pub uid: Option<u32>,
}

/// The runs that a run goes on from: what it takes back, sealed, and which one it retries.
#[derive(Debug, Clone, Default)]
pub struct RunSource {
    /// The id of the run that it retries.
    pub retries: Option<Name>,
    /// The run that it takes back, and those that have taken some of it back before.
    pub undone: Vec<RunToTakeBack>,
    /// The part that it takes back, if not all.
    pub part: Option<String>,
}

/// A run that is taken back, with what has happened to it.
#[derive(Debug, Clone)]
pub struct RunToTakeBack {
    /// The run.
    pub run: UndoneRun,
    /// Its journal.
    pub records: Vec<JournalRecord>,
}

/// Drives runs in place of this process: an engine that a host supplies.
pub trait RemoteEngine: Send + Sync {
    /// Begins a run that is not known there, or resumes one that was broken off there, and connects
    /// to it.
    ///
    /// # Errors
    ///
    /// If it cannot be begun: a sentence for people, without a full stop.
    fn open(&self, start: &RemoteStart) -> Result<RemoteRun, String>;
}

/// The time between two looks at who asks for something.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// So many messages are handled together.
const MAX_MESSAGES_PER_TURN: usize = 256;

/// Follows a run to its end. Where it is stopped ([`ControlRequest::Kill`]), the run goes on
/// without being followed.
pub async fn follow(
    plan: Arc<Plan>,
    vault: Arc<SecretVault>,
    settings: &RunSettings,
    persistence: RunPersistence,
    host: &mut dyn RunHost,
    mut control: mpsc::UnboundedReceiver<ControlRequest>,
    remote: RemoteRun,
) -> DriverExit {
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut messages = remote.messages;
    let follower = Follower::new(plan, vault, settings, persistence, host, answers);
    let mut follower = match follower {
        Ok(follower) => follower,
        Err(error) => return DriverExit::Broken(error),
    };
    let requests = remote.requests;
    let mut ticks = tokio::time::interval(TICK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut heard = Vec::new();
    let mut controlled = true;
    loop {
        if let Some(error) = follower.broken.take() {
            follower.close();
            return DriverExit::Broken(error);
        }
        if let Some(status) = follower.machine.finished() {
            follower.close();
            return DriverExit::Ended(status);
        }
        if let Some((status, why)) = follower.unstarted.take() {
            follower.close();
            return DriverExit::DidNotBegin(status, why);
        }
        follower.host.idle();
        tokio::select! {
            biased;
            asked = control.recv(), if controlled => match asked {
                Some(ControlRequest::Cancel) => {
                    follower.cancelled = true;
                    follower.host.cancelling();
                    // It may have ended.
                    let _ = requests.send(RemoteRequest::Cancel);
                }
                Some(ControlRequest::Kill) => {
                    follower.close();
                    return DriverExit::Stopped;
                }
                None => controlled = false,
            },
            Some(DriverMessage::Answered(id, answer, person)) = answered.recv() => {
                let person = masked_person(&follower.vault, &person);
                if follower.is_accepted(id, &answer, &person).is_ok() {
                    follower.settled.insert(id);
                    let _ = requests.send(RemoteRequest::Answer { id, answer, from: person });
                }
            }
            count = messages.recv_many(&mut heard, MAX_MESSAGES_PER_TURN) => {
                match count {
                    0 => follower.lose("it is not heard of any more".into()),
                    _ => follower.hear(heard.drain(..)),
                }
            }
            _ = ticks.tick() => follower.tick(&requests),
        }
    }
}

struct Follower<'h> {
    machine: Machine,
    vault: Arc<SecretVault>,
    redactor: EventRedactor,
    host: &'h mut dyn RunHost,
    answers: mpsc::UnboundedSender<DriverMessage>,
    journal: Option<Box<dyn Journal>>,
    logs: Option<RunLogs>,
    run_inbox: Option<Box<dyn RunInbox>>,
    /// The questions that wait for an answer.
    questions: HashMap<EffectId, (NodePath, Question)>,
    /// The questions that were answered from here, or need no more answers.
    settled: HashSet<EffectId>,
    /// The nodes of commands under way whose output is shown only where they fail.
    quiet: HashMap<NodePath, QuietOutput>,
    nodes: HashMap<EffectId, NodePath>,
    /// The beginning of a line that has no end yet, of each command.
    unended: HashMap<NodePath, Vec<u8>>,
    /// How much of each log is there.
    log_ends: HashMap<NodePath, u64>,
    cancelled: bool,
    /// How it has ended without having begun, and why.
    unstarted: Option<(Status, String)>,
    broken: Option<DriveError>,
    recorded: u64,
    clock: i64,
    seq: u64,
    noted_events: u64,
    noted: std::time::Instant,
    last_at: jiff::Timestamp,
}

impl<'h> Follower<'h> {
    fn new(
        plan: Arc<Plan>,
        vault: Arc<SecretVault>,
        settings: &RunSettings,
        persistence: RunPersistence,
        host: &'h mut dyn RunHost,
        answers: mpsc::UnboundedSender<DriverMessage>,
    ) -> Result<Self, DriveError> {
        let (way, kept) = (persistence.way_back, persistence.completed_work);
        let machine = machine_of(plan, settings, &vault, way, kept)?;
        let mut follower = Self {
            machine,
            redactor: EventRedactor::new(vault.clone()),
            vault,
            host,
            answers,
            journal: persistence.journal,
            logs: persistence.logs,
            run_inbox: persistence.run_inbox,
            questions: HashMap::new(),
            settled: HashSet::new(),
            quiet: HashMap::new(),
            nodes: HashMap::new(),
            unended: HashMap::new(),
            log_ends: HashMap::new(),
            cancelled: false,
            unstarted: None,
            broken: None,
            recorded: 0,
            clock: persistence.past.clock,
            seq: 0,
            noted_events: 0,
            noted: std::time::Instant::now(),
            last_at: settings.run.started_at,
        };
        follower.replay_journal(persistence.past.records, persistence.past.events)?;
        Ok(follower)
    }

    /// What was followed before.
    fn replay_journal(
        &mut self,
        records: Vec<JournalRecord>,
        events: u64,
    ) -> Result<(), ReplayError> {
        let mut heard = Vec::new();
        let hear = |at, what, told| heard.push((at, what, told));
        let replayed = replay(&mut self.machine, records, &mut self.redactor, hear)?;
        for (at, was, what) in heard {
            self.seq += 1;
            self.host.check(&was);
            let seq = self.seq;
            self.host.on_replayed_event(&RunEvent { seq, at, what });
        }
        self.seq = self.seq.max(events);
        self.noted_events = self.seq;
        self.recorded = replayed.seq;
        self.clock = self.clock.max(replayed.clock);
        self.last_at = self.last_at.max(replayed.last_at.unwrap_or(self.last_at));
        for (id, (node, command)) in replayed.left.commands {
            self.begins(id, node, command.quiet && !command.secret);
        }
        for (id, (node, question)) in replayed.left.questions {
            self.ask(id, node, question);
        }
        Ok(())
    }

    fn note(&mut self, written: Result<(), impl Into<DriveError>>) {
        if let Err(error) = written {
            self.broken.get_or_insert(error.into());
        }
    }

    fn lose(&mut self, why: String) {
        self.broken.get_or_insert(DriveError::Remote(why));
    }

    fn hear(&mut self, messages: impl Iterator<Item = RemoteMessage>) {
        let mut batch = Vec::new();
        for message in messages {
            match message {
                RemoteMessage::Recorded(record) if record.seq <= self.recorded => {}
                RemoteMessage::Recorded(record) => {
                    let handled = self.handle(*record);
                    batch.extend(handled);
                }
                RemoteMessage::Log {
                    node,
                    offset,
                    bytes,
                } => {
                    self.release(std::mem::take(&mut batch));
                    self.log(node, offset, &bytes);
                }
                RemoteMessage::Current => {
                    self.release(std::mem::take(&mut batch));
                    self.host.on_current();
                }
                RemoteMessage::Waiting(why) => self.host.on_engine_silent(&why),
                RemoteMessage::DidNotBegin(status, why) => self.unstarted = Some((status, why)),
                RemoteMessage::BrokenOff(why) => {
                    self.release(std::mem::take(&mut batch));
                    self.broken.get_or_insert(DriveError::BrokenOff(why));
                }
                RemoteMessage::Lost(why) => self.lose(why),
            }
            if self.broken.is_some() {
                break;
            }
        }
        self.release(batch);
    }

    /// Lets the machine handle an event.
    fn handle(&mut self, record: RemoteRecord) -> Option<(JournalRecord, Vec<Effect>)> {
        let RemoteRecord {
            seq,
            at,
            clock,
            event,
        } = record;
        if seq != self.recorded + 1 {
            self.lose(format!("event {} of it is missing", self.recorded + 1));
            return None;
        }
        let opened = match self.vault.unsealed(event.clone()) {
            Ok(opened) => opened,
            Err(why) => {
                let unread = Some(why);
                let record = seq;
                self.broken = Some(ReplayError { record, unread }.into());
                return None;
            }
        };
        let mut effects = self.machine.handle(clock, opened);
        if let Some(broken) = self.machine.broken() {
            self.broken = Some(DriveError::Machine(Box::new(broken.clone())));
            return None;
        }
        self.recorded = seq;
        self.clock = self.clock.max(clock);
        let mut told = Vec::new();
        for event in replayed_events(&mut effects) {
            self.host.check(&event);
            told.push(self.redactor.told(event));
        }
        for effect in &mut effects {
            self.redactor.effect(effect);
        }
        let what = JournalEntry::Event(event);
        let record = JournalRecord {
            seq,
            at,
            clock,
            what,
            told,
        };
        Some((record, effects))
    }

    /// Stores records, and then shows what follows from them.
    fn release(&mut self, batch: Vec<(JournalRecord, Vec<Effect>)>) {
        if batch.is_empty() {
            return;
        }
        let (records, effects): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        if let Some(journal) = &mut self.journal {
            let written = journal.write(&records);
            self.note(written);
        }
        self.noted = std::time::Instant::now();
        if self.broken.is_some() {
            return;
        }
        for (record, effects) in records.into_iter().zip(effects) {
            self.heard(&record);
            for what in record.told {
                self.publish(what, record.at);
            }
            for effect in effects {
                self.follow_effect(effect);
            }
        }
    }

    /// What an event itself says.
    fn heard(&mut self, record: &JournalRecord) {
        match &record.what {
            JournalEntry::Event(Event::Ended { id, outcome }) => {
                if let Some(node) = self.nodes.remove(id) {
                    self.ends(&node, outcome.failure.is_some(), record.at);
                }
            }
            JournalEntry::Event(Event::Answered { id, answer, from }) => {
                let Some((node, mut question)) = self.questions.remove(id) else {
                    return;
                };
                let is_over = question.take(answer, from.as_deref());
                if let Some(run_inbox) = &self.run_inbox {
                    let person = Responder {
                        name: from.as_ref().map(|from| from.by.to_string()),
                        comment: from.as_ref().and_then(|from| from.comment.clone()),
                        uid: None,
                    };
                    let given = masked_answer(&self.vault, answer);
                    let mut kept = run_inbox.answered(*id, &node, &question, &given, &person);
                    if is_over {
                        kept = kept.and_then(|()| run_inbox.withdraw(*id));
                    }
                    self.note(kept);
                }
                match is_over {
                    true => {
                        self.settled.insert(*id);
                        self.host.withdraw(*id);
                    }
                    // It is asked once more.
                    false => {
                        self.settled.remove(id);
                        self.questions.insert(*id, (node, question));
                    }
                }
            }
            JournalEntry::Event(_) | JournalEntry::Begun(_) => {}
        }
    }

    fn follow_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Run { id, node, command } => {
                self.begins(id, node, command.quiet && !command.secret);
            }
            Effect::Ask { id, node, question } => self.ask(id, node, question),
            Effect::Unask { id } => {
                self.settled.insert(id);
                if self.questions.remove(&id).is_some()
                    && let Some(run_inbox) = &self.run_inbox
                {
                    let withdrawn = run_inbox.withdraw(id);
                    self.note(withdrawn);
                }
                self.host.withdraw(id);
            }
            // Who drives the run does these.
            Effect::Act { .. }
            | Effect::Stop { .. }
            | Effect::SetTimer { .. }
            | Effect::ClearTimer { .. }
            | Effect::Acquire { .. }
            | Effect::Release { .. }
            | Effect::AwaitWindow { .. }
            | Effect::LeaveWindow { .. }
            | Effect::Tell(_) => {}
        }
    }

    // --- Questions -----------------------------------------------------------------------

    fn ask(&mut self, id: EffectId, node: NodePath, question: Question) {
        if self.settled.contains(&id) {
            return;
        }
        if let Some(run_inbox) = &self.run_inbox {
            let asked = run_inbox.ask(id, &node, &question);
            self.note(asked);
        }
        self.questions.insert(id, (node.clone(), question.clone()));
        let answer = AnswerSender(id, self.answers.clone());
        self.host.ask(&node, &question, answer);
    }

    fn is_accepted(&self, id: EffectId, answer: &Answer, person: &Responder) -> Result<(), String> {
        if self.settled.contains(&id) {
            return Err("the question no longer needs an answer".into());
        }
        let question = self.questions.get(&id).map(|(_, question)| question);
        accepts(question, answer, person).map(|_| ())
    }

    fn poll_inbox(&mut self, requests: &mpsc::UnboundedSender<RemoteRequest>) {
        let asked = match self.run_inbox.as_mut().map(|inbox| inbox.requests()) {
            None => return,
            Some(Ok(asked)) => asked,
            Some(Err(error)) => return self.note(Err(error)),
        };
        for request in asked {
            let person = Responder {
                name: Some(request.who.clone()),
                comment: request.comment.clone(),
                uid: request.uid,
            };
            let person = masked_person(&self.vault, &person);
            let refused = match &request.asking {
                InboxRequestKind::Cancel if self.cancelled => {
                    Some(String::from("it is being cancelled already"))
                }
                InboxRequestKind::Cancel => {
                    self.cancelled = true;
                    self.host.on_external_request(&person, None);
                    self.host.cancelling();
                    // It may have ended.
                    let _ = requests.send(RemoteRequest::Cancel);
                    None
                }
                InboxRequestKind::Answer(id, answer) => {
                    match self.is_accepted(*id, answer, &person) {
                        Ok(()) => {
                            let given = masked_answer(&self.vault, answer);
                            self.host.on_external_request(&person, Some(&given));
                            let (id, answer) = (*id, answer.clone());
                            let from = person.clone();
                            let _ = requests.send(RemoteRequest::Answer { id, answer, from });
                            None
                        }
                        Err(why) => Some(why),
                    }
                }
            };
            let request = masked_request(&self.vault, request);
            if let Some(run_inbox) = &self.run_inbox {
                let settled = run_inbox.resolve(&request, refused.as_deref());
                self.note(settled);
            }
        }
    }

    // --- Output --------------------------------------------------------------------------

    fn begins(&mut self, id: EffectId, node: NodePath, is_quiet: bool) {
        if is_quiet {
            self.quiet.insert(node.clone(), QuietOutput::default());
        }
        self.nodes.insert(id, node);
    }

    /// A command has ended: its last line is shown, and what was held back where it has failed.
    fn ends(&mut self, node: &NodePath, failed: bool, at: jiff::Timestamp) {
        if let Some(rest) = self.unended.remove(node).filter(|rest| !rest.is_empty()) {
            self.show_line(node, &rest, at);
        }
        self.log_ends.remove(node);
        let Some(held) = self.quiet.remove(node).filter(|_| failed) else {
            return;
        };
        for line in held.lines() {
            self.publish_line(node, line.stream, line.text, at);
        }
    }

    /// Stores a piece of a log, and shows what of it is new.
    fn log(&mut self, node: NodePath, offset: u64, bytes: &[u8]) {
        let known = self.log_ends.get(&node).copied();
        let known = known.unwrap_or_else(|| match &self.logs {
            Some(logs) => logs.length(&node),
            None => 0,
        });
        let end = offset + bytes.len() as u64;
        let new = usize::try_from(known.saturating_sub(offset)).unwrap_or(usize::MAX);
        let new = bytes.get(new..).unwrap_or_default();
        if new.is_empty() {
            return;
        }
        if let Some(logs) = &mut self.logs {
            let written = logs.write_at(&node, end - new.len() as u64, new);
            self.note(written);
        }
        self.log_ends.insert(node.clone(), end);
        let mut text = self.unended.remove(&node).unwrap_or_default();
        text.extend_from_slice(new);
        // It is shown when it comes, which the clock of another machine does not say.
        let at = self.last_at.max(jiff::Timestamp::now());
        let mut lines = text.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            match lines.peek() {
                Some(_) => self.show_line(&node, line, at),
                None => drop(self.unended.insert(node.clone(), line.to_vec())),
            }
        }
    }

    fn show_line(&mut self, node: &NodePath, line: &[u8], at: jiff::Timestamp) {
        let text = String::from_utf8_lossy(line);
        let line = OutputLine {
            // A log does not tell them apart.
            stream: Stream::Stdout,
            text: &text,
            is_ended: true,
        };
        match self.quiet.get_mut(node) {
            Some(held) => held.add(line),
            None => self.publish_line(node, line.stream, line.text, at),
        }
    }

    fn publish_line(&mut self, node: &NodePath, stream: Stream, text: &str, at: jiff::Timestamp) {
        let what = RunEventKind::NodeOutput {
            node: node.clone(),
            stream,
            text: text.to_owned(),
        };
        self.publish(what, at);
    }

    fn publish(&mut self, what: RunEventKind, at: jiff::Timestamp) {
        self.seq += 1;
        if self.seq >= self.noted_events + NOTE_EVENTS_EVERY {
            self.note_events(true);
        }
        self.last_at = self.last_at.max(at);
        let (seq, at) = (self.seq, self.last_at);
        self.host.observe(&RunEvent { seq, at, what });
    }

    // --- Times ---------------------------------------------------------------------------

    fn note_events(&mut self, more: bool) {
        if let Some(journal) = &mut self.journal {
            let noted = journal.note_events(self.seq, more);
            self.note(noted);
        }
        self.noted_events = self.seq;
    }

    fn tick(&mut self, requests: &mpsc::UnboundedSender<RemoteRequest>) {
        self.host.tick();
        self.poll_inbox(requests);
        // Others see that it is followed.
        if self.noted.elapsed() >= HEARTBEAT_INTERVAL {
            self.noted = std::time::Instant::now();
            if let Some(journal) = &mut self.journal {
                let noted = journal.note_clock(self.clock);
                self.note(noted);
            }
            self.note_events(true);
        }
    }

    fn close(&mut self) {
        self.note_events(false);
        self.journal = None;
    }
}
