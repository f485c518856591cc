//! The proof that a plan ends, held against the machine: random small pipelines of barriers,
//! locks and throttled blocks, each played many times with other durations. What is proved to end
//! must always end; of what can hang, a run must hang.

use std::fmt::Write as _;

use lockstep::engine::notice::Status;
use lockstep::plan::proof::prove;
use lockstep::simulate::{Course, Started, simulate};

use super::play::plan;

/// How many pipelines are tried.
const PIPELINES: u64 = 1_000;

/// How often one is played that is proved to end.
const PLAYS: u64 = 60;

/// How often one is played until it hangs, as it is said to.
const MOST_PLAYS: u64 = 20_000;

/// A generator of chance: splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A random pipeline; about half of them can hang.
fn pipeline(dice: &mut Dice) -> String {
    let mut text = String::from("pipeline p {\n  parallel {\n");
    for _ in 0..2 + dice.below(2) {
        text.push_str("serial {\n");
        statements(dice, &mut text, 2, "");
        text.push_str("}\n");
    }
    text.push_str("  }\n}\n");
    text
}

fn statements(dice: &mut Dice, text: &mut String, depth: u64, variable: &str) {
    for _ in 0..1 + dice.below(3) {
        statement(dice, text, depth, variable);
    }
}

/// Something that takes time stands before everything: where two locks are taken with nothing
/// between them, nobody can come in between, and the proof is stricter than it would have to be.
fn statement(dice: &mut Dice, text: &mut String, depth: u64, variable: &str) {
    text.push_str("run \"/bin/work\"\n");
    // Writing into a text does not fail.
    let _ = match dice.below(if depth > 0 { 8 } else { 4 }) {
        0 | 1 => writeln!(text, "run \"/bin/work\""),
        2 if dice.below(3) == 0 => writeln!(text, "barrier {}", dice.one(&["a", "b"])),
        2 => writeln!(text, "run \"/bin/work\""),
        3 if !variable.is_empty() => writeln!(text, "barrier k[{variable}]"),
        3 => writeln!(text, "run \"/bin/work\""),
        4 | 5 => {
            let _ = writeln!(text, "lock \"{}\" {{", dice.one(&["x", "y"]));
            statements(dice, text, depth - 1, variable);
            writeln!(text, "}}")
        }
        6 => {
            let order = dice.one(&["serial", "parallel"]);
            let name = if depth > 1 { "m" } else { "n" };
            let max = if order == "parallel" && dice.below(3) == 0 {
                " max 1"
            } else {
                ""
            };
            let _ = writeln!(text, "{order} {name} in [\"1\", \"2\"]{max} {{");
            statements(dice, text, depth - 1, name);
            writeln!(text, "}}")
        }
        _ => {
            let _ = writeln!(text, "parallel {{\nserial {{");
            statements(dice, text, depth - 1, variable);
            let _ = writeln!(text, "}}\nserial {{");
            statements(dice, text, depth - 1, variable);
            writeln!(text, "}}\n}}")
        }
    };
}

/// Whether some run of a pipeline comes to a standstill: nothing in it can fail by itself.
fn hangs(text: &str, plays: u64) -> bool {
    let plan = plan(text, &[]);
    (1..=plays).any(|seed| {
        let mut dice = Dice(seed);
        // Some commands take no time and others for ever, as seen from the first.
        let mut course = |_: &Started| {
            let most = [3, 30, 400][dice.below(3) as usize];
            Course::good(dice.below(most) as i64)
        };
        simulate(&plan, seed, &mut course).status != Some(Status::Succeeded)
    })
}

#[test]
fn what_is_proved_to_end_ends_and_what_can_hang_hangs() {
    let (mut hanging, mut ending) = (0, 0);
    for seed in 1..=PIPELINES {
        let text = pipeline(&mut Dice(seed));
        if super::play::try_plan(&text, &[]).is_err() {
            // A barrier without anything parallel around it is refused before the proof.
            continue;
        }
        let proof = prove(&plan(&text, &[]));
        let codes: Vec<&str> = proof
            .as_ref()
            .err()
            .into_iter()
            .flatten()
            .map(|it| it.code.as_str())
            .collect();
        match codes.as_slice() {
            [] => {
                ending += 1;
                assert!(
                    !hangs(&text, PLAYS),
                    "proved to end, but hangs (seed {seed}):\n{text}"
                );
            }
            // Alone at a barrier a strand does not hang; and some cannot be proved.
            [..] if codes.iter().any(|code| ["E0801", "E0807"].contains(code)) => {}
            _ => {
                hanging += 1;
                assert!(
                    hangs(&text, MOST_PLAYS),
                    "said to hang ({codes:?}), but ends (seed {seed}):\n{text}"
                );
            }
        }
    }
    assert!(
        hanging > 40 && ending > 40,
        "{hanging} can hang, {ending} end: too few to compare"
    );
}
