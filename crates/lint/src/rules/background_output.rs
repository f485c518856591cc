//! `background-output`: a process that is left in the background writes to the output of its
//! command.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::shell::{self, Found};
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::command::{Form, ShellForm};
use lockstep_lang::ir::{CommandTemplate, Stmt};
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::BACKGROUND_OUTPUT, "background-output", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |stmt, command| {
        found.extend(in_command(context, stmt, command));
    });
}

fn in_command(context: &Context<'_>, stmt: &Stmt, command: &CommandTemplate) -> Option<Diagnostic> {
    if !matches!(command.form, Form::Shell { .. }) {
        return None;
    }
    let script = command.tree();
    let all = shell::pipelines(&script);
    // It waits for its children, so that none is left; or its own output goes elsewhere.
    let is_settled = all.iter().any(|found| waits(found) || redirects_all(found));
    if is_settled {
        return None;
    }
    let left = (all.iter()).find(|found| found.pipeline.background && !found.captured)?;
    let last = left.pipeline.commands.last()?;
    if shell::redirected(last) {
        return None;
    }
    let span = match context.written(stmt).map(|stmt| &stmt.kind) {
        Some(ast::StmtKind::Run(run)) => run.command.span,
        _ => stmt.span,
    };
    let message = match shell::name(last) {
        Some(name) => format!("`{name}` is left in the background with the output of this command"),
        None => String::from("a part is left in the background with the output of this command"),
    };
    Some(
        Diagnostic::warning(codes::BACKGROUND_OUTPUT, span, message)
            .here("what it writes later is shown under a command that has ended, or is lost")
            .help("write its output to a file, as in `>server.log 2>&1 &`, or end with `wait`"),
    )
}

fn waits(found: &Found<'_>) -> bool {
    (found.pipeline.commands.iter()).any(|command| shell::name(command) == Some("wait"))
}

/// Whether it is `exec >file`, which holds for all that follows.
fn redirects_all(found: &Found<'_>) -> bool {
    found.pipeline.commands.iter().any(|command| {
        let is_exec = match &command.form {
            ShellForm::Simple(words) => words.len() == 1 && shell::name(command) == Some("exec"),
            ShellForm::Group(_) | ShellForm::Compound(_) => false,
        };
        is_exec && shell::redirected(command)
    })
}
