//! What is supposed, in a foresight, of what only the run knows: the cells of a loop, and the
//! service and infrastructure of a deployment.

use super::{PlanWalk, ResolvedDeployment, TreeId};
use crate::locals::Locals;
use lockstep_base::value::{InfrastructureId, ServiceId, Type, Value};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{Axis, StmtKind};

impl PlanWalk<'_> {
    /// Whether what only the run knows is supposed.
    pub fn supposes(&self) -> bool {
        self.run.is_some_and(|run| run.supposes)
    }

    /// The cells of a loop whose list only the run knows: one for everything of its kind that the
    /// program has; of texts, numbers and the like one that stands for each of them.
    pub(super) fn supposed_values(&self, axis: &Axis) -> Vec<Value> {
        match &axis.of {
            Some(Type::Infrastructure(kind)) => {
                let of = kind.as_ref().map(|kind| kind.id);
                let found = self.infrastructures(of).map(Value::Infrastructure);
                found.collect()
            }
            Some(Type::Service(kind)) => {
                let of = kind.as_ref().map(|kind| kind.id);
                let found = self.services(of);
                found.map(|id| Value::Service { id, at: None }).collect()
            }
            Some(_) | None => vec![Value::Unknown],
        }
    }

    /// What a deployment of which only the run knows what or where to may turn out to be.
    pub fn possible_deployments(
        &self,
        id: TreeId,
        locals: &Locals,
    ) -> Result<Vec<ResolvedDeployment>, Halt> {
        let StmtKind::Deploy {
            service, target, ..
        } = &self.tree.get(id).stmt.kind
        else {
            return Ok(Vec::new());
        };
        let services = match self.eval(service, locals) {
            Ok(Value::Service { id, .. }) => vec![id],
            Ok(_) | Err(Halt::Unknown) => self.services(None).collect(),
            Err(fault) => return Err(fault),
        };
        let targets = match self.eval(target, locals) {
            Ok(Value::Infrastructure(id)) => vec![id],
            Ok(_) | Err(Halt::Unknown) => self.infrastructures(None).collect(),
            Err(fault) => return Err(fault),
        };
        let mut possible = Vec::new();
        for service in services {
            for target in &targets {
                // Those that do not fit together are none of them.
                let found = self.deployment_of(id, service, *target, locals);
                possible.extend(found.ok().filter(|it| !it.body.is_empty()));
            }
        }
        Ok(possible)
    }

    fn infrastructures(&self, kind: Option<u32>) -> impl Iterator<Item = InfrastructureId> {
        let all = self.bound.program.infrastructures.iter().enumerate();
        let fitting = all.filter(move |(_, it)| kind.is_none_or(|kind| it.kind == kind));
        fitting.map(|(at, _)| InfrastructureId(at as u32))
    }

    fn services(&self, kind: Option<u32>) -> impl Iterator<Item = ServiceId> {
        let all = self.bound.program.services.iter().enumerate();
        let fitting = all.filter(move |(_, it)| kind.is_none_or(|kind| it.kind == kind));
        fitting.map(|(at, _)| ServiceId(at as u32))
    }
}
