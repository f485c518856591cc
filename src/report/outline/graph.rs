//! A plan as a graph. It does not know how graphs are written.
