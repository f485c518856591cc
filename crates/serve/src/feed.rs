//! The events of runs for those who watch. One thread asks the database whether anything has been
//! written, and reads what is new of each watched run once, for all who watch it. Each of them has
//! a position of their own and asks for what comes behind it, so that nobody misses anything or
//! gets it twice, however slow they are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use lockstep_store::{PublishedRecord, RunNumber, RunStatus, Store, StoreError, time};
use tokio::sync::watch;

use crate::error::ServeError;
use crate::stores::StorePool;

/// How often the database is asked whether anything has been written.
const POLL_INTERVAL: Duration = Duration::from_millis(40);
/// So many of the last records of a watched run are in memory.
const MAX_RECENT_RECORDS: usize = 512;
/// So much of their texts is.
const MAX_RECENT_BYTES: usize = 1024 * 1024;
/// So many records are read at once.
const PAGE_RECORDS: u32 = 256;

/// The runs that are watched.
pub(crate) struct Feeds {
    feeds: Mutex<HashMap<RunNumber, Weak<RunFeed>>>,
    /// How often something has been written to the state directory since the server has started.
    changes: watch::Sender<u64>,
}

/// What is new of a run.
pub(crate) struct RunFeed {
    run: RunNumber,
    recent: Mutex<Recent>,
    state: watch::Sender<FeedState>,
}

/// How far a run is, as far as it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FeedState {
    /// Whether it has been read at all.
    is_read: bool,
    /// The number of the last record that is known.
    last: u64,
    /// How the run has ended, if it has: then there are no records behind the last.
    pub(crate) ended: Option<&'static str>,
}

/// The last records: all that say something behind `after`.
#[derive(Default)]
struct Recent {
    /// The number of a record; nothing before it and it itself is in memory.
    after: u64,
    records: VecDeque<(u64, Arc<str>)>,
    bytes: usize,
}

/// Some records, each as a message for a stream of events (SSE).
pub(crate) struct FeedPage {
    pub(crate) messages: Vec<Arc<str>>,
    /// The number of the last record that the page has looked at.
    pub(crate) reached: u64,
}

impl Feeds {
    /// Starts the thread.
    pub(crate) fn start(store: Store) -> Result<Arc<Self>, ServeError> {
        let feeds = Arc::new(Self {
            feeds: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let watched = Arc::downgrade(&feeds);
        let thread = std::thread::Builder::new().name(String::from("feeds"));
        let look = move || {
            let mut seen = None;
            while let Some(feeds) = watched.upgrade() {
                // What cannot be read now may be next time.
                let _ = feeds.look(&store, &mut seen);
                drop(feeds);
                std::thread::sleep(POLL_INTERVAL);
            }
        };
        thread.spawn(look).map_err(ServeError::System)?;
        Ok(feeds)
    }

    fn look(&self, store: &Store, seen: &mut Option<i64>) -> Result<(), StoreError> {
        let changes = store.changes()?;
        let is_new = *seen != Some(changes);
        if is_new {
            *seen = Some(changes);
            self.changes.send_modify(|count| *count += 1);
        }
        let watched: Vec<Arc<RunFeed>> = {
            let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
            feeds.retain(|_, feed| feed.strong_count() > 0);
            feeds.values().filter_map(Weak::upgrade).collect()
        };
        for feed in watched {
            if is_new || !feed.state.borrow().is_read {
                // Whoever watches a run that was forgotten hears so when rights are looked at.
                let _ = feed.read_on(store);
            }
        }
        Ok(())
    }

    /// Changes whenever something is written to the state directory.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The events of a run.
    pub(crate) fn of(&self, run: RunNumber) -> Arc<RunFeed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&run).and_then(Weak::upgrade) {
            return feed;
        }
        let feed = Arc::new(RunFeed {
            run,
            recent: Mutex::default(),
            state: watch::Sender::new(FeedState::default()),
        });
        feeds.insert(run, Arc::downgrade(&feed));
        feed
    }
}

impl RunFeed {
    /// Reads what has been written since the last time.
    fn read_on(&self, store: &Store) -> Result<(), StoreError> {
        let known = *self.state.borrow();
        // How it has ended is written with its last record, so what comes meanwhile is read next
        // time.
        let ended = match store.run(self.run)?.status {
            RunStatus::Ended(status) => Some(status.as_str()),
            RunStatus::Running | RunStatus::Stopped => None,
        };
        let last = store.last_sequence(self.run)?;
        let now = FeedState {
            is_read: true,
            last,
            ended,
        };
        if now == known {
            return Ok(());
        }
        {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            // Of a run that is watched for the first time the end is enough.
            if !known.is_read {
                recent.after = last.saturating_sub(MAX_RECENT_RECORDS as u64);
            }
        }
        loop {
            let from = {
                let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
                recent.records.back().map_or(recent.after, |(at, _)| *at) + 1
            };
            let page = store.published_records(self.run, from, PAGE_RECORDS)?;
            let is_all = page.len() < PAGE_RECORDS as usize;
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            for record in page {
                recent.add(record.record, message(&record).into());
            }
            if is_all {
                break;
            }
        }
        self.state.send_replace(now);
        Ok(())
    }

    /// Changes whenever there is something new.
    pub(crate) fn state(&self) -> watch::Receiver<FeedState> {
        self.state.subscribe()
    }

    /// What comes behind a record.
    pub(crate) async fn page(
        &self,
        after: u64,
        stores: &StorePool,
    ) -> Result<FeedPage, ServeError> {
        let last = self.state.borrow().last;
        if let Some(messages) = self.recent(after) {
            return Ok(FeedPage {
                reached: messages.last().map_or(last, |(at, _)| *at).max(after),
                messages: messages.into_iter().map(|(_, text)| text).collect(),
            });
        }
        let run = self.run;
        let page = stores
            .run(move |stores| stores.runs.published_records(run, after + 1, PAGE_RECORDS))
            .await??;
        Ok(FeedPage {
            reached: page.last().map_or(last.max(after), |it| it.record),
            messages: page.iter().map(|it| message(it).into()).collect(),
        })
    }

    fn recent(&self, after: u64) -> Option<Vec<(u64, Arc<str>)>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = self.state.borrow().is_read && after >= recent.after;
        is_known.then(|| {
            let from = recent.records.partition_point(|(at, _)| *at <= after);
            recent.records.iter().skip(from).cloned().collect()
        })
    }
}

impl Recent {
    fn add(&mut self, record: u64, text: Arc<str>) {
        self.bytes += text.len();
        self.records.push_back((record, text));
        let is_full =
            |it: &Self| it.records.len() > MAX_RECENT_RECORDS || it.bytes > MAX_RECENT_BYTES;
        while is_full(self)
            && let Some((at, text)) = self.records.pop_front()
        {
            self.after = at;
            self.bytes -= text.len();
        }
    }
}

/// A record as a message of a stream of events.
fn message(record: &PublishedRecord) -> String {
    // JSON has no line ends inside.
    let (id, at, events) = (record.record, time(record.at), &record.events);
    let data = format!("{{\"record\":{id},\"at\":\"{at}\",\"events\":{events}}}");
    format!("id: {id}\nevent: events\ndata: {data}\n\n")
}
