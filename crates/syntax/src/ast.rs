//! The abstract syntax tree (AST): typed nodes for what a person wrote, each with its span. The
//! tree of a file with syntax errors contains `Error` nodes.

mod commands;
mod test_block;
mod trigger;

pub use commands::{FileMode, Run, Transfer, TransferDirection, Variables};
use lockstep_base::source::{Name, Span};
pub use test_block::{Given, TestKind, TestPath, TestStmt};
pub use trigger::{Trigger, TriggerPart};

/// A file: its declarations, in source order.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The declarations.
    pub items: Vec<Item>,
    /// The whole text.
    pub span: Span,
}

/// A name with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: Name,
    /// Where it stands.
    pub span: Span,
}

/// A declaration with its documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The text of the `##` lines above it, without the marks, lines joined by line ends.
    pub doc: Option<Name>,
    /// What is declared.
    pub kind: ItemKind,
    /// From its first word to its last brace; without the documentation.
    pub span: Span,
}

/// The forms of a declaration.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum ItemKind {
    /// `import "./hooks.deploy" as hooks`
    Import { path: StringLit, alias: Ident },
    /// `from "std/health" import http-ok, port-open as open`
    From {
        path: StringLit,
        names: Vec<ImportName>,
    },
    /// `input tag: string = "latest" where …`
    Input {
        name: Ident,
        ty: TypeExpr,
        default: Option<Expr>,
        rule: Option<Expr>,
    },
    /// `secret token = env("TOKEN")`
    Secret {
        name: Ident,
        /// `secret` or `secret?`.
        ty: Option<TypeExpr>,
        source: Expr,
    },
    /// `let registry = "…"`
    Let {
        name: Ident,
        ty: Option<TypeExpr>,
        value: Expr,
    },
    /// `service checkout: kubernetes using canary() { … }`; the name of one for each element is a
    /// text: `service "${x.name}": kubernetes for x in apps { … }`.
    Service {
        name: Ident,
        text: Option<Box<Expr>>,
        kind: Path,
        using: Option<Use>,
        each: Option<Box<Each>>,
        fields: Vec<Field>,
    },
    /// `environment prod { … }`
    Environment(Environment),
    /// `group all = [qa.*, prod.eu]`
    Group { name: Ident, value: Expr },
    /// `window office { open = ["mon-fri 09:00-16:00"] }`
    Window { name: Ident, fields: Vec<Field> },
    /// `kind release { … }`
    Kind(Kind),
    /// `workflow rolling(s: service, i: infrastructure) -> string { … }`
    Workflow {
        name: Ident,
        params: Vec<Param>,
        result: Option<TypeExpr>,
        requires: Vec<Requirement>,
        body: Block,
    },
    /// `action notify(text: string) -> bool`
    Action {
        name: Ident,
        params: Vec<Param>,
        result: Option<TypeExpr>,
    },
    /// `function image(name: string) -> string = "${registry}/${name}"`
    Function {
        name: Ident,
        params: Vec<Param>,
        result: TypeExpr,
        value: Expr,
    },
    /// `type host = { name: string, port: int }`
    Type { name: Ident, ty: TypeExpr },
    /// `pipeline release atomic { … } on failure { … }`
    Pipeline {
        name: Ident,
        requires: Vec<Requirement>,
        /// One is right; of several it is said.
        queues: Vec<Queue>,
        modifiers: Vec<Modifier>,
        body: Block,
        handlers: Vec<Handler>,
    },
    /// `test "…" { … }`
    Test {
        name: StringLit,
        body: Vec<TestStmt>,
        body_span: Span,
    },
    /// `trigger nightly on schedule("0 3 * * *") starts release(tag: "v1")`
    Trigger(Box<Trigger>),
    /// Text that is no declaration; a diagnostic has been made for it.
    Error,
}

/// `name` or `name as alias` in a `from … import`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportName {
    /// The name in the other file.
    pub name: Ident,
    /// The name here, where it differs.
    pub alias: Option<Ident>,
}

/// `W(args)` after `using`. `W` may be `ns.W`; the parentheses may be left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The workflow.
    pub path: Path,
    /// Its further arguments (service and infrastructure are not among them).
    pub args: Vec<Arg>,
    /// All of it.
    pub span: Span,
}

/// `name` or `namespace.name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The namespace, if one is written.
    pub namespace: Option<Ident>,
    /// The name.
    pub name: Ident,
}

