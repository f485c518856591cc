//! The locks of one run in a state directory that several processes share: fair queueing, takeover
//! of the locks of dead processes, and leases for processes on other machines.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use lockstep_runtime::locks::{DeployedMeanwhile, LocksError};

use super::queues::QUEUE_REQUEST;
use super::{
    BrokenOffRuns, LEASE_DURATION, LockChange, LockHolder, LockRow, RunNumber, RunOwner, Store,
    StoreError, grantable, ms_between, now,
};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{LockQueuePosition, RunLockHolder};
use lockstep_engine::{EffectId, LockDemand, LockDependencies, PendingLockRequest};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::lock_for_people;
use lockstep_runtime::guardian::DeadRunner;
use lockstep_runtime::locks::{Locks, RefusedLock};

/// How long a process must have been gone before its locks are given to others. Its commands must
/// be gone, too: its guardian ends them, or else this process.
const DEAD_OWNER_GRACE: Duration = Duration::from_millis(300);

/// How long the heartbeat of a process that cannot be checked must be missing by our own clock,
/// too: the clock of its machine may be wrong.
const SILENT_OWNER_GRACE: Duration = Duration::from_secs(20);

/// The interval of checks whether the other processes are alive, when nothing else happens.
const OWNER_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The locks of one run.
#[derive(Debug)]
pub struct SharedLocks {
    store: Store,
    run: RunNumber,
    /// Waiting requests, and the last reported queue before each.
    waiting: BTreeMap<EffectId, Option<LockQueuePosition>>,
    /// Locks that were held before the run was resumed, and were lost meanwhile.
    revoked: Vec<EffectId>,
    /// Locks that had been granted when the run was killed, before that was in its journal.
    early: Vec<EffectId>,
    /// The state of the database at the last poll.
    seen: Option<i64>,
    looked: Instant,
    /// Processes that were found gone, and when.
    dead_owners: HashMap<RunNumber, (RunOwner, Instant)>,
    news: Vec<(EffectId, LockQueuePosition)>,
    /// Requests of a resumed run that are made once it has its earlier locks again: it must not
    /// hold some while it waits for those.
    deferred: Vec<(EffectId, PendingLockRequest)>,
    refused: Vec<RefusedLock>,
    /// Whether the run is resumed.
    is_resumed: bool,
    /// Whether what later runs have deployed does not matter.
    is_forced: bool,
    /// What other runs have deployed, as it was last told.
    told: Option<DeployedMeanwhile>,
    /// The state of the database then, and the time: that a process is gone is not written there.
    deployments_seen: Option<i64>,
    deployments_looked: Instant,
    broken_off: BrokenOffRuns,
}

impl SharedLocks {
    /// The locks of a run that this process drives. It opens a connection of its own.
    ///
    /// # Errors
    ///
    /// If the state directory cannot be used. The same holds for the other methods.
    pub fn new(store: &Store, run: RunNumber) -> Result<Self, StoreError> {
        let store = store.reopen()?;
        store.set_busy_timeout()?;
        Ok(Self {
            store,
            run,
            waiting: BTreeMap::new(),
            revoked: Vec::new(),
            early: Vec::new(),
            seen: None,
            looked: Instant::now(),
            dead_owners: HashMap::new(),
            news: Vec::new(),
            deferred: Vec::new(),
            refused: Vec::new(),
            is_resumed: false,
            is_forced: false,
            told: None,
            deployments_seen: None,
            deployments_looked: Instant::now(),
            broken_off: BrokenOffRuns::default(),
        })
    }

    /// Sets whether the run deploys and rolls back whatever later runs have deployed.
    #[must_use]
    pub fn forced(mut self, is_forced: bool) -> Self {
        self.is_forced = is_forced;
        self
    }

    /// Sets whether the run was begun by another process, even if nothing of it is recorded. Then
    /// it deploys nothing over what later runs have deployed.
    #[must_use]
    pub fn resumed(mut self, is_resumed: bool) -> Self {
        self.is_resumed = is_resumed;
        self
    }

    fn holder(&self, effect: EffectId) -> LockHolder {
        LockHolder {
            run: self.run,
            effect,
        }
    }

    fn decide(&mut self, rows: &[LockRow]) -> LockChange {
        decide(
            rows,
            self.run,
            &self.revoked,
            &mut self.dead_owners,
            Instant::now(),
        )
    }

    /// Withdraws the request that has to give way in a deadlock, if it is one of this run.
    fn give_way(&mut self, gone: &[RunNumber]) -> Result<(), StoreError> {
        while let Some(found) = self.store.give_way(self.run, gone)? {
            self.waiting.remove(&found.effect);
            self.refused.push(RefusedLock {
                request: found.effect,
                class: FailureClass::Deadlock,
                message: found.message,
            });
        }
        Ok(())
    }

