//! The locks of all runs that share a state directory: who holds them and who waits. First come,
//! first served; several locks are granted all or nothing.

use std::collections::HashMap;

use rusqlite::{Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::deadlock::{self, Deadlock, OuterRuns};
use super::leases::{OWNER_COLUMNS, owner};
use super::{RunNumber, RunOwner, Store, StoreError, Stored, TARGET, now};
use lockstep_base::source::Name;
use lockstep_engine::{EffectId, LockDemand, LockDependencies};

/// A run's request for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockHolder {
    /// The run.
    pub run: RunNumber,
    /// The id of its `Acquire` effect.
    pub effect: EffectId,
}

/// A lock that is held or waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// Its position in the order of all requests.
    pub ticket: i64,
    /// The run's id.
    pub run: Name,
    /// The process that drives the run, if there is one.
    pub owner: Option<RunOwner>,
    /// Who.
    pub holder: LockHolder,
    /// The path of the node that holds it or waits.
    pub node: String,
    /// The wanted lock, and how many may hold it at once.
    pub want: LockDemand,
    /// When it was requested.
    pub asked_at: jiff::Timestamp,
    /// When it was granted, if it was.
    pub granted_at: Option<jiff::Timestamp>,
    /// Whether a rollback requests it.
    pub rolls_back: bool,
    /// The requests of its run that must be granted before the lock is given back, if it has said
    /// so.
    pub after: Option<Vec<EffectId>>,
    /// The paths of the nodes that must end before it is given back; the node alone where it has
    /// not said so.
    pub inside: Option<Vec<Name>>,
}

