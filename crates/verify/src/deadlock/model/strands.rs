//! The strands of a block: each is followed apart from the others, and when all are made, its
//! meetings know how many arrivals they wait for.

use super::arrivals_ahead::set_arrivals_ahead;
use super::builder::{BarrierPasses, ModelBuilder, ModelPart};
use super::rescue::Rescue;
use super::{ModelFork, ModelOp, ModelPause, StrandId};
use lockstep_plan::TreeId;

impl ModelBuilder<'_> {
    /// A deployment begins: its stage's locks are needed, and requested once its windows are open.
    pub(super) fn enter(&self, hold: usize, id: TreeId, part: &mut ModelPart) {
        if !self.plan.bound.program.windows.is_empty() {
            part.ops.push(ModelOp::Pause(ModelPause::risky(id)));
        }
        part.ops.push(ModelOp::Enter(hold, id));
    }

    /// Follows a strand that splits off: it has its own failures, locks and returns.
    pub(super) fn apart<T>(&mut self, made: impl FnOnce(&mut Self) -> T) -> T {
        let rescue = std::mem::replace(&mut self.rescue, Rescue::Never);
        let open = std::mem::take(&mut self.open);
        self.returns.push(None);
        let ways = std::mem::take(&mut self.ways.strand);
        let result = made(self);
        self.ways.strand = ways;
        self.returns.pop();
        (self.rescue, self.open) = (rescue, open);
        result
    }

    /// A strand is made.
    pub(super) fn finish(&mut self, id: StrandId, part: ModelPart) {
        let ModelPart {
            mut ops,
            guards,
            passes,
        } = part;
        set_arrivals_ahead(&self.flow, &mut ops);
        let strand = &mut self.flow.strands[id];
        (strand.ops, strand.guards) = (ops, guards);
        strand.owes = passes.meetings.into_iter().collect();
        strand.owes.sort_unstable();
        strand.deploys = passes.deploys.into_iter().collect();
        strand.deploys.sort_unstable();
    }

    /// The strands of a block are made: its own meetings know how many arrivals they wait for.
    pub(super) fn join(&mut self, at: usize, fork: ModelFork, passes: &mut BarrierPasses) {
        self.flow.forks[at] = fork;
        let own = passes.meetings.extract_if(|meeting, _| {
            let appointment = self.flow.meetings.get(*meeting);
            appointment.is_some_and(|it| it.fork == at)
        });
        let own: Vec<(usize, u32)> = own.collect();
        for (meeting, count) in own {
            self.flow.meetings[meeting].expected = count;
        }
    }
}
