//! A part of a pipeline as a program of its own: a stage, or a deployment in one, alone or with all
//! that comes after it. What is left out is not in the plan, so that barriers, locks and proofs
//! count only who runs; approvals before it stay.

use std::collections::HashSet;
use std::sync::Arc;

use super::{BoundInputs, Locals, Plan, PlanNode, TreeId, stage_value};
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::node_path::{self, NodePath, PathPart};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::{BinaryOp, Expr, ExprKind, Slot};
use lockstep_lang::ir::visit::{self, ChildMut};
use lockstep_lang::ir::{Block, Program, Stmt, StmtKind};

/// Which part of a pipeline is run.
#[derive(Debug, Clone)]
pub struct PipelinePart {
    /// As it was asked for.
    path: String,
    /// The stage.
    stage: Option<Name>,
    /// The service and the infrastructure of a deployment.
    deployment: Option<(String, String)>,
    /// Whether all that comes after it is run, too.
    onwards: bool,
}

impl PipelinePart {
    /// The part with this path, alone.
    pub fn only(path: &str) -> Self {
        Self::new(path, false)
    }

    /// All from the part with this path on.
    pub fn from(path: &str) -> Self {
        Self::new(path, true)
    }

    fn new(path: &str, onwards: bool) -> Self {
        let last = PathPart::read(node_path::last(path));
        let deployment = last.deployment();
        let deployment = deployment.map(|(s, i)| (s.to_string(), i.to_string()));
        // The first segment is the pipeline, and what stands in brackets is a cell.
        let mut above = node_path::parts(path)
            .rev()
            .skip(usize::from(deployment.is_some()));
        let stage = above.find(|part| !part.contains(['[', '*']));
        Self {
            path: path.to_string(),
            stage: stage.map(Name::from),
            deployment,
            onwards,
        }
    }

    fn option(&self) -> &'static str {
        match self.onwards {
            true => "--from",
            false => "--only",
        }
    }
}

/// The program with nothing but a part of the pipeline of a plan. `lent` has the values of nodes
/// that another run has made.
///
/// # Errors
///
/// Where there is no such part, or a value is missing that what is left out would have made.
pub fn part_of(
    plan: &Plan,
    part: &PipelinePart,
    lent: &dyn Fn(&NodePath) -> Option<Value>,
) -> Result<Program, Vec<Diagnostic>> {
    let body = plan.bound.pipeline().body.clone();
    let mut cut = Cut {
        plan,
        part: part.clone(),
        left: HashSet::new(),
        wrong: Vec::new(),
    };
    if let Some((service, target)) = &part.deployment
        && part.stage.as_ref() == Some(&plan.bound.pipeline().name)
    {
        // It stands in no stage.
        cut.part.stage = None;
        cut.part.deployment = Some((service.clone(), target.clone()));
    }
    if !cut.has_part(&body) {
        return Err(vec![cut.no_such_part()]);
    }
    let body = cut.with_bodies(&body, &mut |cut, block| cut.serial(block));
    let body = cut.lend(body, lent);
    if !cut.wrong.is_empty() {
        return Err(cut.wrong);
    }
    let mut program = (*plan.bound.program).clone();
    let at = plan.bound.pipeline as usize;
    if let Some(pipeline) = program.pipelines.get_mut(at) {
        pipeline.body = body;
    }
    // A barrier counts only who runs: where nobody else comes, it is open.
    for _ in 0..MAX_LONE_BARRIERS {
        let lone = lone_barriers(plan, &program);
        let Some(pipeline) = program.pipelines.get_mut(at).filter(|_| !lone.is_empty()) else {
            break;
        };
        pipeline.body = without_barriers(&pipeline.body, &lone);
    }
    Ok(program)
}

/// How often barriers are looked for to which nobody else comes any more.
const MAX_LONE_BARRIERS: usize = 10;

/// The barriers of a program at which nobody else arrives.
fn lone_barriers(plan: &Plan, program: &Program) -> Vec<Span> {
    let bound = BoundInputs {
        program: Arc::new(program.clone()),
        ..plan.bound.clone()
    };
    let mistakes = Plan::new(bound).err().unwrap_or_default();
    let lone = mistakes.iter().filter(|it| it.code == codes::LONE_BARRIER);
    lone.filter_map(Diagnostic::span).collect()
}

struct Cut<'p> {
    plan: &'p Plan,
    part: PipelinePart,
    /// The statements that are left out, and have a value.
    left: HashSet<*const Stmt>,
    wrong: Vec<Diagnostic>,
}

