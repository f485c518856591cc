//! The state of the type checker: the outline of all declarations, the types found so far, and the
//! diagnostics.

use std::collections::HashMap;

use crate::eval::{Expr, ExprKind, Slot};
use crate::resolve::Modules;
use lockstep_base::diagnostic::{Diagnostic, Diagnostics};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast;

use super::functions::FunctionBody;
use super::globals::GlobalProgress;
use super::locals::LocalScope;
use super::narrowing::ConditionFacts;
use super::{DeclTypes, declarations, errors, ty_expr};

/// A core expression with its type.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The expression.
    pub expr: Expr,
    /// Its type.
    pub ty: Type,
    /// What it shows, where it is a condition.
    pub facts: ConditionFacts,
}

impl Typed {
    /// An expression of this form and type.
    pub fn new(kind: ExprKind, span: Span, ty: Type) -> Self {
        Self::of(Expr { kind, span }, ty)
    }

    /// An expression of this type.
    pub fn of(expr: Expr, ty: Type) -> Self {
        let facts = ConditionFacts::default();
        Self { expr, ty, facts }
    }

    /// Represents an expression that has been reported: it fits everywhere and is never known.
    pub fn unknown(span: Span) -> Self {
        Self::of(poison(span), Type::Any)
    }

    /// A whole number that is written where a float is wanted, or beside one, is a float. What is
    /// computed stays what it is.
    pub fn written_float(self) -> Self {
        match self.expr.as_const() {
            Some(Value::Int(value)) => {
                let value = Value::Float(*value as f64);
                Self::new(ExprKind::Const(value), self.expr.span, Type::Float)
            }
            _ => self,
        }
    }
}

/// The expression that represents an error: a local that no body has.
pub fn poison(span: Span) -> Expr {
    Expr {
        kind: ExprKind::Local(Slot(u32::MAX)),
        span,
    }
}

/// Whether an expression represents an error.
pub fn is_poison(expr: &Expr) -> bool {
    expr.kind == ExprKind::Local(Slot(u32::MAX))
}

/// Checks expressions and declarations.
pub struct Checker<'a> {
    /// The files and their names.
    pub modules: &'a Modules,
    /// The outline of all declarations.
    pub tables: DeclTypes<'a>,
    /// What has been found wrong.
    pub diagnostics: Diagnostics,
    /// What is known of inputs, `let`s and groups, by place.
    pub(super) globals: Vec<GlobalProgress>,
    /// What is known of the fields of environments.
    pub(super) environment_fields: HashMap<(u32, Name), GlobalProgress>,
    /// The functions that are checked and right, by place.
    pub(super) functions: Vec<Option<FunctionBody>>,
    /// How many definitions the current one is inside.
    pub(super) nesting: u32,
}

impl<'a> Checker<'a> {
    /// Makes the outline of all declarations and finds the types of all inputs, `let`s, groups
    /// and fields of environments.
    pub fn new(modules: &'a Modules) -> Self {
        let mut diagnostics = Diagnostics::default();
        let tables = declarations::tables(modules, &mut diagnostics);
        let globals = tables.globals.iter().map(|_| GlobalProgress::New).collect();
        let functions = tables.functions.iter().map(|_| None).collect();
        let mut checker = Self {
            modules,
            tables,
            diagnostics,
            globals,
            environment_fields: HashMap::new(),
            functions,
            nesting: 0,
        };
        checker.find_globals();
        checker
    }

    /// Reports a mistake.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports a mistake, unless it has been reported already.
    pub fn report_opt(&mut self, diagnostic: Option<Box<Diagnostic>>) {
        self.diagnostics.extend(diagnostic.map(|found| *found));
    }

    /// The type that is written.
    pub fn read_type(&mut self, file: FileId, ty: &ast::TypeExpr) -> Type {
        let types = &self.tables.types;
        ty_expr::read(self.modules, types, file, ty, &mut self.diagnostics)
    }

