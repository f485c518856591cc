//! Where strands have locks: the operations of a strand, and of the strands in it, between the
//! request of a lock and the place that gives it back.

use crate::deadlock::model::{DeadlockModel, ModelOp, StrandId};

/// Who holds or requests a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOwner {
    /// A `lock` statement, by the number of its request.
    Request(usize),
    /// A stage, by the number of what it holds.
    Hold(usize),
}

/// The part of a strand in which it has locks.
#[derive(Debug, Clone, Copy)]
pub struct HeldSection<'a> {
    pub owner: LockOwner,
    pub strand: StrandId,
    /// The first operation that needs a lock of it.
    pub from: usize,
    /// The last operation that gives it back, whatever path leads there.
    pub to: usize,
    /// The operations of the strand.
    pub ops: &'a [ModelOp],
}

impl<'a> HeldSection<'a> {
    /// The operations that come while it has the locks. A stage gets its locks inside of the first.
    pub fn inside(&self) -> &'a [ModelOp] {
        let from = match self.owner {
            LockOwner::Request(_) => self.from + 1,
            LockOwner::Hold(_) => self.from,
        };
        self.ops.get(from..self.to).unwrap_or_default()
    }
}

/// All places where locks are held, by strands.
pub fn held_sections(flow: &DeadlockModel) -> Vec<HeldSection<'_>> {
    let mut found = Vec::new();
    for (strand, it) in flow.strands.iter().enumerate() {
        let ops = &*it.ops;
        for (at, op) in ops.iter().enumerate() {
            let section = |owner, from, to| HeldSection {
                owner,
                strand,
                from,
                to,
                ops,
            };
            if let ModelOp::Acquire(request) = op {
                let end = ops.iter().rposition(|op| *op == ModelOp::Release(*request));
                let owner = LockOwner::Request(*request);
                found.push(section(owner, at, end.unwrap_or(ops.len())));
            } else if let ModelOp::Drop(hold) = op {
                let first = ops.iter().position(|op| enters(flow, op, *hold));
                let owner = LockOwner::Hold(*hold);
                found.extend(first.map(|from| section(owner, from, at)));
            }
        }
    }
    found
}

/// The operations and those of all strands that they fork, without the forks themselves.
pub fn with_children<'a>(flow: &'a DeadlockModel, ops: &'a [ModelOp]) -> OpWalk<'a> {
    OpWalk {
        flow,
        open: vec![ops.iter()],
    }
}

/// Whether an operation, or something inside it, needs the locks of a stage.
fn enters(flow: &DeadlockModel, op: &ModelOp, hold: usize) -> bool {
    let mut inside = with_children(flow, std::slice::from_ref(op));
    inside.any(|op| matches!(op, ModelOp::Enter(own, _) if *own == hold))
}

/// A walk through operations and what they fork.
#[derive(Debug)]
pub struct OpWalk<'a> {
    flow: &'a DeadlockModel,
    open: Vec<std::slice::Iter<'a, ModelOp>>,
}

impl<'a> Iterator for OpWalk<'a> {
    type Item = &'a ModelOp;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(op) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            let ModelOp::Fork(fork) = op else {
                return Some(op);
            };
            let children = self.flow.forks[*fork].children.iter().rev();
            let ops = children.map(|child| self.flow.strands[*child].ops.iter());
            self.open.extend(ops);
        }
    }
}
