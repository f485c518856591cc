//! The same thing in all checks of the workspace: files that do not import each other are checked
//! one by one, and each check may know other places at which it is named.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, CheckedRoot};
use crate::convert::LineIndex;
use crate::library::Library;
use crate::session::{Document, Snapshot, real};
use crate::{uri, workspace};
use lockstep_base::source::{FileId, Span};
use lockstep_ide::ROOT_FILE;
use lockstep_ide::references::{self, NamedPlace, NamedThing};

/// What is done with each check: the check, the thing in it, and whether it is the one that the
/// request is about.
pub(super) type Look<'l> =
    &'l mut dyn FnMut(&CheckedRoot, &NamedPlace, bool) -> Result<(), AnswerError>;

/// Calls `look` for what is named at a place, in the check of its document and in those of all
/// others that know it. Returns false where nothing is named there. A document in which none of
/// the `words` stands is passed over.
pub(super) fn in_all_checks(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    at: &lsp::TextDocumentPositionParams,
    words: &dyn Fn(&NamedPlace) -> Vec<String>,
    look: Look<'_>,
) -> Result<bool, AnswerError> {
    let library = cache.library.clone();
    if let Some(document) = snapshot.documents.get(&at.text_document.uri.0) {
        cache.read_disk_again(snapshot, document);
    }
    let Some((root, offset)) = cache.at(snapshot, &at.text_document.uri, at.position) else {
        return Ok(false);
    };
    let Some(named) = references::named(&root.checked, ROOT_FILE, offset) else {
        return Ok(false);
    };
    look(root, &named, true)?;
    if !references::is_named_elsewhere(&root.checked, &named) {
        return Ok(true);
    }
    let words = words(&named);
    let mut places = KnownPlaces {
        snapshot,
        library: &library,
        thing: named.thing.clone(),
        known: Vec::new(),
        files: HashMap::new(),
    };
    places.learn(root, &named.thing);
    let documents = workspace::documents(snapshot, &cache.outside.clone());
    let is_barrier = matches!(named.thing, NamedThing::Barrier(_));
    loop {
        let before = places.known.len();
        for document in &documents {
            let has = |word: &String| document.text.contains(word.as_str());
            let is_own = document.uri == at.text_document.uri.0;
            // What meets a barrier is found in files that do not name it, and may be found in the
            // own one only by way of others.
            if !is_barrier && (is_own || !words.iter().any(has)) {
                continue;
            }
            cache.read_disk_again(snapshot, document);
            cache.with(snapshot, document, |root| {
                for named in places.in_check(root) {
                    places.learn(root, &named.thing);
                    look(root, &named, false)?;
                }
                Ok::<(), AnswerError>(())
            })?;
        }
        // More barriers may meet those that another check has added.
        if places.known.len() == before || !is_barrier {
            return Ok(true);
        }
    }
}

/// Where a thing is known to be named, whichever check has found it.
struct KnownPlaces<'s> {
    snapshot: &'s Snapshot,
    library: &'s Library,
    thing: NamedThing,
    known: Vec<(PathBuf, lsp::Range)>,
    /// The files behind addresses, whichever links lead to them.
    files: HashMap<String, PathBuf>,
}

impl KnownPlaces<'_> {
    fn file(&mut self, address: &lsp::Uri) -> PathBuf {
        let found = self.files.entry(address.0.clone());
        found.or_insert_with(|| file_of(address)).clone()
    }

    /// Remembers the places by which other checks recognize the thing: of a symbol its declaration,
    /// of barriers all of them.
    fn learn(&mut self, root: &CheckedRoot, thing: &NamedThing) {
        let spans: Vec<Span> = match thing {
            NamedThing::Symbol(declared) => vec![*declared],
            NamedThing::Barrier(_) => {
                let found = references::references(&root.checked, thing).into_iter();
                found.map(|it| it.at).collect()
            }
            NamedThing::Lock(_) => Vec::new(),
        };
        for span in spans {
            if let Some(place) = root.location(self.snapshot, self.library, span) {
                let place = (self.file(&place.uri), place.range);
                if !self.known.contains(&place) {
                    self.known.push(place);
                }
            }
        }
    }

    /// The thing as another check knows it; barriers may be several groups there.
    fn in_check(&mut self, root: &CheckedRoot) -> Vec<NamedPlace> {
        if let NamedThing::Lock(name) = &self.thing {
            let at = Span::start_of(ROOT_FILE);
            return vec![NamedPlace {
                at,
                text: name.clone(),
                thing: self.thing.clone(),
            }];
        }
        let mut found: Vec<NamedPlace> = Vec::new();
        let mut seen: HashSet<Span> = HashSet::new();
        for number in 0..root.checked.modules().files.len() {
            let file = FileId(u32::try_from(number).unwrap_or(u32::MAX));
            let Some(address) = root.uri(self.snapshot, self.library, file) else {
                continue;
            };
            let path = self.file(&address);
            let ranges = self.known.iter().filter(|(known, _)| *known == path);
            for (_, range) in ranges {
                let named = named_in(root, self.snapshot, file, *range);
                let Some(named) = named.filter(|it| self.is_alike(&it.thing)) else {
                    continue;
                };
                if !seen.insert(named.at) {
                    continue;
                }
                if let NamedThing::Barrier(_) = named.thing {
                    let group = references::references(&root.checked, &named.thing);
                    seen.extend(group.into_iter().map(|it| it.at));
                }
                found.push(named);
            }
        }
        found
    }

    fn is_alike(&self, other: &NamedThing) -> bool {
        std::mem::discriminant(&self.thing) == std::mem::discriminant(other)
    }
}

/// What is named at a range of a file of a check.
fn named_in(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    file: FileId,
    range: lsp::Range,
) -> Option<NamedPlace> {
    let source = root.checked.source(file)?;
    let lines = LineIndex::of(&source.text);
    let offset = lines.offset(&source.text, range.start, snapshot.client.encoding);
    let named = references::named(&root.checked, file, u32::try_from(offset).ok()?)?;
    (root.range(snapshot.client.encoding, named.at) == range).then_some(named)
}

fn file_of(address: &lsp::Uri) -> PathBuf {
    match uri::path(&address.0) {
        Some(path) => real(&path).unwrap_or(path),
        None => PathBuf::from(&address.0),
    }
}

/// Gives every file one address, whichever links lead to it: that of an open document, else that in
/// the workspace.
pub(super) fn with_one_address<T>(
    snapshot: &Snapshot,
    cache: &AnalysisCache,
    found: Vec<(lsp::Uri, T)>,
) -> Vec<(lsp::Uri, T)> {
    let mut addresses: HashMap<PathBuf, lsp::Uri> = HashMap::new();
    let mut files: HashMap<String, PathBuf> = HashMap::new();
    let mut file = |address: &lsp::Uri| {
        let known = files.entry(address.0.clone());
        known.or_insert_with(|| file_of(address)).clone()
    };
    let distinct: HashSet<PathBuf> = found.iter().map(|(address, _)| file(address)).collect();
    if distinct.len()
        < found
            .iter()
            .map(|(it, _)| &it.0)
            .collect::<HashSet<_>>()
            .len()
    {
        let mut documents: Vec<Arc<Document>> = workspace::documents(snapshot, &cache.outside);
        documents.sort_by_key(|document| !snapshot.documents.contains_key(&document.uri));
        for document in documents {
            let address = lsp::Uri(document.uri.clone());
            addresses.entry(file(&address)).or_insert(address);
        }
    }
    let one = found.into_iter().map(|(address, of)| {
        let path = file(&address);
        (addresses.entry(path).or_insert(address).clone(), of)
    });
    one.collect()
}
