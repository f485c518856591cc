//! What the fuzz targets share: the compiler over one file in memory, and the plans of its
//! pipelines. What a target asserts stands in the target.

use lockstep_lang::compile::{Compilation, compile};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_lang::ir::Program;
use lockstep_plan::{Plan, RunRequest, bind, missing};
use lockstep_base::source::Sources;
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};

/// The name of the only file.
pub const FILE: &str = "case.deploy";

/// The file system: one file and no other.
pub struct OneFile<'a>(pub &'a str);

impl Files for OneFile<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path.strip_prefix("./").unwrap_or(path) {
            FILE => Ok(self.0.to_string()),
            _ => Err(FileError::NotFound),
        }
    }
}

/// An environment without variables.
pub struct NoVariables;

impl EnvironmentVariables for NoVariables {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// Compiles a text as the only file there is, and requires that what is said of it can be shown.
pub fn compiled(text: &str) -> Compilation {
    let compilation = compile(&OneFile(text), FILE);
    assert_places(&compilation.diagnostics, &compilation.sources);
    compilation
}

/// The plans of all pipelines that need no inputs, without the proof that they end where `proved`
/// is false: the proof of an adversarial program takes long, and has a target of its own.
pub fn plans(program: &Program, text: &str, proved: bool) -> Vec<Plan> {
    let mut plans = Vec::new();
    for pipeline in &program.pipelines {
        let asked = RunRequest {
            pipeline: Some(pipeline.name.to_string()),
            ..RunRequest::default()
        };
        if missing(program, &asked).next().is_some() {
            continue;
        }
        let Ok(bound) = bind(program, &asked, &NoVariables, &OneFile(text)) else {
            continue;
        };
        let plan = match proved {
            true => lockstep_verify::proved(bound),
            false => Plan::new(bound),
        };
        plans.extend(plan);
    }
    plans
}

/// Requires that every place that a diagnostic points to is in its text and between characters,
/// and that every diagnostic says something.
pub fn assert_places(diagnostics: &[Diagnostic], sources: &Sources) {
    for diagnostic in diagnostics {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        for label in &diagnostic.labels {
            let source = sources.get(label.span.file);
            let part = source.and_then(|source| source.text.get(label.span.range()));
            assert!(
                part.is_some(),
                "a place outside of the text: {diagnostic:?}"
            );
        }
    }
}

/// The parts of an input before and after its first NUL: a text, and what else a target wants.
pub fn split(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == 0);
    let (text, rest) = data.split_at(end.unwrap_or(data.len()));
    Some((
        std::str::from_utf8(text).ok()?,
        rest.get(1..).unwrap_or_default(),
    ))
}
