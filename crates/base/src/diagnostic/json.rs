//! Diagnostics as JSON for tools, and [`LocationJson`], the source location that all
//! machine-readable formats share. Invariant: fields are only ever added, never renamed or removed.

use serde::Serialize;

use super::{Diagnostic, Severity};
use crate::source::{Sources, Span};

/// The version of the form, which changes when a field changes its meaning.
const VERSION: u32 = 1;

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PositionJson {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where something is, in the terms of tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationJson {
    /// The file, as a person would write it.
    pub file: String,
    /// The line of its first character, from 1.
    pub line: usize,
    /// The column of its first character, from 1.
    pub column: usize,
    /// One past its last character.
    pub end: PositionJson,
    /// The same as byte offsets in the file: the first byte, and one past the last.
    pub bytes: [u32; 2],
}

impl LocationJson {
    /// The place of a span; `None` where its file is not there.
    pub fn of(span: Span, sources: &Sources) -> Option<Self> {
        let source = sources.get(span.file)?;
        let (line, column) = source.line_column(span.start);
        let (end_line, end_column) = source.line_column(span.end.max(span.start));
        Some(Self {
            file: source.name.to_string(),
            line,
            column,
            end: PositionJson {
                line: end_line,
                column: end_column,
            },
            bytes: [span.start, span.end.max(span.start)],
        })
    }
}

#[derive(Serialize)]
struct ReportJson<'a> {
    version: u32,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

#[derive(Serialize)]
struct DiagnosticJson<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    #[serde(flatten)]
    place: Option<LocationJson>,
    labels: Vec<TextJson<'a>>,
    help: Option<&'a str>,
    fixes: Vec<EditJson<'a>>,
}

#[derive(Serialize)]
struct TextJson<'a> {
    #[serde(flatten)]
    place: LocationJson,
    text: &'a str,
}

#[derive(Serialize)]
struct EditJson<'a> {
    title: &'a str,
    edits: Vec<TextJson<'a>>,
}

/// All diagnostics as one JSON object, on several lines.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let report = ReportJson {
        version: VERSION,
        errors,
        warnings: diagnostics.len() - errors,
        diagnostics: diagnostics
            .iter()
            .map(|diagnostic| entry(diagnostic, sources))
            .collect(),
    };
    pretty(&report)
}

fn entry<'a>(diagnostic: &'a Diagnostic, sources: &Sources) -> DiagnosticJson<'a> {
    let text = |span: Span, text: &'a str| {
        LocationJson::of(span, sources).map(|place| TextJson { place, text })
    };
    DiagnosticJson {
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity,
        message: &diagnostic.message,
        place: diagnostic
            .span()
            .and_then(|span| LocationJson::of(span, sources)),
        labels: diagnostic
            .labels
            .iter()
            .filter_map(|label| text(label.span, &label.text))
            .collect(),
        help: diagnostic.help.as_deref(),
        fixes: diagnostic
            .fixes
            .iter()
            .map(|fix| EditJson {
                title: &fix.title,
                edits: fix
                    .edits
                    .iter()
                    .filter_map(|(span, with)| text(*span, with))
                    .collect(),
            })
            .collect(),
    }
}

/// Any of our own structures as indented JSON with a final line end.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // Our structures have neither maps with other keys than texts nor failing serializers.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
