//! The way back of a whole run: what a finished run did and has not taken back, so that another run
//! can take it back. It is found by replaying the run's journal, and undone by a machine that does
//! nothing else: in reverse over the whole run, under the locks of all its infrastructures, taken
//! together.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Machine;
use super::broken::Checked;
use super::completed_work::CompletedWork;
use super::event::LockDemand;
use super::node::{BodyEnd, NodeId};
use super::path_pattern::PathPattern;
use super::run_event::DeploymentRecord;
use super::undo_list::{Undo, UndoList, UndoRank, UndoScope};
use lockstep_base::node_path::{NodePath, ancestors};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_plan::{Plan, RunFacts, infrastructure_lock};

/// What a run did that can be taken back, in the order of the source.
#[derive(Debug, Clone, Default)]
pub struct WayBack {
    list: UndoList,
}

/// What of a run is taken back: its node and what is in it, by a path or a pattern that may leave
/// out its beginning.
#[derive(Debug, Clone)]
pub struct WayBackPart(PathPattern, PathPattern);

impl WayBackPart {
    /// The part with this path.
    pub fn new(path: &str) -> Self {
        let anywhere = PathPattern::new(&format!("**/{path}"));
        Self(PathPattern::new(path), anywhere)
    }

    fn has(&self, node: &NodePath) -> bool {
        let matches = |path: &str| self.0.matches(path) || self.1.matches(path);
        matches(node) || ancestors(node).any(matches)
    }
}

impl WayBack {
    /// Whether there is nothing to take back.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The deployments that it takes back.
    pub fn deployments(&self) -> IndexMap<NodePath, DeploymentRecord> {
        let mut scopes = Vec::new();
        self.list.scopes(&mut scopes);
        let of = |scope: &UndoScope| (scope.path.clone(), scope.deployment.clone());
        scopes.into_iter().map(of).collect()
    }

    /// The steps that it undoes.
    pub fn steps(&self) -> Vec<NodePath> {
        let mut steps = Vec::new();
        self.list.steps(&mut steps);
        steps
    }

    /// What is left of it after a run that has taken all or a part of it back.
    #[must_use]
    pub fn without(self, run: &Machine) -> Self {
        let list = run.completed_undos.left(&run.plan, self.list);
        Self { list }
    }

    /// Only this part of it.
    #[must_use]
    pub fn only(self, part: &WayBackPart) -> Self {
        let list = self.list.filtered(&mut |step| part.has(&step.path));
        Self { list }
    }
}

/// A run whose deployments are taken back, or one that has taken some of them back.
#[derive(Debug, Clone)]
pub struct UndoneRun {
    /// Its id, user and start.
    pub facts: RunFacts,
    /// Its seed.
    pub seed: u64,
    /// The completed work of the run that it retried.
    pub completed: CompletedWork,
    /// The part that it has taken back, if not all.
    pub part: Option<String>,
}

impl WayBack {
    /// What there is to take back of a run, behind those that have taken some of it back, in their
    /// order. `replay` lets a machine do again what one of the runs has done: the first one is the
    /// run itself.
    ///
    /// # Errors
    ///
    /// If a run cannot be done again.
    pub fn of<E>(
        plan: &Arc<Plan>,
        runs: &[UndoneRun],
        replay: &mut dyn FnMut(usize, &mut Machine) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut way = Self::default();
        for (at, run) in runs.iter().enumerate() {
            let (facts, seed) = (run.facts.clone(), run.seed);
            if at == 0 {
                let machine = Machine::new(plan.clone(), facts, seed);
                let machine = machine.with_completed_work(run.completed.clone());
                let mut machine = machine.keeping_way_back();
                replay(at, &mut machine)?;
                way = machine.way_back();
            } else {
                let went = way.clone().only_part(run.part.as_deref());
                let mut machine = Machine::going_back(plan.clone(), facts, seed, went);
                replay(at, &mut machine)?;
                way = way.without(&machine);
            }
        }
        Ok(way)
    }

    /// A part of it, where one is named.
    #[must_use]
    pub fn only_part(self, part: Option<&str>) -> Self {
        match part {
            Some(part) => self.only(&WayBackPart::new(part)),
            None => self,
        }
    }
}

impl Machine {
    /// The same machine, which remembers all that there is to take back: for
    /// [`Machine::way_back`].
    #[must_use]
    pub fn keeping_way_back(mut self) -> Self {
        self.keeps_way_back = true;
        self
    }

    /// A machine for a run that takes back what another run of the same plan did.
    pub fn going_back(plan: Arc<Plan>, run: RunFacts, seed: u64, way: WayBack) -> Self {
        let mut machine = Self::new(plan, run, seed);
        machine.way_back_of_run = way.list;
        machine.goes_back = true;
        // Only what is later than what is taken back is told.
        machine.later.begin_after_all();
        machine
    }

    /// What is still to be taken back of the run, once it has ended, if that was remembered: of a
    /// rollback that failed what it has not undone, with the values of then.
    pub fn way_back(&self) -> WayBack {
        let all = self.way_back_of_run.clone();
        let list = self.completed_undos.left(&self.plan, all);
        WayBack { list }
    }

    /// The run begins to take back what another did.
    pub(super) fn go_back(&mut self, id: NodeId) -> Checked<()> {
        let wants = self.infrastructures_on_the_way_back();
        let list = self.way_back_of_run.clone();
        let list = list.without_held(&|held| wants.contains(held));
        let root = self.node(id)?.tree;
        let mut all = UndoList::default();
        match wants.is_empty() {
            true => all.put_list(UndoRank::Body, root, list),
            false => all.put(UndoRank::Body, root, Undo::Held(wants, list)),
        }
        self.begin_going_back(id, all)
    }

    /// The locks of all infrastructures where something is taken back.
    fn infrastructures_on_the_way_back(&self) -> Vec<LockDemand> {
        let mut scopes = Vec::new();
        self.way_back_of_run.scopes(&mut scopes);
        let all = self.plan.bound.program.infrastructures.len();
        let all = (0..all).map(|at| InfrastructureId(at as u32));
        let named = all.map(|id| (id, self.display(&Value::Infrastructure(id))));
        let mut wants = Vec::new();
        for (id, name) in named {
            let is_there = scopes.iter().any(|it| *it.deployment.target == *name);
            if is_there && self.is_exclusive(id) {
                let name = infrastructure_lock(name);
                wants.push(LockDemand { name, limit: 1 });
            }
        }
        wants
    }

    /// All is taken back that could be. The handlers of the pipeline are for the run that was.
    pub(super) fn went_back(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        if let BodyEnd::Bad(mut trouble) = end {
            self.number(&mut trouble);
            self.node_mut(id)?.pending_failure = Some(trouble);
        }
        self.end_node(id)
    }
}
