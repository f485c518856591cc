//! Compares the deadlock proof with the machine: for random small pipelines of barriers, locks,
//! throttled blocks, stages and branches, every run of the machine is explored: the proof must
//! report a deadlock exactly if one of them hangs.

use std::fmt::Write as _;
use std::sync::Arc;

use lockstep_plan::Plan;
use lockstep_verify::deadlock::model::DeadlockModel;
use lockstep_verify::deadlock::search::SearchOutcome;
use lockstep_verify::deadlock::search::explore;

use super::explorer::{self, Found};
use super::play::try_plan;

/// The seeds of the pipelines. `LOCKSTEP_REFEREE=FROM..TO` sets others, and larger pipelines; it is
/// meant for an optimized build.
const PIPELINES: std::ops::Range<u64> = 1..2_200;

/// The minimum number of statements of a pipeline, and how many more there may be.
pub const SMALL: (u64, u64) = (5, 6);
pub const LARGE: (u64, u64) = (8, 8);

/// How many pipelines are grown for a seed until one is accepted.
const TRIES: u64 = 60;

/// A pipeline with more states than this is skipped as too large.
pub const MOST_PLACES: usize = 300;
const MOST_PLACES_OF_LARGE: usize = 1_500;

/// The declarations before every pipeline.
const BEFORE: &str = r#"
kind k { deploy using put }
service s: k {}
service t: k {}
environment e {
  infrastructure x: k {}
  infrastructure y: k {}
}
workflow put(s: service, i: infrastructure) { run "/bin/put" }
workflow meet(s: service, i: infrastructure, at: string) {
  run "/bin/put"
  barrier k[at]
  run "/bin/check"
}
workflow pass(at: string) { run "/bin/work" barrier k[at] }
workflow perhaps(at: string) {
  let seen = run "/bin/ask"
  if seen.stdout == "no" { return }
  barrier k[at]
}
workflow pair() {
  parallel {
    serial { run "/bin/work" barrier m }
    serial { barrier m run "/bin/work" }
  }
}
"#;

/// A pseudo-random generator: splitmix64.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

/// A pipeline under construction.
struct Growth {
    dice: Dice,
    text: String,
    /// How many more statements there may be.
    left: u32,
    names: u32,
    /// The limit of each lock, as text: a lock has one limit in a plan.
    limits: std::collections::HashMap<&'static str, &'static str>,
    /// Which features it may use, so that each pipeline is about a few of them.
    locks: bool,
    stages: bool,
    /// Whether `atomic` blocks hold the locks of several stages.
    wide: bool,
    asks: bool,
    handles: bool,
    /// Whether statements that take time are between the others.
    busy: bool,
    /// Whether a strand passes barriers in the order of their names, each once, and nests locks in
    /// the order of theirs.
    tidy: bool,
    /// Whether a workflow with a meeting of its own is called, again and again.
    pairs: bool,
    /// Whether lists and keys come that only the run knows.
    late: bool,
    /// Whether strands stand under conditions over one value that only the run knows.
    guards: bool,
    /// Whether locks stand under one lock around them, which keeps those who take it apart.
    gates: bool,
    /// Whether steps can be undone.
    undoes: bool,
    /// The next barrier of a tidy strand.
    next: usize,
}

/// The context in which a statement is generated.
#[derive(Clone, Copy)]
struct Place {
    depth: u32,
    /// The loop variable around, if there is one.
    variable: &'static str,
    /// Not inside a stage, step or loop.
    top: bool,
    deploys: bool,
    /// The first lock that a tidy strand may take here.
    lock: usize,
    /// Inside a lock that is around others.
    gated: bool,
}

