//! Lockstep: a small language for deployments, checked, planned and proved before it runs, as a
//! library for other programs.
//!
//! Start with [`Engine::builder`]; `docs/embedding.md` leads through all of it. A run that survives
//! its process takes three lines:
//!
//! ```no_run
//! # #[cfg(feature = "store")]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use lockstep::{DiskFiles, Engine};
//!
//! let engine = Engine::builder().files(DiskFiles::new(".")).store(".lockstep").build();
//! let plan = engine.compile("shop.deploy")?.plan().input("version", "v1").build()?;
//! let end = engine.start(&plan).await?.wait().await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing in the library prints, reads the environment of its process, or exits.
//!
//! Features, all of them on by default: `store` keeps runs in a state directory (SQLite), `http`
//! makes requests (TLS), `cli` is the command line (clap), `lsp` its language server.

#[doc(inline)]
pub use lockstep_api::{
    ActionError, ApprovalQuestion, Approver, Code, DeploymentRecord, Diagnostic, Diagnostics,
    DiskFiles, Engine, EngineBuilder, Failure, FailureChoice, FailureClass, FailureQuestion,
    FileId, Fix, JournalLinesError, Label, LockQueuePosition, MemoryFiles, Name, NodeKind,
    NodePath, Plan, PlanBuilder, Program, Question, Run, RunEnd, RunError, RunEvent, RunEventKind,
    RunLockHolder, Severity, SimulatedClock, Source, Sources, Span, StartError, Status, Stream,
    SystemClock, Variables, WaitReason, WindowOf, guard, host,
};
#[cfg(feature = "store")]
#[doc(inline)]
pub use lockstep_api::{StoreError, StoreErrorKind, Unstarted};
