//! Parses the file named by `$LOCKSTEP_OUTPUT`: `key=value` lines, and `key<<EOF … EOF` for
//! multi-line values.

use indexmap::IndexMap;

/// The maximum size of the file, in bytes.
pub(super) const MAX_OUTPUTS_BYTES: u64 = 1 << 20;

/// Why the outputs of a command cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputsError {
    /// The file cannot be read; the system's message.
    Unreadable(String),
    /// It is not a regular file.
    NotFile,
    /// It is larger than [`MAX_OUTPUTS_BYTES`].
    TooLarge,
    /// There is no delimiter after `<<` in this line.
    NoMark(u32),
    /// The value that begins in this line is not terminated.
    NoEnd(u32, String),
    /// This line is not `key=value`.
    NotPair(u32, String),
    /// The key in this line is invalid.
    Key(u32, String),
}

impl std::fmt::Display for OutputsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "its outputs cannot be read: {why}"),
            Self::NotFile => f.write_str("`$LOCKSTEP_OUTPUT` is not a file any more"),
            Self::TooLarge => f.write_str("its outputs are more than 1 MiB"),
            Self::NoMark(line) => {
                write!(f, "line {line} of its outputs has no delimiter after `<<`")
            }
            Self::NoEnd(line, mark) => write!(
                f,
                "the output begun in line {line} has no line `{mark}` that ends it"
            ),
            Self::NotPair(line, text) => {
                write!(f, "line {line} of its outputs is not `key=value`: `{text}`")
            }
            Self::Key(line, key) => write!(
                f,
                "line {line} of its outputs has no valid key: `{key}` \
                 (letters, digits, `_`, `-` and `.`)"
            ),
        }
    }
}

impl std::error::Error for OutputsError {}

/// Parses the text of an output file.
pub(super) fn parse(text: &str) -> Result<IndexMap<String, String>, OutputsError> {
    let mut outputs = IndexMap::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(line.len());
        let (key, value) = match line.find("<<") {
            Some(at) if at < equals => {
                let mark = line[at + 2..].trim();
                if mark.is_empty() {
                    return Err(OutputsError::NoMark(number));
                }
                let mut value: Vec<&str> = Vec::new();
                loop {
                    match lines.next() {
                        None => {
                            return Err(OutputsError::NoEnd(number, mark.to_owned()));
                        }
                        Some((_, line)) if line == mark => break,
                        Some((_, line)) => value.push(line),
                    }
                }
                (&line[..at], value.join("\n"))
            }
            _ if equals < line.len() => (&line[..equals], String::from(&line[equals + 1..])),
            _ => {
                return Err(OutputsError::NotPair(number, line.to_owned()));
            }
        };
        if !is_key(key) {
            return Err(OutputsError::Key(number, key.to_owned()));
        }
        outputs.insert(String::from(key), value);
    }
    Ok(outputs)
}

fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_and_documents() {
        let text = "a=1\n\nb=x=y<<z\nc-d.e=\nlong<<EOF\none\n\n two=2\nEOF\nempty<<-\n-\r\na=2";
        let outputs = parse(text).unwrap();
        let all: Vec<(&str, &str)> = (outputs.iter())
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                ("a", "2"),
                ("b", "x=y<<z"),
                ("c-d.e", ""),
                ("long", "one\n\n two=2"),
                ("empty", "")
            ]
        );
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, message) in [
            (
                "a=1\nhello",
                "line 2 of its outputs is not `key=value`: `hello`",
            ),
            (
                "a b=1",
                "line 1 of its outputs has no valid key: `a b` (letters, digits, `_`, `-` and `.`)",
            ),
            (
                "=1",
                "line 1 of its outputs has no valid key: `` (letters, digits, `_`, `-` and `.`)",
            ),
            ("a<<\n", "line 1 of its outputs has no delimiter after `<<`"),
            (
                "\na<<E\nb\n E",
                "the output begun in line 2 has no line `E` that ends it",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
