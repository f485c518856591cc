//! Lint: for every rule what it reports and what it does not, what `--fix` changes, settings, and
//! that shipped files and documentation have no findings.

mod clean;
mod corpus;
mod fix;
mod program;
mod settings;
mod table;
