//! Signals: the first one cancels the run, the second one stops it immediately.

use super::Told;
use super::latches::log;
use crate::support::Test;
use crate::support::program::Said;
use crate::support::running::{Running, is_gone, text_of};

const PROGRAM: &str = r#"
service a: app {}
service b: app {}
kind app { deploy using put }
environment prod { infrastructure eu: app {} }

workflow put(s: service<app>, i: infrastructure<app>) {
  step place {
    run "sh place.sh ${s.name}"
  } undo {
    run "echo undo ${s.name} >> log"
  }
  run "echo never ${s.name} >> log"
}

pipeline p {
  stage before {
    step first { run "echo first >> log" } undo { run "echo not taken back >> log" }
  }
  stage s {
    parallel { deploy a to prod.eu deploy b to prod.eu }
  } always {
    run "echo always >> log"
  }
  run "echo never >> log"
} always {
  run "echo at last >> log"
}
"#;

/// Both deployments run this; it reports when it is ready.
fn program(place: &str) -> Test {
    super::file(PROGRAM)
        .file("place.sh", place)
        .args(["--format", "json"])
}

/// Ends by itself when it is asked to.
const POLITE: &str = "trap 'echo stopped >> log; exit 1' TERM\n\
                      sleep 300 & echo $! > $1.pid\n\
                      echo ready $1\nwait\n";

/// Ignores the request to end.
const STUBBORN: &str = "trap 'echo asked $1' TERM\n\
                        sh -c 'trap \"\" TERM; echo $$ > '$1'.pid; while :; do sleep 1; done' &\n\
                        until [ -s $1.pid ]; do sleep 0.02; done\n\
                        echo ready $1\nwhile :; do wait; done\n";

fn until_both(running: &mut Running, word: &str) {
    let first = running.line(&format!("{word} "));
    let other = if first.contains(&format!("{word} a")) {
        "b"
    } else {
        "a"
    };
    running.line(&format!("{word} {other}"));
}

/// The second Ctrl-C of a person; one that comes within a tenth of a second is the first once more.
fn once_more(running: &Running) {
    // On a busy machine the program listens for echoes for longer than a tenth of a second.
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.signal("INT");
}

fn cancelled(signal: &str) -> (Test, Said) {
    let test = program(POLITE);
    let mut running = Running::start(test.command());
    until_both(&mut running, "ready");
    running.signal(signal);
    (test, running.end())
}

#[track_caller]
fn is_cancelled(test: &Test, said: &Said) {
    let told = Told::of(&said.stdout, said.code);
    assert_eq!(told.code, 4);
    let log = log(test);
    let mut first = log[..log.len() - 2].to_vec();
    first.sort();
    let wanted = ["first", "stopped", "stopped", "undo a", "undo b"];
    assert_eq!(first, wanted, "{log:?}");
    assert_eq!(log[log.len() - 2..], ["always", "at last"]);
    let deployments = told.deployments();
    assert!(deployments.values().all(|it| *it == "rolled-back"));
    let statuses = told.statuses();
    assert_eq!(statuses["p"], "cancelled");
    assert_eq!(statuses["p/s"], "cancelled");
    assert_eq!(statuses["p/before"], "succeeded");
    let last = told.events.last().expect("events");
    assert_eq!(
        (&last["event"], &last["status"]),
        (&"run-finished".into(), &"cancelled".into())
    );
    assert_eq!(last["failure"]["class"], "cancelled");
    for service in ["a", "b"] {
        let id = text_of(&test.path(&format!("{service}.pid")));
        assert!(is_gone(id.trim()), "{service} is left");
    }
}

#[test]
fn one_interrupt_stops_rolls_back_and_cleans_up() {
    let (test, said) = cancelled("INT");
    assert_eq!(said.stderr, "");
    is_cancelled(&test, &said);
}

#[test]
fn termination_is_the_same() {
    let (test, said) = cancelled("TERM");
    is_cancelled(&test, &said);
}

