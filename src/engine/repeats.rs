//! Steps that started again because what they stand in was tried again. Where the `undo` of a
//! step would see the same values as before, it has the same to take back, and runs once: a
//! second `helm rollback` would go back one version too far. Where it sees others (the id of what
//! this try created), there is more to take back, and it runs again.
//! It does not know how anything is undone.

use std::collections::HashMap;

use super::node::Undo;
use crate::eval::{ExprKind, Slot};
use crate::ir::visit;
use crate::plan::{Locals, Plan, TreeId};
use crate::source::Name;
use crate::value::Value;

/// What is to be undone, in the order in which it was done, without repeats.
pub fn without_repeats(plan: &Plan, items: Vec<Undo>) -> Vec<Undo> {
    let mut sieve = Sieve {
        plan,
        reads: HashMap::new(),
        seen: HashMap::new(),
    };
    sieve.all(items)
}

/// What a step's `undo` saw.
type Seen = (Vec<Option<Value>>, Option<Value>);

struct Sieve<'p> {
    plan: &'p Plan,
    /// The names that the `undo` of a step reads.
    reads: HashMap<TreeId, Vec<Slot>>,
    /// What each step saw.
    seen: HashMap<(TreeId, Name), Vec<Seen>>,
}

impl Sieve<'_> {
    fn all(&mut self, items: Vec<Undo>) -> Vec<Undo> {
        items.into_iter().filter_map(|it| self.one(it)).collect()
    }

    fn one(&mut self, item: Undo) -> Option<Undo> {
        let some = |items: Vec<Undo>| (!items.is_empty()).then_some(items);
        Some(match item {
            Undo::Step {
                tree,
                locals,
                path,
                on,
            } => {
                let saw = (self.values(tree, &locals), on.clone());
                let seen = self.seen.entry((tree, path.clone())).or_default();
                if seen.contains(&saw) {
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
            Undo::Serial(items) => Undo::Serial(some(self.all(items))?),
            Undo::Parallel(items) => Undo::Parallel(some(self.all(items))?),
            Undo::Scope(scope, items) => Undo::Scope(scope, some(self.all(items))?),
            Undo::Held(wants, items) => Undo::Held(wants, some(self.all(items))?),
        })
    }

    fn values(&mut self, tree: TreeId, locals: &Locals) -> Vec<Option<Value>> {
        let reads = self.reads.entry(tree).or_insert_with(|| {
            let mut slots = Vec::new();
            let stmt = &self.plan.tree.get(tree).stmt;
            if let Some(undo) = &stmt.handlers.undo {
                visit::block(undo, &mut |expr| {
                    visit::each_part(expr, &mut |part| {
                        if let ExprKind::Local(slot) = part.kind {
                            slots.push(slot);
                        }
                    });
                });
            }
            slots
        });
        let value = |slot: &Slot| locals.get(*slot).cloned();
        reads.iter().map(value).collect()
    }
}
