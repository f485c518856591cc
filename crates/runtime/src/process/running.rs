//! A running command: reads its streams, waits for its end, and stops it on request.

use std::process::ExitStatus;
use std::task::Poll;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::connection::Trailer;
use super::super::processes::{self, ProcessStat};
use super::super::secrets::SecretVault;
use super::child::Child;
use super::leftovers::CommandProcesses;
use super::stream::{LineListener, READ_CHUNK_BYTES, StreamReader};
use super::{PreparedCommand, SpawnedCare, StopRequest, TARGET};
use lockstep_engine::run_event::Stream;

/// How long to wait for the remote side of a connection to confirm that it has killed a command.
const REMOTE_KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for the end of the output after a command has ended: a process that it left
/// behind may keep its pipes open for ever.
const PIPE_DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// How long a pipe is silent that has been read to its end, after that time.
const PIPE_SILENCE: Duration = Duration::from_millis(20);

/// How often is read after that time. What a command itself has written fits its pipes; who still
/// writes then is not the command.
const MAX_LATE_READS: usize = 512;

/// How long what stands behind the output of a command that has ended may take to pass it on.
const LATE_READER_TIMEOUT: Duration = Duration::from_secs(10);

const LATE_READER_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How a local process ended.
pub(crate) struct ProcessExit {
    /// Its status, or why it is not known.
    pub(crate) status: Result<ExitStatus, std::io::Error>,
    /// How it was asked to stop, if it was.
    pub(crate) stopped: Option<StopRequest>,
    /// Whether it did not end in the time that it was given, and was killed.
    pub(crate) forced: bool,
}

/// A running command.
pub(super) struct RunningCommand<'a> {
    /// How long it may take to end after SIGTERM.
    grace: Duration,
    /// Dropped before the child, which is killed by its drop: what it has started is found by
    /// descent only as long as it is there.
    group: ProcessGroup<'a>,
    child: Child,
    pub(super) out: StreamReader<ChildStdout>,
    pub(super) err: StreamReader<ChildStderr>,
    /// Its input. That of a connection is kept open after the text has been written.
    input: Option<ChildStdin>,
    unwritten: UnwrittenInput,
    stop: watch::Receiver<Option<StopRequest>>,
    stopped: Option<StopRequest>,
    forced: bool,
    /// Whether it ends with its connection's report.
    ends_by_report: bool,
    /// What its client still has open where it has ended so.
    closing: Option<ClientPipes>,
}

type ClientPipes = (Option<ChildStdout>, Option<ChildStderr>);

/// What remains of a command that has ended.
type RunParts = (
    StreamReader<ChildStdout>,
    StreamReader<ChildStderr>,
    Option<ClosingClient>,
);

/// The client of a connection that has reported its command's end. The session on the other side
/// needs a moment to close, for which nobody waits but the next one in line.
pub(crate) struct ClosingClient {
    child: Child,
    pipes: ClientPipes,
    _care: Option<SpawnedCare>,
}

impl ClosingClient {
    /// Waits until the session has closed, and no longer if processes that the command has left
    /// keep it open.
    pub(super) async fn close(mut self) {
        let closed = async {
            // The connection itself holds these until the other side has closed the session.
            let (out, err) = std::mem::take(&mut self.pipes);
            read_to_nothing(out).await;
            read_to_nothing(err).await;
            let _ = self.child.wait().await;
        };
        // What has not ended then is killed when it is dropped.
        let _ = tokio::time::timeout(PIPE_DRAIN_TIMEOUT, closed).await;
    }
}

