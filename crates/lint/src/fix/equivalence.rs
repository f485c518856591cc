//! Program equality: whether two texts compile to the same program, apart from positions and
//! unreachable parts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::failing_lets::FailingLets;
use super::is_error;
use lockstep_base::source::{Name, Span};
use lockstep_lang::compile::Compilation;
use lockstep_lang::ir::{GlobalSource, Program};

/// Why the second is not the same program as the first; nothing if it is the same.
pub fn first_difference(before: &Compilation, after: &Compilation) -> Option<String> {
    let errors = |of: &Compilation| {
        let errors = of.diagnostics.iter().filter(is_error);
        let errors = errors.map(|error| format!("{} {}", error.code, error.message));
        errors.collect::<Vec<String>>()
    };
    let (had, has) = (errors(before), errors(after));
    if let Some(new) = has.iter().find(|error| !had.contains(error)) {
        return Some(format!("the file would have a new error: {new}"));
    }
    // What is removed with a mistake in it may be what was to be used.
    if let Some(gone) = had.iter().find(|error| !has.contains(error)) {
        return Some(format!("what has a mistake would be gone with it: {gone}"));
    }
    match (&before.program, &after.program) {
        (Some(before), Some(after)) => {
            let same = normalize(before) == normalize(after);
            (!same).then(|| String::from("the program would not be the same"))
        }
        (Some(_), None) => Some(String::from("the file would not compile")),
        _ => None,
    }
}

/// Marks a reference: no source text can contain this character, since no command could.
const REFERENCE_MARKER: char = '\0';

/// The reachable declarations of a program by name, starting from its pipelines, tests and inputs,
/// with everything in them that makes a difference.
fn normalize(program: &Program) -> BTreeMap<String, Value> {
    let failing = FailingLets::of(program);
    let tables = TableNames::of(program);
    let mut open: Vec<String> = Vec::new();
    let mut declared: HashMap<String, Value> = HashMap::new();
    let mut value = serde_json::to_value(program).unwrap_or_default();
    mark_failing(&mut value, &failing);
    for (table, names) in &tables.0 {
        let entries = value.get(*table).and_then(Value::as_array);
        for (entry, name) in entries.into_iter().flatten().zip(names) {
            declared.insert(name.clone(), body(tables.clean(entry, "")));
        }
    }
    for (global, name) in program.globals.iter().zip(tables.names("globals")) {
        let makes_a_difference = match &global.source {
            GlobalSource::Input { .. } => true,
            // It is evaluated before each run, whoever reads it.
            GlobalSource::Let(_) => failing.contains(global.span),
        };
        if makes_a_difference {
            open.push(name.clone());
        }
    }
    open.extend(tables.names("pipelines").iter().cloned());
    open.extend(tables.names("tests").iter().cloned());
    let mut kept = BTreeMap::new();
    while let Some(name) = open.pop() {
        if let Some(entry) = declared.remove(&name) {
            references(&entry, &mut open);
            kept.insert(name, entry);
        }
    }
    kept
}

/// The key of a `let` that is kept though nothing reads it, since it may fail.
const MAY_FAIL: &str = "may-fail";

