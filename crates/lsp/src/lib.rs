//! The language server: JSON-RPC messages in, answers of `ide` out. UTF-16 positions and the
//! protocol's types occur in this crate only.
//!
//! The main loop owns the session: notifications change it in the order in which they arrive.
//! Requests go to one worker thread with an immutable snapshot; a panic there becomes an error
//! response instead of ending the server.

mod analysis_cache;
mod answer;
mod background;
mod capabilities;
mod client;
mod commands;
mod convert;
mod exports;
mod files;
mod library;
mod reports;
mod server;
mod session;
mod transport;
mod uri;
mod worker;
mod workspace;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lint as lint;

pub use commands::{CommandOutput, FileAction, FileCommand};

/// What the server can access besides the messages of the editor.
pub struct ServerEnvironment {
    /// Files on disk, by absolute path.
    pub files: Box<dyn Files + Send + Sync>,
    /// The environment of the process that started the server.
    pub environment: Box<dyn EnvironmentVariables + Send + Sync>,
    /// The user's cache folder. The standard library is written there, so that an editor can open
    /// it.
    pub cache: Option<PathBuf>,
    /// Plans, checks or tests a file for an editor that cannot do so by itself; returns when that
    /// has ended.
    pub execute: Box<dyn Fn(&FileCommand) -> CommandOutput + Send + Sync>,
    /// The lint configuration for a file.
    pub levels: Box<dyn Fn(&Path) -> lint::Config + Send + Sync>,
    /// What may be set in the settings of a project.
    pub settings: SettingsLanguage,
}

/// Finds the mistakes in a text.
pub type MistakeSearch = Box<dyn Fn(&str) -> Vec<Diagnostic> + Send + Sync>;

/// The settings of a project, as an editor is to know them.
pub struct SettingsLanguage {
    /// The name of their file.
    pub file: &'static str,
    /// What may be set.
    pub keys: Vec<SettingsKey>,
    /// The mistakes in a text.
    pub mistakes: MistakeSearch,
}

/// Something that may be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsKey {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// The values that it may have, as they are written; nothing where it may have any.
    pub values: Vec<String>,
    /// Whether it is a table.
    pub is_table: bool,
    /// What may be set in it, where that is known.
    pub inside: Vec<SettingsKey>,
}

/// Serves an editor until it sends `exit` or disconnects. Returns whether it sent `shutdown`
/// before, as the protocol requires.
pub fn serve(
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    outside: ServerEnvironment,
) -> bool {
    server::run(Box::new(input), Box::new(output), Arc::new(outside))
}
