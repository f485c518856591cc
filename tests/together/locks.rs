//! Locks across processes: never two holders, first come first served, and none is lost.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;

use super::{json, other, says, shown};
use crate::support::Test;
use crate::support::program::run;
use crate::support::running::{Running, text_of, until};

/// A deployment that detects whether it is alone.
const PROGRAM: &str = r#"
input targets: [infrastructure] = prod.*
kind app { deploy using put }
service web: app {}
environment prod {
  infrastructure a: app {}
  infrastructure b: app {}
  infrastructure c: app {}
  infrastructure d: app {}
}
workflow put(s: service<app>, i: infrastructure<app>) {
  run "mkdir held-${i.name}; rmdir held-${i.name}; echo ${i.name} >> done"
}
pipeline p {
  stage s { serial target in targets { deploy web to target } }
}
"#;

/// A trigger makes the database itself check each lock that is granted.
const WATCH: &str = "
CREATE TABLE wrong (what TEXT, ticket INTEGER, other INTEGER);
CREATE TRIGGER watch AFTER UPDATE OF granted_at ON lock_requests BEGIN
  INSERT INTO wrong SELECT 'overtakes', NEW.ticket, earlier.ticket
    FROM lock_requests AS earlier
    JOIN lock_wants AS theirs ON theirs.ticket = earlier.ticket
    JOIN lock_wants AS own ON own.ticket = NEW.ticket AND own.name = theirs.name
    WHERE earlier.ticket < NEW.ticket AND earlier.granted_at IS NULL;
  INSERT INTO wrong SELECT 'shares', NEW.ticket, holder.ticket
    FROM lock_requests AS holder
    JOIN lock_wants AS theirs ON theirs.ticket = holder.ticket
    JOIN lock_wants AS own ON own.ticket = NEW.ticket AND own.name = theirs.name
    WHERE holder.ticket != NEW.ticket AND holder.granted_at IS NOT NULL;
  INSERT INTO wrong VALUES ('granted', NEW.ticket, 0);
END;
";

fn database(test: &Test) -> Connection {
    Connection::open(test.path(".lockstep/state.db")).expect("a database")
}

/// How often an event was recorded.
fn noted(test: &Test, what: &str) -> i64 {
    let count = "SELECT count(*) FROM wrong WHERE what = ?";
    let read = database(test).query_row(count, [what], |row| row.get(0));
    read.expect("a count")
}

/// With `LOCKSTEP_LOCKS=8x50` as many processes with as many runs each.
fn size() -> (usize, usize) {
    let given = std::env::var("LOCKSTEP_LOCKS").ok();
    let given = given.as_deref().and_then(|text| text.split_once('x'));
    given.map_or((4, 4), |(processes, runs)| {
        (
            processes.parse().expect("a count"),
            runs.parse().expect("a count"),
        )
    })
}

#[test]
fn many_processes_take_turns() {
    let (processes, runs) = size();
    let test = super::super::run::file(PROGRAM);
    assert_eq!(
        says(&test, &["run", "main.deploy", "-i", "targets=prod.a"]).code,
        0
    );
    database(&test).execute_batch(WATCH).expect("a trigger");
    let places = ["prod.a", "prod.b", "prod.c", "prod.d"];
    let deployments = Mutex::new(1);
    std::thread::scope(|scope| {
        for process in 0..processes {
            let (test, deployments) = (&test, &deployments);
            scope.spawn(move || {
                for number in 0..runs {
                    // One to four infrastructures, beginning at another one each time.
                    let count = 1 + (process + number * 3) % 4;
                    let first = process * 5 + number * 7;
                    let targets: Vec<&str> =
                        (0..count).map(|at| places[(first + at * 3) % 4]).collect();
                    let targets = format!("targets={}", targets.join(","));
                    let mut command = other(test, &["run", "main.deploy", "-i", &targets]);
                    command.args(["--format", "plain"]);
                    let said = run(command);
                    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
                    *deployments.lock().expect("a count") += count;
                }
            });
        }
    });
    assert_eq!(noted(&test, "overtakes"), 0);
    assert_eq!(noted(&test, "shares"), 0);
    assert_eq!(noted(&test, "granted"), (processes * runs) as i64);
    let done = std::fs::read_to_string(test.path("done")).expect("a file");
    assert_eq!(done.lines().count(), *deployments.lock().expect("a count"));
    assert_eq!(
        says(&test, &["locks"]).stdout,
        "no lock is held, and no run waits for one\n"
    );
}

