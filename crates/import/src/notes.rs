//! The report of an import: what was not carried over, what means something else now, and what was
//! left out on purpose, each with its place in the file it came from.

use std::cell::RefCell;

use crate::yaml::Node;

/// A file that is imported, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as it is shown in notes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What kind of note it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// A file could not be read; nothing was imported.
    Unreadable,
    /// Something has no counterpart here; a comment stands in its place.
    NotImported,
    /// The compiler or the proof refuses what something would be; a comment stands in its place.
    Refused,
    /// Something was carried over, but does not do exactly the same.
    Changed,
    /// Something was left out because nothing here needs it.
    Dropped,
}

impl NoteKind {
    /// The kind in the words of the report.
    ///
    /// ```
    /// assert_eq!(lockstep_import::NoteKind::Dropped.word(), "dropped");
    /// ```
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotImported => "not imported",
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Dropped => "dropped",
        }
    }
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What kind of note it is.
    pub kind: NoteKind,
    /// The path of the file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
    /// The column in it, from 1.
    pub column: u32,
    /// What it is about: a key or a value of the file.
    pub what: String,
    /// Why it is so.
    pub why: String,
    /// What to do about it; empty where there is nothing to do.
    pub advice: String,
}

/// Collects notes while files are imported.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    files: Vec<String>,
    list: RefCell<Vec<Note>>,
}

impl Notes {
    pub(crate) fn new(files: &[SourceFile]) -> Self {
        Self {
            files: files.iter().map(|file| file.path.clone()).collect(),
            list: RefCell::default(),
        }
    }

    /// Adds a note about a node.
    pub(crate) fn add(&self, kind: NoteKind, node: &Node, what: &str, why: &str, advice: &str) {
        self.add_at(
            kind,
            node.file,
            (node.line, node.column),
            [what, why, advice],
        );
    }

    /// Adds a note about a place.
    pub(crate) fn add_at(
        &self,
        kind: NoteKind,
        file: usize,
        (line, column): (u32, u32),
        [what, why, advice]: [&str; 3],
    ) {
        let note = Note {
            kind,
            file: self.files.get(file).cloned().unwrap_or_default(),
            line,
            column,
            what: one_line(what),
            why: why.into(),
            advice: advice.into(),
        };
        let mut list = self.list.borrow_mut();
        if !list.contains(&note) {
            list.push(note);
        }
    }

    /// All notes, in the order of the files and their lines.
    pub(crate) fn into_sorted(self) -> Vec<Note> {
        let order = |note: &Note| self.files.iter().position(|file| *file == note.file);
        let mut list = self.list.into_inner();
        list.sort_by_key(|note| (order(note), note.line, note.column, note.kind));
        list
    }
}

/// The beginning of a text, on one line.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|it| !it.is_control())
        .collect();
    match line.char_indices().nth(90) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
