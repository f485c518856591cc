//! The skeleton of the plan: a pipeline with every workflow call inlined, so that each reachable
//! statement has one number and one name. Loops and matrices stay single nodes: must not depend on
//! values.

#![deny(clippy::wildcard_enum_match_arm)]

use std::sync::Arc;

use super::facts::EvalScope;
use super::sibling_names::SiblingNames;
use super::{BoundInputs, Locals};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, ExprKind};
use lockstep_lang::ir::{
    Block, HandlerVerdict, Pipeline, Program, RollbackScope, Stmt, StmtKind, WorkflowId,
    WorkflowUse,
};

use super::node_kind::NodeKind;

/// A node of the skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TreeId(pub u32);

/// Statements one after the other (or, in a `parallel`, concurrently).
pub type PlanSequence = Arc<[TreeId]>;

/// More nodes than this are refused: workflows that call each other twice on every level.
const MAX_NODES: usize = 500_000;

/// Statements deeper inside each other than this are refused: everything that walks a plan goes
/// as deep as it is, and no stack is endless.
const MAX_STATEMENT_DEPTH: u32 = 200;

/// A statement at one spot of the pipeline.
#[derive(Debug, Clone)]
pub struct PlanNode {
    /// The statement.
    pub stmt: Arc<Stmt>,
    /// What it is in.
    pub parent: Option<TreeId>,
    /// What it is called in a path; without a label it has no place of its own there. Those of
    /// deployments, cells, barriers and locks get their values when they are reached.
    pub label: Option<Name>,
    /// Which of the siblings that may have the same name it is, from 1.
    pub number: u32,
    /// What reports call it.
    pub kind: NodeKind,
    /// Its bodies: one, or one for each branch of an `if` (the `else` last).
    pub bodies: Vec<PlanSequence>,
    /// The bodies of the workflows that a deployment may turn out to use.
    pub workflows: Vec<(WorkflowId, PlanSequence)>,
    /// The body of `undo`.
    pub undo: Option<PlanSequence>,
    /// The bodies of the `on failure` handlers.
    pub on_failure: Vec<PlanSequence>,
    /// The body of `always`.
    pub always: Option<PlanSequence>,
    /// The body of `watch`.
    pub watch: Option<PlanSequence>,
    /// What is done between the batches of a loop.
    pub between: Option<PlanSequence>,
    /// For a barrier: which of the plan's meetings it belongs to. One that a rollback passes over
    /// belongs to none.
    pub meeting: Option<u32>,
    /// For a loop with barriers: whether only the run knows its list, or how many it lets in.
    pub is_late: bool,
    /// Whether a barrier is in it, itself included.
    pub has_barrier: bool,
    /// Whether a deployment is in it, itself included.
    pub has_deploy: bool,
    /// Whether a `lock` is in it, itself included.
    pub has_lock: bool,
    /// Whether a handler in it may roll the whole of this node back.
    pub may_roll_back: bool,
    /// Whether it holds the infrastructure locks of the deployments in it: the pipeline, a stage,
    /// or an `atomic` block around stages, where nothing around it holds them already.
    pub holds_locks: bool,
    /// Whether stages and blocks in it use the locks that it or something around it holds.
    pub shares_locks: bool,
    has_stage: bool,
}

/// The skeleton of one pipeline.
#[derive(Debug, Clone, Default)]
pub struct PlanTree {
    nodes: Vec<PlanNode>,
    /// The block of each of the plan's meetings.
    meeting_blocks: Vec<TreeId>,
}

impl PlanTree {
    /// The skeleton of a pipeline.
    pub fn build(bound: &BoundInputs) -> Result<Self, Diagnostic> {
        let Pipeline { body, name, .. } = bound.pipeline();
        let mut builder = PlanTreeBuilder {
            bound,
            program: &bound.program,
            tree: Self::default(),
            too_large: false,
            depth: 0,
        };
        let root = builder.node(body, None, &mut SiblingNames::default());
        if builder.too_large {
            return Err(too_large(body, builder.depth));
        }
        let mut tree = builder.tree;
        if let Some(node) = tree.nodes.get_mut(root.0 as usize) {
            node.label = Some(name.clone());
            node.kind = NodeKind::Pipeline;
        }
        tree.mark();
        tree.mark_lock_holders();
        Ok(tree)
    }

