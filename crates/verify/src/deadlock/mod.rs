//! Deadlocks: `model` is a plan as strands that wait for barriers and locks, `search` explores the
//! state space of that model, `report` says what was found with the shortest schedule to it.
//! Time limits are not part of it.

pub mod model;
pub mod report;
pub mod search;
