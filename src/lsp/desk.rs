//! Where questions are answered: the checked files, kept as long as nothing of them changes.
//! It does not know messages, only documents and places in them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use gen_lsp_types::{Location, Position, Range, SemanticToken, SemanticTokens, Uri};

use super::Outside;
use super::convert::{Encoding, Lines};
use super::files::{Overlay, Read, name_of, path_of};
use super::library::Library;
use super::moved::Moved;
use super::session::{Document, Snapshot};
use super::uri;
use crate::diagnostic::Diagnostic;
use crate::ide::{Checked, Memory, ROOT};
use crate::resolve;
use crate::source::{FileId, Span};

/// A root with all that is wrong with it.
pub(super) type Findings<'d> = (&'d Root, Vec<Diagnostic>);

/// A root that was checked.
pub(super) struct Root {
    /// The document that was checked.
    pub(super) document: Arc<Document>,
    /// What was found.
    pub(super) checked: Checked,
    read: Vec<Read>,
    disk: u64,
}

/// The state behind the answers.
pub(super) struct Desk {
    /// The outside.
    pub(super) outside: Arc<Outside>,
    /// The library on disk.
    pub(super) library: Arc<Library>,
    roots: HashMap<String, Root>,
    memories: HashMap<String, Memory>,
    /// What took longer to find in each document, and in which version of it.
    proved: HashMap<String, (Arc<Document>, Vec<Diagnostic>)>,
    looks: HashMap<String, Memory>,
    /// The tokens that the client has of each document, with their number.
    tokens: HashMap<String, (u64, Vec<SemanticToken>)>,
    numbered: u64,
}

impl Desk {
    /// A desk on which nothing lies yet.
    pub(super) fn new(outside: Arc<Outside>) -> Self {
        Self {
            library: Arc::new(Library::new(outside.cache.clone())),
            outside,
            roots: HashMap::new(),
            memories: HashMap::new(),
            proved: HashMap::new(),
            looks: HashMap::new(),
            tokens: HashMap::new(),
            numbered: 0,
        }
    }

    /// Forgets documents that are not open any more.
    pub(super) fn forget(&mut self, snapshot: &Snapshot) {
        let is_open = |uri: &String| snapshot.documents.contains_key(uri);
        self.roots.retain(|uri, _| is_open(uri));
        self.memories.retain(|uri, _| is_open(uri));
        self.looks.retain(|uri, _| is_open(uri));
        self.proved.retain(|uri, _| is_open(uri));
        self.tokens.retain(|uri, _| is_open(uri));
    }

    /// Whether what is known of a document is still so.
    fn is_current(&self, snapshot: &Snapshot, document: &Arc<Document>) -> bool {
        let Some(root) = self.roots.get(&document.uri) else {
            return false;
        };
        Arc::ptr_eq(&root.document, document)
            && root.disk == snapshot.disk
            && root
                .read
                .iter()
                .all(|(path, open)| match (open, snapshot.of_path(path)) {
                    (Some(then), Some(now)) => Arc::ptr_eq(then, now),
                    (None, None) => true,
                    _ => false,
                })
    }

    /// A document, checked; `true` if that had to be done now.
    pub(super) fn root(&mut self, snapshot: &Snapshot, document: &Arc<Document>) -> (&Root, bool) {
        let fresh = !self.is_current(snapshot, document);
        if fresh {
            // Its trees go on in the memory if nobody else holds them.
            self.roots.remove(&document.uri);
            let memory = self.memories.entry(document.uri.clone()).or_default();
            let (checked, read) = check(
                snapshot,
                &self.outside,
                document,
                &self.library,
                memory,
                None,
            );
            let root = Root {
                document: document.clone(),
                checked,
                read,
                disk: snapshot.disk,
            };
            self.roots.insert(document.uri.clone(), root);
        }
        (&self.roots[&document.uri], fresh)
    }

    /// Keeps what took longer to find in a document.
    pub(super) fn prove(&mut self, document: &Arc<Document>, found: Vec<Diagnostic>) {
        let kept = (document.clone(), found);
        self.proved.insert(document.uri.clone(), kept);
    }

