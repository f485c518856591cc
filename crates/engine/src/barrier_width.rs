//! Whether `max` and `batches` let in all who must meet at a barrier. For lists that are known
//! before the run the proof knows it (`verify`); here it is checked when the block begins, before
//! its first cell, with the list that the run has brought.

use std::collections::{HashMap, HashSet};

use super::Machine;
use super::broken::NodeError;
use super::node::NodeId;
use lockstep_lang::ir::{FailureClass, Matrix};
use lockstep_plan::grid::{Cell, Gate, Grid, NextCell, Position};
use lockstep_plan::{BarrierKey, BarrierName, MatrixAxes, TreeId, body};

/// A meeting of the block: which part of its cells meets, and at what.
type CellMeeting = (Position, BarrierName);

/// Who must meet whom.
#[derive(Default)]
struct CellMeetings {
    /// The meetings that each cell may pass.
    of: HashMap<Position, Vec<CellMeeting>>,
    /// How many cells of each meeting have not started.
    missing: HashMap<CellMeeting, usize>,
    /// How many cells each meeting has.
    cells: HashMap<CellMeeting, usize>,
}

impl CellMeetings {
    fn add(&mut self, position: &Position, meetings: Vec<CellMeeting>) {
        for meeting in &meetings {
            *self.missing.entry(meeting.clone()).or_default() += 1;
            *self.cells.entry(meeting.clone()).or_default() += 1;
        }
        self.of.insert(position.clone(), meetings);
    }

    fn started(&mut self, cell: &Cell) {
        for meeting in self.of.get(&cell.position).into_iter().flatten() {
            if let Some(missing) = self.missing.get_mut(meeting) {
                *missing = missing.saturating_sub(1);
            }
        }
    }

    /// The first meeting at which a cell would still wait for one that has not started.
    fn incomplete(&self, cell: &Cell) -> Option<&CellMeeting> {
        let own = self.of.get(&cell.position).into_iter().flatten();
        own.into_iter()
            .find(|it| self.missing.get(*it).is_some_and(|missing| *missing > 0))
    }
}

impl Machine {
    /// Fails where cells would wait at a barrier for others that are not let in before they end.
    pub(super) fn check_barrier_width(
        &self,
        id: NodeId,
        matrix: &Matrix,
        gate: &Gate,
    ) -> Result<(), NodeError> {
        let node = self.node(id)?;
        let spot = self.plan.tree.get(node.tree);
        let throttled = gate.max.is_some() || !gate.waves.is_empty();
        if !throttled || !spot.is_late || node.inherited.undoing {
            return Ok(());
        }
        let walk = Self::walk(&self.plan, &self.run);
        let mut cells = Vec::new();
        let walked = walk.each_cell(matrix, &node.locals, &mut |cell| {
            let sum = walk.summary(body(spot), cell.locals)?;
            cells.push((cell.position.clone(), sum.barriers.into_keys().collect()));
            Ok(())
        });
        walked.map_err(|halt| self.fault(id, halt))?;
        let mut meetings = self.cell_meetings(node.tree, cells);
        let mut axes = MatrixAxes { walk, matrix };
        let orders = matrix.axes.iter().map(|axis| axis.order).collect();
        let mut grid = Grid::new(orders, gate.clone(), &node.locals, &mut axes)
            .map_err(|halt| self.fault(id, halt))?;
        let mut running: Vec<Cell> = Vec::new();
        loop {
            match grid.next(&mut axes).map_err(|halt| self.fault(id, halt))? {
                NextCell::Start(cell) => {
                    meetings.started(&cell);
                    running.push(cell);
                }
                NextCell::Skip(_) => {}
                NextCell::Done => return Ok(()),
                NextCell::Border => grid.pass_border(),
                NextCell::Wait => {
                    let passes = |cell: &Cell| meetings.incomplete(cell).is_none();
                    let before = running.len();
                    for cell in running.extract_if(.., |cell| passes(cell)) {
                        grid.ended(&cell, true);
                    }
                    if running.len() == before {
                        return Err(self.too_narrow(id, gate, &meetings, &running)?.into());
                    }
                }
            }
        }
    }

    /// Who may meet whom in a block. Where a key is not known yet, it can be any.
    fn cell_meetings(
        &self,
        tree: TreeId,
        cells: Vec<(Position, Vec<BarrierName>)>,
    ) -> CellMeetings {
        let passed = cells.iter().flat_map(|(_, barriers)| barriers);
        let open = passed.filter(|barrier| barrier.key.is_open());
        let open: HashSet<u32> = open.map(|barrier| barrier.meeting).collect();
        let mut meetings = CellMeetings::default();
        for (position, barriers) in cells {
            let mut own: Vec<CellMeeting> = Vec::new();
            for mut barrier in barriers {
                if open.contains(&barrier.meeting) {
                    barrier.key = BarrierKey::Unknown;
                }
                let Some(scope) = self.plan.meetings.get(barrier.meeting as usize) else {
                    continue;
                };
                // Those who meet around the block all meet each other, as far as they are in it.
                let fixed = match scope.block == tree {
                    true => scope.fixed_axes,
                    false => 0,
                };
                let meeting = (position.iter().copied().take(fixed).collect(), barrier);
                let around = self.plan.tree.outwards(tree).any(|it| it == scope.block);
                if around && !own.contains(&meeting) {
                    own.push(meeting);
                }
            }
            meetings.add(&position, own);
        }
        meetings
    }

    fn too_narrow(
        &self,
        id: NodeId,
        gate: &Gate,
        meetings: &CellMeetings,
        running: &[Cell],
    ) -> Result<super::run_event::Failure, NodeError> {
        let waited = running.iter().find_map(|cell| meetings.incomplete(cell));
        let cells = waited.and_then(|it| meetings.cells.get(it)).copied();
        let name = waited.map_or_else(String::new, |(_, barrier)| barrier.to_string());
        let word = if gate.max.is_some() { "max" } else { "batches" };
        let said = format!(
            "`{word}` lets in too few strands for barrier `{name}`: {} must meet, and {} wait for \
             the others",
            cells.unwrap_or(0),
            running.len(),
        );
        Ok(self.failure(id, FailureClass::Barrier, said)?)
    }
}
