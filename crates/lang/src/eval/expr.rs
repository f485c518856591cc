//! The core expressions that the compiler generates: names are resolved and types are checked. They
//! can be serialized and stored with a run.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::builtins::{self, Builtin};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{Type, Value};
pub use lockstep_syntax::ast::{BinaryOp, UnaryOp};

/// A local name of a workflow or pipeline body, numbered within that body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// In the default of a kind's field, the service or infrastructure that has the field. Each of them
/// gets a default of its own, in which it stands instead.
pub const OWNER: Slot = Slot(u32::MAX - 1);

/// An input or a top-level `let`, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GlobalId(pub u32);

/// An expression with its place, for the errors of its evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// Its form.
    #[serde(rename = "e")]
    pub kind: ExprKind,
    /// Where it was written.
    #[serde(rename = "s")]
    pub span: Span,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ExprKind {
    /// A value known when the file was compiled; also a service, environment or infrastructure.
    Const(Value),
    /// A parameter, a `let` or a loop variable of this body.
    Local(Slot),
    /// An input or a top-level `let`.
    Global(GlobalId),
    /// `run.id`, `run.user`, `run.started-at`; and what is behind `token.file`.
    Run(RunField),
    /// `"…${e}…"`. If a part is a secret, so is the whole.
    Interpolate(Vec<InterpolationPart>),
    /// `[a, b.*]`
    List(Vec<ListItem>),
    /// `{ a: 1 }`
    Record(Vec<(Name, Expr)>),
    /// `e.name`: a field of a service, environment, infrastructure or record. A record may lack
    /// a field that is optional in its type, so a missing one is `none`; where `e` itself is
    /// `none`, that is a fault. Where `e` is a map or JSON, `.name` is an [`ExprKind::Index`];
    /// [`Expr::member`] makes the right one.
    Field(Box<Expr>, Name),
    /// `e.*`: the infrastructures of an environment; a list is itself.
    Star(Box<Expr>),
    /// `e[i]`: an element or a map's value, which must exist.
    Index(Box<Expr>, Box<Expr>),
    /// `-e`, `not e`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`; `and`, `or` and `??` evaluate the right side only where they must (short circuit).
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[body for slot in list if cond]`
    Comprehension {
        /// What each element becomes.
        body: Box<Expr>,
        /// The variable.
        slot: Slot,
        /// The elements.
        list: Box<Expr>,
        /// Which elements stay.
        cond: Option<Box<Expr>>,
    },
    /// `none` where `value` is `none`, else `body`, in which `slot` is the value.
    IfSome {
        /// What may be `none`.
        value: Box<Expr>,
        /// Its name in the body.
        slot: Slot,
        /// What comes of it.
        body: Box<Expr>,
    },
    /// A call of a declared function: its body, in which each parameter is what the call hands
    /// over. They are evaluated in order, and each may see those before it.
    Bind {
        /// The parameters and their values.
        values: Vec<(Slot, Expr)>,
        /// The function's expression.
        body: Box<Expr>,
    },
    /// JSON, or a text that is to be a path, or a value with such in it, as a value of this type;
    /// what does not fit is a fault.
    Convert(Box<Expr>, Box<Type>),
    /// A built-in function; its arguments in the order of its parameters, optional ones that
    /// were not given left out at the end.
    Call(Function, Vec<Expr>),
}

/// A part of an interpolated string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum InterpolationPart {
    /// Text.
    Text(Name),
    /// `${e}`
    Value(Expr),
}

/// An element of a list literal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListItem {
    /// The element; a list where `spread` is set.
    pub value: Expr,
    /// Whether its elements stand here in its place (`x.*`).
    pub spread: bool,
}

/// A field of `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunField {
    /// The run's id, a string.
    Id,
    /// Who started it, a string.
    User,
    /// When it started, an RFC 3339 string in UTC.
    StartedAt,
    /// A folder of the run on this machine, a string.
    Scratch,
    /// The folder for the files of its secrets, a string. No file can name it.
    SecretFolder,
}

/// A built-in function, stored by its name.
#[derive(Clone, Copy)]
pub struct Function(pub &'static Builtin);

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Serialize for Function {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Name::deserialize(deserializer)?;
        builtins::stored(&name)
            .map(Function)
            .ok_or_else(|| serde::de::Error::custom(format!("no built-in function `{name}`")))
    }
}

impl Expr {
    /// A constant.
    pub fn constant(value: Value, span: Span) -> Self {
        Self {
            kind: ExprKind::Const(value),
            span,
        }
    }

    /// `of.name`, where `of` has type `ty`: a key of a map or of JSON must exist, a field of a
    /// record that is missing is `none`.
    pub fn member(of: Expr, ty: &Type, name: Name, span: Span) -> Self {
        let of_map = match ty {
            Type::Optional(ty) => matches!(**ty, Type::Map(_) | Type::Json),
            ty => matches!(ty, Type::Map(_) | Type::Json),
        };
        let kind = if of_map {
            let key = Self::constant(Value::String(name), span);
            ExprKind::Index(Box::new(of), Box::new(key))
        } else {
            ExprKind::Field(Box::new(of), name)
        };
        Self { kind, span }
    }

    /// The value, where it is a constant.
    pub fn as_const(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Const(value) => Some(value),
            ExprKind::Local(_)
            | ExprKind::Global(_)
            | ExprKind::Run(_)
            | ExprKind::Interpolate(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Stmt;

    /// A program has hundreds of thousands of them: what few have is kept outside of them.
    #[test]
    fn expressions_and_statements_are_small() {
        assert!(size_of::<Expr>() <= 56, "{}", size_of::<Expr>());
        assert!(size_of::<Stmt>() <= 264, "{}", size_of::<Stmt>());
    }
}
