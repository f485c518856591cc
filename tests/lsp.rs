//! The language server, used over standard input and output like an editor does.

mod changes;
mod commands;
mod corpus;
mod imported;
mod protocol;
mod renames;
mod settings;
mod shown;
mod typing;
mod workspace;
