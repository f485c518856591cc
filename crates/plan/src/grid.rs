//! The scheduler of the cells of a loop or matrix: which cell starts next, given which cells have
//! ended, how many may run concurrently (`max`), and in which waves (`batches`). Cells are created
//! lazily, when they may start. Must not depend on time or on what a cell does.
//!
//! Axes nest as written. A level is one axis with the values of the axes outside it fixed; its
//! elements are levels of the next axis or, on the last one, cells. A serial level opens its next
//! element when the one before has ended, a parallel level at once. Whatever can be opened waits in
//! a heap in source order, so `max` always admits the first cell that is ready.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Locals;
use super::cell_numbers::CellNumbers;
use super::share::batch_of;
use lockstep_base::value::Value;
use lockstep_lang::ir::Order;

/// Where a cell is among its siblings: its index on each axis.
pub type Position = Vec<u32>;

/// The values that the grid needs.
pub trait Axes {
    /// Why a value could not be found.
    type Error;
    /// The elements of an axis, given the locals with the axes before it.
    fn values(&mut self, axis: usize, locals: &Locals) -> Result<Arc<Vec<Value>>, Self::Error>;
    /// The locals with this element of an axis.
    fn bind(&self, axis: usize, value: &Value, locals: &Locals) -> Locals;
    /// Whether `where` includes the cell with these locals.
    fn keep(&mut self, locals: &Locals) -> Result<bool, Self::Error>;
    /// The cells that `include` adds: for each the values of all axes.
    fn included(&mut self, locals: &Locals) -> Result<Vec<Vec<Value>>, Self::Error>;
    /// Whether two of these elements of an axis have one name.
    fn has_equals(&self, axis: usize, values: &[Value], locals: &Locals) -> bool;
    /// The numbers of all cells that are not the first with their name.
    fn numbers(&mut self, locals: &Locals) -> CellNumbers;
}

/// A cell that may start, or that never will.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its place.
    pub position: Position,
    /// Its axis values, in axis order.
    pub values: Vec<Value>,
    /// Which of the cells with its name it is, from 1.
    pub number: u32,
    /// The locals with its axis values.
    pub locals: Locals,
    level: usize,
}

/// What comes next.
#[derive(Debug)]
pub enum NextCell {
    /// This cell starts now.
    Start(Cell),
    /// This cell never starts: one before it in its chain failed, or the block was stopped.
    Skip(Cell),
    /// Nothing can start until a running cell ends.
    Wait,
    /// A wave has ended: the next one begins after [`Grid::pass_border`].
    Border,
    /// All cells have ended.
    Done,
}

/// How many cells may run, and in which waves.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// How many at once.
    pub max: Option<usize>,
    /// Where each wave but the first begins, in source order: every cell before is complete before
    /// this one starts. Empty: no waves.
    pub waves: Vec<Position>,
    /// Whether something is done between the waves.
    pub pauses: bool,
}

/// The cells of one loop or matrix.
#[derive(Debug, Clone)]
pub struct Grid {
    orders: Vec<Order>,
    gate: Gate,
    levels: HashMap<usize, GridLevel>,
    next_level: usize,
    ready: BinaryHeap<Reverse<(Position, usize)>>,
    running: usize,
    wave: usize,
    /// Whether what is done before the next wave has been done.
    passed: bool,
    stopped: bool,
    /// What the axes see.
    locals: Locals,
    /// The numbers of cells with equal names, counted when the first of them may start.
    numbers: Option<Arc<CellNumbers>>,
}

#[derive(Debug, Clone)]
struct GridLevel {
    axis: usize,
    parent: Option<usize>,
    prefix: Position,
    chosen: Vec<Value>,
    locals: Locals,
    /// Those of its axis, which may be many: the list of the program, if it has one.
    values: Arc<Vec<Value>>,
    included: Vec<Vec<Value>>,
    next: u32,
    live: u32,
    broken: BrokenChains,
}

/// What failures have stopped on a serial level: the elements after these. Those that run
/// concurrently with the failed cell, or wait for room in the same wave, continue.
#[derive(Debug, Default, Clone, PartialEq)]
struct BrokenChains {
    /// All chains after this element.
    all: Option<u32>,
    /// Only the chains of these infrastructures: the level is outside a parallel axis of
    /// infrastructures, and infrastructures do not pull each other down.
    chains: HashMap<String, u32>,
}

impl GridLevel {
    fn len(&self) -> usize {
        self.values.len() + self.included.len()
    }
}

