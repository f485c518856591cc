//! A deployment with everything that the walk knows of it: what, where to, and what its workflow
//! sees.

use super::{PlanWalk, ResolvedDeployment, TreeId};
use crate::locals::Locals;
use lockstep_base::value::{InfrastructureId, ServiceId, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::StmtKind;

impl PlanWalk<'_> {
    /// The service, target and workflow of a deployment, and what its body sees.
    pub fn deployment(&self, id: TreeId, locals: &Locals) -> Result<ResolvedDeployment, Halt> {
        let StmtKind::Deploy {
            service, target, ..
        } = &self.tree.get(id).stmt.kind
        else {
            return Err(Halt::Unknown);
        };
        let (Value::Service { id: service, .. }, Value::Infrastructure(target)) =
            (self.eval(service, locals)?, self.eval(target, locals)?)
        else {
            return Err(Halt::Unknown);
        };
        self.deployment_of(id, service, target, locals)
    }

    /// The same, where service and target are known.
    pub(super) fn deployment_of(
        &self,
        id: TreeId,
        service: ServiceId,
        target: InfrastructureId,
        locals: &Locals,
    ) -> Result<ResolvedDeployment, Halt> {
        let node = self.tree.get(id);
        let StmtKind::Deploy { using, .. } = &node.stmt.kind else {
            return Err(Halt::Unknown);
        };
        let program = &self.bound.program;
        let declared = program.services.get(service.0 as usize);
        let kind = declared.and_then(|it| program.kinds.get(it.kind as usize));
        let own = declared.and_then(|it| it.using.as_ref());
        // Only the statement's own arguments see the locals around it.
        let (using, around) = match using {
            Some(using) => (Some(using), locals.clone()),
            None => (own.or_else(|| kind?.deploy.as_ref()), Locals::default()),
        };
        let using = using.ok_or(Halt::Unknown)?;
        let workflow = self.workflow(using);
        self.check_kinds(node, service, target, workflow)?;
        let mut inside = Locals::default();
        if let Some(workflow) = workflow {
            let first = [
                Value::Service {
                    id: service,
                    at: Some(target),
                },
                Value::Infrastructure(target),
            ];
            for (param, value) in workflow.params.iter().zip(first) {
                inside = inside.bind(param.slot, value);
            }
        }
        let inside = self.arguments(using, workflow, &around, inside, 2)?;
        let bodies = &node.workflows;
        let body = bodies
            .iter()
            .find(|(id, _)| *id == using.workflow)
            .map(|(_, body)| body);
        let body = body.cloned().unwrap_or_default();
        Ok(ResolvedDeployment {
            service,
            target,
            body,
            locals: inside,
        })
    }
}