/// A wrapper passes a signal on that the terminal has sent already.
#[test]
fn a_doubled_signal_is_one() {
    for (first, pause_ms, second) in [
        ("INT", 0, "INT"),
        ("TERM", 1, "TERM"),
        ("INT", 8, "TERM"),
        ("TERM", 20, "INT"),
    ] {
        doubled(&[(first, pause_ms), (second, 0)]);
    }
}

/// The same where the program cannot listen for longer than an echo takes: it hears both at once, or
/// the second one long after the first.
#[test]
fn a_doubled_signal_is_one_however_late_it_is_heard() {
    for first_ms in [0, 10, 30] {
        doubled(&[("INT", first_ms), ("STOP", 0), ("TERM", 300), ("CONT", 0)]);
        doubled(&[("STOP", 0), ("TERM", first_ms), ("INT", 300), ("CONT", 0)]);
    }
}

/// Signals that are one request, each with a pause behind it. However late the program hears of
/// them; but where this test itself was kept from sending them in time, it begins again.
fn doubled(signals: &[(&str, u64)]) {
    loop {
        let test = program(POLITE);
        let mut running = Running::start(test.command());
        until_both(&mut running, "ready");
        let sent = running.signals(signals);
        let said = running.end();
        let requests = sent
            .iter()
            .filter(|(name, _)| ["INT", "TERM"].contains(name));
        let times: Vec<_> = requests.map(|(_, at)| *at).collect();
        if times[1] - times[0] < std::time::Duration::from_millis(60) {
            return is_cancelled(&test, &said);
        }
    }
}

/// At whatever moment the second signal comes: a run is stopped and can be resumed, or it has ended
/// as cancelled.
#[test]
fn a_run_that_has_ended_is_not_said_to_be_resumable() {
    for pause_ms in [101, 104, 108, 112, 116, 120, 130, 140, 160, 200] {
        let test = super::file("pipeline p { run \"sleep 60\" } always { run \"sleep 0.11\" }");
        let mut running = Running::start(test.command());
        running.line("$ sleep 60");
        running.signal("INT");
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        running.signal("INT");
        let said = running.end();
        let mut command =
            crate::support::program::command(crate::support::program::program(), &test.path(""));
        command.args(["runs", "--format", "json"]);
        let runs = crate::support::program::run(command).stdout;
        let is_cancelled = runs.contains("\"cancelled\"");
        let wanted = if is_cancelled { 4 } else { 5 };
        assert_eq!(said.code, wanted, "after {pause_ms} ms: {said:?} {runs}");
        assert_eq!(
            said.stdout.contains("lockstep resume"),
            !is_cancelled,
            "{said:?}"
        );
    }
}

/// A secret in a pipe that nobody writes to: refused at once, as any file that is none.
#[test]
fn a_pipe_in_place_of_a_file_is_refused() {
    let made = |test: &Test| {
        let pipe = std::process::Command::new("mkfifo")
            .arg(test.path("pipe"))
            .status();
        assert!(pipe.expect("mkfifo runs").success());
    };
    for text in [
        "secret a = file(\"pipe\")\npipeline p { run \"true\" env { A: a } }",
        "let a = file(\"pipe\")\npipeline p { log a }",
        "import \"./pipe\" as a\npipeline p { log \"x\" }",
    ] {
        let test = super::file(text);
        made(&test);
        let said = Running::start(test.command()).end();
        assert_eq!(said.code, 2, "{said:?}");
        assert!(
            said.stderr.contains("is a pipe, a device or a socket"),
            "{said:?}"
        );
    }
}

/// The terminal is gone, so nobody has asked for a rollback.
#[test]
fn a_run_that_loses_its_terminal_is_stopped_and_can_be_resumed() {
    let (test, said) = cancelled("HUP");
    assert_eq!((said.code, log(&test)), (5, vec![String::from("first")]));
}

