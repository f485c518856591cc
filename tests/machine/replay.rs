//! Replay: a machine that replays a journal is in the state of the machine that wrote it, at every
//! point of the journal; and whatever happens from there on, it ends. Plans and events are
//! serialized and parsed in between.

use std::sync::Arc;

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::{
    Answer, ApprovalAnswer, Effect, EffectId, EffectOutcome, Event, FailureChoice, Machine,
    PendingEffects, Question, Respondent,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{BoundInputs, Plan};
use lockstep_runtime::journal::JournalEntry;
use lockstep_runtime::locks::{LocalLocks, Locks};
use lockstep_verify::simulate::{
    EffectCourse, HandledEvent, SimulationScript, StartedEffect, command_value, run_facts, simulate,
};

use super::generate::{Flavour, program};
use super::play::try_plan;

/// Splitmix64.
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    fn outcome(&mut self) -> EffectOutcome {
        let said = ["yes", "no"][self.below(2)];
        let failure = self.below(5) == 0;
        EffectOutcome {
            value: command_value(said, i64::from(failure), []),
            failure: failure.then(|| (FailureClass::Exit, String::from("bad luck"))),
            ending: Default::default(),
        }
    }

    fn answer(&mut self, question: &Question) -> Answer {
        let at = self.below(4);
        match question {
            Question::Approve { .. } if at < 2 => ApprovalAnswer::Yes.into(),
            Question::Approve { .. } => ApprovalAnswer::No(String::new()).into(),
            Question::Failed { .. } => FailureChoice::ALL[at].into(),
        }
    }
}

struct World {
    chance: Chance,
    cancel_at: Option<i64>,
}

impl SimulationScript for World {
    fn course(&mut self, _: &StartedEffect) -> EffectCourse {
        let takes_ms = self.chance.below(30) as i64;
        let stops_ms = self.chance.below(4) as i64;
        EffectCourse {
            stops_ms,
            ..EffectCourse::new(takes_ms, self.chance.outcome())
        }
    }

    fn answer(&mut self, _: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        Some((3, self.chance.answer(question)))
    }

    fn cancel_at(&self) -> Option<i64> {
        self.cancel_at
    }

    fn observe(&mut self, _: i64, _: &RunEventKind) -> bool {
        false
    }

    fn records(&self) -> bool {
        true
    }
}

/// Serialized values are parsed to equal ones.
#[track_caller]
fn stored(plan: &Plan) -> Arc<Plan> {
    let text = serde_json::to_string(&plan.bound).expect("text");
    let bound: BoundInputs = serde_json::from_str(&text).expect("a plan");
    assert_eq!(bound, plan.bound);
    Arc::new(Plan::new(bound).expect("a plan"))
}

#[track_caller]
fn journaled(event: &Event) -> Event {
    let text = serde_json::to_string(&JournalEntry::Event(event.clone())).expect("text");
    match serde_json::from_str(&text).expect("an event") {
        JournalEntry::Event(read) => {
            assert_eq!(read, *event);
            read
        }
        JournalEntry::Begun(_) => panic!("{text}"),
    }
}

/// A machine, and its outstanding effects.
#[derive(Clone)]
struct Stand {
    machine: Machine,
    left: PendingEffects,
}

impl Stand {
    fn new(plan: &Arc<Plan>, seed: u64) -> Self {
        Self {
            machine: Machine::new(plan.clone(), run_facts(), seed),
            left: PendingEffects::default(),
        }
    }

    #[track_caller]
    fn takes(&mut self, at: i64, event: Event) -> Vec<Effect> {
        assert!(self.left.answered(&event), "{event:?} answers nothing");
        let effects = self.machine.handle(at, event);
        for effect in effects.clone() {
            let _ = self.left.requested(effect);
        }
        effects
    }
}

