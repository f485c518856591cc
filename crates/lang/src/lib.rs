//! The language: names, types, evaluation, and the program that a tree becomes.
//! It does not know how a program is planned or run.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod compile;
pub mod eval;
pub mod ir;
pub mod resolve;
pub mod types;
