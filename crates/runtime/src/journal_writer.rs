//! Writes a journal on a thread of its own, with group commit: the records that arrive while one
//! group is being written are the next group. If no effect waits for a group, it waits a moment for
//! more records.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::journal::{Journal, JournalError, JournalRecord};

/// The maximum number of records in a group.
const MAX_RECORDS_PER_COMMIT: usize = 1000;

/// The target of the log events of the journal's thread.
const TARGET: &str = "lockstep::journal";

/// Accepts records; dropping it waits until all of them are written.
pub(super) struct JournalWriter {
    queue: Arc<RecordQueue>,
    thread: Option<JoinHandle<()>>,
}

/// The queue of records that are not written yet.
#[derive(Default)]
struct RecordQueue {
    pile: Mutex<RecordBatch>,
    /// Wakes the thread to check the queue and the deadline again.
    sooner: Condvar,
}

#[derive(Default)]
struct RecordBatch {
    records: Vec<JournalRecord>,
    clock: Option<i64>,
    /// How many events have been told, and whether more follow.
    events: Option<(u64, bool)>,
    /// The deadline for writing the queue; nothing where it is empty.
    due: Option<Instant>,
    /// Nothing more comes, or nothing more can be written.
    closed: bool,
}

impl RecordQueue {
    fn pile(&self) -> MutexGuard<'_, RecordBatch> {
        // No operation under the lock stops half-way.
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and ensures that it is written after `patience`. The thread is woken only
    /// if that is sooner than its present deadline.
    fn add(&self, patience: Duration, change: impl FnOnce(&mut RecordBatch)) {
        let due = Instant::now() + patience;
        let mut pile = self.pile();
        if pile.closed {
            // After an error nothing is accepted any more; the driver has been informed.
            return;
        }
        change(&mut pile);
        if pile.due.is_none_or(|before| due < before) {
            pile.due = Some(due);
            self.sooner.notify_one();
        }
    }

    /// Waits for the next group, and what else is to be stored; nothing at the end.
    fn next(&self) -> Option<RecordBatch> {
        let mut pile = self.pile();
        loop {
            let left = match pile.due {
                None if pile.closed => return None,
                None => None,
                Some(_) if pile.closed || pile.records.len() >= MAX_RECORDS_PER_COMMIT => {
                    Some(Duration::ZERO)
                }
                Some(due) => Some(due.saturating_duration_since(Instant::now())),
            };
            match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.sooner.wait_timeout(pile, left);
                    pile = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    let waited = self.sooner.wait(pile);
                    pile = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        let count = pile.records.len().min(MAX_RECORDS_PER_COMMIT);
        let records = pile.records.drain(..count).collect();
        pile.due = (!pile.records.is_empty()).then(Instant::now);
        Some(RecordBatch {
            records,
            clock: pile.clock.take(),
            events: pile.events.take(),
            ..RecordBatch::default()
        })
    }
}

impl JournalWriter {
    /// Starts the thread. `report` is called on it with each group that has been written, and once
    /// with the error after which nothing more is written.
    pub(super) fn start(
        journal: Box<dyn Journal>,
        report: impl Fn(Result<Vec<JournalRecord>, JournalError>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(RecordQueue::default());
        let shared = queue.clone();
        let run = tracing::Span::current();
        let thread = std::thread::Builder::new()
            .name(String::from("journal"))
            .spawn(move || run.in_scope(|| write(journal, &shared, &report)))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Queues a record, which may wait that long for others: a disk takes ten times as long for ten
    /// groups as for one.
    pub(super) fn write(&self, record: JournalRecord, patience: Duration) {
        self.queue.add(patience, |pile| pile.records.push(record));
    }

    /// Queues how many events have been told.
    pub(super) fn note_events(&self, count: u64, more: bool) {
        (self.queue).add(Duration::ZERO, |pile| pile.events = Some((count, more)));
    }

    /// Queues the present value of the machine's clock.
    pub(super) fn note_clock(&self, clock: i64) {
        (self.queue).add(Duration::ZERO, |pile| pile.clock = Some(clock));
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.queue.pile().closed = true;
        self.queue.sooner.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends by itself, whatever happens in it.
            let _ = thread.join();
        }
    }
}

fn write(
    mut journal: Box<dyn Journal>,
    queue: &RecordQueue,
    report: &dyn Fn(Result<Vec<JournalRecord>, JournalError>),
) {
    // The signal at the end of each command (SIGCHLD) would wake this thread while the other one
    // starts the next. If signals cannot be blocked, it is only slower.
    let _ = nix::sys::signal::SigSet::all().thread_block();
    while let Some(RecordBatch {
        records,
        clock,
        events,
        ..
    }) = queue.next()
    {
        let mut written = Ok(());
        if !records.is_empty() {
            let span = tracing::debug_span!(target: TARGET, "write", records = records.len());
            written = span.in_scope(|| journal.write(&records));
        }
        if let (Ok(()), Some((count, more))) = (&written, events) {
            written = journal.note_events(count, more);
        }
        if let (Ok(()), Some(clock)) = (&written, clock) {
            written = journal.note_clock(clock);
        }
        match written {
            Ok(()) if records.is_empty() => {}
            Ok(()) => {
                tracing::trace!(target: TARGET, records = records.len(), "written down");
                report(Ok(records));
            }
            Err(error) => {
                tracing::error!(target: TARGET, %error, "the journal cannot be written");
                let mut pile = queue.pile();
                (pile.closed, pile.due) = (true, None);
                pile.records.clear();
                return report(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::journal::JournalEntry;
    use lockstep_engine::Event;

    struct FakeJournal(Arc<Mutex<Vec<u64>>>);

    impl Journal for FakeJournal {
        fn write(&mut self, records: &[JournalRecord]) -> Result<(), JournalError> {
            let mut kept = self.0.lock().unwrap();
            kept.extend(records.iter().map(|record| record.seq));
            match kept.last() {
                Some(7..) => Err(JournalError::Unwritable(String::from("full"))),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn everything_is_written_in_order_up_to_an_error() {
        let (written, told) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
        let hear = told.clone();
        let writer =
            JournalWriter::start(Box::new(FakeJournal(Arc::clone(&written))), move |result| {
                let mut told = hear.lock().unwrap();
                match result {
                    Ok(records) => told.extend(records.iter().map(|record| record.seq)),
                    Err(_) => told.push(0),
                }
            })
            .unwrap();
        for seq in 1..=9 {
            writer.write(
                JournalRecord {
                    seq,
                    at: jiff::Timestamp::UNIX_EPOCH,
                    clock: 0,
                    what: JournalEntry::Event(Event::Cancel),
                    told: Vec::new(),
                },
                Duration::from_millis(seq % 2),
            );
        }
        drop(writer);
        let (written, told) = (written.lock().unwrap(), told.lock().unwrap());
        assert!((7..=9).contains(&written.len()) && written.is_sorted());
        assert_eq!(told.iter().filter(|seq| **seq == 0).count(), 1);
        assert_eq!(told.last(), Some(&0));
    }
}
