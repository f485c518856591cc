//! One output stream of a command: read in large pieces, its lines masked and passed on, and its
//! last part stored as it is.

use std::io::{PipeWriter, Write as _};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::super::connection::Trailer;
use super::super::redact::Redactor;
use super::super::secrets::without_line_end;
use super::OutputLine;
use lockstep_engine::run_event::Stream;
use lockstep_engine::{MAX_FAILED_OUTPUT_BYTES, OutputText};

/// How much of a stream becomes the command's `stdout` or `stderr`, in bytes: its last part, since
/// results and errors come at the end.
pub(super) const MAX_KEPT_BYTES: usize = 1 << 20;

/// A longer line is passed on in pieces, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// The size of a read, in bytes. It bounds how many lines come before other commands get a turn,
/// such as one that is being stopped.
pub(super) const READ_CHUNK_BYTES: usize = 16 * 1024;

/// Receives each line: without its end, with secrets masked.
pub(super) type LineListener<'a> = &'a mut (dyn FnMut(OutputLine<'_>) + Send);

/// A stream that is being read.
pub(super) struct StreamReader<R> {
    /// `None` at its end.
    reader: Option<R>,
    stream: Stream,
    trailer: Option<Trailer>,
    /// Where all goes, in place of lines and of what is kept.
    pipe: Option<PipeWriter>,
    redactor: Redactor,
    /// The unfinished line, masked.
    line: Vec<u8>,
    tail: Vec<u8>,
    /// How much of what comes is kept, in bytes: its last part.
    kept_bytes: usize,
    /// Whether what comes is stored.
    keeps: bool,
    /// Whether something of what was stored is gone.
    is_cut: bool,
}

impl<R: AsyncRead + Unpin> StreamReader<R> {
    pub(super) fn new(reader: Option<R>, stream: Stream, redactor: Redactor) -> Self {
        Self {
            reader,
            stream,
            trailer: None,
            pipe: None,
            redactor,
            line: Vec::new(),
            tail: Vec::new(),
            kept_bytes: MAX_KEPT_BYTES,
            keeps: true,
            is_cut: false,
        }
    }

    /// The same for a stream that ends with a connection's report.
    pub(super) fn with_trailer(mut self, trailer: Option<Trailer>) -> Self {
        self.trailer = trailer;
        self
    }

    /// The same for a stream of which nobody uses more than what says why its command has failed.
    pub(super) fn for_failure_only(mut self, is_so: bool) -> Self {
        if is_so {
            self.kept_bytes = MAX_FAILED_OUTPUT_BYTES;
        }
        self
    }

    /// The same for a stream whose bytes go elsewhere.
    pub(super) fn into_pipe(mut self, pipe: Option<PipeWriter>) -> Self {
        self.keeps = pipe.is_none();
        self.pipe = pipe;
        self
    }

    /// Whether the stream has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// Hands over what it reads; to this reader that is the end of the stream.
    pub(super) fn take_reader(&mut self) -> Option<R> {
        self.reader.take()
    }

    /// The report of a connection at the end.
    pub(super) fn trailer(&self) -> Option<&Trailer> {
        self.trailer.as_ref()
    }

    /// Reads once, if data is available, and returns how much; never ready at the end of the
    /// stream.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        listener: LineListener<'_>,
    ) -> Poll<usize> {
        let Some(reader) = &mut self.reader else {
            return Poll::Pending;
        };
        // The buffer exists only while it is needed, not while the command is silent.
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_CHUNK_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        match Pin::new(reader).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.take(buffer.filled(), listener);
                Poll::Ready(buffer.filled().len())
            }
            // An error here means that the other side is gone, as an end of file does.
            Poll::Ready(_) => {
                self.reader = None;
                Poll::Ready(0)
            }
        }
    }

    fn take(&mut self, bytes: &[u8], listener: LineListener<'_>) {
        let mut masked = Vec::with_capacity(bytes.len());
        match &mut self.trailer {
            None if self.pipe.is_some() => self.pass_on(bytes),
            None => {
                self.redactor.feed_into(bytes, &mut masked);
                self.keep_tail(bytes);
            }
            Some(trailer) => {
                let mut own = Vec::with_capacity(bytes.len());
                let mut greeting = Vec::new();
                trailer.feed(bytes, &mut greeting, &mut own);
                self.redactor.feed_into(&greeting, &mut masked);
                match self.pipe {
                    Some(_) => self.pass_on(&own),
                    None => {
                        self.redactor.feed_into(&own, &mut masked);
                        self.keep_tail(&own);
                    }
                }
            }
        }
        self.lines(&masked, listener);
    }

    /// Who reads the pipe writes to a disk, and says itself why it has stopped reading.
    fn pass_on(&mut self, bytes: &[u8]) {
        if let Some(pipe) = &mut self.pipe {
            let _ = pipe.write_all(bytes);
        }
    }

    fn lines(&mut self, masked: &[u8], listener: LineListener<'_>) {
        let mut rest = masked;
        if !self.line.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let first;
            (first, rest) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            self.part(first, listener);
        }
        if self.line.is_empty() {
            rest = deliver_whole_lines(self.stream, rest, listener);
        }
        for part in rest.split_inclusive(|byte| *byte == b'\n') {
            self.part(part, listener);
        }
    }

    /// Takes a line, or a piece of one.
    fn part(&mut self, part: &[u8], listener: LineListener<'_>) {
        let complete = part.ends_with(b"\n");
        if complete && self.line.is_empty() && part.len() <= MAX_LINE_BYTES {
            return deliver_line(self.stream, part, listener);
        }
        self.line.extend_from_slice(part);
        while self.line.len() > MAX_LINE_BYTES {
            let end = character_start(&self.line, MAX_LINE_BYTES);
            deliver_line(self.stream, &self.line[..end], listener);
            self.line.drain(..end);
        }
        if complete {
            deliver_line(self.stream, &self.line, listener);
            self.line.clear();
        }
    }

    /// Stores what was read, as it is: it is a value.
    fn keep_tail(&mut self, bytes: &[u8]) {
        if !self.keeps {
            return;
        }
        self.tail.extend_from_slice(bytes);
        // Cutting only now and then is cheap per byte.
        if self.tail.len() > 2 * self.kept_bytes {
            self.tail.drain(..self.tail.len() - self.kept_bytes);
            self.is_cut = true;
        }
    }

    /// The command has ended: returns the stored part, less one final line end. Where the stream is
    /// open, because others write to it, it goes on; else what is left is passed on.
    pub(super) fn finish(&mut self, listener: LineListener<'_>) -> OutputText {
        let mut kept = std::mem::take(&mut self.tail);
        self.pipe = None;
        self.keeps = false;
        // Of an open stream, what may be the beginning of a secret is held back for what follows.
        if !self.is_open() {
            let mut masked = Vec::new();
            if let Some(trailer) = &mut self.trailer {
                let (mut greeting, mut own) = (Vec::new(), Vec::new());
                trailer.finish(&mut greeting, &mut own);
                self.redactor.feed_into(&greeting, &mut masked);
                self.redactor.feed_into(&own, &mut masked);
                kept.append(&mut own);
            }
            masked.append(&mut self.redactor.finish());
            self.lines(&masked, listener);
            if !self.line.is_empty() {
                deliver_line(self.stream, &self.line, listener);
                self.line.clear();
            }
        }
        if kept.len() > self.kept_bytes {
            let start = kept.len() - self.kept_bytes;
            let start = start
                + (kept[start..].iter())
                    .take_while(|byte| is_continuation(**byte))
                    .count();
            kept.drain(..start);
            self.is_cut = true;
        }
        let text = String::from_utf8(kept)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        OutputText {
            text: without_line_end(text),
            is_cut: self.is_cut,
        }
    }

    /// The open stream, for somebody who reads it to nothing.
    pub(super) fn into_reader(self) -> Option<R> {
        self.reader
    }
}

