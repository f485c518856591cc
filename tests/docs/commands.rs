//! `docs/commands.md` names every command and every option of `--help`, and exactly the exit codes
//! of the program.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::support::program::{command, program, run};

fn help(words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = command(program(), folder.path());
    command.args(words).arg("--help");
    run(command).stdout
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = help(&[]);
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let commands: Vec<String> = lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(String::from)
        .collect();
    assert!(commands.len() >= 3, "{commands:?}");
    commands
}

/// The options and the words for arguments of a command's help.
fn options(help: &str) -> Vec<&str> {
    static OPTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^ +(?:(-\w)(?:,| ) ?)?(--[a-z-]+)?").expect("a pattern"));
    let (_, list) = help.split_once("Options:\n").unwrap_or_default();
    let found = OPTION.captures_iter(list);
    let found = found.filter_map(|found| found.get(2).or(found.get(1)));
    found.map(|found| found.as_str()).collect()
}

/// The section of a command on the page.
fn section<'p>(page: &'p str, command: &str) -> &'p str {
    let heading = format!("\n## lockstep {command}\n");
    let (_, rest) = page.split_once(&heading).unwrap_or_default();
    rest.split("\n## ").next().unwrap_or_default()
}

#[test]
fn every_option_is_described() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let page = std::fs::read_to_string(path).expect("a readable page");
    let mut missing = Vec::new();
    for command in commands() {
        let part = section(&page, &command);
        if part.is_empty() {
            missing.push(format!("the command `{command}`"));
            continue;
        }
        if !page.contains(&format!("[{command}](#lockstep-{command})")) {
            missing.push(format!("`{command}` in its table of contents"));
        }
        let help = help(&[&command]);
        let own = options(&help);
        assert!(own.contains(&"--help"), "{own:?}");
        // Every command has these two; they are documented once.
        let own = own
            .into_iter()
            .filter(|it| !["--help", "--color"].contains(it));
        missing.extend(
            own.filter(|option| !part.contains(&format!("`{option}")))
                .map(|option| format!("`{option}` of `{command}`")),
        );
    }
    assert!(
        missing.is_empty(),
        "docs/commands.md lacks {}",
        missing.join(", ")
    );
    let (_, codes) = help(&[])
        .split_once("Exit codes:\n")
        .map_or_else(Default::default, |it| {
            (String::from(it.0), String::from(it.1))
        });
    for line in codes.lines() {
        let code = line.trim().split("  ").next().unwrap_or_default();
        assert!(page.contains(&format!("\n| {code} |")), "exit code {code}");
    }
}

#[test]
fn options_are_found() {
    let help = "Options:\n  -i <NAME=VALUE>    Give\n      --max <N>   At\n  -h, --help   Print\n";
    assert_eq!(options(help), ["-i", "--max", "--help"]);
    let page = "# x\n## lockstep a\none\n## lockstep b\ntwo\n";
    assert_eq!(section(page, "a"), "one");
    assert_eq!(section(page, "c"), "");
}
