//! Plans as they are shown, for the files of `tests/corpus/plan`, and the conformance of runs.

mod agree;
mod corpus;
mod graphs;
