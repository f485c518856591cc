//! Orphans: when the program is killed, no process of its commands is left.

use std::path::Path;

use super::latches::log;
use crate::support::Test;
use crate::support::program::program as lockstep;
use crate::support::running::{Running, is_alive, is_gone, signal, text_of, until};

/// Writes its process number to `NAME.pid`, and stays.
pub const STAY: &str = "echo $$ > $1.tmp; mv $1.tmp $1.pid; while :; do sleep 1; done\n";

pub fn number(test: &Test, name: &str) -> String {
    text_of(&test.path(&format!("{name}.pid"))).trim().into()
}

/// The guardians of a runner: its children with that argument.
fn guardians(of: u32) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    let children = children.unwrap_or_default();
    let is_guardian = |id: &&str| {
        let words = std::fs::read_to_string(format!("/proc/{id}/cmdline"));
        words.is_ok_and(|words| words.contains("__guard"))
    };
    let found = children.split_whitespace().filter(is_guardian);
    found.map(String::from).collect()
}

/// The one guardian of a runner, which may just be starting.
pub fn guardian(of: u32) -> String {
    until("there is a guardian", || guardians(of).len() == 1);
    guardians(of).remove(0)
}

const FAMILY: &str = r#"
pipeline p {
  step before { run "nohup sh stay.sh daemon >/dev/null 2>&1 & until [ -s daemon.pid ]; do sleep 0.01; done" }
  parallel {
    run "sh stay.sh plain"
    run "sh stay.sh inner & sh -c 'sh stay.sh nested & wait' & wait"
    run "setsid sh stay.sh session & wait"
    run "setsid setsid sh stay.sh orphan & true; sh stay.sh parent"
    run "env -i PATH=/usr/bin:/bin sh stay.sh bare"
    run "trap 'echo asked >> log' TERM; sh -c 'trap \"\" TERM; exec sh stay.sh stubborn' & while :; do wait; done"
  }
}
"#;

#[test]
fn a_killed_runner_leaves_no_command_behind() {
    let test = super::file(FAMILY)
        .file("stay.sh", STAY)
        .args(["--format", "json"]);
    let mut running = Running::start(test.command());
    // Before it is known that its command has ended, the daemon belongs to that.
    running.line(r#""node":"p/before","kind":"step","status":"succeeded""#);
    let names = [
        "plain", "inner", "nested", "session", "orphan", "parent", "bare", "stubborn",
    ];
    let all = names.map(|name| number(&test, name));
    let daemon = number(&test, "daemon");
    until("there is a guardian", || guardians(running.id()).len() == 1);
    let guardian = guardian(running.id());
    running.signal("KILL");
    for (name, id) in names.iter().zip(&all) {
        assert!(is_gone(id), "{name} is left");
    }
    // They got SIGTERM before SIGKILL.
    assert_eq!(log(&test), ["asked"]);
    assert!(is_gone(&guardian));
    // What a command that had ended well left behind was meant to stay.
    assert!(is_alive(&daemon));
    signal(&daemon, "KILL");
}

/// Nothing has been stored when secrets are read, and no process may be left either.
#[test]
fn the_command_of_a_secret_ends_with_the_runner() {
    let test = super::file(
        r#"
secret made = command("sh", "-c", "setsid sh stay.sh child & sh stay.sh it")
pipeline p { run "echo ${made}" }
"#,
    )
    .file("stay.sh", STAY)
    .args(["--format", "json"]);
    let running = Running::start(test.command());
    let ids = ["it", "child"].map(|name| number(&test, name));
    let guardian = guardian(running.id());
    running.signal("KILL");
    for id in ids {
        assert!(is_gone(&id));
    }
    assert!(is_gone(&guardian));
}

#[test]
fn a_command_that_has_just_been_started_is_found() {
    // The runner is killed at any moment, also while it starts commands.
    for pause in 0..8 {
        let test = super::file(
            r#"pipeline p { parallel n in range(0, 200) { run "sh stay.sh ${run.id}-${n}" } }"#,
        )
        .file("stay.sh", STAY)
        .args(["--format", "json"]);
        let mut running = Running::start(test.command());
        let run = running.line("run-started");
        let run = run.split("\"run\":\"r-").nth(1).expect("an id");
        let run = run.split('"').next().expect("an id").to_string();
        running.line("node-started");
        std::thread::sleep(std::time::Duration::from_millis(pause * 7));
        running.signal("KILL");
        drop(running);
        let mark = format!("sh\u{0}stay.sh\u{0}r-{run}-");
        until("all are gone", || !anyone_is(&mark));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!anyone_is(&mark), "after {pause}");
    }
}

