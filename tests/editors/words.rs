//! The grammars for editors have the same keywords and operators as the language.

use std::collections::BTreeSet;

use lockstep_syntax::words;
use pest_meta::ast::Expr;
use pest_meta::parser::{self, Rule};
use serde_json::Value;

const DEFINITION: &str = include_str!("../../grammar/deploy.pest");
const TREE_SITTER: &str = include_str!("../../editors/tree-sitter-deploy/src/grammar.json");
const SCANNER: &str = include_str!("../../editors/tree-sitter-deploy/src/scanner.c");
const TEXT_MATE: &str = include_str!("../../editors/vscode/syntaxes/deploy.tmLanguage.json");
const VIM: &str = include_str!("../../editors/vim/syntax/deploy.vim");

type Set = BTreeSet<String>;

/// All keywords of the language.
fn language_words() -> Set {
    words::all().map(String::from).collect()
}

/// The operators of a grammar rule; lookaheads do not count.
fn signs_of(expr: &Expr, found: &mut Set) {
    match expr {
        Expr::Str(text) if text.bytes().all(|byte| byte.is_ascii_punctuation()) => {
            found.insert(text.clone());
        }
        Expr::Range(from, to) => {
            let (Some(from), Some(to)) = (from.chars().next(), to.chars().next()) else {
                return;
            };
            let signs = (from..=to).filter(char::is_ascii_punctuation);
            found.extend(signs.map(String::from));
        }
        Expr::Seq(left, right) | Expr::Choice(left, right) => {
            signs_of(left, found);
            signs_of(right, found);
        }
        Expr::Opt(inner) | Expr::Rep(inner) | Expr::RepOnce(inner) => signs_of(inner, found),
        _ => {}
    }
}

/// All operators of the language except those of strings and comments, from its grammar.
fn language_signs() -> Set {
    let pairs = parser::parse(Rule::grammar_rules, DEFINITION).expect("a valid grammar");
    let rules = parser::consume_rules(pairs).expect("a valid grammar");
    let inside_of_words = [
        "t",
        "comment",
        "letter",
        "within",
        "k",
        "kk",
        "ident",
        "number",
        "string",
        "text",
        "long_text",
        "escape",
        "interpolation",
        "tree",
        "word",
        "keyword_start",
    ];
    let mut found = Set::new();
    for rule in &rules {
        // What a rule named `bad_…` reads is only reported.
        let is_reported = rule.name.starts_with("bad_");
        if !is_reported && !inside_of_words.contains(&rule.name.as_str()) {
            signs_of(&rule.expr, &mut found);
        }
    }
    found.retain(|sign| !sign.is_empty() && !sign.starts_with(['"', '\'']));
    found
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The literals of a tree-sitter rule, and the names of the scanner's tokens.
fn literals(rule: &Value, found: &mut Set) {
    match rule {
        Value::Object(object) => {
            let is = |kind: &str| object.get("type").and_then(Value::as_str) == Some(kind);
            let value = object.get("value").and_then(Value::as_str);
            let is_sign = object.get("named") == Some(&Value::Bool(false));
            if let (true, Some(value)) = (is("STRING") || (is("ALIAS") && is_sign), value) {
                found.extend(value.split(' ').map(String::from));
            }
            object.values().for_each(|inner| literals(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| literals(inner, found)),
        _ => {}
    }
}

#[test]
fn tree_sitter_has_the_words_and_signs_of_the_language() {
    let grammar: Value = serde_json::from_str(TREE_SITTER).expect("valid JSON");
    let mut found = Set::new();
    literals(&grammar["rules"], &mut found);
    // In `given deployed(…)` it is the name of the function.
    found.remove("deployed");
    let (words, signs): (Set, Set) = found.into_iter().partition(|text| is_word(text));
    assert_eq!(words, language_words());
    // The delimiters of strings are tokens of the scanner.
    let strings = ["\"", "${"].map(String::from);
    assert_eq!(signs, language_signs().into_iter().chain(strings).collect());
}

/// The quoted words in a list of the scanner.
fn scanner_list(name: &str) -> Set {
    let (_, list) = SCANNER
        .split_once(&format!("{name}[] = {{"))
        .expect("the list");
    let (list, _) = list.split_once("};").expect("its end");
    let words = list.split('"').skip(1).step_by(2);
    words.map(String::from).collect()
}

/// The keywords of a rule of the grammar, and of the rules that it refers to.
fn words_of(rule: &str) -> Set {
    let pairs = parser::parse(Rule::grammar_rules, DEFINITION).expect("a valid grammar");
    let rules = parser::consume_rules(pairs).expect("a valid grammar");
    let rule = rules
        .iter()
        .find(|other| other.name == rule)
        .expect("a rule");
    let mut found = Set::new();
    fn walk(expr: &Expr, found: &mut Set) {
        match expr {
            Expr::Str(text) => _ = found.insert(text.clone()),
            Expr::Seq(left, right) | Expr::Choice(left, right) => {
                walk(left, found);
                walk(right, found);
            }
            Expr::Opt(inner) | Expr::Rep(inner) | Expr::RepOnce(inner) => walk(inner, found),
            _ => {}
        }
    }
    walk(&rule.expr, &mut found);
    found
}

#[test]
fn the_scanner_knows_which_words_are_names_before_a_bracket() {
    // In the grammar these are followed by `kk`; of a scope there is only a lookahead for `stage`.
    let mut wanted = Set::new();
    for line in DEFINITION.lines() {
        for (at, _) in line.match_indices("\" ~ kk") {
            let word = line[..at].rsplit('"').next().unwrap_or("");
            wanted.insert(String::from(word));
        }
    }
    wanted.remove("pipeline");
    let known = scanner_list("WORDS");
    assert_eq!(known, wanted);
    // Those that never follow a `return` without a value.
    let never: Set = known.difference(&words_of("stmt_word")).cloned().collect();
    assert_eq!(scanner_list("NEVER"), never);
}

/// The words of a regular expression with alternatives and lookarounds.
fn words_in(pattern: &str) -> Set {
    let mut bare = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '\\' if rest.starts_with("\\p{") => rest.find('}').map_or(rest.len(), |at| at + 1),
            '\\' => 2,
            '[' => rest.find(']').map_or(rest.len(), |at| at + 1),
            _ => 0,
        };
        bare.push(if skipped == 0 { c } else { ' ' });
        rest = &rest[skipped.max(c.len_utf8())..];
    }
    let words = bare.split(|c: char| !c.is_ascii_lowercase());
    words
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect()
}

/// The patterns of a section of the TextMate grammar.
fn section(grammar: &Value, name: &str) -> Vec<String> {
    let patterns = grammar["repository"][name]["patterns"].as_array();
    let patterns = patterns.unwrap_or_else(|| panic!("no section {name}"));
    let texts = patterns.iter().filter_map(|pattern| {
        let text = pattern.get("match").or_else(|| pattern.get("begin"))?;
        text.as_str().map(String::from)
    });
    texts.collect()
}

/// The alternatives of a pattern of operators.
fn alternatives(pattern: &str) -> Set {
    let mut found = Set::new();
    let mut sign = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => _ = found.insert(std::mem::take(&mut sign)),
            '\\' => sign.extend(chars.next()),
            _ => sign.push(c),
        }
    }
    found.insert(sign);
    found
}

