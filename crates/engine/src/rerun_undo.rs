//! Undo of steps that are executed again because a block around them is retried. Where the `undo`
//! of a step would see the same values as before, it runs once (idempotent): a second `helm
//! rollback` would go back one version too far. Where it sees other values (the id of what this
//! attempt created), there is more to undo, and it runs again.

use std::collections::HashMap;

use super::node::Undo;
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
    pub fn record_undo(
        &mut self,
        plan: &Plan,
        tree: TreeId,
        locals: &Locals,
        path: &NodePath,
        on: &Option<Value>,
    ) {
        let saw = (values(&reads_of(plan, tree), locals), on.clone());
        self.0.entry(path.clone()).or_default().push(saw);
    }

    /// What is still to be undone, in the order in which it was done, without repeats.
    pub fn remaining(&self, plan: &Plan, items: Vec<Undo>) -> Vec<Undo> {
        let mut sieve = UndoFilter {
            plan,
            undone: self,
            reads: HashMap::new(),
            seen: HashMap::new(),
        };
        sieve.filter(items)
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
    fn filter(&mut self, items: Vec<Undo>) -> Vec<Undo> {
        items.into_iter().filter_map(|it| self.keeps(it)).collect()
    }

    fn keeps(&mut self, item: Undo) -> Option<Undo> {
        let some = |items: Vec<Undo>| (!items.is_empty()).then_some(items);
        Some(match item {
            Undo::Step {
                tree,
                locals,
                path,
                on,
            } => {
                let reads = self.reads.entry(tree);
                let reads = reads.or_insert_with(|| reads_of(self.plan, tree));
                let saw = (values(reads, &locals), on.clone());
                let before = self.undone.0.get(&path);
                let seen = self.seen.entry(path.clone()).or_default();
                if seen.contains(&saw) || before.is_some_and(|before| before.contains(&saw)) {
                    return None;
                }
                seen.push(saw);
                Undo::Step {
                    tree,
                    locals,
                    path,
                    on,
                }
            }
            Undo::Serial(items) => Undo::Serial(some(self.filter(items))?),
            Undo::Parallel(items) => Undo::Parallel(some(self.filter(items))?),
            Undo::Scope(scope, items) => Undo::Scope(scope, some(self.filter(items))?),
            Undo::Held(wants, items) => Undo::Held(wants, some(self.filter(items))?),
        })
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
