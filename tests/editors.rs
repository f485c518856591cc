//! Holds the grammars for editors (`editors/`) against the language: the same words and signs, and
//! an error in a text exactly where the program reports one.

mod queries;
mod trees;
mod words;
