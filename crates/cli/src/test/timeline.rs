//! The events of a failing schedule, line by line and in plain words.

use std::fmt::Write;

use lockstep_base::diagnostic::render::{Ink, RenderStyle, clean};
use lockstep_base::node_path::{PathPart, last};
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status, WaitReason, WindowOf};
use lockstep_verify::testing::{FailingSchedule, TestVerdict};
use lockstep_view::{Style, path};

/// The widest column of names.
const MAX_NAME_COLUMNS: usize = 44;

/// A line: when, who, what, and how it is highlighted.
struct TimelineLine {
    at: i64,
    who: String,
    what: String,
    ink: Option<Ink>,
}

/// The events of the schedule, with a line above that says how frequent such schedules are.
pub(super) fn timeline(
    schedule: &FailingSchedule,
    verdict: &TestVerdict,
    style: RenderStyle,
) -> String {
    let (failing, all) = (schedule.failing, verdict.schedules);
    let seed = schedule.seed.filter(|_| all > 1 || !verdict.all);
    let seed = seed.map_or_else(String::new, |seed| format!(" with seed {seed}"));
    let common = match failing {
        _ if all == 1 => String::new(),
        failing if failing == all => format!(", as in all {all} schedules"),
        failing => format!(", as in {failing} of {all} schedules"),
    };
    let mut text = format!("\nwhat happened{seed}{common}:\n");
    let lines: Vec<TimelineLine> = schedule
        .events
        .iter()
        .filter_map(|it| line(it, style))
        .collect();
    let timed = lines.iter().any(|line| line.at > 0);
    let widths = lines.iter().map(|line| line.who.chars().count());
    let width = widths.max().unwrap_or(0).min(MAX_NAME_COLUMNS);
    for line in lines {
        let stamp = match timed {
            true => style.paint(Ink::Dim, &format!("{:>8}  ", stamp(line.at))),
            false => String::new(),
        };
        let gap = " ".repeat(width.saturating_sub(line.who.chars().count()));
        let what = match line.ink {
            Some(ink) => style.paint(ink, &line.what),
            None => line.what,
        };
        let _ = writeln!(text, "  {stamp}{}{gap}  {what}", line.who);
    }
    if schedule.left_out > 0 {
        let _ = writeln!(text, "  and {} more", schedule.left_out);
    }
    text
}

fn line(event: &RunEvent, style: RenderStyle) -> Option<TimelineLine> {
    let (node, what, ink) = match &event.what {
        RunEventKind::NodeStarted {
            node, kind, text, ..
        } => {
            let what = match (text, kind) {
                (Some(text), NodeKind::Run) => format!("starts `{}`", short(text)),
                (Some(text), NodeKind::Log) => format!("says {}", short(text)),
                (_, NodeKind::Barrier) => {
                    let part = PathPart::read(last(node));
                    format!("arrives last at barrier {}", part.values.join(", "))
                }
                _ => String::from("starts"),
            };
            (node, what, None)
        }
        RunEventKind::NodeWaiting { node, waiting, .. } => (node, waits(waiting), Some(Ink::Dim)),
        RunEventKind::NodeFinished {
            node,
            status,
            failure,
            ..
        } => {
            let mut what = ends(*status).to_string();
            if let Some(failure) = failure {
                let name = label(&failure.node, style);
                if failure.node == *node {
                    what += &format!(": {}", failure.message);
                } else if name != label(node, style) {
                    what += &format!(" because {name} failed");
                } else if *status == Status::Failed {
                    // Its only part has the same name, and its failure is the line before.
                    return None;
                }
            }
            let ink = match status {
                Status::Succeeded => Some(Ink::Good),
                Status::Skipped => Some(Ink::Dim),
                Status::Failed | Status::RollbackFailed | Status::Cancelled => Some(Ink::Error),
                _ => Some(Ink::Warning),
            };
            (node, what, ink)
        }
        _ => return None,
    };
    Some(TimelineLine {
        at: event.at.as_millisecond() - START_MS,
        who: clean(&label(node, style)),
        what: clean(&what).replace('\n', " "),
        ink,
    })
}

/// The beginning of virtual time.
const START_MS: i64 = lockstep_verify::testing::START_MS;

fn label(node: &str, style: RenderStyle) -> String {
    let style = Style {
        unicode: style.unicode,
        ..Style::default()
    };
    path::label(node, style)
}

fn ends(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "ends well",
        Status::Ignored => "fails, which is ignored",
        Status::Failed => "fails",
        Status::Skipped => "is skipped",
        Status::Cancelled => "is cancelled",
        Status::Superseded => "is superseded",
        Status::RollingBack => "rolls back",
        Status::RolledBack => "is rolled back",
        Status::RollbackFailed => "could not be rolled back",
        Status::Pending | Status::Queued | Status::Waiting | Status::Running => "is still running",
    }
}

fn waits(waiting: &WaitReason) -> String {
    match waiting {
        WaitReason::Barrier {
            name,
            arrived,
            expected,
        } => {
            format!("waits at barrier {name}, {arrived} of {expected}")
        }
        WaitReason::Queue { name, .. } => format!("waits in queue {name}"),
        WaitReason::Lock { names, .. } => format!("waits for the lock of {}", names.join(", ")),
        WaitReason::Window { windows, .. } => format!("waits for {}", WindowOf::list(windows)),
        WaitReason::Retry { attempt, of, .. } => format!(
            "waits for retry {} of {}",
            attempt.saturating_sub(1),
            of.saturating_sub(1)
        ),
        WaitReason::Time { .. } => String::from("waits"),
        WaitReason::Approval { question, .. } => format!("asks: {question}"),
    }
}

/// The first line of a text, shortened.
fn short(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let shortened: String = first.chars().take(48).collect();
    match shortened.len() < first.len() || lines.next().is_some() {
        true => format!("{shortened} …"),
        false => shortened,
    }
}

/// A moment of virtual time: `0:07`, `1:02:03`.
fn stamp(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
