//! What can be seen of runs from outside, and how they are cancelled.

use super::{json, other, says, shown};
use crate::support::Test;
use crate::support::running::{Running, text_of, until};

const PROGRAM: &str = r#"
input tag: string = "v2"
kind app { deploy using put }
service web: app {}
service api: app {}
environment prod { infrastructure eu: app {} infrastructure us: app {} }
workflow put(s: service<app>, i: infrastructure<app>) -> { before: string, after: string } {
  step place { run "sh place.sh ${s.name}" } undo { run "echo undo ${s.name}" }
  return { before: "v1", after: tag }
}
pipeline ship {
  stage first { deploy web to prod.eu }
  stage second { deploy api to prod.us }
  stage third { deploy web to prod.us }
}
"#;

fn test(place: &str) -> Test {
    super::super::run::file(PROGRAM).file("place.sh", place)
}

const WAIT_FOR_API: &str = "echo placing $1\nif [ $1 = api ]; then\n  echo $$ > api.pid\n  \
                            echo it hangs >&2\n  while [ ! -e go ]; do sleep 0.02; done\nfi\n\
                            echo placed $1\n";

fn run() -> [&'static str; 4] {
    ["run", "main.deploy", "--format", "plain"]
}

#[test]
fn where_nothing_was_run_that_is_said() {
    let test = test("");
    let said = |args: &[&str]| says(&test, args);
    insta::assert_snapshot!(
        [["runs"].as_slice(), &["locks"], &["approve"]]
            .map(|args| said(args).stdout)
            .concat()
    );
    for args in [
        ["show"].as_slice(),
        &["logs"],
        &["cancel"],
        &["approve", "--yes"],
    ] {
        let said = said(args);
        assert_eq!(said.code, 2);
        assert!(
            said.stderr
                .contains("there is no state directory `.lockstep`"),
            "{said:?}"
        );
    }
    // Read-only commands create nothing.
    assert!(!test.path(".lockstep").exists());
}

#[test]
fn a_run_that_failed_is_shown() {
    let test = test("echo placing $1\nif [ $1 = api ]; then echo no room >&2; exit 3; fi\n");
    assert_eq!(says(&test, &run()).code, 1);
    let all: Vec<String> = [
        ["runs"].as_slice(),
        &["show"],
        &["show", "--full"],
        &["logs"],
        &["logs", "r-", "**/deploy[api, *]"],
    ]
    .into_iter()
    .map(|args| {
        let said = says(&test, args);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{args:?}");
        format!("$ lockstep {}\n{}", args.join(" "), said.stdout)
    })
    .collect();
    insta::assert_snapshot!(shown(&test, &all.join("\n")));
    let shown = json(&test, &["show"]);
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["inputs"]["tag"], "v2");
    let deployments = shown["deployments"].as_array().expect("a list");
    let statuses: Vec<&str> = deployments
        .iter()
        .map(|it| it["status"].as_str().expect("a word"))
        .collect();
    assert_eq!(statuses, ["succeeded", "rolled-back", "skipped"]);
}

