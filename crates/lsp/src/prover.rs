//! What takes longer: the proof that pipelines end, and lint. It is looked at once nothing has
//! changed for a moment, beside the worker, so that nobody waits for it.
//! It does not know how findings are shown.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::Outside;
use super::desk::{Desk, Known};
use super::files::{Overlay, name_of};
use super::session::{Document, Snapshot};
use super::worker::Job;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_lang::compile::Analysis;
use lockstep_lint as lint;

/// Nothing is begun before nothing has changed for so long.
const PAUSE: Duration = Duration::from_millis(150);

/// What was found in a document.
pub(super) struct Proved {
    /// The document.
    pub(super) document: Arc<Document>,
    /// What the compiler says.
    pub(super) known: Option<Known>,
    /// What is wrong beyond what the compiler says.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Looks at each snapshot that nothing follows at once, until no more come.
pub(super) fn prove(outside: Arc<Outside>, queue: &Receiver<Arc<Snapshot>>, results: &Sender<Job>) {
    let mut desk = Desk::new(outside);
    while let Ok(mut snapshot) = queue.recv() {
        loop {
            match queue.recv_timeout(PAUSE) {
                Ok(later) => snapshot = later,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        desk.forget(&snapshot);
        let mut found = Vec::new();
        for document in snapshot.documents.values() {
            let looked = catch_unwind(AssertUnwindSafe(|| look(&mut desk, &snapshot, document)));
            let diagnostics = looked.unwrap_or_else(|_| {
                desk = Desk::new(desk.outside.clone());
                Vec::new()
            });
            found.push(Proved {
                document: document.clone(),
                known: desk.known(document),
                diagnostics,
            });
        }
        if results.send(Job::Proved { found, snapshot }).is_err() {
            return;
        }
    }
}

/// What is wrong with a document beyond what the compiler says.
fn look(desk: &mut Desk, snapshot: &Snapshot, document: &Arc<Document>) -> Vec<Diagnostic> {
    let outside = desk.outside.clone();
    let name = name_of(document);
    let files = Overlay::new(snapshot, &*outside.files, document, &name);
    let levels = match &document.path {
        Some(path) => (outside.levels)(path),
        None => lint::Config::default(),
    };
    let (root, _) = desk.root(snapshot, document);
    let analysis = root.checked.analysis();
    let mut found = Vec::new();
    if analysis.complete {
        found.extend(lockstep_verify::check(
            &analysis.program,
            &*outside.environment,
            &files,
        ));
    }
    let advice = lint::lint(analysis, None, &levels).into_iter();
    found.extend(advice.filter(|it| !is_in_broken(analysis, it)));
    found
}

/// Whether a finding is about a declaration that cannot be read as a whole: what somebody is still
/// writing is not advised on.
fn is_in_broken(analysis: &Analysis, finding: &Diagnostic) -> bool {
    let Some(span) = finding.span() else {
        return false;
    };
    let modules = &analysis.modules;
    let module = modules.files.get(span.file.0 as usize);
    let mut items = module.iter().flat_map(|module| &module.ast.items);
    let around = items.find(|item| item.span.start <= span.start && span.start < item.span.end);
    around.is_some_and(|item| modules.is_broken(item.span))
}
