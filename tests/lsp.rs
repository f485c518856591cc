//! The language server, used over standard input and output like an editor does.

mod corpus;
mod protocol;
mod renames;
mod shown;
mod typing;
mod workspace;
