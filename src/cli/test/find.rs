//! The files whose tests are run. It does not know what stands in them.

use std::path::Path;

use ignore::WalkBuilder;

use super::super::files::{self, Opened};
use crate::diagnostic::Diagnostic;

/// The files that are named, and those in folders that are named; else those of this folder.
pub(super) fn files(named: &[String]) -> Result<Vec<Opened>, Diagnostic> {
    let mut paths = Vec::new();
    if named.is_empty() {
        paths = in_folder(Path::new("."), Some(1));
        for path in &mut paths {
            *path = path.trim_start_matches("./").to_string();
        }
        if paths.is_empty() {
            files::choose(None)?;
        }
    }
    for name in named {
        match Path::new(name).is_dir() {
            true => {
                let inside = in_folder(Path::new(name), None);
                if inside.is_empty() {
                    // It says that the folder has no such file.
                    files::open(Some(name))?;
                }
                paths.extend(inside);
            }
            false => paths.push(name.clone()),
        }
    }
    let mut seen = std::collections::HashSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths.iter().map(|path| files::open(Some(path))).collect()
}

/// The `.deploy` files in a folder and, where no depth is given, in the folders in it; what git
/// ignores is left out.
fn in_folder(folder: &Path, depth: Option<usize>) -> Vec<String> {
    let walk = WalkBuilder::new(folder)
        .max_depth(depth)
        .sort_by_file_name(Ord::cmp)
        .build();
    let entries = walk.filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let paths = files.filter_map(|entry| entry.into_path().into_os_string().into_string().ok());
    paths.filter(|path| path.ends_with(".deploy")).collect()
}
