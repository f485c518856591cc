//! Rollback: what a scope did is undone, serial parts in reverse order, parallel parts at once. A
//! part that fails is reported and the others still run.

use super::Machine;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;

use super::broken::{Breach, BrokenInvariant, Checked};
use super::event::{EffectId, LockDemand};
use super::fingerprint::hash_shown;
use super::node::{
    BodyEnd, InheritedContext, NodeId, NodePhase, NodeRole, NodeWork, SequenceWork, Undo, UndoScope,
};
use super::run_event::{DeploymentRecord, Failure, NodeKind, RunEventKind, Status};
use super::state::Activity;
use lockstep_base::node_path::{HandlerPart, NodePath};
use lockstep_base::value::Value;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Locals, TreeId};

/// An active rollback.
#[derive(Debug, Clone, Default)]
pub struct UndoWork {
    /// What is still to be undone, the last first.
    items: Vec<Undo>,
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
}

impl UndoWork {
    /// Whether it waits for this request for locks, or holds them.
    pub(super) fn requested(&self, request: EffectId) -> bool {
        self.locks == Some(request)
    }

    /// The ledger line of the deployment that it undoes, if it is one.
    pub(super) fn line(&mut self) -> Option<&mut DeploymentRecord> {
        self.scope.as_mut().map(|scope| &mut scope.deployment)
    }

    /// What of it makes a difference to what comes.
    pub(super) fn hash_into(&self, hasher: &mut DefaultHasher) {
        (self.parallel, self.live, self.failed, self.locks.is_some()).hash(hasher);
        hash_shown(&(&self.items, &self.wants), hasher);
    }
}

impl Machine {
    /// Undoes what a scope did. A scope that did nothing that can be undone just fails.
    pub(super) fn roll_back(&mut self, id: NodeId) -> Checked<()> {
        let items = std::mem::take(&mut self.node_mut(id)?.undo);
        let items = self.completed_undos.remaining(&self.plan, items);
        if items.is_empty() {
            return self.run_always(id);
        }
        self.set(id, Status::RollingBack)?;
        self.go_to(id, NodePhase::RollingBack)?;
        let node = self.node(id)?;
        let (tree, path) = (node.tree, node.path.clone());
        let failure = node.pending_failure.as_ref().map(|it| it.failure.clone());
        self.emit_finished(id, failure)?;
        let work = NodeWork::Undoing(UndoWork {
            items,
            ..UndoWork::default()
        });
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
            will_roll_back: false,
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
            self.emit_scope(id, Status::RollingBack)?;
        }
        let work = self.undoing(id)?;
        if !work.wants.is_empty() {
            let wants = std::mem::take(&mut work.wants);
            let request = self.acquire(id, wants)?;
            self.undoing(id)?.locks = Some(request);
            return Ok(());
        }
        let count = if work.parallel { work.items.len() } else { 1 };
        let mut items = Vec::new();
        for _ in 0..count {
            items.extend(work.items.pop());
        }
        work.live += items.len();
        if work.live == 0 {
            return self.all_undone(id);
        }
        for item in items {
            self.undo(id, item)?;
        }
        Ok(())
    }

    fn undo(&mut self, parent: NodeId, item: Undo) -> Checked<()> {
        let tree = self.node(parent)?.tree;
        let path = (self.node(parent)?.path.clone(), None);
        let work = |items| UndoWork {
            items,
            ..UndoWork::default()
        };
        let work = match item {
            Undo::Serial(items) => work(items),
            Undo::Parallel(items) => UndoWork {
                parallel: true,
                ..work(items)
            },
            Undo::Scope(scope, items) => UndoWork {
                scope: Some(scope),
                ..work(items)
            },
            Undo::Held(wants, items) => UndoWork {
                wants,
                ..work(items)
            },
            Undo::Step {
                tree,
                locals,
                path,
                on,
            } => {
                return self.undo_step(parent, tree, locals, &path, on);
            }
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

    fn undo_step(
        &mut self,
        parent: NodeId,
        tree: TreeId,
        locals: Locals,
        path: &NodePath,
        on: Option<Value>,
    ) -> Checked<()> {
        self.completed_undos
            .record_undo(&self.plan, tree, &locals, path, &on);
        let seq = self.plan.tree.get(tree).undo.clone().unwrap_or_default();
        let path = (path.handler(HandlerPart::Undo), Some(NodeKind::Undo));
        let work = NodeWork::Seq(SequenceWork::new(seq, locals));
        let part = self.add_part(parent, tree, NodeRole::UndoPart, path, work)?;
        self.node_mut(part)?.inherited.connection = on;
        Ok(())
    }

    pub(super) fn undo_part_ended(&mut self, id: NodeId, end: &BodyEnd) -> Checked<()> {
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
        let (failed, locks) = (work.failed, work.locks);
        self.emit_scope(
            id,
            if failed {
                Status::RollbackFailed
            } else {
                Status::RolledBack
            },
        )?;
        if let Some(locks) = locks {
            self.release(locks, Vec::new());
        }
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
