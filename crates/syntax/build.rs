//! Generates the parser from `grammar/deploy.pest`.

#![allow(
    clippy::disallowed_methods,
    reason = "this is not part of the crate that it builds"
)]

use std::path::Path;
use std::{env, fs};

const GRAMMAR: &str = "grammar/deploy.pest";

fn main() {
    println!("cargo::rerun-if-changed={GRAMMAR}");
    let grammar = match fs::read_to_string(GRAMMAR) {
        Ok(grammar) => grammar,
        Err(error) => return println!("cargo::error={GRAMMAR}: {error}"),
    };
    let parser = match pest_compiled::compile(GRAMMAR, &grammar) {
        Ok(parser) => parser,
        Err(mistakes) => {
            for mistake in mistakes {
                println!("cargo::error={mistake}");
            }
            return;
        }
    };
    let Some(folder) = env::var_os("OUT_DIR") else {
        return println!("cargo::error=cargo sets OUT_DIR");
    };
    if let Err(error) = fs::write(Path::new(&folder).join("parser.rs"), parser) {
        println!("cargo::error={}: {error}", folder.display());
    }
}
