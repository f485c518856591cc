//! What a statement must know about where it stands.
//! It does not know what statements do.

use std::collections::HashSet;

use crate::eval::Slot;
use crate::source::Span;
use crate::types::Locals;
use crate::value::Type;

/// A pipeline's or workflow's body while it is lowered.
pub(super) struct Body {
    /// The names that can be seen.
    pub locals: Locals,
    /// What it is the body of.
    pub ends: Ends,
    /// The workflow, by place, if it is one.
    pub workflow: Option<u32>,
    /// What the loops and steps around yield; the last one takes what is yielded next. `None`
    /// keeps those around it from taking anything.
    pub yields: Vec<Option<Yields>>,
    /// Slots that were made for the values of steps' last statements.
    pub last_values: HashSet<Slot>,
}

/// What a body ends with.
pub(super) enum Ends {
    /// A pipeline gives nothing.
    Pipeline,
    /// A workflow gives this, and where that is written.
    Workflow(Type, Option<Span>),
}

/// What has been yielded to a loop or step.
#[derive(Default)]
pub(super) struct Yields {
    /// Types and places.
    pub found: Vec<(Type, Span)>,
}

impl Body {
    /// A body that can see these names.
    pub fn new(locals: Locals, ends: Ends) -> Self {
        Self {
            locals,
            ends,
            workflow: None,
            yields: Vec::new(),
            last_values: HashSet::new(),
        }
    }
}

/// Where a statement stands, as far as rules depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The head of the stage around it.
    pub stage: Option<Span>,
    /// The head of the stage that `rollback stage` would roll back.
    pub rollback_stage: Option<Span>,
    /// The head of the step around it.
    pub step: Option<Span>,
    /// The head of the parallel block or loop around it.
    pub parallel: Option<Span>,
    /// The handler around it.
    pub handler: Option<(&'static str, Span)>,
}
