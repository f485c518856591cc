//! Bodies: statements one after the other, and children side by side.
//! It does not know what the statements do.

use super::node::{End, NodeId, Phase, Role, SeqWork, Signal, Trouble, Undo, Work};
use super::notice::{Deployment, Happened, NodeKind, Status};
use super::{Leaver, Machine, Task};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::{FailureClass, StmtKind};
use lockstep_plan::{Locals, Node as Spot, TreeId};

impl Machine {
    /// Goes on with the next statement of a body, or ends it. Statements that have no effect of
    /// their own are done on the spot.
    pub(super) fn step(&mut self, id: NodeId) {
        let plan = self.plan.clone();
        loop {
            let Some(seq) = self.seq(id) else { return };
            let Some(next) = seq.seq.get(seq.next).copied() else {
                let value = std::mem::replace(&mut seq.last, Value::None);
                return self.seq_ended(id, value, Signal::None);
            };
            if let Some(failure) = self.look(id).stop_failure().cloned() {
                self.skip_rest(id);
                let end = End::bad((*failure).clone());
                return self.queue.push(Task::Ended(id, end));
            }
            let Some(seq) = self.seq(id) else { return };
            seq.next += 1;
            let locals = seq.locals.clone();
            let spot = plan.tree.get(next);
            match self.on_the_spot(id, spot, &locals) {
                Some(Ok(None)) => {}
                Some(Ok(Some(signal))) => return self.seq_ended(id, Value::None, signal),
                Some(Err(trouble)) => {
                    self.skip_rest(id);
                    return self.queue.push(Task::Ended(id, End::Bad(trouble)));
                }
                None => return self.start_child(id, next, Role::Body, locals),
            }
        }
    }

    /// The body that a node is at.
    pub(super) fn seq(&mut self, id: NodeId) -> Option<&mut SeqWork> {
        match &mut self.node(id).work {
            Work::Seq(seq) | Work::Locked(_, seq) => Some(seq),
            _ => None,
        }
    }

    pub(super) fn seq_ended(&mut self, id: NodeId, value: Value, signal: Signal) {
        let yielded = self.node(id).yielded.take();
        self.queue.push(Task::Ended(
            id,
            End::Good {
                value,
                yielded,
                signal,
            },
        ));
    }

    /// Does a statement that needs no node: the answer is nothing for all others.
    pub(super) fn on_the_spot(
        &mut self,
        id: NodeId,
        spot: &Spot,
        locals: &Locals,
    ) -> Option<Result<Option<Signal>, Box<Trouble>>> {
        let stmt = &spot.stmt;
        let expr = match &stmt.kind {
            StmtKind::Let(expr)
            | StmtKind::Yield(expr)
            | StmtKind::Fail(expr)
            | StmtKind::Return(Some(expr)) => expr,
            StmtKind::Log(expr) if stmt.modifiers == Default::default() => expr,
            StmtKind::Return(None) => return Some(Ok(Some(Signal::Return(Value::None)))),
            StmtKind::Verdict(verdict) => {
                return Some(Ok(Some(Signal::Verdict(verdict.clone()))));
            }
            _ => return None,
        };
        let value = match self.eval(expr, locals) {
            Ok(value) => value,
            Err(halt) => {
                let mut failure = self.fault(id, halt);
                failure.span = failure.span.or(Some(stmt.span));
                return Some(Err(Trouble::new(failure)));
            }
        };
        Some(match &stmt.kind {
            StmtKind::Yield(_) => {
                self.node(id).yielded = Some(value);
                Ok(None)
            }
            StmtKind::Return(_) => Ok(Some(Signal::Return(value))),
            StmtKind::Fail(_) => {
                let mut failure = self.failure(id, FailureClass::Failed, self.display(&value));
                failure.span = Some(stmt.span);
                Err(Trouble::new(failure))
            }
            StmtKind::Log(_) => {
                self.log(id, spot, &value);
                Ok(None)
            }
            _ => {
                if let (Some(slot), Some(seq)) = (stmt.bind, self.seq(id)) {
                    seq.locals = seq.locals.bind(slot, value);
                }
                Ok(None)
            }
        })
    }

    fn log(&mut self, id: NodeId, spot: &Spot, value: &Value) {
        let node = self.named(&self.look(id).path, spot);
        let text = Some(self.display(value));
        let kind = NodeKind::Log;
        self.tell(Happened::NodeStarted {
            node: node.clone(),
            kind,
            text,
        });
        let status = Status::Succeeded;
        self.tell(Happened::NodeFinished {
            node,
            kind,
            status,
            failure: None,
            deployment: None,
        });
    }

    /// Starts a statement in a node.
    pub(super) fn start_child(&mut self, id: NodeId, tree: TreeId, role: Role, locals: Locals) {
        let around = self.around_children(id);
        let path = self.path(&self.look(id).path.clone(), tree, &locals);
        self.add(tree, Some(id), role, locals, around, path);
    }

