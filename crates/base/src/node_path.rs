//! Paths of nodes: `release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify`. They
//! are written and read here and nowhere else.
//!
//! A path is its parts with `/` between them. A part is a name, the values that tell nodes of one
//! statement apart in brackets, and numbers for what would still be the same. A character of a
//! value that would be read as something else is percent-encoded, so two different lists of parts
//! are never the same text, and a path is split without looking into it.

use std::borrow::{Borrow, Cow};
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::source::Name;

/// The words that the cells of a loop or matrix are called by.
const LOOP_WORDS: [&str; 3] = ["serial", "parallel", "matrix"];

/// What stands beside a node's own body, and is a part of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerPart {
    /// What takes it back.
    Undo,
    /// What handles its failure.
    OnFailure,
    /// What runs in any case.
    Always,
    /// What looks while it runs.
    Watch,
    /// What is done between the batches of a loop.
    Between,
}

impl HandlerPart {
    /// All of them. A statement with the name of one has a number, so that it is none.
    pub const ALL: [Self; 5] = [
        Self::Undo,
        Self::OnFailure,
        Self::Always,
        Self::Watch,
        Self::Between,
    ];

    /// What it is called in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::OnFailure => "on-failure",
            Self::Always => "always",
            Self::Watch => "watch",
            Self::Between => "between",
        }
    }
}

/// A value that takes more than this is written as its beginning and a hash, in bytes: a path is
/// handed to commands as a variable, and a variable has a maximum length.
const MAX_VALUE_BYTES: usize = 1_000;

/// How much of such a value is written, in characters.
const KEPT_CHARS: usize = 40;

/// How much of a value people are shown, in characters.
const SHOWN_CHARS: usize = 40;

/// What a secret in a value is shown as.
pub const MASK: &str = "***";

/// The path of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePath(Name);

impl NodePath {
    /// The path of a pipeline.
    pub fn root(pipeline: &str) -> Self {
        Self(Arc::from(pipeline))
    }

