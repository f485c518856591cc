//! Advice: for every rule of `lint` what it reports and what it leaves alone, what `--fix` does,
//! settings, and that what is shipped and shown gives no reason for advice.

mod clean;
mod corpus;
mod fix;
mod program;
mod settings;
mod table;
