//! `missing-undo`: a step of an atomic block that has no `undo` for a later failure. Steps whose
//! commands only read are not reported.

use std::collections::HashSet;

use super::super::context::{Context, ROOT_FILE};
use super::super::effects::Effects;
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{Block, Program, Stmt, StmtKind, WorkflowId};

pub(super) const RULE: Rule = Rule::new(codes::MISSING_UNDO, "missing-undo", check).wide();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    let mut reported = HashSet::new();
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            // If nothing at all can be rolled back, `atomic-without-undo` reports the block.
            if !stmt.modifiers.atomic || !context.effects.body(stmt).undo {
                return;
            }
            let mut look = UndoVisitor {
                effects: &context.effects,
                program,
                seen: HashSet::new(),
                steps: Vec::new(),
            };
            look.inside(stmt, false);
            for (name, step) in look.steps {
                if reported.insert(step) {
                    found.push(missing(&name, step, stmt.span));
                }
            }
        });
    });
}

struct UndoVisitor<'a> {
    effects: &'a Effects<'a>,
    program: &'a Program,
    /// The workflows that have been visited, with whether something may fail after them.
    seen: HashSet<(WorkflowId, bool)>,
    steps: Vec<(String, Span)>,
}

impl UndoVisitor<'_> {
    /// `after` is whether something may fail after this statement.
    fn stmt(&mut self, stmt: &Stmt, after: bool) {
        if stmt.handlers.undo.is_some() || stmt.handlers.no_undo.is_some() {
            return;
        }
        if let StmtKind::Step { name, body } = &stmt.kind {
            let sum = self.effects.block(body);
            if !sum.undo {
                if after && sum.acts {
                    self.steps.push((name.to_string(), stmt.span));
                }
                return;
            }
        }
        self.inside(stmt, after);
    }

    fn inside(&mut self, stmt: &Stmt, after: bool) {
        match &stmt.kind {
            StmtKind::Call(using) => self.workflow(using.workflow, after),
            StmtKind::Deploy { .. } => {
                for workflow in self.effects.deployers(stmt) {
                    self.workflow(workflow, after);
                }
            }
            StmtKind::Parallel(body) => {
                let fails = self.fails(body);
                let all = fails.iter().filter(|fails| **fails).count();
                for (stmt, own) in body.stmts.iter().zip(fails) {
                    let beside = all > usize::from(own);
                    self.stmt(stmt, after || beside);
                }
            }
            // Another cell may fail after this one has ended.
            StmtKind::Matrix(matrix) => {
                let after = after || self.effects.block(&matrix.body).fails;
                self.block(&matrix.body, after);
                if let Some(between) = &matrix.between {
                    self.block(&between.body, true);
                }
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => stmt
                .bodies()
                .into_iter()
                .for_each(|block| self.block(block, after)),
        }
    }

    fn block(&mut self, block: &Block, after: bool) {
        let mut after = after;
        let fails = self.fails(block);
        for (stmt, fails) in block.stmts.iter().zip(fails).rev() {
            self.stmt(stmt, after);
            after |= fails;
        }
    }

    /// For each statement of a block whether something in it can fail.
    fn fails(&self, block: &Block) -> Vec<bool> {
        let fails = block.stmts.iter().map(|stmt| self.effects.stmt(stmt).fails);
        fails.collect()
    }

    fn workflow(&mut self, id: WorkflowId, after: bool) {
        let program = self.program;
        if self.seen.insert((id, after))
            && let Some(workflow) = program.workflows.get(id.0 as usize)
        {
            self.block(&workflow.body, after);
        }
    }
}

fn missing(name: &str, step: Span, atomic: Span) -> Diagnostic {
    let message = format!("step `{name}` is not rolled back when something fails after it");
    Diagnostic::warning(codes::MISSING_UNDO, step, message)
        .here("it has no `undo`")
        .label(atomic, "`atomic`: all of this is rolled back together")
        .help(
            "write `undo { … }` after the step, or `undo none \"…\"` with the reason why it has no \
             way back",
        )
}