impl Grid {
    /// The cells of a block with these axes, seen from `locals`.
    pub fn new<A: Axes>(
        orders: Vec<Order>,
        gate: Gate,
        locals: &Locals,
        axes: &mut A,
    ) -> Result<Self, A::Error> {
        let mut grid = Self {
            orders,
            gate,
            levels: HashMap::new(),
            next_level: 0,
            ready: BinaryHeap::new(),
            running: 0,
            wave: 0,
            passed: false,
            stopped: false,
            locals: locals.clone(),
            numbers: None,
        };
        let values = axes.values(0, locals)?;
        grid.number_equals(0, &values, locals, axes);
        let included = axes.included(locals)?;
        grid.add_level(GridLevel {
            axis: 0,
            parent: None,
            prefix: Position::new(),
            chosen: Vec::new(),
            locals: locals.clone(),
            values,
            included,
            next: 0,
            live: 0,
            broken: BrokenChains::default(),
        });
        Ok(grid)
    }

    /// From now on no cell starts; those that have not are skipped.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether no more cells start.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What is done before the next wave has been done.
    pub fn pass_border(&mut self) {
        self.passed = true;
    }

    /// Which wave runs, from 0.
    pub fn wave(&self) -> usize {
        self.wave
    }

    /// How many cells run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether cells may still start.
    pub fn has_more(&self) -> bool {
        let open = |level: &GridLevel| (level.next as usize) < level.len();
        !self.stopped && self.levels.values().any(open)
    }

    /// What comes next. Call it again until it says [`NextCell::Wait`] or [`NextCell::Done`].
    pub fn next<A: Axes>(&mut self, axes: &mut A) -> Result<NextCell, A::Error> {
        loop {
            let Some(Reverse((position, key))) = self.ready.peek() else {
                return Ok(if self.levels.is_empty() {
                    NextCell::Done
                } else {
                    NextCell::Wait
                });
            };
            let key = *key;
            if !self.stopped {
                let waves = self.gate.waves.get(self.wave..).unwrap_or_default();
                let later = waves.iter().take_while(|first| position >= first).count();
                if later > 0 && self.running > 0 {
                    return Ok(NextCell::Wait);
                }
                if later > 0 && self.gate.pauses && !std::mem::take(&mut self.passed) {
                    return Ok(NextCell::Border);
                }
                self.wave += later;
                if self.gate.max.is_some_and(|max| self.running >= max) {
                    return Ok(NextCell::Wait);
                }
            }
            if let Some(next) = self.open(key, axes)? {
                return Ok(next);
            }
        }
    }

    /// A started cell has ended; a failed one breaks the chains that it is in.
    pub fn ended(&mut self, cell: &Cell, good: bool) {
        self.running -= 1;
        if !good {
            self.break_chains(cell);
        }
        self.child_ended(cell.level);
    }

    fn add_level(&mut self, level: GridLevel) {
        let key = self.next_level;
        self.next_level += 1;
        let mut position = level.prefix.clone();
        position.push(0);
        self.levels.insert(key, level);
        self.ready.push(Reverse((position, key)));
    }

    /// Opens the next element of a level that is ready.
    fn open<A: Axes>(&mut self, key: usize, axes: &mut A) -> Result<Option<NextCell>, A::Error> {
        let order = |grid: &Self, axis: usize| grid.orders.get(axis).copied();
        let Some(level) = self.levels.get_mut(&key) else {
            self.ready.pop();
            return Ok(None);
        };
        let index = level.next as usize;
        if index >= level.len() {
            self.ready.pop();
            self.finish_if_empty(key);
            return Ok(None);
        }
        level.next += 1;
        let axis = level.axis;
        let mut position = level.prefix.clone();
        position.push(index as u32);
        let mut chosen = level.chosen.clone();
        let mut locals = level.locals.clone();
        let included = index.checked_sub(level.values.len());
        if let Some(extra) = included.and_then(|at| level.included.get(at)) {
            chosen.clone_from(extra);
            for (axis, value) in extra.iter().enumerate() {
                locals = axes.bind(axis, value, &locals);
            }
        } else if let Some(value) = level.values.get(index) {
            chosen.push(value.clone());
            locals = axes.bind(axis, value, &locals);
        }
        if order(self, axis) == Some(Order::Serial) {
            self.ready.pop();
        } else if let Some(mut top) = self.ready.peek_mut()
            && let Some(last) = top.0.0.last_mut()
        {
            *last += 1;
        }
        if axis + 1 < self.orders.len() && included.is_none() {
            let values = axes.values(axis + 1, &locals)?;
            self.number_equals(axis + 1, &values, &locals, axes);
            self.child_started(key);
            self.add_level(GridLevel {
                axis: axis + 1,
                parent: Some(key),
                prefix: position,
                chosen,
                locals,
                values,
                included: Vec::new(),
                next: 0,
                live: 0,
                broken: BrokenChains::default(),
            });
            return Ok(None);
        }
        if included.is_none() && !axes.keep(&locals)? {
            self.reopen(key);
            return Ok(None);
        }
        if included.is_some() {
            self.count_numbers(axes);
        }
        let cell = Cell {
            number: self.number(&position),
            position,
            values: chosen,
            locals,
            level: key,
        };
        if self.stopped || self.is_broken(&cell) {
            self.reopen(key);
            return Ok(Some(NextCell::Skip(cell)));
        }
        self.child_started(key);
        self.running += 1;
        Ok(Some(NextCell::Start(cell)))
    }