#[test]
fn a_run_is_shown_while_it_goes_on_and_after_it_was_killed() {
    let test = test(WAIT_FOR_API);
    let running = Running::start(other(&test, &run()));
    text_of(&test.path("api.pid"));
    until("its log is there", || {
        says(&test, &["logs"]).stdout.contains("it hangs")
    });
    let goes_on = says(&test, &["show"]).stdout;
    running.signal("KILL");
    running.end();
    let killed = says(&test, &["show"]).stdout;
    let runs = says(&test, &["runs"]).stdout;
    insta::assert_snapshot!(shown(&test, &format!("{goes_on}\n{killed}\n{runs}")));
    let refused = says(&test, &["cancel", "r-"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("no process is running it"),
        "{refused:?}"
    );
}

#[test]
fn logs_are_followed_to_the_end() {
    let test = test(WAIT_FOR_API);
    let running = Running::start(other(&test, &run()));
    text_of(&test.path("api.pid"));
    let mut all = Running::start(other(&test, &["logs", "-f"]));
    // A single word that can only be a path needs no run before it.
    let mut one = Running::start(other(&test, &["logs", "ship/first", "-f"]));
    all.line("it hangs");
    one.line("placed web");
    std::fs::write(test.path("go"), "").expect("a file");
    let (all, one) = (all.end(), one.end());
    assert_eq!(running.end().code, 0);
    let count = |text: &str, part: &str| text.matches(part).count();
    assert_eq!(
        (
            count(&all.stdout, "placing web"),
            count(&all.stdout, "placed web")
        ),
        (2, 2)
    );
    assert_eq!(
        (
            count(&all.stdout, "it hangs"),
            count(&all.stdout, "placed api")
        ),
        (1, 1)
    );
    assert_eq!(
        (count(&one.stdout, "placing web"), count(&one.stdout, "api")),
        (1, 0)
    );
    assert_eq!((all.code, one.code), (0, 0));
}

#[test]
fn another_process_cancels() {
    let test = test(WAIT_FOR_API);
    let running = Running::start(other(&test, &run()));
    text_of(&test.path("api.pid"));
    let said = says(
        &test,
        &["cancel", "--as", "grace", "--comment", "wrong version"],
    );
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let ended = running.end();
    assert_eq!(ended.code, 4);
    let again = says(&test, &["cancel", "r-", "--format", "json"]);
    assert_eq!((again.code, again.stdout.as_str()), (2, ""));
    let all = format!("{}\n{}\n{}", said.stdout, ended.stderr, again.stderr);
    insta::assert_snapshot!(shown(&test, &all));
    let shown = json(&test, &["show"]);
    assert_eq!(shown["deployments"][1]["status"], "rolled-back");
}

/// The JSON form: each of these commands has it, and accepts the prefix of an id.
#[test]
fn tools_follow_a_run_from_its_beginning_to_its_end() {
    let test = test(WAIT_FOR_API);
    let running = Running::start(other(&test, &run()));
    text_of(&test.path("api.pid"));
    let id = json(&test, &["runs", "r-"])[0]["run"].clone();
    let id = id.as_str().expect("an id");
    let prefix = &id[..4];
    assert_eq!(json(&test, &["runs", "r-none"]), serde_json::json!([]));
    let locks = json(&test, &["locks", prefix]);
    assert_eq!(locks[0]["holders"][0]["run"], id);
    assert_eq!(locks[0]["holders"][0]["process"], running.id());
    assert_eq!(json(&test, &["locks", "r-none"]), serde_json::json!([]));
    let cancelled = json(&test, &["cancel", prefix, "--as", "grace"]);
    let wanted = serde_json::json!({
        "run": id, "status": "cancelling", "by": "grace", "comment": null
    });
    assert_eq!(cancelled, wanted);
    assert_eq!(running.end().code, 4);
    assert_eq!(json(&test, &["show", prefix])["status"], "cancelled");
    std::fs::write(test.path("go"), "").expect("a file");
    let events = |args: &[&str]| -> Vec<String> {
        let said = says(&test, &[args, &["--format", "json", "--yes"]].concat());
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{args:?}");
        let event = |line: &str| -> serde_json::Value { serde_json::from_str(line).expect("JSON") };
        let event = |line| String::from(event(line)["event"].as_str().expect("a word"));
        said.stdout.lines().map(event).collect()
    };
    let retried = events(&["retry", prefix]);
    assert_eq!(retried.first().map(String::as_str), Some("run-started"));
    assert_eq!(retried.last().map(String::as_str), Some("run-finished"));
}

#[test]
fn a_run_must_be_named_clearly() {
    let test = test("");
    for _ in 0..2 {
        assert_eq!(says(&test, &run()).code, 0);
    }
    for command in ["show", "logs", "cancel", "resume", "retry"] {
        let said = says(&test, &[command, "r-"]);
        assert_eq!(said.code, 2, "{command}");
        assert!(
            said.stderr.contains("several runs begin with `r-`"),
            "{said:?}"
        );
        let said = says(&test, &[command, "r-none"]);
        assert!(said.stderr.contains("there is no run `r-none`"), "{said:?}");
    }
    // Without a name it is the last one.
    let last = json(&test, &["runs"])[0]["run"].clone();
    assert_eq!(json(&test, &["show"])["run"], last);
}

#[test]
fn who_resumed_and_cancelled_a_run_is_kept_with_the_user_id() {
    let test = test(WAIT_FOR_API);
    let json_run = ["run", "main.deploy", "--format", "json"];
    let running = Running::start(other(&test, &json_run));
    until("it hangs", || test.path("api.pid").exists());
    running.signal("HUP");
    let before = running.end();
    assert_eq!(before.code, 5);
    std::fs::remove_file(test.path("api.pid")).expect("a file");
    let resumed = Running::start(other(&test, &["resume", "--format", "json"]));
    until("it hangs again", || test.path("api.pid").exists());
    let cancel = ["cancel", "--as", "the boss", "--comment", "enough"];
    assert_eq!(says(&test, &cancel).code, 0);
    std::fs::write(test.path("go"), "").expect("a file");
    let after = resumed.end();
    let events = |text: &str| -> Vec<serde_json::Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect()
    };
    let (before, after) = (events(&before.stdout), events(&after.stdout));
    assert_eq!(after[0]["event"], "run-resumed", "{after:?}");
    assert_eq!(after[0]["by"], "ada");
    assert_eq!(after[0]["seq"], before.len() as u64 + 1);
    assert!(
        after
            .iter()
            .zip(after.iter().skip(1))
            .all(|(one, next)| { one["seq"].as_u64().map(|seq| seq + 1) == next["seq"].as_u64() })
    );
    // What is run again says that it starts.
    assert_eq!(after[1]["event"], "node-started", "{after:?}");
    let shown = json(&test, &["show"]);
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(shown["resumed"][0]["who"], "ada");
    assert_eq!(shown["resumed"][0]["uid"], uid);
    assert_eq!(shown["cancelled"][0]["who"], "the boss");
    assert_eq!(shown["cancelled"][0]["comment"], "enough");
    assert_eq!(shown["cancelled"][0]["uid"], uid);
    let said = says(&test, &["show"]);
    assert!(
        said.stdout.contains(&format!("by the boss (uid {uid})")),
        "{}",
        said.stdout
    );
}

