//! The language server, used over standard input and output like an editor does.

mod corpus;
mod protocol;
mod shown;
mod typing;
