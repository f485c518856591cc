//! Every barrier of a plan with what the source says about its key, followed through workflow calls
//! and deployments: whether it is the value of an axis, a value of the source, or something else.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use lockstep_base::source::Name;
use lockstep_lang::eval::visit::children;
use lockstep_lang::eval::{Expr, ExprKind, Slot};
use lockstep_lang::ir::{AcrossScope, Program, StmtKind, Workflow, WorkflowId, WorkflowUse};

use crate::display;
use crate::tree::{PlanNode, PlanSequence, PlanTree, TreeId, deploying};

/// A place at which a barrier is passed.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The barrier.
    pub tree: TreeId,
    /// Its key.
    pub key: SpotKey,
    /// What is written after `across`.
    pub across: Option<AcrossScope>,
}

/// What the source says about a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SpotKey {
    /// There is none.
    Bare,
    /// This text.
    Text(String),
    /// The value of an axis, or its name: another one in each cell of that axis.
    Axis(TreeId, usize),
    /// Anything: it can be equal to any other.
    Any,
}

/// A barrier that a handler reaches through a workflow.
#[derive(Debug)]
pub struct HandledSpot {
    /// The barrier.
    pub tree: TreeId,
    /// The handler's word.
    pub word: &'static str,
    /// The statement of the handler.
    pub from: TreeId,
}

/// The barriers of a plan.
#[derive(Debug, Default)]
pub struct BarrierSpots {
    /// Those that strands pass.
    pub by_name: IndexMap<Name, Vec<Spot>>,
    /// Those that handlers would pass.
    pub in_handlers: Vec<HandledSpot>,
    /// The loops with barriers of which only the run knows the list.
    pub late_loops: Vec<TreeId>,
}

/// Finds them all. An `undo` passes over its barriers, so those are not among them.
pub fn barrier_spots(program: &Program, tree: &PlanTree) -> BarrierSpots {
    let mut finder = SpotFinder {
        program,
        tree,
        found: BarrierSpots::default(),
        handler: None,
    };
    finder.node(tree.root(), &mut Origins::default());
    finder.found
}

/// Where the values of a body's names come from.
#[derive(Debug, Default)]
struct Origins {
    /// Of what is not in it, nothing is known.
    keys: HashMap<Slot, SpotKey>,
    /// The names whose value only the run brings.
    late: HashSet<Slot>,
}

impl Origins {
    fn bind(&mut self, slot: Slot, key: SpotKey, late: bool) {
        self.keys.insert(slot, key);
        match late {
            true => self.late.insert(slot),
            false => self.late.remove(&slot),
        };
    }

    /// Whether a value depends on something that only the run brings.
    fn is_late(&self, expr: &Expr) -> bool {
        if let ExprKind::Local(slot) = &expr.kind {
            return self.late.contains(slot);
        }
        let mut late = false;
        children(expr, &mut |child| late = late || self.is_late(child));
        late
    }
}

struct SpotFinder<'a> {
    program: &'a Program,
    tree: &'a PlanTree,
    found: BarrierSpots,
    /// The handler around, and its statement.
    handler: Option<(&'static str, TreeId)>,
}

