//! The standard library and the pages of the codes as files that an editor can open: written once
//! into the user's cache folder, read-only.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lockstep_base::diagnostic::Code;
use lockstep_lang::resolve;

/// The library on disk.
#[derive(Debug, Default)]
pub(super) struct Library {
    folder: Option<PathBuf>,
    /// The pages that have been looked for; one is looked for with each diagnostic.
    pages: Mutex<HashMap<Code, Option<PathBuf>>>,
}

impl Library {
    /// The library below the user's cache folder.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            folder: folder.map(|folder| folder.join("lockstep").join(version).join("std")),
            pages: Mutex::default(),
        }
    }

    /// The file with the page that explains a code; it is written if it does not exist yet.
    pub(super) fn page(&self, code: Code) -> Option<PathBuf> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let page = pages.entry(code).or_insert_with(|| {
            let folder = self.folder.as_ref()?.with_file_name("codes");
            let path = folder.join(format!("{}.md", code.as_str()));
            written(&folder, path, code.page())
        });
        page.clone()
    }

    /// The file with the text of `std/NAME`; it is written if it does not exist yet.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let text = resolve::library_file(name)?;
        let folder = self.folder.as_ref()?;
        let path = folder.join(format!("{}.deploy", name.strip_prefix("std/")?));
        written(folder, path, text)
    }

    /// The name `std/NAME` of a file of the library.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(self.folder.as_ref()?).ok()?;
        let name = format!("std/{}", inside.with_extension("").to_string_lossy());
        resolve::library_file(&name).map(|_| name)
    }
}

/// A file that has this text; it is written if it has not.
fn written(folder: &Path, path: PathBuf, text: &str) -> Option<PathBuf> {
    match fs::read_to_string(&path) {
        Ok(there) if there == text => Some(path),
        _ => write(folder, &path, text).ok().map(|()| path),
    }
}

/// Writes a file atomically.
fn write(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = fs::File::create(&part)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        let mut rights = file.metadata()?.permissions();
        rights.set_readonly(true);
        file.set_permissions(rights)?;
        fs::rename(&part, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}