impl Store {
    /// Enqueues a request for locks. A repeated request has no effect.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn request_locks(
        &self,
        holder: LockHolder,
        node: &str,
        wants: &[LockDemand],
    ) -> Result<(), StoreError> {
        self.enqueue_locks(&[(holder, node.to_string(), wants.to_vec())])
    }

    /// Enqueues several requests next to each other. A repeated request has no effect.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn enqueue_locks(
        &self,
        requests: &[(LockHolder, String, Vec<LockDemand>)],
    ) -> Result<(), StoreError> {
        let change = self.write()?;
        for (holder, node, wants) in requests {
            let (run, effect) = (holder.run.0, holder.effect.0);
            tracing::debug!(
                target: TARGET, run, effect, %node, locks = wants.len(),
                "asks for locks"
            );
            self.ask_for(*holder, node, wants)
                .map_err(|error| self.error(&error))?;
        }
        self.commit(change)
    }

    pub(super) fn ask_for(
        &self,
        holder: LockHolder,
        node: &str,
        wants: &[LockDemand],
    ) -> rusqlite::Result<()> {
        let insert = "INSERT OR IGNORE INTO lock_requests (run, effect, node, asked_at) \
            VALUES (?, ?, ?, ?)";
        let effect = holder.effect.0.cast_signed();
        let new = self
            .db
            .execute(insert, params![holder.run.0, effect, node, Stored(now())])?;
        if new == 1 {
            let ticket = self.db.last_insert_rowid();
            for want in wants {
                let insert = "INSERT OR IGNORE INTO lock_wants (name, ticket, places) \
                    VALUES (?, ?, ?)";
                self.db
                    .execute(insert, params![&*want.name, ticket, want.limit])?;
            }
        }
        Ok(())
    }

    /// Releases some locks of a request, all of them if `names` is empty; or withdraws the request.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn release_locks(&self, holder: LockHolder, names: &[Name]) -> Result<(), StoreError> {
        let (run, effect) = (holder.run.0, holder.effect.0);
        tracing::debug!(target: TARGET, run, effect, "gives locks back");
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

    /// Releases all locks of a run and withdraws its requests.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn release_all_locks(&self, run: RunNumber) -> Result<(), StoreError> {
        let done = (self.db).execute("DELETE FROM lock_requests WHERE run = ?", [run.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// All locks that are held or waited for, in the order of the requests.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn locks(&self) -> Result<Vec<LockRow>, StoreError> {
        let select = format!(
            "SELECT ticket, run, effect, node, name, places, asked_at, granted_at, id, \
            rolls_back, after, inside, {OWNER_COLUMNS} FROM lock_requests \
            JOIN lock_wants USING (ticket) \
            JOIN runs ON runs.number = lock_requests.run ORDER BY ticket, name"
        );
        let rows = self.db.prepare_cached(&select).and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                Ok(LockRow {
                    ticket: row.get(0)?,
                    holder: LockHolder {
                        run: RunNumber(row.get(1)?),
                        effect: EffectId(row.get::<_, i64>(2)?.cast_unsigned()),
                    },
                    node: row.get(3)?,
                    want: LockDemand {
                        name: row.get::<_, String>(4)?.into(),
                        limit: row.get(5)?,
                    },
                    asked_at: row.get::<_, Stored>(6)?.0,
                    granted_at: row.get::<_, Option<Stored>>(7)?.map(|it| it.0),
                    run: row.get::<_, String>(8)?.into(),
                    rolls_back: row.get(9)?,
                    after: json_column(row, 10)?,
                    inside: json_column(row, 11)?,
                    owner: owner(row, 12)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }

    /// Reads all locks and updates them in one transaction: `decide` returns which requests are
    /// granted, and which runs lose all locks and requests.
    ///
    /// # Errors
    ///
    /// If they cannot be read or written.
    pub fn change_locks(
        &self,
        decide: impl FnOnce(&[LockRow]) -> LockChange,
    ) -> Result<LockChange, StoreError> {
        let change = self.write()?;
        let decided = decide(&self.locks()?);
        let done = || -> rusqlite::Result<()> {
            for run in &decided.revoked {
                change.execute("DELETE FROM lock_requests WHERE run = ?", [run.0])?;
            }
            for run in &decided.silent {
                self.clear_owner(*run)?;
            }
            for holder in &decided.granted {
                change.execute(
                    "UPDATE lock_requests SET granted_at = ? WHERE run = ? AND effect = ?",
                    params![Stored(now()), holder.run.0, holder.effect.0.cast_signed()],
                )?;
            }
            Ok(())
        };
        done().map_err(|error| self.error(&error))?;
        self.commit(change)?;
        let (granted, lost) = (decided.granted.len(), decided.revoked.len());
        tracing::debug!(target: TARGET, granted, lost, "changed who holds locks");
        Ok(decided)
    }

    /// Records what the locks of a run wait for before they are given back.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn record_lock_dependencies(
        &self,
        run: RunNumber,
        dependencies: &LockDependencies,
    ) -> Result<(), StoreError> {
        let change = self.write()?;
        let ticket = "(SELECT ticket FROM lock_requests WHERE run = ? AND effect = ?)";
        let update = format!(
            "UPDATE lock_wants SET after = ?, inside = ? WHERE ticket = {ticket} AND name = ?"
        );
        let written = || -> rusqlite::Result<()> {
            for lock in &dependencies.locks {
                let effect = lock.request.0.cast_signed();
                let (after, inside) = (json_text(&lock.after), json_text(&lock.inside));
                change.prepare_cached(&update)?.execute(params![
                    after,
                    inside,
                    run.0,
                    effect,
                    &*lock.lock
                ])?;
            }
            for request in &dependencies.rolling_back {
                let update = "UPDATE lock_requests SET rolls_back = 1 WHERE run = ? AND effect = ?";
                let effect = request.0.cast_signed();
                change
                    .prepare_cached(update)?
                    .execute(params![run.0, effect])?;
            }
            Ok(())
        };
        written().map_err(|error| self.error(&error))?;
        self.commit(change)
    }

    /// Withdraws the request of a run that has to give way in a deadlock, if there is one.
    pub(super) fn give_way(
        &self,
        run: RunNumber,
        gone: &[RunNumber],
    ) -> Result<Option<Deadlock>, StoreError> {
        let outer = self.outer_runs()?;
        if deadlock::find(&self.locks()?, run, gone, &outer).is_none() {
            return Ok(None);
        }
        // Others may have given way meanwhile.
        let change = self.write()?;
        let found = deadlock::find(&self.locks()?, run, gone, &outer);
        if let Some(found) = &found {
            let delete = "DELETE FROM lock_requests WHERE run = ? AND effect = ?";
            (change.execute(delete, params![run.0, found.effect.0.cast_signed()]))
                .map_err(|error| self.error(&error))?;
        }
        self.commit(change)?;
        Ok(found)
    }

    /// Records whose command has begun a run: the id of a run in this directory, and its node.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn record_outer_run(
        &self,
        run: RunNumber,
        outer: Option<(&str, &str)>,
    ) -> Result<(), StoreError> {
        let update = "UPDATE runs SET outer_node = ?2, outer_run = \
            (SELECT number FROM runs AS outer WHERE outer.id = ?1 AND outer.number != ?3) \
            WHERE number = ?3";
        let (id, node) = outer.unzip();
        let done = self.db.execute(update, params![id, node, run.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    fn outer_runs(&self) -> Result<OuterRuns, StoreError> {
        let select = "SELECT number, outer_run, outer_node FROM runs \
            WHERE status = 'running' AND outer_run IS NOT NULL";
        let read = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                let outer = (RunNumber(row.get(1)?), row.get(2)?);
                Ok((RunNumber(row.get(0)?), outer))
            })?;
            rows.collect::<rusqlite::Result<OuterRuns>>()
        });
        read.map_err(|error| self.error(&error))
    }

    /// Allows the changes of this connection to be lost in a crash of the machine, which is fine
    /// for locks: their holders are gone then. The end of a process loses nothing.
    ///
    /// # Errors
    ///
    /// If that cannot be set.
    pub fn set_busy_timeout(&self) -> Result<(), StoreError> {
        let set = self.db.pragma_update(None, "synchronous", "normal");
        set.map_err(|error| self.error(&error))
    }
}

