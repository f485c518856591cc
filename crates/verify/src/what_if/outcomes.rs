//! How deployments end after a failure, compared with how they would have ended without it.

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use super::inside;
use super::simulation::SimulatedRun;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{Failure, Status};
use lockstep_lang::ir::FailureClass;

/// What follows from a failure at one of these places. Where it depends on who was faster, there
/// are several ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIfOutcome {
    /// Where it fails.
    pub at: Vec<FailurePoint>,
    /// How the pipeline ends.
    pub pipeline: Vec<Status>,
    /// How the stages end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageOutcome>,
    /// How the deployments end, also the one that fails.
    pub deployments: Vec<DeploymentOutcome>,
    /// What is then on each infrastructure.
    pub infrastructures: Vec<FinalState>,
    /// What a rollback passes over because it has no way back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_way_back: Vec<NoWayBack>,
}

/// Something that has no way back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct NoWayBack {
    /// Its path.
    pub node: NodePath,
    /// Why it has none.
    pub reason: String,
}

/// What is then on an infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FinalState {
    /// The infrastructure.
    pub name: Name,
    /// What can be there.
    pub ends: Vec<InfrastructureOutcome>,
}

/// A place at which something can fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailurePoint {
    /// Its path.
    pub node: NodePath,
    /// The end of its path, inside what fails; empty where it is that itself.
    pub inside: String,
}

/// How a stage ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageOutcome {
    /// Its path.
    pub node: NodePath,
    /// How it can end.
    pub ends: Vec<Status>,
}

/// How a deployment ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentOutcome {
    /// Its path.
    pub node: NodePath,
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// How it can end.
    pub ends: Vec<Status>,
    /// Why, where it does not end well in at least one of them and that is not the failure that
    /// was assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Failure>,
}

/// What is on an infrastructure after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InfrastructureOutcome {
    /// All services are new.
    New,
    /// All services are as they were before.
    AsBefore,
    /// Some services are new, and others as they were before.
    Mixed,
    /// The state of some services is unknown: they failed and were not rolled back.
    Unclear,
}

impl WhatIfOutcome {
    /// Whether the same follows.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let fates = |outcome: &Self| -> Vec<Vec<Status>> {
            let deployments = outcome.deployments.iter();
            deployments.map(|fate| fate.ends.clone()).collect()
        };
        self.pipeline == other.pipeline
            && self.stages == other.stages
            && self.no_way_back == other.no_way_back
            && fates(self) == fates(other)
    }
}

/// What follows from a failure of a place in a node, as it was played at several paces.
pub(super) fn outcome(
    good: &SimulatedRun,
    played: &[SimulatedRun],
    node: &str,
    place: &NodePath,
) -> WhatIfOutcome {
    let mut infrastructures: IndexMap<Name, IndexSet<InfrastructureOutcome>> = IndexMap::new();
    for play in played {
        for (name, end) in infrastructures_of(good, play) {
            infrastructures.entry(name).or_default().insert(end);
        }
    }
    let stages = good.stages.keys().map(|stage| StageOutcome {
        node: stage.clone(),
        ends: sorted(played.iter().map(|play| ended(play.stages.get(stage)))),
    });
    let passed_over: IndexSet<NoWayBack> = played
        .iter()
        .flat_map(|play| play.no_way_back.iter().cloned())
        .map(|(node, reason)| NoWayBack { node, reason })
        .collect();
    WhatIfOutcome {
        no_way_back: passed_over.into_iter().collect(),
        at: vec![FailurePoint {
            node: place.clone(),
            inside: inside(place, node),
        }],
        pipeline: sorted(played.iter().filter_map(|play| play.status)),
        stages: stages.collect(),
        deployments: fates(good, played, place),
        infrastructures: infrastructures
            .into_iter()
            .map(|(name, ends)| {
                let mut ends: Vec<_> = ends.into_iter().collect();
                ends.sort_unstable();
                FinalState { name, ends }
            })
            .collect(),
    }
}

fn fates(good: &SimulatedRun, played: &[SimulatedRun], place: &NodePath) -> Vec<DeploymentOutcome> {
    let fate = |node: &NodePath, service: &Name, target: &Name| {
        let heard = || played.iter().map(|play| play.deployments.get(node));
        let because = heard().flatten().find_map(|deployed| {
            let failure = deployed.failure.as_ref()?;
            let is_own = failure.node == *place && failure.class != FailureClass::Barrier;
            (!deployed.status.is_good() && !is_own).then(|| failure.clone())
        });
        DeploymentOutcome {
            node: node.clone(),
            service: service.clone(),
            target: target.clone(),
            ends: sorted(heard().map(|it| ended(it.map(|it| &it.status)))),
            because,
        }
    };
    let deployments = good.deployments.iter();
    deployments
        .map(|(node, deployed)| fate(node, &deployed.service, &deployed.target))
        .collect()
}

/// What was never reported has never started.
fn ended(status: Option<&Status>) -> Status {
    status.copied().unwrap_or(Status::Skipped)
}

fn sorted(ends: impl Iterator<Item = Status>) -> Vec<Status> {
    let mut ends: Vec<Status> = ends.collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

fn infrastructures_of(
    good: &SimulatedRun,
    play: &SimulatedRun,
) -> IndexMap<Name, InfrastructureOutcome> {
    let mut ends: IndexMap<Name, InfrastructureOutcome> = IndexMap::new();
    for (node, planned) in &good.deployments {
        let played = play.deployments.get(node);
        let status = ended(played.map(|it| &it.status));
        let target = played.map_or(&planned.target, |it| &it.target);
        let end = match status {
            Status::Succeeded => InfrastructureOutcome::New,
            Status::Skipped | Status::RolledBack => InfrastructureOutcome::AsBefore,
            Status::Pending
            | Status::Queued
            | Status::Waiting
            | Status::Running
            | Status::Ignored
            | Status::Failed
            | Status::Cancelled
            | Status::Superseded
            | Status::RollingBack
            | Status::RollbackFailed => InfrastructureOutcome::Unclear,
        };
        let known = ends.entry(target.clone()).or_insert(end);
        if *known != end {
            *known = match (*known, end) {
                (InfrastructureOutcome::Unclear, _) | (_, InfrastructureOutcome::Unclear) => {
                    InfrastructureOutcome::Unclear
                }
                _ => InfrastructureOutcome::Mixed,
            };
        }
    }
    ends
}
