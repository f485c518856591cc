//! Strands that split: the children of a `parallel`, the cells of a loop or matrix.

use std::collections::HashMap;

use super::ArrivalsAhead;
use super::ModelFork;
use super::ModelOp;
use super::ModelPause;
use super::ModelStrand;
use super::StrandId;
use super::builder::BarrierPasses;
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use super::way_back::SplitRequests;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{Matrix, Order};
use lockstep_plan::grid::{self, Position};
use lockstep_plan::{Locals, MatrixAxes};
use lockstep_plan::{PlanNode, PlanSequence, TreeId};
use lockstep_plan::{body, too_many_cells};

/// A model with more strands than this is not made.
pub(super) const MAX_STRANDS: usize = 1_000_000;

impl ModelBuilder<'_> {
    pub(super) fn parallel(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &PlanNode,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let at = self.flow.forks.len();
        self.flow.forks.push(ModelFork::default());
        let mut fork = ModelFork {
            parent: strand,
            tree: id,
            stops: self.doomed || node.stmt.modifiers.fail_fast,
            ..ModelFork::default()
        };
        let mut passes = BarrierPasses::default();
        let mut requests = Vec::new();
        for child in body(node).iter() {
            self.blocks.push((id, at, Position::new()));
            let name = self.strand_name(*child, locals);
            let seq: PlanSequence = [*child].into();
            let first = self.flow.requests.len();
            let made = self.strand(strand, at, name, &seq, locals, &mut passes);
            self.blocks.pop();
            fork.children.push(made?);
            requests.push(first..self.flow.requests.len());
        }
        self.splits.push(SplitRequests { fork: at, requests });
        self.tell_apart(&fork.children);
        self.throttle(node, locals, &mut fork)?;
        let fork = ModelFork {
            after: vec![Vec::new(); fork.children.len()],
            groups: vec![Vec::new(); fork.children.len()],
            ..fork
        };
        self.join(at, fork, &mut passes);
        part.passes.add(passes);
        part.ops.push(ModelOp::Fork(at));
        Ok(())
    }

    /// A strand of its own, which does the statements of a body.
    pub(super) fn strand(
        &mut self,
        parent: StrandId,
        fork: usize,
        name: String,
        seq: &PlanSequence,
        locals: &Locals,
        passes: &mut BarrierPasses,
    ) -> Result<StrandId, Halt> {
        let id = self.flow.strands.len();
        let parent = Some((parent, fork));
        self.flow.strands.push(ModelStrand {
            name,
            parent,
            ..ModelStrand::default()
        });
        let mut part = ModelPart::default();
        self.apart(|maker| {
            match maker.in_each_world(id, seq, &mut locals.clone(), true, &mut part)? {
                true => Ok(()),
                false => maker.seq(id, seq, &mut locals.clone(), &mut part),
            }
        })?;
        passes.add(part.passes.clone());
        self.finish(id, part);
        Ok(id)
    }

    pub(super) fn cells(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &PlanNode,
        matrix: &Matrix,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        if self.alike.has(id) {
            return self.first_of_alike(strand, id, node, matrix, locals, part);
        }
        let mut found = Vec::new();
        let walked = self.walk.each_cell(matrix, locals, &mut |cell| {
            if found.len() + self.flow.strands.len() > MAX_STRANDS {
                return Err(too_many_cells(matrix, MAX_STRANDS));
            }
            let (position, values) = (cell.position.clone(), cell.values.to_vec());
            found.push((position, values, cell.locals.clone()));
            Ok(())
        });
        match walked {
            Ok(()) => {}
            Err(Halt::Unknown) => return self.any_cells(strand, id, node, matrix, locals, part),
            Err(fault) => return Err(fault),
        }
        self.cells_of(strand, id, node, matrix, locals, &found, part)
    }

    /// A loop whose list only the run knows: none, or two cells with any values. Whether `max` and
    /// `batches` let in all who must meet is checked when it begins.
    fn any_cells(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &PlanNode,
        matrix: &Matrix,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        part.ops.push(ModelOp::Pause(ModelPause::risky(id)));
        let found = [0, 1].map(|at| {
            let cell = self.walk.any_cell(matrix, locals);
            for axis in &matrix.axes {
                let binding = self.conditions.bind(axis.slot, &cell);
                part.ops.extend(binding.map(ModelOp::Bind));
            }
            (vec![at; matrix.axes.len()], Vec::new(), cell)
        });
        let choice = part.ops.len();
        part.ops.push(ModelOp::Choose(Vec::new(), id));
        self.cells_of(strand, id, node, matrix, locals, &found, part)?;
        let end = part.ops.len() + 1;
        part.ops.push(ModelOp::Jump(end + 1));
        part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
        part.ops[choice] = ModelOp::Choose(vec![choice + 1, end], id);
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a loop is, and where it goes"
    )]
    fn cells_of(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &PlanNode,
        matrix: &Matrix,
        locals: &Locals,
        found: &[CellListing],
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let at = self.flow.forks.len();
        self.flow.forks.push(ModelFork::default());
        let modifiers = &node.stmt.modifiers;
        let mut fork = ModelFork {
            parent: strand,
            tree: id,
            stops: self.doomed || modifiers.fail_fast || modifiers.batches.is_some(),
            ..ModelFork::default()
        };
        let mut passes = BarrierPasses::default();
        let mut requests = Vec::new();
        for (position, values, inner) in found {
            let first = self.flow.requests.len();
            self.blocks.push((id, at, position.clone()));
            let name = match values.is_empty() {
                true => any_cell_name(matrix, fork.children.len()),
                false => self.cell_name(node, values, inner),
            };
            let made = self.strand(strand, at, name, body(node), inner, &mut passes);
            self.blocks.pop();
            fork.children.push(made?);
            requests.push(first..self.flow.requests.len());
        }
        self.splits.push(SplitRequests { fork: at, requests });
        order(matrix, found, &mut fork);
        fork.tolerated = match &modifiers.tolerate {
            Some(tolerate) => match self.walk.eval(tolerate, locals) {
                Ok(Value::Percent(part)) => (found.len() as f64 * part / 100.0).floor() as u32,
                Ok(Value::Int(count)) => u32::try_from(count).unwrap_or(0),
                _ => 0,
            },
            None => 0,
        };
        if !found.iter().any(|(_, values, _)| values.is_empty()) {
            self.throttle(node, locals, &mut fork)?;
        }
        fork.tangled = fork.max.is_some() && is_tangled(matrix);
        self.join(at, fork, &mut passes);
        part.passes.add(passes);
        part.ops.push(ModelOp::Fork(at));
        Ok(())
    }

    pub(super) fn throttle(
        &self,
        node: &PlanNode,
        locals: &Locals,
        fork: &mut ModelFork,
    ) -> Result<(), Halt> {
        let known = |expr| match self.walk.eval(expr, locals) {
            Ok(value) => Ok(Some(value)),
            Err(Halt::Unknown) => Ok(None),
            Err(fault) => Err(fault),
        };
        let modifiers = &node.stmt.modifiers;
        if let Some(max) = &modifiers.max
            && let Some(Value::Int(max)) = known(max)?
        {
            fork.max = Some(usize::try_from(max).unwrap_or(1).max(1));
        }
        if let Some(sizes) = &modifiers.batches
            && let Some(Value::List(sizes)) = known(sizes)?
        {
            fork.set_waves(grid::waves(&sizes, fork.children.len()));
        }
        Ok(())
    }

    /// Whether a loop or matrix has cells; nothing where that is not known without making them.
    pub(super) fn has_cells(&self, matrix: &Matrix, locals: &Locals) -> Option<bool> {
        use lockstep_plan::grid::Axes;
        let mut axes = MatrixAxes {
            walk: self.walk,
            matrix,
        };
        if !matrix.include.is_empty() {
            return Some(true);
        }
        let mut inside = locals.clone();
        for axis in 0..matrix.axes.len() {
            let values = axes.values(axis, &inside).ok()?;
            let Some(first) = values.first() else {
                return match axis {
                    0 => Some(false),
                    _ => None,
                };
            };
            inside = axes.bind(axis, first, &inside);
        }
        matrix.filter.is_none().then_some(true)
    }
}

