//! Who gets an infrastructure when: stages side by side that deploy to the same places, with
//! barriers between their deployments. A few lines say from the pages when each command of such a
//! pipeline starts and ends; the machine, and what accepts the pipeline, have to agree.
//!
//! `LOCKSTEP_REFERENCE=100000` judges so many pipelines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lockstep_verify::deadlock::model::DeadlockModel;
use lockstep_verify::deadlock::search::{SearchOutcome, explore};

use super::clock::{Line, course};
use super::driver::Driver;
use super::{Chance, in_order};
use crate::machine::oracle::Luck;
use crate::machine::play::try_plan;

const BEFORE: &str = r#"
kind k { deploy using put }
service s: k {}
environment e {
  infrastructure x: k {}
  infrastructure y: k {}
  infrastructure z: k {}
}
workflow put(s: service, i: infrastructure, n: int = 0) { run "put ${i.name} ${n}" }
"#;

const PLACES: [&str; 3] = ["x", "y", "z"];
const BARRIERS: [&str; 3] = ["a", "b", "c"];

/// What a stage does, one after the other.
enum Part {
    /// A command outside of deployments.
    Run(String),
    /// Deployments side by side: the place and the command of each.
    Deploy(Vec<(usize, String)>),
    Barrier(usize),
}

#[derive(Default)]
struct Stage {
    parts: Vec<Part>,
    /// The part that comes next, or is under way.
    at: usize,
    running: usize,
    asked: bool,
    has: bool,
}

impl Stage {
    /// How many deployments go to each place.
    fn places(&self) -> BTreeMap<usize, usize> {
        let mut places = BTreeMap::new();
        for part in &self.parts {
            if let Part::Deploy(all) = part {
                for (place, _) in all {
                    *places.entry(*place).or_default() += 1;
                }
            }
        }
        places
    }

    fn writes(&self, name: usize) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, Part::Barrier(own) if *own == name))
    }
}

fn stages(chance: &mut Chance) -> Vec<Stage> {
    let mut number = 0;
    let count = 2 + chance.below(3);
    let stages = (0..count).map(|_| {
        let mut stage = Stage::default();
        let mut barrier = 0;
        for _ in 0..2 + chance.below(4) {
            number += 1;
            match chance.below(6) {
                0 => stage.parts.push(Part::Run(format!("work {number}"))),
                1 | 2 if barrier < BARRIERS.len() => {
                    barrier += chance.below(2) as usize;
                    if barrier < BARRIERS.len() {
                        stage.parts.push(Part::Barrier(barrier));
                    }
                    barrier += 1;
                }
                3 => {
                    let both = [0, 1].map(|_| {
                        number += 1;
                        let place = chance.below(3) as usize;
                        (place, format!("put e.{} {number}", PLACES[place]))
                    });
                    stage.parts.push(Part::Deploy(both.into()));
                }
                _ => {
                    let place = chance.below(3) as usize;
                    let text = format!("put e.{} {number}", PLACES[place]);
                    stage.parts.push(Part::Deploy(vec![(place, text)]));
                }
            }
        }
        stage
    });
    let mut stages: Vec<Stage> = stages.collect();
    // A barrier needs somebody to meet.
    for name in 0..BARRIERS.len() {
        if stages.iter().filter(|it| it.writes(name)).count() == 1 {
            for stage in &mut stages {
                let is_it = |part: &Part| matches!(part, Part::Barrier(own) if *own == name);
                stage.parts.retain(|part| !is_it(part));
            }
        }
    }
    stages
}

fn text(stages: &[Stage]) -> String {
    let mut out = format!("{BEFORE}pipeline p {{\n  parallel {{\n");
    let mut line = |line: String| writeln!(out, "{line}").expect("text takes text");
    let deploy = |(place, text): &(usize, String)| {
        let number = text.rsplit(' ').next().unwrap_or_default();
        format!("deploy s to e.{} using put(n: {number})", PLACES[*place])
    };
    for (at, stage) in stages.iter().enumerate() {
        line(format!("stage s{at} {{"));
        for part in &stage.parts {
            match part {
                Part::Run(text) => line(format!("run \"{text}\"")),
                Part::Deploy(all) => match all.as_slice() {
                    [only] => line(deploy(only)),
                    all => {
                        let all: Vec<String> = all.iter().map(deploy).collect();
                        line(format!("parallel {{\n{}\n}}", all.join("\n")));
                    }
                },
                Part::Barrier(name) => line(format!("barrier {} across pipeline", BARRIERS[*name])),
            }
        }
        line(String::from("}"));
    }
    line(String::from("}\n}"));
    out
}

/// The pages, for such a pipeline.
struct Reading {
    stages: Vec<Stage>,
    luck: Luck,
    now: i64,
    /// Which stage holds each place.
    held: BTreeMap<usize, usize>,
    /// The stages that wait for their places, in the order in which they asked.
    queue: Vec<usize>,
    left: Vec<BTreeMap<usize, usize>>,
    arrived: BTreeMap<usize, BTreeSet<usize>>,
    running: BTreeMap<i64, (usize, Option<usize>, String)>,
    log: Vec<Line>,
    /// Whether two things happened at the same moment.
    tie: bool,
    /// When somebody last asked for places.
    asked_at: Option<i64>,
}

