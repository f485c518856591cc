//! Decides how a command is executed: its text is parsed as shell words at compile time, and every
//! interpolated value is placed where the shell treats it as data (no shell injection). The grammar
//! of the shell is in [`super::shell`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::code::{self, Language, Reader, Use};
use super::errors;
use super::shell::{InterpolationPlace, ScannedPart, ScannedWord as Read, ShellScanner};
use super::tree::{List, ShellTreeBuilder};
use super::{CommandWord, Form, Operand, ScriptPart, TextPart};
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
        /// For each byte of the text and its end, how far behind the start of the span it is
        /// written; nothing where it is written as it is, or where that is not known.
        starts: Option<Arc<[u32]>>,
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
        /// Whether it is of a type whose texts never begin an option.
        plain: bool,
        /// Whether it is a list that the file begins with an option.
        options: bool,
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

/// Where values could be read as options.
#[derive(Debug, Default)]
struct OperandMarks {
    /// The units of the text before which `--` belongs.
    dashes: BTreeSet<usize>,
    /// The values that must not begin with `-`, by their pieces, with the program.
    operands: BTreeMap<usize, String>,
}

/// A command's text as it was read.
#[derive(Debug)]
pub struct Analysed {
    /// How it is executed.
    pub form: Form,
    /// The values that must not begin with `-`.
    pub operands: Vec<Operand>,
}

/// Words that shells interpret themselves, among them the keywords, sorted: POSIX, `dash`, `bash`.
#[rustfmt::skip]
const SHELL_BUILTINS: &[&str] = &[
    "!", ".", ":", "[", "[[", "]]", "alias", "bg", "bind", "break", "builtin", "caller", "case",
    "cd", "chdir", "command", "compgen", "complete", "compopt", "continue", "coproc", "declare",
    "dirs", "disown", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec",
    "exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help",
    "history", "if", "in", "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf",
    "pushd", "pwd", "read", "readarray", "readonly", "return", "select", "set", "shift", "shopt",
    "source", "suspend", "test", "then", "time", "times", "trap", "true", "type", "typeset",
    "ulimit", "umask", "unalias", "unset", "until", "wait", "while", "{", "}",
];

/// Whether shells interpret a word themselves.
pub(super) fn is_shell_builtin(word: &str) -> bool {
    SHELL_BUILTINS.binary_search(&word).is_ok()
}

/// A variable of a command's environment that holds a secret.
#[derive(Debug, Clone)]
pub struct SecretVariable {
    /// Its name.
    pub name: Name,
    /// Where its value stands.
    pub span: Span,
}

/// What a command reads from its standard input.
#[derive(Debug, Clone)]
pub struct StandardInput {
    /// Where it stands.
    pub span: Span,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether the file alone decides what it is.
    pub fixed: bool,
    /// The text, where it is written out.
    pub text: Option<Name>,
}

/// What a command is given beside its text.
#[derive(Debug, Clone, Default)]
pub struct CommandInputs {
    /// The variables that hold secrets.
    pub secrets: Vec<SecretVariable>,
    /// What it reads.
    pub stdin: Option<StandardInput>,
}