    /// A node in it has ended altogether.
    pub(super) fn child_left(&mut self, id: NodeId, mut leaver: Leaver) {
        self.take_done(id, &mut leaver);
        match std::mem::replace(&mut leaver.role, Role::Root) {
            Role::Root => {}
            Role::Body => self.statement_left(id, leaver),
            Role::Strand(place) => self.strand_left(id, place, leaver),
            Role::Cell(cell) => self.cell_left(id, *cell, leaver),
            Role::Look => self.look_left(id, leaver.end, leaver.undo),
            Role::Handler => {
                self.node(id).undo.extend(leaver.undo);
                self.handler_left(id, leaver.end);
            }
            Role::Always => {
                self.node(id).undo.extend(leaver.undo);
                self.always_left(id, leaver.end);
            }
            Role::Rollback => self.rollback_left(id, &leaver.end),
            Role::UndoPart => self.undo_part_left(id, &leaver.end),
        }
    }

    fn statement_left(&mut self, id: NodeId, leaver: Leaver) {
        self.node(id).undo.extend(leaver.undo);
        match leaver.end {
            End::Bad(trouble) => {
                self.skip_rest(id);
                self.queue.push(Task::Ended(id, End::Bad(trouble)));
            }
            End::Good {
                value,
                yielded,
                signal,
            } => {
                let bind = self.plan.tree.get(leaver.tree).stmt.bind;
                if let Some(yielded) = yielded {
                    self.node(id).yielded = Some(yielded);
                }
                if let Some(seq) = self.seq(id) {
                    if let Some(slot) = bind {
                        seq.locals = seq.locals.bind(slot, value.clone());
                    }
                    seq.last = value;
                }
                match signal {
                    Signal::None => self.step(id),
                    signal => self.seq_ended(id, Value::None, signal),
                }
            }
        }
    }

    fn look_left(&mut self, id: NodeId, end: End, undo: Vec<Undo>) {
        self.node(id).undo.extend(undo);
        let signal = match end {
            End::Bad(mut trouble) => {
                if trouble.failure.class != FailureClass::Cancelled {
                    trouble.failure.class = FailureClass::Verification;
                    trouble.failure.message = format!("did not hold: {}", trouble.failure.message);
                }
                return self.queue.push(Task::Ended(id, End::Bad(trouble)));
            }
            End::Good {
                yielded, signal, ..
            } => {
                let node = self.node(id);
                node.yielded = yielded.or(node.yielded.take());
                signal
            }
        };
        let now = self.now;
        let Work::Verify { until, every, .. } = self.look(id).work else {
            return;
        };
        let returns = !matches!(signal, Signal::None);
        if now >= until || returns {
            return self.seq_ended(id, Value::None, signal);
        }
        // It held so far, but not for as long as it should.
        if let Some(failure) = self.look(id).stop_failure().cloned() {
            let end = End::bad((*failure).clone());
            return self.queue.push(Task::Ended(id, end));
        }
        let next = self.set_timer(id, every.min(until - now).max(1));
        if let Work::Verify { timer, .. } = &mut self.node(id).work {
            *timer = Some(next);
        }
        self.set(id, Status::Waiting);
    }

    // --- What never starts ---------------------------------------------------------------

    /// Tells of the statements of a body that will not be reached.
    fn skip_rest(&mut self, id: NodeId) {
        let Some(seq) = self.seq(id) else { return };
        let rest: Vec<TreeId> = seq.seq.get(seq.next..).unwrap_or_default().to_vec();
        let locals = seq.locals.clone();
        let path = self.look(id).path.clone();
        if self.look(id).phase == Phase::Body && !self.look(id).around.undoing {
            self.skip(&rest, &path, &locals);
            self.deploys_not(id, &rest, &locals);
        }
    }

    /// Tells of statements that never start, and of the deployments in them.
    pub(super) fn skip(&mut self, spots: &[TreeId], path: &Name, locals: &Locals) {
        let plan = self.plan.clone();
        for tree in spots {
            if self.skips_to_tell == 0 {
                return;
            }
            let spot = plan.tree.get(*tree);
            let (path, kind) = self.path(path, *tree, locals);
            if let Some(kind) = kind {
                self.skips_to_tell -= 1;
                let deployment = self.skipped_deployment(*tree, locals);
                let status = Status::Skipped;
                self.transitions.note(Status::Pending, status);
                let node = path.clone();
                self.tell(Happened::NodeFinished {
                    node,
                    kind,
                    status,
                    failure: None,
                    deployment,
                });
            }
            if !spot.has_deploy {
                continue;
            }
            match &spot.stmt.kind {
                StmtKind::Deploy { .. } => {}
                StmtKind::Matrix(matrix) => {
                    let run = self.run.clone();
                    let walk = Self::walk(&plan, &run);
                    let mut cells = Vec::new();
                    let most = self.skips_to_tell;
                    // An axis that is not known has no cells to tell of.
                    let _ = walk.each_cell(matrix, locals, &mut |cell| {
                        if cells.len() < most {
                            cells.push((cell.values.to_vec(), cell.locals.clone()));
                        }
                        Ok(())
                    });
                    for (values, locals) in cells {
                        self.skip_cell(*tree, &values, &path, &locals);
                    }
                }
                _ => spot
                    .bodies
                    .iter()
                    .for_each(|body| self.skip(body, &path, locals)),
            }
        }
    }

