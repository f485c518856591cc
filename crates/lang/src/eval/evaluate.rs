//! The evaluator: core expression and scope to value.
//!
//! Where an expression needs all its parts, all are evaluated even if one is unknown: a fault in
//! any of them is reported as early as possible.

use std::sync::Arc;

use indexmap::IndexMap;

use super::builtins::{BuiltinBody, BuiltinError, takes_secrets};
use super::limits::{EvalBudget, LimitExceeded, Limits, ValueSize};
use super::operators::{apply, apply_unary, is_zero};
use super::scopes::{ScopeWithLocal, ScopeWithLocals};
use super::{
    BinaryOp, Expr, ExprKind, Function, Halt, InterpolationPart, ListItem, Scope, Slot, UnaryOp,
    faults,
};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{MEMBER, SecretPart, Type, Value, convert, text};

type Evaluated = Result<Value, Halt>;

/// The value of an expression.
pub fn eval(expr: &Expr, scope: &dyn Scope) -> Result<Value, Halt> {
    eval_within(expr, scope, Limits::LANGUAGE)
}

/// The value of an expression, within limits of one's own.
pub(super) fn eval_within(expr: &Expr, scope: &dyn Scope, limits: Limits) -> Evaluated {
    let meter = EvalBudget::new(limits);
    Evaluator { meter }.eval(expr, scope)
}

struct Evaluator {
    meter: EvalBudget,
}

/// Gives excess a place.
fn at(span: Span) -> impl Fn(LimitExceeded) -> Halt {
    move |excess| faults::too_large(excess, span)
}

/// Collects what all parts give; a fault ends it, an unknown part is remembered.
struct Collected {
    unknown: bool,
}