/// A run that is resumed from `stand`, in a world with another seed, ends.
fn goes_on(mut stand: Stand, mut now: i64, mut chance: Chance) {
    let mut locks = LocalLocks::default();
    let requests: Vec<_> = (stand.left.locks.clone()).into_iter().collect();
    locks.restore(&requests).expect("locks");
    let mut acquired: Vec<EffectId> = locks.granted().expect("locks");
    for _ in 0..100_000 {
        if stand.machine.finished().is_some() {
            assert_eq!(stand.machine.active_entries(), 0);
            assert_eq!(stand.left, PendingEffects::default());
            return;
        }
        let event = match acquired.pop() {
            Some(id) => Event::Acquired { id },
            None => {
                let timer = stand.left.timers.iter().min_by_key(|(_, at)| **at);
                let timer = timer.map(|(id, at)| (*id, *at));
                let left = &stand.left;
                let mut ids: Vec<EffectId> = left.commands.keys().copied().collect();
                ids.extend(left.actions.keys().chain(left.questions.keys()));
                ids.extend(timer.map(|(id, _)| id));
                assert!(
                    !ids.is_empty(),
                    "nothing is left to be done, but it has not ended"
                );
                let id = ids[chance.below(ids.len())];
                if let Some((_, at)) = timer.filter(|(timer, _)| *timer == id) {
                    now = now.max(at);
                    Event::Fired { id }
                } else if left.questions.contains_key(&id) {
                    let answer = chance.answer(&left.questions[&id].1);
                    let by = Name::from(format!("person {}", chance.below(4)));
                    let from = Respondent {
                        by,
                        at: String::from("2026-01-01T00:00:00Z"),
                        comment: None,
                    };
                    Event::Answered {
                        id,
                        answer,
                        from: Some(Box::new(from)),
                    }
                } else if left.stopped.contains(&id) {
                    let outcome = EffectOutcome::failed(FailureClass::Cancelled, "stopped");
                    Event::Ended { id, outcome }
                } else {
                    let outcome = chance.outcome();
                    Event::Ended { id, outcome }
                }
            }
        };
        for effect in stand.takes(now, event) {
            match effect {
                Effect::Acquire { id, node, wants } => {
                    locks.acquire(id, &node, wants).expect("locks");
                }
                Effect::Release { id, names } => {
                    locks.release(id, &names).expect("locks");
                    if names.is_empty() {
                        acquired.retain(|other| *other != id);
                    }
                }
                _ => continue,
            }
            acquired.extend(locks.granted().expect("locks"));
        }
    }
    panic!("it goes on and on");
}

/// Whether there was a plan to be checked. `places` is the number of points from which the run is
/// resumed.
fn check(number: u64, places: usize) -> bool {
    let mut chance = Chance(number);
    let length = 20 + chance.below(120);
    let bytes: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
    let flavour = Flavour {
        lucky: chance.below(2) == 0,
        timeouts: chance.below(2) == 0,
        barriers: chance.below(2) == 0,
        watches: number.is_multiple_of(3),
        people: number.is_multiple_of(2),
    };
    let program = program(&bytes, flavour);
    // A barrier may be one that nobody else arrives at.
    let Ok(plan) = try_plan(&program.text, &[]) else {
        return false;
    };
    let seed = chance.next();
    let cancel_at = (chance.below(4) == 0).then(|| chance.below(60) as i64);
    let mut world = World {
        chance: chance.clone(),
        cancel_at,
    };
    let handled = simulate(&plan, seed, &mut world).handled;
    let again = stored(&plan);
    let events: Vec<Event> = handled.iter().map(|it| journaled(&it.event)).collect();
    // Some points, or all of them.
    let mut wanted: Vec<usize> = (0..=handled.len()).collect();
    while wanted.len() > places {
        wanted.remove(chance.below(wanted.len()));
    }
    let mut lived = Stand::new(&plan, seed);
    let mut replayed = Stand::new(&again, seed);
    let mut now = 0;
    for place in 0..=handled.len() {
        let same = lived.machine.fingerprint() == replayed.machine.fingerprint()
            && lived.left == replayed.left;
        let text = &program.text;
        assert!(
            same,
            "program {number} stands elsewhere at {place}:\n{text}"
        );
        if place > 0 && wanted.contains(&place) {
            goes_on(replayed.clone(), now, Chance(chance.next()));
        }
        let (Some(lived_through), Some(written)) = (handled.get(place), events.get(place)) else {
            break;
        };
        let HandledEvent { at, event, effects } = lived_through;
        now = *at;
        // An event that the simulated world does not know to be settled answers nothing.
        if !lived.left.clone().answered(event) {
            let _ = lived.machine.handle(*at, event.clone());
            let _ = replayed.machine.handle(*at, written.clone());
            continue;
        }
        assert_eq!(&lived.takes(*at, event.clone()), effects);
        assert_eq!(&replayed.takes(*at, written.clone()), effects);
    }
    true
}

#[test]
fn a_journal_leads_to_the_same_place_from_which_every_run_ends() {
    let wanted = std::env::var("LOCKSTEP_REPLAYS").ok();
    let count: u64 = wanted.map_or(300, |text| text.parse().expect("a number"));
    let places = if count > 1000 { 8 } else { 25 };
    let checked = (0..u64::MAX).filter(|number| check(*number, places));
    // A program without a plan does not count.
    let last = checked.take(count as usize).last();
    assert!(last < Some(count * 2), "few of the programs have a plan");
}