/// Deploys one infrastructure; it goes on when there is a file `go`.
const HOLDING: &str = r#"
input go: string
kind app { deploy using put }
service web: app {}
environment prod { infrastructure eu: app {} infrastructure us: app {} }
workflow put(s: service<app>, i: infrastructure<app>) {
  run "sh hold.sh ${i.name} ${go}"
}
pipeline p { stage s { deploy web to prod.eu } }
pipeline q { stage s { deploy web to prod.us deploy web to prod.eu } }
"#;

const HOLD: &str = "echo $2 >> log\necho $$ > $2.pid\nuntil [ -e $2 ]; do sleep 0.02; done\n";

fn holding() -> Test {
    super::super::run::file(HOLDING).file("hold.sh", HOLD)
}

fn begin(test: &Test, pipeline: &str, go: &str) -> Running {
    let go = format!("go={go}");
    Running::start(other(
        test,
        &[
            "run",
            "main.deploy",
            pipeline,
            "-i",
            &go,
            "--format",
            "plain",
            // Where another one was killed, it is not known what is there.
            "--force",
        ],
    ))
}

fn queue_is(test: &Test, lock: &str, count: usize) -> bool {
    let locks = json(test, &["locks"]);
    let mut locks = locks.as_array().expect("a list").iter();
    locks.any(|it| it["lock"] == lock && it["queue"].as_array().is_some_and(|q| q.len() == count))
}

fn mark(path: &Path) {
    std::fs::write(path, "").expect("a file");
}

#[test]
fn who_waits_says_for_whom_and_anybody_can_see_it() {
    let test = holding();
    let first = begin(&test, "p", "one");
    text_of(&test.path("one.pid"));
    let mut second = begin(&test, "q", "two");
    until("the second waits", || queue_is(&test, "prod.eu", 1));
    let line = second.line("waits for the locks");
    let third = begin(&test, "p", "three");
    until("the third waits", || queue_is(&test, "prod.eu", 2));
    let locks = says(&test, &["locks"]).stdout;
    for (go, began) in [("one", 1), ("two", 2), ("three", 4)] {
        text_of(&test.path(&format!("{go}.pid")));
        let log = text_of(&test.path("log"));
        assert_eq!(log.lines().count(), began, "{go} has its turn");
        mark(&test.path(go));
    }
    for running in [first, second, third] {
        assert_eq!(running.end().code, 0);
    }
    // The second deploys two infrastructures, one after the other.
    let log = text_of(&test.path("log"));
    assert_eq!(log, "one\ntwo\ntwo\nthree\n");
    let line = line
        .trim_start()
        .split_once(' ')
        .map_or("", |(_, rest)| rest);
    insta::assert_snapshot!(shown(&test, &format!("{line}\n\n{locks}")));
}

#[test]
fn the_locks_of_who_was_killed_go_to_the_next() {
    let test = holding();
    let first = begin(&test, "p", "one");
    let command = text_of(&test.path("one.pid"));
    let second = begin(&test, "p", "two");
    until("the second waits", || queue_is(&test, "prod.eu", 1));
    first.signal("KILL");
    text_of(&test.path("two.pid"));
    // The command of the one that was killed is gone before the next begins.
    assert!(!crate::support::running::is_alive(command.trim()));
    mark(&test.path("two"));
    assert_eq!(second.end().code, 0);
    assert_eq!(
        says(&test, &["locks"]).stdout,
        "no lock is held, and no run waits for one\n"
    );
}

