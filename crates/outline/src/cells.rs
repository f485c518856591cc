//! Outlines a loop or matrix and counts all of its cells.

use super::builder::{BarrierFrame, ListingPath, OutlineBuilder, OutlinePart, StrandName};
use super::item::{Item, ItemKind};
use super::labels;
use super::longest_time::LongestTime;
use super::measure::{Count, Measure};
use super::minimum_time::MinimumTime;
use super::peak_load::PeakLoad;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{Matrix, Order};
use lockstep_plan::CellNumbers;
use lockstep_plan::grid::{Axes, Position};
use lockstep_plan::{Locals, MatrixAxes};
use lockstep_plan::{PlanNode, TreeId};
use lockstep_plan::{body, too_many_cells};

/// More cells than this, of all loops of a plan, are not counted.
pub(super) const MAX_COUNTED_CELLS: usize = 1_000_000;

/// The loop or matrix that is being outlined.
pub(super) struct CellOutline<'m, 'a> {
    pub(super) id: TreeId,
    pub(super) node: &'m PlanNode,
    pub(super) axes: MatrixAxes<'a>,
    pub(super) locals: &'m Locals,
    /// How many cells there are.
    pub(super) count: u64,
    /// The widest of them.
    widest: Measure,
    /// What the cells take when one starts after the other.
    total: LongestTime,
    /// What the cells take at least, all together.
    least: u64,
    /// The longest cell.
    longest: LongestTime,
    /// Whether cells may have to wait for each other.
    contended: bool,
    /// The numbers of cells whose names are equal, once cells are listed.
    pub(super) numbers: CellNumbers,
}

/// Where a cell is, and its values.
#[derive(Default)]
pub(super) struct CellPosition {
    pub(super) position: Position,
    pub(super) values: Vec<Value>,
}

impl<'a> OutlineBuilder<'a> {
    pub(super) fn matrix(
        &mut self,
        id: TreeId,
        node: &PlanNode,
        matrix: &'a Matrix,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let walk = self.walk;
        let mut cells = CellOutline {
            id,
            node,
            axes: MatrixAxes { walk, matrix },
            locals,
            count: 0,
            widest: Measure::default(),
            total: LongestTime::default(),
            least: 0,
            longest: LongestTime::default(),
            contended: node.has_barrier,
            numbers: CellNumbers::default(),
        };
        let meets = at.is_some() && self.is_meeting_place(id);
        if meets {
            self.frames.push(BarrierFrame::new(id));
        }
        let counted = self.level(&mut cells, 0, locals, &mut CellPosition::default());
        let counted = counted.and_then(|top| self.included(&mut cells, top));
        if let Some(frame) = self.frames.last_mut().filter(|_| meets) {
            frame.counting = false;
        }
        let mut item = head(matrix);
        item.notes = labels::modifiers(&walk, node, locals);
        let measure = match (counted, at) {
            (Ok(mut measure), at) => {
                self.narrow(&cells, &mut measure);
                if let Some(at) = at {
                    if self.waves(&cells).is_some() {
                        // The waves come one after the other, whatever the axes say.
                        item.order = Some(Order::Serial);
                    }
                    item.cells = Some(cells.count);
                    // What is listed has been counted.
                    let left = self.cells_left.take();
                    item.items = self.list(&mut cells, at);
                    self.cells_left = left;
                    item.unlisted = cells.count.saturating_sub(listed(&item.items));
                }
                measure
            }
            (Err(halt), at) => {
                item.notes.push(match halt {
                    Halt::Unknown => String::from("cells known while running"),
                    Halt::Fault(fault) => fault.message.clone(),
                });
                let (measure, items) = self.unknown(&cells, at);
                item.items = items;
                measure
            }
        };
        if meets {
            self.frames.pop();
        }
        OutlinePart {
            measure,
            items: at.map(|_| item).into_iter().collect(),
        }
    }

    /// Whether one more cell may be counted.
    fn visits_cell(&mut self) -> bool {
        let Some(left) = &mut self.cells_left else {
            return true;
        };
        let visits = *left > 0;
        *left = left.saturating_sub(1);
        visits
    }

