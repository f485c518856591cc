//! The parser of a single command. To make the one for all of them, with all their options and
//! their help, takes a third of what it takes to check a small file. It is made where help is asked
//! for or something is wrong, since it says so better; so both must understand the same.

use std::ffi::OsString;

use clap::{Args, Command};

use super::arguments::{Arguments, CliCommand, GlobalArguments};

/// Parses arguments as [`Arguments`] does.
///
/// # Errors
///
/// Where they are wrong, and where they ask for help.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<CliCommand, clap::Error> {
    use clap::Parser as _;
    match alone(&arguments) {
        Some(command) => Ok(command),
        None => Arguments::try_parse_from(arguments).map(|all| all.command),
    }
}

/// What the arguments say, if they are right and the command is one that people and their tools
/// call often.
fn alone(arguments: &[OsString]) -> Option<CliCommand> {
    let [_, words @ ..] = arguments else {
        return None;
    };
    match words.first()?.to_str()? {
        "check" => read(words, CliCommand::Check),
        "fmt" => read(words, CliCommand::Fmt),
        "lint" => read(words, CliCommand::Lint),
        "logs" => read(words, CliCommand::Logs),
        "plan" => read(words, CliCommand::Plan),
        "run" => read(words, CliCommand::Run),
        "show" => read(words, CliCommand::Show),
        "test" => read(words, CliCommand::Test),
        _ => None,
    }
}

/// Reads a command's words, of which the first is its name.
fn read<T: Args>(words: &[OsString], command: fn(T) -> CliCommand) -> Option<CliCommand> {
    let parser = T::augment_args(GlobalArguments::augment_args(Command::new("lockstep")));
    let found = parser.try_get_matches_from(words).ok()?;
    T::from_arg_matches(&found).ok().map(command)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    fn shown(command: Option<CliCommand>) -> String {
        format!("{command:?}")
    }

    /// What one of them understands, the other does, too, and in the same way.
    #[test]
    fn both_parsers_say_the_same() {
        const ENDS: &[&[&str]] = &[
            &[],
            &["a.deploy"],
            &["a.deploy", "b.deploy"],
            &["--", "--a.deploy"],
            &["-"],
            &["--color", "never", "a"],
            &["a", "--color=always"],
            &["--color", "blue"],
            &["--format", "json"],
            &["--format", "plain", "a", "p", "-i", "x=1", "-ib=2"],
            &[
                "a", "p", "--inputs", "f", "--max", "3", "--state", "s", "--yes",
            ],
            &["--max", "0"],
            &["--if-fails", "x", "--query", "--full"],
            &["--query"],
            &["--check", "--diff", "a"],
            &["--fix", "--deny-warnings"],
            &["--seed", "3"],
            &["r-1", "--node", "x"],
            &["--only", "a", "--from", "b"],
            &["--help"],
            &["-h"],
            &["--version"],
            &["--nothing"],
            &["--", "run", "--max", ""],
        ];
        let all = Arguments::command();
        let mut read_alone = 0;
        for name in all
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
        {
            for end in ENDS {
                let words = ["lockstep", &name].into_iter().chain(end.iter().copied());
                let words: Vec<OsString> = words.map(OsString::from).collect();
                let whole = Arguments::try_parse_from(&words).ok();
                let Some(command) = alone(&words) else {
                    continue;
                };
                read_alone += 1;
                let whole = whole.map(|all| all.command);
                assert_eq!(shown(Some(command)), shown(whole), "{words:?}");
            }
        }
        assert!(read_alone > 40, "{read_alone}");
        for words in [
            &["lockstep"][..],
            &["lockstep", "--color", "never", "check"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(alone(&words).is_none(), "{words:?}");
        }
    }

    /// Each command that is read alone is read at all.
    #[test]
    fn what_is_right_is_read_alone() {
        for words in [
            &["check", "a.deploy"][..],
            &["fmt", "--check", "."],
            &["lint", "--fix"],
            &["logs"],
            &["plan", "a.deploy", "p"],
            &["run", "a.deploy", "--max", "8", "--color", "never"],
            &["show"],
            &["test"],
        ] {
            let words = ["lockstep"].iter().chain(words);
            let words: Vec<OsString> = words.map(OsString::from).collect();
            assert!(alone(&words).is_some(), "{words:?}");
        }
    }
}
