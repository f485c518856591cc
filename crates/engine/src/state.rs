//! The states of a node and the legal transitions between them.
//!
//! ```text
//! pending ─┬─> running ─┬─> succeeded ─┐
//!          │   ^    │   ├─> ignored ───┤
//!          │   │    v   ├─> failed ────┼─> rolling-back ─┬─> rolled-back
//!          ├─> waiting  ├─> cancelled ─┘         ^       └─> rollback-failed
//!          ├─> queued   └────────────────────────┘
//!          ├─> skipped  └─> superseded
//!          └─> cancelled
//! ```
//!
//! A node that waits or is queued runs again before it ends, so that all but two end states are
//! reached from `running`: only what never began may be skipped or cancelled.
//!
//! Besides its status, which reports show, a node has an activity: what it is doing. The body of a
//! statement does one thing and is idle again; then the consequences of its end follow:
//!
//! ```text
//! what its body does <──> idle ─┬─> pause ─> idle
//!                               ├─> handler ─┬─> pause
//!                               │            ├─> asking ─> handler
//!                               │            ├─> rolling-back ─┬─> always
//!                               │            │                 └─> ended
//!                               │            ├─> always
//!                               │            └─> ended
//!                               ├─> always ─> ended
//!                               └─> ended
//! ```

use super::run_event::Status;

/// All statuses, in the order of their declaration.
pub const ALL: [Status; 13] = [
    Status::Pending,
    Status::Queued,
    Status::Waiting,
    Status::Running,
    Status::Succeeded,
    Status::Ignored,
    Status::Failed,
    Status::Skipped,
    Status::Cancelled,
    Status::Superseded,
    Status::RollingBack,
    Status::RolledBack,
    Status::RollbackFailed,
];

/// The statuses that may follow one.
pub fn successors(from: Status) -> &'static [Status] {
    use Status::{
        Cancelled, Failed, Ignored, Pending, Queued, RollbackFailed, RolledBack, RollingBack,
        Running, Skipped, Succeeded, Superseded, Waiting,
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
            Superseded,
            RollingBack,
        ],
        // An enclosing block may still undo what it did.
        Succeeded | Ignored | Failed | Cancelled => &[RollingBack, Superseded],
        RollingBack => &[RolledBack, RollbackFailed],
        Skipped | Superseded | RolledBack | RollbackFailed => &[],
    }
}

/// What a node is doing, without what that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Activity {
    /// Its body has not begun, has just ended, or is at its start again.
    Idle,
    /// Statements one after the other.
    Sequence,
    /// Children at once.
    Parallel,
    /// Cells.
    Grid,
    /// A command or action.
    Effect,
    /// A wait for a time.
    Timer,
    /// A wait for others at a barrier.
    Barrier,
    /// A wait for a `lock`.
    LockWait,
    /// A body under a `lock`.
    Locked,
    /// A wait for the answer to `approve`.
    Approval,
    /// A wait for the lock of an infrastructure.
    HoldWait,
    /// A `verify`.
    Verify,
    /// A part of a rollback.
    Undoing,
    /// The pause before the next try.
    Pause,
    /// A failure handler.
    Handler,
    /// The question what to do about a failure.
    Asking,
    /// The rollback of what it did.
    RollingBack,
    /// Its `always`.
    Always,
    /// Nothing any more: its outcome is passed to its parent.
    Ended,
}

/// All activities, in the order of their declaration.
pub const ACTIVITIES: [Activity; 19] = [
    Activity::Idle,
    Activity::Sequence,
    Activity::Parallel,
    Activity::Grid,
    Activity::Effect,
    Activity::Timer,
    Activity::Barrier,
    Activity::LockWait,
    Activity::Locked,
    Activity::Approval,
    Activity::HoldWait,
    Activity::Verify,
    Activity::Undoing,
    Activity::Pause,
    Activity::Handler,
    Activity::Asking,
    Activity::RollingBack,
    Activity::Always,
    Activity::Ended,
];