    fn request_deferred(&mut self) -> Result<(), StoreError> {
        for (id, request) in std::mem::take(&mut self.deferred) {
            self.seen = None;
            (self.store).request_locks(self.holder(id), &request.node, &request.wants)?;
        }
        Ok(())
    }

    fn record_changes(&mut self, rows: &[LockRow]) {
        for (id, told) in &mut self.waiting {
            let holder = LockHolder {
                run: self.run,
                effect: *id,
            };
            let queue = queue(rows, holder);
            let same = told.as_ref().is_some_and(|told| is_same(told, &queue));
            if !same {
                *told = Some(queue.clone());
                self.news.push((*id, queue));
            }
        }
    }
}

impl Locks for SharedLocks {
    fn restore(
        &mut self,
        requests: &[(EffectId, PendingLockRequest)],
    ) -> Result<Vec<EffectId>, LocksError> {
        self.seen = None;
        self.is_resumed = true;
        let rows = self.store.locks()?;
        let own: Vec<&LockRow> = rows
            .iter()
            .filter(|row| row.holder.run == self.run)
            .collect();
        let has = |id: EffectId, want: &LockDemand| {
            let mut held = own.iter().filter(|row| row.granted_at.is_some());
            held.any(|row| row.holder.effect == id && row.want.name == want.name)
        };
        let held: Vec<&(EffectId, PendingLockRequest)> =
            requests.iter().filter(|(_, it)| it.granted).collect();
        let kept = held
            .iter()
            .all(|(id, request)| request.wants.iter().all(|want| has(*id, want)));
        // Its place in a queue is no request of the machine.
        for row in own.iter().filter(|row| row.holder.effect != QUEUE_REQUEST) {
            let id = row.holder.effect;
            let is_wanted = requests.iter().any(|(other, request)| {
                *other == id
                    && (kept || !request.granted)
                    && request.wants.iter().any(|want| want.name == row.want.name)
            });
            if !is_wanted {
                (self.store).release_locks(row.holder, std::slice::from_ref(&row.want.name))?;
            }
        }
        if !kept {
            let all: Vec<_> = (held.iter())
                .map(|(id, it)| (self.holder(*id), it.node.to_string(), it.wants.clone()))
                .collect();
            self.store.enqueue_locks(&all)?;
            // The run counts on them, so that they cannot give way.
            self.store.record_lock_dependencies(
                self.run,
                &LockDependencies {
                    locks: Vec::new(),
                    rolling_back: held.iter().map(|(id, _)| *id).collect(),
                },
            )?;
            self.revoked = held.iter().map(|(id, _)| *id).collect();
        }
        for (id, request) in requests.iter().filter(|(_, it)| !it.granted) {
            if kept && request.wants.iter().all(|want| has(*id, want)) {
                self.early.push(*id);
                continue;
            }
            if !kept {
                self.store.release_locks(self.holder(*id), &[])?;
                self.deferred.push((*id, request.clone()));
                self.waiting.insert(*id, None);
                continue;
            }
            (self.store).request_locks(self.holder(*id), &request.node, &request.wants)?;
            self.waiting.insert(*id, None);
        }
        self.waiting
            .extend(self.revoked.iter().map(|id| (*id, None)));
        Ok(self.revoked.clone())
    }

