//! What the ledger says is deployed where, as `deployed(…)` sees it: read when a run is planned,
//! and recorded in its plan.

use serde::{Deserialize, Serialize};

use lockstep_base::source::Name;
use lockstep_base::value::Value;

/// What is deployed of a service to an infrastructure, and known to be good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedVersion {
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// What is there, as its workflow says; empty where it does not.
    pub after: Name,
    /// Since when, in RFC 3339, in UTC with milliseconds.
    pub since: Name,
    /// The run that brought it.
    pub run: Name,
    /// How long that was before the run was planned, in milliseconds.
    pub age_ms: i64,
}

impl DeployedVersion {
    /// It as a value of the language.
    pub fn value(&self) -> Value {
        Value::map([
            ("after", Value::String(self.after.clone())),
            ("since", Value::String(self.since.clone())),
            ("run", Value::String(self.run.clone())),
            ("age", Value::Duration(self.age_ms)),
        ])
    }
}

/// The value of `deployed(…)` for one place, by what is known of all.
pub(crate) fn find(all: &[DeployedVersion], service: &str, target: &str) -> Value {
    let mut all = all.iter();
    let found = all.find(|it| *it.service == *service && *it.target == *target);
    found.map_or(Value::None, DeployedVersion::value)
}
