//! Forgets runs: their journals, logs and what else is kept of them, but nothing that the ledger,
//! a run that has not ended, or a way back still needs.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::params;

use super::{RunNumber, RunStatus, Store, StoreError, StoredRun};

/// Which runs are forgotten.
#[derive(Debug, Clone, Copy)]
pub struct PruneLimits {
    /// At least so many runs are kept, the latest.
    pub keep: usize,
    /// Only what ended before this is forgotten.
    pub ended_before: Option<Timestamp>,
}

impl Store {
    /// The runs that may be forgotten, the first one first.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn prunable(&self, limits: PruneLimits) -> Result<Vec<StoredRun>, StoreError> {
        let needed = self.needed_runs()?;
        let mut runs = self.runs("")?;
        let mut found = runs.split_off(limits.keep.min(runs.len()));
        found.retain(|run| {
            let is_old = match (limits.ended_before, run.finished_at) {
                (Some(limit), Some(ended)) => ended < limit,
                (None, _) => true,
                (Some(_), None) => false,
            };
            let has_ended = matches!(run.status, RunStatus::Ended(_));
            has_ended && is_old && !needed.contains(&run.number)
        });
        found.reverse();
        Ok(found)
    }

    /// The runs that something still needs: what they deployed is there, or they belong to one that
    /// has not ended or to such a one.
    fn needed_runs(&self) -> Result<HashSet<RunNumber>, StoreError> {
        // What stands: the latest deployment of each place, and what it left as it was.
        let select = "WITH RECURSIVE needed (number) AS ( \
                SELECT run FROM deployments AS d WHERE state NOT IN ('undone', 'nothing') \
                    AND NOT EXISTS (SELECT 1 FROM deployments AS later \
                        WHERE later.service = d.service AND later.target = d.target \
                        AND later.number > d.number AND later.changed IS NOT 0 \
                        AND later.state NOT IN ('undone', 'nothing')) \
                UNION SELECT number FROM runs WHERE status = 'running' \
                UNION SELECT runs.parent FROM runs JOIN needed USING (number) \
                    WHERE runs.parent IS NOT NULL \
                UNION SELECT runs.undoes FROM runs JOIN needed USING (number) \
                    WHERE runs.undoes IS NOT NULL \
                UNION SELECT runs.outer_run FROM runs JOIN needed USING (number) \
                    WHERE runs.outer_run IS NOT NULL \
                UNION SELECT runs.number FROM runs JOIN needed ON runs.undoes = needed.number) \
            SELECT number FROM needed";
        let found = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
            rows.map(|row| row.map(RunNumber))
                .collect::<rusqlite::Result<HashSet<_>>>()
        });
        found.map_err(|error| self.error(&error))
    }

    /// Forgets a run, unless it is needed by now. Returns whether it was forgotten.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn forget(&self, run: &StoredRun) -> Result<bool, StoreError> {
        let change = self.write()?;
        if self.needed_runs()?.contains(&run.number) {
            return Ok(false);
        }
        let forget = || -> rusqlite::Result<()> {
            let number = run.number.0;
            // Others may name it where they do not need it.
            let unlink = [
                "UPDATE runs SET parent = NULL WHERE parent = ?",
                "UPDATE runs SET undoes = NULL WHERE undoes = ?",
                "UPDATE runs SET outer_run = NULL WHERE outer_run = ?",
                "UPDATE deployments SET undone_by = NULL WHERE undone_by = ?",
            ];
            for update in unlink {
                change.execute(update, params![number])?;
            }
            change.execute(
                "DELETE FROM journal WHERE key BETWEEN ? AND ?",
                params![number << 32, (number << 32) | 0xffff_ffff],
            )?;
            let wants = "DELETE FROM lock_wants WHERE ticket IN \
                (SELECT ticket FROM lock_requests WHERE run = ?)";
            change.execute(wants, params![number])?;
            for table in OF_A_RUN {
                let delete = format!("DELETE FROM {table} WHERE run = ?");
                change.execute(&delete, params![number])?;
            }
            change.execute("DELETE FROM runs WHERE number = ?", params![number])?;
            let last = "UPDATE forgotten_runs SET last = max(last, ?)";
            change.execute(last, params![number])?;
            change.execute(
                "DELETE FROM programs WHERE number NOT IN (SELECT program FROM runs)",
                params![],
            )?;
            Ok(())
        };
        forget().map_err(|error| self.error(&error))?;
        self.commit(change)?;
        // The logs go last: without the run nobody finds them.
        let logs = self.logs(&run.id);
        match std::fs::remove_dir_all(&logs) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(StoreError::file(&logs, &error)),
        }
    }
}

/// The tables that have rows of a run.
const OF_A_RUN: [&str; 5] = [
    "lock_requests",
    "deployments",
    "questions",
    "requests",
    "approvals",
];
