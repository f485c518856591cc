//! What an editor asks about a file, answered in plain data: byte offsets, texts and lists; one
//! file for each question.
//! It does not know JSON-RPC, UTF-16, nor which editor asks.

mod checked;
pub mod definition;
pub mod hover;
mod library;
mod memory;
pub mod node;
mod symbol;
mod values;

pub use checked::{Checked, Named, ROOT};
pub use memory::Memory;
pub use symbol::{Symbol, SymbolKind, symbols};
