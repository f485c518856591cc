//! What keeps locks apart, under the referee: random pipelines whose strands take locks in opposite
//! orders, but under conditions over one value, or inside a lock around them. The proof must accept
//! those in which no run of the machine stands still, and only them.

use std::fmt::Write as _;

use super::play::try_plan;
use super::referee::{Count, Dice, MOST_PLACES};

const PIPELINES: std::ops::Range<u64> = 1..400;

/// A pipeline under construction.
struct Growth {
    dice: Dice,
    text: String,
    steps: u32,
    /// Whether conditions guard the strands, and whether a lock is around theirs.
    guards: bool,
    gates: bool,
    undoes: bool,
}

fn pipeline(seed: u64) -> String {
    let mut dice = Dice(seed);
    let guards = dice.chance(2);
    let mut growth = Growth {
        guards,
        gates: !guards || dice.chance(4),
        undoes: dice.chance(4),
        steps: 0,
        text: String::from("pipeline p {\n"),
        dice,
    };
    if growth.guards {
        growth.write("let seen = run \"/bin/ask\"");
        growth.write("let open = seen.stdout == \"yes\"");
    }
    let block = match growth.undoes {
        true => "parallel atomic {",
        false => "parallel {",
    };
    growth.write(block);
    for _ in 0..2 + growth.dice.below(2) {
        growth.write("serial {");
        growth.strand();
        growth.write("}");
    }
    growth.write("}\n}");
    growth.text
}

impl Growth {
    fn write(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("text takes text");
    }

    fn strand(&mut self) {
        if !self.guards || self.dice.chance(6) {
            return self.gated();
        }
        let conditions = [
            "open",
            "not open",
            "seen.stdout == \"yes\"",
            "seen.stdout != \"yes\"",
            "not (\"yes\" == seen.stdout)",
            "open and 1 < 2",
        ];
        let condition = self.dice.one(&conditions);
        self.write(&format!("if {condition} {{"));
        self.gated();
        if self.dice.chance(4) {
            self.write("} else {");
            self.gated();
        }
        self.write("}");
    }

    fn gated(&mut self) {
        if !self.gates || self.dice.chance(6) {
            return self.locks();
        }
        self.write("lock \"g\" {");
        self.locks();
        self.write("}");
    }

    fn locks(&mut self) {
        let pairs = ["xy", "yx", "xz", "zx"];
        let pair = self.dice.one(&pairs);
        for name in pair.chars() {
            self.write(&format!("lock \"{name}\" {{"));
        }
        self.steps += 1;
        let step = format!(
            "step n{} {{ run \"/bin/work\" }} undo {{ run \"/bin/back\" }}",
            self.steps
        );
        match self.undoes {
            true => self.write(&step),
            false => self.write("run \"/bin/work\""),
        }
        self.write("}\n}");
    }
}

#[test]
fn what_is_kept_apart_ends() {
    let mut count = Count::default();
    for seed in PIPELINES {
        let text = pipeline(seed);
        let plan = try_plan(&text, &[]).unwrap_or_else(|said| panic!("{said}\n{text}"));
        count.look_at(seed, Some((text, plan)), MOST_PLACES);
    }
    println!("{count:?}");
    assert_eq!(count.wrong, [0; 0], "the proof and the machine differ");
    assert!(
        count.kept_apart >= 20 && count.hang >= 20,
        "too few are kept apart, or nearly: {count:?}"
    );
}