#[test]
fn who_is_cancelled_leaves_the_queue() {
    let test = holding();
    let first = begin(&test, "p", "one");
    text_of(&test.path("one.pid"));
    let second = begin(&test, "q", "two");
    until("the second waits", || queue_is(&test, "prod.us", 1));
    let third = begin(&test, "p", "three");
    until("the third waits", || queue_is(&test, "prod.eu", 2));
    second.signal("INT");
    assert_eq!(second.end().code, 4);
    assert!(queue_is(&test, "prod.eu", 1));
    mark(&test.path("one"));
    mark(&test.path("three"));
    assert_eq!((first.end().code, third.end().code), (0, 0));
}

#[test]
fn a_resumed_run_gets_its_locks_back_or_waits_for_them() {
    for taken in [false, true] {
        let test = holding();
        let first = begin(&test, "p", "one");
        text_of(&test.path("one.pid"));
        first.signal("KILL");
        drop(first);
        let meanwhile = taken.then(|| {
            let second = begin(&test, "p", "two");
            text_of(&test.path("two.pid"));
            second
        });
        let resume = ["resume", "--format", "plain", "--force"];
        let resumed = Running::start(other(&test, &resume));
        mark(&test.path("one"));
        if let Some(second) = meanwhile {
            until("the resumed run waits", || queue_is(&test, "prod.eu", 1));
            // It has not started: `one` would be there twice.
            assert_eq!(text_of(&test.path("log")), "one\ntwo\n");
            mark(&test.path("two"));
            assert_eq!(second.end().code, 0);
        }
        let said = resumed.end();
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
        let waits = "before it continues, the run waits for the lock of prod.eu, held by r-";
        assert_eq!(said.stderr.contains(waits), taken, "{}", said.stderr);
        let log = text_of(&test.path("log"));
        assert_eq!(
            log,
            if taken {
                "one\ntwo\none\n"
            } else {
                "one\none\n"
            }
        );
    }
}

