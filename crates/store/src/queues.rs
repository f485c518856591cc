//! Queues of runs: the runs of one queue go one after the other. A place in a queue is a lock that
//! a run takes before anything of it runs, and keeps to its end; a run that is broken off loses it
//! as it loses its locks.

use rusqlite::{OptionalExtension, Row, params};

use super::leases::{OWNER_COLUMNS, owner};
use super::programs::hash;
use super::{
    LEASE_RENEW_INTERVAL, LockHolder, RunNumber, RunOwner, SharedLocks, Store, StoreError, Stored,
    TARGET, now,
};
use lockstep_base::source::Name;
use lockstep_engine::run_event::{LockQueuePosition, Status};
use lockstep_engine::{EffectId, LockDemand};
use lockstep_lang::ir::QueueKeep;
use lockstep_plan::{RunQueue, queue_lock, queue_of_lock};
use lockstep_runtime::inbox::{InboxRequest, InboxRequestKind};
use lockstep_runtime::locks::{Locks as _, LocksError};
use lockstep_runtime::sealed::shown;
use lockstep_runtime::secrets::SecretVault;

use std::collections::HashMap;
use std::time::Instant;

/// The request of a run for its place in a queue. The machine numbers its own requests from 1.
pub(super) const QUEUE_REQUEST: EffectId = EffectId(u64::MAX);

/// What has become of a run that queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueuePlace {
    /// It has its place.
    Taken,
    /// It waits.
    Waiting,
    /// It waits, and others than before are before it.
    Moved(LockQueuePosition),
    /// A newer run of the queue has put it aside: it has ended.
    PutAside(Name),
    /// Somebody asks to cancel it.
    CancelRequested(Box<InboxRequest>),
    /// It waits for somebody who waits for it.
    Deadlock(String),
}

/// A run of this process that waits for its place in a queue.
#[derive(Debug)]
pub struct QueuedRun {
    store: Store,
    locks: SharedLocks,
    run: RunNumber,
    this: RunOwner,
    /// Whether something of it has run before: then it is not ended here.
    has_begun: bool,
    renewed: Instant,
}

impl QueuedRun {
    /// Queues a run that this process drives, behind all others. Where the newest one of a queue is
    /// kept, older ones that wait and have not begun are put aside.
    ///
    /// # Errors
    ///
    /// If the state directory cannot be used. The same holds for the other methods.
    pub fn begin(store: &Store, run: RunNumber, queue: &RunQueue) -> Result<Self, StoreError> {
        store.enter_queue(run, queue)?;
        let mut locks = SharedLocks::new(store, run)?;
        let (path, wants) = store.queue_request(run, queue)?;
        locks
            .acquire(QUEUE_REQUEST, &path.into(), wants)
            .map_err(refused)?;
        Ok(Self {
            store: store.reopen()?,
            has_begun: store.last_sequence(run)? > 0,
            locks,
            run,
            this: RunOwner::current(),
            renewed: Instant::now(),
        })
    }

    /// Whether something of the run has been done before it was broken off. Then it is not ended
    /// while it waits, only left.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What has become of it. It is to be called about ten times a second.
    ///
    /// # Errors
    ///
    /// As [`QueuedRun::begin`]; also if another process has taken the run over.
    pub fn poll(&mut self) -> Result<QueuePlace, StoreError> {
        let run = self.store.run(self.run)?;
        if let Some(by) = run.put_aside_by {
            return Ok(QueuePlace::PutAside(by));
        }
        self.store.check_driven(self.run, &self.this)?;
        if self.renewed.elapsed() >= LEASE_RENEW_INTERVAL {
            self.store.heartbeat(self.run)?;
            self.renewed = Instant::now();
        }
        if !self.has_begun {
            let mut asked = self.store.requests(self.run)?.into_iter();
            let cancels = |it: &InboxRequest| matches!(it.asking, InboxRequestKind::Cancel);
            if let Some(request) = asked.find(cancels) {
                return Ok(QueuePlace::CancelRequested(Box::new(request)));
            }
        }
        if self
            .locks
            .granted()
            .map_err(refused)?
            .contains(&QUEUE_REQUEST)
        {
            tracing::debug!(target: TARGET, run = self.run.0, "has its place in the queue");
            return Ok(QueuePlace::Taken);
        }
        if let Some(refused) = self.locks.refused().pop() {
            return Ok(QueuePlace::Deadlock(refused.message));
        }
        Ok(match self.locks.moved().pop() {
            Some((_, queue)) => QueuePlace::Moved(queue),
            None => QueuePlace::Waiting,
        })
    }

