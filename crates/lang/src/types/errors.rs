//! The type errors: one diagnostic constructor for each.

mod calls;
mod fields;
mod names;

pub use calls::*;
pub use fields::*;
pub use names::*;

use indexmap::IndexMap;
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{KindRef, Type, Value};
use lockstep_syntax::ast::{BinaryOp, UnaryOp};

use super::narrowing::is_path;
use super::{Checker, Typed, free_kinds, holds_secret};

/// A value whose type does not fit.
pub fn mismatch(
    checker: &Checker<'_>,
    typed: &Typed,
    want: &Type,
    what: &str,
    declared: Option<Span>,
) -> Diagnostic {
    let (span, have) = (typed.expr.span, &typed.ty);
    if holds_secret(have) && !holds_secret(want) {
        return secret_here(span, what);
    }
    let error = match have {
        Type::Optional(of) if want.accepts(of) => Diagnostic::error(
            codes::MAY_BE_NONE,
            span,
            format!("{what} must be {}, but this may be `none`", a(want)),
        )
        .here(format!("this is {}", a(have)))
        .help(without_none(checker, typed)),
        Type::None => Diagnostic::error(
            codes::MAY_BE_NONE,
            span,
            format!("{what} must be {}, but this is `none`", a(want)),
        )
        .help("only a type with `?` may be `none`"),
        _ => {
            let error = Diagnostic::error(
                codes::MISMATCH,
                span,
                format!("{what} must be {}, but this is {}", a(want), a(have)),
            )
            .here(format!("this is {}", a(have)));
            convert(checker, error, typed, want)
        }
    };
    match declared {
        Some(declared) => error.label(declared, "declared here"),
        None => error,
    }
}

/// What to do about a value that may be `none`.
pub fn without_none(checker: &Checker<'_>, typed: &Typed) -> String {
    let text = checker.modules.sources.text(typed.expr.span);
    if let Type::List(_) = typed.ty {
        return String::from("leave those out that are `none`: `[x for x in … if x != none]`");
    }
    if super::is_poison(&typed.expr) {
        // The result of an effect, which is no expression.
        format!(
            "write the type `{}`, and compare the name with `none` before it is used",
            typed.ty
        )
    } else if is_path(&typed.expr) {
        format!("give a fallback: `{text} ?? …`; or compare it first: `if {text} != none {{ … }}`")
    } else {
        String::from(
            "give a fallback: `… ?? …`; or give it a name with `let`, and compare that first: \
             `if NAME != none { … }`",
        )
    }
}

/// The result of an effect whose failure was ignored, compared as if it were there.
pub fn ignored_compared(checker: &Checker<'_>, typed: &Typed) -> Diagnostic {
    Diagnostic::error(
        codes::MAY_BE_NONE,
        typed.expr.span,
        "this is `none` where its failure was ignored, which is neither equal nor unequal",
    )
    .here(format!("this is {}", a(&typed.ty)))
    .help(without_none(checker, typed))
}

