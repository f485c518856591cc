//! Leases and heartbeats: a process renews the lease of its run regularly, and notices when the run
//! was taken over because heartbeats were missing for too long (fencing).

use rusqlite::{OptionalExtension, Row, params};

use super::{RunNumber, RunOwner, Store, StoreError, Stored, now};

/// The columns of a run's process, for [`owner`].
pub(super) const OWNER_COLUMNS: &str = "owner, owner_start, owner_place, owner_host, heard_at";

/// Reads the owner of a run from a row; its columns begin at `at`.
pub(super) fn owner(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<RunOwner>> {
    let text = |at| {
        let text: rusqlite::Result<Option<String>> = row.get(at);
        text.map(Option::unwrap_or_default)
    };
    let Some(pid) = row.get::<_, Option<u32>>(at)? else {
        return Ok(None);
    };
    Ok(Some(RunOwner {
        pid,
        start: text(at + 1)?,
        place: text(at + 2)?,
        host: text(at + 3)?,
        heard_at: row
            .get::<_, Option<Stored>>(at + 4)?
            .map_or(jiff::Timestamp::UNIX_EPOCH, |it| it.0),
    }))
}

impl Store {
    /// Makes a process the owner of a run.
    pub(super) fn assign_owner(&self, run: RunNumber, owner: &RunOwner) -> rusqlite::Result<()> {
        let update = "UPDATE runs SET owner = ?, owner_start = ?, owner_place = ?, \
            owner_host = ?, heard_at = ? WHERE number = ?";
        let RunOwner {
            pid, start, place, ..
        } = owner;
        let values = params![pid, start, place, owner.host, Stored(owner.heard_at), run.0];
        self.db.execute(update, values).map(|_| ())
    }

    /// Removes the owner of a run.
    pub(super) fn clear_owner(&self, run: RunNumber) -> rusqlite::Result<()> {
        let update = "UPDATE runs SET owner = NULL, owner_start = NULL WHERE number = ?";
        self.db.execute(update, [run.0]).map(|_| ())
    }

    /// Checks that a run that has not ended is still driven by this process.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub(super) fn check_driven(&self, run: RunNumber, this: &RunOwner) -> Result<(), StoreError> {
        let select = "SELECT 1 FROM runs WHERE number = ? AND status = 'running' \
            AND (owner IS NOT ? OR owner_start IS NOT ?)";
        let values = params![run.0, this.pid, this.start];
        let lost = self.db.prepare_cached(select);
        let lost = lost.and_then(|mut it| it.query_row(values, |_| Ok(())).optional());
        match lost.map_err(|error| self.error(&error))? {
            None => Ok(()),
            Some(()) => Err(StoreError::taken()),
        }
    }

    /// The heartbeat: records that this process still drives a run.
    pub(super) fn heartbeat(&self, run: RunNumber) -> Result<(), StoreError> {
        let update = "UPDATE runs SET heard_at = ? WHERE number = ?";
        let done = self.db.execute(update, params![Stored(now()), run.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }
}
