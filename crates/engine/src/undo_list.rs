//! What there is to undo (the way back of a scope): the steps that started, ordered as the program
//! is written and not as they ran, so that it makes no difference which try ran them.
//!
//! Every list is a body: its entries are the statements of that body. A block that is tried again
//! adds to what its earlier tries have recorded.

use std::cmp::Ordering;
use std::sync::Arc;

use super::event::LockDemand;
use super::node::CommandContext;
use super::run_event::{DeploymentRecord, Status};
use super::superseded::DeployedAt;
use lockstep_base::node_path::NodePath;
use lockstep_lang::ir::Order;
use lockstep_plan::grid::Position;
use lockstep_plan::{Locals, TreeId};

/// How to undo one thing.
#[derive(Debug, Clone)]
pub enum Undo {
    /// Run the `undo` of a statement that started.
    Step(Box<UndoStep>),
    /// What a statement did, the last first.
    Serial(UndoList),
    /// What cells or strands did.
    Cells(Box<UndoCells>),
    /// These, as the rollback of a deployment that had ended.
    Scope(Box<UndoScope>, UndoList),
    /// These, holding locks.
    Held(Vec<LockDemand>, UndoList),
}

/// The `undo` of a statement that started.
#[derive(Debug, Clone)]
pub struct UndoStep {
    /// The statement.
    pub tree: TreeId,
    /// What it saw.
    pub locals: Locals,
    /// Its path.
    pub path: NodePath,
    /// What its commands are given.
    pub commands: Arc<CommandContext>,
    /// Whether there is a way back: an `undo none` only says why there is none.
    pub has_way_back: bool,
}

/// A deployment that has ended and may still be rolled back.
#[derive(Debug, Clone)]
pub struct UndoScope {
    /// Its path.
    pub path: NodePath,
    /// What it was and is.
    pub deployment: DeploymentRecord,
    /// Its status.
    pub status: Status,
    /// When it began.
    pub at: DeployedAt,
}

/// What the cells of a loop or matrix, or the children of a `parallel`, did.
#[derive(Debug, Clone)]
pub struct UndoCells {
    /// Which axes are serial.
    pub orders: Vec<Order>,
    /// How many cells are undone at once, at most.
    pub max: Option<usize>,
    /// The cells, in source order.
    pub cells: Vec<UndoCell>,
    /// What was done between the waves, behind which one each.
    pub between: Vec<(usize, UndoList)>,
}

/// What one cell did.
#[derive(Debug, Clone)]
pub struct UndoCell {
    /// The wave that it ran in.
    pub wave: usize,
    /// Its place on the axes.
    pub position: Position,
    /// Its path: a list may hold other elements on the next try.
    pub path: NodePath,
    /// What it did.
    pub undo: UndoList,
}

/// When in the life of a statement something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UndoRank {
    /// It is the statement's own `undo`.
    Own,
    /// In its body.
    Body,
    /// In its failure handler.
    Handler,
    /// In its `always`.
    Always,
}

/// What the statements of a body did, in the order in which they are written.
#[derive(Debug, Clone, Default)]
pub struct UndoList(Vec<UndoEntry>);

/// What one statement of a body did.
#[derive(Debug, Clone)]
struct UndoEntry {
    rank: UndoRank,
    /// The statement; numbers of the plan's tree are in source order.
    tree: TreeId,
    undo: Vec<Undo>,
}

