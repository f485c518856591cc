//! `timeout-too-long`: a timeout that is longer than that of a block around it. The callers of a
//! workflow are not considered.

use super::super::context::{Context, ROOT_FILE};
use super::super::known_locals::KnownLocals;
use super::super::rule::Rule;
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{Block, Stmt, StmtKind};
use lockstep_syntax::ast::{self, ModifierKind};

pub(super) const RULE: Rule = Rule::new(codes::TIMEOUT_TOO_LONG, "timeout-too-long", check);

/// A timeout: in milliseconds, and its span.
#[derive(Clone, Copy)]
struct TimeLimit {
    time: i64,
    at: Span,
}

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        let mut look = TimeoutVisitor { context, found };
        for workflow in program
            .workflows
            .iter()
            .filter(|it| it.span.file == ROOT_FILE)
        {
            look.block(&workflow.body, None, &KnownLocals::new(scope));
        }
        for pipeline in &program.pipelines {
            look.stmt(&pipeline.body, None, &KnownLocals::new(scope));
        }
    });
}

struct TimeoutVisitor<'a, 'f> {
    context: &'a Context<'a>,
    found: &'f mut Vec<Diagnostic>,
}

impl TimeoutVisitor<'_, '_> {
    fn block(&mut self, block: &Block, limit: Option<TimeLimit>, known: &KnownLocals<'_>) {
        for stmt in &block.stmts {
            self.stmt(stmt, limit, known);
            if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind) {
                known.set(slot, known.value(value));
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt, limit: Option<TimeLimit>, known: &KnownLocals<'_>) {
        let mut limit = limit;
        if let Some(timeout) = &stmt.modifiers.timeout {
            let at = self.modifier(stmt).unwrap_or(timeout.span);
            self.compare(
                timeout,
                at,
                "this time limit is longer than the one around it",
                limit,
                known,
            );
            if let Some(time) = known.duration(timeout)
                && limit.is_none_or(|limit| time < limit.time)
            {
                limit = Some(TimeLimit { time, at });
            }
        }
        match &stmt.kind {
            StmtKind::Wait(time) => {
                self.compare(
                    time,
                    stmt.span,
                    "this waits longer than the time limit around it",
                    limit,
                    known,
                );
            }
            StmtKind::Verify { during, .. } => self.compare(
                during,
                during.span,
                "this verifies for longer than the time limit allows",
                limit,
                known,
            ),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {}
        }
        for block in stmt.bodies() {
            self.block(block, limit, known);
        }
        // Handlers begin after the timeout of their statement.
        for block in stmt.handlers() {
            self.block(block, None, known);
        }
    }

    /// The span of the `timeout` of a statement.
    fn modifier(&self, stmt: &Stmt) -> Option<Span> {
        let fits = |kind: &ModifierKind| matches!(kind, ModifierKind::Timeout(_));
        if let Some(written) = self.context.written(stmt) {
            return tree::modifier_span(written, fits);
        }
        // The timeout of the pipeline itself.
        let timeout = stmt.modifiers.timeout.as_ref()?;
        let items = self.context.items().iter();
        let modifiers = items.filter_map(|item| match &item.kind {
            ast::ItemKind::Pipeline { modifiers, .. } => Some(modifiers),
            _ => None,
        });
        let inside = |span: Span| span.start <= timeout.span.start && timeout.span.end <= span.end;
        let mut all = modifiers.flatten().map(|modifier| modifier.span);
        all.find(|span| inside(*span))
    }

    fn compare(
        &mut self,
        time: &Expr,
        at: Span,
        message: &str,
        limit: Option<TimeLimit>,
        known: &KnownLocals<'_>,
    ) {
        let (Some(limit), Some(time)) = (limit, known.duration(time)) else {
            return;
        };
        if time > limit.time {
            self.found.push(
                Diagnostic::warning(codes::TIMEOUT_TOO_LONG, at, message)
                    .here("never over before the limit")
                    .label(limit.at, "it all ends here")
                    .help("make it shorter than the limit around it, or that one longer"),
            );
        }
    }
}
