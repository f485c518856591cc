//! How deployments end after a failure, compared with how they would have ended without it.

use std::sync::Arc;

use indexmap::IndexSet;
use serde::Serialize;

use super::ends::PossibleEnds;
use super::inside;
use super::simulation::{SimulatedDeployment, SimulatedRun};
use super::symmetry::Renaming;
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
    pub pipeline: PossibleEnds,
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
    pub ends: PossibleEnds,
}

/// A deployment of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedDeployment {
    /// Its path.
    pub node: NodePath,
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
}

/// How a deployment ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentOutcome {
    /// The deployment; each outcome of each case has the same ones.
    #[serde(flatten)]
    pub deployment: Arc<PlannedDeployment>,
    /// How it can end.
    pub ends: PossibleEnds,
    /// Why, where it does not end well in at least one of them and that is not the failure that
    /// was assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Arc<Failure>>,
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

/// What is planned: what outcomes are told of.
#[derive(Debug)]
pub(super) struct PlannedNodes {
    stages: Vec<NodePath>,
    deployments: Vec<Arc<PlannedDeployment>>,
    /// The infrastructures, each once.
    targets: IndexSet<Name>,
    /// For each deployment the place of its infrastructure.
    target_of: Vec<usize>,
}

impl PlannedNodes {
    /// Those of the run without a failure.
    pub(super) fn of(good: &SimulatedRun) -> Self {
        let mut targets = IndexSet::new();
        let of_target = good.deployments.values();
        let target_of = of_target.map(|it| targets.insert_full(it.target.clone()).0);
        let target_of = target_of.collect();
        let planned = good.deployments.iter().map(|(node, deployed)| {
            Arc::new(PlannedDeployment {
                node: node.clone(),
                service: deployed.service.clone(),
                target: deployed.target.clone(),
            })
        });
        Self {
            stages: good.stages.keys().cloned().collect(),
            deployments: planned.collect(),
            targets,
            target_of,
        }
    }
}

/// What follows from a failure of a place in a node, as it was played at several paces. Everything
/// is in the order of the plan, so that it can be told of other cells.
#[derive(Debug)]
pub(super) struct PlaceOutcome {
    at: Vec<NodePath>,
    pipeline: PossibleEnds,
    stages: Vec<PossibleEnds>,
    deployments: Vec<PossibleEnds>,
    /// For each deployment the place of its failure, where it has another one.
    because: Vec<Option<usize>>,
    failures: IndexSet<Arc<Failure>>,
    no_way_back: Vec<NoWayBack>,
    /// How everything was deployed in each of the plays, those of them that differ.
    plays: IndexSet<PlayedDeployments>,
}

/// How the deployments ended in one play.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PlayedDeployments {
    ends: Vec<Status>,
    /// Those that went to another infrastructure than the planned one, by their places.
    elsewhere: Vec<(usize, Name)>,
}

impl PlayedDeployments {
    fn of(good: &SimulatedRun, play: &SimulatedRun) -> Self {
        let mut ends = Vec::with_capacity(good.deployments.len());
        let mut elsewhere = Vec::new();
        for (at, (node, planned)) in good.deployments.iter().enumerate() {
            let played = play.deployments.get(node);
            ends.push(ended(played.map(|it| &it.status)));
            let other = played.filter(|it| it.target != planned.target);
            elsewhere.extend(other.map(|it| (at, it.target.clone())));
        }
        Self { ends, elsewhere }
    }
}

impl PlaceOutcome {
    /// Compares plays with the run without a failure.
    pub(super) fn of(good: &SimulatedRun, played: &[SimulatedRun], place: &NodePath) -> Self {
        let stages = good.stages.keys().map(|stage| {
            let ends = played.iter().map(|play| ended(play.stages.get(stage)));
            ends.collect()
        });
        let mut failures: IndexSet<Arc<Failure>> = IndexSet::new();
        let because = good.deployments.keys().map(|node| {
            let mut heard = played.iter().filter_map(|play| play.deployments.get(node));
            let failure = heard.find_map(|deployed| reason(deployed, place))?;
            let known = failures.get_index_of(failure);
            Some(known.unwrap_or_else(|| failures.insert_full(Arc::new(failure.clone())).0))
        });
        let because = because.collect();
        let passed_over: IndexSet<NoWayBack> = played
            .iter()
            .flat_map(|play| play.no_way_back.iter().cloned())
            .map(|(node, reason)| NoWayBack { node, reason })
            .collect();
        let plays = played.iter().map(|play| PlayedDeployments::of(good, play));
        let plays: IndexSet<PlayedDeployments> = plays.collect();
        let ends_of = |at: usize| {
            let ends = plays.iter().filter_map(|play| play.ends.get(at));
            ends.copied().collect()
        };
        Self {
            at: vec![place.clone()],
            pipeline: played.iter().filter_map(|play| play.status).collect(),
            stages: stages.collect(),
            deployments: (0..good.deployments.len()).map(ends_of).collect(),
            because,
            failures,
            no_way_back: passed_over.into_iter().collect(),
            plays,
        }
    }

