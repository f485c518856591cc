//! Audits: hears what a run tells of itself and checks that it keeps to its plan: the states of
//! its nodes, the order and width of its blocks, its barriers, locks and rollbacks.
//! It does not know the machine; it goes by the plan and by what was told.
//!
//! Each event costs about the same, however long the run is. What it cannot know it does not
//! judge: what handlers and rollbacks do inside, loops over values that only the run knew, and
//! loops of more than [`MOST_CELLS`] cells, of which only the width is checked.

mod blocks;
mod meetings;
mod nodes;
mod places;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lockstep_base::source::Name;
use lockstep_engine::notice::{Happened, NodeKind, RunEvent, Status, Waiting};
use lockstep_engine::pattern::segments;
use lockstep_plan::Plan;
use meetings::Meetings;
use nodes::{Nodes, Phase};

/// The order of the cells of larger loops is not checked.
pub const MOST_CELLS: usize = 10_000;

/// So many violations are kept; one that goes wrong is often followed by many.
const MOST_VIOLATIONS: usize = 20;

/// Something in which a run did not keep to its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The number of the event, from 1.
    pub event: u64,
    /// The node.
    pub node: Name,
    /// What it did, in words that go behind its name: `` started before … ``.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.node, self.what)
    }
}

/// What an audit that found nothing wrong has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
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
) -> Result<Report, Vec<Violation>> {
    let mut audit = Audit::new(plan.clone());
    for event in events {
        audit.number(event.seq);
        audit.hear(&event.what);
    }
    audit.result()
}

/// An audit under way.
#[derive(Debug)]
pub struct Audit {
    plan: Arc<Plan>,
    nodes: Nodes,
    meetings: Meetings,
    report: Report,
    violations: Vec<Violation>,
    last: Option<u64>,
    begun: bool,
    /// Who holds each infrastructure, with how many deployments.
    places: HashMap<Name, (Name, u32)>,
    /// How many hold each named resource.
    locks: HashMap<String, u32>,
    /// The ended deployments that are being taken back.
    rolling: HashSet<Name>,
}

