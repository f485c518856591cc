//! The tests of the engine with a real Temporal server: one binary, so that they are linked once.
//! The server is the program that `LOCKSTEP_TEMPORAL_SERVER` names, else `temporal`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is not as it should be"
)]

mod conformance;
mod machine;
mod refusals;
mod replay;
mod server;
