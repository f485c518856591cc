//! Where in the plan a node stands, found from its path: the statements that have a place of
//! their own in a path, and through which hidden blocks they are reached.
//! It does not know which nodes there are in a run.

use std::collections::HashMap;
use std::sync::Arc;

use lockstep_lang::ir::{Verdict, WorkflowId};
use lockstep_plan::{NodeKind, Seq, Tree, TreeId};

/// A statement with a place of its own in paths, as it is reached from the one around it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The statement; for a cell, its loop or matrix.
    pub(super) tree: TreeId,
    /// Whether it is a cell.
    pub(super) is_cell: bool,
    /// The blocks on the way to it, the outermost first.
    pub(super) way: Vec<Link>,
    /// The workflow that it is in, where a deployment may use several.
    pub(super) workflow: Option<WorkflowId>,
}

/// A block on the way to a statement.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// The block.
    pub(super) block: TreeId,
    /// Its statements.
    pub(super) seq: Seq,
    /// Which of them leads on.
    pub(super) at: usize,
    /// Whether they run at once.
    pub(super) parallel: bool,
    /// Whether they may begin again without anything being told of it.
    pub(super) restarts: bool,
}

/// The places in one statement, by their labels without values.
type Inside = HashMap<String, Vec<Arc<Place>>>;

/// All places, found when they are first asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    inside: HashMap<(TreeId, bool), Arc<Inside>>,
}

impl Places {
    /// The places in a statement (or in the cells of a loop) that a segment of a path may mean.
    pub(super) fn find(
        &mut self,
        tree: &Tree,
        scope: TreeId,
        is_cell: bool,
        segment: &str,
    ) -> Vec<Arc<Place>> {
        let inside = self
            .inside
            .entry((scope, is_cell))
            .or_insert_with(|| Arc::new(collect(tree, scope)));
        inside.get(&plain(segment)).cloned().unwrap_or_default()
    }
}

/// A segment without the values in brackets.
fn plain(segment: &str) -> String {
    match (segment.find('['), segment.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &segment[..open], &segment[close + 1..])
        }
        _ => segment.to_string(),
    }
}

fn collect(tree: &Tree, scope: TreeId) -> Inside {
    let mut inside = Inside::new();
    let node = tree.get(scope);
    let looks = node.stmt.kind.repeats_its_body();
    let mut add = |block: &Seq, parallel, workflow| {
        let mut way = Vec::new();
        walk(
            tree,
            scope,
            block,
            parallel,
            looks,
            workflow,
            &mut way,
            &mut inside,
        );
    };
    let parallel = node.stmt.kind.has_strands();
    for body in &node.bodies {
        add(body, parallel, None);
    }
    for (workflow, body) in &node.workflows {
        let several = node.workflows.len() > 1;
        add(body, false, several.then_some(*workflow));
    }
    inside
}

#[expect(clippy::too_many_arguments, reason = "it goes down with all of them")]
fn walk(
    tree: &Tree,
    block: TreeId,
    seq: &Seq,
    parallel: bool,
    restarts: bool,
    workflow: Option<WorkflowId>,
    way: &mut Vec<Link>,
    inside: &mut Inside,
) {
    for (at, child) in seq.iter().enumerate() {
        way.push(Link {
            block,
            seq: seq.clone(),
            at,
            parallel,
            restarts,
        });
        let node = tree.get(*child);
        let is_cell = node.stmt.kind.matrix().is_some();
        match &node.label {
            Some(label) => {
                let label = format!("{}{}", plain(label), node.twin);
                let place = Place {
                    tree: *child,
                    is_cell,
                    way: way.clone(),
                    workflow,
                };
                inside.entry(label).or_default().push(Arc::new(place));
            }
            None => {
                let restarts = restarts || may_restart(tree, *child);
                for body in &node.bodies {
                    walk(tree, *child, body, false, restarts, workflow, way, inside);
                }
            }
        }
        way.pop();
    }
}

/// Whether a statement of which nothing is told may begin its body again.
pub(super) fn may_restart(tree: &Tree, id: TreeId) -> bool {
    let node = tree.get(id);
    let mut open: Vec<TreeId> = node
        .on_failure
        .iter()
        .flat_map(|it| it.iter().copied())
        .collect();
    let mut asks = false;
    while let Some(id) = open.pop() {
        let node = tree.get(id);
        asks |= matches!(
            node.stmt.kind.verdict(),
            Some(Verdict::Retry(_) | Verdict::Ask { .. })
        );
        open.extend(node.bodies.iter().flat_map(|it| it.iter().copied()));
    }
    node.stmt.modifiers.retry.is_some() || asks
}

/// Whether a strand of which nothing is told may come to a barrier, or not come.
pub(super) fn has_hidden_strands(tree: &Tree) -> bool {
    tree.iter().any(|(_, node)| {
        let strands = node.bodies.iter().flat_map(|body| body.iter());
        let hidden = |id: &TreeId| tree.get(*id).label.is_none() && tree.get(*id).has_barrier;
        node.stmt.kind.has_strands() && strands.into_iter().any(hidden)
    })
}

/// Whether something of which nothing is told may roll back.
pub(super) fn has_hidden_scopes(tree: &Tree) -> bool {
    tree.iter().any(|(_, node)| {
        let hidden = node.label.is_none() || matches!(node.kind, NodeKind::Cell);
        hidden && (node.stmt.modifiers.atomic || node.may_roll_back)
    })
}
