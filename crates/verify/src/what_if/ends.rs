//! How something can end.

use lockstep_engine::run_event::Status;
use lockstep_engine::state::ALL as STATUSES;
use serde::{Serialize, Serializer};

/// How something can end: in one way, or in several where it depends on where and when something
/// fails. A set as small as a number, since a report has one for each deployment of each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PossibleEnds(u16);

impl PossibleEnds {
    /// Whether it can end so.
    pub fn contains(self, end: Status) -> bool {
        self.0 & bit(end) != 0
    }

    /// In how many ways it can end.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it does not end.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How it ends, where that is certain.
    pub fn only(self) -> Option<Status> {
        let mut all = self.iter();
        all.next().filter(|_| self.len() == 1)
    }

    /// The ways in which it can end, in the order of [`Status`].
    pub fn iter(self) -> impl Iterator<Item = Status> {
        STATUSES.into_iter().filter(move |it| self.contains(*it))
    }

    /// These and those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All but one.
    #[must_use]
    pub fn without(self, end: Status) -> Self {
        Self(self.0 & !bit(end))
    }
}

fn bit(end: Status) -> u16 {
    1 << end as u16
}

impl FromIterator<Status> for PossibleEnds {
    fn from_iter<I: IntoIterator<Item = Status>>(ends: I) -> Self {
        Self(ends.into_iter().fold(0, |all, end| all | bit(end)))
    }
}

/// As a list.
impl Serialize for PossibleEnds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_the_bit_of_its_place() {
        for (at, status) in STATUSES.into_iter().enumerate() {
            assert_eq!(bit(status), 1 << at, "{status}");
            let only = PossibleEnds::from_iter([status]);
            assert_eq!(only.only(), Some(status));
        }
    }

    #[test]
    fn it_holds_each_end_once_in_the_order_of_statuses() {
        let ends = [Status::RolledBack, Status::Failed, Status::RolledBack];
        let ends = PossibleEnds::from_iter(ends);
        assert!(ends.iter().eq([Status::Failed, Status::RolledBack]));
        assert_eq!((ends.len(), ends.only()), (2, None));
        let left = ends.without(Status::Failed);
        assert_eq!(left.only(), Some(Status::RolledBack));
        assert_eq!(left.or(ends), ends);
    }
}
