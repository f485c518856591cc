//! What was deployed where: each deployment has a number, and its place is the pair of service and
//! infrastructure. It says which one is the latest, and where a place was left half done.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{RunNumber, RunStatus, Store, StoreError, Stored};
use lockstep_base::source::Name;
use lockstep_engine::LaterDeployment;
use lockstep_engine::run_event::{DeploymentRecord, NodeKind, RunEventKind, Status};

/// A place where a run has left a deployment half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclearPlace {
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// The run.
    pub run: RunNumber,
    /// The run's id.
    pub id: Name,
    /// The path of the deployment.
    pub node: String,
    /// Whether the run was broken off, and can be resumed; else its rollback failed there.
    pub is_broken_off: bool,
    /// Whether the deployment itself had ended well, so that it counts only where a block around it
    /// may still take it back.
    pub is_done: bool,
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
            RunEventKind::NodeFinished {
                node,
                kind: NodeKind::Deploy,
                status,
                deployment: Some(place),
                ..
            } => self.end_deployment(run, node, place, *status),
            RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
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
        let insert = "INSERT INTO deployments (run, node, service, target, state, at) \
            SELECT ?1, ?2, ?3, ?4, 'open', ?5 WHERE NOT EXISTS \
            (SELECT 1 FROM deployments WHERE run = ?1 AND node = ?2 AND state = 'open')";
        let (service, target) = (&*place.service, &*place.target);
        let values = params![run.0, node, service, target, Stored(at)];
        self.db.prepare_cached(insert)?.execute(values).map(|_| ())
    }

    fn end_deployment(
        &self,
        run: RunNumber,
        node: &str,
        place: &DeploymentRecord,
        status: Status,
    ) -> rusqlite::Result<()> {
        let state = match status {
            Status::Succeeded | Status::Ignored => "done",
            Status::RolledBack => "undone",
            Status::RollbackFailed => "unclear",
            Status::Superseded => "nothing",
            Status::Failed | Status::Cancelled => "left",
            Status::Skipped
            | Status::RollingBack
            | Status::Pending
            | Status::Queued
            | Status::Waiting
            | Status::Running => return Ok(()),
        };
        let update = "UPDATE deployments SET state = ?, before = ?, after = ? WHERE number = \
            (SELECT max(number) FROM deployments WHERE run = ? AND node = ?)";
        let values = params![state, place.before, place.after, run.0, node];
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

    /// The places whose latest deployment may be half done.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn unclear_places(&self) -> Result<Vec<UnclearPlace>, StoreError> {
        let select = "SELECT service, target, run, id, node, state, deployments.number \
            FROM deployments JOIN runs ON runs.number = run \
            WHERE (state = 'unclear' OR runs.status = 'running') AND deployments.number = \
                (SELECT max(number) FROM deployments AS it WHERE it.service = \
                deployments.service AND it.target = deployments.target \
                AND it.state NOT IN ('undone', 'nothing')) ORDER BY deployments.number";
        let read = |row: &Row<'_>| {
            let state: String = row.get(5)?;
            Ok(UnclearPlace {
                service: row.get::<_, String>(0)?.into(),
                target: row.get::<_, String>(1)?.into(),
                run: RunNumber(row.get(2)?),
                id: row.get::<_, String>(3)?.into(),
                node: row.get(4)?,
                is_broken_off: state != "unclear",
                is_done: state == "done",
            })
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let mut found = rows.map_err(|error| self.error(&error))?;
        let mut stopped = Vec::new();
        for place in &found {
            stopped.push(self.run(place.run)?.status == RunStatus::Stopped);
        }
        let mut stopped = stopped.into_iter();
        // A run that goes on clears up after itself, and holds its locks until then.
        found.retain(|place| stopped.next() == Some(true) || !place.is_broken_off);
        Ok(found)
    }
}