impl Reading {
    fn new(stages: Vec<Stage>, luck: Luck) -> Self {
        Self {
            left: stages.iter().map(Stage::places).collect(),
            stages,
            luck,
            now: 0,
            held: BTreeMap::new(),
            queue: Vec::new(),
            arrived: BTreeMap::new(),
            running: BTreeMap::new(),
            log: Vec::new(),
            tie: false,
            asked_at: None,
        }
    }

    /// Runs to the end; whether all stages come to theirs.
    fn run(&mut self) -> bool {
        for stage in 0..self.stages.len() {
            self.go_on(stage);
        }
        self.grant();
        while let Some((at, (stage, place, text))) = self.running.pop_first() {
            self.now = at;
            self.log.push((at, "ends", text));
            self.stages[stage].running -= 1;
            if let Some(place) = place {
                let left = self.left[stage].get_mut(&place).expect("it deploys there");
                *left -= 1;
                if *left == 0 {
                    self.held.remove(&place);
                }
            }
            if self.stages[stage].running == 0 {
                self.stages[stage].at += 1;
                self.go_on(stage);
            }
            self.grant();
        }
        self.stages.iter().all(|it| it.at == it.parts.len())
    }

    /// A stage goes on until something takes time.
    fn go_on(&mut self, stage: usize) {
        loop {
            let own = &mut self.stages[stage];
            let mut commands = Vec::new();
            match own.parts.get(own.at) {
                None => return,
                Some(Part::Run(text)) => commands.push((None, text.clone())),
                Some(Part::Deploy(_)) if !own.has => {
                    if !std::mem::replace(&mut own.asked, true) {
                        // At the start all ask in the order of the source.
                        self.tie |= self.now > 0 && self.asked_at == Some(self.now);
                        self.asked_at = Some(self.now);
                        self.queue.push(stage);
                    }
                    return;
                }
                Some(Part::Deploy(all)) => {
                    let all = all.iter().map(|(place, text)| (Some(*place), text.clone()));
                    commands.extend(all);
                }
                Some(Part::Barrier(name)) => {
                    let name = *name;
                    self.arrived.entry(name).or_default().insert(stage);
                    let expected = self.stages.iter().filter(|it| it.writes(name)).count();
                    if self.arrived[&name].len() < expected {
                        return;
                    }
                    let all = self.arrived[&name].clone();
                    for other in &all {
                        self.stages[*other].at += 1;
                    }
                    for other in all.into_iter().filter(|other| *other != stage) {
                        self.go_on(other);
                    }
                    continue;
                }
            }
            self.stages[stage].running = commands.len();
            for (place, text) in commands {
                let ends = self.now + course(&self.luck, &text, 0).takes;
                self.log.push((self.now, "starts", text.clone()));
                let before = self.running.insert(ends, (stage, place, text));
                self.tie |= before.is_some();
            }
            return;
        }
    }

    /// Whoever asked first gets all its places, once they are free and nobody before it waits for
    /// one of them.
    fn grant(&mut self) {
        let mut taken: BTreeSet<usize> = self.held.keys().copied().collect();
        for stage in std::mem::take(&mut self.queue) {
            let wants: Vec<usize> = self.left[stage].keys().copied().collect();
            let free = wants.iter().all(|place| !taken.contains(place));
            taken.extend(&wants);
            if !free {
                self.queue.push(stage);
                continue;
            }
            self.held
                .extend(wants.into_iter().map(|place| (place, stage)));
            self.stages[stage].has = true;
            self.go_on(stage);
        }
    }
}

#[test]
fn places_are_had_as_the_pages_say() {
    let given = std::env::var("LOCKSTEP_REFERENCE").ok();
    let count = given.and_then(|it| it.parse().ok()).unwrap_or(600);
    let (mut judged, mut refused, mut hang, mut waited) = (0_u64, 0, 0, 0_u64);
    for seed in 0..count {
        let stages = stages(&mut Chance(seed));
        let text = text(&stages);
        let luck = Luck {
            seed: seed | 1,
            failing: 0,
            flaky: false,
        };
        let mut pages = Reading::new(stages, luck);
        let ends = pages.run();
        let plan = match try_plan(&text, &[]) {
            Ok(plan) => plan,
            // One stage alone writes a barrier.
            Err(said) if said.contains("E0801") => {
                refused += 1;
                continue;
            }
            Err(said) => panic!("seed {seed}: {said}\n{text}"),
        };
        let flow = DeadlockModel::of(&plan).unwrap_or_else(|_| panic!("no flow\n{text}"));
        if explore(&flow) != SearchOutcome::Ends {
            hang += 1;
            continue;
        }
        if pages.tie {
            continue;
        }
        assert!(ends, "seed {seed}: accepted, but it hangs\n{text}");
        let mut driver = Driver::new(&plan, luck);
        let status = driver.run(None, None);
        let status = status.unwrap_or_else(|said| panic!("seed {seed}: {said}\n{text}"));
        assert_eq!(status.as_str(), "succeeded", "seed {seed}\n{text}");
        let expected = in_order(pages.log);
        let found = in_order(std::mem::take(&mut driver.log));
        assert_eq!(
            found, expected,
            "seed {seed}: the machine, and the pages\n{text}"
        );
        judged += 1;
        let starts = found.iter().filter(|it| it.1 == "starts");
        waited += u64::from(starts.filter(|it| it.0 == 0).count() < 2);
    }
    println!("{judged} judged, {refused} refused, {hang} hang; in {waited} one starts alone");
    assert!(judged * 5 >= count, "only {judged} of {count} were judged");
}
