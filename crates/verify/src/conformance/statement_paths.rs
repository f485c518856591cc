//! Maps the path of a node to its statement in the plan: the statements that appear in paths, and
//! through which hidden blocks they are reached.

use std::sync::Arc;

use super::hash::FastMap;
use lockstep_base::node_path::{statement, statement_name};
use lockstep_lang::ir::{HandlerVerdict, StmtKind, WorkflowId};
use lockstep_plan::{Locals, NodeKind, Plan, PlanSequence, PlanTree, PlanWalk, TreeId};

/// A statement with a place of its own in paths, as it is reached from the one around it.
#[derive(Debug, Clone)]
pub(super) struct StatementPath {
    /// The statement; for a cell, its loop or matrix.
    pub(super) tree: TreeId,
    /// Whether it is a cell.
    pub(super) is_cell: bool,
    /// The blocks on the way to it, the outermost first.
    pub(super) way: Vec<EnclosingBlock>,
    /// The workflow that it is in, where a deployment may use several.
    pub(super) workflow: Option<WorkflowId>,
    /// Its name in paths, where that depends on nothing that only the run knows.
    pub(super) name: Option<String>,
    /// Whether it may begin again without an event that reports its container: an enclosing block,
    /// or the loop whose cell it is, retries.
    pub(super) restarts: bool,
    /// For a barrier, where its strands meet: a number in [`Plan::meetings`].
    pub(super) meeting: Option<usize>,
}

impl StatementPath {
    /// The pipeline itself.
    pub(super) fn root(tree: &PlanTree) -> Self {
        Self {
            tree: tree.root(),
            is_cell: false,
            way: Vec::new(),
            workflow: None,
            name: None,
            restarts: false,
            meeting: None,
        }
    }
}

/// A block on the way to a statement.
#[derive(Debug, Clone)]
pub(super) struct EnclosingBlock {
    /// The block.
    pub(super) block: TreeId,
    /// The number of this body among the bodies that are reached from one place. Each branch of
    /// an `if` is a body of its own.
    pub(super) body: usize,
    /// Its statements.
    pub(super) seq: PlanSequence,
    /// Which of them leads on.
    pub(super) at: usize,
    /// Whether they run at once.
    pub(super) parallel: bool,
    /// Whether they may begin again without an event that reports it.
    pub(super) restarts: bool,
}

/// The places in one statement, by their labels without values.
#[derive(Debug, Default)]
pub(super) struct NestedStatements {
    by_label: FastMap<String, Vec<Arc<StatementPath>>>,
}

impl NestedStatements {
    /// The places that a segment of a path may mean. The text is used to work in.
    pub(super) fn find(&self, segment: &str, plain: &mut String) -> &[Arc<StatementPath>] {
        let found = self.by_label.get(statement(segment, plain));
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

/// All places, computed on first use.
#[derive(Debug, Clone, Default)]
pub(super) struct StatementPaths {
    inside: FastMap<TreeId, Arc<NestedStatements>>,
}

impl StatementPaths {
    /// The places in a statement (or in the cells of a loop).
    pub(super) fn inside(&mut self, plan: &Plan, scope: TreeId) -> Arc<NestedStatements> {
        let inside = self.inside.entry(scope);
        inside
            .or_insert_with(|| Arc::new(collect(plan, scope)))
            .clone()
    }
}

fn collect(plan: &Plan, scope: TreeId) -> NestedStatements {
    let node = plan.tree.get(scope);
    let mut collector = Collector {
        walk: plan.walk(),
        way: Vec::new(),
        bodies: 0,
        inside: NestedStatements::default(),
    };
    let looks = node.stmt.kind.repeats_its_body();
    let parallel = node.stmt.kind.has_strands();
    for body in &node.bodies {
        collector.body(scope, body, parallel, looks, None);
    }
    for (workflow, body) in &node.workflows {
        let several = node.workflows.len() > 1;
        collector.body(scope, body, false, looks, several.then_some(*workflow));
    }
    collector.inside
}

/// Visits the bodies that are reached from one place.
struct Collector<'a> {
    walk: PlanWalk<'a>,
    /// The blocks on the way to where it is.
    way: Vec<EnclosingBlock>,
    /// How many bodies it has visited.
    bodies: usize,
    inside: NestedStatements,
}

impl Collector<'_> {
    fn body(
        &mut self,
        block: TreeId,
        seq: &PlanSequence,
        parallel: bool,
        restarts: bool,
        workflow: Option<WorkflowId>,
    ) {
        let tree = self.walk.tree;
        let body = self.bodies;
        self.bodies += 1;
        for (at, child) in seq.iter().enumerate() {
            self.way.push(EnclosingBlock {
                block,
                body,
                seq: seq.clone(),
                at,
                parallel,
                restarts,
            });
            let node = tree.get(*child);
            if let Some(label) = &node.label {
                let are_cells = node.stmt.kind.matrix().is_some();
                let label = statement_name(label, node.number, are_cells);
                let place = Arc::new(self.place(*child, workflow));
                self.inside.by_label.entry(label).or_default().push(place);
            } else {
                let restarts = restarts || may_restart(tree, *child);
                for body in &node.bodies {
                    self.body(*child, body, false, restarts, workflow);
                }
            }
            self.way.pop();
        }
    }

