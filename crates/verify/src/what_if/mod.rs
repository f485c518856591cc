//! What-if analysis of a failure: which deployments roll back, continue or never start, and how
//! each infrastructure ends. The machine that will handle the failure is simulated in virtual time
//! with several timings.

#![deny(clippy::wildcard_enum_match_arm)]

mod alike;
mod ends;
mod outcomes;
mod simulation;
mod symmetry;
mod worlds;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use crate::testing::LentResults;
pub use ends::PossibleEnds;
use lockstep_base::node_path::{NodePath, below, is_in, parts};
use lockstep_base::source::{Name, Span};
use lockstep_engine::node_origin::NodeOrigin;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{Failure, NodeKind, Status};
use lockstep_engine::supposition::{Answers, OpenQuestion, OpenQuestionKind};
use lockstep_engine::{CommandRequest, EffectOutcome, FailureChoice};
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::command::COMMAND_WORDS;
use lockstep_plan::Plan;
pub use outcomes::{
    DeploymentOutcome, FailurePoint, FinalState, InfrastructureOutcome, PlannedDeployment,
    StageOutcome, WhatIfOutcome,
};
use outcomes::{PlaceOutcome, PlannedNodes};
use simulation::{FailureScript, SimulatedRun, SimulationTiming};
use symmetry::{CellSymmetry, Renaming};

/// The version of this form. Within a version fields are added, never changed or taken away.
pub const VERSION: u32 = 1;

/// The maximum number of simulated commands, actions and questions before the timings, and then the
/// cases, become fewer.
const MAX_SIMULATED_EFFECTS: usize = 3_000_000;

/// So many ends of deployments are told, at most, of one report: each case has one of each
/// deployment.
const MAX_TOLD_ENDS: usize = 3_000_000;

/// A what-if question.
#[derive(Debug, Clone)]
pub struct WhatIfRequest {
    /// The path of what fails, or a pattern of paths; each deployment where there is none.
    pub path: Option<String>,
    /// The class of the failure of commands and actions. A refused approval is always `approval`.
    pub class: FailureClass,
    /// What a person chooses where a failure handler asks.
    pub choice: FailureChoice,
    /// What the `given`s of a test say of commands and actions; what they say nothing of is only
    /// known while running.
    pub lent: Option<LentResults>,
    /// What queries answer that the run comes to before it changes anything.
    pub queries: Option<Arc<dyn QueryAnswers>>,
}

/// Answers queries while planning.
pub trait QueryAnswers: std::fmt::Debug + Send + Sync {
    /// How this one ends now, where it can be asked. The same one is asked again and again.
    fn answer(&self, query: &CommandRequest) -> Option<EffectOutcome>;
}

impl Default for WhatIfRequest {
    fn default() -> Self {
        Self {
            path: None,
            class: FailureClass::Exit,
            choice: FailureChoice::Rollback,
            lent: None,
            queries: None,
        }
    }
}

/// What failures would lead to. As JSON it is the stable form of `lockstep plan --if-fails` and
/// `--blast`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIfReport {
    /// [`VERSION`].
    pub version: u32,
    /// The pipeline.
    pub pipeline: Name,
    /// The class of the failures.
    pub class: FailureClass,
    /// One for each thing that may fail.
    pub cases: Vec<WhatIfCase>,
    /// How many more there are, which would take too long to play.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: usize,
    /// Whether a rollback may come after a stage has given its infrastructures back: what a later
    /// run has deployed there by then is left as it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_be_superseded: bool,
    /// What only the run knows. Of conditions every branch was tried, of loops whose cells are not
    /// known one stands for each of them, or all that the program has of the kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownPoint>,
    /// Whether there are more combinations of what only the run knows than were tried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untried: bool,
    /// What a person was assumed to choose, if a failure handler asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<&'static str>,
}

/// Something that only the run knows, and that decides what happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnknownPoint {
    /// The path of the first node that depends on it.
    pub node: NodePath,
    /// What it is: `condition`, `cells` or `deployment`.
    pub kind: &'static str,
    /// How many alternatives there are.
    pub alternatives: usize,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// The consequences if this fails permanently, that is in every attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIfCase {
    /// The path of what fails.
    pub fails: NodePath,
    /// What it is.
    pub kind: NodeKind,
    /// The service, if it is a deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// The infrastructure, if it is a deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Name>,
    /// What follows; several where it depends on the place at which it fails. None where nothing
    /// in it can fail.
    pub outcomes: Vec<WhatIfOutcome>,
}

