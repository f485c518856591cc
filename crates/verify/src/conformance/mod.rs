//! Conformance checking (runtime verification): observes the events of a run and checks that it
//! follows its plan: the states of its nodes, the order and concurrency of its blocks, its
//! barriers, locks and rollbacks. Must not use the machine that it checks: it goes by the plan and
//! the reported events alone.
//!
//! Each event costs about the same, however long the run is. Not checked is what cannot be known:
//! what handlers and rollbacks do inside, loops over values that only the run knew, and loops of
//! more than [`MAX_ORDERED_CELLS`] cells, of which only the concurrency is checked.

mod blocks;
mod hash;
mod live_undos;
mod observed_nodes;
mod open_barriers;
mod statement_paths;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod windows;

use std::sync::Arc;

use hash::{FastMap, FastSet};
use live_undos::LiveUndos;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status, WaitReason};
use lockstep_plan::{HeldLocks, Plan};
use observed_nodes::ObservedNodes;
use open_barriers::OpenBarriers;
use table::{NodeId, ObservedPhase};
use windows::OpenWindows;

/// The order of the cells of larger loops is not checked.
pub const MAX_ORDERED_CELLS: usize = 10_000;

/// The maximum number of violations that are recorded; one is often followed by many.
const MAX_VIOLATIONS: usize = 20;

/// A violation: something in which a run did not follow its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The number of the event, from 1.
    pub event: u64,
    /// The node.
    pub node: NodePath,
    /// What it did, in words that go behind its name: `` started before … ``.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.node, self.what)
    }
}

/// What an audit that found no violations has checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConformanceReport {
    /// How many events there were.
    pub events: u64,
    /// How many nodes started.
    pub nodes: u64,
    /// Whether the run has ended.
    pub ended: bool,
}

/// Checks all events of a run against its plan.
///
/// # Errors
///
/// Everything in which the run did not keep to its plan, in the order of the events; at most 20.
pub fn check<'e>(
    plan: &Arc<Plan>,
    events: impl IntoIterator<Item = &'e RunEvent>,
) -> Result<ConformanceReport, Vec<Violation>> {
    let mut audit = ConformanceCheck::new(plan.clone());
    for event in events {
        audit.number(event);
        audit.observe(&event.what);
    }
    audit.result()
}

/// An audit in progress.
#[derive(Debug)]
pub struct ConformanceCheck {
    plan: Arc<Plan>,
    nodes: ObservedNodes,
    meetings: OpenBarriers,
    report: ConformanceReport,
    violations: Vec<Violation>,
    last: Option<u64>,
    begun: bool,
    /// Who holds each infrastructure, with how many deployments.
    places: FastMap<Name, (NodePath, u32)>,
    /// How many hold each named resource.
    locks: FastMap<String, u32>,
    /// The ended deployments that are being rolled back.
    rolling: FastSet<NodePath>,
    /// What is being undone.
    undos: LiveUndos,
    /// Who may deploy to the infrastructures that have windows.
    windows: OpenWindows,
}