impl Cut<'_> {
    /// Whether a statement is the part, or has it in it.
    fn has_part(&self, stmt: &Stmt) -> bool {
        let bodies = stmt.bodies();
        let mut inside = bodies.iter().flat_map(|body| &body.stmts);
        match role(stmt) {
            Role::Stage(name) if self.part.stage.as_ref() == Some(name) => {
                self.part.deployment.is_none() || inside.any(|stmt| self.has_deployment(stmt))
            }
            _ if self.part.stage.is_none() => self.has_deployment(stmt),
            _ => inside.any(|stmt| self.has_part(stmt)),
        }
    }

    /// Whether a statement is the deployment of the part, or may be, or has it in it.
    fn has_deployment(&self, stmt: &Stmt) -> bool {
        self.is_deployment(stmt, true)
    }

    /// The same; where `perhaps` is not, only what is known to be it counts.
    fn is_deployment(&self, stmt: &Stmt, perhaps: bool) -> bool {
        let (Some((service, target)), Role::Deploy(s, i)) = (&self.part.deployment, role(stmt))
        else {
            return (stmt.bodies().iter())
                .flat_map(|body| &body.stmts)
                .any(|stmt| self.is_deployment(stmt, perhaps));
        };
        self.is_named(s, service, perhaps) && self.is_named(i, target, perhaps)
    }

    /// Whether an expression stands for this service or infrastructure, or, `perhaps`, may do so.
    fn is_named(&self, expr: &Expr, name: &str, perhaps: bool) -> bool {
        let value = self.plan.walk().eval(expr, &Locals::default());
        value.map_or(perhaps, |value| self.plan.walk().display(&value) == name)
    }

    /// The statements of a body that has the part in it, one after the other.
    fn serial(&mut self, block: &Block) -> Block {
        let at = block.stmts.iter().position(|stmt| self.has_part(stmt));
        let Some(at) = at else {
            return Block::default();
        };
        let mut stmts = Vec::new();
        for (place, stmt) in block.stmts.iter().enumerate() {
            match place.cmp(&at) {
                std::cmp::Ordering::Less => self.leave_out(stmt, &mut stmts),
                std::cmp::Ordering::Equal => stmts.push(self.around_part(stmt)),
                std::cmp::Ordering::Greater if self.part.onwards => stmts.push(stmt.clone()),
                std::cmp::Ordering::Greater if self.has_part(stmt) => {
                    stmts.push(self.around_part(stmt));
                }
                std::cmp::Ordering::Greater => {}
            }
        }
        Block { stmts }
    }

    /// A statement that is the part, or has it in it, with nothing else in it.
    fn around_part(&mut self, stmt: &Arc<Stmt>) -> Arc<Stmt> {
        match role(stmt) {
            Role::Stage(name) if self.part.stage.as_ref() == Some(name) => {
                match self.part.deployment.is_some() {
                    true => self.with_bodies(stmt, &mut |cut, block| cut.deployments(block)),
                    false => stmt.clone(),
                }
            }
            Role::Parallel => self.with_bodies(stmt, &mut |cut, block| {
                let mut stmts = Vec::new();
                for stmt in &block.stmts {
                    match (cut.has_part(stmt), cut.part.onwards) {
                        (true, _) => stmts.push(cut.around_part(stmt)),
                        // What runs beside it does not come before it.
                        (false, true) => stmts.push(stmt.clone()),
                        (false, false) => {}
                    }
                }
                Block { stmts }
            }),
            _ if self.part.stage.is_none() => {
                let alone = Block {
                    stmts: vec![stmt.clone()],
                };
                let mut cut = self.deployments(&alone).stmts.into_iter();
                cut.next().unwrap_or_else(|| stmt.clone())
            }
            _ => self.with_bodies(stmt, &mut |cut, block| cut.serial(block)),
        }
    }

    /// The deployment of the part, in a body of its stage.
    fn deployments(&mut self, block: &Block) -> Block {
        let mut stmts = Vec::new();
        let mut is_after = false;
        // Where it is written out, it begins there and not in a loop before it.
        let is_written =
            self.part.onwards && (block.stmts.iter()).any(|stmt| self.is_deployment(stmt, false));
        for stmt in &block.stmts {
            if is_after && self.part.onwards {
                stmts.push(stmt.clone());
                continue;
            }
            if !self.is_deployment(stmt, !is_written) {
                self.leave_out(stmt, &mut stmts);
                continue;
            }
            is_after = true;
            stmts.push(match role(stmt) {
                Role::Deploy(service, target) => self.deployment(stmt, service, target),
                Role::Loop if self.part.onwards => {
                    let message = format!(
                        "`--from {}` would begin in the middle of a loop",
                        self.part.path
                    );
                    let help = "name the stage, or run the deployment alone by `--only`";
                    let wrong = Diagnostic::error(codes::PART_OF_PIPELINE, stmt.span, message);
                    self.wrong.push(wrong.here("in this loop").help(help));
                    stmt.clone()
                }
                _ => self.with_bodies(stmt, &mut |cut, block| cut.deployments(block)),
            });
        }
        Block { stmts }
    }

    /// A deployment, which happens only where it is that of the part.
    fn deployment(&self, stmt: &Arc<Stmt>, service: &Expr, target: &Expr) -> Arc<Stmt> {
        let is_known = |expr: &Expr| {
            let value = self.plan.walk().eval(expr, &Locals::default());
            value.is_ok()
        };
        let (true, Some((s, i))) = (
            !(is_known(service) && is_known(target)),
            &self.part.deployment,
        ) else {
            return stmt.clone();
        };
        let program = &self.plan.bound.program;
        let walk = self.plan.walk();
        let mut services = (0..program.services.len()).map(|at| Value::Service {
            id: ServiceId(at as u32),
            at: None,
        });
        let targets = 0..program.infrastructures.len();
        let mut targets = targets.map(|at| Value::Infrastructure(InfrastructureId(at as u32)));
        let s = services.find(|value| walk.display(value) == *s);
        let i = targets.find(|value| walk.display(value) == *i);
        let (Some(s), Some(i)) = (s, i) else {
            return stmt.clone();
        };
        let span = stmt.span;
        let binary = |op, left: Expr, right: Expr| Expr {
            kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
            span,
        };
        let is =
            |expr: &Expr, value| binary(BinaryOp::Eq, expr.clone(), Expr::constant(value, span));
        let condition = binary(BinaryOp::And, is(service, s), is(target, i));
        let body = Block {
            stmts: vec![stmt.clone()],
        };
        Arc::new(Stmt {
            kind: StmtKind::If {
                branches: vec![(condition, body)],
                otherwise: None,
            },
            span,
            bind: None,
            modifiers: Default::default(),
            handlers: Default::default(),
        })
    }

    /// A statement before the part: its approvals stay, and its value may be lent.
    fn leave_out(&mut self, stmt: &Arc<Stmt>, stmts: &mut Vec<Arc<Stmt>>) {
        if let Some(approvals) = self.approvals_of(stmt) {
            stmts.push(approvals);
        }
        if stmt.bind.is_some() {
            self.left.insert(Arc::as_ptr(stmt));
            stmts.push(stmt.clone());
        }
    }

    /// A statement with nothing but the approvals in it, if there are any.
    fn approvals_of(&mut self, stmt: &Arc<Stmt>) -> Option<Arc<Stmt>> {
        match role(stmt) {
            Role::Approve => Some(stmt.clone()),
            Role::Call | Role::Deploy(..) => {
                if self.asks_in_workflow(stmt) {
                    let message = format!(
                        "`{} {}` would leave out an approval that comes before it",
                        self.part.option(),
                        self.part.path
                    );
                    let wrong = Diagnostic::error(codes::PART_OF_PIPELINE, stmt.span, message);
                    self.wrong.push(wrong.here("a workflow asks here"));
                }
                None
            }
            _ => {
                let cut = self.with_bodies(stmt, &mut |cut, block| Block {
                    stmts: (block.stmts.iter())
                        .filter_map(|stmt| cut.approvals_of(stmt))
                        .collect(),
                });
                has_approval(&cut).then_some(cut)
            }
        }
    }

    /// Whether a workflow that a statement calls asks for an approval.
    fn asks_in_workflow(&self, stmt: &Arc<Stmt>) -> bool {
        let tree = &self.plan.tree;
        let Some((id, _)) = self.node_of(stmt) else {
            return false;
        };
        let mut nodes = tree.iter();
        nodes.any(|(at, node)| {
            matches!(role(&node.stmt), Role::Approve)
                && tree.outwards(at).any(|around| around == id)
        })
    }

    /// The node of a statement of the pipeline.
    fn node_of(&self, stmt: &Arc<Stmt>) -> Option<(TreeId, &PlanNode)> {
        let mut nodes = self.plan.tree.iter();
        nodes.find(|(_, node)| Arc::ptr_eq(&node.stmt, stmt))
    }

    /// The same statement with other bodies.
    fn with_bodies(
        &mut self,
        stmt: &Arc<Stmt>,
        change: &mut dyn FnMut(&mut Self, &Block) -> Block,
    ) -> Arc<Stmt> {
        let mut changed = (**stmt).clone();
        visit::children_mut(&mut changed, &mut |child| match child {
            ChildMut::Body(block) => *block = change(self, block),
            ChildMut::Expr(_) | ChildMut::Handler(_) => {}
        });
        Arc::new(changed)
    }

    // --- Values --------------------------------------------------------------------------

    /// Gives what is left out a value where the part needs it, and takes it out where not.
    fn lend(&mut self, body: Arc<Stmt>, lent: &dyn Fn(&NodePath) -> Option<Value>) -> Arc<Stmt> {
        let mut needed: HashSet<Slot> = HashSet::new();
        loop {
            let before = needed.len();
            self.uses(&body, &mut needed);
            if needed.len() == before {
                break;
            }
        }
        self.replace(&body, &needed, lent)
    }

    /// The names that what is kept uses.
    fn uses(&self, stmt: &Stmt, needed: &mut HashSet<Slot>) {
        let mut see = |expr: &Expr| {
            visit::each_part(expr, &mut |part| {
                if let ExprKind::Local(slot) = part.kind {
                    needed.insert(slot);
                }
            });
        };
        visit::own(stmt, &mut see);
        for block in stmt.blocks() {
            for inner in &block.stmts {
                let is_kept = match self.left.contains(&Arc::as_ptr(inner)) {
                    false => true,
                    // A value without an effect is made again where it is needed.
                    true => {
                        matches!(role(inner), Role::Let)
                            && inner.bind.is_some_and(|slot| needed.contains(&slot))
                    }
                };
                if is_kept {
                    self.uses(inner, needed);
                }
            }
        }
    }

    fn replace(
        &mut self,
        stmt: &Arc<Stmt>,
        needed: &HashSet<Slot>,
        lent: &dyn Fn(&NodePath) -> Option<Value>,
    ) -> Arc<Stmt> {
        self.with_bodies(stmt, &mut |cut, block| {
            let mut stmts = Vec::new();
            for inner in &block.stmts {
                if !cut.left.contains(&Arc::as_ptr(inner)) {
                    stmts.push(cut.replace(inner, needed, lent));
                } else if inner.bind.is_some_and(|slot| needed.contains(&slot)) {
                    stmts.extend(cut.lent(inner, lent));
                }
            }
            Block { stmts }
        })
    }

    /// A statement that binds the value that a left out one would have made.
    fn lent(
        &mut self,
        stmt: &Arc<Stmt>,
        lent: &dyn Fn(&NodePath) -> Option<Value>,
    ) -> Option<Arc<Stmt>> {
        if matches!(role(stmt), Role::Let) {
            return Some(stmt.clone());
        }
        let value = match role(stmt) {
            Role::Stage(_) => self.value_of_stage(stmt),
            _ => self.path_of(stmt).and_then(|path| lent(&path)),
        };
        let Some(value) = value else {
            self.wrong.push(self.not_lent(stmt));
            return None;
        };
        Some(Arc::new(Stmt {
            kind: StmtKind::Let(Expr::constant(value, stmt.span)),
            span: stmt.span,
            bind: stmt.bind,
            modifiers: Default::default(),
            handlers: Default::default(),
        }))
    }

    /// What a stage deploys and where to, where that is known before the run.
    fn value_of_stage(&self, stmt: &Arc<Stmt>) -> Option<Value> {
        let (_, node) = self.node_of(stmt)?;
        let sum = self
            .plan
            .walk()
            .summary(super::body(node), &Locals::default());
        Some(stage_value(&sum.ok().filter(|sum| !sum.unsure)?))
    }

    /// The path of a statement of which there is only one.
    fn path_of(&self, stmt: &Arc<Stmt>) -> Option<NodePath> {
        let (id, _) = self.node_of(stmt)?;
        let walk = self.plan.walk();
        let around: Vec<TreeId> = self.plan.tree.outwards(id).collect();
        let mut path = NodePath::root(&self.plan.bound.pipeline().name);
        for at in around.into_iter().rev().skip(1) {
            let node = self.plan.tree.get(at);
            if matches!(role(&node.stmt), Role::Loop) {
                return None;
            }
            if let Some(part) = walk.part(at, &Locals::default()) {
                path = path.child(&part);
            }
        }
        Some(path)
    }

    // --- Mistakes ------------------------------------------------------------------------

    fn no_such_part(&self) -> Diagnostic {
        let mut stages = Vec::new();
        for (_, node) in self.plan.tree.iter() {
            if let Role::Stage(name) = role(&node.stmt) {
                stages.push(name.to_string());
            }
        }
        let message = format!(
            "`{} {}` names no stage of `{}`, and no deployment in one",
            self.part.option(),
            self.part.path,
            self.plan.bound.pipeline().name
        );
        let help = match stages.is_empty() {
            true => String::from("this pipeline has no stages"),
            false => format!("its stages are {}", suggest::or_list(&stages)),
        };
        Diagnostic::without_place(codes::PART_OF_PIPELINE, message).help(help)
    }

    fn not_lent(&self, stmt: &Stmt) -> Diagnostic {
        let name = self.name_of(stmt);
        let message = format!(
            "`{} {}` leaves out what makes {name}",
            self.part.option(),
            self.part.path
        );
        Diagnostic::error(codes::PART_OF_PIPELINE, stmt.span, message)
            .here("made here, and needed by what is run")
            .help("lend it with `--values-of RUN`, a run that has made it")
    }

    /// What a value is called.
    fn name_of(&self, stmt: &Stmt) -> String {
        if let Role::Step(name) | Role::Stage(name) = role(stmt) {
            return format!("`{name}`");
        }
        let source = self.plan.bound.program.sources.get(stmt.span.file);
        let text = source.map_or("", |source| &source.text);
        let before = text.get(..stmt.span.start as usize).unwrap_or_default();
        let at = text.get(stmt.span.start as usize..).unwrap_or_default();
        let words = match at.strip_prefix("let ") {
            Some(rest) => rest,
            None => before.rsplit_once("let ").map_or("", |(_, rest)| rest),
        };
        let name = words.trim_start().split(['=', ':', ' ']).next();
        match name.filter(|name| !name.is_empty()) {
            Some(name) => format!("`{name}`"),
            None => String::from("a value"),
        }
    }
}