    /// Ends a run that has not begun.
    ///
    /// # Errors
    ///
    /// As [`QueuedRun::begin`].
    pub fn end(&self, status: Status, why: &str) -> Result<(), StoreError> {
        self.store.end_unstarted(self.run, status, why)
    }

    /// Takes in a request to cancel the run, which has been ended because of it.
    ///
    /// # Errors
    ///
    /// As [`QueuedRun::begin`].
    pub fn settle(&self, request: &InboxRequest) -> Result<(), StoreError> {
        self.store.settle_request(request, None)
    }

    /// Leaves the queue.
    ///
    /// # Errors
    ///
    /// As [`QueuedRun::begin`].
    pub fn leave(&self) -> Result<(), StoreError> {
        self.store.leave_queue(self.run)
    }
}

fn refused(error: LocksError) -> StoreError {
    StoreError::refused(error.0)
}

/// A run that waits in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWait {
    /// The queue.
    pub queue: Name,
    /// The runs that have a place or wait before it, the first one first.
    pub behind: Vec<Name>,
}

impl Store {
    /// The path and the locks of a run's request for its place in a queue.
    fn queue_request(
        &self,
        run: RunNumber,
        queue: &RunQueue,
    ) -> Result<(Name, Vec<LockDemand>), StoreError> {
        let want = LockDemand {
            name: queue_lock(&queue.name),
            limit: 1,
        };
        Ok((self.run(run)?.pipeline, vec![want]))
    }

    /// Gives up all that a run holds, and places it behind all others of a queue.
    fn enter_queue(&self, run: RunNumber, queue: &RunQueue) -> Result<(), StoreError> {
        let (path, wants) = self.queue_request(run, queue)?;
        let change = self.write()?;
        let written = || -> rusqlite::Result<()> {
            change.execute("DELETE FROM lock_requests WHERE run = ?", [run.0])?;
            let update = "UPDATE runs SET queue = ?, queue_keep = ? WHERE number = ?";
            change.execute(update, params![&*queue.name, queue.keep.as_str(), run.0])?;
            let effect = QUEUE_REQUEST;
            self.ask_for(LockHolder { run, effect }, &path, &wants)?;
            match queue.keep {
                QueueKeep::All => Ok(()),
                QueueKeep::Latest => self.put_older_aside(&queue.name),
            }
        };
        written().map_err(|error| self.error(&error))?;
        self.commit(change)
    }

