//! Following the runs: what has happened since they were looked at is written into the outbox, in
//! one transaction with how far that was.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lockstep_engine::run_event::RunEventKind;
use lockstep_store::{Approval, RunNumber, RunStatus, StoreErrorKind, StoredRun};
use tokio::sync::watch;

use super::decide::RunAbout;
use super::message::{AnswerText, Message};
use super::outbox::{GIVE_UP_AFTER_MS, NewNotification, Outbox, RunCursor};
use crate::app::App;
use crate::error::ServeError;
use crate::stores::Stores;

/// The runs are looked at so often at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// And at least so often: that a process is gone is written nowhere.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);
/// A run whose process is gone may be resumed at once, which is nothing to be said.
const STOPPED_FOR: Duration = Duration::from_secs(10);
/// So many records are looked at in one transaction.
const PAGE_RECORDS: u32 = 256;

/// Since when runs have no process.
pub(super) type StoppedRuns = HashMap<i64, Instant>;

/// Looks at the runs whenever something has been written, and tells the senders.
pub(super) async fn follow(app: App, new: watch::Sender<u64>) {
    let mut changes = app.feeds.changes();
    let mut stopped = StoppedRuns::new();
    loop {
        changes.borrow_and_update();
        let shared = app.clone();
        let looked = app.stores.run(move |stores| {
            let looked = look(&shared, stores, &mut stopped);
            (looked, stopped)
        });
        let is_new = match looked.await {
            Ok((looked, known)) => {
                stopped = known;
                looked.unwrap_or_else(|error| {
                    tracing::warn!(target: "lockstep::serve", %error, "notifications wait");
                    false
                })
            }
            Err(_) => {
                stopped = StoppedRuns::new();
                false
            }
        };
        if is_new {
            new.send_modify(|count| *count += 1);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        if let Ok(Err(_)) = tokio::time::timeout(IDLE_INTERVAL, changes.changed()).await {
            return;
        }
    }
}

/// Writes into the outbox what is to be said since the last look; says whether there is anything.
pub(super) fn look(
    app: &App,
    stores: &Stores,
    stopped: &mut StoppedRuns,
) -> Result<bool, ServeError> {
    let outbox = Outbox::of(stores.access.connection());
    add_new_runs(stores, &outbox)?;
    let mut is_new = false;
    let open = outbox.open_runs().map_err(ServeError::database)?;
    stopped.retain(|run, _| open.iter().any(|it| it.run == *run));
    for cursor in open {
        // What is wrong with one run is no matter of the others.
        match look_at(app, stores, cursor, stopped) {
            Ok(said) => is_new |= said,
            Err(error) => {
                tracing::warn!(target: "lockstep::serve", %error, "a run is not announced");
            }
        }
    }
    Ok(is_new)
}

/// Adds the runs that have begun since the last look.
fn add_new_runs(stores: &Stores, outbox: &Outbox<'_>) -> Result<(), ServeError> {
    let last = outbox.last_run().map_err(ServeError::database)?;
    let new = stores.runs.stored_after(RunNumber(last))?;
    if new.is_empty() {
        return Ok(());
    }
    stores.access.in_transaction(|| {
        let mut added = new.iter().map(|run| outbox.add_run(run.0));
        added.try_for_each(|it| it.map_err(ServeError::database))
    })
}

/// What a look at a run needs.
struct Look<'a> {
    app: &'a App,
    outbox: Outbox<'a>,
    about: RunAbout,
    cursor: RunCursor,
    now: Timestamp,
    is_new: bool,
}

