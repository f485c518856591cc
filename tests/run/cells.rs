//! Cells with nasty values: random lists of texts and JSON, with equals and with whatever a path is
//! made of. Each cell runs exactly once and by its own name, is found again by `resume` and `retry`,
//! and has its own line in the ledger and its own log.
//!
//! `LOCKSTEP_CELLS` is the number of lists, `LOCKSTEP_CELLS_SEED` decides them.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::Test;
use crate::support::program::{Said, command, program, run};
use crate::support::running::{text_of, until};

/// `cell.sh` notes its node, fails where it is told to, and hangs where it is told to.
const PROGRAM: &str = r#"
let xs = from-json(file("xs.json"))
kind app { deploy using put }
service web: app {}
environment prod { infrastructure eu: app {} }
workflow put(s: service<app>, i: infrastructure<app>) {
  run "sh cell.sh ${s.name}"
}
pipeline one { parallel x in xs { run "sh cell.sh" env { VALUE: "${x}" } } }
pipeline two { matrix parallel x in xs serial y in xs { run "sh cell.sh" env { VALUE: "${x}" } } }
pipeline slow { serial x in xs { step s { run "sh cell.sh" env { VALUE: "${x}" } } } }
pipeline found {
  let listed = run "cat xs.json"
  serial x in from-json(listed.stdout) { run "sh cell.sh" env { VALUE: "${x}" } }
}
pipeline ship { serial x in xs { deploy web to prod.eu } }
"#;

const CELL: &str = r#"
printf '%s\n' "$LOCKSTEP_NODE" >> log
printf 'value %s\n' "$VALUE"
[ ! -e fails ] || [ "$LOCKSTEP_NODE" != "$(cat fails)" ] || exit 1
[ ! -e hangs ] || [ "$LOCKSTEP_NODE" != "$(cat hangs)" ] || exec sleep 60
"#;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most as u64) as usize
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 24] = [
            "]",
            "[",
            "/",
            ",",
            ", ",
            "*",
            "%",
            "#2",
            "%2F",
            "\n",
            "\r",
            "\t",
            "a",
            "é",
            "]/a][b",
            "\u{2028}",
            "\u{202e}",
            " ",
            "\"",
            "'",
            "$x",
            "serial[a]",
            "undo",
            "\u{1F680}",
        ];
        let pieces = self.below(5);
        let text: String = (0..pieces)
            .map(|_| PIECES[self.below(PIECES.len())])
            .collect();
        match self.below(12) {
            0 => text + &"long ".repeat(400),
            _ => text,
        }
    }

    /// A list in which some are equal, and some are of another type and look alike.
    fn list(&mut self) -> Vec<Value> {
        let mut list: Vec<Value> = Vec::new();
        for _ in 0..2 + self.below(4) {
            let value = match self.below(8) {
                0 if !list.is_empty() => list[self.below(list.len())].clone(),
                1 => json!(1),
                2 => json!("1"),
                3 => json!({"name": self.text(), "ports": [1, 2]}),
                4 => json!([self.text(), "b"]),
                _ => json!(self.text()),
            };
            list.push(value);
        }
        list
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn says(test: &Test, args: &[&str]) -> Said {
    let mut command: Command = command(program(), &test.path(""));
    command.args(args);
    let said = run(command);
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.contains("panicked"), "{args:?}: {text}");
        assert!(!text.contains("mistake in lockstep"), "{args:?}: {text}");
    }
    said
}

fn succeeds(test: &Test, args: &[&str]) -> Said {
    let said = says(test, args);
    assert_eq!(said.code, 0, "{args:?}: {}{}", said.stdout, said.stderr);
    said
}

/// The nodes that ran since the last look.
fn ran(test: &Test) -> Vec<String> {
    let path = test.path("log");
    let text = text_of(&path);
    let _ = std::fs::remove_file(path);
    text.lines().map(String::from).collect()
}

fn fresh(test: &Test) {
    let _ = std::fs::remove_dir_all(test.path(".lockstep"));
    let _ = std::fs::remove_file(test.path("log"));
}

/// All commands that read what a run has left.
fn is_readable(test: &Test) {
    for args in [
        &["show", "--full"][..],
        &["show", "--format", "json"],
        &["logs"],
        &["verify"],
        &["runs"],
    ] {
        succeeds(test, args);
    }
}

/// Each cell of a pipeline has a name of its own, and one that failed is all that a retry runs.
fn is_retried(test: &Test, pipeline: &str, cells: usize, chosen: usize) {
    fresh(test);
    succeeds(test, &["run", "main.deploy", pipeline]);
    let all = ran(test);
    let names: BTreeSet<&String> = all.iter().collect();
    assert_eq!(
        (all.len(), names.len()),
        (cells, cells),
        "{pipeline}: {all:?}"
    );
    is_readable(test);
    let failing = &all[chosen % all.len()];
    std::fs::write(test.path("fails"), failing).expect("a file");
    fresh(test);
    let said = says(test, &["run", "main.deploy", pipeline]);
    assert_eq!(said.code, 1, "{pipeline}: {}{}", said.stdout, said.stderr);
    let before = ran(test);
    is_readable(test);
    let only = succeeds(test, &["logs", "--", &last_run(test), failing]);
    assert!(only.stdout.contains("value"), "{failing}: {}", only.stdout);
    std::fs::remove_file(test.path("fails")).expect("it is there");
    succeeds(test, &["retry", "--yes"]);
    let again = ran(test);
    // What had not begun has its turn as well.
    assert!(again.contains(failing), "{pipeline}: {failing} {again:?}");
    let done: BTreeSet<&String> = before.iter().filter(|it| *it != failing).collect();
    assert!(
        !again.iter().any(|it| done.contains(it)),
        "{pipeline}: {before:?} {again:?}"
    );
    let both: BTreeSet<&String> = before.iter().chain(&again).collect();
    assert_eq!(both.len(), cells, "{pipeline}: {before:?} {again:?}");
    is_readable(test);
}

