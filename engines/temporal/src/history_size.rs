//! How much of a server's history a run makes, so that it stays within what a server takes: 4 MB
//! from a worker at once, and 50 MB for an execution. It counts before anything is compressed, and
//! so rather too much.

use serde::Serialize;

/// So much is begun at once.
const MAX_BURST_BYTES: usize = 2_000_000;

/// From so many bytes on, a run goes on in a new execution where nothing is under way.
const CONTINUE_AT_BYTES: usize = 10_000_000;

/// From so many on, nothing more is begun, so that this comes about.
const DRAIN_AT_BYTES: usize = 20_000_000;

/// What an execution has written so far.
#[derive(Debug, Clone, Default)]
pub struct HistorySize {
    bytes: usize,
    burst_bytes: usize,
    /// When the server gave the worker something to do, in milliseconds since 1970.
    task_at: i64,
}

impl HistorySize {
    /// An execution that begins at this time, in milliseconds since 1970.
    pub fn at(task_at: i64) -> Self {
        Self {
            task_at,
            ..Self::default()
        }
    }

    /// The server gives the worker something to do, at this time: what was begun before is written.
    pub fn begin_task(&mut self, at: i64) {
        if at > self.task_at {
            (self.burst_bytes, self.task_at) = (0, at);
        }
    }

    /// Something is begun with this input.
    pub fn begins(&mut self, input: &impl Serialize) {
        let bytes = json_bytes(input);
        self.bytes += bytes;
        self.burst_bytes += bytes;
    }

    /// Something has ended like this.
    pub fn ends(&mut self, outcome: &impl Serialize) {
        self.bytes += json_bytes(outcome);
    }

    /// Whether nothing more may be begun in this task.
    pub fn is_burst_full(&self) -> bool {
        self.burst_bytes >= MAX_BURST_BYTES
    }

    /// Whether the run is to go on in a new execution.
    pub fn is_large(&self) -> bool {
        self.bytes > CONTINUE_AT_BYTES
    }

    /// Whether it has to.
    pub fn is_too_large(&self) -> bool {
        self.bytes > DRAIN_AT_BYTES
    }
}

/// The bytes of data as JSON, which is not made.
fn json_bytes(data: &impl Serialize) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // What cannot be written as JSON is not sent either.
    let _ = serde_json::to_writer(&mut count, data);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_begun_at_once_and_in_all_is_limited() {
        let mut size = HistorySize::default();
        let text = "x".repeat(900_000);
        for at in 0..7 {
            size.begin_task(at);
            assert!(!size.is_burst_full());
            for _ in 0..3 {
                size.begins(&text);
            }
            assert!(size.is_burst_full());
        }
        assert!(size.is_large() && !size.is_too_large());
        size.ends(&text);
        size.ends(&text);
        assert!(size.is_too_large());
    }
}