/// How to make the one type of the other.
fn convert(checker: &Checker<'_>, error: Diagnostic, typed: &Typed, want: &Type) -> Diagnostic {
    let span = typed.expr.span;
    let text = checker.modules.sources.text(span);
    let want = match want {
        Type::Optional(of) => of,
        other => other,
    };
    match (want, &typed.ty) {
        (Type::String, Type::Service(_) | Type::Infrastructure(_) | Type::Environment) => error
            .help("its name is a text")
            .fix("take its name", span, format!("{text}.name")),
        (Type::String | Type::Path, have) if have.interpolates() => {
            let inside = match typed.expr.as_const() {
                Some(Value::Int(_) | Value::Float(_) | Value::Bool(_)) => format!("\"{text}\""),
                _ => format!("\"${{{text}}}\""),
            };
            error.help(format!("make it a text: `{inside}`")).fix(
                "put it into a text",
                span,
                inside,
            )
        }
        (Type::Float, Type::Int) => error.help(format!("convert it: `float({text})`")).fix(
            "convert it",
            span,
            format!("float({text})"),
        ),
        (Type::Int, Type::Float | Type::Json) => error.help(format!("convert it: `int({text})`")),
        (Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Percent, Type::String) => {
            match typed.expr.as_const() {
                Some(Value::String(inner)) if looks_like(want, inner) => error
                    .help("write it without quotes")
                    .fix("remove the quotes", span, &**inner),
                None if *want == Type::Int || *want == Type::Float => {
                    error.help(format!("convert it: `{want}({text})`"))
                }
                _ => error,
            }
        }
        (Type::Duration, Type::Int) => error.help("write a duration with its unit, such as `30s`"),
        (Type::Percent, Type::Int | Type::Float) => {
            error.help("write a percent with its sign, such as `10%`")
        }
        (Type::String, Type::Json) => error.help(format!("convert it: `string({text})`")),
        (Type::Infrastructure(_), Type::Environment) => error.help(
            "name one of its infrastructures, or go through all of them: \
             `parallel i in ENVIRONMENT.* { … }`",
        ),
        (Type::List(of), Type::Environment) if matches!(**of, Type::Infrastructure(_)) => error
            .help("`.*` is the list of its infrastructures")
            .fix("take all its infrastructures", span, format!("{text}.*")),
        (Type::Infrastructure(_), Type::List(of)) if matches!(**of, Type::Infrastructure(_)) => {
            error.help("go through the list: `parallel i in LIST { … }`")
        }
        (Type::Service(_), Type::List(of)) if matches!(**of, Type::Service(_)) => {
            error.help("go through the list: `parallel s in LIST { … }`")
        }
        (Type::List(of), have) if of.accepts(have) && *have != Type::Nothing => error
            .help(format!("make it a list: `[{text}]`"))
            .fix("make it a list", span, format!("[{text}]")),
        (Type::OneOf(texts), Type::String) => {
            let texts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
            let compare = |name: &str| format!("`if {name} in [{}] {{ … }}`", texts.join(", "));
            if is_path(&typed.expr) {
                error.help(format!("compare it first: {}", compare(text)))
            } else {
                error.help(format!(
                    "give it a name with `let` and compare that first: {}",
                    compare("NAME")
                ))
            }
        }
        (want, Type::Record(fields)) if is_command(fields) => of_command(error, typed, want, text),
        (want, Type::Record(fields)) if is_path(&typed.expr) => {
            let fit = fields.iter().filter(|(_, of)| *of == want);
            let paths: Vec<String> = fit.map(|(name, _)| format!("{text}.{name}")).collect();
            match paths.len() {
                1..=3 => error.help(format!(
                    "take one of its fields: {}",
                    suggest::or_list(&paths)
                )),
                _ => error,
            }
        }
        _ => error,
    }
}

/// A path without a character: it would silently mean the folder itself.
pub fn empty_path(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error(codes::RANGE, at, format!("{what} is an empty path"))
        .here("this text is empty")
        .help("name the file or the folder; `\".\"` is the folder of this file")
}

/// Whether these are the fields of what a command gives.
fn is_command(fields: &IndexMap<Name, Type>) -> bool {
    ["stdout", "stderr", "code"]
        .iter()
        .all(|name| fields.contains_key(*name))
}

/// What a command gives, where something is wanted that can be made of what it wrote.
fn of_command(error: Diagnostic, typed: &Typed, want: &Type, text: &str) -> Diagnostic {
    // The result of an effect has the name of its `let`.
    let effect = super::is_poison(&typed.expr);
    let output = match effect {
        true => String::from("NAME.stdout"),
        false => format!("{text}.stdout"),
    };
    let right = match want {
        Type::String | Type::Path => output,
        Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Percent => {
            format!("{want}({output})")
        }
        Type::Json | Type::Record(_) | Type::Map(_) => format!("from-json({output})"),
        Type::List(of) if **of == Type::String => format!("lines({output})"),
        _ => return error,
    };
    if effect {
        return error.help(format!(
            "leave the type out: the name has all that the command gives; then write `{right}`"
        ));
    }
    error
        .help(format!("take what the command wrote: `{right}`"))
        .fix("take what it wrote", typed.expr.span, right)
}

/// Whether a text is what a value of this type looks like in the source.
fn looks_like(want: &Type, text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match want {
        Type::Int => number(text),
        Type::Bool => matches!(text, "true" | "false"),
        Type::Percent => text.strip_suffix('%').is_some_and(number),
        Type::Duration => ["ms", "s", "m", "h", "d"]
            .iter()
            .any(|unit| text.strip_suffix(unit).is_some_and(number)),
        Type::Float => text
            .split_once('.')
            .is_some_and(|(whole, part)| number(whole) && number(part)),
        _ => false,
    }
}

/// A type for people, in backticks.
fn a(ty: &Type) -> String {
    match ty {
        Type::Any => String::from("a value"),
        Type::List(of) if **of == Type::Any => String::from("a list"),
        Type::Record(fields) if is_command(fields) => String::from("the result of a command"),
        ty => format!("`{ty}`"),
    }
}

/// A secret where none may stand.
pub fn secret_here(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error(codes::SECRET, at, format!("{what} cannot be a secret"))
        .here("this is a secret")
        .help(
            "a secret is only allowed in the text of `run`, in `env { … }`, and where a parameter \
             has type `secret`; the path of a file that holds it, `NAME.file`, is a text",
        )
}

