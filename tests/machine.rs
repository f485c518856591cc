//! The machine (the scheduler) with whole programs in a simulated world: order, failures, rollback,
//! barriers and locks. No command is ever started.

mod alike_cells;
mod broken;
mod corpus;
mod direct;
mod explorer;
mod generate;
mod held_cells;
mod kept_apart;
mod known_conditions;
mod many_conditions;
mod oracle;
mod play;
mod pools;
mod properties;
mod referee;
mod reference;
mod replay;
mod seeds;
mod way_back;
mod ways;
mod windows;
