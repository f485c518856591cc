//! What expressions of GitHub Actions can see at a place.

use std::collections::HashMap;

use crate::value::Expr;
use crate::words::Names;

/// What can be seen at a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) names: Names,
    /// The name of the workflow and of the job.
    pub(super) workflow: String,
    pub(super) job: String,
    /// Values of `inputs`.
    pub(super) inputs: HashMap<String, Expr>,
    /// Secrets that are handed over; all others are those of the file.
    pub(super) secrets: HashMap<String, Expr>,
    pub(super) env: HashMap<String, Expr>,
    pub(super) matrix: HashMap<String, Expr>,
    /// The results of jobs, by which their outputs are seen.
    pub(super) needs: HashMap<String, Expr>,
    /// The jobs that this one needs.
    pub(super) needed: Vec<String>,
    /// The conditions of jobs: those that need one that is left out are left out, too.
    pub(super) conditions: HashMap<String, Expr>,
    /// The names of steps, by their ids.
    pub(super) steps: HashMap<String, String>,
    /// Variables that steps have set for those behind them, and the names of the steps.
    pub(super) set_by: Vec<(String, String)>,
    /// The variables that the step at hand sets for others.
    pub(super) sets: Vec<String>,
    /// Names that workflows must be handed, with their types.
    pub(super) locals: Vec<(String, String)>,
    /// Whether it is a handler, where what was done may be missing.
    pub(super) backwards: bool,
}
