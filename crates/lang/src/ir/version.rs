//! Versions of programs, and the rules for them: `>= 1.27`.

use serde::{Deserialize, Serialize};

/// A version: its numbers, the first one counts most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(Vec<u64>);

impl Version {
    /// The numbers between points, and nothing else.
    fn read(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix('v').unwrap_or(text).split('.');
        let numbers: Option<Vec<u64>> = numbers.map(|part| part.parse().ok()).collect();
        numbers.map(Self)
    }

    /// The first version in what a program says of itself: at least two numbers with a point
    /// between them.
    pub fn first_in(text: &str) -> Option<Self> {
        let mut rest = text;
        while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
            let from = &rest[start..];
            let end = from.find(|char: char| !char.is_ascii_digit() && char != '.');
            let word = from[..end.unwrap_or(from.len())].trim_end_matches('.');
            if word.contains('.')
                && let Some(version) = Self::read(word)
            {
                return Some(version);
            }
            rest = &from[word.len().max(1)..];
        }
        None
    }

    /// This version against another one: what is not written of either is 0.
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let length = self.0.len().max(other.0.len());
        let number = |of: &Self, at: usize| of.0.get(at).copied().unwrap_or(0);
        let pairs = (0..length).map(|at| number(self, at).cmp(&number(other, at)));
        pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    }

    /// Whether it begins with all that is written of the other one.
    fn is(&self, other: &Self) -> bool {
        (other.0.iter().enumerate()).all(|(at, number)| self.0.get(at).unwrap_or(&0) == number)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// A rule for a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRule {
    compare: Comparison,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Comparison {
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = ">")]
    Above,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = "<")]
    Below,
    #[serde(rename = "=")]
    Is,
}

impl VersionRule {
    /// The rules of a text, with commas between them: `>= 1.27, < 2`. A version alone is that one,
    /// as far as it is written.
    pub fn read_all(text: &str) -> Option<Vec<Self>> {
        text.split(',')
            .map(|part| Self::read(part.trim()))
            .collect()
    }

    fn read(text: &str) -> Option<Self> {
        let signs = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Is),
            (">", Comparison::Above),
            ("<", Comparison::Below),
            ("=", Comparison::Is),
        ];
        let found = signs.iter().find_map(|(sign, compare)| {
            let rest = text.strip_prefix(sign)?;
            Some((*compare, rest))
        });
        let (compare, version) = found.unwrap_or((Comparison::Is, text));
        let version = Version::read(version.trim())?;
        Some(Self { compare, version })
    }

    /// Whether a version meets it.
    pub fn is_met_by(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.compare {
            Comparison::AtLeast => order.is_ge(),
            Comparison::Above => order.is_gt() && !version.is(&self.version),
            Comparison::AtMost => order.is_le() || version.is(&self.version),
            Comparison::Below => order.is_lt(),
            Comparison::Is => version.is(&self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_in_a_text_counts() {
        for (text, version) in [
            (
                "Client Version: v1.27.3\nKustomize Version: v5.0.1",
                "1.27.3",
            ),
            ("git version 2 of 2.39.5 (x)", "2.39.5"),
            ("Python 3.11.", "3.11"),
            ("1.2.3-rc4", "1.2.3"),
        ] {
            assert_eq!(Version::first_in(text).unwrap().to_string(), version);
        }
        assert_eq!(Version::first_in("version 7, no more"), None);
        assert_eq!(Version::first_in("99999999999999999999999.1"), None);
    }

    #[test]
    fn rules_compare_number_by_number() {
        for (rule, version, met) in [
            (">= 1.27", "1.27.0", true),
            (">= 1.27", "1.9", false),
            (">=1.27, <2", "1.30.1", true),
            (">= 1.27, < 2", "2.0", false),
            ("> 1.27", "1.27.3", false),
            ("> 1.27", "1.28", true),
            ("<= 1.27", "1.27.3", true),
            ("1.27", "1.27.3", true),
            ("= 1.27", "1.2", false),
        ] {
            let rules = VersionRule::read_all(rule).unwrap();
            let version = Version::first_in(version).unwrap();
            let found = rules.iter().all(|rule| rule.is_met_by(&version));
            assert_eq!(found, met, "{version} against {rule}");
        }
        for wrong in ["", "latest", ">= ", "~> 1.2", "1.x", ">= 1.2,"] {
            assert_eq!(VersionRule::read_all(wrong), None, "{wrong}");
        }
    }
}
