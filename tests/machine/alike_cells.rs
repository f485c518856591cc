//! Loops whose cells look alike: the model with one cell for all of them is compared with that of
//! all cells, over random loops and matrices. Where the one says that there is an order, so does the
//! other, which the referee holds to the machine. And it is as small for many cells as for few.

use std::fmt::Write as _;

use lockstep_verify::deadlock::model::DeadlockModel;
use lockstep_verify::deadlock::report::{ends_by_alike_cells, prove};
use lockstep_verify::deadlock::search::{SearchOutcome, Way, decide, is_ordered_for_all};

use super::play::{plan, try_plan};
use super::referee::Dice;

const PIPELINES: std::ops::Range<u64> = 1..3_000;

/// A pipeline under construction.
struct Growth {
    dice: Dice,
    text: String,
    left: u32,
    names: u32,
    /// The variables of the loops around.
    variables: Vec<String>,
    /// Whether locks are nested and barriers passed in the order of their names.
    tidy: bool,
    /// Whether there are barriers, and locks.
    meets: bool,
    locks: bool,
    /// Where the next lock or barrier is in the order of names.
    rank: usize,
}

fn pipeline(seed: u64) -> String {
    let mut dice = Dice(seed);
    let meets = dice.below(4) != 0;
    let mut growth = Growth {
        tidy: dice.below(4) != 0,
        meets,
        locks: !meets || dice.chance(2),
        left: 4 + dice.below(8) as u32,
        names: 0,
        variables: Vec::new(),
        rank: 0,
        text: String::from("pipeline p {\nlet seen = run \"/bin/ask\"\n"),
        dice,
    };
    match growth.dice.below(3) {
        0 => {
            growth.write("parallel {");
            for _ in 0..2 {
                growth.write("serial {");
                growth.rank = 0;
                growth.cells(2);
                growth.write("}");
            }
            growth.write("}");
        }
        1 => {
            growth.cells(2);
            growth.rank = 0;
            growth.cells(1);
        }
        _ => growth.cells(3),
    }
    growth.write("}");
    growth.text
}

impl Growth {
    fn write(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("text takes text");
    }

    /// A loop or matrix.
    fn cells(&mut self, depth: u32) {
        let around = self.variables.len();
        let mut head = String::new();
        let axes = 1 + self.dice.below(3) / 2 + self.dice.below(3) / 2;
        for _ in 0..axes {
            self.names += 1;
            let name = format!("v{}", self.names);
            let order = self.dice.one(&["serial", "parallel", "parallel"]);
            let of = match self.variables.last() {
                Some(last) if self.dice.chance(30) => format!("range(0, {last} + 1)"),
                _ if self.dice.chance(3) => String::from("[\"a\", \"b\"]"),
                _ => format!("range(0, {})", 1 + self.dice.below(3)),
            };
            write!(head, "{order} {name} in {of} ").expect("text takes text");
            self.variables.push(name);
        }
        if axes > 1 {
            head.insert_str(0, "matrix ");
        }
        head += match self.dice.below(12) {
            0 => "max 1 ",
            1 => "max 2 ",
            2 => "batches [1, 2] ",
            _ => "",
        };
        self.write(&format!("{head}{{"));
        let rank = self.rank;
        self.statements(depth);
        self.rank = rank;
        self.write("}");
        self.variables.truncate(around);
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..2 + self.dice.below(2) {
            self.statement(depth);
        }
    }

    fn variable(&mut self) -> Option<String> {
        let count = self.variables.len() as u64;
        let at = self.dice.below(count.max(1)) as usize;
        self.variables.get(at).cloned()
    }