/// Whether there is a process with these words in its command line.
fn anyone_is(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes.into_iter().any(|process| {
        std::fs::read_to_string(process.path().join("cmdline"))
            .is_ok_and(|line| line.starts_with(words))
    })
}

#[test]
fn a_runner_under_a_killed_runner_ends_with_all_that_it_started() {
    let inner = format!("{} run inner.deploy --format json", lockstep().display());
    let test = super::file(&format!("pipeline p {{ run \"{inner}\" }}"))
        .file("inner.deploy", "pipeline q { run \"sh stay.sh inner\" }")
        .file("stay.sh", STAY);
    let running = Running::start(test.command());
    let inner = number(&test, "inner");
    running.signal("KILL");
    assert!(is_gone(&inner));
}

#[test]
fn the_guardian_outlives_signals_and_holds_nothing_open() {
    let test = super::file("pipeline p { run \"sh stay.sh it\" }")
        .file("stay.sh", STAY)
        .args(["--format", "json"]);
    let running = Running::start(test.command());
    let id = number(&test, "it");
    let guardian = guardian(running.id());
    let open = |descriptor: &str| {
        let path = format!("/proc/{guardian}/fd/{descriptor}");
        std::fs::read_link(Path::new(&path)).unwrap_or_default()
    };
    assert_eq!(open("2"), Path::new("/dev/null"));
    // The table of commands, in the runner's folder for temporary files.
    assert!(open("1").to_string_lossy().contains("/commands-"));
    // A process can still be ended before it has set the signals to be ignored.
    until("it heeds no signal", || {
        let status = std::fs::read_to_string(format!("/proc/{guardian}/status"));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        let wanted = [1, 2, 3, 15]
            .map(|signal| 1 << (signal - 1))
            .iter()
            .sum::<u64>();
        caught.is_some_and(|bits| bits & wanted == wanted)
    });
    for kind in ["INT", "TERM", "HUP", "QUIT"] {
        signal(&guardian, kind);
    }
    running.signal("KILL");
    assert!(is_gone(&id));
    assert!(is_gone(&guardian));
}

#[test]
fn a_guardian_that_was_killed_has_a_successor() {
    let test = super::file(
        r#"pipeline p {
          parallel {
            run "sh stay.sh one"
            serial {
              run "until [ -e go ]; do sleep 0.02; done"
              run "sh stay.sh two"
            }
          }
        }"#,
    )
    .file("stay.sh", STAY)
    .args(["--format", "json"]);
    let running = Running::start(test.command());
    let one = number(&test, "one");
    let guardian = guardian(running.id());
    signal(&guardian, "KILL");
    std::fs::write(test.path("go"), "").expect("a file");
    let two = number(&test, "two");
    running.signal("KILL");
    assert!(is_gone(&one) && is_gone(&two));
}

#[test]
fn nothing_is_left_in_the_folder_for_temporary_files() {
    for kill in [true, false] {
        let test = super::file("pipeline p { run \"sh stay.sh it\" }")
            .file("stay.sh", STAY)
            .folder("tmp")
            .args(["--format", "json"]);
        let folder = test.path("tmp");
        let test = test.env("TMPDIR", folder.to_str().expect("text"));
        let running = Running::start(test.command());
        let id = number(&test, "it");
        let guardian = guardian(running.id());
        let left = || std::fs::read_dir(&folder).expect("a folder").count();
        assert_eq!(left(), 1);
        running.signal(if kill { "KILL" } else { "TERM" });
        assert!(is_gone(&id) && is_gone(&guardian));
        assert_eq!(left(), 0);
    }
}
