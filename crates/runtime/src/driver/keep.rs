//! Write-ahead journaling: the effects of an event are held until the event is in the journal. A
//! resumed run replays its journal. Invariant: no effect is released before its record is written.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{DriveError, Driver, Host, Keeping, Message, Past, Platform, Settings, TARGET};
use crate::journal::{Record, Recorded};
use crate::replay::{replay, told};
use crate::secrets::Vault;
use crate::writer::Writer;
use lockstep_base::source::Name;
use lockstep_engine::notice::{Happened, RunEvent};
use lockstep_engine::{
    ActionCall, Command, Effect, EffectId, Event, Machine, Outcome, Outstanding,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;
use lockstep_verify::audit::Audit;

/// With so many commands running, a record may wait a moment for others (group commit): the machine
/// has enough to do.
const BUSY: usize = 4;
const MOMENT: Duration = Duration::from_millis(1);

/// The maximum wait while more commands are queued than can run: none of them depends on the
/// record.
const WHILE: Duration = Duration::from_millis(20);

/// What is held until a record is written.
pub(super) enum Held {
    /// The effects of an event.
    Effects(Vec<Effect>),
    /// The start of a command that must not be started twice.
    Command(EffectId, Name, Box<Command>),
    /// The call of an action that must not be called twice.
    Action(EffectId, ActionCall),
}

/// An event's name and the id of its effect, for the log; its contents may be secret.
fn about(event: &Event) -> (&'static str, Option<u64>) {
    match event {
        Event::Start => ("start", None),
        Event::Ended { id, .. } => ("ended", Some(id.0)),
        Event::Fired { id } => ("fired", Some(id.0)),
        Event::Queued { id, .. } => ("queued", Some(id.0)),
        Event::Acquired { id } => ("acquired", Some(id.0)),
        Event::Answered { id, .. } => ("answered", Some(id.0)),
        Event::Cancel => ("cancel", None),
    }
}

impl<'h> Driver<'h> {
    pub(super) fn new(
        plan: Arc<Plan>,
        vault: Arc<Vault>,
        platform: Platform,
        settings: Settings,
        keeping: Keeping,
        host: &'h mut dyn Host,
        sender: mpsc::UnboundedSender<Message>,
    ) -> Result<Self, DriveError> {
        let audit = Audit::new(plan.clone());
        let machine = Machine::new(plan, settings.run.clone(), settings.seed);
        let machine = machine.keeping(keeping.kept);
        let begun = platform.clock.elapsed();
        let mut driver = Self {
            machine,
            vault,
            settings,
            host,
            sender,
            begun,
            offset: keeping.past.clock,
            timers: BTreeMap::new(),
            due: HashMap::new(),
            locks: keeping.locks,
            commands: JoinSet::new(),
            running: HashMap::new(),
            queue: VecDeque::new(),
            backlog: Arc::default(),
            inbox: VecDeque::new(),
            writer: None,
            recorded: 0,
            written: 0,
            noted: begun,
            platform,
            held: VecDeque::new(),
            begun_once: HashSet::new(),
            logs: keeping.logs,
            desk: keeping.desk,
            questions: HashMap::new(),
            lost: HashSet::new(),
            cancelled: false,
            broken: None,
            seq: 0,
            told_at: jiff::Timestamp::MIN,
            audit,
        };
        if keeping.past.records.is_empty() {
            driver.inbox.push_back(Event::Start);
        } else {
            driver.take_up(keeping.past)?;
        }
        if let Some(journal) = keeping.journal {
            let sender = driver.sender.clone();
            let tell = move |written| {
                // The run may be over.
                let _ = sender.send(Message::Written(written));
            };
            let writer = Writer::start(journal, tell);
            let writer = writer.map_err(|error| DriveError::NoThread(error.to_string()));
            driver.writer = Some(writer?);
        }
        Ok(driver)
    }

    // --- What happens now ----------------------------------------------------------------

    /// Queues an event for the machine.
    pub(super) fn happen(&mut self, event: Event) {
        self.inbox.push_back(event);
        self.work();
    }

    /// Starts the outstanding work of a resumed run.
    pub(super) fn go_on(&mut self) {
        // The machine's clock stood still while the run waited for its locks.
        self.begun = self.elapsed();
        for held in std::mem::take(&mut self.held) {
            self.let_out(held);
        }
        self.work();
        self.start_queued();
    }

    /// Passes all queued events to the machine, and releases the effects that need not wait.
    pub(super) fn work(&mut self) {
        while let Some(event) = self.inbox.pop_front() {
            let clock = self.now();
            let (name, id) = about(&event);
            tracing::trace!(target: TARGET, event = name, id, clock, "the machine takes an event");
            let recorded = self.writer.as_ref().map(|_| event.clone());
            let mut effects = self.machine.handle(clock, event);
            if self.is_machine_broken() {
                // The event has no effects, so it is not recorded either.
                return;
            }
            match recorded {
                Some(event) => {
                    let told = told(&mut effects);
                    self.record(Recorded::Event(event), clock, told, Held::Effects(effects));
                }
                None => {
                    let at = self.time();
                    for what in told(&mut effects) {
                        self.tell(what, at);
                    }
                    self.carry_all(effects);
                }
            }
        }
    }

    /// Appends a record; its effects are held until it is written.
    pub(super) fn record(&mut self, what: Recorded, clock: i64, told: Vec<Happened>, held: Held) {
        let Some(writer) = &self.writer else { return };
        self.recorded += 1;
        self.noted = self.elapsed();
        let record = Record {
            seq: self.recorded,
            at: self.time(),
            clock,
            what,
            told,
        };
        writer.write(record, self.patience());
        self.held.push_back(held);
    }

    /// How long a record may wait before it is written.
    fn patience(&self) -> Duration {
        if self.running.len() < BUSY {
            Duration::ZERO
        } else if self.queue.len() < self.settings.max {
            MOMENT
        } else {
            WHILE
        }
    }

    /// These records are in the journal: releases the effects that were held for them.
    pub(super) fn release(&mut self, records: Vec<Record>) {
        for record in records {
            self.written = record.seq;
            for what in record.told {
                self.tell(what, record.at);
            }
            if let Some(held) = self.held.pop_front() {
                self.let_out(held);
            }
        }
        self.work();
    }

    fn let_out(&mut self, held: Held) {
        match held {
            Held::Effects(effects) => self.carry_all(effects),
            Held::Command(id, node, command) => self.start(id, node, *command),
            Held::Action(id, call) => self.call(id, call),
        }
    }

    /// Whether the run has ended and nothing is held any more.
    pub(super) fn has_ended(&self) -> bool {
        self.machine.finished().is_some() && self.written == self.recorded
    }

    /// All commands have been killed. Those that had ended by themselves before are recorded, so
    /// that they do not run again; killed ones are not recorded and will run again.
    pub(super) fn note_ends(&mut self, messages: &mut mpsc::UnboundedReceiver<Message>) {
        while let Ok(message) = messages.try_recv() {
            let Message::Event(Event::Ended { id, outcome }) = message else {
                continue;
            };
            let killed = matches!(outcome.failure, Some((FailureClass::Cancelled, _)));
            if killed || self.writer.is_none() {
                continue;
            }
            let clock = self.now();
            let event = Event::Ended { id, outcome };
            let mut effects = self.machine.handle(clock, event.clone());
            if self.is_machine_broken() {
                break;
            }
            let told = told(&mut effects);
            self.record(Recorded::Event(event), clock, told, Held::Effects(effects));
        }
        self.close();
    }

    /// The run stops in its present state: flushes what is being written to disk.
    pub(super) fn close(&mut self) {
        if let Some(logs) = &mut self.logs {
            // The run stops anyway.
            let _ = logs.flush();
        }
        if let Some(writer) = &self.writer {
            writer.note_clock(self.now());
        }
        // Waits until everything is written.
        self.writer = None;
    }

    // --- What happened before ------------------------------------------------------------

    /// Replays a journal, and starts what is outstanding.
    fn take_up(&mut self, past: Past) -> Result<(), DriveError> {
        let mut heard = Vec::new();
        let hear = |at, what| heard.push((at, what));
        let replayed = replay(&mut self.machine, past.records, hear)?;
        // If the journal does not match, none of its events are emitted.
        for (at, what) in heard {
            self.seq += 1;
            if let Some(stray) = self.audit.first_stray(&what) {
                self.host.strays(&stray);
            }
            self.host.remember(&RunEvent {
                seq: self.seq,
                at,
                what,
            });
        }
        self.offset = self.offset.max(replayed.clock);
        self.begun_once = replayed.begun;
        (self.recorded, self.written) = (replayed.seq, replayed.seq);
        self.begun = self.elapsed();
        if self.is_machine_broken() {
            return Ok(());
        }
        self.do_what_is_left(replayed.left)
    }

    fn do_what_is_left(&mut self, left: Outstanding) -> Result<(), DriveError> {
        let requests: Vec<_> = left.locks.into_iter().collect();
        self.lost = self.locks.restore(&requests)?.into_iter().collect();
        let granted = self.take_granted();
        for (id, request) in &requests {
            if !request.granted && !request.queued && !granted.contains(id) {
                self.inbox.push_back(Event::queued(*id));
            }
        }
        for (id, at) in left.timers {
            self.set_timer(id, at);
        }
        for (id, (node, command)) in left.commands {
            match self.after_all(id, command.once, left.stopped.contains(&id)) {
                Some(outcome) => self.inbox.push_back(Event::Ended { id, outcome }),
                None => self.queue.push_back((id, node, command)),
            }
        }
        let mut again = Vec::new();
        for (id, call) in left.actions {
            match self.after_all(id, call.once, left.stopped.contains(&id)) {
                Some(outcome) => self.inbox.push_back(Event::Ended { id, outcome }),
                None => again.push(call.effect(id)),
            }
        }
        let ask = |(id, (node, question))| Effect::Ask { id, node, question };
        again.extend(left.questions.into_iter().map(ask));
        self.held.push_back(Held::Effects(again));
        Ok(())
    }

    /// The outcome of something that was in flight when the run stopped; nothing if it is to be
    /// started again.
    fn after_all(&self, id: EffectId, once: bool, stopped: bool) -> Option<Outcome> {
        if stopped {
            let message = "it was being stopped when the run was interrupted";
            return Some(Outcome::failed(FailureClass::Cancelled, message));
        }
        if once && self.begun_once.contains(&id) {
            let message = "it was running when the run was interrupted, and may run only once";
            return Some(Outcome::failed(FailureClass::Interrupted, message));
        }
        None
    }
}
