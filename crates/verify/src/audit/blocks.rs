//! What a block allows: one statement after the other, so many at once, cells in their order and
//! waves. It does not know names, nor what runs in it.

use std::collections::{HashMap, HashSet};

use lockstep_lang::ir::Order;
use lockstep_plan::grid::Position;

/// A rule that was broken, in words that go behind the name of who broke it.
pub(super) type Broken = String;

/// The statements of a block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The last statement that began.
    at: Option<usize>,
    /// Who runs in each statement that runs: for a serial block, in `at`.
    live: HashMap<usize, u32>,
    /// The statements that have ended and may not begin again.
    ended: HashSet<usize>,
    /// Whether one of them ended badly, so that no later one may begin.
    failed: bool,
}

/// How something enters a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The statement.
    pub(super) at: usize,
    /// Whether the block's statements run at once.
    pub(super) parallel: bool,
    /// Whether the block may begin again without anything being told of it.
    pub(super) restarts: bool,
    /// Whether it is the statement itself, and not something in it.
    pub(super) direct: bool,
    /// How many statements may run at once, where that is limited.
    pub(super) max: Option<usize>,
}

impl Block {
    /// Something begins in it.
    pub(super) fn enter(&mut self, entry: Entry) -> Result<(), Broken> {
        let entered = self.check(entry);
        if entered.is_err() && entry.restarts && self.live.is_empty() {
            *self = Self::default();
        } else {
            entered?;
        }
        self.at = self.at.max(Some(entry.at));
        *self.live.entry(entry.at).or_default() += 1;
        Ok(())
    }

    fn check(&self, entry: Entry) -> Result<(), Broken> {
        if entry.direct && self.ended.contains(&entry.at) {
            return Err("started again after it had ended".into());
        }
        let beside = self.live.keys().filter(|at| **at != entry.at).count();
        if entry.parallel {
            return match entry.max {
                Some(max) if beside + 1 > max => Err(format!(
                    "started beside {beside} others, but `max` is {max}"
                )),
                _ => Ok(()),
            };
        }
        if beside > 0 {
            return Err("started before the statement before it had ended".into());
        }
        if self.at.is_some_and(|at| entry.at < at) {
            return Err("started after a statement that comes after it".into());
        }
        let goes_on = self.at.is_some_and(|at| entry.at > at);
        match self.failed && goes_on {
            true => Err("started after a statement before it had failed".into()),
            false => Ok(()),
        }
    }

    /// Something in it has ended.
    pub(super) fn leave(&mut self, entry: Entry, good: bool) {
        if let Some(live) = self.live.get_mut(&entry.at) {
            *live -= 1;
            if *live == 0 {
                self.live.remove(&entry.at);
            }
        }
        if entry.direct {
            self.ended.insert(entry.at);
            self.failed |= !good && !entry.parallel;
        }
    }
}

/// A cell of a loop or matrix.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Its number in source order.
    pub(super) number: usize,
    /// Its place on each axis.
    pub(super) position: Position,
}

/// The cells of a loop or matrix.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Its axes; empty where the order of the cells is not known.
    pub(super) orders: Vec<Order>,
    /// How many may run at once, where that is limited.
    pub(super) max: Option<usize>,
    /// How many cells come before each wave but the first.
    pub(super) waves: Vec<usize>,
    /// Whether the block may begin again without anything being told of it.
    pub(super) restarts: bool,
    live: usize,
    /// For each serial axis, by the values of the axes outside it: the element that it is at, and
    /// how many of its cells run.
    at: HashMap<Position, (u32, u32)>,
    /// The wave that it is in, and how many of its cells run.
    wave: (usize, u32),
    begun: HashSet<usize>,
}

impl Cells {
    /// A cell begins.
    pub(super) fn enter(&mut self, cell: Option<&Cell>) -> Result<(), Broken> {
        let entered = self.check(cell);
        if entered.is_err() && self.restarts && self.live == 0 {
            self.at.clear();
            self.begun.clear();
            self.wave = (0, 0);
        } else {
            entered?;
        }
        self.live += 1;
        let Some(cell) = cell else { return Ok(()) };
        self.begun.insert(cell.number);
        for (prefix, index) in serial(&self.orders, &cell.position) {
            let (at, live) = self.at.entry(prefix).or_default();
            *at = index;
            *live += 1;
        }
        self.wave = (self.wave_of(cell), self.wave.1 + 1);
        Ok(())
    }

