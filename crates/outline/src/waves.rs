//! The waves of `batches` in an outline.

use super::cells::{Cells, Place};
use super::item::{Item, ItemKind};
use super::maker::Maker;
use super::measure::Measure;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::Order;
use lockstep_plan::Locals;
use lockstep_plan::body;

/// Waves that are listed.
const MOST_WAVES: usize = 20;
/// Each listed wave shows at least this many cells.
const FEWEST: u64 = 3;
/// More waves than this are not made out one by one.
const MOST_MADE: u64 = 100_000;

impl<'a> Maker<'a> {
    /// The sizes of all waves; nothing without `batches`, or where serial axes also hold back.
    pub(super) fn waves(&self, cells: &Cells<'_, 'a>) -> Option<Vec<u64>> {
        let sizes = cells.node.stmt.modifiers.batches.as_ref()?;
        let Ok(Value::List(sizes)) = self.walk.eval(sizes, cells.locals) else {
            return None;
        };
        if !cells.all(Order::Parallel) {
            return None;
        }
        let size = |size: &Value| match size {
            Value::Int(count) => u64::try_from(*count).unwrap_or(1).max(1),
            Value::Percent(percent) => {
                ((cells.count as f64 * percent / 100.0).ceil() as u64).max(1)
            }
            _ => 1,
        };
        let sizes: Vec<u64> = sizes.iter().map(size).collect();
        let last = *sizes.last()?;
        if cells.count / last > MOST_MADE {
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
        cells: &mut Cells<'_, 'a>,
        waves: &[u64],
        at: &str,
    ) -> Result<Vec<Item>, Halt> {
        let room = self.limit.min(self.left) as u64;
        let shown = waves.len().min(MOST_WAVES);
        let share = match cells.count <= room {
            true => room,
            false => (room / shown.max(1) as u64).max(FEWEST),
        };
        let mut list: Vec<(Item, Measure)> = (1..=shown)
            .zip(waves)
            .map(|(number, size)| (wave(number, *size), Measure::default()))
            .collect();
        let mut number = 0;
        let mut inside = 0;
        let locals = cells.locals;
        let mut each = |maker: &mut Self, cells: &Cells<'_, 'a>, locals: &Locals, place: &Place| {
            if let Some((item, measure)) = list.get_mut(number) {
                if inside < share {
                    let cell = maker.list_cell(cells, locals, place, at);
                    let label = maker.joined(cells, &place.values);
                    item.items.push(Item { label, ..cell });
                    item.unlisted -= 1;
                }
                let seen = maker.seq(body(cells.node), &mut locals.clone(), None);
                measure.beside(seen.measure);
            }
            inside += 1;
            if waves.get(number) == Some(&inside) {
                number += 1;
                inside = 0;
            }
        };
        self.every(cells, 0, locals, &mut Place::default(), &mut each)?;
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
