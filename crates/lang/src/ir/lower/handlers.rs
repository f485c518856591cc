//! Lowers handlers: `undo` (rollback), `on failure` with its verdict, `always`.

use std::sync::Arc;

use crate::eval::Slot;
use crate::ir::Watch;
use crate::ir::{
    AskElse, Block, BoundName, FailureClass, FailureHandler, HandlerVerdict, Handlers, StmtKind,
};
use crate::types::{Local, LocalKind, errors as type_errors};
use lockstep_base::diagnostic::codes;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, HandlerKind, RollbackScope, StmtKind as Form};

use super::body::{BodyContext, DoneNames, StatementContext};
use super::calls::PlaceBar;
use super::constants::ValueRange;
use super::decls::plain;
use super::modifiers::ModifierTarget;
use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    /// The handlers of a statement, which see what it has done: what its body has bound, and its
    /// result, as far as there is one.
    pub(super) fn handlers(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        handlers: &[ast::Handler],
        fits: ModifierTarget,
        done: DoneNames,
    ) -> Handlers {
        let mut found = Handlers::default();
        if handlers.is_empty() {
            return found;
        }
        let mark = body.locals.mark();
        if let Some(result) = done.result {
            found.result = Some(introduce(body, result));
        }
        for name in done.names {
            // A stage is named like the environment that it deploys to more often than not.
            if name.kind == LocalKind::Stage || name.ty == Type::Nothing {
                continue;
            }
            let inside = name.slot;
            let outside = introduce(body, name);
            found.bound.push(BoundName { inside, outside });
        }
        self.handler_bodies(body, place, handlers, fits, &mut found);
        body.locals.release(mark);
        found
    }

    fn handler_bodies(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        handlers: &[ast::Handler],
        fits: ModifierTarget,
        found: &mut Handlers,
    ) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for handler in handlers {
            let (word, fit) = match &handler.kind {
                HandlerKind::Undo(_) | HandlerKind::NoUndo(_) => (
                    "undo",
                    matches!(
                        fits,
                        ModifierTarget::Step
                            | ModifierTarget::Run
                            | ModifierTarget::Transfer
                            | ModifierTarget::Workflow
                            | ModifierTarget::Action
                    ),
                ),
                HandlerKind::OnFailure { .. } => ("on failure", fits.can_fail()),
                HandlerKind::Always(_) => ("always", fits.can_fail()),
                HandlerKind::Watch { .. } => ("watch", fits.has_body()),
            };
            let once = !matches!(handler.kind, HandlerKind::OnFailure { .. });
            let first = seen.iter().find(|(other, _)| once && *other == word);
            if let Some((_, first)) = first {
                self.check
                    .report(errors::modifier_twice(word, handler.span, *first));
            } else if !fit {
                let places = match word {
                    "undo" => "steps, commands, transfers and calls",
                    "watch" => "what has a body: blocks, deployments, steps and calls",
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
                HandlerKind::NoUndo(reason) => {
                    found.no_undo = Some(self.value(body, reason, &Type::String, "the reason"));
                }
                HandlerKind::Always(block) => {
                    let mark = body.locals.mark();
                    self.introduce_outcome(body, block.span, found);
                    found.always = Some(self.block(body, inside, block));
                    body.locals.release(mark);
                }
                HandlerKind::Watch { every, body: block } => {
                    let every = self.value(body, every, &Type::Duration, "`every`");
                    self.bound(&every, ValueRange::Positive, "`every`");
                    let inside = StatementContext {
                        barred: Some(PlaceBar::watch(handler.span)),
                        ..inside
                    };
                    body.yields.push(None);
                    let look = self.block(body, inside, block);
                    body.yields.pop();
                    found.watch = Some(Watch { every, body: look });
                }
                HandlerKind::OnFailure {
                    classes,
                    body: block,
                } => {
                    let mark = body.locals.mark();
                    self.introduce_outcome(body, block.span, found);
                    let handler = self.on_failure(body, inside, classes, block);
                    found.on_failure.push(handler);
                    body.locals.release(mark);
                }
            }
        }
    }

    /// `outcome` in `on failure` and `always`, unless something of the file is called so.
    fn introduce_outcome(&mut self, body: &mut BodyContext, span: Span, found: &mut Handlers) {
        let is_taken = body.locals.find(OUTCOME).is_some()
            || self.check.modules.find(body.locals.file, OUTCOME).is_some();
        if is_taken {
            return;
        }
        let slot = *found.outcome.get_or_insert_with(|| body.locals.slot(true));
        let ty = outcome_type();
        body.locals
            .name(&OUTCOME.into(), span, ty, slot, LocalKind::Value);
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
        let failure = failure_type();
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
        // What could not be read behind it has been told.
        let read = (block.stmts.iter()).rposition(|stmt| !matches!(stmt.kind, Form::Error));
        let known = block
            .stmts
            .get(..read.map_or(0, |last| last + 1))
            .unwrap_or(&[]);
        let (stmts, last) = match known.split_last() {
            Some((last, before)) if is_verdict(last) => (before, Some(last)),
            _ => (&block.stmts[..], None),
        };
        let mark = body.locals.mark();
        let (mut lowered, _) = self.keeping(body, place, stmts, false);
        if let Some(stmt) = last {
            self.modifiers(body, &stmt.modifiers, ModifierTarget::Verdict);
            let fits = ModifierTarget::Verdict;
            self.handlers(body, place, &stmt.handlers, fits, DoneNames::default());
            let verdict = self.verdict(body, place, stmt);
            let verdict = verdict.map(|verdict| plain(StmtKind::Verdict(verdict), stmt.head));
            lowered.extend(verdict.map(Arc::new));
        }
        body.locals.release(mark);
        Block { stmts: lowered }
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

    /// A class that a pipeline may give to a failure of its own.
    pub(super) fn own_class(&mut self, word: &ast::Ident) -> Option<FailureClass> {
        if word.name.is_empty() {
            // It is missing, which has been reported.
            return None;
        }
        let class = self.class(word)?;
        match class {
            FailureClass::Exit
            | FailureClass::Signal
            | FailureClass::Timeout
            | FailureClass::Connection
            | FailureClass::Authentication
            | FailureClass::Verification
            | FailureClass::Approval
            | FailureClass::Barrier
            | FailureClass::Deadlock
            | FailureClass::Failed => Some(class),
            FailureClass::Superseded
            | FailureClass::Interrupted
            | FailureClass::Cancelled
            | FailureClass::Internal => {
                self.check.report(errors::class_of_lockstep(word));
                None
            }
        }
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
            | Form::Transfer(_)
            | Form::Call(_)
            | Form::Let { .. }
            | Form::If { .. }
            | Form::Barrier { .. }
            | Form::Lock { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Verify { .. }
            | Form::Log(_)
            | Form::Fail { .. }
            | Form::Return(_)
            | Form::Yield(_)
            | Form::On { .. }
            | Form::With { .. }
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

const OUTCOME: &str = "outcome";

fn failure_type() -> Type {
    Type::record([
        ("class", Type::String),
        ("message", Type::String),
        ("node", Type::String),
        ("code", Type::optional(Type::Int)),
        ("output", Type::String),
    ])
}

fn outcome_type() -> Type {
    let deployment = Type::record([
        ("node", Type::String),
        ("service", Type::String),
        ("infrastructure", Type::String),
        ("status", Type::String),
        ("before", Type::optional(Type::String)),
        ("after", Type::optional(Type::String)),
    ]);
    Type::record([
        ("status", Type::String),
        ("failure", Type::optional(failure_type())),
        ("deployments", Type::list(deployment)),
    ])
}

/// Introduces something that the statement may have done or not: it is optional.
fn introduce(body: &mut BodyContext, local: Local) -> Slot {
    let slot = body.locals.slot(true);
    let ty = Type::optional(local.ty);
    body.locals
        .name(&local.name, local.span, ty, slot, local.kind);
    slot
}

/// Whether a statement decides what becomes of a failure.
fn is_verdict(stmt: &ast::Stmt) -> bool {
    matches!(
        stmt.kind,
        Form::Ignore | Form::Rollback(_) | Form::Abort | Form::Retry(_) | Form::Ask { .. }
    )
}
