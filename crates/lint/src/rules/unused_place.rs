//! `unused-place`: an infrastructure with a connection, of a kind whose deployments never run
//! anything there.

use super::super::context::{Context, ROOT_FILE};
use super::super::places::{connection_elsewhere, deploying};
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::visit::{Child, children};
use lockstep_lang::ir::{Program, Stmt, StmtKind, WorkflowId};

pub(super) const RULE: Rule = Rule::new(codes::UNUSED_PLACE, "unused-place", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    for infrastructure in &program.infrastructures {
        let Some(connect) = connection_elsewhere(infrastructure) else {
            continue;
        };
        if connect.span.file != ROOT_FILE {
            continue;
        }
        let mut seen = Vec::new();
        let mut runs = Runs::default();
        for id in deploying(program, infrastructure.kind) {
            runs.add(runs_of(program, id, &mut seen));
        }
        // Where nothing is done at all, nothing is done at a wrong place.
        if runs.there || !runs.elsewhere {
            continue;
        }
        found.push(
            Diagnostic::warning(
                codes::UNUSED_PLACE,
                connect.span,
                format!(
                    "no deployment to `{}` runs anything there",
                    infrastructure.name
                ),
            )
            .here("this connection is never used by one")
            .help(
                "commands run there unless `on local()` stands behind them; leave `connect` out \
                 where all is done from here",
            ),
        );
    }
}

/// What a workflow runs, at the place that it is called for and elsewhere.
#[derive(Debug, Clone, Copy, Default)]
struct Runs {
    there: bool,
    elsewhere: bool,
}

impl Runs {
    fn add(&mut self, more: Self) {
        self.there |= more.there;
        self.elsewhere |= more.elsewhere;
    }
}

fn runs_of(program: &Program, id: WorkflowId, seen: &mut Vec<WorkflowId>) -> Runs {
    let mut runs = Runs::default();
    if !seen.contains(&id) {
        seen.push(id);
        let workflow = program.workflows.get(id.0 as usize);
        let stmts = workflow.iter().flat_map(|it| &it.body.stmts);
        stmts.for_each(|stmt| runs.add(runs_of_stmt(program, stmt, seen)));
    }
    runs
}

fn runs_of_stmt(program: &Program, stmt: &Stmt, seen: &mut Vec<WorkflowId>) -> Runs {
    let mut runs = Runs::default();
    if let StmtKind::Run(command) = &stmt.kind {
        runs.there = command.on.is_none();
        runs.elsewhere = command.on.is_some();
    } else if let StmtKind::Action { .. } = &stmt.kind {
        runs.elsewhere = true;
    } else if let StmtKind::Call(call) = &stmt.kind {
        runs = runs_of(program, call.workflow, seen);
    }
    let mut inside = Vec::new();
    children(stmt, &mut |child| match child {
        Child::Body(block) | Child::Handler(block) => inside.push(block),
        Child::Expr(_) => {}
    });
    for inner in inside.iter().flat_map(|block| &block.stmts) {
        runs.add(runs_of_stmt(program, inner, seen));
    }
    // What is in it runs elsewhere.
    if matches!(stmt.kind, StmtKind::On { .. }) && runs.there {
        runs = Runs {
            there: false,
            elsewhere: true,
        };
    }
    runs
}