impl Audit {
    /// An audit of a run of this plan, from its beginning.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            nodes: Nodes::new(plan.clone()),
            meetings: Meetings::new(places::has_hidden_strands(&plan.tree)),
            plan,
            report: Report::default(),
            violations: Vec::new(),
            last: None,
            begun: false,
            places: HashMap::new(),
            locks: HashMap::new(),
            rolling: HashSet::new(),
        }
    }

    /// An audit of another run of the same plan; it need not look at the plan again.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            nodes: self.nodes.another(),
            meetings: self.meetings.another(),
            plan: self.plan.clone(),
            report: Report::default(),
            violations: Vec::new(),
            last: None,
            begun: false,
            places: HashMap::new(),
            locks: HashMap::new(),
            rolling: HashSet::new(),
        }
    }

    /// Hears the next event. If it is the first that does not keep to the plan: in what.
    pub fn first_stray(&mut self, happened: &Happened) -> Option<Violation> {
        let kept_so_far = self.violations.is_empty();
        self.hear(happened);
        self.violations.first().filter(|_| kept_so_far).cloned()
    }

    /// Everything that was found.
    ///
    /// # Errors
    ///
    /// The violations, if there are any.
    pub fn result(self) -> Result<Report, Vec<Violation>> {
        match self.violations.is_empty() {
            true => Ok(self.report),
            false => Err(self.violations),
        }
    }

    /// Checks the number of the next event: each is one more than the one before.
    fn number(&mut self, seq: u64) {
        let before = self.last.replace(seq);
        if before.is_some_and(|before| before + 1 != seq) {
            let what = "is not followed by the next event: one is missing or out of order";
            let run = self.plan.bound.pipeline().name.clone();
            self.broken(&run, Err(String::from(what)));
        }
    }

    /// Hears the next event. Whether it kept to the plan.
    pub fn hear(&mut self, happened: &Happened) -> bool {
        let before = self.violations.len();
        self.report.events += 1;
        if let Some(node) = of(happened)
            && self.report.ended
        {
            self.broken(node, Err("did something after the run had ended".into()));
        }
        match happened {
            Happened::RunStarted { pipeline, .. } => self.run_started(pipeline),
            Happened::RunFinished { status, .. } => self.run_finished(*status),
            Happened::NodeStarted { node, kind, .. } => self.started(node, *kind),
            Happened::NodeWaiting {
                node,
                kind,
                waiting,
            } => self.waits(node, *kind, waiting),
            Happened::NodeFinished {
                node, kind, status, ..
            } => self.finished(node, *kind, *status),
            // What a command wrote may be told after its end.
            Happened::NodeOutput { .. } => {}
        }
        self.violations.len() == before
    }

    fn broken(&mut self, node: &Name, what: Result<(), String>) {
        if let Err(what) = what
            && self.violations.len() < MOST_VIOLATIONS
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
        if std::mem::replace(&mut self.begun, true) {
            self.broken(pipeline, Err("began a second time".into()));
        }
        if *pipeline != self.plan.bound.pipeline().name {
            self.broken(pipeline, Err("is not the pipeline of the plan".into()));
        }
    }

    fn run_finished(&mut self, status: Status) {
        let run = self.plan.bound.pipeline().name.clone();
        if std::mem::replace(&mut self.report.ended, true) {
            self.broken(&run, Err("ended a second time".into()));
        }
        if let Some(live) = self.nodes.any_live() {
            self.broken(&live, Err("had not ended when the run did".into()));
        }
        let good = self.nodes.root_status().is_some_and(Status::is_good);
        if status == Status::Succeeded && !good {
            self.broken(&run, Err("did not end well, but the run did".into()));
        }
    }

    // --- Nodes ---------------------------------------------------------------------------

    fn started(&mut self, node: &Name, kind: NodeKind) {
        self.report.nodes += 1;
        let was_live = self.nodes.is_live(node);
        let begun = self.nodes.begin(node, kind, Phase::Running);
        self.broken(node, begun);
        self.around_is_held(node);
        match kind {
            NodeKind::Barrier => {
                let nodes = &self.nodes;
                let met = self.meetings.opened(node, || nodes.meeting(node), was_live);
                self.broken(node, met);
            }
            NodeKind::Undo => self.undoes(node),
            NodeKind::Pipeline
            | NodeKind::Stage
            | NodeKind::Serial
            | NodeKind::Parallel
            | NodeKind::Cell
            | NodeKind::Deploy
            | NodeKind::Step
            | NodeKind::Run
            | NodeKind::Workflow
            | NodeKind::Action
            | NodeKind::Lock
            | NodeKind::Approve
            | NodeKind::Wait
            | NodeKind::Verify
            | NodeKind::Log => {}
        }
    }

    fn waits(&mut self, node: &Name, kind: NodeKind, waiting: &Waiting) {
        let phase = match waiting {
            Waiting::Lock { .. } => Phase::Queued,
            Waiting::Barrier { .. }
            | Waiting::Retry { .. }
            | Waiting::Time { .. }
            | Waiting::Approval { .. } => Phase::Waiting,
        };
        let again = matches!(waiting, Waiting::Retry { .. });
        let begun = self.nodes.begin(node, kind, phase);
        self.broken(node, begun);
        self.around_is_held(node);
        if let Waiting::Barrier {
            arrived, expected, ..
        } = waiting
        {
            let nodes = &self.nodes;
            let met = self
                .meetings
                .arrived(node, || nodes.meeting(node), *arrived, *expected);
            self.broken(node, met);
        }
        if again {
            if kind == NodeKind::Deploy {
                self.deployment_rests(node);
            }
            if self.nodes.is_plain_lock(node) && kind == NodeKind::Lock {
                self.lock_given_back(node);
            }
        }
    }

    fn finished(&mut self, node: &Name, kind: NodeKind, status: Status) {
        if self.rolled_back_later(node, kind, status) {
            return;
        }
        if status == Status::Skipped {
            let skipped = self.nodes.skip(node);
            self.meetings.somebody_may_have_left();
            return self.broken(node, skipped);
        }
        if kind == NodeKind::Barrier {
            let met = self.meetings.passed(node, status);
            self.broken(node, met);
        }
        if !is_leaf(kind) {
            self.meetings.somebody_may_have_left();
        }
        match kind {
            NodeKind::Deploy if status != Status::RollingBack => self.deployment_rests(node),
            NodeKind::Lock if self.nodes.is_plain_lock(node) => self.lock_given_back(node),
            NodeKind::Pipeline
            | NodeKind::Stage
            | NodeKind::Serial
            | NodeKind::Parallel
            | NodeKind::Cell
            | NodeKind::Deploy
            | NodeKind::Step
            | NodeKind::Run
            | NodeKind::Workflow
            | NodeKind::Action
            | NodeKind::Barrier
            | NodeKind::Lock
            | NodeKind::Approve
            | NodeKind::Wait
            | NodeKind::Verify
            | NodeKind::Log
            | NodeKind::Undo => {}
        }
        let ended = self.nodes.end(node, kind, status);
        self.broken(node, ended);
    }

    // --- Infrastructures and resources ---------------------------------------------------

    /// What is in a deployment or `lock` begins, so that it must hold what it wants: only then is
    /// that sure, as one that fails without having had it is told to have started, too.
    fn around_is_held(&mut self, node: &Name) {
        match self.nodes.parent_of_body(node) {
            Some((parent, NodeKind::Deploy)) => self.deployment_runs(&parent),
            Some((parent, NodeKind::Lock)) if self.nodes.is_plain_lock(&parent) => {
                self.lock_taken(&parent);
            }
            None
            | Some((
                _,
                NodeKind::Pipeline
                | NodeKind::Stage
                | NodeKind::Serial
                | NodeKind::Parallel
                | NodeKind::Cell
                | NodeKind::Step
                | NodeKind::Run
                | NodeKind::Workflow
                | NodeKind::Action
                | NodeKind::Barrier
                | NodeKind::Lock
                | NodeKind::Approve
                | NodeKind::Wait
                | NodeKind::Verify
                | NodeKind::Log
                | NodeKind::Undo,
            )) => {}
        }
    }

    /// A deployment has its infrastructure: no other stage may have one running there.
    fn deployment_runs(&mut self, node: &Name) {
        if self.nodes.is_holding(node) {
            return;
        }
        let Some((target, holder)) = self.nodes.holds(node) else {
            return;
        };
        self.nodes.note_hold(node, true);
        let entry = self.places.entry(target.clone());
        let (of, count) = entry.or_insert_with(|| (holder.clone(), 0));
        let wrong = *of != holder;
        *count += 1;
        if wrong {
            let what = format!("uses `{target}` while `{of}` holds it");
            self.broken(node, Err(what));
        }
    }

    fn deployment_rests(&mut self, node: &Name) {
        let Some((target, _)) = self.nodes.holds(node) else {
            return;
        };
        if self.nodes.note_hold(node, false) {
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

    fn lock_taken(&mut self, node: &Name) {
        if self.nodes.is_holding(node) {
            return;
        }
        let Some((name, limit)) = self.nodes.lock(node) else {
            return;
        };
        self.nodes.note_hold(node, true);
        let count = self.locks.entry(name.clone()).or_default();
        *count += 1;
        let count = *count;
        if limit.is_some_and(|limit| count > limit) {
            let others = count - 1;
            let what = format!("holds `{name}` together with {others} others");
            self.broken(node, Err(what));
        }
    }

    fn lock_given_back(&mut self, node: &Name) {
        let Some((name, _)) = self.nodes.lock(node) else {
            return;
        };
        if self.nodes.note_hold(node, false)
            && let Some(count) = self.locks.get_mut(&name)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.locks.remove(&name);
            }
        }
    }

    // --- Rollbacks -----------------------------------------------------------------------

    /// Takes what is told of a deployment that had ended and is taken back now. Whether it is one.
    fn rolled_back_later(&mut self, node: &Name, kind: NodeKind, status: Status) -> bool {
        if kind != NodeKind::Deploy || self.nodes.is_live(node) {
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
    fn undoes(&mut self, node: &Name) {
        let step = node.strip_suffix("/undo").unwrap_or(node);
        if !self.nodes.something_rolls_back(step) {
            self.broken(
                node,
                Err("started, but nothing around it rolls back".into()),
            );
        }
    }
}

/// The node that something was told of.
fn of(happened: &Happened) -> Option<&Name> {
    match happened {
        Happened::NodeStarted { node, .. }
        | Happened::NodeWaiting { node, .. }
        | Happened::NodeFinished { node, .. } => Some(node),
        Happened::RunStarted { .. }
        | Happened::NodeOutput { .. }
        | Happened::RunFinished { .. } => None,
    }
}

/// Whether nothing can be in a node, so that its end keeps nobody from a barrier.
fn is_leaf(kind: NodeKind) -> bool {
    match kind {
        NodeKind::Action
        | NodeKind::Approve
        | NodeKind::Barrier
        | NodeKind::Log
        | NodeKind::Run
        | NodeKind::Wait => true,
        NodeKind::Pipeline
        | NodeKind::Stage
        | NodeKind::Serial
        | NodeKind::Parallel
        | NodeKind::Cell
        | NodeKind::Deploy
        | NodeKind::Step
        | NodeKind::Workflow
        | NodeKind::Lock
        | NodeKind::Verify
        | NodeKind::Undo => false,
    }
}

/// Whether a path lies in a handler or in a rollback, where order is not checked.
fn is_aside(path: &str) -> bool {
    let may_be = ["/undo", "/on-failure", "/always"];
    if !may_be.iter().any(|word| path.contains(word)) {
        return false;
    }
    segments(path).into_iter().any(|segment| {
        let word = segment.split('#').next().unwrap_or_default();
        matches!(word, "undo" | "on-failure" | "always")
    })
}
