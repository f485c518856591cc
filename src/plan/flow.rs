//! The strands of a plan and where they can wait for each other: barriers, locks, places in a
//! throttled block. Everything else is left out.
//! It does not know in which order strands run; the proof tries the orders that matter.

use std::collections::HashMap;

use super::grid::Position;
use super::meet::Meeting;
use super::tree::{Node, Seq, TreeId};
use super::walk::{BarrierName, Sum, Walk, body};
use super::{Locals, Plan};
use crate::eval::{Expr, Halt};
use crate::ir::{Matrix, Order, StmtKind};
use crate::source::Name;
use crate::value::{InfrastructureId, Value};

/// A line of control, by its place in [`Flow::strands`].
pub type StrandId = usize;

/// The strands of a plan.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// All strands; the first is the pipeline itself.
    pub strands: Vec<Strand>,
    /// The meetings at barriers.
    pub meetings: Vec<Appointment>,
    /// The locks and how many may hold each.
    pub resources: Vec<(Name, u32)>,
    /// The `lock` statements that are reached, with the lock that each takes.
    pub requests: Vec<(usize, TreeId)>,
    /// The locks that stages take for their deployments.
    pub holds: Vec<Hold>,
    /// Where strands split.
    pub forks: Vec<Fork>,
}

/// A line of control and the places where it may wait.
#[derive(Debug, Clone, Default)]
pub struct Strand {
    /// What a person calls it.
    pub name: String,
    /// What it does, in order.
    pub ops: Vec<Op>,
    /// The split that it comes from.
    pub parent: Option<(StrandId, usize)>,
    /// How often it passes each meeting, at most.
    pub owes: Vec<(usize, u32)>,
}

/// A place where a strand may wait, or lets others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Arrives at a meeting and waits for the others.
    Arrive(usize, TreeId),
    /// Takes the lock of a request.
    Acquire(usize),
    /// Gives it back.
    Release(usize),
    /// A deployment begins: its stage's locks are needed.
    Enter(usize, TreeId),
    /// A deployment to one of the stage's infrastructures has ended.
    Exit(usize, usize),
    /// A stage has ended: its locks are given back.
    Drop(usize),
    /// Splits, and waits for all parts.
    Fork(usize),
    /// Goes on at one of these places; which one, only the run knows.
    Choose(Vec<usize>),
    /// Goes on there.
    Jump(usize),
}

/// One meeting at a barrier.
#[derive(Debug, Clone)]
pub struct Appointment {
    /// The barrier's name and key.
    pub barrier: BarrierName,
    /// How many arrivals it waits for.
    pub expected: u32,
}

/// The locks of a stage.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The locks, and how many deployments each is needed for; with nothing there, to the end.
    pub locks: Vec<(usize, Option<u32>)>,
    /// The stage.
    pub tree: TreeId,
}

/// A split into parallel strands or cells.
#[derive(Debug, Clone, Default)]
pub struct Fork {
    /// The strands.
    pub children: Vec<StrandId>,
    /// The block.
    pub tree: TreeId,
    /// How many run at once.
    pub max: Option<usize>,
    /// The sizes of the waves.
    pub waves: Vec<usize>,
    /// For each strand, the groups that must have ended before it starts.
    pub after: Vec<Vec<usize>>,
    /// For each strand, the groups that it is in.
    pub groups: Vec<Vec<usize>>,
    /// How many strands each group has.
    pub group_sizes: Vec<u32>,
}

impl Flow {
    /// The strands of a plan. What cannot be known before the run is left out; it is looked at
    /// when it is reached.
    pub fn of(plan: &Plan) -> Result<Self, Halt> {
        let mut maker = Maker {
            walk: plan.walk(),
            plan,
            flow: Self::default(),
            blocks: Vec::new(),
            holders: Vec::new(),
            appointments: HashMap::new(),
            next_block: 0,
        };
        let root = plan.tree.root();
        maker.flow.strands.push(Strand {
            name: plan.bound.pipeline().name.to_string(),
            ..Strand::default()
        });
        let hold = maker.hold(root, &Locals::default())?;
        maker.holders.push(hold);
        let mut ops = Vec::new();
        maker.seq(
            0,
            body(plan.tree.get(root)),
            &mut Locals::default(),
            &mut ops,
        )?;
        ops.push(Op::Drop(hold));
        maker.flow.strands[0].ops = ops;
        Ok(maker.flow)
    }
}

/// How often meetings are passed.
type Passes = HashMap<usize, u32>;

struct Maker<'a> {
    walk: Walk<'a>,
    plan: &'a Plan,
    flow: Flow,
    /// The parallel blocks around, with their activation and the cell that is being made.
    blocks: Vec<(TreeId, usize, Position)>,
    holders: Vec<usize>,
    appointments: HashMap<(usize, Position, BarrierName), usize>,
    next_block: usize,
}

