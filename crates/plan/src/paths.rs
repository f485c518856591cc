//! Values of type `path` in a plan: the folders that they are relative to, how they are shown, and
//! a plan that is carried to another checkout. Must not ask the file system itself.

use indexmap::IndexMap;

use super::bind::InputValue;
use super::facts::{Facts, resolve_beside};
use super::walk::PlanWalk;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::{Type, Value, convert, from_json, from_text, path};
use lockstep_base::world::Files;
use lockstep_lang::ir::Program;
use lockstep_lang::resolve::is_std;

impl Facts {
    /// A value as it would be written in a file: a path in the file's folder, or below it, is
    /// relative to it. It is only for people to read.
    pub fn seen_from(&self, file: FileId, value: Value) -> Value {
        let Some(folder) = self.folders.get(file.0 as usize) else {
            return value;
        };
        match value {
            Value::String(text) => match path::below(folder, &text) {
                Some(relative) => Value::string(relative),
                None => Value::String(text),
            },
            Value::List(items) => {
                let items = items.iter();
                Value::list(items.map(|item| self.seen_from(file, item.clone())))
            }
            other => other,
        }
    }

    /// The same facts in the checkout that other facts of the program are about: what was below the
    /// one is below the other.
    pub fn moved_to(&self, other: &Self) -> Self {
        let mut moved = self.clone();
        let (Some(from), Some(to)) = (self.folders.first(), other.folders.first()) else {
            return moved;
        };
        let (from, to) = different_beginnings(from, to);
        if from == to {
            return moved;
        }
        let fields = (moved.services.iter_mut())
            .chain(&mut moved.environments)
            .chain(&mut moved.infrastructures)
            .chain(moved.overrides.iter_mut().flat_map(IndexMap::values_mut))
            .chain(moved.fixed.values_mut())
            .chain([&mut moved.set]);
        let values = fields
            .flat_map(IndexMap::values_mut)
            .chain(&mut moved.globals);
        values.for_each(|value| *value = moved_value(value, from, to));
        for (_, named, _) in &mut moved.files {
            if let Some(inside) = path::below(from, named) {
                *named = path::absolute(to, inside).into();
            }
        }
        moved.folders.clone_from(&other.folders);
        moved
    }
}

impl PlanWalk<'_> {
    /// Whether there are paths that may be shown as seen from a folder.
    pub(crate) fn has_paths(&self) -> bool {
        !self.bound.facts.folders.is_empty()
    }

    /// What a value is called in the path of a node: a path in the folder of the pipeline's file as
    /// seen from there, so that nodes are called the same in every checkout.
    pub(crate) fn name(&self, value: &Value) -> String {
        match self.has_paths() {
            true => self.display(&self.bound.facts.seen_from(FileId(0), value.clone())),
            false => self.display(value),
        }
    }
}

/// What a file is called that a file names. What is below the folder in which names begin is
/// called by its relative name: files in memory know no other.
pub(super) fn name_of_file(files: &dyn Files, importer: &str, named: &str) -> String {
    if named.starts_with('/') && !importer.starts_with('/') {
        let folder = absolute_folder(files, "");
        if let Some(inside) = path::below(&folder, named) {
            return inside.to_string();
        }
    }
    resolve_beside(importer, named)
}

/// A value that the caller has given, with its paths relative to where the caller is.
pub(super) fn given(raw: &InputValue, ty: &Type, files: &dyn Files) -> Result<Value, String> {
    let value = match raw {
        InputValue::Text(given) => from_text(given, ty),
        InputValue::Json(data) => from_json(data.clone(), ty),
    }?;
    match ty.has_path() {
        true => convert(value, ty, &absolute_folder(files, "")),
        false => Ok(value),
    }
}

/// Two folders without the names at their ends that they have in common.
fn different_beginnings<'f>(mut one: &'f str, mut other: &'f str) -> (&'f str, &'f str) {
    while let (Some((a, last)), Some((b, same))) = (one.rsplit_once('/'), other.rsplit_once('/')) {
        if last != same || one == other || a.is_empty() || b.is_empty() {
            break;
        }
        (one, other) = (a, b);
    }
    (one, other)
}

/// A value in which the paths below one folder are below another.
fn moved_value(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => match path::below(from, text) {
            Some(inside) => Value::string(path::absolute(to, inside)),
            None => value.clone(),
        },
        Value::List(items) => Value::list(items.iter().map(|item| moved_value(item, from, to))),
        Value::Map(entries) => {
            let entries = entries.iter();
            Value::map(entries.map(|(key, item)| (key.clone(), moved_value(item, from, to))))
        }
        other => other.clone(),
    }
}

/// The absolute folder of a source file. The library has none of its own: what it names is where
/// the pipelines are.
pub(super) fn folder_of(program: &Program, files: &dyn Files, of: FileId) -> Name {
    let name = |file| program.sources.get(file).map_or("", |source| &source.name);
    let name = match name(of) {
        library if is_std(library) => name(FileId(0)),
        own => own,
    };
    let folder = match name.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    };
    absolute_folder(files, folder).into()
}

/// The absolute path of a folder that is named as files are.
pub(super) fn absolute_folder(files: &dyn Files, name: &str) -> String {
    let found = files.folder(name);
    found.unwrap_or_else(|| path::absolute("/", name))
}
