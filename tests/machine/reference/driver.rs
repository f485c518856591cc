//! Drives the machine through the same world as the reference: the same table of commands, the same
//! clock, locks in the order in which they are asked for. A kill makes another machine out of what
//! was handled before, and starts again what was running.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_engine::lock::LockTable;
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{Effect, EffectId, EffectOutcome, Event, Machine};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;
use lockstep_verify::simulate::{command_value, run_facts};

use crate::machine::oracle::Luck;

use super::clock::{Line, course};

/// What is to come.
enum Coming {
    Event(Event),
    /// A command ends, and whether it ends well.
    End(EffectId, bool),
    Kill,
}

struct Command {
    text: String,
    ends: i64,
    fails: bool,
    stops: i64,
    stopping: bool,
}

pub struct Driver {
    plan: Arc<Plan>,
    machine: Machine,
    luck: Luck,
    now: i64,
    coming: BTreeMap<(i64, u64), Coming>,
    next: u64,
    commands: BTreeMap<EffectId, Command>,
    started: BTreeMap<String, u32>,
    locks: LockTable<EffectId>,
    handled: Vec<(i64, Event)>,
    pub log: Vec<Line>,
    pub told: Vec<RunEventKind>,
}

impl Driver {
    pub fn new(plan: &Arc<Plan>, luck: Luck) -> Self {
        Self {
            plan: plan.clone(),
            machine: Machine::new(plan.clone(), run_facts(), 1),
            luck,
            now: 0,
            coming: BTreeMap::new(),
            next: 0,
            commands: BTreeMap::new(),
            started: BTreeMap::new(),
            locks: LockTable::default(),
            handled: Vec::new(),
            log: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Runs to the end: how the run ends.
    pub fn run(&mut self, cancel_at: Option<i64>, kill_at: Option<i64>) -> Result<Status, String> {
        self.comes(0, Coming::Event(Event::Start));
        if let Some(at) = cancel_at {
            self.comes(at, Coming::Event(Event::Cancel));
        }
        if let Some(at) = kill_at {
            self.comes(at, Coming::Kill);
        }
        while let Some(((at, _), what)) = self.coming.pop_first() {
            self.now = at;
            match what {
                Coming::Event(event) => self.handle(event),
                Coming::End(id, good) => self.command_ended(id, good),
                Coming::Kill => self.kill(),
            }
            if let Some(broken) = self.machine.broken() {
                return Err(format!("a broken rule: {broken:?}"));
            }
            if let Some(status) = self.machine.finished() {
                return match self.machine.active_entries() {
                    0 => Ok(status),
                    left => Err(format!("{left} entries are left over")),
                };
            }
        }
        Err(String::from("it never ends"))
    }

    fn comes(&mut self, at: i64, what: Coming) {
        self.next += 1;
        self.coming.insert((at, self.next), what);
    }

    fn handle(&mut self, event: Event) {
        self.handled.push((self.now, event.clone()));
        for effect in self.machine.handle(self.now, event) {
            self.act(effect);
        }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Run { id, command, .. } => self.start(id, command.text),
            Effect::Stop { id } => self.stop(id),
            Effect::SetTimer { id, at } => self.comes(at, Coming::Event(Event::Fired { id })),
            Effect::ClearTimer { id } => self.coming.retain(
                |_, it| !matches!(it, Coming::Event(Event::Fired { id: other }) if *other == id),
            ),
            Effect::Acquire { id, wants, .. } => {
                self.locks.acquire(id, wants);
                self.grant();
                if self.locks.is_waiting(id) {
                    self.comes(self.now, Coming::Event(Event::queued(id)));
                }
            }
            Effect::Release { id, names } => {
                self.locks.release(id, &names);
                self.grant();
            }
            Effect::Tell(happened) => self.told.push(happened),
            // Nobody answers.
            Effect::Ask { .. } | Effect::Unask { .. } | Effect::Act { .. } => {}
            Effect::AwaitWindow { .. } | Effect::LeaveWindow { .. } => {}
        }
    }

    fn grant(&mut self) {
        for id in self.locks.grant() {
            self.comes(self.now, Coming::Event(Event::Acquired { id }));
        }
    }

    fn start(&mut self, id: EffectId, text: String) {
        let before = self.started.entry(text.clone()).or_default();
        let course = course(&self.luck, &text, *before);
        *before += 1;
        self.log.push((self.now, "starts", text.clone()));
        let ends = self.now + course.takes;
        let command = Command {
            text,
            ends,
            fails: course.fails,
            stops: course.stops,
            stopping: false,
        };
        self.comes(ends, Coming::End(id, !command.fails));
        self.commands.insert(id, command);
    }

    fn stop(&mut self, id: EffectId) {
        let Some(command) = self.commands.get_mut(&id) else {
            return;
        };
        command.stopping = true;
        let last = self.now + command.stops;
        if last < command.ends {
            self.forget_end(id);
            self.comes(last, Coming::End(id, false));
        }
    }

    fn forget_end(&mut self, id: EffectId) {
        let of = |it: &Coming| matches!(it, Coming::End(other, _) if *other == id);
        self.coming.retain(|_, it| !of(it));
    }

    fn command_ended(&mut self, id: EffectId, good: bool) {
        let Some(command) = self.commands.remove(&id) else {
            return;
        };
        let says = if self.luck.says_yes(&command.text) {
            "yes"
        } else {
            "no"
        };
        self.log.push((self.now, "ends", command.text));
        let failure = (!good).then(|| (FailureClass::Exit, String::from("bad luck")));
        let value = command_value(says, i64::from(!good), []);
        let outcome = EffectOutcome {
            value,
            failure,
            ending: Default::default(),
        };
        self.handle(Event::Ended { id, outcome });
    }

    /// Everything stops dead; another machine reads the journal and goes on.
    fn kill(&mut self) {
        self.machine = Machine::new(self.plan.clone(), run_facts(), 1);
        for (at, event) in &self.handled {
            let _ = self.machine.handle(*at, event.clone());
        }
        let running: Vec<EffectId> = self.commands.keys().copied().collect();
        for id in running {
            self.forget_end(id);
            match self.commands.remove(&id) {
                Some(command) if command.stopping => {
                    self.commands.insert(id, command);
                    self.comes(self.now, Coming::End(id, false));
                }
                Some(command) => self.start(id, command.text),
                None => {}
            }
        }
    }

    /// How each deployment ended that began.
    pub fn ledger(&self) -> BTreeMap<String, Vec<&'static str>> {
        let mut last: BTreeMap<&str, (&str, Status)> = BTreeMap::new();
        for happened in &self.told {
            if let RunEventKind::NodeFinished {
                node,
                kind: NodeKind::Deploy,
                status,
                deployment: Some(line),
                ..
            } = happened
            {
                let line = last.entry(node).or_insert((&line.service, *status));
                line.1 = status.on_line(line.1);
            }
        }
        let mut ledger: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for (service, status) in last.into_values() {
            if status != Status::Skipped {
                ledger
                    .entry(service.to_string())
                    .or_default()
                    .push(status.as_str());
            }
        }
        ledger.values_mut().for_each(|it| it.sort_unstable());
        ledger
    }
}
