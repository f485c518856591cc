//! The state behind the live view: stages, units of work and what each waits for. Only what has not
//! ended and failures are stored, so that memory stays bounded by what is in flight.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;

use crate::{Style, moment, phrases, text};
use lockstep_base::node_path::{self, NodePath};
use lockstep_base::source::Name;
use lockstep_engine::run_event::{
    Failure, NodeKind, RunEvent, RunEventKind, Status, WaitReason, WindowOf,
};
use lockstep_outline::PlannedWork;

/// At most so many failures of a stage are stored for display.
const MAX_KEPT_FAILURES: usize = 200;
/// At most so many parts of a unit are examined to find what it is doing.
const MAX_INSPECTED_NODES: usize = 16;

/// The current state of a run.
#[derive(Debug)]
pub(super) struct RunBoard {
    style: Style,
    /// The run's id.
    pub(super) run: String,
    /// When the run began.
    pub(super) began: Option<i64>,
    /// The time of the last event.
    pub(super) now: Option<i64>,
    /// The pipeline first, then its stages in the order in which they first appeared.
    stages: IndexMap<NodePath, StageBoard>,
    units: BTreeMap<u64, WorkUnit>,
    /// For each node that has not ended its unit, and its part of that unit.
    nodes: HashMap<NodePath, (u64, u64)>,
    /// How many strands have arrived at each barrier, by the last event.
    barriers: HashMap<String, usize>,
    next: u64,
}

/// A stage, or the pipeline around all stages.
#[derive(Debug, Default)]
pub(super) struct StageBoard {
    pub(super) since: Option<i64>,
    pub(super) ended: Option<(Status, Option<i64>)>,
    pub(super) rolling_back: bool,
    /// What the stage as a whole waits for, and since when.
    pub(super) waiting: Option<(WaitReason, Option<i64>)>,
    /// How many deployments it will have, if that is known.
    pub(super) expected: Option<usize>,
    /// How many cells its loops will have, if it deploys nothing.
    pub(super) cells: usize,
    pub(super) failed: Vec<BoardFailure>,
    pub(super) failed_more: usize,
    running: BTreeSet<u64>,
    waits: BTreeMap<SharedWait, BTreeSet<u64>>,
    waiting_units: usize,
}

/// Something that failed.
#[derive(Debug)]
pub(super) struct BoardFailure {
    pub(super) node: NodePath,
    pub(super) status: Status,
    pub(super) message: String,
    origin: NodePath,
}

/// A unit of work: a deployment, or something outside of deployments that runs or waits.
#[derive(Debug)]
pub(super) struct WorkUnit {
    pub(super) node: NodePath,
    pub(super) kind: NodeKind,
    pub(super) since: Option<i64>,
    pub(super) rolling_back: bool,
    stage: usize,
    /// The unit around it, and how many units are in it. Only the innermost ones are shown.
    enclosing: Option<u64>,
    inside: usize,
    /// Its active parts, the newest last; its own node is one of them.
    parts: BTreeMap<u64, WorkUnitNode>,
    place: UnitList,
}

/// A node of a unit.
#[derive(Debug)]
pub(super) struct WorkUnitNode {
    pub(super) node: NodePath,
    pub(super) kind: NodeKind,
    /// A command's text, or the last line that it wrote.
    pub(super) last_output: String,
    pub(super) waiting: Option<WaitReason>,
    pub(super) since: Option<i64>,
}

/// In which list of its stage a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum UnitList {
    Hidden,
    Running,
    Waiting(SharedWait),
}

/// What several units wait for together; questions to people come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SharedWait {
    Approval(String),
    Lock(Vec<Name>),
    Queue(Name),
    Window(Vec<Name>),
    Barrier(String),
    Retry,
    Time,
}

impl SharedWait {
    fn of(waiting: &WaitReason) -> Self {
        match waiting {
            WaitReason::Approval { question, .. } => Self::Approval(question.clone()),
            WaitReason::Lock { names, .. } => Self::Lock(names.clone()),
            WaitReason::Queue { name, .. } => Self::Queue(name.clone()),
            WaitReason::Window { windows, .. } => Self::Window(WindowOf::names(windows)),
            WaitReason::Barrier { name, .. } => Self::Barrier(name.clone()),
            WaitReason::Retry { .. } => Self::Retry,
            WaitReason::Time { .. } => Self::Time,
        }
    }
}

impl StageBoard {
    /// How many units run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether nothing has happened in it yet.
    pub(super) fn is_to_come(&self) -> bool {
        self.since.is_none()
            && self.ended.is_none()
            && self.waiting.is_none()
            && self.running.is_empty()
            && self.waits.is_empty()
    }

