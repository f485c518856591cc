//! Runs bodies: statements one after the other, and children in parallel.

use super::broken::{Breach, BrokenInvariant, Checked};
use super::node::{End, NodeId, Role, Signal, Trouble, Undo};
use super::notice::{Deployment, Happened, NodeKind, Status};
use super::statement::{OnTheSpot, on_the_spot, traits};
use super::{Leaver, Machine};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::{FailureClass, StmtKind};
use lockstep_plan::{Locals, Node as Spot, TreeId};

impl Machine {
    /// Continues with the next statement of a body, or ends it. Statements that have no effect of
    /// their own are executed immediately.
    pub(super) fn step(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        loop {
            let seq = self.seq(id)?;
            let Some(next) = seq.seq.get(seq.next).copied() else {
                let value = std::mem::replace(&mut seq.last, Value::None);
                return self.seq_ended(id, value, Signal::None);
            };
            if let Some(failure) = self.look(id)?.life.stop_failure().cloned() {
                self.skip_rest(id)?;
                let end = End::bad((*failure).clone());
                return self.body_ends(id, end);
            }
            let seq = self.seq(id)?;
            seq.next += 1;
            let locals = seq.locals.clone();
            let spot = plan.tree.get(next);
            match self.on_the_spot(id, spot, &locals)? {
                Some(Ok(None)) => {}
                Some(Ok(Some(signal))) => return self.seq_ended(id, Value::None, signal),
                Some(Err(trouble)) => {
                    self.skip_rest(id)?;
                    return self.body_ends(id, End::Bad(trouble));
                }
                None => return self.start_child(id, next, Role::Body, locals),
            }
        }
    }

    pub(super) fn seq_ended(&mut self, id: NodeId, value: Value, signal: Signal) -> Checked<()> {
        let yielded = self.node(id)?.yielded.take();
        self.body_ends(
            id,
            End::Good {
                value,
                yielded,
                signal,
            },
        )
    }

    /// Does a statement that needs no node: the answer is nothing for all others.
    pub(super) fn on_the_spot(
        &mut self,
        id: NodeId,
        spot: &Spot,
        locals: &Locals,
    ) -> Checked<Option<Result<Option<Signal>, Box<Trouble>>>> {
        let stmt = &spot.stmt;
        let Some(kind) = on_the_spot(stmt) else {
            return Ok(None);
        };
        let expr = match kind {
            OnTheSpot::Verdict(verdict) => {
                return Ok(Some(Ok(Some(Signal::Verdict(verdict.clone())))));
            }
            OnTheSpot::Return(None) => return Ok(Some(Ok(Some(Signal::Return(Value::None))))),
            OnTheSpot::Return(Some(expr))
            | OnTheSpot::Let(expr)
            | OnTheSpot::Yield(expr)
            | OnTheSpot::Fail(expr)
            | OnTheSpot::Log(expr) => expr,
        };
        let value = match self.eval(expr, locals) {
            Ok(value) => value,
            Err(halt) => {
                let mut failure = self.failure_of(id, halt)?;
                failure.span = failure.span.or(Some(stmt.span));
                return Ok(Some(Err(Trouble::new(failure))));
            }
        };
        Ok(Some(match kind {
            OnTheSpot::Yield(_) => {
                self.node(id)?.yielded = Some(value);
                Ok(None)
            }
            OnTheSpot::Return(_) => Ok(Some(Signal::Return(value))),
            OnTheSpot::Fail(_) => {
                let mut failure = self.failure(id, FailureClass::Failed, self.display(&value))?;
                failure.span = Some(stmt.span);
                Err(Trouble::new(failure))
            }
            OnTheSpot::Log(_) => {
                self.log(id, spot, &value)?;
                Ok(None)
            }
            // A verdict has no value.
            OnTheSpot::Let(_) | OnTheSpot::Verdict(_) => {
                // In a `parallel`, no other statement sees the name.
                let body = self.node(id)?.life.sequence_mut();
                if let (Some(slot), Some(seq)) = (stmt.bind, body) {
                    seq.locals = seq.locals.bind(slot, value);
                }
                Ok(None)
            }
        }))
    }

