//! What everything else is built on: texts and spans, diagnostics as data, values and types, and
//! the outside that compiling needs, as traits.
//! It knows neither the syntax nor the meaning of the language.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod diagnostic;
pub mod source;
pub mod value;
pub mod world;