    /// Of the runs that wait in a queue of which only the latest is kept, puts aside all others
    /// that have not begun.
    fn put_older_aside(&self, queue: &str) -> rusqlite::Result<()> {
        let select = format!(
            "SELECT number, id, EXISTS (SELECT 1 FROM journal WHERE key BETWEEN \
                number << 32 AND (number << 32) + 4294967295), {OWNER_COLUMNS} FROM runs \
            JOIN lock_requests ON run = number AND effect = ? AND granted_at IS NULL \
            WHERE status = 'running' AND queue = ? AND queue_keep = ? ORDER BY number"
        );
        let latest = QueueKeep::Latest.as_str();
        let values = params![QUEUE_REQUEST.0.cast_signed(), queue, latest];
        let read = |row: &Row<'_>| {
            let (number, id): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok((RunNumber(number), id, row.get(2)?, owner(row, 3)?))
        };
        let mut waiting: Vec<(RunNumber, String, bool, Option<RunOwner>)> =
            (self.db.prepare(&select)?.query_map(values, read)?)
                .collect::<rusqlite::Result<_>>()?;
        // Who is gone does not wait.
        waiting.retain(|(.., owner)| owner.as_ref().is_some_and(RunOwner::is_alive));
        let Some((_, newest, ..)) = waiting.pop() else {
            return Ok(());
        };
        for (older, _, has_begun, _) in waiting {
            if has_begun {
                continue;
            }
            let why = format!("the newer run {newest} waits in queue `{queue}`");
            let update = "UPDATE runs SET put_aside_by = ? WHERE number = ?";
            self.db.execute(update, params![newest, older.0])?;
            self.set_unstarted(older, Status::Superseded, &why)?;
        }
        Ok(())
    }

    fn set_unstarted(&self, run: RunNumber, status: Status, why: &str) -> rusqlite::Result<()> {
        // The clock may have been set since it began, and is not the one of its own process.
        let update = "UPDATE runs SET status = ?, finished_at = max(?, started_at), \
            unstarted = ?, owner = NULL, owner_start = NULL WHERE number = ?";
        let values = params![status.as_str(), Stored(now()), why, run.0];
        self.db.execute(update, values)?;
        let delete = "DELETE FROM lock_requests WHERE run = ?";
        self.db.execute(delete, [run.0]).map(|_| ())
    }

    /// Ends a run that this process drives and that has not begun.
    ///
    /// # Errors
    ///
    /// If that cannot be written, or another process has taken the run over.
    pub fn end_unstarted(
        &self,
        run: RunNumber,
        status: Status,
        why: &str,
    ) -> Result<(), StoreError> {
        let change = self.write()?;
        self.check_driven(run, &RunOwner::current())?;
        let written = self.set_unstarted(run, status, why);
        written.map_err(|error| self.error(&error))?;
        self.commit(change)
    }

    /// A run gives its place in a queue back, or waits no longer.
    pub(super) fn leave_queue(&self, run: RunNumber) -> Result<(), StoreError> {
        let delete = "DELETE FROM lock_requests WHERE run = ? AND effect = ?";
        let done = (self.db).execute(delete, params![run.0, QUEUE_REQUEST.0.cast_signed()]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// The runs that wait in queues, and behind whom.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn queue_waits(&self) -> Result<HashMap<RunNumber, QueueWait>, StoreError> {
        let mut rows = self.locks()?;
        rows.retain(|row| queue_of_lock(&row.want.name).is_some());
        // Those who have a place come first, then those who wait, in their order.
        rows.sort_by_key(|row| row.granted_at.is_none());
        let mut found = HashMap::new();
        for (at, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, it)| it.granted_at.is_none())
        {
            let before = rows
                .iter()
                .take(at)
                .filter(|it| it.want.name == row.want.name);
            let queue = queue_of_lock(&row.want.name).unwrap_or_default().into();
            let behind = before.map(|it| it.run.clone()).collect();
            found.insert(row.holder.run, QueueWait { queue, behind });
        }
        Ok(found)
    }

    /// Seals what was stored of a run before all its secrets had been read.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn seal_run(&self, run: RunNumber, vault: &SecretVault) -> Result<(), StoreError> {
        let change = self.write()?;
        let select = "SELECT text, place, facts, inputs, kept, pipeline, file, user, undo_part \
            FROM runs JOIN programs ON programs.number = runs.program WHERE runs.number = ?";
        let text = |row: &Row<'_>, at| row.get::<_, String>(at);
        let optional = |row: &Row<'_>, at| row.get::<_, Option<String>>(at);
        // Some may have been read: the references to those are followed first.
        let seal_json = |stored: &str| match vault.unseal_json(stored) {
            Ok(plain) => vault.seal_json(&plain),
            Err(_) => vault.seal_json(stored),
        };
        let seal = |stored: &str| match vault.unseal(stored) {
            Ok(plain) => vault.seal(&plain).into_owned(),
            Err(_) => vault.seal(stored).into_owned(),
        };
        let written = || -> rusqlite::Result<()> {
            let found = change.query_row(select, [run.0], |row| {
                let facts = seal_json(&text(row, 2)?);
                let place: i64 = row.get(1)?;
                let plan = hash(&[&text(row, 0)?, &place.to_string(), &facts]);
                let inputs = shown(&vault.seal_json(&text(row, 3)?)).into_owned();
                let kept = optional(row, 4)?.map(|it| seal_json(&it));
                let names = (vault.mask(&text(row, 5)?), vault.mask(&text(row, 6)?));
                let user = seal(&text(row, 7)?);
                let part = optional(row, 8)?.map(|it| vault.mask(&it));
                Ok((facts, plan, inputs, kept, names, user, part))
            });
            let Some((facts, plan, inputs, kept, (pipeline, file), user, part)) =
                found.optional()?
            else {
                return Ok(());
            };
            let update = "UPDATE runs SET facts = ?, plan_hash = ?, inputs = ?, kept = ?, \
                pipeline = ?, file = ?, user = ?, undo_part = ? WHERE number = ?";
            let values = params![facts, plan, inputs, kept, pipeline, file, user, part, run.0];
            change.execute(update, values).map(|_| ())
        };
        written().map_err(|error| self.error(&error))?;
        self.commit(change)
    }
}
