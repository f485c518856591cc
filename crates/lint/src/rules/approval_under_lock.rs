//! `approval-under-lock`: an approval after the first deployment of its stage, or in a `lock`:
//! other runs wait for the lock until a person answers.

use std::collections::HashSet;

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Scope};
use lockstep_lang::ir::{Block, Program, Stmt, StmtKind, WorkflowId};

pub(super) const RULE: Rule =
    Rule::new(codes::APPROVAL_UNDER_LOCK, "approval-under-lock", check).wide();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        let mut look = ApprovalVisitor {
            context,
            program,
            scope,
            seen: HashSet::new(),
            open: 0,
            found,
        };
        for pipeline in &program.pipelines {
            look.stmt(&pipeline.body, HeldLocks::default());
        }
        for (at, workflow) in program.workflows.iter().enumerate() {
            if workflow.span.file == ROOT_FILE {
                look.workflow(WorkflowId(at as u32), HeldLocks::default());
            }
        }
    });
}

/// The locks that are held at a place.
#[derive(Debug, Clone, Copy, Default)]
struct HeldLocks {
    /// The first deployment of the stage.
    deployed: Option<Span>,
    /// The innermost `lock`.
    locked: Option<Span>,
}

struct ApprovalVisitor<'a, 'f> {
    context: &'a Context<'a>,
    program: &'a Program,
    scope: &'a dyn Scope,
    /// Workflows that have been visited, with what was held then.
    seen: HashSet<(WorkflowId, bool, bool)>,
    open: u32,
    found: &'f mut Vec<Diagnostic>,
}

impl ApprovalVisitor<'_, '_> {
    /// Visits a statement and returns what is held after it.
    fn stmt(&mut self, stmt: &Stmt, state: HeldLocks) -> HeldLocks {
        let after = match &stmt.kind {
            StmtKind::Approve { .. } => {
                self.approval(stmt.span, state);
                state
            }
            StmtKind::Stage { body, .. } => {
                // Its locks are its own; it releases them.
                let inner = HeldLocks {
                    deployed: None,
                    ..state
                };
                self.block(body, inner);
                state
            }
            StmtKind::Lock { body, .. } => {
                let inner = HeldLocks {
                    locked: Some(stmt.span),
                    ..state
                };
                let after = self.block(body, inner);
                HeldLocks {
                    deployed: after.deployed,
                    ..state
                }
            }
            StmtKind::Deploy { target, .. } => {
                if !self.is_exclusive(target) {
                    return state;
                }
                let deployed = state.deployed.or(Some(stmt.span));
                let state = HeldLocks { deployed, ..state };
                for workflow in self.context.effects.deployers(stmt) {
                    self.workflow(workflow, state);
                }
                state
            }
            StmtKind::Call(using) => self.workflow(using.workflow, state),
            StmtKind::Matrix(matrix) => {
                let after = self.block(&matrix.body, state);
                match (state.deployed, after.deployed) {
                    // The next cell starts after this one has deployed.
                    (None, Some(_)) => self.block(&matrix.body, after),
                    _ => after,
                }
            }
            StmtKind::Parallel(_) | StmtKind::If { .. } => {
                let mut after = state;
                for block in stmt.bodies() {
                    if stmt.kind.has_strands() {
                        for stmt in &block.stmts {
                            let own = self.stmt(stmt, state);
                            after.deployed = after.deployed.or(own.deployed);
                        }
                    } else {
                        let own = self.block(block, state);
                        after.deployed = after.deployed.or(own.deployed);
                    }
                }
                after
            }
            StmtKind::Block(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let blocks = stmt.bodies().into_iter();
                blocks.fold(state, |state, block| self.block(block, state))
            }
        };
        for handler in &stmt.handlers.on_failure {
            self.block(&handler.body, after);
        }
        if let Some(always) = &stmt.handlers.always {
            self.block(always, after);
        }
        after
    }

    fn block(&mut self, block: &Block, state: HeldLocks) -> HeldLocks {
        let stmts = block.stmts.iter();
        stmts.fold(state, |state, stmt| self.stmt(stmt, state))
    }

    fn workflow(&mut self, id: WorkflowId, state: HeldLocks) -> HeldLocks {
        let key = (id, state.deployed.is_some(), state.locked.is_some());
        let program = self.program;
        let Some(workflow) = program.workflows.get(id.0 as usize) else {
            return state;
        };
        // There is no recursion, but chains of calls may be long.
        let is_new = self.seen.insert(key);
        if !is_new || self.open > 200 {
            return state;
        }
        self.open += 1;
        let after = self.block(&workflow.body, state);
        self.open -= 1;
        HeldLocks {
            deployed: after.deployed,
            ..state
        }
    }

    /// Whether deploying there holds a lock, as far as it is known.
    fn is_exclusive(&self, target: &Expr) -> bool {
        let Some(place @ Value::Infrastructure(_)) = target.as_const() else {
            return true;
        };
        let field = self
            .scope
            .field(place, &Name::from("exclusive"), target.span);
        !matches!(field, Ok(Value::Bool(false)))
    }

    fn approval(&mut self, span: Span, state: HeldLocks) {
        let finding = match (state.deployed, state.locked) {
            (Some(deployed), _) => Diagnostic::warning(
                codes::APPROVAL_UNDER_LOCK,
                span,
                "this approval comes after the first deployment of its stage",
            )
            .here("the stage's infrastructures may stay locked until somebody answers")
            .label(deployed, "they are locked here")
            .help("ask before the stage deploys, or end the stage and ask between two stages"),
            (None, Some(lock)) => Diagnostic::warning(
                codes::APPROVAL_UNDER_LOCK,
                span,
                "this approval is asked while a lock is held",
            )
            .here("others wait for the lock until somebody answers")
            .label(lock, "the lock")
            .help("ask before taking the lock"),
            (None, None) => return,
        };
        let is_known =
            |it: &Diagnostic| it.code == codes::APPROVAL_UNDER_LOCK && it.span() == Some(span);
        if !self.found.iter().any(is_known) {
            self.found.push(finding);
        }
    }
}
