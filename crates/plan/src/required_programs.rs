//! The programs that a plan requires, and where: those of its pipeline, of the workflows that it
//! calls, and of the kinds of what it deploys. A place that only the run knows is not among them.

use indexmap::IndexMap;

use crate::{Locals, Plan, TreeId, body};
use lockstep_base::source::Span;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::ir::{Requirement, WorkflowId};

/// A program, and the places where it must be: an infrastructure, or the machine of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct RequiredProgram<'a> {
    /// What is required.
    pub requirement: &'a Requirement,
    /// Where; nothing is the machine of the run.
    pub places: Vec<Option<InfrastructureId>>,
}

impl Plan {
    /// The programs that it requires, in source order.
    pub fn required_programs(&self) -> Vec<RequiredProgram<'_>> {
        let mut found = FoundPrograms::default();
        found.add(&self.bound.pipeline().requires, None);
        let program = &self.bound.program;
        let tree = &self.tree;
        let whole = body(tree.get(tree.root()));
        let sum = self.walk().summary(whole, &Locals::default());
        let sum = sum.unwrap_or_default();
        for (id, node) in tree.iter() {
            if let Some(workflow) = node.stmt.kind.named_workflow() {
                self.add_workflow(workflow, self.place_of(id), &mut found);
            }
        }
        for (service, target) in &sum.places {
            let Some(service) = program.services.get(service.0 as usize) else {
                continue;
            };
            let kind = program.kinds.get(service.kind as usize);
            let usual = kind.and_then(|kind| kind.deploy.as_ref());
            if let Some(using) = service.using.as_ref().or(usual) {
                self.add_workflow(using.workflow, Some(Some(*target)), &mut found);
            }
        }
        for target in sum.targets.keys() {
            let place = program.infrastructures.get(target.0 as usize);
            let kind = place.and_then(|place| program.kinds.get(place.kind as usize));
            if let Some(kind) = kind {
                found.add(&kind.requires, Some(*target));
            }
        }
        found.in_order()
    }

    fn add_workflow<'a>(
        &'a self,
        workflow: WorkflowId,
        place: Option<Option<InfrastructureId>>,
        found: &mut FoundPrograms<'a>,
    ) {
        let workflows = &self.bound.program.workflows;
        if let (Some(workflow), Some(place)) = (workflows.get(workflow.0 as usize), place) {
            found.add(&workflow.requires, place);
        }
    }

    /// Where the commands run of the workflow that a node names: nothing where only the run knows
    /// it.
    fn place_of(&self, id: TreeId) -> Option<Option<InfrastructureId>> {
        let own = self.tree.get(id);
        let mut at = if own.stmt.kind.deploys() {
            Some(id)
        } else {
            own.parent
        };
        while let Some(around) = at {
            let node = self.tree.get(around);
            if let Some(target) = node.stmt.kind.place() {
                return match self.walk().eval(target, &Locals::default()) {
                    Ok(Value::Infrastructure(id)) => Some(Some(id)),
                    _ => None,
                };
            }
            at = node.parent;
        }
        Some(None)
    }
}

#[derive(Default)]
struct FoundPrograms<'a>(IndexMap<Span, RequiredProgram<'a>>);

impl<'a> FoundPrograms<'a> {
    fn add(&mut self, requirements: &'a [Requirement], place: Option<InfrastructureId>) {
        for requirement in requirements {
            let found = self.0.entry(requirement.span);
            let found = found.or_insert_with(|| RequiredProgram {
                requirement,
                places: Vec::new(),
            });
            if !found.places.contains(&place) {
                found.places.push(place);
            }
        }
    }

    fn in_order(self) -> Vec<RequiredProgram<'a>> {
        let mut all: Vec<RequiredProgram<'a>> = self.0.into_values().collect();
        all.sort_by_key(|it| it.requirement.span);
        all
    }
}
