//! Write-ahead journaling: the effects of an event are held until the event is in the journal. A
//! resumed run replays its journal. Invariant: no effect is released before its record is written.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{
    DriveError, Driver, DriverMessage, Platform, RecordedRun, RunHost, RunPersistence, RunSettings,
    TARGET, machine_of,
};
use crate::executor::EffectExecutor;
use crate::journal::{JournalEntry, JournalRecord};
use crate::journal_writer::JournalWriter;
use crate::replay::{replay, replayed_events};
use crate::secrets::SecretVault;
use crate::shown_events::EventRedactor;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind};
use lockstep_engine::{
    ActionCall, CommandRequest, Effect, EffectId, EffectOutcome, Event, LockDependencies,
    PendingEffects,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Plan, connection_text};

/// With so many commands running, a record may wait a moment for others (group commit): the machine
/// has enough to do.
const GROUP_COMMIT_MIN_RUNNING: usize = 4;
const GROUP_COMMIT_DELAY: Duration = Duration::from_millis(1);

/// The maximum wait while more commands are queued than can run: none of them depends on the
/// record.
const QUEUED_GROUP_COMMIT_DELAY: Duration = Duration::from_millis(20);

/// What the machine has held back goes on while fewer records than this are being written.
const MAX_RECORDS_AHEAD: u64 = 4;

/// What is held until a record is written.
pub(super) enum HeldEffect {
    /// The effects of an event.
    Effects(Vec<Effect>),
    /// The start of a command that must not be started twice.
    Command(EffectId, NodePath, Box<CommandRequest>),
    /// The call of an action that must not be called twice.
    Action(EffectId, ActionCall),
}

/// An event's name and the id of its effect, for the log; its contents may be secret.
fn about(event: &Event) -> (&'static str, Option<u64>) {
    match event {
        Event::Start => ("start", None),
        Event::GoOn => ("go-on", None),
        Event::Resumed { .. } => ("resumed", None),
        Event::DeployedMeanwhile { .. } => ("deployed-meanwhile", None),
        Event::Ended { id, .. } => ("ended", Some(id.0)),
        Event::Fired { id } => ("fired", Some(id.0)),
        Event::Queued { id, .. } => ("queued", Some(id.0)),
        Event::LockRefused { id, .. } => ("lock-refused", Some(id.0)),
        Event::Acquired { id } => ("acquired", Some(id.0)),
        Event::WindowOpen { id } => ("window-open", Some(id.0)),
        Event::WindowClosed { id, .. } => ("window-closed", Some(id.0)),
        Event::Answered { id, .. } => ("answered", Some(id.0)),
        Event::Cancel => ("cancel", None),
    }
}

impl<'h> Driver<'h> {
    pub(super) fn new(
        plan: Arc<Plan>,
        vault: Arc<SecretVault>,
        platform: Platform,
        settings: RunSettings,
        persistence: RunPersistence,
        host: &'h mut dyn RunHost,
        sender: mpsc::UnboundedSender<DriverMessage>,
    ) -> Result<Self, DriveError> {
        let executor = EffectExecutor::new(
            &settings.run,
            &plan.bound.program.secrets,
            vault.clone(),
            platform.clone(),
            settings.folder.clone(),
            settings.found_programs.clone(),
        );
        let (way, completed) = (persistence.way_back, persistence.completed_work);
        let machine = machine_of(plan, &settings, &vault, way, completed)?;
        let begun = platform.clock.elapsed();
        let mut driver = Self {
            machine,
            redactor: EventRedactor::new(vault.clone()),
            executor,
            vault,
            settings,
            host,
            sender,
            begun,
            offset: persistence.past.clock,
            set_back: jiff::SignedDuration::ZERO,
            timers: BTreeMap::new(),
            due: HashMap::new(),
            limits: HashMap::new(),
            locks: persistence.locks,
            commands: JoinSet::new(),
            left: JoinSet::new(),
            running: HashMap::new(),
            quiet: HashMap::new(),
            queue: VecDeque::new(),
            backlog: Arc::default(),
            inbox: VecDeque::new(),
            writer: None,
            recorded: 0,
            written: 0,
            has_gone_on: false,
            noted: begun,
            platform,
            held: VecDeque::new(),
            begun_once: HashSet::new(),
            logs: persistence.logs,
            run_inbox: persistence.run_inbox,
            questions: HashMap::new(),
            settled: HashSet::new(),
            lock_dependencies: LockDependencies::default(),
            windows: BTreeMap::new(),
            lease_lost: HashSet::new(),
            cancelled: false,
            broken: None,
            seq: 0,
            told_events: 0,
            resuming: None,
            last_recorded_at: jiff::Timestamp::MIN,
        };
        // One that was killed before its first record has not begun for its clock either.
        driver.go_on_from(Some(driver.settings.run.started_at));
        let has_started = |record: &JournalRecord| record.what == JournalEntry::Event(Event::Start);
        if !persistence.past.records.iter().any(has_started) {
            // Where it is resumed, it was killed before its start was written down: what came
            // before that is known, and it begins now.
            if !persistence.past.records.is_empty() {
                driver.replay_journal(persistence.past)?;
            }
            driver.hear_of_other_deployments();
            driver.inbox.push_back(Event::Start);
        } else {
            let (by, uid) = (
                persistence.past.resumed_by.clone(),
                persistence.past.resumer_uid,
            );
            driver.replay_journal(persistence.past)?;
            if let Some(told) = driver.locks.deployed_meanwhile()? {
                driver.inbox.push_front(told.into());
            }
            driver.inbox.push_front(Event::Resumed { by, uid });
        }
        if let Some(journal) = persistence.journal {
            let sender = driver.sender.clone();
            let report = move |written| {
                // The run may be over.
                let _ = sender.send(DriverMessage::Written(written));
            };
            let writer = JournalWriter::start(journal, report);
            let writer = writer.map_err(|error| DriveError::NoThread(error.to_string()));
            driver.writer = Some(writer?);
        }
        Ok(driver)
    }