/// Why nothing can be foreseen.
#[derive(Debug, Clone, PartialEq)]
pub enum WhatIfError {
    /// The pipeline fails even if no command does: with commands that print nothing.
    FailsAnyway(Failure),
    /// Nothing that runs has such a path; these have.
    NoSuchPath(Vec<NodePath>),
    /// Nothing is deployed.
    NoDeployments,
}

/// The pipeline without the failure that is asked about, in every world.
struct GoodRuns {
    /// Those in which nothing fails.
    good: Vec<SimulatedRun>,
    /// Those in which something fails by itself.
    failing: Vec<SimulatedRun>,
    /// All that is in any of the good ones.
    all: SimulatedRun,
    /// Whether there are more worlds.
    untried: bool,
}

impl GoodRuns {
    fn of(player: &FailureScript, pipeline: &Name) -> Result<Self, WhatIfError> {
        let play = |answers: &Answers| player.play(None, SimulationTiming::Even, answers);
        let (runs, untried) = worlds::explore(Answers::new(), worlds::MAX_WORLDS, play);
        let is_good = |run: &SimulatedRun| run.status == Some(Status::Succeeded);
        let (good, failing): (Vec<_>, Vec<_>) = runs.into_iter().partition(is_good);
        if good.is_empty() {
            let first = failing.into_iter().next().unwrap_or_default();
            return Err(WhatIfError::FailsAnyway(first.failure_cause(pipeline)));
        }
        let all = worlds::together(&good);
        Ok(Self {
            good,
            failing,
            all,
            untried,
        })
    }

    /// How many effects a play of a failure simulates, about.
    fn effort(&self) -> usize {
        self.all.efforts() * self.good.len()
    }

    /// What only the run knows.
    fn unknown(&self) -> Vec<UnknownPoint> {
        let failing = self.failing.iter().flat_map(|run| &run.open);
        let mut open = self.all.open.clone();
        for (tree, question) in failing {
            let known = open.entry(*tree);
            known.or_insert_with(|| question.clone());
        }
        let point = |question: OpenQuestion| UnknownPoint {
            node: question.node,
            kind: match question.kind {
                OpenQuestionKind::Condition => "condition",
                OpenQuestionKind::Cells => "cells",
                OpenQuestionKind::Deployment => "deployment",
            },
            alternatives: question.alternatives,
            span: question.span,
        };
        open.into_values().map(point).collect()
    }

    /// What follows if one of the places in a node fails.
    fn play(
        &self,
        player: &FailureScript,
        node: &NodePath,
        paces: &[SimulationTiming],
    ) -> PlayedNode {
        let mut outcomes: Vec<PlaceOutcome> = Vec::new();
        let (mut asked, mut is_even) = (false, true);
        let mut put = |place: &NodePath, played: &[SimulatedRun]| {
            asked |= played.iter().any(|played| played.asked);
            is_even &= played.iter().all(SimulatedRun::is_even);
            PlaceOutcome::of(&self.all, played, place).put_into(&mut outcomes);
        };
        for place in places(&self.all, node) {
            let with_place = self.good.iter().filter(|it| it.effects.contains_key(place));
            let played: Vec<SimulatedRun> = with_place
                .flat_map(|good| player.at_every_pace(node, place, good, paces))
                .collect();
            put(place, &played);
        }
        // A branch that fails by itself is a place, too.
        for failing in &self.failing {
            let place = failing.failure.as_ref().map(|failure| &failure.node);
            let Some(place) = place.filter(|place| is_in(place, node)) else {
                continue;
            };
            let answers = worlds::answers(failing);
            let played: Vec<SimulatedRun> = paces
                .iter()
                .map(|pace| player.play(None, *pace, &answers))
                .collect();
            put(place, &played);
        }
        PlayedNode {
            node: node.clone(),
            outcomes,
            asked,
            is_even,
        }
    }
}

