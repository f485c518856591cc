//! Lockstep: a small language for deployments, checked, planned and proved before it runs.

pub mod audit;
#[cfg(feature = "cli")]
pub mod cli;
pub mod compile;
pub mod diagnostic;
pub mod engine;
pub mod eval;
pub mod foresee;
pub mod format;
pub mod ide;
pub mod ir;
pub mod lint;
#[cfg(feature = "lsp")]
pub mod lsp;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod runtime;
pub mod simulate;
pub mod source;
pub mod syntax;
pub mod trial;
pub mod types;
pub mod value;
pub mod world;
