//! The compiler's middle: name resolution, types, evaluation, and the lowering of a syntax tree to
//! a program (IR).

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod compile;
pub mod eval;
pub mod ir;
pub mod pool;
pub mod resolve;
pub mod types;