    fn place(&self, tree: TreeId, workflow: Option<WorkflowId>) -> StatementPath {
        let is_cell = self.walk.tree.get(tree).stmt.kind.matrix().is_some();
        StatementPath {
            tree,
            is_cell,
            workflow,
            name: self.name(tree),
            restarts: self.way.iter().any(|link| link.restarts)
                || (is_cell && may_restart(self.walk.tree, tree)),
            meeting: self.meeting(tree),
            way: self.way.clone(),
        }
    }

    fn meeting(&self, tree: TreeId) -> Option<usize> {
        self.walk.tree.get(tree).meeting.map(|it| it as usize)
    }

    /// What a statement is called in paths, where that is the same in every run.
    fn name(&self, tree: TreeId) -> Option<String> {
        let nothing = Locals::default();
        let is_known = |expr| self.walk.eval(expr, &nothing).is_ok();
        let known = match &self.walk.tree.get(tree).stmt.kind {
            StmtKind::Matrix(_) => false,
            StmtKind::Deploy {
                service, target, ..
            } => is_known(service) && is_known(target),
            StmtKind::Barrier { key, .. } => key.as_ref().is_none_or(is_known),
            StmtKind::Lock { resource, .. } => is_known(resource),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => true,
        };
        let part = self.walk.part(tree, &nothing).filter(|_| known);
        part.map(|part| part.text())
    }
}

/// Whether a statement that is not reported may begin its body again.
pub(super) fn may_restart(tree: &PlanTree, id: TreeId) -> bool {
    let node = tree.get(id);
    let mut open: Vec<TreeId> = node
        .on_failure
        .iter()
        .flat_map(|it| it.iter().copied())
        .collect();
    let mut asks = false;
    while let Some(id) = open.pop() {
        let node = tree.get(id);
        asks |= matches!(
            node.stmt.kind.verdict(),
            Some(HandlerVerdict::Retry(_) | HandlerVerdict::Ask { .. })
        );
        open.extend(node.bodies.iter().flat_map(|it| it.iter().copied()));
    }
    node.stmt.modifiers.retry.is_some() || asks
}

/// Whether a strand that is not reported may reach a barrier, or not reach it.
pub(super) fn has_hidden_strands(tree: &PlanTree) -> bool {
    tree.iter().any(|(_, node)| {
        let strands = node.bodies.iter().flat_map(|body| body.iter());
        let hidden = |id: &TreeId| tree.get(*id).label.is_none() && tree.get(*id).has_barrier;
        node.stmt.kind.has_strands() && strands.into_iter().any(hidden)
    })
}

/// Whether something that is not reported may roll back.
pub(super) fn has_hidden_scopes(tree: &PlanTree) -> bool {
    tree.iter().any(|(_, node)| {
        let hidden = node.label.is_none() || matches!(node.kind, NodeKind::Cell);
        hidden && (node.stmt.modifiers.atomic || node.may_roll_back)
    })
}