impl UndoList {
    /// Whether there is nothing to undo.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records what a statement did.
    pub fn put(&mut self, rank: UndoRank, tree: TreeId, undo: Undo) {
        match self.find(rank, tree) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    merge_into(&mut entry.undo, undo);
                }
            }
            Err(at) => {
                let undo = vec![undo];
                self.0.insert(at, UndoEntry { rank, tree, undo });
            }
        }
    }

    /// Records what a statement did, which is a body itself.
    pub fn put_list(&mut self, rank: UndoRank, tree: TreeId, list: UndoList) {
        if !list.is_empty() {
            self.put(rank, tree, Undo::Serial(list));
        }
    }

    /// The `undo` of a statement sees more than it did.
    pub fn see(&mut self, rank: UndoRank, tree: TreeId, locals: &Locals) {
        let found = self.find(rank, tree).ok();
        let Some(entry) = found.and_then(|at| self.0.get_mut(at)) else {
            return;
        };
        for undo in &mut entry.undo {
            match undo {
                Undo::Step(step) => step.locals = locals.clone(),
                Undo::Serial(_) | Undo::Cells(_) | Undo::Scope(..) | Undo::Held(..) => {}
            }
        }
    }

    fn find(&self, rank: UndoRank, tree: TreeId) -> Result<usize, usize> {
        self.0
            .binary_search_by(|entry| (entry.rank, entry.tree).cmp(&(rank, tree)))
    }

    /// The same list, of which what was done in the body is undone holding a lock.
    #[must_use]
    pub fn with_body_held(self, tree: TreeId, wants: Vec<LockDemand>) -> Self {
        let (body, mut rest): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .partition(|entry| entry.rank == UndoRank::Body);
        if !body.is_empty() {
            let entry = UndoEntry {
                rank: UndoRank::Body,
                tree,
                undo: vec![Undo::Held(wants, Self(body))],
            };
            let at = rest.partition_point(|it| it.rank < UndoRank::Body);
            rest.insert(at, entry);
        }
        Self(rest)
    }

    /// Whether something of it can be taken back.
    pub fn has_way_back(&self) -> bool {
        self.0
            .iter()
            .flat_map(|entry| &entry.undo)
            .any(Undo::has_way_back)
    }

    /// Calls `see` for all its steps, in source order.
    pub fn each_step(&self, see: &mut dyn FnMut(&UndoStep)) {
        for undo in self.0.iter().flat_map(|entry| &entry.undo) {
            match undo {
                Undo::Step(step) => see(step),
                Undo::Serial(list) | Undo::Scope(_, list) | Undo::Held(_, list) => {
                    list.each_step(see);
                }
                Undo::Cells(cells) => cells.lists().for_each(|it| it.each_step(see)),
            }
        }
    }

    /// All of it, in source order.
    pub fn into_items(self) -> Vec<Undo> {
        self.0.into_iter().flat_map(|entry| entry.undo).collect()
    }

    /// The same list without what `keep` makes nothing of.
    #[must_use]
    pub fn filtered(self, keep: &mut impl FnMut(&UndoStep) -> bool) -> Self {
        let mut kept = Vec::with_capacity(self.0.len());
        for mut entry in self.0 {
            let items = entry.undo.into_iter();
            entry.undo = items.filter_map(|undo| undo.filtered(keep)).collect();
            if !entry.undo.is_empty() {
                kept.push(entry);
            }
        }
        Self(kept)
    }

    /// The deployments in it.
    pub fn scopes<'l>(&'l self, found: &mut Vec<&'l UndoScope>) {
        for undo in self.0.iter().flat_map(|entry| &entry.undo) {
            undo.scopes(found);
        }
    }

    /// The paths of the steps in it.
    pub fn steps(&self, found: &mut Vec<NodePath>) {
        for undo in self.0.iter().flat_map(|entry| &entry.undo) {
            match undo {
                Undo::Step(step) => found.push(step.path.clone()),
                Undo::Serial(list) | Undo::Held(_, list) | Undo::Scope(_, list) => {
                    list.steps(found);
                }
                Undo::Cells(cells) => cells.cells.iter().for_each(|it| it.undo.steps(found)),
            }
        }
    }

    /// The same list, of which nothing takes these locks.
    #[must_use]
    pub fn without_held(self, is_held: &dyn Fn(&LockDemand) -> bool) -> Self {
        let entries = self.0.into_iter().map(|entry| UndoEntry {
            undo: (entry.undo.into_iter())
                .map(|undo| undo.without_held(is_held))
                .collect(),
            ..entry
        });
        Self(entries.collect())
    }

    /// Adds what a later try of the same body did.
    fn merge(&mut self, later: Self) {
        for entry in later.0 {
            for undo in entry.undo {
                self.put(entry.rank, entry.tree, undo);
            }
        }
    }
}

