//! `place-in-text`: an environment or infrastructure that is named in a string, where the compiler
//! cannot check it.

use std::collections::HashMap;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{
    BinaryOp, Expr, ExprKind, Item, ItemKind, Run, Stmt, StmtKind, StringPart,
};

pub(super) const RULE: Rule =
    Rule::new(codes::PLACE_IN_TEXT, "place-in-text", check).needs(RuleInput::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut look = TextVisitor {
        places: places(context.items()),
        found,
    };
    if look.places.is_empty() {
        return;
    }
    for item in context.items() {
        match item.kind {
            // Their fields hold external names; a test names paths.
            ItemKind::Environment(_) | ItemKind::Test { .. } | ItemKind::Input { .. } => continue,
            _ => tree::item_exprs(item)
                .into_iter()
                .for_each(|it| look.expr(it)),
        }
        for (_, block) in tree::item_blocks(item) {
            tree::each_stmt(block, &mut |stmt| look.stmt(stmt));
        }
    }
}

/// The names of environments and the full names of infrastructures, with their spans.
fn places(items: &[Item]) -> HashMap<Name, Span> {
    let mut places = HashMap::new();
    for item in items {
        let ItemKind::Environment(environment) = &item.kind else {
            continue;
        };
        let name = &environment.name;
        places.insert(name.name.clone(), name.span);
        for place in &environment.infrastructures {
            let full = format!("{}.{}", name.name, place.name.name);
            places.insert(Name::from(full), place.name.span);
        }
    }
    places
}

struct TextVisitor<'f> {
    places: HashMap<Name, Span>,
    found: &'f mut Vec<Diagnostic>,
}

impl TextVisitor<'_> {
    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Run(run) => self.command(run),
            StmtKind::Lock { resource, .. } => match &tree::bare(resource).kind {
                ExprKind::List(names) => names.iter().for_each(|it| self.whole(it, true, "lock")),
                _ => self.whole(resource, true, "lock"),
            },
            StmtKind::Barrier { key: Some(key), .. } => self.whole(key, true, "key"),
            // The approver is not an infrastructure.
            StmtKind::Approve { question, .. } => return self.expr(question),
            _ => {}
        }
        tree::exprs(stmt).into_iter().for_each(|it| self.expr(it));
    }

    /// Comparisons with a string that names an infrastructure or environment.
    fn expr(&mut self, expr: &Expr) {
        tree::each_expr(expr, &mut |part| {
            let ExprKind::Binary(BinaryOp::Eq | BinaryOp::Ne | BinaryOp::In, _, left, right) =
                &part.kind
            else {
                return;
            };
            for side in [left, right] {
                match &tree::bare(side).kind {
                    ExprKind::List(items) => {
                        items
                            .iter()
                            .for_each(|item| self.whole(item, true, "comparison"));
                    }
                    _ => self.whole(side, true, "comparison"),
                }
            }
        });
    }

    /// A string that is exactly the name of an infrastructure or environment.
    fn whole(&mut self, expr: &Expr, environments: bool, what: &str) {
        let ExprKind::String(literal) = &tree::bare(expr).kind else {
            return;
        };
        let Some(text) = literal.plain() else { return };
        if environments || text.contains('.') {
            self.report(&text, literal.span, what);
        }
    }

    /// The full name of an infrastructure as a word of a command.
    fn command(&mut self, run: &Run) {
        for part in &run.command.parts {
            let StringPart::Text { text, span } = part else {
                continue;
            };
            let words = text.split(|char: char| {
                !(char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | '/' | ':' | '@'))
            });
            for word in words.filter(|word| word.contains('.')) {
                self.report(word, *span, "command");
            }
        }
    }

    fn report(&mut self, text: &str, span: Span, what: &str) {
        let Some(declared) = self.places.get(text) else {
            return;
        };
        let sort = if text.contains('.') {
            "infrastructure"
        } else {
            "environment"
        };
        let help = match what {
            "comparison" => format!(
                "compare with `{text}` itself: a rename or a typo is an error then, and not a \
                 comparison that never holds"
            ),
            "lock" | "key" => {
                format!("write `{text}.name` without quotes: a rename or a typo is an error then")
            }
            _ => format!("write `${{{text}.name}}`: a rename or a typo is an error then"),
        };
        let message = format!("{sort} `{text}` is named in a text");
        let finding = Diagnostic::warning(codes::PLACE_IN_TEXT, span, message)
            .here("it is not checked that it exists")
            .label(*declared, "declared here")
            .help(help);
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }
}
