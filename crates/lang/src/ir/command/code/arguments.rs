//! Reads the words of a command by the row of its program: which of them are code, a file of code,
//! or the beginning of another command.

use std::sync::LazyLock;

use super::programs::{Input, Operands, PROGRAMS, Program, SHELLS};
use super::rows::Rows;
use crate::ir::command::tree::ShellWord;

/// What the words of a command are to its program. Numbers are places among its words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Code, each with the text in front of it in its word: `--command=`.
    pub code: Vec<usize>,
    /// Words that are joined with blanks and read as code.
    pub joined: Vec<usize>,
    /// Operands in front of those.
    pub before_joined: Vec<usize>,
    /// A file of code.
    pub file: Option<usize>,
    /// Where the command begins that it starts.
    pub command: Option<usize>,
    /// Where words begin that may be a command.
    pub perhaps_command: Option<usize>,
    /// Data for the code: `$1` and so on.
    pub data: Vec<usize>,
    /// Whether standard input is code.
    pub input_is_code: bool,
    /// Whether standard input becomes arguments.
    pub input_is_arguments: bool,
}

static ROWS: LazyLock<Rows<Program>> = LazyLock::new(|| Rows::of(PROGRAMS, |row| row.names));

/// The row of a command, by its name and its first operands.
pub fn program(words: &[ShellWord]) -> Option<&'static Program> {
    let name = basename(words.first()?.known()?);
    ROWS.named(name).find(|row| {
        let mut wanted = row.subcommand.iter().peekable();
        let mut at = 1;
        while let Some(next) = wanted.peek() {
            let Some(word) = words.get(at) else {
                return false;
            };
            match option(row, word) {
                Some(found) => at += found.words(),
                None if word.known() == Some(**next) => {
                    wanted.next();
                    at += 1;
                }
                None => return false,
            }
        }
        true
    })
}

/// The last part of a path.
pub fn basename(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// An option, and what is said by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It stands alone.
    Alone,
    /// The next word belongs to it.
    WithWord,
    /// The next two words belong to it.
    WithTwo,
    /// The next word is code.
    CodeNext,
    /// Its own word ends with code.
    CodeHere,
    /// The next word is a file of code.
    FileNext,
    /// Its own word ends with a file of code.
    FileHere,
}

impl Found {
    fn words(self) -> usize {
        match self {
            Self::Alone | Self::CodeHere | Self::FileHere => 1,
            Self::WithWord | Self::CodeNext | Self::FileNext => 2,
            Self::WithTwo => 3,
        }
    }
}

fn has(options: &str, option: &str) -> bool {
    options.split_ascii_whitespace().any(|one| one == option)
}

/// What an option is to a program; nothing where the word is no option.
fn option(program: &Program, word: &ShellWord) -> Option<Found> {
    let head = word.head();
    if !head.starts_with('-') || (head.len() < 2 && word.literal) || head == "--" {
        return None;
    }
    let (name, behind) = match head.split_once('=') {
        Some((name, _)) => (name, true),
        None => (head, false),
    };
    if has(program.takes_two, name) {
        return Some(Found::WithTwo);
    }
    let here = behind || !word.literal && name.len() == head.len();
    for (options, next, inside) in [
        (program.code, Found::CodeNext, Found::CodeHere),
        (program.file, Found::FileNext, Found::FileHere),
        (program.takes, Found::WithWord, Found::Alone),
    ] {
        if has(options, name) {
            return Some(if here && (behind || !word.literal) {
                inside
            } else {
                next
            });
        }
    }
    if head.starts_with("--") {
        return Some(Found::Alone);
    }
    Some(letters(program, word, head))
}

/// What several letters behind one `-` are: the first that takes a word has what is behind it.
fn letters(program: &Program, word: &ShellWord, head: &str) -> Found {
    let letters = head.get(1..).unwrap_or_default();
    for (at, letter) in letters.char_indices() {
        let last = at + letter.len_utf8() == letters.len() && word.literal;
        let name = format!("-{letter}");
        // The code of a shell is its first operand: `bash -ec -x 'code'`.
        let (code, file) = (has(program.code, &name), has(program.file, &name));
        if code || file || has(program.takes, &name) {
            return match (code, file, last) {
                (true, _, true) => Found::CodeNext,
                (true, _, false) => Found::CodeHere,
                (_, true, true) => Found::FileNext,
                (_, true, false) => Found::FileHere,
                (_, _, true) => Found::WithWord,
                (_, _, false) => Found::Alone,
            };
        }
    }
    Found::Alone
}

/// Reads the words of a command whose program has a row.
pub fn arguments(program: &Program, words: &[ShellWord]) -> Arguments {
    match program.operands {
        Operands::Shell => shell(words),
        Operands::CommandBehindDashes => behind_dashes(words),
        Operands::Data
        | Operands::Code
        | Operands::FirstCode
        | Operands::File
        | Operands::Command(_)
        | Operands::Arguments(_)
        | Operands::Joined(_) => Reader::read(program, words),
    }
}

fn behind_dashes(words: &[ShellWord]) -> Arguments {
    let dashes = words.iter().position(|word| word.known() == Some("--"));
    let shell = |word: &ShellWord| {
        word.known()
            .is_some_and(|text| SHELLS.contains(&basename(text)))
    };
    // Older versions do without.
    let begin = dashes.map(|at| at + 1);
    Arguments {
        command: begin.or_else(|| words.iter().position(shell)),
        ..Arguments::default()
    }
}

