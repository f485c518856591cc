//! `--format json` and `--format plain`: every event has its form, and both have the same content.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::latches::latches;
use super::{Told, file, text};
use crate::support::Test;

const GOOD: [&str; 2] = ["succeeded", "skipped"];
const BAD: [&str; 3] = ["failed", "ignored", "cancelled"];
const ROLLING: [&str; 3] = ["rolling-back", "rolled-back", "rollback-failed"];
const CLASSES: [&str; 12] = [
    "exit",
    "signal",
    "timeout",
    "connection",
    "authentication",
    "verification",
    "approval",
    "barrier",
    "interrupted",
    "cancelled",
    "failed",
    "internal",
];

/// The properties of every list of events; that of a run that was stopped by force may be cut off.
#[track_caller]
pub fn are_well_formed(events: &[Value]) {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut rolling: BTreeSet<&str> = BTreeSet::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    let mut last = "";
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], at + 1, "{event}");
        let time = text(&event["at"]);
        assert!(
            time.len() == 24 && time.ends_with('Z') && time >= last,
            "{event}"
        );
        last = time;
        let kind = text(&event["event"]);
        let first = at == 0;
        assert_eq!(first, kind == "run-started", "{event}");
        if kind == "run-started" || kind == "run-finished" {
            assert!(event.get("node").is_none(), "{event}");
            if kind == "run-finished" {
                assert_eq!(at + 1, events.len(), "nothing follows {event}");
                assert!(open.is_empty(), "{open:?} never end");
                assert!(rolling.is_empty(), "{rolling:?} are never through");
                has_a_failure_if_it_is_bad(event);
            }
            continue;
        }
        let node = text(&event["node"]);
        match kind {
            "node-started" => {
                text(&event["kind"]);
                open.insert(node);
            }
            "node-waiting" => {
                text(&event["waiting"]["for"]);
                open.insert(node);
            }
            "node-output" => {
                // What a command has left running may still write.
                assert!(
                    open.contains(node) || ended.contains(node),
                    "{event} does not run"
                );
                text(&event["text"]);
                assert!(matches!(text(&event["stream"]), "stdout" | "stderr"));
            }
            "node-finished" => {
                let status = text(&event["status"]);
                let known = open.remove(node) || rolling.remove(node);
                let unknown = ["skipped", "cancelled", "rolling-back"];
                assert!(known || unknown.contains(&status), "{event} never began");
                if status == "rolling-back" {
                    rolling.insert(node);
                }
                if status == "succeeded" {
                    ended.insert(node);
                }
                has_a_failure_if_it_is_bad(event);
            }
            "no-way-back" => assert!(!text(&event["reason"]).is_empty(), "{event}"),
            other => panic!("an unknown event `{other}`"),
        }
    }
}

#[track_caller]
fn has_a_failure_if_it_is_bad(event: &Value) {
    let status = text(&event["status"]);
    let failure = &event["failure"];
    if GOOD.contains(&status) {
        assert!(failure.is_null(), "{event}");
    } else if BAD.contains(&status) && (event["event"] == "run-finished" || status != "ignored") {
        assert!(failure.is_object(), "{event}");
    } else {
        assert!(ROLLING.contains(&status) || status == "ignored", "{event}");
    }
    if failure.is_object() {
        assert!(CLASSES.contains(&text(&failure["class"])), "{event}");
        assert!(!text(&failure["message"]).is_empty(), "{event}");
        assert!(!text(&failure["node"]).is_empty(), "{event}");
    }
}

