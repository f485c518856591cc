//! The minimum duration of a part of the plan, and the reasons for it: explicit waits take that
//! long even if everything else takes no time.

use lockstep_base::source::Span;

/// More reasons than this are merged into one.
const MAX_REASONS: usize = 6;

/// A time that passes in any case, in milliseconds, with the reasons for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MinimumTime {
    pub(crate) ms: u64,
    pub(crate) reasons: Vec<TimeReason>,
}

/// Something that takes time, one time after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeReason {
    pub(crate) span: Span,
    pub(crate) each_ms: u64,
    pub(crate) times: u64,
}

impl MinimumTime {
    pub(super) fn of(span: Span, ms: u64) -> Self {
        let reason = TimeReason {
            span,
            each_ms: ms,
            times: 1,
        };
        Self {
            ms,
            reasons: (ms > 0).then_some(reason).into_iter().collect(),
        }
    }

    /// One after the other.
    pub(super) fn then(&mut self, other: Self) {
        self.ms = self.ms.saturating_add(other.ms);
        for reason in other.reasons {
            let same = |known: &&mut TimeReason| {
                known.span == reason.span && known.each_ms == reason.each_ms
            };
            match self.reasons.iter_mut().find(same) {
                Some(known) => known.times = known.times.saturating_add(reason.times),
                None => self.reasons.push(reason),
            }
        }
    }

    /// At the same time.
    pub(super) fn in_parallel(&mut self, other: Self) {
        if other.ms > self.ms {
            *self = other;
        }
    }

    /// One or the other.
    pub(super) fn or(&mut self, other: Self) {
        if other.ms < self.ms {
            *self = other;
        }
    }

    /// It takes at least so long, as a whole.
    pub(super) fn raise(&mut self, span: Span, ms: u64) {
        if ms > self.ms {
            *self = Self::of(span, ms);
        }
    }

    /// It is over by then, whatever happens.
    pub(super) fn cap(&mut self, span: Span, ms: u64) {
        if ms < self.ms {
            *self = Self::of(span, ms);
        }
    }

    /// Whether the reasons can be listed one by one.
    pub(crate) fn is_plain(&self) -> bool {
        self.reasons.len() <= MAX_REASONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_base::source::FileId;

    fn minimum_time(at: usize, ms: u64) -> MinimumTime {
        MinimumTime::of(Span::new(FileId(0), at, at + 1), ms)
    }

    #[test]
    fn the_same_reason_is_counted() {
        let mut all = minimum_time(0, 5);
        all.then(minimum_time(7, 1));
        all.then(minimum_time(0, 5));
        assert_eq!(all.ms, 11);
        let told: Vec<_> = all
            .reasons
            .iter()
            .map(|it| (it.each_ms, it.times))
            .collect();
        assert_eq!(told, [(5, 2), (1, 1)]);
    }

    #[test]
    fn what_is_beside_takes_as_long_as_the_longest_and_a_choice_as_the_shortest() {
        let mut all = minimum_time(0, 5);
        all.in_parallel(minimum_time(1, 3));
        assert_eq!(all, minimum_time(0, 5));
        all.in_parallel(minimum_time(2, 9));
        assert_eq!(all, minimum_time(2, 9));
        all.or(minimum_time(3, 4));
        assert_eq!(all, minimum_time(3, 4));
        all.or(MinimumTime::default());
        assert_eq!(all, MinimumTime::default());
    }
}
