//! Strands that pass barriers under many conditions that are known before: the proof follows a
//! strand in each of its ways, or refuses the plan. It never accepts what stands still.

use std::fmt::Write as _;

use lockstep_verify::deadlock::report::prove;

use super::play::{plan, try_plan};
use super::referee::{Count, Dice, MOST_PLACES};

const PIPELINES: std::ops::Range<u64> = 1..300;

/// What the proof says: whether it ends, or the code.
fn said(text: &str) -> String {
    let plan = plan(text, &[]);
    match prove(&plan) {
        Ok(()) => String::from("ends"),
        Err(found) => found.iter().map(|it| it.code.to_string()).collect(),
    }
}

/// Two strands that take two locks in opposite orders, kept apart by a barrier that only one of
/// them passes, and only by the last of many conditions.
fn opposite(conditions: &[String], values: usize) -> String {
    let mut text = String::from("pipeline p {\n");
    for at in 0..values {
        writeln!(text, "let v{at} = run \"/bin/ask\"").expect("text takes text");
    }
    text.push_str("parallel {\nserial {\nlock \"x\" { lock \"y\" { run \"/bin/work\" } }\n");
    for (at, condition) in conditions.iter().enumerate() {
        writeln!(text, "if {condition} {{ barrier b{at} }}").expect("text takes text");
    }
    text.push_str("}\nserial {\n");
    for (at, condition) in conditions.iter().enumerate() {
        writeln!(text, "if {condition} {{ barrier b{at} }}").expect("text takes text");
    }
    text.push_str("lock \"y\" { lock \"x\" { run \"/bin/work\" } }\n}\n}\n}");
    text
}

/// As many conditions as that, each over a value of its own.
fn of_their_own(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("v{at}.stdout == \"yes\""))
        .collect()
}

/// As many conditions as that over one value, of which one is true at most.
fn of_one_value(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("v0.stdout == \"{at}\""))
        .collect()
}

#[test]
fn a_strand_with_many_conditions_is_proved_or_refused() {
    // Where no condition holds, nothing keeps the locks apart.
    for count in [1, 2, 3, 7, 10, 20] {
        let apart = said(&opposite(&of_their_own(count), count));
        let expected = if count > 8 { "E0807" } else { "E0806" };
        assert_eq!(apart, expected, "{count} conditions over their own values");
        let together = said(&opposite(&of_one_value(count), 1));
        assert_eq!(together, "E0806", "{count} conditions over one value");
    }
    // Where one of two holds in any case, a barrier keeps them apart.
    for count in [2, 7, 10, 20] {
        let mut conditions = of_one_value(count);
        let none: Vec<String> = conditions.iter().map(|it| format!("not ({it})")).collect();
        conditions.push(none.join(" and "));
        let said = said(&opposite(&conditions, 1));
        assert_eq!(said, "ends", "{count} conditions, of which one is true");
    }
}

/// A plan without locks.
#[test]
fn help_fits_a_plan_without_locks() {
    let text = opposite(&of_their_own(12), 12);
    let text = text.replace("lock \"x\" { lock \"y\" { run \"/bin/work\" } }", "");
    let text = text.replace("lock \"y\" { lock \"x\" { run \"/bin/work\" } }", "");
    let found = prove(&plan(&text, &[])).expect_err("too many ways");
    let [only] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(only.code.to_string(), "E0807");
    let help = only.help.as_deref().unwrap_or_default();
    assert!(
        help.contains("decide by one value") && !help.contains("lock"),
        "{help}"
    );
}

/// Two or three strands whose barriers stand under conditions of which the machine knows some when
/// a strand begins, some later, and some in part, with locks in opposite orders between.
fn pipeline(seed: u64) -> String {
    const CONDITIONS: [&str; 12] = [
        "v0.stdout == \"yes\"",
        "v1.stdout != \"yes\"",
        "late.stdout == \"yes\"",
        "v0.stdout == \"yes\" and v1.stdout == \"yes\"",
        "v0.stdout == \"yes\" and late.stdout == \"yes\"",
        "late.stdout == \"yes\" and v0.stdout == \"yes\"",
        "v1.stdout == \"yes\" or late.stdout == \"yes\"",
        "not (v0.stdout == \"yes\" or v1.stdout == \"yes\")",
        "[it for it in [v0.stdout] if it == \"yes\"] == [\"yes\"]",
        "(if v0.stdout == \"yes\" then v1.stdout else \"no\") == \"yes\"",
        "(if v0.stdout == \"yes\" then late.stdout else \"no\") == \"yes\"",
        "v0.stdout == \"no\"",
    ];
    let mut dice = Dice(seed);
    let mut text = String::from(
        "workflow pass(open: bool, again: bool = open) { if again { barrier a } else { barrier b } }\n\
         pipeline p {\nlet v0 = run \"/bin/ask\"\nlet v1 = run \"/bin/ask\"\nparallel {\n",
    );
    for _ in 0..2 {
        text.push_str("serial {\n");
        let mut text_of_late = Some("let late = run \"/bin/ask\"\n");
        for _ in 0..2 + dice.below(2) {
            let condition = dice.one(&CONDITIONS);
            if condition.contains("late") {
                // It is known when the strand comes here, and not when it begins.
                text.push_str(text_of_late.take().unwrap_or_default());
            }
            let barrier = dice.one(&["a", "b"]);
            let statement = match dice.below(5) {
                0 => format!("pass({condition})"),
                1 => String::from("lock \"x\" { lock \"y\" { run \"/bin/work\" } }"),
                2 => String::from("lock \"y\" { lock \"x\" { run \"/bin/work\" } }"),
                3 => format!("if {condition} {{ barrier a }} else {{ barrier b }}"),
                _ => format!("if {condition} {{ barrier {barrier} }}"),
            };
            writeln!(text, "{statement}").expect("text takes text");
        }
        text.push_str("}\n");
    }
    text + "}\n}"
}

#[test]
fn what_is_known_in_part_or_later_counts() {
    let mut count = Count::default();
    for seed in PIPELINES {
        let plan = match try_plan(&pipeline(seed), &[]) {
            Ok(plan) => Some((pipeline(seed), plan)),
            // A barrier to which nobody else comes.
            Err(said) if said.contains("E0801") => None,
            Err(said) => panic!("{said}\n{}", pipeline(seed)),
        };
        count.look_at(seed, plan, MOST_PLACES);
    }
    println!("{count:?}");
    let accepted = |seed: &&u64| said(&pipeline(**seed)) == "ends";
    let unsound: Vec<&u64> = count.wrong.iter().filter(accepted).collect();
    assert!(
        unsound.is_empty(),
        "accepted, and stands still: {unsound:?}"
    );
    // What is made of a condition by `if … then … else` counts as a condition of its own.
    assert!(count.wrong.len() <= 3, "refused, and ends: {count:?}");
    assert!(
        count.end >= 10 && count.hang >= 60,
        "too few end, or hang: {count:?}"
    );
}
