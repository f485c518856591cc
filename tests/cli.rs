//! The program from outside: what it says and how it ends. One file for each subcommand.

mod check;
mod completions;
mod explain;
mod fmt;
mod new;
mod plan;
mod run;
mod usage;
