//! `repeated-name`: a step or stage with the name of another one in the same step or stage, so that
//! reports distinguish the two nodes only by a number.

use std::collections::HashMap;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{Block, Ident, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::REPEATED_NAME, "repeated-name", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (_, block) in context.items().iter().flat_map(tree::item_blocks) {
        let mut seen = HashMap::new();
        in_block(block, &mut seen, found);
    }
}

type SeenNames<'a> = HashMap<&'a Name, Span>;

fn in_block<'a>(block: &'a Block, seen: &mut SeenNames<'a>, found: &mut Vec<Diagnostic>) {
    let mut own: Vec<&Name> = Vec::new();
    for stmt in &block.stmts {
        if let StmtKind::Step { name, .. } | StmtKind::Stage { name, .. } = &stmt.kind {
            match seen.get(&name.name) {
                // Twice in one block is a compile error.
                Some(_) if own.contains(&&name.name) => {}
                Some(first) => found.push(repeated(name, *first)),
                None => drop(seen.insert(&name.name, name.span)),
            }
            own.push(&name.name);
        }
        let is_if = matches!(stmt.kind, StmtKind::If { .. });
        let is_named = matches!(stmt.kind, StmtKind::Step { .. } | StmtKind::Stage { .. });
        let before = seen.clone();
        for stmt in [Some(stmt), tree::effect(stmt)].into_iter().flatten() {
            for (_, block) in tree::blocks(stmt) {
                match (is_named, is_if) {
                    // Its own name distinguishes what is in it from everything else.
                    (true, _) => in_block(block, &mut HashMap::new(), found),
                    // Only one of the branches is taken.
                    (_, true) => in_block(block, &mut before.clone(), found),
                    _ => in_block(block, seen, found),
                }
            }
        }
    }
}

fn repeated(name: &Ident, first: Span) -> Diagnostic {
    let message = format!("`{}` is the name of another step already", name.name);
    Diagnostic::warning(codes::REPEATED_NAME, name.span, message)
        .here("reports call it the same")
        .label(first, "the other one")
        .help("give it a name of its own, by which reports and `NAME.field` can tell them apart")
}
