//! The errors of evaluation: one diagnostic constructor for each.

use super::builtins::FROM_ENTRIES;
use super::limits::LimitExceeded;
use super::operators::OperatorError;
use super::{BinaryOp, Expr, ExprKind, Halt, Scope, UnaryOp};
use lockstep_base::diagnostic::suggest::{did_you_mean, or_list};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{EMPTY_PATH, Type, Value};
use lockstep_base::world::FileError;

/// How many characters of a value a message shows.
const MAX_SHOWN_CHARS: usize = 60;

/// A value in a message: short, in one line, and never a secret.
fn shown(value: &Value, scope: &dyn Scope) -> String {
    let text = match value {
        Value::List(items) => return format!("a list of {}", count(items.len(), "element")),
        Value::Map(entries) => return format!("a map of {}", count(entries.len(), "entry")),
        Value::None => return String::from("none"),
        Value::Secret(_) => return String::from("a secret"),
        Value::String(text) => {
            let start: String = text.chars().take(MAX_SHOWN_CHARS + 1).collect();
            format!("{start:?}")
        }
        other => lockstep_base::value::text::display(other, &|value| scope.display(value)),
    };
    if text.chars().count() > MAX_SHOWN_CHARS {
        let start: String = text.chars().take(MAX_SHOWN_CHARS).collect();
        return format!("`{start}…`");
    }
    format!("`{text}`")
}

fn count(number: usize, word: &str) -> String {
    match (number, word) {
        (1, _) => format!("1 {word}"),
        (_, "entry") => format!("{number} entries"),
        _ => format!("{number} {word}s"),
    }
}

/// The operands that are not written out in the source get a label with their value.
fn with_operands(
    mut diagnostic: Diagnostic,
    operands: &[(&Expr, &Value)],
    scope: &dyn Scope,
) -> Diagnostic {
    for (expr, value) in operands {
        let written = expr.as_const().is_some() || expr.span == Span::start_of(expr.span.file);
        if !written && Some(expr.span) != diagnostic.span() {
            diagnostic = diagnostic.label(expr.span, format!("this is {}", shown(value, scope)));
        }
    }
    diagnostic
}

/// An operator between two values that gives none.
pub(super) fn binary(
    error: OperatorError,
    op: BinaryOp,
    span: Span,
    left: (&Expr, &Value),
    right: (&Expr, &Value),
    scope: &dyn Scope,
) -> Halt {
    let diagnostic = match error {
        OperatorError::DivisionByZero => return division_by_zero(span, right, scope),
        OperatorError::TooLarge(excess) => return too_large(excess, span),
        OperatorError::Overflow => overflow(span),
        OperatorError::NotFinite => not_finite(span),
        OperatorError::Unfit => {
            let text = unfit_operator(op, left.1, right.1);
            Diagnostic::error(codes::UNFIT, span, text)
        }
    };
    with_operands(diagnostic, &[left, right], scope).into()
}

/// An operator before a value that gives none.
pub(super) fn unary(
    error: OperatorError,
    op: UnaryOp,
    span: Span,
    of: (&Expr, &Value),
    scope: &dyn Scope,
) -> Halt {
    let diagnostic = match (error, op) {
        (OperatorError::Overflow, _) => overflow(span),
        (_, UnaryOp::Not) => return unfit(of.0.span, "a bool", of.1),
        (_, UnaryOp::Neg) => return unfit(of.0.span, "a number, duration or percent", of.1),
    };
    with_operands(diagnostic, &[of], scope).into()
}

fn overflow(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::OVERFLOW,
        span,
        "the result does not fit into 64 bits",
    )
    .here("computed here")
    .help(
        "integers reach from -9223372036854775808 to 9223372036854775807; durations are as \
             many milliseconds; use a `float` where the exact number does not matter",
    )
}

fn not_finite(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::NOT_FINITE,
        span,
        "the result is larger than any float",
    )
    .here("computed here")
    .help("the largest float is about 1.8 times 10 to the power of 308")
}

/// A division whose right side is zero; the left side may be unknown.
pub(super) fn division_by_zero(span: Span, right: (&Expr, &Value), scope: &dyn Scope) -> Halt {
    let diagnostic = Diagnostic::error(codes::DIVISION_BY_ZERO, span, "division by zero")
        .here("divided here")
        .help("test the divisor first: `if n == 0 then … else x / n`");
    with_operands(diagnostic, &[right], scope).into()
}

/// A value or an evaluation beyond the limits.
pub(super) fn too_large(excess: LimitExceeded, span: Span) -> Halt {
    let message = match excess {
        LimitExceeded::Steps => format!("evaluating this takes {excess}"),
        LimitExceeded::Elements | LimitExceeded::Bytes | LimitExceeded::Depth => {
            format!("this value has {excess}")
        }
    };
    Diagnostic::error(codes::TOO_LARGE, span, message)
        .here("too large")
        .help("let a command do the work and name its result")
        .into()
}

