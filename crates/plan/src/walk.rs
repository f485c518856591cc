//! Walks the plan with the values that are known: which cells a matrix has, which workflow a
//! deployment uses, what a part of the plan deploys and which barriers it passes. A branch that
//! only the run decides counts as both.

#![deny(clippy::wildcard_enum_match_arm)]

mod deployment;
mod kinds;
mod known_faults;
mod matrix_axes;
mod misfits;
mod possible_targets;
mod supposed;

use std::borrow::Cow;
use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};

use super::BoundInputs;
use super::facts::EvalScope;
use super::grid::{Axes, Position};
use super::locals::Locals;
use super::run_facts::RunFacts;
use super::tree::{PlanNode, PlanSequence, PlanTree, TreeId};
use lockstep_base::node_path::PathPart;
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{Axis, Matrix, StmtKind, Workflow, WorkflowId, WorkflowUse};

pub use matrix_axes::{FirstCell, MatrixAxes, too_many_cells};
pub use misfits::Misfits;

/// More combinations of a loop's values than this are not gone through one by one.
const MAX_VISITED_CELLS: usize = 4_000_000;

/// What a part of the plan does, as far as barriers and deployments go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodySummary {
    /// How many deployments go to each infrastructure, in the order first reached.
    pub targets: IndexMap<InfrastructureId, u32>,
    /// The services deployed, in the order first reached.
    pub services: IndexSet<ServiceId>,
    /// What is deployed where.
    pub places: IndexSet<(ServiceId, InfrastructureId)>,
    /// How often each barrier is passed; the key is as text.
    pub barriers: IndexMap<BarrierName, u32>,
    /// The kinds of the infrastructures to which something may be deployed of which only the run
    /// knows what or where to; nothing stands for all of them.
    pub open_kinds: IndexSet<Option<u32>>,
    /// The infrastructures to which loops may deploy of which only the run knows the list.
    pub open_targets: IndexSet<InfrastructureId>,
    /// The infrastructures of which a deployment goes to one, and only the run knows to which: they
    /// are locked together.
    pub named_targets: IndexSet<InfrastructureId>,
    /// Whether something could not be known: the numbers may be larger or smaller.
    pub unsure: bool,
}

/// A barrier by its meeting, with its name and key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BarrierName {
    /// Which of the plan's meetings it belongs to.
    pub meeting: u32,
    /// The name.
    pub name: Name,
    /// The key.
    pub key: BarrierKey,
}

/// The key of a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BarrierKey {
    /// There is none.
    None,
    /// This one, as text.
    Known(String),
    /// One that only the run knows.
    Unknown,
    /// Whatever a loop passes, or a deployment, of which only the run knows the list or the place.
    Later,
}

impl BarrierKey {
    /// Whether it stands for arrivals that are not known yet: they may come to any key.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Unknown | Self::Later => true,
            Self::None | Self::Known(_) => false,
        }
    }
}

impl std::fmt::Display for BarrierName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            BarrierKey::Known(key) => write!(f, "{}[{key}]", self.name),
            BarrierKey::Unknown => write!(f, "{}[?]", self.name),
            BarrierKey::None | BarrierKey::Later => f.write_str(&self.name),
        }
    }
}

impl BodySummary {
    /// Adds what is done as well.
    pub fn add(&mut self, other: Self) {
        for (target, count) in other.targets {
            *self.targets.entry(target).or_default() += count;
        }
        for (barrier, count) in other.barriers {
            *self.barriers.entry(barrier).or_default() += count;
        }
        self.places.extend(other.places);
        self.open_kinds.extend(other.open_kinds);
        self.open_targets.extend(other.open_targets);
        self.named_targets.extend(other.named_targets);
        self.merge(other.services, other.unsure);
    }

    /// Adds what is done instead: of two branches, the one that does more of each thing.
    pub fn or(&mut self, other: Self) {
        for (target, count) in other.targets {
            let own = self.targets.entry(target).or_default();
            *own = count.max(*own);
        }
        for (barrier, count) in other.barriers {
            let own = self.barriers.entry(barrier).or_default();
            *own = count.max(*own);
        }
        self.places.extend(other.places);
        self.open_kinds.extend(other.open_kinds);
        self.open_targets.extend(other.open_targets);
        self.named_targets.extend(other.named_targets);
        self.merge(other.services, true);
    }