    // --- What happens now ----------------------------------------------------------------

    /// Queues an event for the machine.
    pub(super) fn journal_event(&mut self, event: Event) {
        self.inbox.push_back(event);
        self.work();
    }

    /// Starts the outstanding work of a resumed run.
    pub(super) fn apply_journaled(&mut self) {
        // The machine's clock stood still while the run waited for its locks.
        self.begun = self.elapsed();
        let held = std::mem::take(&mut self.held);
        let is_resumed = !held.is_empty();
        if is_resumed {
            // The first event of all that follows says that the run is resumed. What later runs
            // have deployed comes with it: it stops what must not begin again.
            self.resuming = Some((self.recorded + self.inbox.len() as u64, held));
        }
        self.work();
        match (&self.resuming, &self.writer) {
            (Some(_), None) => self.go_on(),
            (Some(_), Some(_)) => {}
            (None, _) => self.start_queued(),
        }
    }

    /// It has been told that the run is resumed: what had not ended is begun again.
    fn go_on(&mut self) {
        let Some((_, held)) = self.resuming.take() else {
            return;
        };
        for held in held {
            self.release_effects(held);
        }
        let again = self.queue.iter();
        let again: Vec<RunEventKind> = again
            .map(|(_, node, command)| RunEventKind::NodeStarted {
                node: node.clone(),
                kind: NodeKind::Run,
                text: Some(self.vault.mask(&command.text)),
                place: command.connect.as_ref().map(connection_text),
                deployment: None,
            })
            .collect();
        for started in again {
            let event = self.numbered(started, self.time());
            self.host.on_restart(&event);
        }
        self.start_queued();
    }

    /// Passes all queued events to the machine, and releases the effects that need not wait.
    pub(super) fn work(&mut self) {
        while let Some(event) = self.next_event() {
            let clock = self.now();
            let (name, id) = about(&event);
            tracing::trace!(target: TARGET, event = name, id, clock, "the machine takes an event");
            let recorded = self.writer.as_ref().map(|_| self.vault.sealed(&event));
            let mut effects = self.machine.handle(clock, event);
            if self.is_machine_broken() {
                // The event has no effects, so it is not recorded either.
                return;
            }
            match recorded {
                Some(event) => {
                    let told = self.masked(&mut effects);
                    self.record(
                        JournalEntry::Event(event),
                        clock,
                        told,
                        HeldEffect::Effects(effects),
                    );
                }
                None => {
                    let at = self.time();
                    for what in self.masked(&mut effects) {
                        self.publish(what, at);
                    }
                    self.execute_effects(effects);
                }
            }
        }
    }

