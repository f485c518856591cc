//! Statements that run something: commands and transfers.

use super::{Expr, Ident, RecordKey, StringLit};
use lockstep_base::source::Span;

/// `run "…" [using bash] [in DIR] [env { K: v }] [stdin E] [on I]`
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Whether it is written `query`: it changes nothing.
    pub query: bool,
    /// The command.
    pub command: StringLit,
    /// The shell named after `using`.
    pub using: Option<Ident>,
    /// The working directory.
    pub dir: Option<Expr>,
    /// Variables of the command's environment.
    pub env: Option<Variables>,
    /// What it reads from its standard input.
    pub stdin: Option<Expr>,
    /// The infrastructure to run on.
    pub on: Option<Expr>,
}

impl Run {
    /// The variables of the command's environment.
    pub fn variables(&self) -> &[(RecordKey, Expr)] {
        self.env.as_ref().map_or(&[], |env| &env.entries)
    }

    /// The word that it begins with.
    pub fn word(&self) -> &'static str {
        if self.query { "query" } else { "run" }
    }
}

/// `send [text] E to E [replacing] [mode 0600] [on I]`, `fetch E to E [replacing] [on I]`
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// Which way it goes.
    pub direction: TransferDirection,
    /// Whether the source is a text to write, not a path: it is written `send text`.
    pub is_text: bool,
    /// What goes: a path here for `send`, one there for `fetch`, or the text.
    pub source: Expr,
    /// The path that it gets: there for `send`, here for `fetch`.
    pub to: Expr,
    /// The word `replacing`: it may take the place of a folder.
    pub replacing: Option<Span>,
    /// The mode of the file.
    pub mode: Option<FileMode>,
    /// The infrastructure that the other side is.
    pub on: Option<Expr>,
}

/// `mode 0600`
#[derive(Debug, Clone, PartialEq)]
pub struct FileMode {
    /// Its bits.
    pub bits: u16,
    /// Its digits.
    pub span: Span,
}

/// The two ways of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TransferDirection {
    /// From here to the place.
    Send,
    /// From the place to here.
    Fetch,
}

impl TransferDirection {
    /// The word that the statement begins with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Fetch => "fetch",
        }
    }
}

/// `{ K: v }` after `env`
#[derive(Debug, Clone, PartialEq)]
pub struct Variables {
    /// The variables, in the order written.
    pub entries: Vec<(RecordKey, Expr)>,
    /// From brace to brace.
    pub span: Span,
}
