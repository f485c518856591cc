//! The context in which a statement is lowered: what encloses it and what is allowed there.

use std::collections::HashMap;

use crate::eval::Slot;
use crate::types::{LocalScope, unify};
use lockstep_base::source::Span;
use lockstep_base::value::Type;

/// A pipeline's or workflow's body while it is lowered.
pub(super) struct BodyContext {
    /// The names that can be seen.
    pub locals: LocalScope,
    /// What it is the body of.
    pub ends: BodyEnding,
    /// The workflow, by place, if it is one.
    pub workflow: Option<u32>,
    /// What the enclosing loops and steps yield; the last one receives what is yielded next. `None`
    /// prevents those outside it from receiving anything.
    pub yields: Vec<Option<YieldState>>,
    /// The common types of what the stage around deploys, and of where to.
    pub deployed: Option<(Type, Type)>,
    /// The values of steps' last statements, and the place of the `yield` that was made for each.
    pub last_values: HashMap<Slot, Span>,
}

/// What a body ends with.
pub(super) enum BodyEnding {
    /// A pipeline gives nothing.
    Pipeline,
    /// A workflow gives this, and where that is written.
    Workflow(Type, Option<Span>),
}

/// What has been yielded to a loop or step.
#[derive(Default)]
pub(super) struct YieldState {
    /// Types and places.
    pub found: Vec<(Type, Span)>,
}

impl BodyContext {
    /// A body that can see these names.
    pub fn new(locals: LocalScope, ends: BodyEnding) -> Self {
        Self {
            locals,
            ends,
            workflow: None,
            yields: Vec::new(),
            deployed: None,
            last_values: HashMap::new(),
        }
    }
}

impl BodyContext {
    /// Adds to what the stage around deploys.
    pub fn deploys(&mut self, service: &Type, target: &Type) {
        let of = match &self.deployed {
            None => (service.clone(), target.clone()),
            Some((services, targets)) => (
                unify(services, service).unwrap_or(Type::Service(None)),
                unify(targets, target).unwrap_or(Type::Infrastructure(None)),
            ),
        };
        self.deployed = Some(of);
    }
}

/// Where a statement stands, as far as rules depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StatementContext {
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
