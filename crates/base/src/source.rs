//! Source texts and positions in them: file ids, byte spans, line and column numbers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A short, shared text: a name, a path, a message.
pub type Name = Arc<str>;

/// A file in a [`Sources`] table.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FileId(pub u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            file,
            start: clamp(start),
            end: clamp(end),
        }
    }

    /// The empty range at the start of `file`, for what has no text of its own.
    pub fn start_of(file: FileId) -> Self {
        Self {
            file,
            start: 0,
            end: 0,
        }
    }

    /// The smallest range that holds both; the file is this one's.
    pub fn to(self, other: Span) -> Self {
        Self {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The bytes as a range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether no byte is in it.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}..{}", self.file.0, self.start, self.end)
    }
}

/// One source text with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as a person would write it (`./hooks.deploy`, `std/health`).
    pub name: Name,
    /// The text.
    pub text: Arc<str>,
    /// The byte offset of each line's start.
    #[serde(skip)]
    lines: std::sync::OnceLock<Vec<u32>>,
}

impl Source {
    /// A source named `name`.
    pub fn new(name: impl Into<Name>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            lines: std::sync::OnceLock::new(),
        }
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let breaks = self
                .text
                .bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at as u32 + 1))
                .collect()
        })
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.lines().partition_point(|start| *start <= offset);
        let start = self
            .lines()
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0) as usize;
        let upto = (offset as usize).min(self.text.len());
        let column = self
            .text
            .get(start..upto)
            .map_or(0, |text| text.chars().count());
        (line.max(1), column + 1)
    }
}

/// All source texts of one compilation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text and returns its id.
    pub fn add(&mut self, name: impl Into<Name>, text: impl Into<Arc<str>>) -> FileId {
        self.0.push(Source::new(name, text));
        FileId(self.0.len() as u32 - 1)
    }

    /// The source with this id.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// All sources with their ids, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.0
            .iter()
            .enumerate()
            .map(|(at, source)| (FileId(at as u32), source))
    }

    /// The text under a span; empty where the span does not fit its file.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file)
            .and_then(|source| source.text.get(span.range()))
            .unwrap_or("")
    }

    /// `name:line:column` of a span's start.
    pub fn place(&self, span: Span) -> String {
        let Some(source) = self.get(span.file) else {
            return String::from("?");
        };
        let (line, column) = source.line_column(span.start);
        format!("{}:{line}:{column}", source.name)
    }
}