/// A call or block without a result used as a value.
pub fn no_value(at: Span) -> Diagnostic {
    Diagnostic::error(codes::GIVES_NOTHING, at, "this gives no value")
        .here("has no result")
        .help("a step's value is what it yields, a workflow's what it returns")
}

/// Expressions that stand too deep in one another.
pub fn too_deep(at: Span) -> Diagnostic {
    Diagnostic::error(codes::TOO_DEEP, at, "this is nested too deeply")
        .help("name a part of it with `let`")
}

/// Elements of different types.
pub fn mixed_list(at: Span, ty: &Type, other: Span, of: &Type) -> Diagnostic {
    let error = Diagnostic::error(
        codes::MIXED,
        at,
        format!("the elements have different types: {} and {}", a(of), a(ty)),
    )
    .here(format!("this is {}", a(ty)))
    .label(other, format!("this is {}", a(of)));
    match (ty, of) {
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => {
            error.help("write the whole number as a float: `1.0`")
        }
        _ => error,
    }
}

/// The branches of an `if` that do not fit together.
pub fn mixed_branches(then: &Typed, otherwise: &Typed) -> Diagnostic {
    Diagnostic::error(
        codes::MIXED,
        otherwise.expr.span,
        format!(
            "the branches have different types: {} and {}",
            a(&then.ty),
            a(&otherwise.ty)
        ),
    )
    .here(format!("this is {}", a(&otherwise.ty)))
    .label(then.expr.span, format!("this is {}", a(&then.ty)))
}

/// Something to iterate over that is not a list.
pub fn not_a_list(checker: &Checker<'_>, typed: &Typed, want: &Type, what: &str) -> Diagnostic {
    match typed.ty {
        Type::Map(_) => Diagnostic::error(
            codes::MISMATCH,
            typed.expr.span,
            format!("{what} must be a list, but this is {}", a(&typed.ty)),
        )
        .help("with two names a loop goes through a map: `KEY, VALUE in …`"),
        Type::Record(_) => Diagnostic::error(
            codes::MISMATCH,
            typed.expr.span,
            format!("{what} must be a list, but this is {}", a(&typed.ty)),
        )
        .here(format!("this is `{}`", typed.ty))
        .help("with two names a loop goes through its fields: `KEY, VALUE in …`"),
        Type::Environment => {
            let text = checker.modules.sources.text(typed.expr.span);
            Diagnostic::error(
                codes::MISMATCH,
                typed.expr.span,
                format!("{what} must be a list, but this is {}", a(&typed.ty)),
            )
            .help("`.*` is the list of its infrastructures")
            .fix(
                "take all its infrastructures",
                typed.expr.span,
                format!("{text}.*"),
            )
        }
        _ => mismatch(checker, typed, want, what, None),
    }
}

/// An argument of another kind than an earlier one, where both leave one kind free.
pub fn other_kind(
    what: &str,
    arg: &Typed,
    (free, kind, first): (&Name, &KindRef, Span),
    declared: Option<Span>,
) -> Diagnostic {
    let want = free_kinds::with_kind(&arg.ty, kind);
    let error = Diagnostic::error(
        codes::MISMATCH,
        arg.expr.span,
        format!("{what} must be {}, but this is {}", a(&want), a(&arg.ty)),
    )
    .here(format!("this is {}", a(&arg.ty)))
    .label(first, format!("`{free}` is `{}` here", kind.name));
    match declared {
        Some(span) => error.label(span, "declared here"),
        None => error,
    }
}

/// A value that cannot stand in a text.
pub fn cannot_interpolate(checker: &Checker<'_>, typed: &Typed) -> Diagnostic {
    let (span, ty) = (typed.expr.span, &typed.ty);
    let may_be_missing = *ty == Type::optional(Type::Secret);
    if holds_secret(ty) && !may_be_missing {
        return secret_here(span, "a list or map in a text");
    }
    if *ty == Type::Nothing {
        return no_value(span);
    }
    let bare = match ty {
        Type::List(of) => of,
        ty => ty,
    };
    if let Type::Optional(of) = bare
        && (of.interpolates() || may_be_missing)
    {
        let error = Diagnostic::error(
            codes::MAY_BE_NONE,
            span,
            "this may be `none`, which has no text",
        )
        .here(format!("this is {}", a(ty)));
        return error.help(without_none(checker, typed));
    }
    let error = Diagnostic::error(
        codes::INTERPOLATION,
        span,
        format!("{} cannot be put into a text", a(ty)),
    )
    .here(format!("this is {}", a(ty)));
    match ty {
        Type::Service(_) | Type::Infrastructure(_) | Type::Environment => {
            error.help("put its name into the text: `.name`")
        }
        Type::Record(_) => error.help("put its fields into the text, or use `json(…)`"),
        _ => error,
    }
}

