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
    ActionError, ApprovalQuestion, Approver, Clock, Code, Diagnostic, Diagnostics, DiskFiles,
    Ended, Engine, EngineBuilder, Environment, Failure, FailureChoice, FailureClass,
    FailureQuestion, FileError, Files, Fix, Happened, HttpClient, HttpError, HttpRequest,
    HttpResponse, Journal, JournalError, Label, Locks, LocksError, MemoryFiles, NodeKind, Plan,
    PlanBuilder, Program, Question, Record, Run, RunEnd, RunEvent, Severity, SimulatedClock,
    Source, Sources, Span, Spawn, Spawner, StartError, Status, Stop, Stream, SystemClock,
    SystemSpawner, VariableError, Variables, Waiting, guard,
};
