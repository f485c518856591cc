//! The errors in the text of a command: one diagnostic constructor for each.

mod misused;

use lockstep_base::diagnostic::{Diagnostic, Fix, codes};
use lockstep_base::source::Span;
pub(super) use misused::{misused, stdin_misused, value_as_option, variable_as_argument};

/// There is no command.
pub(super) fn empty(span: Span) -> Diagnostic {
    Diagnostic::error(codes::COMMAND_EMPTY, span, "this command is empty")
        .help("write the program to run: `run \"make\"`")
}

/// Something is opened and not closed.
pub(super) fn unclosed(span: Span, word: &str, close: &str) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_UNCLOSED,
        span,
        format!("`{word}` is never closed in this command"),
    )
    .here("opened here")
    .help(match word {
        "'" | "\"" | "`" => format!(
            "close it with `{close}`, or write `\\\\{word}` in the string for the character itself"
        ),
        _ => format!("close it with `{close}`"),
    })
}

/// A here-document has no end.
pub(super) fn unclosed_heredoc(span: Span, mark: &str) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_UNCLOSED,
        span,
        format!("the here-document has no line `{mark}` that ends it"),
    )
    .here("begins here")
    .help(format!(
        "write `{mark}` on a line of its own, indented like the `\"\"\"` that ends the text"
    ))
}

/// Something closes what is not open.
pub(super) fn unexpected(span: Span, word: &str) -> Diagnostic {
    let message = if word.starts_with("this") || word == "(" {
        String::from("the shell cannot read this command")
    } else {
        format!("`{word}` closes nothing in this command")
    };
    Diagnostic::error(codes::COMMAND_UNCLOSED, span, message)
        .here("not valid here")
        .help("put it in quotes if it is meant as text")
}

/// `a && ; b`, `| a`: what joins commands has none on one side.
pub(super) fn lonely(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_UNCLOSED,
        span,
        format!("`{word}` lacks a command in this command's text"),
    )
    .here("a command is missing before or after it")
    .help("write the command, or take the sign out; put it in quotes if it is meant as text")
}

/// It nests too deeply.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_TOO_DEEP,
        span,
        "this command nests too deeply",
    )
    .help("put it into a script file and run that")
}

/// `$((` that is not arithmetic.
pub(super) fn not_arithmetic(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_UNCLOSED,
        span,
        format!("`{word}` begins arithmetic, which `))` must end"),
    )
    .here("opened here")
    .help("write `$( (` with a space for commands in brackets")
}

/// A character that no command can hold.
pub(super) fn nul(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::COMMAND_NUL,
        span,
        "a command cannot hold the character `\\u{0}`",
    )
    .help("leave it out, or let the program make it: `printf '\\\\0'`")
}

/// `'… ${x} …'`
pub(super) fn in_single_quotes(span: Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        codes::VALUE_IN_SINGLE_QUOTES,
        span,
        "a value inside single quotes would not be replaced",
    )
    .here("inside `'…'`")
    .help("end the quotes before it and open them again after it: `'…'${…}'…'`");
    diagnostic.fixes.push(around(span, "'", "'"));
    diagnostic
}

/// `$'… ${x} …'`
pub(super) fn in_escaped_quotes(span: Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        codes::VALUE_IN_ESCAPED_QUOTES,
        span,
        "a value inside `$'…'` would not be replaced",
    )
    .here("inside `$'…'`")
    .help("end the quotes before it and open them again after it: `$'…'${…}$'…'`");
    diagnostic.fixes.push(around(span, "'", "$'"));
    diagnostic
}

fn around(span: Span, before: &str, behind: &str) -> Fix {
    let (start, end) = (span.start as usize, span.end as usize);
    Fix {
        title: String::from("end the quotes around it"),
        edits: vec![
            (Span::new(span.file, start, start), String::from(before)),
            (Span::new(span.file, end, end), String::from(behind)),
        ],
    }
}

/// `` `… ${x} …` ``
pub(super) fn in_backticks(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_IN_BACKTICKS,
        span,
        "a value is not allowed inside backticks, which the shell reads twice",
    )
    .here("inside backticks")
    .help("write `$(…)` in place of the backticks")
}

/// `<<'EOF' … ${x} … EOF`
pub(super) fn in_quoted_heredoc(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_IN_QUOTED_HEREDOC,
        span,
        "a value would not be replaced in a here-document whose delimiter is quoted",
    )
    .here("in the here-document")
    .help(
        "remove the quotes from the delimiter (`<<EOF`), and write `\\\\$` where a `$` is to \
           stay",
    )
}

/// `${v#${x}}` in a here-document.
pub(super) fn in_heredoc_pattern(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_IN_HEREDOC_PATTERN,
        span,
        "shells differ on a value in a pattern in a here-document",
    )
    .here("part of a pattern")
    .help("give the result a name before: `short=\"\\${name#${…}}\"`, and use `$short` here")
}

/// `${v/a/${x}}` outside double quotes.
pub(super) fn in_split_replacement(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_IN_SPLIT_REPLACEMENT,
        span,
        "the shell would split the text that this value is put into",
    )
    .here("part of a replacement outside double quotes")
    .help("put the expansion in double quotes: `\\\"\\${name/old/${…}}\\\"`")
}

/// `${x} …`
pub(super) fn as_command(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_COMMAND,
        span,
        "a value cannot be the command's name",
    )
    .here("decides which program runs")
    .help("write the program's name; to choose between programs use `if`, one `run` for each")
}

/// `$(( ${x} ))`
pub(super) fn in_arithmetic(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_IN_ARITHMETIC,
        span,
        "a shell may execute a value that it calculates with",
    )
    .here("part of arithmetic")
    .help(
        "calculate in the interpolation: `${a + 1}` in place of `$((${a} + 1))`, or compare \
         with `[ … ]`",
    )
}

/// `<<${x}`
pub(super) fn as_mark(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_MARK,
        span,
        "a value cannot be the delimiter of a here-document",
    )
    .here("the delimiter")
    .help("write a word: `<<EOF`")
}

/// `${${x}}`, `export ${x}`, `for ${x} in`
pub(super) fn as_variable(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_VARIABLE,
        span,
        "a value cannot name a variable of the shell",
    )
    .here("taken as a variable's name")
    .help("write the variable's name, and the value after it: `name=${…}`")
}

/// `\${x}` and `$${x}` as the shell would see them.
pub(super) fn after_mark(span: Span, mark: &str) -> Diagnostic {
    let message = if mark == "$" {
        "a `$` directly before a value would change its meaning"
    } else {
        "a backslash directly before a value would change its meaning"
    };
    Diagnostic::error(codes::VALUE_AFTER_MARK, span, message)
        .here(format!("after `{mark}`"))
        .help(if mark == "$" {
            "write `'$'${…}` for the character `$` and the value"
        } else {
            "values need no quoting: leave the backslash out, or write `'\\\\'${…}` for the \
             character itself"
        })
}

/// `"… ${list}"`
pub(super) fn list_in_word(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::LIST_IN_WORD,
        span,
        "a list can only be a word of its own here, one argument for each element",
    )
    .here("part of a word, or where one word must stand")
    .help("put it on its own between spaces, without quotes, or join it: `${join(…, \",\")}`")
}
