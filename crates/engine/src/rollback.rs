//! Rollback: what a scope did is undone, serial parts in reverse order, parallel parts at once, as
//! many as `max` allows, each under the locks that it held. A part that fails is reported and the
//! others still run.

use super::Machine;
use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;

use super::broken::{Breach, BrokenInvariant, Checked};
use super::event::{EffectId, LockDemand};
use super::fingerprint::hash_shown;
use super::node::{BodyEnd, InheritedContext, NodeId, NodePhase, NodeRole, NodeWork, SequenceWork};
use super::run_event::{DeploymentRecord, Failure, NodeKind, RunEventKind, Status};
use super::state::Activity;
use super::undo_list::{Undo, UndoCell, UndoCells, UndoList, UndoScope, UndoStep};
use lockstep_base::node_path::{self, HandlerPart, NodePath};
use lockstep_base::source::Name;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::{FailureClass, Order, StmtKind};
use lockstep_plan::{Locals, TreeId};

/// An active rollback.
#[derive(Debug, Clone, Default)]
pub struct UndoWork {
    /// What is still to be undone, the last first.
    items: Vec<UndoTask>,
    /// Whether all of it is undone at once.
    parallel: bool,
    /// How many parts are active.
    live: usize,
    /// Whether a part failed.
    failed: bool,
    /// The deployment whose status this part changes.
    scope: Option<Box<UndoScope>>,
    /// The locks that this part needs and does not have yet.
    wants: Vec<LockDemand>,
    /// The request for its locks.
    locks: Option<EffectId>,
    /// The names of the locks that this part holds.
    holds: Vec<Name>,
    /// How many cells in it may be undone at once, where that is limited.
    room: Option<Room>,
    /// Whether it needs a place in the part around it, and has one.
    place: Place,
    /// The run that has deployed there since: then nothing is undone.
    passed_over: Option<Name>,
}

/// A part of a rollback, before it is a node.
#[derive(Debug, Clone)]
enum UndoTask {
    /// What was recorded.
    Recorded(Undo),
    /// These, the last first.
    Serial(Vec<UndoTask>),
    /// These, all at once.
    Parallel(Vec<UndoTask>),
    /// What cells did, of which only so many are undone at once.
    Bounded(usize, Box<UndoTask>),
    /// What a cell did. Where the number is limited, it takes a place.
    Cell(UndoList, Place),
}

/// Whether a part of a rollback needs a place among those that may be undone at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// It needs none.
    #[default]
    NotNeeded,
    /// It needs one.
    Needed,
    /// It has one, given by this part.
    Taken(NodeId),
}

/// The places for cells that are undone at once.
#[derive(Debug, Clone, Default)]
struct Room {
    free: usize,
    waiting: VecDeque<NodeId>,
}

impl UndoWork {
    fn of(items: Vec<UndoTask>) -> Self {
        Self {
            items,
            ..Self::default()
        }
    }

    /// Whether it waits for this request for locks, or holds them.
    pub(super) fn requested(&self, request: EffectId) -> bool {
        self.locks == Some(request)
    }

    /// The request for its locks.
    pub(super) fn locks(&self) -> Option<EffectId> {
        self.locks
    }

    /// The deployment whose status it changes, taken out of it.
    pub(super) fn take_scope(&mut self) -> Option<Box<UndoScope>> {
        self.scope.take()
    }

    /// The ledger line of the deployment that it undoes, if it is one.
    pub(super) fn line(&mut self) -> Option<&mut DeploymentRecord> {
        self.scope.as_mut().map(|scope| &mut scope.deployment)
    }

    /// What of it makes a difference to what comes.
    pub(super) fn hash_into(&self, hasher: &mut DefaultHasher) {
        (self.parallel, self.live, self.failed, self.locks.is_some()).hash(hasher);
        let room = self.room.as_ref();
        let room = room.map(|room| (room.free, room.waiting.len()));
        (room, matches!(self.place, Place::Taken(_))).hash(hasher);
        hash_shown(&(&self.items, &self.wants), hasher);
    }
}