    /// What the machine takes next: what has happened, else what it had held back.
    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.inbox.pop_front() {
            return Some(event);
        }
        if self.machine.finished().is_some() || !self.machine.has_more() {
            return None;
        }
        match &self.writer {
            // The end of a record lets it go on.
            Some(_) if self.recorded - self.written >= MAX_RECORDS_AHEAD => None,
            Some(_) => Some(Event::GoOn),
            // Others get their turn between.
            None if self.has_gone_on => {
                self.has_gone_on = false;
                // The driver outlives its work.
                let _ = self.sender.send(DriverMessage::GoOn);
                None
            }
            None => {
                self.has_gone_on = true;
                Some(Event::GoOn)
            }
        }
    }

    /// The events among effects, taken out of them, and the effects: as others may know them.
    fn masked(&mut self, effects: &mut Vec<Effect>) -> Vec<RunEventKind> {
        let mut told = Vec::new();
        for event in replayed_events(effects) {
            self.host.check(&event);
            told.push(self.redactor.told(event));
        }
        for effect in effects {
            self.redactor.effect(effect);
        }
        told
    }

    /// Appends a record; its effects are held until it is written.
    pub(super) fn record(
        &mut self,
        what: JournalEntry,
        clock: i64,
        told: Vec<RunEventKind>,
        held: HeldEffect,
    ) {
        let Some(writer) = &self.writer else { return };
        self.recorded += 1;
        self.noted = self.elapsed();
        let record = JournalRecord {
            seq: self.recorded,
            at: self.time(),
            clock,
            what,
            told,
        };
        writer.write(record, self.commit_delay());
        self.held.push_back(held);
    }

    /// How long a record may wait before it is written.
    fn commit_delay(&self) -> Duration {
        if self.running.len() < GROUP_COMMIT_MIN_RUNNING {
            Duration::ZERO
        } else if self.queue.len() < self.settings.max {
            GROUP_COMMIT_DELAY
        } else {
            QUEUED_GROUP_COMMIT_DELAY
        }
    }

    /// These records are in the journal: releases the effects that were held for them.
    pub(super) fn release(&mut self, records: Vec<JournalRecord>) {
        for record in records {
            self.written = record.seq;
            for what in record.told {
                self.publish(what, record.at);
            }
            if let Some(held) = self.held.pop_front() {
                self.release_effects(held);
            }
            if matches!(&self.resuming, Some((first, _)) if *first <= self.written) {
                self.go_on();
            }
        }
        self.work();
    }

    fn release_effects(&mut self, held: HeldEffect) {
        match held {
            HeldEffect::Effects(effects) => self.execute_effects(effects),
            HeldEffect::Command(id, node, command) => self.start(id, node, *command),
            HeldEffect::Action(id, call) => self.call(id, call),
        }
    }

    /// Whether the run has ended and nothing is held any more.
    pub(super) fn has_ended(&self) -> bool {
        self.machine.finished().is_some() && self.written == self.recorded
    }

    /// All commands have been killed. Those that had ended by themselves before are recorded, so
    /// that they do not run again; killed ones are not recorded and will run again.
    pub(super) fn record_ends(&mut self, messages: &mut mpsc::UnboundedReceiver<DriverMessage>) {
        while let Ok(message) = messages.try_recv() {
            let (id, outcome) = match message {
                DriverMessage::Event(Event::Ended { id, outcome }) => (id, outcome),
                DriverMessage::Written(Ok(records)) => {
                    self.publish_written(records);
                    continue;
                }
                output @ DriverMessage::Output { .. } => {
                    self.handle_message(output);
                    continue;
                }
                DriverMessage::Event(_)
                | DriverMessage::Begun(_)
                | DriverMessage::GoOn
                | DriverMessage::Left { .. }
                | DriverMessage::Answered(..)
                | DriverMessage::Written(Err(_)) => continue,
            };
            let killed = matches!(outcome.failure, Some((FailureClass::Cancelled, _)));
            if killed || self.writer.is_none() {
                continue;
            }
            let clock = self.now();
            let event = Event::Ended { id, outcome };
            let sealed = self.vault.sealed(&event);
            let mut effects = self.machine.handle(clock, event);
            if self.is_machine_broken() {
                break;
            }
            let event = sealed;
            let told = self.masked(&mut effects);
            self.record(
                JournalEntry::Event(event),
                clock,
                told,
                HeldEffect::Effects(effects),
            );
        }
        self.close();
        while let Ok(message) = messages.try_recv() {
            if let DriverMessage::Written(Ok(records)) = message {
                self.publish_written(records);
            }
        }
    }

    /// These records are in the journal, and nothing follows from them any more.
    fn publish_written(&mut self, records: Vec<JournalRecord>) {
        for record in records {
            self.written = record.seq;
            for what in record.told {
                self.publish(what, record.at);
            }
        }
    }

    /// The run stops in its present state: flushes what is being written to disk.
    pub(super) fn close(&mut self) {
        if let Some(logs) = &mut self.logs {
            // The run stops anyway.
            let _ = logs.flush();
        }
        if let Some(writer) = &self.writer {
            writer.note_clock(self.now());
            writer.note_events(self.seq, false);
        }
        // Waits until everything is written.
        self.writer = None;
    }

    // --- What happened before ------------------------------------------------------------

    /// Replays a journal, and starts what is outstanding.
    fn replay_journal(&mut self, past: RecordedRun) -> Result<(), DriveError> {
        let mut heard = Vec::new();
        let past_events = past.events;
        let hear = |at, what, told| heard.push((at, what, told));
        let replayed = replay(&mut self.machine, past.records, &mut self.redactor, hear)?;
        // If the journal does not match, none of its events are emitted.
        for (at, was, what) in heard {
            self.seq += 1;
            self.host.check(&was);
            self.host.on_replayed_event(&RunEvent {
                seq: self.seq,
                at,
                what,
            });
        }
        self.seq = self.seq.max(past_events);
        self.told_events = self.seq;
        self.offset = self.offset.max(replayed.clock);
        self.go_on_from(replayed.last_at);
        self.begun_once = replayed.begun;
        (self.recorded, self.written) = (replayed.seq, replayed.seq);
        self.begun = self.elapsed();
        for (id, (node, command)) in &replayed.makers.commands {
            self.executor.know_command(*id, node, command);
        }
        for (id, call) in &replayed.makers.actions {
            self.executor.know_request(*id, call);
        }
        if self.is_machine_broken() {
            return Ok(());
        }
        self.execute_pending(replayed.left)
    }

    fn execute_pending(&mut self, left: PendingEffects) -> Result<(), DriveError> {
        let mut requests: Vec<_> = left.locks.into_iter().collect();
        for (_, request) in &mut requests {
            request.node = self.redactor.shown_path(&request.node);
        }
        self.lease_lost = self.locks.restore(&requests)?.into_iter().collect();
        let granted = self.handle_granted_locks();
        for (id, request) in &requests {
            if !request.granted && !request.queued && !granted.contains(id) {
                self.inbox.push_back(Event::queued(*id));
            }
        }
        for (id, at) in left.timers {
            self.set_timer(id, at);
        }
        for (id, (node, command)) in left.commands {
            match self.restart_effect(id, command.once, left.stopped.contains(&id)) {
                Some(outcome) => self.inbox.push_back(Event::Ended { id, outcome }),
                None => {
                    let node = self.redactor.shown_path(&node);
                    self.queue.push_back((id, node, command));
                }
            }
        }
        for (id, wanted) in left.windows {
            self.await_window(id, wanted);
        }
        let mut again = Vec::new();
        for (id, call) in left.actions {
            match self.restart_effect(id, call.once, left.stopped.contains(&id)) {
                Some(outcome) => self.inbox.push_back(Event::Ended { id, outcome }),
                None => again.push(Effect::Act { id, call }),
            }
        }
        let ask = |(id, (node, question))| Effect::Ask { id, node, question };
        again.extend(left.questions.into_iter().map(ask));
        for effect in &mut again {
            self.redactor.effect(effect);
        }
        self.held.push_back(HeldEffect::Effects(again));
        Ok(())
    }

    /// The outcome of something that was in flight when the run stopped; nothing if it is to be
    /// started again.
    fn restart_effect(&self, id: EffectId, once: bool, stopped: bool) -> Option<EffectOutcome> {
        if stopped {
            let message = "it was being stopped when the run was interrupted";
            return Some(EffectOutcome::failed(FailureClass::Cancelled, message));
        }
        if once && self.begun_once.contains(&id) {
            let message = "it was running when the run was interrupted, and may run only once";
            return Some(EffectOutcome::failed(FailureClass::Interrupted, message));
        }
        None
    }
}