impl ConformanceCheck {
    /// An audit of a run of this plan, from its beginning.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            windows: OpenWindows::of(&plan),
            nodes: ObservedNodes::new(plan.clone()),
            meetings: OpenBarriers::new(statement_paths::has_hidden_strands(&plan.tree)),
            plan,
            report: ConformanceReport::default(),
            violations: Vec::new(),
            last: None,
            begun: false,
            places: FastMap::default(),
            locks: FastMap::default(),
            rolling: FastSet::default(),
            undos: LiveUndos::default(),
        }
    }

    /// An audit of another run of the same plan; the plan need not be analysed again.
    #[must_use]
    pub fn for_next_run(&self) -> Self {
        Self {
            nodes: self.nodes.for_next_run(),
            meetings: self.meetings.another(),
            plan: self.plan.clone(),
            report: ConformanceReport::default(),
            violations: Vec::new(),
            last: None,
            begun: false,
            places: FastMap::default(),
            locks: FastMap::default(),
            rolling: FastSet::default(),
            undos: LiveUndos::default(),
            windows: OpenWindows::of(&self.plan),
        }
    }

    /// Checks the next event. If it is the first that does not follow the plan, returns the
    /// violation.
    pub fn first_violation(&mut self, happened: &RunEventKind) -> Option<Violation> {
        let had_none = self.violations.is_empty();
        self.observe(happened);
        self.violations.first().filter(|_| had_none).cloned()
    }

    /// Everything that was found.
    ///
    /// # Errors
    ///
    /// The violations, if there are any.
    pub fn result(self) -> Result<ConformanceReport, Vec<Violation>> {
        match self.violations.is_empty() {
            true => Ok(self.report),
            false => Err(self.violations),
        }
    }

    /// Checks the number of the next event: each is one more than the one before, unless the run
    /// was resumed after a crash.
    fn number(&mut self, event: &RunEvent) {
        let before = self.last.replace(event.seq);
        let is_next = |before: u64| match &event.what {
            RunEventKind::RunResumed { .. } => before < event.seq,
            RunEventKind::RunStarted { .. }
            | RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunFinished { .. } => before + 1 == event.seq,
        };
        if before.is_some_and(|before| !is_next(before)) {
            let what = "is not followed by the next event: one is missing or out of order";
            let run = NodePath::from(self.plan.bound.pipeline().name.clone());
            self.broken(&run, Err(String::from(what)));
        }
    }

    /// Checks the next event. Returns whether it followed the plan.
    pub fn observe(&mut self, happened: &RunEventKind) -> bool {
        let before = self.violations.len();
        self.report.events += 1;
        if let Some(node) = of(happened)
            && self.report.ended
        {
            self.broken(node, Err("did something after the run had ended".into()));
        }
        match happened {
            RunEventKind::RunStarted {
                pipeline,
                outside_window,
                ..
            } => {
                if outside_window.is_some() {
                    self.windows = OpenWindows::default();
                }
                self.run_started(pipeline);
            }
            RunEventKind::RunFinished { status, .. } => self.run_finished(*status),
            RunEventKind::NodeStarted { node, kind, .. } => self.started(node, *kind),
            RunEventKind::NodeWaiting {
                node,
                kind,
                waiting,
            } => self.waits(node, *kind, waiting),
            RunEventKind::NodeFinished {
                node, kind, status, ..
            } => self.finished(node, *kind, *status),
            // The output of a command may be reported after its end.
            RunEventKind::WindowOpen { node, targets, .. } => self.windows.open(node, targets),
            RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::RunResumed { .. } => {}
        }
        self.violations.len() == before
    }

    fn broken(&mut self, node: &NodePath, what: Result<(), String>) {
        if let Err(what) = what
            && self.violations.len() < MAX_VIOLATIONS
        {
            self.violations.push(Violation {
                event: self.last.unwrap_or(self.report.events),
                node: node.clone(),
                what,
            });
        }
    }

    // --- The run -------------------------------------------------------------------------

    fn run_started(&mut self, pipeline: &Name) {
        let root = &NodePath::from(pipeline.clone());
        if std::mem::replace(&mut self.begun, true) {
            self.broken(root, Err("began a second time".into()));
        }
        if *pipeline != self.plan.bound.pipeline().name {
            self.broken(root, Err("is not the pipeline of the plan".into()));
        }
    }

    fn run_finished(&mut self, status: Status) {
        let run = NodePath::from(self.plan.bound.pipeline().name.clone());
        if std::mem::replace(&mut self.report.ended, true) {
            self.broken(&run, Err("ended a second time".into()));
        }
        if let Some(live) = self.nodes.any_live() {
            self.broken(&live, Err("had not ended when the run did".into()));
        }
        let good = self.nodes.root_status().is_some_and(Status::is_good);
        if status == Status::Succeeded && !good {
            self.broken(&run, Err("did not succeed, but the run did".into()));
        }
    }

    // --- Nodes ---------------------------------------------------------------------------

    fn started(&mut self, node: &NodePath, kind: NodeKind) {
        self.report.nodes += 1;
        let known = self.nodes.find(node);
        let (id, begun) = self.nodes.begin(known, node, kind, ObservedPhase::Running);
        self.broken(node, begun);
        self.around_is_held(id);
        if kind == NodeKind::Barrier {
            let nodes = &self.nodes;
            let key = id.and_then(|id| Some((id, nodes.meeting(id)?)));
            let met = self.meetings.opened(key, known.is_some());
            self.broken(node, met);
        } else if kind == NodeKind::Undo {
            self.undoes(node);
        }
    }

    fn waits(&mut self, node: &NodePath, kind: NodeKind, waiting: &WaitReason) {
        let phase = match waiting {
            WaitReason::Queue { .. } | WaitReason::Lock { .. } | WaitReason::Window { .. } => {
                ObservedPhase::Queued
            }
            WaitReason::Barrier { .. }
            | WaitReason::Retry { .. }
            | WaitReason::Time { .. }
            | WaitReason::Approval { .. } => ObservedPhase::Waiting,
        };
        let known = self.nodes.find(node);
        let (id, begun) = self.nodes.begin(known, node, kind, phase);
        self.broken(node, begun);
        self.around_is_held(id);
        let Some(id) = id else { return };
        match waiting {
            WaitReason::Barrier {
                arrived, expected, ..
            } => {
                let key = self.nodes.meeting(id);
                let met = self.meetings.arrived(id, key, *arrived, *expected);
                self.broken(node, met);
            }
            WaitReason::Retry { .. } => self.gives_back(id, kind),
            WaitReason::Queue { .. }
            | WaitReason::Lock { .. }
            | WaitReason::Window { .. }
            | WaitReason::Time { .. }
            | WaitReason::Approval { .. } => {}
        }
    }

    fn finished(&mut self, node: &NodePath, kind: NodeKind, status: Status) {
        if kind == NodeKind::Undo {
            self.undos.end(node);
        }
        let known = self.nodes.find(node);
        if known.is_none() && self.is_rolled_back_later(node, kind, status) {
            return;
        }
        if status == Status::Skipped {
            let skipped = self.nodes.skip(known, node);
            self.meetings.somebody_may_have_left();
            return self.broken(node, skipped);
        }
        if !kind.is_leaf() {
            self.meetings.somebody_may_have_left();
        }
        if let Some(id) = known {
            if kind == NodeKind::Barrier {
                let met = self.meetings.passed(id, status);
                self.broken(node, met);
            }
            if kind != NodeKind::Deploy || status != Status::RollingBack {
                self.gives_back(id, kind);
            }
        }
        let ended = self.nodes.end(known, node, kind, status);
        self.broken(node, ended);
    }

    // --- Infrastructures and resources ---------------------------------------------------

    /// What is in a deployment or `lock` begins, so it must hold its locks: only then is that
    /// certain, as one that fails without having had them is reported as started, too.
    fn around_is_held(&mut self, id: Option<NodeId>) {
        let Some((parent, kind)) = id.and_then(|id| self.nodes.parent_of_body(id)) else {
            return;
        };
        match kind.held_locks() {
            HeldLocks::Infrastructure => self.deployment_runs(parent),
            HeldLocks::Named if self.nodes.is_plain_lock(parent) => self.lock_taken(parent),
            HeldLocks::Named | HeldLocks::None => {}
        }
    }

    /// A deployment or `lock` no longer needs the locks that it holds.
    fn gives_back(&mut self, id: NodeId, kind: NodeKind) {
        match kind.held_locks() {
            HeldLocks::Infrastructure => self.deployment_rests(id),
            HeldLocks::Named if self.nodes.is_plain_lock(id) => self.lock_given_back(id),
            HeldLocks::Named | HeldLocks::None => {}
        }
    }

    /// A deployment has its infrastructure: no other stage may have one running there.
    fn deployment_runs(&mut self, id: NodeId) {
        if self.nodes.is_holding(id) {
            return;
        }
        let Some((target, holder)) = self.nodes.holds(id) else {
            return;
        };
        self.nodes.note_hold(id, true);
        let node = self.nodes.path(id);
        if !self.windows.are_open(&target, &node) {
            let what = format!("began before a window of `{target}` was open");
            self.broken(&node, Err(what));
        }
        let entry = self.places.entry(target.clone());
        let (of, count) = entry.or_insert_with(|| (holder.clone(), 0));
        let wrong = *of != holder;
        *count += 1;
        if wrong {
            let what = format!("uses `{target}` while `{of}` holds it");
            let node = self.nodes.path(id);
            self.broken(&node, Err(what));
        }
    }

    fn deployment_rests(&mut self, id: NodeId) {
        let Some((target, _)) = self.nodes.holds(id) else {
            return;
        };
        if self.nodes.note_hold(id, false) {
            self.give_back(&target);
        }
    }

    fn give_back(&mut self, target: &Name) {
        if let Some((_, count)) = self.places.get_mut(target) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.places.remove(target);
            }
        }
    }

    fn lock_taken(&mut self, id: NodeId) {
        if self.nodes.is_holding(id) {
            return;
        }
        let Some((names, limit)) = self.nodes.lock(id) else {
            return;
        };
        self.nodes.note_hold(id, true);
        for name in names {
            let count = self.locks.entry(name.clone()).or_default();
            *count += 1;
            let count = *count;
            if limit.is_some_and(|limit| count > limit) {
                let others = count - 1;
                let what = format!("holds `{name}` together with {others} others");
                let node = self.nodes.path(id);
                self.broken(&node, Err(what));
            }
        }
    }

    fn lock_given_back(&mut self, id: NodeId) {
        let Some((names, _)) = self.nodes.lock(id) else {
            return;
        };
        if !self.nodes.note_hold(id, false) {
            return;
        }
        for name in names {
            if let Some(count) = self.locks.get_mut(&name) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.locks.remove(&name);
                }
            }
        }
    }

    // --- Rollbacks -----------------------------------------------------------------------

    /// Processes an event of a deployment that had ended and is rolled back now. Returns whether it
    /// is one.
    fn is_rolled_back_later(&mut self, node: &NodePath, kind: NodeKind, status: Status) -> bool {
        if kind != NodeKind::Deploy {
            return false;
        }
        match status {
            Status::RollingBack => {
                if !self.rolling.insert(node.clone()) {
                    self.broken(node, Err("is rolled back twice at once".into()));
                }
                if !self.nodes.something_rolls_back(node) {
                    self.broken(node, Err("rolls back, but nothing around it does".into()));
                }
                true
            }
            // It is passed over: a later run has deployed there.
            Status::Superseded => true,
            Status::RolledBack | Status::RollbackFailed => {
                if !self.rolling.remove(node) {
                    self.broken(
                        node,
                        Err("was rolled back without having begun to be".into()),
                    );
                }
                true
            }
            _ => false,
        }
    }

    /// Something is undone: a block around it must be rolling back.
    fn undoes(&mut self, node: &NodePath) {
        let step = node.strip_suffix("/undo").unwrap_or(node);
        if !self.nodes.something_rolls_back(step) {
            self.broken(
                node,
                Err("started, but nothing around it rolls back".into()),
            );
        }
        let bounded = self.undos.begin(&self.plan, node, step);
        self.broken(node, bounded);
    }
}

/// The node that an event is about.
fn of(happened: &RunEventKind) -> Option<&NodePath> {
    match happened {
        RunEventKind::NodeStarted { node, .. }
        | RunEventKind::NodeWaiting { node, .. }
        | RunEventKind::NoWayBack { node, .. }
        | RunEventKind::WindowOpen { node, .. }
        | RunEventKind::NodeFinished { node, .. } => Some(node),
        RunEventKind::RunStarted { .. }
        | RunEventKind::RunResumed { .. }
        | RunEventKind::NodeOutput { .. }
        | RunEventKind::RunFinished { .. } => None,
    }
}
