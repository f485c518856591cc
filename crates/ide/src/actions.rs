//! Code actions: changes that an editor can offer at a place, quick fixes and refactorings.

mod create;
mod extract;
mod fields;
mod imports;

use super::checked_file::CheckedFile;
pub(crate) use imports::import;
pub use imports::{Export, Exporter, exports};
use lockstep_base::diagnostic::{Diagnostic, Severity, codes};
use lockstep_base::source::{FileId, Span};

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// A quick fix.
    Fix,
    /// A refactoring.
    Extract,
}

/// A change that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its title.
    pub title: String,
    /// What it is for.
    pub kind: ActionKind,
    /// The texts to put in place of the spans.
    pub edits: Vec<(Span, String)>,
    /// The index of the diagnostic that it fixes.
    pub diagnostic: Option<usize>,
    /// Whether it is very probably the right one.
    pub preferred: bool,
}

/// The actions for a range of a file, and for its diagnostics at one of the spans `about`.
/// `diagnostics` are all known ones of the file, including those of other tools than the compiler;
/// `exporters` are the files that names can be imported from. A refactoring is only to be offered
/// where [`is_right`] says so.
pub fn actions(
    checked: &CheckedFile,
    file: FileId,
    range: std::ops::Range<u32>,
    about: &[std::ops::Range<u32>],
    diagnostics: &[Diagnostic],
    exporters: &[Exporter],
) -> Vec<Action> {
    let mut found: Vec<Action> = Vec::new();
    for (place, diagnostic) in diagnostics.iter().enumerate() {
        let Some(span) = diagnostic.span() else {
            continue;
        };
        let touched = span.start <= range.end && range.start <= span.end;
        let meant_by = about.contains(&(span.start..span.end));
        if span.file != file || !(touched || meant_by) {
            continue;
        }
        let mut own = fixes(diagnostic);
        if diagnostic.code == codes::MISSING_FIELD {
            own.extend(fields::missing(checked, span));
        }
        if diagnostic.code == codes::UNKNOWN {
            let name = checked.text(span);
            own.extend(imports::missing(checked, file, name, exporters));
            own.extend(create::workflow(checked, file, span));
        }
        for mut action in own {
            action.diagnostic = Some(place);
            if !found.iter().any(|other| other.edits == action.edits) {
                found.push(action);
            }
        }
    }
    found.extend(extract::workflow(checked, file, range));
    found
}

/// Whether a refactoring of `before` leads to `after` without a new error. What was compared before
/// the statements, for example, is not known in a workflow of their own.
pub fn is_right(before: &CheckedFile, after: &CheckedFile) -> bool {
    errors(after) <= errors(before)
}

fn errors(checked: &CheckedFile) -> usize {
    let all = checked.diagnostics().iter();
    all.filter(|it| it.severity == Severity::Error).count()
}

impl Action {
    /// A text after the change.
    pub fn apply(&self, text: &str) -> String {
        let mut edits: Vec<_> = self.edits.iter().collect();
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut after = String::with_capacity(text.len());
        let mut at = 0;
        for (span, new) in edits {
            after.push_str(text.get(at..span.start as usize).unwrap_or_default());
            after.push_str(new);
            at = span.end as usize;
        }
        after.push_str(text.get(at..).unwrap_or_default());
        after
    }
}

/// A quick fix.
fn fix(title: impl Into<String>, edits: Vec<(Span, String)>) -> Action {
    Action {
        title: title.into(),
        kind: ActionKind::Fix,
        edits,
        diagnostic: None,
        preferred: false,
    }
}

fn fixes(diagnostic: &Diagnostic) -> Vec<Action> {
    let only = diagnostic.fixes.len() == 1;
    let fixes = diagnostic.fixes.iter();
    fixes
        .map(|it| Action {
            preferred: only,
            ..fix(it.title.clone(), it.edits.clone())
        })
        .collect()
}
