//! The standard library as files that an editor can open: written once into the user's cache
//! folder, read-only.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lockstep_lang::resolve;

/// The library on disk.
#[derive(Debug, Default)]
pub(super) struct Library {
    folder: Option<PathBuf>,
}

impl Library {
    /// The library below the user's cache folder.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            folder: folder.map(|folder| folder.join("lockstep").join(version).join("std")),
        }
    }

    /// The file with the text of `std/NAME`; it is written if it does not exist yet.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let text = resolve::library_file(name)?;
        let folder = self.folder.as_ref()?;
        let path = folder.join(format!("{}.deploy", name.strip_prefix("std/")?));
        match fs::read_to_string(&path) {
            Ok(there) if there == text => Some(path),
            _ => write(folder, &path, text).ok().map(|()| path),
        }
    }

    /// The name `std/NAME` of a file of the library.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(self.folder.as_ref()?).ok()?;
        let name = format!("std/{}", inside.with_extension("").to_string_lossy());
        resolve::library_file(&name).map(|_| name)
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
