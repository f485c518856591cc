//! What is certain once something has failed: which failures nothing can rescue any more. A barrier
//! that a strand still owes is broken then, and a scope that is certain to roll back starts nothing
//! new.
//!
//! Something can rescue a failure where a try is left, a handler that matches can end in `ignore`,
//! `retry` or `ask`, or a loop still tolerates a failed cell. A handler that only looks cannot.
//! What a handler has decided to roll back is not rescued by anything up to there.

use super::broken::{Checked, failure_apart};
use super::cancel::StopMode;
use super::failure_handler::VerdictLimits;
use super::node::{NodeId, NodeRole, PendingFailure};
use super::run_event::Failure;
use super::statement::traits;
use super::{Machine, NodeError};
use lockstep_lang::ir::{FailureClass, HandlerVerdict, RollbackScope};

/// What can still rescue the failure of a node itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rescue {
    /// Another try, or a handler: its body has not ended yet.
    ByTry,
    /// A handler that has not run yet.
    ByHandler,
    /// Nothing: its handlers have ended.
    None,
}

/// A failure on its way outwards, as far as what is around it can tell already.
#[derive(Debug, Clone)]
struct Spread {
    failure: Failure,
    /// How far outwards everything is to be rolled back, where a handler said so.
    rolls_back: Option<RollbackScope>,
}

/// How far outwards a failure is certain.
#[derive(Debug, Default)]
struct Reach {
    /// The outermost scope that is certain to roll back.
    scope: Option<NodeId>,
    /// What has failed in it, inwards from the scope: it is not stopped but ends by itself.
    failed: Vec<NodeId>,
    /// The blocks in it whose first failure stops the others.
    fail_fast: Vec<NodeId>,
}

impl Machine {
    /// The failure of a node's body stands as far as its tries go.
    pub(super) fn failure_stands(&mut self, id: NodeId, rescue: Rescue) -> Checked<()> {
        let Some(trouble) = &self.node(id)?.pending_failure else {
            return Ok(());
        };
        let spread = Spread {
            failure: trouble.failure.clone(),
            rolls_back: trouble.rolls_back,
        };
        self.spread(id, rescue, spread, true)
    }

    /// The body of a node has failed, which does so itself once what looks at it has ended.
    pub(super) fn failure_comes(&mut self, id: NodeId, trouble: &PendingFailure) -> Checked<()> {
        if trouble.is_consequence() {
            return Ok(());
        }
        let spread = Spread {
            failure: trouble.failure.clone(),
            rolls_back: trouble.rolls_back,
        };
        self.spread(id, Rescue::ByTry, spread, true)
    }

    /// A child of a block has failed, so the block will.
    pub(super) fn block_fails(&mut self, id: NodeId) -> Checked<()> {
        let Some(trouble) = &self.node(id)?.pending_failure else {
            return Ok(());
        };
        let spread = Spread {
            failure: trouble.failure.clone(),
            rolls_back: trouble.rolls_back,
        };
        self.spread(id, Rescue::ByTry, spread, false)
    }

    /// The time limit of a node has run out: it will fail, once what runs in it has ended.
    pub(super) fn timeout_stands(&mut self, id: NodeId) -> Checked<()> {
        let Some(cause) = self.node(id)?.state.stops().timeout().cloned() else {
            return Ok(());
        };
        let class = cause.failure.class;
        // Another try of it may follow, once this one has ended.
        if self.has_tries(id, class, true)? {
            return Ok(());
        }
        let spread = Spread {
            failure: cause.failure.clone(),
            rolls_back: None,
        };
        self.spread(id, Rescue::ByHandler, spread, true)
    }

    /// Breaks the barriers that the failed strand still owes, and lets scopes around that are now
    /// certain to roll back start nothing new. `ended` says whether the node's body has ended, so
    /// that nothing in it can arrive any more.
    fn spread(
        &mut self,
        id: NodeId,
        mut rescue: Rescue,
        mut spread: Spread,
        ended: bool,
    ) -> Checked<()> {
        if self.node(id)?.inherited.undoing || self.aborted {
            return Ok(());
        }
        let mut reach = Reach::default();
        let mut passed = Vec::new();
        let mut fail_fast = Vec::new();
        let mut owes = ended && !self.barriers_are_over();
        let mut at = id;
        loop {
            if self.may_be_rescued(at, &spread, rescue)? {
                break;
            }
            // What is around it has not ended.
            rescue = Rescue::ByTry;
            if owes && (spread.rolls_back.is_some() || !self.would_tolerate(at)?) {
                let owed = self.node(at)?.owed_arrivals.clone();
                self.break_owed_barriers(&owed, &spread.failure)?;
            }
            passed.push(at);
            if self.will_roll_back(at, &mut spread)? {
                reach = Reach {
                    scope: Some(at),
                    failed: passed.clone(),
                    fail_fast: fail_fast.clone(),
                };
            }
            let Some(parent) = self.step_outwards(at, &mut spread, &mut owes)? else {
                break;
            };
            if self.stops_siblings(parent)? {
                fail_fast.push(parent);
            }
            at = parent;
        }
        self.hold_back(reach, &spread.failure)
    }