/// Whether a parallel axis is inside a serial one that is inside a parallel one.
pub(super) fn is_tangled(matrix: &Matrix) -> bool {
    let mut orders: Vec<Order> = matrix.axes.iter().map(|axis| axis.order).collect();
    orders.dedup();
    let outer = orders.iter().position(|order| *order == Order::Parallel);
    let inner = orders.iter().rposition(|order| *order == Order::Parallel);
    outer != inner
}

/// What a cell is called whose values only the run knows.
fn any_cell_name(matrix: &Matrix, before: usize) -> String {
    let axes: Vec<&str> = matrix.axes.iter().map(|axis| &*axis.name).collect();
    match before {
        0 => format!("a cell of {}", axes.join(", ")),
        _ => format!("another cell of {}", axes.join(", ")),
    }
}

/// A cell: its place, its values and what its body sees.
type CellListing = (Position, Vec<Value>, Locals);

/// Which cells wait for which: on a serial axis, an element waits for all of the one before it.
fn order(matrix: &Matrix, cells: &[CellListing], fork: &mut ModelFork) {
    fork.after = vec![Vec::new(); cells.len()];
    fork.groups = vec![Vec::new(); cells.len()];
    fork.serial = matrix
        .axes
        .iter()
        .map(|axis| axis.order == Order::Serial)
        .collect();
    for (axis, serial) in fork.serial.iter().enumerate() {
        if !serial {
            continue;
        }
        // Under the same outer elements: the current element, its group, and the group before.
        let mut under: HashMap<&[u32], (u32, usize, Option<usize>)> = HashMap::new();
        for (cell, (position, ..)) in cells.iter().enumerate() {
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
    if fork.serial.contains(&true) {
        let chains = |(position, values, _): &CellListing| {
            let axes = 0..matrix.axes.len();
            let of = |axis| chain(matrix, axis, values);
            (position.clone(), axes.map(of).collect())
        };
        fork.chains = cells.iter().map(chains).collect();
    }
}

/// Which chain of an axis a cell is in: the infrastructures that the parallel axes inside it
/// give it. Failures go along a chain.
fn chain(matrix: &Matrix, axis: usize, values: &[Value]) -> Option<String> {
    let inside = matrix.axes.iter().zip(values).skip(axis + 1);
    let places: Vec<String> = inside
        .filter(|(axis, _)| axis.order == Order::Parallel)
        .filter_map(|(_, value)| {
            let Value::Infrastructure(id) = value else {
                return None;
            };
            Some(id.0.to_string())
        })
        .collect();
    (!places.is_empty()).then(|| places.join(","))
}
