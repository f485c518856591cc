//! `lockstep complete`, which the completion scripts of shells call: what can be completed at the
//! cursor. It must not fail nor print errors.

mod candidate;
mod line;
mod target;
mod values;

use std::ffi::OsString;

use clap::{Args, CommandFactory};

use super::arguments::Arguments;
use super::exit::Exit;
use super::output::Output;
pub(super) use candidate::Candidate;
use lockstep_base::diagnostic::render::clean;

/// The maximum number of completions.
const MAX_CANDIDATES: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Complete {
    /// The line up to the cursor, as bash passes it; it is split into words as bash does.
    #[arg(long, value_name = "TEXT")]
    line: Option<OsString>,

    /// The words behind the program's name, the last one as far as it is written.
    #[arg(value_name = "WORD", last = true)]
    words: Vec<OsString>,
}

/// Prints the completions at the cursor: one a line, with its description after a tab.
pub(super) fn run(arguments: &Complete, output: &mut Output) -> Exit {
    let text = match &arguments.line {
        Some(line) => {
            let line = line::split(&line.to_string_lossy());
            // Bash shows no descriptions.
            let offers = offers(&line.words);
            let words = offers.iter().map(|offer| line.as_bash_wants(&offer.value));
            words.map(|word| format!("{word}\n")).collect::<String>()
        }
        None => {
            let words = arguments.words.iter();
            let words: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
            let line = |offer: Candidate| match offer.what.lines().next() {
                Some(what) => format!("{}\t{}\n", offer.value, clean(what.trim())),
                None => format!("{}\n", offer.value),
            };
            offers(&words).into_iter().map(line).collect()
        }
    };
    output.print(&text);
    Exit::Succeeded
}

/// The completions for the last of these words.
fn offers(words: &[String]) -> Vec<Candidate> {
    let Some((current, before)) = words.split_last() else {
        return Vec::new();
    };
    let mut command = Arguments::command();
    command.build();
    let completed = target::target(&command, before, current);
    let mut offers = completed.offers();
    // A value with a line end could not be distinguished from two values.
    offers.retain(|offer| offer.value.starts_with(current) && !offer.value.contains(['\n', '\t']));
    offers.truncate(MAX_CANDIDATES);
    offers
}
