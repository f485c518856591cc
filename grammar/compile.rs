//! Makes the parser of `deploy.pest`: pest reads the grammar, and each rule becomes a function
//! that looks at the next byte before it tries anything. What is read is what pest's own parser
//! reads, tree for tree (`src/syntax/tests/pest.rs` compares), in a fraction of the time.
//! It does not know what the rules mean.

mod emit;
mod sets;

use std::path::Path;
use std::{env, fs};

use pest_meta::optimizer::OptimizedRule;

const GRAMMAR: &str = "grammar/deploy.pest";

fn main() {
    println!("cargo::rerun-if-changed=grammar");
    let grammar = fs::read_to_string(GRAMMAR).expect("the grammar can be read");
    let rules = rules(&grammar);
    let folder = env::var("OUT_DIR").expect("cargo tells where");
    let parser = emit::parser(&rules);
    fs::write(Path::new(&folder).join("parser.rs"), parser).expect("the parser can be written");
}

fn rules(grammar: &str) -> Vec<OptimizedRule> {
    match pest_meta::parse_and_optimize(grammar) {
        Ok((_, rules)) => rules,
        Err(errors) => {
            for error in errors {
                println!(
                    "cargo::error={}",
                    error.with_path(GRAMMAR).to_string().replace('\n', " ")
                );
            }
            std::process::exit(1);
        }
    }
}
