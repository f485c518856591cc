//! Runs bodies: statements one after the other, and children in parallel.

use super::broken::{Breach, BrokenInvariant, Checked};
use super::node::{BodyEnd, BodySignal, NodeId, NodeRole, PendingFailure};
use super::run_event::{DeploymentRecord, NodeKind, RunEventKind, Status};
use super::statement::{InlineStatement, on_the_spot, traits};
use super::undo_list::{UndoList, UndoRank};
use super::{EndedNode, Machine};
use lockstep_base::node_path::{NodePath, PathPart};
use lockstep_base::value::Value;
use lockstep_lang::ir::{Failing, FailureClass, StmtKind};
use lockstep_plan::{Locals, MatrixAxes, PlanNode as Spot, TreeId};

impl Machine {
    /// Continues with the next statement of a body, or ends it. Statements that have no effect of
    /// their own are executed immediately.
    pub(super) fn advance(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        loop {
            let seq = self.seq(id)?;
            let Some(next) = seq.seq.get(seq.next).copied() else {
                let value = std::mem::replace(&mut seq.last, Value::None);
                return self.seq_ended(id, value, BodySignal::None);
            };
            if let Some(cause) = self.node(id)?.state.stops().cause().cloned() {
                self.skip_rest(id)?;
                return self.body_ends(id, BodyEnd::stopped(&cause));
            }
            let seq = self.seq(id)?;
            seq.next += 1;
            let locals = seq.locals.clone();
            let spot = plan.tree.get(next);
            match self.run_inline(id, spot, &locals)? {
                Some(Ok(None)) => {}
                Some(Ok(Some(signal))) => return self.seq_ended(id, Value::None, signal),
                Some(Err(trouble)) => {
                    self.skip_rest(id)?;
                    return self.body_ends(id, BodyEnd::Bad(trouble));
                }
                None => return self.start_child(id, next, NodeRole::Body, locals),
            }
        }
    }

    pub(super) fn seq_ended(
        &mut self,
        id: NodeId,
        value: Value,
        signal: BodySignal,
    ) -> Checked<()> {
        let yielded = self.node_mut(id)?.yielded.take();
        self.body_ends(
            id,
            BodyEnd::Good {
                value,
                yielded,
                signal,
            },
        )
    }

    /// Does a statement that needs no node: the answer is nothing for all others.
    pub(super) fn run_inline(
        &mut self,
        id: NodeId,
        spot: &Spot,
        locals: &Locals,
    ) -> Checked<Option<Result<Option<BodySignal>, Box<PendingFailure>>>> {
        let stmt = &spot.stmt;
        let Some(kind) = on_the_spot(stmt) else {
            return Ok(None);
        };
        let expr = match kind {
            InlineStatement::Verdict(verdict) => {
                return Ok(Some(Ok(Some(BodySignal::Verdict(verdict.clone())))));
            }
            InlineStatement::Return(None) => {
                return Ok(Some(Ok(Some(BodySignal::Return(Value::None)))));
            }
            InlineStatement::Return(Some(expr))
            | InlineStatement::Let(expr)
            | InlineStatement::Yield(expr)
            | InlineStatement::Fail(Failing { message: expr, .. })
            | InlineStatement::Log(expr) => expr,
        };
        let value = match self.eval(expr, locals) {
            Ok(value) => value,
            Err(halt) => {
                let mut failure = self.failure_of(id, halt)?;
                failure.span = failure.span.or(Some(stmt.span));
                return Ok(Some(Err(PendingFailure::new(failure))));
            }
        };
        Ok(Some(match kind {
            InlineStatement::Yield(_) => {
                self.node_mut(id)?.yielded = Some(value);
                Ok(None)
            }
            InlineStatement::Return(_) => Ok(Some(BodySignal::Return(value))),
            InlineStatement::Fail(failing) => {
                let class = failing.class.unwrap_or(FailureClass::Failed);
                let mut failure = self.failure(id, class, self.display(&value))?;
                failure.span = Some(stmt.span);
                Err(PendingFailure::new(failure))
            }
            InlineStatement::Log(_) => {
                self.log(id, spot, &value)?;
                Ok(None)
            }
            // A verdict has no value.
            InlineStatement::Let(_) | InlineStatement::Verdict(_) => {
                // In a `parallel`, no other statement sees the name.
                let body = self.node_mut(id)?.state.sequence_mut();
                if let (Some(slot), Some(seq)) = (stmt.bind, body) {
                    seq.locals = seq.locals.bind(slot, value);
                }
                Ok(None)
            }
        }))
    }