impl Machine {
    /// Undoes what a scope did. A scope that did nothing that can be undone just fails.
    pub(super) fn roll_back(&mut self, id: NodeId) -> Checked<()> {
        if self.leave_superseded(id)? {
            return self.run_always(id);
        }
        let list = std::mem::take(&mut self.node_mut(id)?.undo);
        if self.keeps_way_back {
            // What fails of it is still to be taken back.
            self.node_mut(id)?.undo = list.clone();
        }
        let list = self.completed_undos.remaining(&self.plan, list);
        if list.is_empty() {
            return self.run_always(id);
        }
        if !list.has_way_back() {
            let mut steps = Vec::new();
            list.each_step(&mut |step| steps.push(step.clone()));
            for step in steps.iter().rev() {
                self.tell_no_way_back(step);
            }
            return self.run_always(id);
        }
        let list = self.undo_under_own_lock(id, list)?;
        self.set(id, Status::RollingBack)?;
        self.go_to(id, NodePhase::RollingBack)?;
        let node = self.node(id)?;
        let (tree, path) = (node.tree, node.path.clone());
        let failure = node.pending_failure.as_ref().map(|it| it.failure.clone());
        self.emit_finished(id, failure)?;
        let work = NodeWork::Undoing(UndoWork::of(recorded(list)));
        self.add_part(id, tree, NodeRole::Rollback, (path, None), work)?;
        Ok(())
    }

    /// The rollback of a scope has ended.
    pub(super) fn rollback_ended(&mut self, id: NodeId, end: &BodyEnd) -> Checked<()> {
        let mut failed = end.is_bad();
        if let Some(trouble) = &mut self.node_mut(id)?.pending_failure {
            // What a scope inside it could not undo, it has not undone either.
            failed |= trouble.unrestored;
            trouble.unrestored = failed;
        }
        self.set(
            id,
            if failed {
                Status::RollbackFailed
            } else {
                Status::RolledBack
            },
        )?;
        self.run_always(id)
    }

    fn add_part(
        &mut self,
        parent: NodeId,
        tree: TreeId,
        role: NodeRole,
        path: (NodePath, Option<NodeKind>),
        work: NodeWork,
    ) -> Checked<NodeId> {
        let locals = Locals::default();
        let around = InheritedContext {
            undoing: true,
            keep_undo: false,
            once: false,
            ..self.node(parent)?.inherited.clone()
        };
        let part = self.spawn(tree, Some(parent), role, locals, around, path)?;
        self.begin_work(part, work)?;
        Ok(part)
    }

    /// Undoes the next item, or all at once where they are parallel.
    pub(super) fn undo_next(&mut self, id: NodeId) -> Checked<()> {
        if self.node(id)?.state.status() == Status::Pending {
            self.begin(id, None)?;
            if let Some(by) = self.undoing(id)?.passed_over.take() {
                return self.pass_over(id, &by);
            }
            self.emit_scope(id, Status::RollingBack)?;
        }
        if !self.takes_place(id)? {
            return Ok(());
        }
        let work = self.undoing(id)?;
        if !work.wants.is_empty() {
            let wants = std::mem::take(&mut work.wants);
            work.holds = wants.iter().map(|want| want.name.clone()).collect();
            let request = self.acquire(id, wants)?;
            self.undoing(id)?.locks = Some(request);
            return Ok(());
        }
        let (mut items, mut without_way_back) = (Vec::new(), Vec::new());
        while work.parallel || items.is_empty() {
            match work.items.pop() {
                Some(UndoTask::Recorded(Undo::Step(step))) if !step.has_way_back => {
                    without_way_back.push(step);
                }
                Some(item) => items.push(item),
                None => break,
            }
        }
        work.live += items.len();
        let live = work.live;
        for step in without_way_back {
            self.tell_no_way_back(&step);
        }
        if live == 0 {
            return self.all_undone(id);
        }
        for item in items {
            self.undo(id, item)?;
        }
        Ok(())
    }