    /// A path as it was stored, or as somebody gave it. Every text is one.
    pub fn read(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The path of a node in this one.
    #[must_use]
    pub fn child(&self, part: &PathPart<'_>) -> Self {
        let room = self.0.len() + part.name.len() + 24 * part.values.len() + 4;
        let mut text = String::with_capacity(room);
        text.push_str(&self.0);
        text.push('/');
        part.write(&mut text);
        Self(Arc::from(text))
    }

    /// The path of what handles a failure of this node, or takes it back.
    #[must_use]
    pub fn handler(&self, part: HandlerPart) -> Self {
        self.child(&PathPart::named(part.as_str(), 1))
    }

    /// A pattern for the paths of all cells of a loop or matrix in this node.
    #[must_use]
    pub fn any_cell(&self, word: &str, number: u32) -> Self {
        let cells = self.child(&PathPart::named(word, number));
        Self(Arc::from(format!("{cells}[*]")))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its text, shared.
    pub fn to_name(&self) -> Name {
        self.0.clone()
    }
}

impl Deref for NodePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for NodePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for NodePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodePath {
    fn from(text: &str) -> Self {
        Self::read(text)
    }
}

impl From<String> for NodePath {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl From<Name> for NodePath {
    fn from(text: Name) -> Self {
        Self(text)
    }
}

impl PartialEq<str> for NodePath {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for NodePath {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

/// The last part of a path: `deploy[checkout, prod.eu]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPart<'a> {
    /// The name of what stands there, or its keyword.
    pub name: Cow<'a, str>,
    /// Which of the statements with this name beside each other it is, from 1.
    pub number: u32,
    /// The values in brackets, as they are.
    pub values: Vec<Cow<'a, str>>,
    /// For a cell, which of the cells with these values it is, from 1.
    pub cell: Option<u32>,
}

impl<'a> PathPart<'a> {
    /// A part without values.
    pub fn named(name: &'a str, number: u32) -> Self {
        Self::with_values(name, Vec::new(), number)
    }

    /// A part that values tell apart.
    pub fn with_values(name: &'a str, values: Vec<Cow<'a, str>>, number: u32) -> Self {
        Self {
            name: Cow::Borrowed(name),
            number,
            values,
            cell: None,
        }
    }

    /// A cell of the loop or matrix with this number.
    pub fn cell(word: &'a str, number: u32, values: Vec<Cow<'a, str>>, cell: u32) -> Self {
        Self {
            name: Cow::Borrowed(word),
            number,
            values,
            cell: Some(cell),
        }
    }

    /// Takes a part of a path to pieces. What is not a part has a name only.
    pub fn read(text: &'a str) -> Self {
        let brackets = text.find('[').zip(text.rfind(']'));
        let Some((open, close)) = brackets.filter(|(open, close)| open < close) else {
            return match numbered(text) {
                (name, Some(number)) => Self::named(name, number),
                (name, None) => Self::named(name, 1),
            };
        };
        let (before, inside) = (&text[..open], &text[open + 1..close]);
        let behind = text.get(close + 1..).unwrap_or_default();
        let values = inside.split(", ").map(unescaped).collect();
        let last = match behind {
            "" => Some(1),
            behind => behind.strip_prefix('#').and_then(|it| it.parse().ok()),
        };
        match (numbered(before), last) {
            ((word, number), Some(cell)) if LOOP_WORDS.contains(&word) => {
                Self::cell(word, number.unwrap_or(1), values, cell)
            }
            ((_, None), Some(number)) => Self::with_values(before, values, number),
            ((_, _), _) => Self::named(text, 1),
        }
    }

    /// The text of the part.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.name.len() + 24 * self.values.len());
        self.write(&mut text);
        text
    }

    /// The part for people: long values are cut.
    pub fn shown(&self, ellipsis: &str) -> String {
        let values = self.values.iter().map(|value| shortened(value, ellipsis));
        let part = PathPart {
            name: Cow::Borrowed(&self.name),
            number: self.number,
            values: values.collect(),
            cell: self.cell,
        };
        part.text()
    }

    /// The values for people, and the cell's number, but not what goes without saying.
    pub fn shown_values(&self, ellipsis: &str, is_implied: impl Fn(&str) -> bool) -> Vec<String> {
        let written = |value: &str| {
            let mut text = String::new();
            write_value(value, &mut text);
            text
        };
        let values = self.values.iter().filter(|value| !is_implied(value));
        let values = values.map(|value| written(&shortened(value, ellipsis)));
        let number = self.cell.map(|_| self.ordinal());
        values.chain(number.filter(|it| !it.is_empty())).collect()
    }

    /// What is behind the values.
    pub fn ordinal(&self) -> String {
        match self.cell.unwrap_or(self.number) {
            0 | 1 => String::new(),
            number => format!("#{number}"),
        }
    }

    /// Service and infrastructure, if the part is a deployment.
    pub fn deployment(&self) -> Option<(&str, &str)> {
        match (&*self.name, self.values.as_slice()) {
            ("deploy", [service, target]) => Some((service, target)),
            _ => None,
        }
    }

    /// Appends the text of the part.
    pub fn write(&self, out: &mut String) {
        out.push_str(&self.name);
        if self.cell.is_some() {
            write_number(self.number, out);
        }
        for (at, value) in self.values.iter().enumerate() {
            out.push_str(if at == 0 { "[" } else { ", " });
            write_value(value, out);
        }
        if !self.values.is_empty() {
            out.push(']');
        }
        write_number(self.cell.unwrap_or(self.number), out);
    }
}

fn write_number(number: u32, out: &mut String) {
    if number > 1 {
        // Writing to a text does not fail.
        let _ = write!(out, "#{number}");
    }
}

/// A name and the number behind it.
fn numbered(text: &str) -> (&str, Option<u32>) {
    let number = text.split_once('#').and_then(|(name, number)| {
        let number: u32 = number.parse().ok()?;
        (number > 1).then_some((name, number))
    });
    match number {
        Some((name, number)) => (name, Some(number)),
        None => (text, None),
    }
}

/// Appends a value so that it is read as one value.
fn write_value(value: &str, out: &mut String) {
    let start = out.len();
    write_escaped(value, out);
    if out.len() - start > MAX_VALUE_BYTES {
        out.truncate(start);
        let kept = value.char_indices().nth(KEPT_CHARS);
        write_escaped(&value[..kept.map_or(value.len(), |(end, _)| end)], out);
        let _ = write!(out, "…{:032x}", hash(value));
    }
}

fn write_escaped(value: &str, out: &mut String) {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && !b"/[],*%".contains(&byte);
    if value.bytes().all(plain) {
        out.push_str(value);
        return;
    }
    // What stands for a secret is no pattern, and is shown as it is.
    for (at, between) in value.split(MASK).enumerate() {
        if at > 0 {
            out.push_str(MASK);
        }
        for c in between.chars() {
            match is_escaped(c) {
                false => out.push(c),
                true => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(out, "%{byte:02X}");
                    }
                }
            }
        }
    }
}

/// What is percent-encoded: what splits a path, and whatever would not be seen as what it is.
fn is_escaped(c: char) -> bool {
    matches!(
        c,
        '/' | '[' | ']' | ',' | '*' | '%' | '\u{2028}' | '\u{2029}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{61c}'
    ) || c.is_control()
}

/// A value as it was before it was written.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = behind
            .get(..2)
            .filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(b'%');
                rest = behind;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    match String::from_utf8(bytes) {
        Ok(value) => Cow::Owned(value),
        Err(_) => Cow::Borrowed(text),
    }
}

/// A value for people, who see its beginning.
fn shortened<'v>(value: &'v str, ellipsis: &str) -> Cow<'v, str> {
    match value.char_indices().nth(SHOWN_CHARS) {
        None => Cow::Borrowed(value),
        Some(_) => {
            let kept = value.char_indices().nth(SHOWN_CHARS - 1);
            let end = kept.map_or(value.len(), |(end, _)| end);
            Cow::Owned(format!("{}{ellipsis}", &value[..end]))
        }
    }
}