    fn log(&mut self, id: NodeId, spot: &Spot, value: &Value) -> Checked<()> {
        let node = Self::named(&self.node(id)?.path, spot);
        let text = Some(self.display(value));
        let kind = NodeKind::Log;
        self.emit(RunEventKind::NodeStarted {
            node: node.clone(),
            kind,
            text,
            place: None,
            deployment: None,
        });
        let status = Status::Succeeded;
        self.emit(RunEventKind::NodeFinished {
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
        role: NodeRole,
        locals: Locals,
    ) -> Checked<()> {
        let around = self.around_children(id)?;
        let path = self.path(&self.node(id)?.path.clone(), tree, &locals);
        self.spawn(tree, Some(id), role, locals, around, path)?;
        Ok(())
    }

    /// A node in it has ended completely.
    pub(super) fn child_ended(&mut self, id: NodeId, mut leaver: EndedNode) -> Checked<()> {
        self.collect_completed(id, &mut leaver)?;
        match std::mem::replace(&mut leaver.role, NodeRole::Root) {
            // The pipeline has no parent.
            NodeRole::Root => Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("parent"))),
            NodeRole::Body => self.statement_ended(id, leaver),
            NodeRole::Strand(place) => self.strand_ended(id, place, leaver),
            NodeRole::Cell(cell) => self.cell_ended(id, *cell, leaver),
            NodeRole::Look => {
                self.record_undo(id, UndoRank::Body, leaver.tree, leaver.undo)?;
                self.approval_ended(id, leaver.end)
            }
            NodeRole::Handler => {
                self.record_undo(id, UndoRank::Handler, leaver.tree, leaver.undo)?;
                self.handler_ended(id, leaver.end)
            }
            NodeRole::Always => {
                self.record_undo(id, UndoRank::Always, leaver.tree, leaver.undo)?;
                self.always_ended(id, leaver.end)
            }
            NodeRole::Watch => {
                self.record_undo(id, UndoRank::Handler, leaver.tree, leaver.undo)?;
                self.watch_ended(id, leaver.end)
            }
            NodeRole::Between => self.between_ended(id, leaver),
            NodeRole::Rollback => self.rollback_ended(id, &leaver.end),
            NodeRole::UndoPart => self.undo_part_ended(id, &leaver.path, &leaver.end),
        }
    }

    /// Records what something in a node did.
    fn record_undo(
        &mut self,
        id: NodeId,
        rank: UndoRank,
        tree: TreeId,
        undo: UndoList,
    ) -> Checked<()> {
        self.node_mut(id)?.undo.put_list(rank, tree, undo);
        Ok(())
    }

    fn statement_ended(&mut self, id: NodeId, leaver: EndedNode) -> Checked<()> {
        self.record_undo(id, UndoRank::Body, leaver.tree, leaver.undo)?;
        match leaver.end {
            BodyEnd::Bad(trouble) => {
                let bind = self.plan.tree.get(leaver.tree).stmt.bind;
                if let (Some(slot), Some(value)) = (bind, leaver.failed_with) {
                    let seq = self.seq(id)?;
                    seq.locals = seq.locals.bind(slot, value);
                }
                self.skip_rest(id)?;
                self.body_ends(id, BodyEnd::Bad(trouble))
            }
            BodyEnd::Good {
                value,
                yielded,
                signal,
            } => {
                let bind = self.plan.tree.get(leaver.tree).stmt.bind;
                if let Some(yielded) = yielded {
                    self.node_mut(id)?.yielded = Some(yielded);
                }
                let seq = self.seq(id)?;
                if let Some(slot) = bind {
                    seq.locals = seq.locals.bind(slot, value.clone());
                }
                seq.last = value;
                match signal {
                    BodySignal::None => self.advance(id),
                    signal => self.seq_ended(id, Value::None, signal),
                }
            }
        }
    }

