//! The tests of the parser.

mod limits;
mod mistakes;
mod pest;
mod random;
mod show;
mod spans;
mod unfinished;
mod valid;
mod words;

use super::*;

/// The first example of the language reference.
const FIRST: &str = include_str!("tests/samples/first.deploy");
/// Every construct once.
const EVERYTHING: &str = include_str!("tests/samples/everything.deploy");

fn read(text: &str) -> Parse {
    let parse = parse(FileId(0), text);
    spans::check(text, &parse);
    parse
}

/// The codes of what is wrong with a text, in order.
fn codes(text: &str) -> Vec<&'static str> {
    let parse = read(text);
    parse
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.as_str())
        .collect()
}
