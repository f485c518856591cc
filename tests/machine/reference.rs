//! The reference: a second reading of the pages. A small, slow interpreter of whole programs, which
//! knows nothing of the machine, says for random programs in a simulated world which commands run,
//! when each starts and ends, how the run ends, and what becomes of each deployment. The machine
//! has to do exactly the same, also when the run is cancelled, or killed and resumed.
//!
//! `real` has it judge the program itself, with real commands and kills.
//!
//! `LOCKSTEP_REFERENCE=100000` judges so many programs, `LOCKSTEP_REFERENCE_SEED=7` that one.

mod board;
mod clock;
mod driver;
mod frames;
mod interpreter;
mod places;
mod real;
mod watch;
mod way_back;

use std::collections::BTreeMap;

use super::generate::{Flavour, Program, program};
use super::oracle::Luck;
use super::play::try_plan;
use clock::{Clock, Line};
use driver::Driver;
use frames::Reach;
use interpreter::{Interpreter, SCALE};

/// So many programs are shown that are wrong, the shortest first.
const MAX_SHOWN: usize = 3;

/// Seeds that have found something.
const TELLING: [u64; 1] = [9_810];

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

/// A program and its world.
struct Case {
    program: Program,
    text: String,
    luck: Luck,
    reach: Reach,
    cancel_at: Option<i64>,
    kill_at: Option<i64>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let length = 20 + chance.below(140);
        let bytes: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
        let flavour = Flavour {
            lucky: true,
            timeouts: chance.below(2) == 0,
            barriers: false,
            watches: seed.is_multiple_of(3),
            people: false,
        };
        let program = program(&bytes, flavour);
        let luck = Luck {
            seed: chance.next() | 1,
            failing: [5, 15, 30, 50][chance.below(4) as usize],
            flaky: chance.below(4) == 0,
        };
        let reach = [Reach::Pipeline, Reach::Stage][chance.below(2) as usize];
        let mut text = scaled(&program.text.replace(" every 3ms..5ms", " every 1ms"));
        // Who gets an infrastructure when, `places` judges.
        text = text.replace(": app {}\n  infra", ": app { exclusive = false }\n  infra");
        text = text.replace("] {}\n  infra", "] { exclusive = false }\n  infra");
        if reach == Reach::Stage {
            text = text.replace("rollback pipeline", "rollback stage");
        }
        let some = |chance: &mut Chance| {
            let at = chance.below(9_000) as i64 + 1;
            (chance.below(4) == 0).then_some(at)
        };
        Self {
            program,
            text,
            luck,
            reach,
            cancel_at: some(&mut chance),
            kill_at: some(&mut chance),
        }
    }
}

/// The text with times that no sum of commands meets by chance.
fn scaled(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for (at, letter) in text.char_indices() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        match (digits.parse::<i64>(), text[at..].starts_with("ms")) {
            (Ok(ms), true) => out += &(ms * SCALE).to_string(),
            _ => out += &digits,
        }
        digits.clear();
        out.push(letter);
    }
    out + &digits
}

/// Whether the program could be judged, or how the machine differs.
fn judge(case: &Case) -> Result<bool, String> {
    let plan = match try_plan(&case.text, &[]) {
        // `rollback stage` outside of stages.
        Err(said) if said.contains("E0509") => return Ok(false),
        plan => plan?,
    };
    let clock = Clock::new(case.luck, case.kill_at);
    let reference = Interpreter::new(clock, case.reach);
    let ended = reference.run(&case.program.root, case.cancel_at);
    if reference.clock.tie.get() {
        return Ok(false);
    }
    let mut driver = Driver::new(&plan, case.luck);
    let status = driver.run(case.cancel_at, case.kill_at)?;
    let expected = in_order(reference.clock.log.take());
    let found = in_order(std::mem::take(&mut driver.log));
    if let Some(at) =
        (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))
    {
        return Err(format!(
            "the pages say {:?}, the machine {:?}\npages: {expected:?}\nmachine: {found:?}",
            expected.get(at),
            found.get(at)
        ));
    }
    if ended != status.as_str() {
        return Err(format!(
            "the pages say it ends {ended}, the machine {status}"
        ));
    }
    let mut ledger: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (line, status) in reference.ledger.take() {
        let service = line.split(' ').next().unwrap_or_default().to_string();
        ledger.entry(service).or_default().push(status);
    }
    ledger.values_mut().for_each(|it| it.sort_unstable());
    match driver.ledger() {
        found if found == ledger => Ok(true),
        found => Err(format!(
            "the ledger of the pages: {ledger:?}\nof the machine: {found:?}"
        )),
    }
}

fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines
}

#[test]
fn the_machine_does_what_the_pages_say() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|it| it.parse::<u64>().ok())
    };
    let seeds = match number("LOCKSTEP_REFERENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LOCKSTEP_REFERENCE").unwrap_or(600),
    };
    let beyond = TELLING.into_iter().filter(|it| !seeds.contains(it));
    let seeds: Vec<u64> = seeds.clone().chain(beyond).collect();
    let count = seeds.len() as u64;
    let mut judged = 0;
    let mut wrong = Vec::new();
    for seed in seeds {
        let case = Case::new(seed);
        match judge(&case) {
            Ok(was_judged) => judged += u64::from(was_judged),
            Err(said) => wrong.push((case.text.len(), seed, said, case)),
        }
    }
    wrong.sort_by_key(|(length, seed, ..)| (*length, *seed));
    let shown = wrong.iter().take(MAX_SHOWN).map(|(_, seed, said, case)| {
        let Case {
            text,
            luck,
            cancel_at,
            kill_at,
            ..
        } = case;
        format!(
            "seed {seed}: {said}\n{luck:?}, cancelled {cancel_at:?}, killed {kill_at:?}\n{text}"
        )
    });
    let shown: Vec<String> = shown.collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} are wrong\n{}",
        wrong.len(),
        shown.join("\n")
    );
    assert!(
        judged * 2 >= count || count < 3,
        "only {judged} of {count} were judged"
    );
}
