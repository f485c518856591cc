//! What the files of the workspace and the library export, for imports that are added. A file is
//! parsed again only when its text has changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::ServerEnvironment;
use super::session::{Document, Snapshot};
use super::workspace;
use lockstep_ide::actions::{Export, Exporter, exports};
use lockstep_lang::resolve;

/// The exports of a file.
#[derive(Debug)]
struct FileExports {
    document: Arc<Document>,
    exports: Arc<[Export]>,
}

/// The exports of all files.
#[derive(Debug, Default)]
pub(super) struct ExportIndex {
    /// The state of the disk, the folders and the open documents in which the files were listed.
    listed: Option<(u64, Vec<PathBuf>, Vec<String>)>,
    files: Vec<FileExports>,
}

impl ExportIndex {
    /// The files that `document` can import names from.
    pub(super) fn exporters(
        &mut self,
        snapshot: &Snapshot,
        outside: &ServerEnvironment,
        document: &Document,
    ) -> Vec<Exporter> {
        self.update(snapshot, outside, document);
        let others = self.files.iter().filter_map(|file| {
            let other = &file.document;
            let folder = document.path.as_deref()?.parent()?;
            let path = relative(folder, other.path.as_deref()?)?;
            (other.uri != document.uri).then(|| Exporter {
                path,
                exports: file.exports.clone(),
            })
        });
        library().iter().cloned().chain(others).collect()
    }

    /// Reads what has changed; but not `document`, which imports nothing from itself.
    fn update(&mut self, snapshot: &Snapshot, outside: &ServerEnvironment, document: &Document) {
        let mut open: Vec<String> = snapshot.documents.keys().cloned().collect();
        open.sort();
        let now = Some((snapshot.disk, snapshot.client.folders.clone(), open));
        if self.listed != now {
            let old: HashMap<String, FileExports> = std::mem::take(&mut self.files)
                .into_iter()
                .map(|file| (file.document.uri.clone(), file))
                .collect();
            let documents = workspace::documents(snapshot, outside).into_iter();
            self.files = documents
                .map(|document| match old.get(&document.uri) {
                    Some(known) if known.document.text == document.text => FileExports {
                        exports: known.exports.clone(),
                        document,
                    },
                    _ => FileExports {
                        exports: exports(&document.text),
                        document,
                    },
                })
                .collect();
            self.listed = now;
            return;
        }
        for file in &mut self.files {
            if let Some(now) = snapshot.documents.get(&file.document.uri)
                && now.uri != document.uri
                && !Arc::ptr_eq(now, &file.document)
            {
                file.exports = exports(&now.text);
                file.document = now.clone();
            }
        }
    }
}

/// What the library exports. It is a part of the program, so it is read once; the thread of
/// background checks does it before the first completion asks for it.
pub(super) fn library() -> &'static [Exporter] {
    static LIBRARY: OnceLock<Vec<Exporter>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let paths = resolve::library_paths();
        let exporters = paths.filter_map(|path| {
            let exports = exports(resolve::library_file(&path)?);
            Some(Exporter { path, exports })
        });
        exporters.collect()
    })
}

/// A path as seen from a folder: `./a.deploy`, `../b/c.deploy`.
fn relative(folder: &Path, file: &Path) -> Option<String> {
    let mut up = 0;
    let mut from = folder;
    let rest: PathBuf = loop {
        if let Ok(rest) = file.strip_prefix(from) {
            break rest.to_path_buf();
        }
        from = from.parent()?;
        up += 1;
    };
    let rest = rest.to_string_lossy().replace('\\', "/");
    Some(match up {
        0 => format!("./{rest}"),
        _ => format!("{}{rest}", "../".repeat(up)),
    })
}
