//! From a path to a checked program: the front end of the compiler as one function.

use std::collections::HashSet;

use crate::ir::{self, lower};
use crate::resolve::{self, Modules, NameUses, RecordedUses, TreeReader};
use lockstep_base::diagnostic::{Diagnostic, Diagnostics, Severity};
use lockstep_base::source::{FileId, Sources};
use lockstep_base::world::Files;

/// What compiling gives.
#[derive(Debug)]
pub struct Compilation {
    /// The texts of the file and all it imports.
    pub sources: Sources,
    /// The syntax trees of all files, the requested one first, with the meaning of their names.
    pub modules: Modules,
    /// The program, if no error was found.
    pub program: Option<ir::Program>,
    /// All errors and warnings, in source order, those of the first file first.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks the file at `path` and everything that it imports. All mistakes are found at once.
pub fn compile(files: &dyn Files, path: &str) -> Compilation {
    let mut diagnostics = Diagnostics::default();
    let modules = resolve::resolve(files, path, &mut diagnostics);
    let (program, found) = lower::lower(&modules);
    diagnostics.extend(found.into_sorted());
    let diagnostics = diagnostics.into_sorted();
    let good = diagnostics
        .iter()
        .all(|diagnostic| diagnostic.severity != Severity::Error);
    Compilation {
        sources: modules.sources.clone(),
        modules,
        program: good.then_some(program),
        diagnostics,
    }
}

/// What checking a file for an editor gives.
#[derive(Debug)]
pub struct Analysis {
    /// The files and their names.
    pub modules: Modules,
    /// The program; it can be planned only if it is complete.
    pub program: ir::Program,
    /// Whether no error was found.
    pub complete: bool,
    /// All errors and warnings, in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// What every name refers to.
    pub noted: RecordedUses,
    /// The workflows that deploy something, directly or through others.
    pub deploying: HashSet<u32>,
}

/// The cursor position in an editor.
#[derive(Debug, Clone, Copy, Default)]
pub struct EditorRequest<'l> {
    /// Only bodies around these places are of interest; others count as empty.
    pub focus: Option<lower::Focus<'l>>,
    /// The types that are wanted around this place are of interest.
    pub watched: Option<(FileId, u32)>,
}

/// Checks the file at `path` and everything that it imports, and records what its names refer to.
/// What is of no interest is left out.
pub fn analyse(
    files: &dyn Files,
    path: &str,
    reader: TreeReader<'_>,
    look: EditorRequest<'_>,
) -> Analysis {
    let mut diagnostics = Diagnostics::default();
    let uses = NameUses::recorded(look.watched);
    let mut modules = resolve::resolve_with(files, path, reader, uses, &mut diagnostics);
    let lowered = lower::lower_part(&modules, look.focus);
    diagnostics.extend(lowered.diagnostics.into_sorted());
    Analysis {
        noted: modules.uses.into_recorded(),
        modules,
        program: lowered.program,
        deploying: lowered.deploying,
        complete: look.focus.is_none() && !diagnostics.has_errors(),
        diagnostics: diagnostics.into_sorted(),
    }
}

#[cfg(test)]
mod dump;
#[cfg(test)]
mod newcomers;
#[cfg(test)]
mod tests;