    /// How many units wait.
    pub(super) fn waiting_units(&self) -> usize {
        self.waiting_units
    }
}

impl RunBoard {
    /// The state before the first event.
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            run: String::new(),
            began: None,
            now: None,
            stages: IndexMap::new(),
            units: BTreeMap::new(),
            nodes: HashMap::new(),
            barriers: HashMap::new(),
            next: 0,
        }
    }

    /// Applies the next event.
    pub(super) fn event(&mut self, event: &RunEvent) {
        self.now = Some(moment(event));
        self.began = self.began.or(self.now);
        match &event.what {
            RunEventKind::RunStarted { run, pipeline, .. } => {
                self.run = text::clean(run).into_owned();
                self.stage(&pipeline.clone().into());
            }
            RunEventKind::RunResumed { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. } => {}
            RunEventKind::NodeStarted {
                node,
                kind,
                text,
                place,
                ..
            } => {
                let text = phrases::command_at(text.as_deref(), place.as_deref());
                self.started(node, *kind, text.as_deref().unwrap_or(""));
            }
            RunEventKind::NodeWaiting {
                node,
                kind,
                waiting,
            } => self.waits(node, *kind, waiting),
            RunEventKind::NodeOutput { node, text, .. } => self.output(node, text),
            RunEventKind::NodeFinished {
                node,
                kind,
                status,
                failure,
                ..
            } => self.finished(node, *kind, *status, failure.as_ref()),
            RunEventKind::RunFinished { .. } => {}
        }
    }

    /// Sets how much is to be done in a stage, or in a pipeline.
    pub(super) fn expect(&mut self, work: &PlannedWork) {
        let number = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let at = self.stage(&work.path);
        // What is outside of stages is not expected of the pipeline.
        self.stages[at].expected = (at > 0).then(|| number(work.deployments));
        self.stages[at].cells = match work.deployments {
            0 => number(work.cells),
            _ => 0,
        };
    }

    /// The stages that have been seen, the pipeline first.
    pub(super) fn stages(&self) -> impl ExactSizeIterator<Item = (&NodePath, &StageBoard)> {
        self.stages.iter()
    }

    /// The running units of a stage, the oldest first.
    pub(super) fn running<'a>(
        &'a self,
        stage: &'a StageBoard,
    ) -> impl Iterator<Item = &'a WorkUnit> {
        stage.running.iter().filter_map(|unit| self.units.get(unit))
    }

    /// The waiting units of a stage by what they wait for, each the oldest first.
    pub(super) fn waiting<'a>(
        &'a self,
        stage: &'a StageBoard,
    ) -> impl Iterator<Item = (usize, impl Iterator<Item = &'a WorkUnit>)> {
        stage.waits.values().map(|units| {
            let found = units.iter().filter_map(|unit| self.units.get(unit));
            (units.len(), found)
        })
    }

    /// The failures of a stage that are no longer active.
    pub(super) fn failed<'a>(
        &'a self,
        stage: &'a StageBoard,
    ) -> impl Iterator<Item = &'a BoardFailure> {
        stage
            .failed
            .iter()
            .filter(|failed| !self.nodes.contains_key(&failed.node))
    }

    /// How many strands have arrived at a barrier, if that is known.
    pub(super) fn arrived(&self, barrier: &str) -> Option<usize> {
        self.barriers.get(barrier).copied()
    }

    /// How many nodes and failures are stored.
    #[cfg(test)]
    pub(super) fn with_history(&self) -> (usize, usize) {
        let failures = self.stages.values().map(|stage| stage.failed.len()).sum();
        (self.nodes.len() + self.units.len(), failures)
    }

    fn stage(&mut self, node: &NodePath) -> usize {
        if self.stages.is_empty() {
            let pipeline = node_path::parts(node).next().unwrap_or("");
            self.stages.insert(pipeline.into(), StageBoard::default());
        }
        self.stages.entry(node.clone()).or_default();
        self.stages.get_index_of(node).unwrap_or(0)
    }

    /// The place of the stage around a node.
    fn stage_of(&mut self, node: &str) -> usize {
        let known = node_path::ancestors(node).find_map(|above| self.stages.get_index_of(above));
        known.unwrap_or_else(|| self.stage(&node_path::parts(node).next().unwrap_or("").into()))
    }

    fn started(&mut self, node: &NodePath, kind: NodeKind, said: &str) {
        match kind {
            NodeKind::Pipeline | NodeKind::Stage => {
                let at = self.stage(node);
                let now = self.now;
                let stage = &mut self.stages[at];
                stage.since = now;
                stage.waiting = None;
                stage.ended = None;
            }
            NodeKind::Log => {}
            NodeKind::Serial | NodeKind::Parallel | NodeKind::Cell => {
                // Blocks are not shown; one that had to wait no longer does.
                self.remove_unit(node);
            }
            NodeKind::Run => {
                self.drop_recovered(node);
                self.part(
                    node,
                    kind,
                    &phrases::command_line(node, said.trim_start()),
                    None,
                );
            }
            NodeKind::Deploy
            | NodeKind::Step
            | NodeKind::Workflow
            | NodeKind::Action
            | NodeKind::Barrier
            | NodeKind::Lock
            | NodeKind::Approve
            | NodeKind::Wait
            | NodeKind::Verify
            | NodeKind::Undo => {
                self.drop_recovered(node);
                self.part(node, kind, said, None);
            }
        }
    }

    fn waits(&mut self, node: &NodePath, kind: NodeKind, waiting: &WaitReason) {
        if let WaitReason::Barrier { name, arrived, .. } = waiting {
            self.barriers.insert(name.clone(), *arrived);
        }
        if matches!(kind, NodeKind::Pipeline | NodeKind::Stage) {
            let at = self.stage(node);
            self.stages[at].waiting = Some((waiting.clone(), self.now));
        } else {
            self.part(node, kind, "", Some(waiting.clone()));
        }
    }

    fn output(&mut self, node: &NodePath, said: &str) {
        let said = text::output_line(said);
        let part = self
            .nodes
            .get(node)
            .and_then(|(unit, part)| self.units.get_mut(unit)?.parts.get_mut(part));
        if let Some(part) = part
            && !said.trim().is_empty()
        {
            part.last_output.clear();
            part.last_output.push_str(said.trim_end());
        }
    }

    fn finished(
        &mut self,
        node: &NodePath,
        kind: NodeKind,
        status: Status,
        failure: Option<&Failure>,
    ) {
        if matches!(kind, NodeKind::Pipeline | NodeKind::Stage) {
            let at = self.stage(node);
            let now = self.now;
            let stage = &mut self.stages[at];
            stage.rolling_back = status == Status::RollingBack;
            stage.ended = status.is_final().then_some((status, now));
            stage.waiting = None;
        } else if status.is_final() {
            self.remove_unit(node);
        } else if kind == NodeKind::Deploy {
            let unit = self.part(node, kind, "", None);
            if let Some(unit) = self.units.get_mut(&unit) {
                unit.rolling_back = true;
            }
        }
        if status.is_good() {
            self.drop_recovered(node);
        }
        if matches!(
            status,
            Status::Failed | Status::RollingBack | Status::RolledBack | Status::RollbackFailed
        ) {
            self.record_failure(node, kind, status, failure);
        }
    }

    /// Records a failure once: at the deployment that it is in, else at the node that failed.
    fn record_failure(
        &mut self,
        node: &NodePath,
        kind: NodeKind,
        status: Status,
        failure: Option<&Failure>,
    ) {
        let at = self.stage_of(node);
        let failed = &mut self.stages[at].failed;
        if let Some(known) = failed.iter_mut().find(|known| known.node == *node) {
            known.status = status;
            if let (Status::RollbackFailed, Some(failure)) = (status, failure) {
                known.message = reason(failure, self.style);
            }
            return;
        }
        let Some(failure) = failure else { return };
        let inside = node_path::ancestors(node).any(|above| {
            let unit = self
                .nodes
                .get(above)
                .and_then(|(unit, _)| self.units.get(unit));
            unit.is_some_and(|unit| unit.kind == NodeKind::Deploy)
        });
        let handed_on = self
            .stages
            .values()
            .flat_map(|stage| &stage.failed)
            .any(|known| {
                known.origin == failure.node || node_path::below(&known.node, node).is_some()
            });
        if inside || (kind != NodeKind::Deploy && handed_on) {
            return;
        }
        let stage = &mut self.stages[at];
        if stage.failed.len() == MAX_KEPT_FAILURES {
            stage.failed_more += 1;
            return;
        }
        stage.failed.push(BoardFailure {
            node: node.clone(),
            status,
            message: reason(failure, self.style),
            origin: failure.node.clone(),
        });
    }

    /// A node is retried, or ended well: earlier failures in it no longer count.
    fn drop_recovered(&mut self, node: &str) {
        for stage in self.stages.values_mut() {
            stage.failed.retain(|failed| {
                &*failed.node != node && node_path::below(&failed.node, node).is_none()
            });
        }
    }

    /// Adds or moves a node that runs or waits, as the newest part; returns its unit.
    fn part(
        &mut self,
        node: &NodePath,
        kind: NodeKind,
        said: &str,
        waiting: Option<WaitReason>,
    ) -> u64 {
        self.next += 1;
        let newest = self.next;
        let known = self.nodes.get(node).copied();
        let id = match known {
            Some((unit, _)) => unit,
            None => self.unit_for(node, kind),
        };
        let now = self.now;
        let Some(unit) = self.units.get_mut(&id) else {
            return id;
        };
        if let Some((_, before)) = known {
            unit.parts.remove(&before);
        }
        if unit.node == *node {
            unit.since = now;
        }
        unit.parts.insert(
            newest,
            WorkUnitNode {
                node: node.clone(),
                kind,
                last_output: text::first_line(said, self.style.ellipsis()),
                waiting,
                since: now,
            },
        );
        self.nodes.insert(node.clone(), (id, newest));
        self.settle(id);
        id
    }

    /// The unit that a new node belongs to: the one around it, or a new one.
    fn unit_for(&mut self, node: &NodePath, kind: NodeKind) -> u64 {
        let around = node_path::ancestors(node)
            .find_map(|above| self.nodes.get(above).map(|(unit, _)| *unit));
        if kind != NodeKind::Deploy
            && let Some(around) = around
        {
            return around;
        }
        let id = self.next;
        let stage = self.stage_of(node);
        let unit = WorkUnit {
            node: node.clone(),
            kind,
            since: self.now,
            rolling_back: false,
            stage,
            enclosing: around,
            inside: 0,
            parts: BTreeMap::new(),
            place: UnitList::Hidden,
        };
        self.units.insert(id, unit);
        if let Some(around) = around {
            if let Some(unit) = self.units.get_mut(&around) {
                unit.inside += 1;
            }
            self.settle(around);
        }
        id
    }

    /// A node has ended; if it was a unit, the whole unit has.
    fn remove_unit(&mut self, node: &str) {
        let Some((id, part)) = self.nodes.remove(node) else {
            return;
        };
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        if &*unit.node != node {
            unit.parts.remove(&part);
            self.settle(id);
            return;
        }
        self.put(id, UnitList::Hidden);
        let Some(unit) = self.units.remove(&id) else {
            return;
        };
        for part in unit.parts.into_values() {
            self.nodes.remove(&part.node);
        }
        if let Some(around) = unit.enclosing {
            if let Some(unit) = self.units.get_mut(&around) {
                unit.inside = unit.inside.saturating_sub(1);
            }
            self.settle(around);
        }
    }

    /// Moves a unit to the list that fits its present state.
    fn settle(&mut self, id: u64) {
        let Some(unit) = self.units.get(&id) else {
            return;
        };
        let place = match unit.doing() {
            _ if unit.inside > 0 => UnitList::Hidden,
            None => UnitList::Hidden,
            Some(part) => match &part.waiting {
                Some(waiting) => UnitList::Waiting(SharedWait::of(waiting)),
                None => UnitList::Running,
            },
        };
        self.put(id, place);
    }

    fn put(&mut self, id: u64, place: UnitList) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        if unit.place == place {
            return;
        }
        let Some((_, stage)) = self.stages.get_index_mut(unit.stage) else {
            return;
        };
        match &unit.place {
            UnitList::Hidden => {}
            UnitList::Running => {
                stage.running.remove(&id);
            }
            UnitList::Waiting(reason) => {
                stage.waiting_units -= 1;
                if let Some(units) = stage.waits.get_mut(reason) {
                    units.remove(&id);
                    if units.is_empty() {
                        stage.waits.remove(reason);
                    }
                }
            }
        }
        match &place {
            UnitList::Hidden => {}
            UnitList::Running => {
                stage.running.insert(id);
            }
            UnitList::Waiting(reason) => {
                stage.waiting_units += 1;
                stage.waits.entry(reason.clone()).or_default().insert(id);
            }
        }
        unit.place = place;
    }
}

impl WorkUnit {
    /// What it is doing: the newest command that runs, else the newest of all.
    pub(super) fn doing(&self) -> Option<&WorkUnitNode> {
        let busy = self
            .parts
            .values()
            .rev()
            .take(MAX_INSPECTED_NODES)
            .find(|part| {
                part.waiting.is_none() && matches!(part.kind, NodeKind::Run | NodeKind::Action)
            });
        busy.or_else(|| self.parts.values().next_back())
    }
}

fn reason(failure: &Failure, style: Style) -> String {
    let message = text::first_line(&failure.message, style.ellipsis());
    format!("{}{message}", phrases::class_text(failure))
}
