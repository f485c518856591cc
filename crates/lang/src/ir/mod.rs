//! The program after all checks, the intermediate representation (IR): names are numbers, types are
//! erased, and it contains everything a run needs, so that a run can be resumed when the source has
//! changed or is gone.

pub mod command;
pub mod cron;
pub mod file_pattern;
mod input_uses;
pub mod lower;
mod properties;
mod queue;
mod sparse;
mod testing;
mod trigger;
mod version;
pub mod visit;
pub mod window;

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::eval::{Expr, Slot};
pub use command::CommandTemplate;
pub use input_uses::{InputUses, input_uses, needed_inputs, settable_fields};
use lockstep_base::source::{Name, Sources, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Type};
pub use lockstep_syntax::ast::{AcrossScope, Order, RollbackScope};
pub use properties::Fork;
pub use queue::{Queue, QueueKeep};
pub use sparse::{SharedDefault, Sparse};
pub use testing::{Given, Test, TestKind, TestStmt};
pub use trigger::{Missed, Trigger, TriggerKind, WebhookSource, time_zone, time_zones};
pub use version::{Version, VersionRule};
pub use visit::{asks_ledger, has_paths, outside_calls};
pub use window::{OutsideWindow, Window, WindowId};

/// The version of this format. A program of another version is refused, not guessed at.
pub const VERSION: u32 = 1;

/// How long a command may take to end when it is asked to, in milliseconds, without a `grace`.
pub const SIGTERM_GRACE_MS: i64 = 10_000;

/// A checked program: the requested file and all that it imports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// [`VERSION`] of the compiler that made it.
    pub version: u32,
    /// The texts it was made from, for messages.
    pub sources: Sources,
    /// Inputs and top-level `let`s of all files.
    pub globals: Vec<Global>,
    /// The declared secrets.
    pub secrets: Vec<Secret>,
    /// The deployment types.
    pub kinds: Vec<Kind>,
    /// What is deployed.
    pub services: Vec<Service>,
    /// Where it goes.
    pub environments: Vec<Environment>,
    /// Where exactly.
    pub infrastructures: Vec<Infrastructure>,
    /// What makes services of data, when inputs are bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_templates: Vec<Template<Service>>,
    /// What makes infrastructures of data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub infrastructure_templates: Vec<Template<Infrastructure>>,
    /// When may be deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Named lists of infrastructures.
    pub groups: Vec<Group>,
    /// Reusable bodies.
    pub workflows: Vec<Workflow>,
    /// What the embedding program provides.
    pub actions: Vec<Action>,
    /// What can be run: the pipelines of the requested file.
    pub pipelines: Vec<Pipeline>,
    /// The tests of the requested file.
    #[serde(default)]
    pub tests: Vec<Test>,
    /// What starts the pipelines of the requested file by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
}

impl Program {
    /// Whether what is of kind `is` is of kind `wanted`, too.
    pub fn is_of_kind(&self, is: u32, wanted: u32) -> bool {
        let kind = self.kinds.get(is as usize);
        is == wanted || kind.is_some_and(|kind| kind.bases.contains(&wanted))
    }

    /// The window of an infrastructure.
    pub fn window_of(&self, place: InfrastructureId) -> Option<&Window> {
        let place = self.infrastructures.get(place.0 as usize)?;
        self.windows.get(place.window?.0 as usize)
    }

    /// Whether infrastructures of an environment are still to be made of data.
    pub fn has_templates(&self, of: EnvironmentId) -> bool {
        let mut open = self.infrastructure_templates.iter();
        open.any(|it| it.made.is_none() && it.declared.environment == of)
    }
}

/// An input or a top-level `let`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Global {
    /// Its name in its file.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its type.
    pub ty: Type,
    /// Where its name stands.
    pub span: Span,
    /// Where its value comes from.
    pub source: GlobalSource,
}

/// Where a global's value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GlobalSource {
    /// `let x = expr`
    Let(Arc<Expr>),
    /// `input x: T = default where rule`
    Input {
        /// The value where none is given.
        default: Option<Arc<Expr>>,
        /// What must hold; it names the input as a [`crate::eval::GlobalId`].
        rule: Option<Expr>,
    },
}

/// `secret token = env("TOKEN")`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// Its name.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// Where its text comes from.
    pub source: SecretSource,
    /// Whether it may be missing: `secret token: secret? = env("TOKEN", none)`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Where a secret's text comes from, when the run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SecretSource {
    /// A variable of the caller's environment.
    Env(Expr),
    /// The text of a file, less one final line end; relative to the source file's folder.
    File(Expr),
    /// The output of a command, less one final line end.
    Command(Vec<Expr>),
}

