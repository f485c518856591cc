//! Input sets and templates: both are trees that are laid over another one where it asks for
//! input.

use std::collections::HashMap;

use super::inputs::{default_of, suffixes};
use crate::declared::Declared;
use crate::yaml::{Key, Node, Value};

/// How deep templates may be in each other, and how many there may be.
const MAX_DEPTH: usize = 10;
const MAX_TEMPLATES: usize = 1_000;

/// How values are laid over runtime inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// An input set: they become defaults.
    Defaults,
    /// The inputs of a template: they take the place of the inputs.
    Values,
}

/// Lays values over the runtime inputs of a tree. What fits nowhere is not counted as looked at.
pub(super) fn overlay(base: &mut Node, over: &Node, layer: Layer) {
    match (&mut base.value, &over.value) {
        (Value::Map(entries), Value::Map(values)) => {
            for (key, value) in values {
                let found = entries.iter_mut().find(|(it, _)| it.text == key.text);
                if let Some((_, found)) = found {
                    over.get("");
                    overlay(found, value, layer);
                }
            }
        }
        (Value::List(items), Value::List(values)) => {
            over.items();
            for (place, value) in values.iter().enumerate() {
                let same = items
                    .iter()
                    .position(|it| identity(it).is_some() && identity(it) == identity(value));
                if let Some(item) = items.get_mut(same.unwrap_or(place)) {
                    overlay(item, value, layer);
                }
            }
        }
        (Value::Scalar { text, .. }, Value::Scalar { text: value, .. }) => {
            if suffixes(text).is_some() {
                over.skip();
                let asks = value.starts_with("<+input>");
                match layer {
                    _ if asks || value.is_empty() => {}
                    Layer::Values => *base = base.with_value(over.value.clone()),
                    Layer::Defaults if default_of(text).is_some() => {}
                    Layer::Defaults => text.push_str(&format!(".default({})", guarded(value))),
                }
            } else if text == value {
                over.skip();
            }
        }
        (Value::Scalar { text, .. }, Value::List(_) | Value::Map(_)) => {
            if suffixes(text).is_some() {
                over.skip();
                let new = over.clone();
                new.forget();
                *base = new;
            }
        }
        (Value::List(_) | Value::Map(_), _) => {}
    }
}

/// A value between the parentheses of `.default(…)`.
fn guarded(value: &str) -> String {
    match value.contains(['(', ')', '"', '\'']) && !value.contains('"') {
        true => format!("\"{value}\""),
        false => value.to_string(),
    }
}

/// What an element of a list is called.
fn identity(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Map(entries) => match entries.as_slice() {
            [(_, only)] if matches!(only.value, Value::Map(_)) => identity(only),
            entries => ["identifier", "environmentRef", "serviceRef", "name"]
                .iter()
                .find_map(|key| {
                    let found = entries.iter().find(|(it, _)| it.text == *key)?;
                    found.1.peek()
                }),
        },
        Value::Scalar { .. } | Value::List(_) => None,
    }
}

/// Puts templates in the place of what refers to them.
pub(super) fn expand(
    node: &mut Node,
    templates: &HashMap<String, Node>,
    depth: usize,
    count: &mut usize,
) {
    if depth > MAX_DEPTH || *count > MAX_TEMPLATES {
        return;
    }
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items
            .iter_mut()
            .for_each(|it| expand(it, templates, depth, count)),
        Value::Map(entries) => {
            let reference = entries.iter().position(|(key, _)| key.text == "template");
            let found = reference.and_then(|place| {
                let reference = &entries[place].1;
                let name = reference.get("templateRef")?.peek()?;
                let version = reference.get("versionLabel").and_then(Node::peek);
                let template = (templates.get(&format!("{name}@{}", version.unwrap_or_default())))
                    .or_else(|| templates.get(name))?;
                Some((place, template.clone()))
            });
            if let Some((place, mut template)) = found {
                let (_, reference) = entries.remove(place);
                if let Some(inputs) = reference.get("templateInputs") {
                    overlay(&mut template, inputs, Layer::Values);
                }
                Declared::pass_over(&reference, &["templateRef", "versionLabel"]);
                // What is in it and fits nowhere is reported with the rest.
                let laid_over = Key {
                    text: "template, laid over".into(),
                    line: reference.line,
                    column: reference.column,
                };
                entries.push((laid_over, reference));
                if let Value::Map(parts) = template.value {
                    for (key, value) in parts {
                        if !entries.iter().any(|(it, _)| it.text == key.text) {
                            entries.push((key, value));
                        }
                    }
                }
                *count += 1;
                expand(node, templates, depth + 1, count);
                return;
            }
            for (key, value) in entries {
                if key.text != "templateInputs" {
                    expand(value, templates, depth, count);
                }
            }
        }
    }
}
