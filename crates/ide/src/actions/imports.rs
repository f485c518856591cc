//! Imports that are added: by a quick fix, or with a name that is completed.

use std::sync::Arc;

use super::{Action, fix};
use crate::checked_file::CheckedFile;
use crate::symbol::{SymbolKind, symbols};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax as syntax;
use lockstep_syntax::ast::{self, ItemKind};

/// A file that declares names that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Its path, as an import here would write it.
    pub path: String,
    /// What it declares.
    pub exports: Arc<[Export]>,
}

/// A name that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Its documentation.
    pub doc: Option<String>,
}

/// The names that can be imported from a file with this text.
pub fn exports(text: &str) -> Arc<[Export]> {
    let parse = syntax::parse(FileId(0), text);
    let all = symbols(&parse.file).into_iter();
    let own = all.filter(|symbol| {
        symbol.within.is_none() && !matches!(symbol.kind, SymbolKind::Namespace | SymbolKind::Test)
    });
    own.map(|symbol| Export {
        name: symbol.name.to_string(),
        kind: symbol.kind,
        doc: symbol.doc.map(|doc| doc.to_string()),
    })
    .collect()
}

/// The imports that would resolve a name.
pub(super) fn missing(
    checked: &CheckedFile,
    file: FileId,
    name: &str,
    exporters: &[Exporter],
) -> Vec<Action> {
    let with = exporters
        .iter()
        .filter(|it| it.exports.iter().any(|own| own.name == name));
    let Some(tree) = checked.tree(file) else {
        return Vec::new();
    };
    with.map(|exporter| {
        fix(
            format!("import `{name}` from \"{}\"", exporter.path),
            vec![import(tree, file, &exporter.path, name)],
        )
    })
    .collect()
}

/// The edit that imports a name into a file.
pub(crate) fn import(tree: &ast::File, file: FileId, path: &str, name: &str) -> (Span, String) {
    let mut last = None;
    for item in &tree.items {
        match &item.kind {
            ItemKind::From { path: known, names } => {
                if known.plain().as_deref() == Some(path)
                    && let Some(end) = names.last()
                {
                    let end = end.alias.as_ref().unwrap_or(&end.name).span.end;
                    let at = Span {
                        start: end,
                        end,
                        file,
                    };
                    return (at, format!(", {name}"));
                }
                last = Some(item.span.end);
            }
            ItemKind::Import { .. } => last = Some(item.span.end),
            _ => {}
        }
    }
    let line = format!("from \"{path}\" import {name}");
    match last {
        Some(end) => (
            Span {
                start: end,
                end,
                file,
            },
            format!("\n{line}"),
        ),
        None => (Span::start_of(file), format!("{line}\n\n")),
    }
}
