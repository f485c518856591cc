//! Slow checks in the background: the deadlock check of pipelines, and lint. They run on a thread
//! of their own once nothing has changed for a moment (debounce), so that requests never wait for
//! them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::ServerEnvironment;
use super::analysis_cache::{AnalysisCache, CachedCheck};
use super::exports;
use super::files::{DocumentOverlay, name_of};
use super::session::{Document, Snapshot};
use super::worker::WorkerJob;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_lang::compile::Analysis;
use lockstep_lint as lint;

/// The debounce time: the checks start after so long without a change.
const DEBOUNCE_INTERVAL: Duration = Duration::from_millis(150);

/// The slow findings in a document.
pub(super) struct BackgroundFindings {
    /// The document.
    pub(super) document: Arc<Document>,
    /// The full check by the compiler.
    pub(super) known: Option<CachedCheck>,
    /// The diagnostics beyond those of the compiler.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Checks each snapshot that is not immediately followed by another, until the queue is closed.
pub(super) fn check(
    outside: Arc<ServerEnvironment>,
    queue: &Receiver<Arc<Snapshot>>,
    results: &Sender<WorkerJob>,
) {
    let mut cache = AnalysisCache::new(outside);
    while let Ok(mut snapshot) = queue.recv() {
        loop {
            match queue.recv_timeout(DEBOUNCE_INTERVAL) {
                Ok(later) => snapshot = later,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        cache.forget(&snapshot);
        let mut found = Vec::new();
        for document in snapshot.documents.values() {
            let looked = catch_unwind(AssertUnwindSafe(|| {
                find_timeouts(&mut cache, &snapshot, document)
            }));
            let diagnostics = looked.unwrap_or_else(|_| {
                cache = AnalysisCache::new(cache.outside.clone());
                Vec::new()
            });
            found.push(BackgroundFindings {
                document: document.clone(),
                known: cache.cached(document),
                diagnostics,
            });
        }
        if results.send(WorkerJob::Proved { found, snapshot }).is_err() {
            return;
        }
        exports::library();
    }
}

/// The diagnostics of a document beyond those of the compiler.
fn find_timeouts(
    cache: &mut AnalysisCache,
    snapshot: &Snapshot,
    document: &Arc<Document>,
) -> Vec<Diagnostic> {
    let outside = cache.outside.clone();
    let name = name_of(document);
    let files = DocumentOverlay::new(snapshot, &*outside.files, document, &name);
    let levels = match &document.path {
        Some(path) => (outside.levels)(path),
        None => lint::Config::default(),
    };
    let (root, _) = cache.root(snapshot, document);
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

/// Whether a finding is in a declaration that does not parse: lint is silent about code that is
/// still being written.
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