    fn merge(&mut self, services: IndexSet<ServiceId>, unsure: bool) {
        self.services.extend(services);
        self.unsure |= unsure;
    }
}

/// A deployment whose service, target and workflow are known.
#[derive(Debug, Clone)]
pub struct ResolvedDeployment {
    /// What.
    pub service: ServiceId,
    /// Where to.
    pub target: InfrastructureId,
    /// The body of its workflow.
    pub body: PlanSequence,
    /// What the body sees.
    pub locals: Locals,
}

/// A cell of a matrix as the walk finds it.
pub struct MatrixCell<'a> {
    /// Its place.
    pub position: &'a Position,
    /// Its axis values.
    pub values: &'a [Value],
    /// The locals with its axis values.
    pub locals: &'a Locals,
}

/// The walk: a plan and, while running, the run.
#[derive(Clone, Copy)]
pub struct PlanWalk<'a> {
    /// The program with its facts.
    pub bound: &'a BoundInputs,
    /// The skeleton.
    pub tree: &'a PlanTree,
    /// The run, if one is in progress.
    pub run: Option<&'a RunFacts>,
    /// Whether what holds infrastructure locks of its own is passed over.
    pub skip_holders: bool,
    /// Where deployments that cannot be are noted; nothing where the first one ends the walk.
    pub misfits: Option<&'a Misfits>,
    /// The loops of which only the first cell is looked at: the others are like it.
    pub one_cell_of: Option<&'a HashSet<TreeId>>,
}