/// The words of a shell: with `-c`, its first operand is code; with `-s`, standard input is.
fn shell(words: &[ShellWord]) -> Arguments {
    let mut found = Arguments::default();
    let (mut code, mut input) = (false, false);
    let mut at = 1;
    while let Some(word) = words.get(at)
        && let Some(text) = word.known()
        && text.len() > 1
        && text.starts_with(['-', '+'])
    {
        at += 1;
        if text == "--" {
            break;
        }
        if matches!(text, "--rcfile" | "--init-file") {
            found.file = Some(at);
            at += 1;
        }
        if !text.starts_with("--") {
            code |= text.starts_with('-') && text.contains('c');
            input |= text.starts_with('-') && text.contains('s');
            // `-o pipefail`, also at the end of several: `-euo pipefail`.
            at += usize::from(text.ends_with(['o', 'O']));
        }
    }
    let first = words.get(at);
    let mut data = at;
    if code {
        found.code.extend(first.map(|_| at));
        data += 1;
    } else if input {
        found.input_is_code = true;
    } else if first.is_some() {
        found.input_is_code = first.is_some_and(is_input);
        found.file = Some(at);
        data += 1;
    } else {
        found.input_is_code = true;
    }
    found.data.extend(data..words.len());
    found
}

/// Whether a word names standard input.
fn is_input(word: &ShellWord) -> bool {
    matches!(
        word.known(),
        Some("-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
    )
}

/// A reader of the words of a program that is no shell.
struct Reader<'a> {
    program: &'a Program,
    words: &'a [ShellWord],
    found: Arguments,
    /// Whether an option has said what to do.
    told: bool,
    operands: usize,
}

impl<'a> Reader<'a> {
    fn read(program: &'a Program, words: &'a [ShellWord]) -> Arguments {
        let mut reader = Self {
            program,
            words,
            found: Arguments::default(),
            told: false,
            operands: 0,
        };
        reader.all();
        reader.input();
        reader.found
    }

    fn all(&mut self) {
        let mut at = 1;
        let mut options = true;
        let mut subcommand = self.program.subcommand.len();
        while let Some(word) = self.words.get(at) {
            if options && word.known() == Some("--") {
                options = false;
                at += 1;
                continue;
            }
            if options && let Some(found) = option(self.program, word) {
                self.option(at, found);
                at += found.words();
                continue;
            }
            if subcommand > 0 {
                subcommand -= 1;
                at += 1;
                continue;
            }
            if self.operand(at) {
                return;
            }
            at += 1;
        }
    }

    fn option(&mut self, at: usize, found: Found) {
        match found {
            Found::Alone | Found::WithWord | Found::WithTwo => {}
            Found::CodeNext => {
                self.told = true;
                self.found.code.push(at + 1);
            }
            Found::CodeHere => {
                self.told = true;
                self.found.code.push(at);
            }
            Found::FileNext => {
                self.told = true;
                let input = self.words.get(at + 1).is_some_and(is_input);
                self.found.input_is_code |= input;
                self.found.file = Some(at + 1);
            }
            Found::FileHere => self.told = true,
        }
    }

    /// Reads an operand; true where the rest belongs to it.
    fn operand(&mut self, at: usize) -> bool {
        let word = &self.words[at];
        let own = self.operands;
        self.operands += 1;
        match self.program.operands {
            Operands::Shell | Operands::CommandBehindDashes => true,
            Operands::Data => {
                self.found.data.push(at);
                false
            }
            Operands::Code => {
                self.found.code.push(at);
                false
            }
            Operands::FirstCode if own == 0 && !self.told => {
                self.found.code.push(at);
                self.told = true;
                false
            }
            Operands::File if own == 0 && !self.told => {
                self.told = true;
                self.found.input_is_code |= is_input(word);
                self.found.file = Some(at);
                self.found.data.extend(at + 1..self.words.len());
                true
            }
            Operands::FirstCode | Operands::File => {
                self.found.data.push(at);
                false
            }
            Operands::Command(before) => {
                // A variable of `env`.
                let variable = before == 0 && super::is_assignment(word.head());
                if own < before || variable {
                    self.operands -= usize::from(variable);
                    return false;
                }
                self.found.command = Some(at);
                true
            }
            Operands::Arguments(before) => {
                if own < before {
                    return false;
                }
                self.found.perhaps_command = Some(at);
                true
            }
            Operands::Joined(before) => {
                if own < before {
                    self.found.before_joined.push(at);
                    return false;
                }
                // What `parallel` puts in is quoted.
                let rest = self.words.get(at..).unwrap_or_default();
                let data =
                    |word: &ShellWord| word.known().is_some_and(|text| text.starts_with(":::"));
                let end = rest.iter().position(data).unwrap_or(rest.len());
                self.found.joined.extend(at..at + end);
                true
            }
        }
    }

    fn input(&mut self) {
        let nothing_else =
            !self.told && self.found.command.is_none() && self.found.joined.is_empty();
        match self.program.input {
            Input::Data => {}
            Input::Code => self.found.input_is_code = true,
            Input::CodeIfNothingElse => self.found.input_is_code |= nothing_else,
            Input::CodeWith(options) => {
                let given = |word: &ShellWord| word.known().is_some_and(|text| has(options, text));
                let given = self.words.iter().any(given);
                self.found.input_is_code = given && self.found.command.is_none();
            }
            Input::Arguments => self.found.input_is_arguments = true,
        }
    }
}
