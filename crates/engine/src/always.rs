//! `always`: it runs last, also after a failure. Where a handler has decided that a block further
//! out is rolled back, it waits for that.

use super::Machine;
use super::broken::Checked;
use super::node::{BodyEnd, DeferredAlways, NodeId, NodePhase, NodeRole, NodeWork, SequenceWork};
use lockstep_base::node_path::HandlerPart;

impl Machine {
    /// The node's `always` runs; then it ends. Those of the blocks in it that have waited for its
    /// rollback come first. Where a block further out is to be rolled back, it waits for that.
    pub(super) fn run_always(&mut self, id: NodeId) -> Checked<()> {
        if !self.node(id)?.is_statement() {
            return self.end_node(id);
        }
        if self.always_waits(id)? {
            self.defer_always(id)?;
            return self.end_node(id);
        }
        let trouble = &mut self.node_mut(id)?.pending_failure;
        let waited = trouble.as_mut().map(|it| std::mem::take(&mut it.deferred));
        self.node_mut(id)?.always_to_run = waited.unwrap_or_default();
        let plan = self.plan.clone();
        if plan.tree.get(self.node(id)?.tree).always.is_some() {
            let own = self.own_always(id)?;
            self.node_mut(id)?.always_to_run.push(own);
        }
        if self.node(id)?.always_to_run.is_empty() {
            return self.end_node(id);
        }
        self.ensure_started(id)?;
        self.go_to(id, NodePhase::Always)?;
        self.next_always(id)
    }

    /// Whether the `always` of a node has to wait for the rollback of a block around it.
    fn always_waits(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let decided = node.pending_failure.as_ref();
        let decided = decided.is_some_and(|it| it.rolls_back.is_some());
        Ok(decided && !self.aborted && !node.inherited.undoing && !node.role.is_root())
    }

    fn defer_always(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        if plan.tree.get(self.node(id)?.tree).always.is_none() {
            return Ok(());
        }
        let own = self.own_always(id)?;
        if let Some(trouble) = &mut self.node_mut(id)?.pending_failure {
            trouble.deferred.push(own);
        }
        Ok(())
    }

    fn own_always(&self, id: NodeId) -> Checked<DeferredAlways> {
        let node = self.node(id)?;
        Ok(DeferredAlways {
            tree: node.tree,
            locals: node.locals.clone(),
            path: self.name_of(id)?.handler(HandlerPart::Always),
            commands: self.around_handlers(id)?.commands,
            end: self.statement_end(id)?,
        })
    }

    /// The next `always` body runs, or the node ends.
    fn next_always(&mut self, id: NodeId) -> Checked<()> {
        let waiting = &mut self.node_mut(id)?.always_to_run;
        if waiting.is_empty() {
            return self.end_node(id);
        }
        let next = waiting.remove(0);
        let seq = self.plan.tree.get(next.tree).always.clone();
        let mut around = self.around_children(id)?;
        around.once = self.node(id)?.inherited.once;
        around.commands = next.commands;
        let locals = self.with_outcome(next.tree, next.end.as_ref(), next.locals);
        let path = (next.path, None);
        let side = self.spawn(
            next.tree,
            Some(id),
            NodeRole::Always,
            locals.clone(),
            around,
            path,
        )?;
        let seq = seq.unwrap_or_default();
        self.begin_work(side, NodeWork::Seq(SequenceWork::new(seq, locals)))
    }

    pub(super) fn always_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        match end {
            BodyEnd::Good {
                yielded: Some(yielded),
                ..
            } => self.node_mut(id)?.yielded = Some(yielded),
            BodyEnd::Bad(of_always) if self.node(id)?.pending_failure.is_some() => {
                self.add_secondary_failure(id, "its `always`", &of_always)?;
            }
            BodyEnd::Bad(of_always) => self.node_mut(id)?.pending_failure = Some(of_always),
            BodyEnd::Good { yielded: None, .. } => {}
        }
        self.next_always(id)
    }
}
