//! What kind of word is at the cursor: a command, an option, or the value of one.

use clap::{Arg, ArgAction, Command};

use super::candidate::Candidate;
use super::values;

/// The place of the cursor in a command line.
pub(super) struct CompletionTarget<'a> {
    command: &'a Command,
    place: ArgumentPosition<'a>,
    /// The typed part of the word at the cursor.
    current: &'a str,
    /// The arguments before it.
    pub(super) given: PrecedingArguments,
}

/// The arguments before the cursor: the values by the names of their arguments.
#[derive(Debug, Default)]
pub(super) struct PrecedingArguments(Vec<(String, String)>);

impl PrecedingArguments {
    /// The values of an argument.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let fits = self.0.iter().filter(move |(given, _)| given == name);
        fits.map(|(_, value)| value.as_str())
    }

    /// The first value of an argument.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

enum ArgumentPosition<'a> {
    /// The value of an argument, after the part of the word that belongs to an option.
    Value(&'a Arg, &'a str),
    /// An option.
    Option,
    /// A command, or the value of a positional argument.
    Word(Option<&'a Arg>),
}

/// Parses the words before the cursor.
pub(super) fn target<'a>(
    root: &'a Command,
    before: &[String],
    current: &'a str,
) -> CompletionTarget<'a> {
    let mut command = root;
    let mut given = PrecedingArguments::default();
    let mut open: Option<&Arg> = None;
    let (mut position, mut only_values) = (0, false);
    for word in before {
        if let Some(arg) = open.take() {
            given.0.push((arg.get_id().to_string(), word.clone()));
        } else if only_values || !word.starts_with('-') || word == "-" {
            if let (false, Some(inner)) = (only_values, command.find_subcommand(word)) {
                command = inner;
                continue;
            }
            if let Some(arg) = command.get_positionals().nth(position) {
                given.0.push((arg.get_id().to_string(), word.clone()));
                position += usize::from(!takes_more(arg));
            }
        } else if word == "--" {
            only_values = true;
        } else if let Some((arg, value)) = option(command, word) {
            match value {
                Some(value) => given.0.push((arg.get_id().to_string(), value.to_string())),
                None => open = Some(arg),
            }
        }
    }
    let place = match open {
        Some(arg) => ArgumentPosition::Value(arg, ""),
        None if only_values || !current.starts_with('-') => {
            ArgumentPosition::Word(command.get_positionals().nth(position))
        }
        None => match option(command, current) {
            Some((arg, Some(value))) => {
                let written = current.len() - value.len();
                ArgumentPosition::Value(arg, current.get(..written).unwrap_or_default())
            }
            _ => ArgumentPosition::Option,
        },
    };
    CompletionTarget {
        command,
        place,
        current,
        given,
    }
}

/// If a word is an option with a value, the option, and the value if that is in the same word.
fn option<'a, 'w>(command: &'a Command, word: &'w str) -> Option<(&'a Arg, Option<&'w str>)> {
    let valued = |arg: &&Arg| arg.get_action().takes_values();
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let mut all = command.get_arguments().filter(valued);
        return Some((all.find(|arg| arg.get_long() == Some(name))?, value));
    }
    let mut chars = word.strip_prefix('-')?.chars();
    while let Some(char) = chars.next() {
        let mut all = command.get_arguments().filter(valued);
        if let Some(arg) = all.find(|arg| arg.get_short() == Some(char)) {
            let rest = chars.as_str();
            let value = rest.strip_prefix('=').unwrap_or(rest);
            return Some((arg, (!rest.is_empty()).then_some(value)));
        }
    }
    None
}

fn takes_more(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
        || arg
            .get_num_args()
            .is_some_and(|count| count.max_values() > 1)
}

impl CompletionTarget<'_> {
    /// The completions for it.
    pub(super) fn offers(&self) -> Vec<Candidate> {
        match &self.place {
            ArgumentPosition::Value(arg, written) => {
                let current = self.current.get(written.len()..).unwrap_or_default();
                let offers = self.values(arg, current).into_iter();
                offers.map(|offer| offer.behind(written)).collect()
            }
            ArgumentPosition::Option => self.options(),
            ArgumentPosition::Word(arg) => {
                let mut offers = self.commands();
                offers.extend(arg.iter().flat_map(|arg| self.values(arg, self.current)));
                match offers.is_empty() && self.current.is_empty() {
                    true => self.options(),
                    false => offers,
                }
            }
        }
    }

    fn commands(&self) -> Vec<Candidate> {
        let shown = self
            .command
            .get_subcommands()
            .filter(|it| !it.is_hide_set());
        let offer = |it: &Command| Candidate::new(it.get_name(), text(it.get_about()));
        shown.map(offer).collect()
    }

    fn options(&self) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|it| !it.is_hide_set());
        let offer = |arg: &Arg| {
            let name = match (arg.get_long(), arg.get_short()) {
                (Some(long), _) => format!("--{long}"),
                (None, Some(short)) => format!("-{short}"),
                (None, None) => return None,
            };
            let again = matches!(arg.get_action(), ArgAction::Append);
            let free = again || self.given.get(arg.get_id().as_str()).is_none();
            free.then(|| Candidate::new(name, text(arg.get_help())))
        };
        shown.filter_map(offer).collect()
    }

    fn values(&self, arg: &Arg, current: &str) -> Vec<Candidate> {
        let fixed = arg.get_possible_values();
        if !fixed.is_empty() {
            let shown = fixed.iter().filter(|it| !it.is_hide_set());
            return shown
                .map(|it| Candidate::new(it.get_name(), text(it.get_help())))
                .collect();
        }
        values::values(self.command.get_name(), arg, current, &self.given)
    }
}

/// A help text as one line without its full stop.
fn text(help: Option<&clap::builder::StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    line.strip_suffix('.').unwrap_or(line).to_string()
}
