//! Conformance of nodes: the state of each active node as reported, and whether it may begin and
//! end as it does.
//!
//! This is part of every run, so an event must cost little: a path is looked up once for each
//! event, and parsed once for each node. Everything else uses the number that the node has in the
//! table here, and the numbers of its statement and of the bodies around it.

use std::sync::Arc;

use lockstep_base::node_path::{
    HandlerPart, NodePath, PathPart, ancestors, is_handler, is_in_handler, parent, parts,
};
use lockstep_base::source::Name;
use lockstep_base::value::InfrastructureId;
use lockstep_engine::run_event::{NodeKind, Status};
use lockstep_lang::ir::StmtKind;
use lockstep_plan::grid::Position;
use lockstep_plan::{Locals, Plan, TreeId};

use super::blocks::{BlockEntry, ObservedBlock};
use super::hash::FastSet;
use super::statement_paths::{EnclosingBlock, StatementPath, StatementPaths, has_hidden_scopes};
use super::table::{Loop, NodeId, ObservedNode, ObservedPhase, Table};
use super::values;

/// All active nodes.
#[derive(Debug)]
pub(super) struct ObservedNodes {
    plan: Arc<Plan>,
    places: StatementPaths,
    table: Table,
    root: NodePath,
    ended: Option<Status>,
    hidden_scopes: bool,
    /// The names of the infrastructures that only one stage at a time deploys to.
    exclusive: Arc<FastSet<Name>>,
    /// Room to take the values out of a segment.
    plain: String,
}

/// The statement that a node belongs to, the number of its cell, and how it breaks the plan.
type Entered = (
    Option<Arc<StatementPath>>,
    Option<usize>,
    Result<(), String>,
);