#[test]
fn a_run_keeps_its_folder_when_a_link_is_turned() {
    let file = r#"
pipeline p {
  run "cat mark >> ../marks; touch ../began; while [ ! -e ../go ]; do sleep 0.02; done"
  run "cat mark >> ../marks"
  run "cat mark >> ../../marks" in "sub"
}
"#;
    let test = super::super::run::file("");
    for name in ["r1", "r2"] {
        std::fs::create_dir_all(test.path(&format!("{name}/sub"))).expect("a folder");
        std::fs::write(test.path(&format!("{name}/mark")), format!("{name}\n")).expect("a file");
        let mark = format!("{name}-sub\n");
        std::fs::write(test.path(&format!("{name}/sub/mark")), mark).expect("a file");
        std::fs::write(test.path(&format!("{name}/a.deploy")), file).expect("a file");
    }
    let point_to = |name: &str| {
        let _ = std::fs::remove_file(test.path("current"));
        std::os::unix::fs::symlink(name, test.path("current")).expect("a link");
    };
    point_to("r1");
    let running = Running::start(other(&test, &["run", "current/a.deploy"]));
    until("it begins", || test.path("began").exists());
    point_to("r2");
    running.signal("HUP");
    let said = running.end();
    assert_eq!(said.code, 5);
    // The command that resumes it leads to the state, whatever the link says now.
    assert!(said.stdout.contains("--state r1/.lockstep"), "{said:?}");
    std::fs::write(test.path("go"), "").expect("a file");
    assert_eq!(says(&test, &["resume", "--state", "r1/.lockstep"]).code, 0);
    assert_eq!(text_of(&test.path("marks")), "r1\nr1\nr1\nr1-sub\n");
    assert!(!test.path("r2/.lockstep").exists());
}

#[test]
fn a_run_whose_output_cannot_be_written_says_how_it_ended() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    for (fails, code) in [("true", 0), ("false", 1)] {
        for format in ["plain", "json"] {
            let test = super::super::run::file(&format!("pipeline p {{ run \"{fails}\" }}\n"));
            let mut command = other(&test, &["run", "main.deploy", "--format", format]);
            let full = std::fs::File::options().write(true).open("/dev/full");
            let status = command.stdout(full.expect("a device")).status();
            assert_eq!(
                status.expect("it runs").code(),
                Some(code),
                "{fails} {format}"
            );
        }
    }
}

/// Nothing would have happened, if the exit code were 2.
#[test]
fn what_took_effect_and_could_not_be_told_is_no_refusal() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let text = "pipeline p { approve \"ship?\" run \"touch began; sleep 30\" }\n";
    let test = super::super::run::file(text);
    let running = Running::start(other(&test, &["run", "main.deploy", "--format", "json"]));
    let asks = || says(&test, &["approve"]).stdout.contains("ship?");
    until("it asks", asks);
    for words in [["approve", "--yes"].as_slice(), &["cancel"]] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut command = other(&test, words);
        let status = command.stdout(full.expect("a device")).status();
        assert_eq!(status.expect("it runs").code(), Some(0), "{words:?}");
        until("it goes on", || test.path("began").exists());
    }
    assert_eq!(running.end().code, 4);
}