impl Path {
    /// All of it.
    pub fn span(&self) -> Span {
        self.namespace
            .as_ref()
            .map_or(self.name.span, |space| space.span.to(self.name.span))
    }
}

/// `field = expr`.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The documentation above it.
    pub doc: Option<Name>,
    /// The field.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

/// `environment prod { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// The name.
    pub name: Ident,
    /// Fields that its infrastructures inherit.
    pub fields: Vec<Field>,
    /// `override SERVICE { … }` for all its infrastructures.
    pub overrides: Vec<Override>,
    /// Its infrastructures, in source order.
    pub infrastructures: Vec<Infrastructure>,
}

/// `override checkout { replicas = 6 }`
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The service, or the kind (a name, or `ns.name`).
    pub service: Path,
    /// The name of the service, where a kind is written before it: `KIND["web"]`.
    pub index: Option<Expr>,
    /// The fields that differ.
    pub fields: Vec<Field>,
    /// All of it.
    pub span: Span,
}

/// `for x in LIST if E` in the head of a declaration: there is one for each element.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The variable.
    pub var: Ident,
    /// The second variable, of `for k, v in MAP`.
    pub second: Option<Ident>,
    /// The elements.
    pub list: Expr,
    /// Which of them stay.
    pub cond: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `infrastructure eu: kubernetes { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Infrastructure {
    /// The documentation above it.
    pub doc: Option<Name>,
    /// The name within its environment; of one for each element, its text as it is written.
    pub name: Ident,
    /// The text that gives the name of one for each element: `"${x.name}"`.
    pub text: Option<Expr>,
    /// Its kind.
    pub kind: Path,
    /// Where there is one for each element, the list.
    pub each: Option<Each>,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Overrides for deployments to it alone.
    pub overrides: Vec<Override>,
    /// All of it.
    pub span: Span,
}

/// `kind release extends base { service { … } infrastructure { … } deploy using W }`
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// The name.
    pub name: Ident,
    /// The kind that it extends.
    pub base: Option<Path>,
    /// The fields of its services.
    pub service: Vec<FieldDecl>,
    /// The fields of its infrastructures.
    pub infrastructure: Vec<FieldDecl>,
    /// The workflow that deploys by default.
    pub deploy: Option<Use>,
    /// The programs that must be where its services are deployed to.
    pub requires: Vec<Requirement>,
    /// Where its parts stand, with their first words, in the order written.
    pub parts: Vec<Span>,
}

/// `requires "kubectl" ">= 1.27" by "kubectl version --client"`
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// The program.
    pub program: StringLit,
    /// Which version it must have, if it matters.
    pub version: Option<StringLit>,
    /// The command that says its version, where it is another than `PROGRAM --version`.
    pub by: Option<StringLit>,
    /// All of it.
    pub span: Span,
}

/// `queue "prod" keep latest`
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// The name: a text.
    pub name: Expr,
    /// Which of the runs that wait are kept: `all` or `latest`.
    pub keep: Option<Ident>,
    /// All of it.
    pub span: Span,
}

/// `field: T = default`
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDecl {
    /// The documentation above it.
    pub doc: Option<Name>,
    /// The field.
    pub name: Ident,
    /// Its type.
    pub ty: TypeExpr,
    /// Its value where none is given.
    pub default: Option<Expr>,
}

/// `name: T = default`
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The documentation above it.
    pub doc: Option<Name>,
    /// The parameter.
    pub name: Ident,
    /// Its type.
    pub ty: TypeExpr,
    /// Its value where none is given.
    pub default: Option<Expr>,
}

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeExpr {
    /// Its form.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The forms of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `string`, `int`, `service`, …; also a name that does not exist.
    Name(Ident),
    /// `ns.NAME`: a type that another file declares.
    Member(Ident, Ident),
    /// `service<K>`, `infrastructure<K>`.
    Of(Ident, Path),
    /// `[T]`
    List(Box<TypeExpr>),
    /// `{string: T}`
    Map(Box<TypeExpr>, Box<TypeExpr>),
    /// `{ name: T, … }`
    Record(Vec<(Ident, TypeExpr)>),
    /// `T?`
    Optional(Box<TypeExpr>),
    /// `"a" | "b"`
    OneOf(Vec<StringLit>),
    /// A diagnostic has been made for it.
    Error,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Its form.
    pub kind: ExprKind,
    /// Where, with its parentheses if it has any.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum ExprKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// `10%` is 10.
    Percent(f64),
    /// In milliseconds.
    Duration(i64),
    String(StringLit),
    Name(Ident),
    /// `[a, prod.*]`: a [`ExprKind::Star`] element is replaced by its elements.
    List(Vec<Expr>),
    /// `{ a: 1, "b c": 2 }`: a record or a map, as the place wants it.
    Record(Vec<(RecordKey, Expr)>),
    /// `e.name`
    Field(Box<Expr>, Ident),
    /// `e.*`
    Star(Box<Expr>),
    /// `e?`, what may be `none` before `.name` or `[i]`: `e?.name`. The rest of the path is left
    /// out then.
    Maybe(Box<Expr>),
    /// `e[i]`
    Index(Box<Expr>, Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    /// The span is the operator's.
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[body for var in list if cond]`
    Comprehension(Box<Comprehension>),
    /// `f(a, name: b)`, `ns.f(a)`; the callee is a name or a field of a name.
    Call(Box<Expr>, Vec<Arg>),
    /// `(e)`, represented for the formatter.
    Paren(Box<Expr>),
    /// A diagnostic has been made for it.
    Error,
}