/// Passes on the whole lines at the beginning of what was read, as far as it is text: it is asked
/// once, and not for each line. Returns what is left.
fn deliver_whole_lines<'b>(
    stream: Stream,
    bytes: &'b [u8],
    listener: LineListener<'_>,
) -> &'b [u8] {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut delivered = 0;
    for part in text.split_inclusive('\n') {
        let whole = part.strip_suffix('\n');
        let Some(line) = whole.filter(|_| part.len() <= MAX_LINE_BYTES) else {
            break;
        };
        delivered += part.len();
        listener(OutputLine {
            stream,
            text: line.strip_suffix('\r').unwrap_or(line),
            is_ended: true,
        });
    }
    &bytes[delivered..]
}

/// Passes on a line, or a piece of one that has no end yet.
fn deliver_line(stream: Stream, line: &[u8], listener: LineListener<'_>) {
    let (line, is_ended) = match line.strip_suffix(b"\n") {
        Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), true),
        None => (line, false),
    };
    let text = &*String::from_utf8_lossy(line);
    listener(OutputLine {
        stream,
        text,
        is_ended,
    });
}

/// Whether a byte is a continuation byte of UTF-8.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The start of the last character that begins at `at` or a little before it.
fn character_start(bytes: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|at| !is_continuation(bytes[*at]))
        .filter(|start| *start > 0)
        .unwrap_or(at)
}