    /// What the elements of an axis do, with the axes before it fixed.
    pub(super) fn level(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut CellPosition,
    ) -> Result<Measure, Halt> {
        let order = cells.order(axis);
        let last = axis + 1 >= cells.axes.matrix.axes.len();
        let matrix = cells.axes.matrix;
        let mut all = Measure::default();
        for (index, value) in cells.axes.values(axis, locals)?.iter().enumerate() {
            if last && !self.visits_cell() {
                return Err(too_many_cells(matrix, MAX_COUNTED_CELLS));
            }
            let inner = cells.axes.bind(axis, value, locals);
            place.position.push(index as u32);
            place.values.push(value.clone());
            let element = if !last {
                Some(self.level(cells, axis + 1, &inner, place)?)
            } else if cells.axes.keep(&inner)? {
                Some(self.cell(cells, &inner, place))
            } else {
                None
            };
            place.position.pop();
            place.values.pop();
            if let Some(element) = element {
                self.join(cells, &mut all, element, order);
            }
        }
        Ok(all)
    }

    /// The cells that `include` adds: they follow the elements of the first axis.
    fn included(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        mut top: Measure,
    ) -> Result<Measure, Halt> {
        let order = cells.order(0);
        for place in cells.included()? {
            let inner = cells.bind(&place.values);
            let cell = self.cell(cells, &inner, &place);
            self.join(cells, &mut top, cell, order);
        }
        Ok(top)
    }

    fn cell(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        locals: &Locals,
        place: &CellPosition,
    ) -> Measure {
        if let Some(frame) = self.frames.last_mut()
            && frame.block == cells.id
            && frame.counting
        {
            frame.position.clone_from(&place.position);
            match &mut frame.strand {
                StrandName::Values(values, of) => {
                    values.clone_from(&place.values);
                    of.clone_from(locals);
                }
                StrandName::Named(_) => {
                    frame.strand = StrandName::Values(place.values.clone(), locals.clone());
                }
            }
        }
        let body = body(cells.node);
        let measure = self.seq(body, &mut locals.clone(), None).measure;
        cells.count += 1;
        cells.widest.deploys.raise(&measure.deploys);
        cells.widest.commands.raise(&measure.commands);
        cells.widest.others.raise(&measure.others);
        cells.least = cells.least.saturating_add(measure.shortest.ms);
        cells.total = cells.total.in_turn(measure.longest);
        cells.longest = cells.longest.or(measure.longest);
        cells.contended |= measure.commands.has_named_lock();
        measure
    }

    fn join(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        all: &mut Measure,
        more: Measure,
        order: Order,
    ) {
        if order == Order::Parallel {
            cells.contended |= self.take_turns(&all.stages, &more.stages);
            all.in_parallel(more);
        } else {
            all.then(more);
        }
    }

    /// What `max` and `batches` leave of the loads, and what they make of the time.
    fn narrow(&self, cells: &CellOutline<'_, 'a>, measure: &mut Measure) {
        let max = cells.node.stmt.modifiers.max.as_ref();
        let max = max.and_then(|max| self.count(max, cells.locals));
        let max = max.map(|max| max.max(1));
        let waves = self.waves(cells);
        let largest = waves.as_ref().and_then(|waves| waves.iter().max().copied());
        if let Some(parts) = max.into_iter().chain(largest).min() {
            measure.deploys.cap(parts, &cells.widest.deploys);
            measure.commands.cap(parts, &cells.widest.commands);
            measure.others.cap(parts, &cells.widest.others);
        }
        if let Some(parts) = max {
            let span = cells.node.stmt.span;
            measure.shortest.raise(span, cells.least.div_ceil(parts));
        }
        if cells.contended {
            measure.longest = cells.total;
        } else if max.is_some() || waves.is_some() {
            let waves = waves.unwrap_or_else(|| vec![cells.count]);
            let rounds = |size: &u64| size.div_ceil(max.unwrap_or(u64::MAX));
            let rounds: u64 = waves.iter().map(rounds).sum();
            measure.longest = match cells.all(Order::Parallel) {
                true => cells.longest.times(rounds),
                false => cells.total,
            };
        }
    }

