//! Why a node is to stop: its own time limit or its `watch`, something outside of it (a cancelled
//! run, `fail fast`, the time limit of a block around it), or because a scope around it is certain
//! to roll back. The first two interrupt what runs; the third only lets nothing new start.

use std::sync::Arc;

use super::run_event::Failure;

/// What a node that is stopped fails with.
#[derive(Debug, Clone)]
pub struct StopCause {
    /// The failure.
    pub failure: Failure,
    /// Which of the run's failures it is, where it is one of its own: the end of a time limit, a
    /// look that has failed.
    pub number: u64,
}

/// Why a node is to stop.
#[derive(Debug, Clone)]
pub enum StopReason {
    /// Its own time limit has run out, or a look of its `watch` has failed.
    Timeout(Arc<StopCause>),
    /// From outside: what runs in it is interrupted.
    Cancelled(Arc<StopCause>),
    /// A scope around it is certain to roll back: what runs comes to its end, nothing new starts.
    HeldBack(Arc<StopCause>),
}

/// All reasons why a node is to stop.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    timeout: Option<Arc<StopCause>>,
    cancelled: Option<Arc<StopCause>>,
    held_back: Option<Arc<StopCause>>,
}

impl Stops {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.cause().is_some()
    }

    /// What it fails with when it would start something new.
    pub fn cause(&self) -> Option<&Arc<StopCause>> {
        self.interruption().or(self.held_back.as_ref())
    }

    /// What it fails with when what it was doing is interrupted. A time limit that ran out first
    /// is the culprit.
    pub fn interruption(&self) -> Option<&Arc<StopCause>> {
        self.timeout.as_ref().or(self.cancelled.as_ref())
    }

    /// Whether its own time limit has run out.
    pub fn timeout(&self) -> Option<&Arc<StopCause>> {
        self.timeout.as_ref()
    }

    /// Whether it is interrupted from outside, so that it cannot recover.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// Whether a scope around it is certain to roll back.
    pub fn is_held_back(&self) -> bool {
        self.held_back.is_some()
    }

    /// Whether what it was doing has been interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.interruption().is_some()
    }

    /// Adds a reason, unless one like it is there already.
    #[must_use]
    pub fn add(&mut self, reason: StopReason) -> bool {
        let (place, cause) = match reason {
            StopReason::Timeout(_) if self.is_interrupted() => return false,
            StopReason::Timeout(cause) => (&mut self.timeout, cause),
            StopReason::Cancelled(cause) => (&mut self.cancelled, cause),
            StopReason::HeldBack(cause) => (&mut self.held_back, cause),
        };
        let is_new = place.is_none();
        if is_new {
            *place = Some(cause);
        }
        is_new
    }

    /// The time limit has done its work: the body that it was for has ended.
    #[must_use]
    pub fn end_timeout(&mut self) -> bool {
        self.timeout.take().is_some()
    }

    /// In words.
    pub fn word(&self) -> &'static str {
        match (&self.cancelled, &self.timeout, &self.held_back) {
            (Some(_), _, _) => "stopped from outside",
            (None, Some(_), _) => "stopped by its time limit",
            (None, None, Some(_)) => "starts nothing new",
            (None, None, None) => "not stopping",
        }
    }
}
