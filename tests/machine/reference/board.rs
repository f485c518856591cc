//! The cells of a loop, or the children of a `parallel`: which run, and which wait.

use std::rc::Rc;

use crate::machine::generate::{INCLUDED, Kind, Node, variable};

use super::frames::{Env, Frame};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waits,
    Runs,
    Good,
    Bad,
    Skipped,
}

/// Which cells run, and which wait.
pub struct Board<'p> {
    pub states: Vec<State>,
    pub waves: Vec<usize>,
    pub wave: usize,
    pub skipped: bool,
    pub stopped: bool,
    /// Whether those that were to start when another one failed are stopped.
    pub cut: bool,
    pub frames: Vec<Option<Rc<Frame<'p>>>>,
    /// When each has started.
    pub started: Vec<i64>,
    /// When something has last taken the place of what took no time.
    pub refilled_at: Option<i64>,
}

impl Board<'_> {
    /// The cells that start now. `max` and waves let in the first that could start.
    pub fn next(
        &mut self,
        cells: &[(Vec<u32>, Env)],
        orders: &[bool],
        max: Option<u32>,
        mut live: usize,
        is_grid: bool,
    ) -> Vec<usize> {
        let mut started = Vec::new();
        loop {
            let ready = (0..cells.len()).filter(|at| {
                let before = |other: &usize| comes_before(&cells[*other].0, &cells[*at].0, orders);
                self.states[*at] == State::Waits
                    && (0..cells.len())
                        .filter(before)
                        .all(|it| !matches!(self.states[it], State::Waits | State::Runs))
            });
            let ready = ready.min_by_key(|at| (self.waves[*at], *at));
            let Some(at) = ready else { return started };
            if !self.stopped {
                if self.waves[at] > self.wave && live > 0 {
                    return started;
                }
                self.wave = self.wave.max(self.waves[at]);
                if max.is_some_and(|max| live >= max as usize) {
                    return started;
                }
            }
            let broken = (0..cells.len()).any(|it| {
                self.states[it] == State::Bad && comes_before(&cells[it].0, &cells[at].0, orders)
            });
            if self.stopped || (broken && is_grid) {
                self.states[at] = State::Skipped;
                self.skipped = true;
                continue;
            }
            self.states[at] = State::Runs;
            started.push(at);
            live += 1;
        }
    }
}

/// Whether one cell has to end before another starts: they part on a serial axis.
fn comes_before(one: &[u32], other: &[u32], orders: &[bool]) -> bool {
    let mut axes = one.iter().zip(other).zip(orders);
    let parts = axes.find(|((a, b), _)| a != b);
    parts.is_some_and(|((a, b), serial)| *serial && a < b)
}

/// The wave of each cell: `batches [1, 2]`. What is done between them has waves of its own.
pub fn waves(count: usize, batches: bool) -> Vec<usize> {
    (0..count)
        .map(|at| if batches { 2 * at.div_ceil(2) } else { 0 })
        .collect()
}

/// The cells of a loop in source order.
pub fn cells(node: &Node, env: &Env) -> Vec<(Vec<u32>, Env)> {
    let Kind::Grid(grid) = &node.kind else {
        return Vec::new();
    };
    let mut cells = vec![(Vec::new(), env.clone())];
    for (axis, (_, count)) in grid.axes.iter().enumerate() {
        let mut longer = Vec::new();
        for (position, env) in cells {
            for value in 0..*count {
                let (mut position, mut env) = (position.clone(), env.clone());
                position.push(value);
                env.push((variable(node.id, axis), value));
                longer.push((position, env));
            }
        }
        cells = longer;
    }
    if let Some(dropped) = grid.dropped {
        cells.retain(|(position, _)| position[0] != dropped);
    }
    if grid.included {
        let mut env = env.clone();
        for axis in 0..grid.axes.len() {
            env.push((variable(node.id, axis), INCLUDED));
        }
        cells.push((vec![grid.axes[0].1], env));
    }
    cells
}
