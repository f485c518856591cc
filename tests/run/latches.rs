//! Latches: deployments that log when they start and end, and wait for each other's marks, to prove
//! overlap and order without measuring time.

use std::collections::BTreeMap;

use crate::support::Test;

/// `sh latch.sh CELL` logs its start, waits for the files named in `waits/CELL`, and logs its end.
/// A cell with a file `fails/CELL` fails then.
const SCRIPT: &str = r#"
cell=$1
echo "start $cell" >> log
: > "started/$cell"
if [ -e "waits/$cell" ]; then
  for mark in $(cat "waits/$cell"); do
    left=1500
    until [ -e "$mark" ]; do
      left=$((left - 1))
      if [ $left = 0 ]; then echo "$cell waited for $mark in vain" >&2; exit 9; fi
      sleep 0.02
    done
  done
fi
if [ -e "slow/$cell" ]; then sleep 0.2; fi
if [ -e "fails/$cell" ]; then echo "fail $cell" >> log; exit 3; fi
echo "end $cell" >> log
: > "ended/$cell"
"#;

/// Three services, and two environments of two infrastructures each.
const WORLD: &str = r#"
kind latch { deploy using wait-and-log }

service a: latch {}
service b: latch {}
service c: latch {}

environment first {
  infrastructure one: latch {}
  infrastructure two: latch {}
}

environment second {
  infrastructure k82: latch {}
  infrastructure k81: latch {}
}

workflow wait-and-log(s: service<latch>, i: infrastructure<latch>) {
  step place {
    run "sh latch.sh ${s.name}@${i.name}"
  } undo {
    run "echo undo ${s.name}@${i.name} >> log"
  }
}
"#;

/// A test whose pipelines deploy in [`WORLD`].
pub fn latches(pipelines: &str) -> Test {
    super::file(&format!("{WORLD}\n{pipelines}"))
        .file("latch.sh", SCRIPT)
        .folder("started")
        .folder("ended")
        .folder("waits")
        .folder("slow")
        .folder("fails")
}

/// The cell waits for these marks before it ends: `started/b@first.one`, `ended/…`.
pub fn waits(test: Test, cell: &str, marks: &[String]) -> Test {
    test.file(&format!("waits/{cell}"), marks.join(" "))
}

/// All of these cells must have started before one of them can end.
pub fn together(test: Test, cells: &[&str]) -> Test {
    let marks: Vec<String> = cells.iter().map(|cell| format!("started/{cell}")).collect();
    (cells.iter()).fold(test, |test, cell| waits(test, cell, &marks))
}

/// What happened: `start a@first.one`, `end …`, `fail …`, `undo …`.
pub fn log(test: &Test) -> Vec<String> {
    let log = std::fs::read_to_string(test.path("log")).unwrap_or_default();
    log.lines().map(String::from).collect()
}

/// Asserts that each wave begins only when all of the one before have ended.
#[track_caller]
pub fn in_waves(log: &[String], waves: &[&[&str]]) {
    let mut rest = log;
    for wave in waves {
        let (own, later) = rest.split_at(rest.len().min(2 * wave.len()));
        let mut counts: BTreeMap<String, u8> = BTreeMap::new();
        for line in own {
            *counts.entry(line.clone()).or_default() += 1;
        }
        let lines = |cell: &&str| [format!("start {cell}"), format!("end {cell}")];
        let wanted = wave.iter().flat_map(lines).map(|line| (line, 1)).collect();
        assert_eq!(counts, wanted, "in {log:#?}");
        rest = later;
    }
    assert!(rest.is_empty(), "more than was wanted: {log:#?}");
}
