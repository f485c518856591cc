//! The pipelines of the served folder. A file is compiled again when it, or a file that it imports,
//! has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lockstep_api::DiskFiles;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Sources;
use lockstep_base::world::{EnvironmentVariables, VariableError};
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::ir::{Program, asks_ledger};
use lockstep_plan::{self as plan, Plan, RunRequest};
use lockstep_store::{Store, StoreError};

/// Folders in folders are searched so deep.
const MAX_DEPTH: usize = 8;
/// So many files are served at most.
const MAX_FILES: usize = 1_000;

/// A file with errors is compiled again after this time, even if it has not changed.
const MAX_AGE_WITH_ERRORS: Duration = Duration::from_secs(1);

/// The `.deploy` files of a folder.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    compiled: Mutex<BTreeMap<String, Arc<CompiledFile>>>,
}

/// A file as it was when it was last compiled.
#[derive(Debug)]
pub(crate) struct CompiledFile {
    /// Its path in the served folder, with `/`.
    pub(crate) path: String,
    /// Its program, where it has no errors.
    pub(crate) program: Option<Arc<Program>>,
    /// Its errors and warnings.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The texts that these point into.
    pub(crate) sources: Sources,
    /// When each of its files was last changed, and its length.
    stamps: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
    read_at: Instant,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum PlanError {
    /// The file has errors, or the request has: they are shown with these sources.
    Refused(Vec<Diagnostic>, Box<Sources>),
    /// The state directory cannot be read.
    Store(StoreError),
}

/// The variables of the server's environment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerEnvironment;

impl EnvironmentVariables for ServerEnvironment {
    fn var(&self, name: &str) -> Result<String, VariableError> {
        // The system would treat these as the end of a name.
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(VariableError::NotSet);
        }
        std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => VariableError::NotSet,
            std::env::VarError::NotUnicode(_) => VariableError::NotUtf8,
        })
    }
}

impl Project {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            compiled: Mutex::default(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// All files, compiled, by their paths.
    pub(crate) fn files(&self) -> Vec<Arc<CompiledFile>> {
        let mut paths = Vec::new();
        search(&self.folder, "", 0, &mut paths);
        paths.sort();
        let files = paths.iter().map(|path| self.compiled(path)).collect();
        let mut known = self.lock();
        known.retain(|path, _| paths.contains(path));
        files
    }

    /// A file of the folder; nothing where there is none.
    pub(crate) fn file(&self, path: &str) -> Option<Arc<CompiledFile>> {
        let is_plain = path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'));
        let is_file = is_plain && path.ends_with(".deploy") && self.folder.join(path).is_file();
        is_file.then(|| self.compiled(path))
    }

    fn compiled(&self, path: &str) -> Arc<CompiledFile> {
        let known = self.lock().get(path).cloned();
        if let Some(known) = known.filter(|known| known.is_current()) {
            return known;
        }
        let new = Arc::new(CompiledFile::read(&self.folder, path));
        self.lock().insert(path.to_owned(), new.clone());
        new
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<CompiledFile>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan of a pipeline of a file for a request.
    pub(crate) fn plan(
        &self,
        file: &CompiledFile,
        mut asked: RunRequest,
        store: &Store,
    ) -> Result<Plan, PlanError> {
        let sources = || Box::new(file.sources.clone());
        let Some(program) = &file.program else {
            return Err(PlanError::Refused(file.diagnostics.clone(), sources()));
        };
        if asks_ledger(program) {
            let known = lockstep_api::state::deployed_versions(store);
            asked.deployed = Some(known.map_err(PlanError::Store)?);
        }
        let files = DiskFiles::new(&self.folder);
        let bound = plan::bind(program, &asked, &ServerEnvironment, &files);
        bound
            .and_then(lockstep_verify::proved)
            .map_err(|mistakes| PlanError::Refused(mistakes, sources()))
    }
}

impl CompiledFile {
    fn read(folder: &Path, path: &str) -> Self {
        let files = DiskFiles::new(folder);
        let Compilation {
            sources,
            program,
            diagnostics,
            ..
        } = compile(&files, path);
        let stamps = sources
            .iter()
            .filter(|(_, source)| !source.name.starts_with("std/"))
            .map(|(_, source)| folder.join(&*source.name))
            .map(|path| {
                let stamp = stamp(&path);
                (path, stamp)
            })
            .collect();
        Self {
            path: path.to_owned(),
            program: program.map(Arc::new),
            diagnostics,
            sources,
            stamps,
            read_at: Instant::now(),
        }
    }

    fn is_current(&self) -> bool {
        // What an import does not find may be there later.
        let is_fresh = self.program.is_some() || self.read_at.elapsed() < MAX_AGE_WITH_ERRORS;
        is_fresh && self.stamps.iter().all(|(path, was)| stamp(path) == *was)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

/// Finds `.deploy` files; hidden folders, and those that belong to other tools, are left out.
fn search(root: &Path, inside: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(inside)) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') || name == "node_modules" || name == "target" {
            continue;
        }
        let path = match inside {
            "" => name,
            inside => format!("{inside}/{name}"),
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth < MAX_DEPTH {
            search(root, &path, depth + 1, found);
        } else if !kind.is_dir() && path.ends_with(".deploy") && found.len() < MAX_FILES {
            found.push(path);
        }
    }
}
