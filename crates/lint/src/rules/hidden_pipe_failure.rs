//! `hidden-pipe-failure`: a command inside a pipe whose failure `sh` does not see.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::shell::{self, cannot_fail};
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::command::{Pipeline, ShellCommand, ShellForm};
use lockstep_lang::ir::{CommandTemplate, Stmt};
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::HIDDEN_PIPE_FAILURE, "hidden-pipe-failure", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |stmt, command| {
        found.extend(in_command(context, stmt, command));
    });
}

fn in_command(context: &Context<'_>, stmt: &Stmt, command: &CommandTemplate) -> Option<Diagnostic> {
    if !shell::is_sh(command) {
        return None;
    }
    let script = command.tree();
    let mut pipelines = shell::pipelines(&script).into_iter();
    let name = pipelines.find_map(|found| hidden(found.pipeline))?;
    let written = context.written(stmt).map(|stmt| &stmt.kind);
    let literal = match written {
        Some(ast::StmtKind::Run(run)) => run.command.span,
        _ => stmt.span,
    };
    let span = line(context, literal, &name).unwrap_or(stmt.span);
    let message = match name.is_empty() {
        true => String::from("if the part in brackets fails inside the pipe, nobody notices"),
        false => format!("if `{name}` fails inside the pipe, nobody notices"),
    };
    let finding = Diagnostic::warning(codes::HIDDEN_PIPE_FAILURE, span, message)
        .here("`sh` looks at the last command of a pipe only")
        .help("write `using bash`, which stops when any part of a pipe fails");
    match written {
        Some(ast::StmtKind::Run(run)) if run.using.is_none() => {
            let command = run.command.span;
            let end = Span {
                start: command.end,
                ..command
            };
            Some(finding.fix("run it with bash", end, " using bash"))
        }
        _ => Some(finding),
    }
}

/// The line of a long command that holds this program and a pipe.
fn line(context: &Context<'_>, literal: Span, name: &str) -> Option<Span> {
    let text = context.text(literal);
    let mut at = literal.start as usize;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let piped = trimmed
            .find(name)
            .is_some_and(|from| trimmed[from..].contains('|'));
        if piped && text.contains('\n') {
            let start = at + (line.len() - line.trim_start().len());
            return Some(Span::new(literal.file, start, start + trimmed.len()));
        }
        at += line.len();
    }
    None
}

/// The first command of a pipe whose failure goes unnoticed.
fn hidden(pipeline: &Pipeline) -> Option<String> {
    let (last, others) = pipeline.commands.split_last()?;
    let has = |option: &str| shell::words(last).iter().any(|word| word.text == option);
    // These fail themselves when nothing comes through the pipe.
    let notices = match shell::name(last) {
        Some("grep" | "egrep" | "fgrep") => !has("-v") && !has("-c"),
        Some("jq") => has("-e"),
        _ => false,
    };
    let may_fail = others.iter().find(|command| !is_guarded(command))?;
    (!notices).then(|| shell::name(may_fail).unwrap_or_default().to_string())
}

/// Whether a command, or the last one in its brackets, never fails.
fn is_guarded(command: &ShellCommand) -> bool {
    match &command.form {
        ShellForm::Simple(words) => {
            words.is_empty() || shell::name(command).is_some_and(cannot_fail)
        }
        ShellForm::Group(list) => {
            let last = list.last().and_then(|pipeline| pipeline.commands.last());
            last.and_then(shell::name).is_some_and(cannot_fail)
        }
        ShellForm::Compound(_) => false,
    }
}