    /// All that is wrong with a document: what the compiler says now, and what took longer to
    /// find. While that is looked for again, what was found before is still told.
    pub(super) fn findings(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
    ) -> Findings<'_> {
        self.root(snapshot, document);
        let root = &self.roots[&document.uri];
        let mut found = root.checked.diagnostics().to_vec();
        if let Some((then, slow)) = self.proved.get(&document.uri) {
            let moved = Moved::between(&then.text, &document.text);
            let kept = slow.iter().filter_map(|it| moved.diagnostic(it));
            found.extend(kept.filter(|it| !found.contains(it)).collect::<Vec<_>>());
        }
        (root, found)
    }

    /// Keeps the tokens of a document, so that the next ones can be told as a change of them.
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

    /// The tokens that were handed out under this number.
    pub(super) fn tokens(&self, document: &Document, id: &str) -> Option<Vec<SemanticToken>> {
        let (number, data) = self.tokens.get(&document.uri)?;
        (number.to_string() == id).then(|| data.clone())
    }

    /// Looks at a document, open or not; one that is not open is not kept.
    pub(super) fn with<T>(
        &mut self,
        snapshot: &Snapshot,
        document: &Arc<Document>,
        look: impl FnOnce(&Root) -> T,
    ) -> T {
        if snapshot.documents.contains_key(&document.uri) {
            return look(self.root(snapshot, document).0);
        }
        let memory = Memory::default();
        let (checked, read) = check(
            snapshot,
            &self.outside,
            document,
            &self.library,
            &memory,
            None,
        );
        look(&Root {
            document: document.clone(),
            checked,
            read,
            disk: snapshot.disk,
        })
    }

    /// Checks a text in place of a document, watching one place of it. Nothing of it is kept but
    /// the trees of files that have not changed.
    pub(super) fn look(
        &mut self,
        snapshot: &Snapshot,
        document: &Document,
        text: &str,
        watched: u32,
    ) -> Checked {
        let marked = Document {
            uri: document.uri.clone(),
            path: document.path.clone(),
            version: document.version,
            text: text.into(),
            lines: Lines::of(""),
        };
        let memory = self.looks.entry(document.uri.clone()).or_default();
        let watched = Some(watched);
        check(
            snapshot,
            &self.outside,
            &marked,
            &self.library,
            memory,
            watched,
        )
        .0
    }

    /// The document and its outcome, for a place in it.
    pub(super) fn at(
        &mut self,
        snapshot: &Snapshot,
        uri: &Uri,
        place: Position,
    ) -> Option<(&Root, u32)> {
        let document = snapshot.documents.get(&uri.0)?;
        let (root, _) = self.root(snapshot, document);
        let offset = document
            .lines
            .offset(&document.text, place, snapshot.client.encoding);
        Some((root, u32::try_from(offset).unwrap_or(u32::MAX)))
    }
}

/// Checks a document with all that it imports.
pub(super) fn check(
    snapshot: &Snapshot,
    outside: &Outside,
    document: &Document,
    library: &Library,
    memory: &Memory,
    watched: Option<u32>,
) -> (Checked, Vec<Read>) {
    let own = document.path.as_deref().and_then(|path| library.name(path));
    let name = own.unwrap_or_else(|| name_of(document));
    let files = Overlay::new(snapshot, &*outside.files, document, &name);
    let reader = |file: FileId, text: &str| memory.read(file, text);
    let watched = watched.map(|offset| (ROOT, offset));
    let checked = Checked::new(&files, &name, &reader, watched);
    (checked, files.into_read())
}

impl Root {
    /// The address of a file of this root.
    pub(super) fn uri(&self, snapshot: &Snapshot, library: &Library, file: FileId) -> Option<Uri> {
        if file == ROOT {
            return Some(Uri(self.document.uri.clone()));
        }
        let name = &self.checked.source(file)?.name;
        let path = if resolve::is_std(name) {
            library.file(name)?
        } else {
            path_of(&self.document, name)?
        };
        Some(address(snapshot, &path))
    }

    /// The range of a span in its file.
    pub(super) fn range(&self, encoding: Encoding, span: Span) -> Range {
        if span.file == ROOT {
            return self
                .document
                .lines
                .span(&self.document.text, span, encoding);
        }
        let text = self
            .checked
            .source(span.file)
            .map_or("", |source| &source.text);
        Lines::of(text).span(text, span, encoding)
    }

    /// The place of a span, also in other files.
    pub(super) fn location(
        &self,
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

/// The address of a file, as the client writes it if the file is open.
pub(super) fn address(snapshot: &Snapshot, path: &Path) -> Uri {
    match snapshot.of_path(path) {
        Some(document) => Uri(document.uri.clone()),
        None => Uri(uri::uri(path)),
    }
}