/// The pipeline of a seed, with a minimum number of statements and a maximum of further ones.
fn pipeline(seed: u64, (least, more): (u64, u64)) -> String {
    let mut dice = Dice(seed);
    let mut growth = Growth {
        locks: dice.chance(2),
        stages: dice.chance(4),
        wide: Dice(seed ^ 0x57A6E).chance(2),
        asks: dice.chance(4),
        handles: dice.chance(4),
        busy: dice.chance(2),
        tidy: !dice.chance(4),
        pairs: dice.chance(3),
        late: dice.chance(5),
        guards: dice.chance(4),
        gates: dice.chance(3),
        undoes: dice.chance(6),
        next: 0,
        left: (least + dice.below(more)) as u32,
        names: 0,
        limits: std::collections::HashMap::new(),
        text: format!("{BEFORE}pipeline p {{\n"),
        dice,
    };
    if growth.guards {
        growth.write("let seen = run \"/bin/ask\"");
        growth.write("let open = seen.stdout == \"yes\"");
    }
    // The same names in one block, or in one block after the other.
    let blocks = if growth.dice.chance(4) { 2 } else { 1 };
    for _ in 0..blocks {
        growth.block();
    }
    growth.text.push_str("}\n");
    // Whoever writes a name meets all who write it; without that, those in the innermost block.
    match growth.dice.chance(4) {
        true => growth.text,
        false => across_pipeline(&growth.text),
    }
}

/// A pipeline whose barriers, but those of `pair`, are `across pipeline`.
fn across_pipeline(text: &str) -> String {
    let mut wide = String::new();
    for line in text.lines() {
        let barrier = line
            .find("barrier ")
            .filter(|_| !line.contains("barrier m"));
        let Some(at) = barrier else {
            writeln!(wide, "{line}").expect("text takes text");
            continue;
        };
        let (before, rest) = line.split_at(at);
        let end = rest.find(" }").unwrap_or(rest.len());
        let (barrier, after) = rest.split_at(end);
        writeln!(wide, "{before}{barrier} across pipeline{after}").expect("text takes text");
    }
    wide
}

impl Growth {
    fn block(&mut self) {
        let growth = self;
        growth.write("  parallel {");
        let strands = 2 + growth.dice.below(2);
        for _ in 0..strands {
            growth.next = 0;
            growth.write("serial {");
            growth.statements(Place {
                depth: 2,
                variable: "",
                top: true,
                deploys: true,
                lock: 0,
                gated: false,
            });
            growth.write("}");
        }
        growth.write("  }");
    }
}

impl Growth {
    fn write(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("text takes text");
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn statements(&mut self, place: Place) {
        for _ in 0..1 + self.dice.below(3) {
            self.statement(place);
        }
    }

    fn statement(&mut self, place: Place) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.busy && self.dice.chance(2) {
            self.write("run \"/bin/work\"");
        }
        let inside = Place {
            depth: place.depth.saturating_sub(1),
            top: false,
            ..place
        };
        let kinds = if place.depth > 0 { 14 } else { 5 };
        match self.dice.below(kinds) {
            0 | 5 if self.guards && self.dice.chance(2) => self.guarded(inside),
            0 if self.undoes => {
                let name = self.fresh();
                self.write(&format!(
                    "step {name} {{ run \"/bin/work\" }} undo {{ run \"/bin/back\" }}"
                ));
            }
            0 => self.write("run \"/bin/work\""),
            1 if self.pairs && self.dice.chance(2) => self.write("pair()"),
            1 => self.barrier(place),
            2 if place.deploys && self.stages => self.deploy(place),
            2 | 3 => self.barrier(place),
            4 if self.asks => {
                let name = self.fresh();
                self.write(&format!("let {name} = run \"/bin/ask\""));
                self.write(&format!("if {name}.stdout == \"yes\" {{"));
                self.statements(inside);
                if self.dice.chance(2) {
                    self.write("} else {");
                    self.statements(inside);
                }
                self.write("}");
            }
            4 | 5 => self.barrier(place),
            6 | 7 if self.locks => self.lock(inside),
            6 | 7 => self.workflow(place),
            8 if self.late => self.late_grid(inside),
            9 if self.late => {
                let name = self.fresh();
                self.write(&format!("let {name} = run \"/bin/ask\""));
                self.write(&format!("barrier k[{name}.stdout]"));
            }
            8 | 9 => self.grid(inside),
            10 if place.top && self.stages && self.wide && self.dice.chance(2) => {
                self.write("serial atomic {");
                self.stage(inside);
                if self.dice.chance(2) {
                    self.stage(inside);
                }
                self.write("}");
            }
            10 if place.top && self.stages => self.stage(inside),
            10 | 11 if self.handles => self.handled(inside),
            10 => self.known_if(inside),
            _ => {
                self.write("parallel {\nserial {");
                self.statements(inside);
                self.write("}\nserial {");
                self.statements(inside);
                self.write("}\n}");
            }
        }
    }