impl Collected {
    fn take(&mut self, evaluated: Evaluated) -> Result<Option<Value>, Halt> {
        match evaluated {
            Ok(value) => Ok(Some(value)),
            Err(Halt::Unknown) => {
                self.unknown = true;
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    fn finish<T>(self, value: T) -> Result<T, Halt> {
        if self.unknown {
            return Err(Halt::Unknown);
        }
        Ok(value)
    }
}

/// Whether this is a stream of a command that wrote more than is kept: the field is not there, and
/// to read it as nothing would change it in silence.
fn is_cut_stream(entries: &IndexMap<Name, Value>, name: &str) -> bool {
    matches!(name, "stdout" | "stderr")
        && entries.get("cut") == Some(&Value::Bool(true))
        && entries.contains_key("outputs")
}

impl Evaluator {
    /// Each form has its function, so that the stack frame of this one stays small.
    fn eval(&self, expr: &Expr, scope: &dyn Scope) -> Evaluated {
        let span = expr.span;
        self.meter.step(1).map_err(at(span))?;
        match &expr.kind {
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Local(slot) => scope.local(*slot),
            ExprKind::Global(id) => scope.global(*id),
            ExprKind::Run(field) => scope.run(*field),
            ExprKind::Interpolate(parts) => self.interpolate(parts, span, scope),
            ExprKind::List(items) => self.list(items, span, scope),
            ExprKind::Record(fields) => self.record(fields, span, scope),
            ExprKind::Field(of, name) => self.field(of, name, span, scope),
            ExprKind::Star(of) => self.star(of, scope),
            ExprKind::Index(of, index) => self.index(of, index, scope),
            ExprKind::Unary(op, of) => self.unary(*op, of, span, scope),
            ExprKind::Binary(..) => self.binary(expr, scope),
            ExprKind::If(cond, then, otherwise) => {
                let branch = if self.condition(cond, scope)? {
                    then
                } else {
                    otherwise
                };
                self.eval(branch, scope)
            }
            ExprKind::Comprehension {
                body,
                slot,
                list,
                cond,
            } => self.comprehension((body, *slot, list, cond.as_deref()), span, scope),
            ExprKind::IfSome { value, slot, body } => self.if_some(value, *slot, body, scope),
            ExprKind::Bind { values, body } => self.bind(values, body, scope),
            ExprKind::Convert(of, ty) => self.convert(of, ty, scope),
            ExprKind::Call(function, args) => self.call(*function, args, span, scope),
        }
    }

    /// Paths are relative to the folder of the file in which the expression stands, whichever file
    /// it is handed to.
    fn convert(&self, of: &Expr, ty: &Type, scope: &dyn Scope) -> Evaluated {
        let value = self.eval(of, scope)?;
        let folder = match ty.has_path() {
            true => scope.folder(of.span.file)?,
            false => Name::from("/"),
        };
        let value = convert(value, ty, &folder);
        value.map_err(|reason| faults::conversion(of, ty, &reason))
    }

    fn if_some(&self, value: &Expr, slot: Slot, body: &Expr, scope: &dyn Scope) -> Evaluated {
        match self.eval(value, scope)? {
            Value::None => Ok(Value::None),
            value => self.eval(body, &ScopeWithLocal::new(scope, slot, &value)),
        }
    }

    /// What a parameter stands for may be unknown: the body may have a value all the same.
    fn bind(&self, values: &[(Slot, Expr)], body: &Expr, scope: &dyn Scope) -> Evaluated {
        let mut inner = ScopeWithLocals::new(scope);
        for (slot, value) in values {
            let value = match self.eval(value, &inner) {
                Ok(value) => Some(value),
                Err(Halt::Unknown) => None,
                Err(fault) => return Err(fault),
            };
            inner.add(*slot, value);
        }
        self.eval(body, &inner)
    }

    fn condition(&self, expr: &Expr, scope: &dyn Scope) -> Result<bool, Halt> {
        match self.eval(expr, scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(faults::unfit(expr.span, "a bool", &other)),
        }
    }

    fn interpolate(&self, parts: &[InterpolationPart], span: Span, scope: &dyn Scope) -> Evaluated {
        let mut all = Collected { unknown: false };
        let mut text = TextBuilder::default();
        let mut size = ValueSize::default();
        for part in parts {
            let before = text.current.len();
            match part {
                InterpolationPart::Text(part) => text.current.push_str(part),
                InterpolationPart::Value(expr) => match all.take(self.eval(expr, scope))? {
                    None => {}
                    Some(Value::Secret(parts)) => {
                        text.secret(&parts);
                        let secret = Value::Secret(parts);
                        self.meter.grow(&mut size, &secret).map_err(at(expr.span))?;
                        continue;
                    }
                    Some(Value::None) => return Err(faults::none_in_text(expr)),
                    Some(value) => {
                        self.meter.weigh(&value).map_err(at(expr.span))?;
                        if value.has_secret() {
                            return Err(faults::hidden_secret(expr.span, &value));
                        }
                        let shown = text::display(&value, &|value| scope.display(value));
                        text.current.push_str(&shown);
                    }
                },
            }
            let grown = text.current.len().saturating_sub(before);
            self.meter.text(&mut size, grown).map_err(at(span))?;
        }
        Ok(all.finish(text)?.finish())
    }

    fn list(&self, items: &[ListItem], span: Span, scope: &dyn Scope) -> Evaluated {
        let mut all = Collected { unknown: false };
        let mut size = ValueSize::default();
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let Some(value) = all.take(self.eval(&item.value, scope))? else {
                continue;
            };
            if !item.spread {
                self.meter.grow(&mut size, &value).map_err(at(span))?;
                list.push(value);
                continue;
            }
            let Value::List(inner) = &value else {
                return Err(faults::unfit(item.value.span, "a list", &value));
            };
            for value in inner.iter() {
                self.meter.grow(&mut size, value).map_err(at(span))?;
                list.push(value.clone());
            }
        }
        all.finish(Value::List(Arc::new(list)))
    }

    fn record(&self, fields: &[(Name, Expr)], span: Span, scope: &dyn Scope) -> Evaluated {
        let mut all = Collected { unknown: false };
        let mut size = ValueSize::default();
        let mut map = IndexMap::with_capacity(fields.len());
        for (name, expr) in fields {
            if let Some(value) = all.take(self.eval(expr, scope))? {
                self.meter.grow(&mut size, &value).map_err(at(span))?;
                map.insert(name.clone(), value);
            }
        }
        all.finish(Value::Map(Arc::new(map)))
    }

    fn field(&self, of: &Expr, name: &Name, span: Span, scope: &dyn Scope) -> Evaluated {
        match self.eval(of, scope)? {
            Value::Map(entries) => match entries.get(name) {
                Some(value) => Ok(value.clone()),
                None if is_cut_stream(&entries, name) => Err(faults::cut_stream(span, name)),
                None => Ok(Value::None),
            },
            Value::None => Err(faults::nothing_inside(of)),
            secret @ Value::Secret(_) => {
                let name = Value::String(name.clone());
                Ok(Value::derived(MEMBER, vec![secret, name]))
            }
            value @ (Value::Service { .. } | Value::Environment(_) | Value::Infrastructure(_)) => {
                scope.field(&value, name, span)
            }
            other => Err(faults::unfit(of.span, "a record", &other)),
        }
    }

    fn star(&self, of: &Expr, scope: &dyn Scope) -> Evaluated {
        match self.eval(of, scope)? {
            Value::Environment(id) => Ok(Value::list(scope.star(id)?)),
            list @ Value::List(_) => Ok(list),
            other => Err(faults::unfit(of.span, "an environment or a list", &other)),
        }
    }

    fn index(&self, of: &Expr, index: &Expr, scope: &dyn Scope) -> Evaluated {
        let mut all = Collected { unknown: false };
        let list = all.take(self.eval(of, scope))?;
        let at = all.take(self.eval(index, scope))?;
        let (Some(list), Some(at)) = (list, at) else {
            return Err(Halt::Unknown);
        };
        match (&list, &at) {
            (Value::None, _) => Err(faults::nothing_inside(of)),
            (Value::Secret(_), _) => Ok(Value::derived(MEMBER, vec![list, at])),
            (Value::List(items), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| items.get(at).cloned())
                .ok_or_else(|| faults::index((of, index), *at, items.len())),
            (Value::Map(entries), Value::String(key)) => {
                entries
                    .get(key)
                    .cloned()
                    .ok_or_else(|| match is_cut_stream(entries, key) {
                        true => faults::cut_stream(index.span, key),
                        false => faults::key((of, index), key, entries.keys()),
                    })
            }
            (Value::List(_), at) => Err(faults::unfit(index.span, "an int", at)),
            (Value::Map(_), at) => Err(faults::unfit(index.span, "a text", at)),
            (of_value, _) => Err(faults::unfit(of.span, "a list or a map", of_value)),
        }
    }

    fn unary(&self, op: UnaryOp, of: &Expr, span: Span, scope: &dyn Scope) -> Evaluated {
        let value = self.eval(of, scope)?;
        apply_unary(op, &value).map_err(|error| faults::unary(error, op, span, (of, &value), scope))
    }

    /// A chain of operators leans to the left and may be long, so it is walked and not recursed.
    fn binary(&self, expr: &Expr, scope: &dyn Scope) -> Evaluated {
        let mut chain = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary(_, left, _) = &first.kind {
            if !matches!(left.kind, ExprKind::Binary(..)) {
                break;
            }
            chain.push(first);
            first = left;
        }
        let mut value = self.combine(first, None, scope);
        while let Some(expr) = chain.pop() {
            value = self.combine(expr, Some(value), scope);
        }
        value
    }

    /// One operator, whose left side may have been evaluated already.
    fn combine(&self, expr: &Expr, left_value: Option<Evaluated>, scope: &dyn Scope) -> Evaluated {
        let ExprKind::Binary(op, left, right) = &expr.kind else {
            return self.eval(expr, scope);
        };
        self.meter.step(1).map_err(at(expr.span))?;
        let known = match left_value.unwrap_or_else(|| self.eval(left, scope)) {
            Ok(value) => Some(value),
            Err(Halt::Unknown) => None,
            Err(fault) => return Err(fault),
        };
        match (op, known) {
            (BinaryOp::Else | BinaryOp::And | BinaryOp::Or, None) => Err(Halt::Unknown),
            (BinaryOp::Else, Some(Value::None)) => self.eval(right, scope),
            (BinaryOp::Else, Some(value)) => Ok(value),
            (BinaryOp::And, Some(Value::Bool(true))) | (BinaryOp::Or, Some(Value::Bool(false))) => {
                self.condition(right, scope).map(Value::Bool)
            }
            (BinaryOp::And | BinaryOp::Or, Some(Value::Bool(decided))) => Ok(Value::Bool(decided)),
            (BinaryOp::And | BinaryOp::Or, Some(other)) => {
                Err(faults::unfit(left.span, "a bool", &other))
            }
            (op, known) => self.operate(*op, expr.span, (left, known), right, scope),
        }
    }

    /// An operator that needs both sides; the left one is `None` where it is unknown.
    fn operate(
        &self,
        op: BinaryOp,
        span: Span,
        (left, known): (&Expr, Option<Value>),
        right: &Expr,
        scope: &dyn Scope,
    ) -> Evaluated {
        let right_value = self.eval(right, scope)?;
        let Some(left_value) = known else {
            if matches!(op, BinaryOp::Div | BinaryOp::Rem) && is_zero(&right_value) {
                return Err(faults::division_by_zero(span, (right, &right_value), scope));
            }
            return Err(Halt::Unknown);
        };
        for side in [&left_value, &right_value] {
            self.meter.weigh(side).map_err(at(span))?;
        }
        let value = apply(op, &left_value, &right_value).map_err(|error| {
            let (left, right) = ((left, &left_value), (right, &right_value));
            faults::binary(error, op, span, left, right, scope)
        })?;
        self.meter.weigh(&value).map_err(at(span))?;
        Ok(value)
    }

    fn comprehension(
        &self,
        (body, slot, list, cond): (&Expr, Slot, &Expr, Option<&Expr>),
        span: Span,
        scope: &dyn Scope,
    ) -> Evaluated {
        let items = match self.eval(list, scope)? {
            Value::List(items) => items,
            other => return Err(faults::unfit(list.span, "a list", &other)),
        };
        let mut all = Collected { unknown: false };
        let mut size = ValueSize::default();
        let mut made = Vec::new();
        for item in items.iter() {
            let scope = ScopeWithLocal::new(scope, slot, item);
            let stays = match cond.map(|cond| self.condition(cond, &scope)) {
                None | Some(Ok(true)) => true,
                Some(Ok(false)) => false,
                Some(Err(halt)) => all.take(Err(halt))?.is_some(),
            };
            if stays && let Some(value) = all.take(self.eval(body, &scope))? {
                self.meter.grow(&mut size, &value).map_err(at(span))?;
                made.push(value);
            }
        }
        all.finish(Value::List(Arc::new(made)))
    }

    fn call(
        &self,
        Function(builtin): Function,
        args: &[Expr],
        span: Span,
        scope: &dyn Scope,
    ) -> Evaluated {
        let mut all = Collected { unknown: false };
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            if let Some(value) = all.take(self.eval(arg, scope))? {
                self.meter.weigh(&value).map_err(at(arg.span))?;
                values.push(value);
            }
        }
        let values = all.finish(values)?;
        let place = |argument: usize| args.get(argument).map(|arg| arg.span);
        if takes_secrets(builtin.name) && values.iter().any(Value::has_secret) {
            let secret = Value::derived(builtin.name, values);
            self.meter.weigh(&secret).map_err(at(span))?;
            return Ok(secret);
        }
        let value = match builtin.call {
            BuiltinBody::Pure(call) => call(&values).map_err(|problem| match problem {
                BuiltinError::Message(text) => faults::call(span, None, builtin.name, &text),
                BuiltinError::Argument(argument, text) => {
                    faults::call(span, place(argument), builtin.name, &text)
                }
                BuiltinError::TooLarge(excess) => faults::too_large(excess, span),
            })?,
            BuiltinBody::Env => env(&values, span, scope)?,
            BuiltinBody::File => file(&values, span, scope)?,
            BuiltinBody::Named => named(&values, args, scope)?,
            BuiltinBody::Made(sort) => match values.first() {
                Some(Value::Int(template)) => {
                    Value::list(scope.made(sort, u32::try_from(*template).unwrap_or(u32::MAX))?)
                }
                _ => return Err(Halt::Unknown),
            },
            BuiltinBody::Deployed => deployed(&values, scope)?,
            BuiltinBody::OptionalSecret => optional_secret(values, scope)?,
        };
        self.meter.weigh(&value).map_err(at(span))?;
        Ok(value)
    }
}

/// The service or infrastructure of a list with a name.
fn named(values: &[Value], args: &[Expr], scope: &dyn Scope) -> Evaluated {
    let (Some(Value::List(all)), Some(Value::String(name)), [_, at]) =
        (values.first(), values.get(1), args)
    else {
        return Err(Halt::Unknown);
    };
    let names: Vec<String> = all.iter().map(|it| scope.display(it)).collect();
    // An infrastructure is named within its environment.
    let short = |full: &str| {
        full.rsplit_once('.')
            .map_or(0, |(before, _)| before.len() + 1)
    };
    let mut found = all
        .iter()
        .zip(&names)
        .filter(|(_, full)| full[short(full)..] == **name);
    match (found.next(), found.next()) {
        (Some((value, _)), None) => Ok(value.clone()),
        (first, _) => Err(faults::none_named(
            at.span,
            name,
            all,
            &names,
            first.is_some(),
        )),
    }
}

fn env(args: &[Value], span: Span, scope: &dyn Scope) -> Evaluated {
    let name = match args.first() {
        Some(Value::String(name)) => name,
        other => return Err(faults::unfit(span, "a text", other.unwrap_or(&Value::None))),
    };
    match (scope.env(name)?, args.get(1)) {
        (Some(text), _) => Ok(Value::String(text)),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(faults::env(span, name)),
    }
}

fn file(args: &[Value], span: Span, scope: &dyn Scope) -> Evaluated {
    let path = match args.first() {
        Some(Value::String(path)) => path,
        other => return Err(faults::unfit(span, "a text", other.unwrap_or(&Value::None))),
    };
    match scope.file(span.file, path)? {
        Ok(text) => Ok(Value::String(text)),
        Err(reason) => Err(faults::file(span, path, &reason)),
    }
}

/// A declared secret, where its source is there.
fn optional_secret(args: Vec<Value>, scope: &dyn Scope) -> Evaluated {
    let Some(secret @ Value::Secret(parts)) = args.first() else {
        return Err(Halt::Unknown);
    };
    match &parts[..] {
        [SecretPart::Secret(at)] if scope.has_secret(*at)? => Ok(secret.clone()),
        [SecretPart::Secret(_)] => Ok(Value::None),
        _ => Err(Halt::Unknown),
    }
}

fn deployed(args: &[Value], scope: &dyn Scope) -> Evaluated {
    match args {
        [service, infrastructure] => scope.deployed(service, infrastructure),
        _ => Err(Halt::Unknown),
    }
}

/// A text under construction.
#[derive(Default)]
struct TextBuilder {
    /// Whether a secret went into it.
    secret: bool,
    /// What stands before the text, if it is a secret.
    before: Vec<SecretPart>,
    current: String,
}

impl TextBuilder {
    fn secret(&mut self, parts: &[SecretPart]) {
        self.secret = true;
        for part in parts {
            match part {
                SecretPart::Text(text) => self.current.push_str(text),
                SecretPart::Secret(_) | SecretPart::Made(_) | SecretPart::Derived(_) => {
                    self.flush();
                    self.before.push(part.clone());
                }
            }
        }
    }

    fn flush(&mut self) {
        if !self.current.is_empty() {
            let text = std::mem::take(&mut self.current);
            self.before.push(SecretPart::Text(text.into()));
        }
    }

    fn finish(mut self) -> Value {
        if !self.secret {
            return Value::string(self.current);
        }
        self.flush();
        Value::Secret(Arc::new(self.before))
    }
}