    fn acquire(
        &mut self,
        id: EffectId,
        node: &NodePath,
        wants: Vec<LockDemand>,
    ) -> Result<(), LocksError> {
        self.seen = None;
        self.waiting.insert(id, None);
        Ok(self.store.request_locks(self.holder(id), node, &wants)?)
    }

    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), LocksError> {
        self.seen = None;
        if names.is_empty() {
            self.waiting.remove(&id);
            self.early.retain(|early| *early != id);
            self.revoked.retain(|lost| *lost != id);
            self.deferred.retain(|(later, _)| *later != id);
        }
        Ok(self.store.release_locks(self.holder(id), names)?)
    }

    /// If nothing has changed this takes some microseconds, and if nothing waits no time at all.
    fn granted(&mut self) -> Result<Vec<EffectId>, LocksError> {
        let mut granted = std::mem::take(&mut self.early);
        if self.waiting.is_empty() {
            return Ok(granted);
        }
        let changes = self.store.changes()?;
        if self.seen == Some(changes) && self.looked.elapsed() < OWNER_POLL_INTERVAL {
            return Ok(granted);
        }
        self.looked = Instant::now();
        let rows = self.store.locks()?;
        let decided = self.decide(&rows);
        self.give_way(&decided.revoked)?;
        if !decided.is_empty() {
            let (run, joint) = (self.run, &self.revoked);
            let gone = &mut self.dead_owners;
            let change =
                (self.store).change_locks(|rows| decide(rows, run, joint, gone, Instant::now()))?;
            granted.extend(change.granted.into_iter().map(|it| it.effect));
        }
        // Changes of others after this poll are seen at the next one.
        self.seen = Some(changes);
        if !granted.is_empty() {
            // What it was granted for may be half done by who held it before.
            self.deployments_seen = None;
        }
        for id in &granted {
            self.waiting.remove(id);
            self.revoked.retain(|lost| lost != id);
        }
        if self.revoked.is_empty() {
            self.request_deferred()?;
        }
        self.record_changes(&rows);
        Ok(granted)
    }

    fn depend(&mut self, dependencies: &LockDependencies) -> Result<(), LocksError> {
        self.seen = None;
        Ok((self.store).record_lock_dependencies(self.run, dependencies)?)
    }

    fn deployed_meanwhile(&mut self) -> Result<Option<DeployedMeanwhile>, LocksError> {
        let changes = self.store.changes()?;
        let is_old = self.deployments_looked.elapsed() >= OWNER_POLL_INTERVAL;
        let is_same = self.deployments_seen == Some(changes);
        if self.told.is_some() && (self.is_forced || (is_same && !is_old)) {
            return Ok(None);
        }
        self.deployments_seen = Some(changes);
        self.deployments_looked = Instant::now();
        let found = match (self.is_forced, &self.told) {
            (true, _) => DeployedMeanwhile::default(),
            (false, told) => DeployedMeanwhile {
                later: match told {
                    Some(told) if is_same => told.later.clone(),
                    Some(_) | None => (self.store).later_deployments(self.run, self.is_resumed)?,
                },
                unclear: (self.store).unclear_places(Some(self.run), &mut self.broken_off)?,
            },
        };
        // That there is nothing is not told, unless it was otherwise before.
        let is_known = match &self.told {
            Some(told) => *told == found,
            None => found == DeployedMeanwhile::default() && !self.is_resumed,
        };
        self.told = Some(found.clone());
        Ok((!is_known).then_some(found))
    }

    fn refused(&mut self) -> Vec<RefusedLock> {
        std::mem::take(&mut self.refused)
    }

    fn moved(&mut self) -> Vec<(EffectId, LockQueuePosition)> {
        std::mem::take(&mut self.news)
    }
}

/// Whether the same runs are ahead of it.
fn is_same(one: &LockQueuePosition, other: &LockQueuePosition) -> bool {
    let holders = |queue: &LockQueuePosition| -> Vec<(Name, Name)> {
        let pair = |it: &RunLockHolder| (it.lock.clone(), it.run.clone());
        queue.holders.iter().map(pair).collect()
    };
    one.ahead == other.ahead && holders(one) == holders(other)
}

/// Decides which requests of a run are granted now, and which runs have lost their locks.
fn decide(
    rows: &[LockRow],
    run: RunNumber,
    joint: &[EffectId],
    known: &mut HashMap<RunNumber, (RunOwner, Instant)>,
    at: Instant,
) -> LockChange {
    let mut change = LockChange::default();
    let mut looked: Vec<RunNumber> = Vec::new();
    for row in rows {
        let other = row.holder.run;
        if other == run || looked.contains(&other) {
            continue;
        }
        looked.push(other);
        // A run without a process was stopped properly: nothing of it is left.
        if let Some(owner) = &row.owner {
            if !is_dead(other, owner, known, at) {
                continue;
            }
            if !owner.is_within_sight() {
                change.silent.push(other);
            }
        }
        change.revoked.push(other);
    }
    change.granted = grantable(rows, run, &change.revoked, joint);
    change
}

/// Whether the process of a run is gone, together with everything that it started.
fn is_dead(
    run: RunNumber,
    owner: &RunOwner,
    known: &mut HashMap<RunNumber, (RunOwner, Instant)>,
    at: Instant,
) -> bool {
    let (is_alive, is_near) = (owner.is_alive(), owner.is_within_sight());
    if is_alive && is_near {
        known.remove(&run);
        return false;
    }
    // Each heartbeat makes it another value.
    let (was, since) = known.entry(run).or_insert_with(|| (owner.clone(), at));
    if was != owner {
        (*was, *since) = (owner.clone(), at);
    }
    let unchanged = at.saturating_duration_since(*since);
    match (is_near, is_alive) {
        (true, _) => {
            unchanged >= DEAD_OWNER_GRACE && DeadRunner::new(owner.pid, &owner.start).is_over()
        }
        (false, false) => unchanged >= SILENT_OWNER_GRACE,
        // Its clock may be ahead of ours.
        (false, true) => unchanged >= LEASE_DURATION,
    }
}

