//! The output of what a command that ended well has left running: it is shown while the run lasts,
//! and read to nothing after it, so that nothing dies of a closed pipe.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::process::{ChildStderr, ChildStdout};

use super::GroupRegistry;
use super::running::read;
use super::stream::{LineListener, StreamReader};

/// The streams of a command that others still have open. When it is dropped, they are read to their
/// end by somebody else.
pub struct LeftOutput {
    streams: Option<(StreamReader<ChildStdout>, StreamReader<ChildStderr>)>,
    groups: Option<Arc<dyn GroupRegistry>>,
}

impl std::fmt::Debug for LeftOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeftOutput")
    }
}

impl LeftOutput {
    /// The streams, where one of them is open.
    pub(super) fn of(
        out: StreamReader<ChildStdout>,
        err: StreamReader<ChildStderr>,
        groups: Option<&Arc<dyn GroupRegistry>>,
    ) -> Option<Self> {
        (out.is_open() || err.is_open()).then(|| Self {
            streams: Some((out, err)),
            groups: groups.cloned(),
        })
    }

    /// Passes on each line until nobody can write any more, without line ends and with secrets
    /// masked.
    pub async fn pass_on(mut self, listener: LineListener<'_>) {
        if let Some((out, err)) = &mut self.streams {
            while out.is_open() || err.is_open() {
                read(out, err, listener).await;
            }
            out.finish(listener);
            err.finish(listener);
        }
    }
}

impl Drop for LeftOutput {
    fn drop(&mut self) {
        let Some((out, err)) = self.streams.take() else {
            return;
        };
        let out = out.into_reader().and_then(|out| out.into_owned_fd().ok());
        let err = err.into_reader().and_then(|err| err.into_owned_fd().ok());
        let pipes: Vec<OwnedFd> = out.into_iter().chain(err).collect();
        if pipes.is_empty() {
            return;
        }
        match &self.groups {
            Some(groups) => groups.drain(pipes),
            None => drain_in_threads(pipes),
        }
    }
}

/// Reads pipes to their ends, each on a thread of its own, as long as this program runs.
pub(crate) fn drain_in_threads(pipes: Vec<OwnedFd>) {
    for pipe in pipes {
        // Without a thread what writes to it ends at its next line, as at any closed pipe.
        let _ = std::thread::Builder::new().spawn(move || drain(pipe));
    }
}

/// Reads a pipe to its end.
pub(crate) fn drain(pipe: OwnedFd) {
    let mut pipe = std::fs::File::from(pipe);
    let mut space = [0; 16 * 1024];
    loop {
        match pipe.read(&mut space) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
