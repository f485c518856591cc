//! `value-in-program`: a value in the code of a program with a language of its own (`awk`, `sed`,
//! `jq`, `python`, `psql`), which it could change.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::eval::{Expr, ExprKind, InterpolationPart};
use lockstep_lang::ir::CommandTemplate;
use lockstep_lang::ir::command::TextPart;
use lockstep_lang::ir::command::code::{Finding, Language, Reader, Use, findings, findings_fed};

pub(super) const RULE: Rule = Rule::new(codes::VALUE_IN_PROGRAM, "value-in-program", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |_, command| in_command(command, found));
}

fn in_command(command: &CommandTemplate, found: &mut Vec<Diagnostic>) {
    in_stdin(command, found);
    let values = (command.text.iter()).any(|part| matches!(part, TextPart::Value(_)));
    if !values {
        return;
    }
    let mut told: Vec<usize> = Vec::new();
    for finding in findings(&command.tree()) {
        let Use::Code(Language::Own(safe)) = finding.used else {
            continue;
        };
        let Some(TextPart::Value(value)) = command.text.get(finding.piece) else {
            continue;
        };
        // What is written out in the file is the author's own text.
        if matches!(value.kind, ExprKind::Const(_)) || told.contains(&finding.piece) {
            continue;
        }
        told.push(finding.piece);
        found.push(warning(&finding, value.span, safe));
    }
}

/// What a command reads from its standard input.
fn in_stdin(command: &CommandTemplate, found: &mut Vec<Diagnostic>) {
    let Some(stdin) = &command.stdin else {
        return;
    };
    let values = parts_with_values(stdin);
    if values.is_empty() {
        return;
    }
    let number = command.text.len();
    for finding in findings_fed(&command.tree(), number, None) {
        if let Use::Code(Language::Own(safe)) = finding.used
            && finding.piece == number
        {
            let warnings = values
                .iter()
                .map(|value| warning(&finding, value.span, safe));
            found.extend(warnings);
            return;
        }
    }
}

/// The values in a text, without what is the author's own text; a value on its own counts only
/// where it is a text that somebody gives.
fn parts_with_values(stdin: &Expr) -> Vec<&Expr> {
    let ExprKind::Interpolate(parts) = &stdin.kind else {
        return Vec::new();
    };
    let values = parts.iter().filter_map(|part| match part {
        InterpolationPart::Value(value) => Some(value),
        InterpolationPart::Text(_) => None,
    });
    values
        .filter(|value| !matches!(value.kind, ExprKind::Const(_)))
        .collect()
}

fn warning(finding: &Finding, span: Span, safe: &str) -> Diagnostic {
    let message = format!(
        "`{}` would read this value as part of its code",
        name(finding)
    );
    Diagnostic::warning(codes::VALUE_IN_PROGRAM, span, message)
        .here("can change what it does")
        .help(format!("give it as data: {safe}"))
}

fn name(finding: &Finding) -> &str {
    match &finding.reader {
        Reader::Program(name) | Reader::Input(name) | Reader::Setting(name) => name,
        Reader::Eval
        | Reader::Alias
        | Reader::Trap
        | Reader::Shell
        | Reader::File
        | Reader::Variable(_) => "the program",
    }
}
