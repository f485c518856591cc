//! Editor features of the language as plain data: byte offsets, texts and lists; one file for each
//! feature. The language server translates them to its protocol.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod actions;
mod barriers;
pub mod calls;
pub mod cells;
mod checked_file;
pub mod coloring;
pub mod complete;
pub mod definition;
pub mod hints;
pub mod hover;
pub mod incremental;
pub mod lenses;
mod library;
pub mod moves;
mod patterns;
mod query;
pub mod references;
pub mod rename;
mod scope;
pub mod signature;
pub mod structure;
mod symbol;
pub mod syntax_node;
mod text_change;
mod tree_cache;
mod values;

pub use checked_file::{CheckedFile, NameOccurrence, ROOT_FILE};
pub use query::fits;
pub use symbol::{Symbol, SymbolKind, symbols};
pub use text_change::TextChange;
pub use tree_cache::TreeCache;
