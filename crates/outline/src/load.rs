//! The maximum concurrency of something, taking into account what locks exclude from running at the
//! same time.

use lockstep_base::value::InfrastructureId;

/// Represents "as many as there will be".
const UNBOUNDED: u64 = u64::MAX;

/// Further locks are not counted: the load is then taken to be larger than it may be.
const MOST_LOCKS: usize = 32;

/// What excludes things from running at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lock {
    /// `lock E`
    Named(String),
    /// The locks of exactly these infrastructures, which a stage takes together.
    Places(Vec<InfrastructureId>),
}

/// The maximum concurrency of something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Load {
    all: u64,
    /// Few, so they are looked up one by one.
    locks: Vec<(Lock, Under)>,
}

/// What a load is while no lock is held, and how much more each holder adds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Under {
    outside: u64,
    gain: u64,
    limit: u64,
}

impl Under {
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
    fn beside(self, other: Self) -> Self {
        Self {
            outside: self.outside.saturating_add(other.outside),
            gain: self.gain.max(other.gain),
            limit: self.limit.max(other.limit),
        }
    }
}

impl Load {
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
        self.merge(other, Under::then);
        self.all = self.all.max(other.all);
    }

    /// Something else that happens at the same time.
    pub(super) fn beside(&mut self, other: &Self) {
        self.merge(other, Under::beside);
        self.all = self.all.saturating_add(other.all);
        for (_, under) in &self.locks {
            let held = under.gain.saturating_mul(under.limit);
            self.all = self.all.min(under.outside.saturating_add(held));
        }
    }

    /// All of it, but for `outside`, waits for one of `limit` places of a lock.
    pub(super) fn hold(&mut self, lock: Lock, limit: u64, outside: u64) {
        if self.locks.len() < MOST_LOCKS {
            let under = Under {
                outside,
                gain: self.all.saturating_sub(outside),
                limit,
            };
            self.locks.retain(|(other, _)| *other != lock);
            self.locks.push((lock, under));
        }
    }

    /// Limits a load to `parts` parts that are each at most as large as `widest`.
    pub(super) fn cap(&mut self, parts: u64, widest: &Self) {
        self.all = self.all.min(widest.all.saturating_mul(parts));
    }

    /// Whether a `lock` is in it.
    pub(super) fn has_named_lock(&self) -> bool {
        let mut locks = self.locks.iter();
        locks.any(|(lock, _)| matches!(lock, Lock::Named(_)))
    }

    fn merge(&mut self, other: &Self, join: fn(Under, Under) -> Under) {
        let free = |all: u64, limit: u64| Under {
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
            if !known && self.locks.len() < MOST_LOCKS {
                let joined = join(free(self.all, under.limit), *under);
                self.locks.push((lock.clone(), joined));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(load: u64, name: &str, limit: u64) -> Load {
        let mut load = Load::of(load);
        load.hold(Lock::Named(name.into()), limit, 0);
        load
    }

    fn beside(parts: &[Load]) -> Option<u64> {
        let mut all = Load::default();
        for part in parts {
            all.beside(part);
        }
        all.most()
    }

    #[test]
    fn a_lock_keeps_its_holders_apart() {
        assert_eq!(beside(&[held(1, "a", 1), held(1, "a", 1)]), Some(1));
        assert_eq!(beside(&[held(3, "a", 1), held(2, "a", 1)]), Some(3));
        assert_eq!(beside(&vec![held(2, "a", 2); 5]), Some(4));
        assert_eq!(beside(&[held(1, "a", 1), held(1, "b", 1)]), Some(2));
        assert_eq!(
            beside(&[held(1, "a", 1), Load::of(4), held(1, "a", 1)]),
            Some(5)
        );
    }

    #[test]
    fn what_comes_after_a_lock_is_outside_it() {
        let mut part = held(2, "a", 1);
        part.then(&Load::of(1));
        assert_eq!(beside(&vec![part; 4]), Some(5));
    }

    #[test]
    fn nothing_is_larger_than_unbounded() {
        assert_eq!(beside(&[Load::unbounded(), Load::of(1)]), None);
        let mut load = Load::unbounded();
        load.cap(3, &Load::of(2));
        assert_eq!(load.most(), Some(6));
        assert_eq!(
            beside(&[Load::unbounded(), held(1, "a", 1), held(1, "a", 1)]),
            None
        );
    }
}
