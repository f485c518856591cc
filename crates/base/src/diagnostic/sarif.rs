//! Diagnostics as SARIF 2.1.0, the static-analysis format that code hosts and editors show in the
//! source.

use indexmap::IndexSet;
use serde_json::{Value, json};

use super::json::{LocationJson, pretty};
use super::{Code, Diagnostic, Fix, Label, Severity};
use crate::source::{Sources, Span};

/// All diagnostics as one SARIF log with one run.
pub fn sarif(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let codes: IndexSet<Code> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            let rule = codes.get_index_of(&diagnostic.code);
            result(diagnostic, rule.unwrap_or_default(), sources)
        })
        .collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "lockstep",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(code: Code) -> Value {
    let page = code.page();
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.title() },
        "help": { "text": page, "markdown": page },
    })
}

fn result(diagnostic: &Diagnostic, rule: usize, sources: &Sources) -> Value {
    let mut text = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        text.push('\n');
        text.push_str(help);
    }
    let (primary, further) = match diagnostic.labels.split_first() {
        Some((first, rest)) => (location(first, sources), rest),
        None => (None, &[] as &[Label]),
    };
    let fixes = diagnostic.fixes.iter();
    json!({
        "ruleId": diagnostic.code.as_str(),
        "ruleIndex": rule,
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": { "text": text },
        "locations": Vec::from_iter(primary),
        "relatedLocations": further
            .iter()
            .filter_map(|label| location(label, sources))
            .collect::<Vec<_>>(),
        "fixes": fixes.map(|fix| change(fix, sources)).collect::<Vec<_>>(),
    })
}

fn location(label: &Label, sources: &Sources) -> Option<Value> {
    let place = LocationJson::of(label.span, sources)?;
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": region(&place),
        },
    });
    if !label.text.is_empty() {
        location["message"] = json!({ "text": label.text });
    }
    Some(location)
}

fn region(place: &LocationJson) -> Value {
    let [start, end] = place.bytes;
    json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end.line,
        "endColumn": place.end.column,
        "byteOffset": start,
        "byteLength": end - start,
    })
}

/// A fix with its edits gathered by file, as the format wants them.
fn change(fix: &Fix, sources: &Sources) -> Value {
    let mut files: Vec<(String, Vec<Value>)> = Vec::new();
    for (span, text) in &fix.edits {
        let Some((file, edit)) = replacement(*span, text, sources) else {
            continue;
        };
        match files.iter_mut().find(|(name, _)| *name == file) {
            Some((_, edits)) => edits.push(edit),
            None => files.push((file, vec![edit])),
        }
    }
    let changes = files
        .into_iter()
        .map(|(file, edits)| json!({ "artifactLocation": { "uri": file }, "replacements": edits }));
    json!({
        "description": { "text": fix.title },
        "artifactChanges": changes.collect::<Vec<_>>(),
    })
}

fn replacement(span: Span, text: &str, sources: &Sources) -> Option<(String, Value)> {
    let place = LocationJson::of(span, sources)?;
    let edit = json!({
        "deletedRegion": region(&place),
        "insertedContent": { "text": text },
    });
    Some((uri(&place.file), edit))
}

/// A path as a URI reference: what is not allowed there is written as `%XX`.
fn uri(path: &str) -> String {
    let mut out = String::new();
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("./a b/ü.deploy"), "a%20b/%C3%BC.deploy");
        assert_eq!(uri("/srv/a:b.deploy"), "file:///srv/a%3Ab.deploy");
        assert_eq!(uri("../hooks.deploy"), "../hooks.deploy");
    }
}
