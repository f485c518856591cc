//! `undocumented-input`: an input without a `##` line that documents it for callers. Off by
//! default, since a name may say enough.

use super::super::config::Level;
use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::ItemKind;

pub(super) const RULE: Rule = Rule::new(codes::UNDOCUMENTED_INPUT, "undocumented-input", check)
    .needs(RuleInput::Syntax)
    .at(Level::Off);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for item in context.items() {
        if let (ItemKind::Input { name, .. }, None) = (&item.kind, &item.doc) {
            let message = format!("input `{}` is not documented", name.name);
            found.push(
                Diagnostic::warning(codes::UNDOCUMENTED_INPUT, name.span, message)
                    .here("callers see its name only")
                    .help("say what it is in a line above it that begins with `##`"),
            );
        }
    }
}
