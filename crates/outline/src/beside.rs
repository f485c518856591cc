//! What is done beside the body of a statement, or between the batches of a loop, in an outline.

use super::builder::{ListingPath, OutlineBuilder, handler};
use super::item::{Item, ItemKind};
use super::longest_time::{add, most};
use super::measure::Measure;
use lockstep_base::node_path::HandlerPart;
use lockstep_base::value::Value;
use lockstep_plan::grid::waves;
use lockstep_plan::{Locals, PlanNode};

impl OutlineBuilder<'_> {
    /// `between` and `watch`: what they change, and themselves where they are to be listed.
    pub(super) fn beside(
        &mut self,
        node: &PlanNode,
        locals: &Locals,
        measure: &mut Measure,
        at: ListingPath<'_>,
    ) -> Vec<Item> {
        let mut found = Vec::new();
        let between = node.stmt.kind.matrix().and_then(|it| it.between.as_ref());
        if let (Some(between), Some(body)) = (between, &node.between) {
            let inside = &mut locals.bind_unknown(between.slot);
            let seen = self.handler(body, inside, at, HandlerPart::Between);
            let borders = self
                .batches(node, locals)
                .map(|count| count.saturating_sub(1));
            let rounds = |time: Option<u64>| {
                let (time, borders) = (time?, borders?);
                Some(time.saturating_mul(borders))
            };
            let (longest, own) = (&mut measure.longest, seen.measure.longest);
            longest.run = add(longest.run, rounds(own.run));
            longest.stop = most(longest.stop, own.stop);
            longest.back = add(longest.back, rounds(own.back));
            measure.may_load(&seen.measure);
            found.extend(handler(ItemKind::Between, "", seen, at));
        }
        if let (Some(watch), Some(body)) = (&node.stmt.handlers.watch, &node.watch) {
            let seen = self.handler(body, &mut locals.clone(), at, HandlerPart::Watch);
            let (longest, own) = (&mut measure.longest, seen.measure.longest);
            // One look is waited for, and one that runs at the end is stopped.
            longest.run = add(most(longest.run, own.run), own.stop);
            longest.stop = most(longest.stop, own.stop);
            measure.is_watched(&seen.measure);
            let every = super::labels::text(&self.walk, &watch.every, locals);
            found.extend(handler(
                ItemKind::Watch,
                &format!("every {every}"),
                seen,
                at,
            ));
        }
        found
    }

    /// How many batches a loop has, where that is known.
    fn batches(&self, node: &PlanNode, locals: &Locals) -> Option<u64> {
        let matrix = node.stmt.kind.matrix()?;
        let sizes = node.stmt.modifiers.batches.as_ref()?;
        let Ok(Value::List(sizes)) = self.walk.eval(sizes, locals) else {
            return None;
        };
        let mut left = 0usize;
        let counted = self.walk.each_cell(matrix, locals, &mut |_| {
            left += 1;
            Ok(())
        });
        counted.ok()?;
        let sizes = waves(&sizes, left);
        let last = *sizes.last()?;
        let mut count = 0;
        for size in &sizes {
            if left == 0 {
                return Some(count);
            }
            left = left.saturating_sub(*size);
            count += 1;
        }
        Some(count + left.div_ceil(last.max(1)) as u64)
    }
}
