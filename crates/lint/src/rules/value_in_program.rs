//! `value-in-program`: a value in the code of a program with a language of its own (`awk`, `sed`,
//! `jq`, `python`, `psql`), which it could change.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::eval::ExprKind;
use lockstep_lang::ir::CommandTemplate;
use lockstep_lang::ir::command::TextPart;
use lockstep_lang::ir::command::code::{Finding, Language, Reader, Use, findings};

pub(super) const RULE: Rule = Rule::new(codes::VALUE_IN_PROGRAM, "value-in-program", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |_, command| in_command(command, found));
}

fn in_command(command: &CommandTemplate, found: &mut Vec<Diagnostic>) {
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
        let message = format!(
            "`{}` would read this value as part of its code",
            name(&finding)
        );
        found.push(
            Diagnostic::warning(codes::VALUE_IN_PROGRAM, value.span, message)
                .here("can change what it does")
                .help(format!("give it as data: {safe}")),
        );
    }
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
