//! The states of a node and the transitions between them. It does not know why a node changes.
//!
//! ```text
//! pending ─┬─> running ─┬─> succeeded ─┐
//!          │   ^    │   ├─> ignored ───┤
//!          │   │    v   ├─> failed ────┼─> rolling-back ─┬─> rolled-back
//!          ├─> waiting  ├─> cancelled ─┘         ^       └─> rollback-failed
//!          ├─> queued   └────────────────────────┘
//!          ├─> skipped
//!          └─> cancelled
//! ```
//!
//! What waits or is queued runs again before it ends, so that every end but two is one of a node
//! that ran: what never began may be skipped or cancelled.

use super::notice::Status;

/// All statuses, in the order of their declaration.
pub const ALL: [Status; 12] = [
    Status::Pending,
    Status::Queued,
    Status::Waiting,
    Status::Running,
    Status::Succeeded,
    Status::Ignored,
    Status::Failed,
    Status::Skipped,
    Status::Cancelled,
    Status::RollingBack,
    Status::RolledBack,
    Status::RollbackFailed,
];

/// The statuses that may follow one.
pub fn successors(from: Status) -> &'static [Status] {
    use Status::{
        Cancelled, Failed, Ignored, Pending, Queued, RollbackFailed, RolledBack, RollingBack,
        Running, Skipped, Succeeded, Waiting,
    };
    match from {
        Pending => &[Queued, Waiting, Running, Skipped, Cancelled],
        Queued => &[Running, Cancelled],
        Waiting => &[Running],
        Running => &[
            Queued,
            Waiting,
            Succeeded,
            Ignored,
            Failed,
            Cancelled,
            RollingBack,
        ],
        // A block around it may still take back what it did.
        Succeeded | Ignored | Failed | Cancelled => &[RollingBack],
        RollingBack => &[RolledBack, RollbackFailed],
        Skipped | RolledBack | RollbackFailed => &[],
    }
}

/// Which transitions have happened; tests ask that all legal ones have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transitions([u16; ALL.len()]);

impl Transitions {
    /// Notes one. An illegal one is a mistake of the machine itself.
    pub fn note(&mut self, from: Status, to: Status) {
        debug_assert!(
            successors(from).contains(&to),
            "illegal transition from {from} to {to}"
        );
        if let Some(row) = self.0.get_mut(from as usize) {
            *row |= 1 << to as u16;
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: Self) {
        for (row, more) in self.0.iter_mut().zip(other.0) {
            *row |= more;
        }
    }

    /// The legal transitions that are not among these.
    pub fn missing(&self) -> Vec<(Status, Status)> {
        let legal = ALL
            .into_iter()
            .flat_map(|from| successors(from).iter().map(move |to| (from, *to)));
        legal
            .filter(|(from, to)| {
                self.0
                    .get(*from as usize)
                    .is_none_or(|row| row & (1 << *to as u16) == 0)
            })
            .collect()
    }
}
