//! The values that are known before anything runs.
//! It does not know inputs that must be given, nor the caller's environment.

use super::checked::Checked;
use super::symbol::{Symbol, SymbolKind};

/// The value of a named value or an input's default, as a person would write it.
pub fn of(_checked: &Checked, symbol: &Symbol) -> Option<String> {
    match symbol.kind {
        SymbolKind::Let | SymbolKind::Input | SymbolKind::Group => None,
        _ => None,
    }
}
