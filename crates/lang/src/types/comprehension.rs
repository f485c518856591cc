//! Types comprehensions and what loops go through: lists, and with two variables, lists with their
//! places and maps with their keys.

use crate::eval::builtins::{self, FROM_ENTRIES};
use crate::eval::{Expr, ExprKind, Function, ListItem, Slot};
use lockstep_base::source::Span;
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form, RecordKey};

use super::locals::LocalScope;
use super::{Checker, Typed, errors};

/// What a loop with two variables goes through.
pub struct PairedList {
    /// The keys, or the places.
    pub list: Expr,
    /// Their type.
    pub first: Type,
    /// What the keys and places are of.
    pub whole: Expr,
    /// The type of what is there.
    pub second: Type,
}

impl PairedList {
    /// What there is for a key or at a place.
    pub fn value(&self, first: Slot, span: Span) -> Expr {
        let first = Expr {
            kind: ExprKind::Local(first),
            span,
        };
        Expr {
            kind: ExprKind::Index(Box::new(self.whole.clone()), Box::new(first)),
            span,
        }
    }

    /// All that there is of a key, or at a place: a place itself says nothing of what is there.
    pub fn both(&self, first: Slot, span: Span) -> Expr {
        let value = self.value(first, span);
        if self.first == Type::Int {
            return value;
        }
        let key = Expr {
            kind: ExprKind::Local(first),
            span,
        };
        let one = |value| ListItem {
            value,
            spread: false,
        };
        Expr {
            kind: ExprKind::List([key, value].map(one).into()),
            span,
        }
    }
}

impl Checker<'_> {
    /// `[body for var in list if cond]`, `{ key: body for var, second in list if cond }`
    pub(super) fn comprehension(
        &mut self,
        locals: &mut LocalScope,
        of: &ast::Comprehension,
        span: Span,
        want: Option<&Type>,
    ) -> Typed {
        let ast::Comprehension {
            key,
            body,
            var,
            second,
            list,
            cond,
        } = of;
        let mark = locals.mark();
        let (list, slot, whole) = self.variables(locals, var, second.as_ref(), list);
        let cond = cond.as_ref().map(|cond| {
            let (cond, facts) = self.condition(locals, cond, "the condition");
            locals.learn(&facts.holds);
            Box::new(cond)
        });
        let key = key.as_ref().map(|key| self.computed_key(locals, key));
        let element = match (want, &key) {
            (Some(Type::List(of)), None) | (Some(Type::Map(of)), Some(_)) => Some(&**of),
            _ => None,
        };
        let body = self.expr(locals, body, element);
        locals.release(mark);
        if body.ty == Type::Nothing {
            self.report(errors::no_value(body.expr.span));
            return Typed::unknown(span);
        }
        let (made, ty) = match key {
            None => (body.expr, Type::list(body.ty)),
            Some(key) => {
                let entry = vec![("key".into(), key), ("value".into(), body.expr)];
                let kind = ExprKind::Record(entry);
                (Expr { kind, span }, Type::Map(Box::new(body.ty)))
            }
        };
        let is_map = matches!(ty, Type::Map(_));
        let mut kind = ExprKind::Comprehension {
            body: Box::new(made),
            slot,
            list: Box::new(list),
            cond,
        };
        if is_map {
            kind = ExprKind::Call(Function(&FROM_ENTRIES), vec![Expr { kind, span }]);
        }
        if let Some(value) = whole {
            let body = Box::new(Expr { kind, span });
            let values = vec![value];
            kind = ExprKind::Bind { values, body };
        }
        Typed::new(kind, span, ty)
    }

    /// Introduces the variables: the list of the first one, its slot, and the slot under which what
    /// both go through is evaluated once.
    fn variables(
        &mut self,
        locals: &mut LocalScope,
        var: &ast::Ident,
        second: Option<&ast::Ident>,
        list: &ast::Expr,
    ) -> (Expr, Slot, Option<(Slot, Expr)>) {
        let Some(second) = second else {
            let (list, of) = self.elements(locals, list, "`for … in`");
            let late = self.is_late(locals, &list);
            self.modules.uses.ty(var.span, &of);
            let slot = locals.add(&var.name, var.span, of, late);
            self.learn_element(locals, slot, &list);
            return (list, slot, None);
        };
        let typed = self.expr(locals, list, None);
        let late = self.is_late(locals, &typed.expr);
        let slot = locals.slot(late);
        let name = Expr {
            kind: ExprKind::Local(slot),
            span: typed.expr.span,
        };
        let paired = self.paired(Typed::of(name, typed.ty), "`for … in`");
        let first = self.introduce(locals, var, second, &paired, late);
        (paired.list, first, Some((slot, typed.expr)))
    }

    /// Introduces the two variables of a loop; the second is no value of its own.
    pub fn introduce(
        &mut self,
        locals: &mut LocalScope,
        var: &ast::Ident,
        second: &ast::Ident,
        paired: &PairedList,
        late: bool,
    ) -> Slot {
        self.modules.uses.ty(var.span, &paired.first);
        self.modules.uses.ty(second.span, &paired.second);
        let first = locals.add(&var.name, var.span, paired.first.clone(), late);
        let value = paired.value(first, second.span);
        locals.alias(second, paired.second.clone(), value, late);
        first
    }

    /// The keys or places of what a loop with two variables goes through.
    pub fn paired(&mut self, whole: Typed, what: &str) -> PairedList {
        let span = whole.expr.span;
        let call = |name: &str, args: Vec<Expr>| match builtins::find(name) {
            Some(builtin) => Expr {
                kind: ExprKind::Call(Function(builtin), args),
                span,
            },
            None => super::poison(span),
        };
        let found = match &whole.ty {
            Type::List(of) => Some((Type::Int, (**of).clone())),
            Type::Map(of) => Some((Type::String, (**of).clone())),
            Type::Record(fields) => match Type::common_of(fields.values()) {
                Some(of) => Some((Type::String, of)),
                None => {
                    self.report(errors::mixed_record(span, &whole.ty));
                    None
                }
            },
            Type::Any => None,
            _ => {
                let error = errors::no_pairs(self, &whole, what);
                self.report(error);
                None
            }
        };
        let Some((first, second)) = found else {
            return PairedList {
                list: super::poison(span),
                first: Type::Any,
                whole: super::poison(span),
                second: Type::Any,
            };
        };
        let list = match first {
            Type::Int => {
                let from = Expr::constant(Value::Int(0), span);
                let to = call("length", vec![whole.expr.clone()]);
                call("range", vec![from, to])
            }
            _ => call("keys", vec![whole.expr.clone()]),
        };
        PairedList {
            list,
            first,
            whole: whole.expr,
            second,
        }
    }

    /// A key of a map that is computed: a name is a value here.
    fn computed_key(&mut self, locals: &mut LocalScope, key: &RecordKey) -> Expr {
        let form = match key {
            RecordKey::Name(name) => Form::Name(name.clone()),
            RecordKey::String(text) => Form::String(text.clone()),
        };
        let span = match key {
            RecordKey::Name(name) => name.span,
            RecordKey::String(text) => text.span,
        };
        let key = ast::Expr { kind: form, span };
        self.check(locals, &key, &Type::String, "a key", None)
    }
}
