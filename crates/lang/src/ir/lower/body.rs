//! The context in which a statement is lowered: what encloses it and what is allowed there.

use std::collections::{HashMap, HashSet};

use super::calls::PlaceBar;
use crate::eval::Slot;
use crate::ir::command::SecretVariable;
use crate::types::{Local, LocalKind, LocalScope, unify};
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::Ident;

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
    /// What the body that was lowered last has bound at its top level, for the handlers of its
    /// statement.
    pub names_of_last_body: Vec<Local>,
    /// The name of the `let` whose effect is lowered next.
    pub name_of_let: Option<Ident>,
    /// The values of steps' last statements, and the place of the `yield` that was made for each.
    pub last_values: HashMap<Slot, Span>,
    /// The variables with secrets of the `with` blocks around.
    pub variables: Vec<SecretVariable>,
    /// The names of lists that the file begins with an option.
    pub options: HashSet<Slot>,
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
            names_of_last_body: Vec::new(),
            name_of_let: None,
            last_values: HashMap::new(),
            variables: Vec::new(),
            options: HashSet::new(),
        }
    }
}

impl BodyContext {
    /// What handlers see of a statement that has one body, which has been lowered just now.
    pub fn done_in_body(&mut self) -> DoneNames {
        DoneNames {
            names: std::mem::take(&mut self.names_of_last_body),
            result: None,
        }
    }

    /// What handlers see of an effect with a result of this type.
    pub fn done_by_effect(&mut self, ty: &Type) -> DoneNames {
        let name = self.name_of_let.take().filter(|_| *ty != Type::Nothing);
        DoneNames {
            names: Vec::new(),
            result: name.map(|name| result(&name, ty, LocalKind::Value)),
        }
    }

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

/// What the handlers of a statement see of what it did.
#[derive(Default)]
pub(super) struct DoneNames {
    /// What its body has bound at its top level.
    pub names: Vec<Local>,
    /// Its own result.
    pub result: Option<Local>,
}

/// The result of a statement, as a name that has no number yet.
pub(super) fn result(name: &Ident, ty: &Type, kind: LocalKind) -> Local {
    Local {
        name: name.name.clone(),
        slot: Slot(0),
        ty: ty.clone(),
        span: name.span,
        kind,
        known_late: true,
        alias: None,
    }
}

impl StatementContext {
    /// What may not stand in a workflow that is called here; the first that applies is told.
    pub fn bars_of_call(&self) -> Option<PlaceBar> {
        let handler = self.handler.map(|(_, at)| ("a handler", at));
        let step = self.step.map(|at| ("a step", at));
        let stage = self.stage.map(|at| ("a stage", at));
        let stages = step.or(stage).or(handler);
        self.barred
            .or_else(|| stages.map(|(words, at)| PlaceBar::stages(words, at)))
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
    /// What may not stand here, nor in a workflow that is called here.
    pub barred: Option<PlaceBar>,
}
