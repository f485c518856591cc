//! What was deployed where: each deployment has a number, and its place is the pair of service and
//! infrastructure. It says which one is the latest, and where a place was left half done.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{RunNumber, RunStatus, Store, StoreError, Stored};
use lockstep_base::node_path::{PathPart, last};
use lockstep_base::source::Name;
use lockstep_engine::run_event::{DeploymentRecord, NodeKind, RunEventKind, Status};
use lockstep_engine::{LaterDeployment, LeftHalfDone, UnclearPlace};
use lockstep_plan::{Plan, PlanNode, infrastructure_lock};

/// In a copy of what an engine knows, each millisecond since 1970 has so many numbers.
const NUMBERS_OF_A_MILLISECOND: i64 = 1 << 20;

/// What is known of the plans of runs that were broken off: whether they may take back what they
/// have deployed.
#[derive(Debug, Default)]
pub struct BrokenOffRuns(HashMap<RunNumber, bool>);

/// The latest deployment at a place, where that may be half done.
struct Suspect {
    place: UnclearPlace,
    run: RunNumber,
    /// Whether the deployment itself had ended well, so that it counts only where a block around it
    /// may still take it back.
    is_done: bool,
    /// Whether the run holds the lock of the infrastructure.
    is_locked: bool,
}

/// Whether a command is a `query`, which is called so in its path.
fn is_query(node: &str) -> bool {
    PathPart::read(last(node)).name == "query"
}

impl Store {
    /// Records what an event says of a deployment.
    pub(super) fn record_deployment(
        &self,
        run: RunNumber,
        told: &RunEventKind,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = match told {
            RunEventKind::NodeStarted {
                node,
                kind: NodeKind::Deploy,
                deployment: Some(place),
                ..
            } => self.begin_deployment(run, node, place, at),
            RunEventKind::NodeStarted {
                node,
                kind: NodeKind::Run | NodeKind::Action,
                ..
            } if !is_query(node) => self.change_place(run, node),
            RunEventKind::NodeFinished {
                node,
                kind: NodeKind::Deploy,
                status,
                deployment: Some(place),
                ..
            } => self.end_deployment((run, node), place, *status, at),
            RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunFinished { .. } => Ok(()),
        };
        done.map_err(|error| self.error(&error))
    }

    fn begin_deployment(
        &self,
        run: RunNumber,
        node: &str,
        place: &DeploymentRecord,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        // Another try of the same deployment is no new one.
        let insert = "INSERT INTO deployments (number, run, node, service, target, state, at) \
            SELECT CASE WHEN ?6 IS NULL THEN NULL ELSE coalesce((SELECT max(number) + 1 \
                FROM deployments WHERE number BETWEEN ?6 AND ?6 + ?7 - 1), ?6) END, \
            ?1, ?2, ?3, ?4, 'begun', ?5 WHERE NOT EXISTS \
            (SELECT 1 FROM deployments WHERE run = ?1 AND node = ?2 \
            AND state IN ('begun', 'open'))";
        let (service, target) = (&*place.service, &*place.target);
        // Runs come to a copy in any order, so the number follows from the time there.
        let first = self.is_copy()?.then(|| at.as_millisecond());
        let first = first.map(|at| at.saturating_mul(NUMBERS_OF_A_MILLISECOND));
        let most = NUMBERS_OF_A_MILLISECOND;
        let values = params![run.0, node, service, target, Stored(at), first, most];
        self.db.prepare_cached(insert)?.execute(values).map(|_| ())
    }

    /// Something may change the place of a deployment that has only looked at it so far. One that
    /// has not come so far leaves nothing half done when it is broken off.
    fn change_place(&self, run: RunNumber, node: &str) -> rusqlite::Result<()> {
        let update = "UPDATE deployments SET state = 'open' WHERE run = ?1 AND state = 'begun' \
            AND substr(?2, 1, length(node) + 1) = node || '/'";
        let values = params![run.0, node];
        self.db.prepare_cached(update)?.execute(values).map(|_| ())
    }

    fn end_deployment(
        &self,
        (run, node): (RunNumber, &str),
        place: &DeploymentRecord,
        status: Status,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        if let Some(undone) = self.undone_run(run)? {
            return self.undo_deployment((undone, node), run, status, at);
        }
        let state = match status {
            Status::Succeeded | Status::Ignored => "done",
            Status::RolledBack => "undone",
            Status::RollbackFailed => "unclear",
            Status::Superseded => return self.leave_deployment(run, node),
            Status::Failed | Status::Cancelled => "left",
            Status::Skipped
            | Status::RollingBack
            | Status::Pending
            | Status::Queued
            | Status::Waiting
            | Status::Running => return Ok(()),
        };
        let update = "UPDATE deployments SET state = ?, before = ?, after = ?, changed = ?, \
            ended_at = ? WHERE number = \
            (SELECT max(number) FROM deployments WHERE run = ? AND node = ?)";
        let DeploymentRecord {
            before,
            after,
            changed,
            ..
        } = place;
        let values = params![state, before, after, changed, Stored(at), run.0, node];
        self.db.prepare_cached(update)?.execute(values).map(|_| ())
    }