/// What follows if a node fails: several, where it depends on the place in it.
struct PlayedNode {
    node: NodePath,
    outcomes: Vec<PlaceOutcome>,
    /// Whether a person was asked what to do.
    asked: bool,
    /// Whether no cell was treated otherwise than others for its place among them.
    is_even: bool,
}

impl PlayedNode {
    fn told(
        &self,
        planned: &PlannedNodes,
        node: &NodePath,
        renaming: Option<&Renaming<'_>>,
    ) -> Option<Vec<WhatIfOutcome>> {
        let outcomes = self.outcomes.iter();
        outcomes
            .map(|it| it.told(planned, node, renaming))
            .collect()
    }
}

/// Plays the failures of nodes, one for all that can take its place.
struct CasePlayer<'p> {
    player: &'p FailureScript,
    runs: &'p GoodRuns,
    symmetry: CellSymmetry,
    planned: PlannedNodes,
    paces: Vec<SimulationTiming>,
    /// What was played, by the node that stands for all like it.
    played: HashMap<NodeOrigin, PlayedNode>,
    /// How many effects have been simulated.
    simulated: usize,
    /// How many ends of deployments have been told.
    told: usize,
}

impl<'p> CasePlayer<'p> {
    fn new(
        player: &'p FailureScript,
        runs: &'p GoodRuns,
        symmetry: CellSymmetry,
        failing: &[NodePath],
    ) -> Self {
        let mut like = HashSet::new();
        let alone = failing.iter().filter(|node| match symmetry.like(node) {
            Some(origin) => like.insert(origin),
            None => true,
        });
        let once = alone.map(|node| places(&runs.all, node).len()).sum();
        Self {
            player,
            runs,
            planned: PlannedNodes::of(&runs.all),
            paces: paces(once, runs.effort()),
            symmetry,
            played: HashMap::new(),
            simulated: 0,
            told: 0,
        }
    }

    /// The case of a node, and whether a person was asked in it; nothing where it would take too
    /// long.
    fn case(&mut self, node: &NodePath) -> Option<(WhatIfCase, bool)> {
        if self.told > MAX_TOLD_ENDS {
            return None;
        }
        let (outcomes, asked) = match self.told_of_another(node) {
            Some(told) => told,
            None => self.played(node)?,
        };
        self.told += outcomes.len() * self.runs.all.deployments.len();
        let deployed = self.runs.all.deployments.get(node);
        let case = WhatIfCase {
            fails: node.clone(),
            kind: self.runs.all.kind(node),
            service: deployed.map(|deployed| deployed.service.clone()),
            target: deployed.map(|deployed| deployed.target.clone()),
            outcomes,
        };
        Some((case, asked))
    }

    /// What has been played of a node that can take the place of this one.
    fn told_of_another(&self, node: &NodePath) -> Option<(Vec<WhatIfOutcome>, bool)> {
        let played = self.played.get(&self.symmetry.like(node)?)?;
        let renaming = self.symmetry.renaming(&played.node, node)?;
        let told = played.told(&self.planned, node, Some(&renaming))?;
        Some((told, played.asked))
    }

    fn played(&mut self, node: &NodePath) -> Option<(Vec<WhatIfOutcome>, bool)> {
        let places = places(&self.runs.all, node).len();
        let is_first = self.simulated == 0;
        self.simulated += places * self.paces.len() * self.runs.effort();
        if self.simulated > MAX_SIMULATED_EFFECTS && !is_first {
            return None;
        }
        let played = self.runs.play(self.player, node, &self.paces);
        let told = played.told(&self.planned, node, None)?;
        let asked = played.asked;
        if let Some(like) = self.symmetry.like(node).filter(|_| played.is_even) {
            self.played.insert(like, played);
        }
        Some((told, asked))
    }
}

