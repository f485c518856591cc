//! The keywords of the language, and the words of other languages that people write instead.

use super::foreign;
use super::lexer::is_word_part;
use lockstep_base::diagnostic::suggest;

/// The words that can never be names.
pub const RESERVED: [&str; 11] = [
    "true", "false", "none", "and", "or", "not", "if", "then", "else", "for", "in",
];

/// The words that begin a declaration.
pub const DECLARATIONS: [&str; 17] = [
    "import",
    "from",
    "input",
    "secret",
    "let",
    "service",
    "environment",
    "group",
    "kind",
    "workflow",
    "action",
    "function",
    "type",
    "window",
    "pipeline",
    "test",
    "trigger",
];

/// The words that begin a statement.
pub const STATEMENTS: [&str; 29] = [
    "stage", "serial", "parallel", "matrix", "deploy", "step", "run", "query", "with", "let", "if",
    "barrier", "lock", "approve", "wait", "verify", "log", "fail", "return", "yield", "on",
    "ignore", "rollback", "abort", "retry", "ask", "else", "send", "fetch",
];

/// The words that begin a modifier.
pub const MODIFIERS: [&str; 10] = [
    "timeout", "grace", "retry", "max", "batches", "tolerate", "fail", "atomic", "once", "quiet",
];

/// The words that begin a handler.
pub const HANDLERS: [&str; 4] = ["undo", "on", "always", "watch"];

/// The words that begin a clause of a statement.
pub const CLAUSES: [&str; 16] = [
    "using",
    "in",
    "env",
    "stdin",
    "on",
    "to",
    "by",
    "count",
    "except",
    "limit",
    "where",
    "include",
    "across",
    "replacing",
    "mode",
    "text",
];

/// The words that begin a statement of a test.
pub const TESTS: [&str; 3] = ["given", "start", "expect"];

/// The words that are followed by a name.
pub(super) const BEFORE_NAMES: [&str; 27] = [
    "extends",
    "using",
    "import",
    "as",
    "barrier",
    "stage",
    "step",
    "pipeline",
    "service",
    "environment",
    "infrastructure",
    "override",
    "group",
    "kind",
    "workflow",
    "action",
    "function",
    "type",
    "window",
    "secret",
    "input",
    "let",
    "start",
    "starts",
    "trigger",
    "serial",
    "parallel",
];

/// The name that an editor puts at the cursor to learn what may stand there; it is used nowhere
/// else, and is never taken for a part of what stands beside it.
pub const CURSOR_MARKER: &str = "zqzMarkzqz";

/// All keywords: those of every list here. One may be in several.
pub fn all() -> impl Iterator<Item = &'static str> {
    let lists: [&[&str]; 8] = [
        &RESERVED,
        &DECLARATIONS,
        &STATEMENTS,
        &MODIFIERS,
        &HANDLERS,
        &CLAUSES,
        &TESTS,
        &INNER,
    ];
    lists.into_iter().flatten().copied()
}

/// The words that stand inside declarations and statements only.
pub const INNER: [&str; 21] = [
    "requires",
    "queue",
    "keep",
    "as",
    "extends",
    "infrastructure",
    "override",
    "every",
    "failure",
    "fast",
    "before",
    "returns",
    "fails",
    "refused",
    "approved",
    "undo",
    "always",
    "watch",
    "between",
    "then",
    "starts",
];

/// The candidate that `word` was probably meant to be.
pub(super) fn suggest_keyword<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if word.is_empty() {
        return None;
    }
    let foreign = foreign::ours(&foreign::KEYWORDS, word)
        .and_then(|ours| candidates.iter().find(|candidate| **candidate == ours));
    foreign.copied().or_else(|| {
        suggest::closest(word, candidates.iter().copied())
            .first()
            .copied()
    })
}

/// The first word or sign of a text.
pub(super) fn first_word(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(_, c)| !is_word_part(*c))
        .map_or(
            text.len(),
            |(at, c)| if at == 0 { c.len_utf8() } else { at },
        );
    text.get(..end).unwrap_or("").trim_end_matches('-')
}

/// The word at the end of a text, if it ends in one.
pub(super) fn last_word(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .find(|(_, c)| !is_word_part(*c))
        .map_or(0, |(at, c)| at + c.len_utf8());
    text.get(start..).unwrap_or("")
}

/// Whether a text is one name.
pub(super) fn is_name(text: &str) -> bool {
    text.chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_')
        && !text.ends_with('-')
        && text.chars().all(is_word_part)
}

/// Whether a text cannot end a declaration: something must follow its last sign or word. A word
/// that begins declarations may also be a type (`input x: service`) or a name, so it counts only
/// where it stands at the beginning of its line.
pub(super) fn must_go_on(text: &str) -> bool {
    const SIGNS: [char; 8] = ['=', ':', '+', '-', '/', '<', '|', '.'];
    const OPERATORS: [&str; 7] = ["and", "or", "not", "if", "then", "else", "in"];
    let word = last_word(text);
    let line = text.rsplit('\n').next().unwrap_or("").trim_start();
    let in_import = ["import", "from"].contains(&first_word(line));
    text.ends_with(SIGNS)
        || text.ends_with("??")
        || OPERATORS.contains(&word)
        || word == "where" && line != word
        || BEFORE_NAMES.contains(&word) && line == word
        || ["import", "as", "from"].contains(&word) && in_import
}

/// A text as a string in which nothing is interpolated.
pub fn string_of(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${");
    format!("\"{text}\"")
}

/// How far is looked ahead or back, in bytes: what is looked for at many places of a long line must
/// not cost its length each time.
const MAX_LOOK_AHEAD: usize = 200;

/// The beginning of a text, as far as a look ahead may go.
pub(super) fn beginning(text: &str) -> &str {
    beginning_of(text, MAX_LOOK_AHEAD)
}

/// The first line of a text, as far as a look ahead may go.
pub(super) fn first_line(text: &str) -> &str {
    beginning(text).split('\n').next().unwrap_or("")
}

/// The beginning of a text, of that many bytes at most.
pub(super) fn beginning_of(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or("")
}

/// The end of a text, as far as a look back may go.
pub(super) fn ending(text: &str) -> &str {
    ending_of(text, MAX_LOOK_AHEAD)
}

/// The end of a text, of that many bytes at most.
pub(super) fn ending_of(text: &str, most: usize) -> &str {
    let from = text.floor_char_boundary(text.len().saturating_sub(most));
    text.get(from..).unwrap_or("")
}
