//! The nodes that are under way, as they are told of: what each is in, and whether it may begin
//! and end as it does. It does not know barriers, nor who holds what.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lockstep_base::source::Name;
use lockstep_engine::notice::{NodeKind, Status};
use lockstep_engine::pattern::segments;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Plan, TreeId};

use super::blocks::{Block, Cell, Cells, Entry};
use super::is_aside;
use super::places::{Link, Place, Places, has_hidden_scopes, may_restart};
use super::values::{self, Index};

/// What a node that is under way does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Waiting,
    Queued,
    RollingBack,
}

/// A node under way.
#[derive(Debug)]
struct Node {
    kind: NodeKind,
    phase: Phase,
    /// Where it stands in the plan; nothing in handlers and rollbacks.
    place: Option<Arc<Place>>,
    parent: Option<Name>,
    /// How many nodes in it are under way.
    children: u32,
    blocks: HashMap<(TreeId, usize), Block>,
    cells: HashMap<TreeId, (Cells, Option<Index>)>,
    /// What in it was told to be skipped.
    skipped: HashSet<Name>,
    /// Its place in its loop, where it is a cell.
    cell: Option<Cell>,
    /// What its body sees, once that was asked for.
    locals: Option<Locals>,
    holds: bool,
}

/// All nodes under way.
#[derive(Debug)]
pub(super) struct Nodes {
    plan: Arc<Plan>,
    places: Places,
    live: HashMap<Name, Node>,
    root: Name,
    ended: Option<Status>,
    hidden_scopes: bool,
    /// Nodes that share their path with others: nothing in them can be told apart.
    twins: HashSet<Name>,
}

