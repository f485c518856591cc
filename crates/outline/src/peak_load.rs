//! The maximum concurrency of something, taking into account what locks exclude from running at the
//! same time.

use lockstep_base::value::InfrastructureId;

/// Represents "as many as there will be".
const UNBOUNDED: u64 = u64::MAX;

/// Further locks are not counted: the load is then taken to be larger than it may be.
const MAX_LOCKS: usize = 32;

/// What excludes things from running at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum LoadLock {
    /// `lock E`, by a number for its name: loads of many cells are compared with each other.
    Named(u32),
    /// The locks of exactly these infrastructures, which a stage takes together.
    Places(Vec<InfrastructureId>),
}

/// The maximum concurrency of something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PeakLoad {
    all: u64,
    /// Few, so they are looked up one by one.
    locks: Vec<(LoadLock, LockedLoad)>,
}

/// What a load is while no lock is held, and how much more each holder adds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LockedLoad {
    outside: u64,
    gain: u64,
    limit: u64,
}

impl LockedLoad {
    /// Two parts, one after the other.
    fn then(self, other: Self) -> Self {
        let outside = self.outside.max(other.outside);
        let held = |under: Self| under.outside.saturating_add(under.gain);
        Self {
            outside,
            gain: held(self).max(held(other)).saturating_sub(outside),
            limit: self.limit.max(other.limit),
        }
    }

    /// Two parts at the same time.
    fn in_parallel(self, other: Self) -> Self {
        Self {
            outside: self.outside.saturating_add(other.outside),
            gain: self.gain.max(other.gain),
            limit: self.limit.max(other.limit),
        }
    }
}

impl PeakLoad {
    /// A load of so many, without locks.
    pub(super) fn of(all: u64) -> Self {
        Self {
            all,
            locks: Vec::new(),
        }
    }

    /// As many as there will be.
    pub(super) fn unbounded() -> Self {
        Self::of(UNBOUNDED)
    }

    /// The most at once, where that is bounded.
    pub(super) fn most(&self) -> Option<u64> {
        (self.all != UNBOUNDED).then_some(self.all)
    }

    /// Something else that happens before or after it.
    pub(super) fn then(&mut self, other: &Self) {
        self.merge(other, LockedLoad::then);
        self.all = self.all.max(other.all);
    }

    /// Something else that happens at the same time.
    pub(super) fn in_parallel(&mut self, other: &Self) {
        self.merge(other, LockedLoad::in_parallel);
        self.all = self.all.saturating_add(other.all);
        for (_, under) in &self.locks {
            let held = under.gain.saturating_mul(under.limit);
            self.all = self.all.min(under.outside.saturating_add(held));
        }
    }

    /// All of it, but for `outside`, waits for one of `limit` places of a lock.
    pub(super) fn hold(&mut self, lock: LoadLock, limit: u64, outside: u64) {
        if self.locks.len() < MAX_LOCKS {
            let under = LockedLoad {
                outside,
                gain: self.all.saturating_sub(outside),
                limit,
            };
            self.locks.retain(|(other, _)| *other != lock);
            self.locks.push((lock, under));
        }
    }

    /// It is at least as large as another, whoever holds which lock.
    pub(super) fn raise(&mut self, other: &Self) {
        self.all = self.all.max(other.all);
    }

    /// Limits a load to `parts` parts that are each at most as large as `widest`.
    pub(super) fn cap(&mut self, parts: u64, widest: &Self) {
        self.all = self.all.min(widest.all.saturating_mul(parts));
    }

    /// Whether a `lock` is in it.
    pub(super) fn has_named_lock(&self) -> bool {
        let mut locks = self.locks.iter();
        locks.any(|(lock, _)| matches!(lock, LoadLock::Named(_)))
    }

    fn merge(&mut self, other: &Self, join: fn(LockedLoad, LockedLoad) -> LockedLoad) {
        let free = |all: u64, limit: u64| LockedLoad {
            outside: all,
            gain: 0,
            limit,
        };
        let before = self.locks.len();
        for (lock, under) in &mut self.locks {
            let more = other.locks.iter().find(|(same, _)| same == lock);
            let more = more.map_or(free(other.all, under.limit), |(_, more)| *more);
            *under = join(*under, more);
        }
        for (lock, under) in &other.locks {
            let known = self.locks.iter().take(before).any(|(same, _)| same == lock);
            if !known && self.locks.len() < MAX_LOCKS {
                let joined = join(free(self.all, under.limit), *under);
                self.locks.push((lock.clone(), joined));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(load: u64, lock: u32, limit: u64) -> PeakLoad {
        let mut load = PeakLoad::of(load);
        load.hold(LoadLock::Named(lock), limit, 0);
        load
    }

    fn in_parallel(parts: &[PeakLoad]) -> Option<u64> {
        let mut all = PeakLoad::default();
        for part in parts {
            all.in_parallel(part);
        }
        all.most()
    }

    #[test]
    fn a_lock_keeps_its_holders_apart() {
        assert_eq!(in_parallel(&[held(1, 1, 1), held(1, 1, 1)]), Some(1));
        assert_eq!(in_parallel(&[held(3, 1, 1), held(2, 1, 1)]), Some(3));
        assert_eq!(in_parallel(&vec![held(2, 1, 2); 5]), Some(4));
        assert_eq!(in_parallel(&[held(1, 1, 1), held(1, 2, 1)]), Some(2));
        assert_eq!(
            in_parallel(&[held(1, 1, 1), PeakLoad::of(4), held(1, 1, 1)]),
            Some(5)
        );
    }

    #[test]
    fn what_comes_after_a_lock_is_outside_it() {
        let mut part = held(2, 1, 1);
        part.then(&PeakLoad::of(1));
        assert_eq!(in_parallel(&vec![part; 4]), Some(5));
    }

    #[test]
    fn nothing_is_larger_than_unbounded() {
        assert_eq!(in_parallel(&[PeakLoad::unbounded(), PeakLoad::of(1)]), None);
        let mut load = PeakLoad::unbounded();
        load.cap(3, &PeakLoad::of(2));
        assert_eq!(load.most(), Some(6));
        assert_eq!(
            in_parallel(&[PeakLoad::unbounded(), held(1, 1, 1), held(1, 1, 1)]),
            None
        );
    }
}
