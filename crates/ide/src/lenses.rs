//! Code lenses: run, plan or test a declaration.

use super::checked::Checked;
use super::symbol::SymbolKind;
use lockstep_base::source::{FileId, Span};

/// An action of a lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Deed {
    Run,
    Plan,
    Test,
}

/// The lenses of a file: where each is offered, its action, and the name of the declaration.
pub fn lenses(checked: &Checked, file: FileId) -> Vec<(Span, Deed, String)> {
    let mut found = Vec::new();
    for symbol in checked.symbols(file) {
        let name = symbol.name.to_string();
        match symbol.kind {
            SymbolKind::Pipeline => {
                found.push((symbol.at, Deed::Run, name.clone()));
                found.push((symbol.at, Deed::Plan, name));
            }
            SymbolKind::Test => found.push((symbol.at, Deed::Test, name)),
            _ => {}
        }
    }
    found
}
