//! The statements of `test` blocks.

use super::{Expr, Ident, StringLit};
use lockstep_base::source::Span;

/// A statement of a `test` block.
#[derive(Debug, Clone, PartialEq)]
pub struct TestStmt {
    /// Its form.
    pub kind: TestKind,
    /// All of it.
    pub span: Span,
}

/// The forms of a test statement.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum TestKind {
    /// `given tag = "v2"`
    GivenInput { name: Ident, value: Expr },
    /// `given run "kubectl get *" returns { … }`, `given run "…" fails exit`
    GivenRun { pattern: StringLit, then: Given },
    /// `given deployed(web, prod.eu) = { after: "v1", age: 2d }`
    GivenDeployed {
        service: Box<Expr>,
        target: Box<Expr>,
        value: Expr,
    },
    /// `given "**/verify" fails verification`
    GivenNode { path: StringLit, then: Given },
    /// `start release`
    Start { pipeline: Ident },
    /// `expect "**/deploy[checkout, prod.eu]" rolled-back`; a bare name is the pipeline.
    ExpectStatus { path: TestPath, status: Ident },
    /// `expect "release/qa" before "release/prod"`
    ExpectOrder { first: TestPath, second: TestPath },
    /// `expect image("shop") == "registry/shop"`
    ExpectCondition(Expr),
    /// Text that is no test statement; a diagnostic has been made for it.
    Error,
}

/// What a `given` makes happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// `returns E`
    Returns(Expr),
    /// `fails [class]`
    Fails(Option<Ident>),
    /// `refused`
    Refused,
    /// `approved [by [people]]`
    Approved(Option<Expr>),
}

/// A node pattern in a test: a string, or the bare name of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum TestPath {
    /// `"**/deploy[checkout, *]"`
    Pattern(StringLit),
    /// `release`
    Name(Ident),
}
