//! A `run` command after its text has been parsed as shell words: either words to execute directly,
//! or a script in which every interpolated value is a variable. The runtime fills in the values.
//! `send` and `fetch` are commands too, whose program is Lockstep's own.

mod analyse;
pub mod code;
mod display;
mod errors;
mod invoke;
mod marks;
#[cfg(any(test, feature = "testing"))]
pub mod notation;
mod shell;
#[cfg(test)]
mod tests;
mod transfer;
mod tree;

use serde::{Deserialize, Serialize};

use crate::eval::Expr;
pub use analyse::{Analysed, CommandInputs, CommandPiece, SecretVariable, StandardInput, analyse};
pub use display::{beginning, display, display_shortly, first_words};
pub use invoke::{Invocation, invoke, option_in_value};
use lockstep_base::source::Name;
pub use lockstep_syntax::ast::TransferDirection;
pub use marks::{ShellMark, shell_marks};
pub use transfer::{Transfer, TransferInvocation, TransferSource, transfer_type};
pub use tree::{
    HereDocument, List, Pipeline, Redirection, ShellCommand, ShellForm, ShellWord, Substitution,
    VALUE,
};

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandTemplate {
    /// How it is executed.
    pub form: Form,
    /// Its text for people: texts and interpolations as written.
    pub text: Vec<TextPart>,
    /// The working directory, relative to the folder of the file that `span.file` names.
    pub dir: Option<Expr>,
    /// Variables of its environment.
    pub env: Vec<(Name, Expr)>,
    /// What it reads from its standard input: a text or a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Expr>,
    /// The infrastructure whose connection it uses, where it is not the one of the block.
    pub on: Option<Expr>,
    /// Whether it changes nothing: it is written `query`.
    #[serde(default)]
    pub query: bool,
    /// The values that must not begin with `-`.
    #[serde(default)]
    pub operands: Vec<Operand>,
}

/// The words that a command's statement begins with; its node is called so.
pub const COMMAND_WORDS: [&str; 4] = ["run", "query", "send", "fetch"];

impl CommandTemplate {
    /// The word that its statement begins with: one of [`COMMAND_WORDS`].
    pub fn word(&self) -> &'static str {
        match &self.form {
            Form::Transfer(transfer) => transfer.direction.word(),
            Form::Direct(_) | Form::Shell { .. } if self.query => "query",
            Form::Direct(_) | Form::Shell { .. } => "run",
        }
    }

    /// Whether a value of its text, if it is a path, is one of this machine and relative to the
    /// folder of the file; `starts_there` is whether the command starts in that folder.
    pub fn is_path_here(&self, value: &Expr, starts_there: bool) -> bool {
        match &self.form {
            Form::Transfer(transfer) => transfer.path_here() == Some(value),
            Form::Direct(_) | Form::Shell { .. } => starts_there,
        }
    }
}

/// A value that must not begin with `-`, unless the program text itself writes that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operand {
    /// The value.
    pub value: Expr,
    /// The program that would read an option.
    pub program: Name,
    /// The ways in which the file writes the value, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<Vec<WrittenWord>>,
}

/// A word of a value, as far as the file says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrittenWord {
    /// This text.
    Text(Name),
    /// A text that begins with this one.
    Prefix(Name),
    /// Any text, which must not begin with `-`.
    Data,
    /// One of these ways, for each of any number of elements.
    Each(Vec<Vec<WrittenWord>>),
}

/// A part of a command's text as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TextPart {
    /// Text.
    Text(Name),
    /// An interpolation.
    Value(Expr),
}

/// How a command is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Form {
    /// Without a shell: each word is one argument (a spread word is one for each element).
    Direct(Vec<CommandWord>),
    /// By `sh -eu -c` or `bash -euo pipefail -c`.
    Shell {
        /// Whether it is `bash`.
        bash: bool,
        /// The script.
        script: Vec<ScriptPart>,
    },
    /// By this program itself, with a script of its own on the other side.
    Transfer(Box<Transfer>),
}

/// A word of a direct command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CommandWord {
    /// Exactly one argument, concatenated from texts and values.
    One(Vec<TextPart>),
    /// One argument for each element of a list.
    Spread(Expr),
}

/// A part of a script. Values reach the script as environment variables; the runtime chooses
/// their names when it starts the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScriptPart {
    /// Script text.
    Text(Name),
    /// A value outside double quotes: becomes `"${VAR}"`.
    Bare(Expr),
    /// A value inside double quotes or an unquoted here-document: becomes `${VAR}`.
    Quoted(Expr),
    /// A list outside quotes, a word of its own: becomes `"${VAR_1}" "${VAR_2}" …`.
    Spread(Expr),
}
