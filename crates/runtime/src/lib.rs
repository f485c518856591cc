//! Execution of a run in the real world: the driver, the executor, the journal, processes,
//! connections, the guardian, HTTP and secrets.

pub mod clock;
pub mod connection;
pub mod driver;
pub mod executor;
pub mod guardian;
pub mod http;
pub mod inbox;
pub mod journal;
mod journal_writer;
pub mod locks;
pub mod logs;
mod made_secrets;
mod made_texts;
mod output_lines;
pub mod process;
pub mod processes;
pub mod redact;
pub mod replay;
pub mod required_programs;
pub mod run_id;
pub mod scratch;
pub mod sealed;
mod secret_files;
pub mod secrets;
pub mod shown_events;
pub mod text_file;
mod transfer;