/// FNV-1a with 128 bits: it stays the same for all versions of the program.
pub fn hash(text: &str) -> u128 {
    let start = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    text.bytes().fold(start, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    })
}

/// The parts of a path.
pub fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/')
}

/// A path for people, or some of its parts: long values are cut.
pub fn shown(path: &str, ellipsis: &str) -> String {
    let all: Vec<String> = parts(path)
        .map(|part| match part.len() > SHOWN_CHARS {
            true => PathPart::read(part).shown(ellipsis),
            false => part.to_owned(),
        })
        .collect();
    all.join("/")
}

/// The path around a path.
pub fn parent(path: &str) -> Option<&str> {
    Some(path.rsplit_once('/')?.0)
}

/// The last part of a path.
pub fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// The paths above this one, the nearest first.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

/// What a path has below another; nothing where it does not lie below it.
pub fn below<'p>(path: &'p str, above: &str) -> Option<&'p str> {
    path.strip_prefix(above)?.strip_prefix('/')
}

/// Whether a path is another one or lies below it.
pub fn is_in(path: &str, above: &str) -> bool {
    path == above || below(path, above).is_some()
}

/// Whether a path lies in what a statement runs: below its own path or, where it is a loop, in one
/// of its cells, whose paths begin with it (`p/serial`, `p/serial[h1]/run`).
pub fn is_inside_statement(path: &str, statement: &str) -> bool {
    let is_loop = || LOOP_WORDS.contains(&numbered(last(statement)).0);
    path.strip_prefix(statement)
        .is_some_and(|rest| rest.starts_with('/') || (rest.starts_with('[') && is_loop()))
}

/// The path of something in a node, by the parts that lead there from it.
pub fn join(above: &str, parts: &str) -> String {
    format!("{above}/{parts}")
}

/// What a part of a path is called without its values, so that all nodes of one statement are
/// called the same, and those of two statements beside each other are not. The text is used to
/// work in.
pub fn statement<'t>(part: &'t str, room: &'t mut String) -> &'t str {
    let brackets = part.find('[').zip(part.rfind(']'));
    let Some((open, close)) = brackets.filter(|(open, close)| open < close) else {
        return part;
    };
    let (before, behind) = (&part[..open], part.get(close + 1..).unwrap_or_default());
    room.clear();
    room.push_str(before);
    match LOOP_WORDS.contains(&numbered(before).0) {
        true => room.push_str("[]"),
        false => room.push_str(behind),
    }
    room
}

/// What [`statement`] makes of the nodes of a statement with this name and number, which may be the
/// cells of a loop or matrix.
pub fn statement_name(name: &str, number: u32, are_cells: bool) -> String {
    let mut text = PathPart::named(name, number).text();
    if are_cells {
        text.push_str("[]");
    }
    text
}

/// A part of a path without the number behind its values.
pub fn without_number(part: &str) -> &str {
    match part.rsplit_once("]#") {
        Some((before, number)) if number.parse::<u32>().is_ok() => &part[..=before.len()],
        Some(_) | None => part,
    }
}

/// Whether a part of a path is that of a handler or a rollback.
pub fn is_handler(part: &str) -> bool {
    // Nearly all parts begin otherwise.
    part.starts_with(['u', 'o', 'a', 'w', 'b'])
        && HandlerPart::ALL.iter().any(|it| it.as_str() == part)
}

/// Whether a path lies in a handler or in a rollback, or is one.
pub fn is_in_handler(path: &str) -> bool {
    parts(path).skip(1).any(is_handler)
}

/// Service and infrastructure of the deployment that the path names or lies in.
pub fn deployment(path: &str) -> Option<(String, String)> {
    parts(path).find_map(|part| {
        let part = PathPart::read(part);
        let (service, target) = part.deployment()?;
        Some((service.to_owned(), target.to_owned()))
    })
}

/// A path, or a pattern for paths, as a person types it: a `/` in brackets belongs to a value.
pub fn typed(text: &str) -> Cow<'_, str> {
    let parts = typed_ranges(text);
    if parts.len() == text.split('/').count() {
        return Cow::Borrowed(text);
    }
    let parts = parts.into_iter().filter_map(|part| text.get(part));
    let parts: Vec<String> = parts.map(|part| part.replace('/', "%2F")).collect();
    Cow::Owned(parts.join("/"))
}

/// Where the parts of a path or a pattern stand that a person has typed, as ranges of its bytes.
///
/// ```
/// use lockstep_base::node_path::typed_ranges;
///
/// let text = "**/deploy[a/b, prod.eu]/run";
/// let parts: Vec<&str> = typed_ranges(text).into_iter().map(|part| &text[part]).collect();
/// assert_eq!(parts, ["**", "deploy[a/b, prod.eu]", "run"]);
/// ```
pub fn typed_ranges(text: &str) -> Vec<std::ops::Range<usize>> {
    let last = text.rfind(']');
    let mut depth = 0_usize;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 || last.is_none_or(|last| last < at) => {
                found.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(start..text.len());
    found
}

#[cfg(test)]
mod tests;
