//! In which blocks the strands of a barrier can meet others of its name and key, by the source.

use std::collections::{BTreeMap, HashMap};

use lockstep_lang::ir::{AcrossScope, Fork, Matrix, Order};

use super::spots::{Spot, SpotKey};
use crate::tree::{PlanTree, TreeId};

/// Whose strands can meet: a parallel block, or a run of parallel axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId {
    /// The block.
    pub tree: TreeId,
    /// How many axes stand outside the run.
    pub fixed_axes: usize,
}

/// Who is meant by a barrier of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Those in the innermost block.
    Innermost,
    /// All in this stage.
    Stage(TreeId),
    /// All in a stage, where there is none.
    NoStage,
    /// All in the pipeline.
    Pipeline,
}

impl Group {
    /// What is written for it after `across`.
    pub fn across(self) -> Option<AcrossScope> {
        match self {
            Self::Innermost => None,
            Self::Stage(_) | Self::NoStage => Some(AcrossScope::Stage),
            Self::Pipeline => Some(AcrossScope::Pipeline),
        }
    }
}

/// Who is meant at a spot.
pub fn group_of(tree: &PlanTree, spot: &Spot) -> Group {
    match spot.across {
        None => Group::Innermost,
        Some(AcrossScope::Pipeline) => Group::Pipeline,
        Some(AcrossScope::Stage) => {
            let is_stage = |it: &TreeId| tree.get(*it).stmt.kind.holds_infrastructures();
            let stage = tree.outwards(spot.tree).find(is_stage);
            stage.map_or(Group::NoStage, Group::Stage)
        }
    }
}

/// The blocks in which a spot can meet others, the innermost first.
#[derive(Debug, Default)]
pub struct SpotMeets {
    /// Others that mean the same.
    pub own: Vec<BlockId>,
    /// The first block in which there are others that are written in another way.
    pub with_others: Option<BlockId>,
}

/// How many spots of one name there are, by what can be equal to their keys.
#[derive(Debug, Default)]
struct KeyCounts {
    bare: u32,
    texts: HashMap<String, u32>,
    /// All that have a key.
    keyed: u32,
    /// Those whose key is a text of the source.
    known: u32,
    /// Those whose key is the value of an axis.
    pinned: HashMap<(TreeId, usize), u32>,
}

impl KeyCounts {
    fn add(&mut self, key: &SpotKey) {
        match key {
            SpotKey::Bare => {
                self.bare += 1;
                return;
            }
            SpotKey::Text(text) => {
                self.known += 1;
                *self.texts.entry(text.clone()).or_default() += 1;
            }
            SpotKey::Axis(tree, axis) => *self.pinned.entry((*tree, *axis)).or_default() += 1,
            SpotKey::Any => {}
        }
        self.keyed += 1;
    }

    /// How many can be equal to a key.
    fn equal_to(&self, key: &SpotKey) -> u32 {
        match key {
            SpotKey::Bare => self.bare,
            SpotKey::Text(text) => {
                self.keyed - self.known + self.texts.get(text).copied().unwrap_or(0)
            }
            SpotKey::Axis(..) | SpotKey::Any => self.keyed,
        }
    }

    fn pinned_to(&self, tree: TreeId, axis: usize) -> u32 {
        self.pinned.get(&(tree, axis)).copied().unwrap_or(0)
    }
}

/// What is in one block.
#[derive(Debug, Default)]
struct BlockCounts {
    /// In all of it.
    all: BTreeMap<Group, KeyCounts>,
    /// In each child of a `parallel`, and in each statement of a cell.
    children: HashMap<(TreeId, Group), KeyCounts>,
}

/// All spots of one name, by the blocks that they are in.
pub struct Census {
    blocks: HashMap<TreeId, BlockCounts>,
    /// Whether all keys of the name are texts of the source, or there are none.
    all_known: bool,
}

impl Census {
    pub fn new(tree: &PlanTree, spots: &[Spot]) -> Self {
        let mut blocks: HashMap<TreeId, BlockCounts> = HashMap::new();
        for spot in spots {
            let group = group_of(tree, spot);
            for (block, child) in blocks_around(tree, spot.tree) {
                let counts = blocks.entry(block).or_default();
                counts.all.entry(group).or_default().add(&spot.key);
                let own = counts.children.entry((child, group)).or_default();
                own.add(&spot.key);
            }
        }
        let known = |spot: &Spot| matches!(spot.key, SpotKey::Bare | SpotKey::Text(_));
        Self {
            blocks,
            all_known: spots.iter().all(known),
        }
    }

