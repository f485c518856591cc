//! Everything that the documentation shows is compiled or run.
