//! The consequences of one failure: who goes on, who never starts, what is rolled back, and the
//! exit code.

use super::latches::{latches, log, together, waits};
use super::{Told, file, text};
use crate::support::Test;

/// How the four deployments of a and b end when only a@first.one fails.
#[track_caller]
fn ends(matrix: &str, wanted: [&str; 4]) {
    let pipeline = format!("pipeline p {{ stage all {{ matrix {matrix} {{ deploy s to i }} }} }}");
    let test = latches(&pipeline).file("fails/a@first.one", "");
    let told = Told::by(&test);
    let cells = ["a@first.one", "b@first.one", "a@first.two", "b@first.two"];
    let deployments = told.deployments();
    let ended: Vec<&str> = (cells.iter())
        .map(|cell| deployments.get(*cell).copied().unwrap_or("nothing"))
        .collect();
    assert_eq!(ended, wanted);
    let statuses = told.statuses();
    assert_eq!(
        (statuses["p"], statuses["p/all"], told.code),
        ("failed", "failed", 1)
    );
    let log = log(&test);
    let undone: Vec<&String> = log.iter().filter(|it| it.starts_with("undo")).collect();
    assert_eq!(undone, ["undo a@first.one"]);
    for (cell, status) in cells.iter().zip(wanted) {
        let started = log.contains(&format!("start {cell}"));
        assert_eq!(started, status != "skipped", "{cell} in {log:?}");
    }
}

#[test]
fn a_failure_when_all_is_serial() {
    let axes = "serial i in first.* serial s in [a, b]";
    ends(axes, ["rolled-back", "skipped", "skipped", "skipped"]);
}

#[test]
fn a_failure_when_services_are_parallel() {
    let axes = "serial i in first.* parallel s in [a, b]";
    ends(axes, ["rolled-back", "succeeded", "skipped", "skipped"]);
}

#[test]
fn a_failure_when_infrastructures_are_parallel() {
    let axes = "parallel i in first.* serial s in [a, b]";
    ends(axes, ["rolled-back", "skipped", "succeeded", "succeeded"]);
}

#[test]
fn a_failure_when_infrastructures_are_parallel_in_waves() {
    let axes = "serial s in [a, b] parallel i in first.*";
    ends(axes, ["rolled-back", "skipped", "succeeded", "succeeded"]);
}

#[test]
fn a_failure_when_all_is_parallel() {
    let axes = "parallel i in first.* parallel s in [a, b]";
    ends(axes, ["rolled-back", "succeeded", "succeeded", "succeeded"]);
}

/// b is in the middle of its work when a fails and rolls back, and ends well long after that.
#[test]
fn a_parallel_sibling_goes_on_to_its_own_end() {
    let test = latches("pipeline p { parallel { deploy a to first.one deploy b to first.one } }");
    let test = together(test, &["a@first.one", "b@first.one"]);
    let test = waits(test, "b@first.one", &["undone".into()]);
    let test = test.file("fails/a@first.one", "").file(
        "main.deploy",
        std::fs::read_to_string(latches("").path("main.deploy"))
            .expect("the world")
            .replace(">> log\"\n  }", ">> log\"\n    run \"touch undone\"\n  }")
            + "pipeline p { parallel { deploy a to first.one deploy b to first.one } }",
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    let deployments = told.deployments();
    assert_eq!(deployments["a@first.one"], "rolled-back");
    assert_eq!(deployments["b@first.one"], "succeeded");
    assert_eq!(
        log(&test).last().map(String::as_str),
        Some("end b@first.one")
    );
}

#[test]
fn what_was_done_before_a_failure_stays() {
    let test = latches("pipeline p { deploy b to first.one deploy a to first.one }");
    let told = Told::by(&test.file("fails/a@first.one", ""));
    let deployments = told.deployments();
    assert_eq!(deployments["b@first.one"], "succeeded");
    assert_eq!(deployments["a@first.one"], "rolled-back");
}

#[test]
fn atomic_takes_back_what_had_succeeded_in_reverse() {
    let test = latches(
        "pipeline p { stage all atomic {
           matrix serial i in first.* serial s in [a, b] { deploy s to i }
         } }",
    );
    let test = test.file("fails/a@first.two", "");
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    let deployments = told.deployments();
    assert_eq!(deployments["a@first.one"], "rolled-back");
    assert_eq!(deployments["b@first.one"], "rolled-back");
    assert_eq!(deployments["a@first.two"], "rolled-back");
    assert_eq!(deployments["b@first.two"], "skipped");
    let log = log(&test);
    let undone: Vec<&str> = log
        .iter()
        .filter_map(|it| it.strip_prefix("undo "))
        .collect();
    assert_eq!(undone, ["a@first.two", "b@first.one", "a@first.one"]);
}

