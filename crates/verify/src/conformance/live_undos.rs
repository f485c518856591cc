//! Conformance of a rollback: no more cells or strands of a block are undone at once than its `max`
//! lets run, and no more is undone under a `lock` than may hold it.

use lockstep_base::node_path::{NodePath, PathPart, is_handler, parts};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Plan, TreeId};

use super::hash::FastMap;
use super::statement_paths::StatementPaths;
use super::values;

/// What bounds how much is undone at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum UndoLimit {
    /// A block: where it is, and its statement.
    Block(String, TreeId),
    /// A lock, by its name.
    Lock(String),
}

/// A limit that an undo counts for: as which part of it, and how many there may be.
#[derive(Debug, Clone)]
struct CountedPart {
    limit: UndoLimit,
    part: String,
    most: usize,
}

/// The undos that run.
#[derive(Debug, Default)]
pub(super) struct LiveUndos {
    places: StatementPaths,
    /// What each of them counts for.
    counted: FastMap<NodePath, Vec<CountedPart>>,
    /// How many undos run in each part of what bounds them.
    parts: FastMap<UndoLimit, FastMap<String, u32>>,
}

impl LiveUndos {
    /// A step is being undone.
    pub(super) fn begin(&mut self, plan: &Plan, undo: &NodePath, step: &str) -> Result<(), String> {
        let mut began = Ok(());
        let counted = self.limits(plan, step);
        for CountedPart { limit, part, most } in &counted {
            let parts = self.parts.entry(limit.clone()).or_default();
            *parts.entry(part.clone()).or_default() += 1;
            let others = parts.len().saturating_sub(1);
            if parts.len() > *most && began.is_ok() {
                began = Err(match limit {
                    UndoLimit::Block(..) => {
                        format!("started beside the undo of {others} others, but `max` is {most}")
                    }
                    UndoLimit::Lock(name) => {
                        format!("started under `{name}` beside the undo of {others} others")
                    }
                });
            }
        }
        self.counted.insert(undo.clone(), counted);
        began
    }

    /// An undo has ended.
    pub(super) fn end(&mut self, undo: &NodePath) {
        for CountedPart { limit, part, .. } in self.counted.remove(undo).unwrap_or_default() {
            let Some(parts) = self.parts.get_mut(&limit) else {
                continue;
            };
            if let Some(count) = parts.get_mut(&part) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    parts.remove(&part);
                }
            }
            if parts.is_empty() {
                self.parts.remove(&limit);
            }
        }
    }

    /// The limits around a step, as far as its path and the plan tell them.
    fn limits(&mut self, plan: &Plan, step: &str) -> Vec<CountedPart> {
        let mut counted = Vec::new();
        let mut plain = String::new();
        let mut segments = parts(step);
        let mut around = segments.next().unwrap_or_default().to_string();
        let mut scope = plan.tree.root();
        for segment in segments {
            if is_handler(segment) {
                // What a handler did was not done under the locks of what it is for.
                counted.retain(|it: &CountedPart| matches!(it.limit, UndoLimit::Block(..)));
                break;
            }
            let inside = self.places.inside(plan, scope);
            let [place] = inside.find(segment, &mut plain) else {
                break;
            };
            if place.workflow.is_some() {
                break;
            }
            if let Some(link) = place.way.first().filter(|link| link.parallel)
                && let Some(most) = most_in(plan, link.block)
            {
                let limit = UndoLimit::Block(around.clone(), link.block);
                let part = link.at.to_string();
                counted.push(CountedPart { limit, part, most });
            }
            if place.is_cell
                && segment.contains('[')
                && let Some(most) = most_in(plan, place.tree)
            {
                let limit = UndoLimit::Block(around.clone(), place.tree);
                let part = segment.to_string();
                counted.push(CountedPart { limit, part, most });
            }
            around = format!("{around}/{segment}");
            for (name, most) in locks(plan, place.tree, segment) {
                let (limit, part) = (UndoLimit::Lock(name), around.clone());
                counted.push(CountedPart { limit, part, most });
            }
            scope = place.tree;
        }
        counted
    }
}

/// The `max` of a block, where it is known without its values.
fn most_in(plan: &Plan, block: TreeId) -> Option<usize> {
    known(plan, plan.tree.get(block).stmt.modifiers.max.as_ref()?)
}

fn known(plan: &Plan, count: &Expr) -> Option<usize> {
    let count = values::count(plan, count, &Locals::default())?;
    Some(count.max(1))
}

/// The names of a `lock`, each with its limit.
fn locks(plan: &Plan, tree: TreeId, segment: &str) -> Vec<(String, usize)> {
    let StmtKind::Lock { limit, .. } = &plan.tree.get(tree).stmt.kind else {
        return Vec::new();
    };
    let most = match limit {
        Some(limit) => known(plan, limit),
        None => Some(1),
    };
    let part = PathPart::read(segment);
    let names = part.values.iter().map(ToString::to_string);
    names.filter_map(|name| Some((name, most?))).collect()
}
