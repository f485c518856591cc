//! Keeps the house in order: who may use whom, what is used nowhere else, and the form of files.
//! Every rule is shown a bad sample too, so that none can fall silent.

mod bans;
mod code;
mod form;
mod layers;

use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the root.
pub struct File {
    pub path: String,
    pub text: String,
}

/// All files below these folders, and the root's own, whose names end in `ending`.
pub fn files(folders: &[&str], ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root).expect("a path below the root");
        if path.extension().is_some_and(|other| other == ending) {
            files.push(File {
                path: name.display().to_string(),
                text: std::fs::read_to_string(&path).expect("a readable file"),
            });
        }
    }
    assert!(!files.is_empty(), "no .{ending} files in {folders:?}");
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(&path, paths),
            false => paths.push(path),
        }
    }
}

/// Fails with all complaints, one on a line.
#[track_caller]
pub fn none(complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