    fn check(&self, cell: Option<&Cell>) -> Result<(), Broken> {
        if let Some(max) = self.max.filter(|max| self.live + 1 > *max) {
            let live = self.live;
            return Err(format!(
                "started beside {live} other cells, but `max` is {max}"
            ));
        }
        let Some(cell) = cell else { return Ok(()) };
        if self.begun.contains(&cell.number) {
            return Err("started a second time".into());
        }
        for (prefix, index) in serial(&self.orders, &cell.position) {
            match self.at.get(&prefix) {
                Some((at, _)) if index < *at => {
                    return Err("started after a cell that comes after it".into());
                }
                Some((at, live)) if index > *at && *live > 0 => {
                    return Err("started before a cell before it had ended".into());
                }
                _ => {}
            }
        }
        let wave = self.wave_of(cell);
        match self.wave {
            (at, live) if wave > at && live > 0 => {
                Err("started before the wave before it was through".into())
            }
            (at, _) if wave < at => Err("started after a later wave had begun".into()),
            _ => Ok(()),
        }
    }

    /// A cell has ended.
    pub(super) fn leave(&mut self, cell: Option<&Cell>) {
        self.live = self.live.saturating_sub(1);
        let Some(cell) = cell else { return };
        for (prefix, _) in serial(&self.orders, &cell.position) {
            if let Some((_, live)) = self.at.get_mut(&prefix) {
                *live = live.saturating_sub(1);
            }
        }
        self.wave.1 = self.wave.1.saturating_sub(1);
    }

    fn wave_of(&self, cell: &Cell) -> usize {
        self.waves.partition_point(|begins| *begins <= cell.number)
    }
}

/// The serial axes of a position: what is outside each of them, and the element on it. A cell
/// that was added stands on the first axis only, behind the others.
fn serial<'a>(
    orders: &'a [Order],
    position: &'a Position,
) -> impl Iterator<Item = (Position, u32)> + 'a {
    let axes = orders.iter().zip(position).enumerate();
    axes.filter(|(_, (order, _))| **order == Order::Serial)
        .map(|(axis, (_, index))| {
            let mut prefix: Position = position.iter().take(axis).copied().collect();
            // Prefixes of different axes must not be taken for each other.
            prefix.push(axis as u32);
            (prefix, *index)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: usize) -> Entry {
        Entry {
            at,
            parallel: false,
            restarts: false,
            direct: true,
            max: None,
        }
    }

    #[test]
    fn statements_come_one_after_the_other() {
        let mut block = Block::default();
        assert_eq!(block.enter(entry(0)), Ok(()));
        assert!(block.enter(entry(1)).is_err(), "the first one runs");
        block.leave(entry(0), true);
        assert!(block.enter(entry(0)).is_err(), "it has ended");
        assert_eq!(block.enter(entry(2)), Ok(()));
        block.leave(entry(2), false);
        assert!(block.enter(entry(1)).is_err(), "back again");
        assert!(block.enter(entry(3)).is_err(), "on after a failure");
        let again = Entry {
            restarts: true,
            ..entry(0)
        };
        assert_eq!(block.enter(again), Ok(()), "it may be tried again");
    }

    #[test]
    fn no_more_run_at_once_than_may() {
        let mut block = Block::default();
        let entry = |at| Entry {
            parallel: true,
            max: Some(2),
            ..entry(at)
        };
        assert_eq!(block.enter(entry(3)), Ok(()));
        assert_eq!(block.enter(entry(1)), Ok(()));
        assert!(block.enter(entry(2)).is_err());
        block.leave(entry(3), false);
        assert_eq!(block.enter(entry(2)), Ok(()));
    }

    #[test]
    fn cells_keep_to_their_axes_and_waves() {
        let cell = |number, position: [u32; 2]| Cell {
            number,
            position: position.to_vec(),
        };
        let mut cells = Cells {
            orders: vec![Order::Parallel, Order::Serial],
            ..Cells::default()
        };
        let (a, b, c) = (cell(0, [0, 0]), cell(1, [0, 1]), cell(2, [1, 0]));
        assert_eq!(cells.enter(Some(&a)), Ok(()));
        assert!(cells.enter(Some(&b)).is_err(), "the one before it runs");
        assert_eq!(cells.enter(Some(&c)), Ok(()), "another chain");
        cells.leave(Some(&a));
        assert!(cells.enter(Some(&a)).is_err(), "a second time");
        assert_eq!(cells.enter(Some(&b)), Ok(()));
        cells.leave(Some(&b));
        cells.leave(Some(&c));

        let mut waves = Cells {
            orders: vec![Order::Parallel, Order::Parallel],
            waves: vec![1],
            ..Cells::default()
        };
        assert_eq!(waves.enter(Some(&a)), Ok(()));
        assert!(waves.enter(Some(&b)).is_err(), "the first wave runs");
        waves.leave(Some(&a));
        assert_eq!(waves.enter(Some(&b)), Ok(()));
        assert_eq!(waves.enter(Some(&c)), Ok(()));
    }
}
