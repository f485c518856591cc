//! Who holds which lock, and who waits: first come first served, several locks all together or
//! not at all. It does not know time, processes or disks; a driver keeps one table, and so can a
//! state directory that several processes share.

use std::collections::HashMap;
use std::hash::Hash;

use super::event::Want;
use crate::source::Name;

/// A table of locks; `Id` names one request.
#[derive(Debug, Clone)]
pub struct LockTable<Id> {
    queue: Vec<(Id, Vec<Want>)>,
    held: HashMap<Name, Vec<Id>>,
}

impl<Id> Default for LockTable<Id> {
    fn default() -> Self {
        Self {
            queue: Vec::new(),
            held: HashMap::new(),
        }
    }
}

impl<Id: Copy + Eq + Hash> LockTable<Id> {
    /// Asks for locks. Call [`LockTable::grant`] afterwards.
    pub fn acquire(&mut self, id: Id, wants: Vec<Want>) {
        self.queue.push((id, wants));
    }

    /// Gives some (or, where `names` is empty, all) locks of a request back, or takes the request
    /// out of the queue. Call [`LockTable::grant`] afterwards.
    pub fn release(&mut self, id: Id, names: &[Name]) {
        if names.is_empty() {
            self.queue.retain(|(waiting, _)| *waiting != id);
        }
        self.held.retain(|name, holders| {
            if names.is_empty() || names.contains(name) {
                holders.retain(|holder| *holder != id);
            }
            !holders.is_empty()
        });
    }

    /// The requests that are granted now, in the order they came. A request waits for everyone
    /// who came before it and wants one of the same locks.
    pub fn grant(&mut self) -> Vec<Id> {
        let mut granted = Vec::new();
        let mut wanted_before: HashMap<Name, u32> = HashMap::new();
        let mut waiting = Vec::new();
        for (id, wants) in std::mem::take(&mut self.queue) {
            let free = wants.iter().all(|want| {
                let holders = self.held.get(&want.name).map_or(0, Vec::len) as u32;
                let before = wanted_before.get(&want.name).copied().unwrap_or(0);
                holders + before < want.limit
            });
            if free {
                for want in &wants {
                    self.held.entry(want.name.clone()).or_default().push(id);
                }
                granted.push(id);
            } else {
                for want in &wants {
                    *wanted_before.entry(want.name.clone()).or_default() += want.limit;
                }
                waiting.push((id, wants));
            }
        }
        self.queue = waiting;
        granted
    }

    /// Whether a request has not been granted yet.
    pub fn is_waiting(&self, id: Id) -> bool {
        self.queue.iter().any(|(waiting, _)| *waiting == id)
    }

    /// Who holds a lock now.
    pub fn holders(&self, name: &str) -> &[Id] {
        self.held.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(names: &[&str]) -> Vec<Want> {
        names
            .iter()
            .map(|name| Want {
                name: Name::from(*name),
                limit: 1,
            })
            .collect()
    }

    #[test]
    fn locks_go_to_who_came_first_and_all_together() {
        let mut table = LockTable::default();
        table.acquire(1, want(&["eu", "us"]));
        table.acquire(2, want(&["us", "ap"]));
        table.acquire(3, want(&["ap"]));
        assert_eq!(table.grant(), [1]);
        // 3 came after 2 and wants what 2 wants: it does not overtake.
        table.release(1, &[Name::from("eu")]);
        assert_eq!(table.grant(), [0; 0]);
        table.release(1, &[]);
        assert_eq!(table.grant(), [2]);
        table.release(2, &[]);
        assert_eq!(table.grant(), [3]);
    }

    #[test]
    fn a_limit_lets_several_in() {
        let mut table = LockTable::default();
        for id in 1..=3 {
            table.acquire(
                id,
                vec![Want {
                    name: Name::from("licence"),
                    limit: 2,
                }],
            );
        }
        assert_eq!(table.grant(), [1, 2]);
        table.release(2, &[]);
        assert_eq!(table.grant(), [3]);
        assert_eq!(table.holders("licence"), [1, 3]);
    }
}
