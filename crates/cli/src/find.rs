//! The files that `fmt`, `lint` and `test` work on.

use std::collections::BTreeSet;
use std::path::Path;

use ignore::WalkBuilder;

use super::files::{self, OpenedFile};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::world::FileError;

/// Where to search if no file is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultFiles {
    /// In this folder.
    Here,
    /// In this folder and all folders in it.
    Below,
}

/// The files to work on, opened; and the errors for those that cannot be.
pub(super) fn open(
    named: &[String],
    otherwise: DefaultFiles,
) -> (Vec<OpenedFile>, Vec<Diagnostic>) {
    let (paths, mut mistakes) = files(named, otherwise);
    let mut opened = Vec::new();
    for path in &paths {
        match files::open(Some(path)) {
            Ok(file) => opened.push(file),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    (opened, mistakes)
}

/// The named files and those below named folders, else those of this folder; and the errors for
/// wrong names.
pub(super) fn files(named: &[String], otherwise: DefaultFiles) -> (Vec<String>, Vec<Diagnostic>) {
    let depth = (named.is_empty() && otherwise == DefaultFiles::Here).then_some(1);
    let mut paths = BTreeSet::new();
    let mut mistakes = Vec::new();
    let here = [String::from(".")];
    let named = if named.is_empty() { &here } else { named };
    for name in named {
        let path = Path::new(name);
        if !path.is_dir() {
            match path.exists() {
                true => drop(paths.insert(name.clone())),
                false => mistakes.push(files::cannot_read(name, &FileError::NotFound)),
            }
            continue;
        }
        let inside = in_folder(path, depth, &mut mistakes);
        if inside.is_empty() {
            let place = match name.as_str() {
                "." => String::from("this folder"),
                name => format!("`{name}`"),
            };
            let help = "name a file, or a folder with one; `lockstep new` makes an example";
            mistakes.push(files::no_file(&place).help(help));
        }
        paths.extend(inside);
    }
    (paths.into_iter().collect(), mistakes)
}

/// The `.deploy` files in a folder and, if no depth is given, in its subfolders, except those that
/// git ignores.
pub(super) fn in_folder(
    folder: &Path,
    depth: Option<usize>,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut walk = WalkBuilder::new(folder);
    let walk = walk.require_git(false).max_depth(depth).build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                let message = format!("cannot list a folder: {why}");
                let code = lockstep_base::diagnostic::codes::CANNOT_READ;
                mistakes.push(Diagnostic::without_place(code, message));
                continue;
            }
        };
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        let path = entry.into_path();
        if let (true, Some(path)) = (is_file, path.to_str())
            && path.ends_with(".deploy")
        {
            found.push(path.strip_prefix("./").unwrap_or(path).to_string());
        }
    }
    found
}
