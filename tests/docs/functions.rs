//! `docs/functions.md` is generated from the built-in functions.

use std::fmt::Write;

use lockstep_base::value::Type;
use lockstep_lang::eval::builtins::{ALL, Builtin};

use super::generated;
use crate::support::program::Test;

/// The type of the result, if it is the same for all arguments.
fn result(function: &Builtin) -> Option<String> {
    let types: Vec<Type> = function.params.iter().map(|param| (param.ty)()).collect();
    match (function.result)(&types) {
        Type::Any => None,
        Type::List(of) if *of == Type::Any => Some(String::from("a list")),
        ty => Some(format!("`{ty}`")),
    }
}

fn section(function: &Builtin) -> String {
    let mut signature = format!("`{}`", function.signature());
    if signature.len() > 100 {
        // A line end in code is a blank.
        signature = folded(&signature);
    }
    // Writing to a string does not fail.
    if let Some(result) = result(function) {
        let gap = match signature.len() + result.len() > 100 {
            true => "\n",
            false => " ",
        };
        let _ = write!(signature, "{gap}gives {result}");
    }
    let mut text = format!("## {}\n\n{signature}", function.name);
    let _ = write!(text, "\n\n{}\n", folded(function.doc));
    if !function.examples.is_empty() {
        text.push_str("\n```text\n");
        let width = |example: &&(&str, &str)| example.0.chars().count();
        let widest = function.examples.iter().filter(|it| width(it) <= 60);
        let widest = widest.map(|it| width(&it)).max().unwrap_or(0);
        for (call, gives) in function.examples {
            let line = format!("{call:widest$}  →  {gives}");
            let _ = match line.chars().count() > 100 {
                true => writeln!(text, "{call}\n  →  {gives}"),
                false => writeln!(text, "{line}"),
            };
        }
        text.push_str("```\n");
    }
    text
}

/// A paragraph wrapped to lines of at most 100 columns.
pub(super) fn folded(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push(word.to_string());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[test]
fn the_page_of_functions_is_fresh() {
    let names: Vec<String> = ALL
        .iter()
        .map(|function| format!("[{0}](#{0})", function.name))
        .collect();
    let mut part = format!("\n{}.\n", folded(&names.join(", ")));
    for function in ALL {
        part.push('\n');
        part.push_str(&section(function));
    }
    part.push('\n');
    generated::check("docs/functions.md", "functions", &part);
}

/// Every example compiles in a file and gives what the page says.
#[test]
fn the_examples_compile_and_give_what_the_page_says() {
    let mut file = String::from("pipeline examples {\n");
    let mut wanted = Vec::new();
    for (call, gives) in ALL.iter().flat_map(|function| function.examples) {
        let _ = writeln!(file, "  log json({call})\n  log json({gives})");
        wanted.push(*call);
    }
    file.push_str("}\n");
    let said = Test::new()
        .file("examples.deploy", file)
        .file("VERSION", "1.4.2\n")
        .args(["run", "examples.deploy", "--format", "json"])
        .said();
    assert_eq!(
        (said.stderr.as_str(), said.code),
        ("", 0),
        "{}",
        said.stdout
    );
    let lines = said.stdout.lines();
    let events = lines.map(|line| serde_json::from_str(line).expect("an event"));
    let values: Vec<String> = events
        .filter(|event: &serde_json::Value| event["event"] == "node-started")
        .filter_map(|event| event["text"].as_str().map(String::from))
        .collect();
    assert_eq!(values.len(), 2 * wanted.len());
    for (call, pair) in wanted.iter().zip(values.chunks(2)) {
        assert_eq!(pair[0], pair[1], "{call}");
    }
}
