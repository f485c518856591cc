//! The file system and the environment of the caller, as the compiler and the planner use them, and
//! the choice of the file to work on.

use std::path::Path;

use super::arguments::as_input;
use super::settings::{self, SETTINGS_FILE_NAME};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::codes::{CANNOT_READ, NO_FILE, SEVERAL_FILES};
use lockstep_base::diagnostic::suggest::{closest, or_list};
use lockstep_base::source::FileId;
use lockstep_base::world::{self, FileError, VariableError};
use lockstep_runtime::text_file;
use lockstep_syntax::ast::ItemKind;

/// Files on disk; paths are relative to the caller's working directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallerFiles;

impl world::Files for CallerFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        text_file::read(Path::new(path))
    }

    fn real(&self, path: &str) -> Option<String> {
        text_file::real(Path::new(path))
    }

    fn folder(&self, name: &str) -> Option<String> {
        text_file::folder(Path::new(name))
    }
}

/// The file to work on, already read, and all others on disk.
#[derive(Debug, Clone)]
pub struct OpenedFile {
    /// Its path, as a person would write it.
    pub path: String,
    text: String,
}

impl world::Files for OpenedFile {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path == self.path {
            true => Ok(self.text.clone()),
            false => CallerFiles.read(path),
        }
    }

    fn real(&self, path: &str) -> Option<String> {
        CallerFiles.real(path)
    }

    fn folder(&self, name: &str) -> Option<String> {
        CallerFiles.folder(name)
    }
}

/// Opens the named file, else the only one of the current folder.
pub fn open(named: Option<&str>) -> Result<OpenedFile, Diagnostic> {
    let path = choose(named)?;
    settings::check_edition(&path)?;
    match text_file::read_handed_over(Path::new(&path)) {
        Ok(text) => Ok(OpenedFile { path, text }),
        Err(why) => Err(cannot_read(&path, &why)),
    }
}

impl OpenedFile {
    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same file with another text.
    pub fn with_text(&self, text: String) -> Self {
        let path = self.path.clone();
        Self { path, text }
    }
}

/// The variables of the caller's environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallerEnvironment;

impl world::EnvironmentVariables for CallerEnvironment {
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

/// The file to work on: the named one, else the only one of the named or current folder.
pub fn choose(named: Option<&str>) -> Result<String, Diagnostic> {
    match named {
        Some(path) if Path::new(path).is_dir() => only_one(Path::new(path)),
        Some(path) => Ok(path.to_string()),
        None => only_one(Path::new("")),
    }
}

/// The file that the settings of a folder name, else its only file. Where there are several, those
/// without pipelines do not count: others import them.
fn only_one(folder: &Path) -> Result<String, Diagnostic> {
    if folder.join(SETTINGS_FILE_NAME).is_file()
        && let Some((_, settings)) = settings::of_folder(folder)
        && let Some(file) = settings.file
    {
        return Ok(folder.join(file).display().to_string());
    }
    let mut found: Vec<String> = deploy_files(match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    });
    for name in &mut found {
        *name = folder.join(&*name).display().to_string();
    }
    let place = match folder.to_str() {
        Some("" | ".") => String::from("this folder"),
        _ => format!("`{}`", folder.display()),
    };
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    if found.is_empty() {
        return Err(no_file(&place)
            .help("name a file, or go to its folder; `lockstep new` makes an example"));
    }
    let main: Vec<&String> = found
        .iter()
        .filter(|path| may_have_pipelines(path))
        .collect();
    let (several, with_pipelines) = match main.as_slice() {
        [only] => return Ok((*only).clone()),
        [] => (found.iter().collect(), ""),
        main if main.len() == found.len() => (main.to_vec(), ""),
        main => (main.to_vec(), " with pipelines"),
    };
    let message = format!(
        "there are {} `.deploy` files{with_pipelines} in {place}",
        several.len()
    );
    let shown: Vec<&str> = several.iter().take(20).map(|name| name.as_str()).collect();
    let more = match several.len() - shown.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let help = format!(
        "name one of them, here or in `{SETTINGS_FILE_NAME}`: {}{more}",
        or_list(&shown)
    );
    Err(Diagnostic::without_place(SEVERAL_FILES, message).help(help))
}

/// The error that there is nothing to work on.
pub(super) fn no_file(place: &str) -> Diagnostic {
    Diagnostic::without_place(NO_FILE, format!("there is no `.deploy` file in {place}"))
}

/// Whether a file has pipelines, or cannot be read well enough to say that it has none.
fn may_have_pipelines(path: &str) -> bool {
    let Ok(text) = text_file::read(Path::new(path)) else {
        return true;
    };
    let parsed = lockstep_syntax::parse(FileId(0), &text);
    let mut items = parsed.file.items.iter();
    !parsed.diagnostics.is_empty()
        || items.any(|item| matches!(item.kind, ItemKind::Pipeline { .. }))
}

/// The error for a named file that cannot be read; `why` comes from [`CallerFiles`].
pub(super) fn cannot_read(path: &str, why: &FileError) -> Diagnostic {
    let wrong = Diagnostic::without_place(CANNOT_READ, format!("cannot read `{path}`: {why}"));
    if *why != FileError::NotFound {
        return wrong;
    }
    if let Some(input) = as_input(path) {
        return wrong.help(input);
    }
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let there = deploy_files(folder.unwrap_or(Path::new(".")));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let near = closest(name, there.iter().map(String::as_str));
    let near: Vec<String> = near
        .into_iter()
        .map(|name| path.with_file_name(name).display().to_string())
        .collect();
    match near.is_empty() {
        true => wrong,
        false => wrong.help(format!("did you mean {}?", or_list(&near))),
    }
}

/// The names of the `.deploy` files of a folder, sorted.
pub(super) fn deploy_files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".deploy") && !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
