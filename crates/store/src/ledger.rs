//! What is where now: the latest deployment at each place that has not been taken back, since when,
//! and by which run.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{RunNumber, RunStatus, Store, StoreError, Stored};
use lockstep_base::source::Name;

/// What is at a place: of a service at an infrastructure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// What was there before.
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
    /// How well that is known.
    pub state: PlaceState,
    /// Since when.
    pub since: Timestamp,
    /// The run that brought it.
    pub run: Name,
    /// The node of that run.
    pub node: String,
    /// The last run that found it there, and changed nothing.
    pub confirmed: Option<(Name, Timestamp)>,
}

/// How well it is known what is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceState {
    /// It was deployed.
    Deployed,
    /// It is being deployed, or taken back, just now.
    UnderWay,
    /// The run was broken off there, and can be resumed.
    BrokenOff,
    /// It failed, and was not rolled back.
    Failed,
    /// It could not be rolled back.
    Unclear,
}

impl PlaceState {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::UnderWay => "under-way",
            Self::BrokenOff => "broken-off",
            Self::Failed => "failed",
            Self::Unclear => "unclear",
        }
    }
}

/// A deployment as it is stored.
struct StoredDeployment {
    service: String,
    target: String,
    before: Option<String>,
    after: Option<String>,
    state: String,
    at: Timestamp,
    changed: Option<bool>,
    run: RunNumber,
    id: Name,
    node: String,
    /// The run that takes it back.
    undone_by: Option<RunNumber>,
}

impl Store {
    /// What is where now, by infrastructure and service.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn ledger(&self) -> Result<Vec<LedgerLine>, StoreError> {
        let stored = self.standing_deployments();
        let stored = stored.map_err(|error| self.error(&error))?;
        let mut lines = Vec::new();
        // The latest one of each place comes first.
        for place in stored.chunk_by(|a, b| (&a.target, &a.service) == (&b.target, &b.service)) {
            if let Some((latest, earlier)) = place.split_first() {
                lines.push(self.ledger_line(latest, earlier)?);
            }
        }
        Ok(lines)
    }

    fn ledger_line(
        &self,
        latest: &StoredDeployment,
        earlier: &[StoredDeployment],
    ) -> Result<LedgerLine, StoreError> {
        let state = self.place_state(latest)?;
        // What changed nothing has left there what another run had brought.
        let mut brought = latest;
        for before in earlier {
            if brought.changed != Some(false) || before.state != "done" {
                break;
            }
            brought = before;
        }
        let is_confirmed = !std::ptr::eq(brought, latest);
        Ok(LedgerLine {
            service: latest.service.as_str().into(),
            target: latest.target.as_str().into(),
            before: brought.before.clone(),
            after: latest.after.clone().or_else(|| brought.after.clone()),
            state,
            since: brought.at,
            run: brought.id.clone(),
            node: brought.node.clone(),
            confirmed: is_confirmed.then(|| (latest.id.clone(), latest.at)),
        })
    }

    fn place_state(&self, latest: &StoredDeployment) -> Result<PlaceState, StoreError> {
        let going = |run: RunNumber| Ok::<_, StoreError>(self.run(run)?.status);
        let of_status = |status| match status {
            RunStatus::Running => PlaceState::UnderWay,
            RunStatus::Stopped => PlaceState::BrokenOff,
            RunStatus::Ended(_) => PlaceState::Unclear,
        };
        Ok(match (&*latest.state, latest.undone_by) {
            ("done", _) => PlaceState::Deployed,
            ("left", _) => PlaceState::Failed,
            ("unclear", Some(undo)) => of_status(going(undo)?),
            ("open", _) => of_status(going(latest.run)?),
            _ => PlaceState::Unclear,
        })
    }

    fn standing_deployments(&self) -> rusqlite::Result<Vec<StoredDeployment>> {
        let select = "SELECT service, target, before, after, state, coalesce(ended_at, at), \
                changed, d.run, runs.id, node, undone_by \
            FROM deployments AS d JOIN runs ON runs.number = d.run \
            WHERE state NOT IN ('undone', 'nothing') \
            ORDER BY target, service, d.number DESC";
        let read = |row: &Row<'_>| {
            Ok(StoredDeployment {
                service: row.get(0)?,
                target: row.get(1)?,
                before: row.get(2)?,
                after: row.get(3)?,
                state: row.get(4)?,
                at: row.get::<_, Stored>(5)?.0,
                changed: row.get(6)?,
                run: RunNumber(row.get(7)?),
                id: row.get::<_, String>(8)?.into(),
                node: row.get(9)?,
                undone_by: row.get::<_, Option<i64>>(10)?.map(RunNumber),
            })
        };
        let mut statement = self.db.prepare_cached(select)?;
        let rows = statement.query_map(params![], read)?;
        rows.collect()
    }
}
