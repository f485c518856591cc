//! Test results for people: a line for each test, its failures below it, counts at the end.

use std::fmt::Write;

use super::{TestResult, timeline};
use crate::arguments::Test;
use lockstep_base::diagnostic::render::{Ink, RenderStyle, clean, render};
use lockstep_verify::testing::{FailingSchedule, TestFinding, TestVerdict};

/// The column of the number of schedules.
const SCHEDULES_COLUMN: usize = 64;

/// The line above the tests of a file, where there are several files.
pub(super) fn file(path: &str, first: bool) -> String {
    let gap = if first { "" } else { "\n" };
    format!("{gap}{}\n", clean(path))
}

/// A test, and its failures.
pub(super) fn one(done: &TestResult<'_>, arguments: &Test, style: RenderStyle) -> String {
    let verdict = &done.verdict;
    let (mark, ink) = match (verdict.passes(), style.unicode) {
        (true, true) => ("✓", Ink::Good),
        (true, false) => ("ok", Ink::Good),
        (false, true) => ("✗", Ink::Error),
        (false, false) => ("FAIL", Ink::Error),
    };
    let name = clean(&verdict.name);
    let gap = SCHEDULES_COLUMN
        .saturating_sub(name.chars().count() + 3)
        .max(2);
    let said = style.paint(Ink::Dim, &schedules(verdict));
    let gap = if said.is_empty() { 0 } else { gap };
    let mark = style.paint(ink, mark);
    let mut text = format!("{mark} {name}{}{said}\n", " ".repeat(gap));
    let mut shown: Option<&FailingSchedule> = None;
    for finding in &verdict.findings {
        text.push('\n');
        text.push_str(&diagnostic(finding, done, style));
        let same = |last: &FailingSchedule, next: &FailingSchedule| {
            (last.seed, &last.events) == (next.seed, &next.events)
        };
        if let Some(schedule) = &finding.schedule
            && !shown.is_some_and(|last| same(last, schedule))
        {
            text.push_str(&timeline::timeline(schedule, verdict, style));
            text.push_str(&rerun_command(schedule, done, arguments, style));
            shown = Some(schedule);
        }
    }
    if let Some(stray) = &verdict.unexpected {
        let word = style.paint(Ink::Error, "error");
        let said = clean(&stray.to_string());
        text += &format!("\n{word}: a run deviated from its plan: {said}\n");
        text += "  This is a bug in lockstep, not in the file: please report it with the file.\n";
    }
    if !verdict.passes() {
        text.push('\n');
    }
    text
}

/// `100 schedules`, `all 6 schedules`; nothing where it did not run.
fn schedules(verdict: &TestVerdict) -> String {
    match (verdict.schedules, verdict.all) {
        (0, _) => String::new(),
        (1, true) => String::from("the only schedule"),
        (1, false) => String::from("1 schedule"),
        (count, true) => format!("all {count} schedules"),
        (count, false) => format!("{count} schedules"),
    }
}

/// A failure, and a schedule in which it occurs.
pub(super) fn whole(finding: &TestFinding, done: &TestResult<'_>, style: RenderStyle) -> String {
    let mut text = diagnostic(finding, done, style);
    if let Some(schedule) = &finding.schedule {
        text.push_str(&timeline::timeline(schedule, &done.verdict, style));
    }
    text
}

fn diagnostic(finding: &TestFinding, done: &TestResult<'_>, style: RenderStyle) -> String {
    let sources = &done.suite.program.sources;
    let text = render(std::slice::from_ref(&finding.diagnostic), sources, style);
    // A single error needs no count.
    let text = text
        .rsplit_once("\n\n")
        .map_or(text.as_str(), |(text, _)| text);
    format!("{text}\n")
}

/// The command that runs the failing schedule alone.
fn rerun_command(
    schedule: &FailingSchedule,
    done: &TestResult<'_>,
    arguments: &Test,
    style: RenderStyle,
) -> String {
    let quoted = |text: &str| match text
        .chars()
        .all(|it| it.is_alphanumeric() || "._-/".contains(it))
    {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    let path = quoted(&done.suite.opened.path);
    let mut line = format!(
        "lockstep test {path} --filter {}",
        quoted(&done.verdict.name)
    );
    match (schedule.seed, arguments.schedules) {
        (Some(seed), _) => {
            let _ = write!(line, " --seed {seed} --schedules 1");
        }
        (None, Some(schedules)) => {
            let _ = write!(line, " --schedules {schedules}");
        }
        (None, None) => {}
    }
    let line = style.paint(Ink::Bold, &clean(&line));
    format!("\nagain: {line}\n")
}

/// `3 passed, 1 failed in 0.4s`
pub(super) fn counts(done: &[TestResult<'_>], took_ms: u128, style: RenderStyle) -> String {
    let failed = done.iter().filter(|one| !one.verdict.passes()).count();
    let passed = done.len() - failed;
    let took = format!("{}.{}s", took_ms / 1000, took_ms % 1000 / 100);
    let good = format!("{passed} passed");
    let bad = format!("{failed} failed");
    let said = match (passed, failed) {
        (_, 0) => style.paint(Ink::Good, &good),
        (0, _) => style.paint(Ink::Error, &bad),
        _ => format!("{}, {}", style.paint(Ink::Error, &bad), good),
    };
    // A failure ends with an empty line already.
    let gap = match done.last() {
        Some(last) if last.verdict.passes() => "\n",
        _ => "",
    };
    format!("{gap}{said} in {took}\n")
}