    /// The root: the pipeline.
    pub fn root(&self) -> TreeId {
        TreeId(0)
    }

    /// A node.
    pub fn get(&self, id: TreeId) -> &PlanNode {
        &self.nodes[id.0 as usize]
    }

    /// Adds a meeting of the strands of a block at these barriers.
    pub(crate) fn add_meeting(&mut self, block: TreeId, barriers: &[TreeId]) {
        let meeting = self.meeting_blocks.len() as u32;
        self.meeting_blocks.push(block);
        for barrier in barriers {
            if let Some(node) = self.nodes.get_mut(barrier.0 as usize) {
                node.meeting = Some(meeting);
            }
        }
    }

    pub(crate) fn set_late_loops(&mut self, loops: &[TreeId]) {
        for id in loops {
            if let Some(node) = self.nodes.get_mut(id.0 as usize) {
                node.is_late = true;
            }
        }
    }

    /// The block whose strands meet.
    pub fn meeting_block(&self, meeting: u32) -> Option<TreeId> {
        self.meeting_blocks.get(meeting as usize).copied()
    }

    /// All nodes with their numbers; what is in a node comes after it.
    pub fn iter(&self) -> impl Iterator<Item = (TreeId, &PlanNode)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (TreeId(at as u32), node))
    }

    /// The node and all that it is in, outwards.
    pub fn outwards(&self, from: TreeId) -> impl Iterator<Item = TreeId> {
        std::iter::successors(Some(from), |id| self.get(*id).parent)
    }

    /// Whether deployments in a node may run a second time or be rolled back from outside them,
    /// so that their locks are held to the node's end. What holds locks of its own in it does not
    /// count, and what deploys nothing may come back as it likes.
    pub fn may_come_back(&self, id: TreeId) -> bool {
        let node = self.get(id);
        let comes = |child: &TreeId| {
            let inner = self.get(*child);
            let kind = &inner.stmt.kind;
            let own_locks = kind.deploys() || inner.holds_locks;
            !own_locks && inner.has_deploy && self.may_come_back(*child)
        };
        let mut handlers = node.on_failure.iter().chain(&node.always);
        node.stmt.modifiers.retry.is_some()
            || node.stmt.modifiers.atomic
            || node.may_roll_back
            || handlers.any(|body| body.iter().any(|child| self.sends_back(*child)))
            || node.bodies.iter().any(|body| body.iter().any(comes))
    }

    /// Whether something in a handler may try again what the handler is for, or deploys something
    /// that may come back.
    fn sends_back(&self, id: TreeId) -> bool {
        let node = self.get(id);
        let handlers = node.on_failure.iter().chain(&node.always);
        let mut bodies = node.bodies.iter().chain(handlers);
        node.stmt.modifiers.retry.is_some()
            || node.stmt.modifiers.atomic
            || node.may_roll_back
            || matches!(node.stmt.kind.verdict(), Some(HandlerVerdict::Retry(_)))
            || bodies.any(|body| body.iter().any(|child| self.sends_back(*child)))
    }

    /// Carries what is inside a node outwards to it; nodes come after what they are in.
    fn mark(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[at];
            match node.stmt.kind {
                StmtKind::Barrier { .. } => node.has_barrier = true,
                StmtKind::Deploy { .. } => node.has_deploy = true,
                StmtKind::Lock { .. } => node.has_lock = true,
                StmtKind::Block(_)
                | StmtKind::Stage { .. }
                | StmtKind::Parallel(_)
                | StmtKind::Matrix(_)
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
                | StmtKind::Verdict(_) => {}
            }
            node.has_stage |= node.stmt.kind.holds_infrastructures();
            let (has_barrier, has_deploy) = (node.has_barrier, node.has_deploy);
            let (has_lock, has_stage) = (node.has_lock, node.has_stage);
            let scopes = verdict_scopes(&node.stmt.kind);
            if let Some(parent) = node.parent {
                let parent = &mut self.nodes[parent.0 as usize];
                parent.has_barrier |= has_barrier;
                parent.has_deploy |= has_deploy;
                parent.has_lock |= has_lock;
                parent.has_stage |= has_stage;
            }
            for scope in scopes {
                self.mark_rollback(TreeId(at as u32), *scope);
            }
        }
    }

    /// Marks who holds infrastructure locks; what is around a node comes before it.
    fn mark_lock_holders(&mut self) {
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(at) else {
                continue;
            };
            let around = node.parent.map(|it| self.get(it).shares_locks);
            let atomic = node.stmt.modifiers.atomic;
            let is_stage = node.stmt.kind.holds_infrastructures();
            let is_wide = atomic && node.has_stage && node.has_deploy;
            let holds = around.is_none_or(|shares| !shares && (is_stage || is_wide));
            if let Some(node) = self.nodes.get_mut(at) {
                node.holds_locks = holds;
                node.shares_locks = around == Some(true) || (holds && (is_stage || atomic));
            }
        }
    }

    /// Whether a node holds locks beyond a stage: it takes them together, and waits for no more.
    pub fn holds_beyond_stages(&self, id: TreeId) -> bool {
        let node = self.get(id);
        node.holds_locks && node.shares_locks && !node.stmt.kind.holds_infrastructures()
    }

    /// Whether a rollback may come to what a stage has deployed and given back: others may have
    /// deployed there by then.
    pub fn may_undo_what_was_given_back(&self) -> bool {
        let undoes = |node: &PlanNode| node.may_roll_back && !node.shares_locks;
        self.nodes
            .iter()
            .any(|node| undoes(node) && node.has_stage && node.has_deploy)
    }

    fn mark_rollback(&mut self, verdict: TreeId, scope: RollbackScope) {
        let target = match scope {
            // The handler's own statement: the nearest one around that has handlers.
            RollbackScope::Block => self
                .outwards(verdict)
                .skip(1)
                .find(|id| !self.get(*id).on_failure.is_empty()),
            RollbackScope::Stage => self
                .outwards(verdict)
                .find(|id| self.get(*id).stmt.kind.holds_infrastructures()),
            RollbackScope::Pipeline => Some(self.root()),
        };
        let target = target.unwrap_or(self.root());
        self.nodes[target.0 as usize].may_roll_back = true;
    }
}