/// Marks the statements of a program that may fail and do nothing else.
fn mark_failing(value: &mut Value, failing: &FailingLets) {
    match value {
        Value::Object(entries) => {
            let is_let = entries
                .get("kind")
                .is_some_and(|it| it.get("Let").is_some());
            let span = entries.get("span").filter(|_| is_let).cloned();
            let span = span.and_then(|span| serde_json::from_value::<Span>(span).ok());
            if span.is_some_and(|span| failing.contains(span)) {
                entries.insert(MAY_FAIL.to_string(), Value::Bool(true));
            }
            entries
                .values_mut()
                .for_each(|it| mark_failing(it, failing));
        }
        Value::Array(items) => items.iter_mut().for_each(|it| mark_failing(it, failing)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of the entries in a program's tables.
struct TableNames(Vec<(&'static str, Vec<String>)>);

impl TableNames {
    fn of(program: &Program) -> Self {
        let name = |table: &str, name: &Name, span: Option<Span>| {
            let file = span.and_then(|span| program.sources.get(span.file));
            let file = file.map_or("", |source| &source.name);
            format!("{REFERENCE_MARKER}{table}/{file}/{name}")
        };
        macro_rules! table {
            ($table:ident, $span:expr) => {{
                let word = stringify!($table);
                let entries = program.$table.iter();
                (
                    word,
                    entries.map(|it| name(word, &it.name, $span(it))).collect(),
                )
            }};
        }
        Self(vec![
            table!(globals, |it: &lockstep_lang::ir::Global| Some(it.span)),
            table!(secrets, |it: &lockstep_lang::ir::Secret| Some(it.span)),
            table!(kinds, |it: &lockstep_lang::ir::Kind| Some(it.span)),
            table!(services, |it: &lockstep_lang::ir::Service| Some(it.span)),
            table!(environments, |it: &lockstep_lang::ir::Environment| Some(
                it.span
            )),
            table!(infrastructures, |it: &lockstep_lang::ir::Infrastructure| {
                Some(it.span)
            }),
            table!(groups, |it: &lockstep_lang::ir::Group| Some(it.span)),
            table!(workflows, |it: &lockstep_lang::ir::Workflow| Some(it.span)),
            table!(actions, |it: &lockstep_lang::ir::Action| Some(it.span)),
            table!(pipelines, |_: &lockstep_lang::ir::Pipeline| None),
            table!(tests, |_: &lockstep_lang::ir::Test| None),
        ])
    }

    fn names(&self, table: &str) -> &[String] {
        let found = self.0.iter().find(|(name, _)| *name == table);
        found.map_or(&[], |(_, names)| names)
    }

    /// The table that a number under this key points into.
    fn table(key: &str, around: &str) -> Option<&'static str> {
        Some(match (key, around) {
            ("Global" | "input", _) => "globals",
            ("Secret", _) => "secrets",
            ("kind", _) => "kinds",
            ("service", _) | ("id", "Service") => "services",
            ("Environment" | "environment", _) => "environments",
            ("Infrastructure" | "infrastructures" | "at", _) => "infrastructures",
            ("workflow", _) => "workflows",
            ("action", _) => "actions",
            ("pipeline", _) => "pipelines",
            _ => return None,
        })
    }

    /// A value without positions and types, and with names instead of indices.
    fn clean(&self, value: &Value, key: &str) -> Value {
        self.cleaned(value, key, "")
    }

    fn cleaned(&self, value: &Value, key: &str, around: &str) -> Value {
        match value {
            Value::Object(entries) => {
                let kept = entries.iter().filter(|(key, _)| {
                    !matches!(key.as_str(), "span" | "s" | "ty" | "result" | "sources")
                });
                let kept =
                    kept.map(|(inner, value)| (inner.clone(), self.cleaned(value, inner, key)));
                Value::Object(kept.collect())
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.cleaned(item, key, around));
                Value::Array(items.collect())
            }
            Value::Number(number) => {
                let names = Self::table(key, around).map(|table| self.names(table));
                let place = number.as_u64().map(|place| place as usize);
                match names.zip(place).and_then(|(names, place)| names.get(place)) {
                    Some(name) => Value::from(name.clone()),
                    None => value.clone(),
                }
            }
            other => other.clone(),
        }
    }
}

/// The declarations that a part refers to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => entries.values().for_each(|it| references(it, found)),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::String(text) if text.starts_with(REFERENCE_MARKER) => found.push(text.clone()),
        _ => {}
    }
}

/// A declaration without the values in it that are never read; the others are numbered in the order
/// of their first use.
fn body(mut body: Value) -> Value {
    // A value that is only read by an unread value is not read either.
    loop {
        let mut read = BTreeSet::new();
        slots_read(&body, &mut read);
        let mut changed = false;
        body = without_unread(body, &read, &mut changed);
        if !changed {
            return number(body, &mut HashMap::new());
        }
    }
}

fn slots_read(value: &Value, found: &mut BTreeSet<u64>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value.as_u64()) {
                    ("Local", Some(slot)) => drop(found.insert(slot)),
                    _ => slots_read(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| slots_read(item, found)),
        _ => {}
    }
}

fn without_unread(value: Value, read: &BTreeSet<u64>, changed: &mut bool) -> Value {
    let unread = |stmt: &Value| {
        let bind = stmt.get("bind").and_then(Value::as_u64);
        bind.is_some_and(|slot| !read.contains(&slot))
    };
    let is_let = |stmt: &Value| stmt.pointer("/kind/Let").is_some() && stmt.get(MAY_FAIL).is_none();
    match value {
        Value::Object(mut entries) => {
            let bind = entries.get("bind").and_then(Value::as_u64);
            let is_let = entries
                .get("kind")
                .is_some_and(|kind| kind.get("Let").is_some());
            if !is_let && bind.is_some_and(|slot| !read.contains(&slot)) {
                entries.remove("bind");
                *changed = true;
            }
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| (key, without_unread(value, read, changed)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => {
            let count = items.len();
            let kept = items
                .into_iter()
                .filter(|item| !(is_let(item) && unread(item)));
            let kept: Vec<Value> = kept.collect();
            *changed |= kept.len() != count;
            let kept = kept
                .into_iter()
                .map(|item| without_unread(item, read, changed));
            Value::Array(kept.collect())
        }
        other => other,
    }
}

fn number(value: Value, places: &mut HashMap<u64, usize>) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let slot = value.as_u64();
                match (key.as_str(), slot) {
                    ("Local" | "bind" | "slot", Some(slot)) => {
                        let next = places.len();
                        (key, Value::from(*places.entry(slot).or_insert(next)))
                    }
                    _ => (key, number(value, places)),
                }
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| number(item, places)).collect())
        }
        other => other,
    }
}