fn last_run(test: &Test) -> String {
    let shown = succeeds(test, &["show", "--format", "json"]).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    shown["run"]
        .as_str()
        .or(shown["id"].as_str())
        .expect("an id")
        .to_string()
}

/// A run that is killed in a cell goes on with it, and with no other that has ended.
fn is_resumed(test: &Test, cells: usize, chosen: usize) {
    fresh(test);
    succeeds(test, &["run", "main.deploy", "slow"]);
    let all = ran(test);
    let hanging = &all[chosen % all.len()];
    std::fs::write(test.path("hangs"), hanging).expect("a file");
    fresh(test);
    let mut child = command(program(), &test.path(""))
        .args(["run", "main.deploy", "slow"])
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    until("the cell hangs", || {
        text_of(&test.path("log")).lines().any(|it| it == hanging)
    });
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    std::fs::remove_file(test.path("hangs")).expect("it is there");
    succeeds(test, &["resume"]);
    let mut ran = ran(test);
    let twice = ran.iter().position(|it| it == hanging).expect("it ran");
    ran.remove(twice);
    ran.sort();
    let mut all = all.clone();
    all.sort();
    assert_eq!((ran, all.len()), (all.clone(), cells));
    is_readable(test);
}

/// Each deployment has a line of its own in the ledger.
fn is_in_the_ledger(test: &Test, cells: usize) {
    fresh(test);
    let said = succeeds(test, &["run", "main.deploy", "ship"]);
    let lines = said
        .stdout
        .lines()
        .filter(|line| line.starts_with("✓ web  prod.eu"));
    assert_eq!(lines.count(), cells, "{}", said.stdout);
    let shown = succeeds(test, &["show", "--format", "json"]).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let deployments = shown["deployments"].as_array().expect("a list");
    let nodes: BTreeSet<&str> = deployments
        .iter()
        .filter_map(|it| it["node"].as_str())
        .collect();
    assert_eq!(nodes.len(), cells);
}

#[test]
fn every_cell_runs_once_and_is_found_again_whatever_its_value_is() {
    let seed = number("LOCKSTEP_CELLS_SEED", 7);
    for at in 0..number("LOCKSTEP_CELLS", 3) {
        let mut random = Random(seed.wrapping_add(at));
        let list = random.list();
        let text = serde_json::to_string(&list).expect("JSON");
        println!("LOCKSTEP_CELLS_SEED={} {text}", seed.wrapping_add(at));
        let test = Test::new()
            .file("main.deploy", PROGRAM)
            .file("cell.sh", CELL)
            .file("xs.json", &text);
        let cells = list.len();
        is_retried(&test, "one", cells, random.below(100));
        is_retried(&test, "two", cells * cells, random.below(100));
        is_retried(&test, "found", cells, random.below(100));
        is_resumed(&test, cells, random.below(100));
        is_in_the_ledger(&test, cells);
    }
}

#[test]
fn a_cell_that_is_included_again_has_a_number() {
    let program = r#"
kind app { deploy using put }
service web: app {}
service api: app {}
environment prod { infrastructure eu: app {} infrastructure us: app {} }
workflow put(s: service<app>, i: infrastructure<app>) { run "true" }
pipeline p {
  matrix serial i in prod.* serial s in [web, api] include { i: prod.us, s: api } { deploy s to i }
  deploy web to prod.eu
  deploy web to prod.eu
  step undo { run "true" } undo { run "true" }
  step always { run "true" } always { run "true" }
}
"#;
    let test = Test::new().file("main.deploy", program);
    let said = succeeds(&test, &["run", "main.deploy", "--format", "json"]);
    let events = said.stdout.lines().map(serde_json::from_str::<Value>);
    let events: Vec<Value> = events.map(|event| event.expect("JSON")).collect();
    let started = events
        .iter()
        .filter(|event| event["event"] == "node-started");
    let nodes: Vec<&str> = started.filter_map(|event| event["node"].as_str()).collect();
    let different: BTreeSet<&str> = nodes.iter().copied().collect();
    assert_eq!(different.len(), nodes.len(), "{nodes:#?}");
    for node in [
        "p/matrix[prod.us, api]/deploy[api, prod.us]/run",
        "p/matrix[prod.us, api]#2/deploy[api, prod.us]/run",
        "p/deploy[web, prod.eu]#2/run",
        "p/undo#2/run",
        "p/always#2/always/run",
    ] {
        assert!(different.contains(node), "{node} of {nodes:#?}");
    }
}
