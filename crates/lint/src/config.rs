//! How much each rule matters to a project, and what the project uses of a file.
//! It does not know where the levels are written down, nor which other files there are.

use std::collections::{BTreeMap, BTreeSet};

use super::rule::{self, Rule};
use lockstep_base::diagnostic::Code;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::source::Name;

/// What a finding of a rule counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nobody is told.
    Off,
    /// A warning.
    Warn,
    /// An error: `lint` fails.
    Error,
}

impl Level {
    /// The word for it in a settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level that a word stands for.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn find(word: &str) -> Result<Self, UnknownLevel> {
        let all = [Self::Off, Self::Warn, Self::Error];
        all.into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| UnknownLevel {
                near: did_you_mean(word, all.map(Self::as_str)),
            })
    }
}

/// A word is no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel {
    /// What was probably meant, as a sentence; nothing where no level is close.
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
    /// What was probably meant, as a sentence; nothing where no rule is close.
    pub near: Option<String>,
}

impl std::fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let near = self.near.as_deref();
        f.write_str(near.unwrap_or("`lockstep lint --rules` lists all rules"))
    }
}

impl std::error::Error for UnknownRule {}

/// The levels of all rules: those that are set, else each rule's own. Besides, which declarations
/// of the file other files use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    levels: BTreeMap<Code, Level>,
    used: BTreeSet<Name>,
}

impl Config {
    /// What the findings of a rule count as.
    pub fn level(&self, rule: &Rule) -> Level {
        self.levels.get(&rule.code).copied().unwrap_or(rule.level)
    }

    /// The same for a file of which other files use these declarations.
    pub fn used_elsewhere(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.used.extend(names);
        self
    }

    /// Whether another file is known to use this declaration of the file.
    pub(super) fn is_used_elsewhere(&self, name: &Name) -> bool {
        self.used.contains(name)
    }

    /// Sets the level of the rule with this code or name.
    ///
    /// # Errors
    ///
    /// Where there is none.
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