impl SpotFinder<'_> {
    fn seq(&mut self, seq: &PlanSequence, origins: &mut Origins) {
        for id in seq.iter() {
            self.node(*id, origins);
        }
    }

    fn node(&mut self, id: TreeId, origins: &mut Origins) {
        let tree = self.tree;
        let node = tree.get(id);
        if let Some(slot) = node.stmt.bind {
            match node.stmt.kind.bound_value() {
                Some(value) => {
                    let late = origins.is_late(value);
                    origins.bind(slot, self.origin(value, origins), late);
                }
                // What a stage deploys is known before it runs, if anything is.
                None => {
                    let late = !node.stmt.kind.holds_infrastructures();
                    origins.bind(slot, SpotKey::Any, late);
                }
            }
        }
        if !node.has_barrier {
            return;
        }
        self.inside(id, node, origins);
        for handler in &node.on_failure {
            self.handler("on failure", handler, origins);
        }
        if let Some(always) = &node.always {
            self.handler("always", always, origins);
        }
    }

    fn handler(&mut self, word: &'static str, seq: &PlanSequence, origins: &mut Origins) {
        for id in seq.iter() {
            let around = self.handler;
            self.handler = around.or(Some((word, *id)));
            self.node(*id, origins);
            self.handler = around;
        }
    }

    fn inside(&mut self, id: TreeId, node: &PlanNode, origins: &mut Origins) {
        match &node.stmt.kind {
            StmtKind::Barrier { name, key, across } => {
                if let Some((word, from)) = self.handler {
                    let tree = id;
                    return self
                        .found
                        .in_handlers
                        .push(HandledSpot { tree, word, from });
                }
                let key = match key {
                    Some(key) => self.origin(key, origins),
                    None => SpotKey::Bare,
                };
                let spot = Spot {
                    tree: id,
                    key,
                    across: *across,
                };
                self.found
                    .by_name
                    .entry(name.clone())
                    .or_default()
                    .push(spot);
            }
            StmtKind::Matrix(matrix) => {
                let mut is_late = false;
                for (at, axis) in matrix.axes.iter().enumerate() {
                    let late = origins.is_late(&axis.list);
                    origins.bind(axis.slot, SpotKey::Axis(id, at), late);
                    is_late |= late;
                }
                let modifiers = &node.stmt.modifiers;
                let mut others = matrix.filter.iter().chain(matrix.include.iter().flatten());
                let mut widths = modifiers.max.iter().chain(&modifiers.batches);
                is_late |= others.any(|it| origins.is_late(it));
                is_late |= widths.any(|it| origins.is_late(it));
                if is_late {
                    self.found.late_loops.push(id);
                }
                node.bodies.iter().for_each(|body| self.seq(body, origins));
            }
            StmtKind::Call(using) => {
                let workflow = self.workflow(using);
                let mut inside = self.arguments(using, workflow, origins, 0);
                node.bodies
                    .iter()
                    .for_each(|body| self.seq(body, &mut inside));
            }
            StmtKind::Deploy {
                service,
                target,
                using,
            } => {
                for (id, body) in &node.workflows {
                    let workflow = self.program.workflows.get(id.0 as usize);
                    // Only the statement's own arguments see the names around it.
                    let mut inside = match using {
                        Some(using) => self.arguments(using, workflow, origins, 2),
                        None => self.declared_arguments(*id, service, workflow),
                    };
                    let params = workflow.iter().flat_map(|it| &it.params);
                    for (param, value) in params.zip([service, target]) {
                        let late = origins.is_late(value);
                        inside.bind(param.slot, self.origin(value, origins), late);
                    }
                    self.seq(body, &mut inside);
                }
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
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
                node.bodies.iter().for_each(|body| self.seq(body, origins));
            }
        }
    }

    fn workflow(&self, using: &WorkflowUse) -> Option<&Workflow> {
        self.program.workflows.get(using.workflow.0 as usize)
    }

    /// Where the parameters of a workflow come from that services use as they, or their kinds, say.
    fn declared_arguments(
        &self,
        id: WorkflowId,
        service: &Expr,
        workflow: Option<&Workflow>,
    ) -> Origins {
        let mut all: Option<Origins> = None;
        for using in deploying(self.program, service).filter(|it| it.workflow == id) {
            let one = self.arguments(using, workflow, &Origins::default(), 2);
            match &mut all {
                None => all = Some(one),
                Some(all) => {
                    for (slot, key) in &mut all.keys {
                        if one.keys.get(slot) != Some(key) {
                            *key = SpotKey::Any;
                        }
                    }
                }
            }
        }
        all.unwrap_or_default()
    }

    /// Where the parameters of a workflow come from, beginning with the one numbered `from`.
    fn arguments(
        &self,
        using: &WorkflowUse,
        workflow: Option<&Workflow>,
        around: &Origins,
        from: usize,
    ) -> Origins {
        let mut inside = Origins::default();
        let params = workflow.into_iter().flat_map(|it| &it.params).enumerate();
        for (at, param) in params.skip(from) {
            let (key, late) = match (using.args.get(at).and_then(Option::as_ref), &param.default) {
                (Some(arg), _) => (self.origin(arg, around), around.is_late(arg)),
                (None, Some(default)) => (self.origin(default, &inside), inside.is_late(default)),
                (None, None) => (SpotKey::Any, false),
            };
            inside.bind(param.slot, key, late);
        }
        inside
    }

    /// What the source says about a value.
    fn origin(&self, expr: &Expr, origins: &Origins) -> SpotKey {
        match &expr.kind {
            ExprKind::Const(value) => SpotKey::Text(display(self.program, value)),
            ExprKind::Local(slot) => origins.keys.get(slot).cloned().unwrap_or(SpotKey::Any),
            ExprKind::Field(of, name) if **name == *"name" => match self.origin(of, origins) {
                axis @ SpotKey::Axis(..) => axis,
                SpotKey::Bare | SpotKey::Text(_) | SpotKey::Any => SpotKey::Any,
            },
            ExprKind::Field(..)
            | ExprKind::Global(_)
            | ExprKind::Run(_)
            | ExprKind::Interpolate(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => SpotKey::Any,
        }
    }
}
