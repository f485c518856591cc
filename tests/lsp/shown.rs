//! Answers of the server in readable form.

use std::path::Path;

use serde_json::Value;

/// An answer as text: ranges as `1:2-3:4` from 1, URIs without the folder of the test.
pub fn shown(value: &Value, folder: &Path, legend: &Value) -> String {
    let mut text = String::new();
    write(&compact(value, folder, legend), 0, &mut text);
    text
}

fn place(value: &Value) -> Option<String> {
    let (line, character) = (
        value.get("line")?.as_u64()?,
        value.get("character")?.as_u64()?,
    );
    Some(format!("{}:{}", line + 1, character + 1))
}

fn compact(value: &Value, folder: &Path, legend: &Value) -> Value {
    if let Some(place) = place(value) {
        return Value::String(place);
    }
    if let (Some(start), Some(end)) = (value.get("start"), value.get("end"))
        && let (Some(start), Some(end)) = (place(start), place(end))
    {
        return Value::String(format!("{start}-{end}"));
    }
    if let Some(data) = value.get("data").and_then(Value::as_array)
        && data.iter().all(Value::is_number)
    {
        let mut shown = tokens(data, legend);
        // For a delta the position matters, too.
        if let (Some(gone), Some(list)) = (value.get("deleteCount"), shown.as_array_mut()) {
            let place = format!("at number {}, in place of {gone}:", value["start"]);
            list.insert(0, Value::String(place));
        }
        return shown;
    }
    match value {
        Value::String(text) => {
            let own = format!("file://{}/", folder.display());
            let text = text.replace(&format!("{own}cache/lockstep/"), "library:");
            let text = text
                .replace(&own, "")
                .replace(env!("CARGO_PKG_VERSION"), "VERSION");
            Value::String(text)
        }
        Value::Array(items) => items
            .iter()
            .map(|item| compact(item, folder, legend))
            .collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let name = compact(&Value::String(name.clone()), folder, legend);
                let name = name.as_str().unwrap_or_default().to_owned();
                (name, compact(value, folder, legend))
            });
            let mut fields: Vec<(String, Value)> = fields.collect();
            if fields.iter().all(|(name, _)| name.ends_with(".deploy")) {
                // The order of files is not defined.
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
            Value::Object(fields.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// Semantic tokens: the position, the length, the type and the modifiers of each.
fn tokens(data: &[Value], legend: &Value) -> Value {
    let (mut line, mut column) = (0, 0);
    let numbers: Vec<u64> = data.iter().filter_map(Value::as_u64).collect();
    let shown = numbers.chunks(5).map(|token| {
        let [lines, columns, length, ty, bits] = token else {
            return Value::String(String::from("broken"));
        };
        line += lines;
        column = if *lines == 0 {
            column + columns
        } else {
            *columns
        };
        let ty = legend["tokenTypes"][*ty as usize].as_str().unwrap_or("?");
        let names = legend["tokenModifiers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let names = names
            .iter()
            .enumerate()
            .filter(|(at, _)| bits & (1 << at) != 0);
        let names: Vec<&str> = names.filter_map(|(_, name)| name.as_str()).collect();
        let text = format!(
            "{}:{} +{length} {ty} {}",
            line + 1,
            column + 1,
            names.join(" ")
        );
        Value::String(text.trim_end().to_owned())
    });
    shown.collect()
}

/// Fields on lines of their own; a list of short values on one line each.
fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        text.push_str(&format!("{indent}{name}:\n"));
                        write(value, depth + 1, text);
                    }
                    Value::Array(items)
                        if items.iter().any(|it| it.is_object() || it.is_string()) =>
                    {
                        text.push_str(&format!("{indent}{name}:\n"));
                        write(value, depth + 1, text);
                    }
                    Value::String(long) if long.contains('\n') => {
                        text.push_str(&format!("{indent}{name}: |\n"));
                        for line in long.lines() {
                            text.push_str(format!("{indent}  {line}").trim_end());
                            text.push('\n');
                        }
                    }
                    Value::String(short) => text.push_str(&format!("{indent}{name}: {short}\n")),
                    other => text.push_str(&format!("{indent}{name}: {other}\n")),
                }
            }
        }
        Value::Array(items) if items.is_empty() => text.push_str(&format!("{indent}[]\n")),
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                write(item, depth + 1, &mut inner);
                let inner = inner.trim_start();
                text.push_str(&format!("{indent}- {inner}"));
            }
        }
        Value::String(short) => text.push_str(&format!("{indent}{short}\n")),
        other => text.push_str(&format!("{indent}{other}\n")),
    }
}
