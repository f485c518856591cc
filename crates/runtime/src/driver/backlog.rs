//! Backpressure for command output: while too many lines wait to be processed by the driver,
//! commands are not read.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::OutputLines;

/// The lines that commands have written and the driver has not yet emitted. While there are many,
/// no command is read: a command that writes faster than its output is processed has to wait, as at
/// any full pipe.
#[derive(Default)]
pub(super) struct OutputBacklog(Mutex<BacklogLine>);

#[derive(Default)]
struct BacklogLine {
    lines: usize,
    /// The tasks of commands that wait.
    held: Vec<Waker>,
    /// Whether backpressure is switched off.
    open: bool,
}

impl OutputBacklog {
    const MAX_BACKLOG_LINES: usize = 2_000;

    /// Waits for a command, and passes on its output, all lines of one poll together.
    pub(super) async fn hold<T>(
        &self,
        command: impl Future<Output = T>,
        lines: &Mutex<OutputLines>,
        report: impl Fn(OutputLines),
    ) -> T {
        let mut command = std::pin::pin!(command);
        std::future::poll_fn(|context| {
            if self.is_full(context) {
                return Poll::Pending;
            }
            let ended = command.as_mut().poll(context);
            let written = lines.lock().map(|mut lines| std::mem::take(&mut *lines));
            if let Ok(written) = written
                && !written.is_empty()
            {
                self.add(written.count());
                report(written);
            }
            ended
        })
        .await
    }

    fn is_full(&self, context: &Context<'_>) -> bool {
        let Ok(mut backlog) = self.0.lock() else {
            return false;
        };
        let full = backlog.lines >= Self::MAX_BACKLOG_LINES && !backlog.open;
        if full {
            backlog.held.push(context.waker().clone());
        }
        full
    }

    fn add(&self, count: usize) {
        if let Ok(mut backlog) = self.0.lock() {
            backlog.lines += count;
        }
    }

    pub(super) fn done(&self, count: usize) {
        let Ok(mut backlog) = self.0.lock() else {
            return;
        };
        backlog.lines = backlog.lines.saturating_sub(count);
        if backlog.lines < Self::MAX_BACKLOG_LINES {
            backlog.held.drain(..).for_each(Waker::wake);
        }
    }

    /// Switches backpressure off: nobody emits output any more, so nobody must wait for it.
    pub(super) fn open(&self) {
        if let Ok(mut backlog) = self.0.lock() {
            backlog.open = true;
            backlog.held.drain(..).for_each(Waker::wake);
        }
    }
}