#[test]
fn two_interrupts_end_everything_at_once() {
    let test = program(STUBBORN);
    let mut running = Running::start(test.command());
    until_both(&mut running, "ready");
    running.signal("INT");
    until_both(&mut running, "asked");
    once_more(&running);
    let said = running.end();
    assert_eq!(said.code, 5);
    assert_eq!(log(&test), ["first"], "nothing is taken back");
    for service in ["a", "b"] {
        let id = text_of(&test.path(&format!("{service}.pid")));
        assert!(is_gone(id.trim()), "{service} is left");
    }
    let told = Told::of(&said.stdout, said.code);
    assert!(told.of_kind("run-finished").next().is_none());
}

/// A rollback in progress is not stopped by the first signal, only by the second.
#[test]
fn a_rollback_goes_on_when_the_run_is_cancelled() {
    let test = super::file(
        "pipeline p atomic {
           step s { run \"true\" } undo {
             run \"echo undoing; until [ -e go ]; do sleep 0.02; done; echo undone >> log\"
           }
           fail \"no\"
         }",
    )
    .args(["--format", "json"]);
    let mut running = Running::start(test.command());
    running.line("\"text\":\"undoing\"");
    running.signal("INT");
    std::fs::write(test.path("go"), "").expect("the file is written");
    let said = running.end();
    assert_eq!(log(&test), ["undone"]);
    let told = Told::of(&said.stdout, said.code);
    assert_eq!(told.statuses()["p"], "rolled-back");
}

/// While secrets are read nothing runs yet: one signal is enough.
#[test]
fn a_secret_that_does_not_come_can_be_interrupted() {
    let test = super::file(
        "secret s = command(\"sh\", \"ask.sh\")\npipeline p { run \"touch ran\" env { S: s } }\n",
    )
    .file("ask.sh", "echo $$ > asking\nsleep 300\n");
    let running = Running::start(test.command());
    let id = text_of(&test.path("asking"));
    running.signal("INT");
    let said = running.end();
    assert_eq!((said.stdout.as_str(), said.code), ("", 4));
    assert!(is_gone(id.trim()), "the command is left");
    assert!(!test.path("ran").exists());
}

#[test]
fn a_person_is_told_that_it_is_being_cancelled() {
    let test = super::file("pipeline p { run \"echo ready; sleep 300\" }");
    let mut running = Running::start(test.command());
    running.line("ready");
    running.signal("INT");
    let said = running.end();
    assert_eq!(said.code, 4);
    assert!(said.stderr.starts_with("cancelling: "), "{}", said.stderr);
    assert!(said.stdout.contains("cancelled after"), "{}", said.stdout);
}

/// However fast a command writes, it can be stopped, gracefully or by force.
#[test]
fn a_command_that_writes_without_end_can_be_stopped() {
    let test = super::file("pipeline p { parallel { run \"yes\" run \"yes no\" } }");
    let mut polite = Running::start(test.command());
    polite.line("│ y");
    polite.signal("INT");
    assert_eq!(polite.end().code, 4);
    // What ignores the signal writes on; a shell that starts programs in a loop may end with one.
    let test = super::file(
        "pipeline p { parallel {
           run \"trap '' TERM; yes & trap 'touch asked' TERM; while :; do wait; done\"
           run \"yes\"
         } }",
    );
    let mut rude = Running::start(test.command());
    rude.line("│ y");
    rude.signal("INT");
    crate::support::running::until("it is asked", || test.path("asked").exists());
    once_more(&rude);
    assert_eq!(rude.end().code, 5);
}

/// `nohup` is respected: the run goes on when its terminal is lost.
#[test]
#[cfg(target_os = "linux")]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let test = super::file(
        "pipeline p { run \"echo ready; until [ -e go ]; do sleep 0.02; done; echo done >> log\" }",
    );
    let program = crate::support::program::program();
    let mut command = crate::support::program::command("sh", &test.path(""));
    let line = format!("trap '' HUP; exec '{}' run main.deploy", program.display());
    command.args(["-c", &line]);
    let mut running = Running::start(command);
    running.line("ready");
    running.signal("HUP");
    std::fs::write(test.path("go"), "").expect("the file is written");
    assert_eq!(running.end().code, 0);
    assert_eq!(log(&test), ["done"]);
}
