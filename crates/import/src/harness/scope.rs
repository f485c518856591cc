//! What expressions of Harness can see at a place: variables, matrix values, results of steps.

use std::collections::HashMap;

use crate::value::Expr;
use crate::words::Names;

/// What a step gives to those behind it.
#[derive(Debug, Clone)]
pub(crate) enum StepResult {
    /// A command, with the names of its outputs.
    Command(String),
    /// A request.
    Request(String),
}

/// What can be seen at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// Whether there are a service `s` and an infrastructure `i`.
    pub(crate) deployment: bool,
    /// Whether it is a rollback or a handler, where what was done may be missing.
    pub(crate) backwards: bool,
    /// Whether it is a step of a stage that builds.
    pub(crate) builds: bool,
    /// Names of values and steps.
    pub(crate) names: Names,
    pub(crate) stage: (String, String),
    pub(crate) stage_variables: HashMap<String, Expr>,
    /// The values of a matrix around the stage, and of the innermost one around a step.
    pub(crate) stage_axes: HashMap<String, Expr>,
    pub(crate) axes: HashMap<String, Expr>,
    pub(crate) item: Option<Expr>,
    pub(crate) iteration: Option<Expr>,
    pub(crate) iterations: Option<Expr>,
    pub(crate) steps: HashMap<String, StepResult>,
    /// The name of a step that is being imported, for inputs in it.
    pub(crate) within: String,
}
