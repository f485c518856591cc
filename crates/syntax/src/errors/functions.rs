//! The errors of declared functions and types, and of conditions in tests.

use super::*;

/// `function f(x: int) = …`
pub(crate) fn no_result(name: Span, function: &str) -> Diagnostic {
    error(
        codes::INCOMPLETE,
        name,
        format!("the type of the result of `{function}` is missing"),
    )
    .here("what does it give?")
    .help("write it behind the parameters: `-> string`")
}

/// `function f(x: int) -> int { return x }`
pub(crate) fn function_block(block: Span, function: &str) -> Diagnostic {
    error(
        codes::FUNCTION_BLOCK,
        block,
        format!("`{function}` has statements, but a function is one expression"),
    )
    .here("not an expression")
    .help("write `= EXPRESSION`; what has effects is a `workflow`")
}

/// `type host`
pub(crate) fn no_type_value(end: Span, name: &str) -> Diagnostic {
    error(
        codes::INCOMPLETE,
        end,
        format!("what `{name}` stands for is missing"),
    )
    .help(format!("write `type {name} = TYPE`"))
}

/// `expect f(1) == 2 failed`
pub(crate) fn expected_node(condition: Span, behind: Span) -> Diagnostic {
    error(
        codes::TEST,
        condition,
        "this is a condition, which has no status and no order",
    )
    .here("a condition")
    .label(behind, "belongs behind a node")
    .help("a node is a pattern in quotes or the name of a pipeline")
}
