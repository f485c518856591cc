//! Queues of runs: one after the other, put aside, broken off, cancelled, and in circles.

use serde_json::Value;

use super::{json, other, says, shown};
use crate::support::Test;
use crate::support::running::{Running, is_alive, text_of, until};

/// Runs that go on when there is a file `go`; the secret is read once for each of them.
const PROGRAM: &str = r#"
input go: string
input to: string = "prod"
secret token = command("sh", "-c", "echo ${go} >> secrets; echo t-o-k-e-n")
pipeline every queue "${to}" { run "sh hold.sh ${go}" env { TOKEN: token } }
pipeline newest queue "${to}" keep latest { run "sh hold.sh ${go}" }
pipeline around queue "${to}" { run "sh inner.sh" }
pipeline locks queue "${to}" { lock "db" { run "true" } }
pipeline locked { lock "db" { run "sh inner.sh" } }
"#;

const HOLD: &str = "echo $1 >> log\necho $$ > $1.pid\nuntil [ -e $1 ]; do sleep 0.02; done\n";

fn queues() -> Test {
    let program = crate::support::program::program();
    let inner = format!(
        "touch begun; until [ -e inner ]; do sleep 0.02; done\n\
         {} run main.deploy every -i go=inner --format plain\n",
        program.display()
    );
    let test = super::super::run::file(PROGRAM);
    test.file("hold.sh", HOLD).file("inner.sh", inner)
}

fn begin(test: &Test, pipeline: &str, go: &str) -> Running {
    let go = format!("go={go}");
    let args = [
        "run",
        "main.deploy",
        pipeline,
        "-i",
        &go,
        "--format",
        "plain",
    ];
    Running::start(other(test, &args))
}

fn let_go(test: &Test, go: &str) {
    std::fs::write(test.path(go), "").expect("a file");
}

