//! The machine through whole programs in a simulated world: what runs when, what fails, what is
//! rolled back, who waits for whom. No command is ever started.

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