    /// Whether a key of this name is certainly another one than the others that differ from it.
    pub fn is_told_apart(&self, key: &SpotKey) -> bool {
        match key {
            SpotKey::Bare => true,
            SpotKey::Text(_) => self.all_known,
            SpotKey::Axis(..) | SpotKey::Any => false,
        }
    }

    /// Where a spot can meet others.
    pub fn meets(&self, tree: &PlanTree, spot: &Spot, group: Group) -> SpotMeets {
        let mut meets = SpotMeets::default();
        let mut inside = true;
        for (block, child) in blocks_around(tree, spot.tree) {
            if let Group::Stage(stage) = group {
                inside &= tree.outwards(block).any(|it| it == stage);
            }
            let Some(counts) = self.blocks.get(&block) else {
                continue;
            };
            let place = PlaceInBlock {
                tree,
                block,
                child,
                counts,
            };
            for other in counts.all.keys() {
                for fixed_axes in place.meetings(&spot.key, *other) {
                    let id = BlockId {
                        tree: block,
                        fixed_axes,
                    };
                    match *other == group {
                        true if inside => meets.own.push(id),
                        true => {}
                        false if is_elsewhere(group, *other) => {}
                        false => drop(meets.with_others.get_or_insert(id)),
                    }
                }
            }
        }
        meets
    }
}

/// Whether two groups are the same word in different stages: those never meet, and say so.
fn is_elsewhere(one: Group, other: Group) -> bool {
    matches!((one, other), (Group::Stage(_), Group::Stage(_)))
}

/// A spot's place in a block.
struct PlaceInBlock<'a> {
    tree: &'a PlanTree,
    block: TreeId,
    child: TreeId,
    counts: &'a BlockCounts,
}

impl PlaceInBlock<'_> {
    /// The runs of axes in which a key can meet an equal one of a group in another strand, the
    /// innermost first; of a `parallel` there is one.
    fn meetings(&self, key: &SpotKey, group: Group) -> Vec<usize> {
        let Some(all) = self.counts.all.get(&group) else {
            return Vec::new();
        };
        match self.tree.get(self.block).stmt.kind.fork() {
            Some(Fork::Children(_)) => {
                let own = self.counts.children.get(&(self.child, group));
                let own = own.map_or(0, |own| own.equal_to(key));
                match all.equal_to(key) > own {
                    true => vec![0],
                    false => Vec::new(),
                }
            }
            Some(Fork::Cells(matrix)) => {
                let runs = parallel_runs(matrix).into_iter().rev();
                let meets = |(from, to): &(usize, usize)| {
                    let equal = all.equal_to(key);
                    match key {
                        // In each of the cells the key is another one.
                        SpotKey::Axis(tree, axis)
                            if *tree == self.block && *axis == *from && to - from == 1 =>
                        {
                            equal > all.pinned_to(*tree, *axis)
                        }
                        SpotKey::Bare | SpotKey::Text(_) | SpotKey::Axis(..) | SpotKey::Any => {
                            equal > 0
                        }
                    }
                };
                runs.filter(meets).map(|(from, _)| from).collect()
            }
            None => Vec::new(),
        }
    }
}

/// The blocks around a spot that can have several strands, outwards, each with the child that the
/// spot is in.
pub fn blocks_around(tree: &PlanTree, spot: TreeId) -> impl Iterator<Item = (TreeId, TreeId)> {
    let pairs = tree.outwards(spot).skip(1).zip(tree.outwards(spot));
    pairs.filter(|(block, _)| match tree.get(*block).stmt.kind.fork() {
        Some(Fork::Children(_)) => true,
        Some(Fork::Cells(matrix)) => !parallel_runs(matrix).is_empty(),
        None => false,
    })
}

/// The runs of parallel axes of a matrix: the first axis of each, and the one after its last.
pub fn parallel_runs(matrix: &Matrix) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, axis) in matrix.axes.iter().enumerate() {
        match (axis.order, runs.last_mut()) {
            (Order::Serial, _) => {}
            (Order::Parallel, Some((_, to))) if *to == at => *to = at + 1,
            (Order::Parallel, _) => runs.push((at, at + 1)),
        }
    }
    runs
}