/// A stream of a command is read that wrote more to it than is kept.
pub(super) fn cut_stream(span: Span, stream: &str) -> Halt {
    let around = match stream {
        "stdout" => "; `.tail` is the last 1 MiB, and `.cut` tells whether there was more",
        _ => "; `.cut` tells whether there was more",
    };
    let message = format!("the command wrote more than 1 MiB, so its `.{stream}` was cut");
    Diagnostic::error(codes::TOO_LARGE, span, message)
        .here("too large")
        .help(format!(
            "let the command write it to a file, or the result alone to `$LOCKSTEP_OUTPUT`{around}"
        ))
        .into()
}

fn unfit_operator(op: BinaryOp, left: &Value, right: &Value) -> String {
    let (left_kind, right_kind) = (left.kind(), right.kind());
    match op {
        BinaryOp::Eq | BinaryOp::Ne => String::from("a secret cannot be compared"),
        BinaryOp::In if left.has_secret() || right.has_secret() => {
            String::from("a secret cannot be looked for")
        }
        BinaryOp::In => format!("{left_kind} cannot be in {right_kind}"),
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            format!("{left_kind} and {right_kind} have no order")
        }
        op => format!(
            "`{}` cannot be used with {left_kind} and {right_kind}",
            symbol(op)
        ),
    }
}

fn symbol(op: BinaryOp) -> &'static str {
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

/// A value of another kind than this place needs, as JSON may turn out to be.
pub(super) fn unfit(span: Span, wanted: &str, value: &Value) -> Halt {
    Diagnostic::error(
        codes::UNFIT,
        span,
        format!("expected {wanted} here, but this is {}", value.kind()),
    )
    .here(format!("this is {}", value.kind()))
    .into()
}

/// The way to a value inside another, as it is written: `.image.tags[0]`; empty for a name.
fn path_to(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Index(of, index) => {
            let step = match index.as_const() {
                Some(Value::String(key)) => step_text(key),
                Some(Value::Int(at)) => format!("[{at}]"),
                _ => String::from("[…]"),
            };
            path_to(of) + &step
        }
        ExprKind::Field(of, name) => path_to(of) + &step_text(name),
        ExprKind::Convert(of, _) => path_to(of),
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Global(_)
        | ExprKind::Run(_)
        | ExprKind::Interpolate(_)
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Star(_)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::If(..)
        | ExprKind::Comprehension { .. }
        | ExprKind::IfSome { .. }
        | ExprKind::Bind { .. }
        | ExprKind::Call(..) => String::new(),
    }
}

/// A key behind a path.
fn step_text(key: &str) -> String {
    let short: String = key.chars().take(MAX_SHOWN_CHARS).collect();
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    match !short.is_empty() && short.chars().all(plain) {
        true => format!(".{short}"),
        false => format!("[{short:?}]"),
    }
}

/// Which path leads nowhere, where it has more than one step.
fn behind(of: &Expr, step: &str) -> String {
    match path_to(of).as_str() {
        "" => String::new(),
        path => format!(": nothing is at `{path}{step}`"),
    }
}

/// A value in words, with its path where it has one.
fn named(expr: &Expr) -> String {
    match path_to(expr).as_str() {
        "" => String::from("this"),
        path => format!("`{path}`"),
    }
}

/// A field or an element of what is `none`, such as the `null` of JSON.
pub(super) fn nothing_inside(of: &Expr) -> Halt {
    Diagnostic::error(
        codes::UNFIT,
        of.span,
        format!("{} is `none`, so there is nothing in it", named(of)),
    )
    .here("this is `none`")
    .help("say what to take instead of the whole path: `… ?? …`")
    .into()
}

/// `none` where a text is made, such as the `null` of JSON.
pub(super) fn none_in_text(of: &Expr) -> Halt {
    Diagnostic::error(
        codes::UNFIT,
        of.span,
        format!("{} is `none`, which has no text", named(of)),
    )
    .here("this is `none`")
    .help("say what to take instead: `… ?? \"\"`")
    .into()
}

/// JSON that is not what its place wants.
pub(super) fn conversion(of: &Expr, ty: &Type, reason: &str) -> Halt {
    if reason.ends_with(EMPTY_PATH) {
        return Diagnostic::error(codes::UNFIT, of.span, reason)
            .here("a path is expected here")
            .help("name the file or the folder; `\".\"` is the folder of this file")
            .into();
    }
    let path = match path_to(of).as_str() {
        "" => String::new(),
        path => format!(" at `{path}`"),
    };
    Diagnostic::error(
        codes::UNFIT,
        of.span,
        format!("the JSON{path} is not a `{ty}`: {reason}"),
    )
    .here("converted here")
    .help("an absent field or `null` fits `T?` alone; give a fallback with `… ?? …`")
    .into()
}

