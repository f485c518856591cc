//! Simulates a plan in virtual time, once without a failure and then with one, and records what is
//! needed to compare the two.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Ask, is_in};
use crate::simulate::{Course, Script, Started, simulate};
use lockstep_base::source::Name;
use lockstep_engine::notice::{Deployment, Failure, Happened, NodeKind, Status};
use lockstep_engine::{Answer, Outcome, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Plan;

/// How long a command usually takes, in virtual milliseconds.
const USUAL: i64 = 10;

/// How fast things go. What a failure leads to may depend on who was faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
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
pub(super) struct Played {
    pub(super) status: Option<Status>,
    pub(super) ended_at: i64,
    /// The nodes that started, with what they are.
    pub(super) nodes: IndexMap<Name, NodeKind>,
    /// The commands, actions and questions, with what they are.
    pub(super) effects: IndexMap<Name, Effort>,
    /// The deployments that were reported, as they ended.
    pub(super) deployments: IndexMap<Name, Deployed>,
    /// The stages that were reported, as they ended.
    pub(super) stages: IndexMap<Name, Status>,
    /// Why the run failed.
    failure: Option<Failure>,
    /// Whether a failure handler asked a person.
    pub(super) asked: bool,
    /// Whether what was to fail did.
    pub(super) came: bool,
}

/// Something that reaches outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    Work,
    Question,
}

/// A deployment as it ended.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    pub(super) service: Name,
    pub(super) target: Name,
    pub(super) status: Status,
    pub(super) failure: Option<Failure>,
}

impl Played {
    pub(super) fn efforts(&self) -> usize {
        self.effects.len().max(1)
    }

    pub(super) fn kind(&self, node: &Name) -> NodeKind {
        self.nodes.get(node).copied().unwrap_or(NodeKind::Run)
    }

    /// Why it did not succeed.
    pub(super) fn why(self, pipeline: &Name) -> Failure {
        self.failure.unwrap_or_else(|| Failure {
            class: FailureClass::Internal,
            message: String::from("it came to a standstill"),
            node: pipeline.clone(),
            span: None,
        })
    }
}

/// What fails in a play.
pub(super) struct Failing<'p> {
    place: &'p Name,
    /// What the place is in.
    node: &'p str,
    /// When everything else is over.
    late: i64,
}

pub(super) struct Player {
    plan: Arc<Plan>,
    ask: Ask,
}

impl Player {
    pub(super) fn new(plan: Plan, ask: Ask) -> Self {
        Self {
            plan: Arc::new(plan),
            ask,
        }
    }

    /// Lets a place fail with every timing. A simulation in which something else intervened, as a
    /// timeout may, is dropped; but at least one is always returned.
    pub(super) fn at_every_pace(
        &self,
        node: &str,
        place: &Name,
        good: &Played,
        paces: &[Pace],
    ) -> Vec<Played> {
        let late = good.ended_at + USUAL;
        let failing = Failing { place, node, late };
        let mut played: Vec<Played> = paces
            .iter()
            .map(|pace| self.play(Some(&failing), *pace))
            .collect();
        if played.iter().any(|played| played.came) {
            played.retain(|played| played.came);
        } else {
            played.truncate(1);
        }
        played
    }

    pub(super) fn play(&self, failing: Option<&Failing<'_>>, pace: Pace) -> Played {
        let seed = match pace {
            Pace::Random(seed) => seed,
            Pace::Even | Pace::Late | Pace::Early => 0,
        };
        let mut stage = Stage {
            ask: &self.ask,
            failing,
            pace,
            times: HashMap::new(),
            played: Played::default(),
        };
        let trace = simulate(&self.plan, seed, &mut stage);
        Played {
            status: trace.status,
            ended_at: trace.ended_at,
            ..stage.played
        }
    }
}

struct Stage<'p> {
    ask: &'p Ask,
    failing: Option<&'p Failing<'p>>,
    pace: Pace,
    /// How long commands take at a random pace.
    times: HashMap<Name, i64>,
    played: Played,
}

impl Stage<'_> {
    fn fails(&self, node: &str) -> bool {
        let failing = self.failing;
        failing.is_some_and(|failing| **failing.place == *node)
    }

    fn takes(&mut self, node: &Name) -> i64 {
        match (self.pace, self.failing) {
            (Pace::Late, Some(failing)) if failing.place == node => failing.late,
            (Pace::Early, Some(failing)) if is_in(node, failing.node) => 0,
            (Pace::Random(seed), _) => {
                let next = self.times.len() as u64;
                let chance = |number: u64| {
                    let mixed = (number ^ (seed << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    ((mixed >> 33) % 100) as i64
                };
                let time = self.times.entry(node.clone());
                *time.or_insert_with(|| chance(next + 1))
            }
            _ => USUAL,
        }
    }
}

impl Script for Stage<'_> {
    fn course(&mut self, started: &Started) -> Course {
        let node = &started.node;
        self.played.effects.insert(node.clone(), Effort::Work);
        let takes = self.takes(node);
        if !self.fails(node) {
            return Course::good(takes);
        }
        if self.ask.class == FailureClass::Exit {
            return Course::exit(takes, 1);
        }
        let message = "as was asked";
        Course::new(takes, Outcome::failed(self.ask.class, message))
    }

    fn answer(&mut self, node: &Name, question: &Question) -> Option<(i64, Answer)> {
        if matches!(question, Question::Failed { .. }) {
            self.played.asked = true;
            return Some((0, self.ask.choice.clone()));
        }
        self.played.effects.insert(node.clone(), Effort::Question);
        let answer = match self.fails(node) {
            true => Answer::No(String::new()),
            false => Answer::Yes,
        };
        Some((self.takes(node), answer))
    }

    fn hear(&mut self, _at: i64, happened: &Happened) -> bool {
        match happened {
            Happened::NodeStarted { node, kind, .. } | Happened::NodeWaiting { node, kind, .. } => {
                self.played.nodes.entry(node.clone()).or_insert(*kind);
            }
            Happened::NodeFinished {
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
            Happened::RunFinished { failure, .. } => self.played.failure.clone_from(failure),
            Happened::RunStarted { .. } | Happened::NodeOutput { .. } => {}
        }
        false
    }
}

impl Stage<'_> {
    fn deployed(
        &mut self,
        node: &Name,
        deployment: &Deployment,
        status: Status,
        failure: Option<&Failure>,
    ) {
        let known = self.played.deployments.entry(node.clone());
        let deployed = known.or_insert_with(|| Deployed {
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
