//! The cells of a loop or matrix as nodes. The grid of the plan schedules which cell comes next.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;

use super::barrier::OwedArrivals;
use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::cancel::StopMode;
use super::certainty::keep_first_failure;
use super::fingerprint::hash_shown;
use super::held_cells::CELLS_AT_ONCE;
use super::node::{
    BodyEnd, BodySignal, InheritedContext, NodeId, NodeRole, NodeWork, PendingFailure, SequenceWork,
};
use super::run_event::NodeKind;
use super::undo_list::{Undo, UndoCell, UndoCells, UndoList, UndoRank};
use super::{EndedNode, Machine, MachineTask};
use lockstep_base::node_path::{HandlerPart, NodePath, PathPart, last};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{FailureClass, Matrix, Order, StmtKind};
use lockstep_plan::grid::{Cell, Gate, Grid, NextCell, Position, waves};
use lockstep_plan::share::tolerated_of;
use lockstep_plan::{CellNumbers, MatrixAxes, body};

/// A matrix and what its cells have brought.
#[derive(Debug, Clone)]
pub struct GridWork {
    /// The cells to come.
    grid: Grid,
    /// What its cells inherit.
    inherited: InheritedContext,
    /// What the cells yielded.
    yields: Vec<(Position, Value)>,
    /// How to undo what the cells did.
    undo: Vec<UndoCell>,
    /// How to undo what was done between the waves, behind which one each.
    undo_between: Vec<(usize, UndoList)>,
    /// The names of the cells of the wave that runs, in their order, where `between` may ask.
    cells_of_wave: Vec<Name>,
    /// Where each wave but the first begins.
    waves: Vec<Position>,
    /// How many cells run at once, at most.
    max: Option<usize>,
    /// How many cells failed.
    failed: usize,
    /// How many of those are tolerated.
    tolerated: usize,
    /// Whether every cell has a place in the result, `none` where it yielded nothing: a failed
    /// one may be among them.
    keeps_places: bool,
    /// Whether a failure that is not tolerated prevents further cells from starting.
    stops: bool,
    /// Whether the first failure that is not tolerated stops the other cells.
    fail_fast: bool,
    /// What a cell returned from the workflow around it, if one did.
    returned: Option<Value>,
    /// How many cells never started.
    skipped: usize,
    /// Whether an axis could not be evaluated, so that no more cells can be found.
    axis_failed: bool,
    /// Whether more cells start in their turn, and not because one has ended.
    waits: bool,
    /// The barriers that each cell that has not started will pass.
    owed_arrivals: OwedArrivalsByCell,
    /// The numbers of its cells for a retry, once they are asked for.
    kept_numbers: Option<CellNumbers>,
}

impl GridWork {
    /// Whether cells may still start.
    pub(super) fn has_more(&self) -> bool {
        self.grid.has_more()
    }

    /// It is its turn.
    pub(super) fn goes_on(&mut self) {
        self.waits = false;
    }

    /// What of it makes a difference to what comes.
    pub(super) fn hash_into(&self, hasher: &mut DefaultHasher) {
        self.grid.hash(hasher);
        (self.failed, self.skipped > 0, self.axis_failed).hash(hasher);
        self.waits.hash(hasher);
        let undo = (&self.undo, &self.undo_between);
        hash_shown(&(&self.yields, undo, &self.returned), hasher);
    }
}

