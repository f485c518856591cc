//! A part of a pipeline, a plan in a file, and a file that has changed since.

use super::durable::says;
use crate::support::Test;

const SHIP: &str = r#"
input v: string = "v1"
kind app { deploy using put }
service web: app {}
service api: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
workflow put(s: service<app>, i: infrastructure<app>) {
  run "echo put ${s.name} ${i.name} ${v}"
}
pipeline ship {
  let built = run "echo digest-1"
  step note { run "echo note" }
  let all = prod.*
  stage qa { deploy web to prod.eu }
  approve "go on?"
  parallel {
    stage one { run "echo one" barrier both }
    stage two { run "echo two" barrier both }
  }
  stage prod {
    run "echo before"
    matrix serial i in all parallel s in qa.services { deploy s to i }
    deploy api to prod.us
    run "echo ${built.stdout}"
  }
  stage last { run "echo last" }
}
"#;

fn ship() -> Test {
    Test::new().file("main.deploy", SHIP)
}

fn lockstep(test: &Test, words: &[&str], code: i32) -> String {
    let said = says(test, words);
    let text = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, code, "{words:?}: {text}");
    text
}

/// Runs with these words, and returns the commands that ran.
fn commands(test: &Test, words: &[&str]) -> Vec<String> {
    let mut all = vec!["run", "main.deploy", "--yes", "--format", "json"];
    all.extend(words);
    let said = says(test, &all);
    assert_eq!(said.code, 0, "{words:?}: {}{}", said.stdout, said.stderr);
    let events = said.stdout.lines();
    let events = events.map(|line| serde_json::from_str(line).expect("an event"));
    events
        .filter(|event: &serde_json::Value| event["event"] == "node-started")
        .filter(|event| matches!(event["kind"].as_str(), Some("run" | "approve")))
        .map(|event| event["text"].as_str().unwrap_or("approve").to_owned())
        .collect()
}

fn last_run(test: &Test) -> String {
    let runs = lockstep(test, &["runs", "--format", "json"], 0);
    let runs: serde_json::Value = serde_json::from_str(&runs).expect("runs");
    runs[0]["run"].as_str().expect("an id").to_owned()
}

#[test]
fn only_a_stage_is_run() {
    let test = ship();
    assert_eq!(
        commands(&test, &["--only", "ship/qa"]),
        ["echo put web prod.eu v1"]
    );
    // A barrier counts only who runs.
    assert_eq!(commands(&test, &["--only", "one"]), ["echo one"]);
    let refused = lockstep(&test, &["run", "main.deploy", "--only", "nowhere"], 2);
    assert!(
        refused.contains("E0771") && refused.contains("`qa`"),
        "{refused}"
    );
}

#[test]
fn a_value_that_is_left_out_is_lent_or_named() {
    let test = ship();
    let refused = lockstep(&test, &["run", "main.deploy", "--yes", "--only", "prod"], 2);
    assert!(
        refused.contains("leaves out what makes `built`"),
        "{refused}"
    );
    lockstep(&test, &["run", "main.deploy", "--yes"], 0);
    let made = last_run(&test);
    let ran = commands(&test, &["--only", "prod", "--values-of", &made]);
    assert_eq!(ran.first().map(String::as_str), Some("echo before"));
    assert_eq!(ran.last().map(String::as_str), Some("echo digest-1"));
    assert_eq!(ran.len(), 5);
    lockstep(&test, &["run", "main.deploy", "--values-of", &made], 2);
}

#[test]
fn only_a_deployment_is_run() {
    let test = ship();
    let one = ["--only", "ship/prod/deploy[web, prod.us]"];
    assert_eq!(commands(&test, &one), ["echo put web prod.us v1"]);
    let other = ["--only", "prod/deploy[api, prod.us]"];
    assert_eq!(commands(&test, &other), ["echo put api prod.us v1"]);
}

#[test]
fn all_from_a_stage_on_is_run() {
    let test = ship();
    assert_eq!(commands(&test, &["--from", "last"]), ["echo last"]);
    lockstep(&test, &["run", "main.deploy", "--yes"], 0);
    let made = last_run(&test);
    let words = ["--from", "prod/deploy[api, prod.us]", "--values-of", &made];
    assert_eq!(
        commands(&test, &words),
        ["echo put api prod.us v1", "echo digest-1", "echo last"]
    );
    let words = ["run", "main.deploy", "--from", "prod/deploy[web, prod.us]"];
    let refused = lockstep(&test, &words, 2);
    assert!(refused.contains("in the middle of a loop"), "{refused}");
    let words = [
        "run",
        "main.deploy",
        "--from",
        "prod",
        "--values-of",
        &made,
        "--no-input",
    ];
    let asked = lockstep(&test, &words, 1);
    assert!(
        asked.contains("go on?"),
        "an approval before it is asked: {asked}"
    );
}

#[test]
fn a_plan_in_a_file_is_run_where_nothing_has_changed() {
    let test = ship();
    let plan = ["plan", "main.deploy", "-i", "v=v2", "--out", "ship.plan"];
    lockstep(&test, &plan, 0);
    let ran = lockstep(&test, &["run", "--plan", "ship.plan", "--yes"], 0);
    assert!(ran.contains("put web prod.eu v2"), "{ran}");
    let other = ["run", "--plan", "ship.plan", "-i", "v=v3", "--yes"];
    let refused = lockstep(&test, &other, 2);
    assert!(refused.contains("input `v` has another value"), "{refused}");
    let changed = SHIP.replace("echo last", "echo the end");
    std::fs::write(test.path("main.deploy"), changed).expect("a file");
    let refused = lockstep(&test, &["run", "--plan", "ship.plan", "--yes"], 2);
    assert!(refused.contains("E0770"), "{refused}");
    assert!(refused.contains("`main.deploy` has changed"), "{refused}");
}

#[test]
fn a_file_that_has_changed_is_told_and_may_be_used() {
    let bad = SHIP.replace("run \"echo last\"", "run \"false\"");
    let test = Test::new().file("main.deploy", &bad);
    lockstep(&test, &["run", "main.deploy", "--yes"], 1);
    let failed = last_run(&test);
    std::fs::write(test.path("main.deploy"), SHIP).expect("a file");
    let again = lockstep(&test, &["retry", &failed, "--yes"], 1);
    assert!(
        again.contains("`main.deploy` has changed since run"),
        "{again}"
    );
    assert!(again.contains("--current"), "{again}");
    let now = lockstep(&test, &["retry", &failed, "--yes", "--current"], 0);
    assert!(now.contains("last"), "{now}");
    assert!(!now.contains("put web"), "what was done counts: {now}");
}

#[test]
fn an_edition_that_is_not_known_is_refused() {
    let test = ship().file("lockstep.toml", "language = \"2\"\n");
    lockstep(&test, &["check", "main.deploy"], 0);
    let test = ship().file("lockstep.toml", "language = \"9\"\n");
    for command in ["check", "plan", "run"] {
        let refused = lockstep(&test, &[command, "main.deploy"], 2);
        assert!(
            refused.contains("E0772") && refused.contains("knows `2`"),
            "{refused}"
        );
    }
}
