//! The texts of all syntax errors: one diagnostic constructor for each.

mod from_data;
mod functions;
mod habits;
mod misread;
mod stray;
mod strings;
mod triggers;

pub(super) use from_data::{no_list_for, one_name_for_all};
pub(super) use functions::{expected_node, function_block, no_result, no_type_value};
pub(super) use habits::{
    before_body, command_value, double_braces, kind_base, lambda, late_default, method, needless,
    shell_block, shell_variable, ternary, two_words, typed_secret,
};
pub(super) use misread::{
    command_as_value, declared_for, head_first, keep_first, list_brackets, list_semicolon,
    no_class, one_base, pair_in_brackets, record_braces, secret_of_command, statement_as_call,
    with_braces,
};
pub(super) use stray::{
    no_call, no_let, no_with, outside_environment, set_again, stray_between, stray_declaration,
    stray_else, stray_handler, stray_modifier, stray_requires, stray_statement,
};
pub(super) use strings::{
    escape, margin, open_long_string, open_string, quotes, raw_begins_late, raw_on_a_line,
    string_over_lines,
};
pub(super) use triggers::no_on;

use crate::foreign::{self, Habit};
use crate::grammar::Unreadable;
use crate::lower::NumberProblem;
use crate::recover::UnclosedReason;
use crate::words;
use lockstep_base::diagnostic::{Code, Diagnostic, Fix, codes, suggest};
use lockstep_base::source::Span;

fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, span, message)
}

fn change_to(text: &str) -> String {
    format!("change to `{text}`")
}

// ----- Brackets and strings -----

/// A bracket that is never closed; `place` is where it was closed instead.
pub(super) fn unclosed(
    span: Span,
    place: Span,
    close: u8,
    gap: UnclosedReason,
    indent: usize,
) -> Diagnostic {
    let (open, close) = match close {
        b'}' => ("{", "}"),
        b']' => ("[", "]"),
        b')' => ("(", ")"),
        _ => ("${", "}"),
    };
    let diagnostic = error(
        codes::UNCLOSED,
        span,
        format!("this `{open}` is never closed"),
    );
    let diagnostic = match gap {
        UnclosedReason::Indentation => {
            diagnostic.label(place, format!("`{close}` seems to be missing here"))
        }
        UnclosedReason::Closer => diagnostic.label(place, format!("`{close}` is missing here")),
        UnclosedReason::End => diagnostic,
    };
    let text = match (open, gap) {
        ("{", UnclosedReason::Indentation | UnclosedReason::End) => {
            format!("\n{}}}", " ".repeat(indent))
        }
        _ => String::from(close),
    };
    diagnostic
        .help(format!("add the missing `{close}`"))
        .fix(format!("add `{close}`"), place, text)
}

/// A `${` in a `"""` string without its `}`.
pub(super) fn open_interpolation(span: Span) -> Diagnostic {
    error(codes::UNCLOSED, span, "this `${` is never closed").help("add the missing `}`")
}

/// A closing bracket too many.
pub(super) fn closes_nothing(span: Span, found: &str) -> Diagnostic {
    error(
        codes::CLOSES_NOTHING,
        span,
        format!("this `{found}` closes nothing"),
    )
    .fix(format!("remove the `{found}`"), span, "")
}

/// `(a]`
pub(super) fn wrong_closer(span: Span, found: &str, right: &str) -> Diagnostic {
    error(
        codes::CLOSES_NOTHING,
        span,
        format!("this `{found}` is where a `{right}` is expected"),
    )
    .fix(change_to(right), span, right)
}

/// Brackets inside brackets inside brackets.
pub(super) fn too_deep(span: Span, limit: usize) -> Diagnostic {
    error(codes::TOO_DEEP, span, "this is nested too deeply").help(format!(
        "at most {limit} brackets may be nested; move a part into a `let` or a \
             workflow"
    ))
}

