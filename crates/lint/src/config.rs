//! The lint configuration of a file: the level of each rule, and which declarations other files
//! use.

use std::collections::{BTreeMap, BTreeSet};

use super::rule::{self, Rule};
use lockstep_base::diagnostic::Code;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::source::Name;

/// The level of a rule's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Not reported.
    Off,
    /// A warning.
    Warn,
    /// An error: `lint` fails.
    Error,
}

impl Level {
    /// The word for it in a configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level with this name.
    ///
    /// # Errors
    ///
    /// If there is no such level.
    pub fn find(word: &str) -> Result<Self, UnknownLevel> {
        let all = [Self::Off, Self::Warn, Self::Error];
        all.into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| UnknownLevel {
                near: did_you_mean(word, all.map(Self::as_str)),
            })
    }
}

/// A word is not a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel {
    /// A suggestion, as a sentence; nothing where no level is close.
    pub near: Option<String>,
}

impl std::fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let near = self.near.as_deref();
        f.write_str(near.unwrap_or("a level is `off`, `warn` or `error`"))
    }
}

impl std::error::Error for UnknownLevel {}

/// A word is neither the name nor the code of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRule {
    /// A suggestion, as a sentence; nothing where no rule is close.
    pub near: Option<String>,
}

impl std::fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let near = self.near.as_deref();
        f.write_str(near.unwrap_or("`lockstep lint --rules` lists all rules"))
    }
}

impl std::error::Error for UnknownRule {}

/// The levels of all rules: the configured ones, else each rule's default. Also which declarations
/// of the file are used by other files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    levels: BTreeMap<Code, Level>,
    used: BTreeSet<Name>,
    groups: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// The level of a rule's findings.
    pub fn level(&self, rule: &Rule) -> Level {
        self.levels.get(&rule.code).copied().unwrap_or(rule.level)
    }

    /// The same configuration for a file whose declarations with these names are used by other
    /// files.
    pub fn used_elsewhere(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.used.extend(names);
        self
    }

    /// The same configuration where these people are in these groups.
    pub fn with_groups(mut self, groups: BTreeMap<String, Vec<String>>) -> Self {
        self.groups = groups;
        self
    }

    /// The members of a group, if they are known.
    pub(super) fn group(&self, name: &str) -> Option<&[String]> {
        self.groups.get(name).map(Vec::as_slice)
    }

    /// Whether another file is known to use this declaration of the file.
    pub(super) fn is_used_elsewhere(&self, name: &Name) -> bool {
        self.used.contains(name)
    }

    /// Sets the level of the rule with this code or name.
    ///
    /// # Errors
    ///
    /// If there is no such rule.
    pub fn set(&mut self, rule: &str, level: Level) -> Result<(), UnknownRule> {
        let found = rule::find(rule).ok_or_else(|| UnknownRule { near: near(rule) })?;
        self.levels.insert(found.code, level);
        Ok(())
    }
}

/// The rules whose names or codes are close to a word, as a sentence.
pub(super) fn near(word: &str) -> Option<String> {
    if Code::find(word).is_some() {
        return Some(String::from(
            "errors can be neither suppressed nor switched off",
        ));
    }
    let rules = rule::rules().iter();
    did_you_mean(word, rules.flat_map(|rule| [rule.name, rule.code.as_str()]))
}