/// Parses a command's text and decides how it is executed; `bash` is whether that was requested.
///
/// # Errors
///
/// What is wrong with the text, and every value that stands where it could not be data.
pub fn analyse(
    pieces: &[CommandPiece],
    bash: bool,
    inputs: &CommandInputs,
) -> Result<Analysed, Vec<Diagnostic>> {
    let mut problems: Vec<Diagnostic> = (pieces.iter())
        .filter(|piece| matches!(piece, CommandPiece::Text { text, .. } if text.contains('\0')))
        .map(|piece| errors::nul(piece.span()))
        .collect();
    let mut scanner = ShellScanner::new(pieces, bash);
    let has_values = (pieces.iter()).any(|piece| matches!(piece, CommandPiece::Value { .. }));
    if has_values || !inputs.secrets.is_empty() || inputs.stdin.is_some() {
        scanner.tree = Some(ShellTreeBuilder::new());
    }
    let complete = scanner.script().is_ok();
    let mut marks = OperandMarks::default();
    if complete && let Some(tree) = scanner.tree.take() {
        let script = tree.finish();
        refuse(&mut scanner, pieces, &script, &mut marks);
        refuse_variables(&mut scanner, pieces, &script, &inputs.secrets);
        if let Some(stdin) = &inputs.stdin {
            refuse_stdin(&mut scanner, pieces.len(), &script, stdin);
        }
    }
    problems.append(&mut scanner.problems);
    if complete && scanner.commands == 0 && problems.is_empty() {
        problems.push(errors::empty(whole(pieces)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let operands = (marks.operands.iter()).filter_map(|(piece, name)| match pieces.get(*piece) {
        Some(CommandPiece::Value { expr, .. }) => Some(Operand {
            value: expr.clone(),
            program: Name::from(name.as_str()),
            written: Vec::new(),
        }),
        _ => None,
    });
    let operands = operands.collect();
    let direct = if bash {
        None
    } else {
        direct(pieces, &scanner, &marks)
    };
    let form = direct.unwrap_or_else(|| Form::Shell {
        bash,
        script: script(pieces, &scanner, &marks),
    });
    Ok(Analysed { form, operands })
}

/// Reports the values that something would execute, or show to everybody.
fn refuse(
    scanner: &mut ShellScanner<'_>,
    pieces: &[CommandPiece],
    script: &List,
    marks: &mut OperandMarks,
) {
    let mut operands: OperandsOfCommands = BTreeMap::new();
    for finding in code::findings(script) {
        let Some(CommandPiece::Value {
            list,
            secret,
            fixed,
            plain,
            options,
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
            Use::Dashes { command, word } => {
                if let Reader::Program(name) = &finding.reader
                    && (*options || !*plain && !*fixed)
                {
                    let operand = (finding.piece, *options, name.clone());
                    operands.entry(command).or_default().insert(word, operand);
                }
                false
            }
            Use::Operand => {
                if !*plain
                    && !*fixed
                    && let Reader::Program(name) = &finding.reader
                {
                    marks.operands.insert(finding.piece, name.clone());
                }
                false
            }
            Use::Argument => *secret,
        };
        if concerns {
            scanner.refuse(finding.piece, |span| errors::misused(&finding, span));
        }
    }
    for words in operands.into_values() {
        end_options(words, marks);
    }
}

/// The values that a program would read as options, by the units at which their words begin: the
/// piece, whether the file writes options there, and the program.
type OperandWords = BTreeMap<usize, (usize, bool, String)>;

/// Those of each command, by the unit at which it begins.
type OperandsOfCommands = BTreeMap<usize, OperandWords>;

/// Ends the options of a command behind those that the file writes: `--` stands before the first
/// value after them. What is before them must not begin with `-`.
fn end_options(words: OperandWords, marks: &mut OperandMarks) {
    let last = words.iter().rfind(|(_, (_, options, _))| *options);
    let last = last.map(|(unit, _)| *unit);
    let mut ended = false;
    for (unit, (piece, _, program)) in words {
        if last.is_some_and(|last| unit <= last) {
            marks.operands.insert(piece, program);
        } else if !std::mem::replace(&mut ended, true) {
            marks.dashes.insert(unit);
        }
    }
}

/// Reports the secrets in variables that a program is given as arguments: `curl -H "$TOKEN"`.
fn refuse_variables(
    scanner: &mut ShellScanner<'_>,
    pieces: &[CommandPiece],
    script: &List,
    env: &[SecretVariable],
) {
    if env.is_empty() {
        return;
    }
    let numbered = (pieces.len()..).zip(env);
    let named: Vec<(&str, usize)> = numbered.map(|(number, it)| (&*it.name, number)).collect();
    let mut told = BTreeSet::new();
    for finding in code::findings_with(script, &named) {
        let Some(at) = finding.piece.checked_sub(pieces.len()) else {
            continue;
        };
        if let (Use::Argument, Some(variable)) = (finding.used, env.get(at))
            && told.insert(at)
        {
            let problem = errors::variable_as_argument(&finding, &variable.name, variable.span);
            scanner.problems.push(problem);
        }
    }
}

/// Reports what is executed of a text on standard input, and a secret there that becomes an
/// argument. The text has the number `number` in place of a piece.
fn refuse_stdin(
    scanner: &mut ShellScanner<'_>,
    number: usize,
    script: &List,
    stdin: &StandardInput,
) {
    for finding in code::findings_fed(script, number, stdin.text.as_deref()) {
        if finding.piece != number {
            continue;
        }
        let concerns = match finding.used {
            Use::Code(Language::Own(_)) | Use::OneWord | Use::Dashes { .. } | Use::Operand => false,
            Use::Code(Language::Shell | Language::Remote)
            | Use::Program
            | Use::Variable
            | Use::Arithmetic => !stdin.fixed,
            Use::Argument => stdin.secret,
        };
        if concerns {
            let problem = errors::stdin_misused(&finding, stdin.span);
            scanner.problems.push(problem);
            return;
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
fn direct(
    pieces: &[CommandPiece],
    scanner: &ShellScanner<'_>,
    marks: &OperandMarks,
) -> Option<Form> {
    let secret = |piece: &CommandPiece| matches!(piece, CommandPiece::Value { secret: true, .. });
    if !scanner.plain || scanner.commands != 1 || pieces.iter().any(secret) {
        return None;
    }
    let name = scanner.words.first()?.text()?;
    if name.is_empty() || name.contains('=') || is_shell_builtin(&name) {
        return None;
    }
    let mut words = Vec::with_capacity(scanner.words.len());
    for word in &scanner.words {
        if marks.dashes.contains(&word.start) {
            words.push(CommandWord::One(vec![TextPart::Text("--".into())]));
        }
        words.push(direct_word(pieces, &scanner.places, word)?);
    }
    Some(Form::Direct(words))
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

fn script(
    pieces: &[CommandPiece],
    scanner: &ShellScanner<'_>,
    marks: &OperandMarks,
) -> Vec<ScriptPart> {
    // The places of `--`, by piece and byte.
    let dashes: BTreeSet<(usize, usize)> = (marks.dashes.iter())
        .filter_map(|unit| scanner.place_of(*unit))
        .collect();
    let mut parts = Vec::with_capacity(pieces.len());
    for (at, (piece, place)) in pieces.iter().zip(&scanner.places).enumerate() {
        let text = match piece {
            CommandPiece::Text { text, .. } => text,
            CommandPiece::Value { expr, .. } => {
                if dashes.contains(&(at, 0)) {
                    parts.push(ScriptPart::Text("-- ".into()));
                }
                parts.extend(match place {
                    Some(InterpolationPlace::Bare) | None => Some(ScriptPart::Bare(expr.clone())),
                    Some(InterpolationPlace::Quoted) => Some(ScriptPart::Quoted(expr.clone())),
                    Some(InterpolationPlace::Spread) => Some(ScriptPart::Spread(expr.clone())),
                    Some(InterpolationPlace::Dropped | InterpolationPlace::Refused) => None,
                });
                continue;
            }
        };
        let mut whole = String::with_capacity(text.len());
        let mut from = 0;
        for (_, byte) in dashes.range((at, 0)..(at + 1, 0)) {
            whole.push_str(text.get(from..*byte).unwrap_or_default());
            whole.push_str("-- ");
            from = *byte;
        }
        whole.push_str(text.get(from..).unwrap_or_default());
        parts.push(ScriptPart::Text(whole.into()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::SHELL_BUILTINS;

    #[test]
    fn the_builtins_are_sorted() {
        assert!(SHELL_BUILTINS.is_sorted());
    }
}
