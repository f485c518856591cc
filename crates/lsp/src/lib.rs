//! The language server: messages of the protocol in, answers of `ide` out; JSON-RPC and UTF-16
//! are known here only. It does not know the language.
//!
//! The main loop owns the session: notifications change it in the order in which they come.
//! Questions go to one worker with a snapshot that never changes; a panic there is an answer,
//! not the end.

mod answer;
mod capabilities;
mod client;
mod convert;
mod desk;
mod files;
mod library;
mod prover;
mod server;
mod session;
mod transport;
mod uri;
mod worker;
mod workspace;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockstep_base::world::{Environment, Files};
use lockstep_lint as lint;

/// What the server may look at beside what the editor tells it.
pub struct Outside {
    /// Files on disk, by absolute path.
    pub files: Box<dyn Files + Send + Sync>,
    /// The environment of whoever started the server.
    pub environment: Box<dyn Environment + Send + Sync>,
    /// The folder where this user keeps what can be made again. The shipped library is written
    /// there, so that an editor can open it.
    pub cache: Option<PathBuf>,
    /// The levels of the rules of lint for a file.
    pub levels: Box<dyn Fn(&Path) -> lint::Config + Send + Sync>,
}

/// Serves an editor until it says `exit` or goes away. Whether it said `shutdown` first, as the
/// protocol asks for.
pub fn serve(
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    outside: Outside,
) -> bool {
    server::run(Box::new(input), Box::new(output), Arc::new(outside))
}