    /// Adds it to the outcomes of other places: those from which the same follows are one.
    pub(super) fn put_into(self, outcomes: &mut Vec<Self>) {
        match outcomes.iter_mut().find(|other| other.is_like(&self)) {
            Some(other) => other.at.extend(self.at),
            None => outcomes.push(self),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.pipeline == other.pipeline
            && self.stages == other.stages
            && self.no_way_back == other.no_way_back
            && self.deployments == other.deployments
    }

    /// The outcome as it is told of a node, or of another one whose cells have changed places with
    /// those of the node that was simulated; nothing where something has no name there.
    pub(super) fn told(
        &self,
        planned: &PlannedNodes,
        node: &str,
        renaming: Option<&Renaming<'_>>,
    ) -> Option<WhatIfOutcome> {
        let path = |path: &NodePath| match renaming {
            Some(renaming) => renaming.path(path),
            None => Some(path.clone()),
        };
        let failures = self.failures.iter().map(|failure| match renaming {
            Some(renaming) => renaming.failure(failure).map(Arc::new),
            None => Some(failure.clone()),
        });
        // Many deployments end for the same reason.
        let failures: Vec<Arc<Failure>> = failures.collect::<Option<_>>()?;
        let point = |place: &NodePath| {
            let place = path(place)?;
            Some(FailurePoint {
                inside: inside(place.as_str(), node),
                node: place,
            })
        };
        let stage = |(at, stage): (usize, &NodePath)| {
            let at = renaming.map_or(at, |it| it.stage(at));
            Some(StageOutcome {
                node: stage.clone(),
                ends: *self.stages.get(at)?,
            })
        };
        let deployment = |(at, deployment): (usize, &Arc<PlannedDeployment>)| {
            let at = renaming.map_or(at, |it| it.deployment(at));
            let because = self.because.get(at)?;
            Some(DeploymentOutcome {
                deployment: deployment.clone(),
                ends: *self.deployments.get(at)?,
                because: because.and_then(|at| failures.get(at).cloned()),
            })
        };
        let passed_over = |it: &NoWayBack| {
            Some(NoWayBack {
                node: path(&it.node)?,
                reason: it.reason.clone(),
            })
        };
        let stages = planned.stages.iter().enumerate();
        let deployments = planned.deployments.iter().enumerate();
        Some(WhatIfOutcome {
            at: self.at.iter().map(point).collect::<Option<_>>()?,
            pipeline: self.pipeline,
            stages: stages.map(stage).collect::<Option<_>>()?,
            deployments: deployments.map(deployment).collect::<Option<_>>()?,
            infrastructures: self.infrastructures(planned, renaming)?,
            no_way_back: (self.no_way_back.iter())
                .map(passed_over)
                .collect::<Option<_>>()?,
        })
    }

    /// What is then on each infrastructure.
    fn infrastructures(
        &self,
        planned: &PlannedNodes,
        renaming: Option<&Renaming<'_>>,
    ) -> Option<Vec<FinalState>> {
        let mut targets = planned.targets.clone();
        let mut all: Vec<IndexSet<InfrastructureOutcome>> = Vec::new();
        for play in &self.plays {
            // Where it went cannot be told of another cell.
            if renaming.is_some() && !play.elsewhere.is_empty() {
                return None;
            }
            let mut target_of = planned.target_of.clone();
            for (at, target) in &play.elsewhere {
                *target_of.get_mut(*at)? = targets.insert_full(target.clone()).0;
            }
            let mut ends: Vec<Option<InfrastructureOutcome>> = vec![None; targets.len()];
            for (at, target) in target_of.into_iter().enumerate() {
                let at = renaming.map_or(at, |it| it.deployment(at));
                let end = left_by(*play.ends.get(at)?);
                let known = ends.get_mut(target)?;
                *known = Some(known.map_or(end, |known| together(known, end)));
            }
            all.resize_with(targets.len(), IndexSet::new);
            for (all, end) in all.iter_mut().zip(ends) {
                all.extend(end);
            }
        }
        let found = targets.into_iter().zip(all);
        let found = found.filter(|(_, ends)| !ends.is_empty());
        let state = |(name, ends): (Name, IndexSet<InfrastructureOutcome>)| {
            let mut ends: Vec<_> = ends.into_iter().collect();
            ends.sort_unstable();
            FinalState { name, ends }
        };
        Some(found.map(state).collect())
    }
}

/// Why a deployment did not end well, where that is not the failure that was assumed.
fn reason<'d>(deployed: &'d SimulatedDeployment, place: &NodePath) -> Option<&'d Failure> {
    let failure = deployed.failure.as_ref()?;
    let is_own = failure.node == *place && failure.class != FailureClass::Barrier;
    (!deployed.status.is_good() && !is_own).then_some(failure)
}

/// What was never reported has never started.
fn ended(status: Option<&Status>) -> Status {
    status.copied().unwrap_or(Status::Skipped)
}

/// What a deployment leaves on its infrastructure.
fn left_by(end: Status) -> InfrastructureOutcome {
    match end {
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
    }
}

/// What two deployments leave on one infrastructure.
fn together(one: InfrastructureOutcome, other: InfrastructureOutcome) -> InfrastructureOutcome {
    match (one, other) {
        (one, other) if one == other => one,
        (InfrastructureOutcome::Unclear, _) | (_, InfrastructureOutcome::Unclear) => {
            InfrastructureOutcome::Unclear
        }
        _ => InfrastructureOutcome::Mixed,
    }
}
