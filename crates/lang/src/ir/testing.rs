//! The checked `test` blocks of a program.

use serde::{Deserialize, Serialize};

use super::FailureClass;
use crate::eval::{Expr, GlobalId};
use lockstep_base::source::{Name, Span};

/// `test "…" { … }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// What it says.
    pub name: Name,
    /// Where that stands.
    pub span: Span,
    /// Its statements, in order.
    pub stmts: Vec<TestStmt>,
}

/// A statement of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestStmt {
    /// What it says.
    pub kind: TestKind,
    /// Where it stands.
    pub span: Span,
}

/// What a statement of a test says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TestKind {
    /// `given tag = "v2"`
    GivenInput {
        /// The input.
        input: GlobalId,
        /// Its value.
        value: Expr,
    },
    /// `given run "kubectl get *" returns { … }`
    GivenRun {
        /// The pattern that the command's text matches.
        pattern: Name,
        /// What happens.
        then: Given,
    },
    /// `given deployed(web, prod.eu) = { after: "v1", age: 2d }`
    GivenDeployed {
        /// The service.
        service: Expr,
        /// The infrastructure.
        target: Expr,
        /// What is there, or `none`.
        value: Expr,
    },
    /// `given "**/verify" fails verification`
    GivenNode {
        /// The pattern that the node's path matches.
        path: Name,
        /// What happens.
        then: Given,
    },
    /// `start release`
    Start {
        /// The pipeline, by its place in the program's table.
        pipeline: u32,
    },
    /// `expect "…" rolled-back`
    ExpectStatus {
        /// The pattern that the nodes' paths match.
        path: Name,
        /// The word for the status, one of those of the language.
        status: Name,
    },
    /// `expect "…" before "…"`
    ExpectOrder {
        /// What comes first.
        first: Name,
        /// What comes after it.
        second: Name,
    },
    /// `expect image("shop") == "registry/shop"`
    ExpectCondition(Expr),
}

/// What a `given` makes happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Given {
    /// It succeeds with this value; for a command a record of some of its fields.
    Returns(Expr),
    /// It fails with this class; without one with the class that is usual for it.
    Fails(Option<FailureClass>),
    /// An approval is refused.
    Refused,
    /// These people approve; without a list, as many as are needed.
    Approved(Option<Expr>),
}
