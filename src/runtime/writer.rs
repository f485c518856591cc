//! Writes a journal on a thread of its own: what has come while one group of records was written
//! is the next group. While much goes on anyway, a group waits a moment for more records.
//! It does not know what waits for the records.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::journal::{Journal, Record};
use super::store::StoreError;

/// More records than this are not written at once.
const MOST: usize = 1000;

/// How long a group waits for more records where nobody needs it at once: a disk takes ten times
/// as long for ten groups as for one.
const MOMENT: Duration = Duration::from_millis(1);

/// Takes records; dropping it waits until all of them are written.
pub(super) struct Writer {
    sender: Option<Sender<Note>>,
    thread: Option<JoinHandle<()>>,
}

enum Note {
    /// A record, and whether much goes on beside it.
    Record(Box<Record>, bool),
    Clock(i64),
}

impl Writer {
    /// Starts the thread. `tell` is called on it with each group that has been written, and once
    /// with the error after which nothing more is.
    pub(super) fn start(
        journal: Box<dyn Journal>,
        tell: impl Fn(Result<Vec<Record>, StoreError>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, notes) = channel();
        let thread = std::thread::Builder::new()
            .name(String::from("journal"))
            .spawn(move || write(journal, &notes, &tell))?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Takes a record. `busy` says that much goes on which does not wait for it.
    pub(super) fn write(&self, record: Record, busy: bool) {
        self.send(Note::Record(Box::new(record), busy));
    }

    /// Notes how far the machine's clock has come.
    pub(super) fn note_clock(&self, clock: i64) {
        self.send(Note::Clock(clock));
    }

    fn send(&self, note: Note) {
        if let Some(sender) = &self.sender {
            // After an error nobody takes records any more; the driver has been told.
            let _ = sender.send(note);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It ends by itself, whatever happens in it.
            let _ = thread.join();
        }
    }
}

fn write(
    mut journal: Box<dyn Journal>,
    notes: &Receiver<Note>,
    tell: &dyn Fn(Result<Vec<Record>, StoreError>),
) {
    while let Ok(note) = notes.recv() {
        let mut records = Vec::new();
        let mut clock = None;
        let mut busy = false;
        let mut take = |note, records: &mut Vec<Record>| match note {
            Note::Record(record, beside) => {
                records.push(*record);
                busy = beside;
                busy
            }
            Note::Clock(at) => {
                clock = Some(at);
                busy
            }
        };
        let mut wait = take(note, &mut records);
        let until = Instant::now() + MOMENT;
        while records.len() < MOST {
            let left = match wait {
                true => until.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
            };
            match notes.recv_timeout(left) {
                Ok(note) => wait = take(note, &mut records),
                Err(_) => break,
            }
        }
        let mut written = Ok(());
        if !records.is_empty() {
            written = journal.write(&records);
        }
        if let (Ok(()), Some(clock)) = (&written, clock) {
            written = journal.note_clock(clock);
        }
        match written {
            Ok(()) if records.is_empty() => {}
            Ok(()) => tell(Ok(records)),
            Err(error) => return tell(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::Event;
    use crate::runtime::journal::Recorded;
    use crate::runtime::store::Trouble;

    struct Fake(Arc<Mutex<Vec<u64>>>);

    impl Journal for Fake {
        fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
            let mut kept = self.0.lock().unwrap();
            kept.extend(records.iter().map(|record| record.seq));
            match kept.last() {
                Some(7..) => Err(StoreError {
                    trouble: Trouble::Full,
                    message: String::from("full"),
                }),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn everything_is_written_in_order_up_to_an_error() {
        let (written, told) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
        let hear = told.clone();
        let writer = Writer::start(Box::new(Fake(Arc::clone(&written))), move |result| {
            let mut told = hear.lock().unwrap();
            match result {
                Ok(records) => told.extend(records.iter().map(|record| record.seq)),
                Err(_) => told.push(0),
            }
        })
        .unwrap();
        for seq in 1..=9 {
            writer.write(
                Record {
                    seq,
                    at: 0,
                    clock: 0,
                    what: Recorded::Event(Event::Cancel),
                    told: Vec::new(),
                },
                seq % 2 == 0,
            );
        }
        drop(writer);
        let (written, told) = (written.lock().unwrap(), told.lock().unwrap());
        assert!((7..=9).contains(&written.len()) && written.is_sorted());
        assert_eq!(told.iter().filter(|seq| **seq == 0).count(), 1);
        assert_eq!(told.last(), Some(&0));
    }
}
