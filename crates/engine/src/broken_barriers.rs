//! Broken barriers: a strand that fails breaks the meetings that it still owes, as soon as that is
//! certain (`certainty`). Until then the others wait on.

use super::barrier::OwedArrivals;
use super::broken::Checked;
use super::node::{BodyEnd, NodeId};
use super::run_event::Failure;
use super::{Machine, MachineTask};
use lockstep_lang::ir::FailureClass;

impl Machine {
    /// A strand has ended: the meetings that it still owes are left, or broken if it failed.
    pub(super) fn settle_owed_arrivals(
        &mut self,
        id: NodeId,
        failed: Option<&Failure>,
    ) -> Checked<()> {
        let owed = std::mem::take(&mut self.node_mut(id)?.owed_arrivals);
        if owed.0.is_empty() {
            return Ok(());
        }
        match (failed, self.node(id)?.parent) {
            (Some(failure), _) => self.break_owed_barriers(&owed, failure),
            (None, Some(parent)) => self.leave_owed_barriers(parent, owed),
            (None, None) => Ok(()),
        }
    }

    /// The meetings that a failed strand still owes are broken: all who wait there fail, and all
    /// who come later. Of one that owes an unknown key those are all meetings of the barrier.
    pub(super) fn break_owed_barriers(
        &mut self,
        owed: &OwedArrivals,
        failure: &Failure,
    ) -> Checked<()> {
        for (meeting, _) in owed.0.iter().filter(|(_, count)| *count > 0) {
            let instance = self.barriers.checked(*meeting)?;
            instance.broken.get_or_insert_with(|| failure.clone());
            let broken = match self.barriers.is_open(*meeting) {
                true => self.barriers.same_barrier(*meeting),
                false => vec![*meeting],
            };
            for it in broken {
                let instance = self.barriers.checked(it)?;
                let name = instance.name.clone();
                for waiting in std::mem::take(&mut instance.waiting) {
                    let failure = self.broken_barrier(waiting, &name, failure)?;
                    self.end_work(waiting)?;
                    let end = BodyEnd::bad(failure);
                    self.queue.push(MachineTask::Ended(waiting, end));
                }
            }
        }
        Ok(())
    }

    pub(super) fn broken_barrier(
        &self,
        id: NodeId,
        barrier: &str,
        cause: &Failure,
    ) -> Checked<Failure> {
        let Failure { node, message, .. } = cause;
        let said = format!("barrier `{barrier}` was broken: `{node}` failed: {message}");
        self.failure(id, FailureClass::Barrier, said)
    }
}
