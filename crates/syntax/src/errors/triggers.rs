//! The errors of triggers.

use super::*;

/// `trigger NAME schedule(…)`
pub(crate) fn no_on(source: Span) -> Diagnostic {
    let before = Span {
        end: source.start,
        ..source
    };
    error(
        codes::INCOMPLETE,
        source,
        "expected `on` before what a trigger fires on",
    )
    .here("here")
    .fix("insert `on`", before, "on ")
}