impl<'a> PlanWalk<'a> {
    /// What expressions see here.
    pub fn eval_scope<'l>(&self, locals: &'l Locals) -> EvalScope<'l>
    where
        'a: 'l,
    {
        let BoundInputs { program, facts, .. } = self.bound;
        EvalScope {
            program,
            facts,
            locals,
            run: self.run,
        }
    }

    /// The value of an expression here.
    pub fn eval(&self, expr: &Expr, locals: &Locals) -> Result<Value, Halt> {
        self.eval_scope(locals).eval(expr)
    }

    /// A value as a person would name it.
    pub fn display(&self, value: &Value) -> String {
        super::display(&self.bound.program, value)
    }

    /// What a statement is called in a path, with the values that its name needs; nothing where it
    /// has no place of its own there. For a loop or matrix, its cells have.
    pub fn part(&self, id: TreeId, locals: &Locals) -> Option<PathPart<'a>> {
        let node = self.tree.get(id);
        let label = node.label.as_deref()?;
        let shown = |expr| {
            let value = self.eval(expr, locals);
            value.map_or(Cow::Borrowed("?"), |it| Cow::Owned(self.display(&it)))
        };
        let values = match &node.stmt.kind {
            StmtKind::Matrix(_) => return None,
            StmtKind::Deploy {
                service, target, ..
            } => vec![shown(service), shown(target)],
            StmtKind::Barrier { name, key, .. } => std::iter::once(Cow::Borrowed(&**name))
                .chain(key.as_ref().map(shown))
                .collect(),
            StmtKind::Lock { resource, .. } => match self.lock_names(resource, locals) {
                Ok(names) => (names.into_iter())
                    .map(|name| Cow::Owned(name.to_string()))
                    .collect(),
                Err(_) => vec![Cow::Borrowed("?")],
            },
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
            | StmtKind::Verdict(_) => Vec::new(),
        };
        Some(PathPart::with_values(label, values, node.number))
    }

    /// What a cell of a loop or matrix is called in a path.
    pub fn cell_part(
        &self,
        id: TreeId,
        values: &[Value],
        number: u32,
        locals: &Locals,
    ) -> PathPart<'a> {
        let node = self.tree.get(id);
        let word = node.label.as_deref().unwrap_or_default();
        let axes = node.stmt.kind.matrix().map_or(&[][..], |it| &it.axes);
        let values = values.iter().enumerate();
        let values = values.map(|(at, it)| Cow::Owned(self.name_on_axis(axes.get(at), it, locals)));
        PathPart::cell(word, node.number, values.collect(), number)
    }

    /// What the cells with this value of an axis are called; `locals` are those of the loop, or of
    /// one of its cells.
    pub fn name_on_axis(&self, axis: Option<&Axis>, value: &Value, locals: &Locals) -> String {
        let Some((axis, by)) = axis.and_then(|axis| Some((axis, axis.by.as_ref()?))) else {
            return self.name(value);
        };
        // A name that cannot be made has stopped the loop already; one that only the run knows is
        // that of a value that only the run knows.
        match self.eval(by, &locals.bind(axis.slot, value.clone())) {
            Ok(name) => self.name(&name),
            Err(_) => self.name(value),
        }
    }

    /// By what a retry knows the cells with this value of an axis: by what is there, whatever they
    /// are called and wherever they stand.
    pub fn kept_on_axis(&self, axis: &Axis, value: &Value, locals: &Locals) -> String {
        let Some(same) = &axis.same else {
            return self.name(value);
        };
        match self.eval(same, &locals.bind(axis.slot, value.clone())) {
            Ok(same) => self.name(&same),
            Err(_) => self.name(value),
        }
    }

    /// What the statements of a body do together.
    pub fn summary(&self, body: &PlanSequence, locals: &Locals) -> Result<BodySummary, Halt> {
        let mut sum = BodySummary::default();
        self.add(body, locals, &mut sum)?;
        Ok(sum)
    }

    /// What one statement does; it binds its value in `locals`, as far as that is known.
    pub fn summary_of_node(&self, id: TreeId, locals: &mut Locals) -> Result<BodySummary, Halt> {
        let mut sum = BodySummary::default();
        self.add_node(id, locals, &mut sum)?;
        Ok(sum)
    }

    /// Adds what the statements of a body do; there may be a million cells, so no intermediate
    /// result is built where it can be added directly.
    fn add(&self, body: &PlanSequence, locals: &Locals, sum: &mut BodySummary) -> Result<(), Halt> {
        let mut locals = locals.clone();
        for id in body.iter() {
            self.add_node(*id, &mut locals, sum)?;
        }
        Ok(())
    }

    fn add_node(&self, id: TreeId, locals: &mut Locals, sum: &mut BodySummary) -> Result<(), Halt> {
        let node = self.tree.get(id);
        let has_handlers = !node.on_failure.is_empty() || node.always.is_some();
        let is_stage = node.stmt.kind.holds_infrastructures();
        if has_handlers || (is_stage && node.stmt.bind.is_some()) {
            let mut own = BodySummary::default();
            self.add_body(id, node, locals, &mut own)?;
            self.add_handlers(node, locals, &mut own)?;
            if let Some(slot) = node.stmt.bind.filter(|_| is_stage && !own.unsure) {
                *locals = locals.bind(slot, stage_value(&own));
                sum.add(own);
                return Ok(());
            }
            sum.add(own);
        } else {
            self.add_body(id, node, locals, sum)?;
        }
        if let Some(slot) = node.stmt.bind {
            let value = node.stmt.kind.bound_value();
            *locals = match value.map(|value| self.eval(value, locals)) {
                Some(Ok(value)) => locals.bind(slot, value),
                Some(Err(Halt::Unknown)) | None => locals.bind_unknown(slot),
                Some(Err(fault)) => return Err(fault),
            };
        }
        Ok(())
    }

    /// Adds what the handlers of a statement may do. They are not expected at a barrier, and
    /// whether they deploy is not known.
    pub fn add_handlers(
        &self,
        node: &PlanNode,
        locals: &Locals,
        sum: &mut BodySummary,
    ) -> Result<(), Halt> {
        if !node.has_barrier && !node.has_deploy {
            return Ok(());
        }
        for handler in node.on_failure.iter().chain(&node.always) {
            let within = self.summary(handler, locals)?;
            if within != BodySummary::default() {
                sum.add(BodySummary {
                    barriers: IndexMap::new(),
                    unsure: true,
                    ..within
                });
            }
        }
        Ok(())
    }

    fn add_body(
        &self,
        id: TreeId,
        node: &PlanNode,
        locals: &Locals,
        sum: &mut BodySummary,
    ) -> Result<(), Halt> {
        if !node.has_barrier && !node.has_deploy {
            return Ok(());
        }
        match &node.stmt.kind {
            _ if self.skip_holders && node.holds_locks => Ok(()),
            StmtKind::Barrier { name, key, .. } => {
                let Some(meeting) = node.meeting else {
                    return Ok(());
                };
                let key = self.barrier_key(key.as_ref(), locals)?;
                if key == BarrierKey::Unknown {
                    sum.unsure = true;
                }
                let barrier = BarrierName {
                    meeting,
                    name: name.clone(),
                    key,
                };
                *sum.barriers.entry(barrier).or_default() += 1;
                Ok(())
            }
            StmtKind::Deploy { .. } => match self.deployment(id, locals) {
                Ok(deployment) => {
                    *sum.targets.entry(deployment.target).or_default() += 1;
                    sum.services.insert(deployment.service);
                    (sum.places).insert((deployment.service, deployment.target));
                    self.add(&deployment.body, &deployment.locals, sum)
                }
                Err(Halt::Unknown) => self.add_any_deployment(id, locals, sum),
                Err(fault) if self.note_misfit(id, &fault) => Ok(()),
                Err(fault) => Err(fault),
            },
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions = branches.iter().map(|(condition, _)| condition);
                self.add_branches(node, conditions, otherwise.is_some(), locals, sum)
            }
            StmtKind::Matrix(matrix) => {
                let cells = match self.one_cell_of.is_some_and(|it| it.contains(&id)) {
                    true => self.first_cell(matrix, locals).and_then(|first| {
                        let cell = first.map(|first| first.locals);
                        cell.map_or(Ok(()), |cell| self.add(body(node), &cell, sum))
                    }),
                    false => self.each_cell(matrix, locals, &mut |cell| {
                        self.add(body(node), cell.locals, sum)
                    }),
                };
                match cells {
                    Err(Halt::Unknown) => self.add_any_cell(id, matrix, locals, sum),
                    cells => cells,
                }
            }
            StmtKind::Call(using) => {
                let workflow = self.workflow(using);
                match self.arguments(using, workflow, locals, Locals::default(), 0) {
                    Ok(locals) => self.add(body(node), &locals, sum),
                    Err(fault) if self.note_misfit(id, &fault) => Ok(()),
                    Err(halt) => Err(halt),
                }
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => node
                .bodies
                .iter()
                .try_for_each(|body| self.add(body, locals, sum)),
        }
    }

    /// The key of a barrier here.
    pub fn barrier_key(&self, key: Option<&Expr>, locals: &Locals) -> Result<BarrierKey, Halt> {
        let Some(key) = key else {
            return Ok(BarrierKey::None);
        };
        match self.eval(key, locals) {
            Ok(value) => Ok(BarrierKey::Known(self.display(&value))),
            Err(Halt::Unknown) => Ok(BarrierKey::Unknown),
            Err(fault) => Err(fault),
        }
    }

    /// A loop whose list only the run knows: its barriers count as those of one cell, until the
    /// list is there.
    fn add_any_cell(
        &self,
        id: TreeId,
        matrix: &Matrix,
        locals: &Locals,
        sum: &mut BodySummary,
    ) -> Result<(), Halt> {
        let node = self.tree.get(id);
        sum.unsure = true;
        if !node.has_barrier && !node.has_deploy {
            return Ok(());
        }
        let cell = self.any_cell(matrix, locals);
        let cell = self.summary(body(node), &cell)?;
        self.add_later(id, cell, sum);
        Ok(())
    }

    /// What any cell of a loop sees whose list only the run knows.
    pub fn any_cell(&self, matrix: &Matrix, locals: &Locals) -> Locals {
        let axes = matrix.axes.iter();
        axes.fold(locals.clone(), |inside, axis| {
            inside.bind_unknown(axis.slot)
        })
    }

    /// A deployment of which only the run knows what or where to: the workflow that passes most of
    /// each barrier counts, until it is there.
    fn add_any_deployment(
        &self,
        id: TreeId,
        locals: &Locals,
        sum: &mut BodySummary,
    ) -> Result<(), Halt> {
        let node = self.tree.get(id);
        sum.unsure = true;
        match self.named_targets(node, locals) {
            Some(named) => sum.named_targets.extend(named),
            None => sum.open_kinds.extend(self.kinds_of_targets(node)),
        }
        if !node.has_barrier {
            return Ok(());
        }
        let mut any = BodySummary::default();
        for (id, body) in &node.workflows {
            any.or(self.summary(body, &self.any_deployment(node, *id, locals)?)?);
        }
        self.add_later(id, any, sum);
        Ok(())
    }

    /// What the workflow of a deployment sees of which only the run knows what or where to.
    pub fn any_deployment(
        &self,
        node: &PlanNode,
        workflow: WorkflowId,
        locals: &Locals,
    ) -> Result<Locals, Halt> {
        let workflow = self.bound.program.workflows.get(workflow.0 as usize);
        let params = workflow.into_iter().flat_map(|it| &it.params);
        let inside = params.fold(Locals::default(), |it, param| it.bind_unknown(param.slot));
        if let StmtKind::Deploy {
            using: Some(using), ..
        } = &node.stmt.kind
        {
            return self.arguments(using, workflow, locals, inside, 2);
        }
        Ok(inside)
    }

    fn add_branches<'e>(
        &self,
        node: &PlanNode,
        conditions: impl Iterator<Item = &'e Expr>,
        otherwise: bool,
        locals: &Locals,
        sum: &mut BodySummary,
    ) -> Result<(), Halt> {
        let mut possible: Option<BodySummary> = None;
        let count = node.bodies.len() - usize::from(otherwise);
        let mut last = node.bodies.get(count);
        for (condition, body) in conditions.zip(node.bodies.iter().take(count)) {
            match self.eval(condition, locals) {
                Ok(Value::Bool(false)) => {}
                Ok(_) => {
                    last = Some(body);
                    break;
                }
                Err(Halt::Unknown) => {
                    let mut branch = self.summary(body, locals)?;
                    branch.unsure = true;
                    match &mut possible {
                        Some(possible) => possible.or(branch),
                        None => possible = Some(branch),
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
        let Some(mut possible) = possible else {
            return last.map_or(Ok(()), |body| self.add(body, locals, sum));
        };
        possible.or(last.map_or(Ok(BodySummary::default()), |body| {
            self.summary(body, locals)
        })?);
        sum.add(possible);
        Ok(())
    }

    /// Calls `found` for every cell of a matrix, in cell order. It is a fault if there are too many
    /// combinations of values to go through.
    pub fn each_cell(
        &self,
        matrix: &Matrix,
        locals: &Locals,
        found: &mut dyn FnMut(MatrixCell<'_>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let mut axes = MatrixAxes {
            walk: *self,
            matrix,
        };
        let mut position = Position::new();
        let mut values = Vec::new();
        let mut left = MAX_VISITED_CELLS;
        axes.each(locals, &mut position, &mut values, &mut left, found)?;
        let first = matrix
            .axes
            .first()
            .map_or(Ok(Default::default()), |_| axes.values(0, locals))?
            .len();
        for (at, extra) in axes.included(locals)?.iter().enumerate() {
            let mut locals = locals.clone();
            for (axis, value) in extra.iter().enumerate() {
                locals = axes.bind(axis, value, &locals);
            }
            let position = vec![(first + at) as u32];
            found(MatrixCell {
                position: &position,
                values: extra,
                locals: &locals,
            })?;
        }
        Ok(())
    }

    /// The workflow that is used.
    pub fn workflow(&self, using: &WorkflowUse) -> Option<&'a Workflow> {
        self.bound.program.workflows.get(using.workflow.0 as usize)
    }

    /// What a workflow's body sees: its parameters, from the one numbered `from` on.
    pub fn arguments(
        &self,
        using: &WorkflowUse,
        workflow: Option<&Workflow>,
        around: &Locals,
        mut inside: Locals,
        from: usize,
    ) -> Result<Locals, Halt> {
        for (at, param) in workflow
            .into_iter()
            .flat_map(|it| &it.params)
            .enumerate()
            .skip(from)
        {
            let value = match using.args.get(at).and_then(Option::as_ref) {
                Some(arg) => self.eval(arg, around),
                None => match &param.default {
                    Some(default) => self.eval(default, &inside),
                    None => Ok(Value::None),
                },
            };
            inside = match value {
                Ok(value) => inside.bind(param.slot, value),
                Err(Halt::Unknown) => inside.bind_unknown(param.slot),
                Err(fault) => return Err(fault),
            };
        }
        Ok(inside)
    }

    /// What the body of a workflow call sees.
    pub fn call(&self, using: &WorkflowUse, around: &Locals) -> Result<Locals, Halt> {
        self.arguments(using, self.workflow(using), around, Locals::default(), 0)
    }

    /// What a workflow call returns, where that is known before the run: nothing that only the run
    /// knows decides it.
    pub fn call_value(&self, id: TreeId, locals: &Locals) -> Option<Value> {
        let node = self.tree.get(id);
        let StmtKind::Call(using) = &node.stmt.kind else {
            return None;
        };
        if !node.on_failure.is_empty() {
            return None;
        }
        let inside = self.call(using, locals).ok()?;
        self.returned(body(node), inside)?
    }

    /// What a body returns, if it does; nothing where that is not known.
    fn returned(&self, body: &PlanSequence, mut locals: Locals) -> Option<Option<Value>> {
        for id in body.iter() {
            let node = self.tree.get(*id);
            let kind = &node.stmt.kind;
            if let StmtKind::Return(value) = kind {
                let value = value.as_ref().map(|value| self.eval(value, &locals).ok());
                return Some(Some(value.unwrap_or(Some(Value::None))?));
            }
            if let StmtKind::If {
                branches,
                otherwise,
            } = kind
            {
                let taken = self.branch(branches.iter().map(|(it, _)| it), &locals)?;
                let taken = taken.or(otherwise.as_ref().map(|_| branches.len()));
                if let Some(branch) = taken.and_then(|at| node.bodies.get(at))
                    && let Some(value) = self.returned(branch, locals.clone())?
                {
                    return Some(Some(value));
                }
                continue;
            }
            let mut value = None;
            if let StmtKind::Call(_) = kind {
                value = self.call_value(*id, &locals);
            } else if !node.bodies.is_empty() || !node.workflows.is_empty() {
                return None;
            }
            if kind.ends_body() || !node.on_failure.is_empty() {
                return None;
            }
            if let Some(slot) = node.stmt.bind {
                let value = match kind.bound_value() {
                    Some(value) => self.eval(value, &locals).ok(),
                    None => value,
                };
                locals = match value {
                    Some(value) => locals.bind(slot, value),
                    None => locals.bind_unknown(slot),
                };
            }
        }
        Some(None)
    }

    /// Which condition is the first that holds, if one does; nothing where that is not known.
    fn branch<'e>(
        &self,
        mut conditions: impl Iterator<Item = &'e Expr>,
        locals: &Locals,
    ) -> Option<Option<usize>> {
        let mut at = 0;
        conditions
            .find_map(|condition| {
                let holds = self.eval(condition, locals);
                at += 1;
                match holds {
                    Ok(Value::Bool(false)) => None,
                    Ok(_) => Some(Some(Some(at - 1))),
                    Err(_) => Some(None),
                }
            })
            .unwrap_or(Some(None))
    }
}

/// The value of a stage after it: what it deploys and where to.
pub fn stage_value(sum: &BodySummary) -> Value {
    let services = sum
        .services
        .iter()
        .map(|id| Value::Service { id: *id, at: None });
    let infrastructures = sum.targets.keys().map(|id| Value::Infrastructure(*id));
    Value::map([
        ("services", Value::list(services)),
        ("infrastructures", Value::list(infrastructures)),
    ])
}

/// The one body of a node that has one.
pub fn body(node: &PlanNode) -> &PlanSequence {
    static EMPTY_SEQUENCE: std::sync::LazyLock<PlanSequence> =
        std::sync::LazyLock::new(PlanSequence::default);
    node.bodies.first().unwrap_or(&EMPTY_SEQUENCE)
}