async fn read_to_nothing(pipe: Option<impl tokio::io::AsyncRead + Unpin>) {
    if let Some(mut pipe) = pipe {
        // An error, too, means that the other side is gone.
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
}

impl<'a> RunningCommand<'a> {
    pub(super) fn new(
        grace: Duration,
        mut child: Child,
        (care, processes): (Option<SpawnedCare>, CommandProcesses<'a>),
        command: &mut PreparedCommand,
        vault: &SecretVault,
        stop: watch::Receiver<Option<StopRequest>>,
    ) -> Self {
        let group = ProcessGroup::new(child.id(), care, processes);
        let trailer = command.token.as_deref();
        let trailer = trailer.map(|token| Trailer::new(token, command.begun.clone()));
        Self {
            grace,
            group,
            out: StreamReader::new(child.stdout.take(), Stream::Stdout, vault.redactor())
                .for_failure_only(command.for_failure_only)
                .with_trailer(trailer)
                .into_pipe(command.pipes.output.take()),
            err: StreamReader::new(child.stderr.take(), Stream::Stderr, vault.redactor())
                .for_failure_only(command.for_failure_only),
            input: child.stdin.take(),
            unwritten: UnwrittenInput::new(command),
            child,
            stop,
            stopped: None,
            forced: false,
            ends_by_report: command.ends_by_report,
            closing: None,
        }
    }

    /// Its streams, and its client if it has ended before that.
    pub(super) fn into_parts(mut self) -> RunParts {
        let closing = self.closing.map(|pipes| ClosingClient {
            child: self.child,
            pipes,
            _care: self.group.care.take(),
        });
        (self.out, self.err, closing)
    }

    /// Waits until the command has ended, has been reaped, and its output has been read. Nothing is
    /// left then of one that was stopped or has failed.
    pub(super) async fn wait(&mut self, listener: LineListener<'_>) -> ProcessExit {
        let status = match self.until_end(listener).await {
            Some(status) => status,
            None => self.end(listener).await,
        };
        self.group.reaped();
        if self.closing.is_some() {
            return ProcessExit {
                status,
                stopped: None,
                forced: false,
            };
        }
        self.read_rest(PIPE_DRAIN_TIMEOUT, listener).await;
        if self.stopped.is_none() {
            self.wait_for_late_readers(listener).await;
        }
        let failed = !status.as_ref().is_ok_and(ExitStatus::success);
        if failed && self.stopped.is_none() {
            self.end_leftovers(listener).await;
            self.read_rest(PIPE_DRAIN_TIMEOUT, listener).await;
        }
        ProcessExit {
            status,
            stopped: self.stopped,
            forced: self.forced,
        }
    }

    /// Reads what a client has said that has brought its command's end, and nothing after it.
    async fn take_what_is_there(&mut self, listener: LineListener<'_>) {
        let mut reads = 0;
        std::future::poll_fn(|context| {
            while reads < MAX_LATE_READS && self.err.poll(context, listener).is_ready() {
                reads += 1;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Reads the output while the command's processes have it open. What still holds it after that
    /// time is not the command; but what the command has written is read, however slow this machine
    /// is.
    async fn read_rest(&mut self, limit: Duration, listener: LineListener<'_>) {
        let deadline = Instant::now() + limit;
        let mut late_reads = 0;
        while self.is_open() && late_reads < MAX_LATE_READS {
            let left = deadline.saturating_duration_since(Instant::now());
            late_reads += usize::from(left.is_zero());
            let next = read(&mut self.out, &mut self.err, listener);
            if tokio::time::timeout(left.max(PIPE_SILENCE), next)
                .await
                .is_err()
            {
                return;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.out.is_open() || self.err.is_open()
    }

    /// Waits for what the shell has put behind the command's output, as `>(tee log)`: it still
    /// writes what the command has written.
    async fn wait_for_late_readers(&mut self, listener: LineListener<'_>) {
        let deadline = Instant::now() + LATE_READER_TIMEOUT;
        while self.is_open() && Instant::now() < deadline {
            let found = self.group.processes.look().await;
            if !processes::any_reads_pipe_of_ended(&found) {
                return;
            }
            let pause = tokio::time::sleep(LATE_READER_POLL_INTERVAL);
            tokio::select! {
                biased;
                wish = asked(&mut self.stop, None) => {
                    self.stopped = wish;
                    let found = self.group.processes.look().await;
                    self.group.processes.terminate(&found, true);
                    self.group.processes.kill().await;
                    return;
                }
                () = reading(pause, &mut self.out, &mut self.err, listener) => {}
            }
        }
    }

    /// Ends what the command has left, since it has failed.
    pub(super) async fn end_leftovers(&mut self, listener: LineListener<'_>) {
        let found = self.group.processes.look().await;
        if found.is_empty() {
            return;
        }
        tracing::debug!(target: TARGET, left = found.len(), "ends what a failed command left");
        self.group.processes.terminate(&found, true);
        let deadline = Instant::now() + self.grace;
        let stopped = self.stopped;
        if !self.until_gone(deadline, listener).await {
            self.group.processes.kill().await;
        }
        // It had ended by itself before it was asked to.
        self.stopped = stopped;
    }

    /// Reads and waits until the command ends, or is asked to stop, or its connection has reported
    /// its end.
    async fn until_end(
        &mut self,
        listener: LineListener<'_>,
    ) -> Option<Result<ExitStatus, std::io::Error>> {
        loop {
            if self.is_reported() {
                // Processes that the command left behind on the remote side may keep the connection
                // open.
                self.input = None;
                if self.ends_by_report {
                    self.take_what_is_there(listener).await;
                    self.closing = Some((self.out.take_reader(), self.err.take_reader()));
                    return Some(Ok(ExitStatus::default()));
                }
                return tokio::time::timeout(PIPE_DRAIN_TIMEOUT, self.child.wait())
                    .await
                    .ok();
            }
            tokio::select! {
                biased;
                wish = asked(&mut self.stop, None) => {
                    self.stopped = wish;
                    return None;
                }
                status = self.child.wait() => return Some(status),
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
            }
        }
    }

    /// Ends the command: first with SIGTERM, then with SIGKILL. Its process is not reaped until its
    /// group has been killed, so that the number of the group cannot be reused.
    async fn end(&mut self, listener: LineListener<'_>) -> Result<ExitStatus, std::io::Error> {
        tracing::debug!(target: TARGET, how = ?self.stopped, "is asked to stop");
        // Before its processes are signalled, their children are known by descent.
        let found = self.group.processes.look().await;
        let mut is_gone = false;
        if self.stopped == Some(StopRequest::Term) {
            is_gone = self.terminate(&found, listener).await;
            self.forced = !is_gone && self.stopped == Some(StopRequest::Term);
        }
        if self.can_be_told() {
            self.kill_remote(listener).await;
        }
        self.group.signal(Signal::KILL);
        if !is_gone {
            self.group.processes.kill().await;
        }
        self.child.wait().await
    }

    /// Makes the remote side of a connection kill the command, if it still responds. Otherwise the
    /// end of the connection has the same effect, a little later.
    async fn kill_remote(&mut self, listener: LineListener<'_>) {
        self.unwritten.add(b"kill\n");
        let deadline = Instant::now() + REMOTE_KILL_TIMEOUT;
        while !self.is_reported() && self.out.is_open() {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline) => return,
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
            }
        }
    }

    /// Whether a remote side listens to its input. That of a transfer sees its end instead.
    fn can_be_told(&self) -> bool {
        self.out.trailer().is_some() && self.input.is_some()
    }

    fn is_reported(&self) -> bool {
        self.out.trailer().is_some_and(Trailer::is_complete)
    }

    /// Sends SIGTERM. Returns whether nothing is left.
    async fn terminate(&mut self, found: &[ProcessStat], listener: LineListener<'_>) -> bool {
        let mut deadline = Instant::now() + self.grace;
        if self.can_be_told() {
            // The remote side ends the command in the same time; its report needs a moment.
            self.unwritten.add(b"term\n");
            deadline += PIPE_DRAIN_TIMEOUT;
        } else {
            self.group.signal(Signal::TERM);
            self.group.processes.terminate(found, false);
        }
        self.until_gone(deadline, listener).await
    }

    /// Waits until nothing of the command is left. Returns whether that is so before the deadline,
    /// and before it is to be stopped by force.
    async fn until_gone(&mut self, deadline: Instant, listener: LineListener<'_>) -> bool {
        let mut pause = Duration::from_millis(1);
        loop {
            if self.is_reported() || self.is_gone().await {
                return true;
            }
            tokio::select! {
                biased;
                wish = asked(&mut self.stop, self.stopped) => {
                    self.stopped = wish;
                    if self.stopped == Some(StopRequest::Kill) {
                        return false;
                    }
                }
                () = tokio::time::sleep_until(deadline) => return false,
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
                () = tokio::time::sleep(pause) => {
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
            }
        }
    }

    async fn is_gone(&mut self) -> bool {
        if !self.group.has_ended() {
            return false;
        }
        if self.group.processes.can_be_seen() {
            return !self.group.processes.any_is_alive()
                && self.group.processes.look().await.is_empty();
        }
        // As long as the pipes are open, a process of the group may still be cleaning up.
        let silent = !self.out.is_open() && !self.err.is_open();
        silent || self.out.trailer().is_some()
    }
}

/// Waits for something, and reads the output meanwhile.
async fn reading<T>(
    work: impl Future<Output = T>,
    out: &mut StreamReader<ChildStdout>,
    err: &mut StreamReader<ChildStderr>,
    listener: LineListener<'_>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = read(out, err, listener) => {}
        }
    }
}

/// Waits until there is a stop request other than the one that is `known`; for ever if no request
/// can come any more.
async fn asked(
    stop: &mut watch::Receiver<Option<StopRequest>>,
    known: Option<StopRequest>,
) -> Option<StopRequest> {
    let wish = stop.wait_for(|wish| wish.is_some() && *wish != known);
    let wish = wish.await.map(|wish| *wish).ok();
    match wish {
        Some(wish) => wish,
        None => std::future::pending().await,
    }
}

/// Reads from whichever stream is ready; for ever where both have ended.
pub(super) async fn read(
    out: &mut StreamReader<ChildStdout>,
    err: &mut StreamReader<ChildStderr>,
    listener: LineListener<'_>,
) {
    let taken = std::future::poll_fn(|context| {
        let out = out.poll(context, listener);
        let err = err.poll(context, listener);
        match (out, err) {
            (Poll::Ready(out), Poll::Ready(err)) => Poll::Ready(out + err),
            (ready @ Poll::Ready(_), _) | (_, ready) => ready,
        }
    });
    if taken.await >= READ_CHUNK_BYTES {
        // There may always be more, and the receiver of the lines must get a turn: tokio would go
        // on for a hundred reads, a million lines.
        tokio::task::yield_now().await;
    }
}

/// What a command is still to be written.
struct UnwrittenInput {
    bytes: Vec<u8>,
    /// How many of them have been written.
    written: usize,
    /// Whether the input ends with them.
    ends: bool,
}

impl UnwrittenInput {
    fn new(command: &PreparedCommand) -> Self {
        Self {
            bytes: command.input.clone().unwrap_or_default(),
            written: 0,
            ends: command.input_ends,
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Adds a line for the other side of a connection.
    fn add(&mut self, line: &[u8]) {
        self.bytes.drain(..self.written);
        self.written = 0;
        self.bytes.extend_from_slice(line);
    }
}

/// Writes some of the pending input; for ever where there is none.
async fn write(input: &mut Option<ChildStdin>, unwritten: &mut UnwrittenInput) {
    if unwritten.ends && unwritten.rest().is_empty() {
        *input = None;
    }
    let Some(open) = input.as_mut().filter(|_| !unwritten.rest().is_empty()) else {
        return std::future::pending().await;
    };
    match open.write(unwritten.rest()).await {
        Ok(written) => unwritten.written += written,
        // A command need not read its input; why a remote side is gone, its end shows.
        Err(_) => *input = None,
    }
}

/// The process group of a command, and its other processes. Invariant: they do not outlive the
/// command's future, unless it has ended by itself.
struct ProcessGroup<'a> {
    id: Option<Pid>,
    processes: CommandProcesses<'a>,
    /// Until all is gone that has to go.
    care: Option<SpawnedCare>,
}

impl<'a> ProcessGroup<'a> {
    fn new(
        id: Option<u32>,
        care: Option<SpawnedCare>,
        mut processes: CommandProcesses<'a>,
    ) -> Self {
        if let (Some(id), Some(care)) = (id, &care) {
            care.set_group(id);
        }
        processes.started(id);
        let id = id.and_then(|id| i32::try_from(id).ok());
        Self {
            id: id.and_then(Pid::from_raw),
            processes,
            care,
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            tracing::trace!(
                target: TARGET, group = id.as_raw_nonzero().get(), ?signal,
                "is sent a signal"
            );
            // It fails only if no process is left.
            let _ = kill_process_group(id, signal);
        }
    }

    /// Whether its first process has ended. It is not reaped.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id
            .is_none_or(|id| !matches!(waitid(WaitId::Pid(id), options), Ok(None)))
    }

    /// Its first process has been reaped, so that the number may be reused; or it is a client that
    /// ends by itself.
    fn reaped(&mut self) {
        self.id = None;
    }
}

impl Drop for ProcessGroup<'_> {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.processes.kill_now();
            self.signal(Signal::KILL);
            self.reaped();
        }
    }
}
