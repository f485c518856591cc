//! Pure evaluation of core expressions: it always terminates and has no side effects. Must not read
//! the clock, files or the environment: `env`, `file` and names come through [`Scope`].

pub mod builtins;
mod evaluate;
mod expr;
#[cfg(test)]
mod expr_reader;
mod faults;
mod limits;
pub mod operators;
mod scopes;
#[cfg(test)]
mod tests;
pub mod totality;
pub mod visit;

pub use evaluate::eval;
pub use expr::{
    BinaryOp, Expr, ExprKind, Function, GlobalId, InterpolationPart, ListItem, OWNER, RunField,
    Slot, UnaryOp,
};
pub use limits::LimitExceeded;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, Value};
use lockstep_base::world::FileError;
pub use scopes::{EmptyScope, ScopeWithLocal};

/// Why an expression has no value now.
#[derive(Debug, Clone)]
pub enum Halt {
    /// It depends on something that is only known while the pipeline runs, or on an input that
    /// was not given.
    Unknown,
    /// It is wrong: a missing key, an overflow, a division by zero.
    Fault(Box<Diagnostic>),
}

impl From<Diagnostic> for Halt {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Fault(Box::new(diagnostic))
    }
}

/// What an expression can see.
pub trait Scope {
    /// A parameter, a `let` or a loop variable; [`Halt::Unknown`] where it has no value yet.
    fn local(&self, slot: Slot) -> Result<Value, Halt>;
    /// An input or a top-level `let`.
    fn global(&self, id: GlobalId) -> Result<Value, Halt>;
    /// A field of a service, environment or infrastructure.
    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt>;
    /// The infrastructures of an environment, in source order.
    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value>;
    /// The same, where they may be unknown: the evaluator calls this one.
    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        Ok(self.infrastructures(of))
    }
    /// What a declaration makes of the elements of its list, by the declaration's place.
    fn made(&self, _: builtins::MadeSort, _: u32) -> Result<Vec<Value>, Halt> {
        Err(Halt::Unknown)
    }
    /// A service, environment or infrastructure as a person would name it.
    fn display(&self, value: &Value) -> String;
    /// A fact about the run.
    fn run(&self, field: RunField) -> Result<Value, Halt>;
    /// A variable of the caller's environment, at planning time.
    fn env(&self, name: &str) -> Result<Option<Name>, Halt>;
    /// Whether a secret that may be missing is there, by its place in the program's table. That
    /// alone is known of it when the run is planned, never its text.
    fn has_secret(&self, _: u32) -> Result<bool, Halt> {
        Err(Halt::Unknown)
    }
    /// The text of a file, at planning time; the path is relative to the folder of `from`.
    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt>;
    /// The absolute path of the folder of a source file: what its paths are relative to.
    fn folder(&self, _of: FileId) -> Result<Name, Halt> {
        Err(Halt::Unknown)
    }
    /// What the ledger says of a service at an infrastructure, at planning time.
    fn deployed(&self, _service: &Value, _target: &Value) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }
}
