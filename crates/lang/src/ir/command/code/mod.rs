//! What becomes of the values of a command: which programs would read them as code, take them as
//! the name of a program or a variable, or show them to everybody as an argument. What programs
//! read is data ([`programs`], [`outputs`]); `flow` follows the values to them.

mod arguments;
mod flow;
mod names;
mod operands;
pub mod outputs;
pub mod programs;
mod rows;
pub mod settings;
mod taint;
#[cfg(test)]
mod tests;

pub use programs::Language;

use super::analyse::CommandPiece;
use super::shell::assigns;
use super::tree::{self, List};
use lockstep_base::source::{FileId, Span};

/// How a value is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is part of code.
    Code(Language),
    /// It decides which program runs.
    Program,
    /// It names a variable.
    Variable,
    /// It is calculated with.
    Arithmetic,
    /// It stands in front of words that are code, and must not become several words.
    OneWord,
    /// It is an operand that the program would read as an option if it began with `-`; `--` belongs
    /// before it, or before a word of the same command ahead of it. They are known by the units of
    /// the text at which they begin.
    Dashes {
        /// The command.
        command: usize,
        /// The word.
        word: usize,
    },
    /// The same where `--` cannot stand: what begins with `-` must not get there.
    Operand,
    /// It is an argument of a program that is no part of the shell.
    Argument,
}

/// Who uses a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// `eval`.
    Eval,
    /// `alias`.
    Alias,
    /// `trap`.
    Trap,
    /// The shell, or one that is started with code as its argument.
    Shell,
    /// A program, by its arguments.
    Program(String),
    /// A program, by a setting among its options.
    Setting(String),
    /// A program, by its standard input.
    Input(String),
    /// Whoever executes a file that the script has written.
    File,
    /// Whoever looks at a variable of this name.
    Variable(String),
}

impl Reader {
    fn of(program: &programs::Program, name: &str) -> Self {
        match name {
            "eval" => Self::Eval,
            "alias" => Self::Alias,
            "trap" => Self::Trap,
            _ if program.operands == programs::Operands::Shell => Self::Shell,
            _ => Self::Program(name.to_string()),
        }
    }
}

/// A value that is used in a way that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The value, by its piece.
    pub piece: usize,
    /// How it is used.
    pub used: Use,
    /// Who uses it.
    pub reader: Reader,
    /// Whether it stands there itself, not in what a program reads.
    pub direct: bool,
}

/// What becomes of the values of a script.
pub fn findings(script: &List) -> Vec<Finding> {
    flow::Flow::through(script, &[], None)
}

/// The same where variables of the environment hold values, too: each with the number that it is
/// called by in place of a piece.
pub fn findings_with(script: &List, variables: &[(&str, usize)]) -> Vec<Finding> {
    flow::Flow::through(script, variables, None)
}

/// The same where what the script reads from its standard input is a value, too, with the number
/// that it is called by in place of a piece; `text` is it where it is written out.
pub fn findings_fed(script: &List, number: usize, text: Option<&str>) -> Vec<Finding> {
    flow::Flow::through(script, &[], Some((number, text)))
}

/// Whether a word begins as an assignment.
fn is_assignment(head: &str) -> bool {
    assigns(head)
}

/// Code that is written out in a command.
fn parse(text: &str) -> List {
    let span = Span::start_of(FileId(0));
    let piece = CommandPiece::Text {
        text: text.into(),
        span,
        starts: None,
    };
    tree::read(&[piece], true, 0)
}