#[test]
fn text_mate_has_the_words_and_signs_of_the_language() {
    let grammar: Value = serde_json::from_str(TEXT_MATE).expect("valid JSON");
    let words: Set = ["commands", "declarations", "keywords"]
        .iter()
        .flat_map(|name| section(&grammar, name))
        .flat_map(|pattern| words_in(&pattern))
        .collect();
    assert_eq!(words, language_words());
    let signs: Set = ["operators", "punctuation"]
        .iter()
        .flat_map(|name| section(&grammar, name))
        .flat_map(|pattern| alternatives(&pattern))
        .collect();
    assert_eq!(signs, language_signs());
}

#[test]
fn vim_has_the_words_and_signs_of_the_language() {
    let mut words = Set::new();
    let mut signs = Set::new();
    for line in VIM.lines() {
        if let Some(list) = line.strip_prefix("syntax keyword ") {
            words.extend(list.split(' ').skip(1).map(String::from));
        } else if line.starts_with("syntax match ") && line.contains("\"\\v") {
            for (at, start) in line.match_indices("<%(") {
                let (list, _) = line[at + start.len()..].split_once('>').expect("an end");
                let list = list.replace("%(", " ").replace("\\s", " ");
                let list = list.split(|c: char| !c.is_ascii_lowercase());
                words.extend(list.filter(|word| !word.is_empty()).map(String::from));
            }
        } else if line.starts_with("syntax match deployOperator \"")
            || line.starts_with("syntax match deployDelimiter \"")
        {
            let (_, list) = line.split_once('"').expect("a pattern");
            let list = list.trim_end_matches('"').replace("\\|", "\n");
            signs.extend(list.split('\n').map(|sign| sign.replace('\\', "")));
        }
    }
    assert_eq!(words, language_words());
    assert_eq!(signs, language_signs());
}
