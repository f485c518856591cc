//! Rolling back: what a scope did is taken back, serial parts in reverse order, parallel parts
//! at once. A part that fails is reported and the others still run.
//! It does not know why a scope rolls back.

use super::node::{Around, End, NodeId, Phase, Role, SeqWork, Undo, UndoScope, UndoWork, Work};
use super::notice::{Failure, Happened, NodeKind, Status};
use super::{Machine, Task};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Locals, TreeId};

impl Machine {
    /// Takes back what a scope did. A scope that did nothing that can be taken back just fails.
    pub(super) fn roll_back(&mut self, id: NodeId) {
        let items = std::mem::take(&mut self.node(id).undo);
        let items = self.undone.left(&self.plan, items);
        if items.is_empty() {
            return self.finally(id);
        }
        let node = self.node(id);
        node.phase = Phase::RollingBack;
        let tree = node.tree;
        self.set(id, Status::RollingBack);
        let failure = self
            .look(id)
            .trouble
            .as_ref()
            .map(|trouble| trouble.failure.clone());
        self.tell_finished(id, failure);
        let path = self.look(id).path.clone();
        let work = Work::Undoing(UndoWork {
            items,
            ..UndoWork::default()
        });
        self.add_part(id, tree, Role::Rollback, (path, None), work);
    }

    /// The rollback of a scope is through.
    pub(super) fn rollback_left(&mut self, id: NodeId, end: &End) {
        let mut failed = matches!(end, End::Bad(_));
        if let Some(trouble) = &mut self.node(id).trouble {
            // What a scope inside it could not take back, it has not taken back either.
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
        );
        self.finally(id);
    }

    fn add_part(
        &mut self,
        parent: NodeId,
        tree: TreeId,
        role: Role,
        path: (Name, Option<NodeKind>),
        work: Work,
    ) -> NodeId {
        let locals = Locals::default();
        let around = Around {
            undoing: true,
            keep_undo: false,
            doomed: false,
            once: false,
            ..self.look(parent).around.clone()
        };
        let part = self.add(tree, Some(parent), role, locals, around, path);
        self.node(part).work = work;
        part
    }

    /// Undoes the next item, or all at once where they are parallel.
    pub(super) fn undo_next(&mut self, id: NodeId) {
        if self.look(id).status == Status::Pending {
            self.begin(id, None);
            self.tell_scope(id, Status::RollingBack);
        }
        let Work::Undoing(work) = &mut self.node(id).work else {
            return;
        };
        if !work.wants.is_empty() {
            let wants = std::mem::take(&mut work.wants);
            let request = self.acquire(id, wants);
            if let Work::Undoing(work) = &mut self.node(id).work {
                work.locks = Some(request);
            }
            return;
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
            self.undo(id, item);
        }
    }

    fn undo(&mut self, parent: NodeId, item: Undo) {
        let tree = self.look(parent).tree;
        let path = (self.look(parent).path.clone(), None);
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
        self.add_part(parent, tree, Role::UndoPart, path, Work::Undoing(work));
    }

    fn undo_step(
        &mut self,
        parent: NodeId,
        tree: TreeId,
        locals: Locals,
        path: &Name,
        on: Option<Value>,
    ) {
        self.undone.undone(&self.plan, tree, &locals, path, &on);
        let seq = self.plan.tree.get(tree).undo.clone().unwrap_or_default();
        let path = (Name::from(format!("{path}/undo")), Some(NodeKind::Undo));
        let work = Work::Seq(SeqWork::new(seq, locals));
        let part = self.add_part(parent, tree, Role::UndoPart, path, work);
        self.node(part).around.on = on;
    }

    pub(super) fn undo_part_left(&mut self, id: NodeId, end: &End) {
        if matches!(end, End::Bad(_)) {
            self.rollback_failed = true;
        }
        let Work::Undoing(work) = &mut self.node(id).work else {
            return;
        };
        work.failed |= matches!(end, End::Bad(_));
        work.live -= 1;
        if work.live == 0 {
            self.undo_next(id);
        }
    }

    fn all_undone(&mut self, id: NodeId) {
        let Work::Undoing(work) = &self.look(id).work else {
            return;
        };
        let (failed, locks) = (work.failed, work.locks);
        self.tell_scope(
            id,
            if failed {
                Status::RollbackFailed
            } else {
                Status::RolledBack
            },
        );
        if let Some(locks) = locks {
            self.release(locks, Vec::new());
        }
        let end = if failed {
            End::bad(self.failure(id, FailureClass::Failed, "a part of the rollback failed"))
        } else {
            End::good()
        };
        self.queue.push(Task::Ended(id, end));
    }

    /// Tells of the status of a deployment that had ended before it was rolled back.
    fn tell_scope(&mut self, id: NodeId, status: Status) {
        let Work::Undoing(UndoWork {
            scope: Some(scope), ..
        }) = &mut self.node(id).work
        else {
            return;
        };
        let from = std::mem::replace(&mut scope.status, status);
        let scope = scope.clone();
        let failure = self.why_rolling_back(id);
        let UndoScope {
            path: node,
            deployment,
            ..
        } = *scope;
        self.transitions.note(from, status);
        let deployment = Some(deployment);
        let kind = NodeKind::Deploy;
        self.tell(Happened::NodeFinished {
            node,
            kind,
            status,
            failure,
            deployment,
        });
    }

    /// The failure that a part of a rollback follows from.
    fn why_rolling_back(&self, id: NodeId) -> Option<Failure> {
        let mut at = self.look(id).parent;
        while let Some(id) = at {
            let node = self.look(id);
            if node.phase == Phase::RollingBack {
                return node.trouble.as_ref().map(|it| it.failure.clone());
            }
            at = node.parent;
        }
        None
    }
}
