//! What can be done with a declaration at a click: run, plan or test it.
//! It does not know how that is done.

use super::checked::Checked;
use super::symbol::SymbolKind;
use lockstep_base::source::{FileId, Span};

/// Something that can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Deed {
    Run,
    Plan,
    Test,
}

/// What can be done in a file: where it is offered, and the name of what it is done with.
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
