//! The locks of all runs that share a state directory: who holds them and who waits, first come
//! first served, several locks all together or not at all.
//! It does not know what a lock protects.

use rusqlite::params;

use super::{RunNumber, Store, StoreError, now};
use crate::engine::{EffectId, Want};
use crate::source::Name;

/// A run's request for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockHolder {
    /// The run.
    pub run: RunNumber,
    /// Its `Acquire`.
    pub effect: EffectId,
}

/// A lock that somebody holds or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// Its place in the order of all requests.
    pub ticket: i64,
    /// Who.
    pub holder: LockHolder,
    /// The path of the node that holds it or waits.
    pub node: String,
    /// What is wanted, and how many may hold it at once.
    pub want: Want,
    /// When it was asked for, in milliseconds since 1970.
    pub asked_at: i64,
    /// When it was granted, where it was.
    pub granted_at: Option<i64>,
}

impl Store {
    /// Asks for locks. What has been asked for before is not asked for again.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn ask_for_locks(
        &self,
        holder: LockHolder,
        node: &str,
        wants: &[Want],
    ) -> Result<(), StoreError> {
        let change = self.write()?;
        let insert = "INSERT OR IGNORE INTO lock_requests (run, effect, node, asked_at) \
            VALUES (?, ?, ?, ?)";
        let effect = holder.effect.0.cast_signed();
        let new = change.execute(insert, params![holder.run.0, effect, node, now()]);
        if new.map_err(|error| self.error(&error))? == 1 {
            let ticket = change.last_insert_rowid();
            for want in wants {
                let insert = "INSERT OR IGNORE INTO lock_wants (name, ticket, places) \
                    VALUES (?, ?, ?)";
                change
                    .execute(insert, params![&*want.name, ticket, want.limit])
                    .map_err(|error| self.error(&error))?;
            }
        }
        self.commit(change)
    }

    /// Gives some locks back, all of them where `names` is empty; or takes the request back.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn release_locks(&self, holder: LockHolder, names: &[Name]) -> Result<(), StoreError> {
        let change = self.write()?;
        let effect = holder.effect.0.cast_signed();
        let of = "(SELECT ticket FROM lock_requests WHERE run = ? AND effect = ?)";
        for name in names {
            let delete = format!("DELETE FROM lock_wants WHERE ticket = {of} AND name = ?");
            change
                .execute(&delete, params![holder.run.0, effect, &**name])
                .map_err(|error| self.error(&error))?;
        }
        let rest = match names.is_empty() {
            true => String::new(),
            false => String::from(
                " AND NOT EXISTS (SELECT 1 FROM lock_wants \
                 WHERE lock_wants.ticket = lock_requests.ticket)",
            ),
        };
        let delete = format!("DELETE FROM lock_requests WHERE run = ? AND effect = ?{rest}");
        change
            .execute(&delete, params![holder.run.0, effect])
            .map_err(|error| self.error(&error))?;
        self.commit(change)
    }

    /// Gives everything back that a run holds or waits for.
    ///
    /// # Errors
    ///
    /// Where that cannot be written.
    pub fn release_all_locks(&self, run: RunNumber) -> Result<(), StoreError> {
        let done = (self.db).execute("DELETE FROM lock_requests WHERE run = ?", [run.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// All locks that are held or waited for, in the order of the requests.
    ///
    /// # Errors
    ///
    /// Where they cannot be read.
    pub fn locks(&self) -> Result<Vec<LockRow>, StoreError> {
        let select = "SELECT ticket, run, effect, node, name, places, asked_at, granted_at \
            FROM lock_requests JOIN lock_wants USING (ticket) ORDER BY ticket, name";
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                Ok(LockRow {
                    ticket: row.get(0)?,
                    holder: LockHolder {
                        run: RunNumber(row.get(1)?),
                        effect: EffectId(row.get::<_, i64>(2)?.cast_unsigned()),
                    },
                    node: row.get(3)?,
                    want: Want {
                        name: row.get::<_, String>(4)?.into(),
                        limit: row.get(5)?,
                    },
                    asked_at: row.get(6)?,
                    granted_at: row.get(7)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }
}