/// What a statement is to a part of a pipeline.
enum Role<'s> {
    Stage(&'s Name),
    Step(&'s Name),
    Deploy(&'s Expr, &'s Expr),
    Parallel,
    Loop,
    Call,
    Approve,
    Barrier,
    /// A value without an effect.
    Let,
    /// It is left out, or what is in it decides.
    Other,
}

fn role(stmt: &Stmt) -> Role<'_> {
    match &stmt.kind {
        StmtKind::Stage { name, .. } => Role::Stage(name),
        StmtKind::Step { name, .. } => Role::Step(name),
        StmtKind::Deploy {
            service, target, ..
        } => Role::Deploy(service, target),
        StmtKind::Parallel(_) => Role::Parallel,
        StmtKind::Matrix(_) => Role::Loop,
        StmtKind::Call(_) => Role::Call,
        StmtKind::Approve { .. } => Role::Approve,
        StmtKind::Barrier { .. } => Role::Barrier,
        StmtKind::Let(_) => Role::Let,
        StmtKind::Block(_)
        | StmtKind::Run(_)
        | StmtKind::Action { .. }
        | StmtKind::If { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Wait(_)
        | StmtKind::Verify { .. }
        | StmtKind::Log(_)
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. }
        | StmtKind::Verdict(_) => Role::Other,
    }
}

/// The same statement without the barriers at these places.
fn without_barriers(stmt: &Arc<Stmt>, lone: &[Span]) -> Arc<Stmt> {
    let mut changed = (**stmt).clone();
    visit::children_mut(&mut changed, &mut |child| match child {
        ChildMut::Body(block) => {
            let is_lone =
                |stmt: &Stmt| matches!(role(stmt), Role::Barrier) && lone.contains(&stmt.span);
            block.stmts.retain(|stmt| !is_lone(stmt));
            for stmt in &mut block.stmts {
                *stmt = without_barriers(stmt, lone);
            }
        }
        ChildMut::Expr(_) | ChildMut::Handler(_) => {}
    });
    Arc::new(changed)
}

/// Whether an approval is in a statement, itself included; not in what it calls.
fn has_approval(stmt: &Stmt) -> bool {
    let bodies = stmt.bodies();
    let mut inside = bodies.iter().flat_map(|body| &body.stmts);
    matches!(role(stmt), Role::Approve) || inside.any(|stmt| has_approval(stmt))
}
