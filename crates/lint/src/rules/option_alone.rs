//! `option-alone`: a line of a command that begins with an option, and so is a command of its own:
//! the line before it ends without a backslash.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::shell;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::command::{Form, ShellWord};
use lockstep_lang::ir::{CommandTemplate, Stmt};
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::OPTION_ALONE, "option-alone", check);

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
    let mut commands = all.iter().flat_map(|found| &found.pipeline.commands);
    let option = commands.find_map(|command| shell::words(command).first().filter(is_option))?;
    let span = match context.written(stmt).map(|stmt| &stmt.kind) {
        Some(ast::StmtKind::Run(run)) => run.command.span,
        _ => stmt.span,
    };
    let span = line_of(context, span, &option.text).unwrap_or(span);
    let message = format!("`{}` is executed as a command of its own", option.text);
    Some(
        Diagnostic::warning(codes::OPTION_ALONE, span, message)
            .here("its line begins with an option, and the line before it has ended the command")
            .help("end the line before it with `\\\\`, or put both on one line"),
    )
}

/// Whether a word is an option: no program is called so.
fn is_option(word: &&ShellWord) -> bool {
    let rest = word.text.strip_prefix('-');
    rest.is_some_and(|rest| rest.starts_with(|c: char| c == '-' || c.is_alphabetic()))
}

/// The first line of a command that begins with this word.
fn line_of(context: &Context<'_>, command: Span, word: &str) -> Option<Span> {
    let text = &context.source()?.text;
    let mut at = command.start as usize;
    for line in text.get(command.range())?.split_inclusive('\n') {
        let written = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        let rest = written.strip_prefix(word);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '"'])) {
            return Some(Span::new(command.file, start, start + written.len()));
        }
        at += line.len();
    }
    None
}