/// A deployment type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// Its name.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// The kinds that it extends, by place, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<u32>,
    /// The fields of its services, with those of the kinds that it extends.
    pub service: IndexMap<Name, KindField>,
    /// The fields of its infrastructures.
    pub infrastructure: IndexMap<Name, KindField>,
    /// The workflow that deploys its services.
    pub deploy: Option<WorkflowUse>,
    /// The programs that must be where its services are deployed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// A program that must be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// Its name.
    pub program: Name,
    /// Which version it must have.
    pub version: Vec<VersionRule>,
    /// The shell command that says its version, where it is another than `PROGRAM --version`.
    pub by: Option<Name>,
    /// Where it stands.
    pub span: Span,
}

/// A field that a kind declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindField {
    /// Its type.
    pub ty: Type,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its value where none is given. An optional field without a default is `none`.
    pub default: Option<Expr>,
}

/// A workflow and its arguments, each at its parameter's index; `None` means the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowUse {
    /// The workflow, by its place in the program's table.
    pub workflow: WorkflowId,
    /// One for each parameter. After `using` the first two are `None`: they are the service and
    /// the infrastructure.
    pub args: Vec<Option<Expr>>,
    /// What the call is called in paths, where a `let` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<Name>,
    /// Where it is named.
    pub span: Span,
}

/// A workflow of the program, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(pub u32);

/// What is declared for each element of a list. Binding the inputs makes the elements' services
/// and infrastructures, which stand behind the others in the program's tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template<T> {
    /// What is declared; its name is the text as it is written, and its expressions see the
    /// element.
    pub declared: T,
    /// The name of one.
    pub name: Expr,
    /// The element.
    pub slot: Slot,
    /// The elements.
    pub list: Expr,
    /// Which of them stay.
    pub cond: Option<Expr>,
    /// Where what was made stands in the program's table; nothing before the inputs are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Vec<u32>>,
}

impl<T> Template<T> {
    /// What decides which there are.
    pub fn head(&self) -> impl Iterator<Item = &Expr> {
        [&self.list]
            .into_iter()
            .chain(&self.cond)
            .chain([&self.name])
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its kind, by place.
    pub kind: u32,
    /// Where its name stands.
    pub span: Span,
    /// The fields that are given. The others have the kind's default.
    pub fields: IndexMap<Name, Expr>,
    /// The workflow that deploys it, where it is not the kind's.
    pub using: Option<WorkflowUse>,
}

/// Fields that a service has at one place only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// The service. Where it is named by a text that is not known yet, it is none.
    pub service: ServiceId,
    /// What names it: `KIND["web"]`, until the inputs are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Expr>,
    /// The fields that differ.
    pub fields: IndexMap<Name, Expr>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Where its name stands.
    pub span: Span,
    /// Fields that its infrastructures inherit.
    pub fields: IndexMap<Name, Expr>,
    /// Overrides for all its infrastructures.
    pub overrides: Vec<Override>,
    /// Its infrastructures, in source order.
    pub infrastructures: Vec<InfrastructureId>,
}

/// An infrastructure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// Its full name: `prod.eu`.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Where its name stands.
    pub span: Span,
    /// Its environment.
    pub environment: EnvironmentId,
    /// Its kind, by place.
    pub kind: u32,
    /// Its window, or that of its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowId>,
    /// The fields that are given, also `id`, `connect`, `exclusive` and `pool`.
    pub fields: IndexMap<Name, Expr>,
    /// Overrides for deployments to it alone.
    pub overrides: Vec<Override>,
}

/// A named list of infrastructures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// The list.
    pub value: Arc<Expr>,
}

/// A parameter of a workflow or an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its type.
    pub ty: Type,
    /// Its place among the body's locals: the parameters are the first ones, in order.
    pub slot: Slot,
    /// Its value where none is given; it may name the parameters before it.
    pub default: Option<Expr>,
}

/// A reusable body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Where its name stands.
    pub span: Span,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The type that it returns.
    pub result: Type,
    /// The programs that its commands need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// What it does.
    pub body: Block,
}

/// An effect that the embedding program provides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its name.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The type that it returns.
    pub result: Type,
}

/// Something that can be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// The programs that its commands need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// The queue in which its runs wait for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Its body as a [`StmtKind::Block`], with the pipeline's modifiers and handlers.
    pub body: Arc<Stmt>,
}

/// Statements one after the other.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Block {
    /// The statements, in order.
    pub stmts: Vec<Arc<Stmt>>,
}

