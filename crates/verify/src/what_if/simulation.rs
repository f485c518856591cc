//! Simulates a plan in virtual time, once without a failure and then with one, and records what is
//! needed to compare the two.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{WhatIfRequest, worlds};
use crate::simulate::{EffectCourse, SimulationScript, StartedEffect, Trace, simulate};
use crate::testing::LentWorld;
use lockstep_base::node_path::{NodePath, is_in};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::node_origin::NodeOrigins;
use lockstep_engine::run_event::{DeploymentRecord, Failure, NodeKind, RunEventKind, Status};
use lockstep_engine::supposition::{Answers, OpenQuestion};
use lockstep_engine::{Answer, ApprovalAnswer, CommandRequest, EffectOutcome, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::command::Invocation;
use lockstep_plan::{MAX_COMMANDS, Plan, TreeId};

/// How long a command usually takes, in virtual milliseconds.
const COMMAND_DURATION_MS: i64 = 10;

/// How fast things go. What a failure leads to may depend on who was faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SimulationTiming {
    /// Everything takes the same time.
    Even,
    /// The failure comes after everything that does not wait for it.
    Late,
    /// What comes before the failure takes no time.
    Early,
    /// Everything takes some time or other.
    Random(u64),
}

/// What happened in one play.
#[derive(Debug, Default)]
pub(super) struct SimulatedRun {
    pub(super) status: Option<Status>,
    pub(super) ended_at: i64,
    /// The most commands and actions that ran at once.
    pub(super) width: usize,
    /// The nodes that started, with what they are; only where nothing is made to fail.
    pub(super) nodes: IndexMap<NodePath, NodeKind>,
    /// Where the nodes come from; only where nothing is made to fail.
    pub(super) origins: NodeOrigins,
    /// The commands, actions and questions, with what they are; only where nothing is made to
    /// fail.
    pub(super) effects: IndexMap<NodePath, FailureCandidate>,
    /// The deployments that were reported, as they ended.
    pub(super) deployments: IndexMap<NodePath, SimulatedDeployment>,
    /// The stages that were reported, as they ended.
    pub(super) stages: IndexMap<NodePath, Status>,
    /// What only the run knows and was supposed.
    pub(super) open: IndexMap<TreeId, OpenQuestion>,
    /// What a rollback passed over because it has no way back, and why it has none.
    pub(super) no_way_back: Vec<(NodePath, String)>,
    /// Why the run failed.
    pub(super) failure: Option<Failure>,
    /// Whether a failure handler asked a person.
    pub(super) asked: bool,
    /// Whether what was to fail did.
    pub(super) came: bool,
}

/// Something that reaches outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureCandidate {
    Work,
    Question,
}

/// A deployment as it ended.
#[derive(Debug, Clone)]
pub(super) struct SimulatedDeployment {
    pub(super) service: Name,
    pub(super) target: Name,
    pub(super) status: Status,
    pub(super) failure: Option<Failure>,
}

impl SimulatedRun {
    pub(super) fn efforts(&self) -> usize {
        self.effects.len().max(1)
    }

    /// Whether no cell was treated otherwise than others for its place among them: none waited
    /// with its start for the commands of others, and nothing went wrong in a rollback.
    pub(super) fn is_even(&self) -> bool {
        self.width < MAX_COMMANDS as usize && self.status != Some(Status::RollbackFailed)
    }

    pub(super) fn kind(&self, node: &NodePath) -> NodeKind {
        self.nodes.get(node).copied().unwrap_or(NodeKind::Run)
    }

    /// Why it did not succeed.
    pub(super) fn failure_cause(self, pipeline: &Name) -> Failure {
        self.failure.unwrap_or_else(|| Failure {
            class: FailureClass::Internal,
            message: String::from("it came to a deadlock"),
            node: pipeline.clone().into(),
            span: None,
            command: None,
        })
    }
}

/// What fails in a play.
pub(super) struct InjectedFailure<'p> {
    place: &'p NodePath,
    /// What the place is in.
    node: &'p str,
    /// When everything else is over.
    late: i64,
}

pub(super) struct FailureScript {
    plan: Arc<Plan>,
    ask: WhatIfRequest,
}

