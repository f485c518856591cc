//! The completed work of a failed run, for a run that retries it: deployments, steps, commands and
//! calls that succeeded and were not rolled back. They count as done and are not run again.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::broken::Checked;
use super::node::{Node, NodeId, Role, Signal};
use super::notice::{Deployment, Status};
use super::statement::traits;
use super::{Leaver, Machine};
use lockstep_base::source::Name;
use lockstep_base::value::Value;

/// What has been done, by the names of nodes.
pub type Kept = IndexMap<Name, Done>;

/// How something ended that has been done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Its result.
    pub value: Value,
    /// For a deployment, its line of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Deployment>,
}

impl Machine {
    /// The same machine for a run in which this has been done already.
    #[must_use]
    pub fn keeping(mut self, kept: Kept) -> Self {
        self.kept = kept;
        self
    }

    /// The same machine, which records what is done: for [`Machine::done`].
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.notes = true;
        self
    }

    /// What the run has done, once it has ended, if that was recorded.
    pub fn done(&self) -> Kept {
        self.done.iter().cloned().collect()
    }

    /// Ends a node at once that has been done in the run before. Whether it has.
    pub(super) fn is_kept(&mut self, id: NodeId) -> Checked<bool> {
        if self.kept.is_empty() || self.look(id)?.around.undoing || !self.is_unit(id)? {
            return Ok(false);
        }
        let Some(done) = self.kept.get(&self.name_of(id)?).cloned() else {
            return Ok(false);
        };
        if done.line.is_some() {
            self.note_kept_deployment(id, &done)?;
        }
        let said = String::from("done by the run before");
        self.begin(id, Some(said))?;
        let is_deploy = self.look(id)?.deployment.is_some();
        let node = self.node(id)?;
        if is_deploy {
            node.signal = Signal::Return(done.value);
        } else {
            node.value = done.value;
        }
        self.leave(id)?;
        Ok(true)
    }

    /// Whether a node is a unit: done completely or not at all.
    fn is_unit(&self, id: NodeId) -> Checked<bool> {
        let node = self.look(id)?;
        Ok(node.is_statement() && traits(&self.plan.tree.get(node.tree).stmt.kind).is_unit)
    }

    /// What a node that ends has done.
    pub(super) fn done_by(&mut self, id: NodeId) -> Checked<Vec<(Name, Done)>> {
        if !self.notes {
            return Ok(Vec::new());
        }
        let done = std::mem::take(&mut self.node(id)?.done);
        let node = self.look(id)?;
        if !self.is_unit(id)? {
            return Ok(done);
        }
        if !matches!(node.life.status(), Status::Succeeded | Status::Ignored) {
            return Ok(Vec::new());
        }
        Ok(vec![(self.name_of(id)?, self.done_as(node))])
    }

    fn done_as(&self, node: &Node) -> Done {
        let is_step = traits(&self.plan.tree.get(node.tree).stmt.kind).takes_yields;
        let value = match &node.signal {
            Signal::Return(value) => value,
            _ if is_step => node.yielded.as_ref().unwrap_or(&node.value),
            _ => &node.value,
        };
        Done {
            value: value.clone(),
            line: node.deployment.as_ref().map(|it| it.line.clone()),
        }
    }

    /// A node adds the completed work of a node in it to its own. What handlers do is done again,
    /// and so is what is checked repeatedly.
    pub(super) fn take_done(&mut self, id: NodeId, leaver: &mut Leaver) -> Checked<()> {
        let done = std::mem::take(&mut leaver.done);
        match leaver.role {
            Role::Body | Role::Strand(_) | Role::Cell(_) => self.node(id)?.done.extend(done),
            Role::Root
            | Role::Look
            | Role::Handler
            | Role::Always
            | Role::Rollback
            | Role::UndoPart => {}
        }
        Ok(())
    }
}