    /// A rollback passes over something that has no way back, and says why it has none.
    fn tell_no_way_back(&mut self, step: &UndoStep) {
        let plan = self.plan.clone();
        let Some(reason) = &plan.tree.get(step.tree).stmt.handlers.no_undo else {
            return;
        };
        let reason = match self.eval(reason, &step.locals) {
            Ok(reason) => self.display(&reason),
            Err(Halt::Fault(diagnostic)) => diagnostic.message,
            Err(Halt::Unknown) => String::new(),
        };
        let node = step.path.clone();
        self.emit(RunEventKind::NoWayBack { node, reason });
    }

    /// Whether a part of a rollback may begin: where only so many may, it takes a place or waits
    /// for one.
    fn takes_place(&mut self, id: NodeId) -> Checked<bool> {
        match self.undoing(id)?.place {
            Place::NotNeeded | Place::Taken(_) => return Ok(true),
            Place::Needed => {}
        }
        let mut at = self.node(id)?.parent;
        while let Some(part) = at {
            at = self.node(part)?.parent;
            if self.node(part)?.state.activity() != Activity::Undoing {
                continue;
            }
            let Some(room) = &mut self.undoing(part)?.room else {
                continue;
            };
            let Some(free) = room.free.checked_sub(1) else {
                room.waiting.push_back(id);
                return Ok(false);
            };
            room.free = free;
            self.undoing(id)?.place = Place::Taken(part);
            return Ok(true);
        }
        // Nothing limits it.
        self.undoing(id)?.place = Place::NotNeeded;
        Ok(true)
    }