    fn log(&mut self, id: NodeId, spot: &Spot, value: &Value) -> Checked<()> {
        let node = self.named(&self.look(id)?.path, spot);
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
        Ok(())
    }

    /// Starts a statement in a node.
    pub(super) fn start_child(
        &mut self,
        id: NodeId,
        tree: TreeId,
        role: Role,
        locals: Locals,
    ) -> Checked<()> {
        let around = self.around_children(id)?;
        let path = self.path(&self.look(id)?.path.clone(), tree, &locals);
        self.add(tree, Some(id), role, locals, around, path)?;
        Ok(())
    }

    /// A node in it has ended completely.
    pub(super) fn child_left(&mut self, id: NodeId, mut leaver: Leaver) -> Checked<()> {
        self.take_done(id, &mut leaver)?;
        match std::mem::replace(&mut leaver.role, Role::Root) {
            // The pipeline has no parent.
            Role::Root => Err(BrokenInvariant::of(self.look(id)?, Breach::NotA("parent"))),
            Role::Body => self.statement_left(id, leaver),
            Role::Strand(place) => self.strand_left(id, place, leaver),
            Role::Cell(cell) => self.cell_left(id, *cell, leaver),
            Role::Look => self.look_left(id, leaver.end, leaver.undo),
            Role::Handler => {
                self.node(id)?.undo.extend(leaver.undo);
                self.handler_left(id, leaver.end)
            }
            Role::Always => {
                self.node(id)?.undo.extend(leaver.undo);
                self.always_left(id, leaver.end)
            }
            Role::Rollback => self.rollback_left(id, &leaver.end),
            Role::UndoPart => self.undo_part_left(id, &leaver.end),
        }
    }

    fn statement_left(&mut self, id: NodeId, leaver: Leaver) -> Checked<()> {
        self.node(id)?.undo.extend(leaver.undo);
        match leaver.end {
            End::Bad(trouble) => {
                self.skip_rest(id)?;
                self.body_ends(id, End::Bad(trouble))
            }
            End::Good {
                value,
                yielded,
                signal,
            } => {
                let bind = self.plan.tree.get(leaver.tree).stmt.bind;
                if let Some(yielded) = yielded {
                    self.node(id)?.yielded = Some(yielded);
                }
                let seq = self.seq(id)?;
                if let Some(slot) = bind {
                    seq.locals = seq.locals.bind(slot, value.clone());
                }
                seq.last = value;
                match signal {
                    Signal::None => self.step(id),
                    signal => self.seq_ended(id, Value::None, signal),
                }
            }
        }
    }

    fn look_left(&mut self, id: NodeId, end: End, undo: Vec<Undo>) -> Checked<()> {
        self.node(id)?.undo.extend(undo);
        let signal = match end {
            End::Bad(mut trouble) => {
                if trouble.failure.class != FailureClass::Cancelled {
                    trouble.failure.class = FailureClass::Verification;
                    trouble.failure.message = format!("did not hold: {}", trouble.failure.message);
                }
                return self.body_ends(id, End::Bad(trouble));
            }
            End::Good {
                yielded, signal, ..
            } => {
                let node = self.node(id)?;
                node.yielded = yielded.or(node.yielded.take());
                signal
            }
        };
        let now = self.now;
        let (until, every) = self.verify_times(id)?;
        let returns = !matches!(signal, Signal::None);
        if now >= until || returns {
            return self.seq_ended(id, Value::None, signal);
        }
        // It held so far, but not for as long as it should.
        if let Some(failure) = self.look(id)?.life.stop_failure().cloned() {
            let end = End::bad((*failure).clone());
            return self.body_ends(id, end);
        }
        let next = self.set_timer(id, every.min(until - now).max(1));
        *self.verify_timer(id)? = Some(next);
        self.set(id, Status::Waiting)
    }

    // --- What never starts ---------------------------------------------------------------

