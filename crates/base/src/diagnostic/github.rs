//! Diagnostics as workflow commands of GitHub Actions, which become annotations of a change.

use std::fmt::Write;

use super::json::LocationJson;
use super::{Diagnostic, Severity};
use crate::shown;
use crate::source::Sources;

/// One line for each diagnostic.
pub fn github(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let word = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = diagnostic.message.clone();
        if let Some(help) = diagnostic.remedy() {
            text.push('\n');
            text.push_str(help);
        }
        let place = diagnostic
            .span()
            .and_then(|span| LocationJson::of(span, sources));
        let _ = writeln!(
            out,
            "::{word} {}title={}::{}",
            place.as_ref().map(properties).unwrap_or_default(),
            property(diagnostic.code.as_str()),
            data(&text),
        );
    }
    out
}

fn properties(place: &LocationJson) -> String {
    let mut out = format!(
        "file={},line={},endLine={},",
        property(place.file.trim_start_matches("./")),
        place.line,
        place.end.line
    );
    let _ = match place.end.line == place.line {
        true => write!(out, "col={},endColumn={},", place.column, place.end.column),
        // An end column on another line would be taken for one on the first.
        false => write!(out, "col={},", place.column),
    };
    out
}

/// The text of a command.
fn data(text: &str) -> String {
    shown::lines(text)
        .replace("%", "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