    /// What fails because this has failed, if anything does.
    fn step_outwards(
        &mut self,
        at: NodeId,
        spread: &mut Spread,
        owes: &mut bool,
    ) -> Checked<Option<NodeId>> {
        let node = self.node(at)?;
        let Some(parent) = node.parent else {
            return Ok(None);
        };
        match &node.role {
            NodeRole::Body | NodeRole::Between => {}
            NodeRole::Strand(_) => *owes = false,
            NodeRole::Cell(_) => {
                *owes = false;
                if spread.rolls_back.is_none() && self.would_tolerate(at)? {
                    return Ok(None);
                }
            }
            NodeRole::Look if spread.failure.class == FailureClass::Cancelled => {}
            NodeRole::Look => spread.failure.class = FailureClass::Verification,
            NodeRole::Root
            | NodeRole::Handler
            | NodeRole::Always
            | NodeRole::Watch
            | NodeRole::Rollback
            | NodeRole::UndoPart => return Ok(None),
        }
        let above = self.node(parent)?;
        if !above.state.is_in_body() {
            return Ok(None);
        }
        // The block fails with what failed in it first.
        if let Some(first) = &above.pending_failure {
            spread.failure = first.failure.clone();
            spread.rolls_back = spread.rolls_back.max(first.rolls_back);
        }
        if let Some(cause) = above.state.stops().timeout() {
            spread.failure = cause.failure.clone();
        }
        Ok(Some(parent))
    }

    /// Whether the first failure of a block's children stops the others.
    fn stops_siblings(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        Ok(node.is_statement() && self.plan.tree.get(node.tree).stmt.modifiers.fail_fast)
    }

    /// Whether a node rolls back once it has failed for good. What a handler has decided to roll
    /// back ends here, if it does.
    fn will_roll_back(&self, id: NodeId, spread: &mut Spread) -> Checked<bool> {
        let node = self.node(id)?;
        if !node.is_statement() {
            return Ok(false);
        }
        let stmt = &self.plan.tree.get(node.tree).stmt;
        let of_kind = traits(&stmt.kind);
        let ends_here = node.role.is_root()
            || (of_kind.is_stage && spread.rolls_back == Some(RollbackScope::Stage));
        let asked = ends_here && spread.rolls_back.take().is_some();
        Ok(asked || of_kind.rolls_back || stmt.modifiers.atomic)
    }

    /// Whether a node may still succeed although its body fails so.
    fn may_be_rescued(&self, id: NodeId, spread: &Spread, rescue: Rescue) -> Checked<bool> {
        let node = self.node(id)?;
        if rescue == Rescue::None || !node.is_statement() || spread.rolls_back.is_some() {
            return Ok(false);
        }
        let class = spread.failure.class;
        if rescue == Rescue::ByTry && self.has_tries(id, class, false)? {
            return Ok(true);
        }
        let stops = node.state.stops();
        let limits = VerdictLimits {
            cancelled: stops.is_cancelled(),
            held_back: stops.is_held_back(),
        };
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let handler = self.matching_handler(id, class, &stmt)?;
        let runs = handler.filter(|found| found.runs);
        let last = runs.and_then(|found| found.handler.body.stmts.last());
        let Some(verdict) = last.and_then(|stmt| stmt.kind.verdict()) else {
            return Ok(false);
        };
        let rescues = match verdict {
            HandlerVerdict::Ignore | HandlerVerdict::Ask { .. } => true,
            HandlerVerdict::Retry(times) => match failure_apart(self.count_of(id, times))? {
                Ok(times) => node.state.handler_tries() < times,
                Err(_) => false,
            },
            HandlerVerdict::Rollback(_) | HandlerVerdict::Abort => false,
        };
        Ok(rescues && limits.allow(verdict))
    }

    /// Whether a node whose body fails so is tried again.
    fn has_tries(&self, id: NodeId, class: FailureClass, timed_out: bool) -> Checked<bool> {
        let node = self.node(id)?;
        let stops = node.state.stops();
        if timed_out && (stops.is_cancelled() || stops.is_held_back()) {
            return Ok(false);
        }
        let left: Result<_, NodeError> = match timed_out {
            true => self.retries_left(id, class),
            false => self.retries_before_next(id, class),
        };
        Ok(failure_apart(left)?.is_ok_and(|left| left.is_some()))
    }

    /// A scope is certain to roll back: nothing new starts in it.
    fn hold_back(&mut self, reach: Reach, failure: &Failure) -> Checked<()> {
        let Some(scope) = reach.scope else {
            return Ok(());
        };
        let name = self.name_of(scope)?;
        let Failure { node, message, .. } = failure;
        let said = format!("stopped because `{node}` failed ({message}) and `{name}` rolls back");
        let stop = self.failure(scope, FailureClass::Cancelled, said)?;
        self.stop(scope, StopMode::HoldBack, stop, &[])?;
        for block in reach.fail_fast {
            self.fail_fast(block, node, &reach.failed)?;
        }
        Ok(())
    }
}

/// Keeps the failure that happened first, unless it is a mere consequence of being stopped, and
/// the widest rollback that any of them requests.
pub(super) fn keep_first_failure(
    kept: &mut Option<Box<PendingFailure>>,
    trouble: Box<PendingFailure>,
) {
    let Some(kept) = kept else {
        *kept = Some(trouble);
        return;
    };
    kept.take_in(&trouble);
    // What a later run has deployed is no failure beside one that is.
    let is_superseded = |it: &PendingFailure| it.failure.class == FailureClass::Superseded;
    let order = |it: &PendingFailure| (it.is_consequence(), is_superseded(it), it.number);
    if order(&trouble) < order(kept) {
        (kept.failure, kept.number) = (trouble.failure, trouble.number);
    }
}
