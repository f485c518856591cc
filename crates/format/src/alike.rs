//! Comparing trees of different texts: all of them but where things stand.
//! It does not know what the trees mean.

use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::*;

/// Something that may say the same as another, wherever they stand.
pub(super) trait Alike {
    /// Whether both say the same.
    fn alike(&self, other: &Self) -> bool;
}

impl Alike for Span {
    fn alike(&self, _: &Self) -> bool {
        true
    }
}

impl<T: Alike> Alike for &T {
    fn alike(&self, other: &Self) -> bool {
        (**self).alike(*other)
    }
}

impl<T: Alike> Alike for Option<T> {
    fn alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(a), Some(b)) => a.alike(b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Alike> Alike for Vec<T> {
    fn alike(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(a, b)| a.alike(b))
    }
}

impl<T: Alike> Alike for Box<T> {
    fn alike(&self, other: &Self) -> bool {
        (**self).alike(other)
    }
}

/// Tuples of what can be compared.
macro_rules! tuples {
    ($(($($type:ident $at:tt),*))*) => {
        $(impl<$($type: Alike),*> Alike for ($($type,)*) {
            fn alike(&self, _other: &Self) -> bool {
                true $(&& self.$at.alike(&_other.$at))*
            }
        })*
    };
}

tuples!(() (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3));

/// What has no place in it.
macro_rules! nowhere {
    ($($type:ty),*) => {
        $(impl Alike for $type {
            fn alike(&self, other: &Self) -> bool {
                self == other
            }
        })*
    };
}

/// A struct with all its fields: one that is forgotten does not compile.
macro_rules! fields {
    ($($type:ident { $($field:ident),* })*) => {
        $(impl Alike for $type {
            fn alike(&self, other: &Self) -> bool {
                let $type { $($field),* } = self;
                true $(&& $field.alike(&other.$field))*
            }
        })*
    };
}

/// An enum with all its variants; a number names a field of a tuple.
macro_rules! variants {
    ($($type:ident { $($variant:ident $({ $($field:tt: $name:ident),* })?,)* })*) => {
        $(impl Alike for $type {
            fn alike(&self, other: &Self) -> bool {
                match self {
                    $($type::$variant { $($($field: $name),*)? } => {
                        let one = ($($($name,)*)?);
                        match other {
                            $type::$variant { $($($field: $name),*)? } => {
                                one.alike(&($($($name,)*)?))
                            }
                            _ => false,
                        }
                    })*
                }
            }
        })*
    };
}

nowhere!(
    Name,
    bool,
    i64,
    f64,
    UnaryOp,
    BinaryOp,
    Order,
    RollbackScope
);

fields! {
    File { items, span }
    Ident { name, span }
    Item { doc, kind, span }
    ImportName { name, alias }
    Use { path, args, span }
    Path { namespace, name }
    Field { doc, name, value }
    Environment { name, fields, overrides, infrastructures }
    Override { service, fields, span }
    Infrastructure { doc, name, kind, fields, overrides, span }
    Kind { name, service, infrastructure, deploy, parts }
    FieldDecl { doc, name, ty, default }
    Param { doc, name, ty, default }
    TypeExpr { kind, span }
    Expr { kind, span }
    Arg { name, value }
    StringLit { parts, multiline, span }
    Block { stmts, span }
    Stmt { doc, kind, modifiers, handlers, head, span }
    Axis { order, var, list, span }
    Run { command, using, dir, env, on }
    Variables { entries, span }
    Modifier { kind, span }
    Handler { kind, span }
    TestStmt { kind, span }
}

variants! {
    ItemKind {
        Import { path: path, alias: alias },
        From { path: path, names: names },
        Input { name: name, ty: ty, default: default, rule: rule },
        Secret { name: name, source: source },
        Let { name: name, ty: ty, value: value },
        Service { name: name, kind: kind, using: using, fields: fields },
        Environment { 0: environment },
        Group { name: name, value: value },
        Kind { 0: kind },
        Workflow { name: name, params: params, result: result, body: body },
        Action { name: name, params: params, result: result },
        Pipeline { name: name, modifiers: modifiers, body: body, handlers: handlers },
        Test { name: name, body: body, body_span: body_span },
        Error,
    }
    TypeKind {
        Name { 0: name },
        Of { 0: name, 1: kind },
        List { 0: element },
        Map { 0: key, 1: value },
        Record { 0: fields },
        Optional { 0: inner },
        OneOf { 0: texts },
        Error,
    }
    ExprKind {
        None,
        Bool { 0: value },
        Int { 0: value },
        Float { 0: value },
        Percent { 0: value },
        Duration { 0: value },
        String { 0: literal },
        Name { 0: name },
        List { 0: items },
        Record { 0: entries },
        Field { 0: inner, 1: name },
        Star { 0: inner },
        Index { 0: inner, 1: index },
        Unary { 0: op, 1: inner },
        Binary { 0: op, 1: span, 2: left, 3: right },
        If { 0: condition, 1: yes, 2: no },
        Comprehension { body: body, var: var, list: list, cond: cond },
        Call { 0: callee, 1: args },
        Paren { 0: inner },
        Error,
    }
    RecordKey {
        Name { 0: name },
        String { 0: literal },
    }
    StringPart {
        Text { text: text, span: span },
        Interpolation { expr: expr, span: span },
    }
    StmtKind {
        Stage { name: name, body: body },
        Serial { body: body },
        Parallel { body: body },
        Loop { axis: axis, body: body },
        Matrix { axes: axes, filter: filter, include: include, body: body },
        Deploy { service: service, target: target, using: using },
        Step { name: name, body: body },
        Run { 0: run },
        Call { 0: call },
        Let { name: name, ty: ty, value: value },
        If { branches: branches, otherwise: otherwise },
        Barrier { name: name, key: key },
        Lock { resource: resource, limit: limit, body: body },
        Approve { question: question, by: by },
        Wait { 0: expr },
        Verify { during: during, every: every, body: body },
        Log { 0: expr },
        Fail { 0: expr },
        Return { 0: expr },
        Yield { 0: expr },
        On { target: target, body: body },
        Ignore,
        Rollback { 0: scope },
        Abort,
        Retry { 0: expr },
        Ask { timeout: timeout, otherwise: otherwise },
        Error,
    }
    LetValue {
        Expr { 0: expr },
        Effect { 0: stmt },
    }
    ModifierKind {
        Timeout { 0: limit },
        Retry { times: times, every: every, upto: upto },
        Max { 0: count },
        Batches { 0: sizes },
        Tolerate { 0: count },
        FailFast,
        Atomic,
        Once,
        Error,
    }
    HandlerKind {
        Undo { 0: body },
        OnFailure { classes: classes, body: body },
        Always { 0: body },
    }
    TestKind {
        GivenInput { name: name, value: value },
        GivenRun { pattern: pattern, then: then },
        GivenNode { path: path, then: then },
        Start { pipeline: pipeline },
        ExpectStatus { path: path, status: status },
        ExpectOrder { first: first, second: second },
        Error,
    }
    Given {
        Returns { 0: value },
        Fails { 0: class },
        Refused,
    }
    TestPath {
        Pattern { 0: pattern },
        Name { 0: name },
    }
}
