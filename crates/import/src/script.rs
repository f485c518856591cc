//! Commands as statements: scripts are raw texts, and values reach them by variables.

use crate::foreign::Slice;
use crate::shell::{ScriptPart, with_variables};
use crate::value::{Expr, Ty};
use crate::words::{raw, variable};

/// A script with the variables that its values have become.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) variables: Vec<(String, Expr)>,
}

/// The name that a variable gets for an expression of another tool: its last words.
fn name_for(written: &str) -> String {
    let clean: String = (written.chars())
        .map(|it| {
            if it.is_ascii_alphanumeric() || it == '_' || it == '-' {
                it
            } else {
                '.'
            }
        })
        .collect();
    let words: Vec<&str> = clean.split('.').filter(|it| !it.is_empty()).collect();
    let last = words.last().copied().unwrap_or("value");
    let short = matches!(
        last,
        "name" | "id" | "identifier" | "tag" | "value" | "item" | "output"
    );
    match (short, words.len()) {
        (true, length) if length > 1 => variable(&format!("{}_{last}", words[length - 2])),
        _ => variable(last),
    }
}

/// A script in which every expression is a variable; `None` where that cannot be.
pub(crate) fn script(slices: &[Slice<'_>], mut value: impl FnMut(&str) -> Expr) -> Option<Script> {
    let mut found = Script::default();
    let all: String = slices
        .iter()
        .map(|slice| match slice {
            Slice::Text(text) => *text,
            Slice::Expression(_) => "",
        })
        .collect();
    let mut parts: Vec<(Option<&str>, String)> = Vec::new();
    for slice in slices {
        match slice {
            Slice::Text(text) => parts.push((Some(text), String::new())),
            Slice::Expression(written) => {
                let expr = value(written);
                let known = found
                    .variables
                    .iter()
                    .find(|(_, other)| other.text == expr.text);
                let name = match known {
                    Some((name, _)) => name.clone(),
                    None => {
                        let name = free_name(&name_for(written), &all, &found.variables);
                        found.variables.push((name.clone(), expr));
                        name
                    }
                };
                parts.push((None, name));
            }
        }
    }
    let parts: Vec<ScriptPart<'_>> = (parts.iter())
        .map(|(text, name)| match text {
            Some(text) => ScriptPart::Text(text),
            None => ScriptPart::Variable(name),
        })
        .collect();
    found.text = with_variables(&parts)?;
    Some(found)
}

/// A name that the script does not set itself, and that no other value has.
fn free_name(wanted: &str, script: &str, taken: &[(String, Expr)]) -> String {
    let is_free = |name: &str| {
        let set = [
            format!("{name}="),
            format!("for {name} "),
            format!("read {name}"),
        ];
        !set.iter().any(|it| script.contains(it.as_str()))
            && !taken.iter().any(|(other, _)| other == name)
    };
    let mut name = wanted.to_string();
    let mut number = 2;
    while !is_free(&name) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}

/// `env { NAME: value }`, or nothing.
pub(crate) fn env(variables: &[(String, Expr)]) -> String {
    if variables.is_empty() {
        return String::new();
    }
    let entries: Vec<String> = (variables.iter())
        .map(|(name, value)| {
            let value = match value.ty {
                Ty::Secret => value.clone(),
                _ => value.as_text(),
            };
            format!("{}: {}", key(name), value.text)
        })
        .collect();
    format!(" env {{ {} }}", entries.join(", "))
}

/// The name of a variable as a key.
fn key(name: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let begins = name
        .chars()
        .next()
        .is_some_and(|it| it.is_ascii_alphabetic() || it == '_');
    match begins && name.chars().all(plain) && crate::words::name(name) == name {
        true => name.into(),
        false => crate::words::quoted(name),
    }
}

/// A `run` with a script. `before` and `behind` are lines around it.
pub(crate) fn run(script: &Script, before: &str, behind: &str, tail: &str) -> String {
    let text = format!("{before}{}{behind}", script.text.trim_end());
    format!("run {}{tail}{}", raw(&text), env(&script.variables))
}
