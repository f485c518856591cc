//! Checks the form of files. The manifests of the crates enforce the dependencies, `clippy.toml`
//! the forbidden methods and types.

mod answers;
mod benches;
mod form;

use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the root.
pub struct File {
    pub path: String,
    pub text: String,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
}

/// All files below these folders whose names end in `ending`.
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
                is_test: is_test(&name.display().to_string()),
            });
        }
    }
    assert!(!files.is_empty(), "no .{ending} files in {folders:?}");
    files
}

/// Whether a file is compiled for tests only, by its path.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default();
        if name == "target" || name == ".git" {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, paths),
            false => paths.push(path),
        }
    }
}

/// Fails with all complaints, one a line.
#[track_caller]
pub fn none(complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
