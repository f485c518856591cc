//! The cache of checked files, from which requests are answered; an entry is valid as long as no
//! file that it was made from changes. Must not depend on messages of the protocol, only on
//! documents and positions in them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types::{Location, Position, Range, SemanticToken, SemanticTokens, Uri};

use super::ServerEnvironment;
use super::convert::{Encoding, LineIndex};
use super::exports::ExportIndex;
use super::files::{DocumentOverlay, FileRead, name_of, path_of};
use super::library::Library;
use super::reports::Reports;
use super::session::{Document, Snapshot};
use super::uri;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Sources, Span};
use lockstep_ide::actions::Exporter;
use lockstep_ide::incremental::CheckBaseline;
use lockstep_ide::{CheckedFile, ROOT_FILE, TextChange, TreeCache};
use lockstep_lang::compile::EditorRequest;
use lockstep_lang::ir::lower::Focus;
use lockstep_lang::resolve;

/// A root with all its diagnostics.
pub(super) type RootDiagnostics<'d> = (&'d CheckedRoot, Vec<Diagnostic>);

/// The diagnostics of a document, with the texts that they refer to.
pub(super) struct PublishedDiagnostics {
    document: Arc<Document>,
    sources: Sources,
    /// The diagnostics.
    pub(super) found: Vec<Diagnostic>,
}

impl PublishedDiagnostics {
    /// Where they are.
    pub(super) fn sites(&self) -> LocationResolver<'_> {
        LocationResolver {
            document: &self.document,
            sources: &self.sources,
        }
    }
}

/// A stored full check of a document.
#[derive(Clone)]
pub(super) struct CachedCheck {
    document: Arc<Document>,
    sources: Sources,
    seen: FilesRead,
    baseline: CheckBaseline,
}

/// A root that was checked.
pub(super) struct CheckedRoot {
    /// The document that was checked.
    pub(super) document: Arc<Document>,
    /// The result of the check.
    pub(super) checked: CheckedFile,
    seen: FilesRead,
}

/// What was read of other files.
#[derive(Clone)]
struct FilesRead {
    read: Vec<FileRead>,
    disk: u64,
}

impl FilesRead {
    /// Whether reading it now would give the same.
    fn is_current(&self, snapshot: &Snapshot) -> bool {
        let mut read = self.read.iter();
        self.disk == snapshot.disk
            && read.all(|it| {
                let now = snapshot.of_file(&it.path, it.real.as_deref());
                match (&it.open, now) {
                    (Some(then), Some(now)) => Arc::ptr_eq(then, now),
                    (None, None) => true,
                    _ => false,
                }
            })
    }
}

impl CachedCheck {
    fn of(root: &CheckedRoot) -> Self {
        Self {
            document: root.document.clone(),
            sources: root.checked.modules().sources.clone(),
            seen: root.seen.clone(),
            baseline: CheckBaseline::of(&root.checked),
        }
    }
}

/// The state from which requests are answered.
pub(super) struct AnalysisCache {
    /// The environment of the server.
    pub(super) outside: Arc<ServerEnvironment>,
    /// The library on disk.
    pub(super) library: Arc<Library>,
    roots: HashMap<String, CheckedRoot>,
    memories: HashMap<String, TreeCache>,
    /// The slower findings of each document, and the version of it in which they were found.
    proved: HashMap<String, (Arc<Document>, Vec<Diagnostic>)>,
    looks: HashMap<String, TreeCache>,
    /// The parts of the last full check of each document.
    baselines: HashMap<String, CachedCheck>,
    /// What can be imported.
    exports: ExportIndex,
    /// The diagnostics that the client has, if it pulls them.
    pub(super) reports: Reports,
    /// The tokens that the client has of each document, with their id.
    tokens: HashMap<String, (u64, Vec<SemanticToken>)>,
    numbered: u64,
}

impl AnalysisCache {
    /// An empty cache.
    pub(super) fn new(outside: Arc<ServerEnvironment>) -> Self {
        Self {
            library: Arc::new(Library::new(outside.cache.clone())),
            outside,
            roots: HashMap::new(),
            memories: HashMap::new(),
            proved: HashMap::new(),
            looks: HashMap::new(),
            baselines: HashMap::new(),
            exports: ExportIndex::default(),
            reports: Reports::default(),
            tokens: HashMap::new(),
            numbered: 0,
        }
    }

