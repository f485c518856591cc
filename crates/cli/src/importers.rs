//! Which declarations of a file are used by other files of the same project, found from their
//! imports.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::files::CallerFiles;
use super::{find, settings};
use lockstep_base::source::Name;
use lockstep_base::world::Files;
use lockstep_lint as lint;

/// The names that other files import from each file.
#[derive(Debug, Default)]
pub(super) struct Importers {
    /// By the real path of the file that declares them.
    taken: HashMap<PathBuf, Vec<Name>>,
}

impl Importers {
    /// Scans these files and all others of the projects that they belong to.
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut found = Self::default();
        let mut folders = BTreeSet::new();
        for path in paths {
            found.read(path);
            folders.extend(project(path));
        }
        let mut last: Option<&PathBuf> = None;
        for folder in &folders {
            // A subfolder has been scanned with the folder that contains it.
            if last.is_some_and(|last| folder.starts_with(last)) {
                continue;
            }
            last = Some(folder);
            for file in find::in_folder(folder, None, &mut Vec::new()) {
                found.read(Path::new(&file));
            }
        }
        found
    }

    /// Adds the names that a file imports. One that cannot be read is ignored.
    fn read(&mut self, file: &Path) {
        let Ok(text) = CallerFiles.read(&file.to_string_lossy()) else {
            return;
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        for (path, names) in lint::imported_names(&text) {
            if let Ok(path) = folder.join(&*path).canonicalize() {
                self.taken.entry(path).or_default().extend(names);
            }
        }
    }

    /// The names that other files import from this one.
    pub(super) fn from(&self, file: &Path) -> impl Iterator<Item = Name> {
        let names = file.canonicalize().ok();
        let names = names.and_then(|path| self.taken.get(&path));
        names.into_iter().flatten().cloned()
    }
}

/// The folder that holds a file and all that could import it: the repository that it is in, else
/// the folder with its `lockstep.toml`, else its own.
fn project(file: &Path) -> Option<PathBuf> {
    let file = file.canonicalize().ok()?;
    let folder = file.parent()?;
    let above = |name: &str| folder.ancestors().find(|it| it.join(name).exists());
    let project = above(".git").or_else(|| above(settings::SETTINGS_FILE_NAME));
    Some(project.unwrap_or(folder).to_path_buf())
}