// --- Barriers ----------------------------------------------------------------------------

/// Backend and frontend as in the documents: the frontend comes second, and the backend stays
/// only if the frontend works.
fn pair(first: &str, second: &str) -> Test {
    super::latches::latches(&format!(
        "workflow backend(s: service<latch>, i: infrastructure<latch>) {{
           wait-and-log(s, i)
           barrier BE
           barrier FE
           run \"echo kept ${{s.name}} >> log\"
         }}
         workflow frontend(s: service<latch>, i: infrastructure<latch>) {{
           barrier BE
           wait-and-log(s, i)
           barrier FE
         }}
         pipeline p {{ parallel {{ {first} {second} }} }}"
    ))
}

const BACKEND: &str = "deploy a to first.one using backend()";
const FRONTEND: &str = "deploy b to first.two using frontend()";

#[test]
fn a_frontend_waits_for_its_backend_and_the_backend_for_it() {
    for (first, second) in [(BACKEND, FRONTEND), (FRONTEND, BACKEND)] {
        let test = pair(first, second).file("slow/a@first.one", "");
        let told = Told::by(&test);
        assert_eq!(told.code, 0);
        assert_eq!(
            log(&test),
            [
                "start a@first.one",
                "end a@first.one",
                "start b@first.two",
                "end b@first.two",
                "kept a"
            ]
        );
        let mut waits = told.of_kind("node-waiting");
        let frontend = "p/parallel/deploy[b, first.two]/barrier[BE]";
        let waiting = &waits.find(|it| it["node"] == frontend).expect("it waits")["waiting"];
        assert_eq!(
            (&waiting["for"], &waiting["name"]),
            (&"barrier".into(), &"BE".into())
        );
        assert_eq!(
            (&waiting["arrived"], &waiting["expected"]),
            (&1.into(), &2.into())
        );
    }
}

#[test]
fn a_backend_rolls_back_when_its_frontend_fails() {
    for (first, second) in [(BACKEND, FRONTEND), (FRONTEND, BACKEND)] {
        let test = pair(first, second).file("fails/b@first.two", "");
        let told = Told::by(&test);
        assert_eq!(told.code, 1);
        let deployments = told.deployments();
        assert_eq!(deployments["a@first.one"], "rolled-back");
        assert_eq!(deployments["b@first.two"], "rolled-back");
        let log = log(&test);
        assert!(!log.iter().any(|line| line == "kept a"), "{log:?}");
        let (class, message) = told.failure("p/parallel/deploy[a, first.one]");
        assert_eq!(class, "barrier");
        assert!(
            message.contains("barrier `FE` was broken")
                && message.contains("`p/parallel/deploy[b, first.two]")
                && message.contains("exit code 3"),
            "{message}"
        );
    }
}

// --- Exit codes --------------------------------------------------------------------------

#[test]
fn the_exit_code_says_how_it_ended() {
    for (pipeline, code) in [
        ("run \"true\"", 0),
        ("run \"false\"", 1),
        ("fail \"not today\"", 1),
        ("run \"false\" on failure { ignore }", 0),
        (
            "serial atomic { step s { run \"true\" } undo { run \"true\" } run \"false\" }",
            1,
        ),
        (
            "serial atomic { step s { run \"true\" } undo { run \"false\" } run \"false\" }",
            3,
        ),
        ("log nothing", 2),
        ("run \"true\" on failure { abort }", 0),
        ("run \"false\" on failure { abort }", 1),
    ] {
        let said = file(&format!("pipeline p {{ {pipeline} }}")).said();
        assert_eq!(said.code, code, "{pipeline}: {said:?}");
    }
}

