//! What a statement has done, as its handlers see it: the names that its body has bound at its top
//! level, and its own result. They are `none` until a try has bound them, and then those of the
//! last try that did.

use super::Machine;
use super::broken::Checked;
use super::failure_handler::ended_with_code;
use super::node::{BodyEnd, BodySignal, NodeId, NodeWork};
use super::statement::traits;
use super::undo_list::UndoRank;
use lockstep_base::value::Value;
use lockstep_lang::ir::Handlers;

impl Machine {
    /// Nothing has been bound yet.
    pub(super) fn forget_done_names(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        let node = self.node_mut(id)?;
        let Handlers { bound, result, .. } = &*plan.tree.get(node.tree).stmt.handlers;
        for slot in bound.iter().map(|name| &name.outside).chain(result) {
            node.locals = node.locals.bind(*slot, Value::None);
        }
        Ok(())
    }

    /// A try of a node's body has ended.
    pub(super) fn note_done_names(
        &mut self,
        id: NodeId,
        ended: &NodeWork,
        end: &BodyEnd,
    ) -> Checked<()> {
        let plan = self.plan.clone();
        let node = self.node_mut(id)?;
        let tree = node.tree;
        let Handlers { bound, result, .. } = &*plan.tree.get(tree).stmt.handlers;
        if !node.is_statement() || (bound.is_empty() && result.is_none()) {
            return Ok(());
        }
        let inside = ended.sequence().map(|work| &work.locals);
        for name in bound {
            if let Some(value) = inside.and_then(|inside| inside.get(name.inside)) {
                node.locals = node.locals.bind(name.outside, value.clone());
            }
        }
        let value = match end {
            BodyEnd::Good {
                value,
                yielded,
                signal,
            } => Some(match (signal, yielded) {
                (BodySignal::Return(value), _) => value,
                (BodySignal::None | BodySignal::Verdict(_), Some(yielded)) => yielded,
                (BodySignal::None | BodySignal::Verdict(_), None) => value,
            }),
            BodyEnd::Bad(_) => None,
        };
        let failed_with = self.result_of_failed(id)?;
        let value = match end.is_bad() {
            true => failed_with.as_ref(),
            false => value,
        };
        let node = self.node_mut(id)?;
        if let (Some(slot), Some(value)) = (result, value) {
            node.locals = node.locals.bind(*slot, value.clone());
        }
        let locals = node.locals.clone();
        node.undo.see(UndoRank::Own, tree, &locals);
        Ok(())
    }

    /// The result of a statement that has failed: a command that ended with a code has one.
    pub(super) fn result_of_failed(&self, id: NodeId) -> Checked<Option<Value>> {
        let node = self.node(id)?;
        let kind = &self.plan.tree.get(node.tree).stmt.kind;
        let has_one = node.is_statement()
            && traits(kind).has_value_after_failure
            && ended_with_code(&node.value);
        Ok(has_one.then(|| node.value.clone()))
    }
}
