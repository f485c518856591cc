//! What may be deployed where, and who may come to a barrier, where only the run knows it.

use indexmap::IndexSet;

use super::{BarrierKey, BarrierName, BodySummary, PlanNode, PlanWalk, TreeId};
use lockstep_base::value::{InfrastructureId, Type};

impl PlanWalk<'_> {
    /// Adds what comes of a loop or deployment once it is known, for those who meet around it.
    pub(super) fn add_later(&self, id: TreeId, any: BodySummary, sum: &mut BodySummary) {
        sum.unsure = true;
        let around = |meeting: u32| {
            let block = self.tree.meeting_block(meeting);
            let mut outer = self.tree.outwards(id).skip(1);
            block.is_some_and(|block| outer.any(|it| it == block))
        };
        sum.open_kinds.extend(any.open_kinds);
        sum.open_targets.extend(any.open_targets);
        sum.open_targets.extend(any.targets.keys().copied());
        for barrier in any.barriers.into_keys().filter(|it| around(it.meeting)) {
            let later = BarrierName {
                key: BarrierKey::Later,
                ..barrier
            };
            sum.barriers.entry(later).or_insert(1);
        }
    }

    /// The kinds of the infrastructures that a deployment may turn out to deploy to.
    pub(super) fn kinds_of_targets(&self, node: &PlanNode) -> impl Iterator<Item = Option<u32>> {
        let program = &self.bound.program;
        node.workflows.iter().map(|(id, _)| {
            let target = program.workflows.get(id.0 as usize)?.params.get(1)?;
            let Type::Infrastructure(kind) = &target.ty else {
                return None;
            };
            kind.as_ref().map(|it| it.id)
        })
    }

    /// The infrastructures to which something of a body may be deployed: those that are known, and
    /// those that the run may turn out to mean.
    pub fn possible_targets(&self, sum: &BodySummary) -> IndexSet<InfrastructureId> {
        let all = self.bound.program.infrastructures.iter().enumerate();
        let open = all.filter(|(_, it)| {
            sum.open_kinds.contains(&None) || sum.open_kinds.contains(&Some(it.kind))
        });
        let open = open.map(|(at, _)| InfrastructureId(at as u32));
        let known = sum.targets.keys().chain(&sum.open_targets);
        known.copied().chain(open).collect()
    }
}
