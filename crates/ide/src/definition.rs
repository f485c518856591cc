//! Go to definition: where the name at a place is declared.

use super::checked_file::CheckedFile;
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::ItemKind;

/// A link from a place to a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefinitionLink {
    /// The text of the link.
    pub from: Span,
    /// The declaration's name, or the start of a file.
    pub to: Span,
    /// The whole declaration.
    pub whole: Span,
}

/// The declaration of what is at a place.
pub fn definition(checked: &CheckedFile, file: FileId, offset: u32) -> Option<DefinitionLink> {
    if let Some(way) = import(checked, file, offset) {
        return Some(way);
    }
    let named = checked.name_at(file, offset)?;
    Some(DefinitionLink {
        from: named.at,
        to: named.symbol.at,
        whole: named.symbol.whole,
    })
}

/// From the path of an import to its file.
fn import(checked: &CheckedFile, file: FileId, offset: u32) -> Option<DefinitionLink> {
    let module = checked.modules().files.get(file.0 as usize)?;
    let mut imports = module.imports.iter();
    let import = imports.find(|it| it.span.start <= offset && offset < it.span.end)?;
    let item = module.ast.items.get(import.item)?;
    let (ItemKind::Import { .. } | ItemKind::From { .. }) = &item.kind else {
        return None;
    };
    let start = Span::start_of(import.file?);
    Some(DefinitionLink {
        from: import.span,
        to: start,
        whole: start,
    })
}
