//! Who meets at each barrier, as the source says it: a barrier belongs to the innermost parallel
//! block, loop or matrix in which another strand can come to a barrier of its name and key. Which
//! cells a loop has and which branch is taken makes no difference here. Whether those who meet can
//! wait for ever (deadlock) is checked in `verify`.

#![deny(clippy::wildcard_enum_match_arm)]

mod groups;
mod messages;
mod spots;

use std::collections::{BTreeSet, HashSet};

use indexmap::IndexMap;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Name;
use lockstep_lang::ir::{AcrossScope, Program};

use super::tree::{PlanTree, TreeId};
use groups::{BlockId, Group};
use messages::BarrierMessages;
use spots::{Spot, SpotKey};

/// A barrier of the plan and where its strands meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierScope {
    /// The barrier's name.
    pub name: Name,
    /// What is written after `across`.
    pub across: Option<AcrossScope>,
    /// The parallel block, loop or matrix whose strands meet.
    pub block: TreeId,
    /// For a matrix: how many of its outer axes are fixed for one meeting. The strands are those
    /// of the parallel axes that follow.
    pub fixed_axes: usize,
    /// The spots at which it is reached.
    pub spots: Vec<TreeId>,
    /// Whether the same strands would meet without the `across` that is written.
    pub across_is_idle: bool,
}

/// The meetings of all barriers of a plan, by the source; the tree is told which one each of its
/// barriers belongs to.
pub fn barrier_scopes(
    program: &Program,
    tree: &mut PlanTree,
) -> Result<Vec<BarrierScope>, Vec<Diagnostic>> {
    if !tree.get(tree.root()).has_barrier {
        return Ok(Vec::new());
    }
    let found = spots::barrier_spots(program, tree);
    let mut messages = BarrierMessages::new(&program.sources, tree, &found.by_name);
    for handled in &found.in_handlers {
        messages.in_handler(handled);
    }
    if !found.in_handlers.is_empty() {
        // Who else would come there is another question once those are gone.
        return Err(messages.finish());
    }
    let mut scopes: IndexMap<(Name, Group, BlockId), Vec<TreeId>> = IndexMap::new();
    let mut idle: HashSet<&Name> = HashSet::new();
    for (name, spots) in &found.by_name {
        let of_name = scopes_of(tree, name, spots, &mut messages);
        if across_is_idle(tree, spots, &of_name) {
            idle.insert(name);
        }
        for (spot, block) in of_name {
            let scope = (name.clone(), groups::group_of(tree, spot), block);
            scopes.entry(scope).or_default().push(spot.tree);
        }
    }
    let diagnostics = messages.finish();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    tree.set_late_loops(&found.late_loops);
    let mut meetings = Vec::new();
    for ((name, group, block), spots) in scopes {
        tree.add_meeting(block.tree, &spots);
        meetings.push(BarrierScope {
            across_is_idle: group.across().is_some() && idle.contains(&name),
            name,
            across: group.across(),
            block: block.tree,
            fixed_axes: block.fixed_axes,
            spots,
        });
    }
    Ok(meetings)
}

/// Whether the spots of a name would meet in the same blocks if no `across` stood at any of them.
fn across_is_idle(tree: &PlanTree, spots: &[Spot], scopes: &[(&Spot, BlockId)]) -> bool {
    if spots.iter().all(|spot| spot.across.is_none()) {
        return false;
    }
    let bare: Vec<Spot> = spots
        .iter()
        .map(|spot| Spot {
            across: None,
            ..spot.clone()
        })
        .collect();
    let census = groups::Census::new(tree, &bare);
    let stays = |(spot, block): &(&Spot, BlockId)| {
        let bare = Spot {
            across: None,
            ..(*spot).clone()
        };
        let meets = census.meets(tree, &bare, Group::Innermost);
        meets.own.as_slice() == [*block]
    };
    scopes.len() == spots.len() && scopes.iter().all(stays)
}

/// What those have in common who write the same: the group, and the key where it is certainly
/// another one than those that differ from it.
type SameBarrier<'s> = (Group, Option<&'s SpotKey>);

/// The block of each spot of a name; what has none, or more than one, is reported.
fn scopes_of<'s>(
    tree: &PlanTree,
    name: &Name,
    spots: &'s [Spot],
    messages: &mut BarrierMessages<'_>,
) -> Vec<(&'s Spot, BlockId)> {
    let census = groups::Census::new(tree, spots);
    let mut scopes = Vec::new();
    let mut across: IndexMap<SameBarrier<'_>, Vec<(&Spot, Option<BlockId>)>> = IndexMap::new();
    for spot in spots {
        let group = groups::group_of(tree, spot);
        let meets = census.meets(tree, spot, group);
        if let Some(block) = meets.with_others {
            messages.written_in_two_ways(name, spot, block);
            continue;
        }
        match (group, meets.own.as_slice()) {
            (Group::Innermost, []) => messages.lone(name, spot),
            (Group::Innermost, [block]) => scopes.push((spot, *block)),
            (Group::Innermost, [inner, outer, ..]) => {
                messages.ambiguous(name, spot, *inner, *outer);
            }
            (Group::NoStage, _) => messages.across_no_stage(name, spot),
            (Group::Stage(_) | Group::Pipeline, own) => {
                let key = census.is_told_apart(&spot.key).then_some(&spot.key);
                let same = across.entry((group, key)).or_default();
                same.push((spot, own.last().copied()));
            }
        }
    }
    for same in across.into_values() {
        let blocks: BTreeSet<BlockId> = same.iter().filter_map(|(_, block)| *block).collect();
        let complete = same.iter().all(|(_, block)| block.is_some());
        match (blocks.first(), blocks.len(), complete) {
            (Some(block), 1, true) => {
                scopes.extend(same.iter().map(|(spot, _)| (*spot, *block)));
            }
            (None, ..) => same.iter().for_each(|(spot, _)| messages.lone(name, spot)),
            (Some(_), ..) => messages.no_block_holds_all(name, &same),
        }
    }
    scopes
}
