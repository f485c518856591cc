//! A quick look over the bytes before the grammar reads them: where the comments are, where the
//! text may be cut into pieces, and whether every bracket and string is closed.
//! It does not know the language beyond its brackets, strings and comments.

/// How many brackets may stand inside each other.
pub(super) const MAX_NESTING: usize = 128;

/// A piece is cut off at the first good place after this many bytes.
const PIECE: usize = 1 << 15;

/// What the scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Where the comments are, from `#` to before the line end.
    pub(super) comments: Vec<(usize, usize)>,
    /// Where pieces begin that can be read on their own; the first is the start of the text.
    pub(super) cuts: Vec<usize>,
    /// The first bracket that is nested too deeply.
    pub(super) too_deep: Option<usize>,
    /// What is wrong, in order.
    pub(super) problems: Vec<Problem>,
}

/// Something that the grammar must not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// A string that is not closed on its line: its opening quote and the end of its text.
    OpenString(usize, usize),
    /// A `"""` that is never closed.
    OpenLongString(usize),
    /// Brackets that do not fit each other.
    Brackets,
}

/// An open bracket.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Its closing byte.
    close: u8,
    /// Where it stands; for an interpolation, where its string began.
    at: usize,
    /// What kind of string goes on after it, if it is an interpolation.
    string: Option<bool>,
}

struct Scanner<'t> {
    bytes: &'t [u8],
    found: Scan,
    open: Vec<Open>,
    /// How many of the open brackets are interpolations of strings on one line.
    lines: usize,
}

/// Looks over `text`.
pub(super) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        found: Scan::default(),
        open: Vec::new(),
        lines: 0,
    };
    scanner.found.cuts.push(0);
    scanner.all();
    scanner.found
}

impl Scanner<'_> {
    fn all(&mut self) {
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            at = match byte {
                b'"' => self.quote(at),
                b'#' => self.comment(at),
                b'(' => self.bracket(b')', at),
                b'[' => self.bracket(b']', at),
                b'{' => self.bracket(b'}', at),
                b')' | b']' | b'}' => self.close(*byte, at),
                b'\n' if self.lines > 0 => self.line_end(at),
                _ => at + 1,
            };
            if self.found.too_deep.is_some() {
                return;
            }
        }
        if let Some(open) = self.open.last() {
            let problem = match open.string {
                Some(true) => Problem::OpenLongString(open.at),
                Some(false) => Problem::OpenString(open.at, self.bytes.len()),
                None => Problem::Brackets,
            };
            self.found.problems.push(problem);
        }
    }

    fn push(&mut self, close: u8, at: usize, string: Option<bool>) {
        if self.open.len() >= MAX_NESTING {
            self.found.too_deep = Some(at);
        }
        self.lines += usize::from(string == Some(false));
        self.open.push(Open { close, at, string });
    }

    fn bracket(&mut self, close: u8, at: usize) -> usize {
        self.push(close, at, None);
        at + 1
    }

    fn close(&mut self, byte: u8, at: usize) -> usize {
        match self.open.last() {
            Some(open) if open.close == byte => {
                let open = *open;
                self.open.pop();
                if let Some(long) = open.string {
                    self.lines -= usize::from(!long);
                    return self.string(open.at, at + 1, long);
                }
                if self.open.is_empty() {
                    self.cut(at + 1);
                }
            }
            _ => self.found.problems.push(Problem::Brackets),
        }
        at + 1
    }

    fn comment(&mut self, at: usize) -> usize {
        let end = self.bytes[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |length| at + length);
        let trimmed = if end > at && self.bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        };
        self.found.comments.push((at, trimmed));
        end
    }

    fn quote(&mut self, at: usize) -> usize {
        let long = self.bytes[at..].starts_with(b"\"\"\"");
        self.string(at, at + if long { 3 } else { 1 }, long)
    }

    /// Reads on in a string that began at `start`, to its end or its next interpolation.
    fn string(&mut self, start: usize, mut at: usize, long: bool) -> usize {
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'"' if !long => return at + 1,
                b'"' if self.bytes[at..].starts_with(b"\"\"\"") => return at + 3,
                b'\n' if !long => break,
                b'\\' if long || !matches!(self.bytes.get(at + 1), Some(b'\n' | b'\r') | None) => {
                    at += 2
                }
                b'$' if self.bytes.get(at + 1) == Some(&b'{') => {
                    self.push(b'}', start, Some(long));
                    return at + 2;
                }
                _ => at += 1,
            }
        }
        let at = at.min(self.bytes.len());
        self.found.problems.push(if long {
            Problem::OpenLongString(start)
        } else {
            Problem::OpenString(start, at)
        });
        at
    }

    /// A line end in an interpolation: the string around it is never closed.
    fn line_end(&mut self, at: usize) -> usize {
        let Some(place) = self.open.iter().position(|open| open.string == Some(false)) else {
            return at + 1;
        };
        let start = self.open[place].at;
        self.open.truncate(place);
        self.lines = 0;
        self.found.problems.push(Problem::OpenString(start, at));
        at + 1
    }

    /// Notes that the text may be cut at `at`, after a closing bracket at the top level, if a
    /// declaration follows: its keyword cannot continue what stands before.
    fn cut(&mut self, at: usize) {
        let last = self.found.cuts.last().copied().unwrap_or(0);
        if at - last < PIECE {
            return;
        }
        let rest = &self.bytes[at..];
        let blank = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let rest = &rest[blank..];
        let word = rest
            .iter()
            .position(|byte| !byte.is_ascii_lowercase())
            .unwrap_or(rest.len());
        let keyword = matches!(
            &rest[..word],
            b"service"
                | b"environment"
                | b"pipeline"
                | b"workflow"
                | b"kind"
                | b"group"
                | b"test"
                | b"let"
                | b"input"
                | b"secret"
                | b"import"
                | b"from"
                | b"action"
        );
        if keyword && rest.get(word) == Some(&b' ') {
            self.found.cuts.push(at);
        }
    }
}
