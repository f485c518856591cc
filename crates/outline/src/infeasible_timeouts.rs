//! Warns about time limits (timeouts) that cannot be met, because what they limit is written to
//! take longer. The warnings contain the arithmetic.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{InfeasibleTimeout, OutlineBuilder};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::text::duration;
use lockstep_plan::Plan;

/// The time limits of a plan that cannot be met, in source order.
pub fn infeasible_timeouts(plan: &Plan) -> Vec<Diagnostic> {
    let (mut limits, mut slow) = (false, false);
    for (_, node) in plan.tree.iter() {
        limits |= node.stmt.modifiers.timeout.is_some();
        slow |= node.stmt.kind.takes_written_time();
    }
    if !limits || !slow {
        // Most plans need not be counted for this.
        return Vec::new();
    }
    let mut found = OutlineBuilder::new(plan, 0).whole().infeasible;
    found.sort_by_key(|it| it.limit);
    found.iter().map(warning).collect()
}

fn warning(found: &InfeasibleTimeout) -> Diagnostic {
    let text = |ms: u64| duration(i64::try_from(ms).unwrap_or(i64::MAX));
    let least = text(found.least.ms);
    let limit = text(found.limit_ms);
    let message = format!("this cannot end within {limit}: it takes at least {least}");
    let mut warning = Diagnostic::warning(codes::HOPELESS_LIMIT, found.limit, message).here(
        format!("{} too short", text(found.least.ms - found.limit_ms)),
    );
    let mut sum = Vec::new();
    if found.least.is_plain() {
        for reason in &found.least.reasons {
            let (each, times) = (text(reason.each_ms), reason.times);
            let (label, part) = match times {
                1 => (each.clone(), each),
                _ => (
                    format!("{each}, {times} times"),
                    format!("{times} × {each}"),
                ),
            };
            warning = warning.label(reason.span, label);
            sum.push(part);
        }
    }
    let arithmetic = match sum.as_slice() {
        [] | [_] if !sum.iter().any(|part| part.contains('×')) => String::new(),
        parts => format!("{} = {least}: ", parts.join(" + ")),
    };
    warning.help(format!(
        "{arithmetic}allow at least `timeout {least}`, or wait less"
    ))
}