impl<'p> InjectedFailure<'p> {
    pub(super) fn new(place: &'p NodePath, node: &'p str, good: &SimulatedRun) -> Self {
        let late = good.ended_at + COMMAND_DURATION_MS;
        Self { place, node, late }
    }
}

impl FailureScript {
    pub(super) fn new(plan: Plan, ask: WhatIfRequest) -> Self {
        Self {
            plan: Arc::new(plan),
            ask,
        }
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Lets a place fail with every timing, in the world of a run without a failure and in those
    /// that the failure leads to. A simulation in which something else intervened, as a timeout
    /// may, is dropped; but at least one is always returned.
    pub(super) fn at_every_pace(
        &self,
        node: &str,
        place: &NodePath,
        good: &SimulatedRun,
        paces: &[SimulationTiming],
    ) -> Vec<SimulatedRun> {
        let failing = InjectedFailure::new(place, node, good);
        let of_pace = |pace: &SimulationTiming| {
            let start = worlds::answers(good);
            let play = |answers: &Answers| self.play(Some(&failing), *pace, answers);
            worlds::explore(start, worlds::MAX_WORLDS_OF_A_FAILURE, play).0
        };
        let mut played: Vec<SimulatedRun> = paces.iter().flat_map(of_pace).collect();
        if played.iter().any(|played| played.came) {
            played.retain(|played| played.came);
        } else {
            played.truncate(1);
        }
        played
    }

    pub(super) fn play(
        &self,
        failing: Option<&InjectedFailure<'_>>,
        pace: SimulationTiming,
        answers: &Answers,
    ) -> SimulatedRun {
        self.play_in(failing, pace, answers, &mut |stage, seed| {
            simulate(&self.plan, seed, stage)
        })
    }

    /// The same, where `run` lets the plan run on the stage.
    pub(super) fn play_in(
        &self,
        failing: Option<&InjectedFailure<'_>>,
        pace: SimulationTiming,
        answers: &Answers,
        run: &mut dyn FnMut(&mut SimulatedStage<'_>, u64) -> Trace,
    ) -> SimulatedRun {
        let seed = match pace {
            SimulationTiming::Random(seed) => seed,
            SimulationTiming::Even | SimulationTiming::Late | SimulationTiming::Early => 0,
        };
        let mut stage = SimulatedStage {
            ask: &self.ask,
            failing,
            pace,
            answers,
            lent: self.ask.lent.as_ref().map(|lent| lent.world(&self.plan)),
            acted: false,
            times: HashMap::new(),
            played: SimulatedRun::default(),
        };
        let trace = run(&mut stage, seed);
        SimulatedRun {
            status: trace.status,
            ended_at: trace.ended_at,
            width: trace.width,
            origins: trace.origins,
            open: trace.open_questions,
            ..stage.played
        }
    }
}

/// The world of a play.
pub(super) struct SimulatedStage<'p> {
    ask: &'p WhatIfRequest,
    failing: Option<&'p InjectedFailure<'p>>,
    pace: SimulationTiming,
    answers: &'p Answers,
    /// What the `given`s of a test say.
    lent: Option<LentWorld>,
    /// Whether something has been changed: what a query answers after that, only the run knows.
    acted: bool,
    /// How long commands take at a random pace.
    times: HashMap<NodePath, i64>,
    played: SimulatedRun,
}

impl SimulatedStage<'_> {
    fn fails(&self, node: &str) -> bool {
        let failing = self.failing;
        failing.is_some_and(|failing| **failing.place == *node)
    }

