//! The keyword lists match the grammar.

use std::collections::BTreeSet;

use pest_meta::ast::Expr;
use pest_meta::parser::{self, Rule};

use crate::words;

const GRAMMAR: &str = include_str!("../../grammar/deploy.pest");

/// The literals of a rule that are words.
fn literals(expr: &Expr, found: &mut BTreeSet<String>) {
    match expr {
        Expr::Str(text) | Expr::Insens(text)
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase()) =>
        {
            found.insert(text.clone());
        }
        Expr::Seq(left, right) | Expr::Choice(left, right) => {
            literals(left, found);
            literals(right, found);
        }
        Expr::PosPred(inner)
        | Expr::NegPred(inner)
        | Expr::Opt(inner)
        | Expr::Rep(inner)
        | Expr::RepOnce(inner) => literals(inner, found),
        _ => {}
    }
}

#[test]
fn every_word_of_the_grammar_is_in_a_list_and_the_other_way_round() {
    let pairs = parser::parse(Rule::grammar_rules, GRAMMAR).expect("the grammar is valid");
    let rules = parser::consume_rules(pairs).expect("the grammar is valid");
    let mut found = BTreeSet::new();
    for rule in &rules {
        literals(&rule.expr, &mut found);
    }
    let mut listed: BTreeSet<String> = words::all().map(String::from).collect();
    // These are read as names and distinguished when they are lowered.
    for literal in ["true", "false"] {
        listed.remove(literal);
    }
    // In `given deployed(…)` it is the name of the function.
    found.remove("deployed");
    assert_eq!(found, listed);
}