impl Maker<'_> {
    fn seq(
        &mut self,
        strand: StrandId,
        seq: &Seq,
        locals: &mut Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let mut passes = Passes::new();
        for id in seq.iter() {
            add(&mut passes, self.node(strand, *id, locals, ops)?);
            self.bind(*id, locals);
        }
        Ok(passes)
    }

    /// Binds what the statements after it may name.
    fn bind(&self, id: TreeId, locals: &mut Locals) {
        if self.plan.tree.get(id).stmt.bind.is_some() {
            // A mistake in it is reported where it is evaluated for its own sake.
            let _ = self.walk.sum_node(id, locals);
        }
    }

    fn node(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        if !(node.has_barrier || node.has_deploy || node.has_lock) {
            return Ok(Passes::new());
        }
        match &node.stmt.kind {
            StmtKind::Barrier { name, key } => self.barrier(id, name, key.as_ref(), locals, ops),
            StmtKind::Lock {
                resource, limit, ..
            } => {
                let name = Name::from(self.walk.display(&self.walk.eval(resource, locals)?));
                let limit = match limit.as_ref().map(|limit| self.walk.eval(limit, locals)) {
                    Some(limit) => match limit? {
                        Value::Int(limit) => u32::try_from(limit).unwrap_or(1).max(1),
                        _ => 1,
                    },
                    None => 1,
                };
                let resource = self.resource(&name, limit);
                self.flow.requests.push((resource, id));
                let request = self.flow.requests.len() - 1;
                ops.push(Op::Acquire(request));
                let passes = self.seq(strand, body(node), &mut locals.clone(), ops)?;
                ops.push(Op::Release(request));
                Ok(passes)
            }
            StmtKind::Stage { .. } => {
                let hold = self.hold(id, locals)?;
                self.holders.push(hold);
                let passes = self.seq(strand, body(node), &mut locals.clone(), ops);
                self.holders.pop();
                ops.push(Op::Drop(hold));
                passes
            }
            StmtKind::Deploy { .. } => self.deploy(strand, id, locals, ops),
            StmtKind::Call(using) => {
                let mut inside = self.walk.call(using, locals)?;
                self.seq(strand, body(node), &mut inside, ops)
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions: Vec<&Expr> = branches.iter().map(|(it, _)| it).collect();
                self.branches(strand, node, &conditions, otherwise.is_some(), locals, ops)
            }
            StmtKind::Parallel(_) => self.parallel(strand, id, node, locals, ops),
            StmtKind::Matrix(matrix) => self.cells(strand, id, node, matrix, locals, ops),
            _ => self.seq(strand, body(node), &mut locals.clone(), ops),
        }
    }

    fn barrier(
        &mut self,
        id: TreeId,
        name: &Name,
        key: Option<&Expr>,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let key = match key {
            Some(key) => Some(self.walk.display(&self.walk.eval(key, locals)?)),
            None => None,
        };
        let barrier = BarrierName {
            name: name.clone(),
            key,
        };
        let meetings: &[Meeting] = &self.plan.meetings;
        let Some(meeting) = meetings.iter().find(|meeting| meeting.name == *name) else {
            return Ok(Passes::new());
        };
        let block = self
            .blocks
            .iter()
            .rev()
            .find(|(tree, ..)| *tree == meeting.block);
        let Some((_, activation, position)) = block else {
            return Ok(Passes::new());
        };
        let prefix: Position = position.iter().copied().take(meeting.fixed_axes).collect();
        let flow = &mut self.flow;
        let key = (*activation, prefix, barrier.clone());
        let at = *self.appointments.entry(key).or_insert_with(|| {
            flow.meetings.push(Appointment {
                barrier,
                expected: 0,
            });
            flow.meetings.len() - 1
        });
        ops.push(Op::Arrive(at, id));
        Ok(Passes::from([(at, 1)]))
    }

    fn resource(&mut self, name: &Name, limit: u32) -> usize {
        let found = self
            .flow
            .resources
            .iter()
            .position(|(other, _)| other == name);
        found.unwrap_or_else(|| {
            self.flow.resources.push((name.clone(), limit));
            self.flow.resources.len() - 1
        })
    }

    /// The locks that a stage, or the pipeline for what is outside stages, will take.
    fn hold(&mut self, id: TreeId, locals: &Locals) -> Result<usize, Halt> {
        let node = self.plan.tree.get(id);
        let is_stage = matches!(node.stmt.kind, StmtKind::Stage { .. });
        let walk = Walk {
            skip_stages: !is_stage,
            ..self.walk
        };
        let Sum {
            targets, unsure, ..
        } = walk.sum(body(node), locals)?;
        let to_the_end = unsure || self.plan.tree.may_come_back(id);
        let mut locks = Vec::new();
        for (target, count) in targets {
            if self.plan.bound.facts.is_exclusive(target) {
                let resource = self.resource(&self.lock_name(target), 1);
                locks.push((resource, (!to_the_end).then_some(count)));
            }
        }
        self.flow.holds.push(Hold { locks, tree: id });
        Ok(self.flow.holds.len() - 1)
    }

    fn lock_name(&self, target: InfrastructureId) -> Name {
        let name = self.walk.display(&Value::Infrastructure(target));
        Name::from(format!("infrastructure {name}"))
    }

    fn deploy(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let mut found = match self.walk.deployment(id, locals) {
            Ok(found) => found,
            Err(Halt::Unknown) => return Ok(Passes::new()),
            Err(fault) => return Err(fault),
        };
        let hold = self.holders.last().copied().unwrap_or(0);
        let exclusive = self.plan.bound.facts.is_exclusive(found.target);
        let resource = exclusive.then(|| self.resource(&self.lock_name(found.target), 1));
        if exclusive {
            ops.push(Op::Enter(hold, id));
        }
        let passes = self.seq(strand, &found.body, &mut found.locals, ops)?;
        if let Some(resource) = resource {
            ops.push(Op::Exit(hold, resource));
        }
        Ok(passes)
    }

    /// The branch that is taken, or a choice among those that may be.
    fn branches(
        &mut self,
        strand: StrandId,
        node: &Node,
        conditions: &[&Expr],
        otherwise: bool,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let mut possible = Vec::new();
        let mut certain = false;
        for (at, condition) in conditions.iter().enumerate() {
            match self.walk.eval(condition, locals) {
                Ok(Value::Bool(false)) => {}
                Ok(_) => {
                    possible.push(node.bodies.get(at).cloned());
                    certain = true;
                    break;
                }
                Err(Halt::Unknown) => possible.push(node.bodies.get(at).cloned()),
                Err(fault) => return Err(fault),
            }
        }
        if !certain {
            possible.push(otherwise.then(|| node.bodies.last().cloned()).flatten());
        }
        if let [only] = possible.as_slice() {
            let only = only.clone().unwrap_or_default();
            return self.seq(strand, &only, &mut locals.clone(), ops);
        }
        let choice = ops.len();
        ops.push(Op::Choose(Vec::new()));
        let mut starts = Vec::new();
        let mut jumps = Vec::new();
        let mut passes = Passes::new();
        for branch in possible {
            starts.push(ops.len());
            let branch = branch.unwrap_or_default();
            let taken = self.seq(strand, &branch, &mut locals.clone(), ops)?;
            for (meeting, count) in taken {
                let most = passes.entry(meeting).or_default();
                *most = count.max(*most);
            }
            jumps.push(ops.len());
            ops.push(Op::Jump(0));
        }
        let end = ops.len();
        for jump in jumps {
            ops[jump] = Op::Jump(end);
        }
        ops[choice] = Op::Choose(starts);
        Ok(passes)
    }

    fn parallel(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &Node,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let activation = self.next_block;
        self.next_block += 1;
        let mut fork = Fork {
            tree: id,
            ..Fork::default()
        };
        let mut passes = Passes::new();
        let at = self.flow.forks.len();
        self.flow.forks.push(Fork::default());
        for child in body(node).iter() {
            self.blocks.push((id, activation, Position::new()));
            let name = self.walk.label(*child, locals);
            let seq: Seq = [*child].into();
            let made = self.strand(strand, at, name, &seq, locals);
            self.blocks.pop();
            let (made, taken) = made?;
            fork.children.push(made);
            add(&mut passes, taken);
        }
        let fork = Fork {
            after: vec![Vec::new(); fork.children.len()],
            groups: vec![Vec::new(); fork.children.len()],
            ..fork
        };
        self.join(at, fork, activation, &mut passes, ops);
        Ok(passes)
    }

    /// A strand of its own, which does the statements of a body.
    fn strand(
        &mut self,
        parent: StrandId,
        fork: usize,
        name: String,
        seq: &Seq,
        locals: &Locals,
    ) -> Result<(StrandId, Passes), Halt> {
        let id = self.flow.strands.len();
        let parent = Some((parent, fork));
        self.flow.strands.push(Strand {
            name,
            parent,
            ..Strand::default()
        });
        let mut ops = Vec::new();
        let passes = self.seq(id, seq, &mut locals.clone(), &mut ops)?;
        let strand = &mut self.flow.strands[id];
        strand.ops = ops;
        strand.owes = passes
            .iter()
            .map(|(meeting, count)| (*meeting, *count))
            .collect();
        strand.owes.sort_unstable();
        Ok((id, passes))
    }

    /// The strands of a block are made: its own meetings know how many arrivals they wait for.
    fn join(
        &mut self,
        at: usize,
        fork: Fork,
        activation: usize,
        passes: &mut Passes,
        ops: &mut Vec<Op>,
    ) {
        self.flow.forks[at] = fork;
        for ((block, ..), meeting) in &self.appointments {
            if *block == activation
                && let Some(count) = passes.remove(meeting)
            {
                self.flow.meetings[*meeting].expected = count;
            }
        }
        ops.push(Op::Fork(at));
    }

    fn cells(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &Node,
        matrix: &Matrix,
        locals: &Locals,
        ops: &mut Vec<Op>,
    ) -> Result<Passes, Halt> {
        let activation = self.next_block;
        self.next_block += 1;
        let mut found = Vec::new();
        let walked = self.walk.each_cell(matrix, locals, &mut |cell| {
            found.push((
                cell.position.clone(),
                cell.values.to_vec(),
                cell.locals.clone(),
            ));
            Ok(())
        });
        match walked {
            Ok(()) => {}
            Err(Halt::Unknown) => return Ok(Passes::new()),
            Err(fault) => return Err(fault),
        }
        let at = self.flow.forks.len();
        self.flow.forks.push(Fork::default());
        let mut fork = Fork {
            tree: id,
            ..Fork::default()
        };
        let mut passes = Passes::new();
        for (position, values, inner) in &found {
            self.blocks.push((id, activation, position.clone()));
            let name = self.cell_name(node, values, inner);
            let made = self.strand(strand, at, name, body(node), inner);
            self.blocks.pop();
            let (made, taken) = made?;
            fork.children.push(made);
            add(&mut passes, taken);
        }
        let positions: Vec<&Position> = found.iter().map(|(position, ..)| position).collect();
        order(matrix, &positions, &mut fork);
        self.throttle(node, found.len(), locals, &mut fork)?;
        self.join(at, fork, activation, &mut passes, ops);
        Ok(passes)
    }

    /// A cell that is a single deployment is called like it.
    fn cell_name(&self, node: &Node, values: &[Value], locals: &Locals) -> String {
        if let [only] = &**body(node)
            && matches!(self.plan.tree.get(*only).stmt.kind, StmtKind::Deploy { .. })
        {
            return self.walk.label(*only, locals);
        }
        let values: Vec<String> = values
            .iter()
            .map(|value| self.walk.display(value))
            .collect();
        format!(
            "{}[{}]",
            node.label.as_deref().unwrap_or_default(),
            values.join(", ")
        )
    }

    fn throttle(
        &self,
        node: &Node,
        cells: usize,
        locals: &Locals,
        fork: &mut Fork,
    ) -> Result<(), Halt> {
        let modifiers = &node.stmt.modifiers;
        if let Some(max) = &modifiers.max
            && let Value::Int(max) = self.walk.eval(max, locals)?
        {
            fork.max = Some(usize::try_from(max).unwrap_or(1).max(1));
        }
        if let Some(sizes) = &modifiers.batches
            && let Value::List(sizes) = self.walk.eval(sizes, locals)?
        {
            fork.waves = super::grid::waves(&sizes, cells);
        }
        Ok(())
    }
}