/// Nothing stands where something must, behind the text `above`.
pub(super) fn forgotten(place: Span, above: &str) -> Diagnostic {
    let word = words::last_word(above);
    if above.ends_with('=') {
        missing_value(place, "a value after `=`")
    } else if words::BEFORE_NAMES.contains(&word) {
        missing_part(place, &format!("a name after `{word}`"))
    } else if above.ends_with('.') {
        missing_part(place, "a name after `.`")
    } else if above.ends_with("??") {
        missing_value(place, "a value after `??`")
    } else if word.is_empty() {
        let sign = above
            .chars()
            .next_back()
            .map_or(String::new(), String::from);
        missing_value(place, &format!("a value after `{sign}`"))
    } else {
        missing_value(place, &format!("a value after `{word}`"))
    }
}

/// An expression that is too deep.
pub(super) fn too_deep_expression(span: Span) -> Diagnostic {
    error(
        codes::TOO_DEEP,
        span,
        "this expression is nested too deeply",
    )
    .help("split it: give a part of it a name with `let`")
}

/// A text that cannot be read at all.
pub(super) fn unreadable(span: Span, why: Unreadable) -> Diagnostic {
    match why {
        Unreadable::TooDeep => error(
            codes::TOO_DEEP,
            span,
            "this part of the file is nested too deeply to be read",
        )
        .help("split it into smaller declarations"),
        Unreadable::Broken => error(codes::SYNTAX, span, "this part of the file cannot be read")
            .help("look for a quote or a bracket that is missing, or one too many"),
    }
}

// ----- Signs of other languages -----

/// `//` or `/*`
pub(super) fn comment(span: Span, found: &str) -> Diagnostic {
    let diagnostic = error(
        codes::FOREIGN_COMMENT,
        span,
        format!("a comment begins with `#`, not with `{found}`"),
    );
    if found == "//" {
        diagnostic.fix(change_to("#"), span, "#")
    } else {
        diagnostic.help("put a `#` before each line of the comment")
    }
}

/// All semicolons of a file.
pub(super) fn semicolons(spans: Vec<Span>) -> Diagnostic {
    let first = spans.first().copied();
    let more = spans.len() - 1;
    let mut diagnostic = Diagnostic {
        labels: Vec::new(),
        ..error(
            codes::SEMICOLON,
            first.unwrap_or(Span::start_of(lockstep_base::source::FileId(0))),
            "there are no semicolons in this language",
        )
    };
    if let Some(first) = first {
        diagnostic = Diagnostic {
            labels: vec![lockstep_base::diagnostic::Label {
                span: first,
                text: match more {
                    0 => String::new(),
                    1 => String::from("and once more in this file"),
                    _ => format!("and {more} times more in this file"),
                },
            }],
            ..diagnostic
        };
    }
    let edits = spans
        .into_iter()
        .map(|span| (span, String::new()))
        .collect();
    let title = if more == 0 {
        "remove the semicolon"
    } else {
        "remove all semicolons"
    };
    diagnostic.fixes.push(Fix {
        title: String::from(title),
        edits,
    });
    diagnostic.help("a statement ends where the next begins; leave the semicolon out")
}

/// `&&`, `||`, `!`, `===`
pub(super) fn operator(span: Span, found: &str, right: &str, text: &str) -> Diagnostic {
    error(
        codes::FOREIGN_OPERATOR,
        span,
        format!("`{found}` is written `{right}`"),
    )
    .fix(change_to(right), span, text)
}

/// `$name` outside of a string.
pub(super) fn dollar(span: Span, name: &str) -> Diagnostic {
    let name = name.trim();
    error(codes::CHARACTER, span, "`$` has a meaning in strings only")
        .help(format!("outside of a string a name stands alone: `{name}`"))
        .fix(change_to(name), span, name)
}

