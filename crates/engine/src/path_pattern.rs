//! Glob patterns for paths of nodes: `**/deploy[*, prod.eu]/verify`. A `*` matches any text within
//! a part, `**` as a whole part matches any number of parts, also none. A `*` of a value is written
//! `%2A` in paths, so it is no `*` of a pattern. Where values are left open, so is the number that
//! tells nodes with equal values apart: `serial[*]` matches `serial[h1]#2`.

use lockstep_base::node_path::{parts, typed, without_number};

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
    /// A part.
    Part {
        /// The texts between its `*`; one text where there is none.
        texts: Vec<String>,
        /// Whether a number behind the values may be anything.
        any_number: bool,
    },
}

impl PathPattern {
    /// Reads a pattern. Every text is one.
    pub fn new(text: &str) -> Self {
        let read = |part: &str| match part {
            "**" => PatternPart::Any,
            _ => PatternPart::Part {
                texts: part.split('*').map(String::from).collect(),
                any_number: part.ends_with(']')
                    && part
                        .find('[')
                        .is_some_and(|open| part[open..].contains('*')),
            },
        };
        Self {
            text: text.to_string(),
            parts: parts(&typed(text)).map(read).collect(),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches this path.
    pub fn matches(&self, path: &str) -> bool {
        let found: Vec<&str> = parts(path).collect();
        // `ends[at]`: whether the parts of the pattern so far can end before part `at`.
        let mut ends = vec![false; found.len() + 1];
        ends[0] = true;
        for part in &self.parts {
            match part {
                PatternPart::Any => {
                    for at in 1..ends.len() {
                        ends[at] |= ends[at - 1];
                    }
                }
                PatternPart::Part { texts, any_number } => {
                    let is_it = |part: &str| {
                        fits(texts, part) || (*any_number && fits(texts, without_number(part)))
                    };
                    for at in (1..ends.len()).rev() {
                        ends[at] = ends[at - 1] && is_it(found[at - 1]);
                    }
                    ends[0] = false;
                }
            }
        }
        ends.last() == Some(&true)
    }
}

/// Whether a part is these texts with anything between them.
fn fits(texts: &[String], part: &str) -> bool {
    let [first, middle @ .., last] = texts else {
        return texts.first().is_some_and(|text| text == part);
    };
    let Some(mut rest) = part.strip_prefix(first.as_str()) else {
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
        assert!(matches("a/s[x/y]/b", "a/s[x%2Fy]/b"), "a slash in brackets");
        assert!(matches("a/s[%2A]", "a/s[%2A]") && !matches("a/s[*]", "a/s[x]/y"));
        assert!(matches("a*a", "aa") && !matches("a*a", "a"));
        assert!(matches("*b*b*", "abcbd") && !matches("*b*b*", "abcd"));
    }

    #[test]
    fn open_values_have_any_number() {
        for path in ["p/serial[a]", "p/serial[a]#2", "p/serial[a, b]#10"] {
            assert!(matches("p/serial[*]", path), "{path}");
            assert!(matches("**/serial[*]", path) && matches("p/*[a*]", path));
            assert_eq!(matches("p/serial[*]#2", path), path.ends_with("#2"));
            assert_eq!(matches("p/serial[a]", path), path == "p/serial[a]");
        }
        assert!(matches("p/deploy[*, eu]/run", "p/deploy[web, eu]#2/run"));
        assert!(!matches("p/deploy[*, eu]", "p/deploy[web, us]#2"));
        // Another statement is no cell of this one.
        assert!(!matches("p/serial[*]", "p/serial#2[a]"));
        assert!(matches("p/serial#2[*]", "p/serial#2[a]#3"));
        assert!(!matches("p/serial[*]", "p/serial[a]#x") && !matches("p/run", "p/run#2"));
    }

    /// However the values of a part are left open, all nodes with those values are found.
    #[test]
    fn every_number_is_found_by_what_is_open() {
        use lockstep_base::node_path::{NodePath, PathPart};
        for values in [vec!["a"], vec!["a", "b c"], vec!["x/y", "*", "#2"]] {
            for (word, number) in [("serial", 1), ("matrix", 2), ("parallel", 1)] {
                for cell in 1..4 {
                    let values = values.iter().map(|it| (*it).into()).collect();
                    let part = PathPart::cell(word, number, values, cell);
                    let root = NodePath::root("p");
                    let (path, open) = (root.child(&part), root.any_cell(word, number));
                    assert!(matches(&open, &path), "{open} {path}");
                    let other = root.any_cell(word, number + 1);
                    assert!(!matches(&other, &path), "{other} {path}");
                }
            }
        }
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
            assert!(matches(odd, &typed(odd)), "{odd}");
        }
    }
}
