//! The machine (the scheduler) with whole programs in a simulated world: order, failures, rollback,
//! barriers and locks. No command is ever started.

mod broken;
mod corpus;
mod direct;
mod explorer;
mod generate;
mod oracle;
mod play;
mod properties;
mod referee;
mod replay;
mod seeds;
mod ways;
