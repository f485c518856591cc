//! Conformance of a block: order of statements, concurrency limit, order and waves of cells.

use super::hash::FastMap;
use lockstep_lang::ir::Order;
use lockstep_plan::grid::Position;

/// A rule that was broken, in words that go behind the name of who broke it.
pub(super) type RuleViolation = String;

/// The statements of a block.
#[derive(Debug, Default)]
pub(super) struct ObservedBlock {
    /// The last statement that began.
    at: Option<usize>,
    /// Of a serial block: how many run in `at`, and whether `at` has ended and may not begin again.
    one: Strand,
    /// Of a parallel block: each of its statements as far as they have begun.
    strands: Vec<Strand>,
    /// In how many of the statements of a parallel block something runs.
    live: usize,
    /// Whether one of them ended badly, so that no later one may begin.
    failed: bool,
}

/// A statement of a block.
#[derive(Debug, Default, Clone, Copy)]
struct Strand {
    /// How many run in it.
    live: u32,
    /// Whether it has ended and may not begin again.
    ended: bool,
}

/// How something enters a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockEntry {
    /// The statement.
    pub(super) at: usize,
    /// Whether the block's statements run at once.
    pub(super) parallel: bool,
    /// Whether the block may begin again without an event that reports it.
    pub(super) restarts: bool,
    /// Whether it is the statement itself, and not something in it.
    pub(super) direct: bool,
    /// How many statements may run at once, where that is limited.
    pub(super) max: Option<usize>,
}

impl ObservedBlock {
    /// Something begins in it.
    pub(super) fn enter(&mut self, entry: BlockEntry) -> Result<(), RuleViolation> {
        let entered = self.check(entry);
        if entered.is_err() && entry.restarts && !self.is_live() {
            *self = Self::default();
        } else {
            entered?;
        }
        if entry.parallel {
            if self.strands.len() <= entry.at {
                self.strands.resize(entry.at + 1, Strand::default());
            }
            if let Some(strand) = self.strands.get_mut(entry.at) {
                self.live += usize::from(strand.live == 0);
                strand.live += 1;
            }
        } else {
            if self.at != Some(entry.at) {
                self.one = Strand::default();
            }
            self.one.live += 1;
        }
        self.at = self.at.max(Some(entry.at));
        Ok(())
    }

    fn is_live(&self) -> bool {
        self.live > 0 || self.one.live > 0
    }