/// What a handler's last statement may roll back.
fn verdict_scopes(kind: &StmtKind) -> &'static [RollbackScope] {
    match kind.verdict() {
        Some(HandlerVerdict::Rollback(RollbackScope::Block) | HandlerVerdict::Ask { .. }) => {
            &[RollbackScope::Block]
        }
        Some(HandlerVerdict::Rollback(RollbackScope::Stage)) => &[RollbackScope::Stage],
        Some(HandlerVerdict::Rollback(RollbackScope::Pipeline)) => &[RollbackScope::Pipeline],
        Some(HandlerVerdict::Ignore | HandlerVerdict::Abort | HandlerVerdict::Retry(_)) | None => {
            &[]
        }
    }
}

fn too_large(body: &Stmt, depth: u32) -> Diagnostic {
    let message = "this pipeline is too large to plan";
    let diagnostic = Diagnostic::error(codes::PIPELINE_TOO_LARGE, body.span, message);
    if depth > MAX_STATEMENT_DEPTH {
        return diagnostic
            .here(format!(
                "more than {MAX_STATEMENT_DEPTH} statements inside each other when every \
                 workflow call is followed"
            ))
            .help("call workflows one after the other instead of each from the one before");
    }
    diagnostic
        .here(format!(
            "more than {MAX_NODES} statements when every workflow call is followed"
        ))
        .help("call the workflow in a loop instead of once for each case")
}

struct PlanTreeBuilder<'a> {
    bound: &'a BoundInputs,
    program: &'a Program,
    tree: PlanTree,
    too_large: bool,
    /// How many statements are around the next one.
    depth: u32,
}