    fn takes(&mut self, node: &NodePath) -> i64 {
        match (self.pace, self.failing) {
            (SimulationTiming::Late, Some(failing)) if failing.place == node => failing.late,
            (SimulationTiming::Early, Some(failing)) if is_in(node, failing.node) => 0,
            (SimulationTiming::Random(seed), _) => {
                let next = self.times.len() as u64;
                let chance = |number: u64| {
                    let mixed = (number ^ (seed << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    ((mixed >> 33) % 100) as i64
                };
                let time = self.times.entry(node.clone());
                *time.or_insert_with(|| chance(next + 1))
            }
            _ => COMMAND_DURATION_MS,
        }
    }
}

impl SimulatedStage<'_> {
    /// How a command goes, or a call of an action of the host.
    fn course_of(
        &mut self,
        started: &StartedEffect,
        command: Option<&CommandRequest>,
    ) -> EffectCourse {
        let query = command.filter(|command| command.askable && !self.acted);
        self.acted |= !command.is_some_and(|command| command.query);
        let node = &started.node;
        self.note_effect(node, FailureCandidate::Work);
        let takes = self.takes(node);
        if !self.fails(node) {
            let lent = self.lent.as_mut();
            let lent = lent.and_then(|lent| lent.outcome(started, command));
            let asked = || self.ask.queries.as_ref()?.answer(query?);
            let outcome = lent.or_else(asked);
            let unknown = || EffectOutcome::good(Value::Unknown);
            return EffectCourse::new(takes, outcome.unwrap_or_else(unknown));
        }
        let is_transfer =
            command.is_some_and(|command| matches!(command.invocation, Invocation::Transfer(_)));
        let mut class = self.ask.class;
        if class == FailureClass::Exit {
            if !is_transfer {
                return EffectCourse::exit(takes, 1);
            }
            // It has no exit code.
            class = FailureClass::Failed;
        }
        EffectCourse::new(takes, EffectOutcome::failed(class, "as was asked"))
    }
}

impl SimulationScript for SimulatedStage<'_> {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        self.course_of(started, None)
    }

    fn command(&mut self, started: &StartedEffect, command: &CommandRequest) -> EffectCourse {
        self.course_of(started, Some(command))
    }

    fn action(&mut self, started: &StartedEffect, _: &[Value]) -> EffectCourse {
        self.course_of(started, None)
    }

    fn records_origins(&self) -> bool {
        self.failing.is_none()
    }

    fn supposes(&self) -> Option<Answers> {
        Some(self.answers.clone())
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        if matches!(question, Question::Failed { .. }) {
            self.played.asked = true;
            return Some((0, self.ask.choice.into()));
        }
        self.note_effect(node, FailureCandidate::Question);
        let answer = match self.fails(node) {
            true => ApprovalAnswer::No(String::new()),
            false => ApprovalAnswer::Yes,
        };
        Some((self.takes(node), answer.into()))
    }

    fn observe(&mut self, _at: i64, happened: &RunEventKind) -> bool {
        match happened {
            RunEventKind::NodeStarted { node, kind, .. }
            | RunEventKind::NodeWaiting { node, kind, .. } => {
                if self.failing.is_none() {
                    self.played.nodes.entry(node.clone()).or_insert(*kind);
                }
            }
            RunEventKind::NodeFinished {
                node,
                kind,
                status,
                failure,
                deployment,
            } => {
                if self.fails(node) && failure.is_some() && *status != Status::Cancelled {
                    self.played.came = true;
                }
                if *kind == NodeKind::Stage {
                    self.played.stages.insert(node.clone(), *status);
                }
                if let Some(deployment) = deployment {
                    self.deployed(node, deployment, *status, failure.as_ref());
                }
            }
            RunEventKind::NoWayBack { node, reason } => {
                let entry = (node.clone(), reason.clone());
                self.played.no_way_back.push(entry);
            }
            RunEventKind::RunFinished { failure, .. } => self.played.failure.clone_from(failure),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeOutput { .. } => {}
        }
        false
    }
}

impl SimulatedStage<'_> {
    fn note_effect(&mut self, node: &NodePath, candidate: FailureCandidate) {
        if self.failing.is_none() {
            self.played.effects.insert(node.clone(), candidate);
        }
    }

    fn deployed(
        &mut self,
        node: &NodePath,
        deployment: &DeploymentRecord,
        status: Status,
        failure: Option<&Failure>,
    ) {
        let known = self.played.deployments.entry(node.clone());
        let deployed = known.or_insert_with(|| SimulatedDeployment {
            service: deployment.service.clone(),
            target: deployment.target.clone(),
            status,
            failure: None,
        });
        deployed.status = status;
        // The failure that it rolled back for is reported when that begins.
        deployed.failure = failure.cloned().or(deployed.failure.take());
    }
}
