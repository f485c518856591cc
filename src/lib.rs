//! Lockstep: a small language for deployments, checked, planned and proved before it runs.

#[cfg(feature = "cli")]
pub use lockstep_cli as cli;
