//! What becomes of a failure in the model: whether handlers and tries make a success of it.

use lockstep_lang::ir::{FailureHandler, HandlerVerdict, Stmt};
use lockstep_plan::Plan;

/// Whether a failure is made good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rescue {
    Never,
    Perhaps,
    Always,
}

/// Whether a statement makes a success of a failure in it.
pub(super) fn rescue_by(stmt: &Stmt) -> Rescue {
    let mut rescue = match stmt.modifiers.retry {
        Some(_) => Rescue::Perhaps,
        None => Rescue::Never,
    };
    for handler in &stmt.handlers.on_failure {
        let own = rescue_of(handler);
        match handler.classes.is_empty() {
            true if rescue == Rescue::Never => return own,
            true => return rescue.max(own),
            false => rescue = rescue.max(own.min(Rescue::Perhaps)),
        }
    }
    rescue
}

/// Whether a failure handler makes a success of what it takes.
pub(super) fn rescue_of(handler: &FailureHandler) -> Rescue {
    match outcomes_of(handler).as_slice() {
        [PartExits::Ignored] => Rescue::Always,
        [PartExits::Failed] => Rescue::Never,
        _ => Rescue::Perhaps,
    }
}

/// Whether a failure handler ends in `retry`.
pub(super) fn retries(handler: &FailureHandler) -> bool {
    let last = handler.body.stmts.last();
    let verdict = last.and_then(|stmt| stmt.kind.verdict());
    matches!(verdict, Some(HandlerVerdict::Retry(_)))
}

/// How a failure handler may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartExits {
    Ignored,
    Again,
    Failed,
}

pub(super) fn outcomes_of(handler: &FailureHandler) -> Vec<PartExits> {
    let last = handler.body.stmts.last();
    match last.and_then(|stmt| stmt.kind.verdict()) {
        Some(HandlerVerdict::Ignore) => vec![PartExits::Ignored],
        Some(HandlerVerdict::Retry(_)) => vec![PartExits::Again, PartExits::Failed],
        Some(HandlerVerdict::Ask { .. }) => {
            vec![PartExits::Ignored, PartExits::Again, PartExits::Failed]
        }
        Some(HandlerVerdict::Rollback(_) | HandlerVerdict::Abort) | None => vec![PartExits::Failed],
    }
}

/// Whether something in a plan that waits for others may be done more than once.
pub(super) fn repeats(plan: &Plan) -> bool {
    plan.tree.iter().any(|(_, node)| {
        let handlers = &node.stmt.handlers.on_failure;
        let again = |handler| outcomes_of(handler).contains(&PartExits::Again);
        let comes_again = node.stmt.modifiers.retry.is_some()
            || node.stmt.kind.repeats_body()
            || handlers.iter().any(again);
        comes_again && (node.has_lock || node.has_barrier)
    })
}
