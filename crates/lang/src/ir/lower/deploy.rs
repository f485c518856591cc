//! Lowers deployments and the workflows that execute them.

use crate::eval::Expr;
use crate::ir::{StmtKind, WorkflowId, WorkflowUse};
use crate::resolve::DeclKind;
use crate::types::LocalScope;
use lockstep_base::source::Span;
use lockstep_base::value::{KindRef, Type, Value};
use lockstep_syntax::ast;

use super::body::BodyContext;
use super::calls::PlaceBar;
use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    /// `deploy S to I using W(…)`
    pub(super) fn deploy(
        &mut self,
        body: &mut BodyContext,
        stmt: &ast::Stmt,
        (service, target, using): (&ast::Expr, &ast::Expr, Option<&ast::Use>),
    ) -> StmtKind {
        let (service, of) = self.thing(body, service, &Type::Service(None), "what is deployed");
        let want = Type::Infrastructure(None);
        let (target, to) = self.thing(body, target, &want, "where it is deployed to");
        let (of, to) = narrowed(of, to);
        body.deploys(&of, &to);
        if let (Type::Service(Some(of_kind)), Type::Infrastructure(Some(to_kind))) = (&of, &to)
            && !of_kind.is(to_kind)
            && !to_kind.is(of_kind)
        {
            let error = errors::kinds_differ((service.span, &of), (target.span, &to));
            self.check.report(error);
            // Which workflow would fit cannot be determined any more.
            if let Some(using) = using {
                self.deploy_use(&mut body.locals, using, &Type::Any, &Type::Any);
            }
        } else if let Some(using) = using {
            let using = self.deploy_use(&mut body.locals, using, &of, &to);
            self.calls.deployment(body.workflow, stmt.head);
            return StmtKind::Deploy {
                service,
                target,
                using,
            };
        } else {
            self.must_have_workflow(&service, &of);
            self.must_take(&service, (&of, &to), target.span);
        }
        self.calls.deployment(body.workflow, stmt.head);
        StmtKind::Deploy {
            service,
            target,
            using: None,
        }
    }

    /// A service or an infrastructure, with its own type.
    fn thing(
        &mut self,
        body: &mut BodyContext,
        expr: &ast::Expr,
        want: &Type,
        what: &str,
    ) -> (Expr, Type) {
        let typed = self.check.expr(&mut body.locals, expr, Some(want));
        let ty = if want.accepts(&typed.ty) {
            typed.ty.clone()
        } else {
            Type::Any
        };
        (self.check.fit(typed, want, what, None), ty)
    }

    /// A deployment without `using` needs a workflow of the service or of its kind. Of a service
    /// that is only known while planning, some of the kind must have one.
    fn must_have_workflow(&mut self, service: &Expr, of: &Type) {
        let Type::Service(Some(kind)) = of else {
            return;
        };
        let tables = &self.check.tables;
        let decl = tables.kinds[kind.id as usize].decl;
        let mut bases = kind.bases.iter();
        let inherits = |base: &KindRef| tables.kinds[base.id as usize].decl.deploy.is_some();
        if decl.deploy.is_some() || bases.any(inherits) {
            return;
        }
        let has = match service.as_const() {
            Some(Value::Service { id, .. }) => tables.services[id.0 as usize].using.is_some(),
            _ => tables
                .services
                .iter()
                .chain(&tables.service_templates)
                .any(|service| service.kind == Some(kind.id) && service.using.is_some()),
        };
        if !has {
            let error = errors::no_workflow(service.span, &decl.name);
            self.check.report(error);
        }
    }

    /// An infrastructure of a kind that the service's kind extends is one that only the workflow
    /// of the extended kind can deploy to.
    fn must_take(&mut self, service: &Expr, (of, to): (&Type, &Type), at: Span) {
        let (Type::Service(Some(kind)), Type::Infrastructure(Some(place))) = (of, to) else {
            return;
        };
        if place.is(kind) {
            return;
        }
        let tables = &self.check.tables;
        let own = match service.as_const() {
            Some(Value::Service { id, .. }) => {
                let service = &tables.services[id.0 as usize];
                service.using.map(|using| (service.file, using))
            }
            _ => None,
        };
        let kinds = [kind].into_iter().chain(kind.bases.iter());
        let used = own.or_else(|| {
            kinds.into_iter().find_map(|kind| {
                let kind = &tables.kinds[kind.id as usize];
                kind.decl.deploy.as_ref().map(|using| (kind.file, using))
            })
        });
        let Some((file, using)) = used else {
            return;
        };
        let Ok(id) = self
            .check
            .modules
            .path(file, &using.path, DeclKind::Workflow)
        else {
            return;
        };
        let signature = &self.check.tables.workflows[id as usize];
        let takes = signature.params.get(1);
        if takes.is_some_and(|(ty, _)| !ty.accepts(to)) {
            let (name, params) = (signature.name, signature.parameters());
            let error = errors::cannot_deploy(at, name, 1, params.get(1), to);
            self.check.report(error);
        }
    }

    /// A workflow after `using`: its first parameters take the service and the infrastructure.
    pub(super) fn deploy_use(
        &mut self,
        locals: &mut LocalScope,
        using: &ast::Use,
        of: &Type,
        to: &Type,
    ) -> Option<WorkflowUse> {
        let path = &using.path;
        let id = match self
            .check
            .modules
            .path(locals.file, path, DeclKind::Workflow)
        {
            Ok(id) => id,
            Err(error) => {
                self.check.report_opt(error);
                self.check.arguments_alone(locals, &using.args);
                return None;
            }
        };
        let span = path.span();
        let signature = &self.check.tables.workflows[id as usize];
        let name = signature.name;
        let mut params = signature.parameters();
        for (place, have) in [of, to].into_iter().enumerate() {
            let fits = params.get(place).is_some_and(|param| {
                let thing = match place {
                    0 => matches!(param.ty, Type::Service(_) | Type::Any),
                    _ => matches!(param.ty, Type::Infrastructure(_) | Type::Any),
                };
                // What may be of any kind here is checked when the plan determines it.
                let any = matches!(have, Type::Service(None) | Type::Infrastructure(None));
                thing && (any || param.ty.accepts(have))
            });
            if !fits {
                let param = params.get(place);
                let error = errors::cannot_deploy(span, name, place, param, have);
                self.check.report(error);
                self.check.arguments_alone(locals, &using.args);
                return None;
            }
        }
        let further = params.split_off(2);
        let what = format!("`{}`", name.name);
        let bound = self
            .check
            .arguments(locals, &what, &further, &using.args, using.span);
        self.calls.used(id, span);
        let bar = PlaceBar::deployment(span);
        self.calls.barred(id, span, bar);
        let args = [None, None].into_iter().chain(bound.exprs()).collect();
        Some(WorkflowUse {
            called: None,
            workflow: WorkflowId(id),
            args,
            span,
        })
    }
}

/// A service goes to infrastructures of its own kind, so the kind of one is that of the other;
/// where only one is known, planning makes sure of it.
fn narrowed(of: Type, to: Type) -> (Type, Type) {
    match (of, to) {
        (Type::Service(Some(kind)), Type::Infrastructure(None)) => (
            Type::Service(Some(kind.clone())),
            Type::Infrastructure(Some(kind)),
        ),
        (Type::Service(None), Type::Infrastructure(Some(kind))) => (
            Type::Service(Some(kind.clone())),
            Type::Infrastructure(Some(kind)),
        ),
        both => both,
    }
}
