//! A lock that runs share, as it is decided: who holds it, who waits, first come, first served; and
//! what was deployed at the infrastructure that it stands for. Must not know of workflows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::wire::{
    DeployedHere, GrantSignal, LockAnswer, LockHolder, LockLeave, LockWant, PutAsideSignal,
    QueuedSignal,
};

/// So many deployments of each place are remembered: what is newer than a run began is in them.
const MAX_DEPLOYMENTS: usize = 256;

/// Who holds a lock, or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRequest {
    /// What was asked.
    pub want: LockWant,
    /// Since when it is held, in milliseconds since 1970; nothing while it waits.
    pub since: Option<i64>,
    /// When it was asked for last.
    #[serde(default)]
    pub asked_at: i64,
}

/// A lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockQueue {
    holders: Vec<LockRequest>,
    waiting: VecDeque<LockRequest>,
    /// What was deployed there, in that order.
    #[serde(default)]
    deployed: Vec<DeployedHere>,
    /// The number of the last deployment.
    #[serde(default)]
    last_number: i64,
}

impl LockQueue {
    /// A run wants it. Asking again changes nothing, and is answered again. What comes late, behind
    /// a later attempt of the same request, is passed over.
    pub fn want(&mut self, want: LockWant, now: i64) -> Vec<LockAnswer> {
        let mut known = self.holders.iter_mut().chain(&mut self.waiting);
        let same = known.find(|it| it.want.run == want.run && it.want.request == want.request);
        if let Some(same) = same {
            if want.attempt < same.want.attempt {
                return Vec::new();
            }
            (same.want, same.asked_at) = (want, now);
            let held = same.since.map(|since| (same.want.clone(), since));
            return match held {
                Some((want, since)) => vec![self.granted(&want, since)],
                None => self.grant(now),
            };
        }
        let mut answers = Vec::new();
        if want.keeps_latest {
            let aside = |it: LockRequest| {
                LockAnswer::PutAside(PutAsideSignal {
                    run: it.want.run,
                    by: want.run.clone(),
                })
            };
            let waiting = std::mem::take(&mut self.waiting).into_iter();
            let (older, others): (VecDeque<_>, _) = waiting.partition(|it| it.want.keeps_latest);
            self.waiting = others;
            answers.extend(older.into_iter().map(aside));
        }
        self.waiting.push_back(LockRequest {
            want,
            since: None,
            asked_at: now,
        });
        answers.extend(self.grant(now));
        answers
    }

    /// A run gives it back, or waits no longer.
    pub fn leave(&mut self, leave: LockLeave, now: i64) -> Vec<LockAnswer> {
        let is_other = |it: &LockRequest| {
            let is_later = leave
                .attempt
                .is_some_and(|attempt| it.want.attempt > attempt);
            it.want.run != leave.run || it.want.request != leave.request || is_later
        };
        self.holders.retain(is_other);
        self.waiting.retain(is_other);
        for mut deployed in leave.deployed {
            self.last_number += 1;
            deployed.number = self.last_number;
            // A deployment of the run there before is the same one, which has gone on.
            self.deployed
                .retain(|it| it.run != deployed.run || it.service != deployed.service);
            self.deployed.push(deployed);
        }
        let surplus = self.deployed.len().saturating_sub(MAX_DEPLOYMENTS);
        self.deployed.drain(..surplus);
        self.grant(now)
    }

    /// A run was not there any more at this time. What it has asked for since then was asked by a
    /// next execution of it.
    pub fn forget(&mut self, run: &str, gone_at: i64, now: i64) -> Vec<LockAnswer> {
        let is_left = |it: &LockRequest| it.want.run != run || it.asked_at > gone_at;
        self.holders.retain(is_left);
        self.waiting.retain(is_left);
        self.grant(now)
    }

    /// The runs that hold it or wait for it.
    pub fn runs(&self) -> Vec<String> {
        let all = self.holders.iter().chain(&self.waiting);
        let mut runs: Vec<String> = all.map(|it| it.want.run.clone()).collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }

    /// The runs that hold it.
    #[cfg(test)]
    pub(crate) fn runs_that_hold(&self) -> Vec<String> {
        self.holders.iter().map(|it| it.want.run.clone()).collect()
    }

    /// Whether nobody holds it or waits for it.
    pub fn is_free(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }

    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.is_free() && self.deployed.is_empty()
    }

    /// Gives it to whoever may have it now, and says to the others who is before them.
    fn grant(&mut self, now: i64) -> Vec<LockAnswer> {
        let mut answers = Vec::new();
        while let Some(first) = self.waiting.front() {
            // Whoever holds it counts on its own limit, too.
            let all = self.holders.iter().chain([first]);
            let limit = all.map(|it| it.want.limit.max(1)).min().unwrap_or(1) as usize;
            if self.holders.len() >= limit {
                break;
            }
            let Some(mut next) = self.waiting.pop_front() else {
                break;
            };
            next.since = Some(now);
            answers.push(self.granted(&next.want, now));
            self.holders.push(next);
        }
        for (ahead, waits) in (0..).zip(&self.waiting) {
            answers.push(LockAnswer::Queued(QueuedSignal {
                run: waits.want.run.clone(),
                request: waits.want.request,
                name: waits.want.name.clone(),
                holders: self.holders.iter().map(|it| holder(it, now)).collect(),
                ahead,
            }));
        }
        answers
    }

    /// What is said to who gets it: also what others have deployed there since.
    fn granted(&self, want: &LockWant, since: i64) -> LockAnswer {
        let others = self.deployed.iter().filter(|it| it.run != want.run);
        LockAnswer::Granted(GrantSignal {
            run: want.run.clone(),
            request: want.request,
            name: want.name.clone(),
            since,
            attempt: want.attempt,
            deployed: others
                .filter(|it| it.at > want.run_began)
                .cloned()
                .collect(),
        })
    }
}

