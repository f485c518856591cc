//! `lockstep undo` takes back what a finished run deployed; the ledger says what is where.

use super::durable::says;
use crate::support::Test;
use crate::support::running::text_of;

const SHIP: &str = r#"
input v: string
kind app { deploy using put }
service web: app {}
service api: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
workflow put(s: service<app>, i: infrastructure<app>)
  -> { before: string, after: string, changed: bool }
{
  let before = run "cat live-${s.name}-${i.name}"
  if before.stdout == v { return { before: v, after: v, changed: false } }
  step write { run "sh set.sh ${v} live-${s.name}-${i.name}" } undo {
    run "sh undo.sh ${before.stdout} live-${s.name}-${i.name}"
  }
  run "test ${v} != bad"
  return { before: before.stdout, after: v, changed: true }
}
pipeline ship {
  step note { run "echo note" } undo { run "echo un-note" }
  stage eu { parallel s in [web, api] { deploy s to prod.eu } }
  approve "go on?"
  stage us { serial s in [web, api] { deploy s to prod.us } }
} on failure { log "failed" } always { log "always" }
"#;

fn ship() -> Test {
    let mut test = Test::new()
        .file("main.deploy", SHIP)
        .file("set.sh", "echo \"$1\" > \"$2\"\n")
        .file(
            "undo.sh",
            "set -e\ntest ! -e no-undo\necho \"$1\" > \"$2\"\n",
        );
    for place in PLACES {
        test = test.file(place, "v0\n");
    }
    test
}

const PLACES: [&str; 4] = [
    "live-web-prod.eu",
    "live-api-prod.eu",
    "live-web-prod.us",
    "live-api-prod.us",
];

fn live(test: &Test) -> Vec<String> {
    let text = |place: &str| text_of(&test.path(place)).trim().to_owned();
    PLACES.iter().map(|place| text(place)).collect()
}

/// Runs a command that ends with this code, and returns what it printed.
fn lockstep(test: &Test, words: &[&str], code: i32) -> String {
    let said = says(test, words);
    let text = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, code, "{words:?}: {text}");
    text
}

fn run(test: &Test, version: &str, code: i32) -> String {
    let input = format!("v={version}");
    lockstep(test, &["run", "main.deploy", "-i", &input, "--yes"], code);
    last_run(test)
}

fn last_run(test: &Test) -> String {
    let runs = lockstep(test, &["runs", "--format", "json"], 0);
    let runs: serde_json::Value = serde_json::from_str(&runs).expect("runs");
    runs[0]["run"].as_str().expect("an id").to_owned()
}

#[test]
fn a_run_is_taken_back_in_reverse_and_once() {
    let test = ship();
    let id = run(&test, "v1", 0);
    assert_eq!(live(&test), ["v1"; 4]);
    let said = lockstep(&test, &["undo", &id, "--yes", "--format", "plain"], 0);
    assert_eq!(live(&test), ["v0"; 4]);
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(at("api → prod.us · write/undo") < at("web → prod.us · write/undo"));
    assert!(at("web → prod.us · write/undo") < at("prod.eu · write/undo"));
    assert!(at("prod.eu · write/undo") < at("un-note"));
    assert!(
        !said.contains("always") && !said.contains("go on?"),
        "{said}"
    );
    let again = lockstep(&test, &["undo", &id, "--yes"], 2);
    assert!(again.contains("nothing to take back"), "{again}");
    let retried = lockstep(&test, &["retry", &id, "--yes"], 2);
    assert!(retried.contains("taken back"), "{retried}");
    assert!(lockstep(&test, &["ledger"], 0).contains("nothing has been deployed"));
    lockstep(&test, &["undo", &last_run(&test), "--yes"], 2);
    lockstep(&test, &["verify", &last_run(&test)], 2);
}

#[test]
fn a_part_of_a_run_is_taken_back_and_then_the_rest() {
    let test = ship();
    let id = run(&test, "v1", 0);
    lockstep(&test, &["undo", &id, "ship/us", "--yes"], 0);
    assert_eq!(live(&test), ["v1", "v1", "v0", "v0"]);
    lockstep(&test, &["undo", &id, "deploy[web, *]", "--yes"], 0);
    assert_eq!(live(&test), ["v0", "v1", "v0", "v0"]);
    lockstep(&test, &["undo", &id, "nowhere", "--yes"], 2);
    lockstep(&test, &["undo", &id, "--yes"], 0);
    assert_eq!(live(&test), ["v0"; 4]);
}

#[test]
fn what_a_failed_rollback_left_is_taken_back_with_the_values_of_then() {
    let test = ship().file("no-undo", "");
    let id = run(&test, "bad", 3);
    let refused = lockstep(&test, &["run", "main.deploy", "-i", "v=v2", "--yes"], 2);
    assert!(
        refused.contains(&format!("lockstep undo {id}")),
        "{refused}"
    );
    lockstep(&test, &["undo", &id, "--yes"], 3);
    std::fs::remove_file(test.path("no-undo")).expect("removed");
    lockstep(&test, &["undo", &id, "--yes"], 0);
    assert_eq!(live(&test), ["v0"; 4]);
    run(&test, "v2", 0);
}

#[test]
fn what_a_later_run_has_deployed_is_passed_over() {
    let test = ship();
    let id = run(&test, "v1", 0);
    run(&test, "v2", 0);
    lockstep(&test, &["undo", &id, "--yes"], 6);
    assert_eq!(live(&test), ["v2"; 4]);
    lockstep(&test, &["undo", &id, "--yes", "--force"], 0);
    assert_eq!(live(&test), ["v0"; 4]);
}

#[test]
fn the_ledger_says_what_is_where_since_when() {
    let test = ship();
    let first = run(&test, "v1", 0);
    let said = lockstep(
        &test,
        &[
            "run",
            "main.deploy",
            "-i",
            "v=v1",
            "--yes",
            "--format",
            "plain",
        ],
        0,
    );
    assert!(said.contains("unchanged"), "{said}");
    let second = last_run(&test);
    let ledger = lockstep(&test, &["ledger", "--format", "json"], 0);
    let ledger: serde_json::Value = serde_json::from_str(&ledger).expect("a ledger");
    let lines = ledger.as_array().expect("lines");
    assert_eq!(lines.len(), 4);
    for line in lines {
        assert_eq!(line["after"], "v1");
        assert_eq!(line["run"], *first);
        assert_eq!(line["confirmed_by"], *second);
        assert_eq!(line["state"], "deployed");
    }
    let one = lockstep(&test, &["ledger", "web"], 0);
    assert_eq!(one.lines().count(), 2, "{one}");
}

#[test]
fn runs_that_nothing_needs_are_forgotten() {
    let test = ship();
    let first = run(&test, "v1", 0);
    let second = run(&test, "v2", 0);
    let third = run(&test, "v3", 0);
    let dry = lockstep(&test, &["prune", "--keep", "0", "--dry-run"], 0);
    assert!(dry.contains(&first) && dry.contains(&second), "{dry}");
    assert!(!dry.contains(&third), "what is there is needed: {dry}");
    lockstep(&test, &["prune", "--keep", "2"], 0);
    lockstep(&test, &["show", &first], 2);
    lockstep(&test, &["show", &second], 0);
    lockstep(&test, &["prune", "--keep", "0", "--older-than", "1d"], 0);
    lockstep(&test, &["show", &second], 0);
    lockstep(&test, &["prune"], 2);
    lockstep(&test, &["undo", &third, "--yes"], 0);
    assert_eq!(live(&test), ["v2"; 4]);
}
