//! What `outcome` is in the handlers of a statement: its status, its failure, and the lines of the
//! ledger so far for the deployments in it.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;

use super::Machine;
use super::broken::Checked;
use super::failure_handler::failure_value;
use super::fingerprint::hash_shown;
use super::node::{BodySignal, NodeId};
use super::run_event::{DeploymentRecord, Failure, RunEventKind, Status};
use lockstep_base::node_path::{NodePath, is_inside_statement};
use lockstep_base::value::Value;
use lockstep_plan::{Locals, Plan, TreeId};

/// The deployments of a run as they are, kept only where a handler asks for them.
#[derive(Debug, Clone, Default)]
pub struct DeploymentLines {
    is_kept: bool,
    lines: BTreeMap<NodePath, DeploymentLine>,
}

#[derive(Debug, Clone)]
struct DeploymentLine {
    /// Which of the deployments was reported first, second and so on.
    number: usize,
    record: DeploymentRecord,
    status: Status,
}

impl DeploymentLines {
    /// The lines of a run that has not begun.
    pub fn of(plan: &Plan) -> Self {
        let asks = |id: TreeId| plan.tree.get(id).stmt.handlers.outcome.is_some();
        Self {
            is_kept: plan.tree.iter().any(|(id, _)| asks(id)),
            lines: BTreeMap::new(),
        }
    }

    /// Something has happened.
    pub fn note(&mut self, happened: &RunEventKind) {
        if !self.is_kept {
            return;
        }
        let (node, record, status) = match happened {
            RunEventKind::NodeStarted {
                node,
                deployment: Some(record),
                ..
            } => (node, record, Status::Running),
            RunEventKind::NodeFinished {
                node,
                deployment: Some(record),
                status,
                ..
            } => (node, record, *status),
            RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::RunFinished { .. } => return,
        };
        let number = self.lines.len();
        let line = self.lines.entry(node.clone());
        let line = line.or_insert_with(|| DeploymentLine {
            number,
            record: record.clone(),
            status,
        });
        line.status = status.on_line(line.status);
        if line.status == status {
            line.record = record.clone();
        }
    }

    /// What of it makes a difference to what comes.
    pub fn hash_into(&self, hasher: &mut DefaultHasher) {
        if self.is_kept {
            hash_shown(&self.lines, hasher);
        }
    }

    /// The lines of what is in a statement, in the order in which they were first reported. The end
    /// of a deployment is reported behind its handlers.
    fn inside(&self, end: &StatementEnd) -> Vec<Value> {
        let own = self.lines.get(&end.path).zip(end.deployment.as_ref());
        let own = own.map(|(line, record)| DeploymentLine {
            number: line.number,
            record: record.clone(),
            status: end.status,
        });
        let own = own.as_ref().map(|line| (&end.path, line));
        let inside = self.lines.range(end.path.clone()..);
        let inside = inside.take_while(|(node, _)| node.starts_with(&*end.path));
        let inside = inside.filter(|(node, _)| is_inside_statement(node, &end.path));
        let mut found: Vec<_> = own.into_iter().chain(inside).collect();
        found.sort_by_key(|(_, line)| line.number);
        found
            .into_iter()
            .map(|(node, line)| line.value(node))
            .collect()
    }
}

impl DeploymentLine {
    fn value(&self, node: &NodePath) -> Value {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::string);
        Value::map([
            ("node", Value::String(node.to_name())),
            ("service", Value::string(&*self.record.service)),
            ("infrastructure", Value::string(&*self.record.target)),
            ("status", Value::string(self.status.as_str())),
            ("before", text(&self.record.before)),
            ("after", text(&self.record.after)),
        ])
    }
}

/// How a statement stands when one of its handlers begins.
#[derive(Debug, Clone)]
pub struct StatementEnd {
    status: Status,
    failure: Option<Failure>,
    path: NodePath,
    /// Its line of the ledger, if it is a deployment.
    deployment: Option<DeploymentRecord>,
}

impl Machine {
    /// How a statement stands whose body has ended, where one of its handlers asks.
    pub(super) fn statement_end(&self, id: NodeId) -> Checked<Option<StatementEnd>> {
        let node = self.node(id)?;
        if self
            .plan
            .tree
            .get(node.tree)
            .stmt
            .handlers
            .outcome
            .is_none()
        {
            return Ok(None);
        }
        let failure = node.pending_failure.as_ref().map(|it| it.failure.clone());
        Ok(Some(StatementEnd {
            status: self.final_status(id, failure.as_ref(), false)?,
            failure,
            path: self.name_of(id)?,
            deployment: node.deployment.as_ref().map(|it| {
                let mut record = it.record.clone();
                if let BodySignal::Return(value) = &node.signal {
                    record.note(value);
                }
                record
            }),
        }))
    }

    /// What a handler sees: `outcome`, too, where it asks for that.
    pub(super) fn with_outcome(
        &self,
        tree: TreeId,
        end: Option<&StatementEnd>,
        locals: Locals,
    ) -> Locals {
        let slot = self.plan.tree.get(tree).stmt.handlers.outcome;
        let (Some(slot), Some(end)) = (slot, end) else {
            return locals;
        };
        let failure = end.failure.as_ref().map_or(Value::None, failure_value);
        let outcome = Value::map([
            ("status", Value::string(end.status.as_str())),
            ("failure", failure),
            ("deployments", Value::list(self.lines.inside(end))),
        ]);
        locals.bind(slot, outcome)
    }
}
