//! The completed work of a failed run, for a run that retries it: deployments, steps, commands and
//! calls that succeeded and were not rolled back. They count as done and are not run again.
//! A retry is idempotent for what is found here.
//!
//! What was done in a cell is found by the cell's value: a list may have another order or length
//! the next time, so neither its place nor the name that `by` gives it says that it is the same.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::broken::{Checked, failure_apart};
use super::node::{ActiveNode, BodyEnd, BodySignal, NodeId, NodeRole};
use super::run_event::{DeploymentRecord, Status};
use super::statement::traits;
use super::{EndedNode, Machine};
use lockstep_base::node_path::{NodePath, PathPart};
use lockstep_base::value::Value;
use lockstep_lang::ir::Axis;
use lockstep_plan::grid::Cell;
use lockstep_plan::{CellNumbers, MatrixAxes};

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
        let Some(done) = self.completed_work.get(&self.kept_name(id)?).cloned() else {
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
        let outcome = self.completed_outcome(node);
        // A secret that was made is made again: only what is in it counts as done.
        if outcome.value.has_made_secret() {
            return Ok(done);
        }
        Ok(vec![(self.kept_name(id)?, outcome)])
    }

    /// What a retry knows a node by.
    fn kept_name(&self, id: NodeId) -> Checked<NodePath> {
        let name = self.name_of(id)?;
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id)?;
            if let Some(kept) = &node.kept_path
                && let Some(rest) = name.strip_prefix(node.path.as_str())
            {
                return Ok(NodePath::from(format!("{kept}{rest}")));
            }
            at = node.parent;
        }
        Ok(name)
    }

    /// The path that a cell of a loop has for a retry, where it is called by something else than
    /// its values. `numbers` are those of the loop's cells, which are counted once.
    pub(super) fn kept_path_of_cell(
        &self,
        id: NodeId,
        cell: &Cell,
        numbers: &mut Option<CellNumbers>,
    ) -> Checked<Option<NodePath>> {
        if !self.records_work && self.completed_work.is_empty() {
            return Ok(None);
        }
        let node = self.node(id)?;
        let spot = self.plan.tree.get(node.tree);
        let Some(matrix) = spot.stmt.kind.matrix() else {
            return Ok(None);
        };
        let by_value = |axis: &Axis| axis.by.is_none() && axis.same.is_none();
        if matrix.axes.iter().all(by_value) {
            return Ok(None);
        }
        let walk = Self::walk(&self.plan, &self.run);
        let numbers =
            numbers.get_or_insert_with(|| MatrixAxes { walk, matrix }.kept_numbers(&node.locals));
        let values = matrix.axes.iter().zip(&cell.values);
        let values = values.map(|(axis, it)| walk.kept_on_axis(axis, it, &cell.locals).into());
        let word = spot.label.as_deref().unwrap_or_default();
        let number = numbers.get(&cell.position).copied().unwrap_or(1);
        let part = PathPart::cell(word, spot.number, values.collect(), number);
        Ok(Some(self.kept_name(id)?.child(&part)))
    }

    fn completed_outcome(&self, node: &ActiveNode) -> CompletedOutcome {
        let is_step = traits(&self.plan.tree.get(node.tree).stmt.kind).takes_yields;
        let value = match &node.signal {
            BodySignal::Return(value) => value,
            _ if is_step && node.ignored.is_none() => node.yielded.as_ref().unwrap_or(&node.value),
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
            | NodeRole::Watch
            | NodeRole::Between
            | NodeRole::Rollback
            | NodeRole::UndoPart => {}
        }
        Ok(())
    }
}
