//! What happens when a body has ended: retry, then `on failure` handlers, rollback, `always`.
//! Retries and their backoff are here, and what follows from a failure that stands.

use super::Machine;
use super::broken::{Checked, NodeError, failure_apart};
use super::certainty::Rescue;
use super::node::{BodyEnd, BodySignal, NodeId, NodePhase, NodeWork, PendingFailure};
use super::run_event::{Status, WaitReason};
use super::statement::{Traits, traits};
use super::stopping::StopCause;
use lockstep_base::value::Value;
use lockstep_lang::ir::{FailureClass, Retry, RollbackScope};

/// A pause between tries is shorter than written by up to this part, so that strands that failed
/// together do not try again together.
const MAX_RETRY_JITTER: f64 = 0.25;

impl Machine {
    /// A node's body has ended.
    pub(super) fn body_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        let Some(end) = self.end_behind_watch(id, end)? else {
            return Ok(());
        };
        if let Some(timer) = self.node_mut(id)?.timeout.take() {
            self.clear_timer(timer);
        }
        let ended = self.end_work(id)?;
        self.give_back_room(id, &ended)?;
        if let Some(request) = ended.held_locks() {
            self.release(request, Vec::new());
        }
        self.forget_barriers(id);
        let life = &self.node(id)?.state;
        let never_began = life.never_began();
        let timeout = life.stops().timeout().cloned();
        if matches!(life.status(), Status::Waiting | Status::Queued) && !never_began {
            self.set(id, Status::Running)?;
        }
        let end = match timeout {
            Some(cause) => {
                self.end_timeout(id)?;
                self.end_of_timeout(end, &cause)
            }
            None => end,
        };
        self.note_done_names(id, &ended, &end)?;
        if self.goes_back && self.node(id)?.role.is_root() {
            return self.went_back(id, end);
        }
        let node = self.node_mut(id)?;
        match end {
            BodyEnd::Good {
                value,
                yielded,
                signal,
            } => {
                (node.value, node.yielded, node.signal) = (value, yielded, signal);
                node.pending_failure = None;
                let returns = matches!(node.signal, BodySignal::Return(_));
                if returns && self.takes_returns(id)? {
                    self.leave_remaining_barriers(id, None)?;
                }
                self.run_always(id)
            }
            BodyEnd::Bad(mut trouble) => {
                let leaves = node.state.stops().any() && never_began;
                self.number(&mut trouble);
                let decided = trouble.rolls_back.is_some();
                self.node_mut(id)?.pending_failure = Some(trouble);
                match leaves {
                    true => self.end_node(id),
                    false => self.body_failed(id, decided),
                }
            }
        }
    }

    /// How a body ends whose time limit has run out: it fails, whatever it did last.
    fn end_of_timeout(&mut self, end: BodyEnd, cause: &StopCause) -> BodyEnd {
        let mut trouble = match end {
            BodyEnd::Bad(trouble) => trouble,
            BodyEnd::Good { .. } => PendingFailure::of_stop(cause),
        };
        let command = trouble.failure.command.take();
        (trouble.failure, trouble.number) = (cause.failure.clone(), cause.number);
        if let Some(command) = command {
            trouble.failure.says_how_it_was_killed(&command);
            trouble.failure.command = Some(command);
        }
        BodyEnd::Bad(trouble)
    }

    /// Counts a failure, if it is a new one.
    pub(super) fn number(&mut self, trouble: &mut PendingFailure) {
        if trouble.number == 0 {
            trouble.number = self.next_failure();
        }
    }

    /// The number of a failure that happens now.
    pub(super) fn next_failure(&mut self) -> u64 {
        self.failures += 1;
        self.failures
    }

    /// Whether a `return` in a node ends there.
    fn takes_returns(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let kind = &self.plan.tree.get(node.tree).stmt.kind;
        Ok(node.is_statement() && traits(kind).takes_returns)
    }

    /// A node's body has failed: it is tried again, or its failure is handled.
    fn body_failed(&mut self, id: NodeId, decided: bool) -> Checked<()> {
        let retry = match decided {
            true => Ok(None),
            false => failure_apart(self.pause_before_retry(id))?,
        };
        match retry {
            Ok(Some(after_ms)) => return self.pause(id, after_ms),
            Ok(None) => {}
            Err(failure) => {
                let mut trouble = PendingFailure::new(failure);
                self.number(&mut trouble);
                self.node_mut(id)?.pending_failure = Some(trouble);
            }
        }
        self.failure_stands(id, Rescue::ByHandler)?;
        self.handle_failure(id)
    }

    // --- Retry ---------------------------------------------------------------------------

    /// How long to wait before the next try, in milliseconds; nothing where there is none.
    fn pause_before_retry(&mut self, id: NodeId) -> Result<Option<i64>, NodeError> {
        let Some(class) = self
            .node(id)?
            .pending_failure
            .as_ref()
            .map(|it| it.failure.class)
        else {
            return Ok(None);
        };
        let Some(done) = self.retries_before_next(id, class)? else {
            return Ok(None);
        };
        let stmt = self.plan.tree.get(self.node(id)?.tree).stmt.clone();
        match &stmt.modifiers.retry {
            Some(retry) => self.backoff(id, retry, done).map(Some),
            None => Ok(None),
        }
    }

    /// How many retries there have been, where another one may follow a failure of this class.
    pub(super) fn retries_before_next(
        &self,
        id: NodeId,
        class: FailureClass,
    ) -> Result<Option<u32>, NodeError> {
        match self.node(id)?.state.stops().any() {
            true => Ok(None),
            false => self.retries_left(id, class),
        }
    }

    /// The same, whatever stops it.
    pub(super) fn retries_left(
        &self,
        id: NodeId,
        class: FailureClass,
    ) -> Result<Option<u32>, NodeError> {
        let node = self.node(id)?;
        if !node.is_statement() || self.aborted {
            return Ok(None);
        }
        if class == FailureClass::Interrupted {
            // What it did is unknown; whether it may be done again is not for a retry count to
            // decide.
            return Ok(None);
        }
        let Some(retry) = &self.plan.tree.get(node.tree).stmt.modifiers.retry else {
            return Ok(None);
        };
        let (tries, handler_tries) = (node.state.tries(), node.state.handler_tries());
        let times = self.count_of(id, &retry.times)?;
        // A handler only retries what has been tried.
        let done = tries.saturating_sub(1).saturating_sub(handler_tries);
        Ok((done < times).then_some(done))
    }

    /// The pause after `done` retries: it doubles from the first duration up to the second.
    fn backoff(&mut self, id: NodeId, retry: &Retry, done: u32) -> Result<i64, NodeError> {
        let Some(every) = &retry.every else {
            return Ok(0);
        };
        let every = self.duration_of(id, every)?;
        let Some(upto) = &retry.upto else {
            return Ok(every);
        };
        let upto = self.duration_of(id, upto)?;
        let doubled = every.saturating_mul(1_i64.checked_shl(done.min(40)).unwrap_or(i64::MAX));
        let longest = doubled.min(upto.max(every));
        Ok((longest as f64 * (1.0 - MAX_RETRY_JITTER * self.next_random())) as i64)
    }

    pub(super) fn pause(&mut self, id: NodeId, after_ms: i64) -> Checked<()> {
        // What the failed try gave is not what the next one gives.
        let node = self.node_mut(id)?;
        (node.value, node.yielded) = (Value::None, None);
        let node = self.node(id)?;
        let attempt = node.state.tries().saturating_add(1);
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let times = match &stmt.modifiers.retry {
            Some(retry) => failure_apart(self.count_of(id, &retry.times))?.ok(),
            None => None,
        };
        let of = times.map_or(attempt, |times| times.saturating_add(1));
        self.ensure_started(id)?;
        let trouble = self.node(id)?.pending_failure.as_ref();
        let failure = trouble.map(|it| Box::new(it.failure.clone()));
        self.wait(
            id,
            WaitReason::Retry {
                attempt,
                of: of.max(attempt),
                after_ms,
                failure,
            },
        )?;
        let timer = self.set_timer(id, after_ms);
        self.go_to(id, NodePhase::Pause(timer))
    }

    /// The pause before the next try is over.
    pub(super) fn end_pause(&mut self, id: NodeId) -> Checked<()> {
        self.set(id, Status::Running)?;
        self.go_to(id, NodePhase::Body(NodeWork::Nothing))
    }

    // --- After the handlers --------------------------------------------------------------

    /// The node rolls back, if it is to; then its `always` runs.
    pub(super) fn handlers_done(&mut self, id: NodeId) -> Checked<()> {
        self.go_to(id, NodePhase::Handler)?;
        self.failure_stands(id, Rescue::None)?;
        if self.node(id)?.is_statement() && !self.aborted && self.begin_rollback(id)? {
            self.node_mut(id)?.completed.clear();
            return self.roll_back(id);
        }
        self.run_always(id)
    }

    fn begin_rollback(&mut self, id: NodeId) -> Checked<bool> {
        let plan = self.plan.clone();
        let node = self.node_mut(id)?;
        let stmt = &plan.tree.get(node.tree).stmt;
        let Traits {
            is_stage,
            rolls_back,
            ..
        } = traits(&stmt.kind);
        let is_root = node.role.is_root();
        let asked = node.pending_failure.as_mut().is_some_and(|trouble| {
            let here = is_root || (is_stage && trouble.rolls_back == Some(RollbackScope::Stage));
            here && trouble.rolls_back.take().is_some()
        });
        let is_scope = rolls_back || stmt.modifiers.atomic;
        Ok(asked || node.roll_back || is_scope)
    }
}
