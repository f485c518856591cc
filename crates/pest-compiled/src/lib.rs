//! Compiles a pest grammar to a recursive-descent parser at build time: pest reads and optimizes
//! the grammar, and each rule becomes a Rust function that checks the next byte before it tries
//! anything. It accepts the same texts and builds the same trees as the parser that pest derives,
//! in a fraction of the time.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "it runs while a crate is built: what it cannot compile stops the build"
)]

mod emit;
mod sets;

/// Compiles a grammar to the Rust source of its parser.
///
/// # Errors
///
/// One line for each error that pest finds in the grammar; `name` is the file name in it.
pub fn compile(name: &str, grammar: &str) -> Result<String, Vec<String>> {
    match pest_meta::parse_and_optimize(grammar) {
        Ok((_, rules)) => Ok(emit::parser(&rules)),
        Err(errors) => Err(errors
            .into_iter()
            .map(|error| error.with_path(name).to_string().replace('\n', " "))
            .collect()),
    }
}
