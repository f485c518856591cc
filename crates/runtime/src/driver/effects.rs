//! Executes the machine's effects: starts and stops commands, sets timers, acquires locks, asks
//! questions. Must only be called for effects whose events are in the journal.

#![deny(clippy::wildcard_enum_match_arm)]

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, mpsc, watch};
use tracing::Instrument as _;

use super::journaling::HeldEffect;
use super::quiet::QuietOutput;
use super::{
    ActionCompleter, ControlRequest, Driver, DriverMessage, OutputLines, RunningEffect,
    StopRequest, TARGET,
};
use crate::connection::Connection;
use crate::executor::{CommandWatch, ExecutedCommand};
use crate::http;
use crate::journal::JournalEntry;
use crate::process::{LeftOutput, OutputLine};
use lockstep_base::node_path::NodePath;
use lockstep_engine::{
    ActionCall, CommandRequest, Effect, EffectId, EffectOutcome, Event, LockDependencies,
    PendingWindow,
};
use lockstep_lang::ir::FailureClass;

/// So many lines are shown at a time.
const MAX_LINES_PER_MESSAGE: usize = 256;

impl Driver<'_> {
    pub(super) fn execute_effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.execute_effect(effect);
        }
    }

    fn execute_effect(&mut self, effect: Effect) {
        let (name, id) = about(&effect);
        let span = tracing::trace_span!(target: TARGET, "effect", name, id);
        let _entered = span.enter();
        tracing::trace!(target: TARGET, "is carried out");
        match effect {
            // It has been taken out and emitted.
            Effect::Tell(_) => {}
            Effect::Run { id, node, command } => {
                if command.secret {
                    self.executor.know_command(id, &node, &command);
                }
                self.hold_limit(id, &command);
                self.queue.push_back((id, node, command));
                self.start_queued();
            }
            Effect::Act { id, call } => {
                if call.secret {
                    self.executor.know_request(id, &call);
                }
                self.begin_call(id, *call);
            }
            Effect::Stop { id } => self.stop(id),
            Effect::SetTimer { id, at } => self.set_timer(id, at),
            Effect::ClearTimer { id } => {
                if let Some(at) = self.due.remove(&id) {
                    self.timers.remove(&(at, id));
                }
                self.limits.retain(|_, (timer, _)| *timer != id);
            }
            Effect::Acquire { id, node, wants } => {
                let asked = self.locks.acquire(id, &node, wants);
                self.note(asked);
                let said =
                    |event: &Event| matches!(event, Event::Queued { id: it, .. } if *it == id);
                if !self.handle_granted_locks().contains(&id) && !self.inbox.iter().any(said) {
                    self.inbox.push_back(Event::queued(id));
                }
            }
            Effect::Release { id, names } => {
                let released = self.locks.release(id, &names);
                self.note(released);
                self.handle_granted_locks();
            }
            Effect::AwaitWindow {
                id,
                node,
                windows,
                needs_ms,
            } => {
                let wanted = PendingWindow {
                    node,
                    windows,
                    needs_ms,
                };
                self.await_window(id, wanted);
            }
            Effect::LeaveWindow { id } => {
                self.windows.remove(&id);
            }
            Effect::Ask { id, node, question } => {
                self.ask(id, node, question);
            }
            Effect::Unask { id } => self.withdraw_question(id),
        }
    }

    pub(super) fn set_timer(&mut self, id: EffectId, at: i64) {
        self.timers.insert((at, id), ());
        self.due.insert(id, at);
    }

    /// Queries which locks have been granted, and passes that to the machine.
    pub(super) fn handle_granted_locks(&mut self) -> Vec<EffectId> {
        let granted = match self.locks.granted() {
            Ok(granted) => granted,
            Err(error) => {
                self.note(Err(error));
                Vec::new()
            }
        };
        if !granted.is_empty() {
            self.hear_of_other_deployments();
        }
        for id in &granted {
            // The machine still counts a regained lock as held.
            if !self.lease_lost.remove(id) {
                self.inbox.push_back(Event::Acquired { id: *id });
            }
        }
        for refused in self.locks.refused() {
            self.inbox.push_back(Event::LockRefused {
                id: refused.request,
                class: refused.class,
                message: refused.message,
            });
        }
        for (id, queue) in self.locks.moved() {
            match self.lease_lost.contains(&id) {
                true => {
                    let queue = self.redactor.queue(queue);
                    self.host.on_lock_reacquire(&queue);
                }
                false => self.inbox.push_back(Event::Queued { id, queue }),
            }
        }
        granted
    }

    /// Passes what other runs have deployed to the machine, if that has changed.
    pub(super) fn hear_of_other_deployments(&mut self) {
        match self.locks.deployed_meanwhile() {
            Ok(Some(told)) => self.inbox.push_back(told.into()),
            Ok(None) => {}
            Err(error) => self.note(Err(error)),
        }
    }

    /// Tells the locks what each of them waits for inside the run, if that has changed.
    pub(super) fn update_lock_dependencies(&mut self) {
        let dependencies = match self.machine.has_lock_dependencies() {
            true => self.machine.lock_dependencies(),
            false => LockDependencies::default(),
        };
        if dependencies != self.lock_dependencies {
            let told = self.locks.depend(&dependencies);
            self.note(told);
            self.lock_dependencies = dependencies;
        }
    }

    fn stop(&mut self, id: EffectId) {
        let waiting = self.queue.len();
        self.queue.retain(|(queued, ..)| *queued != id);
        if self.queue.len() < waiting {
            let outcome = EffectOutcome::failed(FailureClass::Cancelled, "it had not started");
            return self.inbox.push_back(Event::Ended { id, outcome });
        }
        if let Some(running) = self.running.get(&id) {
            running.stop.send_replace(Some(StopRequest::Term));
        }
    }

    // --- Commands ------------------------------------------------------------------------

    pub(super) fn start_queued(&mut self) {
        while self.broken.is_none()
            && self.resuming.is_none()
            && self.running.len() < self.settings.max.max(1)
            && let Some((id, node, command)) = self.queue.pop_front()
        {
            let (stop, _) = watch::channel(None);
            let log = Some(node.clone());
            self.running.insert(id, RunningEffect { stop, node: log });
            if command.once && self.writer.is_some() {
                // After a crash nobody could know whether it had been started.
                let held = HeldEffect::Command(id, node, command);
                self.record(JournalEntry::Begun(id), self.now(), Vec::new(), held);
            } else {
                self.start(id, node, *command);
            }
        }
    }

    /// Starts a command that has a slot.
    pub(super) fn start(&mut self, id: EffectId, node: NodePath, command: CommandRequest) {
        let Some(running) = self.running.get(&id) else {
            return;
        };
        let stop = running.stop.subscribe();
        let (executor, sender) = (self.executor.clone(), self.sender.clone());
        let backlog = self.backlog.clone();
        if command.quiet && !command.secret {
            self.quiet.insert(node.clone(), QuietOutput::default());
        }
        let of = node.clone();
        let streams_apart = self.host.needs_streams_apart();
        let begun = self.limits.contains_key(&id).then(Arc::<Notify>::default);
        let task = async move {
            let lines = Mutex::new(OutputLines::default());
            let watch = CommandWatch {
                listener: Box::new(|line: OutputLine<'_>| {
                    if let Ok(mut lines) = lines.lock() {
                        lines.push(line);
                    }
                }),
                streams_apart,
                begun: begun.clone(),
                stop,
            };
            let ended = executor.command(id, node.clone(), command, watch);
            let ended = telling(ended, begun.as_deref(), || {
                let _ = sender.send(DriverMessage::Begun(id));
            });
            let report = |lines| send_output(&sender, &node, lines);
            let ExecutedCommand { outcome, left } = backlog.hold(ended, &lines, report).await;
            if let Some(left) = left {
                let node = node.clone();
                let left = Box::new(left);
                let _ = sender.send(DriverMessage::Left { node, left });
            }
            let _ = sender.send(DriverMessage::Event(Event::Ended { id, outcome }));
        };
        let span = tracing::debug_span!(target: TARGET, "command", id = id.0, node = %of);
        self.commands.spawn(task.instrument(span));
    }

    /// A command that is to run on another machine may have to wait: its time limit begins when it
    /// has begun there.
    fn hold_limit(&mut self, id: EffectId, command: &CommandRequest) {
        let connection = command.connect.as_ref().map(Connection::from_value);
        let is_elsewhere = matches!(connection, Some(Ok(place)) if place != Connection::Local);
        if !is_elsewhere || !self.platform.spawner.tells_begin() {
            return;
        }
        if let Some(timer) = command.timeout
            && let Some(at) = self.due.remove(&timer)
        {
            self.timers.remove(&(at, timer));
            self.limits.insert(id, (timer, at - self.now()));
        }
    }

    /// A command has begun on its machine, perhaps not for the first time.
    pub(super) fn command_has_begun(&mut self, id: EffectId) {
        if let Some((timer, after)) = self.limits.remove(&id) {
            self.set_timer(timer, self.now() + after);
        }
    }

    /// Shows what is still written to the output of a command that has ended.
    pub(super) fn pass_on(&mut self, node: NodePath, left: LeftOutput) {
        let (sender, backlog) = (self.sender.clone(), self.backlog.clone());
        self.left.spawn(async move {
            let lines = Mutex::new(OutputLines::default());
            let mut listener = |line: OutputLine<'_>| {
                if let Ok(mut lines) = lines.lock() {
                    lines.push(line);
                }
            };
            let report = |lines| send_output(&sender, &node, lines);
            let passed = left.pass_on(&mut listener);
            backlog.hold(passed, &lines, report).await;
        });
    }

    /// Stops every command and waits until they are gone; by force if asked once more.
    pub(super) async fn stop_all(
        &mut self,
        how: StopRequest,
        control: &mut mpsc::UnboundedReceiver<ControlRequest>,
    ) {
        self.queue.clear();
        self.backlog.open();
        let stop = |running: &RunningEffect| running.stop.send_replace(Some(how));
        self.running.values().for_each(|running| {
            stop(running);
        });
        let mut asked = true;
        while !self.commands.is_empty() {
            tokio::select! {
                _ = self.commands.join_next() => {}
                more = control.recv(), if asked => {
                    asked = more.is_some();
                    for running in self.running.values().filter(|_| more.is_some()) {
                        running.stop.send_replace(Some(StopRequest::Kill));
                    }
                }
            }
        }
    }

    // --- Actions -------------------------------------------------------------------------

    pub(super) fn begin_call(&mut self, id: EffectId, call: ActionCall) {
        if call.once && self.writer.is_some() {
            let held = HeldEffect::Action(id, call);
            self.record(JournalEntry::Begun(id), self.now(), Vec::new(), held);
        } else {
            self.call(id, call);
        }
    }

    pub(super) fn call(&mut self, id: EffectId, call: ActionCall) {
        let done = ActionCompleter(id, self.sender.clone());
        match http::is_built_in(&call.action) {
            true => self.request(call, done),
            false => match self.executor.make_files_of(&call.args) {
                Ok(()) => self.host.act(&call.node, &call.action, call.args, done),
                Err(failed) => done.finish(failed),
            },
        }
    }

    /// Makes a request. A cancelled one is not waited for.
    fn request(&mut self, call: ActionCall, done: ActionCompleter) {
        let (stop, stopped) = watch::channel(None);
        let id = done.0;
        self.running.insert(id, RunningEffect { stop, node: None });
        let span = tracing::debug_span!(
            target: TARGET, "action", id = id.0, name = %call.action
        );
        let executor = self.executor.clone();
        let task = async move { done.finish(executor.request(id, call, stopped).await) };
        self.commands.spawn(task.instrument(span));
    }
}