    /// Two elements of one level may have one name. Without such a level, and without added cells,
    /// all names are different.
    fn number_equals<A: Axes>(
        &mut self,
        axis: usize,
        values: &[Value],
        locals: &Locals,
        axes: &mut A,
    ) {
        if self.numbers.is_none() && axes.has_equals(axis, values, locals) {
            self.count_numbers(axes);
        }
    }

    fn count_numbers<A: Axes>(&mut self, axes: &mut A) {
        let locals = &self.locals;
        self.numbers
            .get_or_insert_with(|| Arc::new(axes.numbers(locals)));
    }

    fn number(&self, position: &Position) -> u32 {
        let number = self.numbers.as_ref().and_then(|it| it.get(position));
        number.copied().unwrap_or(1)
    }

    fn child_started(&mut self, key: usize) {
        if let Some(level) = self.levels.get_mut(&key) {
            level.live += 1;
        }
    }

    fn child_ended(&mut self, key: usize) {
        if let Some(level) = self.levels.get_mut(&key) {
            level.live -= 1;
        }
        self.reopen(key);
    }

    /// A serial level may open its next element; a level without any is finished.
    fn reopen(&mut self, key: usize) {
        let Some(level) = self.levels.get(&key) else {
            return;
        };
        let serial = self.orders.get(level.axis) == Some(&Order::Serial);
        if serial && (level.next as usize) < level.len() {
            let mut position = level.prefix.clone();
            position.push(level.next);
            self.ready.push(Reverse((position, key)));
        } else {
            self.finish_if_empty(key);
        }
    }

    fn finish_if_empty(&mut self, mut key: usize) {
        while let Some(level) = self.levels.get(&key) {
            if level.live > 0 || (level.next as usize) < level.len() {
                return;
            }
            let parent = level.parent;
            self.levels.remove(&key);
            let Some(parent) = parent else { return };
            if let Some(above) = self.levels.get_mut(&parent) {
                above.live -= 1;
                let serial = self.orders.get(above.axis) == Some(&Order::Serial);
                if serial && (above.next as usize) < above.len() {
                    self.reopen(parent);
                    return;
                }
            }
            key = parent;
        }
    }

    /// The serial levels that a level is in, itself included, outwards.
    fn break_chains(&mut self, cell: &Cell) {
        let mut at = Some(cell.level);
        while let Some(key) = at {
            let chain = self.chain(key, cell);
            let Some(level) = self.levels.get_mut(&key) else {
                return;
            };
            at = level.parent;
            if self.orders.get(level.axis) != Some(&Order::Serial) {
                continue;
            }
            let Some(index) = cell.position.get(level.axis).copied() else {
                continue;
            };
            let _first = match chain {
                Some(chain) => *level.broken.chains.entry(chain).or_insert(index),
                None => *level.broken.all.get_or_insert(index),
            };
        }
    }

    fn is_broken(&self, cell: &Cell) -> bool {
        let mut at = Some(cell.level);
        while let Some(key) = at {
            let Some(level) = self.levels.get(&key) else {
                return false;
            };
            let after = |broken: &u32| cell.position.get(level.axis) > Some(broken);
            if level.broken.all.as_ref().is_some_and(after) {
                return true;
            }
            if !level.broken.chains.is_empty() {
                let chain = self.chain(key, cell);
                let broken = chain.map_or(level.broken.chains.values().min(), |chain| {
                    level.broken.chains.get(&chain)
                });
                if broken.is_some_and(after) {
                    return true;
                }
            }
            at = level.parent;
        }
        false
    }