    fn stage(&mut self, inside: Place) {
        let name = self.fresh();
        self.write(&format!("stage {name} {{"));
        self.statements(inside);
        self.deploy(inside);
        self.write("}");
    }

    fn barrier(&mut self, place: Place) {
        let mut name = self.dice.one(&["a", "b"]);
        if self.tidy {
            self.next += self.dice.below(2) as usize;
            let Some(next) = ["a", "b", "c", "d", "e"].get(self.next) else {
                return self.write("run \"/bin/work\"");
            };
            name = next;
            self.next += 1;
        }
        match place.variable {
            variable if !variable.is_empty() && self.dice.chance(2) => {
                self.write(&format!("barrier k[{variable}]"));
            }
            _ => self.write(&format!("barrier {name}")),
        }
    }

    fn deploy(&mut self, place: Place) {
        let (service, target) = (self.dice.one(&["s", "t"]), self.dice.one(&["x", "y"]));
        let using = match (place.variable, self.dice.below(4)) {
            ("", 0 | 1) => " using meet(at: \"1\")".to_string(),
            (variable, 0 | 1) => format!(" using meet(at: {variable})"),
            _ => String::new(),
        };
        self.write(&format!("deploy {service} to e.{target}{using}"));
    }

    /// A branch that depends on the value that all strands know.
    fn guarded(&mut self, inside: Place) {
        let conditions = [
            "open",
            "not open",
            "seen.stdout == \"yes\"",
            "seen.stdout != \"yes\"",
            "not (\"yes\" == seen.stdout)",
        ];
        let condition = self.dice.one(&conditions);
        self.write(&format!("if {condition} {{"));
        self.statements(inside);
        if self.dice.chance(3) {
            self.write("} else {");
            self.statements(inside);
        }
        self.write("}");
    }

    fn lock(&mut self, inside: Place) {
        let names = ["x", "y", "z"];
        let mut name = self.dice.one(&names);
        if self.gates && !inside.gated && !self.dice.chance(4) {
            let limit = if self.dice.chance(6) { " limit 2" } else { "" };
            let limit = *self.limits.entry("g").or_insert(limit);
            self.write(&format!("lock \"g\"{limit} {{"));
            self.left += 1;
            self.lock(Place {
                gated: true,
                ..inside
            });
            return self.write("}");
        }
        if self.tidy && !inside.gated {
            let Some(next) = names.get(inside.lock) else {
                return self.write("run \"/bin/work\"");
            };
            name = next;
        }
        if self.dice.chance(3)
            && let Some(other) = self.taken_with(name)
        {
            self.write(&format!("lock [\"{other}\", \"{name}\"] {{"));
            let lock = inside.lock + 2 + self.dice.below(2) as usize;
            self.statements(Place { lock, ..inside });
            return self.write("}");
        }
        let inside = Place {
            lock: inside.lock + 1 + self.dice.below(2) as usize,
            ..inside
        };
        let limit = if self.dice.chance(5) { " limit 2" } else { "" };
        let limit = *self.limits.entry(name).or_insert(limit);
        self.write(&format!("lock \"{name}\"{limit} {{"));
        self.statements(inside);
        self.write("}");
    }