/// Waits for the end of a command, and tells when it has begun.
async fn telling<T>(ended: impl Future<Output = T>, begun: Option<&Notify>, tell: impl Fn()) -> T {
    let Some(begun) = begun else {
        return ended.await;
    };
    let mut ended = std::pin::pin!(ended);
    tokio::select! {
        biased;
        () = begun.notified() => tell(),
        ended = &mut ended => return ended,
    }
    ended.await
}

/// An effect's name and id, for the log; its contents may be secret.
fn about(effect: &Effect) -> (&'static str, Option<u64>) {
    match effect {
        Effect::Run { id, .. } => ("run", Some(id.0)),
        Effect::Act { id, .. } => ("act", Some(id.0)),
        Effect::Stop { id } => ("stop", Some(id.0)),
        Effect::SetTimer { id, .. } => ("set-timer", Some(id.0)),
        Effect::ClearTimer { id } => ("clear-timer", Some(id.0)),
        Effect::Acquire { id, .. } => ("acquire", Some(id.0)),
        Effect::Release { id, .. } => ("release", Some(id.0)),
        Effect::AwaitWindow { id, .. } => ("await-window", Some(id.0)),
        Effect::LeaveWindow { id } => ("leave-window", Some(id.0)),
        Effect::Ask { id, .. } => ("ask", Some(id.0)),
        Effect::Unask { id } => ("unask", Some(id.0)),
        Effect::Tell(_) => ("tell", None),
    }
}

/// Sends lines to the driver, in pieces: between two of them it hears signals.
fn send_output(sender: &mpsc::UnboundedSender<DriverMessage>, node: &NodePath, lines: OutputLines) {
    for lines in lines.pieces(MAX_LINES_PER_MESSAGE) {
        let node = node.clone();
        // The run may be over.
        let _ = sender.send(DriverMessage::Output { node, lines });
    }
}
