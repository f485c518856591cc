//! The integration tests: one binary, so that they are linked once. Behaviour is tested through the
//! real program; `tidy` checks the form of the sources.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is not as it should be"
)]

mod cli;
mod codes;
mod docs;
mod editors;
mod embedding;
mod examples;
mod format;
mod limits;
mod lint;
mod lsp;
mod machine;
mod plans;
mod run;
mod serve;
mod support;
mod tidy;
mod together;
mod trials;