/// A character without a meaning.
pub(super) fn character(span: Span, found: char, right: &str) -> Diagnostic {
    let shown = if found.is_control() || found.is_whitespace() || is_invisible(found) {
        format!("the invisible character U+{:04X}", found as u32)
    } else {
        format!("`{found}`")
    };
    let diagnostic = error(
        codes::CHARACTER,
        span,
        format!("{shown} has no meaning here"),
    );
    if right == " " {
        diagnostic.fix("remove it", span, right)
    } else {
        diagnostic.fix(change_to(right), span, right)
    }
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// `elif`, `for x in y {`, `then {`
pub(super) fn foreign_control(span: Span, found: &str, right: &str, help: &str) -> Diagnostic {
    let diagnostic = error(
        codes::FOREIGN_CONTROL,
        span,
        format!("there is no `{found}` here"),
    )
    .help(help);
    if right.is_empty() {
        diagnostic.fix(format!("remove `{found}`"), span, right)
    } else {
        diagnostic.fix(change_to(right), span, right)
    }
}

/// `while`
pub(super) fn endless(span: Span, found: &str) -> Diagnostic {
    error(
        codes::FOREIGN_CONTROL,
        span,
        format!("there is no `{found}`: every program ends"),
    )
    .help(
        "go over a list with `serial x in LIST { … }`, repeat with `retry N`, or watch with \
         `verify for D every D { … }`",
    )
}

/// A word of another language, with its entry in the tables.
pub(super) fn habit(span: Span, habit: Habit) -> Diagnostic {
    error(codes::SYNTAX, span, habit.message).help(habit.help)
}

/// `pipeline p:`, and a body by indentation: all of a file.
pub(super) fn colon_bodies(spans: &[Span], edits: Vec<(Span, String)>) -> Option<Diagnostic> {
    let first = *spans.first()?;
    let more = match spans.len() - 1 {
        0 => String::new(),
        1 => String::from("and once more in this file"),
        more => format!("and {more} times more in this file"),
    };
    let mut diagnostic = error(
        codes::SYNTAX,
        first,
        "a body is written in `{ … }`; indentation has no meaning",
    )
    .here(more)
    .help("write `{` in place of `:`, and a `}` where the body ends");
    diagnostic.fixes.push(Fix {
        title: String::from("write the bodies in `{ … }`"),
        edits,
    });
    Some(diagnostic)
}

/// `steps:`, `- run: make`
pub(super) fn yaml(span: Span, file: bool) -> Diagnostic {
    let diagnostic = error(
        codes::SYNTAX,
        span,
        "keys and lists of YAML have no meaning here",
    );
    diagnostic.help(if file {
        "a file consists of declarations: `pipeline NAME { … }`, with statements such as \
         `run \"make\"` in its braces"
    } else {
        "leave out the key and the dashes, and write statements one below the other: \
         `run \"make\"`, `deploy SERVICE to INFRASTRUCTURE`"
    })
}

/// `log: "x"`, `grace = 5s`
pub(super) fn sign_behind(span: Span, word: &str, sign: &str) -> Diagnostic {
    error(
        codes::WRONG_SIGN,
        span,
        format!("`{word}` is not followed by `{sign}`"),
    )
    .fix(format!("remove the `{sign}`"), span, "")
}

/// A program as a statement; `quoted` is the line as it should stand.
pub(super) fn program(span: Span, word: &str, quoted: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        format!("`{word}` is a program, which is run by `run`"),
    )
    .help("put the whole command into quotes behind `run`")
    .fix(format!("write `{quoted}`"), span, quoted)
}

/// A value that must stand here does not.
pub(super) fn missing_value(place: Span, what: &str) -> Diagnostic {
    error(codes::MISSING_VALUE, place, format!("expected {what}"))
        .here("here")
        .help(format!("put {what} here"))
}

/// A value that must stand behind a keyword does not.
pub(super) fn missing_behind(place: Span, what: &str, keyword: &str) -> Diagnostic {
    let diagnostic = missing_value(place, what);
    match foreign::ours(&foreign::EXAMPLES, keyword) {
        Some(example) => diagnostic.help(format!("write, for example, `{example}`")),
        None => diagnostic,
    }
}

/// Text before a closing bracket, or behind the end of something.
pub(super) fn unexpected(span: Span, text: &str, sign: &str) -> Diagnostic {
    let shown = shown(text);
    error(
        codes::SYNTAX,
        span,
        format!("`{shown}` is not expected here"),
    )
    .help_opt(beside(sign).map(String::from))
}

