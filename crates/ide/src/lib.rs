//! Editor features of the language as plain data: byte offsets, texts and lists; one file for each
//! feature. The language server translates them to its protocol.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod actions;
pub mod calls;
pub mod cells;
mod checked;
pub mod coloring;
pub mod complete;
pub mod definition;
pub mod glance;
pub mod hints;
pub mod hover;
pub mod lenses;
mod library;
mod memory;
mod moved;
pub mod node;
pub mod outline;
mod query;
pub mod references;
mod scope;
pub mod signature;
mod symbol;
mod values;

pub use checked::{Checked, Named, ROOT};
pub use memory::Memory;
pub use moved::Moved;
pub use query::fits;
pub use symbol::{Symbol, SymbolKind, symbols};
