//! Titles of the parts of a plan, and the remarks about them.

use lockstep_outline::{ItemKind, ItemWindow, Outline};

use super::view::ViewNode;
use crate::style::{Style, StyledLine, Tone};
use crate::{phrases, text};

/// At most so many infrastructures are named in one line.
const MAX_NAMED_INFRASTRUCTURES: usize = 4;

/// The title of a part.
pub(super) fn title(node: &ViewNode<'_>, outline: &Outline, style: Style) -> StyledLine {
    let mut line = StyledLine::new();
    if let Some(group) = &node.group {
        line.add(Tone::Plain, format!("{group}: "));
    }
    let label = node.label.as_str();
    let word = node.kind.as_str();
    let both = format!("{word} {label}");
    match node.kind {
        ItemKind::Stage => line.add(Tone::Bold, both),
        ItemKind::Axis | ItemKind::Cell => line.add(Tone::Plain, label),
        ItemKind::If if label.starts_with("else") => line.add(Tone::Plain, label),
        ItemKind::Approve => line.add(Tone::Warn, both),
        ItemKind::OnFailure if !label.is_empty() => line.add(Tone::Dim, format!("{word}({label})")),
        ItemKind::Undo | ItemKind::OnFailure | ItemKind::Always | ItemKind::Between => {
            line.add(Tone::Dim, word)
        }
        ItemKind::Watch => line.add(Tone::Dim, both),
        ItemKind::Wave => {
            let cells = usize::try_from(node.cells.unwrap_or(0)).unwrap_or(usize::MAX);
            line.add(
                Tone::Plain,
                format!("wave of {}", phrases::count_text(cells, "cell")),
            )
        }
        ItemKind::Barrier => {
            line.add(Tone::Note, both);
            let meeting = node.meetings.first();
            match meeting.and_then(|at| outline.meetings.get(*at)) {
                Some(met) => {
                    let dash = style.dash();
                    let said = match met.strands {
                        _ if met.open => format!(" {dash} strands known while running meet"),
                        1 => format!(" {dash} opens at once"),
                        strands => format!(" {dash} {strands} strands meet"),
                    };
                    line.add(Tone::Dim, said)
                }
                None => &mut line,
            }
        }
        ItemKind::Deploy => {
            line.add(Tone::Plain, both);
            match node.deploy.and_then(|deploy| deploy.using.as_ref()) {
                Some(using) => line.add(Tone::Dim, format!(" using {}", text::clean(using))),
                None => &mut line,
            }
        }
        ItemKind::Serial
        | ItemKind::Parallel
        | ItemKind::Matrix
        | ItemKind::Step
        | ItemKind::Run
        | ItemKind::Send
        | ItemKind::Fetch
        | ItemKind::Workflow
        | ItemKind::Action
        | ItemKind::If
        | ItemKind::Lock
        | ItemKind::Wait
        | ItemKind::Verify
        | ItemKind::On
        | ItemKind::With
        | ItemKind::Log
        | ItemKind::Fail => line.add(Tone::Plain, both.trim_end()),
    };
    line
}

/// `at most 2h`, `at least 5m` or `5m to 2h`
pub(super) fn times(shortest: u64, longest: Option<u64>) -> Option<String> {
    let text = |ms: u64| phrases::span(i64::try_from(ms).unwrap_or(i64::MAX));
    match (shortest, longest) {
        (0, None | Some(0)) => None,
        (0, Some(longest)) => Some(format!("at most {}", text(longest))),
        (shortest, None) => Some(format!("at least {}", text(shortest))),
        (shortest, Some(longest)) if shortest >= longest => Some(text(longest)),
        (shortest, Some(longest)) => Some(format!("{} to {}", text(shortest), text(longest))),
    }
}

/// `window office of prod (needs 21m)`
pub(super) fn window_notes(windows: &[ItemWindow]) -> Vec<String> {
    let note = |it: &ItemWindow| {
        let needs = it.needs_ms.map(|ms| {
            let needs = phrases::span(i64::try_from(ms).unwrap_or(i64::MAX));
            format!(" (needs {needs})")
        });
        let needs = needs.unwrap_or_default();
        let (window, of) = (text::clean(&it.window), text::clean(&it.of));
        format!("window {window} of {of}{needs}")
    };
    windows.iter().map(note).collect()
}

/// Remarks about a part.
pub(super) fn notes(node: &ViewNode<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(cells) = node.cells
        && !matches!(node.kind, ItemKind::Axis | ItemKind::Wave | ItemKind::Cell)
    {
        let cells = usize::try_from(cells).unwrap_or(usize::MAX);
        notes.push(phrases::count_text(cells, "cell"));
    }
    // What deployments do is listed below the tree, once for all that do the same.
    if node.kind != ItemKind::Deploy && !node.fold.is_empty() {
        notes.push(node.fold.clone());
    }
    if !node.locks.is_empty() {
        notes.push(format!("locks {}", names(node.locks)));
    }
    notes.extend(node.notes.iter().cloned());
    notes
}

/// `prod.eu, prod.us and 4 more`
pub(super) fn names(all: &[String]) -> String {
    let shown: Vec<_> = all
        .iter()
        .take(MAX_NAMED_INFRASTRUCTURES)
        .map(|it| text::clean(it))
        .collect();
    match all.len() - shown.len() {
        0 => shown.join(", "),
        1 => format!(
            "{}, {}",
            shown.join(", "),
            text::clean(&all[MAX_NAMED_INFRASTRUCTURES])
        ),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
