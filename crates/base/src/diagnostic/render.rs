//! Renders diagnostics as text for people: a header, source excerpts with labels, and help. Must
//! not inspect the terminal or the environment: the caller decides about colour.

mod excerpt;
mod style;

use std::fmt::Write;

use indexmap::IndexMap;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};

use super::{Diagnostic, Label, Severity};
use crate::source::{FileId, Sources};
use excerpt::{Excerpt, fit};
pub use style::{Ink, RenderStyle, clean, clean_line};

/// How many diagnostics of one file are shown.
const MAX_SHOWN_PER_FILE: usize = 50;

/// All diagnostics, and a last line that counts them. Empty where there are none.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: RenderStyle) -> String {
    let mut out = String::new();
    if diagnostics.is_empty() {
        return out;
    }
    let mut excerpts: Excerpts = Excerpts::new();
    let mut counts: IndexMap<Option<FileId>, usize> = IndexMap::new();
    for diagnostic in diagnostics {
        let count = counts
            .entry(diagnostic.span().map(|span| span.file))
            .or_default();
        *count += 1;
        if *count <= MAX_SHOWN_PER_FILE {
            for label in &diagnostic.labels {
                if let Some(source) = sources.get(label.span.file) {
                    let file = excerpts.entry(label.span.file);
                    file.or_insert_with(|| Excerpt::new(source));
                }
            }
            out.push_str(&render_one(diagnostic, &excerpts, style));
            out.push('\n');
        }
    }
    for (file, count) in counts {
        let name = file
            .and_then(|file| sources.get(file))
            .map(|source| &source.name);
        if let Some(more) = count
            .checked_sub(MAX_SHOWN_PER_FILE)
            .filter(|more| *more > 0)
        {
            let place = name.map_or_else(String::new, |name| format!(" in {}", clean(name)));
            let _ = writeln!(out, "and {more} more{place}");
        }
    }
    let _ = writeln!(out, "{}", style.paint(Ink::Bold, &summary(diagnostics)));
    out
}

/// `3 errors, 1 warning`; `nothing to report` where there is none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let warnings = diagnostics.len() - errors;
    let counted = |count: usize, word: &str| {
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    };
    let parts: Vec<String> = [counted(errors, "error"), counted(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        String::from("nothing to report")
    } else {
        parts.join(", ")
    }
}

/// The texts that are pointed at, each made safe to show once.
type Excerpts<'a> = IndexMap<FileId, Excerpt<'a>>;

/// One diagnostic: the header, one snippet for each file that it points into, and the help.
fn render_one(diagnostic: &Diagnostic, excerpts: &Excerpts<'_>, style: RenderStyle) -> String {
    let mut out = header(diagnostic, style);
    let mut files: IndexMap<FileId, Vec<(bool, &Label)>> = IndexMap::new();
    for (at, label) in diagnostic.labels.iter().enumerate() {
        files
            .entry(label.span.file)
            .or_default()
            .push((at == 0, label));
    }
    for (file, labels) in files {
        if let Some(excerpt) = excerpts.get(&file) {
            out.push_str(&snippet(excerpt, &labels, diagnostic.severity, style));
        }
    }
    if let Some(help) = diagnostic.remedy() {
        out.push_str(&report(
            &MietteReport::of_help(clean(help)),
            style,
            Vec::new(),
        ));
    }
    out
}

/// `error[E0203]: what is wrong`; further lines of the message are indented.
fn header(diagnostic: &Diagnostic, style: RenderStyle) -> String {
    let (word, ink) = match diagnostic.severity {
        Severity::Error => ("error", Ink::Error),
        Severity::Warning => ("warning", Ink::Warning),
    };
    let kind = style.paint(ink, &format!("{word}[{}]", diagnostic.code));
    let mut out = String::new();
    for (at, line) in clean(&diagnostic.message).lines().enumerate() {
        let line = line.trim_end();
        let _ = match at {
            0 => writeln!(out, "{kind}: {}", style.paint(Ink::Bold, line)),
            _ => writeln!(out, "  {line}"),
        };
    }
    out
}

