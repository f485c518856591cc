//! Prints the statements of `test` blocks.

use super::printer::{Printed, Printer, TokenGap, Unprintable};
use lockstep_syntax::ast::{Given, TestKind, TestPath, TestStmt};

impl Printer<'_> {
    pub(super) fn test_stmt(&mut self, stmt: &TestStmt) -> Printed {
        match &stmt.kind {
            TestKind::GivenInput { name, value } => {
                self.sign("given")?;
                self.name_and_type(name, None)?;
                self.gap(TokenGap::Space);
                self.expr(value)
            }
            TestKind::GivenRun { pattern, then } => {
                self.sign("given")?;
                self.word("run")?;
                self.gap(TokenGap::Space);
                self.string(pattern)?;
                self.given(then)
            }
            TestKind::GivenDeployed {
                service,
                target,
                value,
            } => {
                self.sign("given")?;
                self.word("deployed")?;
                self.sign("(")?;
                self.expr(service)?;
                self.sign(",")?;
                self.gap(TokenGap::Space);
                self.expr(target)?;
                self.sign(")")?;
                self.word("=")?;
                self.gap(TokenGap::Space);
                self.expr(value)
            }
            TestKind::GivenNode { path, then } => {
                self.sign("given")?;
                self.gap(TokenGap::Space);
                self.string(path)?;
                self.given(then)
            }
            TestKind::Start { pipeline } => {
                self.sign("start")?;
                self.gap(TokenGap::Space);
                self.ident(pipeline)
            }
            TestKind::ExpectStatus { path, status } => {
                self.sign("expect")?;
                self.test_path(path)?;
                self.gap(TokenGap::Space);
                self.ident(status)
            }
            TestKind::ExpectOrder { first, second } => {
                self.sign("expect")?;
                self.test_path(first)?;
                self.word("before")?;
                self.test_path(second)
            }
            TestKind::ExpectCondition(condition) => {
                self.sign("expect")?;
                self.gap(TokenGap::Space);
                self.expr(condition)
            }
            TestKind::Error => Err(Unprintable),
        }
    }

    fn given(&mut self, then: &Given) -> Printed {
        match then {
            Given::Returns(value) => {
                self.word("returns")?;
                self.gap(TokenGap::Space);
                self.expr(value)
            }
            Given::Fails(class) => {
                self.word("fails")?;
                self.gap(TokenGap::Space);
                class.as_ref().map_or(Ok(()), |class| self.ident(class))
            }
            Given::Refused => self.word("refused"),
            Given::Approved(by) => {
                self.word("approved")?;
                let Some(by) = by else {
                    return Ok(());
                };
                self.word("by")?;
                self.gap(TokenGap::Space);
                self.expr(by)
            }
        }
    }

    fn test_path(&mut self, path: &TestPath) -> Printed {
        self.gap(TokenGap::Space);
        match path {
            TestPath::Pattern(pattern) => self.string(pattern),
            TestPath::Name(name) => self.ident(name),
        }
    }
}
