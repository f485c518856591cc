//! Loops and matrices in an outline: all cells are counted, some are listed.
//! It does not know what is in a cell.

use super::item::{Item, ItemKind};
use super::load::Load;
use super::maker::{At, Frame, Maker, Seen};
use super::measure::{Count, Measure};
use super::words;
use crate::eval::Halt;
use crate::ir::{Matrix, Order};
use crate::plan::grid::{Axes, Position};
use crate::plan::tree::{Node, TreeId};
use crate::plan::walk::body;
use crate::plan::{Locals, MatrixAxes, Sum};
use crate::value::Value;

/// Where an axis has too many cells, each of its elements still shows so many.
const FEWEST: usize = 3;

/// A loop or matrix that is being looked at.
pub(super) struct Cells<'m, 'a> {
    pub(super) node: &'m Node,
    pub(super) axes: MatrixAxes<'a>,
    pub(super) locals: &'m Locals,
    /// Who meets whom.
    frame: Frame,
    /// Whether strands meet in it.
    meets: bool,
    /// How many cells there are.
    pub(super) count: u64,
    /// The widest of them.
    widest: Measure,
    /// What the cells take when one starts after the other.
    total: Option<u64>,
    /// The longest cell.
    longest: Option<u64>,
    /// Whether cells may have to wait for each other.
    contended: bool,
}

/// A path to a cell: where it is, and its values.
#[derive(Default)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) values: Vec<Value>,
}

impl<'a> Maker<'a> {
    pub(super) fn matrix(
        &mut self,
        id: TreeId,
        node: &Node,
        matrix: &'a Matrix,
        locals: &Locals,
        at: At<'_>,
    ) -> Seen {
        let axes = MatrixAxes {
            walk: self.walk,
            matrix,
        };
        let mut cells = Cells {
            node,
            axes,
            locals,
            frame: Frame::new(id),
            meets: at.is_some() && self.is_meeting_place(id),
            count: 0,
            widest: Measure::default(),
            total: Some(0),
            longest: Some(0),
            contended: node.has_barrier,
        };
        let counted = self.level(&mut cells, 0, locals, &mut Place::default());
        let counted = counted.and_then(|top| self.included(&mut cells, top));
        let mut item = head(matrix);
        let measure = match counted {
            Ok(mut measure) => {
                self.narrow(&cells, &mut measure);
                item.cells = Some(cells.count);
                measure
            }
            Err(halt) => {
                item.notes.push(match halt {
                    Halt::Unknown => String::from("cells known while running"),
                    Halt::Fault(fault) => fault.message.clone(),
                });
                let (measure, items) = self.unknown(&cells, at);
                item.items = items;
                return seen(
                    item,
                    measure,
                    words::modifiers(&self.walk, node, locals),
                    at,
                );
            }
        };
        if let Some(at) = at {
            let frame = std::mem::replace(&mut cells.frame, Frame::new(id));
            self.frames.push(frame);
            let listed = match self.waves(&cells) {
                Some(waves) => self.list_waves(&mut cells, &waves, at),
                None => self.list(&mut cells, at),
            };
            self.frames.pop();
            // It was counted, so it can be listed.
            item.items = listed.unwrap_or_default();
            let listed: u64 = item.items.iter().map(|it| it.cells.unwrap_or(1)).sum();
            item.unlisted = cells.count.saturating_sub(listed);
        }
        seen(
            item,
            measure,
            words::modifiers(&self.walk, node, locals),
            at,
        )
    }

