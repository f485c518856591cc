//! The program as a user sees it: its output and its exit codes. One file for each subcommand.

mod check;
mod completions;
mod engine;
mod explain;
mod fmt;
mod import;
mod new;
mod plan;
mod run;
mod settings;
mod usage;
