//! `lockstep complete`, which the completion scripts of shells call: what could stand at the
//! cursor. It does not know what the program's commands do, and never complains.

mod line;
mod offer;
mod values;
mod wanted;

use std::ffi::OsString;

use clap::{Args, CommandFactory};

use super::arguments::Arguments;
use super::exit::Exit;
use super::output::Output;
use lockstep_base::diagnostic::render::clean;
pub(super) use offer::Offer;

/// Nobody reads more.
const MOST: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Complete {
    /// The line up to the cursor, as bash has it; its words are taken apart as bash does.
    #[arg(long, value_name = "TEXT")]
    line: Option<OsString>,

    /// The words behind the program's name, the last one as far as it is written.
    #[arg(value_name = "WORD", last = true)]
    words: Vec<OsString>,
}

/// Prints what could stand at the cursor: one a line, with what it is behind a tab.
pub(super) fn run(arguments: &Complete, output: &mut Output) -> Exit {
    let text = match &arguments.line {
        Some(line) => {
            let line = line::split(&line.to_string_lossy());
            // Bash shows nothing beside the words.
            let offers = offers(&line.words);
            let words = offers.iter().map(|offer| line.as_bash_wants(&offer.value));
            words.map(|word| format!("{word}\n")).collect::<String>()
        }
        None => {
            let words = arguments.words.iter();
            let words: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
            let line = |offer: Offer| match offer.what.lines().next() {
                Some(what) => format!("{}\t{}\n", offer.value, clean(what.trim())),
                None => format!("{}\n", offer.value),
            };
            offers(&words).into_iter().map(line).collect()
        }
    };
    output.print(&text);
    Exit::Succeeded
}

/// What could stand in the place of the last of these words.
fn offers(words: &[String]) -> Vec<Offer> {
    let Some((current, before)) = words.split_last() else {
        return Vec::new();
    };
    let mut command = Arguments::command();
    command.build();
    let wanted = wanted::wanted(&command, before, current);
    let mut offers = wanted.offers();
    // What holds a line end could not be told from two.
    offers.retain(|offer| offer.value.starts_with(current) && !offer.value.contains(['\n', '\t']));
    offers.truncate(MOST);
    offers
}
