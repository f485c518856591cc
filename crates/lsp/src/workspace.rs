//! The source files in the workspace folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ServerEnvironment;
use super::session::{Document, Snapshot};
use super::uri;

/// At most so many files are read.
const MAX_FILES: usize = 2_000;

/// The file with the settings of a project.
const SETTINGS: &str = "lockstep.toml";

/// At most so many folders are looked into: a `.git` may stand above a whole home folder.
const MAX_FOLDERS: usize = 20_000;

/// Deeper folders are not searched.
const MAX_FOLDER_DEPTH: usize = 12;

/// All source files: open ones from the editor, others from disk.
pub(super) fn documents(snapshot: &Snapshot, outside: &ServerEnvironment) -> Vec<Arc<Document>> {
    let mut found: Vec<Arc<Document>> = snapshot.documents.values().cloned().collect();
    let mut paths = Vec::new();
    let mut left = MAX_FOLDERS;
    for folder in folders(snapshot) {
        list(&folder, 0, &mut left, &mut paths);
    }
    paths.sort();
    paths.dedup();
    for path in paths {
        if snapshot.of_path(&path).is_some() {
            continue;
        }
        if let Ok(text) = outside.files.read(&path.to_string_lossy()) {
            found.push(Arc::new(Document::new(&uri::uri(&path), 0, &text)));
        }
    }
    found.sort_by(|a, b| a.uri.cmp(&b.uri));
    found
}

/// The folders of the client, and for each open document outside of them the project around it.
fn folders(snapshot: &Snapshot) -> Vec<PathBuf> {
    let mut found = snapshot.client.folders.clone();
    for document in snapshot.documents.values() {
        let Some(path) = &document.path else {
            continue;
        };
        if !found.iter().any(|folder| path.starts_with(folder)) {
            found.extend(project_of(path));
        }
    }
    found
}

/// The nearest folder above a file with a `lockstep.toml`, else the nearest with a `.git`.
fn project_of(path: &Path) -> Option<PathBuf> {
    let with = |name: &str| {
        let mut above = path.ancestors().skip(1);
        above.find(|folder| folder.join(name).exists())
    };
    with(SETTINGS)
        .or_else(|| with(".git"))
        .map(Path::to_path_buf)
}

fn list(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<PathBuf>) {
    let Some(fewer) = left.checked_sub(1) else {
        return;
    };
    *left = fewer;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if found.len() >= MAX_FILES {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && !is_skipped(&name) && depth < MAX_FOLDER_DEPTH {
            list(&entry.path(), depth + 1, left, found);
        } else if kind.is_file() && name.ends_with(".deploy") {
            found.push(uri::normal(&entry.path()));
        }
    }
}

/// Whether folders of this name are skipped, since they hold no sources.
fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "target")
}

/// What a document can import from a folder, in the syntax of an import: the files in it, and its
/// subfolders with a trailing `/`.
pub(super) fn sources_beside(document: &Document, folder: &str) -> Vec<String> {
    beside(document, folder, |name| name.ends_with(".deploy"))
}

/// All files in a folder, as seen from a document, and its subfolders with a trailing `/`.
pub(super) fn files_beside(document: &Document, folder: &str) -> Vec<String> {
    beside(document, folder, |_| true)
}

fn beside(document: &Document, folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let own = document.path.as_deref();
    let Some(from) = own.and_then(Path::parent) else {
        return Vec::new();
    };
    let folder = uri::normal(&from.join(folder));
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Vec::new();
    };
    let names = entries
        .filter_map(Result::ok)
        .take(MAX_FILES)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_own = own.is_some_and(|own| own == folder.join(&name));
            // Symbolic links are followed.
            let kind = std::fs::metadata(entry.path()).ok()?;
            if kind.is_dir() {
                (!is_skipped(&name)).then(|| format!("{name}/"))
            } else {
                (wanted(&name) && !is_own).then_some(name)
            }
        });
    names.collect()
}
