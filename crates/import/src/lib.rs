//! Pipelines of other tools, read and written as Lockstep files: [`harness`] and [`github`].
//! Nothing is lost silently: every key of a file is used, left out on purpose with a note, or
//! reported.
//! Invariants: no file is read or written here, and what is written passes `lockstep check`.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod declared;
mod finish;
mod foreign;
mod github;
mod harness;
mod notes;
mod program;
mod script;
mod shell;
mod value;
mod words;
mod yaml;

pub use notes::{Note, NoteKind, SourceFile};

use notes::Notes;
use yaml::Node;

/// What an import gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A formatted `.deploy` text, or nothing where a file is unreadable.
    pub text: String,
    /// The report, in the order of the files and their lines.
    pub notes: Vec<Note>,
}

impl Imported {
    /// Whether a file could not be read, so that nothing was imported.
    ///
    /// ```
    /// use lockstep_import::{SourceFile, harness};
    ///
    /// let file = SourceFile { path: "a.yaml".into(), text: "a: [".into() };
    /// assert!(harness(&[file]).is_unreadable());
    /// ```
    pub fn is_unreadable(&self) -> bool {
        self.notes
            .iter()
            .any(|note| note.kind == NoteKind::Unreadable)
    }

    fn unreadable(notes: Notes) -> Self {
        Self {
            text: String::new(),
            notes: notes.into_sorted(),
        }
    }
}

/// The documents of all files; `None`, with notes, where one cannot be read.
fn read_all(files: &[SourceFile], notes: &Notes) -> Option<Vec<Node>> {
    let mut documents = Vec::new();
    let mut good = true;
    for (place, file) in files.iter().enumerate() {
        match yaml::read(place, &file.text) {
            Ok(found) => documents.extend(found),
            Err(wrong) => {
                let texts = ["the file", wrong.message.as_str(), wrong.advice];
                let at = (wrong.line, wrong.column);
                notes.add_at(NoteKind::Unreadable, place, at, texts);
                good = false;
            }
        }
    }
    good.then_some(documents)
}

/// Imports a pipeline of Harness NextGen: the file of the pipeline, and those of the services,
/// environments, infrastructures, environment groups, input sets and templates that belong to it.
///
/// ```
/// use lockstep_import::{SourceFile, harness};
///
/// let text = "
/// pipeline:
///   identifier: hello
///   stages:
///     - stage:
///         identifier: greet
///         type: Custom
///         spec:
///           execution:
///             steps:
///               - step:
///                   identifier: say
///                   type: ShellScript
///                   spec: { source: { type: Inline, spec: { script: echo hello } } }
/// ";
/// let imported = harness(&[SourceFile { path: "hello.yaml".into(), text: text.into() }]);
/// assert!(imported.text.contains("run 'echo hello'"));
/// ```
pub fn harness(files: &[SourceFile]) -> Imported {
    harness::import(files)
}

/// Imports a workflow of GitHub Actions: its file, and those of the reusable workflows that it
/// calls.
///
/// ```
/// use lockstep_import::{SourceFile, github};
///
/// let text = "
/// on: workflow_dispatch
/// jobs:
///   greet:
///     runs-on: ubuntu-latest
///     steps:
///       - run: echo hello
/// ";
/// let imported = github(&[SourceFile { path: "hello.yaml".into(), text: text.into() }]);
/// assert!(imported.text.contains("run 'echo hello'"));
/// ```
pub fn github(files: &[SourceFile]) -> Imported {
    github::import(files)
}