impl Activity {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Sequence => "sequence",
            Self::Parallel => "parallel",
            Self::Grid => "grid",
            Self::Effect => "effect",
            Self::Timer => "timer",
            Self::Barrier => "barrier",
            Self::LockWait => "lock-wait",
            Self::Locked => "locked",
            Self::Approval => "approval",
            Self::HoldWait => "hold-wait",
            Self::Verify => "verify",
            Self::Undoing => "undoing",
            Self::Pause => "pause",
            Self::Handler => "handler",
            Self::Asking => "asking",
            Self::RollingBack => "rolling-back",
            Self::Always => "always",
            Self::Ended => "ended",
        }
    }

    /// What may follow it.
    pub fn successors(self) -> &'static [Self] {
        use Activity::{
            Always, Approval, Asking, Barrier, Effect, Ended, Grid, Handler, HoldWait, Idle,
            LockWait, Locked, Parallel, Pause, RollingBack, Sequence, Timer, Undoing, Verify,
        };
        match self {
            Idle => &[
                Sequence, Parallel, Grid, Effect, Timer, Barrier, LockWait, Approval, HoldWait,
                Verify, Undoing, Pause, Handler, Always, Ended,
            ],
            LockWait => &[Locked, Idle],
            HoldWait => &[Sequence, Idle],
            Sequence | Parallel | Grid | Effect | Timer | Barrier | Locked | Approval | Verify
            | Undoing | Pause => &[Idle],
            Handler => &[Pause, Asking, RollingBack, Always, Ended],
            Asking => &[Handler],
            RollingBack => &[Always, Ended],
            Always => &[Ended],
            Ended => &[],
        }
    }

    /// Whether a node may do this while it has a status.
    pub fn goes_with(self, status: Status) -> bool {
        use Status::{Pending, Queued, RollbackFailed, RolledBack, Running, Waiting};
        match self {
            Self::Idle
            | Self::Sequence
            | Self::Parallel
            | Self::Grid
            | Self::Effect
            | Self::Timer
            | Self::Barrier
            | Self::LockWait
            | Self::Locked
            | Self::Approval
            | Self::HoldWait
            | Self::Verify
            | Self::Undoing => matches!(status, Pending | Queued | Waiting | Running),
            Self::Pause | Self::Asking => status == Waiting,
            Self::Handler => matches!(status, Pending | Queued | Running),
            Self::RollingBack => status == Status::RollingBack,
            Self::Always => matches!(status, Running | RolledBack | RollbackFailed),
            Self::Ended => status.is_final(),
        }
    }
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which transitions have happened; tests check that all legal ones have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transitions {
    statuses: [u16; ALL.len()],
    activities: [u32; ACTIVITIES.len()],
}

impl Transitions {
    /// Records one, if it is legal; returns whether it is.
    #[must_use]
    pub fn record(&mut self, from: Status, to: Status) -> bool {
        if let Some(row) = self.statuses.get_mut(from as usize) {
            *row |= 1 << to as u16;
        }
        successors(from).contains(&to)
    }

    /// Records one between activities, if it is legal; returns whether it is.
    #[must_use]
    pub fn note_activity(&mut self, from: Activity, to: Activity) -> bool {
        if let Some(row) = self.activities.get_mut(from as usize) {
            *row |= 1 << to as u32;
        }
        from.successors().contains(&to)
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: Self) {
        for (row, more) in self.statuses.iter_mut().zip(other.statuses) {
            *row |= more;
        }
        for (row, more) in self.activities.iter_mut().zip(other.activities) {
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
                self.statuses
                    .get(*from as usize)
                    .is_none_or(|row| row & (1 << *to as u16) == 0)
            })
            .collect()
    }

    /// The legal transitions between activities that are not among these.
    pub fn missing_activities(&self) -> Vec<(Activity, Activity)> {
        let legal = ACTIVITIES
            .into_iter()
            .flat_map(|from| from.successors().iter().map(move |to| (from, *to)));
        legal
            .filter(|(from, to)| {
                self.activities
                    .get(*from as usize)
                    .is_none_or(|row| row & (1 << *to as u32) == 0)
            })
            .collect()
    }
}