/// Simulates what is asked.
///
/// # Errors
///
/// [`WhatIfError`] where the pipeline fails by itself, or nothing is there that could fail so.
pub fn what_if(plan: Plan, ask: &WhatIfRequest) -> Result<WhatIfReport, WhatIfError> {
    let pipeline = plan.bound.pipeline().name.clone();
    let may_be_superseded = plan.tree.may_undo_what_was_given_back();
    let player = FailureScript::new(plan, ask.clone());
    let runs = GoodRuns::of(&player, &pipeline)?;
    let failing = match &ask.path {
        Some(path) => named(&runs.all, path)?,
        None => deployments(&runs.all)?,
    };
    let symmetry = match runs.failing.is_empty() {
        true => CellSymmetry::of(player.plan(), ask, &runs.all),
        false => CellSymmetry::default(),
    };
    let mut player = CasePlayer::new(&player, &runs, symmetry, &failing);
    let (mut cases, mut unlisted, mut chosen) = (Vec::new(), 0, false);
    for node in &failing {
        let Some((case, asked)) = player.case(node) else {
            unlisted += 1;
            continue;
        };
        chosen |= asked;
        cases.push(case);
    }
    Ok(WhatIfReport {
        version: VERSION,
        pipeline,
        class: ask.class,
        cases,
        unlisted,
        may_be_superseded,
        unknown: runs.unknown(),
        untried: runs.untried,
        chosen: chosen.then(|| ask.choice.as_str()),
    })
}

/// Every deployment that a run can come to, in the order of the plan.
fn deployments(good: &SimulatedRun) -> Result<Vec<NodePath>, WhatIfError> {
    let all = good
        .deployments
        .keys()
        .filter(|it| good.nodes.contains_key(*it));
    let all: Vec<NodePath> = all.cloned().collect();
    if all.is_empty() {
        return Err(WhatIfError::NoDeployments);
    }
    Ok(all)
}

/// The nodes that a path or pattern matches, but none inside another. A path may leave out
/// its beginning.
fn named(good: &SimulatedRun, path: &str) -> Result<Vec<NodePath>, WhatIfError> {
    let of = |pattern: &str| -> Vec<NodePath> {
        let pattern = PathPattern::new(pattern);
        let mut found: Vec<NodePath> = Vec::new();
        for node in good.nodes.keys().filter(|node| pattern.matches(node)) {
            if !found.iter().any(|above| is_in(node, above)) {
                found.push(node.clone());
            }
        }
        found.retain(|node| !places(good, node).is_empty());
        found
    };
    let mut found = of(path);
    if found.is_empty() {
        found = of(&format!("**/{path}"));
    }
    if found.is_empty() {
        let with_places = |node: &&NodePath| !places(good, node).is_empty();
        let near = good.nodes.keys().filter(with_places).cloned().collect();
        return Err(WhatIfError::NoSuchPath(near));
    }
    Ok(found)
}

/// What can fail at or in a node: its commands, actions and questions.
fn places<'g>(good: &'g SimulatedRun, node: &str) -> Vec<&'g NodePath> {
    let places = good.effects.keys();
    places.filter(|place| is_in(place, node)).collect()
}

/// How often each case is played: at every pace, unless that took too long for all these places.
fn paces(places: usize, effort: usize) -> Vec<SimulationTiming> {
    let mut paces = vec![
        SimulationTiming::Even,
        SimulationTiming::Late,
        SimulationTiming::Early,
    ];
    let once = places.saturating_mul(effort);
    for seed in 1..=5 {
        if once.saturating_mul(paces.len() + 1) > MAX_SIMULATED_EFFECTS {
            break;
        }
        paces.push(SimulationTiming::Random(seed));
    }
    paces
}

/// The end of a path that identifies a place in a node: `smoke-test` of `…/smoke-test/run`.
fn inside(place: &str, node: &str) -> String {
    let rest = match place == node {
        true => "",
        false => below(place, node).unwrap_or(place),
    };
    let parts: Vec<&str> = parts(rest).collect();
    match parts.as_slice() {
        [around @ .., last] if !around.is_empty() && COMMAND_WORDS.contains(last) => {
            around.join("/")
        }
        _ => rest.to_string(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_without_what_goes_without_saying() {
        let node = "p/deploy[a, b.c]";
        assert_eq!(inside("p/deploy[a, b.c]/verify/run", node), "verify");
        assert_eq!(inside("p/deploy[a, b.c]/run", node), "run");
        assert_eq!(inside("p/deploy[a, b.c]/run#2", node), "run#2");
        assert_eq!(inside(node, node), "");
    }
}