    /// A part of a rollback has ended: the next one gets its place.
    pub(super) fn give_back_room(&mut self, id: NodeId, ended: &NodeWork) -> Checked<()> {
        let NodeWork::Undoing(work) = ended else {
            return Ok(());
        };
        let part = match work.place {
            Place::NotNeeded | Place::Needed => return Ok(()),
            Place::Taken(part) => part,
        };
        let Some(room) = &mut self.undoing(part)?.room else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::Count("places")));
        };
        let Some(next) = room.waiting.pop_front() else {
            room.free += 1;
            return Ok(());
        };
        self.undoing(next)?.place = Place::Taken(part);
        self.undo_next(next)
    }

    fn undo(&mut self, parent: NodeId, item: UndoTask) -> Checked<()> {
        let tree = self.node(parent)?.tree;
        let path = (self.node(parent)?.path.clone(), None);
        let work = match item {
            UndoTask::Serial(items) => UndoWork::of(items),
            UndoTask::Parallel(items) => UndoWork {
                parallel: true,
                ..UndoWork::of(items)
            },
            UndoTask::Bounded(max, inside) => UndoWork {
                room: Some(Room {
                    free: max,
                    waiting: VecDeque::new(),
                }),
                ..UndoWork::of(vec![*inside])
            },
            UndoTask::Cell(list, place) => UndoWork {
                place,
                ..UndoWork::of(recorded(list))
            },
            UndoTask::Recorded(Undo::Serial(list)) => UndoWork::of(recorded(list)),
            UndoTask::Recorded(Undo::Cells(cells)) => UndoWork::of(vec![in_waves(*cells)]),
            // Nothing of it is taken back: what it is stays as it is.
            UndoTask::Recorded(Undo::Scope(_, list) | Undo::Held(_, list))
                if !list.has_way_back() =>
            {
                UndoWork::of(recorded(list))
            }
            UndoTask::Recorded(Undo::Scope(scope, list)) => UndoWork {
                passed_over: self.superseded_by(&scope.deployment, scope.at),
                scope: Some(scope),
                ..UndoWork::of(recorded(list))
            },
            UndoTask::Recorded(Undo::Held(wants, list)) => UndoWork {
                wants,
                ..UndoWork::of(recorded(list))
            },
            UndoTask::Recorded(Undo::Step(step)) => return self.undo_step(parent, *step),
        };
        self.add_part(
            parent,
            tree,
            NodeRole::UndoPart,
            path,
            NodeWork::Undoing(work),
        )?;
        Ok(())
    }

    /// What a statement did, of which a `lock` undoes what was done in its body holding its lock.
    pub(super) fn undo_under_own_lock(&self, id: NodeId, list: UndoList) -> Checked<UndoList> {
        let node = self.node(id)?;
        let stmt = &self.plan.tree.get(node.tree).stmt;
        let (true, StmtKind::Lock { .. }) = (node.is_statement(), &stmt.kind) else {
            return Ok(list);
        };
        let wants = self.lock_demands_of(id)?;
        Ok(list.with_body_held(node.tree, wants))
    }

    /// Whether a rollback that a node is in holds a lock for it already.
    pub(super) fn is_held_for_undo(&self, id: NodeId, name: &str) -> Checked<bool> {
        let mut at = self.node(id)?.parent;
        while let Some(around) = at {
            let node = self.node(around)?;
            at = node.parent;
            let held = match node.state.work() {
                Some(NodeWork::Undoing(work)) => work.holds.iter().any(|it| &**it == name),
                Some(NodeWork::Locked(..)) => {
                    let demands = self.lock_demands_of(around)?;
                    demands.iter().any(|demand| &*demand.name == name)
                }
                Some(
                    NodeWork::Nothing
                    | NodeWork::Seq(_)
                    | NodeWork::Parallel(_)
                    | NodeWork::Grid(_)
                    | NodeWork::Effect(_)
                    | NodeWork::Timer(_)
                    | NodeWork::Barrier(_)
                    | NodeWork::LockWait(_)
                    | NodeWork::Ask(_)
                    | NodeWork::HoldWait
                    | NodeWork::Verify { .. },
                )
                | None => false,
            };
            if held {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn undo_step(&mut self, parent: NodeId, step: UndoStep) -> Checked<()> {
        self.completed_undos.record_undo(&self.plan, &step);
        let UndoStep {
            tree,
            locals,
            path,
            commands,
            has_way_back: _,
        } = step;
        let seq = self.plan.tree.get(tree).undo.clone().unwrap_or_default();
        let path = (path.handler(HandlerPart::Undo), Some(NodeKind::Undo));
        let work = NodeWork::Seq(SequenceWork::new(seq, locals));
        let part = self.add_part(parent, tree, NodeRole::UndoPart, path, work)?;
        self.node_mut(part)?.inherited.commands = commands;
        Ok(())
    }

    /// A run begins that does nothing but undo this.
    pub(super) fn begin_going_back(&mut self, id: NodeId, list: UndoList) -> Checked<()> {
        self.begin_work(id, NodeWork::Undoing(UndoWork::of(recorded(list))))?;
        self.undo_next(id)
    }

    pub(super) fn undo_part_ended(
        &mut self,
        id: NodeId,
        path: &NodePath,
        end: &BodyEnd,
    ) -> Checked<()> {
        if let (true, Some(step)) = (end.is_bad() && is_undo(path), node_path::parent(path)) {
            self.completed_undos.record_failure(step);
        }
        self.rollback_failed |= end.is_bad();
        let work = self.undoing(id)?;
        work.failed |= end.is_bad();
        let Some(live) = work.live.checked_sub(1) else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::Count("parts")));
        };
        work.live = live;
        match live {
            0 => self.undo_next(id),
            _ => Ok(()),
        }
    }

    fn all_undone(&mut self, id: NodeId) -> Checked<()> {
        let work = self.undoing(id)?;
        let failed = work.failed;
        self.emit_scope(
            id,
            if failed {
                Status::RollbackFailed
            } else {
                Status::RolledBack
            },
        )?;
        let end = if failed {
            BodyEnd::bad(self.failure(id, FailureClass::Failed, "a part of the rollback failed")?)
        } else {
            BodyEnd::good()
        };
        self.body_ends(id, end)
    }

    /// Reports the status of a deployment that had ended before it was rolled back.
    fn emit_scope(&mut self, id: NodeId, status: Status) -> Checked<()> {
        let Some(scope) = &mut self.undoing(id)?.scope else {
            return Ok(());
        };
        let from = std::mem::replace(&mut scope.status, status);
        let scope = scope.clone();
        if !self.transitions.record(from, status) {
            let breach = Breach::Status { from, to: status };
            return Err(BrokenInvariant::of(self.node(id)?, breach));
        }
        let failure = self.rollback_cause(id)?;
        let UndoScope {
            path: node,
            deployment,
            ..
        } = *scope;
        let deployment = Some(deployment);
        let kind = NodeKind::Deploy;
        self.emit(RunEventKind::NodeFinished {
            node,
            kind,
            status,
            failure,
            deployment,
        });
        Ok(())
    }

    /// The failure that a part of a rollback follows from.
    fn rollback_cause(&self, id: NodeId) -> Checked<Option<Failure>> {
        let mut at = self.node(id)?.parent;
        while let Some(id) = at {
            let node = self.node(id)?;
            if node.state.activity() == Activity::RollingBack {
                return Ok(node.pending_failure.as_ref().map(|it| it.failure.clone()));
            }
            at = node.parent;
        }
        Ok(None)
    }
}

