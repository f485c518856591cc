//! The locks of a run whose execution was broken off, and which is resumed: others may have got
//! them meanwhile. It waits for one at a time, and holds none of the others meanwhile, so that
//! nobody waits for a run that only waits itself.

use lockstep_base::source::Name;
use lockstep_engine::{EffectId, LockDemand};

use crate::wire::{GrantSignal, LockHolder, QueuedSignal};

/// How far a lock is regained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    /// It is asked for, as this attempt.
    Asked(i64),
    Held(i64),
}

#[derive(Debug, Clone)]
struct Place {
    request: EffectId,
    demand: LockDemand,
    node: String,
    progress: Progress,
}

/// A lock that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The request that had it.
    pub request: EffectId,
    /// The lock.
    pub demand: LockDemand,
    /// The node that has it.
    pub node: String,
    /// The attempt.
    pub attempt: i64,
}

/// A lock that is given back for the time being.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// The request.
    pub request: EffectId,
    /// The lock.
    pub name: Name,
    /// The attempt that got it.
    pub attempt: i64,
}

/// The locks that a run has to regain before it goes on.
#[derive(Debug, Clone, Default)]
pub struct Regain {
    places: Vec<Place>,
    last_attempt: i64,
    behind: Vec<LockHolder>,
}

impl Regain {
    /// No attempt has this number or a smaller one.
    pub fn after_attempt(&mut self, attempt: i64) {
        self.last_attempt = self.last_attempt.max(attempt);
    }

    /// A lock that the run had.
    pub fn add(&mut self, request: EffectId, demand: LockDemand, node: String) {
        let progress = Progress::Open;
        self.places.push(Place {
            request,
            demand,
            node,
            progress,
        });
    }

    /// Whether all of them are held.
    pub fn is_done(&self) -> bool {
        let mut all = self.places.iter();
        all.all(|it| matches!(it.progress, Progress::Held(_)))
    }

    /// What is asked for next, where nothing is asked for. `now` is in milliseconds since 1970, and
    /// makes the number of the attempt, so that those of later executions are higher.
    pub fn next(&mut self, now: i64) -> Option<Asked> {
        let is_asked = |it: &Place| matches!(it.progress, Progress::Asked(_));
        if self.places.iter().any(is_asked) {
            return None;
        }
        let mut open = self.places.iter_mut();
        let next = open.find(|it| it.progress == Progress::Open)?;
        let attempt = now.max(self.last_attempt + 1);
        self.last_attempt = attempt;
        next.progress = Progress::Asked(attempt);
        Some(Asked {
            request: next.request,
            demand: next.demand.clone(),
            node: next.node.clone(),
            attempt,
        })
    }

    fn place(&mut self, request: EffectId, name: &str) -> Option<&mut Place> {
        let mut places = self.places.iter_mut();
        places.find(|it| it.request == request && *it.demand.name == *name)
    }

    /// A lock is granted. Returns whether that is what was asked for, or is known: anything else is
    /// to be given back.
    pub fn granted(&mut self, grant: &GrantSignal) -> bool {
        let Some(place) = self.place(grant.request, &grant.name) else {
            return false;
        };
        match place.progress {
            Progress::Asked(attempt) if attempt == grant.attempt => {
                place.progress = Progress::Held(attempt);
                self.behind.clear();
                true
            }
            Progress::Held(attempt) => attempt == grant.attempt,
            Progress::Open | Progress::Asked(_) => false,
        }
    }

    /// Others have what is asked for: what is held is given back until they have ended.
    pub fn queued(&mut self, queued: &QueuedSignal) -> Vec<Left> {
        let place = self.place(queued.request, &queued.name);
        if !place.is_some_and(|it| matches!(it.progress, Progress::Asked(_))) {
            return Vec::new();
        }
        self.behind = queued.holders.clone();
        let mut left = Vec::new();
        for place in &mut self.places {
            if let Progress::Held(attempt) = place.progress {
                place.progress = Progress::Open;
                left.push(Left {
                    request: place.request,
                    name: place.demand.name.clone(),
                    attempt,
                });
            }
        }
        left
    }

