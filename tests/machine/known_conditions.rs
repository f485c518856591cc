//! What a run knows when a block begins, under the referee: random strands that pass barriers under
//! conditions over values that are there by then, or come inside the strand, with locks in opposite
//! orders between. The machine counts arrivals by such values, so the proof must do the same: accept
//! those in which no run stands still, and only them.

use std::fmt::Write as _;

use super::play::try_plan;
use super::referee::{Count, Dice, MOST_PLACES};

const PIPELINES: std::ops::Range<u64> = 1..500;

/// A pipeline under construction.
struct Growth {
    dice: Dice,
    text: String,
    locks: bool,
    /// Whether the value comes inside the strands.
    inside: bool,
}

fn pipeline(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut growth = Growth {
        locks: dice.chance(2),
        inside: dice.chance(4),
        text: String::from(
            "workflow pass(open: bool) { if open { barrier a } else { barrier b } }\n\
             pipeline p {\n",
        ),
        dice,
    };
    growth.write("let seen = run \"/bin/ask\"");
    growth.write("let open = seen.stdout == \"yes\"");
    let head = growth
        .dice
        .one(&["parallel {", "parallel {", "parallel fail fast {"]);
    growth.write(head);
    for _ in 0..2 + growth.dice.below(2) {
        growth.write("serial {");
        if growth.inside {
            growth.write("let seen = run \"/bin/ask\"");
            growth.write("let open = seen.stdout == \"yes\"");
        }
        for _ in 0..1 + growth.dice.below(3) {
            growth.statement();
        }
        growth.write("}");
    }
    growth.write("}\n}");
    growth.text
}

impl Growth {
    fn write(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("text takes text");
    }

    fn statement(&mut self) {
        match self.dice.below(8) {
            0 => self.barrier(),
            1 if self.locks => self.locks(),
            1 => self.write("run \"/bin/work\""),
            2 => {
                let open = self.dice.one(&["open", "not open"]);
                self.write(&format!("pass({open})"));
            }
            3 if self.locks => {
                self.write("lock \"x\" {");
                self.branch();
                self.write("}");
            }
            _ => self.branch(),
        }
    }

    fn branch(&mut self) {
        let conditions = [
            "open",
            "not open",
            "seen.stdout == \"yes\"",
            "seen.stdout == \"no\"",
            "seen.stdout != \"yes\"",
            "open and seen.stdout != \"no\"",
        ];
        let condition = self.dice.one(&conditions);
        self.write(&format!("if {condition} {{"));
        self.barrier();
        match self.dice.below(4) {
            0 => {
                self.write("} else {");
                self.barrier();
            }
            1 => {
                self.write("} else if seen.stdout == \"no\" {");
                self.barrier();
            }
            _ => {}
        }
        self.write("}");
    }

    fn barrier(&mut self) {
        let name = self.dice.one(&["a", "a", "b"]);
        self.write(&format!("barrier {name}"));
    }

    fn locks(&mut self) {
        let pair = self.dice.one(&["xy", "yx"]);
        for name in pair.chars() {
            self.write(&format!("lock \"{name}\" {{"));
        }
        self.write("run \"/bin/work\"\n}\n}");
    }
}

#[test]
fn what_is_known_when_a_block_begins_counts() {
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
    assert_eq!(count.wrong, [0; 0], "the proof and the machine differ");
    assert!(
        count.end >= 40 && count.hang >= 60,
        "too few end, or hang: {count:?}"
    );
}
