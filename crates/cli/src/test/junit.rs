//! Test results as JUnit XML, for CI systems.

use std::fmt::Write;

use super::TestResult;
use super::refused::Refusal;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::render::{RenderStyle, clean, render};
use lockstep_verify::testing::TestVerdict;

/// All tests: a suite for each file.
pub(super) fn junit(done: &[TestResult<'_>], took_ms: u128) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"lockstep\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        done.len(),
        done.iter().filter(|one| is_failure(&one.verdict)).count(),
        done.iter().filter(|one| is_error(&one.verdict)).count(),
        seconds(took_ms),
    );
    for suite in done.chunk_by(|one, next| std::ptr::eq(one.suite, next.suite)) {
        write_suite(&mut text, suite);
    }
    text.push_str("</testsuites>\n");
    text
}

/// Why no test was run: a suite for each file, with one test that has an error.
pub(super) fn refused(refusals: &[Refusal]) -> String {
    let all = refusals.len();
    let counts = |all| format!("tests=\"{all}\" failures=\"0\" errors=\"{all}\" time=\"0.000\"");
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"lockstep\" {}>", counts(all));
    for refusal in refusals {
        let file = escape(refusal.file.as_deref().unwrap_or("lockstep test"));
        let _ = writeln!(text, "  <testsuite name=\"{file}\" {}>", counts(1));
        let place = match &refusal.file {
            Some(_) => format!(" file=\"{file}\""),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "    <testcase name=\"the tests can be run\" classname=\"{file}\"{place} \
             time=\"0.000\">"
        );
        let whole = render(&refusal.diagnostics, &refusal.sources, RenderStyle::PLAIN);
        write_finding(&mut text, "error", &refusal.diagnostics, whole.trim_end());
        text.push_str("    </testcase>\n  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// What was found, as one element: many readers expect at most one for each test.
fn write_finding<'d>(
    text: &mut String,
    word: &str,
    found: impl IntoIterator<Item = &'d Diagnostic, IntoIter: ExactSizeIterator>,
    whole: &str,
) {
    let mut found = found.into_iter();
    let more = match found.len() {
        0 | 1 => String::new(),
        all => format!(", and {} more", all - 1),
    };
    let first = found.next();
    let _ = writeln!(
        text,
        "      <{word} type=\"{}\" message=\"{}{more}\">{}</{word}>",
        first.map_or("", |it| it.code.as_str()),
        first.map_or_else(String::new, |it| escape(&it.message)),
        escape(whole),
    );
}

fn write_suite(text: &mut String, suite: &[TestResult<'_>]) {
    let Some(first) = suite.first() else { return };
    let file = escape(&first.suite.opened.path);
    let _ = writeln!(
        text,
        "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        suite.len(),
        suite.iter().filter(|one| is_failure(&one.verdict)).count(),
        suite.iter().filter(|one| is_error(&one.verdict)).count(),
        seconds(suite.iter().map(|one| one.took_ms).sum()),
    );
    for one in suite {
        write_case(text, one, &file);
    }
    text.push_str("  </testsuite>\n");
}

fn write_case(text: &mut String, one: &TestResult<'_>, file: &str) {
    let verdict = &one.verdict;
    let source = one.suite.program.sources.get(verdict.span.file);
    let line = source.map_or(0, |source| source.line_column(verdict.span.start).0);
    let _ = write!(
        text,
        "    <testcase name=\"{}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\" \
         time=\"{}\"",
        escape(&verdict.name),
        seconds(one.took_ms),
    );
    if verdict.passes() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    let word = match is_error(verdict) {
        true => "error",
        false => "failure",
    };
    let whole = |finding| super::text::whole(finding, one, RenderStyle::PLAIN);
    let all: Vec<String> = verdict.findings.iter().map(whole).collect();
    let all: Vec<&str> = all.iter().map(|text| text.trim_end()).collect();
    let found = verdict.findings.iter().map(|finding| &finding.diagnostic);
    write_finding(text, word, found, &all.join("\n\n"));
    text.push_str("    </testcase>\n");
}

/// Whether a test ran and found something.
fn is_failure(verdict: &TestVerdict) -> bool {
    !verdict.passes() && !is_error(verdict)
}

/// Whether a test could not even be run.
fn is_error(verdict: &TestVerdict) -> bool {
    !verdict.passes() && verdict.schedules == 0
}

fn seconds(ms: u128) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text between tags or in quotes. Characters that XML cannot represent, or that would not be seen,
/// are shown as what they are.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in clean(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}
