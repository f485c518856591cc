//! The files that `fmt` and `lint` work on. It does not know what stands in them.

use std::collections::BTreeSet;
use std::path::Path;

use ignore::WalkBuilder;

use super::files;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::codes::NO_FILE;

/// The files that are named and those in folders that are named, else those in this folder and
/// the folders in it; and what is wrong with the names.
pub(super) fn files(named: &[String]) -> (Vec<String>, Vec<Diagnostic>) {
    let mut paths = BTreeSet::new();
    let mut mistakes = Vec::new();
    let here = [String::from(".")];
    let named = if named.is_empty() { &here } else { named };
    for name in named {
        let path = Path::new(name);
        if !path.is_dir() {
            match path.exists() {
                true => drop(paths.insert(name.clone())),
                false => mistakes.push(files::cannot_read(name, "no such file")),
            }
            continue;
        }
        let inside = in_folder(path, &mut mistakes);
        if inside.is_empty() {
            let place = match name.as_str() {
                "." => String::from("this folder"),
                name => format!("`{name}`"),
            };
            let message = format!("there is no `.deploy` file in {place}");
            mistakes.push(Diagnostic::without_place(NO_FILE, message));
        }
        paths.extend(inside);
    }
    (paths.into_iter().collect(), mistakes)
}

/// The `.deploy` files in a folder and the folders in it, but those that git ignores.
pub(super) fn in_folder(folder: &Path, mistakes: &mut Vec<Diagnostic>) -> Vec<String> {
    let walk = WalkBuilder::new(folder).require_git(false).build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                let message = format!("cannot look into a folder: {why}");
                let code = crate::diagnostic::codes::CANNOT_READ;
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