    /// Removes documents that are no longer open.
    pub(super) fn forget(&mut self, snapshot: &Snapshot) {
        let is_open = |uri: &String| snapshot.opened(uri).is_some();
        self.roots.retain(|uri, _| is_open(uri));
        self.memories.retain(|uri, _| is_open(uri));
        self.looks.retain(|uri, _| is_open(uri));
        self.baselines.retain(|uri, _| is_open(uri));
        self.proved.retain(|uri, _| is_open(uri));
        self.reports.forget(is_open);
        self.tokens.retain(|uri, _| is_open(uri));
    }

    /// Whether the entry of a document is still valid.
    pub(super) fn is_current(&self, snapshot: &Snapshot, document: &Arc<Document>) -> bool {
        let Some(root) = self.roots.get(&document.uri) else {
            return false;
        };
        Arc::ptr_eq(&root.document, document) && root.seen.is_current(snapshot)
    }

    /// A checked document; `true` if it had to be checked now.
    pub(super) fn root(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> (&CheckedRoot, bool) {
        let fresh = !self.is_current(snapshot, document);
        if fresh {
            // Its trees stay in the parse cache if nobody else holds them.
            self.roots.remove(&document.uri);
            let memory = self.memories.entry(document.uri.clone()).or_default();
            let place = (snapshot, &*self.outside, &*self.library);
            let (checked, seen) = check(place, document, memory, EditorRequest::default());
            let root = CheckedRoot {
                document: document.clone(),
                checked,
                seen,
            };
            self.baselines
                .insert(document.uri.clone(), CachedCheck::of(&root));
            self.roots.insert(document.uri.clone(), root);
        }
        (&self.roots[&document.uri], fresh)
    }

    /// Forgets what is known of a document if a file that it was made from is another one on disk
    /// by now. Not every client says so, and a change of several files must fit each of them.
    pub(super) fn read_disk_again(&mut self, snapshot: &Snapshot, document: &Document) {
        let Some(root) = self.roots.get(&document.uri) else {
            return;
        };
        let sources = &root.checked.modules().sources;
        let read: HashMap<PathBuf, &str> = sources
            .iter()
            .filter_map(|(_, source)| Some((path_of(document, &source.name)?, &*source.text)))
            .collect();
        let is_same = root.seen.read.iter().all(|it| {
            let now = || self.outside.files.read(&it.path.to_string_lossy()).ok();
            it.open.is_some() || now().as_deref() == read.get(&it.path).copied()
        });
        if !is_same || !root.seen.is_current(snapshot) {
            self.roots.remove(&document.uri);
            self.baselines.remove(&document.uri);
        }
    }

    /// Whether a valid full check of a document is stored.
    pub(super) fn is_known(&self, snapshot: &Snapshot, document: &Arc<Document>) -> bool {
        self.baselines.get(&document.uri).is_some_and(|known| {
            Arc::ptr_eq(&known.document, document) && known.seen.is_current(snapshot)
        })
    }

    /// The stored parts of the last full check of a document.
    pub(super) fn cached(&self, document: &Document) -> Option<CachedCheck> {
        self.baselines.get(&document.uri).cloned()
    }

    /// Adopts a full check from another thread, unless it is older than the stored one.
    pub(super) fn store_full_check(&mut self, known: CachedCheck) {
        let own = self.baselines.get(&known.document.uri);
        if own.is_none_or(|own| own.document.version <= known.document.version) {
            self.baselines.insert(known.document.uri.clone(), known);
        }
    }

    /// The diagnostics of a document after a change inside a single declaration, by checking that
    /// and those that can see it; nothing where that does not suffice.
    pub(super) fn check_changed(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> Option<PublishedDiagnostics> {
        let known = self.baselines.get(&document.uri)?;
        if !known.seen.is_current(snapshot) {
            return None;
        }
        self.roots.remove(&document.uri);
        let moved = TextChange::between(&known.document.text, &document.text);
        let memory = self.memories.entry(document.uri.clone()).or_default();
        let read = memory.read(ROOT_FILE, &document.text);
        let changed = known.baseline.changed(&moved, &document.text, &read)?;
        let look = EditorRequest {
            focus: Some(Focus {
                at: &changed.offsets(),
                deploying: known.baseline.deploying(),
            }),
            watched: None,
        };
        let place = (snapshot, &*self.outside, &*self.library);
        let (checked, _) = check(place, document, memory, look);
        let found = known.baseline.diagnostics(&moved, &changed, &checked);
        Some(PublishedDiagnostics {
            document: document.clone(),
            sources: checked.modules().sources.clone(),
            found: self.with_background(document, found),
        })
    }

    /// All diagnostics of a document, like [`AnalysisCache::findings`], from a stored full check if
    /// there is one.
    pub(super) fn published(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> PublishedDiagnostics {
        if !self.is_known(snapshot, document) {
            // An adopted one may be older than the stored one.
            let known = CachedCheck::of(self.root(snapshot, document).0);
            self.baselines.insert(document.uri.clone(), known);
        }
        let known = &self.baselines[&document.uri];
        let found = known.baseline.found().to_vec();
        PublishedDiagnostics {
            document: document.clone(),
            sources: known.sources.clone(),
            found: self.with_background(document, found),
        }
    }

    /// The diagnostics of a document for a client that pulls: immediately where an incremental
    /// check suffices.
    pub(super) fn current(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> PublishedDiagnostics {
        let quick = match self.is_known(snapshot, document) {
            true => None,
            false => self.check_changed(snapshot, document),
        };
        quick.unwrap_or_else(|| self.published(snapshot, document))
    }

    /// Adds the slower findings, as far as the text around them is unchanged.
    fn with_background(&self, document: &Document, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if let Some((then, slow)) = self.proved.get(&document.uri) {
            let moved = TextChange::between(&then.text, &document.text);
            let kept = slow.iter().filter_map(|it| moved.diagnostic(it));
            let kept: Vec<Diagnostic> = kept.filter(|it| !found.contains(it)).collect();
            found.extend(kept);
        }
        found
    }

    /// Stores the slower findings of a document.
    pub(super) fn check_in_background(&mut self, document: &Arc<Document>, found: Vec<Diagnostic>) {
        let kept = (document.clone(), found);
        self.proved.insert(document.uri.clone(), kept);
    }

    /// All diagnostics of a document: those of the compiler now, and the slower findings. While
    /// these are being updated, the previous ones are still reported.
    pub(super) fn findings(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> RootDiagnostics<'_> {
        self.root(snapshot, document);
        let root = &self.roots[&document.uri];
        let found = self.with_background(document, root.checked.diagnostics().to_vec());
        (root, found)
    }

    /// Stores the tokens of a document, so that the next ones can be sent as a delta.
    pub(super) fn remember_tokens(
        &mut self,
        document: &Document,
        data: Vec<SemanticToken>,
    ) -> SemanticTokens {
        self.numbered += 1;
        let kept = (self.numbered, data.clone());
        self.tokens.insert(document.uri.clone(), kept);
        SemanticTokens {
            result_id: Some(self.numbered.to_string()),
            data,
        }
    }

    /// The tokens that were sent with this id.
    pub(super) fn tokens(&self, document: &Document, id: &str) -> Option<Vec<SemanticToken>> {
        let (number, data) = self.tokens.get(&document.uri)?;
        (number.to_string() == id).then(|| data.clone())
    }

    /// Accesses a document, open or not; one that is not open is not cached.
    pub(super) fn with<T>(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
        look: impl FnOnce(&CheckedRoot) -> T,
    ) -> T {
        if snapshot.documents.contains_key(&document.uri) {
            return look(self.root(snapshot, document).0);
        }
        let memory = TreeCache::default();
        let place = (snapshot, &*self.outside, &*self.library);
        let (checked, seen) = check(place, document, &memory, EditorRequest::default());
        look(&CheckedRoot {
            document: document.clone(),
            checked,
            seen,
        })
    }

    /// The files that a document can import names from.
    pub(super) fn exporters(&mut self, snapshot: &Snapshot, document: &Document) -> Vec<Exporter> {
        let outside = self.outside.clone();
        self.exports.exporters(snapshot, &outside, document)
    }

    /// Checks a text in place of a document, watching one place of it. Nothing of it is cached
    /// except the trees of unchanged files.
    pub(super) fn check_or_cached(
        &mut self,
        snapshot: &Snapshot,
        document: &Document,
        text: &str,
        watched: u32,
    ) -> CheckedFile {
        let marked = with_text(document, text);
        let memory = self.looks.entry(document.uri.clone()).or_default();
        let nothing = HashSet::new();
        let known = self.baselines.get(&document.uri);
        let deploying = known.map_or(&nothing, |known| known.baseline.deploying());
        let at = (ROOT_FILE, watched);
        let look = EditorRequest {
            focus: Some(Focus {
                at: &[at],
                deploying,
            }),
            watched: Some(at),
        };
        let place = (snapshot, &*self.outside, &*self.library);
        check(place, &marked, memory, look).0
    }

    /// Checks a text in place of a document, all of it.
    pub(super) fn check_text(
        &mut self,
        snapshot: &Snapshot,
        document: &Document,
        text: &str,
    ) -> CheckedFile {
        let memory = self.looks.entry(document.uri.clone()).or_default();
        let place = (snapshot, &*self.outside, &*self.library);
        let changed = with_text(document, text);
        check(place, &changed, memory, EditorRequest::default()).0
    }

    /// The document and its check, for a position in it.
    pub(super) fn at(
        &mut self,
        snapshot: &Snapshot,
        uri: &Uri,
        place: Position,
    ) -> Option<(&CheckedRoot, u32)> {
        let document = snapshot.documents.get(&uri.0)?;
        let (root, _) = self.root(snapshot, document);
        let offset = document
            .lines
            .offset(&document.text, place, snapshot.client.encoding);
        Some((root, u32::try_from(offset).unwrap_or(u32::MAX)))
    }
}

/// A document with another text.
fn with_text(document: &Document, text: &str) -> Document {
    Document {
        uri: document.uri.clone(),
        path: document.path.clone(),
        real: document.real.clone(),
        version: document.version,
        text: text.into(),
        lines: LineIndex::of(""),
    }
}

/// Checks a document with everything it imports.
fn check(
    (snapshot, outside, library): (&Snapshot, &ServerEnvironment, &Library),
    document: &Document,
    memory: &TreeCache,
    look: EditorRequest<'_>,
) -> (CheckedFile, FilesRead) {
    let own = document.path.as_deref().and_then(|path| library.name(path));
    let name = own.unwrap_or_else(|| name_of(document));
    let files = DocumentOverlay::new(snapshot, &*outside.files, document, &name);
    let reader = |file: FileId, text: &str| memory.read(file, text);
    let checked = CheckedFile::new(&files, &name, &reader, look);
    let seen = FilesRead {
        read: files.into_read(),
        disk: snapshot.disk,
    };
    (checked, seen)
}

/// A document and the texts that its check has read, to locate spans.
#[derive(Clone, Copy)]
pub(super) struct LocationResolver<'a> {
    document: &'a Document,
    sources: &'a Sources,
}

impl LocationResolver<'_> {
    /// The URI of a file.
    pub(super) fn uri(self, snapshot: &Snapshot, library: &Library, file: FileId) -> Option<Uri> {
        if file == ROOT_FILE {
            return Some(Uri(self.document.uri.clone()));
        }
        let name = &self.sources.get(file)?.name;
        let path = if resolve::is_std(name) {
            library.file(name)?
        } else {
            path_of(self.document, name)?
        };
        Some(address(snapshot, &path))
    }

    /// The range of a span in its file.
    pub(super) fn range(self, encoding: Encoding, span: Span) -> Range {
        let document = self.document;
        if span.file == ROOT_FILE {
            return document.lines.span(&document.text, span, encoding);
        }
        let source = self.sources.get(span.file);
        let text = source.map_or("", |source| &source.text);
        LineIndex::of(text).span(text, span, encoding)
    }

    /// The location of a span, also in other files.
    pub(super) fn location(
        self,
        snapshot: &Snapshot,
        library: &Library,
        span: Span,
    ) -> Option<Location> {
        Some(Location {
            uri: self.uri(snapshot, library, span.file)?,
            range: self.range(snapshot.client.encoding, span),
        })
    }
}

impl CheckedRoot {
    /// The locations of the findings.
    pub(super) fn sites(&self) -> LocationResolver<'_> {
        LocationResolver {
            document: &self.document,
            sources: &self.checked.modules().sources,
        }
    }

    /// The URI of a file of this root.
    pub(super) fn uri(&self, snapshot: &Snapshot, library: &Library, file: FileId) -> Option<Uri> {
        self.sites().uri(snapshot, library, file)
    }

    /// The range of a span in its file.
    pub(super) fn range(&self, encoding: Encoding, span: Span) -> Range {
        self.sites().range(encoding, span)
    }

    /// The location of a span, also in other files.
    pub(super) fn location(
        &self,
        snapshot: &Snapshot,
        library: &Library,
        span: Span,
    ) -> Option<Location> {
        self.sites().location(snapshot, library, span)
    }
}

/// The URI of a file, as the client writes it if the file is open.
pub(super) fn address(snapshot: &Snapshot, path: &Path) -> Uri {
    match snapshot.of_path(path) {
        Some(document) => Uri(document.uri.clone()),
        None => Uri(uri::uri(path)),
    }
}

#[cfg(test)]
mod tests;