impl PlanTreeBuilder<'_> {
    fn seq(&mut self, block: &Block, parent: TreeId, labels: &mut SiblingNames) -> PlanSequence {
        block
            .stmts
            .iter()
            .map(|stmt| self.node(stmt, Some(parent), labels))
            .collect()
    }

    fn node(
        &mut self,
        stmt: &Arc<Stmt>,
        parent: Option<TreeId>,
        around: &mut SiblingNames,
    ) -> TreeId {
        let id = TreeId(self.tree.nodes.len() as u32);
        self.too_large |= self.tree.nodes.len() >= MAX_NODES || self.depth > MAX_STATEMENT_DEPTH;
        if self.too_large {
            return TreeId(0);
        }
        self.depth += 1;
        let (label, kind) = label(self.program, stmt);
        let number = match &label {
            Some(label) => self.number(stmt, label, around),
            None => 1,
        };
        let visible = label.is_some();
        self.tree.nodes.push(PlanNode {
            stmt: stmt.clone(),
            parent,
            label,
            number,
            kind,
            bodies: Vec::new(),
            workflows: Vec::new(),
            undo: None,
            on_failure: Vec::new(),
            always: None,
            watch: None,
            between: None,
            meeting: None,
            is_late: false,
            has_barrier: false,
            has_deploy: false,
            has_lock: false,
            may_roll_back: false,
            holds_locks: false,
            shares_locks: false,
            has_stage: false,
        });
        let mut own = SiblingNames::default();
        let labels = if visible { &mut own } else { around };
        let (bodies, workflows) = self.bodies(stmt, id, labels);
        let handlers = &stmt.handlers;
        let undo = handlers
            .undo
            .as_ref()
            .map(|body| self.seq(body, id, &mut SiblingNames::default()));
        let on_failure = handlers
            .on_failure
            .iter()
            .map(|handler| self.seq(&handler.body, id, &mut SiblingNames::default()))
            .collect();
        let always = handlers
            .always
            .as_ref()
            .map(|body| self.seq(body, id, &mut SiblingNames::default()));
        let mut beside =
            |body: Option<&Block>| body.map(|it| self.seq(it, id, &mut SiblingNames::default()));
        let watch = beside(handlers.watch.as_ref().map(|it| &it.body));
        let between = stmt.kind.matrix().and_then(|it| it.between.as_ref());
        let between = beside(between.map(|it| &it.body));
        let node = &mut self.tree.nodes[id.0 as usize];
        (node.bodies, node.workflows) = (bodies, workflows);
        (node.undo, node.on_failure) = (undo, on_failure);
        (node.always, node.watch, node.between) = (always, watch, between);
        if !self.too_large {
            self.depth -= 1;
        }
        id
    }

    fn bodies(
        &mut self,
        stmt: &Stmt,
        id: TreeId,
        labels: &mut SiblingNames,
    ) -> (Vec<PlanSequence>, Vec<(WorkflowId, PlanSequence)>) {
        let program = self.program;
        let bodies = match &stmt.kind {
            StmtKind::Matrix(matrix) => {
                vec![self.seq(&matrix.body, id, &mut SiblingNames::default())]
            }
            StmtKind::Call(using) => {
                let workflow = program.workflows.get(using.workflow.0 as usize);
                vec![
                    workflow
                        .map_or_else(PlanSequence::default, |it| self.seq(&it.body, id, labels)),
                ]
            }
            StmtKind::Deploy { .. } => {
                let workflows = deploy_workflows(program, stmt);
                let body = |workflow: WorkflowId| {
                    let body = &program.workflows.get(workflow.0 as usize)?.body;
                    Some((workflow, self.seq(body, id, &mut SiblingNames::default())))
                };
                return (Vec::new(), workflows.into_iter().filter_map(body).collect());
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let bodies = stmt.bodies().into_iter();
                bodies.map(|body| self.seq(body, id, labels)).collect()
            }
        };
        (bodies, Vec::new())
    }

    /// The number of a statement among its siblings.
    fn number(&self, stmt: &Stmt, label: &Name, around: &mut SiblingNames) -> u32 {
        if let StmtKind::Deploy {
            service, target, ..
        } = &stmt.kind
        {
            return around.number_of_deployment(
                match self.known(service) {
                    Some(Value::Service { id, .. }) => Some(id),
                    Some(_) | None => None,
                },
                match self.known(target) {
                    Some(Value::Infrastructure(id)) => Some(id),
                    Some(_) | None => None,
                },
            );
        }
        if let StmtKind::Barrier { name, .. } = &stmt.kind {
            return around.number(&Name::from(format!("{label} {name}")));
        }
        around.number(label)
    }

    /// The value of an expression, where it is the same wherever it stands.
    fn known(&self, expr: &Expr) -> Option<Value> {
        let scope = EvalScope {
            program: self.program,
            facts: &self.bound.facts,
            locals: &Locals::default(),
            run: None,
        };
        scope.eval(expr).ok()
    }
}

