//! Bounds what begins: the cells of a loop start some at a time, while there is room for what they
//! do. Without it a loop of a million cells would exist all at once, though only some commands run
//! at once, and one event would lead to millions of effects.
//!
//! Nothing waits for ever: a loop is held back only while commands run, whose ends make room, or
//! until the next [`Event::GoOn`](super::Event::GoOn).

use std::collections::{HashSet, VecDeque};

use super::broken::Checked;
use super::event::EffectId;
use super::node::{NodeId, NodeWork};
use super::{Machine, MachineTask};
use lockstep_plan::{MAX_COMMANDS, RunFacts};

/// So many cells start before the first of them goes on.
pub(super) const CELLS_AT_ONCE: usize = 32;

/// One event leads to about so many effects, at most.
const MAX_EFFECTS_OF_AN_EVENT: usize = 1_024;

/// Cells start while fewer commands and actions have been requested, even if fewer run at once.
const MIN_REQUESTED_COMMANDS: usize = 64;

/// So many commands are requested for each that may run: one runs, and others wait for its place.
const REQUESTED_FOR_EACH: usize = 3;

/// The loops that wait with their next cells, and what they wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldCells {
    /// The loops, in the order in which they go on.
    loops: VecDeque<NodeId>,
    /// The commands and actions that have been requested and have not ended.
    requested: HashSet<EffectId>,
    /// How many of those there may be before cells wait.
    limit: usize,
}

impl HeldCells {
    /// For a run: more than run at once, so that no place has to wait for a cell.
    pub(super) fn of(run: &RunFacts) -> Self {
        let at_once = run.max_commands.unwrap_or(MAX_COMMANDS).min(MAX_COMMANDS);
        Self {
            limit: (REQUESTED_FOR_EACH * at_once as usize).max(MIN_REQUESTED_COMMANDS),
            ..Self::default()
        }
    }

    /// A command or an action is requested.
    pub(super) fn begun(&mut self, id: EffectId) {
        self.requested.insert(id);
    }

    /// A command or an action has ended.
    pub(super) fn ended(&mut self, id: EffectId) {
        self.requested.remove(&id);
    }

    /// Whether more commands may be requested.
    pub(super) fn has_room(&self) -> bool {
        self.requested.len() < self.limit
    }

    /// How many loops wait.
    pub(super) fn len(&self) -> usize {
        self.loops.len()
    }

    /// A loop waits.
    pub(super) fn hold(&mut self, id: NodeId) {
        self.loops.push_back(id);
    }
}

impl Machine {
    /// Whether something is to be done without anything that happens: [`Event::GoOn`] does it.
    ///
    /// [`Event::GoOn`]: super::Event::GoOn
    pub fn has_more(&self) -> bool {
        self.broken.is_none() && self.held_cells.len() > 0 && self.held_cells.has_room()
    }

    /// Whether this event has led to so many effects that the rest waits.
    pub(super) fn is_turn_over(&self) -> bool {
        self.effects.len() >= MAX_EFFECTS_OF_AN_EVENT
    }

    /// Lets loops go on that waited, while there is room.
    pub(super) fn go_on(&mut self) -> Checked<()> {
        while !self.is_turn_over() && self.has_more() {
            let Some(id) = self.held_cells.loops.pop_front() else {
                break;
            };
            self.queue.push(MachineTask::Cells(id));
            self.run_tasks()?;
        }
        Ok(())
    }

    /// Starts the next cells of a loop, if it has not ended meanwhile.
    pub(super) fn more_cells(&mut self, id: NodeId) -> Checked<()> {
        let node = self.find(id);
        if let Some(NodeWork::Grid(_)) = node.and_then(|node| node.state.work()) {
            self.grid(id)?.goes_on();
            self.start_cells(id)?;
        }
        Ok(())
    }
}