fn holder(held: &LockRequest, now: i64) -> LockHolder {
    LockHolder {
        run: held.want.run.clone(),
        request: held.want.request,
        node: held.want.node.clone(),
        since: held.since.unwrap_or(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_engine::EffectId;

    fn want(run: &str, limit: u32) -> LockWant {
        LockWant {
            run: run.into(),
            request: EffectId(1),
            name: "infrastructure eu".into(),
            node: "p/s".into(),
            limit,
            run_began: 0,
            keeps_latest: false,
            attempt: 0,
        }
    }

    fn leave(run: &str) -> LockLeave {
        LockLeave {
            run: run.into(),
            request: EffectId(1),
            name: "infrastructure eu".into(),
            deployed: Vec::new(),
            attempt: None,
        }
    }

    fn granted(answers: &[LockAnswer]) -> Vec<&str> {
        let granted = answers.iter().filter_map(|answer| match answer {
            LockAnswer::Granted(grant) => Some(&*grant.run),
            LockAnswer::Queued(_) | LockAnswer::PutAside(_) => None,
        });
        granted.collect()
    }

    #[test]
    fn first_come_first_served_once_each() {
        let mut lock = LockQueue::default();
        assert_eq!(granted(&lock.want(want("a", 1), 0)), ["a"]);
        let queued = lock.want(want("b", 1), 1);
        assert!(matches!(&queued[..], [LockAnswer::Queued(it)] if it.holders[0].run == "a"));
        assert_eq!(granted(&lock.want(want("c", 1), 2)), [""; 0]);
        // A request that is sent again takes no second place.
        assert_eq!(granted(&lock.want(want("a", 1), 3)), ["a"]);
        assert_eq!(granted(&lock.want(want("b", 1), 4)), [""; 0]);
        assert_eq!(granted(&lock.leave(leave("a"), 5)), ["b"]);
        assert_eq!(granted(&lock.forget("b", 5, 6)), ["c"]);
        lock.leave(leave("c"), 7);
        assert!(lock.is_empty());
    }

    /// A message may be sent again, and come when it is long over.
    #[test]
    fn what_comes_late_does_not_count() {
        let mut lock = LockQueue::default();
        let attempt = |attempt: i64| LockWant {
            attempt,
            ..want("a", 1)
        };
        let leave_up_to = |attempt: i64| LockLeave {
            attempt: Some(attempt),
            ..leave("a")
        };
        lock.want(want("b", 1), 0);
        assert_eq!(granted(&lock.want(attempt(1), 1)), [""; 0]);
        lock.leave(leave_up_to(1), 2);
        lock.want(attempt(2), 3);
        lock.leave(leave_up_to(1), 4);
        assert_eq!(granted(&lock.want(attempt(1), 5)), [""; 0]);
        let answers = lock.leave(leave("b"), 6);
        let [LockAnswer::Granted(grant)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(grant.attempt, 2);
        lock.leave(leave("a"), 7);
        assert!(lock.is_empty());
    }

    /// A run that was gone when it was looked for may have been resumed since.
    #[test]
    fn what_was_asked_for_since_is_not_forgotten() {
        let mut lock = LockQueue::default();
        lock.want(want("a", 1), 10);
        lock.want(want("b", 1), 11);
        lock.want(want("a", 1), 30);
        assert_eq!(granted(&lock.forget("a", 20, 31)), [""; 0]);
        assert_eq!(granted(&lock.forget("a", 30, 32)), ["b"]);
    }

    #[test]
    fn a_queue_that_keeps_the_latest_puts_those_aside_that_wait() {
        let mut lock = LockQueue::default();
        let latest = |run: &str| LockWant {
            keeps_latest: true,
            ..want(run, 1)
        };
        assert_eq!(granted(&lock.want(latest("a"), 0)), ["a"]);
        lock.want(latest("b"), 1);
        // One that was resumed, or takes another one back.
        lock.want(want("d", 1), 1);
        let answers = lock.want(latest("c"), 2);
        let aside = LockAnswer::PutAside(PutAsideSignal {
            run: "b".into(),
            by: "c".into(),
        });
        assert_eq!(answers[0], aside);
        assert_eq!(granted(&lock.leave(leave("a"), 3)), ["d"]);
        assert_eq!(granted(&lock.leave(leave("d"), 4)), ["c"]);
    }

    #[test]
    fn a_limit_lets_several_in_and_no_small_one_past_a_large_one() {
        let mut lock = LockQueue::default();
        assert_eq!(granted(&lock.want(want("a", 2), 0)), ["a"]);
        assert_eq!(granted(&lock.want(want("b", 2), 0)), ["b"]);
        assert_eq!(granted(&lock.want(want("c", 1), 0)), [""; 0]);
        assert_eq!(granted(&lock.want(want("d", 2), 0)), [""; 0]);
        assert_eq!(granted(&lock.leave(leave("a"), 0)), [""; 0]);
        assert_eq!(granted(&lock.leave(leave("b"), 0)), ["c"]);
    }

    #[test]
    fn who_gets_it_hears_what_others_have_deployed_since_the_run_began() {
        let mut lock = LockQueue::default();
        let deployed = |run: &str, at: i64| DeployedHere {
            number: 0,
            run: run.into(),
            service: "web".into(),
            target: "prod.eu".into(),
            at,
        };
        let mut by_b = leave("b");
        by_b.deployed.push(deployed("b", 20));
        lock.leave(by_b, 20);
        let hears = |lock: &mut LockQueue, began: i64| {
            let mut asks = want("a", 1);
            asks.run_began = began;
            let answers = lock.want(asks, 30);
            lock.leave(leave("a"), 31);
            match &answers[..] {
                [LockAnswer::Granted(grant)] => grant.deployed.len(),
                _ => usize::MAX,
            }
        };
        assert_eq!(hears(&mut lock, 10), 1);
        assert_eq!(hears(&mut lock, 25), 0);
        assert!(lock.is_free() && !lock.is_empty());
    }
}