/// Who is ahead of a request.
fn queue(rows: &[LockRow], holder: LockHolder) -> LockQueuePosition {
    let own: Vec<&LockRow> = rows.iter().filter(|row| row.holder == holder).collect();
    let wanted = |row: &&LockRow| own.iter().any(|it| it.want.name == row.want.name);
    let Some(ticket) = own.first().map(|row| row.ticket) else {
        return LockQueuePosition::default();
    };
    let now = now();
    let mut holders = Vec::new();
    let mut ahead: Vec<i64> = Vec::new();
    for row in rows.iter().filter(wanted) {
        match row.granted_at {
            Some(since) if row.holder != holder => holders.push(RunLockHolder {
                lock: Name::from(lock_for_people(&row.want.name)),
                run: row.run.clone(),
                node: row.node.clone().into(),
                held_ms: ms_between(since, now).max(0),
            }),
            None if row.ticket < ticket && !ahead.contains(&row.ticket) => ahead.push(row.ticket),
            _ => {}
        }
    }
    LockQueuePosition {
        holders,
        ahead: u32::try_from(ahead.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run: i64, owner: Option<RunOwner>) -> LockRow {
        LockRow {
            ticket: run,
            run: "r".into(),
            owner,
            holder: LockHolder {
                run: RunNumber(run),
                effect: EffectId(1),
            },
            node: String::new(),
            want: LockDemand {
                name: "db".into(),
                limit: 1,
            },
            asked_at: jiff::Timestamp::UNIX_EPOCH,
            granted_at: (run == 1).then_some(jiff::Timestamp::UNIX_EPOCH),
            rolls_back: false,
            after: None,
            inside: None,
        }
    }

    fn owner_elsewhere(silent_ms: i64) -> RunOwner {
        RunOwner {
            place: String::from("another boot pid:[1]"),
            host: String::from("elsewhere"),
            heard_at: now() - jiff::SignedDuration::from_millis(silent_ms),
            ..RunOwner::current()
        }
    }

    /// The decisions when the holder is checked repeatedly: after each of these numbers of seconds,
    /// with its state at that time.
    fn after(looks: &[(u64, RunOwner)]) -> LockChange {
        let mut known = HashMap::new();
        let begun = Instant::now();
        let mut change = LockChange::default();
        for (seconds, owner) in looks {
            let rows = [
                row(1, Some(owner.clone())),
                row(2, Some(RunOwner::current())),
            ];
            let at = begun + Duration::from_secs(*seconds);
            change = decide(&rows, RunNumber(2), &[], &mut known, at);
        }
        change
    }

    #[test]
    fn a_holder_elsewhere_has_its_locks_until_it_was_silent_for_long() {
        let silent = owner_elsewhere(61_000);
        let nothing = LockChange::default();
        assert_eq!(after(&[(0, silent.clone())]), nothing);
        assert_eq!(after(&[(0, silent.clone()), (19, silent.clone())]), nothing);
        let lost = after(&[(0, silent.clone()), (21, silent.clone())]);
        assert_eq!((lost.granted.len(), lost.revoked.len()), (1, 1));
        assert_eq!(lost.silent, [RunNumber(1)]);
        // It is alive, but its clock is behind ours.
        let again = owner_elsewhere(60_500);
        let heard = [(0, silent.clone()), (15, again.clone()), (21, again)];
        assert_eq!(after(&heard), nothing);
        // It is gone, but its clock was ahead of ours.
        let ahead = owner_elsewhere(-3_600_000);
        assert_eq!(after(&[(0, ahead.clone()), (59, ahead.clone())]), nothing);
        assert_eq!(
            after(&[(0, ahead.clone()), (61, ahead)]).revoked,
            [RunNumber(1)]
        );
    }

    #[test]
    fn a_holder_within_sight_is_looked_at() {
        let this = RunOwner::current();
        let looks = [(0, this.clone()), (1000, this.clone())];
        assert_eq!(after(&looks), LockChange::default());
        if this.start.is_empty() {
            return;
        }
        let dead = RunOwner {
            pid: u32::MAX >> 2,
            heard_at: now(),
            ..this
        };
        // What it started is looked for in the background, so that is asked again.
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut change = LockChange::default();
        while change.revoked.is_empty() && Instant::now() < deadline {
            change = after(&[(0, dead.clone()), (1, dead.clone())]);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(
            (change.revoked.as_slice(), change.silent.len()),
            (&[RunNumber(1)][..], 0)
        );
    }
}