/// What was probably meant by a sign or text behind a complete statement.
fn beside(text: &str) -> Option<&'static str> {
    match text.as_bytes().first()? {
        b'\'' => Some("a text with a `'` in it is written between `\"`"),
        b'+' => Some("write one text, with values as `${…}` in it"),
        b'"' => Some("write one text; of two commands each has a `run` of its own"),
        b'=' => Some("a name keeps its value: give the other value a name of its own with `let`"),
        b',' => Some("leave the comma out"),
        b':' => Some("leave the `:` out"),
        b'|' | b'>' | b'<' | b'&' => {
            Some("signs of the shell stand inside the quotes of a command")
        }
        _ => Some("leave it out, or begin a statement of its own with one of the known words"),
    }
}

/// A missing comma.
pub(super) fn no_comma(place: Span) -> Diagnostic {
    error(codes::NO_COMMA, place, "a comma is missing here").fix("add a comma", place, ",")
}

/// The wrong sign between a name and its value.
pub(super) fn wrong_sign(span: Span, found: &str, right: &str, name: &str) -> Diagnostic {
    let name = shown(name);
    error(
        codes::WRONG_SIGN,
        span,
        format!("`{name}` is followed by `{right}` here, not by `{found}`"),
    )
    .fix(change_to(right), span, right)
}

/// `image "x"`
pub(super) fn no_sign(place: Span, name: &str, right: &str) -> Diagnostic {
    error(
        codes::WRONG_SIGN,
        place,
        format!("`{name}` must be followed by `{right}`"),
    )
    .fix(format!("add `{right}`"), place, format!(" {right}"))
}

/// `=` in an expression.
pub(super) fn assignment(span: Span) -> Diagnostic {
    error(
        codes::WRONG_SIGN,
        span,
        "two values are compared with `==`, not with `=`",
    )
    .fix(change_to("=="), span, "==")
}

/// `a < b < c`
pub(super) fn chained(span: Span, first: Span) -> Diagnostic {
    error(codes::CHAINED, span, "comparisons cannot be chained")
        .label(first, "the first comparison")
        .help("join two comparisons with `and`: `a < b and b < c`")
}

/// A call of something that is no name.
pub(super) fn callee(span: Span) -> Diagnostic {
    error(
        codes::CALLEE,
        span,
        "only a name or `namespace.name` can be called",
    )
    .help("name the value with `let` first; a function takes it as an argument: `upper(VALUE)`")
}

/// `f(1: 2)`
pub(super) fn argument_name(span: Span) -> Diagnostic {
    error(
        codes::CALLEE,
        span,
        "before `:` comes the name of a parameter",
    )
    .help("an argument is written `value` or `name: value`")
}

/// An `if` expression without `then` or `else`.
pub(super) fn if_without(place: Span, word: &str) -> Diagnostic {
    error(codes::INCOMPLETE, place, format!("expected `{word}`"))
        .here("here")
        .help("an expression is chosen with `if c then a else b`")
}

/// A number that is none.
pub(super) fn number(span: Span, text: &str, problem: NumberProblem) -> Diagnostic {
    let (message, help) = match problem {
        NumberProblem::TooLarge => (
            format!("`{text}` is too large"),
            "an integer lies between -9223372036854775808 and 9223372036854775807",
        ),
        NumberProblem::Underscore => (
            format!("`_` is only allowed between two digits, unlike in `{text}`"),
            "write `1_000`",
        ),
        NumberProblem::Unit => (
            format!("`{text}` is not a number"),
            "a duration has the units `d`, `h`, `m`, `s` and `ms`: `1h30m`; a percent ends in `%`",
        ),
        NumberProblem::Fraction => (
            format!("the duration `{text}` has a decimal point"),
            "use a smaller unit: `1h30m`, `1s500ms`",
        ),
        NumberProblem::Order => (
            format!("the units of `{text}` are not in order"),
            "each unit is given once, from large to small: `1h30m`",
        ),
    };
    error(codes::NUMBER, span, message).help(help)
}

// ----- Declarations and statements -----

/// A reserved word where a name must stand.
pub(super) fn reserved(span: Span, word: &str) -> Diagnostic {
    error(
        codes::RESERVED,
        span,
        format!("`{word}` is a reserved word and cannot be a name"),
    )
    .fix(change_to(&format!("{word}_")), span, format!("{word}_"))
}

