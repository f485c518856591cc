//! `lockstep run`: its last output, and the exit code of every end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::Test;

const SHOP: &str = r#"
input tag: string
input copies: int

pipeline fine {
  log "ships ${tag}"
}

pipeline fails {
  run "exit 3"
  log "never said"
}

pipeline keeps-something atomic {
  step first {
    run "true"
  } undo {
    run "exit 4"
  }
  fail "not today"
}

pipeline slow {
  run "sleep 30"
} always {
  log "cleans up"
}

pipeline asks {
  approve "ship ${tag}?"
  log "ships ${tag}"
}
"#;

/// A run of a pipeline of the example `shop` with its inputs.
fn shop(pipeline: &str) -> Test {
    Test::new().file("shop.deploy", SHOP).args([
        "run",
        "shop.deploy",
        pipeline,
        "-i",
        "tag=v1",
        "-i",
        "copies=3",
    ])
}

/// A single word is the pipeline, unless a file has that name: a folder is `NAME/`.
#[test]
fn a_folder_does_not_hide_the_pipeline_of_its_name() {
    let pipeline = |name: &str| format!("pipeline {name} {{ log \"this is {name}\" }}\n");
    let test = |words: &[&str]| {
        let words = words.iter().copied();
        let said = Test::new()
            .file("x.deploy", pipeline("web") + &pipeline("docs"))
            .file("web/y.deploy", pipeline("inner"))
            .args(words)
            .said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0));
        said.stdout
    };
    assert!(test(&["run", "web"]).contains("this is web"));
    assert!(test(&["run", "web/"]).contains("this is inner"));
    assert!(test(&["run", ".", "docs"]).contains("this is docs"));
    // Where this folder has no file, a folder can only be where one is.
    let test = Test::new().file("web/y.deploy", pipeline("inner"));
    let said = test.args(["run", "web"]).said();
    assert!(said.stdout.contains("this is inner"), "{}", said.stderr);
}

#[test]
fn an_input_without_its_option_is_told_the_option() {
    for words in [
        &["run", "tag=v 1"][..],
        &["run", "fine", "tag=v 1"],
        &["run", "shop.deploy", "fine", "tag=v 1"],
        &["plan", "tag=v 1"],
    ] {
        let said = Test::new()
            .file("shop.deploy", SHOP)
            .args(words.iter().copied())
            .said();
        let help = "an input is given by `-i 'tag=v 1'`";
        assert!(said.stderr.contains(help), "{words:?}: {}", said.stderr);
        assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    }
}

#[test]
fn a_run_that_ends_well() {
    let said = shop("fine").said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    assert!(said.stdout.contains("ships v1\n"), "{}", said.stdout);
    assert!(
        said.stdout.contains("\n✓ run [RUN] succeeded in "),
        "{}",
        said.stdout
    );
}

#[test]
fn a_run_that_fails() {
    let said = shop("fails").said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 1));
    assert!(!said.stdout.contains("never said"), "{}", said.stdout);
    assert!(
        said.stdout.contains("at shop.deploy:10:3\n"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("\n✗ run [RUN] failed in "),
        "{}",
        said.stdout
    );
}

#[test]
fn a_rollback_that_fails() {
    let said = shop("keeps-something").said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 3));
    assert!(
        said.stdout.ends_with(
            "order by hand, and then\n  lockstep undo [RUN]\n  lockstep retry [RUN] --force\n"
        ),
        "{}",
        said.stdout
    );
}

#[test]
fn a_run_that_is_cancelled_cleans_up() {
    let test = shop("slow");
    let mut child = test
        .command()
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().map(|line| line.expect("text"));
    while let Some(line) = next() {
        if line.ends_with("$ sleep 30") {
            break;
        }
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    let rest: Vec<String> = std::iter::from_fn(next).collect();
    assert!(
        rest.iter().any(|line| line.ends_with("cleans up")),
        "{rest:?}"
    );
    assert_eq!(child.wait().expect("an end").code(), Some(4));
}

#[test]
fn a_question_needs_a_person_or_a_yes() {
    let said = shop("asks").args(["--no-input"]).said();
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("approval: "), "{}", said.stdout);
    assert!(!said.stdout.contains("ships v1"), "{}", said.stdout);
    let said = shop("asks").args(["--yes"]).said();
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains("ships v1\n"), "{}", said.stdout);
}

#[test]
fn events_are_one_json_object_a_line() {
    let said = shop("fails").args(["--format", "json"]).said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 1));
    let events: Vec<serde_json::Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], at + 1);
        assert_eq!(event["at"], "[TIME]");
    }
    let first = events.first().expect("events");
    let last = events.last().expect("events");
    assert_eq!(
        (&first["event"], &first["pipeline"]),
        (&"run-started".into(), &"fails".into())
    );
    assert_eq!(
        (&last["event"], &last["status"]),
        (&"run-finished".into(), &"failed".into())
    );
    assert_eq!(last["failure"]["class"], "exit");
}

#[test]
fn everything_that_is_wrong_with_the_inputs_is_said_before_anything_runs() {
    let said = Test::new()
        .file("shop.deploy", SHOP)
        .args([
            "run",
            "shop.deploy",
            "fine",
            "-i",
            "copies=many",
            "-i",
            "tga=v1",
        ])
        .said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    for code in ["E0721", "E0722", "E0723"] {
        assert_eq!(
            said.stderr.matches(code).count(),
            1,
            "{code}\n{}",
            said.stderr
        );
    }
}

#[test]
fn a_file_with_errors_does_not_run() {
    let said = Test::new()
        .file("shop.deploy", "pipeline a {\n  log nothing\n}\n")
        .args(["run"])
        .said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert!(said.stderr.starts_with("error[E0201]: "), "{}", said.stderr);
}

const PLACES: &str = r#"
kind app { deploy using start }
service web: app {}
environment qa { infrastructure eu: app {} }
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
input targets: [infrastructure] = prod.*
workflow start(s: service<app>, i: infrastructure<app>) { log "at ${i.name}" }
pipeline ship { serial i in targets { deploy web to i } }
"#;

/// Lists of infrastructures are names separated by commas, or JSON.
#[test]
fn infrastructures_are_given_by_names_or_as_json() {
    for (given, places) in [
        ("qa.eu,prod.us", &["at qa.eu", "at prod.us"][..]),
        (r#"["prod.us", "qa.*"]"#, &["at prod.us", "at qa.eu"]),
        (" [ \"qa.eu\" ] ", &["at qa.eu"]),
    ] {
        let input = format!("targets={given}");
        let said = Test::new()
            .file("shop.deploy", PLACES)
            .args(["run", "-i", &input])
            .said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{given}");
        let logged: Vec<&str> = (said.stdout.lines())
            .filter_map(|line| line.find("at ").map(|at| &line[at..]))
            .collect();
        assert_eq!(logged, places, "{given}");
    }
    for (given, why) in [
        (
            "prod",
            "`prod` is an environment; its infrastructures are `prod.*`",
        ),
        (r#"["prod""#, "this is no list of JSON"),
    ] {
        let input = format!("targets={given}");
        let test = Test::new().file("shop.deploy", PLACES);
        let said = test.args(["run", "-i", &input]).said();
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains(why), "{}", said.stderr);
    }
}
