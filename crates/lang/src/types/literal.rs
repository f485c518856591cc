//! Types the literals of strings and records.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::eval::{Expr, ExprKind, InterpolationPart};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, RecordKey, StringPart};

use super::locals::LocalScope;
use super::{Checker, Typed, errors};

impl Checker<'_> {
    /// `"…${e}…"`
    pub(super) fn string(
        &mut self,
        locals: &mut LocalScope,
        text: &ast::StringLit,
        want: Option<&Type>,
    ) -> Typed {
        if let Some(plain) = text.plain() {
            return self.word(plain, text.span, want);
        }
        let mut parts = Vec::with_capacity(text.parts.len());
        let mut ty = Type::String;
        for part in &text.parts {
            match part {
                StringPart::Text { text, .. } => parts.push(InterpolationPart::Text(text.clone())),
                StringPart::Interpolation { expr, .. } => {
                    let typed = self.interpolated(locals, expr);
                    if typed.ty == Type::Secret {
                        ty = Type::Secret;
                    }
                    parts.push(InterpolationPart::Value(typed.expr));
                }
            }
        }
        Typed::new(ExprKind::Interpolate(parts), text.span, ty)
    }

    /// A value inside a text.
    pub fn interpolated(&mut self, locals: &mut LocalScope, expr: &ast::Expr) -> Typed {
        let typed = self.expr(locals, expr, None);
        if typed.ty == Type::Secret || typed.ty.interpolates() {
            return typed;
        }
        let error = errors::cannot_interpolate(self, &typed);
        self.report(error);
        Typed::unknown(typed.expr.span)
    }

    /// A text without interpolations; it may be one of those that its place allows.
    fn word(&mut self, text: Name, span: Span, want: Option<&Type>) -> Typed {
        let mut ty = Type::String;
        if let Some(Type::OneOf(allowed)) = want {
            if !allowed.contains(&text) {
                self.report(errors::not_one_of(span, &text, allowed));
                return Typed::unknown(span);
            }
            ty = Type::OneOf(vec![text.clone()]);
        }
        Typed::new(ExprKind::Const(Value::String(text)), span, ty)
    }

    /// `{ a: 1, "b c": 2 }`
    pub(super) fn record(
        &mut self,
        locals: &mut LocalScope,
        entries: &[(RecordKey, ast::Expr)],
        span: Span,
        want: Option<&Type>,
    ) -> Typed {
        let entries = self.distinct_keys(entries);
        match want {
            Some(Type::Record(fields)) => self.known_record(locals, &entries, fields, span),
            Some(Type::Map(of)) => self.map(locals, &entries, Some(of), span),
            _ if entries.is_empty() || entries.iter().any(|entry| entry.quoted) => {
                self.map(locals, &entries, None, span)
            }
            _ => {
                let mut types: IndexMap<Name, Type> = IndexMap::new();
                let mut values = Vec::with_capacity(entries.len());
                for entry in &entries {
                    let typed = self.expr(locals, entry.value, None);
                    let typed = self.some_value(typed);
                    types.insert(entry.key.clone(), typed.ty);
                    values.push((entry.key.clone(), typed.expr));
                }
                Typed::new(
                    ExprKind::Record(values),
                    span,
                    Type::Record(Arc::new(types)),
                )
            }
        }
    }

    fn some_value(&mut self, typed: Typed) -> Typed {
        if typed.ty == Type::Nothing {
            self.report(errors::no_value(typed.expr.span));
            return Typed::unknown(typed.expr.span);
        }
        typed
    }

    /// A record whose fields are declared.
    fn known_record(
        &mut self,
        locals: &mut LocalScope,
        entries: &[LiteralEntry<'_>],
        fields: &Arc<IndexMap<Name, Type>>,
        span: Span,
    ) -> Typed {
        let mut values: Vec<(Name, Expr)> = Vec::with_capacity(fields.len());
        for entry in entries {
            let Some(ty) = fields.get(&entry.key) else {
                let ident = ast::Ident {
                    name: entry.key.clone(),
                    span: entry.span,
                };
                let known = fields.keys().map(|name| &**name);
                self.report(errors::unknown_entry(&ident, known));
                self.expr(locals, entry.value, None);
                continue;
            };
            let what = format!("field `{}`", entry.key);
            let value = self.check(locals, entry.value, ty, &what, None);
            values.push((entry.key.clone(), value));
        }
        let mut missing = Vec::new();
        for (name, ty) in &**fields {
            if entries.iter().any(|entry| entry.key == *name) {
                continue;
            }
            match ty {
                Type::Optional(_) | Type::None => {
                    values.push((name.clone(), Expr::constant(Value::None, span)));
                }
                _ => missing.push(name.clone()),
            }
        }
        if !missing.is_empty() {
            self.report(errors::missing_entries(span, &missing));
            return Typed::unknown(span);
        }
        let ty = Type::Record(fields.clone());
        Typed::new(ExprKind::Record(values), span, ty)
    }

    fn map(
        &mut self,
        locals: &mut LocalScope,
        entries: &[LiteralEntry<'_>],
        of: Option<&Type>,
        span: Span,
    ) -> Typed {
        let mut values = Vec::with_capacity(entries.len());
        let mut common = Type::Any;
        let mut first: Option<(Span, Type)> = None;
        for entry in entries {
            if let Some(want) = of {
                let what = format!("the value of `{}`", entry.key);
                let value = self.check(locals, entry.value, want, &what, None);
                values.push((entry.key.clone(), value));
                continue;
            }
            let typed = self.expr(locals, entry.value, None);
            let typed = self.some_value(typed);
            match super::unify(&common, &typed.ty) {
                Some(ty) => common = ty,
                None => {
                    if let Some((other, of)) = &first {
                        let span = entry.value.span;
                        self.report(errors::mixed_list(span, &typed.ty, *other, of));
                    }
                    return Typed::unknown(span);
                }
            }
            first.get_or_insert((entry.value.span, typed.ty));
            values.push((entry.key.clone(), typed.expr));
        }
        let of = of.cloned().unwrap_or(common);
        Typed::new(ExprKind::Record(values), span, Type::Map(Box::new(of)))
    }

    /// The entries with plain keys, each key once.
    fn distinct_keys<'e>(
        &mut self,
        entries: &'e [(RecordKey, ast::Expr)],
    ) -> Vec<LiteralEntry<'e>> {
        let mut found: IndexMap<Name, LiteralEntry<'e>> = IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            let Some((name, span, quoted)) = self.key(key) else {
                continue;
            };
            if let Some(first) = found.get(&name) {
                let first = first.span;
                self.report(errors::key_twice(&name, span, first));
                continue;
            }
            let entry = LiteralEntry {
                key: name.clone(),
                span,
                quoted,
                value,
            };
            found.insert(name, entry);
        }
        found.into_values().collect()
    }

    /// The text of a key, which cannot be computed.
    pub fn key(&mut self, key: &RecordKey) -> Option<(Name, Span, bool)> {
        match key {
            RecordKey::Name(name) => Some((name.name.clone(), name.span, false)),
            RecordKey::String(text) => match text.plain() {
                Some(name) => Some((name, text.span, true)),
                None => {
                    self.report(errors::computed_key(text.span));
                    None
                }
            },
        }
    }
}

/// An entry of a record or map.
struct LiteralEntry<'e> {
    key: Name,
    span: Span,
    quoted: bool,
    value: &'e ast::Expr,
}
