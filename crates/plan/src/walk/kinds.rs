//! Whether a service may be deployed to an infrastructure, by their kinds.

use super::{PlanNode, PlanWalk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::{InfrastructureId, ServiceId, Type, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::Workflow;

impl PlanWalk<'_> {
    /// A service and an infrastructure of one kind, or of one that extends the other and a workflow
    /// that takes both: where the types could not say, this does.
    pub(super) fn check_kinds(
        &self,
        node: &PlanNode,
        service: ServiceId,
        target: InfrastructureId,
        workflow: Option<&Workflow>,
    ) -> Result<(), Halt> {
        let program = &self.bound.program;
        let of = program.services.get(service.0 as usize).map(|it| it.kind);
        let to = program
            .infrastructures
            .get(target.0 as usize)
            .map(|it| it.kind);
        if of == to {
            return Ok(());
        }
        let is_of = |is: Option<u32>, wanted: Option<u32>| {
            is.zip(wanted)
                .is_some_and(|(is, wanted)| program.is_of_kind(is, wanted))
        };
        let takes = |at: usize, is: Option<u32>| {
            let ty = workflow.and_then(|it| it.params.get(at)).map(|it| &it.ty);
            match ty {
                Some(Type::Service(Some(kind)) | Type::Infrastructure(Some(kind))) => {
                    is_of(is, Some(kind.id))
                }
                Some(_) | None => true,
            }
        };
        if (is_of(of, to) || is_of(to, of)) && takes(0, of) && takes(1, to) {
            return Ok(());
        }
        let kind = |id: Option<u32>| {
            id.and_then(|id| program.kinds.get(id as usize))
                .map_or("?", |kind| &*kind.name)
        };
        let service = self.display(&Value::Service {
            id: service,
            at: None,
        });
        let target = self.display(&Value::Infrastructure(target));
        let message = format!(
            "`{service}` is of kind `{}`, but `{target}` is of kind `{}`",
            kind(of),
            kind(to),
        );
        let diagnostic = Diagnostic::error(codes::KINDS, node.stmt.span, message)
            .here("deployed here")
            .help("a service can only be deployed to infrastructures of its own kind");
        Err(diagnostic.into())
    }
}
