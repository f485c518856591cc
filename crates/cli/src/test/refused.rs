//! Why no test was run: a file has errors or cannot be read, or there is no test. People read it on
//! standard error; tools get their format all the same.

use super::{json, junit};
use crate::arguments::TestFormat;
use crate::exit::Exit;
use crate::output::Output;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::render::render;
use lockstep_base::source::Sources;

/// Errors that belong together.
pub(super) struct Refusal {
    /// The file that they are in, if it is one.
    pub(super) file: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) sources: Sources,
}

impl Refusal {
    /// An error that has no place in a file.
    pub(super) fn of(mistake: Diagnostic) -> Self {
        Self {
            file: None,
            diagnostics: vec![mistake],
            sources: Sources::default(),
        }
    }
}

pub(super) fn report(refusals: &[Refusal], format: TestFormat, output: &mut Output) -> Exit {
    for refusal in refusals {
        match (refusal.diagnostics.as_slice(), &refusal.file) {
            ([only], None) => drop(output.refuse(only)),
            (all, _) => {
                let text = render(all, &refusal.sources, output.stderr_style());
                output.complain(&text);
            }
        }
    }
    output.print(&match format {
        TestFormat::Text => String::new(),
        TestFormat::Json => json::refused(refusals),
        TestFormat::Junit => junit::refused(refusals),
    });
    Exit::Refused
}
