//! Shell sessions in Markdown: runs their `$ …` lines and compares the output with the lines below.

use std::path::Path;

use super::program::{command, program, run};
use super::redact::redact;

/// A command of a session with the output shown below it.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The text after `$`, continued lines joined.
    pub command: String,
    /// The expected output below it.
    pub shown: String,
}

/// The commands of a block. Lines before the first `$` belong to nothing and are an error.
pub fn calls(text: &str) -> Result<Vec<Call>, String> {
    let mut calls: Vec<Call> = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        match (continued, line.strip_prefix("$ "), calls.last_mut()) {
            (true, _, Some(call)) => {
                call.command.pop();
                call.command.push_str(line.trim_start());
            }
            (_, Some(command), _) => calls.push(Call {
                command: command.to_string(),
                shown: String::new(),
            }),
            (_, None, Some(call)) => {
                call.shown.push_str(line);
                call.shown.push('\n');
            }
            (_, None, None) => return Err(format!("`{line}` stands before the first command")),
        }
        continued = line.ends_with('\\') && calls.last().is_some_and(|c| c.shown.is_empty());
    }
    Ok(calls)
}

/// Runs a command in a shell with the program on its path; returns both streams together as a
/// person would see them, and the exit code.
pub fn perform(line: &str, folder: &Path) -> (String, i32) {
    let mut shell = command("sh", folder);
    let own = program().parent().unwrap_or(Path::new("."));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&path));
    shell.env("PATH", std::env::join_paths(all).expect("a path"));
    shell.arg("-c").arg(format!("exec 2>&1; {line}"));
    let said = run(shell);
    (redact(&said.stdout, folder), said.code)
}

/// Whether the output matches the expected one. `…` stands for any text in a line, and on a line of
/// its own for any lines.
pub fn matches(shown: &str, said: &str) -> bool {
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    lines_match(&shown, &said)
}

fn lines_match(shown: &[&str], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=said.len()).any(|skip| lines_match(rest, &said[skip..]))
        }
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, more)| line_matches(first, line) && lines_match(rest, more)),
    }
}

fn line_matches(shown: &str, said: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn a_session_has_commands_and_outputs() {
    let call = |command: &str, shown: &str| Call {
        command: command.to_string(),
        shown: shown.to_string(),
    };
    assert_eq!(
        calls("$ a\nx\n\ny\n$ b \\\n    c\nz\n"),
        Ok(vec![call("a", "x\n\ny\n"), call("b c", "z\n")])
    );
    assert!(calls("x\n$ a\n").is_err());
}

#[test]
fn outputs_are_compared() {
    assert!(matches("a\nb\n", "a\nb\n"));
    assert!(matches("a … c\n", "a b b c\n"));
    assert!(matches("a\n…\nz\n", "a\nb\nc\nz\n"));
    assert!(matches("a\n…\nz\n", "a\nz\n"));
    assert!(matches("…\n", ""));
    for (shown, said) in [
        ("a\n", "b\n"),
        ("a\n", ""),
        ("", "a\n"),
        ("a\n", "a\nb\n"),
        ("a … c\n", "a b d\n"),
        ("a…b…c\n", "a c\n"),
        ("a…a\n", "a\n"),
        ("…\nz\n", "a\n"),
    ] {
        assert!(!matches(shown, said), "{shown:?} {said:?}");
    }
}

#[test]
fn a_command_is_performed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (said, code) = perform("lockstep explain E9999; pwd", folder.path());
    assert!(matches("error[E0704]: …\n…\n[FOLDER]\n", &said), "{said}");
    assert_eq!(code, 0);
}
