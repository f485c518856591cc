//! Prints the statements of `test` blocks.

use super::{expr, string};
use crate::ast::*;

pub(super) fn test_stmt(stmt: &TestStmt) -> String {
    match &stmt.kind {
        TestKind::GivenInput { name, value } => format!("given {} = {}", name.name, expr(value)),
        TestKind::GivenRun { pattern, then } => {
            format!("given run {} {}", string(pattern), given(then))
        }
        TestKind::GivenDeployed {
            service,
            target,
            value,
        } => format!(
            "given deployed({}, {}) = {}",
            expr(service),
            expr(target),
            expr(value)
        ),
        TestKind::GivenNode { path, then } => {
            format!("given node {} {}", string(path), given(then))
        }
        TestKind::Start { pipeline } => format!("start {}", pipeline.name),
        TestKind::ExpectStatus { path, status } => format!("expect {} {}", node(path), status.name),
        TestKind::ExpectOrder { first, second } => {
            format!("expect {} before {}", node(first), node(second))
        }
        TestKind::ExpectCondition(condition) => format!("expect {}", expr(condition)),
        TestKind::Error => String::from("<error>"),
    }
}

fn given(given: &Given) -> String {
    match given {
        Given::Returns(value) => format!("returns {}", expr(value)),
        Given::Fails(None) => String::from("fails"),
        Given::Fails(Some(class)) => format!("fails {}", class.name),
        Given::Refused => String::from("refused"),
        Given::Approved(None) => String::from("approved"),
        Given::Approved(Some(by)) => format!("approved by {}", expr(by)),
    }
}

fn node(path: &TestPath) -> String {
    match path {
        TestPath::Pattern(pattern) => string(pattern),
        TestPath::Name(name) => name.name.to_string(),
    }
}
