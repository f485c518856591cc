//! `forgeable-output`: a value that is written to `$LOCKSTEP_OUTPUT` as `key=value`, where a line
//! end in it begins another output.

use super::super::context::Context;
use super::super::rule::Rule;
use super::super::shell;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::eval::ExprKind;
use lockstep_lang::ir::CommandTemplate;
use lockstep_lang::ir::command::{ShellCommand, ShellWord, TextPart, VALUE};

pub(super) const RULE: Rule = Rule::new(codes::FORGEABLE_OUTPUT, "forgeable-output", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    walk::commands(context, &mut |_, command| in_command(command, found));
}

fn in_command(command: &CommandTemplate, found: &mut Vec<Diagnostic>) {
    let mentions = |name: &str| {
        let mut texts = command.text.iter();
        texts.any(|part| matches!(part, TextPart::Text(text) if text.contains(name)))
    };
    // Who uses the delimiter knows what it is for.
    if !mentions("LOCKSTEP_OUTPUT") || mentions("LOCKSTEP_END") {
        return;
    }
    let script = command.tree();
    for piped in shell::pipelines(&script) {
        let writes = piped.pipeline.commands.iter().any(writes_outputs);
        if !writes {
            continue;
        }
        let words = piped.pipeline.commands.iter().flat_map(values);
        for word in words.filter(|word| is_line(word)) {
            let Some(TextPart::Value(value)) =
                word.values.first().and_then(|at| command.text.get(*at))
            else {
                continue;
            };
            if matches!(value.kind, ExprKind::Const(_)) {
                continue;
            }
            let message = "a line end in this value would begin another output";
            found.push(
                Diagnostic::warning(codes::FORGEABLE_OUTPUT, value.span, message)
                    .here("written to `$LOCKSTEP_OUTPUT` as it is")
                    .help(
                        "write it between two lines `$LOCKSTEP_END`: `key<<$LOCKSTEP_END`, the \
                         value, `$LOCKSTEP_END`",
                    ),
            );
            return;
        }
    }
}

/// Whether a command writes to the file of the outputs.
fn writes_outputs(command: &ShellCommand) -> bool {
    let outputs = |word: &ShellWord| word.text.contains("LOCKSTEP_OUTPUT");
    let redirected =
        (command.redirections.iter()).any(|it| it.operator.contains('>') && outputs(&it.target));
    redirected || (shell::name(command) == Some("tee") && shell::words(command).iter().any(outputs))
}

/// The words of a command, and its here-documents.
fn values(command: &ShellCommand) -> impl Iterator<Item = &ShellWord> {
    let documents = command.documents.iter().map(|document| &document.body);
    shell::words(command).iter().skip(1).chain(documents)
}

/// Whether a word holds a value.
fn is_line(word: &ShellWord) -> bool {
    !word.values.is_empty() || word.text.contains(VALUE)
}