impl Machine {
    /// Begins a loop or matrix.
    pub(super) fn begin_cells(&mut self, id: NodeId, matrix: &Matrix) -> Result<(), NodeError> {
        self.suppose_cells(id, matrix)?;
        let plan = self.plan.clone();
        let stmt = &plan.tree.get(self.node(id)?.tree).stmt;
        let modifiers = &stmt.modifiers;
        let max = modifiers
            .max
            .as_ref()
            .map(|max| self.count_of(id, max))
            .transpose()?;
        let waves = match &modifiers.batches {
            Some(batches) => self.waves(id, matrix, batches)?,
            None => Vec::new(),
        };
        let tolerated = match &modifiers.tolerate {
            Some(tolerate) => match self.value_of(id, tolerate)? {
                Value::Percent(percent) => tolerated_of(percent, self.count_cells(id, matrix)?),
                Value::Int(count) => usize::try_from(count).unwrap_or(0),
                _ => 0,
            },
            None => 0,
        };
        let max = max.map(|max| (max as usize).max(1));
        let gate = Gate {
            max,
            waves: waves.clone(),
            pauses: matrix.between.is_some(),
        };
        self.check_barrier_width(id, matrix, &gate)?;
        let owed = self.owe_arrivals_of_cells(id, matrix)?;
        let run = self.run.clone();
        let mut axes = MatrixAxes {
            walk: Self::walk(&plan, &run),
            matrix,
        };
        axes.check_count(&self.node(id)?.locals)
            .map_err(|halt| self.fault(id, halt))?;
        let orders = matrix.axes.iter().map(|axis| axis.order).collect();
        let grid = Grid::new(orders, gate, &self.node(id)?.locals, &mut axes)
            .map_err(|halt| self.fault(id, halt))?;
        self.begin(id, None)?;
        let around = self.around_children(id)?;
        let work = GridWork {
            grid,
            stops: modifiers.fail_fast || modifiers.batches.is_some(),
            fail_fast: modifiers.fail_fast,
            inherited: around,
            yields: Vec::new(),
            undo: Vec::new(),
            undo_between: Vec::new(),
            cells_of_wave: Vec::new(),
            waves,
            max,
            failed: 0,
            tolerated,
            keeps_places: modifiers.tolerate.is_some(),
            returned: None,
            skipped: 0,
            axis_failed: false,
            waits: false,
            owed_arrivals: owed,
            kept_numbers: None,
        };
        self.begin_work(id, NodeWork::Grid(Box::new(work)))?;
        self.start_cells(id)?;
        Ok(())
    }

    fn count_cells(&self, id: NodeId, matrix: &Matrix) -> Result<usize, NodeError> {
        let mut count = 0;
        let walk = Self::walk(&self.plan, &self.run);
        let counted = walk.each_cell(matrix, &self.node(id)?.locals, &mut |_| {
            count += 1;
            Ok(())
        });
        counted.map_err(|halt| self.fault(id, halt)).map(|()| count)
    }

    /// Where the waves begin, all but the first; the last size repeats.
    fn waves(&self, id: NodeId, matrix: &Matrix, sizes: &Expr) -> Result<Vec<Position>, NodeError> {
        let Value::List(sizes) = self.value_of(id, sizes)? else {
            return Ok(Vec::new());
        };
        let total = self.count_cells(id, matrix)?;
        let mut sizes = waves(&sizes, total).into_iter();
        let mut size = sizes.next().unwrap_or(total);
        let (mut waves, mut inside) = (Vec::new(), 0);
        let walk = Self::walk(&self.plan, &self.run);
        let walked = walk.each_cell(matrix, &self.node(id)?.locals, &mut |cell| {
            if inside == size {
                waves.push(cell.position.clone());
                size = sizes.next().unwrap_or(size);
                inside = 0;
            }
            inside += 1;
            Ok(())
        });
        walked.map_err(|halt| self.fault(id, halt)).map(|()| waves)
    }