impl Nodes {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            root: plan.bound.pipeline().name.clone(),
            hidden_scopes: has_hidden_scopes(&plan.tree),
            plan,
            places: Places::default(),
            live: HashMap::new(),
            ended: None,
            twins: HashSet::new(),
        }
    }

    /// No nodes yet, of the same plan.
    pub(super) fn another(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            places: self.places.clone(),
            live: HashMap::new(),
            root: self.root.clone(),
            ended: None,
            hidden_scopes: self.hidden_scopes,
            twins: HashSet::new(),
        }
    }

    pub(super) fn is_live(&self, node: &str) -> bool {
        self.live.contains_key(node)
    }

    /// One that is under way, if there is one.
    pub(super) fn any_live(&self) -> Option<Name> {
        self.live.keys().min().cloned()
    }

    /// How the pipeline ended, if it has.
    pub(super) fn root_status(&self) -> Option<Status> {
        self.ended
    }

    /// Whether a node or one around it cannot be told from others.
    fn is_twin(&self, path: &str) -> bool {
        !self.twins.is_empty()
            && (self.twins.contains(path) || above(path).any(|it| self.twins.contains(it)))
    }

    // --- Beginning -----------------------------------------------------------------------

    /// A node begins, begins again, or waits.
    pub(super) fn begin(&mut self, path: &Name, kind: NodeKind, to: Phase) -> Result<(), String> {
        if self.is_twin(path) {
            return Ok(());
        }
        match self.live.get_mut(path) {
            Some(node) => {
                let from = std::mem::replace(&mut node.phase, to);
                match (from, to) {
                    (Phase::RollingBack, _) => Err("went on while it was rolled back".into()),
                    (Phase::Running, Phase::Running) if kind == NodeKind::Cell => {
                        // Two cells with the same values: from now on they are one to us.
                        self.live.remove(path);
                        self.twins.insert(path.clone());
                        Ok(())
                    }
                    (Phase::Running, Phase::Running) => Err("started although it runs".into()),
                    (_, Phase::Running) if node.children > 0 => {
                        Err("began again while something in it ran".into())
                    }
                    (_, Phase::Running) => {
                        node.blocks.clear();
                        node.cells.clear();
                        node.skipped.clear();
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            None => self.add(path, kind, to),
        }
    }

    /// A node that was not under way.
    fn add(&mut self, path: &Name, kind: NodeKind, phase: Phase) -> Result<(), String> {
        let aside = is_aside(path);
        let parent = match aside {
            // What deals with a node's failure is in the nearest one around it that is told of.
            true => above(path).find(|it| self.live.contains_key(*it)),
            false => above(path).next(),
        };
        let known = parent.and_then(|parent| self.live.get_key_value(parent));
        let known = known.map(|(parent, _)| parent.clone());
        let parent: Option<Name> = known.or_else(|| parent.map(Name::from));
        let mut wrong = Ok(());
        let mut place = None;
        let mut cell = None;
        match &parent {
            None if *path == self.root => {
                place = Some(Arc::new(Place {
                    tree: self.plan.tree.root(),
                    is_cell: false,
                    way: Vec::new(),
                    workflow: None,
                }));
            }
            Some(parent) if self.live.contains_key(parent) => {
                if !aside {
                    (place, cell, wrong) = self.enter(parent, path);
                    if self.twins.contains(path) {
                        return wrong;
                    }
                }
            }
            _ => return Err("started although what it is in does not run".into()),
        }
        if let Some(parent) = parent.as_ref().and_then(|it| self.live.get_mut(it)) {
            parent.children += 1;
            if parent.phase == Phase::RollingBack && !aside {
                wrong = wrong.and(Err("started in something that rolls back".into()));
            }
        }
        let node = Node {
            kind,
            phase,
            place,
            parent,
            children: 0,
            blocks: HashMap::new(),
            cells: HashMap::new(),
            skipped: HashSet::new(),
            cell,
            locals: None,
            holds: false,
        };
        self.live.insert(path.clone(), node);
        wrong
    }

    /// A node begins in a node of the plan.
    fn enter(
        &mut self,
        parent: &Name,
        path: &Name,
    ) -> (Option<Arc<Place>>, Option<Cell>, Result<(), String>) {
        let Some(around) = self.live.get(parent).and_then(|node| node.place.clone()) else {
            return (None, None, Ok(()));
        };
        let place = match self.place(parent, &around, path) {
            Ok(Some(place)) => place,
            Ok(None) => return (None, None, Ok(())),
            Err(why) => return (None, None, Err(why)),
        };
        let mut wrong = Ok(());
        let restarts = self.restarts(&place);
        let max = self.max_of(parent, &around, &place);
        if let Some(node) = self.live.get_mut(parent) {
            if node.skipped.remove(path) && !restarts {
                wrong = Err("started after it had been skipped".into());
            }
            for (entry, key) in entries(&place, max) {
                let entered = node.blocks.entry(key).or_default().enter(entry);
                wrong = wrong.and(entered);
            }
        }
        let mut cell = None;
        if place.is_cell {
            let (found, entered) = self.enter_cell(parent, &place, path);
            cell = found;
            wrong = wrong.and(entered);
        }
        (Some(place), cell, wrong)
    }

    /// Which statement of the plan a node is; nothing where that cannot be said.
    fn place(
        &mut self,
        parent: &Name,
        around: &Arc<Place>,
        path: &Name,
    ) -> Result<Option<Arc<Place>>, String> {
        let segment = last(path);
        let tree = &self.plan.tree;
        let mut found = self.places.find(tree, around.tree, around.is_cell, segment);
        if found.is_empty() {
            return Err("has no place in the plan".into());
        }
        let needs_workflow = found.iter().any(|place| place.workflow.is_some());
        if found.len() > 1 || needs_workflow {
            let plan = self.plan.clone();
            let uses = values::workflow_of(&plan, around.tree, &self.around(parent));
            found.retain(|place| place.workflow.is_none() || place.workflow == uses);
            if found.len() > 1 {
                let named = |place: &Arc<Place>, nodes: &mut Self| {
                    let locals = nodes.locals_at(parent, place);
                    plan.walk().label(place.tree, &locals) == segment
                };
                let fitting: Vec<bool> = found.iter().map(|it| named(it, self)).collect();
                let mut fits = fitting.into_iter();
                found.retain(|_| fits.next().unwrap_or(false));
            }
        }
        if found.len() > 1 {
            self.twins.insert(path.clone());
        }
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    /// Whether a node may begin again without anything being told of what it is in: a block around
    /// it, or the loop whose cell it is, tries again.
    fn restarts(&self, place: &Place) -> bool {
        place.way.iter().any(|link| link.restarts)
            || (place.is_cell && may_restart(&self.plan.tree, place.tree))
    }

    /// How many children of a `parallel` may run at once.
    fn max_of(&mut self, parent: &Name, around: &Place, place: &Place) -> Option<usize> {
        let first = place.way.first().filter(|link| link.parallel)?;
        let plan = self.plan.clone();
        let max = plan.tree.get(first.block).stmt.modifiers.max.as_ref()?;
        debug_assert_eq!(
            first.block, around.tree,
            "a `parallel` has a place of its own"
        );
        values::count(&plan, max, &self.around(parent))
    }

    fn enter_cell(
        &mut self,
        parent: &Name,
        place: &Arc<Place>,
        path: &Name,
    ) -> (Option<Cell>, Result<(), String>) {
        let known = self
            .live
            .get(parent)
            .is_some_and(|it| it.cells.contains_key(&place.tree));
        if !known {
            let locals = self.locals_at(parent, place);
            let (mut cells, index) = values::cells(&self.plan, place.tree, &locals);
            cells.restarts = self.restarts(place);
            if let Some(node) = self.live.get_mut(parent) {
                node.cells.insert(place.tree, (cells, index));
            }
        }
        let segment = last(path);
        let Some(node) = self.live.get_mut(parent) else {
            return (None, Ok(()));
        };
        let Some((cells, index)) = node.cells.get_mut(&place.tree) else {
            return (None, Ok(()));
        };
        let cell = match index {
            None => None,
            Some(index) => match index.get(segment) {
                Some((Some(cell), _)) => Some(cell.clone()),
                Some((None, _)) => {
                    self.twins.insert(path.clone());
                    return (None, Ok(()));
                }
                None => return (None, Err("is no cell of its loop".into())),
            },
        };
        let entered = cells.enter(cell.as_ref());
        (cell, entered)
    }

    // --- Values --------------------------------------------------------------------------

    /// What the statements in a node see, as far as it is known.
    fn around(&mut self, path: &Name) -> Locals {
        let Some(node) = self.live.get(path) else {
            return Locals::default();
        };
        if let Some(locals) = &node.locals {
            return locals.clone();
        }
        let (place, parent) = (node.place.clone(), node.parent.clone());
        let (Some(place), Some(parent)) = (place, parent) else {
            return Locals::default();
        };
        let outside = self.locals_at(&parent, &place);
        let segment = last(path);
        let cells = self
            .live
            .get(&parent)
            .and_then(|it| it.cells.get(&place.tree));
        let in_cell = cells
            .filter(|_| place.is_cell)
            .and_then(|(_, index)| index.as_ref()?.get(segment))
            .map(|(_, locals)| locals.clone());
        let locals = match place.is_cell {
            true => in_cell.unwrap_or_default(),
            false => values::inside(&self.plan, place.tree, &outside),
        };
        if let Some(node) = self.live.get_mut(path) {
            node.locals = Some(locals.clone());
        }
        locals
    }

    /// What a statement in a node sees.
    fn locals_at(&mut self, parent: &Name, place: &Place) -> Locals {
        let locals = self.around(parent);
        values::behind(&self.plan, &place.way, locals)
    }

    // --- Ending --------------------------------------------------------------------------

    /// A node ends, or begins to roll back.
    pub(super) fn end(&mut self, path: &Name, kind: NodeKind, to: Status) -> Result<(), String> {
        if self.is_twin(path) {
            return Ok(());
        }
        let mut wrong = Ok(());
        if !self.live.contains_key(path) {
            // What is stopped before it began was never told to have started.
            wrong = match to {
                Status::Cancelled => self.add(path, kind, Phase::Queued),
                _ => return Err("ended without having started".into()),
            };
        }
        let Some(node) = self.live.get_mut(path) else {
            return wrong;
        };
        if node.children > 0 {
            wrong = wrong.and(Err("ended while something in it ran".into()));
        }
        let rolled_back = matches!(to, Status::RolledBack | Status::RollbackFailed);
        let legal = match (node.phase, to) {
            (_, Status::Pending | Status::Queued | Status::Waiting | Status::Running) => false,
            (Phase::RollingBack, _) => rolled_back,
            _ => !rolled_back,
        };
        if !legal {
            let before = match node.phase {
                Phase::Running => "it ran",
                Phase::Waiting => "it waited",
                Phase::Queued => "it was queued",
                Phase::RollingBack => "it was rolling back",
            };
            wrong = wrong.and(Err(format!("became `{to}` while {before}")));
        }
        if to == Status::RollingBack {
            node.phase = Phase::RollingBack;
            return wrong;
        }
        self.remove(path, to);
        wrong
    }

    fn remove(&mut self, path: &Name, to: Status) {
        let Some(node) = self.live.remove(path) else {
            return;
        };
        let Some(parent) = &node.parent else {
            self.ended = Some(to);
            return;
        };
        let Some(around) = self.live.get_mut(parent) else {
            return;
        };
        around.children = around.children.saturating_sub(1);
        let Some(place) = node.place else { return };
        for (entry, key) in entries(&place, None) {
            if let Some(block) = around.blocks.get_mut(&key) {
                block.leave(entry, to.is_good());
            }
        }
        if let Some((cells, _)) = around.cells.get_mut(&place.tree).filter(|_| place.is_cell) {
            cells.leave(node.cell.as_ref());
        }
    }

    /// A node will never start.
    pub(super) fn skip(&mut self, path: &Name) -> Result<(), String> {
        if self.is_twin(path) {
            return Ok(());
        }
        if self.live.contains_key(path) {
            return Err("was skipped although it had started".into());
        }
        let parent = above(path).next();
        if let Some(node) = parent.and_then(|parent| self.live.get_mut(parent)) {
            node.skipped.insert(path.clone());
        }
        Ok(())
    }

    // --- Questions -----------------------------------------------------------------------

    /// Whether a node or one around it is rolling back, as far as it is told of.
    pub(super) fn something_rolls_back(&self, path: &str) -> bool {
        let rolls = |path: &str| {
            let node = self.live.get(path);
            node.is_some_and(|node| node.phase == Phase::RollingBack)
        };
        self.hidden_scopes || !self.twins.is_empty() || rolls(path) || above(path).any(rolls)
    }

    /// The infrastructure that a deployment holds, and the stage or pipeline that holds it.
    pub(super) fn holds(&self, path: &Name) -> Option<(Name, Name)> {
        self.live.get(path)?;
        if segments(path).contains(&"undo") {
            return None;
        }
        let segment = last(path);
        let target = segment.rsplit_once(", ")?.1.split(']').next()?;
        let places = &self.plan.bound.program.infrastructures;
        let at = places.iter().position(|it| *it.name == *target)?;
        let id = lockstep_base::value::InfrastructureId(at as u32);
        if !self.plan.bound.facts.is_exclusive(id) {
            return None;
        }
        let is_stage = |path: &&str| {
            let node = self.live.get(*path);
            node.is_some_and(|node| node.kind == NodeKind::Stage)
        };
        let holder = above(path).find(is_stage).unwrap_or(&self.root);
        Some((Name::from(target), Name::from(holder)))
    }

    /// What a node is in, and what that is, where the node is part of its body.
    pub(super) fn parent_of_body(&self, path: &Name) -> Option<(Name, NodeKind)> {
        let node = self.live.get(path)?;
        node.place.as_ref()?;
        let parent = node.parent.clone()?;
        let kind = self.live.get(&parent)?.kind;
        Some((parent, kind))
    }

    /// Whether a node holds something already.
    pub(super) fn is_holding(&self, path: &Name) -> bool {
        self.live.get(path).is_some_and(|node| node.holds)
    }

    /// Notes whether a node holds something. Whether that is news.
    pub(super) fn note_hold(&mut self, path: &Name, holds: bool) -> bool {
        let node = self.live.get_mut(path);
        node.is_some_and(|node| std::mem::replace(&mut node.holds, holds) != holds)
    }

    /// Whether a `lock` holds its resource exactly as long as it runs.
    pub(super) fn is_plain_lock(&self, path: &Name) -> bool {
        let Some(place) = self.live.get(path).and_then(|node| node.place.as_ref()) else {
            return false;
        };
        let spot = self.plan.tree.get(place.tree);
        spot.on_failure.is_empty() && spot.always.is_none() && spot.stmt.modifiers.retry.is_none()
    }

    /// The name of a lock's resource, and how many may hold it where that is known.
    pub(super) fn lock(&mut self, path: &Name) -> Option<(String, Option<u32>)> {
        let node = self.live.get(path)?;
        let (place, parent) = (node.place.clone()?, node.parent.clone()?);
        let plan = self.plan.clone();
        let StmtKind::Lock { limit, .. } = &plan.tree.get(place.tree).stmt.kind else {
            return None;
        };
        let segment = last(path);
        let name = segment
            .strip_prefix("lock[")?
            .rsplit_once(']')?
            .0
            .to_string();
        let limit = match limit {
            None => Some(1),
            Some(limit) => {
                let locals = self.locals_at(&parent, &place);
                values::count(&plan, limit, &locals).and_then(|it| u32::try_from(it).ok())
            }
        };
        Some((name, limit))
    }

    /// The meeting that a barrier belongs to: its name in one activation of its block.
    pub(super) fn meeting(&self, path: &Name) -> Option<String> {
        let place = self.live.get(path)?.place.as_ref()?;
        let StmtKind::Barrier { name, .. } = &self.plan.tree.get(place.tree).stmt.kind else {
            return None;
        };
        let meeting = self.plan.meetings.iter().find(|it| it.name == *name)?;
        let label = last(path).split('#').next()?;
        let around = above(path).find(|path| {
            let node = self.live.get(*path).and_then(|node| node.place.as_ref());
            node.is_some_and(|place| place.tree == meeting.block)
        })?;
        let node = self.live.get(around)?;
        if !node.place.as_ref()?.is_cell {
            return Some(format!("{around} {label}"));
        }
        let fixed = node.cell.as_ref()?.position.get(..meeting.fixed_axes)?;
        let parent = node.parent.as_ref()?;
        Some(format!("{parent} {:?} {fixed:?} {label}", meeting.block))
    }
}

/// How a node enters the blocks on its way.
fn entries(
    place: &Place,
    max: Option<usize>,
) -> impl Iterator<Item = (Entry, (TreeId, usize))> + '_ {
    let last = place.way.len().saturating_sub(1);
    let entry = move |(number, link): (usize, &Link)| {
        let entry = Entry {
            at: link.at,
            parallel: link.parallel,
            restarts: link.restarts,
            direct: number == last && !place.is_cell,
            max: max.filter(|_| link.parallel),
        };
        // Each branch of an `if` is a block of its own.
        (
            entry,
            (link.block, Arc::as_ptr(&link.seq).cast::<u8>() as usize),
        )
    };
    place.way.iter().enumerate().map(entry)
}

/// The paths around a path, the nearest first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

/// The path around a path. A `/` in brackets splits nothing.
fn parent(path: &str) -> Option<&str> {
    if path.contains('"') {
        // Brackets in quotes are no brackets, which shows only from the front.
        let last = segments(path).pop()?;
        return path.get(..path.len().checked_sub(last.len() + 1)?);
    }
    let mut depth = 0_usize;
    for (at, byte) in path.bytes().enumerate().rev() {
        match byte {
            b']' => depth += 1,
            b'[' => depth = depth.saturating_sub(1),
            b'/' if depth == 0 => return path.get(..at),
            _ => {}
        }
    }
    None
}

/// The last part of a path.
fn last(path: &str) -> &str {
    match parent(path) {
        Some(parent) => path.get(parent.len() + 1..).unwrap_or_default(),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_from_the_end() {
        for path in [
            "p",
            "p/a",
            "p/m[a/b, c]/x",
            "p/lock[\"a]/\"]/run#2",
            "p/m[x]#2/d[a, b]",
        ] {
            let mut all = segments(path);
            assert_eq!(last(path), all.pop().expect("a segment"));
            assert_eq!(parent(path).unwrap_or_default(), all.join("/"));
        }
    }
}