/// A statement with its modifiers and handlers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where its head stands.
    pub span: Span,
    /// Where its value goes, for `let x = run …`, and for a step, which is named like a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<Slot>,
    /// Its modifiers.
    #[serde(default, skip_serializing_if = "Sparse::is_default")]
    pub modifiers: Sparse<Modifiers>,
    /// Its handlers.
    #[serde(default, skip_serializing_if = "Sparse::is_default")]
    pub handlers: Sparse<Handlers>,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StmtKind {
    /// A pipeline's body, `serial { … }` (which has the label `serial`).
    Block(Block),
    /// `stage NAME { … }`. Its value (bound as `bind`) has `.services` and `.infrastructures`.
    Stage {
        /// Its name.
        name: Name,
        /// What it does.
        body: Block,
    },
    /// `parallel { … }`
    Parallel(Block),
    /// A loop (one axis) or a matrix.
    Matrix(Matrix),
    /// `deploy S to I using W(…)`
    Deploy {
        /// What.
        service: Expr,
        /// Where to.
        target: Expr,
        /// The workflow, where it is not the service's or kind's.
        using: Option<WorkflowUse>,
    },
    /// `step NAME { … }`
    Step {
        /// Its name.
        name: Name,
        /// What it does.
        body: Block,
    },
    /// A command.
    Run(Box<CommandTemplate>),
    /// A workflow call.
    Call(WorkflowUse),
    /// A call of an action, with an argument for each parameter or `None` for its default.
    Action {
        /// The action, by place.
        action: u32,
        /// Its arguments.
        args: Vec<Option<Expr>>,
    },
    /// `let x = expr` (bound as `bind`).
    Let(Expr),
    /// The branches in order.
    If {
        /// Condition and body.
        branches: Vec<(Expr, Block)>,
        /// What is done when none holds.
        otherwise: Option<Block>,
    },
    /// `barrier NAME[KEY] [across stage|pipeline]`
    Barrier {
        /// Its name; the same name is the same barrier, also from another file.
        name: Name,
        /// Its key.
        key: Option<Expr>,
        /// Where all who write the same meet; without it, in the innermost block in which others
        /// can come to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        across: Option<AcrossScope>,
    },
    /// `lock E limit N { … }`
    Lock {
        /// The name of the resource, a string.
        resource: Expr,
        /// How many may hold it.
        limit: Option<Expr>,
        /// What is done while holding it.
        body: Block,
    },
    /// `approve "…" by [groups] count N except [people]`
    Approve {
        /// The question.
        question: Expr,
        /// Who may answer.
        by: Option<Expr>,
        /// How many people have to say yes; without it one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<Expr>,
        /// Whose yes does not count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        except: Option<Expr>,
    },
    /// `wait D`
    Wait(Expr),
    /// `verify for D every D { … }`
    Verify {
        /// How long it must hold.
        during: Expr,
        /// The interval between two checks.
        every: Expr,
        /// The check.
        body: Block,
    },
    /// `log E`
    Log(Expr),
    /// `fail E [as CLASS]`
    Fail(Failing),
    /// `return E`: ends the workflow.
    Return(Option<Expr>),
    /// `yield E`: the value of the cell or step.
    Yield(Expr),
    /// `on I { … }`, `with [on I] [in DIR] [env { K: v }] { … }`
    On {
        /// The infrastructure, where one is named.
        target: Option<Expr>,
        /// The folder of the commands, relative to that of a `with` around it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dir: Option<Expr>,
        /// Variables of their environment.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(Name, Expr)>,
        /// Whether it is written `with`.
        #[serde(default)]
        with: bool,
        /// What runs there.
        body: Block,
    },
    /// The last statement of a failure handler.
    Verdict(HandlerVerdict),
}

/// What a `fail` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// The message.
    #[serde(flatten)]
    pub message: Expr,
    /// The class of the failure; `failed` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
}

/// What a failure handler decides with its last statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HandlerVerdict {
    /// Count as succeeded, with a warning.
    Ignore,
    /// Roll back.
    Rollback(RollbackScope),
    /// Stop the run now, without rolling back.
    Abort,
    /// Try this many more times.
    Retry(Expr),
    /// Let a person choose.
    Ask {
        /// How long to wait for the answer.
        timeout: Option<Expr>,
        /// What to do when there is no answer in time; `None` fails as if unhandled.
        otherwise: Option<AskElse>,
    },
}

/// What an `ask` does when there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum AskElse {
    Ignore,
    Rollback,
    Abort,
}

/// A loop or a matrix: the axes nest as written, the first is the outermost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// The word it is written with: `serial`, `parallel` or `matrix`; it names the cells.
    pub word: Name,
    /// The axes.
    pub axes: Vec<Axis>,
    /// Which cells stay.
    pub filter: Option<Expr>,
    /// Cells to add after the others: one expression for each axis, in axis order.
    pub include: Vec<Vec<Expr>>,
    /// What is done in each cell.
    pub body: Block,
    /// What is done between its batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Between>,
}

