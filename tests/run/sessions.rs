//! Commands whose children have sessions of their own: nothing goes on before they are gone,
//! neither in the same run, nor in one that resumes it or waits for its locks.

use super::latches::log;
use super::orphans::{STAY, guardian, number};
use crate::support::Test;
use crate::support::program::run;
use crate::support::running::{Running, is_alive, is_gone, signal, until};

/// Starts a child in a session of its own, and notes where an earlier one is still alive.
const JOB: &str = "
if [ -e $1.pid ] && grep -qs 'State:.[^Z]' /proc/$(cat $1.pid)/status; then
  echo $1 beside >> log
fi
echo $1 >> log
setsid sh stay.sh $1 </dev/null >/dev/null 2>&1 &
wait
";

/// Notes which children are alive.
const LOOK: &str = "
for file in *.pid; do
  ! grep -qs 'State:.[^Z]' /proc/$(cat $file)/status || echo $1 beside $file >> log
done
echo $1 >> log
";

fn jobs(pipeline: &str) -> Test {
    super::file(pipeline)
        .file("stay.sh", STAY)
        .file("job.sh", JOB)
        .file("look.sh", LOOK)
}

#[test]
fn tries_undos_and_handlers_begin_when_all_is_gone() {
    let test = jobs(
        r#"
pipeline p {
  step a timeout 3s {
    run "sh job.sh one" timeout 1s retry 1
  } undo {
    run "sh look.sh undo"
  } on failure {
    run "sh look.sh handler"
    rollback
  }
} always {
  run "sh look.sh always"
}
"#,
    );
    let said = run(test.command());
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(log(&test), ["one", "one", "handler", "undo", "always"]);
}

#[test]
fn nothing_is_left_however_a_run_is_stopped() {
    let pipeline = r#"
pipeline p {
  parallel fail fast {
    run "sh job.sh one"
    run "sh -c 'until [ -s one.pid ]; do sleep 0.02; done; [ ! -e fails ] || exit 3; sleep 60'"
  }
}
"#;
    for (signals, fails, code) in [
        (&[][..], true, 1),
        (&["TERM"], false, 4),
        (&["INT"], false, 4),
        (&["HUP"], false, 5),
    ] {
        let mut test = jobs(pipeline).args(["--format", "json"]);
        if fails {
            test = test.file("fails", "");
        }
        let running = Running::start(test.command());
        let child = number(&test, "one");
        for name in signals {
            running.signal(name);
        }
        let said = running.end();
        // It is not even a moment later than the run.
        assert!(!is_alive(&child), "{signals:?}");
        assert_eq!(said.code, code, "{signals:?}: {said:?}");
    }
}

const LOCKED: &str = r#"
pipeline first { lock "db" { run "sh first.sh" } }
pipeline second { lock "db" { run "sh look.sh second" } }
"#;

/// Starts a daemon on purpose, then stays, at its first start.
const FIRST: &str = "
if [ -e stays.pid ]; then exec sh look.sh first; fi
setsid sh stay.sh session </dev/null >/dev/null 2>&1 &
sh stay.sh stays
";

/// A run whose process and guardian were killed while a command ran.
fn killed() -> (Test, [String; 2]) {
    let test = Test::new()
        .file("main.deploy", LOCKED)
        .file("stay.sh", STAY)
        .file("look.sh", LOOK)
        .file("first.sh", FIRST);
    let mut command = test.command();
    command.args(["run", "main.deploy", "first", "--format", "json"]);
    let running = Running::start(command);
    let alive = ["session", "stays"].map(|name| number(&test, name));
    let guardian = guardian(running.id());
    signal(&guardian, "KILL");
    until("the guardian is dead", || !is_alive(&guardian));
    running.signal("KILL");
    drop(running);
    assert!(alive.iter().all(|id| is_alive(id)));
    (test, alive)
}

#[test]
fn a_run_is_resumed_when_the_commands_of_its_dead_process_are_gone() {
    let (test, alive) = killed();
    let mut command = test.command();
    command.args(["resume"]);
    let said = run(command);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(log(&test), ["first"]);
    assert!(alive.iter().all(|id| !is_alive(id)));
}

#[test]
fn a_lock_is_handed_on_when_the_commands_of_its_dead_holder_are_gone() {
    let (test, alive) = killed();
    let mut command = test.command();
    command.args(["run", "main.deploy", "second"]);
    let said = run(command);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(log(&test), ["second"]);
    assert!(alive.iter().all(|id| !is_alive(id)));
}

/// What a command left behind on purpose is no command any more; the folder for temporary files
/// goes with the next run of anything.
#[test]
fn the_next_run_ends_commands_and_removes_folders_of_the_dead_alone() {
    let test = Test::new().file("stay.sh", STAY).folder("tmp").file(
        "main.deploy",
        r#"
pipeline first {
  run "nohup sh stay.sh daemon >/dev/null 2>&1 & until [ -s daemon.pid ]; do sleep 0.01; done"
  run "sh stay.sh it"
}
pipeline third { run "sh -c 'while [ $(ls tmp | wc -l) -gt 1 ]; do sleep 0.02; done'" }
"#,
    );
    let folder = test.path("tmp");
    let test = test.env("TMPDIR", folder.to_str().expect("text"));
    let mut command = test.command();
    command.args(["run", "main.deploy", "first", "--format", "json"]);
    let running = Running::start(command);
    let (daemon, it) = (number(&test, "daemon"), number(&test, "it"));
    let guardian = guardian(running.id());
    signal(&guardian, "KILL");
    until("the guardian is dead", || !is_alive(&guardian));
    running.signal("KILL");
    drop(running);
    assert!(is_alive(&it));
    let mut command = test.command();
    command.args(["run", "main.deploy", "third", "--state", "other"]);
    let said = run(command);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(is_gone(&it));
    assert!(is_alive(&daemon));
    signal(&daemon, "KILL");
    let left = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(left, 0);
}