    /// The lock that is waited for, and who has it.
    pub fn waits_for(&self) -> Option<(&Name, &[LockHolder])> {
        let mut places = self.places.iter();
        let asked = places.find(|it| matches!(it.progress, Progress::Asked(_)))?;
        Some((&asked.demand.name, &self.behind))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::lock_queue::LockQueue;
    use crate::wire::{LockAnswer, LockLeave, LockWant};

    /// A small generator of random numbers.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 33) as usize % limit.max(1)
        }
    }

    enum Message {
        Want(LockWant),
        Leave(LockLeave),
    }

    const LOCKS: [&str; 3] = ["a", "b", "c"];

    /// Runs that regain what they had, with locks that hear them in order, but some things twice,
    /// and some of it late; what a lock answers arrives in any order.
    struct World {
        locks: Vec<(LockQueue, VecDeque<Message>)>,
        late: Vec<LockWant>,
        answers: Vec<LockAnswer>,
        runs: Vec<(Regain, bool)>,
        now: i64,
    }

    fn lock(name: &str) -> usize {
        LOCKS.iter().position(|it| *it == name).unwrap()
    }

    fn run(name: &str) -> usize {
        name.parse().unwrap()
    }

    impl World {
        fn new(dice: &mut Dice) -> Self {
            let mut runs = Vec::new();
            for _ in 0..3 {
                let mut regain = Regain::default();
                regain.after_attempt(dice.below(50) as i64);
                // Which lock which request has is different in each run.
                let first = dice.below(LOCKS.len());
                for request in 1..=LOCKS.len() {
                    let name = LOCKS[(first + request) % LOCKS.len()];
                    if dice.below(4) > 0 {
                        let demand = LockDemand {
                            name: name.into(),
                            limit: 1,
                        };
                        regain.add(EffectId(request as u64), demand, String::new());
                    }
                }
                runs.push((regain, false));
            }
            Self {
                locks: LOCKS.map(|_| Default::default()).into(),
                late: Vec::new(),
                answers: Vec::new(),
                runs,
                now: 0,
            }
        }

        fn ask(&mut self, at: usize, dice: &mut Dice) {
            let Some(asked) = self.runs[at].0.next(self.now) else {
                return;
            };
            let want = LockWant {
                run: at.to_string(),
                request: asked.request,
                name: asked.demand.name.to_string(),
                node: asked.node,
                limit: asked.demand.limit,
                run_began: 0,
                keeps_latest: false,
                attempt: asked.attempt,
            };
            let queue = &mut self.locks[lock(&want.name)].1;
            if dice.below(3) == 0 {
                self.late.push(want.clone());
            }
            queue.push_back(Message::Want(want));
        }

        fn leave(&mut self, at: usize, request: EffectId, name: &str, attempt: Option<i64>) {
            let message = Message::Leave(LockLeave {
                run: at.to_string(),
                request,
                name: name.into(),
                deployed: Vec::new(),
                attempt,
            });
            self.locks[lock(name)].1.push_back(message);
        }

        fn hear(&mut self, answer: LockAnswer, dice: &mut Dice) {
            match answer {
                LockAnswer::Granted(grant) => {
                    let at = run(&grant.run);
                    let is_wanted = !self.runs[at].1 && self.runs[at].0.granted(&grant);
                    if !is_wanted {
                        self.leave(at, grant.request, &grant.name, Some(grant.attempt));
                    }
                    self.ask(at, dice);
                }
                LockAnswer::Queued(queued) => {
                    let at = run(&queued.run);
                    for left in self.runs[at].0.queued(&queued) {
                        self.leave(at, left.request, &left.name, Some(left.attempt));
                    }
                }
                LockAnswer::PutAside(_) => {}
            }
        }

        /// Nobody who has all of its locks shares one of them with another one.
        fn check(&self) {
            for (at, (regain, is_over)) in self.runs.iter().enumerate() {
                for place in regain
                    .places
                    .iter()
                    .filter(|_| regain.is_done() && !is_over)
                {
                    let holders = self.locks[lock(&place.demand.name)].0.runs_that_hold();
                    assert_eq!(holders, [at.to_string()], "lock {}", place.demand.name);
                }
            }
        }

        fn step(&mut self, dice: &mut Dice) {
            self.now += 1;
            match dice.below(4) {
                0 if !self.late.is_empty() => {
                    let want = self.late.swap_remove(dice.below(self.late.len()));
                    let now = self.now;
                    let answers = self.locks[lock(&want.name)].0.want(want, now);
                    self.answers.extend(answers);
                }
                1 if !self.answers.is_empty() => {
                    let answer = self.answers.remove(dice.below(self.answers.len()));
                    self.hear(answer, dice);
                }
                _ => {
                    let at = dice.below(self.locks.len());
                    let (lock, waiting) = &mut self.locks[at];
                    match waiting.pop_front() {
                        Some(Message::Want(want)) => {
                            self.answers.extend(lock.want(want, self.now));
                        }
                        Some(Message::Leave(leave)) => {
                            self.answers.extend(lock.leave(leave, self.now));
                        }
                        None => {}
                    }
                }
            }
            self.check();
            // One that has all of them ends some time.
            let at = dice.below(self.runs.len());
            let (regain, is_over) = &mut self.runs[at];
            if regain.is_done() && !*is_over && dice.below(8) == 0 {
                *is_over = true;
                for place in std::mem::take(&mut regain.places) {
                    self.leave(at, place.request, &place.demand.name, None);
                }
            }
        }
    }

    #[test]
    fn all_regain_their_locks_and_no_two_have_one_at_once() {
        for seed in 0..10_000 {
            let mut dice = Dice(seed);
            let mut world = World::new(&mut dice);
            for at in 0..world.runs.len() {
                world.ask(at, &mut dice);
            }
            let mut steps = 0;
            while !world.runs.iter().all(|(_, is_over)| *is_over) {
                world.step(&mut dice);
                steps += 1;
                assert!(steps < 100_000, "seed {seed}: somebody waits for ever");
            }
            for _ in 0..2_000 {
                world.step(&mut dice);
            }
            let is_free = world.locks.iter().all(|(lock, _)| lock.is_free());
            assert!(is_free, "seed {seed}: a lock is left behind");
        }
    }
}