    /// Tells of a cell that never starts.
    pub(super) fn skip_cell(
        &mut self,
        tree: TreeId,
        values: &[Value],
        path: &Name,
        locals: &Locals,
    ) {
        if self.skips_to_tell == 0 {
            return;
        }
        self.skips_to_tell -= 1;
        let plan = self.plan.clone();
        let spot = plan.tree.get(tree);
        let node = self.cell_path(path, spot, values);
        let (kind, status) = (NodeKind::Cell, Status::Skipped);
        self.transitions.note(Status::Pending, status);
        let told = node.clone();
        self.tell(Happened::NodeFinished {
            node: told,
            kind,
            status,
            failure: None,
            deployment: None,
        });
        if spot.has_deploy {
            self.skip(lockstep_plan::body(spot), &node, locals);
        }
    }

    fn skipped_deployment(&self, tree: TreeId, locals: &Locals) -> Option<Deployment> {
        let walk = Self::walk(&self.plan, &self.run);
        let StmtKind::Deploy { .. } = self.plan.tree.get(tree).stmt.kind else {
            return None;
        };
        let deployment = walk.deployment(tree, locals).ok()?;
        Some(self.ledger_line(&deployment))
    }

    // --- Names ---------------------------------------------------------------------------

    /// The path of a statement in a node with this path, and what reports call it.
    pub(super) fn path(
        &self,
        parent: &Name,
        tree: TreeId,
        locals: &Locals,
    ) -> (Name, Option<NodeKind>) {
        let spot = self.plan.tree.get(tree);
        let walk = Self::walk(&self.plan, &self.run);
        let shown = |expr| {
            walk.eval(expr, locals)
                .map_or(String::from("?"), |it| walk.display(&it))
        };
        let label = match &spot.stmt.kind {
            StmtKind::Matrix(_) => return (parent.clone(), None),
            StmtKind::Deploy {
                service, target, ..
            } => {
                format!("deploy[{}, {}]", shown(service), shown(target))
            }
            StmtKind::Barrier {
                name,
                key: Some(key),
            } => format!("barrier[{name}, {}]", shown(key)),
            StmtKind::Lock { resource, .. } => format!("lock[{}]", shown(resource)),
            _ if spot.label.is_none() => return (parent.clone(), None),
            _ => return (self.named(parent, spot), Some(spot.kind)),
        };
        (
            Name::from(format!("{parent}/{label}{}", spot.twin)),
            Some(spot.kind),
        )
    }

    /// A node for messages: its path, also where reports do not name it.
    pub(super) fn name_of(&self, id: NodeId) -> Name {
        let node = self.look(id);
        let spot = self.plan.tree.get(node.tree);
        match (node.visible, &spot.label) {
            (None, Some(_)) if node.is_statement() => self.named(&node.path, spot),
            _ => node.path.clone(),
        }
    }

    /// The path of a statement whose name needs no values.
    fn named(&self, parent: &Name, spot: &Spot) -> Name {
        let label = spot.label.as_deref().unwrap_or_default();
        Name::from(format!("{parent}/{label}{}", spot.twin))
    }

    /// The path of a cell.
    pub(super) fn cell_path(&self, parent: &Name, spot: &Spot, values: &[Value]) -> Name {
        let values: Vec<String> = values.iter().map(|value| self.display(value)).collect();
        let label = spot.label.as_deref().unwrap_or_default();
        Name::from(format!(
            "{parent}/{label}{}[{}]",
            spot.twin,
            values.join(", ")
        ))
    }
}

/// Keeps the first failure that is no mere consequence of another, and the furthest rollback that
/// any of them asks for.
pub(super) fn note_trouble(kept: &mut Option<Box<Trouble>>, trouble: Box<Trouble>) {
    let weight = |trouble: &Trouble| match trouble.failure.class {
        FailureClass::Cancelled => 0,
        FailureClass::Barrier => 1,
        _ => 2,
    };
    match kept {
        Some(kept) => {
            kept.rolls_back = trouble.rolls_back.max(kept.rolls_back);
            kept.unrestored |= trouble.unrestored;
            if weight(&trouble) > weight(kept) {
                kept.failure = trouble.failure;
            }
        }
        None => *kept = Some(trouble),
    }
}