/// `between { … }`: what is done behind each batch but the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Between {
    /// The local that holds `batch`: a record of `.number`, `.count` and `.cells`.
    pub slot: Slot,
    /// What it does.
    pub body: Block,
}

/// An axis of a loop or matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Whether its values come one after the other.
    pub order: Order,
    /// The variable's name.
    pub name: Name,
    /// The variable.
    pub slot: Slot,
    /// The values; it may name the variables of the axes before it.
    pub list: Expr,
    /// What they are.
    #[serde(default)]
    pub of: Option<Type>,
    /// What its cells are called, where that is not their value.
    #[serde(default)]
    pub by: Option<Expr>,
    /// What tells its cells from others for a retry, where that is not the value: of `i, x` the
    /// element, of `k, v` both.
    #[serde(default)]
    pub same: Option<Expr>,
}

/// The modifiers of a statement.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Modifiers {
    /// How long one try may take.
    pub timeout: Option<Expr>,
    /// How long its commands may take to end when they are asked to.
    pub grace: Option<Expr>,
    /// How often to try again.
    pub retry: Option<Retry>,
    /// How many cells at once.
    pub max: Option<Expr>,
    /// The sizes of the waves: a list of integers and percents.
    pub batches: Option<Expr>,
    /// How many failed cells are ignored: an integer or a percent.
    pub tolerate: Option<Expr>,
    /// Whether a failure cancels the siblings.
    pub fail_fast: bool,
    /// Whether a failure rolls back all of it.
    pub atomic: bool,
    /// Whether it must not be run again after a crash.
    pub once: bool,
    /// Whether its output is kept and not shown.
    pub quiet: bool,
    /// Whether what it writes, or the body of the answer, is a secret.
    pub secret: bool,
}

/// `retry N every D..D`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// How many more tries.
    pub times: Expr,
    /// The first pause.
    pub every: Option<Expr>,
    /// The longest pause.
    pub upto: Option<Expr>,
}

/// The handlers of a statement.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handlers {
    /// The names of its body that its handlers see, and the numbers that they have there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bound: Vec<BoundName>,
    /// Its own result, as its handlers see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Slot>,
    /// What `outcome` is in `on failure` and `always`: the statement's status, failure and
    /// deployments so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Slot>,
    /// How to undo what it did.
    pub undo: Option<Block>,
    /// Why it has no way back, where it says so; then it has no `undo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_undo: Option<Expr>,
    /// What to do when it fails; the first that matches.
    pub on_failure: Vec<FailureHandler>,
    /// What to do in the end, however it ended.
    pub always: Option<Block>,
    /// What looks at it while its body runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
}

/// `watch every D { … }`: looks while the body of a statement runs; when it fails, so does that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// The interval between two looks.
    pub every: Expr,
    /// The look.
    pub body: Block,
}

/// A name that a body binds at its top level, which the handlers of its statement see: `none`
/// until a try has bound it, and then the value of the last try that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundName {
    /// Its number in the body.
    pub inside: Slot,
    /// Its number in the handlers, where it is optional.
    pub outside: Slot,
}

/// `on failure(class, …) { … }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureHandler {
    /// The classes that it handles; without any, all.
    pub classes: Vec<FailureClass>,
    /// The local that holds `failure`: a record of `.class`, `.message`, `.node`, `.code` and
    /// `.output`.
    pub slot: Slot,
    /// What it does.
    pub body: Block,
}

/// Why something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum FailureClass {
    Exit,
    Signal,
    Timeout,
    Connection,
    Authentication,
    Verification,
    Approval,
    Barrier,
    Deadlock,
    Superseded,
    Interrupted,
    Cancelled,
    Failed,
    Internal,
}

impl FailureClass {
    /// All classes, as the language lists them.
    pub const ALL: [Self; 14] = [
        Self::Exit,
        Self::Signal,
        Self::Timeout,
        Self::Connection,
        Self::Authentication,
        Self::Verification,
        Self::Approval,
        Self::Barrier,
        Self::Deadlock,
        Self::Superseded,
        Self::Interrupted,
        Self::Cancelled,
        Self::Failed,
        Self::Internal,
    ];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Authentication => "authentication",
            Self::Verification => "verification",
            Self::Approval => "approval",
            Self::Barrier => "barrier",
            Self::Deadlock => "deadlock",
            Self::Superseded => "superseded",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Internal => "internal",
        }
    }
}
