//! `docs/functions.md` is generated from the built-in functions.

use std::fmt::Write;

use lockstep_base::value::Type;
use lockstep_lang::eval::builtins::{ALL, Builtin};

use super::generated;

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
    let mut text = format!("## {}\n\n`{}`", function.name, function.signature());
    // Writing to a string does not fail.
    if let Some(result) = result(function) {
        let _ = write!(text, " gives {result}");
    }
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