/// `[body for var in list if cond]`, `[body for var, second in list]`; with a key it is a map:
/// `{ key: body for var in list }`, in which the name of a key is a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Comprehension {
    /// The key of each entry of a map.
    pub key: Option<RecordKey>,
    /// Each element, or the value of each entry.
    pub body: Expr,
    /// The variable.
    pub var: Ident,
    /// The second variable.
    pub second: Option<Ident>,
    /// What it goes over.
    pub list: Expr,
    /// Which elements count.
    pub cond: Option<Expr>,
}

/// The key of a record entry.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordKey {
    /// `name: …`
    Name(Ident),
    /// `"any text": …`
    String(StringLit),
}

/// `e` or `name: e` between the parentheses of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// The parameter, where it is named.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// `-` and `not`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnaryOp {
    Neg,
    Not,
}

/// The operators between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    /// `??`
    Else,
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// A string literal: `"…"` or `"""…"""`, or a raw text: `'…'` or `'''…'''`.
#[derive(Debug, Clone, PartialEq)]
pub struct StringLit {
    /// Texts and interpolations in order; no two texts are adjacent, none is empty.
    pub parts: Vec<StringPart>,
    /// Whether it is written with three quotes.
    pub multiline: bool,
    /// Whether it is a raw text, in which nothing has a meaning.
    pub raw: bool,
    /// With its quotes.
    pub span: Span,
}

impl StringLit {
    /// The text, where nothing is interpolated.
    pub fn plain(&self) -> Option<Name> {
        match self.parts.as_slice() {
            [] => Some(Name::from("")),
            [StringPart::Text { text, .. }] => Some(text.clone()),
            _ => None,
        }
    }
}

/// A part of a string literal.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum StringPart {
    /// Text with its escapes resolved (and, in `"""`, its indentation removed).
    Text { text: Name, span: Span },
    /// `${expr}`; the span has the braces.
    Interpolation { expr: Expr, span: Span },
}

/// `{ statements }`
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The statements, in order.
    pub stmts: Vec<Stmt>,
    /// With its braces.
    pub span: Span,
}

/// A statement: keyword, head, modifiers, body, handlers.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// The documentation above it.
    pub doc: Option<Name>,
    /// Keyword, head and body.
    pub kind: StmtKind,
    /// The modifiers, in the order written.
    pub modifiers: Vec<Modifier>,
    /// The handlers, in the order written.
    pub handlers: Vec<Handler>,
    /// Its head: from the keyword to the last word before the modifiers.
    pub head: Span,
    /// All of it.
    pub span: Span,
}