    /// One of these names, in order where that matters.
    fn next<'n>(&mut self, names: &[&'n str]) -> Option<&'n str> {
        if !self.tidy {
            return Some(self.dice.one(names));
        }
        self.rank += 1 + self.dice.below(2) as usize;
        names.get(self.rank).copied()
    }

    fn statement(&mut self, depth: u32) {
        if self.left == 0 {
            return self.write("run \"/bin/work\"");
        }
        self.left -= 1;
        let kinds = if depth > 0 { 13 } else { 6 };
        match self.dice.below(kinds) {
            0..=2 if self.meets => self.barrier(),
            3 | 4 | 6 | 7 if self.locks => self.lock(depth),
            8 | 9 => self.cells(depth - 1),
            10 => {
                let condition = match self.variable() {
                    Some(name) if self.dice.chance(8) => format!("\"${{{name}}}\" == \"1\""),
                    _ => String::from("seen.stdout == \"yes\""),
                };
                self.write(&format!("if {condition} {{"));
                self.statements(depth - 1);
                self.write("}");
            }
            11 => {
                self.write("parallel {");
                for _ in 0..2 {
                    self.write("serial {");
                    self.statements(depth - 1);
                    self.write("}");
                }
                self.write("}");
            }
            12 => {
                self.write("serial {");
                self.statements(depth - 1);
                let end = self.dice.one(&[
                    "} retry 1",
                    "} on failure { run \"/bin/mend\" ignore }",
                    "} always { lock \"z\" { run \"/bin/clean\" } }",
                ]);
                self.write(end);
            }
            _ => self.write("run \"/bin/work\""),
        }
    }

    fn barrier(&mut self) {
        let Some(name) = self.next(&["a", "b", "c", "d", "e", "f", "g"]) else {
            return;
        };
        let key = match self.variable() {
            Some(variable) if self.dice.chance(3) => format!("[{variable}]"),
            Some(variable) if self.dice.chance(8) => format!("[\"k${{{variable}}}\"]"),
            _ if self.dice.chance(12) => String::from("[1]"),
            _ => String::new(),
        };
        self.write(&format!("barrier {name}{key}"));
    }

    fn lock(&mut self, depth: u32) {
        let Some(name) = self.next(&["l", "m", "n", "o", "p", "q", "r"]) else {
            return;
        };
        let name = match self.variable() {
            Some(variable) if self.dice.chance(2) => format!("{name}${{{variable}}}"),
            _ if self.dice.chance(5) => format!("{name}1"),
            _ => String::from(name),
        };
        self.write(&format!("lock \"{name}\" {{"));
        if self.dice.chance(2) {
            self.write("run \"/bin/work\"");
        } else {
            self.statements(depth.saturating_sub(1));
        }
        self.write("}");
    }
}

/// How the two models of the pipelines compare.
#[derive(Debug, Default)]
struct Compared {
    refused: u32,
    /// No cells look alike, or only the model of all cells can tell.
    apart: u32,
    ordered: u32,
    /// Ordered, and with locks, with barriers, and with turns.
    with_locks: u32,
    with_barriers: u32,
    in_turns: u32,
    /// The model of all cells is ordered, too, and the smaller one is not.
    missed: u32,
    hang: u32,
}

#[test]
fn one_cell_for_all_says_what_all_cells_say() {
    let given = std::env::var("LOCKSTEP_ALIKE").ok();
    let seeds = given.map_or(PIPELINES, |given| {
        let (from, to) = given.split_once("..").expect("FROM..TO");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        number(from)..number(to)
    });
    let mut count = Compared::default();
    for seed in seeds {
        let text = pipeline(seed);
        let Ok(plan) = try_plan(&text, &[]) else {
            count.refused += 1;
            continue;
        };
        let Some(one) = DeadlockModel::with_one_of_alike_cells(&plan) else {
            count.apart += 1;
            continue;
        };
        let all =
            DeadlockModel::of(&plan).unwrap_or_else(|_| panic!("seed {seed}: no model\n{text}"));
        assert!(
            one.strands.len() <= all.strands.len(),
            "seed {seed}\n{text}"
        );
        let (verdict, way) = decide(&all);
        let all_ordered = (&verdict, way) == (&SearchOutcome::Ends, Way::Order);
        if is_ordered_for_all(&one) {
            assert!(all_ordered, "seed {seed}: {verdict:?} by {way:?}\n{text}");
            count.ordered += 1;
            count.with_locks += u32::from(!one.requests.is_empty());
            count.with_barriers += u32::from(!one.meetings.is_empty());
            count.in_turns += u32::from(one.forks.iter().any(|it| it.in_turns));
        } else {
            count.missed += u32::from(all_ordered);
            count.hang += u32::from(verdict != SearchOutcome::Ends);
        }
    }
    println!("{count:?}");
    assert!(count.with_locks >= 120, "too few with locks: {count:?}");
    assert!(
        count.with_barriers >= 120,
        "too few with barriers: {count:?}"
    );
    assert!(count.in_turns >= 120, "too few in turns: {count:?}");
    assert!(count.hang >= 75, "too few that hang: {count:?}");
    let orderly = count.ordered + count.missed;
    assert!(
        count.ordered * 3 >= orderly * 2,
        "too many are missed: {count:?}"
    );
}

