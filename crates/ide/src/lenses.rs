//! Code lenses: run, plan or test a declaration.

use super::checked_file::CheckedFile;
use super::symbol::SymbolKind;
use lockstep_base::source::{FileId, Span};

/// An action of a lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LensAction {
    Run,
    Plan,
    Test,
}

/// The lenses of a file: where each is offered, its action, and the name of the declaration.
pub fn lenses(checked: &CheckedFile, file: FileId) -> Vec<(Span, LensAction, String)> {
    let mut found = Vec::new();
    for symbol in checked.symbols(file) {
        let name = symbol.name.to_string();
        match symbol.kind {
            SymbolKind::Pipeline => {
                found.push((symbol.at, LensAction::Run, name.clone()));
                found.push((symbol.at, LensAction::Plan, name));
            }
            SymbolKind::Test => found.push((symbol.at, LensAction::Test, name)),
            _ => {}
        }
    }
    found
}