    fn check(&self, entry: BlockEntry) -> Result<(), RuleViolation> {
        if entry.parallel {
            let strand = self.strands.get(entry.at).copied().unwrap_or_default();
            if entry.direct && strand.ended {
                return Err("started again after it had ended".into());
            }
            let beside = self.live - usize::from(strand.live > 0);
            return match entry.max {
                Some(max) if beside + 1 > max => Err(format!(
                    "started beside {beside} others, but `max` is {max}"
                )),
                _ => Ok(()),
            };
        }
        let is_at = self.at == Some(entry.at);
        if entry.direct && is_at && self.one.ended {
            return Err("started again after it had ended".into());
        }
        if self.one.live > 0 && !is_at {
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
    pub(super) fn leave(&mut self, entry: BlockEntry, good: bool) {
        let strand = match entry.parallel {
            true => self.strands.get_mut(entry.at),
            false => Some(&mut self.one).filter(|_| self.at == Some(entry.at)),
        };
        // What was not let in does not leave.
        if let Some(strand) = strand {
            let was_live = strand.live > 0;
            strand.live = strand.live.saturating_sub(1);
            strand.ended |= entry.direct;
            if entry.parallel {
                self.live -= usize::from(was_live && strand.live == 0);
            }
        }
        self.failed |= entry.direct && !good && !entry.parallel;
    }
}

/// The cells of a loop or matrix. Each has a number, in source order; what is known of them lies in
/// a few long lists, as there may be thousands.
#[derive(Debug, Default)]
pub(super) struct ObservedCells {
    /// Its axes; empty where the order of the cells is not known.
    orders: Vec<Order>,
    /// How many may run at once, where that is limited.
    pub(super) max: Option<usize>,
    /// How many cells come before each wave but the first.
    pub(super) waves: Vec<usize>,
    /// Whether the block may begin again without an event that reports it.
    pub(super) restarts: bool,
    live: usize,
    /// The places of all cells on the axes, one after the other.
    positions: Vec<u32>,
    /// For each serial axis of all cells: the number of the chain of elements that the cell is in,
    /// and its element.
    links: Vec<(u32, u32)>,
    /// Where each cell's part of the two lists ends.
    ends: Vec<(u32, u32)>,
    /// The chains of serial axes by the axis and what is outside of it.
    chains: FastMap<Position, u32>,
    /// For each chain the element that it is at, and how many of its cells run.
    at: Vec<(u32, u32)>,
    /// The wave that it is in, and how many of its cells run.
    wave: (usize, u32),
    /// Which cells have begun, by number.
    begun: Vec<bool>,
}

impl ObservedCells {
    /// Cells whose axes are these.
    pub(super) fn new(orders: Vec<Order>) -> Self {
        Self {
            orders,
            ..Self::default()
        }
    }

    /// Adds the next cell in source order. Its number.
    pub(super) fn add(&mut self, position: &Position) -> usize {
        self.positions.extend_from_slice(position);
        for (prefix, index) in serial(&self.orders, position) {
            let next = self.chains.len() as u32;
            let chain = *self.chains.entry(prefix).or_insert(next);
            self.links.push((chain, index));
        }
        let ends = (self.positions.len() as u32, self.links.len() as u32);
        self.ends.push(ends);
        self.ends.len() - 1
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn ends(&self, cell: usize) -> ((u32, u32), (u32, u32)) {
        let before = cell.checked_sub(1).and_then(|it| self.ends.get(it));
        let start = before.copied().unwrap_or_default();
        (start, self.ends.get(cell).copied().unwrap_or(start))
    }

    /// The place of a cell on each axis.
    pub(super) fn position(&self, cell: usize) -> &[u32] {
        let ((from, _), (to, _)) = self.ends(cell);
        let range = from as usize..to as usize;
        self.positions.get(range).unwrap_or_default()
    }

    /// The numbers of a cell's links.
    fn links(&self, cell: usize) -> std::ops::Range<usize> {
        let ((_, from), (_, to)) = self.ends(cell);
        from as usize..to as usize
    }

    /// A cell begins.
    pub(super) fn enter(&mut self, cell: Option<usize>) -> Result<(), RuleViolation> {
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
        if self.begun.len() <= cell {
            self.begun.resize(self.len().max(cell + 1), false);
        }
        if let Some(begun) = self.begun.get_mut(cell) {
            *begun = true;
        }
        for link in self.links(cell) {
            let Some((chain, index)) = self.links.get(link).copied() else {
                continue;
            };
            let chain = chain as usize;
            if self.at.len() <= chain {
                self.at.resize(chain + 1, (0, 0));
            }
            if let Some((at, live)) = self.at.get_mut(chain) {
                *at = index;
                *live += 1;
            }
        }
        self.wave = (self.wave_of(cell), self.wave.1 + 1);
        Ok(())
    }

    fn check(&self, cell: Option<usize>) -> Result<(), RuleViolation> {
        if let Some(max) = self.max.filter(|max| self.live + 1 > *max) {
            let live = self.live;
            return Err(format!(
                "started beside {live} other cells, but `max` is {max}"
            ));
        }
        let Some(cell) = cell else { return Ok(()) };
        if self.begun.get(cell) == Some(&true) {
            return Err("started a second time".into());
        }
        let links = self.links.get(self.links(cell)).unwrap_or_default();
        for (chain, index) in links {
            match self.at.get(*chain as usize) {
                Some((at, _)) if index < at => {
                    return Err("started after a cell that comes after it".into());
                }
                Some((at, live)) if index > at && *live > 0 => {
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
    pub(super) fn leave(&mut self, cell: Option<usize>) {
        self.live = self.live.saturating_sub(1);
        let Some(cell) = cell else { return };
        let links = self.links.get(self.links(cell)).unwrap_or_default();
        for (chain, _) in links {
            if let Some((_, live)) = self.at.get_mut(*chain as usize) {
                *live = live.saturating_sub(1);
            }
        }
        self.wave.1 = self.wave.1.saturating_sub(1);
    }

    fn wave_of(&self, cell: usize) -> usize {
        self.waves.partition_point(|begins| *begins <= cell)
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

    fn entry(at: usize) -> BlockEntry {
        BlockEntry {
            at,
            parallel: false,
            restarts: false,
            direct: true,
            max: None,
        }
    }

    #[test]
    fn statements_come_one_after_the_other() {
        let mut block = ObservedBlock::default();
        assert_eq!(block.enter(entry(0)), Ok(()));
        assert!(block.enter(entry(1)).is_err(), "the first one runs");
        block.leave(entry(0), true);
        assert!(block.enter(entry(0)).is_err(), "it has ended");
        assert_eq!(block.enter(entry(2)), Ok(()));
        block.leave(entry(2), false);
        assert!(block.enter(entry(1)).is_err(), "back again");
        assert!(block.enter(entry(3)).is_err(), "on after a failure");
        let again = BlockEntry {
            restarts: true,
            ..entry(0)
        };
        assert_eq!(block.enter(again), Ok(()), "it may be tried again");
    }

    #[test]
    fn no_more_run_at_once_than_may() {
        let mut block = ObservedBlock::default();
        let entry = |at| BlockEntry {
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
        let mut cells = ObservedCells::new(vec![Order::Parallel, Order::Serial]);
        let a = cells.add(&vec![0, 0]);
        let b = cells.add(&vec![0, 1]);
        let c = cells.add(&vec![1, 0]);
        assert_eq!(cells.enter(Some(a)), Ok(()));
        assert!(cells.enter(Some(b)).is_err(), "the one before it runs");
        assert_eq!(cells.enter(Some(c)), Ok(()), "another chain");
        cells.leave(Some(a));
        assert!(cells.enter(Some(a)).is_err(), "a second time");
        assert_eq!(cells.enter(Some(b)), Ok(()));
        cells.leave(Some(b));
        cells.leave(Some(c));

        let mut waves = ObservedCells::new(vec![Order::Parallel, Order::Parallel]);
        waves.waves = vec![1];
        let a = waves.add(&vec![0, 0]);
        let b = waves.add(&vec![0, 1]);
        let c = waves.add(&vec![1, 0]);
        assert_eq!(waves.enter(Some(a)), Ok(()));
        assert!(waves.enter(Some(b)).is_err(), "the first wave runs");
        waves.leave(Some(a));
        assert_eq!(waves.enter(Some(b)), Ok(()));
        assert_eq!(waves.enter(Some(c)), Ok(()));
    }
}
