//! Merges the findings of several files, as if they were one compilation.

use std::collections::HashMap;

use lockstep_base::diagnostic::{Code, Diagnostic};
use lockstep_base::source::{FileId, Name, Sources, Span};

/// The findings of several compilations with one table of sources.
#[derive(Debug, Default)]
pub(super) struct MergedFindings {
    /// All texts, each once.
    pub(super) sources: Sources,
    /// All findings, each once.
    pub(super) diagnostics: Vec<Diagnostic>,
    known: HashMap<Name, FileId>,
    /// The places of findings in their list, by what they are about.
    about: HashMap<(Code, Option<Span>), Vec<usize>>,
}

impl MergedFindings {
    /// Adds the findings of one compilation.
    pub(super) fn add(&mut self, sources: &Sources, found: Vec<Diagnostic>) {
        let mut places: HashMap<FileId, FileId> = HashMap::new();
        for (id, source) in sources.iter() {
            let own = *self
                .known
                .entry(source.name.clone())
                .or_insert_with(|| self.sources.add(source.name.clone(), source.text.clone()));
            places.insert(id, own);
        }
        let moved = |span: &mut Span| {
            span.file = places.get(&span.file).copied().unwrap_or(span.file);
        };
        for mut finding in found {
            for label in &mut finding.labels {
                moved(&mut label.span);
            }
            for fix in &mut finding.fixes {
                fix.edits.iter_mut().for_each(|(span, _)| moved(span));
            }
            let about = self
                .about
                .entry((finding.code, finding.span()))
                .or_default();
            if !about
                .iter()
                .any(|at| self.diagnostics.get(*at) == Some(&finding))
            {
                about.push(self.diagnostics.len());
                self.diagnostics.push(finding);
            }
        }
    }
}
