//! A quick look over the bytes before the grammar reads them: where the comments are, where the
//! text may be cut into pieces, and whether every bracket and string is closed.
//! It does not know the language beyond its brackets, strings and comments.

/// How many brackets may stand inside each other.
pub(super) const MAX_NESTING: usize = 128;

/// A piece is cut off at the first good place after this many bytes.
const PIECE: usize = 1 << 12;

/// What the scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Where the comments are, from `#` to before the line end.
    pub(super) comments: Vec<(usize, usize)>,
    /// Where pieces begin that can be read on their own; the first is the start of the text.
    pub(super) cuts: Vec<usize>,
    /// Whether all brackets and strings are closed, not too deeply nested, and no strange
    /// character stands outside of strings and comments.
    pub(super) clean: bool,
}

/// An open bracket.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Its closing byte.
    close: u8,
    /// What kind of string goes on after it, if it is an interpolation.
    string: Option<bool>,
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    found: Scan,
    open: Vec<Open>,
    /// How many of the open brackets are interpolations of strings on one line.
    lines: usize,
}

/// Looks over `text`.
pub(super) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        found: Scan::default(),
        open: Vec::new(),
        lines: 0,
    };
    scanner.found.cuts.push(0);
    scanner.found.clean = scanner.all();
    scanner.found
}

impl Scanner<'_> {
    /// Looks at everything; stops at the first thing that is wrong.
    fn all(&mut self) -> bool {
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            let next = match byte {
                b'"' => self.quote(at),
                b'#' => Some(self.comment(at)),
                b'(' => self.open(b')', at, None),
                b'[' => self.open(b']', at, None),
                b'{' => self.open(b'}', at, None),
                b')' | b']' | b'}' => self.close(*byte, at),
                b'\n' if self.lines > 0 => None,
                0..=8 | 11..=12 | 14..=31 | 127 => None,
                128.. => self.wide(at),
                _ => Some(at + 1),
            };
            match next {
                Some(next) => at = next,
                None => return false,
            }
        }
        self.open.is_empty()
    }

    fn open(&mut self, close: u8, at: usize, string: Option<bool>) -> Option<usize> {
        if self.open.len() >= MAX_NESTING {
            return None;
        }
        self.lines += usize::from(string == Some(false));
        self.open.push(Open { close, string });
        Some(at + 1)
    }

    fn close(&mut self, byte: u8, at: usize) -> Option<usize> {
        let open = self.open.pop().filter(|open| open.close == byte)?;
        if let Some(long) = open.string {
            self.lines -= usize::from(!long);
            return self.string(at + 1, long);
        }
        if self.open.is_empty() {
            self.cut(at + 1);
        }
        Some(at + 1)
    }

    fn comment(&mut self, at: usize) -> usize {
        let end = self.bytes[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |length| at + length);
        let trimmed = if self.bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        };
        self.found.comments.push((at, trimmed));
        end
    }

    fn quote(&mut self, at: usize) -> Option<usize> {
        let long = self.bytes[at..].starts_with(b"\"\"\"");
        self.string(at + if long { 3 } else { 1 }, long)
    }

    /// Reads on in a string, to its end or its next interpolation.
    fn string(&mut self, mut at: usize, long: bool) -> Option<usize> {
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'"' if !long => return Some(at + 1),
                b'"' if self.bytes[at..].starts_with(b"\"\"\"") => return Some(at + 3),
                b'\n' if !long => return None,
                b'\\' if long || self.bytes.get(at + 1) != Some(&b'\n') => at += 2,
                b'$' if self.bytes.get(at + 1) == Some(&b'{') => {
                    return self.open(b'}', at + 1, Some(long));
                }
                _ => at += 1,
            }
        }
        None
    }

    /// A character beyond ASCII: a letter or digit may stand in a name.
    fn wide(&mut self, at: usize) -> Option<usize> {
        let c = self.text.get(at..)?.chars().next()?;
        c.is_alphanumeric().then_some(at + c.len_utf8())
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