/// A column with JSON; nothing where it has none, or another version has written it.
fn json_column<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(at)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn json_text(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// A change of the locks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockChange {
    /// Requests that are granted.
    pub granted: Vec<LockHolder>,
    /// Runs that lose all locks and requests.
    pub revoked: Vec<RunNumber>,
    /// Those of them whose lease has expired. Their processes, should they still exist, have to
    /// stop.
    pub silent: Vec<RunNumber>,
}

impl LockChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.granted.is_empty() && self.revoked.is_empty()
    }
}

/// The places of one lock. The smallest limit of those who hold it counts for all.
#[derive(Debug, Clone, Copy)]
struct LockPlaces {
    taken: u32,
    limit: u32,
    /// Whether somebody waits for it already.
    is_closed: bool,
}

impl Default for LockPlaces {
    fn default() -> Self {
        Self {
            taken: 0,
            limit: u32::MAX,
            is_closed: false,
        }
    }
}

impl LockPlaces {
    fn has_room(&self, limit: u32) -> bool {
        !self.is_closed && self.taken < limit.min(self.limit)
    }

    fn take(&mut self, limit: u32) {
        self.taken += 1;
        self.limit = self.limit.min(limit);
    }
}

/// The requests of one run that can be granted now: those that are first in line for all that they
/// want, where all of it has room. `rows` are in the order of their tickets. Runs for which `gone`
/// is true neither hold nor wait. The `joint` requests are granted all or nothing; their tickets
/// are consecutive.
pub fn grantable(
    rows: &[LockRow],
    run: RunNumber,
    gone: &[RunNumber],
    joint: &[EffectId],
) -> Vec<LockHolder> {
    let mut places: HashMap<&Name, LockPlaces> = HashMap::new();
    let there = |row: &&LockRow| !gone.contains(&row.holder.run);
    for row in rows.iter().filter(there) {
        if row.granted_at.is_some() {
            (places.entry(&row.want.name).or_default()).take(row.want.limit);
        }
    }
    let mut granted = Vec::new();
    let waiting: Vec<&LockRow> = (rows.iter().filter(there))
        .filter(|row| row.granted_at.is_none())
        .collect();
    let is_joint = |row: &LockRow| row.holder.run == run && joint.contains(&row.holder.effect);
    let together = |one: &&LockRow, other: &&LockRow| {
        one.ticket == other.ticket || is_joint(one) && is_joint(other)
    };
    for request in waiting.chunk_by(together) {
        let before = places.clone();
        let mut is_free = true;
        for row in request {
            let place = places.entry(&row.want.name).or_default();
            is_free &= place.has_room(row.want.limit);
            place.take(row.want.limit);
        }
        if !is_free {
            places = before;
            for row in request {
                places.entry(&row.want.name).or_default().is_closed = true;
            }
            continue;
        }
        for row in request {
            if row.holder.run == run && granted.last() != Some(&row.holder) {
                granted.push(row.holder);
            }
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_engine::lock::LockTable;

    const RUNS: i64 = 4;

    fn row(ticket: i64, holder: LockHolder, want: &LockDemand) -> LockRow {
        LockRow {
            ticket,
            run: "r".into(),
            owner: None,
            holder,
            node: String::new(),
            want: want.clone(),
            asked_at: jiff::Timestamp::UNIX_EPOCH,
            granted_at: None,
            rolls_back: false,
            after: None,
            inside: None,
        }
    }

    fn holder(run: i64, effect: u64) -> LockHolder {
        LockHolder {
            run: RunNumber(run),
            effect: EffectId(effect),
        }
    }

    fn want(name: &str, limit: u32) -> LockDemand {
        LockDemand {
            name: name.into(),
            limit,
        }
    }

    proptest::proptest! {
        /// The lock table within one process grants the same requests, in whatever order runs poll.
        #[test]
        fn several_processes_grant_what_one_would(
            steps in proptest::collection::vec(
                (0..3u8, 0..RUNS, proptest::collection::btree_set(0..5u8, 1..4)), 1..60,
            )
        ) {
            let mut table = LockTable::default();
            let mut rows: Vec<LockRow> = Vec::new();
            let names = |set: &std::collections::BTreeSet<u8>| -> Vec<LockDemand> {
                set.iter().map(|it| want(&it.to_string(), u32::from(it % 2) + 1)).collect()
            };
            let mut ids: Vec<LockHolder> = Vec::new();
            for (ticket, (what, run, set)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 => {
                        let holder = holder(run, ticket as u64);
                        ids.push(holder);
                        table.acquire(holder, names(&set));
                        for want in names(&set) {
                            rows.push(row(ticket as i64, holder, &want));
                        }
                    }
                    _ if ids.is_empty() => {}
                    _ => {
                        let id = ids.remove(ticket % ids.len());
                        table.release(id, &[]);
                        rows.retain(|row| row.holder != id);
                    }
                }
                let mut wanted = table.grant();
                let mut found = Vec::new();
                for run in 0..RUNS {
                    for holder in grantable(&rows, RunNumber(run), &[], &[]) {
                        for row in rows.iter_mut().filter(|row| row.holder == holder) {
                            row.granted_at = Some(jiff::Timestamp::UNIX_EPOCH);
                        }
                        found.push(holder);
                    }
                }
                wanted.sort();
                found.sort();
                proptest::prop_assert_eq!(found, wanted);
            }
        }
    }

    #[test]
    fn who_is_gone_does_not_count() {
        let mut rows = vec![
            row(1, holder(1, 1), &want("eu", 1)),
            row(2, holder(2, 1), &want("eu", 1)),
            row(3, holder(3, 1), &want("eu", 1)),
        ];
        rows[0].granted_at = Some(jiff::Timestamp::UNIX_EPOCH);
        let of = |gone: &[i64]| {
            let gone: Vec<_> = gone.iter().copied().map(RunNumber).collect();
            grantable(&rows, RunNumber(3), &gone, &[])
        };
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[1]), []);
        assert_eq!(of(&[2]), []);
        assert_eq!(of(&[1, 2]), [holder(3, 1)]);
    }

    #[test]
    fn joint_requests_are_granted_together() {
        let mut rows = vec![
            row(1, holder(1, 1), &want("us", 1)),
            row(2, holder(2, 1), &want("eu", 1)),
            row(3, holder(2, 2), &want("us", 1)),
            row(4, holder(3, 1), &want("eu", 1)),
        ];
        rows[0].granted_at = Some(jiff::Timestamp::UNIX_EPOCH);
        let joint = [EffectId(1), EffectId(2)];
        let of = |rows: &[LockRow], joint: &[EffectId]| grantable(rows, RunNumber(2), &[], joint);
        assert_eq!(of(&rows, &[]), [holder(2, 1)]);
        assert_eq!(of(&rows, &joint), []);
        // No request overtakes another.
        assert_eq!(grantable(&rows, RunNumber(3), &[], &[]), []);
        rows.remove(0);
        assert_eq!(of(&rows, &joint), [holder(2, 1), holder(2, 2)]);
    }
}