/// `stage "prod"`
pub(super) fn quoted_name(span: Span, what: &str, text: &str) -> Diagnostic {
    let diagnostic = error(
        codes::INCOMPLETE,
        span,
        format!("{what} is written without quotes"),
    );
    if words::is_name(text) {
        diagnostic.fix(change_to(text), span, text)
    } else {
        match slug(text) {
            Some(name) => diagnostic
                .help(format!(
                    "a name is one word of letters, digits, `_` and `-`: `{name}`"
                ))
                .fix(change_to(&name), span, name),
            None => diagnostic.help("a name is one word of letters, digits, `_` and `-`"),
        }
    }
}

/// A part of a statement or declaration that must stand here does not.
pub(super) fn missing_part(place: Span, what: &str) -> Diagnostic {
    error(codes::INCOMPLETE, place, format!("expected {what}"))
        .here("here")
        .help(format!("put {what} here"))
}

/// An input, field or parameter without a type.
pub(super) fn no_type(span: Span, what: &str, name: &str, guess: Option<&str>) -> Diagnostic {
    let diagnostic = error(codes::INCOMPLETE, span, format!("`{name}` has no type"))
        .help(format!("{what} is written `{name}: TYPE`"));
    let Some(guess) = guess else {
        return diagnostic;
    };
    let behind = Span {
        start: span.end,
        ..span
    };
    diagnostic
        .help(format!("{what} has a type: `{name}: {guess}`"))
        .fix(format!("add `: {guess}`"), behind, format!(": {guess}"))
}

/// `=> string`
pub(super) fn result_arrow(span: Span) -> Diagnostic {
    error(codes::WRONG_SIGN, span, "the type of a result follows `->`").fix(
        change_to("->"),
        span,
        "->",
    )
}

/// `w(s service)`
pub(super) fn no_colon(place: Span, name: &str) -> Diagnostic {
    error(
        codes::WRONG_SIGN,
        place,
        format!("`:` is missing between `{name}` and its type"),
    )
    .fix("add `:`", place, ":")
}

/// A declaration without a value.
pub(super) fn no_value(place: Span, name: &str) -> Diagnostic {
    error(
        codes::MISSING_VALUE,
        place,
        format!("expected `=` and a value for `{name}`"),
    )
    .here("here")
    .help("write `= VALUE` here")
}

/// A service or infrastructure without a kind.
pub(super) fn no_kind(span: Span, what: &str, name: &str) -> Diagnostic {
    let message = format!("`{name}` has no kind");
    let error = error(codes::INCOMPLETE, span, message);
    match name.contains("${") {
        true => error.help(format!(
            "{what} for each element of a list is written `\"{name}\": KIND for x in LIST`"
        )),
        false => error.help(format!("{what} is written `{name}: KIND`")),
    }
}

/// A missing body.
pub(super) fn no_body(place: Span, what: &str, of: &str) -> Diagnostic {
    error(codes::INCOMPLETE, place, format!("expected `{{` and {of}"))
        .here(format!("{what} has no body"))
        .help("write `{ … }` here")
}

/// `retry 3 every 5s` in a handler.
pub(super) fn retry_every(span: Span) -> Diagnostic {
    error(
        codes::MISPLACED,
        span,
        "`retry` in a handler has no `every`",
    )
    .help("the pauses belong to the modifier `retry N every D`, before the body")
}

/// A clause that stands twice.
pub(super) fn twice(span: Span, word: &str) -> Diagnostic {
    error(codes::TWICE, span, format!("`{word}` is given twice")).help("remove one of them")
}

/// `run command`; `quoted` is the command as it should stand.
pub(super) fn command(span: Span, quoted: Option<&str>) -> Diagnostic {
    let diagnostic = error(
        codes::INCOMPLETE,
        span,
        "the command of `run` must be in quotes",
    );
    match quoted {
        Some(quoted) => diagnostic
            .help(format!("put it into quotes: `run {}`", quoted.trim()))
            .fix("put it into quotes", span, quoted),
        None => diagnostic.help("write `run \"…\"`, with values as `${…}`"),
    }
}