    /// Reports the statements of a body that will not be reached.
    fn skip_rest(&mut self, id: NodeId) -> Checked<()> {
        let seq = self.seq(id)?;
        let rest: Vec<TreeId> = seq.seq.get(seq.next..).unwrap_or_default().to_vec();
        let locals = seq.locals.clone();
        let node = self.look(id)?;
        let path = node.path.clone();
        if !node.around.undoing {
            self.skip(&rest, &path, &locals)?;
            self.deploys_not(id, &rest, &locals)?;
        }
        Ok(())
    }

    /// Reports statements that never start, and the deployments in them.
    pub(super) fn skip(&mut self, spots: &[TreeId], path: &Name, locals: &Locals) -> Checked<()> {
        let plan = self.plan.clone();
        for tree in spots {
            if self.skips_to_tell == 0 {
                return Ok(());
            }
            let spot = plan.tree.get(*tree);
            let (path, kind) = self.path(path, *tree, locals);
            if let Some(kind) = kind {
                self.skips_to_tell -= 1;
                let deployment = self.skipped_deployment(*tree, locals);
                let status = Status::Skipped;
                self.note_skip()?;
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
                    // An axis that is not known has no cells to report.
                    let _ = walk.each_cell(matrix, locals, &mut |cell| {
                        if cells.len() < most {
                            cells.push((cell.values.to_vec(), cell.locals.clone()));
                        }
                        Ok(())
                    });
                    for (values, locals) in cells {
                        self.skip_cell(*tree, &values, &path, &locals)?;
                    }
                }
                StmtKind::Block(_)
                | StmtKind::Stage { .. }
                | StmtKind::Parallel(_)
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
                | StmtKind::Verdict(_) => {
                    for body in &spot.bodies {
                        self.skip(body, &path, locals)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Records that something is skipped that never became a node.
    fn note_skip(&mut self) -> Checked<()> {
        let (from, to) = (Status::Pending, Status::Skipped);
        match self.transitions.note(from, to) {
            true => Ok(()),
            false => Err(BrokenInvariant::new(Breach::Status { from, to })),
        }
    }

    /// Reports a cell that never starts.
    pub(super) fn skip_cell(
        &mut self,
        tree: TreeId,
        values: &[Value],
        path: &Name,
        locals: &Locals,
    ) -> Checked<()> {
        if self.skips_to_tell == 0 {
            return Ok(());
        }
        self.skips_to_tell -= 1;
        let plan = self.plan.clone();
        let spot = plan.tree.get(tree);
        let node = self.cell_path(path, spot, values);
        let (kind, status) = (NodeKind::Cell, Status::Skipped);
        self.note_skip()?;
        let told = node.clone();
        self.tell(Happened::NodeFinished {
            node: told,
            kind,
            status,
            failure: None,
            deployment: None,
        });
        if spot.has_deploy {
            self.skip(lockstep_plan::body(spot), &node, locals)?;
        }
        Ok(())
    }

    fn skipped_deployment(&self, tree: TreeId, locals: &Locals) -> Option<Deployment> {
        let walk = Self::walk(&self.plan, &self.run);
        if !traits(&self.plan.tree.get(tree).stmt.kind).is_deploy {
            return None;
        }
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
            StmtKind::Barrier { key: None, .. }
            | StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                return match spot.label {
                    None => (parent.clone(), None),
                    Some(_) => (self.named(parent, spot), Some(spot.kind)),
                };
            }
        };
        (
            Name::from(format!("{parent}/{label}{}", spot.twin)),
            Some(spot.kind),
        )
    }

    /// A node for messages: its path, also where reports do not name it.
    pub(super) fn name_of(&self, id: NodeId) -> Checked<Name> {
        let node = self.look(id)?;
        let spot = self.plan.tree.get(node.tree);
        Ok(match (node.visible, &spot.label) {
            (None, Some(_)) if node.is_statement() => self.named(&node.path, spot),
            (None, Some(_) | None) | (Some(_), _) => node.path.clone(),
        })
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

/// Keeps the first failure that is not a mere consequence of another, and the widest rollback that
/// any of them requests.
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
