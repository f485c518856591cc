//! The machine.
pub mod notice;
