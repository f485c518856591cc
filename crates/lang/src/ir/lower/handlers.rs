//! Lowers handlers: `undo` (rollback), `on failure` with its verdict, `always`.

use crate::ir::{
    AskElse, Block, FailureClass, FailureHandler, HandlerVerdict, Handlers, Stmt, StmtKind,
};
use crate::types::errors as type_errors;
use lockstep_base::diagnostic::codes;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, HandlerKind, RollbackScope, StmtKind as Form};

use super::blocks::wrap;
use super::body::{BodyContext, StatementContext};
use super::constants::ValueRange;
use super::decls::plain;
use super::modifiers::ModifierTarget;
use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    pub(super) fn handlers(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        handlers: &[ast::Handler],
        fits: ModifierTarget,
    ) -> Handlers {
        let mut found = Handlers::default();
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for handler in handlers {
            let (word, fit) = match &handler.kind {
                HandlerKind::Undo(_) => (
                    "undo",
                    matches!(
                        fits,
                        ModifierTarget::Step
                            | ModifierTarget::Run
                            | ModifierTarget::Workflow
                            | ModifierTarget::Action
                    ),
                ),
                HandlerKind::OnFailure { .. } => ("on failure", fits.can_fail()),
                HandlerKind::Always(_) => ("always", fits.can_fail()),
            };
            let once = !matches!(handler.kind, HandlerKind::OnFailure { .. });
            let first = seen.iter().find(|(other, _)| once && *other == word);
            if let Some((_, first)) = first {
                self.check
                    .report(errors::modifier_twice(word, handler.span, *first));
            } else if !fit {
                let places = match word {
                    "undo" => "steps, commands and calls",
                    _ => {
                        "whatever can fail: blocks, deployments, steps, commands, calls, \
                         barriers and approvals"
                    }
                };
                self.check
                    .report(errors::modifier(word, handler.span, fits, places));
            }
            seen.push((word, handler.span));
            let inside = StatementContext {
                handler: Some((word, handler.span)),
                ..place
            };
            match &handler.kind {
                HandlerKind::Undo(block) => {
                    body.yields.push(None);
                    found.undo = Some(self.block(body, inside, block));
                    body.yields.pop();
                }
                HandlerKind::Always(block) => {
                    found.always = Some(self.block(body, inside, block));
                }
                HandlerKind::OnFailure {
                    classes,
                    body: block,
                } => {
                    let handler = self.on_failure(body, inside, classes, block);
                    found.on_failure.push(handler);
                }
            }
        }
        found
    }

    fn on_failure(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        classes: &[ast::Ident],
        block: &ast::Block,
    ) -> FailureHandler {
        let classes = classes.iter().filter_map(|word| self.class(word)).collect();
        let mark = body.locals.mark();
        let failure = Type::record([
            ("class", Type::String),
            ("message", Type::String),
            ("node", Type::String),
        ]);
        let slot = body
            .locals
            .add(&"failure".into(), block.span, failure, true);
        let lowered = self.failure_block(body, place, block);
        body.locals.release(mark);
        FailureHandler {
            classes,
            slot,
            body: lowered,
        }
    }

    /// The statements of a failure handler, of which the last may be a verdict.
    fn failure_block(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        block: &ast::Block,
    ) -> Block {
        let (stmts, last) = match block.stmts.split_last() {
            Some((last, before)) if is_verdict(last) => (before, Some(last)),
            _ => (&block.stmts[..], None),
        };
        let mark = body.locals.mark();
        let (mut lowered, _) = self.keeping(body, place, stmts, false);
        if let Some(stmt) = last {
            self.modifiers(body, &stmt.modifiers, ModifierTarget::Verdict);
            self.handlers(body, place, &stmt.handlers, ModifierTarget::Verdict);
            let verdict: Option<Stmt> = self
                .verdict(body, place, stmt)
                .map(|verdict| plain(StmtKind::Verdict(verdict), stmt.head));
            lowered.extend(verdict);
        }
        body.locals.release(mark);
        wrap(lowered)
    }

    /// A class of failures, by its word.
    pub(super) fn class(&mut self, word: &ast::Ident) -> Option<FailureClass> {
        let all = FailureClass::ALL;
        let found = all.into_iter().find(|class| class.as_str() == &*word.name);
        if found.is_none() {
            let known = all.into_iter().map(FailureClass::as_str);
            self.check.report(type_errors::unknown_word(
                codes::CLASS,
                word,
                "class of failures",
                known,
            ));
        }
        found
    }

    /// What a failure handler decides.
    pub(super) fn verdict(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> Option<HandlerVerdict> {
        Some(match &stmt.kind {
            Form::Ignore => HandlerVerdict::Ignore,
            Form::Rollback(scope) => {
                let outside = place.rollback_stage.is_none() && body.workflow.is_none();
                if *scope == RollbackScope::Stage && outside {
                    self.check.report(errors::rollback_stage(stmt.head));
                }
                HandlerVerdict::Rollback(*scope)
            }
            Form::Abort => HandlerVerdict::Abort,
            Form::Retry(times) => {
                let times = self.value(body, times, &Type::Int, "`retry`");
                self.bound(&times, ValueRange::NotNegative, "`retry`");
                HandlerVerdict::Retry(times)
            }
            Form::Ask { timeout, otherwise } => {
                let timeout = timeout.as_ref().map(|time| {
                    let time = self.value(body, time, &Type::Duration, "`timeout`");
                    self.bound(&time, ValueRange::Positive, "`timeout`");
                    time
                });
                let otherwise = match otherwise {
                    None => None,
                    Some(word) => Some(self.ask_else(word)?),
                };
                HandlerVerdict::Ask { timeout, otherwise }
            }
            Form::Stage { .. }
            | Form::Serial { .. }
            | Form::Parallel { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. }
            | Form::Deploy { .. }
            | Form::Step { .. }
            | Form::Run(_)
            | Form::Call(_)
            | Form::Let { .. }
            | Form::If { .. }
            | Form::Barrier { .. }
            | Form::Lock { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Verify { .. }
            | Form::Log(_)
            | Form::Fail(_)
            | Form::Return(_)
            | Form::Yield(_)
            | Form::On { .. }
            | Form::Error => return None,
        })
    }

    fn ask_else(&mut self, word: &ast::Ident) -> Option<AskElse> {
        match &*word.name {
            "ignore" => Some(AskElse::Ignore),
            "rollback" => Some(AskElse::Rollback),
            "abort" => Some(AskElse::Abort),
            _ => {
                let known = ["ignore", "rollback", "abort"].into_iter();
                self.check.report(type_errors::unknown_word(
                    codes::VERDICT,
                    word,
                    "verdict",
                    known,
                ));
                None
            }
        }
    }
}

/// Whether a statement decides what becomes of a failure.
fn is_verdict(stmt: &ast::Stmt) -> bool {
    matches!(
        stmt.kind,
        Form::Ignore | Form::Rollback(_) | Form::Abort | Form::Retry(_) | Form::Ask { .. }
    )
}
