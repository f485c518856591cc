//! The scope of each barrier: the innermost parallel block, loop or matrix that contains every
//! statement at which the barrier is reached. Whether its strands can meet (deadlock) is checked in
//! `verify`.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{Matrix, Order, StmtKind};

use super::tree::{PlanTree, TreeId};
use super::walk::PlanWalk;

/// A barrier of the plan and where it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierScope {
    /// The barrier's name.
    pub name: Name,
    /// The parallel block, loop or matrix around all its spots.
    pub block: TreeId,
    /// For a matrix: how many of its outer axes are fixed for one meeting. The strands are those
    /// of the parallel axes that follow.
    pub fixed_axes: usize,
    /// The spots at which it is reached.
    pub spots: Vec<TreeId>,
}

/// The meetings of all barriers that a plan reaches.
pub fn barrier_scopes(walk: &PlanWalk<'_>) -> Result<Vec<BarrierScope>, Vec<Diagnostic>> {
    let tree = walk.tree;
    let root = tree.root();
    let mut locals = super::Locals::default();
    let sum = match walk.summary_of_node(root, &mut locals) {
        Ok(sum) => sum,
        Err(Halt::Fault(diagnostic)) => return Err(vec![*diagnostic]),
        Err(Halt::Unknown) => return Ok(Vec::new()),
    };
    let names: Vec<Name> = sum.spots.keys().cloned().collect();
    let mut meetings = Vec::new();
    let mut diagnostics = Vec::new();
    for (name, spots) in sum.spots {
        let spots: Vec<TreeId> = spots.into_iter().collect();
        match enclosing_blocks(tree, &spots) {
            Some((block, fixed_axes)) => {
                meetings.push(BarrierScope {
                    name,
                    block,
                    fixed_axes,
                    spots,
                });
            }
            None => diagnostics.extend(strand_scope(tree, &name, &spots, &names)),
        }
    }
    if diagnostics.is_empty() {
        Ok(meetings)
    } else {
        Err(diagnostics)
    }
}

/// The innermost block with parallel strands that contains all spots.
fn enclosing_blocks(tree: &PlanTree, spots: &[TreeId]) -> Option<(TreeId, usize)> {
    let (first, rest) = spots.split_first()?;
    let common = tree.outwards(*first).skip(1).filter(|block| {
        rest.iter()
            .all(|spot| tree.outwards(*spot).skip(1).any(|outer| outer == *block))
    });
    common
        .into_iter()
        .find_map(|block| match &tree.get(block).stmt.kind {
            StmtKind::Parallel(_) => Some((block, 0)),
            StmtKind::Matrix(matrix) => fixed_axes(matrix).map(|fixed| (block, fixed)),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => None,
        })
}

/// How many axes stand outside the innermost run of parallel axes; nothing where all are serial.
fn fixed_axes(matrix: &Matrix) -> Option<usize> {
    let parallel = |at: usize| {
        matrix
            .axes
            .get(at)
            .is_some_and(|axis| axis.order == Order::Parallel)
    };
    let last = (0..matrix.axes.len()).rev().find(|at| parallel(*at))?;
    let outside = (0..last).rev().take_while(|at| parallel(*at)).count();
    Some(last - outside)
}

fn strand_scope(
    tree: &PlanTree,
    name: &Name,
    spots: &[TreeId],
    names: &[Name],
) -> Option<Diagnostic> {
    let (first, rest) = spots.split_first()?;
    let span = |spot: &TreeId| tree.get(*spot).stmt.span;
    let others = names.iter().filter(|it| *it != name).map(|it| &**it);
    let message = format!("no other strand arrives at barrier `{name}`");
    let mut diagnostic = Diagnostic::error(codes::LONE_BARRIER, span(first), message)
        .here("no parallel block, loop or matrix is around it")
        .help("parallel strands meet at a barrier; remove it, or make its block parallel")
        .help_opt(did_you_mean(name, others));
    for spot in rest {
        diagnostic = diagnostic.label(span(spot), "the same barrier again, one after the other");
    }
    Some(diagnostic)
}
