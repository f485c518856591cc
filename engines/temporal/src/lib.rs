//! Runs the deployments of Lockstep on [Temporal](https://temporal.io): a run is a workflow, which
//! lets the machine decide what follows from what has happened; its commands are activities, which
//! workers of a pool carry out; locks that runs share are workflows, too.
//!
//! ```text
//!  lockstep run --engine ──start──> DeployRun ──effects──> activities ──> worker --pool eu
//!        ^                           (machine)            (task queues)   worker --pool us
//!        └──────── its events ───────────┘
//! ```
//!
//! The workflow is deterministic by construction: the machine has no clock, no files and no chance
//! but a seed. What it has handled is its journal, from which it goes on in a new execution
//! ("continue as new"), and which whoever follows the run handles again.

pub mod address;
pub mod attributes;
pub mod client;
pub mod earlier;
pub mod early;
pub mod follow;
pub mod history_size;
pub mod journal;
pub mod lease;
pub mod lock_queue;
pub mod lock_workflow;
pub mod log_store;
pub mod regain;
pub mod run_locks;
pub mod run_loop;
pub mod run_makers;
pub mod run_windows;
pub mod steps;
pub mod used_secrets;
pub mod wire;
pub mod worker;
pub mod workflow;
