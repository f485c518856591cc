//! Undo of steps that are executed again because a block around them is retried. Where the `undo`
//! of a step would see the same values as before, it runs once (idempotent): a second `helm
//! rollback` would go back one version too far. Where it sees other values (the id of what this
//! attempt created), there is more to undo, and it runs again.

use std::collections::HashMap;

use super::undo_list::{UndoList, UndoStep};
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_lang::eval::{ExprKind, Slot};
use lockstep_lang::ir::visit;
use lockstep_plan::{Locals, Plan, TreeId};

/// What the `undo` of a step saw: the values it names, and the connection of its commands.
type UndoReads = (Vec<Option<Value>>, Option<Value>);

/// Which steps have been undone since they last started.
#[derive(Debug, Clone, Default)]
pub struct CompletedUndos(HashMap<NodePath, Vec<UndoReads>>);

impl CompletedUndos {
    /// A step starts: there is something to undo again.
    pub fn record_start(&mut self, path: &NodePath) {
        if !self.0.is_empty() {
            self.0.remove(path);
        }
    }

    /// A step is being undone.
    pub fn record_undo(&mut self, plan: &Plan, step: &UndoStep) {
        let saw = (
            values(&reads_of(plan, step.tree), &step.locals),
            step.on.clone(),
        );
        self.0.entry(step.path.clone()).or_default().push(saw);
    }

    /// What is still to be undone, without repeats.
    pub fn remaining(&self, plan: &Plan, list: UndoList) -> UndoList {
        let mut sieve = UndoFilter {
            plan,
            undone: self,
            reads: HashMap::new(),
            seen: HashMap::new(),
        };
        list.filtered(&mut |step| sieve.keeps(step))
    }
}

struct UndoFilter<'p> {
    plan: &'p Plan,
    undone: &'p CompletedUndos,
    /// The names that the `undo` of a step reads.
    reads: HashMap<TreeId, Vec<Slot>>,
    /// What each step saw.
    seen: HashMap<NodePath, Vec<UndoReads>>,
}

impl UndoFilter<'_> {
    fn keeps(&mut self, step: &UndoStep) -> bool {
        let reads = self.reads.entry(step.tree);
        let reads = reads.or_insert_with(|| reads_of(self.plan, step.tree));
        let saw = (values(reads, &step.locals), step.on.clone());
        let before = self.undone.0.get(&step.path);
        let seen = self.seen.entry(step.path.clone()).or_default();
        if seen.contains(&saw) || before.is_some_and(|before| before.contains(&saw)) {
            return false;
        }
        seen.push(saw);
        true
    }
}

/// The names that the `undo` of a step reads.
fn reads_of(plan: &Plan, tree: TreeId) -> Vec<Slot> {
    let mut slots = Vec::new();
    if let Some(undo) = &plan.tree.get(tree).stmt.handlers.undo {
        visit::block(undo, &mut |expr| {
            visit::each_part(expr, &mut |part| {
                if let ExprKind::Local(slot) = part.kind {
                    slots.push(slot);
                }
            });
        });
    }
    slots
}

fn values(reads: &[Slot], locals: &Locals) -> Vec<Option<Value>> {
    reads
        .iter()
        .map(|slot| locals.get(*slot).cloned())
        .collect()
}
