//! The nodes of `trigger`.

use lockstep_base::source::Span;

use super::{Arg, Expr, Ident};

/// `trigger push on webhook(secret: s) where event.payload.ref == "…" starts release(tag: "…")`
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The name.
    pub name: Ident,
    /// What it fires on; where it is missing, that has been reported.
    pub on: Option<TriggerPart>,
    /// What must hold.
    pub filter: Option<Expr>,
    /// The pipeline, with its inputs; where it is missing, that has been reported.
    pub starts: Option<TriggerPart>,
}

/// A name with arguments: what stands after `on`, and after `starts`.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerPart {
    /// The name: `schedule`, or a pipeline.
    pub name: Ident,
    /// The arguments.
    pub args: Vec<Arg>,
    /// All of it, with the word before the name.
    pub span: Span,
}