fn look_at(
    app: &App,
    stores: &Stores,
    cursor: RunCursor,
    stopped: &mut StoppedRuns,
) -> Result<bool, ServeError> {
    let number = RunNumber(cursor.run);
    let outbox = Outbox::of(stores.access.connection());
    // How it is, before what has happened is read: nothing comes behind its end.
    let run = match stores.runs.run(number) {
        Ok(run) => run,
        Err(error) if error.kind == StoreErrorKind::Refused => {
            let gone = RunCursor {
                is_done: true,
                ..cursor
            };
            return outbox
                .put_run(&gone)
                .map(|()| false)
                .map_err(ServeError::database);
        }
        Err(error) => return Err(error.into()),
    };
    let answers = stores.runs.approvals(number)?;
    let mut look = Look {
        app,
        outbox,
        about: RunAbout {
            run: run.id.to_string(),
            pipeline: app.scope(stores, &run).pipeline,
            user: run.user.to_string(),
            url: format!("{}/runs/{}", app.options.origin(), run.id),
        },
        cursor,
        now: Timestamp::now(),
        is_new: false,
    };
    loop {
        let from = look.cursor.record + 1;
        let page = stores.runs.published_records(number, from, PAGE_RECORDS)?;
        let is_last = page.len() < PAGE_RECORDS as usize;
        let was = look.cursor.clone();
        stores.access.in_transaction(|| {
            for record in &page {
                let behind = |it: &&Approval| it.answered_at <= record.at;
                look.answers(&answers, behind)?;
                // What another version of the program has written is passed over.
                let events: Vec<RunEventKind> =
                    serde_json::from_str(&record.events).unwrap_or_default();
                let memory = &mut look.cursor.memory;
                let said = look.about.of_events(&events, record.at, memory);
                for (place, message) in said.iter().enumerate() {
                    look.say(&format!("{}-{place}", record.record), message, record.at)?;
                }
                look.cursor.record = record.record;
            }
            if is_last {
                look.answers(&answers, |_| true)?;
                look.end(&run, stopped)?;
            }
            match look.cursor == was {
                true => Ok(()),
                false => look
                    .outbox
                    .put_run(&look.cursor)
                    .map_err(ServeError::database),
            }
        })?;
        if is_last {
            return Ok(look.is_new);
        }
    }
}

impl Look<'_> {
    /// Says the answers that were not said, as far as these are due.
    fn answers(
        &mut self,
        all: &[Approval],
        is_due: impl Fn(&&Approval) -> bool,
    ) -> Result<(), ServeError> {
        let new = all.iter().skip(self.cursor.answers).take_while(is_due);
        for answer in new {
            let given = AnswerText {
                node: answer.node.clone(),
                answer: answer.answer.as_str().to_owned(),
                by: answer.who.clone(),
                comment: answer.comment.clone(),
            };
            let memory = &mut self.cursor.memory;
            let message = self.about.of_answer(&given, answer.answered_at, memory);
            let what = format!("answer-{}", self.cursor.answers);
            self.say(&what, &message, answer.answered_at)?;
            self.cursor.answers += 1;
        }
        Ok(())
    }

    /// Says what its status says alone.
    fn end(&mut self, run: &StoredRun, stopped: &mut StoppedRuns) -> Result<(), ServeError> {
        match run.status {
            RunStatus::Running => {
                stopped.remove(&run.number.0);
            }
            RunStatus::Stopped => {
                let since = stopped.entry(run.number.0).or_insert_with(Instant::now);
                // Once, until it goes on and stops again.
                let is_said = self.cursor.memory.stopped_behind == Some(self.cursor.record);
                if since.elapsed() >= STOPPED_FOR && !is_said {
                    let message = self.about.of_stop(self.now);
                    let what = format!("{}-stopped", self.cursor.record);
                    self.say(&what, &message, self.now)?;
                    self.cursor.memory.stopped_behind = Some(self.cursor.record);
                }
            }
            RunStatus::Ended(status) => {
                let at = run.finished_at.unwrap_or(self.now);
                if !self.cursor.memory.has_ended {
                    let why = run.unstarted.as_deref().unwrap_or("it has ended");
                    let memory = &mut self.cursor.memory;
                    let said = self.about.of_unstarted(status, why, at, memory);
                    if let Some(message) = said {
                        self.say("end", &message, at)?;
                    }
                }
                self.cursor.is_done = true;
            }
        }
        Ok(())
    }

    /// Writes a message into the outbox, for all who want it. What happened long ago, while the
    /// server was not there, is no news.
    fn say(&mut self, what: &str, message: &Message, at: Timestamp) -> Result<(), ServeError> {
        let age = self.now.as_millisecond() - at.as_millisecond();
        if age >= GIVE_UP_AFTER_MS {
            return Ok(());
        }
        for target in self.app.notify.all().iter().filter(|it| it.wants(message)) {
            let after = self
                .outbox
                .after(&target.id)
                .map_err(ServeError::database)?;
            if after.is_none_or(|after| self.cursor.run <= after) {
                continue;
            }
            let new = NewNotification {
                target: &target.id,
                about: what,
                message,
            };
            self.outbox
                .add(&new, self.now)
                .map_err(ServeError::database)?;
            self.is_new = true;
        }
        Ok(())
    }
}

/// Prepares a start of the server.
pub(super) fn prepare(app: &App, stores: &Stores) -> Result<(), ServeError> {
    let last = stores.runs.last_number()?.0;
    let targets: Vec<&str> = app.notify.all().iter().map(|it| it.id.as_str()).collect();
    stores.access.in_transaction(|| {
        let outbox = Outbox::of(stores.access.connection());
        let begun = outbox.begin(&targets, last, Timestamp::now());
        begun.map_err(ServeError::database)
    })
}