#[test]
fn statuses_and_failures_are_told() {
    let test = file(
        r#"
        pipeline p {
          stage good { run "true" log "fine" }
          stage odd {
            run "exit 3" on failure { ignore }
            if false { run "true" } else { run "echo else" }
            parallel n in [1, 2, 3] tolerate 1 { if n == 2 { fail "two" } }
          }
          stage bad { run "echo out; echo err >&2; exit 4" run "true" }
          stage never { run "true" }
        }"#,
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    let statuses = told.statuses();
    let wanted = [
        ("p", "failed"),
        ("p/good", "succeeded"),
        ("p/good/run", "succeeded"),
        ("p/good/log", "succeeded"),
        ("p/odd", "succeeded"),
        ("p/odd/run", "ignored"),
        ("p/odd/run#2", "skipped"),
        ("p/odd/run#3", "succeeded"),
        ("p/odd/parallel[1]", "succeeded"),
        ("p/odd/parallel[2]", "ignored"),
        ("p/bad", "failed"),
        ("p/bad/run", "failed"),
        ("p/bad/run#2", "skipped"),
        ("p/never", "skipped"),
    ];
    for (node, status) in wanted {
        assert_eq!(statuses.get(node), Some(&status), "{node} in {statuses:#?}");
    }
    assert_eq!(told.failure("p/bad/run"), ("exit", "exit code 4"));
    assert_eq!(told.failure("p/odd/parallel[2]"), ("failed", "two"));
    let last = told.events.last().expect("events");
    assert_eq!(last["failure"]["node"], "p/bad/run");
    let streams: Vec<(&str, &str)> = (told.of_kind("node-output"))
        .filter(|it| it["node"] == "p/bad/run")
        .map(|it| (text(&it["stream"]), text(&it["text"])))
        .collect();
    let streams: BTreeMap<&str, &str> = streams.into_iter().collect();
    assert_eq!(streams, [("stderr", "err"), ("stdout", "out")].into());
    let started: Vec<&str> = (told.of_kind("node-started"))
        .filter(|it| it["node"] == "p/bad/run")
        .map(|it| text(&it["text"]))
        .collect();
    assert_eq!(started, ["echo out; echo err >&2; exit 4"]);
}

/// The ledger of the plain report and the events of the other one are of two equal runs.
#[test]
fn plain_and_json_agree() {
    let pipeline = "pipeline p {
      stage one { matrix serial i in first.* parallel s in [a, b] { deploy s to i } }
      stage two { deploy c to second.k82 }
    }";
    for failing in ["", "a@first.one", "b@first.two", "c@second.k82"] {
        let run = |format: &str| {
            let mut test = latches(pipeline).args(["--format", format]);
            if !failing.is_empty() {
                test = test.file(&format!("fails/{failing}"), "");
            }
            crate::support::program::run(test.command())
        };
        let json = run("json");
        let told = Told::of(&json.stdout, json.code);
        let plain = run("plain");
        assert_eq!((plain.code, plain.stderr.as_str()), (json.code, ""));
        let (_, ledger) = plain.stdout.split_once("\n\n").expect("an empty line");
        for (cell, status) in told.deployments() {
            let (service, target) = cell.split_once('@').expect("a cell");
            let row = (ledger.lines())
                .find(|line| {
                    line.split_whitespace()
                        .skip(1)
                        .take(2)
                        .eq([service, target])
                })
                .unwrap_or_else(|| panic!("{cell} is not in {ledger}"));
            let word = match status {
                "succeeded" => "deployed",
                "rolled-back" => "rolled back",
                "skipped" => "not started",
                other => panic!("{cell} is {other}"),
            };
            assert!(row.contains(word), "{cell} is {status}: {row}");
        }
        let mut end = plain.stdout.lines().rev();
        let end = end.find(|line| line.contains(" run r-")).expect("an end");
        let word = match told.code {
            0 => "succeeded",
            _ => "failed",
        };
        assert!(end.contains(word), "{end}");
    }
}

#[test]
fn colours_of_the_plain_report_are_asked_for() {
    let colored = |test: Test| {
        let test = test.args(["--format", "plain"]);
        let said = test.said();
        assert_eq!(said.code, 0);
        said.stdout.contains('\u{1b}')
    };
    let hello = || file("pipeline p { log \"hello\" }");
    assert!(!colored(hello()));
    assert!(colored(hello().args(["--color", "always"])));
    assert!(colored(hello().env("CLICOLOR_FORCE", "1")));
    let both = hello().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!colored(both));
}

/// The reader of the events disconnects: the deployment goes on to its end.
#[test]
fn a_reader_that_goes_away_stops_nothing() {
    use std::io::Read;
    let test = file(
        "pipeline p {
           run \"echo ready; until [ -e go ]; do sleep 0.02; done\"
           run \"i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo line $i of many; done\"
           run \"echo done > log\"
         }",
    );
    for format in ["json", "plain", "live"] {
        let mut command = test.command();
        command.args(["--format", format]);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut some = [0; 10];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut some).expect("it says something");
        drop(stdout);
        std::fs::write(test.path("go"), "").expect("the file is written");
        let output = child.wait_with_output().expect("an end");
        let done = std::fs::read_to_string(test.path("log")).unwrap_or_default();
        assert_eq!(done, "done\n", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}: {output:?}");
        std::fs::remove_file(test.path("log")).expect("it is there");
        std::fs::remove_file(test.path("go")).expect("it is there");
    }
}