    /// The cells are not known: the body is shown once, for any of them.
    fn unknown(
        &mut self,
        cells: &CellOutline<'_, 'a>,
        at: ListingPath<'_>,
    ) -> (Measure, Vec<Item>) {
        let matrix = cells.axes.matrix;
        let mut locals = cells.locals.clone();
        for axis in &matrix.axes {
            locals = locals.bind_unknown(axis.slot);
        }
        let names: Vec<&str> = matrix.axes.iter().map(|axis| &*axis.name).collect();
        let path = at.map(|at| {
            // A pattern for the paths of all cells.
            let label = cells.node.label.as_deref().unwrap_or_default();
            at.any_cell(label, cells.node.number)
        });
        self.muted += 1;
        let seen = self.seq(body(cells.node), &mut locals, path.as_ref());
        self.muted -= 1;
        self.may_take_any_time(cells.node.stmt.span, None);
        self.summary.unsure = true;
        let later = self
            .walk
            .summary_of_node(cells.id, &mut cells.locals.clone());
        let later = later.unwrap_or_default().barriers.into_keys();
        self.open_barriers
            .extend(later.map(|barrier| barrier.meeting));
        let mut item = Item {
            kind: ItemKind::Cell,
            label: names.join(", "),
            path,
            order: Some(Order::Serial),
            items: seen.items,
            ..Item::default()
        };
        item.measured(&seen.measure);
        let mut measure = seen.measure;
        let max = cells.node.stmt.modifiers.max.as_ref();
        let max = max.and_then(|max| self.count(max, cells.locals));
        let serial = cells.all(Order::Serial);
        let times = |load: &PeakLoad| match (serial, max, load.most()) {
            (true, ..) => load.clone(),
            (_, _, Some(0)) => PeakLoad::default(),
            (_, Some(max), Some(most)) => PeakLoad::of(most.saturating_mul(max.max(1))),
            _ => PeakLoad::unbounded(),
        };
        measure.deploys = times(&measure.deploys);
        measure.commands = times(&measure.commands);
        measure.others = times(&measure.others);
        measure.longest = LongestTime {
            run: None,
            stop: None,
            back: measure.longest.back.filter(|back| *back == 0),
        };
        measure.shortest = MinimumTime::default();
        measure.deployments = Count {
            least: 0,
            most: measure.deployments.most.filter(|most| *most == 0),
        };
        let items = at.map(|_| item).into_iter().collect();
        (measure, items)
    }
}

impl CellOutline<'_, '_> {
    pub(super) fn order(&self, axis: usize) -> Order {
        let axis = self.axes.matrix.axes.get(axis);
        axis.map_or(Order::Serial, |axis| axis.order)
    }

    /// Whether all axes have this order.
    pub(super) fn all(&self, order: Order) -> bool {
        let mut axes = self.axes.matrix.axes.iter();
        axes.all(|axis| axis.order == order)
    }

    /// The places of the cells that `include` adds.
    pub(super) fn included(&mut self) -> Result<Vec<CellPosition>, Halt> {
        let included = self.axes.included(self.locals)?;
        if included.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.axes.values(0, self.locals)?.len();
        let place = |(index, values)| CellPosition {
            position: vec![(first + index) as u32],
            values,
        };
        Ok(included.into_iter().enumerate().map(place).collect())
    }

    /// The locals of a cell that `include` adds.
    pub(super) fn bind(&self, values: &[Value]) -> Locals {
        let mut locals = self.locals.clone();
        for (axis, value) in values.iter().enumerate() {
            locals = self.axes.bind(axis, value, &locals);
        }
        locals
    }
}

/// How many cells are in these items, listed or not.
pub(super) fn listed(items: &[Item]) -> u64 {
    items.iter().map(|item| item.cells.unwrap_or(1)).sum()
}

/// The item of a loop or matrix: its axes are its label.
fn head(matrix: &Matrix) -> Item {
    let word = |order| match order {
        Order::Serial => "serial",
        Order::Parallel => "parallel",
    };
    let (kind, label) = match (matrix.axes.as_slice(), &*matrix.word) {
        ([axis], "serial") => (ItemKind::Serial, axis.name.to_string()),
        ([axis], "parallel") => (ItemKind::Parallel, axis.name.to_string()),
        (axes, _) => {
            let axes = axes.iter();
            let axes = axes.map(|axis| format!("{} {}", word(axis.order), axis.name));
            (ItemKind::Matrix, axes.collect::<Vec<_>>().join(", "))
        }
    };
    Item {
        kind,
        label,
        order: matrix.axes.first().map(|axis| axis.order),
        ..Item::default()
    }
}
