//! The secrets that a plan can reach: those of what it deploys, of where it deploys to, and of what
//! its statements name. A place that is not deployed to needs no token.

use std::collections::HashSet;

use super::{EvalScope, FieldValues, Locals, Plan, PlanNode, PlanSequence};
use lockstep_base::value::{EnvironmentId, InfrastructureId, SecretPart, ServiceId, Value};
use lockstep_lang::eval::{Expr, visit};
use lockstep_lang::ir::{StmtKind, WorkflowId, visit::own};

impl Plan {
    /// The secrets that a run of it may use, by their places in the program's table.
    pub fn secrets(&self) -> HashSet<u32> {
        let locals = Locals::default();
        let mut reach = SecretReach {
            plan: self,
            scope: EvalScope {
                program: &self.bound.program,
                facts: &self.bound.facts,
                locals: &locals,
                run: None,
            },
            secrets: HashSet::new(),
            services: HashSet::new(),
            places: HashSet::new(),
            environments: HashSet::new(),
            deployments: Vec::new(),
            entered: HashSet::new(),
        };
        reach.node(self.tree.get(self.tree.root()));
        while reach.enter_workflows() {}
        // What a service has only at one place counts where both are reached.
        let overrides: Vec<&FieldValues> = (reach.places.iter())
            .filter_map(|place| self.bound.facts.overrides.get(place.0 as usize))
            .flat_map(|all| all.iter().filter(|(id, _)| reach.services.contains(*id)))
            .map(|(_, fields)| fields)
            .collect();
        for fields in overrides {
            fields.values().for_each(|value| reach.value(value));
        }
        // What is missing by right is not read.
        let missing = |at: &u32| self.bound.facts.optional_secrets.get(at) == Some(&false);
        reach.secrets.retain(|at| !missing(at));
        reach.secrets
    }
}

struct SecretReach<'p> {
    plan: &'p Plan,
    scope: EvalScope<'p>,
    secrets: HashSet<u32>,
    services: HashSet<ServiceId>,
    places: HashSet<InfrastructureId>,
    environments: HashSet<EnvironmentId>,
    /// The deployments: which workflows they use depends on the services that are reached.
    deployments: Vec<&'p PlanNode>,
    /// The bodies of workflows that have been gone through.
    entered: HashSet<*const PlanSequence>,
}

impl<'p> SecretReach<'p> {
    fn sequence(&mut self, sequence: &'p PlanSequence) {
        for id in sequence.iter() {
            self.node(self.plan.tree.get(*id));
        }
    }

    fn node(&mut self, node: &'p PlanNode) {
        let mut exprs: Vec<&'p Expr> = Vec::new();
        own(&node.stmt, &mut |expr| exprs.push(expr));
        exprs.into_iter().for_each(|expr| self.expr(expr));
        if let StmtKind::Call(used) = &node.stmt.kind {
            self.parameters(used.workflow);
        } else if let StmtKind::Deploy { .. } = &node.stmt.kind {
            self.deployments.push(node);
        }
        let handlers = node.undo.iter().chain(&node.on_failure).chain(&node.always);
        for sequence in node.bodies.iter().chain(handlers) {
            self.sequence(sequence);
        }
    }

    /// The defaults of a workflow's parameters.
    fn parameters(&mut self, workflow: WorkflowId) {
        let workflows = &self.plan.bound.program.workflows;
        let workflow = workflows.get(workflow.0 as usize);
        for param in workflow.into_iter().flat_map(|it| &it.params) {
            param.default.iter().for_each(|default| self.expr(default));
        }
    }

    /// Goes through the workflows that deploy the services that are reached. Whether there were
    /// new ones: what is in them may name further services.
    fn enter_workflows(&mut self) -> bool {
        let mut found: Vec<(WorkflowId, &'p PlanSequence)> = Vec::new();
        for node in &self.deployments {
            let StmtKind::Deploy { using, .. } = &node.stmt.kind else {
                continue;
            };
            let of_services: HashSet<WorkflowId> = match using {
                Some(using) => HashSet::from([using.workflow]),
                None => self
                    .services
                    .iter()
                    .filter_map(|id| self.workflow_of(*id))
                    .collect(),
            };
            for (id, body) in &node.workflows {
                if of_services.contains(id) && self.entered.insert(std::ptr::from_ref(body)) {
                    found.push((*id, body));
                }
            }
        }
        for (id, body) in &found {
            self.parameters(*id);
            self.sequence(body);
        }
        !found.is_empty()
    }

    fn workflow_of(&self, service: ServiceId) -> Option<WorkflowId> {
        let program = &self.plan.bound.program;
        let service = program.services.get(service.0 as usize)?;
        let kind = program.kinds.get(service.kind as usize)?;
        let used = service.using.as_ref().or(kind.deploy.as_ref())?;
        Some(used.workflow)
    }

    /// What an expression stands for; where that is not known, what its parts do.
    fn expr(&mut self, expr: &Expr) {
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            match self.scope.eval(expr) {
                Ok(value) => self.value(&value),
                Err(_) => visit::children(expr, &mut |part| open.push(part)),
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Secret(parts) => {
                for part in parts.iter() {
                    if let SecretPart::Secret(at) = part {
                        self.secrets.insert(*at);
                    }
                }
            }
            Value::Service { id, .. } => self.service(*id),
            Value::Infrastructure(id) => self.place(*id),
            Value::Environment(id) => {
                self.environment(*id);
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Map(entries) => entries.values().for_each(|value| self.value(value)),
            _ => {}
        }
    }

    fn service(&mut self, id: ServiceId) {
        if !self.services.insert(id) {
            return;
        }
        let (program, facts) = (&self.plan.bound.program, &self.plan.bound.facts);
        let fields = facts.services.get(id.0 as usize).into_iter();
        for fields in fields.chain(facts.fixed.get(&id)) {
            fields.values().for_each(|value| self.value(value));
        }
        let Some(service) = program.services.get(id.0 as usize) else {
            return;
        };
        let kind = program.kinds.get(service.kind as usize);
        let used = service
            .using
            .as_ref()
            .or(kind.and_then(|it| it.deploy.as_ref()));
        for arg in used.into_iter().flat_map(|used| used.args.iter().flatten()) {
            self.expr(arg);
        }
    }

    fn place(&mut self, id: InfrastructureId) {
        if !self.places.insert(id) {
            return;
        }
        let (program, facts) = (&self.plan.bound.program, &self.plan.bound.facts);
        if let Some(fields) = facts.infrastructures.get(id.0 as usize) {
            fields.values().for_each(|value| self.value(value));
        }
        if let Some(place) = program.infrastructures.get(id.0 as usize) {
            self.environment(place.environment);
        }
    }

    /// An environment's own fields: its infrastructures are reached where they are named.
    fn environment(&mut self, id: EnvironmentId) {
        if self.environments.insert(id)
            && let Some(fields) = self.plan.bound.facts.environments.get(id.0 as usize)
        {
            fields.values().for_each(|value| self.value(value));
        }
    }
}
