//! The way back of the reference: what has started is kept by its place in the program, and undone
//! from the end.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use super::clock::{Later, all};
use super::interpreter::Interpreter;

/// A step on the way to something that can be undone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A part of a statement or body, in the order of the program.
    Part(u32),
    /// A cell or strand of a block: which axes are serial, how many at once, the wave, the place.
    Cell(Vec<bool>, Option<u32>, usize, Vec<u32>),
    /// What is under locks: the first, and how many are taken together.
    Lock(u32, u32),
    /// A deployment, by its line of the ledger.
    Deploy(String),
}

/// The statement's own undo; its body; its handler; its `always`.
pub const OWN: Step = Step::Part(0);
pub const BODY: Step = Step::Part(1);
pub const HANDLER: Step = Step::Part(2);
pub const ALWAYS: Step = Step::Part(3);

/// What can be undone: the way there, and the command.
pub type Records = BTreeMap<Vec<Step>, String>;

/// Adds what was done in a part.
pub fn add(records: &mut Records, part: Step, inner: Records) {
    for (way, text) in inner {
        let mut whole = vec![part.clone()];
        whole.extend(way);
        records.insert(whole, text);
    }
}

/// Places for cells that are undone at once.
struct Room {
    free: Cell<u32>,
    queue: RefCell<VecDeque<u64>>,
    next: Cell<u64>,
}

type Ways = Vec<(Vec<Step>, String)>;

impl<'p> Interpreter<'p> {
    /// Undoes all of it; whether that went well.
    pub fn undo_all(&self, records: Records) -> Later<'_, bool> {
        self.back(records.into_iter().collect())
    }

    fn back(&self, ways: Ways) -> Later<'_, bool> {
        Box::pin(async move {
            let Some((first, _)) = ways.first() else {
                return true;
            };
            match first.first() {
                None => {
                    let text = &ways[0].1;
                    self.undone.borrow_mut().insert(text.clone(), true);
                    let good = self.clock.command(text, &|| false).await;
                    if !good {
                        self.rollback_failed.set(true);
                    }
                    good
                }
                Some(Step::Part(_)) => {
                    let mut good = true;
                    for (_, inside) in groups(ways).into_iter().rev() {
                        good &= self.back(inside).await;
                    }
                    good
                }
                Some(Step::Lock(first, count)) => {
                    let locks = *first..first + count;
                    self.clock.lock(locks.clone(), &|| false).await;
                    let inside = groups(ways).pop().map(|(_, inside)| inside);
                    let good = self.back(inside.unwrap_or_default()).await;
                    self.clock.unlock(locks);
                    good
                }
                Some(Step::Deploy(line)) => {
                    let line = line.clone();
                    let inside = groups(ways).pop().map(|(_, inside)| inside);
                    let good = self.back(inside.unwrap_or_default()).await;
                    let status = if good {
                        "rolled-back"
                    } else {
                        "rollback-failed"
                    };
                    self.ledger.borrow_mut().insert(line, status);
                    good
                }
                Some(Step::Cell(_, max, ..)) => {
                    let room = Room {
                        free: Cell::new(max.unwrap_or(u32::MAX)),
                        queue: RefCell::default(),
                        next: Cell::new(0),
                    };
                    let mut good = true;
                    let mut waves: BTreeMap<usize, Vec<(Step, Ways)>> = BTreeMap::new();
                    for (step, inside) in groups(ways) {
                        if let Step::Cell(_, _, wave, _) = &step {
                            waves.entry(*wave).or_default().push((step, inside));
                        }
                    }
                    for (_, cells) in waves.into_iter().rev() {
                        good &= self.cells(cells, 0, &room).await;
                    }
                    good
                }
            }
        })
    }

    /// Cells, nested as their axes are.
    fn cells<'s>(
        &'s self,
        cells: Vec<(Step, Ways)>,
        axis: usize,
        room: &'s Room,
    ) -> Later<'s, bool> {
        Box::pin(async move {
            let mut elements: BTreeMap<Option<u32>, Vec<(Step, Ways)>> = BTreeMap::new();
            let mut serial = false;
            for (step, inside) in cells {
                let Step::Cell(orders, _, _, position) = &step else {
                    continue;
                };
                serial = orders.get(axis).copied().unwrap_or(true);
                let index = position.get(axis).copied();
                elements.entry(index).or_default().push((step, inside));
            }
            let parts = elements
                .into_iter()
                .rev()
                .map(|(index, cells)| match index {
                    Some(_) => self.cells(cells, axis + 1, room),
                    None => self.cell(cells, room),
                });
            let mut good = true;
            if serial {
                for part in parts.collect::<Vec<_>>() {
                    good &= part.await;
                }
            } else {
                all(parts.enumerate().collect(), |_, ended, _| {
                    good &= ended;
                    Vec::new()
                })
                .await;
            }
            good
        })
    }

    fn cell<'s>(&'s self, cells: Vec<(Step, Ways)>, room: &'s Room) -> Later<'s, bool> {
        Box::pin(async move {
            let ticket = room.next.get();
            room.next.set(ticket + 1);
            room.queue.borrow_mut().push_back(ticket);
            std::future::poll_fn(|_| {
                let first = room.queue.borrow().front() == Some(&ticket);
                if !first || room.free.get() == 0 {
                    return std::task::Poll::Pending;
                }
                room.queue.borrow_mut().pop_front();
                room.free.set(room.free.get() - 1);
                self.clock.changed();
                std::task::Poll::Ready(())
            })
            .await;
            let mut good = true;
            for (_, inside) in cells {
                good &= self.back(inside).await;
            }
            room.free.set(room.free.get().saturating_add(1));
            self.clock.changed();
            good
        })
    }
}

/// Ways by their first step, in the order of the program.
fn groups(ways: Ways) -> Vec<(Step, Ways)> {
    let mut groups: BTreeMap<Step, Ways> = BTreeMap::new();
    for (mut way, text) in ways {
        let first = way.remove(0);
        groups.entry(first).or_default().push((way, text));
    }
    groups.into_iter().collect()
}