/// `deploy x` without `to`.
pub(super) fn no_target(statement: &str, place: Span) -> Diagnostic {
    let wanted = match statement {
        "deploy" => "an infrastructure",
        _ => "a path",
    };
    error(
        codes::INCOMPLETE,
        place,
        format!("expected `to` and {wanted}"),
    )
    .here("here")
    .help(how_with_to(statement))
}

/// How a statement with `to` is written.
fn how_with_to(statement: &str) -> &'static str {
    match statement {
        "deploy" => "a deployment is written `deploy SERVICE to INFRASTRUCTURE`",
        "send" => "what goes to a place is written `send PATH-HERE to PATH-THERE`",
        _ => "what comes from a place is written `fetch PATH-THERE to PATH-HERE`",
    }
}

/// `deploy x on y`
pub(super) fn wrong_to(statement: &str, span: Span, found: &str) -> Diagnostic {
    error(
        codes::INCOMPLETE,
        span,
        format!("`{statement}` is followed by `to`, not by `{found}`"),
    )
    .help(how_with_to(statement))
    .fix(change_to("to"), span, "to")
}

/// `send x to y mode 9`
pub(super) fn no_mode(span: Span) -> Diagnostic {
    error(codes::NUMBER, span, "this is not the mode of a file")
        .here("three or four digits from 0 to 7 are expected")
        .help("`mode 0600` lets only the owner read and write the file")
}

/// A matrix without an axis.
pub(super) fn no_axis(place: Span) -> Diagnostic {
    error(
        codes::INCOMPLETE,
        place,
        "expected at least one axis of the matrix",
    )
    .here("here")
    .help("an axis is written `serial x in LIST` or `parallel x in LIST`")
}

/// `serial x {`
pub(super) fn no_list(place: Span, word: &str, name: &str) -> Diagnostic {
    error(
        codes::INCOMPLETE,
        place,
        format!("expected `in` and a list after `{name}`"),
    )
    .here("here")
    .help(format!("a loop is written `{word} {name} in LIST {{ … }}`"))
}

/// `verify` without its durations.
pub(super) fn verify(place: Span, during: bool, every: bool) -> Diagnostic {
    let what = match (during, every) {
        (true, true) => "`for` and `every` with durations",
        (true, false) => "`for` and a duration",
        _ => "`every` and a duration",
    };
    error(codes::INCOMPLETE, place, format!("expected {what}"))
        .here("here")
        .help("it is written `verify for 10m every 30s { … }`")
}

/// The indefinite article of a term.
fn article(what: &str) -> &'static str {
    match what.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => "an",
        false => "a",
    }
}

/// A misspelt word, or the word of another language.
pub(super) fn misspelt(span: Span, found: &str, right: &str, what: &str) -> Diagnostic {
    if foreign::ours(&foreign::KEYWORDS, found) == Some(right) {
        let message = format!("`{found}` is written `{right}` here");
        return error(codes::SYNTAX, span, message)
            .help(format!("write `{right}`"))
            .fix(change_to(right), span, right);
    }
    error(
        codes::SYNTAX,
        span,
        format!("`{found}` is not {} {what}", article(what)),
    )
    .help(format!("did you mean `{right}`?"))
    .fix(change_to(right), span, right)
}

/// A line that is nothing known.
pub(super) fn unknown(span: Span, text: &str, what: &str, help: String) -> Diagnostic {
    error(
        codes::SYNTAX,
        span,
        format!("`{}` is not {} {what}", shown(text), article(what)),
    )
    .help(help)
}

/// The words that begin a declaration.
pub(super) fn declarations() -> String {
    format!(
        "a declaration begins with {}",
        suggest::or_list(&words::DECLARATIONS)
    )
}

/// `timeout(5m) {`
pub(super) fn no_blank(place: Span, found: &str) -> Diagnostic {
    error(
        codes::SYNTAX,
        place,
        format!("a space is missing after `{found}`"),
    )
    .help(format!("`{found}(` would be a call"))
    .fix("add a space", place, " ")
}

/// The first line of a text, cut for a message.
fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or("").trim();
    let mut chars = line.chars();
    let mut short: String = chars.by_ref().take(40).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short.replace('`', "'").replace('\u{1}', "")
}

/// A text as one name.
fn slug(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join("-").to_lowercase();
    words::is_name(&name).then_some(name)
}
