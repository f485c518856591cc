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
mod program;
mod question;
mod run;
pub mod session;
#[cfg(feature = "store")]
pub mod state;

pub use actions::ActionError;
pub use engine::{Engine, EngineBuilder};
pub use files::{DiskFiles, MemoryFiles, Variables};
pub use program::{Diagnostics, Plan, PlanBuilder, Program};
pub use question::{ApprovalQuestion, Approver, FailureChoice, FailureQuestion, Question};
pub use run::{Run, RunEnd, StartError};

pub use lockstep_base::diagnostic::{Code, Diagnostic, Fix, Label, Severity};
pub use lockstep_base::source::{Source, Sources, Span};
pub use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
pub use lockstep_engine::run_event::{
    Failure, NodeKind, RunEvent, RunEventKind, Status, Stream, WaitReason,
};
pub use lockstep_lang::ir::FailureClass;
pub use lockstep_runtime::clock::{Clock, SimulatedClock, SystemClock};
pub use lockstep_runtime::guardian::take_over as guard;
pub use lockstep_runtime::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
pub use lockstep_runtime::journal::{Journal, JournalError, JournalRecord};
pub use lockstep_runtime::locks::{Locks, LocksError};
pub use lockstep_runtime::process::{
    CommandResult, SpawnRequest, Spawner, StopRequest, SystemSpawner,
};
