//! `--engine`: the program that works with an engine takes the place of this one.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Test;

const URL: &str = "temporal://localhost:7233/default";
const FILE: &str = "pipeline p {\n  log \"x\"\n}\n";

/// A stand-in for the program: it says what it was given.
fn with_program(test: Test) -> Test {
    let script = "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 7\n";
    let test = test.file("bin/lockstep-temporal", script);
    let path = test.path("bin/lockstep-temporal");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("the script may be started");
    let path = format!("{}:/usr/bin:/bin", test.path("bin").display());
    test.env("PATH", &path).file("p.deploy", FILE)
}

#[test]
fn every_argument_is_handed_on_as_it_was_given() {
    with_program(Test::new())
        .args(["run", "p.deploy", "-i", "a=b c$(id)", "--engine", URL])
        .stdout(format!("<run><p.deploy><-i><a=b c$(id)><--engine><{URL}>"))
        .exits(7);
    for command in [
        "runs", "show", "logs", "ledger", "locks", "approve", "verify",
    ] {
        with_program(Test::new())
            .args([command])
            .env("LOCKSTEP_ENGINE", URL)
            .stdout(format!("<{command}>"))
            .exits(7);
    }
}

#[test]
fn a_worker_is_that_of_the_other_program() {
    with_program(Test::new())
        .args(["worker", "--pool", "eu-west", "--help"])
        .stdout("<worker><--pool><eu-west><--help>")
        .exits(7);
}

#[test]
fn what_has_nothing_to_do_with_runs_stays_here() {
    with_program(Test::new())
        .args(["fmt", "--check", "p.deploy"])
        .env("LOCKSTEP_ENGINE", URL)
        .exits(0);
}

#[test]
fn a_program_that_is_missing_is_said_with_how_to_get_it() {
    Test::new()
        .file("p.deploy", FILE)
        .env("PATH", "/nonexistent")
        .args(["run", "p.deploy", "--engine", URL])
        .stderr(
            "error[E0738]: the program `lockstep-temporal`, which works with `temporal://`, was \
             not found\n  help: install it beside `lockstep`, or where `PATH` finds it: \
             `cargo install lockstep-temporal`\n",
        )
        .exits(2);
}

#[test]
fn an_engine_is_no_server_and_copies_nothing_away() {
    let said = Test::new()
        .args(["runs", "--engine", URL, "--server", "http://localhost"])
        .said();
    assert_eq!(said.code, 2, "{said:?}");
    Test::new()
        .args(["backup", "copy", "--engine", URL])
        .stderr("error[E0738]: `lockstep backup` does not work with `--engine`\n")
        .exits(2);
}