    /// A later run has deployed there: what this one has done stays as it is, and it is what is
    /// there when the later one is taken back. Where it has done nothing, there is nothing of it.
    fn leave_deployment(&self, run: RunNumber, node: &str) -> rusqlite::Result<()> {
        let update = "UPDATE deployments SET state = \
                CASE state WHEN 'begun' THEN 'nothing' WHEN 'open' THEN 'left' ELSE state END \
            WHERE number = (SELECT max(number) FROM deployments WHERE run = ? AND node = ?)";
        let values = params![run.0, node];
        self.db.prepare_cached(update)?.execute(values).map(|_| ())
    }

    /// The run that a run takes back.
    fn undone_run(&self, run: RunNumber) -> rusqlite::Result<Option<RunNumber>> {
        let select = "SELECT undoes FROM runs WHERE number = ?";
        let mut statement = self.db.prepare_cached(select)?;
        let undone: Option<i64> = statement.query_row([run.0], |row| row.get(0))?;
        Ok(undone.map(RunNumber))
    }

    /// Records what becomes of a deployment that another run takes back.
    fn undo_deployment(
        &self,
        (undone, node): (RunNumber, &str),
        by: RunNumber,
        status: Status,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let state = match status {
            Status::RolledBack => "undone",
            Status::RollingBack | Status::RollbackFailed => "unclear",
            Status::Succeeded
            | Status::Ignored
            | Status::Superseded
            | Status::Failed
            | Status::Cancelled
            | Status::Skipped
            | Status::Pending
            | Status::Queued
            | Status::Waiting
            | Status::Running => return Ok(()),
        };
        let update = "UPDATE deployments SET state = ?, undone_by = ?, ended_at = ? \
            WHERE number = (SELECT max(number) FROM deployments WHERE run = ? AND node = ?)";
        let values = params![state, by.0, Stored(at), undone.0, node];
        self.db.prepare_cached(update)?.execute(values).map(|_| ())
    }

