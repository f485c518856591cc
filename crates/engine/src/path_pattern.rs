//! Glob patterns for paths of nodes: `**/deploy[*, prod.eu]/verify`. A `*` matches any text within
//! a segment, `**` as a whole segment matches any number of segments, also none.

/// A pattern, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<PatternPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternPart {
    /// `**`
    Any,
    /// The texts between the `*` of a segment; one text where there is none.
    Segment(Vec<String>),
}

impl PathPattern {
    /// Reads a pattern. Every text is one.
    pub fn new(text: &str) -> Self {
        let part = |segment: &str| match segment {
            "**" => PatternPart::Any,
            _ => PatternPart::Segment(segment.split('*').map(String::from).collect()),
        };
        Self {
            text: text.to_string(),
            parts: segments(text).into_iter().map(part).collect(),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches this path.
    pub fn matches(&self, path: &str) -> bool {
        let segments = segments(path);
        // `ends[at]`: whether the parts so far can end before segment `at`.
        let mut ends = vec![false; segments.len() + 1];
        ends[0] = true;
        for part in &self.parts {
            match part {
                PatternPart::Any => {
                    for at in 1..ends.len() {
                        ends[at] |= ends[at - 1];
                    }
                }
                PatternPart::Segment(texts) => {
                    for at in (1..ends.len()).rev() {
                        ends[at] = ends[at - 1] && fits(texts, segments[at - 1]);
                    }
                    ends[0] = false;
                }
            }
        }
        ends.last() == Some(&true)
    }
}

/// Whether a segment is these texts with anything between them.
fn fits(texts: &[String], segment: &str) -> bool {
    let [first, middle @ .., last] = texts else {
        return texts.first().is_some_and(|text| text == segment);
    };
    let Some(mut rest) = segment.strip_prefix(first.as_str()) else {
        return false;
    };
    for text in middle {
        let Some(at) = rest.find(text.as_str()) else {
            return false;
        };
        rest = &rest[at + text.len()..];
    }
    rest.ends_with(last.as_str())
}

/// The segments of a path. A `/` inside brackets, or inside quotes in them, splits nothing.
pub fn segments(path: &str) -> Vec<&str> {
    let bytes = path.as_bytes();
    let mut found = Vec::new();
    let (mut start, mut at, mut depth) = (0, 0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'"' if depth > 0 => at = closing_quote(bytes, at).unwrap_or(at),
            b'/' if depth == 0 => {
                found.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    found.push(&path[start..]);
    found
}

/// Where a quote is closed, if it is.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::new(pattern).matches(path)
    }

    const PATH: &str = "release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify";

    #[test]
    fn a_plain_pattern_is_the_path_itself() {
        assert!(matches(PATH, PATH));
        assert!(!matches("release/prod", PATH));
        assert!(!matches("prod", "release/prod"));
        assert!(!matches("release/prod/x", "release/prod"));
    }

    #[test]
    fn one_star_stays_within_its_segment() {
        assert!(matches("release/*", "release/prod"));
        assert!(matches("r*e/p*", "release/prod"));
        assert!(!matches("release/*", PATH));
        assert!(!matches("*", "release/prod"));
        assert!(matches("release/*/*/*/*", PATH));
        assert!(matches(
            "*/deploy[*, prod.eu]",
            "release/deploy[a, prod.eu]"
        ));
        assert!(!matches(
            "*/deploy[*, prod.eu]",
            "release/deploy[a, prod.us]"
        ));
        assert!(matches("a/s[*]/b", "a/s[x/y]/b"), "a slash in brackets");
        assert!(matches("a*a", "aa") && !matches("a*a", "a"));
        assert!(matches("*b*b*", "abcbd") && !matches("*b*b*", "abcd"));
    }

    #[test]
    fn two_stars_are_any_number_of_segments() {
        assert!(matches("**", PATH) && matches("**", ""));
        assert!(matches("**/verify", PATH) && matches("**/verify", "verify"));
        assert!(matches("release/**", "release"));
        assert!(matches("**/deploy[checkout, *]/**", PATH));
        assert!(matches("**/prod/**/verify", PATH));
        assert!(!matches("**/verify/**/verify", PATH));
        assert!(!matches("**/qa/**", PATH));
        assert!(matches("**/a/**/a", "a/a/a") && !matches("**/a/**/a", "a/b"));
    }

    #[test]
    fn hostile_texts_end_soon() {
        let path = "a/".repeat(2_000);
        assert!(!matches(&"**/a/".repeat(500), "a/b"));
        assert!(!matches(
            &format!("{}x", "*a".repeat(500)),
            &"a".repeat(2_000)
        ));
        assert!(matches("**/a/**", &path));
        for odd in [
            "",
            "/",
            "[",
            "]/[",
            "a/[\"",
            "[\"\\",
            "é/ü[ß, \u{1F680}/]/x",
        ] {
            assert!(matches(odd, odd), "{odd}");
            assert_eq!(segments(odd).join("/"), odd);
        }
    }
}
