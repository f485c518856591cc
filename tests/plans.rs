//! Plans as they are shown, for the files of `tests/corpus/plan`, and whether runs keep to them.

mod agree;
mod corpus;
mod graphs;
