//! Compares the grammars for editors (`editors/`) with the language: the same keywords and
//! operators, and an error in a text exactly where the program reports one.

mod queries;
mod trees;
mod words;
