//! The simulated world of a test: every effect succeeds at once unless a `given` says otherwise.

use std::sync::Arc;

use indexmap::IndexSet;

use crate::conformance::{ConformanceCheck, Violation};
use crate::simulate::{EffectCourse, SimulationScript, StartedEffect};
use lockstep_base::node_path::{NodePath, PathPart, last};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{RunEventKind, Status};
use lockstep_engine::{Answer, ApprovalAnswer, CommandRequest, EffectOutcome, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::command::{Invocation, transfer_type};
use lockstep_plan::Plan;

use super::given::{GivenEffect, GivenRule, GivenTarget};
use super::nodes::{TestNodes, node_of};
use super::outcome::{self, GivenError};
use super::schedules::{ScheduleChoices, ScheduleMode};

/// A run with more events than this is assumed to run for ever.
const MAX_EVENTS_PER_RUN: u64 = 1_000_000;

/// The maximum number of different commands that are remembered for messages.
const MAX_REMEMBERED_COMMANDS: usize = 200;

/// How a rule has been used.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleUse {
    /// It stood for a command, an action or a question.
    pub(super) fits: bool,
    /// It stood for a node of this path, which is nothing of the kind.
    pub(super) node: Option<NodePath>,
    /// Why its value does not fit what it stood for.
    pub(super) wrong: Option<GivenError>,
}

/// The simulated world.
pub(super) struct TestWorld {
    plan: Arc<Plan>,
    pub(super) rules: Vec<GivenRule>,
    pub(super) uses: Vec<RuleUse>,
    pub(super) nodes: TestNodes,
    /// The texts of the commands that were started.
    pub(super) commands: IndexSet<String>,
    pub(super) choices: ScheduleChoices,
    chooses: bool,
    /// Decides which parts of the plan are ahead of others, where it does.
    upcoming: Option<u64>,
    /// Whether all reported events are to be recorded.
    pub(super) keeps: bool,
    /// How the run ended.
    pub(super) status: Option<Status>,
    /// How many events there were in the present run.
    pub(super) events: u64,
    /// The questions that were not answered in the current run.
    pub(super) unanswered: Vec<UnansweredQuestion>,
    audit: ConformanceCheck,
    /// In what a run has not followed its plan, if one has not.
    pub(super) unexpected: Option<Violation>,
}

/// A question that nothing answers.
pub(super) struct UnansweredQuestion {
    /// The node that asks.
    pub(super) node: NodePath,
    /// What it asks.
    pub(super) question: Question,
}

impl UnansweredQuestion {
    fn new(node: &NodePath, question: &Question) -> Self {
        let (node, question) = (node.clone(), question.clone());
        Self { node, question }
    }
}

impl TestWorld {
    pub(super) fn new(plan: Arc<Plan>, rules: Vec<GivenRule>, patterns: Vec<PathPattern>) -> Self {
        Self {
            audit: ConformanceCheck::new(plan.clone()),
            unexpected: None,
            plan,
            uses: vec![RuleUse::default(); rules.len()],
            rules,
            nodes: TestNodes::new(patterns),
            commands: IndexSet::new(),
            choices: ScheduleChoices::default(),
            chooses: false,
            upcoming: None,
            keeps: false,
            status: None,
            events: 0,
            unanswered: Vec::new(),
        }
    }

    /// A run begins, under this schedule.
    pub(super) fn begin(&mut self, way: &ScheduleMode) {
        self.nodes.begin();
        self.audit = self.audit.for_next_run();
        (self.status, self.events) = (None, 0);
        self.unanswered.clear();
        self.chooses = false;
        self.upcoming = None;
        match way {
            ScheduleMode::Seed(seed) => self.upcoming = (seed % 2 == 1).then_some(*seed),
            ScheduleMode::Choices(_, choices) => {
                self.chooses = true;
                self.choices.begin(choices);
            }
        }
    }

    /// Whether the run was stopped because it did not end.
    pub(super) fn is_endless(&self) -> bool {
        self.events >= MAX_EVENTS_PER_RUN
    }

