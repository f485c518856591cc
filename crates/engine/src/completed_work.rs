//! The completed work of a failed run, for a run that retries it: deployments, steps, commands and
//! calls that succeeded and were not rolled back. They count as done and are not run again.
//! A retry is idempotent for what is found here.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::broken::{Checked, failure_apart};
use super::node::{ActiveNode, BodyEnd, BodySignal, NodeId, NodeRole};
use super::run_event::{DeploymentRecord, Status};
use super::statement::traits;
use super::{EndedNode, Machine};
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;

/// What has been done, by the names of nodes.
pub type CompletedWork = IndexMap<NodePath, CompletedOutcome>;

/// How something ended that has been done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletedOutcome {
    /// Its result.
    pub value: Value,
    /// For a deployment, its line of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<DeploymentRecord>,
}

impl Machine {
    /// The same machine for a run in which this has been done already.
    #[must_use]
    pub fn with_completed_work(mut self, completed: CompletedWork) -> Self {
        self.completed_work = completed;
        self
    }

    /// The same machine, which records what is done: for [`Machine::completed_work_of_run`].
    #[must_use]
    pub fn recording_work(mut self) -> Self {
        self.records_work = true;
        self
    }

    /// What the run has done, once it has ended, if that was recorded.
    pub fn completed_work_of_run(&self) -> CompletedWork {
        self.completed_work_of_run.iter().cloned().collect()
    }

    /// Ends a node at once that has been done in the run before. Whether it has.
    pub(super) fn reuse_completed(&mut self, id: NodeId) -> Checked<bool> {
        if self.completed_work.is_empty()
            || self.node(id)?.inherited.undoing
            || !self.is_atomic_unit(id)?
        {
            return Ok(false);
        }
        let Some(done) = self.completed_work.get(&self.name_of(id)?).cloned() else {
            return Ok(false);
        };
        if done.line.is_some() {
            self.note_kept_deployment(id, &done)?;
            if let Err(failure) = failure_apart(self.check_not_superseded(id))? {
                self.begin(id, None)?;
                self.body_ends(id, BodyEnd::bad(failure))?;
                return Ok(true);
            }
        }
        let said = String::from("done by the previous run");
        self.begin(id, Some(said))?;
        let is_deploy = self.node(id)?.deployment.is_some();
        let node = self.node_mut(id)?;
        if is_deploy {
            node.signal = BodySignal::Return(done.value);
        } else {
            node.value = done.value;
        }
        self.end_node(id)?;
        Ok(true)
    }

    /// Whether a node is a unit: done completely or not at all.
    fn is_atomic_unit(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        Ok(node.is_statement() && traits(&self.plan.tree.get(node.tree).stmt.kind).is_unit)
    }

    /// What a node that ends has done.
    pub(super) fn completed_by(
        &mut self,
        id: NodeId,
    ) -> Checked<Vec<(NodePath, CompletedOutcome)>> {
        if !self.records_work {
            return Ok(Vec::new());
        }
        let done = std::mem::take(&mut self.node_mut(id)?.completed);
        let node = self.node(id)?;
        if !self.is_atomic_unit(id)? {
            return Ok(done);
        }
        if !matches!(node.state.status(), Status::Succeeded | Status::Ignored) {
            return Ok(Vec::new());
        }
        Ok(vec![(self.name_of(id)?, self.completed_outcome(node))])
    }

    fn completed_outcome(&self, node: &ActiveNode) -> CompletedOutcome {
        let is_step = traits(&self.plan.tree.get(node.tree).stmt.kind).takes_yields;
        let value = match &node.signal {
            BodySignal::Return(value) => value,
            _ if is_step && !node.ignored => node.yielded.as_ref().unwrap_or(&node.value),
            _ => &node.value,
        };
        CompletedOutcome {
            value: value.clone(),
            line: node.deployment.as_ref().map(|it| it.record.clone()),
        }
    }

    /// A node adds the completed work of a node in it to its own. What handlers do is done again,
    /// and so is what is checked repeatedly.
    pub(super) fn collect_completed(&mut self, id: NodeId, leaver: &mut EndedNode) -> Checked<()> {
        let done = std::mem::take(&mut leaver.completed);
        match leaver.role {
            NodeRole::Body | NodeRole::Strand(_) | NodeRole::Cell(_) => {
                self.node_mut(id)?.completed.extend(done)
            }
            NodeRole::Root
            | NodeRole::Look
            | NodeRole::Handler
            | NodeRole::Always
            | NodeRole::Rollback
            | NodeRole::UndoPart => {}
        }
        Ok(())
    }
}
