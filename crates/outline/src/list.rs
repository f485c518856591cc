//! Selects the cells of a loop or matrix that are listed: all, or where there are too many, a few
//! of each element.

use super::builder::OutlineBuilder;
use super::cells::{CellOutline, CellPosition, listed};
use super::item::{Item, ItemKind};
use super::labels;
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::Order;
use lockstep_plan::Locals;
use lockstep_plan::body;
use lockstep_plan::grid::Axes;

/// Where an axis has too many cells, each of its elements still shows this many.
const MIN_CELLS_PER_ELEMENT: usize = 3;

/// The lines before and after them count like cells.
const SURROUNDING_LINES: usize = 2;

impl<'a> OutlineBuilder<'a> {
    /// The listed cells of a loop or matrix that has been counted.
    pub(super) fn list(&mut self, cells: &mut CellOutline<'_, 'a>, at: &NodePath) -> Vec<Item> {
        let sum = std::mem::take(&mut self.summary);
        cells.numbers = cells.axes.cell_numbers(cells.locals);
        let items = match self.waves(cells) {
            Some(waves) => self.list_waves(cells, &waves, at),
            None => self.list_all(cells, at),
        };
        self.summary = sum;
        // Cells that could be counted can be listed.
        items.unwrap_or_default()
    }

    fn list_all(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        at: &NodePath,
    ) -> Result<Vec<Item>, Halt> {
        let room = self.limit.min(self.left);
        let locals = cells.locals;
        let mut items =
            self.list_level(cells, 0, locals, &mut CellPosition::default(), room, at)?;
        let used = items.iter().map(shown).sum();
        let left = room.saturating_sub(used);
        for place in cells.included()?.into_iter().take(left) {
            let mut item = self.list_cell(cells, &cells.bind(&place.values), &place, at);
            item.label = self.joined(cells, &place.values);
            item.notes.push(String::from("included"));
            items.push(item);
        }
        Ok(items)
    }

    fn list_level(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut CellPosition,
        mut room: usize,
        at: &NodePath,
    ) -> Result<Vec<Item>, Halt> {
        let last = axis + 1 >= cells.axes.matrix.axes.len();
        let values = cells.axes.values(axis, locals)?;
        let too_many = cells.count > room as u64;
        let share = match too_many {
            false => room,
            true => (room / values.len().max(1))
                .saturating_sub(SURROUNDING_LINES)
                .max(MIN_CELLS_PER_ELEMENT),
        };
        let mut items = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if room == 0 {
                break;
            }
            let inner = cells.axes.bind(axis, value, locals);
            let of = cells.axes.matrix.axes.get(axis);
            let label = labels::named(&self.walk, of, value, &inner);
            place.position.push(index as u32);
            place.values.push(value.clone());
            let item = if !last {
                self.list_element(cells, axis, &inner, place, share.min(room), at)?
            } else if cells.axes.keep(&inner)? {
                Some(self.list_cell(cells, &inner, place, at))
            } else {
                None
            };
            place.position.pop();
            place.values.pop();
            if let Some(item) = item {
                let lines = if last || !too_many {
                    0
                } else {
                    SURROUNDING_LINES
                };
                room = room.saturating_sub(shown(&item) + lines);
                items.push(Item { label, ..item });
            }
        }
        Ok(items)
    }

    /// One value of an axis that is not the last; nothing where it has no cells.
    fn list_element(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut CellPosition,
        room: usize,
        at: &NodePath,
    ) -> Result<Option<Item>, Halt> {
        let all = std::mem::take(&mut cells.count);
        let measure = self.level(cells, axis + 1, locals, place);
        let count = cells.count;
        let items = match count {
            0 => Ok(Vec::new()),
            _ => self.list_level(cells, axis + 1, locals, place, room, at),
        };
        cells.count = all;
        let (measure, items) = (measure?, items?);
        let mut item = Item {
            kind: ItemKind::Axis,
            order: Some(cells.order(axis + 1)),
            cells: Some(count),
            unlisted: count.saturating_sub(listed(&items)),
            items,
            ..Item::default()
        };
        item.measured(&measure);
        Ok((count > 0).then_some(item))
    }

    pub(super) fn list_cell(
        &mut self,
        cells: &CellOutline<'_, 'a>,
        locals: &Locals,
        place: &CellPosition,
        at: &NodePath,
    ) -> Item {
        self.left = self.left.saturating_sub(1);
        if let Some(frame) = self.frames.last_mut()
            && frame.block == cells.id
        {
            frame.position.clone_from(&place.position);
        }
        let number = cells.numbers.get(&place.position).copied();
        let part = self
            .walk
            .cell_part(cells.id, &place.values, number.unwrap_or(1), locals);
        let path = at.child(&part);
        let seen = self.seq(body(cells.node), &mut locals.clone(), Some(&path));
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

    /// Calls `each` for every cell, in cell order.
    pub(super) fn every(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        axis: usize,
        locals: &Locals,
        place: &mut CellPosition,
        each: &mut dyn FnMut(&mut Self, &CellOutline<'_, 'a>, &Locals, &CellPosition),
    ) -> Result<(), Halt> {
        if axis == cells.axes.matrix.axes.len() {
            if cells.axes.keep(locals)? {
                each(self, cells, locals, place);
            }
            return Ok(());
        }
        for (index, value) in cells.axes.values(axis, locals)?.iter().enumerate() {
            let inner = cells.axes.bind(axis, value, locals);
            place.position.push(index as u32);
            place.values.push(value.clone());
            self.every(cells, axis + 1, &inner, place, each)?;
            place.position.pop();
            place.values.pop();
        }
        if axis > 0 {
            return Ok(());
        }
        for place in cells.included()? {
            let inner = cells.bind(&place.values);
            each(self, cells, &inner, &place);
        }
        Ok(())
    }

    /// The values of a cell.
    pub(super) fn joined(&self, cells: &CellOutline<'_, 'a>, values: &[Value]) -> String {
        let values = values.iter().enumerate();
        let axes = &cells.axes.matrix.axes;
        let name = |(at, value)| labels::named(&self.walk, axes.get(at), value, cells.locals);
        let values = values.map(name);
        values.collect::<Vec<_>>().join(", ")
    }
}

/// How many cells an item shows.
fn shown(item: &Item) -> usize {
    match item.cells {
        None => 1,
        Some(_) => item.items.iter().map(shown).sum(),
    }
}