    /// Starts the cells that may start: some of them, where they are many.
    pub(super) fn start_cells(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        let run = self.run.clone();
        let tree = self.node(id)?.tree;
        let StmtKind::Matrix(matrix) = &plan.tree.get(tree).stmt.kind else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("matrix")));
        };
        let mut axes = MatrixAxes {
            walk: Self::walk(&plan, &run),
            matrix,
        };
        // While cells are started their table is taken out of the node.
        let work = self.grid(id)?;
        if work.waits && !work.grid.is_stopped() {
            return Ok(());
        }
        let NodeWork::Grid(mut work) = self.end_work(id)? else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("matrix")));
        };
        let mut started = 0;
        loop {
            if work.axis_failed {
                if work.grid.running() == 0 {
                    return self.cells_done(id, *work, matrix);
                }
                break;
            }
            if !work.grid.is_stopped() {
                // One without running cells waits for no command, as none of its own makes room.
                let is_full = work.grid.running() > 0 && !self.held_cells.has_room();
                if self.is_turn_over() || is_full {
                    work.waits = true;
                    self.held_cells.hold(id);
                    break;
                }
                if started == CELLS_AT_ONCE {
                    work.waits = true;
                    self.queue.push(MachineTask::Cells(id));
                    break;
                }
            }
            match work.grid.next(&mut axes) {
                Ok(NextCell::Start(cell)) => {
                    started += 1;
                    self.start_cell(id, cell, &mut work)?;
                }
                Ok(NextCell::Skip(cell)) => self.cell_skipped(id, &cell, &mut work)?,
                Ok(NextCell::Wait) => break,
                Ok(NextCell::Border) => return self.begin_between(id, work, matrix),
                Ok(NextCell::Done) => return self.cells_done(id, *work, matrix),
                Err(halt) => {
                    let failure = self.failure_of(id, halt)?;
                    let mut trouble = PendingFailure::new(failure);
                    self.number(&mut trouble);
                    for owed in std::mem::take(&mut work.owed_arrivals).into_values() {
                        self.break_owed_barriers(&owed, &trouble.failure)?;
                    }
                    keep_first_failure(&mut self.node_mut(id)?.pending_failure, trouble);
                    work.axis_failed = true;
                }
            }
        }
        self.begin_work(id, NodeWork::Grid(work))
    }

    fn start_cell(&mut self, id: NodeId, cell: Cell, work: &mut GridWork) -> Checked<()> {
        let plan = self.plan.clone();
        let (tree, around) = (self.node(id)?.tree, work.inherited.clone());
        let spot = plan.tree.get(tree);
        let name = (&*cell.values, cell.number);
        let path = self.cell_path(&self.node(id)?.path, tree, name, &cell.locals);
        if spot.between.is_some() {
            work.cells_of_wave.push(name_in(&path));
        }
        let owed = work
            .owed_arrivals
            .remove(&cell.position)
            .unwrap_or_default();
        let kept_path = self.kept_path_of_cell(id, &cell, &mut work.kept_numbers)?;
        let locals = cell.locals.clone();
        let seq = SequenceWork::new(body(spot).clone(), locals.clone());
        let path = (path, Some(NodeKind::Cell));
        let child = self.spawn(
            tree,
            Some(id),
            NodeRole::Cell(Box::new(cell)),
            locals,
            around,
            path,
        )?;
        self.begin_work(child, NodeWork::Seq(seq))?;
        let node = self.node_mut(child)?;
        (node.owed_arrivals, node.kept_path) = (owed, kept_path);
        Ok(())
    }

    fn cell_skipped(&mut self, id: NodeId, cell: &Cell, work: &mut GridWork) -> Checked<()> {
        work.skipped += 1;
        let node = self.node(id)?;
        let (tree, path, undoing) = (node.tree, node.path.clone(), node.inherited.undoing);
        let failure = node
            .pending_failure
            .as_ref()
            .map(|trouble| trouble.failure.clone());
        if !undoing {
            self.skip_cell(tree, (&cell.values, cell.number), &path, &cell.locals)?;
            let spot = self.plan.tree.get(tree);
            if spot.has_deploy {
                let body = body(spot).clone();
                self.count_skipped_deployments(id, &body, &cell.locals)?;
            }
        }
        if let Some(owed) = work.owed_arrivals.remove(&cell.position) {
            if work.returned.is_some() {
                return self.leave_owed_barriers(id, owed);
            }
            let failure = match failure {
                Some(failure) => failure,
                None => self.failure(id, FailureClass::Cancelled, "it was stopped")?,
            };
            self.break_owed_barriers(&owed, &failure)?;
        }
        Ok(())
    }

    /// A wave has ended and another one follows: what is done between them begins.
    fn begin_between(
        &mut self,
        id: NodeId,
        mut work: Box<GridWork>,
        matrix: &Matrix,
    ) -> Checked<()> {
        let Some(between) = &matrix.between else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("border")));
        };
        let count = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let cells = std::mem::take(&mut work.cells_of_wave);
        let batch = Value::map([
            ("number", count(work.grid.wave() + 1)),
            ("count", count(work.waves.len() + 1)),
            ("cells", Value::list(cells.into_iter().map(Value::String))),
        ]);
        let (around, node) = (work.inherited.clone(), self.node(id)?);
        let (tree, locals) = (node.tree, node.locals.bind(between.slot, batch));
        let path = self.name_of(id)?.handler(HandlerPart::Between);
        self.begin_work(id, NodeWork::Grid(work))?;
        let seq = self.plan.tree.get(tree).between.clone().unwrap_or_default();
        let seq = SequenceWork::new(seq, locals.clone());
        let role = NodeRole::Between;
        let child = self.spawn(tree, Some(id), role, locals, around, (path, None))?;
        self.begin_work(child, NodeWork::Seq(seq))
    }

    /// What is done between two waves has ended: the next one begins, or the block fails.
    pub(super) fn between_ended(&mut self, id: NodeId, leaver: EndedNode) -> Checked<()> {
        let work = self.grid(id)?;
        if !leaver.undo.is_empty() {
            let wave = work.grid.wave();
            work.undo_between.push((wave, leaver.undo));
        }
        match leaver.end {
            BodyEnd::Good { .. } => work.grid.pass_border(),
            BodyEnd::Bad(trouble) => {
                work.grid.stop();
                keep_first_failure(&mut self.node_mut(id)?.pending_failure, trouble);
                self.block_fails(id)?;
            }
        }
        self.start_cells(id)
    }

    /// No more cells start.
    pub(super) fn stop_cells(&mut self, id: NodeId) -> Checked<()> {
        let work = self.grid(id)?;
        work.grid.stop();
        // None of its cells may be there to end.
        if work.waits {
            self.queue.push(MachineTask::Cells(id));
        }
        Ok(())
    }

    /// A cell has ended completely.
    pub(super) fn cell_ended(&mut self, id: NodeId, cell: Cell, leaver: EndedNode) -> Checked<()> {
        let keeps = self.plan.tree.get(self.node(id)?.tree).stmt.bind.is_some();
        let work = self.grid(id)?;
        if !leaver.undo.is_empty() {
            let position = cell.position.clone();
            let wave = work.waves.partition_point(|begins| *begins <= position);
            work.undo.push(UndoCell {
                wave,
                position,
                path: leaver.path.clone(),
                undo: leaver.undo,
            });
        }
        match leaver.end {
            BodyEnd::Good {
                yielded, signal, ..
            } => {
                let yielded = match yielded {
                    None if work.keeps_places => Some(Value::None),
                    yielded => yielded,
                };
                if let Some(yielded) = yielded.filter(|_| keeps) {
                    work.yields.push((cell.position.clone(), yielded));
                }
                if let BodySignal::Return(value) = signal {
                    // Only loops that are serial have cells that return.
                    work.returned = Some(value);
                    work.grid.stop();
                }
                work.grid.ended(&cell, true);
            }
            BodyEnd::Bad(_) if leaver.tolerated => {
                if keeps {
                    work.yields.push((cell.position.clone(), Value::None));
                }
                work.grid.ended(&cell, true);
            }
            BodyEnd::Bad(trouble) => {
                work.grid.ended(&cell, false);
                if work.stops {
                    work.grid.stop();
                }
                let fail_fast = work.fail_fast;
                let node = self.node_mut(id)?;
                let first = node.pending_failure.is_none();
                keep_first_failure(&mut node.pending_failure, trouble);
                if first && fail_fast {
                    self.fail_fast(id, &leaver.path, &[])?;
                }
                self.block_fails(id)?;
            }
        }
        self.start_cells(id)
    }

    /// The siblings of a failed child, which is one of `except` where it has not ended yet, are
    /// stopped.
    pub(super) fn fail_fast(
        &mut self,
        id: NodeId,
        failed: &NodePath,
        except: &[NodeId],
    ) -> Checked<()> {
        let message = format!("stopped because `{failed}` failed");
        let failure = self.failure(id, FailureClass::Cancelled, message)?;
        let node = self.node(id)?;
        let watch = node.watch.as_ref().map(|it| it.child);
        let children: Vec<NodeId> = node.children.clone();
        // What looks at the block does so to its end.
        for child in children.into_iter().filter(|it| Some(*it) != watch) {
            self.stop(child, StopMode::Interrupt, failure.clone(), except)?;
        }
        Ok(())
    }

    /// Records the failure of a cell, and whether it is within what its block tolerates. What is
    /// stopped from outside is not tolerated: the block is to end, not to succeed.
    pub(super) fn tolerates(&mut self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let (Some(_), Some(parent)) = (node.role.cell(), node.parent) else {
            return Ok(false);
        };
        let decided = node.pending_failure.as_ref();
        let decided = decided.is_some_and(|it| it.rolls_back.is_some());
        let counts = !node.state.is_cancelled() && !decided;
        let work = self.grid(parent)?;
        work.failed += 1;
        Ok(work.failed <= work.tolerated && counts)
    }

    /// Whether a cell that fails now would be tolerated.
    pub(super) fn would_tolerate(&mut self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let (Some(_), Some(parent)) = (node.role.cell(), node.parent) else {
            return Ok(false);
        };
        let cancelled = node.state.is_cancelled();
        let work = self.grid(parent)?;
        Ok(work.failed < work.tolerated && !cancelled)
    }

    fn cells_done(&mut self, id: NodeId, mut work: GridWork, matrix: &Matrix) -> Checked<()> {
        let orders: Vec<Order> = matrix.axes.iter().map(|axis| axis.order).collect();
        let mut cells = std::mem::take(&mut work.undo);
        cells.sort_by(UndoCell::place_order);
        let node = self.node_mut(id)?;
        let between = std::mem::take(&mut work.undo_between);
        if !cells.is_empty() || !between.is_empty() {
            let cells = UndoCells {
                orders,
                max: work.max,
                cells,
                between,
            };
            let undo = Undo::Cells(Box::new(cells));
            node.undo.put(UndoRank::Body, node.tree, undo);
        }
        if let Some(trouble) = node.pending_failure.take() {
            return self.body_ends(id, BodyEnd::Bad(trouble));
        }
        if let Some(cause) = node.state.stops().cause().filter(|_| work.skipped > 0) {
            let end = BodyEnd::stopped(cause);
            return self.body_ends(id, end);
        }
        work.yields.sort_by(|(a, _), (b, _)| a.cmp(b));
        let end = match work.returned {
            Some(value) => BodyEnd::Good {
                value: Value::None,
                yielded: None,
                signal: BodySignal::Return(value),
            },
            None => BodyEnd::value(yielded(work.yields)),
        };
        self.body_ends(id, end)
    }
}

/// The list of what cells yielded. One value that is not known makes all of it unknown.
fn yielded(yields: Vec<(Position, Value)>) -> Value {
    if yields.iter().any(|(_, value)| *value == Value::Unknown) {
        return Value::Unknown;
    }
    Value::list(yields.into_iter().map(|(_, value)| value))
}

/// The barriers that cells pass, by cell.
pub(super) type OwedArrivalsByCell = HashMap<Position, OwedArrivals>;

/// What a cell is called in its path: the values of its axes, and its number among equals.
fn name_in(path: &NodePath) -> Name {
    let part = PathPart::read(last(path));
    let name = part.values.join(", ");
    match part.cell {
        Some(number) if number > 1 => format!("{name}#{number}").into(),
        _ => name.into(),
    }
}