/// What a node is called in a path, and what it is.
pub(crate) fn label(program: &Program, stmt: &Stmt) -> (Option<Name>, NodeKind) {
    let fixed = |text: &str, kind| (Some(Name::from(text)), kind);
    match &stmt.kind {
        StmtKind::Block(_) => fixed("serial", NodeKind::Serial),
        StmtKind::Parallel(_) => fixed("parallel", NodeKind::Parallel),
        StmtKind::Stage { name, .. } => (Some(name.clone()), NodeKind::Stage),
        StmtKind::Step { name, .. } => (Some(name.clone()), NodeKind::Step),
        StmtKind::Matrix(matrix) => (Some(matrix.word.clone()), NodeKind::Cell),
        StmtKind::Deploy { .. } => fixed("deploy", NodeKind::Deploy),
        StmtKind::Run(command) => fixed(command.word(), NodeKind::Run),
        StmtKind::Call(using) => {
            let workflow = program.workflows.get(using.workflow.0 as usize);
            let name = using.called.as_ref().or(workflow.map(|it| &it.name));
            (name.cloned(), NodeKind::Workflow)
        }
        StmtKind::Action { action, .. } => {
            let action = program.actions.get(*action as usize);
            (action.map(|it| it.name.clone()), NodeKind::Action)
        }
        StmtKind::Barrier { .. } => fixed("barrier", NodeKind::Barrier),
        StmtKind::Lock { .. } => fixed("lock", NodeKind::Lock),
        StmtKind::Approve { .. } => fixed("approve", NodeKind::Approve),
        StmtKind::Wait(_) => fixed("wait", NodeKind::Wait),
        StmtKind::Verify { .. } => fixed("verify", NodeKind::Verify),
        StmtKind::Log(_) => fixed("log", NodeKind::Log),
        StmtKind::On { with, .. } => fixed(if *with { "with" } else { "on" }, NodeKind::Serial),
        StmtKind::Let(_)
        | StmtKind::If { .. }
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::Verdict(_) => (None, NodeKind::Serial),
    }
}

/// The workflows that a statement may run itself: the one that it calls, or those that a deployment
/// may turn out to use.
pub fn called_workflows(program: &Program, stmt: &Stmt) -> Vec<WorkflowId> {
    if let StmtKind::Call(using) = &stmt.kind {
        return vec![using.workflow];
    }
    deploy_workflows(program, stmt)
}

/// The workflows that a `deploy` may use: its own, its service's, or those of all services.
fn deploy_workflows(program: &Program, stmt: &Stmt) -> Vec<WorkflowId> {
    let StmtKind::Deploy { service, using, .. } = &stmt.kind else {
        return Vec::new();
    };
    if let Some(using) = using {
        return vec![using.workflow];
    }
    let mut found = Vec::new();
    for using in deploying(program, service) {
        if !found.contains(&using.workflow) {
            found.push(using.workflow);
        }
    }
    found
}

/// How a service is deployed that is not known, or this one, by what is declared.
pub(crate) fn deploying<'p>(
    program: &'p Program,
    service: &Expr,
) -> impl Iterator<Item = &'p WorkflowUse> {
    let only = if let ExprKind::Const(Value::Service { id, .. }) = &service.kind {
        Some(id.0 as usize)
    } else {
        None
    };
    let services = program.services.iter().enumerate();
    let services = services.filter(move |(at, _)| only.is_none_or(|only| only == *at));
    // Those that are still to come from data are deployed as their declaration says.
    let open = program.service_templates.iter();
    let open = open.filter(move |it| only.is_none() && it.made.is_none());
    let services = services.map(|(_, declared)| declared);
    let services = services.chain(open.map(|it| &it.declared));
    services.filter_map(|declared| {
        let kind = program.kinds.get(declared.kind as usize);
        declared.using.as_ref().or_else(|| kind?.deploy.as_ref())
    })
}