fn add(passes: &mut Passes, more: Passes) {
    for (meeting, count) in more {
        *passes.entry(meeting).or_default() += count;
    }
}

/// Which cells wait for which: on a serial axis, an element waits for all of the one before it.
fn order(matrix: &Matrix, positions: &[&Position], fork: &mut Fork) {
    fork.after = vec![Vec::new(); positions.len()];
    fork.groups = vec![Vec::new(); positions.len()];
    for (axis, declared) in matrix.axes.iter().enumerate() {
        if declared.order != Order::Serial {
            continue;
        }
        // Under the same outer elements: the element at hand, its group, and the group before.
        let mut under: HashMap<&[u32], (u32, usize, Option<usize>)> = HashMap::new();
        for (cell, position) in positions.iter().enumerate() {
            let (Some(outer), Some(index)) = (position.get(..axis), position.get(axis)) else {
                continue;
            };
            let (last, group, before) = under.entry(outer).or_insert_with(|| {
                fork.group_sizes.push(0);
                (*index, fork.group_sizes.len() - 1, None)
            });
            if last != index {
                fork.group_sizes.push(0);
                (*last, *before) = (*index, Some(*group));
                *group = fork.group_sizes.len() - 1;
            }
            fork.group_sizes[*group] += 1;
            fork.groups[cell].push(*group);
            fork.after[cell].extend(*before);
        }
    }
}