/// The lines of one file that labels point at, with the labels drawn below them.
fn snippet(
    excerpt: &Excerpt<'_>,
    labels: &[(bool, &Label)],
    severity: Severity,
    style: RenderStyle,
) -> String {
    let mut spans = Vec::new();
    for (primary, label) in labels {
        let Some(range) = fit(excerpt.text(), label.span.range()) else {
            continue;
        };
        let text = (!label.text.is_empty()).then(|| clean(&label.text));
        spans.push(match primary {
            true => LabeledSpan::new_primary_with_span(text, range),
            false => LabeledSpan::new_with_span(text, range),
        });
    }
    if spans.is_empty() {
        return format!("  at {}\n", clean(excerpt.name()));
    }
    // The handler wants them in the order of their places, and takes the colours so.
    spans.sort_by_key(LabeledSpan::offset);
    let mut groups: Vec<Vec<LabeledSpan>> = Vec::new();
    for span in spans {
        match groups.last_mut() {
            Some(group) if is_near(excerpt, group, &span) => group.push(span),
            _ => groups.push(vec![span]),
        }
    }
    // The primary place comes first, wherever it stands.
    groups.sort_by_key(|group| !group.iter().any(LabeledSpan::primary));
    groups.into_iter().fold(String::new(), |out, spans| {
        let inks = spans.iter().map(|span| (span.primary(), severity));
        let inks = inks.collect();
        out + &report(&MietteReport::of_snippet(excerpt, spans), style, inks)
    })
}

/// Whether a place is drawn together with the ones before it.
fn is_near(excerpt: &Excerpt<'_>, group: &[LabeledSpan], next: &LabeledSpan) -> bool {
    let ends = group.iter().map(|span| span.offset() + span.len());
    let last = excerpt.line(ends.max().unwrap_or_default());
    excerpt.line(next.offset()) <= last + 3
}

/// What the handler draws, without its first line, which would hold a message.
fn report(report: &MietteReport<'_>, style: RenderStyle, inks: Vec<(bool, Severity)>) -> String {
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(theme(style, &inks))
        .with_width(style.width.max(40))
        .with_links(false)
        .with_break_words(false)
        .without_syntax_highlighting();
    // Writing to a string only fails where a place does not fit its text, and `fit` sees to that.
    let _ = handler.render_report(&mut drawn, report);
    let lines = drawn.lines().skip(1).map(str::trim_end);
    lines.fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}

fn theme(style: RenderStyle, inks: &[(bool, Severity)]) -> GraphicalTheme {
    let characters = match style.unicode {
        true => ThemeCharacters::unicode(),
        false => ThemeCharacters::ascii(),
    };
    let mut styles = match style.color {
        true => ThemeStyles::ansi(),
        false => ThemeStyles::none(),
    };
    styles.link = styles.linum;
    if !inks.is_empty() {
        styles.highlights = inks
            .iter()
            .map(|ink| match ink {
                (true, Severity::Error) => styles.error,
                (true, Severity::Warning) => styles.warning,
                (false, _) => styles.advice,
            })
            .collect();
    }
    GraphicalTheme { characters, styles }
}

/// One snippet or one help text, in the form that the handler wants.
#[derive(Debug)]
struct MietteReport<'a> {
    excerpt: Option<&'a Excerpt<'a>>,
    spans: Vec<LabeledSpan>,
    help: Option<String>,
}

impl<'a> MietteReport<'a> {
    fn of_snippet(excerpt: &'a Excerpt<'a>, spans: Vec<LabeledSpan>) -> Self {
        Self {
            excerpt: Some(excerpt),
            spans,
            help: None,
        }
    }

    fn of_help(help: String) -> Self {
        Self {
            excerpt: None,
            spans: Vec::new(),
            help: Some(help),
        }
    }
}

impl std::fmt::Display for MietteReport<'_> {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for MietteReport<'_> {}

impl miette::Diagnostic for MietteReport<'_> {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.excerpt.map(|excerpt| excerpt as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.spans.iter().cloned()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }
}

#[cfg(test)]
mod tests;