impl ObservedNodes {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let infrastructures = plan.bound.program.infrastructures.iter().enumerate();
        let exclusive = infrastructures.filter(|(at, _)| {
            let id = InfrastructureId(*at as u32);
            plan.bound.facts.is_exclusive(id)
        });
        Self {
            root: plan.bound.pipeline().name.clone().into(),
            hidden_scopes: has_hidden_scopes(&plan.tree),
            exclusive: Arc::new(exclusive.map(|(_, it)| it.name.clone()).collect()),
            places: StatementPaths::default(),
            plan,
            table: Table::default(),
            ended: None,
            plain: String::new(),
        }
    }

    /// No nodes yet, of the same plan.
    pub(super) fn for_next_run(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            places: self.places.clone(),
            root: self.root.clone(),
            hidden_scopes: self.hidden_scopes,
            exclusive: self.exclusive.clone(),
            table: Table::default(),
            ended: None,
            plain: String::new(),
        }
    }

    /// The active node with this path, if there is one.
    pub(super) fn find(&self, path: &str) -> Option<NodeId> {
        self.table.find(path)
    }

    /// Any active node, if there is one.
    pub(super) fn any_live(&self) -> Option<NodePath> {
        self.table.paths().min().cloned()
    }

    /// How the pipeline ended, if it has.
    pub(super) fn root_status(&self) -> Option<Status> {
        self.ended
    }

    // --- Beginning -----------------------------------------------------------------------

    /// A node begins, begins again, or waits. Returns its number, where it can be distinguished
    /// from others.
    pub(super) fn begin(
        &mut self,
        known: Option<NodeId>,
        path: &NodePath,
        kind: NodeKind,
        to: ObservedPhase,
    ) -> (Option<NodeId>, Result<(), String>) {
        let Some((id, node)) = known.and_then(|id| Some((id, self.table.get_mut(id)?))) else {
            return self.add(path, kind, to);
        };
        let from = std::mem::replace(&mut node.phase, to);
        let begun = match (from, to) {
            (ObservedPhase::RollingBack, _) => Err("went on while it was rolled back".into()),
            (ObservedPhase::Running, ObservedPhase::Running) => {
                Err("started although it runs".into())
            }
            (_, ObservedPhase::Running) if node.children > 0 => {
                Err("began again while something in it ran".into())
            }
            (_, ObservedPhase::Running) => {
                if let Some(body) = &mut node.body {
                    body.blocks.clear();
                    body.loops.clear();
                    body.skipped = None;
                }
                Ok(())
            }
            _ => Ok(()),
        };
        (Some(id), begun)
    }

    /// Adds a node that was not active.
    fn add(
        &mut self,
        path: &NodePath,
        kind: NodeKind,
        phase: ObservedPhase,
    ) -> (Option<NodeId>, Result<(), String>) {
        let around = parent(path);
        let segment = around.map_or(0, |around| around.len() + 1);
        let name = path.get(segment..).unwrap_or_default();
        let mut parent = around.and_then(|around| self.find(around));
        let aside = match parent.and_then(|parent| self.table.get(parent)) {
            Some(parent) => parent.aside || is_handler(name),
            None => is_in_handler(path),
        };
        if parent.is_none() && aside {
            // What handles a node's failure is in the nearest reported node that contains it.
            parent = ancestors(path).find_map(|around| self.find(around));
        }
        let mut wrong = Ok(());
        let mut place = None;
        let mut cell = None;
        match parent {
            None if *path == self.root => {
                place = Some(Arc::new(StatementPath::root(&self.plan.tree)));
            }
            None => {
                let what = "started although what it is in does not run";
                return (None, Err(what.into()));
            }
            Some(parent) if !aside => {
                (place, cell, wrong) = self.enter(parent, path, name);
            }
            Some(_) => {}
        }
        if let Some(parent) = parent.and_then(|it| self.table.get_mut(it)) {
            parent.children += 1;
            if parent.phase == ObservedPhase::RollingBack && !aside {
                wrong = wrong.and(Err("started in something that rolls back".into()));
            }
        }
        let id = self.table.insert(ObservedNode {
            path: path.clone(),
            segment,
            kind,
            phase,
            aside,
            place,
            parent,
            children: 0,
            cell,
            holds: false,
            body: None,
        });
        (Some(id), wrong)
    }

    /// A node begins in a node of the plan.
    fn enter(&mut self, parent: NodeId, path: &NodePath, segment: &str) -> Entered {
        let place = match self.place(parent, segment) {
            Ok(Some(place)) => place,
            Ok(None) => return (None, None, Ok(())),
            Err(why) => return (None, None, Err(why)),
        };
        let mut wrong = Ok(());
        let max = self.max_of(parent, &place);
        if let Some(node) = self.table.get_mut(parent) {
            let body = node.body();
            let skipped = body.skipped.as_mut().is_some_and(|it| it.remove(path));
            if skipped && !place.restarts {
                wrong = Err("started after it had been skipped".into());
            }
            for (entry, number) in entries(&place, max) {
                if body.blocks.len() <= number {
                    body.blocks.resize_with(number + 1, ObservedBlock::default);
                }
                if let Some(block) = body.blocks.get_mut(number) {
                    wrong = wrong.and(block.enter(entry));
                }
            }
        }
        let mut cell = None;
        if place.is_cell {
            let (found, entered) = self.enter_cell(parent, &place, segment);
            cell = found;
            wrong = wrong.and(entered);
        }
        (Some(place), cell, wrong)
    }

    /// Which statement of the plan a node is; nothing where that is ambiguous.
    fn place(
        &mut self,
        parent: NodeId,
        segment: &str,
    ) -> Result<Option<Arc<StatementPath>>, String> {
        let around = self.table.get_mut(parent);
        let Some((scope, node)) = around.and_then(|node| Some((node.place.as_ref()?.tree, node)))
        else {
            return Ok(None);
        };
        let places = &mut self.places;
        let inside = node
            .body()
            .inside
            .get_or_insert_with(|| places.inside(&self.plan, scope));
        match inside.find(segment, &mut self.plain) {
            [] => Err("has no place in the plan".into()),
            [only] if only.workflow.is_none() => Ok(Some(only.clone())),
            several => {
                let several = several.to_vec();
                Ok(self.place_among(several, parent, segment))
            }
        }
    }

    /// Which of several statements a node is.
    fn place_among(
        &mut self,
        mut found: Vec<Arc<StatementPath>>,
        parent: NodeId,
        segment: &str,
    ) -> Option<Arc<StatementPath>> {
        let plan = self.plan.clone();
        if found.iter().any(|place| place.workflow.is_some()) {
            let scope = self
                .table
                .get(parent)
                .and_then(|it| it.place.as_ref())?
                .tree;
            let uses = values::workflow_of(&plan, scope, &self.around(parent));
            found.retain(|place| place.workflow.is_none() || place.workflow == uses);
        }
        if found.len() > 1 {
            found.retain(|place| match &place.name {
                Some(name) => name == segment,
                None => {
                    let locals = self.locals_at(parent, place);
                    let part = plan.walk().part(place.tree, &locals);
                    part.is_some_and(|part| part.text() == segment)
                }
            });
        }
        found.pop().filter(|_| found.is_empty())
    }

    /// How many children of a `parallel` may run at once.
    fn max_of(&mut self, parent: NodeId, place: &StatementPath) -> Option<usize> {
        let first = place.way.first().filter(|link| link.parallel)?;
        let known = self
            .table
            .get(parent)
            .and_then(|node| node.body.as_ref()?.max);
        if let Some(known) = known {
            return known;
        }
        let plan = self.plan.clone();
        let max = plan.tree.get(first.block).stmt.modifiers.max.as_ref();
        let max = max.and_then(|max| values::count(&plan, max, &self.around(parent)));
        if let Some(node) = self.table.get_mut(parent) {
            node.body().max = Some(max);
        }
        max
    }

    fn enter_cell(
        &mut self,
        parent: NodeId,
        place: &Arc<StatementPath>,
        segment: &str,
    ) -> (Option<usize>, Result<(), String>) {
        let known = self
            .table
            .get(parent)
            .is_some_and(|it| it.cells(place.tree).is_some());
        if !known {
            let locals = self.locals_at(parent, place);
            let (mut cells, index) = values::cells(&self.plan, place.tree, &locals);
            cells.restarts = place.restarts;
            let tree = place.tree;
            if let Some(node) = self.table.get_mut(parent) {
                node.body().loops.push(Loop { tree, cells, index });
            }
        }
        let node = self.table.get_mut(parent);
        let Some(Loop { cells, index, .. }) = node.and_then(|it| it.cells_mut(place.tree)) else {
            return (None, Ok(()));
        };
        let cell = match index {
            None => None,
            Some(index) => match index.get(segment) {
                Some((cell, _)) => Some(*cell),
                None => return (None, Err("is not a cell of its loop".into())),
            },
        };
        let entered = cells.enter(cell);
        (cell, entered)
    }

    // --- Values --------------------------------------------------------------------------

    /// What the statements in a node see, as far as it is known.
    fn around(&mut self, id: NodeId) -> Locals {
        let Some(node) = self.table.get(id) else {
            return Locals::default();
        };
        if let Some(locals) = node.body.as_ref().and_then(|it| it.locals.as_ref()) {
            return locals.clone();
        }
        let (Some(place), Some(parent)) = (node.place.clone(), node.parent) else {
            return Locals::default();
        };
        let segment = node.segment();
        let cells = self.table.get(parent).and_then(|it| it.cells(place.tree));
        let in_cell = cells
            .filter(|_| place.is_cell)
            .and_then(|it| it.index.as_ref()?.get(segment))
            .map(|(_, locals)| locals.clone());
        let locals = match place.is_cell {
            true => in_cell.unwrap_or_default(),
            false => {
                let outside = self.locals_at(parent, &place);
                values::inside(&self.plan, place.tree, &outside)
            }
        };
        if let Some(node) = self.table.get_mut(id) {
            node.body().locals = Some(locals.clone());
        }
        locals
    }

    /// What a statement in a node sees.
    fn locals_at(&mut self, parent: NodeId, place: &StatementPath) -> Locals {
        let locals = self.around(parent);
        values::behind(&self.plan, &place.way, locals)
    }

    // --- Ending --------------------------------------------------------------------------

    /// A node ends, or begins to roll back.
    pub(super) fn end(
        &mut self,
        known: Option<NodeId>,
        path: &NodePath,
        kind: NodeKind,
        to: Status,
    ) -> Result<(), String> {
        let mut wrong = Ok(());
        let mut id = known;
        if id.is_none() {
            // What is stopped before it began was never reported as started.
            (id, wrong) = match to {
                Status::Cancelled => self.add(path, kind, ObservedPhase::Queued),
                _ => return Err("ended without having started".into()),
            };
        }
        let Some((id, node)) = id.and_then(|id| Some((id, self.table.get_mut(id)?))) else {
            return wrong;
        };
        if node.children > 0 {
            wrong = wrong.and(Err("ended while something in it ran".into()));
        }
        let rolled_back = matches!(to, Status::RolledBack | Status::RollbackFailed);
        let legal = match (node.phase, to) {
            (_, Status::Pending | Status::Queued | Status::Waiting | Status::Running) => false,
            (ObservedPhase::RollingBack, _) => rolled_back,
            _ => !rolled_back,
        };
        if !legal {
            let before = match node.phase {
                ObservedPhase::Running => "it ran",
                ObservedPhase::Waiting => "it waited",
                ObservedPhase::Queued => "it was queued",
                ObservedPhase::RollingBack => "it was rolling back",
            };
            wrong = wrong.and(Err(format!("became `{to}` while {before}")));
        }
        if to == Status::RollingBack {
            node.phase = ObservedPhase::RollingBack;
            return wrong;
        }
        self.remove(id, to);
        wrong
    }

    fn remove(&mut self, id: NodeId, to: Status) {
        let Some(node) = self.table.take(id) else {
            return;
        };
        let Some(parent) = node.parent else {
            self.ended = Some(to);
            return;
        };
        let Some(around) = self.table.get_mut(parent) else {
            return;
        };
        around.children = around.children.saturating_sub(1);
        let Some(place) = node.place else { return };
        let blocks = around.body.as_mut().map(|it| &mut it.blocks);
        if let Some(blocks) = blocks {
            for (entry, number) in entries(&place, None) {
                if let Some(block) = blocks.get_mut(number) {
                    block.leave(entry, to.is_good());
                }
            }
        }
        if place.is_cell
            && let Some(it) = around.cells_mut(place.tree)
        {
            it.cells.leave(node.cell);
        }
    }

    /// A node will never start.
    pub(super) fn skip(&mut self, known: Option<NodeId>, path: &NodePath) -> Result<(), String> {
        if known.is_some() {
            return Err("was skipped although it had started".into());
        }
        let parent = parent(path).and_then(|parent| self.find(parent));
        if let Some(node) = parent.and_then(|parent| self.table.get_mut(parent)) {
            let skipped = &mut node.body().skipped;
            skipped.get_or_insert_default().insert(path.clone());
        }
        Ok(())
    }

    // --- Questions -----------------------------------------------------------------------

    /// Whether a node, or one that contains it, is rolling back, as far as it is reported.
    pub(super) fn something_rolls_back(&self, path: &str) -> bool {
        let rolls = |path: &str| {
            let node = self.find(path).and_then(|id| self.table.get(id));
            node.is_some_and(|node| node.phase == ObservedPhase::RollingBack)
        };
        self.hidden_scopes || rolls(path) || ancestors(path).any(rolls)
    }

    /// The infrastructure that a deployment holds, and the stage or pipeline that holds it.
    pub(super) fn holds(&self, id: NodeId) -> Option<(Name, NodePath)> {
        let node = self.table.get(id)?;
        if node.aside && parts(&node.path).any(|part| part == HandlerPart::Undo.as_str()) {
            return None;
        }
        let part = PathPart::read(node.segment());
        let target = self.exclusive.get(part.deployment()?.1)?;
        let holds = |node: &&ObservedNode| {
            let place = node.place.as_ref();
            place.is_some_and(|it| self.plan.tree.get(it.tree).holds_locks)
        };
        let holder = self.around_it(node).find(holds);
        // The cells of a loop share what it holds.
        let holder = holder.and_then(|it| match it.cell {
            Some(_) => self.around_it(it).next(),
            None => Some(it),
        });
        let holder = holder.map_or(&self.root, |holder| &holder.path);
        Some((target.clone(), holder.clone()))
    }

    /// The nodes around a node, the nearest first.
    fn around_it<'a>(&'a self, node: &'a ObservedNode) -> impl Iterator<Item = &'a ObservedNode> {
        let parent = |node: &&'a ObservedNode| self.table.get(node.parent?);
        std::iter::successors(parent(&node), parent)
    }

    /// What a node is in, and what that is, where the node is part of its body.
    pub(super) fn parent_of_body(&self, id: NodeId) -> Option<(NodeId, NodeKind)> {
        let node = self.table.get(id)?;
        node.place.as_ref()?;
        let parent = node.parent?;
        Some((parent, self.table.get(parent)?.kind))
    }

    /// The path of a node.
    pub(super) fn path(&self, id: NodeId) -> NodePath {
        let node = self.table.get(id);
        node.map_or_else(NodePath::default, |node| node.path.clone())
    }

    /// Whether a node holds something already.
    pub(super) fn is_holding(&self, id: NodeId) -> bool {
        self.table.get(id).is_some_and(|node| node.holds)
    }

    /// Records whether a node holds something; returns whether that is new.
    pub(super) fn note_hold(&mut self, id: NodeId, holds: bool) -> bool {
        let node = self.table.get_mut(id);
        node.is_some_and(|node| std::mem::replace(&mut node.holds, holds) != holds)
    }

    /// Whether a `lock` holds its resource exactly as long as it runs.
    pub(super) fn is_plain_lock(&self, id: NodeId) -> bool {
        let Some(place) = self.table.get(id).and_then(|node| node.place.as_ref()) else {
            return false;
        };
        let spot = self.plan.tree.get(place.tree);
        spot.on_failure.is_empty() && spot.always.is_none() && spot.stmt.modifiers.retry.is_none()
    }

    /// The names of a lock's resources, and how many may hold them where that is known.
    pub(super) fn lock(&mut self, id: NodeId) -> Option<(Vec<String>, Option<u32>)> {
        let node = self.table.get(id)?;
        let (place, parent) = (node.place.clone()?, node.parent?);
        let part = PathPart::read(node.segment());
        let names = part.values.iter().map(ToString::to_string).collect();
        let plan = self.plan.clone();
        let StmtKind::Lock { limit, .. } = &plan.tree.get(place.tree).stmt.kind else {
            return None;
        };
        let limit = match limit {
            None => Some(1),
            Some(limit) => {
                let locals = self.locals_at(parent, &place);
                values::count(&plan, limit, &locals).and_then(|it| u32::try_from(it).ok())
            }
        };
        Some((names, limit))
    }

    /// The meeting that a barrier belongs to: its name in one activation of its block.
    pub(super) fn meeting(&self, id: NodeId) -> Option<MeetingKey> {
        let node = self.table.get(id)?;
        let meeting = self.plan.meetings.get(node.place.as_ref()?.meeting?)?;
        let part = PathPart::read(node.segment());
        let label = PathPart { number: 1, ..part }.text();
        let is_block = |node: &&ObservedNode| {
            let place = node.place.as_ref();
            place.is_some_and(|place| place.tree == meeting.block)
        };
        let mut at = node.parent;
        let (block, around) = loop {
            let node = self.table.get(at?)?;
            if is_block(&node) {
                break (at?, node);
            }
            at = node.parent;
        };
        let place = around.place.as_ref()?;
        if !place.is_cell {
            return Some(MeetingKey {
                around: block,
                block: meeting.block,
                fixed: Position::new(),
                label,
            });
        }
        let outside = around.parent?;
        let cells = &self.table.get(outside)?.cells(place.tree)?.cells;
        let fixed = cells.position(around.cell?).get(..meeting.fixed_axes)?;
        Some(MeetingKey {
            around: outside,
            block: meeting.block,
            fixed: fixed.to_vec(),
            label,
        })
    }
}

/// Names a meeting at a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MeetingKey {
    /// The block in which it meets; for the cells of a loop, what the loop is in.
    around: NodeId,
    block: TreeId,
    /// The elements of the axes that are the same for all who meet.
    fixed: Position,
    /// The barrier's name and key.
    label: String,
}

impl MeetingKey {
    /// Whether the barrier has a key, so that who comes to one does not come to another.
    pub(super) fn has_key(&self) -> bool {
        self.label.contains(", ")
    }
}

/// How a node enters the blocks on its way, with the numbers of the bodies.
fn entries(
    place: &StatementPath,
    max: Option<usize>,
) -> impl Iterator<Item = (BlockEntry, usize)> + '_ {
    let last = place.way.len().saturating_sub(1);
    let entry = move |(number, link): (usize, &EnclosingBlock)| {
        let entry = BlockEntry {
            at: link.at,
            parallel: link.parallel,
            restarts: link.restarts,
            direct: number == last && !place.is_cell,
            max: max.filter(|_| link.parallel),
        };
        (entry, link.body)
    };
    place.way.iter().enumerate().map(entry)
}
