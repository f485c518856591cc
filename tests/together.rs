//! Several processes on one state directory: their locks, their answers, and what each can see of
//! the others. Nothing here measures time.

mod approvals;
mod locks;
mod looks;
mod queues;
mod several_approvers;

use std::process::Command;

use serde_json::Value;

use crate::support::Test;
use crate::support::program::{Said, run};
use crate::support::running::until;

/// A command for `lockstep` with other arguments in the folder of a test.
fn other(test: &Test, args: &[&str]) -> Command {
    let mut command =
        crate::support::program::command(crate::support::program::program(), &test.path(""));
    command.args(args).env("USER", "ada");
    command
}

/// Runs `lockstep` with other arguments in the folder of a test.
fn says(test: &Test, args: &[&str]) -> Said {
    run(other(test, args))
}

/// The output of `lockstep … --format json`.
#[track_caller]
pub fn json(test: &Test, args: &[&str]) -> Value {
    let said = says(test, &[args, &["--format", "json"]].concat());
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{args:?}");
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// Waits until a run has an open question.
#[track_caller]
fn until_it_asks(test: &Test, count: usize) {
    until("it asks", || {
        let asked = json(test, &["approve"]);
        asked.as_array().is_some_and(|all| all.len() == count)
    });
}

/// Masks what differs between runs.
fn shown(test: &Test, text: &str) -> String {
    let text = crate::support::redact::redact(text, &test.path(""));
    let times =
        regex::Regex::new(r"\b\d+(\.\d)?s\b|\b[0-9a-f]{12}\b|\b\d+:\d\d\b").expect("a pattern");
    times.replace_all(&text, "[_]").into_owned()
}
