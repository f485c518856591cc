//! Lint: reports likely mistakes in programs that compile. Each rule is one file of `rules/`; its
//! page in `diagnostic/codes` is its documentation.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod allow;
mod config;
mod context;
mod effects;
mod fix;
mod imported_names;
mod known_locals;
mod lock_uses;
mod names;
mod places;
mod rule;
mod rules;
mod shell;
mod text;
mod tree;
mod walk;

pub use config::{Config, Level, UnknownLevel, UnknownRule};
use context::Context;
pub use fix::{FixedText, fix};
pub use imported_names::imported_names;
use lockstep_base::diagnostic::{Diagnostic, Severity};
use lockstep_lang::compile::{Analysis, Compilation};
use lockstep_lang::ir::Program;
use lockstep_lang::resolve::Modules;
use lockstep_plan::Plan;
pub use rule::{Rule, RuleInput, find, rules};

/// The result of compiling a file: the input of all rules.
#[derive(Debug, Clone, Copy)]
pub struct LintInput<'a> {
    /// The files and their names.
    pub modules: &'a Modules,
    /// The program, if no error was found.
    pub program: Option<&'a Program>,
    /// The diagnostics of the compiler.
    pub diagnostics: &'a [Diagnostic],
}

impl<'a> From<&'a Compilation> for LintInput<'a> {
    fn from(compilation: &'a Compilation) -> Self {
        Self {
            modules: &compilation.modules,
            program: compilation.program.as_ref(),
            diagnostics: &compilation.diagnostics,
        }
    }
}

impl<'a> From<&'a Analysis> for LintInput<'a> {
    fn from(analysis: &'a Analysis) -> Self {
        Self {
            modules: &analysis.modules,
            program: analysis.complete.then_some(&analysis.program),
            diagnostics: &analysis.diagnostics,
        }
    }
}

/// The findings for the linted file, in source order. With a plan, rules that depend on values find
/// more. Errors of the compiler are not repeated; if there are any, only the rules that need
/// nothing but the text run.
pub fn lint<'a>(
    checked: impl Into<LintInput<'a>>,
    plan: Option<&Plan>,
    config: &Config,
) -> Vec<Diagnostic> {
    match plan {
        Some(plan) => lint_with(checked, &[plan], config),
        None => lint_with(checked, &[], config),
    }
}

/// The same with the plans of several pipelines.
pub fn lint_with<'a>(
    checked: impl Into<LintInput<'a>>,
    plans: &[&Plan],
    config: &Config,
) -> Vec<Diagnostic> {
    let checked = checked.into();
    let context = Context::new(checked, plans, config);
    let mut found = Vec::new();
    for rule in rules() {
        if config.level(rule) == Level::Off || !context.allows(rule.needs) {
            continue;
        }
        if let Some(check) = rule.check {
            check(&context, &mut found);
        }
    }
    let mut found = allow::apply(&context, found, config);
    found.sort_by_key(|finding| (finding.span(), finding.code));
    found.dedup();
    for finding in &mut found {
        finding.severity = match find(finding.code.as_str()).map(|rule| config.level(rule)) {
            Some(Level::Error) => Severity::Error,
            _ => Severity::Warning,
        };
    }
    found
}