    /// The lock that is taken together with this one, where both have no limit.
    fn taken_with(&mut self, name: &'static str) -> Option<&'static str> {
        let other = match name {
            "x" => "y",
            "y" => "z",
            _ => return None,
        };
        let are_alone = [name, other].map(|it| self.limits.get(it).is_none_or(|it| it.is_empty()));
        if are_alone != [true, true] {
            return None;
        }
        self.limits.extend([(name, ""), (other, "")]);
        Some(other)
    }

    fn workflow(&mut self, place: Place) {
        let name = match self.asks && self.dice.chance(2) {
            true => "perhaps",
            false => "pass",
        };
        let at = match place.variable {
            "" => "\"1\"",
            variable => variable,
        };
        self.write(&format!("{name}({at})"));
    }

    fn known_if(&mut self, inside: Place) {
        let known = self.dice.one(&["1 < 2", "2 < 1"]);
        self.write(&format!("if {known} {{"));
        self.statements(inside);
        self.write("} else {");
        self.statements(inside);
        self.write("}");
    }

    fn handled(&mut self, inside: Place) {
        let heads = ["serial", "serial", "serial atomic", "serial retry 1"];
        let head = self.dice.one(&heads);
        self.write(&format!("{head} {{"));
        self.statements(inside);
        let lock = self.dice.one(&["x", "y"]);
        let lock = format!("lock \"{lock}\" {{ run \"/bin/mend\" }}");
        match self.dice.below(6) {
            0 | 1 => self.write("} on failure { ignore }"),
            2 if self.locks => self.write(&format!("}} on failure {{ {lock} }}")),
            3 if self.locks => self.write(&format!("}} on failure {{ {lock} ignore }}")),
            4 if self.locks => self.write(&format!("}} always {{ {lock} }}")),
            _ => self.write("} always { run \"/bin/tidy\" }"),
        }
    }

    /// A loop over a list that only the run knows.
    fn late_grid(&mut self, inside: Place) {
        let name = self.fresh();
        self.write(&format!("let {name} = run \"/bin/ask\""));
        let variable = if inside.depth > 0 { "m" } else { "o" };
        let throttle = self.dice.one(&["", "", " max 1", " max 2"]);
        let list = format!("if {name}.stdout == \"yes\" then [\"1\", \"2\"] else [\"1\"]");
        self.write(&format!("parallel {variable} in {list}{throttle} {{"));
        self.statements(Place {
            variable,
            deploys: false,
            ..inside
        });
        self.write("}");
    }

    fn grid(&mut self, inside: Place) {
        let depth = inside.depth;
        let (outer, inner) = if depth > 0 { ("m", "n") } else { ("o", "p") };
        let mut throttle = match self.dice.below(6) {
            0 => " max 1",
            1 => " max 2",
            2 => " batches [1, 2]",
            _ => "",
        };
        let order = self.dice.one(&["serial", "parallel", "parallel"]);
        let tolerate = match self.handles && self.dice.chance(3) {
            true => " tolerate 1",
            false => "",
        };
        if self.dice.chance(4) {
            let second = self.dice.one(&["serial", "parallel"]);
            if order == "serial" && second == "serial" {
                throttle = "";
            }
            let pair = "[\"1\", \"2\"]";
            self.write(&format!(
                "matrix {order} {outer} in {pair} {second} {inner} in {pair}{throttle}{tolerate} {{"
            ));
        } else {
            if order == "serial" {
                throttle = "";
            }
            let values = self.dice.one(&["[\"1\", \"2\"]", "[\"1\", \"2\", \"3\"]"]);
            self.write(&format!(
                "{order} {outer} in {values}{throttle}{tolerate} {{"
            ));
        }
        self.statements(Place {
            variable: outer,
            deploys: false,
            ..inside
        });
        self.write("}");
    }
}

/// The counts of pipelines by result.
#[derive(Debug, Default)]
pub struct Count {
    pub hang: u32,
    pub end: u32,
    hang_by_failure: u32,
    too_large: u32,
    unknown: u32,
    refused: u32,
    careful: u32,
    /// End, and would be refused without what is known of conditions and of locks around locks.
    pub kept_apart: u32,
    pub wrong: Vec<u64>,
}

/// The first pipeline of a seed that has a plan. One with a barrier to which nobody else can come,
/// or of which it is not clear who meets there, is rejected before the proof.
pub fn accepted(seed: u64, size: (u64, u64)) -> Option<(String, Arc<Plan>)> {
    (0..TRIES).find_map(|again| {
        let text = pipeline(seed + again * 1_000_000, size);
        match try_plan(&text, &[]) {
            Ok(plan) => Some((text, plan)),
            Err(said) if said.contains("E0801") || said.contains("E0810") => None,
            Err(said) => panic!("{said}\n{text}"),
        }
    })
}

/// Whether lists or keys come in it that only the run knows.
fn is_late(text: &str) -> bool {
    text.contains("then [") || text.contains(".stdout]")
}

/// The model without what tells that two things never happen in one run, or at once.
fn without_exclusion(mut flow: DeadlockModel) -> DeadlockModel {
    flow.decisions.clear();
    for request in &mut flow.requests {
        request.given.clear();
        request.alone = false;
    }
    flow.holds.iter_mut().for_each(|hold| hold.given.clear());
    flow
}

impl Count {
    pub fn look_at(&mut self, seed: u64, pipeline: Option<(String, Arc<Plan>)>, most: usize) {
        let Some((text, plan)) = pipeline else {
            return self.refused += 1;
        };
        let flow = DeadlockModel::of(&plan).unwrap_or_else(|_| panic!("no flow\n{text}"));
        let said = explore(&flow);
        let mut found = explorer::explore(&plan, false, most);
        let good = matches!(found, Found::Hangs(_));
        if matches!(found, Found::Ends) {
            found = explorer::explore(&plan, true, most);
        }
        match (&said, &found) {
            (_, Found::TooMany) => self.too_large += 1,
            (SearchOutcome::Unknown(_), _) => self.unknown += 1,
            (SearchOutcome::Ends, Found::Ends) => {
                self.end += 1;
                let refused = explore(&without_exclusion(flow)) != SearchOutcome::Ends;
                self.kept_apart += u32::from(refused);
            }
            (SearchOutcome::Hangs(_), Found::Hangs(_)) => {
                self.hang += 1;
                self.hang_by_failure += u32::from(!good);
            }
            (SearchOutcome::Ends, Found::Hangs(story)) => {
                println!(
                    "seed {seed} ends, they say, but:\n{}\n{text}",
                    story.join("\n")
                );
                self.wrong.push(seed);
            }
            // Which undos a rollback runs, the proof does not know.
            (SearchOutcome::Hangs(_), Found::Ends) if text.contains("undo {") => self.careful += 1,
            // Of what only the run knows, the proof takes everything to be possible; and what is
            // let in too slowly fails before it can hang.
            (SearchOutcome::Hangs(_), Found::Ends) if is_late(&text) => self.careful += 1,
            (SearchOutcome::Hangs(hang), Found::Ends) => {
                println!("seed {seed} hangs, they say: {hang:?}\n{text}");
                self.wrong.push(seed);
            }
        }
    }
}

#[test]
fn what_can_hang_is_what_the_machine_can_hang_in() {
    let given = std::env::var("LOCKSTEP_REFEREE").ok();
    let (seeds, size, most) = match &given {
        Some(given) => {
            let (from, to) = given.split_once("..").expect("FROM..TO");
            let number = |text: &str| text.parse::<u64>().expect("a number");
            (number(from)..number(to), LARGE, MOST_PLACES_OF_LARGE)
        }
        None => (PIPELINES, SMALL, MOST_PLACES),
    };
    let mut count = Count::default();
    for seed in seeds.clone() {
        count.look_at(seed, accepted(seed, size), most);
    }
    let share = 100 * count.hang / (count.hang + count.end).max(1);
    println!("{share} % can hang: {count:?}");
    assert_eq!(count.wrong, [0; 0], "the proof and the machine differ");
    let compared = count.hang + count.end;
    assert!(count.hang * 3 >= compared, "too few can hang: {count:?}");
    assert!(
        compared * 6 >= seeds.count() as u32 * 5,
        "too few are compared: {count:?}"
    );
}

/// Programs of the corpus that hang, and some that nearly do: the reported sequence is correct.
#[test]
fn what_the_corpus_shows_is_so() {
    let mut hang = 0;
    insta::glob!("../corpus/plan", "{hang,ends}-*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let Ok(plan) = try_plan(&text, &[]) else {
            return;
        };
        let Ok(flow) = DeadlockModel::of(&plan) else {
            panic!("no flow: {}", path.display())
        };
        let said = explore(&flow);
        let found = [false, true].map(|failures| explorer::explore(&plan, failures, 200_000));
        let hangs = found.iter().any(|it| matches!(it, Found::Hangs(_)));
        let known = !found.iter().any(|it| matches!(it, Found::TooMany));
        assert!(hangs || known, "too many places in {}", path.display());
        assert_eq!(
            matches!(said, SearchOutcome::Hangs(_)),
            hangs,
            "{}: {said:?}, {found:?}",
            path.display()
        );
        hang += u32::from(hangs);
    });
    assert!(hang >= 12, "only {hang} hang");
}
