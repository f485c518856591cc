//! The tree-sitter grammar accepts the same texts as the program: a text has an error in the one
//! exactly if it has one in the other. The trees are not compared.

use lockstep_base::source::FileId;
use lockstep_syntax as syntax;
use tree_sitter::Parser;

use crate::format::{cases, file};
use crate::tidy::{files, none};

/// A parser of the committed grammar.
pub fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_deploy::LANGUAGE.into())
        .expect("a grammar that this library can use");
    parser
}

/// What tree-sitter lets pass: it has no way to say that a clause stands once in any order, that a
/// condition is any expression but a name alone, and that a file has no workflow of a name.
const BEYOND_A_GRAMMAR: [&str; 3] = [
    "is given twice",
    "is a statement: what follows it has no brackets",
    "expected a status, or `before` and a node",
];

/// How the two disagree about a text, if they do.
fn disagreement(parser: &mut Parser, text: &str) -> Option<String> {
    let tree = parser.parse(text, None).expect("a tree");
    let mistakes = syntax::parse(FileId(0), text).diagnostics;
    let is_beyond = |text: &str| BEYOND_A_GRAMMAR.iter().any(|it| text.ends_with(it));
    if mistakes.iter().any(|it| is_beyond(&it.message)) {
        return None;
    }
    match (tree.root_node().has_error(), mistakes.first()) {
        (true, None) => Some(String::from("an error for tree-sitter alone")),
        (false, Some(mistake)) => Some(format!(
            "an error for the program alone: {} {}",
            mistake.code, mistake.message
        )),
        _ => None,
    }
}

#[test]
fn files_have_errors_in_the_tree_where_the_program_reports_some() {
    let mut parser = parser();
    let all = files(&["examples", "stdlib", "crates/syntax", "tests"], "deploy");
    let complaints = all.iter().filter_map(|file| {
        let disagreement = disagreement(&mut parser, &file.text)?;
        Some(format!("{}: {disagreement}", file.path))
    });
    none(complaints.collect());
}
/// The text without what it need not have for the two to disagree in the same way.
fn smallest(parser: &mut Parser, mut text: String, why: &str) -> String {
    let mut at_once = text.len() / 2;
    while at_once > 0 {
        let mut start = 0;
        while start < text.len() {
            let end = text.ceil_char_boundary(start + at_once);
            let shorter = format!("{}{}", &text[..start], &text[end..]);
            if disagreement(parser, &shorter).as_deref() == Some(why) {
                text = shorter;
            } else {
                start = end;
            }
        }
        at_once /= 2;
    }
    text
}

#[test]
fn random_files_have_no_errors_in_the_tree() {
    let mut parser = parser();
    let wrong = (0..cases(400)).filter_map(|seed| {
        let text = file(seed);
        let why = disagreement(&mut parser, &text)?;
        let text = smallest(&mut parser, text, &why);
        Some(format!("seed {seed}: {why}\n{text}"))
    });
    none(wrong.take(20).collect());
}

/// The spans of the tokens of a text.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if is_word && in_word => last.1 = at + c.len_utf8(),
            _ if !c.is_whitespace() => tokens.push((at, at + c.len_utf8())),
            _ => {}
        }
        in_word = is_word;
    }
    tokens
}

/// The declarations of a text, each on its own.
fn declarations(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .filter(|at| text[*at..].starts_with(|c: char| c.is_ascii_lowercase()))
        .collect();
    starts.insert(0, 0);
    starts.push(text.len());
    starts
        .windows(2)
        .map(|pair| &text[pair[0]..pair[1]])
        .collect()
}

/// What is inserted after one of many words of a text, in turn.
const INSERTED: [&str; 24] = [
    "x",
    "\"s\"",
    "1.5",
    "{",
    "}",
    "(",
    "]",
    ",",
    ".",
    "=",
    ":",
    "in",
    "if",
    "on",
    "run",
    "retry 3 every 1s..5s",
    "atomic",
    "on failure {}",
    "to",
    "not",
    "${",
    "\n",
    "max(1)",
    "→",
];

/// Texts that differ from `text` in one place.
fn changed(text: &str, turn: &mut usize) -> Vec<String> {
    let tokens = tokens(text);
    let mut changed = Vec::new();
    // A long text is changed in fewer places, since it is parsed again each time.
    let stride = 1 + text.len() / 400;
    for (number, (from, to)) in tokens.iter().enumerate().step_by(stride) {
        let (before, word, behind) = (&text[..*from], &text[*from..*to], &text[*to..]);
        changed.push(format!("{before}{behind}"));
        if let Some((start, end)) = tokens.get(number + 1) {
            let (gap, next, rest) = (&text[*to..*start], &text[*start..*end], &text[*end..]);
            changed.push(format!("{before}{next}{gap}{word}{rest}"));
        }
        let inserted = INSERTED[*turn % INSERTED.len()];
        *turn += 1;
        changed.push(format!("{before}{word} {inserted} {behind}"));
    }
    changed
}

#[test]
fn changed_texts_have_errors_in_the_tree_where_the_program_reports_some() {
    let mut parser = parser();
    let mut complaints = Vec::new();
    let mut turn = 0;
    for file in files(&["crates/syntax/src/tests/samples"], "deploy") {
        for text in declarations(&file.text) {
            if !syntax::parse(FileId(0), text).diagnostics.is_empty() {
                continue;
            }
            for changed in changed(text, &mut turn) {
                let found = disagreement(&mut parser, &changed);
                complaints.extend(found.map(|found| format!("{found}:\n{changed}")));
            }
        }
    }
    none(complaints);
}

/// Known differences, and why they are accepted.
#[test]
fn the_differences_are_these() {
    let mut parser = parser();
    let deep = format!("let a = {}1{}", "(".repeat(200), ")".repeat(200));
    let large = format!("let a = {}.5", "9".repeat(350));
    for (text, code) in [
        // The nesting limit of brackets is one of the program, not of the syntax.
        (deep.as_str(), "E0120"),
        // So is the range of a number with a decimal point.
        (large.as_str(), "E0107"),
        // A misspelt `failure` is detected by a heuristic.
        ("pipeline p { on failur { log \"x\" } }", "E0101"),
    ] {
        let found = disagreement(&mut parser, text).unwrap_or_default();
        let wanted = format!("an error for the program alone: {code}");
        assert!(found.starts_with(&wanted), "{found}\n{text}");
    }
}