    /// The rules that match a command or action, the last one first.
    fn rules_for(&mut self, started: &StartedEffect, command: bool) -> Vec<usize> {
        let id = self.nodes.id(&started.node, &self.rules);
        let Some(node) = self.nodes.get(id) else {
            return Vec::new();
        };
        let mut found: Vec<usize> = node.rules.iter().chain(&node.within).copied().collect();
        if command {
            let texts = self.rules.iter().enumerate().filter(|(_, rule)| {
                matches!(&rule.what, GivenTarget::Command(glob) if glob.matches(&started.text))
            });
            found.extend(texts.map(|(at, _)| at));
        }
        found.sort_unstable();
        found.reverse();
        found
    }

    /// The type of the result of an action.
    pub(super) fn result_of(&self, started: &StartedEffect) -> Type {
        let mut actions = self.plan.bound.program.actions.iter();
        let action = actions.find(|action| *action.name == started.text);
        action.map_or(Type::Any, |it| it.result.clone())
    }

    /// How a command ends, or a call of an action with this type of result, where a `given` says
    /// so.
    pub(super) fn given_outcome(
        &mut self,
        started: &StartedEffect,
        result: Option<&Type>,
    ) -> Option<EffectOutcome> {
        let found = self.rules_for(started, result.is_none());
        let mut chosen = None;
        for at in found {
            let (Some(rule), Some(used)) = (self.rules.get(at), self.uses.get_mut(at)) else {
                continue;
            };
            let outcome = match (&rule.then, result) {
                (GivenEffect::Refused | GivenEffect::Approved(_), _) => continue,
                (GivenEffect::Fails(class), None) => Ok(outcome::command_fails(*class)),
                (GivenEffect::Fails(class), Some(_)) => Ok(outcome::action_fails(*class)),
                (GivenEffect::Returns(value), None) => outcome::command_returns(value),
                (GivenEffect::Returns(value), Some(ty)) => {
                    outcome::action_returns(value, ty, &self.plan)
                }
            };
            match outcome {
                Ok(outcome) => {
                    used.fits = true;
                    chosen.get_or_insert(outcome);
                }
                Err(why) => used.wrong = Some(why),
            }
        }
        chosen
    }

    /// How a command goes, or a call of an action with this type of result.
    fn course_of(&mut self, started: &StartedEffect, result: Option<&Type>) -> EffectCourse {
        let given = self.given_outcome(started, result);
        let outcome = given.unwrap_or_else(|| match result {
            None => outcome::command_succeeds(),
            Some(ty) => outcome::action_succeeds(&started.text, ty),
        });
        EffectCourse::new(0, outcome)
    }
}

/// The type of what a transfer gives. Its text is not that of a command: `given run` does not reach
/// it.
pub(super) fn result_of_command(command: &CommandRequest) -> Option<Type> {
    match command.invocation {
        Invocation::Transfer(_) => Some(transfer_type()),
        Invocation::Direct(_) | Invocation::Shell { .. } => None,
    }
}

