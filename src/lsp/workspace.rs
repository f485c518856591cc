//! The files of the language in the folders that are open in the editor.
//! It does not know what stands in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Outside;
use super::session::{Document, Snapshot};
use super::uri;

/// No more files are looked at.
const MOST: usize = 2_000;

/// No deeper folders are looked at.
const DEEPEST: usize = 12;

/// All files of the language: the open ones as they are open, the others as they are on disk.
pub(super) fn documents(snapshot: &Snapshot, outside: &Outside) -> Vec<Arc<Document>> {
    let mut found: Vec<Arc<Document>> = snapshot.documents.values().cloned().collect();
    let mut paths = Vec::new();
    for folder in &snapshot.client.folders {
        list(folder, 0, &mut paths);
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

fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if found.len() >= MOST {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let skipped = name.starts_with('.') || matches!(&*name, "node_modules" | "target");
        if kind.is_dir() && !skipped && depth < DEEPEST {
            list(&entry.path(), depth + 1, found);
        } else if kind.is_file() && name.ends_with(".deploy") {
            found.push(uri::normal(&entry.path()));
        }
    }
}
