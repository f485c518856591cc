//! Declared functions: each is checked once, and a call is its expression with what is handed over
//! in place of the parameters. So everything that follows the values of expressions sees through
//! functions.

use crate::eval::visit::{children_mut, each_part};
use crate::eval::{Expr, ExprKind, Slot};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_syntax::ast;

use super::locals::LocalScope;
use super::named_types::MAX_PARTS;
use super::{Checker, Typed, errors, poison};

/// How deep the expression of a function may be, with those of the functions that it calls.
const MAX_HEIGHT: usize = 256;

/// A function that has been checked.
#[derive(Debug, Clone)]
pub(super) struct FunctionBody {
    /// The slots of its parameters.
    params: Vec<Slot>,
    /// What a parameter is where nothing is handed over.
    defaults: Vec<Option<Expr>>,
    /// What it gives.
    value: Expr,
    /// How many slots it uses.
    slots: u32,
}

impl Checker<'_> {
    /// Checks a function. Those that it calls have been checked before it.
    pub(super) fn check_function(&mut self, id: u32) {
        let decl = &self.tables.functions[id as usize];
        let Some(value) = decl.value else {
            return;
        };
        let (name, params) = (decl.name, decl.params.clone());
        let (result, declared) = (decl.result.clone(), decl.result_span);
        let mut locals = LocalScope::new(decl.file);
        locals.in_function = true;
        let mut slots = Vec::new();
        let mut defaults = Vec::new();
        for (ty, param) in params {
            let default = param.default.as_ref().map(|default| {
                let what = format!("the default of `{}`", param.name.name);
                self.check(&mut locals, default, &ty, &what, Some(param.ty.span))
            });
            self.modules.uses.ty(param.name.span, &ty);
            defaults.push(default);
            slots.push(locals.add(&param.name.name, param.name.span, ty, false));
        }
        self.modules.uses.ty(name.span, &result);
        let what = format!("the result of `{}`", name.name);
        let value = self.check(&mut locals, value, &result, &what, declared);
        let body = FunctionBody {
            params: slots,
            defaults,
            value,
            slots: locals.slots(),
        };
        if body.is_too_large() {
            self.report(errors::function_too_large(name));
            return;
        }
        self.functions[id as usize] = Some(body);
    }

    /// A call of a declared function.
    pub(super) fn call_function(
        &mut self,
        locals: &mut LocalScope,
        id: u32,
        args: &[ast::Arg],
        span: Span,
    ) -> Typed {
        let decl = &self.tables.functions[id as usize];
        let (params, result) = (decl.parameters(), decl.result.clone());
        let what = format!("`{}`", decl.name.name);
        let bound = self.arguments(locals, &what, &params, args, span);
        let Some(body) = self.functions[id as usize].clone() else {
            // It calls itself, or is too large, which has been reported.
            return Typed::of(poison(span), result);
        };
        if !bound.good {
            return Typed::of(poison(span), result);
        }
        let given: Vec<Option<Expr>> = bound.exprs();
        let late = given.iter().flatten().any(|arg| self.is_late(locals, arg));
        let moved: Vec<Slot> = (0..body.slots).map(|_| locals.slot(late)).collect();
        Typed::new(body.called(given, &moved, span), span, result)
    }

    /// Whether something may be read where an expression stands; if not, that is reported.
    pub(super) fn may_read(&mut self, locals: &LocalScope, what: &str, span: Span) -> bool {
        if locals.in_function {
            self.report(errors::not_pure(span, what));
        }
        !locals.in_function
    }
}

impl FunctionBody {
    /// The expression with what is handed over; `moved` has the slots that its own become.
    fn called(self, given: Vec<Option<Expr>>, moved: &[Slot], span: Span) -> ExprKind {
        let mut values = Vec::new();
        let params = self.params.into_iter().zip(self.defaults).zip(given);
        for ((slot, default), given) in params {
            let value = given.or_else(|| {
                let mut default = default?;
                move_slots(&mut default, moved);
                Some(default)
            });
            let value = value.unwrap_or_else(|| Expr::constant(Value::None, span));
            values.push((moved_slot(slot, moved), value));
        }
        let mut body = self.value;
        move_slots(&mut body, moved);
        if values.is_empty() {
            return body.kind;
        }
        let body = Box::new(body);
        ExprKind::Bind { values, body }
    }

    fn is_too_large(&self) -> bool {
        let mut parts = 0;
        let all = self.defaults.iter().flatten().chain([&self.value]);
        all.clone()
            .for_each(|it| each_part(it, &mut |_| parts += 1));
        parts > MAX_PARTS || all.map(height).max() > Some(MAX_HEIGHT)
    }
}

/// How many expressions are inside one another.
fn height(expr: &Expr) -> usize {
    let mut highest = 0;
    let mut open = vec![(expr, 1)];
    while let Some((expr, at)) = open.pop() {
        highest = highest.max(at);
        crate::eval::visit::children(expr, &mut |child| open.push((child, at + 1)));
    }
    highest
}

fn moved_slot(slot: Slot, moved: &[Slot]) -> Slot {
    // The slot of an expression that has been reported stays what it is.
    moved.get(slot.0 as usize).copied().unwrap_or(slot)
}

/// Gives the slots of an expression their places in the body that calls it.
fn move_slots(expr: &mut Expr, moved: &[Slot]) {
    match &mut expr.kind {
        ExprKind::Local(slot)
        | ExprKind::Comprehension { slot, .. }
        | ExprKind::IfSome { slot, .. } => *slot = moved_slot(*slot, moved),
        ExprKind::Bind { values, .. } => {
            for (slot, _) in values {
                *slot = moved_slot(*slot, moved);
            }
        }
        ExprKind::Const(_)
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
        | ExprKind::Convert(..)
        | ExprKind::Call(..) => {}
    }
    children_mut(expr, &mut |child| move_slots(child, moved));
}
