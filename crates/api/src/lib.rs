//! Lockstep as a library: compile, plan and run pipelines from another program.
//!
//! Start with [`Engine::builder`]. A persisted run takes three lines:
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # use lockstep_api as lockstep;
//! use lockstep::{DiskFiles, Engine};
//!
//! let engine = Engine::builder().files(DiskFiles::new(".")).store(".lockstep").build();
//! let plan = engine.compile("shop.deploy")?.plan().input("version", "v1").build()?;
//! let end = engine.start(&plan).await?.wait().await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing in it prints, reads the environment of its process, or exits.

mod actions;
mod engine;
mod files;
pub mod host;
mod journal;
mod program;
pub mod queries;
mod question;
#[cfg(feature = "store")]
mod queue;
mod required_programs;
mod run;
pub mod session;
#[cfg(feature = "store")]
pub mod state;

pub use actions::ActionError;
pub use engine::{Engine, EngineBuilder};
pub use files::{DiskFiles, MemoryFiles, Variables};
pub use journal::JournalLinesError;
pub use program::{Diagnostics, Plan, PlanBuilder, Program};
pub use question::{ApprovalQuestion, Approver, FailureChoice, FailureQuestion, Question};
#[cfg(feature = "store")]
pub use queue::Unstarted;
pub use run::{Run, RunEnd, RunError, StartError};
#[cfg(feature = "store")]
pub use state::{StoreError, StoreErrorKind};

pub use lockstep_base::diagnostic::{Code, Diagnostic, Fix, Label, Severity};
pub use lockstep_base::node_path::NodePath;
pub use lockstep_base::source::{FileId, Name, Source, Sources, Span};
pub use lockstep_engine::run_event::{
    DeploymentRecord, Failure, LockQueuePosition, NodeKind, RunEvent, RunEventKind, RunLockHolder,
    Status, Stream, WaitReason, WindowOf,
};
pub use lockstep_lang::ir::FailureClass;
pub use lockstep_runtime::clock::{SimulatedClock, SystemClock};
pub use lockstep_runtime::guardian::take_over as guard;