    /// What other runs have deployed after the first deployment of a run, or, where they began
    /// later than it, at all; without what was taken back. A run counts from the beginning of the
    /// one that it retries, and those are not others. Where the run goes on, because it is resumed
    /// or retries another one, it must not deploy over what a later run has deployed.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn later_deployments(
        &self,
        run: RunNumber,
        is_resumed: bool,
    ) -> Result<Vec<LaterDeployment>, StoreError> {
        let undone = self.undone_run(run).map_err(|error| self.error(&error))?;
        if let Some(undone) = undone {
            return self.deployments_after(undone);
        }
        let select = "WITH RECURSIVE own (number) AS (VALUES (?1) UNION \
                SELECT parent FROM runs JOIN own USING (number) WHERE parent IS NOT NULL), \
            first (run, deployed) AS (SELECT \
                (SELECT min(number) FROM own), \
                (SELECT min(number) FROM deployments WHERE run = ?1)) \
            SELECT d.number, runs.id, d.service, d.target, d.run > first.run \
                AND d.number > coalesce((SELECT max(number) FROM deployments AS mine \
                    WHERE mine.run = ?1 AND mine.service = d.service \
                    AND mine.target = d.target AND mine.state != 'undone'), 0), \
                (SELECT count(*) FROM own) > 1 \
            FROM deployments AS d JOIN runs ON runs.number = d.run JOIN first \
            WHERE d.state NOT IN ('undone', 'nothing') AND d.run NOT IN own \
                AND (d.run > first.run OR d.number > first.deployed) ORDER BY d.number";
        let read = |row: &Row<'_>| {
            let (is_later, is_retry): (bool, bool) = (row.get(4)?, row.get(5)?);
            Ok(LaterDeployment {
                number: row.get(0)?,
                run: row.get::<_, String>(1)?.into(),
                service: row.get::<_, String>(2)?.into(),
                target: row.get::<_, String>(3)?.into(),
                blocks: is_later && (is_retry || is_resumed),
            })
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }

    /// What other runs have deployed at the places of a run after that run did.
    fn deployments_after(&self, run: RunNumber) -> Result<Vec<LaterDeployment>, StoreError> {
        let select = "WITH RECURSIVE own (number) AS (VALUES (?1) UNION \
                SELECT parent FROM runs JOIN own USING (number) WHERE parent IS NOT NULL) \
            SELECT d.number, runs.id, d.service, d.target \
            FROM deployments AS d JOIN runs ON runs.number = d.run \
            WHERE d.state NOT IN ('undone', 'nothing') AND d.run NOT IN own \
                AND d.number > (SELECT max(number) FROM deployments AS mine \
                    WHERE mine.run = ?1 AND mine.service = d.service \
                    AND mine.target = d.target) ORDER BY d.number";
        let read = |row: &Row<'_>| {
            Ok(LaterDeployment {
                number: row.get(0)?,
                run: row.get::<_, String>(1)?.into(),
                service: row.get::<_, String>(2)?.into(),
                target: row.get::<_, String>(3)?.into(),
                blocks: false,
            })
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }

    /// The places that others than a run have left half done: their latest deployment was broken
    /// off, or could not be rolled back.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn unclear_places(
        &self,
        run: Option<RunNumber>,
        known: &mut BrokenOffRuns,
    ) -> Result<Vec<UnclearPlace>, StoreError> {
        let suspects = self.suspects(run);
        let mut found = Vec::new();
        for mut suspect in suspects.map_err(|error| self.error(&error))? {
            let is_broken_off = suspect.place.left == LeftHalfDone::BrokenOff;
            let is_stopped = self.run(suspect.run)?.status == RunStatus::Stopped;
            if is_broken_off && !is_stopped {
                // A run that goes on clears up after itself, and holds its locks until then; unless
                // it was stopped before and has lost them.
                suspect.place.left = LeftHalfDone::Resumed;
                if suspect.is_done || suspect.is_locked {
                    continue;
                }
            }
            if !suspect.is_done || self.may_be_taken_back(suspect.run, known)? {
                found.push(suspect.place);
            }
        }
        Ok(found)
    }

    fn suspects(&self, run: Option<RunNumber>) -> rusqlite::Result<Vec<Suspect>> {
        // What another run was taking back is in its hands until that one ends.
        let select = "SELECT service, target, runs.number, runs.id, state, EXISTS \
                (SELECT 1 FROM lock_requests AS own JOIN lock_wants USING (ticket) \
                WHERE own.run = runs.number AND granted_at IS NOT NULL \
                    AND name = ?2 || d.target), \
                undo.number IS NOT NULL \
            FROM deployments AS d \
            LEFT JOIN runs AS undo ON undo.number = d.undone_by AND undo.status = 'running' \
            JOIN runs ON runs.number = coalesce(undo.number, d.run) \
            WHERE runs.number IS NOT ?1 AND (state = 'unclear' OR runs.status = 'running') \
                AND d.number = (SELECT max(number) FROM deployments AS it \
                WHERE it.service = d.service AND it.target = d.target \
                AND it.state NOT IN ('undone', 'nothing', 'begun')) \
            ORDER BY d.number";
        let read = |row: &Row<'_>| {
            let state: String = row.get(4)?;
            let place = UnclearPlace {
                service: row.get::<_, String>(0)?.into(),
                target: row.get::<_, String>(1)?.into(),
                run: row.get::<_, String>(3)?.into(),
                left: match &*state {
                    "unclear" if !row.get::<_, bool>(6)? => LeftHalfDone::RollbackFailed,
                    _ => LeftHalfDone::BrokenOff,
                },
            };
            Ok(Suspect {
                place,
                run: RunNumber(row.get(2)?),
                is_done: state == "done",
                is_locked: row.get(5)?,
            })
        };
        let values = params![run.map(|run| run.0), &*infrastructure_lock(Name::from(""))];
        let mut statement = self.db.prepare_cached(select)?;
        let rows = statement.query_map(values, read)?;
        rows.collect()
    }

    /// Whether a run that was broken off may still take back what it has deployed.
    fn may_be_taken_back(
        &self,
        run: RunNumber,
        known: &mut BrokenOffRuns,
    ) -> Result<bool, StoreError> {
        if let Some(known) = known.0.get(&run) {
            return Ok(*known);
        }
        let bound = self.bound(&self.run(run)?)?;
        let takes_back = |(_, node): (_, &PlanNode)| {
            let around = node.has_deploy && !node.stmt.kind.deploys();
            around && (node.stmt.modifiers.atomic || node.may_roll_back)
        };
        // What cannot be read here may be resumed by another version.
        let found = Plan::new(bound).map_or(true, |plan| plan.tree.iter().any(takes_back));
        known.0.insert(run, found);
        Ok(found)
    }
}
