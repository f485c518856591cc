//! What people type who know other tools: names of commands and options that are called otherwise
//! here. The error of usage says the right one.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::arguments::as_input;

/// Words for commands, and what they are here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["validate", "verify-file", "vet", "compile"],
        "lockstep check",
    ),
    (&["ls", "list", "history", "ps"], "lockstep runs"),
    (&["version"], "lockstep --version"),
    (
        &["apply", "deploy", "start", "exec", "execute", "up"],
        "lockstep run",
    ),
    (
        &["dry-run", "dryrun", "preview", "diff", "simulate"],
        "lockstep plan",
    ),
    (&["status", "describe", "get", "report"], "lockstep show"),
    (&["stop", "abort", "kill"], "lockstep cancel"),
    (&["continue"], "lockstep resume"),
    (&["rerun", "restart"], "lockstep retry"),
    (&["reject", "confirm", "answer"], "lockstep approve"),
    (&["format"], "lockstep fmt"),
    (&["init", "create", "generate"], "lockstep new"),
    (
        &["parameters", "params", "vars", "variables"],
        "lockstep inputs",
    ),
];

/// Words for options, and what they are here.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["--dry-run", "--dryrun", "--check", "--what-if"],
        "`lockstep plan` shows what a run would do, without doing it",
    ),
    (
        &["--input", "--var", "--param", "--parameter", "--env", "-e"],
        "an input is given by `-i NAME=VALUE`",
    ),
    (
        &["--var-file", "--inputs-file", "--values"],
        "a file of inputs is given by `--inputs FILE`",
    ),
    (
        &["--auto-approve", "--approve", "-y"],
        "`--yes` gives all approvals",
    ),
    (
        &["--parallel", "--parallelism", "--concurrency", "-j"],
        "`--max N` runs at most N commands at once",
    ),
];

/// `lockstep help COMMAND` as clap has it: `lockstep COMMAND --help`.
pub(super) fn as_typed_here(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// Adds to an error of usage what the words are called here.
pub(super) fn explain(error: &mut clap::Error) {
    let typed = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let (tip, other) = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = typed(error, ContextKind::InvalidSubcommand);
            let tip = word.and_then(|word| named(COMMANDS, &word));
            let tip = tip.map(|command| format!("the command is `{command}`"));
            (tip, ContextKind::SuggestedSubcommand)
        }
        ErrorKind::UnknownArgument => {
            let word = typed(error, ContextKind::InvalidArg).unwrap_or_default();
            let option = named(OPTIONS, &word).map(String::from);
            (
                option.or_else(|| as_input(&word)),
                ContextKind::SuggestedArg,
            )
        }
        _ => return,
    };
    if let Some(tip) = tip {
        error.remove(other);
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

fn named(words: &[(&[&'static str], &'static str)], typed: &str) -> Option<&'static str> {
    let found = words.iter().find(|(words, _)| words.contains(&typed));
    found.map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::arguments::Arguments;

    /// Each word is none of ours, and what it leads to is.
    #[test]
    fn words_of_others_lead_to_ours() {
        let own = Arguments::command();
        for (words, here) in COMMANDS {
            for word in *words {
                assert!(own.find_subcommand(word).is_none(), "{word}");
                let error = Arguments::try_parse_from(["lockstep", word]);
                let mut error = error.expect_err("it is no command");
                explain(&mut error);
                let said = error.render().to_string();
                assert!(
                    said.contains(&format!("tip: the command is `{here}`")),
                    "{said}"
                );
                assert!(!said.contains("similar"), "{said}");
            }
            let here = here.strip_prefix("lockstep ").expect("a command line");
            assert!(
                here == "--version" || own.find_subcommand(here).is_some(),
                "{here}"
            );
        }
        for (words, here) in OPTIONS {
            for word in *words {
                let error = Arguments::try_parse_from(["lockstep", "run", word]);
                let mut error = error.expect_err("it is no option");
                explain(&mut error);
                let said = error.render().to_string();
                assert!(said.contains(here), "{word}: {said}");
            }
        }
    }

    #[test]
    fn help_comes_before_or_behind() {
        let typed = |words: &[&str]| {
            let words = words.iter().map(OsString::from).collect();
            as_typed_here(words)
        };
        assert_eq!(
            typed(&["lockstep", "help", "run"]),
            ["lockstep", "run", "--help"]
        );
        assert_eq!(typed(&["lockstep", "help"]), ["lockstep", "--help"]);
        assert_eq!(
            typed(&["lockstep", "run", "help"]),
            ["lockstep", "run", "help"]
        );
    }
}
