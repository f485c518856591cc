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

    /// The level that a word stands for; else what is wrong, and what was probably meant.
    pub fn find(word: &str) -> Result<Self, String> {
        let all = [Self::Off, Self::Warn, Self::Error];
        all.into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| {
                did_you_mean(word, all.map(Self::as_str))
                    .unwrap_or_else(|| String::from("a level is `off`, `warn` or `error`"))
            })
    }
}

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

    /// Sets the level of the rule with this code or name. The error is a sentence that says what
    /// was probably meant; it is empty where nothing is close.
    pub fn set(&mut self, rule: &str, level: Level) -> Result<(), String> {
        let found = rule::find(rule).ok_or_else(|| near(rule).unwrap_or_default())?;
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