    fn approval_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        let signal = match end {
            BodyEnd::Bad(mut trouble) => {
                if trouble.failure.class != FailureClass::Cancelled {
                    trouble.failure.class = FailureClass::Verification;
                    trouble.failure.message = format!("did not hold: {}", trouble.failure.message);
                }
                return self.body_ends(id, BodyEnd::Bad(trouble));
            }
            BodyEnd::Good {
                yielded, signal, ..
            } => {
                let node = self.node_mut(id)?;
                node.yielded = yielded.or(node.yielded.take());
                signal
            }
        };
        if self.watch_looked(id)? {
            return self.body_ends(id, BodyEnd::good());
        }
        let now = self.now;
        let (until, every) = self.verify_times(id)?;
        let returns = !matches!(signal, BodySignal::None);
        if now >= until || returns {
            return self.seq_ended(id, Value::None, signal);
        }
        // It held so far, but not for as long as it should.
        if let Some(cause) = self.node(id)?.state.stops().cause().cloned() {
            return self.body_ends(id, BodyEnd::stopped(&cause));
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
        let node = self.node(id)?;
        let path = node.path.clone();
        if !node.inherited.undoing {
            self.skip(&rest, &path, &locals)?;
            self.count_skipped_deployments(id, &rest, &locals)?;
        }
        Ok(())
    }

    /// Reports statements that never start, and the deployments in them.
    pub(super) fn skip(
        &mut self,
        spots: &[TreeId],
        path: &NodePath,
        locals: &Locals,
    ) -> Checked<()> {
        let plan = self.plan.clone();
        for tree in spots {
            if self.skip_events_left == 0 {
                return Ok(());
            }
            let spot = plan.tree.get(*tree);
            let (path, kind) = self.path(path, *tree, locals);
            if let Some(kind) = kind {
                self.skip_events_left -= 1;
                let deployment = self.skipped_deployment(*tree, locals);
                let status = Status::Skipped;
                self.note_skip()?;
                let node = path.clone();
                self.emit(RunEventKind::NodeFinished {
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
                    let max_cells = self.skip_events_left;
                    // An axis that is not known has no cells to report.
                    let _ = walk.each_cell(matrix, locals, &mut |cell| {
                        if cells.len() < max_cells {
                            let position = cell.position.clone();
                            cells.push((position, cell.values.to_vec(), cell.locals.clone()));
                        }
                        Ok(())
                    });
                    let numbers = MatrixAxes { walk, matrix }.cell_numbers(locals);
                    for (position, values, locals) in cells {
                        let number = numbers.get(&position).copied().unwrap_or(1);
                        self.skip_cell(*tree, (&values, number), &path, &locals)?;
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
        match self.transitions.record(from, to) {
            true => Ok(()),
            false => Err(BrokenInvariant::new(Breach::Status { from, to })),
        }
    }

    /// Reports a cell that never starts, by its values and its number.
    pub(super) fn skip_cell(
        &mut self,
        tree: TreeId,
        name: (&[Value], u32),
        path: &NodePath,
        locals: &Locals,
    ) -> Checked<()> {
        if self.skip_events_left == 0 {
            return Ok(());
        }
        self.skip_events_left -= 1;
        let plan = self.plan.clone();
        let spot = plan.tree.get(tree);
        let node = self.cell_path(path, tree, name, locals);
        let (kind, status) = (NodeKind::Cell, Status::Skipped);
        self.note_skip()?;
        self.emit(RunEventKind::NodeFinished {
            node: node.clone(),
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

    fn skipped_deployment(&self, tree: TreeId, locals: &Locals) -> Option<DeploymentRecord> {
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
        parent: &NodePath,
        tree: TreeId,
        locals: &Locals,
    ) -> (NodePath, Option<NodeKind>) {
        match Self::walk(&self.plan, &self.run).part(tree, locals) {
            Some(part) => (parent.child(&part), Some(self.plan.tree.get(tree).kind)),
            None => (parent.clone(), None),
        }
    }

    /// A node for messages: its path, also where reports do not name it.
    pub(super) fn name_of(&self, id: NodeId) -> Checked<NodePath> {
        let node = self.node(id)?;
        let spot = self.plan.tree.get(node.tree);
        Ok(match (node.visible, &spot.label) {
            (None, Some(_)) if node.is_statement() => Self::named(&node.path, spot),
            (None, Some(_) | None) | (Some(_), _) => node.path.clone(),
        })
    }

    /// The path of a statement whose name needs no values.
    fn named(parent: &NodePath, spot: &Spot) -> NodePath {
        let label = spot.label.as_deref().unwrap_or_default();
        parent.child(&PathPart::named(label, spot.number))
    }

    /// The path of a cell, by its values and its number.
    pub(super) fn cell_path(
        &self,
        parent: &NodePath,
        tree: TreeId,
        (values, number): (&[Value], u32),
        locals: &Locals,
    ) -> NodePath {
        let walk = Self::walk(&self.plan, &self.run);
        parent.child(&walk.cell_part(tree, values, number, locals))
    }
}
