//! Loads and parses the requested file and all that it imports, each once.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::{Import, Module, Modules, TreeReader, errors, path, std as library};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::{FileId, Name, Sources, Span};
use lockstep_base::world::{FileError, Files};
use lockstep_syntax::ast;
use lockstep_syntax::lexer::is_word_part;

/// Loads the file at `root` and everything that it imports.
pub fn load(
    files: &dyn Files,
    root: &str,
    reader: TreeReader<'_>,
    diagnostics: &mut Diagnostics,
) -> Modules {
    let mut loader = Loader {
        files,
        reader,
        diagnostics,
        modules: Modules::default(),
        known: HashMap::new(),
        real: HashMap::new(),
    };
    let first = loader.root(root);
    let mut next = first.0;
    while (next as usize) < loader.modules.files.len() {
        loader.imports_of(FileId(next));
        next += 1;
    }
    loader.modules
}

struct Loader<'a> {
    files: &'a dyn Files,
    reader: TreeReader<'a>,
    diagnostics: &'a mut Diagnostics,
    modules: Modules,
    /// The files by normal path; `Err` is why one cannot be read.
    known: HashMap<String, Result<FileId, FileError>>,
    /// The files by their one path, whichever links lead to them. The library has none.
    real: HashMap<String, FileId>,
}

impl Loader<'_> {
    fn root(&mut self, root: &str) -> FileId {
        // A folder of the user's may be called like the library.
        let own = path::own(root);
        let name = match path::is_std(root) {
            true => own.clone(),
            false => String::from(root),
        };
        match self.files.read(root) {
            Ok(text) => {
                let file = self.add(&name, own, text);
                let real = self.files.real(root).map(|real| (real, file));
                self.real.extend(real);
                file
            }
            Err(why) => {
                let file = self.add(&name, own, String::new());
                self.diagnostics
                    .push(errors::unreadable_root(Span::start_of(file), root, &why));
                file
            }
        }
    }

    fn add(&mut self, name: &str, key: String, text: String) -> FileId {
        let file = self.modules.sources.add(name, text);
        let text = self
            .modules
            .sources
            .get(file)
            .map_or_else(|| "".into(), |source| source.text.clone());
        let parse = (self.reader)(file, &text);
        let broken = parse.diagnostics.iter().filter_map(|found| found.span());
        let broken = broken.collect();
        self.diagnostics.extend(parse.diagnostics.iter().cloned());
        self.modules.files.push(Module {
            lost: lost_words(&self.modules.sources, &parse.ast),
            ast: parse.ast,
            comments: parse.comments,
            broken,
            imports: Vec::new(),
            names: IndexMap::new(),
        });
        self.known.insert(key, Ok(file));
        file
    }

    /// Loads what `file` imports.
    fn imports_of(&mut self, file: FileId) {
        let wanted: Vec<(usize, ast::StringLit)> = self
            .modules
            .module(file)
            .ast
            .items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| match &item.kind {
                ast::ItemKind::Import { path, .. } | ast::ItemKind::From { path, .. } => {
                    Some((at, path.clone()))
                }
                _ => None,
            })
            .collect();
        for (item, literal) in wanted {
            let import = Import {
                item,
                span: literal.span,
                file: self.import(file, &literal),
            };
            self.modules.files[file.0 as usize].imports.push(import);
        }
    }

    fn import(&mut self, from: FileId, literal: &ast::StringLit) -> Option<FileId> {
        let Some(written) = literal.plain() else {
            self.diagnostics.push(errors::path_not_plain(literal.span));
            return None;
        };
        let importer = self
            .modules
            .sources
            .get(from)
            .map_or_else(String::new, |source| source.name.to_string());
        let target = path::join(&importer, &written);
        if !self.known.contains_key(&target) {
            let read = self.read(&target);
            self.known.insert(target.clone(), read);
        }
        match self.known.get(&target) {
            Some(Ok(file)) => Some(*file),
            Some(Err(why)) => {
                let error = errors::unreadable_import(literal.span, &written, &target, why);
                self.diagnostics.push(error);
                None
            }
            None => None,
        }
    }

    /// Reads the file at a path, unless another path has led to it.
    fn read(&mut self, target: &str) -> Result<FileId, FileError> {
        if let Some(text) = library::find(target) {
            return Ok(self.add(target, target.to_owned(), text.to_owned()));
        }
        // The library is no folder: nothing leads out of it, and no file is taken for a part of
        // it.
        if path::is_std(target) {
            return Err(FileError::NotFound);
        }
        let real = self.files.real(target);
        if let Some(file) = real.as_ref().and_then(|real| self.real.get(real)) {
            return Ok(*file);
        }
        let text = self.files.read(target)?;
        let file = self.add(target, target.to_owned(), text);
        self.real.extend(real.map(|real| (real, file)));
        Ok(file)
    }
}

/// The words in declarations that could not be read.
fn lost_words(sources: &Sources, file: &ast::File) -> HashSet<Name> {
    file.items
        .iter()
        .filter(|item| matches!(item.kind, ast::ItemKind::Error))
        .flat_map(|item| words(sources.text(item.span)))
        .collect()
}

/// The identifiers in a text.
pub fn words(text: &str) -> impl Iterator<Item = Name> {
    text.split(|c: char| !is_word_part(c))
        .filter(|word| !word.is_empty())
        .map(Name::from)
}
