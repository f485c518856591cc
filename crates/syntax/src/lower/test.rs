//! Lowers `test` blocks.

use super::TreeBuilder;
use super::broken::{Before, BrokenLineContext};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn test(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let name = match parts.next() {
            Some(pair) if pair.rule() == Rule::string => self.string(pair),
            other => {
                if let Some(missing) = other {
                    self.missing(&missing, "a description in quotes");
                }
                StringLit {
                    parts: Vec::new(),
                    multiline: false,
                    raw: false,
                    span: Span {
                        end: span.start,
                        ..span
                    },
                }
            }
        };
        self.bad_heads(parts, trouble, "a declaration");
        let mut body = Vec::new();
        let mut body_span = Span {
            start: span.end,
            ..span
        };
        if let Some(pair) = self.body_of(parts, Rule::test_body, "the test", "its statements") {
            body_span = self.span_exact(&pair);
            let mut before = Before::default();
            for pair in Parts::of(pair) {
                let (stmt, after) = self.test_stmt(pair, before);
                body.push(stmt);
                before = after;
            }
        }
        ItemKind::Test {
            name,
            body,
            body_span,
        }
    }

    fn test_stmt(&mut self, pair: Pair<'_>, before: Before) -> (TestStmt, Before) {
        let trouble = self.report_broken();
        let span = self.span(&pair);
        let (start, end) = (pair.start(), pair.end());
        if pair.rule() == Rule::error_test {
            let after = self.error_line(pair, BrokenLineContext::Test, before);
            let kind = TestKind::Error;
            return (TestStmt { kind, span }, after);
        }
        let kind = self.test_kind(pair, span).unwrap_or(TestKind::Error);
        let after = self.before(start, end, trouble);
        (TestStmt { kind, span }, after)
    }

    fn test_kind(&mut self, pair: Pair<'_>, span: Span) -> Option<TestKind> {
        let form = pair.rule();
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        match form {
            Rule::given_input => {
                let name = self.name_of(parts, "an input, `run` or a node");
                let value = self.value_part(parts, span, &name);
                Some(TestKind::GivenInput { name, value })
            }
            Rule::given_run => {
                let pattern = self.string(parts.next()?);
                let then = self.given(parts)?;
                Some(TestKind::GivenRun { pattern, then })
            }
            Rule::given_deployed => {
                let service = self.expr(parts.next()?);
                let target = self.expr(parts.next()?);
                let given = Parts::of(parts.next()?).next()?;
                let value = match given.rule() {
                    Rule::missing => {
                        self.missing(&given, "what is deployed after `=`");
                        return None;
                    }
                    _ => self.expr(given),
                };
                Some(TestKind::GivenDeployed {
                    service: Box::new(service),
                    target: Box::new(target),
                    value,
                })
            }
            Rule::given_node => {
                let path = self.string(parts.next()?);
                let then = self.given(parts)?;
                Some(TestKind::GivenNode { path, then })
            }
            Rule::start => {
                let pipeline = self.name_of(parts, "a pipeline after `start`");
                Some(TestKind::Start { pipeline })
            }
            Rule::expect => self.expect(parts),
            _ => None,
        }
    }

    /// `expect NODE STATUS`, `expect NODE before NODE` or `expect CONDITION`.
    fn expect(&mut self, parts: &mut Parts<'_>) -> Option<TestKind> {
        let first = self.expr_of(parts, "a node or a condition after `expect`");
        let next = parts.next()?;
        let first = match first.kind {
            ExprKind::String(text) => TestPath::Pattern(text),
            ExprKind::Name(name) => TestPath::Name(name),
            ExprKind::Error => return None,
            _ => return self.condition(first, next),
        };
        match next.rule() {
            Rule::before => {
                let second = self.test_path(&mut Parts::of(next), "a node after `before`")?;
                Some(TestKind::ExpectOrder { first, second })
            }
            Rule::ident => {
                let status = self.ident(&next);
                Some(TestKind::ExpectStatus {
                    path: first,
                    status,
                })
            }
            _ => {
                self.missing(&next, "a status, or `before` and a node");
                None
            }
        }
    }

    /// A condition, behind which nothing may stand.
    fn condition(&mut self, condition: Expr, next: Pair<'_>) -> Option<TestKind> {
        if next.rule() != Rule::missing {
            let node = self.span(&next);
            self.report(errors::expected_node(condition.span, node));
            return None;
        }
        Some(TestKind::ExpectCondition(condition))
    }

    fn test_path(&mut self, parts: &mut Parts<'_>, what: &str) -> Option<TestPath> {
        let pair = parts.next()?;
        match pair.rule() {
            Rule::string => Some(TestPath::Pattern(self.string(pair))),
            Rule::ident => Some(TestPath::Name(self.ident(&pair))),
            _ => {
                self.missing(&pair, what);
                None
            }
        }
    }

    fn given(&mut self, parts: &mut Parts<'_>) -> Option<Given> {
        let pair = parts.next()?;
        match pair.rule() {
            Rule::returns => {
                let value = self.expr_of(&mut Parts::of(pair), "a value after `returns`");
                Some(Given::Returns(value))
            }
            Rule::fails => {
                let class = Parts::of(pair).next().map(|pair| self.ident(&pair));
                Some(Given::Fails(class))
            }
            Rule::refused => Some(Given::Refused),
            Rule::approved => {
                let mut parts = Parts::of(pair);
                let has_people = parts.peek().is_some();
                let by =
                    has_people.then(|| self.expr_of(&mut parts, "a list of people after `by`"));
                Some(Given::Approved(by))
            }
            _ => {
                self.missing(&pair, "`returns`, `fails`, `refused` or `approved`");
                None
            }
        }
    }
}
