//! The foundation of all other crates: sources and spans, diagnostics as data, values and types,
//! and traits for the files and environment variables that compiling needs.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod diagnostic;
pub mod node_path;
pub mod shown;
pub mod source;
pub mod value;
pub mod world;
