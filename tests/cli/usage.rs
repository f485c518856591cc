//! Help, colours, streams, and usage errors.

use std::io::Read;
use std::process::Stdio;

use crate::support::Test;

#[test]
fn the_help_lists_the_commands() {
    insta::assert_snapshot!(Test::new().args(["--help"]).said().stdout);
}

#[test]
fn without_a_command_it_shows_the_help_and_refuses() {
    let said = Test::new().said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert_eq!(said.stderr, Test::new().args(["--help"]).said().stdout);
}

#[test]
fn the_version() {
    Test::new()
        .args(["--version"])
        .stdout(concat!("lockstep ", env!("CARGO_PKG_VERSION"), "\n"))
        .exits(0);
}

#[test]
fn an_unknown_command_is_refused() {
    Test::new()
        .args(["chek"])
        .stderr(
            "error: unrecognized subcommand 'chek'\n\n  tip: a similar subcommand exists: 'check'\
             \n\nUsage: lockstep [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
        )
        .exits(2);
}

#[test]
fn words_of_other_tools_lead_to_the_right_command() {
    Test::new()
        .args(["validate"])
        .stderr(
            "error: unrecognized subcommand 'validate'\n\n  tip: the command is `lockstep check`\
             \n\nUsage: lockstep [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
        )
        .exits(2);
    let said = Test::new().args(["run", "--dry-run"]).said();
    let tip = "  tip: `lockstep plan` shows what a run would do, without doing it\n";
    assert!(said.stderr.contains(tip), "{}", said.stderr);
    let said = |words: [&str; 2]| Test::new().args(words).said().stdout;
    assert_eq!(said(["help", "run"]), said(["run", "--help"]));
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let colored = |test: Test| {
        let said = test.args(["explain", "E0704"]).said();
        assert_eq!(said.code, 0);
        said.stdout.contains('\u{1b}')
    };
    assert!(!colored(Test::new()));
    assert!(colored(Test::new().args(["--color", "always"])));
    assert!(colored(Test::new().env("CLICOLOR_FORCE", "1")));
    assert!(!colored(
        Test::new().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")
    ));
    assert!(!colored(
        Test::new()
            .env("CLICOLOR_FORCE", "1")
            .args(["--color=never"])
    ));
}

#[test]
fn mistakes_in_arguments_obey_the_colours_too() {
    let mistake = |word: &str| Test::new().args(["chek", "--color", word]).said().stderr;
    assert!(mistake("always").contains('\u{1b}'));
    assert!(!mistake("never").contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    let test = Test::new().args(["explain"]);
    let mut child = test
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut stderr)
        .expect("text");
    assert_eq!(stderr, "");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_is_lost_is_one() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("the full device");
    let output = Test::new()
        .args(["explain"])
        .command()
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|child| child.wait_with_output())
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("error: the output could not be written: "),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(2));
}
