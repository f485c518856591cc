//! Patterns for names: `*` stands for any characters, be they none or many.

use serde::{Deserialize, Serialize};

use crate::error::AccessError;

/// The longest pattern, in bytes.
const MAX_BYTES: usize = 256;

/// A pattern for the names of pipelines, targets or triggers. `*` stands for any characters, `.`
/// and `/` among them; all others stand for themselves, and case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Makes a pattern of a text.
    ///
    /// # Errors
    ///
    /// If it is empty or too long, or holds control characters or blanks at its ends.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let is_unclean = text.chars().any(crate::audit::is_unsafe_to_show);
        if text.is_empty() || text.len() > MAX_BYTES || text.trim() != text || is_unclean {
            return Err(AccessError::invalid(format!(
                "a pattern has 1 to {MAX_BYTES} bytes, no control characters, and no blanks at \
                 its ends; `*` stands for any characters"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern for all names.
    pub fn all() -> Self {
        Self(String::from("*"))
    }

    /// The pattern as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }

    /// Whether a target matches: by its own name, or as a part of one that does. So `prod` stands
    /// for `prod.eu`, too, and `prod.*` only for what is in `prod`.
    pub fn matches_target(&self, name: &str) -> bool {
        let mut wholes = (name.match_indices('.')).filter_map(|(at, _)| name.get(..at));
        self.matches(name) || wholes.any(|whole| self.matches(whole))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Pattern {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, AccessError> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// Matches in at most the product of the lengths: only the last `*` is ever tried again, since the
/// earliest place for what is between two of them leaves the most for the rest.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(at) {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                in_pattern += 1;
                last_star = Some((in_pattern, at));
            }
            Some(wanted) if wanted == byte => {
                at += 1;
                in_pattern += 1;
            }
            Some(_) | None => match &mut last_star {
                Some((after, begin)) => {
                    *begin += 1;
                    (at, in_pattern) = (*begin, *after);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(in_pattern).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        for (text, name) in [
            ("*", ""),
            ("*", "shop.deploy/release"),
            ("shop.deploy/*", "shop.deploy/release"),
            ("*/release", "shop.deploy/release"),
            ("s*p*e", "shop.deploy/release"),
            ("shop.deploy/release", "shop.deploy/release"),
            ("**", "a"),
        ] {
            assert!(pattern(text).matches(name), "{text} {name}");
        }
        for (text, name) in [
            ("shop", "shop.deploy/release"),
            ("release", "shop.deploy/release"),
            ("shop.deploy/*x", "shop.deploy/release"),
            ("Shop.deploy/*", "shop.deploy/release"),
            ("shop?deploy/*", "shop.deploy/release"),
            ("a*a", "a"),
        ] {
            assert!(!pattern(text).matches(name), "{text} {name}");
        }
    }

    #[test]
    fn an_environment_stands_for_its_infrastructures() {
        for (text, target, is_match) in [
            ("prod", "prod", true),
            ("prod", "prod.eu", true),
            ("prod", "production", false),
            ("prod", "production.eu", false),
            ("prod", "test.prod", false),
            ("prod.*", "prod.eu", true),
            ("prod.*", "prod", false),
            ("prod.eu", "prod", false),
            ("prod.eu", "prod.eu", true),
            ("prod.eu", "prod.eu2", false),
            ("p*", "prod.eu", true),
            ("*.eu", "prod.eu", true),
            ("*.eu", "prod.us", false),
        ] {
            assert_eq!(
                pattern(text).matches_target(target),
                is_match,
                "{text} {target}"
            );
        }
    }

    #[test]
    fn a_pattern_is_one_line() {
        let long = "*".repeat(257);
        for text in ["", " a", "a\n", "a\u{0}", "\u{202e}a", &long] {
            assert!(Pattern::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let many = pattern(&format!("{}c", "a*".repeat(127)));
        assert!(!many.matches(&"a".repeat(20_000)));
        assert!(many.matches(&format!("{}c", "a".repeat(20_000))));
    }

    /// What a pattern means, said as plainly as possible.
    fn oracle(pattern: &[char], name: &[char]) -> bool {
        match (pattern.first(), name.first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some('*'), _) => (0..=name.len()).any(|skip| oracle(&pattern[1..], &name[skip..])),
            (Some(wanted), Some(found)) => wanted == found && oracle(&pattern[1..], &name[1..]),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_oracle_says(text in "[ab.*é]{1,9}", name in "[ab.é]{0,12}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                pattern(&text).matches(&name), oracle(&chars(&text), &chars(&name))
            );
        }

        #[test]
        fn a_pattern_matches_a_target_like_itself_or_everything_in_it(
            text in "[ab.*]{1,6}", name in "[ab.]{0,9}"
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let below = format!("{text}.*");
            let expected = oracle(&chars(&text), &chars(&name))
                || oracle(&chars(&below), &chars(&name));
            prop_assert_eq!(pattern(&text).matches_target(&name), expected);
        }

        #[test]
        fn a_name_with_its_ends_cut_off_still_matches(name in "[a-z./]{1,12}", cut in 0usize..12) {
            let cut = cut.min(name.len());
            let begins = format!("{}*", &name[..cut]);
            let ends = format!("*{}", &name[cut..]);
            prop_assert!(pattern(&begins).matches(&name));
            prop_assert!(pattern(&ends).matches(&name));
        }
    }
}
