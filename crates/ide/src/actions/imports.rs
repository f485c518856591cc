//! Quick fix that adds the missing import of a name.

use super::{Action, fix};
use crate::checked_file::CheckedFile;
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::ItemKind;

/// A file that declares names that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Its path, as an import here would write it.
    pub path: String,
    /// The names that it declares.
    pub names: Vec<String>,
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
        .filter(|it| it.names.iter().any(|own| own == name));
    with.filter_map(|exporter| {
        let edit = import(checked, file, &exporter.path, name)?;
        Some(fix(
            format!("import `{name}` from \"{}\"", exporter.path),
            vec![edit],
        ))
    })
    .collect()
}

fn import(checked: &CheckedFile, file: FileId, path: &str, name: &str) -> Option<(Span, String)> {
    let tree = checked.tree(file)?;
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
                    return Some((at, format!(", {name}")));
                }
                last = Some(item.span.end);
            }
            ItemKind::Import { .. } => last = Some(item.span.end),
            _ => {}
        }
    }
    let line = format!("from \"{path}\" import {name}");
    Some(match last {
        Some(end) => (
            Span {
                start: end,
                end,
                file,
            },
            format!("\n{line}"),
        ),
        None => (Span::start_of(file), format!("{line}\n\n")),
    })
}