/// The processes of another machine cannot be seen from here: only their heartbeats can.
#[test]
fn a_holder_elsewhere_is_believed_while_it_is_heard_of() {
    let test = holding();
    let first = begin(&test, "p", "one");
    let command = text_of(&test.path("one.pid"));
    let moved = "UPDATE runs SET owner_place = 'another boot pid:[1]', owner_host = 'elsewhere'";
    let change = |text: &str| {
        let database = database(&test);
        let patience = std::time::Duration::from_secs(30);
        database.busy_timeout(patience).expect("patience");
        database.execute(text, []).expect("a change");
    };
    change(moved);
    let locks = says(&test, &["locks"]).stdout;
    let process = format!("process {} on elsewhere, last heartbeat ", first.id());
    assert!(locks.contains(&process), "{locks}");
    let refused = says(&test, &["resume", "r-"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains(&process), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("its lease expires after 60 s"),
        "{}",
        refused.stderr
    );
    change("UPDATE runs SET heard_at = heard_at - 3600000");
    let locks = says(&test, &["locks"]).stdout;
    let gone = "on elsewhere has sent no heartbeat for 1h 00m, so its lease has expired: \
                the next in line gets the lock";
    assert!(locks.contains(gone), "{locks}");
    // Should it be alive after all, and find that the run has another owner, it stops.
    change("UPDATE runs SET owner = owner + 1");
    mark(&test.path("one"));
    let said = first.end();
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(
        said.stderr.contains("the run was taken over"),
        "{}",
        said.stderr
    );
    assert!(crate::support::running::is_gone(command.trim()));
    let owner = "SELECT owner FROM runs";
    let left: Option<u32> =
        (database(&test).query_row(owner, [], |row| row.get(0))).expect("a row");
    assert!(left.is_some(), "it is left to whoever drives it");
}

#[test]
fn runs_that_begin_at_once_share_a_state_directory_that_is_not_there_yet() {
    let test = super::super::run::file("pipeline p { run \"true\" }\n");
    for round in 0..30 {
        let state = format!("new-{round}/state");
        let runs = 2 + round % 3;
        let all: Vec<Running> = (0..runs)
            .map(|_| Running::start(other(&test, &["run", "main.deploy", "--state", &state])))
            .collect();
        for running in all {
            let said = running.end();
            assert_eq!(said.code, 0, "round {round}: {said:?}");
        }
        let runs_there = json(&test, &["runs", "--state", &state]);
        assert_eq!(runs_there.as_array().map(Vec::len), Some(runs));
    }
}

/// Each pipeline takes its first lock, waits until the others have theirs, and takes another one.
const CIRCLES: &str = r#"
kind app { deploy using put }
service web: app {}
environment prod { infrastructure eu: app {} infrastructure us: app {} }
workflow put(s: service<app>, i: infrastructure<app>) { run "true" }
workflow meet(me: string, other: string) {
  run "touch ${me}; while [ ! -e ${other} ]; do sleep 0.02; done"
}

pipeline ab { lock "a" { meet("in-ab", "in-ba") lock "b" { run "echo ab >> done" } } }
pipeline ba { lock "b" { meet("in-ba", "in-ab") lock "a" { run "echo ba >> done" } } }

pipeline one { lock "1" { meet("in-one", "in-two") lock "2" { run "echo one >> done" } } }
pipeline two { lock "2" { meet("in-two", "in-three") lock "3" { run "echo two >> done" } } }
pipeline three { lock "3" { meet("in-three", "in-one") lock "1" { run "echo three >> done" } } }

pipeline stage-first {
  stage s {
    deploy web to prod.eu
    meet("in-stage", "in-lock")
    lock "z" { deploy web to prod.eu }
    run "echo stage-first >> done"
  }
}
pipeline lock-first {
  lock "z" {
    meet("in-lock", "in-stage")
    stage s { deploy web to prod.eu }
    run "echo lock-first >> done"
  }
}

pipeline across {
  parallel {
    lock "q" { barrier met run "echo across >> done" }
    serial { meet("in-across", "in-beside") lock "r" { run "true" } barrier met }
  }
}
pipeline beside {
  lock "r" { meet("in-beside", "in-across") lock "q" { run "echo beside >> done" } }
}

# What is given back before it ends is no reason to fail.
pipeline frees {
  stage s {
    parallel {
      serial { deploy web to prod.us run "touch in-frees" }
      serial {
        run "while [ ! -e in-keeps ]; do sleep 0.02; done"
        lock "k" { run "echo frees >> done" }
      }
    }
  }
}
pipeline keeps {
  lock "k" {
    run "touch in-keeps; while [ ! -e in-frees ]; do sleep 0.02; done"
    stage s { deploy web to prod.us }
    run "echo keeps >> done"
  }
}
"#;

fn start(test: &Test, pipeline: &str) -> Running {
    Running::start(other(
        test,
        &["run", "main.deploy", pipeline, "--format", "plain"],
    ))
}

#[test]
fn a_wait_that_would_close_a_circle_of_runs_fails() {
    let circles: [&[&str]; 4] = [
        &["ab", "ba"],
        &["one", "two", "three"],
        &["stage-first", "lock-first"],
        &["across", "beside"],
    ];
    for pipelines in circles {
        let test = super::super::run::file(CIRCLES);
        let all: Vec<Running> = pipelines.iter().map(|name| start(&test, name)).collect();
        let mut said: Vec<_> = all.into_iter().map(Running::end).collect();
        said.sort_by_key(|said| said.code);
        let codes: Vec<i32> = said.iter().map(|said| said.code).collect();
        let failed = said.last().expect("a run");
        assert!(
            codes.iter().rev().skip(1).all(|code| *code == 0),
            "{pipelines:?}: {said:?}"
        );
        assert_eq!(failed.code, 1, "{pipelines:?}: {failed:?}");
        assert!(failed.stdout.contains("deadlock: "), "{failed:?}");
        assert!(failed.stdout.contains("held by this run"), "{failed:?}");
        assert_eq!(failed.stdout.matches("deadlock: deadlock").count(), 0);
        let done = text_of(&test.path("done"));
        assert_eq!(done.lines().count(), pipelines.len() - 1, "{done}");
    }
}

/// A failed run undoes what it did under a lock, which another run has taken meanwhile.
#[test]
fn a_rollback_waits_for_the_lock_that_another_run_holds() {
    let program = r#"
pipeline fails atomic {
  lock "db" { step migrate { run "touch migrated" } undo { run "echo undone >> order" } }
  run "until [ -e held ]; do sleep 0.02; done; exit 1"
}
pipeline holds {
  lock "db" { run "touch held; until [ -e free ]; do sleep 0.02; done; echo freed >> order" }
}
"#;
    let test = super::super::run::file(program);
    let fails = start(&test, "fails");
    until("it is migrated", || test.path("migrated").exists());
    let holds = start(&test, "holds");
    until("the rollback waits", || queue_is(&test, "db", 1));
    mark(&test.path("free"));
    assert_eq!((fails.end().code, holds.end().code), (1, 0));
    assert_eq!(text_of(&test.path("order")), "freed\nundone\n");
}

#[test]
fn a_lock_that_is_given_back_early_closes_no_circle() {
    let test = super::super::run::file(CIRCLES);
    let all = [start(&test, "frees"), start(&test, "keeps")];
    for running in all {
        let said = running.end();
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn a_run_inside_a_run_fails_where_it_would_wait_for_it() {
    let program = r#"
pipeline outer { lock "a" { run "sh inner.sh inner || true" } }
pipeline harmless { lock "a" { run "sh inner.sh other" } }
pipeline inner { lock "a" { run "true" } }
pipeline other { lock "infrastructure prod.eu" { run "true" } }
"#;
    let inner = format!(
        "exec {} run main.deploy $1 --format plain\n",
        crate::support::program::program().display()
    );
    let test = super::super::run::file(program).file("inner.sh", &inner);
    let said = says(&test, &["run", "main.deploy", "outer", "--format", "plain"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout
            .contains("a command of which has begun this run"),
        "{said:?}"
    );
    let said = says(
        &test,
        &["run", "main.deploy", "harmless", "--format", "plain"],
    );
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn the_smaller_limit_of_a_lock_counts_and_nobody_overtakes() {
    let program = r#"
pipeline wide { lock "db" limit 3 { run "sh use.sh wide" } }
pipeline alone { lock "db" { run "sh use.sh alone" } }
pipeline twice { lock "db" { run "true" } lock "db" limit 3 { run "true" } }
"#;
    let used = "echo +$1 >> trace; touch in-$1; while [ ! -e go ]; do sleep 0.02; done; \
                echo -$1 >> trace\n";
    let test = super::super::run::file(program).file("use.sh", used);
    let first = start(&test, "wide");
    until("it is held", || test.path("in-wide").exists());
    let waiting = |count: usize| {
        until("they wait", || {
            let locks = json(&test, &["locks"]);
            locks[0]["queue"]
                .as_array()
                .is_some_and(|all| all.len() == count)
        });
    };
    let second = start(&test, "alone");
    waiting(1);
    let third = start(&test, "wide");
    waiting(2);
    std::fs::write(test.path("go"), "").expect("a file");
    for running in [first, second, third] {
        assert_eq!(running.end().code, 0);
    }
    assert_eq!(
        text_of(&test.path("trace")),
        "+wide\n-wide\n+alone\n-alone\n+wide\n-wide\n"
    );
    let said = says(&test, &["run", "main.deploy", "twice"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("E0812"), "{said:?}");
}
