//! The lock table: who holds which lock, and who waits in the queue. First come, first served;
//! several locks are granted all together or not at all. Must not depend on time, processes or
//! disks: a driver has one table, and so can a state directory that several processes share.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use super::event::LockDemand;
use lockstep_base::source::Name;

/// A table of locks; `Id` names one request.
#[derive(Debug, Clone)]
pub struct LockTable<Id> {
    requests: HashMap<Id, QueuedLockRequest>,
    places: HashMap<Name, LockState<Id>>,
    /// Requests that may be granted now, and their numbers in the order they came.
    candidates: Vec<Id>,
    count: u64,
}

#[derive(Debug, Clone)]
struct QueuedLockRequest {
    number: u64,
    wants: Vec<LockDemand>,
    granted: bool,
}

/// Who holds a lock, and who waits for it.
#[derive(Debug, Clone)]
struct LockState<Id> {
    holders: Vec<Id>,
    queue: VecDeque<Id>,
}

impl<Id> Default for LockState<Id> {
    fn default() -> Self {
        Self {
            holders: Vec::new(),
            queue: VecDeque::new(),
        }
    }
}

impl<Id> Default for LockTable<Id> {
    fn default() -> Self {
        Self {
            requests: HashMap::new(),
            places: HashMap::new(),
            candidates: Vec::new(),
            count: 0,
        }
    }
}

impl<Id: Copy + Ord + Hash> LockTable<Id> {
    /// Requests locks. Call [`LockTable::grant`] afterwards.
    pub fn acquire(&mut self, id: Id, wants: Vec<LockDemand>) {
        for want in &wants {
            let place = self.places.entry(want.name.clone()).or_default();
            place.queue.push_back(id);
        }
        self.count += 1;
        let request = QueuedLockRequest {
            number: self.count,
            wants,
            granted: false,
        };
        self.requests.insert(id, request);
        self.candidates.push(id);
    }

    /// Gives some (or, where `names` is empty, all) locks of a request back, or takes the request
    /// out of the queue. Call [`LockTable::grant`] afterwards.
    pub fn release(&mut self, id: Id, names: &[Name]) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let all = names.is_empty();
        if !request.granted && !all {
            return;
        }
        let gone = request
            .wants
            .extract_if(.., |want| all || names.contains(&want.name));
        for want in gone {
            let Some(place) = self.places.get_mut(&want.name) else {
                continue;
            };
            match request.granted {
                true => place.holders.retain(|holder| *holder != id),
                false => place.queue.retain(|waiting| *waiting != id),
            }
            self.candidates.extend(place.queue.front());
            if place.holders.is_empty() && place.queue.is_empty() {
                self.places.remove(&want.name);
            }
        }
        if request.wants.is_empty() {
            self.requests.remove(&id);
        }
    }

    /// The requests that are granted now, in the order they came. A request waits for everyone
    /// who came before it and wants one of the same locks.
    pub fn grant(&mut self) -> Vec<Id> {
        let mut granted = Vec::new();
        let numbered = |table: &Self, id: Id| Some((table.requests.get(&id)?.number, id));
        let candidates = std::mem::take(&mut self.candidates);
        let mut open: BTreeSet<(u64, Id)> = candidates
            .into_iter()
            .filter_map(|id| numbered(self, id))
            .collect();
        while let Some((_, id)) = open.pop_first() {
            if !self.is_free(id) {
                continue;
            }
            granted.push(id);
            let Some(request) = self.requests.get_mut(&id) else {
                continue;
            };
            request.granted = true;
            let mut next = Vec::new();
            for want in &request.wants {
                if let Some(place) = self.places.get_mut(&want.name) {
                    place.queue.pop_front();
                    place.holders.push(id);
                    next.extend(place.queue.front());
                }
            }
            if request.wants.is_empty() {
                self.requests.remove(&id);
            }
            open.extend(next.into_iter().filter_map(|id| numbered(self, id)));
        }
        granted
    }

    /// Whether a request is the first in line for all its locks, and all of them have room.
    fn is_free(&self, id: Id) -> bool {
        self.requests.get(&id).is_some_and(|request| {
            !request.granted
                && request.wants.iter().all(|want| {
                    self.places.get(&want.name).is_some_and(|place| {
                        let limit = self.limit(place, &want.name).min(want.limit);
                        place.queue.front() == Some(&id) && place.holders.len() < limit as usize
                    })
                })
        })
    }

    /// The smallest limit of those who hold a lock: it counts for all.
    fn limit(&self, place: &LockState<Id>, name: &Name) -> u32 {
        let holders = place.holders.iter();
        let wants = holders.filter_map(|id| self.requests.get(id));
        let wants = wants.flat_map(|request| &request.wants);
        let limits = wants
            .filter(|want| want.name == *name)
            .map(|want| want.limit);
        limits.min().unwrap_or(u32::MAX)
    }

    /// Whether a request has not been granted yet.
    pub fn is_waiting(&self, id: Id) -> bool {
        self.requests
            .get(&id)
            .is_some_and(|request| !request.granted)
    }

    /// Who holds a lock now.
    pub fn holders(&self, name: &str) -> &[Id] {
        self.places.get(name).map_or(&[], |place| &place.holders)
    }

    /// Whether no lock is held or wanted.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(names: &[&str]) -> Vec<LockDemand> {
        names
            .iter()
            .map(|name| LockDemand {
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
                vec![LockDemand {
                    name: Name::from("licence"),
                    limit: 2,
                }],
            );
        }
        assert_eq!(table.grant(), [1, 2]);
        table.release(2, &[]);
        assert_eq!(table.grant(), [3]);
        assert_eq!(table.holders("licence"), [1, 3]);
        table.release(1, &[]);
        table.release(3, &[]);
        assert!(table.is_empty());
    }

    #[test]
    fn who_gives_up_does_not_stand_in_the_way() {
        let mut table = LockTable::default();
        table.acquire(1, want(&["eu"]));
        table.acquire(2, want(&["eu", "us"]));
        table.acquire(3, want(&["us"]));
        assert_eq!(table.grant(), [1]);
        // Giving back what one does not hold changes nothing.
        table.release(2, &[Name::from("us")]);
        table.release(7, &[]);
        assert_eq!(table.grant(), [0; 0]);
        assert!(table.is_waiting(2) && table.is_waiting(3));
        table.release(2, &[]);
        assert_eq!(table.grant(), [3]);
        table.release(1, &[Name::from("eu")]);
        table.release(3, &[]);
        assert!(table.is_empty());
    }

    #[test]
    fn several_are_granted_at_once_in_the_order_they_came() {
        let mut table = LockTable::default();
        table.acquire(9, want(&["a", "b", "c"]));
        assert_eq!(table.grant(), [9]);
        table.acquire(3, want(&["c"]));
        table.acquire(2, want(&["a", "b"]));
        table.acquire(1, want(&["b"]));
        table.acquire(4, Vec::new());
        assert_eq!(table.grant(), [4]);
        table.release(9, &[]);
        assert_eq!(table.grant(), [3, 2]);
        table.release(2, &[]);
        assert_eq!(table.grant(), [1]);
    }
}
