//! YAML as nodes that know where they stand and whether anybody has looked at them. Invariant: what
//! an importer has not looked at is found by [`Node::unused`], so that nothing is lost silently.

use std::cell::Cell;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// How deep lists and mappings may be nested.
const MAX_DEPTH: usize = 60;

/// How long a file may be.
const MAX_BYTES: usize = 1 << 20;

/// A value of a YAML file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) file: usize,
    pub(crate) line: u32,
    pub(crate) column: u32,
    used: Cell<bool>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A scalar; `plain` where it is not quoted, so that `true` is no text.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What is told of each node that nobody has looked at: its path, its place, and the node.
pub(crate) type Found<'f> = dyn FnMut(String, (u32, u32), &Node) + 'f;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadError {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) message: String,
    pub(crate) advice: &'static str,
}

impl Node {
    pub(crate) fn scalar(text: &str, place: &Self) -> Self {
        let value = Value::Scalar {
            text: text.into(),
            plain: true,
        };
        place.with_value(value)
    }

    /// A node at the same place with another value.
    pub(crate) fn with_value(&self, value: Value) -> Self {
        Self {
            value,
            file: self.file,
            line: self.line,
            column: self.column,
            used: Cell::new(false),
        }
    }

    fn mark(&self) {
        self.used.set(true);
    }

    /// The value of a key of a mapping, which counts as looked at only when its own value is read.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        self.mark();
        let found = entries.iter().find(|(it, _)| it.text == key);
        found.map(|(_, value)| value)
    }

    /// The value of the first of these keys, one below the other.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a key, if it is a scalar that is not empty.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text().filter(|text| !text.is_empty())
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => {
                self.mark();
                Some(text)
            }
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text of a scalar, without looking at it.
    pub(crate) fn peek(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether a scalar says true.
    pub(crate) fn is_true(&self) -> bool {
        self.text() == Some("true")
    }

    /// The bool of a key, if it is one.
    pub(crate) fn flag_of(&self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        match node.peek() {
            Some("true") => Some(node.is_true()),
            Some("false") => Some(node.is_true()),
            _ => None,
        }
    }

    /// Whether nothing is written there.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain } => *plain && matches!(text.as_str(), "" | "~" | "null"),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        }
    }

    /// The elements of a list; of nothing, none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => {
                self.mark();
                items
            }
            Value::Scalar { .. } if self.is_empty() => {
                self.mark();
                &[]
            }
            Value::Scalar { .. } | Value::Map(_) => &[],
        }
    }

    /// The elements of the list of a key.
    pub(crate) fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// A list, or a scalar as a list of one.
    pub(crate) fn one_or_many(&self) -> &[Self] {
        match &self.value {
            Value::Scalar { .. } if !self.is_empty() => std::slice::from_ref(self),
            _ => self.items(),
        }
    }

    /// The entries of a mapping.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => {
                self.mark();
                entries
            }
            Value::Scalar { .. } if self.is_empty() => {
                self.mark();
                &[]
            }
            Value::Scalar { .. } | Value::List(_) => &[],
        }
    }

    /// Whether it has a key, without looking at it.
    pub(crate) fn has(&self, key: &str) -> bool {
        match &self.value {
            Value::Map(entries) => entries.iter().any(|(it, _)| it.text == key),
            Value::Scalar { .. } | Value::List(_) => false,
        }
    }

    /// Counts all of it as looked at.
    pub(crate) fn skip(&self) {
        self.mark();
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(Self::skip),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| value.skip()),
        }
    }

    /// Counts nothing of it as looked at.
    pub(crate) fn forget(&self) {
        self.used.set(false);
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(Self::forget),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| value.forget()),
        }
    }

    /// Visits what nobody has looked at, by its path, and counts it as looked at: the outermost
    /// nodes only.
    pub(crate) fn unused(&self, path: &str, found: &mut Found<'_>) {
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    let path = format!("{path}[{place}]");
                    item.unused_here(&path, (item.line, item.column), found);
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    let path = match path {
                        "" => key.text.clone(),
                        path => format!("{path}.{}", key.text),
                    };
                    value.unused_here(&path, (key.line, key.column), found);
                }
            }
        }
    }

    fn unused_here(&self, path: &str, place: (u32, u32), found: &mut Found<'_>) {
        if self.used.get() {
            self.unused(path, found);
            return;
        }
        self.skip();
        found(path.to_string(), place, self);
    }
}

/// A list or a mapping that is not complete.
struct Open {
    node: Node,
    key: Option<Key>,
}

struct Builder {
    file: usize,
    open: Vec<Open>,
    documents: Vec<Node>,
}

fn error(span: Span, message: &str, advice: &'static str) -> ReadError {
    ReadError {
        line: span.start.line() as u32,
        column: span.start.col() as u32 + 1,
        message: message.into(),
        advice,
    }
}

impl Builder {
    fn node(&self, span: Span, value: Value) -> Node {
        Node {
            value,
            file: self.file,
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            used: Cell::new(false),
        }
    }

    fn begin(&mut self, span: Span, value: Value) -> Result<(), ReadError> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} lists and mappings in each other");
            return Err(error(span, &message, "no pipeline is nested like that"));
        }
        let node = self.node(span, value);
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn add(&mut self, span: Span, node: Node) -> Result<(), ReadError> {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.push(node),
            Value::Map(entries) => match (open.key.take(), node.value) {
                (Some(key), value) => entries.push((key, Node { value, ..node })),
                (None, Value::Scalar { text, .. }) => {
                    if entries.iter().any(|(key, _)| key.text == text) {
                        let message = format!("the key `{text}` stands here twice");
                        return Err(error(span, &message, "remove one of them"));
                    }
                    open.key = Some(Key {
                        text,
                        line: node.line,
                        column: node.column,
                    });
                }
                (None, Value::List(_) | Value::Map(_)) => {
                    return Err(error(
                        span,
                        "a key that is no text",
                        "write a text as the key",
                    ));
                }
            },
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), ReadError> {
        match self.open.pop() {
            Some(open) => self.add(span, open.node),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ReadError> {
        const WRITE_OUT: &str = "write the value out at each place";
        match event {
            Event::Alias(_) => Err(error(span, "an alias (`*`) is not read", WRITE_OUT)),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                Err(error(span, "an anchor (`&`) is not read", WRITE_OUT))
            }
            Event::Scalar(text, style, _, _) => {
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                let node = self.node(span, value);
                self.add(span, node)
            }
            Event::SequenceStart(..) => self.begin(span, Value::List(Vec::new())),
            Event::MappingStart(..) => self.begin(span, Value::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }
}

/// Reads the documents of a file.
pub(crate) fn read(file: usize, text: &str) -> Result<Vec<Node>, ReadError> {
    if text.len() > MAX_BYTES {
        return Err(ReadError {
            line: 1,
            column: 1,
            message: format!("the file is larger than {} MiB", MAX_BYTES >> 20),
            advice: "give the files of the pipeline alone",
        });
    }
    let mut builder = Builder {
        file,
        open: Vec::new(),
        documents: Vec::new(),
    };
    // A tab is refused by YAML, and a mark at the beginning is no part of the text.
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(wrong) => {
                return Err(ReadError {
                    line: wrong.marker().line() as u32,
                    column: wrong.marker().col() as u32 + 1,
                    message: format!("this is no YAML: {}", wrong.info()),
                    advice: "correct the file",
                });
            }
        }
    }
    Ok(builder.documents)
}
