//! The programs that must be there before a command of a deployment starts (`requires` of a kind or
//! workflow). What the plan knows has been looked at before the run; this is for a place that only
//! the run knows, or that could not be reached then. Whoever starts commands remembers what is
//! fine.
//!
//! Invariant: what handles a failure, rolls back or watches needs none: it must not be held up.

use super::Machine;
use super::event::ProgramDemand;
use super::node::{ActiveNode, NodeId};
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::Scope as _;
use lockstep_lang::ir::{Requirement, StmtKind};
use lockstep_plan::Locals;

impl Machine {
    /// Those that a command needs by what it is in.
    pub(super) fn programs_for(&self, command: NodeId) -> Vec<ProgramDemand> {
        let program = &self.plan.bound.program;
        let of_kinds = program.kinds.iter().any(|it| !it.requires.is_empty());
        let of_workflows = program.workflows.iter().any(|it| !it.requires.is_empty());
        let mut found = Vec::new();
        if !of_kinds && !of_workflows {
            return found;
        }
        // The workflows that are called inside of the nearest place.
        let mut called: Vec<&Requirement> = Vec::new();
        let mut at = Some(command);
        while let Some(id) = at {
            let Ok(node) = self.node(id) else {
                return Vec::new();
            };
            if node.role.is_apart() || node.inherited.undoing {
                return Vec::new();
            }
            let kind = &self.plan.tree.get(node.tree).stmt.kind;
            if !node.is_statement() {
                at = node.parent;
                continue;
            }
            if let StmtKind::Call(used) = kind
                && let Some(workflow) = program.workflows.get(used.workflow.0 as usize)
            {
                called.extend(&workflow.requires);
            }
            if kind.deploys() {
                called.extend(self.deployment_requires(node));
            }
            if let Some(place) = kind.place() {
                let walk = Self::walk(&self.plan, &self.run);
                if let Ok(Value::Infrastructure(place)) = walk.eval(place, &node.locals) {
                    self.demand(called.drain(..), place, &mut found);
                }
                called.clear();
            }
            if let Some(deployment) = &node.deployment {
                let place = program.infrastructures.get(deployment.target.0 as usize);
                let kind = place.and_then(|place| program.kinds.get(place.kind as usize));
                let of_kind = kind.into_iter().flat_map(|kind| &kind.requires);
                self.demand(of_kind, deployment.target, &mut found);
                return found;
            }
            at = node.parent;
        }
        found
    }

    /// What the workflow of a deployment requires.
    fn deployment_requires(&self, node: &ActiveNode) -> &[Requirement] {
        let walk = Self::walk(&self.plan, &self.run);
        let bodies = &self.plan.tree.get(node.tree).workflows;
        let Ok(found) = walk.deployment(node.tree, &node.locals) else {
            return &[];
        };
        let used = bodies.iter().find(|(_, body)| *body == found.body);
        let workflows = &self.plan.bound.program.workflows;
        let used = used.and_then(|(id, _)| workflows.get(id.0 as usize));
        used.map_or(&[], |used| &used.requires)
    }

    fn demand<'r>(
        &self,
        requirements: impl Iterator<Item = &'r Requirement>,
        place: InfrastructureId,
        found: &mut Vec<ProgramDemand>,
    ) {
        let walk = Self::walk(&self.plan, &self.run);
        let locals = Locals::default();
        let value = Value::Infrastructure(place);
        for requirement in requirements {
            let connect = (walk.eval_scope(&locals))
                .field(&value, &Name::from("connect"), requirement.span)
                .ok();
            found.push(ProgramDemand {
                requirement: requirement.clone(),
                place,
                name: walk.display(&value).into(),
                connect,
            });
        }
    }
}
