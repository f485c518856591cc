//! Decides how a command is executed: its text is parsed as shell words at compile time, and every
//! interpolated value is placed where the shell treats it as data (no shell injection). The grammar
//! of the shell is in [`super::shell`].

use super::code::{self, Language, Reader, Use};
use super::errors;
use super::shell::{InterpolationPlace, ScannedPart, ScannedWord as Read, ShellScanner};
use super::tree::{List, ShellTreeBuilder};
use super::{CommandWord, Form, ScriptPart, TextPart};
use crate::eval::Expr;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Span};

/// A part of a command's text as written.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandPiece {
    /// Text, its escapes resolved.
    Text {
        /// The text.
        text: Name,
        /// Where it stands.
        span: Span,
    },
    /// An interpolation.
    Value {
        /// What is interpolated.
        expr: Expr,
        /// Where it stands, with its braces.
        span: Span,
        /// Whether it is a list.
        list: bool,
        /// Whether it is, or holds, a secret.
        secret: bool,
        /// Whether the file alone decides what it is.
        fixed: bool,
    },
}

impl CommandPiece {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Text { span, .. } | Self::Value { span, .. } => *span,
        }
    }
}

/// Words that shells interpret themselves, among them the keywords: POSIX, `dash` and `bash`.
#[rustfmt::skip]
pub(super) const SHELL_BUILTINS: &[&str] = &[
    "!", ".", ":", "[", "[[", "]]", "alias", "bg", "bind", "break", "builtin", "caller", "case",
    "cd", "chdir", "command", "compgen", "complete", "compopt", "continue", "coproc", "declare",
    "dirs", "disown", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec",
    "exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help",
    "history", "if", "in", "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf",
    "pushd", "pwd", "read", "readarray", "readonly", "return", "select", "set", "shift", "shopt",
    "source", "suspend", "test", "then", "time", "times", "trap", "true", "type", "typeset",
    "ulimit", "umask", "unalias", "unset", "until", "wait", "while", "{", "}",
];

/// Parses a command's text and decides how it is executed; `bash` is whether that was requested.
///
/// # Errors
///
/// What is wrong with the text, and every value that stands where it could not be data.
pub fn analyse(pieces: &[CommandPiece], bash: bool) -> Result<Form, Vec<Diagnostic>> {
    let mut problems: Vec<Diagnostic> = (pieces.iter())
        .filter(|piece| matches!(piece, CommandPiece::Text { text, .. } if text.contains('\0')))
        .map(|piece| errors::nul(piece.span()))
        .collect();
    let mut scanner = ShellScanner::new(pieces, bash);
    if (pieces.iter()).any(|piece| matches!(piece, CommandPiece::Value { .. })) {
        scanner.tree = Some(ShellTreeBuilder::new());
    }
    let complete = scanner.script().is_ok();
    if complete && let Some(tree) = scanner.tree.take() {
        refuse(&mut scanner, pieces, &tree.finish());
    }
    problems.append(&mut scanner.problems);
    if complete && scanner.commands == 0 && problems.is_empty() {
        problems.push(errors::empty(whole(pieces)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let direct = if bash { None } else { direct(pieces, &scanner) };
    Ok(direct.unwrap_or_else(|| Form::Shell {
        bash,
        script: script(pieces, &scanner.places),
    }))
}

/// Reports the values that something would execute, or show to everybody.
fn refuse(scanner: &mut ShellScanner<'_>, pieces: &[CommandPiece], script: &List) {
    for finding in code::findings(script) {
        let Some(CommandPiece::Value {
            list,
            secret,
            fixed,
            ..
        }) = pieces.get(finding.piece)
        else {
            continue;
        };
        let concerns = match finding.used {
            Use::Code(Language::Own(_)) => false,
            Use::Code(Language::Shell | Language::Remote) => {
                !(*fixed && matches!(finding.reader, Reader::Variable(_)))
            }
            Use::Program | Use::Variable | Use::Arithmetic => true,
            Use::OneWord => *list,
            Use::Argument => *secret,
        };
        if concerns {
            scanner.refuse(finding.piece, |span| errors::misused(&finding, span));
        }
    }
}

fn whole(pieces: &[CommandPiece]) -> Span {
    match (pieces.first(), pieces.last()) {
        (Some(first), Some(last)) => first.span().to(last.span()),
        _ => Span::start_of(FileId(0)),
    }
}

/// The words, where the command is a plain list of them and no shell is needed.
fn direct(pieces: &[CommandPiece], scanner: &ShellScanner<'_>) -> Option<Form> {
    let secret = |piece: &CommandPiece| matches!(piece, CommandPiece::Value { secret: true, .. });
    if !scanner.plain || scanner.commands != 1 || pieces.iter().any(secret) {
        return None;
    }
    let name = scanner.words.first()?.text()?;
    if name.is_empty() || name.contains('=') || SHELL_BUILTINS.contains(&name.as_str()) {
        return None;
    }
    let words = (scanner.words.iter()).map(|word| direct_word(pieces, &scanner.places, word));
    words.collect::<Option<_>>().map(Form::Direct)
}

fn direct_word(
    pieces: &[CommandPiece],
    places: &[Option<InterpolationPlace>],
    word: &Read,
) -> Option<CommandWord> {
    let mut parts: Vec<TextPart> = Vec::new();
    let mut text = String::new();
    for part in &word.parts {
        match part {
            ScannedPart::Text(more, _) => text.push_str(more),
            ScannedPart::Value(piece) => {
                let CommandPiece::Value { expr, .. } = pieces.get(*piece)? else {
                    return None;
                };
                if places.get(*piece) == Some(&Some(InterpolationPlace::Spread)) {
                    return Some(CommandWord::Spread(expr.clone()));
                }
                if !text.is_empty() {
                    parts.push(TextPart::Text(std::mem::take(&mut text).into()));
                }
                parts.push(TextPart::Value(expr.clone()));
            }
            ScannedPart::Opaque(_) => return None,
        }
    }
    if !text.is_empty() {
        parts.push(TextPart::Text(text.into()));
    }
    Some(CommandWord::One(parts))
}

fn script(pieces: &[CommandPiece], places: &[Option<InterpolationPlace>]) -> Vec<ScriptPart> {
    let part = |(piece, place): (&CommandPiece, &Option<InterpolationPlace>)| match piece {
        CommandPiece::Text { text, .. } => Some(ScriptPart::Text(text.clone())),
        CommandPiece::Value { expr, .. } => match place {
            Some(InterpolationPlace::Bare) | None => Some(ScriptPart::Bare(expr.clone())),
            Some(InterpolationPlace::Quoted) => Some(ScriptPart::Quoted(expr.clone())),
            Some(InterpolationPlace::Spread) => Some(ScriptPart::Spread(expr.clone())),
            Some(InterpolationPlace::Dropped | InterpolationPlace::Refused) => None,
        },
    };
    pieces.iter().zip(places).filter_map(part).collect()
}
