//! Moves a tree to where its text has moved. It does not know what the tree means.

use super::ast::*;
use lockstep_base::source::Span;

/// Something with places of a source in it.
pub(super) trait Shift {
    /// Moves all places by so many bytes.
    fn shift(&mut self, by: i64);
}

impl Shift for Span {
    fn shift(&mut self, by: i64) {
        let moved = |at: u32| u32::try_from(i64::from(at) + by).unwrap_or(0);
        self.start = moved(self.start);
        self.end = moved(self.end);
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift(by));
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift(by));
    }
}

impl<T: Shift> Shift for Box<T> {
    fn shift(&mut self, by: i64) {
        (**self).shift(by);
    }
}

impl<A: Shift, B: Shift> Shift for (A, B) {
    fn shift(&mut self, by: i64) {
        self.0.shift(by);
        self.1.shift(by);
    }
}

macro_rules! without_places {
    ($($ty:ty)*) => { $(impl Shift for $ty {
        fn shift(&mut self, _: i64) {}
    })* };
}

without_places!(UnaryOp BinaryOp Order RollbackScope);

impl Shift for StringPart {
    fn shift(&mut self, by: i64) {
        match self {
            Self::Text { span, .. } => span.shift(by),
            Self::Interpolation { expr, span } => {
                expr.shift(by);
                span.shift(by);
            }
        }
    }
}

/// Structures with the fields that have places and, after `;`, those that have none. Each names
/// all of its fields, so that none is forgotten.
macro_rules! records {
    ($($name:ident { $($field:ident),* $(; $($other:ident),*)? })*) => {
        $(impl Shift for $name {
            fn shift(&mut self, by: i64) {
                let Self { $($field,)* $($($other: _),*)? } = self;
                $($field.shift(by);)*
            }
        })*
    };
}

records! {
    Ident { span; name }
    Item { kind, span; doc }
    ImportName { name, alias }
    Use { path, args, span }
    Path { namespace, name }
    Field { name, value; doc }
    Environment { name, fields, overrides, infrastructures }
    Override { service, fields, span }
    Infrastructure { name, kind, fields, overrides, span; doc }
    Kind { name, service, infrastructure, deploy, parts }
    FieldDecl { name, ty, default; doc }
    Param { name, ty, default; doc }
    TypeExpr { kind, span }
    Expr { kind, span }
    Arg { name, value }
    StringLit { parts, span; multiline }
    Block { stmts, span }
    Stmt { kind, modifiers, handlers, head, span; doc }
    Axis { order, var, list, span }
    Run { command, using, dir, env, on }
    Variables { entries, span }
    Modifier { kind, span }
    Handler { kind, span }
    TestStmt { kind, span }
}

/// Variants with the fields that have places; each must name all of them.
macro_rules! choices {
    ($($name:ident {
        $($variant:ident $(($($part:ident),*))? $({ $($field:ident),* })?,)*
        $(=> $($plain:pat_param)|+)?
    })*) => { $(impl Shift for $name {
        fn shift(&mut self, distance: i64) {
            match self {
                $(Self::$variant $(($($part),*))? $({ $($field),* })? => {
                    $($($part.shift(distance);)*)?
                    $($($field.shift(distance);)*)?
                })*
                $($($plain)|+ => {})?
            }
        }
    })* };
}

choices! {
    ItemKind {
        Import { path, alias },
        From { path, names },
        Input { name, ty, default, rule },
        Secret { name, source },
        Let { name, ty, value },
        Service { name, kind, using, fields },
        Environment(environment),
        Group { name, value },
        Kind(kind),
        Workflow { name, params, result, body },
        Action { name, params, result },
        Pipeline { name, modifiers, body, handlers },
        Test { name, body, body_span },
        Error,
    }
    TypeKind {
        Name(name),
        Of(name, path),
        List(of),
        Map(key, of),
        Record(fields),
        Optional(of),
        OneOf(texts),
        Error,
    }
    ExprKind {
        String(text),
        Name(name),
        List(items),
        Record(entries),
        Field(of, name),
        Star(of),
        Index(of, index),
        Unary(op, of),
        Binary(op, at, a, b),
        If(cond, then, otherwise),
        Comprehension { body, var, list, cond },
        Call(callee, args),
        Paren(of),
        => Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Percent(_)
            | Self::Duration(_) | Self::Error
    }
    RecordKey {
        Name(name),
        String(text),
    }
    LetValue {
        Expr(expr),
        Effect(stmt),
    }
    StmtKind {
        Stage { name, body },
        Serial { body },
        Parallel { body },
        Loop { axis, body },
        Matrix { axes, filter, include, body },
        Deploy { service, target, using },
        Step { name, body },
        Run(run),
        Call(call),
        Let { name, ty, value },
        If { branches, otherwise },
        Barrier { name, key },
        Approve { question, by },
        Lock { resource, limit, body },
        Wait(time),
        Verify { during, every, body },
        Log(text),
        Fail(text),
        Return(value),
        Yield(value),
        On { target, body },
        Retry(times),
        Ask { timeout, otherwise },
        => Self::Ignore | Self::Rollback(_) | Self::Abort | Self::Error
    }
    ModifierKind {
        Timeout(value),
        Retry { times, every, upto },
        Max(value),
        Batches(value),
        Tolerate(value),
        => Self::FailFast | Self::Atomic | Self::Once | Self::Error
    }
    HandlerKind {
        Undo(body),
        OnFailure { classes, body },
        Always(body),
    }
    TestKind {
        GivenInput { name, value },
        GivenRun { pattern, then },
        GivenNode { path, then },
        Start { pipeline },
        ExpectStatus { path, status },
        ExpectOrder { first, second },
        Error,
    }
    Given {
        Returns(value),
        Fails(class),
        => Self::Refused
    }
    TestPath {
        Pattern(text),
        Name(name),
    }
}