/// The runs, the last one first.
fn runs(test: &Test) -> Vec<Value> {
    json(test, &["runs"])
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn statuses(test: &Test) -> Vec<String> {
    let status = |run: &Value| run["status"].as_str().unwrap_or_default().to_owned();
    runs(test).iter().map(status).collect()
}

#[track_caller]
fn until_statuses(test: &Test, wanted: &[&str]) {
    until(&format!("the runs are {wanted:?}"), || {
        statuses(test) == wanted
    });
}

fn id(test: &Test, at: usize) -> String {
    runs(test)[at]["run"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn runs_of_a_queue_go_one_after_the_other() {
    let test = queues();
    let first = begin(&test, "every", "one");
    text_of(&test.path("one.pid"));
    let mut second = begin(&test, "every", "two");
    let line = second.line("waits in queue prod behind r-");
    until_statuses(&test, &["queued", "running"]);
    let third = begin(&test, "newest", "three");
    until_statuses(&test, &["queued", "queued", "running"]);
    // One of another queue does not wait.
    let_go(&test, "other");
    let other_queue = [
        "run",
        "main.deploy",
        "every",
        "-i",
        "go=other",
        "-i",
        "to=qa",
    ];
    assert_eq!(says(&test, &other_queue).code, 0);
    // A secret is read when the run has its place.
    assert_eq!(text_of(&test.path("secrets")), "one\nother\n");
    let waiting = says(&test, &["show", &id(&test, 1)]).stdout;
    let list = says(&test, &["runs"]).stdout;
    for (go, running) in [("one", first), ("two", second), ("three", third)] {
        text_of(&test.path(&format!("{go}.pid")));
        let_go(&test, go);
        assert_eq!(running.end().code, 0, "{go}");
    }
    assert_eq!(text_of(&test.path("log")), "one\nother\ntwo\nthree\n");
    assert_eq!(
        says(&test, &["locks"]).stdout,
        "no lock is held, and no run waits for one\n"
    );
    let line = line
        .trim_start()
        .split_once(' ')
        .map_or("", |(_, rest)| rest);
    let in_list = list
        .lines()
        .nth(1)
        .is_some_and(|line| line.contains("queued") && line.contains("in queue prod behind r-"));
    assert!(in_list, "{list}");
    insta::assert_snapshot!(shown(&test, &format!("{line}\n\n{waiting}")));
}

/// Whether a file of the state directory holds a text.
fn is_stored(test: &Test, text: &str) -> bool {
    let mut folders = vec![test.path(".lockstep")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // It may be gone by now.
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|it| it == text.as_bytes()) {
                return true;
            }
        }
    }
    false
}

#[test]
fn a_run_that_waits_stores_no_secret_and_reads_it_when_it_begins() {
    const TOKEN: &str = "t-o-k-e-n-of-ada";
    let test = super::super::run::file(
        r#"
        input at: string
        secret token = env("TOKEN")
        secret fresh = command("sh", "-c", "echo read >> secrets; echo fresh-one")
        let place = "https://${at}@host"
        pipeline p queue "q" {
          run "sh hold.sh ${at}" env { TOKEN: token, FRESH: fresh }
          run "sh -c 'test \"$PLACE\" = \"https://$TOKEN@host\"'" env { PLACE: place, TOKEN: token }
        }
        "#,
    );
    let test = test.file(
        "hold.sh",
        "echo $$ > pid\nuntil [ -e go ]; do sleep 0.02; done\n",
    );
    let begin = |args: &[&str]| {
        let mut command = other(&test, args);
        command.env("TOKEN", TOKEN);
        Running::start(command)
    };
    let at = format!("at={TOKEN}");
    let run = ["run", "main.deploy", "-i", &at, "--format", "plain"];
    let first = begin(&run);
    text_of(&test.path("pid"));
    let second = begin(&run);
    until_statuses(&test, &["queued", "running"]);
    assert!(!is_stored(&test, TOKEN), "it is stored while the run waits");
    second.signal("KILL");
    drop(second);
    until_statuses(&test, &["stopped", "running"]);
    // The same holds for one that is resumed, which reads its secrets when it goes on.
    let second = begin(&["resume", &id(&test, 0), "--format", "plain"]);
    until_statuses(&test, &["queued", "running"]);
    assert_eq!(text_of(&test.path("secrets")), "read\n");
    let_go(&test, "go");
    for running in [first, second] {
        let said = running.end();
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
    assert_eq!(text_of(&test.path("secrets")), "read\nread\n");
    assert!(!is_stored(&test, TOKEN), "it is stored");
}

#[test]
fn the_latest_puts_older_ones_that_wait_aside() {
    let test = queues();
    let first = begin(&test, "newest", "one");
    text_of(&test.path("one.pid"));
    let all = begin(&test, "every", "all");
    until_statuses(&test, &["queued", "running"]);
    let second = begin(&test, "newest", "two");
    until_statuses(&test, &["queued", "queued", "running"]);
    let third = begin(&test, "newest", "three");
    let said = second.end();
    assert_eq!(said.code, 6, "{}", said.stderr);
    let newer = format!(
        "was put aside: the newer run {} waits in queue `prod`",
        id(&test, 0)
    );
    assert!(said.stderr.contains(&newer), "{}", said.stderr);
    // What is to be kept stays, and what has begun.
    until_statuses(&test, &["queued", "superseded", "queued", "running"]);
    let aside = runs(&test)[1].clone();
    assert_eq!(aside["put_aside_by"], id(&test, 0));
    for (go, running) in [("one", first), ("all", all), ("three", third)] {
        let_go(&test, go);
        assert_eq!(running.end().code, 0, "{go}");
    }
    assert_eq!(text_of(&test.path("log")), "one\nall\nthree\n");
    let shown = says(&test, &["show", &id(&test, 1)]).stdout;
    assert!(
        shown.contains("it did not begin: the newer run r-"),
        "{shown}"
    );
    let resumed = says(&test, &["resume", &id(&test, 1)]);
    assert_eq!(resumed.code, 2, "{}", resumed.stderr);
}

#[test]
fn who_is_killed_blocks_nobody_and_queues_again_when_resumed() {
    let test = queues();
    let first = begin(&test, "every", "one");
    let command = text_of(&test.path("one.pid"));
    let second = begin(&test, "every", "two");
    until_statuses(&test, &["queued", "running"]);
    let third = begin(&test, "every", "three");
    until_statuses(&test, &["queued", "queued", "running"]);
    second.signal("KILL");
    first.signal("KILL");
    text_of(&test.path("three.pid"));
    assert!(
        !is_alive(command.trim()),
        "its command is gone before the next begins"
    );
    until_statuses(&test, &["running", "stopped", "stopped"]);
    // Both queue behind who has the place now, and in the order in which they are resumed.
    let resume = |at| {
        let id = id(&test, at);
        Running::start(other(&test, &["resume", &id, "--format", "plain"]))
    };
    let first = resume(2);
    until_statuses(&test, &["running", "stopped", "queued"]);
    let second = resume(1);
    until_statuses(&test, &["running", "queued", "queued"]);
    for go in ["three", "one", "two"] {
        let_go(&test, go);
    }
    for running in [third, first, second] {
        let said = running.end();
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
    assert_eq!(text_of(&test.path("log")), "one\nthree\none\ntwo\n");
}

#[test]
fn a_run_that_has_begun_is_not_put_aside() {
    let test = queues();
    let first = begin(&test, "newest", "one");
    text_of(&test.path("one.pid"));
    first.signal("KILL");
    drop(first);
    let second = begin(&test, "newest", "two");
    text_of(&test.path("two.pid"));
    let resumed = Running::start(other(&test, &["resume", "--format", "plain"]));
    until_statuses(&test, &["running", "queued"]);
    let third = begin(&test, "newest", "three");
    until_statuses(&test, &["queued", "running", "queued"]);
    // It is left as it was: it has done something, which only a run in its place can take back.
    resumed.signal("INT");
    let said = resumed.end();
    assert_eq!(said.code, 5, "{}", said.stderr);
    until_statuses(&test, &["queued", "running", "stopped"]);
    for go in ["one", "two", "three"] {
        let_go(&test, go);
    }
    assert_eq!((second.end().code, third.end().code), (0, 0));
    let said = says(&test, &["resume", "--format", "plain"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(text_of(&test.path("log")), "one\ntwo\nthree\none\n");
}

#[test]
fn who_waits_can_be_cancelled() {
    let test = queues();
    let first = begin(&test, "every", "one");
    text_of(&test.path("one.pid"));
    let second = begin(&test, "every", "two");
    until_statuses(&test, &["queued", "running"]);
    let cancelled = says(&test, &["cancel", &id(&test, 0), "--as", "bob"]);
    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    let said = second.end();
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(
        said.stderr.contains("cancelled by bob while it waited"),
        "{}",
        said.stderr
    );
    let third = begin(&test, "every", "three");
    until_statuses(&test, &["queued", "cancelled", "running"]);
    third.signal("INT");
    let said = third.end();
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert_eq!(statuses(&test), ["cancelled", "cancelled", "running"]);
    let_go(&test, "one");
    assert_eq!(first.end().code, 0);
    assert_eq!(text_of(&test.path("log")), "one\n");
}

#[test]
fn a_run_inside_a_run_does_not_queue_behind_it() {
    let test = queues();
    let_go(&test, "inner");
    let args = [
        "run",
        "main.deploy",
        "around",
        "-i",
        "go=x",
        "--format",
        "plain",
    ];
    let said = says(&test, &args);
    assert_eq!(said.code, 1, "{}", said.stdout);
    let circle = "deadlock: `every` of this run waits for `queue prod`, held by run r-";
    assert!(said.stdout.contains(circle), "{}", said.stdout);
    assert_eq!(statuses(&test), ["failed", "failed"]);
}

#[test]
fn a_circle_of_a_queue_and_a_lock_is_found() {
    let test = queues();
    // It holds the lock, and a run inside it will queue behind the one that waits for the lock.
    let holder = begin(&test, "locked", "x");
    until("it holds the lock", || test.path("begun").exists());
    let waiting = begin(&test, "locks", "x");
    until("it waits for the lock", || {
        let locks = json(&test, &["locks"]);
        let mut locks = locks.as_array().expect("a list").iter();
        locks.any(|it| it["lock"] == "db" && it["queue"][0].is_object())
    });
    let_go(&test, "inner");
    let said = holder.end();
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stdout.contains("deadlock: "), "{}", said.stdout);
    assert_eq!(waiting.end().code, 0);
}