    /// Checks an expression that must have type `want`; `what` names its place for people
    /// (`` `timeout` ``, ``field `replicas` ``), and `declared` is where the type is written.
    pub fn check(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        want: &Type,
        what: &str,
        declared: Option<Span>,
    ) -> Expr {
        let typed = self.expr(locals, expr, Some(want));
        self.fit(typed, want, what, declared)
    }

    /// Checks a value that is to have one of several types; a mistake is about the first.
    pub fn check_either(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        wanted: &[Type],
        what: &str,
    ) -> Expr {
        let first = wanted.first().unwrap_or(&Type::Any);
        let typed = self.expr(locals, expr, Some(first));
        let fits = wanted.iter().find(|it| it.accepts(&typed.ty));
        self.fit(typed, fits.unwrap_or(first), what, None)
    }

    /// Checks the value of a `let` with a type. What is declared to be a secret must be one: a text
    /// that it is given can be read in the source, in the plan and in the journal.
    pub fn check_let(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        want: &Type,
        what: &str,
        declared: Option<Span>,
    ) -> Expr {
        let typed = self.expr(locals, expr, Some(want));
        let is_secret = *want == Type::Secret || *want == Type::optional(Type::Secret);
        if is_secret && typed.ty.is_text() {
            self.report(errors::readable_secret(typed.expr.span, what));
            return poison(typed.expr.span);
        }
        self.fit(typed, want, what, declared)
    }

    /// Checks a condition, and says what it shows.
    pub fn condition(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        what: &str,
    ) -> (Expr, ConditionFacts) {
        let mut typed = self.expr(locals, expr, Some(&Type::Bool));
        let facts = std::mem::take(&mut typed.facts);
        (self.fit(typed, &Type::Bool, what, None), facts)
    }

    /// The expression if its type fits; else a mistake is reported.
    pub fn fit(&mut self, typed: Typed, want: &Type, what: &str, declared: Option<Span>) -> Expr {
        if matches!(typed.ty, Type::Nothing) && !matches!(want, Type::Any | Type::Nothing) {
            self.report(errors::no_value(typed.expr.span));
            return poison(typed.expr.span);
        }
        if want.accepts(&typed.ty) {
            return typed.expr;
        }
        if want.converts(&typed.ty) {
            if want.has_path() {
                self.empty_paths(&typed.expr, want, what);
            }
            let span = typed.expr.span;
            let kind = ExprKind::Convert(Box::new(typed.expr), Box::new(want.clone()));
            return Expr { kind, span };
        }
        self.report(errors::mismatch(self, &typed, want, what, declared));
        poison(typed.expr.span)
    }

    /// Reports the texts without a character that are written where a path is wanted.
    fn empty_paths(&mut self, expr: &Expr, want: &Type, what: &str) {
        match (want, &expr.kind) {
            (Type::Optional(of), _) => self.empty_paths(expr, of, what),
            (Type::Path, ExprKind::Const(Value::String(text))) if text.is_empty() => {
                self.report(errors::empty_path(expr.span, what));
            }
            (Type::Path, ExprKind::If(_, then, other)) => {
                self.empty_paths(then, want, what);
                self.empty_paths(other, want, what);
            }
            (Type::List(of), ExprKind::List(items)) => {
                let single = items.iter().filter(|item| !item.spread);
                single.for_each(|item| self.empty_paths(&item.value, of, what));
            }
            _ => {}
        }
    }

    /// Checks an expression of any type that is a value and no secret.
    pub fn plain(&mut self, locals: &mut LocalScope, expr: &ast::Expr, what: &str) -> Typed {
        let typed = self.expr(locals, expr, None);
        if typed.ty == Type::Nothing {
            self.report(errors::no_value(typed.expr.span));
            return Typed::unknown(typed.expr.span);
        }
        if super::holds_secret(&typed.ty) {
            self.report(errors::secret_here(typed.expr.span, what));
            return Typed::unknown(typed.expr.span);
        }
        typed
    }
}