/// A text that is none of those that are allowed.
pub fn not_one_of(at: Span, text: &Name, allowed: &[Name]) -> Diagnostic {
    let names = || allowed.iter().map(|name| &**name);
    let ty = Type::OneOf(allowed.to_vec());
    let error = Diagnostic::error(
        codes::MISMATCH,
        at,
        format!("`{text}` is not one of `{ty}`"),
    )
    .help(format!("write {}", suggest::or_list(allowed)))
    .help_opt(suggest::did_you_mean(text, names()));
    let near = suggest::closest(text, names()).into_iter();
    near.fold(error, |error, one| {
        error.fix(format!("change to `{one}`"), at, format!("\"{one}\""))
    })
}

/// `-` or `not` before something else.
pub fn unary(op: UnaryOp, of: &Typed) -> Diagnostic {
    let (word, wants) = match op {
        UnaryOp::Neg => ("-", "a number, a duration or a percent"),
        UnaryOp::Not => ("not", "a `bool`"),
    };
    if holds_secret(&of.ty) {
        return secret_here(of.expr.span, &format!("the operand of `{word}`"));
    }
    Diagnostic::error(
        codes::OPERANDS,
        of.expr.span,
        format!("`{word}` takes {wants}, but this is {}", a(&of.ty)),
    )
    .here(format!("this is {}", a(&of.ty)))
}

/// `??` after something that is never `none`.
pub fn never_none(at: Span, left: &Typed) -> Diagnostic {
    Diagnostic::error(codes::OPERANDS, at, "the left side of `??` is never `none`")
        .here("is never used")
        .label(left.expr.span, format!("this is {}", a(&left.ty)))
        .help("remove `??` and what follows")
}

/// An operator between values that it is not made for.
pub fn operands(
    checker: &Checker<'_>,
    op: BinaryOp,
    at: Span,
    left: &Typed,
    right: &Typed,
) -> Diagnostic {
    let word = operator(op);
    for side in [left, right] {
        if holds_secret(&side.ty) {
            return secret_here(side.expr.span, &format!("an operand of `{word}`"));
        }
        if side.ty == Type::Nothing {
            return no_value(side.expr.span);
        }
    }
    if let Some(error) = optional_operand(checker, op, left, right) {
        return error;
    }
    let message = match op {
        BinaryOp::And | BinaryOp::Or => format!("`{word}` takes two `bool`"),
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            format!("{} and {} cannot be compared", a(&left.ty), a(&right.ty))
        }
        BinaryOp::In => format!("`in` cannot look for {} in {}", a(&left.ty), a(&right.ty)),
        BinaryOp::Else => format!("`??` would give {} or {}", a(&left.ty), a(&right.ty)),
        _ => format!("`{word}` cannot join {} and {}", a(&left.ty), a(&right.ty)),
    };
    let error = Diagnostic::error(codes::OPERANDS, at, message)
        .label(left.expr.span, format!("this is {}", a(&left.ty)))
        .label(right.expr.span, format!("this is {}", a(&right.ty)));
    let text = Type::is_text;
    match (op, &left.ty, &right.ty) {
        (BinaryOp::Add, l, r) if text(l) && r.interpolates() || text(r) && l.interpolates() => {
            error.help("put the value into a text: `\"…${value}\"`")
        }
        (_, Type::Int, Type::Float) | (_, Type::Float, Type::Int) => {
            error.help("there is no implicit conversion: use `float(…)`")
        }
        (BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Sub, _, _) => error,
        _ => error,
    }
}

/// An operand that may be `none`, where the operator would fit otherwise.
fn optional_operand(
    checker: &Checker<'_>,
    op: BinaryOp,
    left: &Typed,
    right: &Typed,
) -> Option<Diagnostic> {
    let bare = |ty: &Type| match ty {
        Type::Optional(of) => (**of).clone(),
        other => other.clone(),
    };
    crate::eval::operators::result(op, &bare(&left.ty), &bare(&right.ty))?;
    let side = [left, right]
        .into_iter()
        .find(|side| matches!(side.ty, Type::Optional(_)))?;
    let error = Diagnostic::error(
        codes::MAY_BE_NONE,
        side.expr.span,
        format!("an operand of `{}` may be `none`", operator(op)),
    )
    .here(format!("this is {}", a(&side.ty)))
    .help(without_none(checker, side));
    Some(error)
}

/// An operator as it is written.
fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Else => "??",
        BinaryOp::Or => "or",
        BinaryOp::And => "and",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
    }
}
