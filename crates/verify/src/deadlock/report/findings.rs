//! Classifies a deadlock: which rule it violates, and what helps.

use super::DeadlockReporter;
use super::and_list;
use crate::deadlock::search::BlockedStrand;
use crate::deadlock::search::Deadlock;
use crate::deadlock::search::SearchOutcome;
use crate::deadlock::search::WaitCause;
use crate::deadlock::search::explore;
use lockstep_base::diagnostic::{Code, codes};
use lockstep_plan::BarrierKey;

/// A code, a message and what to do.
type DeadlockFinding = (Code, String, String);

impl DeadlockReporter<'_> {
    /// Which rule it breaks.
    pub(super) fn diagnose(&self, hang: &Deadlock) -> DeadlockFinding {
        let circle = &hang.circle;
        let before = circle.iter().cycle().skip(circle.len().saturating_sub(1));
        for (stuck, waiting) in circle.iter().zip(before) {
            // The one before waits for this one, which is itself or comes after it in its chain.
            if let WaitCause::Meeting(meeting) = waiting.cause
                && (stuck == waiting || matches!(stuck.cause, WaitCause::Turn(_)))
            {
                return self.twice(waiting, meeting);
            }
        }
        let mut meetings = circle.iter().filter_map(|stuck| match stuck.cause {
            WaitCause::Meeting(meeting) => Some(meeting),
            WaitCause::Lock(_) | WaitCause::Stage(_) | WaitCause::Place(_) | WaitCause::Turn(_) => {
                None
            }
        });
        let first = meetings.next();
        let place = circle.iter().find_map(|stuck| match stuck.cause {
            WaitCause::Place(fork) => Some(fork),
            WaitCause::Meeting(_)
            | WaitCause::Lock(_)
            | WaitCause::Stage(_)
            | WaitCause::Turn(_) => None,
        });
        match (first, place) {
            (Some(meeting), Some(fork)) => self.narrow(fork, meeting),
            (None, Some(fork)) => self.narrow_for_locks(fork),
            (None, None) => self.locks_cross(hang),
            (Some(meeting), None) => match self.lock_between(circle) {
                Some(judgement) => judgement,
                None => self.barriers_cross(circle, meeting),
            },
        }
    }

    fn twice(&self, waiting: &BlockedStrand, meeting: usize) -> DeadlockFinding {
        let barrier = &self.flow.meetings[meeting].barrier;
        let name = self.name(waiting.strand);
        let message = format!(
            "deadlock: the strand of `{name}` would pass barrier `{barrier}` \
                               twice"
        );
        let help = match &barrier.key {
            BarrierKey::None => format!(
                "give the barrier a key, so that each time is a barrier of its own: \
                 `barrier {}[…]`",
                barrier.name
            ),
            BarrierKey::Known(_) | BarrierKey::Unknown | BarrierKey::Later => String::from(
                "give the barrier another key each time, so that each time is a barrier of its own",
            ),
        };
        (codes::BARRIER_TWICE, message, help)
    }

    fn narrow(&self, fork: usize, meeting: usize) -> DeadlockFinding {
        let shape = &self.flow.forks[fork];
        let word = if shape.max.is_some() {
            "max"
        } else {
            "batches"
        };
        let message = format!(
            "deadlock: `{word}` lets in too few strands for barrier `{}`: {} must meet",
            self.barrier(meeting),
            self.flow.meetings[meeting].expected,
        );
        (codes::TOO_NARROW, message, self.wider(fork, word))
    }

    fn wider(&self, fork: usize, word: &str) -> String {
        match self.smallest_width(fork) {
            Some(width) if word == "batches" => {
                format!("the smallest that works is `batches [{width}]`")
            }
            Some(width) => format!("the smallest that works is `{word} {width}`"),
            None => format!("more places do not help: leave out `{word}`, or change the order"),
        }
    }

    fn narrow_for_locks(&self, fork: usize) -> DeadlockFinding {
        let shape = &self.flow.forks[fork];
        let word = if shape.max.is_some() {
            "max"
        } else {
            "batches"
        };
        let message = format!("deadlock: `{word}` keeps out the strand that has to release a lock");
        (codes::TOO_NARROW, message, self.wider(fork, word))
    }

    /// The fewest places of a block with which nothing hangs.
    fn smallest_width(&self, fork: usize) -> Option<usize> {
        let children = self.flow.forks[fork].children.len();
        let works = |width: usize| {
            let mut flow = self.flow.clone();
            let shape = &mut flow.forks[fork];
            if shape.max.is_some() {
                shape.max = Some(width);
            } else {
                shape.set_waves(vec![width]);
            }
            explore(&flow) == SearchOutcome::Ends
        };
        // More places hardly ever bring a standstill back, so the fewest are found by halving.
        let (mut low, mut high) = (1, children);
        if !works(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if works(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    }

    /// A barrier that is waited at under a lock.
    fn lock_between(&self, circle: &[BlockedStrand]) -> Option<DeadlockFinding> {
        let after = circle.iter().cycle().skip(1);
        for (stuck, holder) in circle.iter().zip(after) {
            let lock = match stuck.cause {
                WaitCause::Lock(request) => self.locks_of(&self.flow.requests[request].locks),
                WaitCause::Stage(hold) => self.locks(hold),
                WaitCause::Meeting(_) | WaitCause::Place(_) | WaitCause::Turn(_) => continue,
            };
            let WaitCause::Meeting(meeting) = holder.cause else {
                continue;
            };
            let message = format!(
                "deadlock: barrier `{}` is waited at under {lock}, which another strand needs \
                 first",
                self.barrier(meeting)
            );
            let help = "pass the barrier before taking the lock, or after releasing it";
            return Some((codes::BARRIER_UNDER_LOCK, message, help.to_string()));
        }
        None
    }

    fn barriers_cross(&self, circle: &[BlockedStrand], first: usize) -> DeadlockFinding {
        let mut names: Vec<String> = Vec::new();
        for stuck in circle {
            if let WaitCause::Meeting(meeting) = stuck.cause {
                let name = format!("`{}`", self.barrier(meeting));
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        let message = match names.len() {
            1 => format!(
                "deadlock: not all strands that must meet can arrive at barrier `{}`",
                self.barrier(first)
            ),
            _ => format!(
                "deadlock: barriers {} wait for each other",
                and_list(&names)
            ),
        };
        let help = "let all strands pass the barriers in the same order";
        (codes::BARRIERS_CROSS, message, help.to_string())
    }

    fn locks_cross(&self, hang: &Deadlock) -> DeadlockFinding {
        if let Some(judgement) = self.held_around(&hang.circle) {
            return judgement;
        }
        let mut names: Vec<String> = Vec::new();
        for stuck in &hang.circle {
            let name = match stuck.cause {
                WaitCause::Lock(request) => self.locks_of(&self.flow.requests[request].locks),
                WaitCause::Stage(hold) => self.locks(hold),
                WaitCause::Meeting(_) | WaitCause::Place(_) | WaitCause::Turn(_) => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        let message = match names.as_slice() {
            [only] => format!("deadlock: {only} is needed again by its holder"),
            _ => format!(
                "deadlock: {} are taken in opposite orders",
                and_list(&names)
            ),
        };
        let help = match names.len() {
            1 => "take it once, around everything that needs it",
            _ => "take locks in one order everywhere",
        };
        (codes::LOCKS_CROSS, message, String::from(help))
    }

    /// A stage that needs an infrastructure which the pipeline around it holds.
    fn held_around(&self, circle: &[BlockedStrand]) -> Option<DeadlockFinding> {
        let [only] = circle else { return None };
        let WaitCause::Stage(hold) = only.cause else {
            return None;
        };
        let root = self.flow.holds.first()?;
        let locks = self.flow.holds[hold].locks.iter().map(|(lock, _)| *lock);
        let shared = locks.filter(|lock| root.locks.iter().any(|(other, _)| other == lock));
        let shared: Vec<String> = shared.map(|lock| self.lock(lock)).collect();
        if hold == 0 || shared.is_empty() {
            return None;
        }
        let message = format!(
            "deadlock: {} needs {}, which the pipeline around it holds",
            self.holder(hold),
            and_list(&shared)
        );
        let help = "deployments outside stages hold their infrastructures for the pipeline: put \
                    them into a stage of their own";
        Some((codes::HELD_AROUND, message, help.to_string()))
    }
}