/// Whether a node is the `undo` of the one above it.
fn is_undo(path: &str) -> bool {
    node_path::last(path) == HandlerPart::Undo.as_str()
}

fn recorded(list: UndoList) -> Vec<UndoTask> {
    let items = list.into_items().into_iter();
    items.map(UndoTask::Recorded).collect()
}

/// What cells did: in waves, and nested as their axes are.
fn in_waves(cells: UndoCells) -> UndoTask {
    let UndoCells {
        orders,
        max,
        cells,
        between,
    } = cells;
    let place = match max {
        Some(_) => Place::Needed,
        None => Place::NotNeeded,
    };
    let mut waves: Vec<(usize, Vec<UndoCell>)> = Vec::new();
    for cell in cells {
        match waves.last_mut() {
            Some((wave, of_wave)) if *wave == cell.wave => of_wave.push(cell),
            Some(_) | None => waves.push((cell.wave, vec![cell])),
        }
    }
    let waves = waves.into_iter();
    let waves = waves.map(|(wave, cells)| ((wave, false), nest(&orders, 0, place, cells)));
    let between = between.into_iter();
    let between = between.map(|(wave, list)| {
        let task = UndoTask::Cell(list, Place::NotNeeded);
        ((wave, true), task)
    });
    let mut parts: Vec<_> = waves.chain(between).collect();
    parts.sort_by_key(|(place, _)| *place);
    let all = UndoTask::Serial(parts.into_iter().map(|(_, task)| task).collect());
    match max {
        Some(max) => UndoTask::Bounded(max, Box::new(all)),
        None => all,
    }
}

/// Cells nested as their axes are: serial axes in reverse, parallel ones at once.
fn nest(orders: &[Order], axis: usize, place: Place, cells: Vec<UndoCell>) -> UndoTask {
    let mut groups: Vec<(u32, Vec<UndoCell>)> = Vec::new();
    let mut items = Vec::new();
    for cell in cells {
        match cell.position.get(axis).copied() {
            // A cell's own undo; an added cell ends on the first axis.
            None => items.push(UndoTask::Cell(cell.undo, place)),
            Some(index) => match groups.last_mut() {
                Some((last, group)) if *last == index => group.push(cell),
                Some(_) | None => groups.push((index, vec![cell])),
            },
        }
    }
    let groups = groups.into_iter();
    items.extend(groups.map(|(_, group)| nest(orders, axis + 1, place, group)));
    match orders.get(axis) {
        Some(Order::Parallel) => UndoTask::Parallel(items),
        Some(Order::Serial) | None => UndoTask::Serial(items),
    }
}