#[test]
fn a_failure_says_what_where_and_why() {
    let text = "pipeline p {\n  stage s {\n    fail \"${1 + 1} of 3 are down\"\n  }\n}\n";
    let told = Told::by(&file(text));
    assert_eq!(told.failure("p/s"), ("failed", "2 of 3 are down"));
    assert_eq!(told.failure("p"), ("failed", "2 of 3 are down"));
    let said = file(text).said();
    assert!(said.stdout.contains("2 of 3 are down"), "{}", said.stdout);
    assert!(
        said.stdout.contains("at main.deploy:3:5"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_failing_undo_is_reported_and_the_others_still_run() {
    let test = file(
        "pipeline p atomic {
           step one { run \"true\" } undo { run \"echo undo one >> log\" }
           step two { run \"true\" } undo { run \"echo it will not go >&2; exit 4\" }
           step three { run \"true\" } undo { run \"echo undo three >> log\" }
           run \"exit 5\"
         }",
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 3);
    assert_eq!(log(&test), ["undo three", "undo one"]);
    let statuses = told.statuses();
    assert_eq!(statuses["p"], "rollback-failed");
    assert_eq!(statuses["p/one/undo"], "succeeded");
    assert_eq!(statuses["p/two/undo"], "failed");
    assert_eq!(told.failure("p/two/undo"), ("exit", "exit code 4"));
    let last = told.events.last().expect("events");
    assert_eq!(text(&last["status"]), "rollback-failed");
    // The first failure is the reason why the run failed.
    assert_eq!(last["failure"]["message"], "exit code 5");
    let said = test.said();
    assert_eq!(said.code, 3);
    for part in ["exit code 4", "it will not go", "exit code 5"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
}

#[test]
fn handlers_and_always_run_in_their_order() {
    let test = file(
        "pipeline p {
           stage s {
             run \"exit 7\"
           } on failure(exit) {
             run \"echo ${failure.class} ${failure.message} of ${failure.node} >> log\"
           } always {
             run \"echo always >> log\"
           }
           run \"echo never >> log\"
         } always {
           run \"echo at last >> log\"
         }",
    );
    assert_eq!(Told::by(&test).code, 1);
    assert_eq!(
        log(&test),
        ["exit exit code 7 of p/s/run", "always", "at last"]
    );
}

#[test]
fn fail_fast_stops_the_others() {
    let test = file(
        "pipeline p {
           parallel fail fast {
             run \"until [ -e ready ]; do sleep 0.02; done; exit 3\"
             step other {
               run \"trap 'echo stopped >> log; exit 1' TERM; touch ready; sleep 60 & wait\"
             }
           }
         }",
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    assert_eq!(log(&test), ["stopped"]);
    assert_eq!(told.statuses()["p/parallel/other"], "cancelled");
    assert_eq!(told.failure("p").0, "exit");
}

#[test]
fn what_a_failure_handler_finds_out_is_in_the_report_before_the_command_itself() {
    let test = file(
        r#"pipeline p {
  step apply {
    run "echo waiting for the pods; exit 3"
  } on failure(exit) {
    run "echo the image cannot be pulled"
    log "asked the cluster"
  }
}"#,
    );
    let said = test.said().stdout;
    let report = said.split("exit code 3").last().unwrap_or_default();
    let at = |what: &str| {
        report
            .find(what)
            .unwrap_or_else(|| panic!("no `{what}` in\n{said}"))
    };
    assert!(
        at("the image cannot be pulled") < at("asked the cluster"),
        "{said}"
    );
    assert!(
        at("asked the cluster") < at("waiting for the pods"),
        "{said}"
    );
}

/// What handlers print and log belongs to the failure: the report at the end says it first, and
/// `show` says it later. What `always` prints where nothing has failed is no part of either.
#[test]
fn show_says_of_a_failure_what_its_report_said() {
    let test = super::file(
        "pipeline p {
           step fine { run \"true\" } always { run \"echo fine-always\" }
           step bad { run \"echo wrote; exit 3\" } on failure {
             run \"echo found\"
             log \"said ${failure.class}\"
             step more { run \"echo more\" } always { run \"echo more-always\" }
           } always { run \"echo bad-always\" run \"echo last; exit 4\" }
         }",
    );
    let run = super::durable::says(&test, &["run", "main.deploy", "--format", "plain"]);
    let show = super::durable::says(&test, &["show"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    let report = |said: &str| {
        let from = said.find("\n✗ p/").expect("a failure");
        let until = said.rfind("\n✗ run").expect("an end");
        said[from..until].to_owned()
    };
    let reported = report(&run.stdout);
    assert_eq!(report(&show.stdout), reported);
    let mut rest = &*reported;
    for said in [
        "found",
        "said exit",
        "more",
        "more-always",
        "bad-always",
        "wrote",
        "last",
    ] {
        let line = format!("│ {said}\n");
        let at = rest.find(&line);
        rest = &rest[at.unwrap_or_else(|| panic!("no {said}: {reported}"))..];
    }
    assert!(!reported.contains("fine-always"), "{reported}");
}