impl Undo {
    fn scopes<'l>(&'l self, found: &mut Vec<&'l UndoScope>) {
        match self {
            Self::Step(_) => {}
            Self::Serial(list) | Self::Held(_, list) => list.scopes(found),
            Self::Scope(scope, list) => {
                found.push(scope);
                list.scopes(found);
            }
            Self::Cells(cells) => cells.lists().for_each(|list| list.scopes(found)),
        }
    }

    fn without_held(self, is_held: &dyn Fn(&LockDemand) -> bool) -> Self {
        match self {
            Self::Step(step) => Self::Step(step),
            Self::Serial(list) => Self::Serial(list.without_held(is_held)),
            Self::Scope(scope, list) => Self::Scope(scope, list.without_held(is_held)),
            Self::Held(mut wants, list) => {
                wants.retain(|want| !is_held(want));
                let list = list.without_held(is_held);
                match wants.is_empty() {
                    true => Self::Serial(list),
                    false => Self::Held(wants, list),
                }
            }
            Self::Cells(mut cells) => {
                for cell in &mut cells.cells {
                    cell.undo = std::mem::take(&mut cell.undo).without_held(is_held);
                }
                for (_, undo) in &mut cells.between {
                    *undo = std::mem::take(undo).without_held(is_held);
                }
                Self::Cells(cells)
            }
        }
    }

    fn has_way_back(&self) -> bool {
        match self {
            Self::Step(step) => step.has_way_back,
            Self::Serial(list) | Self::Scope(_, list) | Self::Held(_, list) => list.has_way_back(),
            Self::Cells(cells) => cells.lists().any(UndoList::has_way_back),
        }
    }

    fn filtered(self, keep: &mut impl FnMut(&UndoStep) -> bool) -> Option<Self> {
        let some = |list: UndoList| (!list.is_empty()).then_some(list);
        Some(match self {
            Self::Step(step) => Self::Step(Some(step).filter(|step| keep(step))?),
            Self::Serial(list) => Self::Serial(some(list.filtered(keep))?),
            Self::Scope(scope, list) => Self::Scope(scope, some(list.filtered(keep))?),
            Self::Held(wants, list) => Self::Held(wants, some(list.filtered(keep))?),
            Self::Cells(mut cells) => {
                for cell in &mut cells.cells {
                    cell.undo = std::mem::take(&mut cell.undo).filtered(keep);
                }
                cells.cells.retain(|cell| !cell.undo.is_empty());
                for (_, undo) in &mut cells.between {
                    *undo = std::mem::take(undo).filtered(keep);
                }
                cells.between.retain(|(_, undo)| !undo.is_empty());
                Self::Cells(Some(cells).filter(|it| it.lists().next().is_some())?)
            }
        })
    }
}

/// Adds what a later try of a statement did to what its earlier tries did.
fn merge_into(items: &mut Vec<Undo>, later: Undo) {
    match later {
        Undo::Step(step) => items.push(Undo::Step(step)),
        Undo::Serial(later) => {
            let found = items.iter_mut().find_map(|it| match it {
                Undo::Serial(list) => Some(list),
                Undo::Step(_) | Undo::Cells(_) | Undo::Scope(..) | Undo::Held(..) => None,
            });
            match found {
                Some(list) => list.merge(later),
                None => items.push(Undo::Serial(later)),
            }
        }
        Undo::Cells(later) => {
            let found = items.iter_mut().find_map(|it| match it {
                Undo::Cells(cells) => Some(cells),
                Undo::Step(_) | Undo::Serial(_) | Undo::Scope(..) | Undo::Held(..) => None,
            });
            match found {
                Some(cells) => cells.merge(*later),
                None => items.push(Undo::Cells(later)),
            }
        }
        Undo::Scope(later, more) => {
            let found = items.iter_mut().find_map(|it| match it {
                Undo::Scope(scope, list) if scope.path == later.path => Some((scope, list)),
                Undo::Step(_)
                | Undo::Serial(_)
                | Undo::Cells(_)
                | Undo::Scope(..)
                | Undo::Held(..) => None,
            });
            match found {
                Some((scope, list)) => {
                    let before = scope.deployment.before.take();
                    **scope = *later;
                    // What the first try found there is what was there before.
                    scope.deployment.before = before.or(scope.deployment.before.take());
                    list.merge(more);
                }
                None => items.push(Undo::Scope(later, more)),
            }
        }
        Undo::Held(wants, more) => {
            let found = items.iter_mut().find_map(|it| match it {
                Undo::Held(held, list) if *held == wants => Some(list),
                Undo::Step(_)
                | Undo::Serial(_)
                | Undo::Cells(_)
                | Undo::Scope(..)
                | Undo::Held(..) => None,
            });
            match found {
                Some(list) => list.merge(more),
                None => items.push(Undo::Held(wants, more)),
            }
        }
    }
}

impl UndoCells {
    /// What the cells did, and what was done between them.
    fn lists(&self) -> impl Iterator<Item = &UndoList> {
        let cells = self.cells.iter().map(|cell| &cell.undo);
        cells.chain(self.between.iter().map(|(_, undo)| undo))
    }

    /// Adds what the cells of a later try did.
    fn merge(&mut self, later: Self) {
        (self.orders, self.max) = (later.orders, later.max);
        for (wave, undo) in later.between {
            match self.between.iter_mut().find(|(other, _)| *other == wave) {
                Some((_, earlier)) => earlier.merge(undo),
                None => self.between.push((wave, undo)),
            }
        }
        for cell in later.cells {
            let found = self.cells.binary_search_by(|it| it.place_order(&cell));
            match found {
                Ok(at) => {
                    if let Some(earlier) = self.cells.get_mut(at) {
                        earlier.wave = cell.wave;
                        earlier.undo.merge(cell.undo);
                    }
                }
                Err(at) => self.cells.insert(at, cell),
            }
        }
    }
}

impl UndoCell {
    /// The order of two cells in the source.
    pub fn place_order(&self, other: &Self) -> Ordering {
        (&self.position, &self.path).cmp(&(&other.position, &other.path))
    }
}
