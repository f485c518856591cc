//! `raw-interpolation`: `${name}` in a raw text, where `name` is a name of the file. In a command
//! it is fine where the command is given such a variable, or sets one.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::{Rule, RuleInput};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_syntax::ast::{RecordKey, Run, StringLit};
use lockstep_syntax::visit::{self, Visit};

pub(super) const RULE: Rule =
    Rule::new(codes::RAW_INTERPOLATION, "raw-interpolation", check).needs(RuleInput::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut look = RawTexts {
        context,
        found,
        variables: Vec::new(),
    };
    for item in context.items() {
        look.visit_item(item);
    }
}

struct RawTexts<'c, 'f> {
    context: &'c Context<'c>,
    found: &'f mut Vec<Diagnostic>,
    /// The variables of the command around.
    variables: Vec<String>,
}

impl<'a> Visit<'a> for RawTexts<'_, '_> {
    fn visit_run(&mut self, run: &'a Run) {
        let given = run.variables().iter().filter_map(|(key, _)| match key {
            RecordKey::Name(name) => Some(name.name.to_string()),
            RecordKey::String(text) => text.plain().map(|text| text.to_string()),
        });
        self.variables = given.collect();
        let text = run.command.plain().unwrap_or_default();
        self.variables.extend(set_in(&text));
        self.visit_string_lit(&run.command);
        self.variables.clear();
        run.dir.iter().for_each(|it| self.visit_expr(it));
        run.env.iter().for_each(|it| self.visit_variables(it));
        run.on.iter().for_each(|it| self.visit_expr(it));
    }

    fn visit_string_lit(&mut self, literal: &'a StringLit) {
        if literal.raw {
            self.raw(literal.span);
        }
        visit::walk_string_lit(self, literal);
    }
}

impl RawTexts<'_, '_> {
    fn raw(&mut self, literal: Span) {
        let text = self.context.source().map(|source| &source.text);
        let Some(text) = text.and_then(|text| text.get(literal.range())) else {
            return;
        };
        for (at, _) in text.match_indices("${") {
            let inside = &text[at + 2..];
            let Some(name) = inside.find('}').map(|end| inside[..end].trim()) else {
                continue;
            };
            let known = self.context.modules().find(ROOT_FILE, name).is_some();
            if !known || self.variables.iter().any(|it| it == name) {
                continue;
            }
            let start = literal.start as usize + at;
            let end = start + 2 + inside.find('}').map_or(0, |end| end + 1);
            let span = Span::new(literal.file, start, end);
            let message = format!("`${{{name}}}` stays as it is written: this is a raw text");
            self.found.push(
                Diagnostic::warning(codes::RAW_INTERPOLATION, span, message)
                    .here(format!("not the value of `{name}`"))
                    .help("write the text between `\"`; a command gets the value by `env { … }`"),
            );
        }
    }
}

/// The variables that a shell text sets: `name=…`, `for name`, `read name`.
fn set_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for word in text.split_whitespace() {
        if let Some((name, _)) = word.split_once('=') {
            found.push(name.to_owned());
        }
        if matches!(before, "for" | "read" | "-r" | "local" | "export") {
            found.push(word.trim_end_matches(';').to_owned());
        }
        before = word;
    }
    found
}
