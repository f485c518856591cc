//! The compiler with files in memory.

use std::collections::BTreeMap;

use lockstep_base::diagnostic::render::{RenderStyle, render};
use lockstep_base::diagnostic::{Code, Diagnostic, Severity};
use lockstep_base::source::Sources;
use lockstep_base::world;
use lockstep_lang::compile;
use lockstep_lint::{self as lint, Config, Level};
use {lockstep_plan as plan, lockstep_syntax as syntax};

/// Files by name.
pub type Files = BTreeMap<String, String>;

/// The result for a file.
pub struct Verdict {
    pub diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Verdict {
    /// The codes, each once.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self.diagnostics.iter().map(|wrong| wrong.code).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// The sources of the diagnostics.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        let mut all = self.diagnostics.iter();
        all.any(|wrong| wrong.severity == Severity::Error)
    }

    /// All of them as a person would see them.
    pub fn shown(&self) -> String {
        render(&self.diagnostics, &self.sources, RenderStyle::PLAIN)
    }
}

/// Compiles the file `main` among these, and plans its pipelines as `check` does.
pub fn compile(files: &Files, main: &str) -> Verdict {
    let compilation = compile::compile(&Memory(files), main);
    let mut diagnostics = compilation.diagnostics;
    if let Some(program) = &compilation.program {
        diagnostics.extend(lockstep_verify::check(program, &Nothing, &Memory(files)));
    }
    Verdict {
        diagnostics,
        sources: compilation.sources,
    }
}

/// Compiles the file `main` among these, and adds the lint findings; the rule with this code or
/// name is applied even if it is off by default.
pub fn lint(files: &Files, main: &str, rule: &str) -> Verdict {
    let mut config = Config::default();
    config.set(rule, Level::Warn).expect("a rule");
    lint_with(files, main, &config)
}

/// Compiles the file `main` among these, and adds the lint findings at these levels.
pub fn lint_with(files: &Files, main: &str, config: &Config) -> Verdict {
    let compilation = compile::compile(&Memory(files), main);
    let mut diagnostics = compilation.diagnostics.clone();
    let mut plans = Vec::new();
    if let Some(program) = &compilation.program {
        diagnostics.extend(lockstep_verify::check(program, &Nothing, &Memory(files)));
        for pipeline in &program.pipelines {
            let asked = plan::RunRequest {
                pipeline: Some(pipeline.name.to_string()),
                ..plan::RunRequest::default()
            };
            let bound = plan::bind(program, &asked, &Nothing, &Memory(files));
            plans.extend(bound.and_then(lockstep_verify::proved));
        }
    }
    let plans: Vec<&plan::Plan> = plans.iter().collect();
    diagnostics.extend(lint::lint_with(&compilation, &plans, config));
    Verdict {
        diagnostics,
        sources: compilation.sources,
    }
}

struct Memory<'a>(&'a Files);

/// An environment without variables.
struct Nothing;

impl world::EnvironmentVariables for Nothing {
    fn var(&self, _: &str) -> Result<String, world::VariableError> {
        Err(world::VariableError::NotSet)
    }
}

impl world::Files for Memory<'_> {
    fn read(&self, path: &str) -> Result<String, world::FileError> {
        let text = self.0.get(path.strip_prefix("./").unwrap_or(path));
        text.cloned().ok_or(world::FileError::NotFound)
    }
}

/// Only parses the text, as declarations or else as statements; names need not exist.
pub fn read(text: &str) -> Verdict {
    let alone = parse(text);
    match alone.has_errors() {
        true => parse(&format!("pipeline page {{\n{text}\n}}\n")),
        false => alone,
    }
}

fn parse(text: &str) -> Verdict {
    let mut sources = Sources::default();
    let file = sources.add("page", text);
    Verdict {
        diagnostics: syntax::parse(file, text).diagnostics,
        sources,
    }
}
