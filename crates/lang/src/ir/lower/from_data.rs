//! Lowers what is declared for each element of a list to templates, and checks that these can be
//! worked out before services, environments and infrastructures are known.

use std::collections::HashSet;

use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, builtins::BuiltinBody};
use crate::ir::{GlobalSource, Infrastructure, Program, Service, Template};
use crate::types::{ElementScope, is_poison};
use lockstep_base::source::Span;
use lockstep_base::value::{Type, Value};

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    pub(super) fn service_templates(&mut self) -> Vec<Template<Service>> {
        let mut templates = Vec::new();
        for id in 0..self.check.tables.service_templates.len() {
            let decl = self.check.tables.service_templates[id].clone();
            let Some((text, each)) = decl.each else {
                continue;
            };
            let whole = self.whole(&self.check.modules.decls.service_templates[id]);
            let mut scope = self.check.element_scope(decl.file, text, each);
            let declared = self.service(&mut scope.locals, decl, whole);
            templates.push(template(scope, declared));
        }
        templates
    }

    pub(super) fn infrastructure_templates(&mut self) -> Vec<Template<Infrastructure>> {
        let mut templates = Vec::new();
        for id in 0..self.check.tables.infrastructure_templates.len() {
            let table = self.check.tables.infrastructure_templates[id].clone();
            let (Some(text), Some(each)) = (&table.decl.text, &table.decl.each) else {
                continue;
            };
            let file = table.decl.name.span.file;
            let mut scope = self.check.element_scope(file, text, each);
            let declared = self.infrastructure(&mut scope.locals, &table);
            templates.push(template(scope, declared));
        }
        templates
    }

    /// The lists, conditions and names of templates name no service and no place: which there are
    /// is known only when these have been worked out.
    pub(super) fn templates_are_early(&mut self, program: &Program) {
        let services = program.service_templates.iter().flat_map(Template::head);
        let places = program
            .infrastructure_templates
            .iter()
            .flat_map(Template::head);
        for expr in services.chain(places) {
            if let Some(found) = late_part(program, expr) {
                let error = errors::template_of_late(expr.span, found.at, found.what);
                self.check.report(error);
            }
        }
    }
}

fn template<T>(scope: ElementScope, declared: T) -> Template<T> {
    Template {
        declared,
        name: scope.name,
        slot: scope.slot,
        list: scope.list,
        cond: scope.cond,
        made: None,
    }
}

/// What is known only when services and infrastructures are.
struct LatePart {
    at: Span,
    what: &'static str,
}

/// The part of an expression, or of what it names, that is known too late.
fn late_part(program: &Program, expr: &Expr) -> Option<LatePart> {
    let mut found = None;
    let mut seen = HashSet::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        each_part(expr, &mut |part| {
            let what = match &part.kind {
                _ if found.is_some() || is_poison(part) => None,
                ExprKind::Const(value) => late_value(value),
                ExprKind::Global(id) if seen.insert(*id) => {
                    let global = program.globals.get(id.0 as usize);
                    match global.map(|global| &global.source) {
                        Some(GlobalSource::Let(value)) => {
                            open.push(value);
                            None
                        }
                        Some(GlobalSource::Input { default, .. }) => {
                            open.extend(default.as_deref());
                            global.and_then(|global| late_type(&global.ty))
                        }
                        None => None,
                    }
                }
                ExprKind::Call(function, _) => match function.0.call {
                    BuiltinBody::Named | BuiltinBody::Made(_) | BuiltinBody::Deployed => {
                        Some("services or places")
                    }
                    BuiltinBody::Pure(_)
                    | BuiltinBody::Env
                    | BuiltinBody::File
                    | BuiltinBody::OptionalSecret => None,
                },
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
                | ExprKind::Convert(..) => None,
            };
            if let Some(what) = what {
                found.get_or_insert(LatePart {
                    at: part.span,
                    what,
                });
            }
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

fn late_value(value: &Value) -> Option<&'static str> {
    match value {
        Value::Service { .. } => Some("a service"),
        Value::Environment(_) => Some("an environment"),
        Value::Infrastructure(_) => Some("an infrastructure"),
        _ => None,
    }
}

fn late_type(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Service(_) => Some("an input of services"),
        Type::Environment => Some("an input of environments"),
        Type::Infrastructure(_) => Some("an input of infrastructures"),
        Type::List(of) | Type::Map(of) | Type::Optional(of) => late_type(of),
        Type::Record(fields) => fields.values().find_map(late_type),
        _ => None,
    }
}
