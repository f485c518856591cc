//! `rollback-without-lock`: a `rollback pipeline` that takes back what earlier stages deployed,
//! when their infrastructures are free and another run may have deployed there. An `atomic`
//! pipeline, or block around the stages, keeps their locks.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::{
    Block, FailureHandler, HandlerVerdict, Program, RollbackScope, Stmt, StmtKind, WorkflowId,
};

pub(super) const RULE: Rule =
    Rule::new(codes::ROLLBACK_WITHOUT_LOCK, "rollback-without-lock", check).wide();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    for pipeline in &program.pipelines {
        let mut look = RollbackVisitor {
            context,
            program,
            seen: HashSet::new(),
            open: 0,
            found,
        };
        look.stmt(&pipeline.body, None);
    }
}

struct RollbackVisitor<'a, 'f> {
    context: &'a Context<'a>,
    program: &'a Program,
    /// The workflows that have been visited, and whether something had been freed then.
    seen: HashSet<(WorkflowId, bool)>,
    open: u32,
    found: &'f mut Vec<Diagnostic>,
}

impl RollbackVisitor<'_, '_> {
    /// Visits a statement. `freed` is the stage before it that has given back its infrastructures;
    /// returns the one that has after it.
    fn stmt(&mut self, stmt: &Stmt, freed: Option<Span>) -> Option<Span> {
        let inside = self.inside(stmt, freed);
        // A failure in the last stage is taken back under its own locks.
        for handler in &stmt.handlers.on_failure {
            self.handler(handler, inside.while_it_ran);
        }
        // What an atomic block keeps is free at its end.
        inside.after
    }

    fn inside(&mut self, stmt: &Stmt, freed: Option<Span>) -> Freed {
        if stmt.modifiers.atomic && !stmt.kind.holds_infrastructures() {
            let deploys = self.deploys(stmt);
            return Freed {
                while_it_ran: freed,
                after: freed.or(deploys.then_some(stmt.span)),
            };
        }
        match &stmt.kind {
            StmtKind::Stage { body, .. } => {
                let while_it_ran = self.block(body, freed).while_it_ran;
                let after = freed.or(self.deploys(stmt).then_some(stmt.span));
                Freed {
                    while_it_ran,
                    after,
                }
            }
            StmtKind::Call(using) => self.workflow(using.workflow, freed),
            StmtKind::Deploy { .. } => {
                for workflow in self.context.effects.deployers(stmt) {
                    self.workflow(workflow, freed);
                }
                Freed::same(freed)
            }
            // To keep the locks would be to hold them while a person thinks, which is worse.
            StmtKind::Approve { .. } => Freed {
                while_it_ran: freed,
                after: None,
            },
            StmtKind::Parallel(body) => {
                // What goes on beside it may have ended, or not.
                let strands = body.stmts.iter().map(|stmt| self.stmt(stmt, freed));
                let strands: Vec<Option<Span>> = strands.collect();
                let after = freed.or(strands.into_iter().flatten().next());
                Freed {
                    while_it_ran: freed,
                    after,
                }
            }
            StmtKind::Matrix(_)
            | StmtKind::If { .. }
            | StmtKind::Block(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let mut all = Freed::same(freed);
                for block in stmt.bodies() {
                    let own = self.block(block, freed);
                    all.while_it_ran = all.while_it_ran.or(own.while_it_ran);
                    all.after = all.after.or(own.after);
                }
                all
            }
        }
    }

    fn block(&mut self, block: &Block, freed: Option<Span>) -> Freed {
        let mut now = Freed::same(freed);
        for stmt in &block.stmts {
            now.while_it_ran = now.after;
            now.after = self.stmt(stmt, now.after);
        }
        now
    }

    fn workflow(&mut self, id: WorkflowId, freed: Option<Span>) -> Freed {
        let program = self.program;
        let Some(workflow) = program.workflows.get(id.0 as usize) else {
            return Freed::same(freed);
        };
        // There is no recursion, but chains of calls may be long.
        if self.open > 200 || !self.seen.insert((id, freed.is_some())) {
            return Freed::same(freed);
        }
        self.open += 1;
        let all = self.block(&workflow.body, freed);
        self.open -= 1;
        all
    }

    fn deploys(&self, stmt: &Stmt) -> bool {
        stmt.kind.deploys()
            || stmt.bodies().into_iter().any(|block| {
                let mut stmts = block.stmts.iter();
                stmts.any(|stmt| self.deploys(stmt))
            })
    }

    fn handler(&mut self, handler: &FailureHandler, freed: Option<Span>) {
        let last = handler.body.stmts.last();
        let verdict = last.and_then(|stmt| stmt.kind.verdict());
        let (Some(last), Some(HandlerVerdict::Rollback(RollbackScope::Pipeline)), Some(freed)) =
            (last, verdict, freed)
        else {
            return;
        };
        let is_known = |it: &Diagnostic| {
            it.code == codes::ROLLBACK_WITHOUT_LOCK && it.span() == Some(last.span)
        };
        if self.found.iter().any(is_known) {
            return;
        }
        self.found.push(
            Diagnostic::warning(
                codes::ROLLBACK_WITHOUT_LOCK,
                last.span,
                "this takes back deployments whose locks are free by then",
            )
            .here("where another run has deployed since, nothing is taken back")
            .label(freed, "this has given back its infrastructures")
            .help(
                "make the pipeline `atomic`, or a block around these stages: it keeps them to its \
                 end, and needs no handler for the rollback",
            ),
        );
    }
}

/// What has given back its infrastructures.
#[derive(Debug, Clone, Copy)]
struct Freed {
    /// While the last part of it ran.
    while_it_ran: Option<Span>,
    /// After it.
    after: Option<Span>,
}

impl Freed {
    fn same(freed: Option<Span>) -> Self {
        Self {
            while_it_ran: freed,
            after: freed,
        }
    }
}
