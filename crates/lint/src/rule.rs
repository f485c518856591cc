//! The definition of a lint rule, and lookup in the table of all rules.

use super::config::Level;
use super::context::Context;
use lockstep_base::diagnostic::{Code, Diagnostic};

/// What a rule needs as input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleInput {
    /// The statements of the file, also where parts of it could not be parsed.
    Syntax,
    /// The names of the file: all of it must parse, but need not compile.
    Names,
    /// The checked program.
    Program,
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its code; the page of the code is its documentation.
    pub code: Code,
    /// Its name, for use in configuration and comments: `unused-import`.
    pub name: &'static str,
    /// The default level of its findings.
    pub level: Level,
    /// What it needs as input.
    pub needs: RuleInput,
    /// Whether its fixes preserve the program, so that `lint --fix` applies them. The fixes of
    /// other rules are offered for a person to decide.
    pub safe: bool,
    /// Whether it looks beyond the linted file: a suppression of it may be of use only to those who
    /// import the file.
    pub wide: bool,
    /// The check; nothing for the rules about suppressions, which are found when suppressions are
    /// applied.
    pub(super) check: Option<fn(&Context<'_>, &mut Vec<Diagnostic>)>,
}

impl Rule {
    /// A rule about the checked program that warns and has no safe fixes.
    pub(super) const fn new(
        code: Code,
        name: &'static str,
        check: fn(&Context<'_>, &mut Vec<Diagnostic>),
    ) -> Self {
        Self {
            code,
            name,
            level: Level::Warn,
            needs: RuleInput::Program,
            safe: false,
            wide: false,
            check: Some(check),
        }
    }

    /// A rule about suppressions, which are checked when they are applied.
    pub(super) const fn of_suppressions(code: Code, name: &'static str) -> Self {
        Self {
            code,
            name,
            level: Level::Warn,
            needs: RuleInput::Syntax,
            safe: false,
            wide: false,
            check: None,
        }
    }

    /// The same rule with lower needs.
    pub(super) const fn needs(self, needs: RuleInput) -> Self {
        Self { needs, ..self }
    }

    /// The same rule with safe fixes.
    pub(super) const fn fixes(self) -> Self {
        Self { safe: true, ..self }
    }

    /// The same rule, which looks beyond the linted file.
    pub(super) const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    /// The same rule with another default level.
    pub(super) const fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }
}

/// All rules, by code.
pub fn rules() -> &'static [Rule] {
    super::rules::ALL
}

/// The rule with this code (in any case) or name.
pub fn find(word: &str) -> Option<&'static Rule> {
    rules()
        .iter()
        .find(|rule| rule.name == word || rule.code.as_str().eq_ignore_ascii_case(word))
}