/// The forms of a statement.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum StmtKind {
    Stage {
        name: Ident,
        body: Block,
    },
    Serial {
        body: Block,
    },
    Parallel {
        body: Block,
    },
    /// `serial x in LIST { … }`, `parallel x in LIST { … }`.
    Loop {
        axis: Axis,
        body: Block,
    },
    /// `matrix AXIS+ [where E] [include RECORD]* { … }`
    Matrix {
        axes: Vec<Axis>,
        filter: Option<Expr>,
        include: Vec<Expr>,
        body: Block,
    },
    Deploy {
        service: Expr,
        target: Expr,
        using: Option<Use>,
    },
    Step {
        name: Ident,
        body: Block,
    },
    /// `run "…"`, `query "…"`
    Run(Box<Run>),
    /// `send …`, `fetch …`
    Transfer(Box<Transfer>),
    /// `NAME(args)`, `ns.NAME(args)` as a statement.
    Call(Expr),
    Let {
        name: Ident,
        ty: Option<TypeExpr>,
        value: LetValue,
    },
    /// The first branch, the `else if`s, and finally the `else`.
    If {
        branches: Vec<(Expr, Block)>,
        otherwise: Option<Block>,
    },
    Barrier {
        name: Ident,
        key: Option<Expr>,
        /// `across stage` or `across pipeline`, and all of that.
        across: Option<(AcrossScope, Span)>,
    },
    Lock {
        resource: Expr,
        limit: Option<Expr>,
        body: Block,
    },
    /// `approve "…" [by [groups]] [count N] [except [people]]`
    Approve {
        question: Expr,
        by: Option<Expr>,
        count: Option<Expr>,
        except: Option<Expr>,
    },
    Wait(Expr),
    Verify {
        during: Expr,
        every: Expr,
        body: Block,
    },
    Log(Expr),
    /// `fail E [as CLASS]`
    Fail {
        message: Expr,
        class: Option<Ident>,
    },
    Return(Option<Expr>),
    Yield(Expr),
    On {
        target: Expr,
        body: Block,
    },
    /// `with [on I] [in DIR] [env { K: v }] { … }`
    With {
        on: Option<Expr>,
        dir: Option<Expr>,
        env: Option<Variables>,
        body: Block,
    },
    /// `ignore`, at the end of `on failure`.
    Ignore,
    /// `rollback`, `rollback stage`, `rollback pipeline`.
    Rollback(RollbackScope),
    Abort,
    /// `retry N` as the last statement of `on failure`.
    Retry(Expr),
    /// `ask [timeout D] [else ignore|rollback|abort]`
    Ask {
        timeout: Option<Expr>,
        otherwise: Option<Ident>,
    },
    /// Text that is no statement; a diagnostic has been made for it.
    Error,
}

/// What a `rollback` in a handler rolls back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RollbackScope {
    /// The block with the handler.
    Block,
    /// The stage around it.
    Stage,
    /// The whole pipeline.
    Pipeline,
}

/// In what all who write the same meet at a barrier, wherever they are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AcrossScope {
    /// The stage around it.
    Stage,
    /// The whole pipeline.
    Pipeline,
}

impl AcrossScope {
    /// The word after `across`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Pipeline => "pipeline",
        }
    }
}

/// The right side of a `let` statement.
#[derive(Debug, Clone, PartialEq)]
pub enum LetValue {
    /// An expression; also a call, which may turn out to be a workflow's or an action's.
    Expr(Expr),
    /// `run …`, a loop or a matrix. Its modifiers and handlers are the inner statement's.
    Effect(Box<Stmt>),
}

/// `[serial|parallel] x in LIST [by NAME]`, `[serial|parallel] k, v in MAP [by NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// `serial` or `parallel`, where written (always for a loop).
    pub order: Option<(Order, Span)>,
    /// The variable; of two the key, or the place.
    pub var: Ident,
    /// The variable for what is there, where two are written: `k, v in MAP`.
    pub second: Option<Ident>,
    /// Its values.
    pub list: Expr,
    /// What its cells are called.
    pub by: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// Whether an axis runs one after the other or at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// One after the other.
    Serial,
    /// All at once.
    Parallel,
}

/// A modifier before the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifier {
    /// Its form.
    pub kind: ModifierKind,
    /// All of it.
    pub span: Span,
}

/// The forms of a modifier.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum ModifierKind {
    Timeout(Expr),
    Grace(Expr),
    /// `retry N [every D[..D]]`
    Retry {
        times: Expr,
        every: Option<Box<Expr>>,
        upto: Option<Box<Expr>>,
    },
    Max(Expr),
    /// `batches [1, 10%] [between { … }]`
    Batches {
        sizes: Expr,
        between: Option<Block>,
    },
    Tolerate(Expr),
    FailFast,
    Atomic,
    Once,
    Quiet,
    /// Words that are no modifier; a diagnostic has been made for them.
    Error,
}

/// A handler after the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// Its form.
    pub kind: HandlerKind,
    /// All of it.
    pub span: Span,
}

/// The forms of a handler.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the words of the grammar")]
pub enum HandlerKind {
    Undo(Block),
    /// `undo none "reason"`: there is no way back.
    NoUndo(Expr),
    /// `on failure[(class, …)] { … }`; without a class, all.
    OnFailure {
        classes: Vec<Ident>,
        body: Block,
    },
    Always(Block),
    /// `watch every D { … }`
    Watch {
        every: Expr,
        body: Block,
    },
}