impl SimulationScript for TestWorld {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        if self.commands.len() < MAX_REMEMBERED_COMMANDS && !self.commands.contains(&started.text) {
            self.commands.insert(started.text.clone());
        }
        self.course_of(started, None)
    }

    fn command(&mut self, started: &StartedEffect, command: &CommandRequest) -> EffectCourse {
        match result_of_command(command) {
            Some(result) => self.course_of(started, Some(&result)),
            None => self.course(started),
        }
    }

    fn action(&mut self, started: &StartedEffect, _: &[Value]) -> EffectCourse {
        let result = self.result_of(started);
        self.course_of(started, Some(&result))
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let id = self.nodes.id(node, &self.rules);
        let rules = self.nodes.get(id).map(|node| node.rules.clone());
        let approves = matches!(question, Question::Approve(_));
        for at in rules.unwrap_or_default().into_iter().rev() {
            let (Some(rule), Some(used)) = (self.rules.get(at), self.uses.get_mut(at)) else {
                continue;
            };
            let answer = match &rule.then {
                GivenEffect::Returns(value) => outcome::answer(value, approves),
                GivenEffect::Refused if approves => {
                    Ok(Some(ApprovalAnswer::No(String::new()).into()))
                }
                GivenEffect::Fails(class) if approves => outcome::unanswered(*class),
                GivenEffect::Approved(None) if approves => Ok(Some(ApprovalAnswer::Yes.into())),
                GivenEffect::Approved(Some(people)) if approves => {
                    Ok(next_of(people, question).map(|_| ApprovalAnswer::Yes.into()))
                }
                GivenEffect::Refused => Err(GivenError::NotRefusable),
                GivenEffect::Approved(_) => Err(GivenError::NotApprovable),
                GivenEffect::Fails(_) => continue,
            };
            match answer {
                Ok(answer) => {
                    used.fits = true;
                    if answer.is_none() {
                        self.unanswered
                            .push(UnansweredQuestion::new(node, question));
                    }
                    return answer.map(|answer| (0, answer));
                }
                Err(why) => used.wrong = Some(why),
            }
        }
        if approves {
            return Some((0, ApprovalAnswer::Yes.into()));
        }
        self.unanswered
            .push(UnansweredQuestion::new(node, question));
        None
    }

    fn respondent(&mut self, node: &NodePath, question: &Question) -> Option<Name> {
        let id = self.nodes.id(node, &self.rules);
        let rules = self.nodes.get(id).map(|node| node.rules.as_slice());
        let last = rules.unwrap_or_default().last();
        let GivenEffect::Approved(Some(people)) = &self.rules.get(*last?)?.then else {
            return None;
        };
        next_of(people, question).cloned()
    }

    fn grants(&mut self, node: &NodePath) -> bool {
        let id = self.nodes.id(node, &self.rules);
        let rules = self.nodes.get(id).map(|node| node.rules.as_slice());
        let is_lock = |path: &str| {
            let part = PathPart::read(last(path));
            part.name == "lock" && !part.values.is_empty()
        };
        let mut granted = true;
        for at in rules.unwrap_or_default() {
            let then = self.rules.get(*at).map(|rule| &rule.then);
            let timeout = GivenEffect::Fails(Some(FailureClass::Timeout));
            if then == Some(&timeout) && is_lock(node) {
                granted = false;
                if let Some(used) = self.uses.get_mut(*at) {
                    used.fits = true;
                }
            }
        }
        granted
    }

    fn choose(&mut self, of: usize) -> usize {
        self.choices.next(of)
    }

    fn chooses(&self) -> bool {
        self.chooses
    }

    fn rank(&mut self, node: Option<&NodePath>) -> Option<u64> {
        Some(rank(node?, self.upcoming?))
    }

    fn continues(&mut self) -> bool {
        self.events += 1;
        !self.is_endless()
    }

    fn observe(&mut self, _: i64, happened: &RunEventKind) -> bool {
        if let Some(stray) = self.audit.first_violation(happened) {
            self.unexpected.get_or_insert(stray);
        }
        if let Some(node) = node_of(happened) {
            let id = self.nodes.id(node, &self.rules);
            self.nodes.observe(id, happened);
            let rules = self.nodes.get(id).map(|node| node.rules.as_slice());
            for at in rules.unwrap_or_default() {
                // What is left out does not come to it.
                let skipped = is_skipped(happened);
                if let Some(used) = self.uses.get_mut(*at).filter(|_| !skipped) {
                    used.node.get_or_insert_with(|| node.clone());
                }
            }
        } else if let RunEventKind::RunFinished { status, .. } = happened {
            self.status = Some(*status);
        }
        self.keeps
    }
}

fn is_skipped(happened: &RunEventKind) -> bool {
    matches!(
        happened,
        RunEventKind::NodeFinished {
            status: Status::Skipped,
            ..
        }
    )
}

/// The first of these people whose yes still counts.
fn next_of<'p>(people: &'p [Name], question: &Question) -> Option<&'p Name> {
    let Question::Approve(request) = question else {
        return None;
    };
    people.iter().find(|who| request.objection(who).is_none())
}

/// Puts whole parts of the plan ahead of others: what stands in the same part of a block has the
/// same place among the parts of that block. Every path segment gives six bits, the outer ones
/// the higher ones.
fn rank(path: &str, seed: u64) -> u64 {
    let mut hash = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let (mut rank, mut room) = (0_u64, 60_u32);
    // The first segment is the pipeline's own.
    for byte in path.bytes().chain([b'/']) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        if byte == b'/' {
            let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 58;
            if room == 0 {
                break;
            }
            room -= 6;
            rank |= mixed << room;
        }
    }
    rank
}
