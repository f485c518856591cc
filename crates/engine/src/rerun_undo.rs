//! Undo of steps that are executed again because a block around them is retried. Where the `undo`
//! of a step would see the same values as before, it runs once (idempotent): a second `helm
//! rollback` would go back one version too far. Where it sees other values (the id of what this
//! attempt created), there is more to undo, and it runs again.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::CommandContext;
use super::undo_list::{UndoList, UndoStep};
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_lang::eval::{ExprKind, Slot};
use lockstep_lang::ir::visit;
use lockstep_plan::{Locals, Plan, TreeId};

/// What the `undo` of a step saw: the values it names, and what its commands are given.
type UndoReads = (Vec<Option<Value>>, Arc<CommandContext>);

/// Which steps have been undone since they last started.
#[derive(Debug, Clone, Default)]
pub struct CompletedUndos {
    /// Those that have begun.
    begun: HashMap<NodePath, Vec<UndoReads>>,
    /// Those that failed: a rollback does not try them again, another run may.
    failed: HashMap<NodePath, Vec<UndoReads>>,
}

impl CompletedUndos {
    /// A step starts: there is something to undo again.
    pub fn record_start(&mut self, path: &NodePath) {
        if !self.begun.is_empty() {
            self.begun.remove(path);
            self.failed.remove(path);
        }
    }

    /// A step is being undone.
    pub fn record_undo(&mut self, plan: &Plan, step: &UndoStep) {
        let saw = (
            values(&reads_of(plan, step.tree), &step.locals),
            step.commands.clone(),
        );
        self.begun.entry(step.path.clone()).or_default().push(saw);
    }

    /// The `undo` of a step that began last has failed.
    pub fn record_failure(&mut self, path: &str) {
        let last = self.begun.get_key_value(path);
        if let Some((path, saw)) = last.and_then(|(path, all)| Some((path, all.last()?))) {
            let failed = self.failed.entry(path.clone()).or_default();
            failed.push(saw.clone());
        }
    }

    /// What another run has to undo: also what failed.
    pub fn left(&self, plan: &Plan, list: UndoList) -> UndoList {
        let mut sieve = UndoFilter {
            plan,
            undone: self,
            again: true,
            reads: HashMap::new(),
            seen: HashMap::new(),
        };
        list.filtered(&mut |step| sieve.keeps(step))
    }

    /// What is still to be undone, without repeats.
    pub fn remaining(&self, plan: &Plan, list: UndoList) -> UndoList {
        let mut sieve = UndoFilter {
            plan,
            undone: self,
            again: false,
            reads: HashMap::new(),
            seen: HashMap::new(),
        };
        list.filtered(&mut |step| sieve.keeps(step))
    }
}

struct UndoFilter<'p> {
    plan: &'p Plan,
    undone: &'p CompletedUndos,
    /// Whether what failed is tried again.
    again: bool,
    /// The names that the `undo` of a step reads.
    reads: HashMap<TreeId, Vec<Slot>>,
    /// What each step saw.
    seen: HashMap<NodePath, Vec<UndoReads>>,
}

impl UndoFilter<'_> {
    fn keeps(&mut self, step: &UndoStep) -> bool {
        let reads = self.reads.entry(step.tree);
        let reads = reads.or_insert_with(|| reads_of(self.plan, step.tree));
        let saw = (values(reads, &step.locals), step.commands.clone());
        let before = self.undone.begun.get(&step.path);
        let failed = self.undone.failed.get(&step.path);
        let failed = self.again && failed.is_some_and(|failed| failed.contains(&saw));
        let seen = self.seen.entry(step.path.clone()).or_default();
        let is_done = !failed && before.is_some_and(|before| before.contains(&saw));
        if seen.contains(&saw) || is_done {
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
