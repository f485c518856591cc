//! The waves of `batches` in an outline.

use super::builder::OutlineBuilder;
use super::cells::{CellOutline, CellPosition};
use super::item::{Item, ItemKind};
use super::measure::Measure;
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::Order;
use lockstep_plan::Locals;
use lockstep_plan::body;
use lockstep_plan::grid::waves;

/// Waves that are listed.
const MAX_LISTED_WAVES: usize = 20;
/// Each listed wave shows at least this many cells.
const MIN_CELLS_PER_WAVE: u64 = 3;
/// More waves than this are not made out one by one.
const MAX_COMPUTED_WAVES: u64 = 100_000;

impl<'a> OutlineBuilder<'a> {
    /// The sizes of all waves; nothing without `batches`, or where serial axes also hold back.
    pub(super) fn waves(&self, cells: &CellOutline<'_, 'a>) -> Option<Vec<u64>> {
        let sizes = cells.node.stmt.modifiers.batches.as_ref()?;
        let Ok(Value::List(sizes)) = self.walk.eval(sizes, cells.locals) else {
            return None;
        };
        if !cells.all(Order::Parallel) {
            return None;
        }
        let count = usize::try_from(cells.count).unwrap_or(usize::MAX);
        let sizes = waves(&sizes, count).into_iter();
        let sizes: Vec<u64> = sizes.map(|size| size as u64).collect();
        let last = *sizes.last()?;
        if cells.count / last > MAX_COMPUTED_WAVES {
            return None;
        }
        let mut waves = Vec::new();
        let mut left = cells.count;
        let mut sizes = sizes.into_iter();
        while left > 0 {
            let size = sizes.next().unwrap_or(last).min(left);
            waves.push(size);
            left -= size;
        }
        Some(waves)
    }

    /// Lists the first waves, and of each the first cells.
    pub(super) fn list_waves(
        &mut self,
        cells: &mut CellOutline<'_, 'a>,
        waves: &[u64],
        at: &NodePath,
    ) -> Result<Vec<Item>, Halt> {
        let room = self.limit.min(self.left) as u64;
        let shown = waves.len().min(MAX_LISTED_WAVES);
        let share = match cells.count <= room {
            true => room,
            false => (room / shown.max(1) as u64).max(MIN_CELLS_PER_WAVE),
        };
        let mut list: Vec<(Item, Measure)> = (1..=shown)
            .zip(waves)
            .map(|(number, size)| (wave(number, *size), Measure::default()))
            .collect();
        let mut number = 0;
        let mut inside = 0;
        let locals = cells.locals;
        let mut each = |maker: &mut Self,
                        cells: &CellOutline<'_, 'a>,
                        locals: &Locals,
                        place: &CellPosition| {
            if let Some((item, measure)) = list.get_mut(number) {
                if inside < share {
                    let cell = maker.list_cell(cells, locals, place, at);
                    let label = maker.joined(cells, &place.values);
                    item.items.push(Item { label, ..cell });
                    item.unlisted -= 1;
                }
                let seen = maker.seq(body(cells.node), &mut locals.clone(), None);
                measure.in_parallel(seen.measure);
            }
            inside += 1;
            if waves.get(number) == Some(&inside) {
                number += 1;
                inside = 0;
            }
        };
        self.every(cells, 0, locals, &mut CellPosition::default(), &mut each)?;
        let done = |(mut item, measure): (Item, Measure)| {
            item.measured(&measure);
            item
        };
        Ok(list.into_iter().map(done).collect())
    }
}

fn wave(number: usize, size: u64) -> Item {
    Item {
        kind: ItemKind::Wave,
        label: number.to_string(),
        order: Some(Order::Parallel),
        cells: Some(size),
        unlisted: size,
        ..Item::default()
    }
}