    /// What the elements of an axis do, with the axes before it fixed.
    fn level(
        &mut self,
        cells: &mut Cells<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut Place,
    ) -> Result<Measure, Halt> {
        let order = cells.order(axis);
        let last = axis + 1 >= cells.axes.matrix.axes.len();
        let mut all = Measure::default();
        for (index, value) in cells.axes.values(axis, locals)?.into_iter().enumerate() {
            let inner = cells.axes.bind(axis, &value, locals);
            place.position.push(index as u32);
            place.values.push(value);
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
    fn included(&mut self, cells: &mut Cells<'_, 'a>, mut top: Measure) -> Result<Measure, Halt> {
        let included = cells.axes.included(cells.locals)?;
        if included.is_empty() {
            return Ok(top);
        }
        let first = cells.axes.values(0, cells.locals)?.len();
        let order = cells.order(0);
        for (index, values) in included.into_iter().enumerate() {
            let inner = cells.bind(&values);
            let place = Place {
                position: vec![(first + index) as u32],
                values,
            };
            let cell = self.cell(cells, &inner, &place);
            self.join(cells, &mut top, cell, order);
        }
        Ok(top)
    }

    fn cell(&mut self, cells: &mut Cells<'_, 'a>, locals: &Locals, place: &Place) -> Measure {
        let body = body(cells.node);
        let measure = self.seq(body, &mut locals.clone(), None).measure;
        cells.count += 1;
        cells.widest.deploys.then(&measure.deploys);
        cells.widest.commands.then(&measure.commands);
        cells.widest.others.then(&measure.others);
        let time = measure.longest;
        cells.total = super::measure::both(cells.total, time, u64::saturating_add);
        cells.longest = super::measure::both(cells.longest, time, u64::max);
        cells.contended |= measure.commands.has_named_lock();
        if cells.meets {
            let sum = Sum {
                barriers: measure.sum.barriers.clone(),
                ..Sum::default()
            };
            let walk = self.walk;
            let name = || {
                let values = place.values.iter().map(|value| walk.display(value));
                values.collect::<Vec<_>>().join(", ")
            };
            self.enter(&mut cells.frame, sum, &place.position, name);
        }
        measure
    }

    fn join(&mut self, cells: &mut Cells<'_, 'a>, all: &mut Measure, more: Measure, order: Order) {
        if order == Order::Parallel {
            cells.contended |= self.take_turns(&all.stages, &more.stages);
            all.beside(more);
        } else {
            all.then(more);
        }
    }

    /// What `max` and `batches` leave of the loads, and what they make of the time.
    fn narrow(&self, cells: &Cells<'_, 'a>, measure: &mut Measure) {
        let modifiers = &cells.node.stmt.modifiers;
        let max = modifiers.max.as_ref();
        let max = max
            .and_then(|max| self.count(max, cells.locals))
            .map(|it| it.max(1));
        let waves = self.waves(cells);
        let largest = waves.as_ref().and_then(|waves| waves.iter().max().copied());
        if let Some(parts) = max.into_iter().chain(largest).min() {
            measure.deploys.cap(parts, &cells.widest.deploys);
            measure.commands.cap(parts, &cells.widest.commands);
            measure.others.cap(parts, &cells.widest.others);
        }
        if cells.contended {
            measure.longest = cells.total;
        } else if max.is_some() || waves.is_some() {
            let free =
                (0..cells.axes.matrix.axes.len()).all(|at| cells.order(at) == Order::Parallel);
            let waves = waves.unwrap_or_else(|| vec![cells.count]);
            let rounds = |size: &u64| size.div_ceil(max.unwrap_or(u64::MAX));
            let rounds: u64 = waves.iter().map(rounds).sum();
            measure.longest = match free {
                true => cells.longest.map(|longest| longest.saturating_mul(rounds)),
                false => cells.total,
            };
        }
    }

    /// The cells are not known: the body is shown once, for any of them.
    fn unknown(&mut self, cells: &Cells<'_, 'a>, at: At<'_>) -> (Measure, Vec<Item>) {
        let matrix = cells.axes.matrix;
        let mut locals = cells.locals.clone();
        for axis in &matrix.axes {
            locals = locals.bind_unknown(axis.slot);
        }
        let names: Vec<&str> = matrix.axes.iter().map(|axis| &*axis.name).collect();
        let path = at.map(|at| {
            let label = cells.node.label.as_deref().unwrap_or_default();
            format!("{at}/{label}{}[{}]", cells.node.twin, names.join(", "))
        });
        let seen = self.seq(body(cells.node), &mut locals, path.as_deref());
        let mut measure = seen.measure;
        let max = cells.node.stmt.modifiers.max.as_ref();
        let max = max.and_then(|max| self.count(max, cells.locals));
        let serial = (0..matrix.axes.len()).all(|at| cells.order(at) == Order::Serial);
        let times = |load: &Load| match (serial, max, load.most()) {
            (true, ..) => load.clone(),
            (_, _, Some(0)) => Load::default(),
            (_, Some(max), Some(most)) => Load::of(most.saturating_mul(max.max(1))),
            _ => Load::unbounded(),
        };
        measure.deploys = times(&measure.deploys);
        measure.commands = times(&measure.commands);
        measure.others = times(&measure.others);
        measure.longest = None;
        measure.sum.unsure = true;
        measure.sum.barriers.clear();
        measure.deployments = Count {
            least: 0,
            most: match measure.deployments.most {
                Some(0) => Some(0),
                _ => None,
            },
        };
        let mut item = Item {
            kind: ItemKind::Cell,
            label: names.join(", "),
            order: Some(Order::Serial),
            items: seen.items,
            ..Item::default()
        };
        item.measured(&measure);
        let items = at.map(|_| item).into_iter().collect();
        (measure, items)
    }

    /// Lists all cells, or some of each element where they are too many.
    fn list(&mut self, cells: &mut Cells<'_, 'a>, at: &str) -> Result<Vec<Item>, Halt> {
        let room = self.limit.min(self.left);
        let locals = cells.locals.clone();
        let mut items = self.list_level(cells, 0, &locals, &mut Place::default(), room, at)?;
        let first = cells.axes.values(0, &locals)?.len();
        let listed: u64 = items.iter().map(|item| item.cells.unwrap_or(1)).sum();
        let mut room = (room as u64).saturating_sub(listed);
        for (index, values) in cells.axes.included(&locals)?.into_iter().enumerate() {
            if room == 0 {
                break;
            }
            room -= 1;
            let place = Place {
                position: vec![(first + index) as u32],
                values,
            };
            let mut item = self.list_cell(cells.node, &cells.bind(&place.values), &place, at);
            item.label = self.joined(&place.values);
            item.notes.push(String::from("included"));
            items.push(item);
        }
        Ok(items)
    }

    fn list_level(
        &mut self,
        cells: &mut Cells<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut Place,
        mut room: usize,
        at: &str,
    ) -> Result<Vec<Item>, Halt> {
        let last = axis + 1 >= cells.axes.matrix.axes.len();
        let values = cells.axes.values(axis, locals)?;
        let share = match cells.count <= room as u64 {
            true => room,
            false => (room / values.len().max(1)).max(FEWEST),
        };
        let mut items = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            if room == 0 {
                break;
            }
            let inner = cells.axes.bind(axis, &value, locals);
            let label = self.walk.display(&value);
            place.position.push(index as u32);
            place.values.push(value);
            let item = if !last {
                self.list_element(cells, axis, &inner, place, share.min(room), at)?
            } else if cells.axes.keep(&inner)? {
                Some(self.list_cell(cells.node, &inner, place, at))
            } else {
                None
            };
            place.position.pop();
            place.values.pop();
            if let Some(item) = item {
                let listed = item.cells.map_or(1, |count| count - item.unlisted);
                room = room.saturating_sub(usize::try_from(listed).unwrap_or(usize::MAX));
                items.push(Item { label, ..item });
            }
        }
        Ok(items)
    }

    /// One value of an axis that is not the last.
    fn list_element(
        &mut self,
        cells: &mut Cells<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut Place,
        room: usize,
        at: &str,
    ) -> Result<Option<Item>, Halt> {
        let before = cells.count;
        let meets = std::mem::replace(&mut cells.meets, false);
        let measure = self.level(cells, axis + 1, locals, place);
        let count = cells.count - before;
        cells.count = before;
        cells.meets = meets;
        let measure = measure?;
        if count == 0 {
            return Ok(None);
        }
        let all = std::mem::replace(&mut cells.count, count);
        let items = self.list_level(cells, axis + 1, locals, place, room, at);
        cells.count = all;
        let items = items?;
        let listed = |item: &Item| item.cells.unwrap_or(1);
        let mut item = Item {
            kind: ItemKind::Axis,
            order: Some(cells.order(axis + 1)),
            cells: Some(count),
            unlisted: count.saturating_sub(items.iter().map(listed).sum()),
            items,
            ..Item::default()
        };
        item.measured(&measure);
        Ok(Some(item))
    }

    pub(super) fn list_cell(
        &mut self,
        node: &Node,
        locals: &Locals,
        place: &Place,
        at: &str,
    ) -> Item {
        self.left = self.left.saturating_sub(1);
        if let Some(frame) = self.frames.last_mut() {
            frame.position.clone_from(&place.position);
        }
        let path = self.cell_path(at, node, &place.values);
        let seen = self.seq(body(node), &mut locals.clone(), Some(&path));
        let mut item = Item {
            kind: ItemKind::Cell,
            path: Some(path),
            order: Some(Order::Serial),
            items: seen.items,
            ..Item::default()
        };
        item.measured(&seen.measure);
        item
    }

    /// Hands every cell to `each`, in cell order.
    pub(super) fn every(
        &mut self,
        cells: &mut Cells<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut Place,
        each: &mut dyn FnMut(&mut Self, &Locals, &Place),
    ) -> Result<(), Halt> {
        if axis == cells.axes.matrix.axes.len() {
            if cells.axes.keep(locals)? {
                each(self, locals, place);
            }
            return Ok(());
        }
        for (index, value) in cells.axes.values(axis, locals)?.into_iter().enumerate() {
            let inner = cells.axes.bind(axis, &value, locals);
            place.position.push(index as u32);
            place.values.push(value);
            self.every(cells, axis + 1, &inner, place, each)?;
            place.position.pop();
            place.values.pop();
        }
        if axis > 0 {
            return Ok(());
        }
        let first = cells.axes.values(0, locals)?.len();
        for (index, values) in cells.axes.included(locals)?.into_iter().enumerate() {
            let inner = cells.bind(&values);
            let position = vec![(first + index) as u32];
            each(self, &inner, &Place { position, values });
        }
        Ok(())
    }

    pub(super) fn joined(&self, values: &[Value]) -> String {
        let values = values.iter().map(|value| self.walk.display(value));
        values.collect::<Vec<_>>().join(", ")
    }
}

impl Cells<'_, '_> {
    pub(super) fn order(&self, axis: usize) -> Order {
        let axis = self.axes.matrix.axes.get(axis);
        axis.map_or(Order::Serial, |axis| axis.order)
    }

    /// The locals of a cell that `include` adds.
    fn bind(&self, values: &[Value]) -> Locals {
        let mut locals = self.locals.clone();
        for (axis, value) in values.iter().enumerate() {
            locals = self.axes.bind(axis, value, &locals);
        }
        locals
    }
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
            let axes = axes
                .iter()
                .map(|axis| format!("{} {}", word(axis.order), axis.name));
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

fn seen(mut item: Item, measure: Measure, notes: Vec<String>, at: At<'_>) -> Seen {
    item.notes.splice(0..0, notes);
    Seen {
        items: at.map(|_| item).into_iter().collect(),
        measure,
    }
}