fn rows(side: u32) -> String {
    let axes = format!("serial a in range(0, {side}) parallel b in range(0, {side})");
    format!("pipeline p {{ matrix {axes} {{ barrier row }} }}")
}

fn columns(side: u32) -> String {
    let axes = format!("parallel a in range(0, {side}) parallel b in range(0, {side})");
    let body = "lock \"c${b}\" { run \"y\" lock \"z\" limit 3 { run \"q\" } } barrier row[a]";
    format!("pipeline p {{ matrix {axes} {{ {body} }} }}")
}

/// How many places of strands a model has.
fn size(model: &DeadlockModel) -> usize {
    let places = model.strands.iter().map(|it| 1 + it.ops.len());
    places.sum::<usize>() + model.meetings.len() + model.resources.len()
}

#[test]
fn many_cells_need_no_more_than_few() {
    for made in [rows, columns] {
        let sizes = [3, 30, 150].map(|side| {
            let plan = plan(&made(side), &[]);
            assert!(ends_by_alike_cells(&plan), "{}", made(side));
            prove(&plan).expect("a proof");
            let one = DeadlockModel::with_one_of_alike_cells(&plan).expect("cells that look alike");
            size(&one)
        });
        assert!(sizes[0] < 20, "{sizes:?}");
        assert_eq!(sizes[0], sizes[1]);
        assert_eq!(sizes[0], sizes[2]);
        // The model of all cells has them all.
        let all = DeadlockModel::of(&plan(&made(30), &[])).unwrap_or_else(|_| panic!("no model"));
        assert!(size(&all) > 900, "{}", size(&all));
    }
}

/// What is said of cells that look alike is what is said of each of them.
#[test]
fn what_depends_on_the_cell_is_not_alike() {
    let body = |body: &str| {
        let axes = "parallel a in range(0, 3) parallel b in range(0, 3)";
        try_plan(&format!("pipeline p {{ matrix {axes} {{ {body} }} }}"), &[]).expect("a plan")
    };
    let alike = |text: &str| DeadlockModel::with_one_of_alike_cells(&body(text)).is_some();
    assert!(alike("barrier m"));
    assert!(alike(
        "parallel c in range(0, 2) { lock \"l\" { run \"x\" } }"
    ));
    assert!(alike("if a == 1 { run \"x\" } barrier m"));
    assert!(!alike("if a == 1 { barrier m }"), "a condition");
    assert!(
        !alike("lock \"c${[1, 2][a]}\" { run \"x\" }"),
        "a name that is not there"
    );
    assert!(
        !alike("let c = [1, 2][a] barrier m"),
        "a value that is not there"
    );
    assert!(
        !alike("parallel c in range(0, a) { lock \"l\" { run \"x\" } }"),
        "how many cells"
    );
    // Those that take the same lock in another order are other cells.
    let both = body("lock \"l${a}\" { lock \"l${b}\" { run \"x\" } }");
    assert!(!ends_by_alike_cells(&both));
    prove(&both).expect_err("locks in two orders");
}