    /// Which chain of a serial level a cell is in: the infrastructures that the parallel axes
    /// inside the level give it. Without such an axis the level is one chain.
    fn chain(&self, key: usize, cell: &Cell) -> Option<String> {
        let level = self.levels.get(&key)?;
        let inside = self.orders.iter().zip(&cell.values).skip(level.axis + 1);
        let places: Vec<String> = inside
            .filter(|(order, _)| **order == Order::Parallel)
            .filter_map(|(_, value)| match value {
                Value::Infrastructure(id) => Some(id.0.to_string()),
                _ => None,
            })
            .collect();
        (!places.is_empty()).then(|| places.join(","))
    }
}

/// Two grids of one block are the same if they will do the same, whatever their levels' numbers.
impl Hash for Grid {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let mut levels: Vec<_> = self.levels.values().collect();
        levels.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        for level in levels {
            let chains: BTreeMap<_, _> = level.broken.chains.iter().collect();
            (&level.prefix, level.next, level.live).hash(hasher);
            (level.broken.all, chains).hash(hasher);
        }
        (self.running, self.wave, self.passed, self.stopped).hash(hasher);
    }
}

/// The sizes of the waves that `batches` gives: integers as they are, percents of all cells,
/// rounded up, at least one cell each.
pub fn waves(sizes: &[Value], cells: usize) -> Vec<usize> {
    let size = |size: &Value| match size {
        Value::Int(count) => usize::try_from(*count).unwrap_or(1).max(1),
        Value::Percent(percent) => batch_of(*percent, cells),
        _ => 1,
    };
    sizes.iter().map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_lang::eval::Slot;

    /// Axes of plain numbers; cells whose values are equal are dropped if `distinct` is set.
    struct Numbers {
        sizes: Vec<i64>,
        distinct: bool,
        extra: Vec<Vec<Value>>,
    }

    impl Axes for Numbers {
        type Error = ();
        fn values(&mut self, axis: usize, _: &Locals) -> Result<Arc<Vec<Value>>, ()> {
            Ok(Arc::new((0..self.sizes[axis]).map(Value::Int).collect()))
        }
        fn bind(&self, axis: usize, value: &Value, locals: &Locals) -> Locals {
            locals.bind(Slot(axis as u32), value.clone())
        }
        fn has_equals(&self, _: usize, _: &[Value], _: &Locals) -> bool {
            false
        }
        fn numbers(&mut self, _: &Locals) -> CellNumbers {
            CellNumbers::default()
        }
        fn keep(&mut self, locals: &Locals) -> Result<bool, ()> {
            Ok(!self.distinct || locals.get(Slot(0)) != locals.get(Slot(1)))
        }
        fn included(&mut self, _: &Locals) -> Result<Vec<Vec<Value>>, ()> {
            Ok(self.extra.clone())
        }
    }

    /// Plays a grid: all that can start starts, then the first cell that runs ends. Each step is
    /// a line.
    fn play(orders: &[Order], gate: Gate, numbers: Numbers, fails: &[&[i64]]) -> String {
        let mut numbers = numbers;
        let mut grid =
            Grid::new(orders.to_vec(), gate, &Locals::default(), &mut numbers).expect("no errors");
        let mut running: Vec<Cell> = Vec::new();
        let mut told = String::new();
        let name = |cell: &Cell| {
            let values = cell.values.iter().map(|value| match value {
                Value::Int(number) => number.to_string(),
                Value::Infrastructure(id) => format!("i{}", id.0),
                _ => String::from("?"),
            });
            values.collect::<Vec<_>>().join("")
        };
        loop {
            let mut line = Vec::new();
            let done = loop {
                match grid.next(&mut numbers).expect("no errors") {
                    NextCell::Start(cell) => {
                        line.push(name(&cell));
                        running.push(cell);
                    }
                    NextCell::Skip(cell) => line.push(format!("-{}", name(&cell))),
                    NextCell::Border => {
                        line.push(String::from("|"));
                        grid.pass_border();
                    }
                    NextCell::Wait => break false,
                    NextCell::Done => break true,
                }
            };
            if !line.is_empty() {
                told += &format!("{}\n", line.join(" "));
            }
            if done {
                return told;
            }
            let cell = running.remove(0);
            let values: Vec<i64> = cell
                .values
                .iter()
                .map(|value| {
                    if let Value::Int(number) = value {
                        *number
                    } else {
                        -1
                    }
                })
                .collect();
            grid.ended(&cell, !fails.contains(&&*values));
        }
    }

    fn numbers(sizes: &[i64]) -> Numbers {
        Numbers {
            sizes: sizes.to_vec(),
            distinct: false,
            extra: Vec::new(),
        }
    }

    const S: Order = Order::Serial;
    const P: Order = Order::Parallel;

    #[test]
    fn the_first_axis_is_the_outermost_loop() {
        let free = Gate::default;
        assert_eq!(
            play(&[S, S], free(), numbers(&[2, 2]), &[]),
            "00\n01\n10\n11\n"
        );
        assert_eq!(
            play(&[S, P], free(), numbers(&[2, 2]), &[]),
            "00 01\n10 11\n"
        );
        assert_eq!(
            play(&[P, S], free(), numbers(&[2, 2]), &[]),
            "00 10\n01\n11\n"
        );
        assert_eq!(
            play(&[P, P], free(), numbers(&[2, 2]), &[]),
            "00 01 10 11\n"
        );
    }

    #[test]
    fn a_wave_waits_for_all_of_the_wave_before() {
        // Cell 00 ends first; 10 must still wait for 01.
        assert_eq!(
            play(&[S, P], Gate::default(), numbers(&[2, 3]), &[]),
            "00 01 02\n10 11 12\n"
        );
    }

    #[test]
    fn max_counts_cells_of_the_whole_block_in_source_order() {
        let gate = Gate {
            max: Some(2),
            waves: Vec::new(),
            pauses: false,
        };
        assert_eq!(
            play(&[P, S], gate, numbers(&[3, 2]), &[]),
            "00 10\n01\n11\n20\n21\n"
        );
    }

    #[test]
    fn waves_are_complete_one_after_the_other() {
        let gate = Gate {
            max: None,
            waves: vec![vec![1], vec![4], vec![7]],
            pauses: false,
        };
        assert_eq!(play(&[P], gate, numbers(&[8]), &[]), "0\n1 2 3\n4 5 6\n7\n");
        // What is done between them comes when the one before is complete.
        let gate = Gate {
            max: None,
            waves: vec![vec![1], vec![3]],
            pauses: true,
        };
        let fails = play(&[P], gate.clone(), numbers(&[4]), &[&[1]]);
        assert_eq!(
            (play(&[P], gate, numbers(&[4]), &[]), fails),
            ("0\n| 1 2\n| 3\n".into(), "0\n| 1 2\n| 3\n".into())
        );
        // A wave is what stands together, whatever could start.
        let gate = Gate {
            max: None,
            waves: vec![vec![0, 1], vec![1, 0]],
            pauses: false,
        };
        assert_eq!(
            play(&[P, S], gate, numbers(&[2, 3]), &[]),
            "00\n01\n02\n10\n11\n12\n"
        );
    }

    #[test]
    fn where_drops_and_include_adds_after_the_others() {
        let mut sieve = numbers(&[2, 2]);
        sieve.distinct = true;
        sieve.extra = vec![vec![Value::Int(9), Value::Int(9)]];
        assert_eq!(play(&[P, P], Gate::default(), sieve, &[]), "01 10 99\n");
        let mut sieve = numbers(&[2, 2]);
        sieve.distinct = true;
        assert_eq!(play(&[S, S], Gate::default(), sieve, &[]), "01\n10\n");
    }

    #[test]
    fn a_failed_cell_ends_its_chain_only() {
        let gate = Gate::default;
        assert_eq!(
            play(&[P, S], gate(), numbers(&[2, 3]), &[&[0, 0]]),
            "00 10\n-01 -02\n11\n12\n"
        );
        assert_eq!(
            play(&[S, P], gate(), numbers(&[2, 2]), &[&[0, 0]]),
            "00 01\n-10 -11\n"
        );
        assert_eq!(
            play(&[S, S], gate(), numbers(&[2, 2]), &[&[0, 0]]),
            "00\n-01 -10 -11\n"
        );
        // A cell that waits for room in the same wave is not a later cell of the chain.
        let one = Gate {
            max: Some(1),
            waves: Vec::new(),
            pauses: false,
        };
        assert_eq!(
            play(&[S, P], one, numbers(&[2, 2]), &[&[0, 0]]),
            "00\n01\n-10 -11\n"
        );
    }

    #[test]
    fn an_empty_axis_is_done_at_once() {
        assert_eq!(play(&[S, P], Gate::default(), numbers(&[0, 2]), &[]), "");
        assert_eq!(play(&[S, P], Gate::default(), numbers(&[2, 0]), &[]), "");
        assert_eq!(play(&[P, S], Gate::default(), numbers(&[2, 0]), &[]), "");
    }
}