/// A secret inside a list or map that should become text.
pub(super) fn hidden_secret(span: Span, value: &Value) -> Halt {
    let message = format!("{} with a secret inside cannot become text", value.kind());
    Diagnostic::error(codes::UNFIT, span, message)
        .here("there is a secret in it")
        .help("interpolate the secret itself")
        .into()
}

/// A place in a list that does not exist.
pub(super) fn index((of, index): (&Expr, &Expr), at: i64, length: usize) -> Halt {
    let span = index.span;
    let message = if at < 0 {
        format!("a list has no element {at}")
    } else {
        format!(
            "the list has no element {at}, it has {}",
            count(length, "element")
        )
    };
    let help = match length {
        0 => String::from("the list is empty"),
        1 => String::from("its only element is number 0"),
        _ => format!("its elements are numbered from 0 to {}", length - 1),
    };
    let help = match at {
        ..0 if length > 0 => format!("{help}; the last one is `x[length(x) - 1]`"),
        _ => help,
    };
    let message = message + &behind(of, &format!("[{at}]"));
    Diagnostic::error(codes::INDEX, span, message)
        .here("no such element")
        .help(help)
        .into()
}

/// No service or infrastructure of a list has this name, or several have it.
pub(super) fn none_named(
    at: Span,
    name: &str,
    all: &[Value],
    names: &[String],
    several: bool,
) -> Halt {
    let what = match all.first() {
        Some(Value::Infrastructure(_)) => "infrastructure",
        _ => "service",
    };
    if several {
        let message = format!("more than one {what} is named `{name}`");
        return Diagnostic::error(codes::UNKNOWN, at, message)
            .help("name it by the name of its declaration")
            .into();
    }
    let help = match did_you_mean(name, names.iter().map(String::as_str)) {
        Some(near) => near,
        None if names.is_empty() => format!("there is no {what} here"),
        None if names.len() > 8 => format!("it is none of the {} here", names.len()),
        None => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("there are {}", or_list(&names).replace(" or ", " and "))
        }
    };
    Diagnostic::error(
        codes::UNKNOWN,
        at,
        format!("no {what} here is named `{name}`"),
    )
    .help(help)
    .into()
}

/// A key that a map does not have.
pub(super) fn key<'a>(
    (of, index): (&Expr, &Expr),
    key: &str,
    keys: impl Iterator<Item = &'a Name> + Clone,
) -> Halt {
    let near = did_you_mean(key, keys.clone().map(|key| &**key));
    let help = near.unwrap_or_else(|| {
        let some: Vec<&Name> = keys.clone().take(5).collect();
        match (keys.count(), some.as_slice()) {
            (0, _) => String::from("it is empty"),
            (1, _) => format!("its only key is {}", or_list(&some)),
            (2..=5, _) => format!("its keys are {}", or_list(&some)),
            (total, _) => format!("it has {total} keys, among them {}", or_list(&some)),
        }
    });
    let short: String = key.chars().take(MAX_SHOWN_CHARS).collect();
    let path = behind(of, &step_text(key));
    let message = format!("there is no key `{short}`{path}");
    Diagnostic::error(codes::KEY, index.span, message)
        .here("no such key")
        .help(help)
        .into()
}

/// A built-in function that refuses its arguments.
pub(super) fn call(span: Span, argument: Option<Span>, name: &str, message: &str) -> Halt {
    let diagnostic = Diagnostic::error(
        codes::CALL,
        argument.unwrap_or(span),
        match name == FROM_ENTRIES.name {
            true => format!("this map has no value: {message}"),
            false => format!("`{name}` has no result here: {message}"),
        },
    );
    match argument {
        Some(argument) if argument != span => diagnostic
            .here("because of this")
            .label(span, "called here"),
        _ => diagnostic.here("called here"),
    }
    .into()
}

/// A variable that the caller's environment does not have.
pub(super) fn env(span: Span, name: &str) -> Halt {
    Diagnostic::error(
        codes::ENV,
        span,
        format!("the environment variable `{name}` is not set"),
    )
    .here("read here")
    .help(format!(
        "set it, or give a default: `env(\"{name}\", \"…\")`"
    ))
    .into()
}

/// A file that cannot be read.
pub(super) fn file(span: Span, path: &str, reason: &FileError) -> Halt {
    Diagnostic::error(
        codes::FILE,
        span,
        format!("the file `{path}` cannot be read: {reason}"),
    )
    .here("read here")
    .help("the path is relative to the folder of the file that names it")
    .into()
}
