//! The file system of one root as the compiler sees it: open documents overlay the files on disk.
//! All reads are recorded, so that the cache can tell later whether something changed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::session::{self, Document, Snapshot};
use super::uri;
use lockstep_base::world::{FileError, Files};
use lockstep_lang::resolve;

/// A recorded read.
#[derive(Debug, Clone)]
pub(super) struct FileRead {
    /// The file.
    pub(super) path: PathBuf,
    /// The same without links, if it was there.
    pub(super) real: Option<PathBuf>,
    /// Its document, if it was open.
    pub(super) open: Option<Arc<Document>>,
}

/// The files that a root can see.
pub(super) struct DocumentOverlay<'a> {
    snapshot: &'a Snapshot,
    disk: &'a dyn Files,
    root: &'a Document,
    name: &'a str,
    read: RefCell<Vec<FileRead>>,
}

impl<'a> DocumentOverlay<'a> {
    /// The files that `root` can see; the compiler calls it `name`.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        disk: &'a dyn Files,
        root: &'a Document,
        name: &'a str,
    ) -> Self {
        Self {
            snapshot,
            disk,
            root,
            name,
            read: RefCell::default(),
        }
    }

    /// The recorded reads.
    pub(super) fn into_read(self) -> Vec<FileRead> {
        self.read.into_inner()
    }
}

/// The path of a source, as seen from the folder of the root.
pub(super) fn path_of(root: &Document, name: &str) -> Option<PathBuf> {
    if resolve::is_std(name) {
        return None;
    }
    let folder = root.path.as_deref()?.parent()?;
    Some(uri::normal(&folder.join(name)))
}

/// The name of the root in the compiler: without its folder.
pub(super) fn name_of(root: &Document) -> String {
    let name = root.path.as_deref().and_then(Path::file_name);
    match name {
        Some(name) => name.to_string_lossy().into_owned(),
        None => root
            .uri
            .rsplit(['/', ':'])
            .next()
            .unwrap_or("file")
            .to_owned(),
    }
}

impl Files for DocumentOverlay<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        if path == self.name {
            return Ok(self.root.text.to_string());
        }
        let Some(path) = path_of(self.root, path) else {
            return Err(FileError::NoFolder);
        };
        let real = session::real(&path);
        let open = self.snapshot.of_file(&path, real.as_deref()).cloned();
        let text = match &open {
            Some(document) => Ok(document.text.to_string()),
            None => self.disk.read(&path.to_string_lossy()),
        };
        self.read.borrow_mut().push(FileRead { path, real, open });
        text
    }

    fn real(&self, path: &str) -> Option<String> {
        let path = match path == self.name {
            true => self.root.path.clone(),
            false => path_of(self.root, path),
        };
        self.disk.real(&path?.to_string_lossy())
    }

    fn folder(&self, name: &str) -> Option<String> {
        let folder = self.root.path.as_deref()?.parent()?;
        self.disk.folder(&folder.join(name).to_string_lossy())
    }
}
