//! Test results as JSON. Fields are only ever added, never renamed or removed.

use serde::Serialize;

use super::TestResult;
use super::refused::Refusal;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{Sources, Span};
use lockstep_engine::run_event::RunEvent;
use lockstep_verify::testing::TestFinding;

/// The version of the format, which changes when a field changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct TestReportJson<'a> {
    version: u32,
    passed: usize,
    failed: usize,
    tests: Vec<TestJson<'a>>,
    /// Why no test was run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct TestJson<'a> {
    file: &'a str,
    name: &'a str,
    line: usize,
    column: usize,
    passed: bool,
    schedules: u32,
    all: bool,
    took_ms: u64,
    findings: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    code: &'static str,
    message: &'a str,
    place: Option<TestLocationJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleJson<'a>>,
}

#[derive(Serialize)]
struct TestLocationJson {
    file: String,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct ScheduleJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    failing: u32,
    events: &'a [RunEvent],
    left_out: usize,
}

/// All tests.
pub(super) fn json(done: &[TestResult<'_>]) -> String {
    let tests: Vec<TestJson<'_>> = done.iter().map(entry).collect();
    let failed = tests.iter().filter(|test| !test.passed).count();
    let report = TestReportJson {
        version: VERSION,
        passed: tests.len() - failed,
        failed,
        tests,
        errors: Vec::new(),
    };
    text(&report)
}

/// Why no test was run.
pub(super) fn refused(refusals: &[Refusal]) -> String {
    let errors = refusals.iter().flat_map(|refusal| {
        let all = refusal.diagnostics.iter();
        all.map(|mistake| error(mistake, &refusal.sources))
    });
    text(&TestReportJson {
        version: VERSION,
        passed: 0,
        failed: 0,
        tests: Vec::new(),
        errors: errors.collect(),
    })
}

fn text(report: &TestReportJson<'_>) -> String {
    // Numbers and texts can always be serialized.
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    format!("{text}\n")
}

fn entry<'a>(done: &'a TestResult<'_>) -> TestJson<'a> {
    let verdict = &done.verdict;
    let place = place(&done.suite.program.sources, verdict.span);
    TestJson {
        file: &done.suite.opened.path,
        name: &verdict.name,
        line: place.as_ref().map_or(0, |place| place.line),
        column: place.as_ref().map_or(0, |place| place.column),
        passed: verdict.passes(),
        schedules: verdict.schedules,
        all: verdict.all,
        took_ms: u64::try_from(done.took_ms).unwrap_or(u64::MAX),
        findings: verdict.findings.iter().map(|it| found(done, it)).collect(),
    }
}

fn found<'a>(done: &TestResult<'_>, finding: &'a TestFinding) -> FindingJson<'a> {
    FindingJson {
        schedule: finding.schedule.as_ref().map(|schedule| ScheduleJson {
            seed: schedule.seed,
            failing: schedule.failing,
            events: &schedule.events,
            left_out: schedule.left_out,
        }),
        ..error(&finding.diagnostic, &done.suite.program.sources)
    }
}

fn error<'a>(diagnostic: &'a Diagnostic, sources: &Sources) -> FindingJson<'a> {
    let label = diagnostic.labels.first().map(|label| label.text.as_str());
    FindingJson {
        code: diagnostic.code.as_str(),
        message: &diagnostic.message,
        place: diagnostic.span().and_then(|span| place(sources, span)),
        label: label.filter(|text| !text.is_empty()),
        help: diagnostic.help.as_deref(),
        schedule: None,
    }
}

fn place(sources: &Sources, span: Span) -> Option<TestLocationJson> {
    let source = sources.get(span.file)?;
    let (line, column) = source.line_column(span.start);
    let file = source.name.to_string();
    Some(TestLocationJson { file, line, column })
}
