//! A journal leads to the same run again, and one that is damaged is refused or leads somewhere,
//! but never brings the program down.
//!
//! The input is a program, and after a NUL either journal records as lines of JSON, or bytes that
//! decide how the commands of the program go and how its journal is damaged.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::{Answer, ApprovalAnswer, Effect, FailureChoice, Machine, Question};
use lockstep_plan::Plan;
use lockstep_runtime::journal::{JournalEntry, JournalRecord};
use lockstep_runtime::replay::replay;
use lockstep_runtime::secrets::SecretVault;
use lockstep_runtime::shown_events::EventRedactor;
use lockstep_verify::simulate::{
    EffectCourse, SimulationScript, StartedEffect, Trace, run_facts, simulate,
};
use lockstep_base::node_path::NodePath;
use lockstep_fuzz::{compiled, plans, split};

/// The seed of every machine here.
const SEED: u64 = 7;

/// After so many events a run is cut off: what follows is more of the same.
const MAX_EVENTS: usize = 2_000;

fuzz_target!(|data: &[u8]| {
    let Some((text, rest)) = split(data) else {
        return;
    };
    let compilation = compiled(text);
    let Some(program) = &compilation.program else {
        return;
    };
    for plan in plans(program, text, false) {
        let plan = Arc::new(plan);
        match rest.first() {
            Some(b'{' | b'"') => drop(take_in(&plan, written(rest))),
            _ => play(&plan, rest),
        }
    }
});

/// Has a new machine handle records; whatever they say, it must not come down.
fn take_in(plan: &Arc<Plan>, records: Vec<JournalRecord>) -> bool {
    let mut machine = Machine::new(plan.clone(), run_facts(), SEED);
    let mut redactor = EventRedactor::new(Arc::new(SecretVault::new::<&str>([])));
    replay(&mut machine, records, &mut redactor, |_, _, _| {}).is_ok()
}

/// Records from lines of JSON; lines that are none are left out.
fn written(bytes: &[u8]) -> Vec<JournalRecord> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let what = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let records = what.zip(1..).map(|(what, seq)| JournalRecord {
        seq,
        at: jiff::Timestamp::UNIX_EPOCH,
        clock: 0,
        what,
        told: Vec::new(),
    });
    records.collect()
}

/// Plays a plan, takes its journal in again, and then what the bytes make of that journal.
fn play(plan: &Arc<Plan>, bytes: &[u8]) {
    let mut direction = Direction {
        bytes: bytes.iter(),
        events: 0,
    };
    let trace = simulate(plan, SEED, &mut direction);
    let mut records = journal(&trace);
    assert!(take_in(plan, records.clone()), "its own journal is refused");

    let numbers: Vec<usize> = bytes.iter().map(|byte| usize::from(*byte)).collect();
    for damage in numbers.chunks_exact(3).take(16) {
        let [how, one, other] = [damage[0], damage[1], damage[2]];
        if records.is_empty() {
            break;
        }
        let (one, other) = (one % records.len(), other % records.len());
        match how % 5 {
            0 => drop(records.remove(one)),
            1 => records.swap(one, other),
            2 => records.insert(one, records[other].clone()),
            3 => records.truncate(one),
            _ => records[one].what = records[other].what.clone(),
        }
        // What is told would show the damage at once; the machine is to see it, too.
        take_in(plan, records.clone());
        take_in(plan, untold(plan, &records));
    }
}

/// The journal of a run that was played, with each record as it comes back from the disk.
fn journal(trace: &Trace) -> Vec<JournalRecord> {
    let record = |(handled, seq): (&lockstep_verify::simulate::HandledEvent, u64)| {
        let what = JournalEntry::Event(handled.event.clone());
        let text = serde_json::to_vec(&what).expect("an event is JSON");
        let read: JournalEntry = serde_json::from_slice(&text).expect("what was written can be read");
        assert_eq!(read, what);
        JournalRecord {
            seq,
            at: jiff::Timestamp::from_millisecond(handled.at).unwrap_or_default(),
            clock: handled.at,
            what: read,
            told: told(&handled.effects),
        }
    };
    trace.handled.iter().zip(1..).map(record).collect()
}

/// The records, each with what a machine tells when it handles them: so that none is refused.
fn untold(plan: &Arc<Plan>, records: &[JournalRecord]) -> Vec<JournalRecord> {
    let mut machine = Machine::new(plan.clone(), run_facts(), SEED);
    let mut records = records.to_vec();
    for record in &mut records {
        if let JournalEntry::Event(event) = &record.what {
            record.told = told(&machine.handle(record.clock, event.clone()));
        }
    }
    records
}

fn told(effects: &[Effect]) -> Vec<RunEventKind> {
    let tell = |effect: &Effect| match effect {
        Effect::Tell(happened) => Some(happened.clone()),
        _ => None,
    };
    effects.iter().filter_map(tell).collect()
}

/// How a run goes, byte for byte; when there are no more, all goes well.
struct Direction<'a> {
    bytes: std::slice::Iter<'a, u8>,
    events: usize,
}

impl Direction<'_> {
    fn next(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or_default()
    }
}

impl SimulationScript for Direction<'_> {
    fn course(&mut self, _: &StartedEffect) -> EffectCourse {
        match self.next() {
            byte @ 0..=127 => EffectCourse::good(i64::from(byte) * 100),
            byte => EffectCourse::exit(i64::from(byte & 63) * 100, i64::from(byte & 64) + 1),
        }
    }

    fn answer(&mut self, _: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let byte = self.next();
        let answer = match (question, byte % 5) {
            (Question::Approve { .. }, 0..=2) => ApprovalAnswer::Yes.into(),
            (Question::Approve { .. }, 3) => ApprovalAnswer::No(String::from("no")).into(),
            (Question::Failed { .. }, 0) => FailureChoice::Rollback.into(),
            (Question::Failed { .. }, 1) => FailureChoice::Ignore.into(),
            (Question::Failed { .. }, 2) => FailureChoice::Abort.into(),
            (Question::Failed { .. }, 3) => FailureChoice::Retry.into(),
            _ => return None,
        };
        Some((i64::from(byte), answer))
    }

    fn continues(&mut self) -> bool {
        self.events += 1;
        self.events < MAX_EVENTS
    }

    fn records(&self) -> bool {
        true
    }
}
