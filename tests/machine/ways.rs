//! How often each of the ways of the deadlock proof leads to its verdict: over the pipelines that
//! the referee generates, over the corpus with the pages of the codes, and over the examples. A way
//! that never does should be removed. The table is in `crates/verify/src/deadlock/README.md`; this prints it:
//!
//! `cargo test --test main machine::ways -- --nocapture`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_lang::compile::compile;
use lockstep_lang::ir::Program;
use lockstep_plan::{InputValue, Plan, RunRequest, bind};
use lockstep_verify::deadlock::model::DeadlockModel;
use lockstep_verify::deadlock::report;
use lockstep_verify::deadlock::search::SearchOutcome;
use lockstep_verify::deadlock::search::Way;
use lockstep_verify::deadlock::search::decide;

use super::direct::Direction;
use super::play::try_plan;
use super::referee;

/// How many generated pipelines are counted, of small and of large ones each.
const SMALL: std::ops::Range<u64> = 1..2_200;
const LARGE: std::ops::Range<u64> = 1..1_100;

/// Files below a folder, to which paths are relative.
struct Disk(PathBuf);

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, FileError> {
        Ok(std::fs::read_to_string(self.0.join(path))?)
    }
}

struct Nothing;

impl EnvironmentVariables for Nothing {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// How a plan was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Decided {
    /// There is nothing that a strand could wait for.
    NothingWaits,
    By(Way),
}

#[derive(Debug, Default, Clone, Copy)]
struct Verdicts {
    ends: u32,
    hangs: u32,
    gave_up: u32,
}

/// The verdicts by what decided.
#[derive(Debug, Default)]
struct Count(BTreeMap<Decided, Verdicts>);

impl Count {
    fn add(&mut self, plan: &Plan) {
        if report::nothing_waits(plan) {
            self.0.entry(Decided::NothingWaits).or_default().ends += 1;
            return;
        }
        // An error in a value is none of the proof's answers.
        let Ok(flow) = DeadlockModel::of(plan) else {
            return;
        };
        let (verdict, way) = decide(&flow);
        let count = self.0.entry(Decided::By(way)).or_default();
        match verdict {
            SearchOutcome::Ends => count.ends += 1,
            SearchOutcome::Hangs(_) => count.hangs += 1,
            SearchOutcome::Unknown(_) => count.gave_up += 1,
        }
    }

    fn of(&self, decided: Decided) -> Verdicts {
        self.0.get(&decided).copied().unwrap_or_default()
    }

    fn all(&self) -> u32 {
        let sum = |it: &Verdicts| it.ends + it.hangs + it.gave_up;
        self.0.values().map(sum).sum()
    }

    /// Counts the plans of all pipelines of a program that can be planned with these inputs.
    fn add_program(&mut self, program: &Program, inputs: &[(String, String)], files: &dyn Files) {
        for pipeline in &program.pipelines {
            let inputs = inputs.iter().cloned();
            let asked = RunRequest {
                pipeline: Some(pipeline.name.to_string()),
                inputs: inputs
                    .map(|(name, value)| (name, InputValue::Text(value)))
                    .collect(),
                ..RunRequest::default()
            };
            let bound = bind(program, &asked, &Nothing, files);
            if let Ok(plan) = bound.and_then(Plan::new) {
                self.add(&plan);
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        let folder = Disk(path.parent().map(Path::to_path_buf).unwrap_or_default());
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(path).expect("a file");
        // Only those of `corpus/run` configure a world, and need inputs for that.
        let inputs = match path.components().any(|part| part.as_os_str() == "run") {
            true => Direction::read(&text).inputs,
            false => Vec::new(),
        };
        if let Some(program) = compile(&folder, &name).program {
            self.add_program(&program, &inputs, &folder);
        }
    }

    /// The examples on a page.
    fn add_page(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).expect("a page");
        for block in text.split("```deploy\n").skip(1) {
            let code = block.split("```").next().unwrap_or_default();
            if let Ok(plan) = try_plan(code, &[]) {
                self.add(&plan);
            }
        }
    }
}

/// The files below a folder with this suffix, in order.
fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut open = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn grown(seeds: std::ops::Range<u64>, size: (u64, u64)) -> Count {
    let mut count = Count::default();
    for seed in seeds {
        if let Some((_, plan)) = referee::accepted(seed, size) {
            count.add(&plan);
        }
    }
    count
}

#[test]
fn each_way_decides_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut corpus = Count::default();
    for path in below(&root.join("tests/corpus"), ".deploy") {
        corpus.add_file(&path);
    }
    for path in below(&root.join("crates/base/src/diagnostic/codes"), ".md") {
        corpus.add_page(&path);
    }
    let mut examples = Count::default();
    for path in below(&root.join("examples"), ".deploy") {
        examples.add_file(&path);
    }
    let columns = [
        ("grown, small", grown(SMALL, referee::SMALL)),
        ("grown, large", grown(LARGE, referee::LARGE)),
        ("corpus and pages", corpus),
        ("examples", examples),
    ];
    println!("{}", table(&columns));
    for way in Way::ALL {
        let ends = columns.iter().map(|(_, it)| it.of(Decided::By(way)).ends);
        assert!(ends.sum::<u32>() > 0, "{way:?} proves nothing: drop it");
    }
}

/// In each cell the number that end, that hang, and for which the search gave up.
fn table(columns: &[(&str, Count)]) -> String {
    let mut text = String::from("| decided by |");
    for (name, _) in columns {
        write!(text, " {name} |").expect("text takes text");
    }
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(columns.len()));
    let ways = Way::ALL.into_iter().map(Decided::By);
    for decided in std::iter::once(Decided::NothingWaits).chain(ways) {
        let name = match decided {
            Decided::NothingWaits => "nothing waits",
            Decided::By(Way::Order) => "1. an order",
            Decided::By(Way::OneRun) => "2. one run",
            Decided::By(Way::LockOrders) => "3. orders of locks",
            Decided::By(Way::Events) => "4. event by event",
        };
        write!(text, "\n| {name} |").expect("text takes text");
        for (_, count) in columns {
            let it = count.of(decided);
            write!(text, " {} / {} / {} |", it.ends, it.hangs, it.gave_up)
                .expect("text takes text");
        }
    }
    text.push_str("\n| all |");
    for (_, count) in columns {
        write!(text, " {} |", count.all()).expect("text takes text");
    }
    text
}
