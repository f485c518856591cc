//! Cells that can change places: over random pipelines, what one is told of another is what the
//! machine does with it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::run_event::{Failure, RunEventKind, Status};
use lockstep_engine::supposition::Answers;
use lockstep_engine::{Answer, CommandRequest, Question};
use lockstep_lang::compile::compile;
use lockstep_plan::{Plan, RunRequest, bind};

use super::super::simulation::{
    FailureScript, InjectedFailure, SimulatedRun, SimulatedStage, SimulationTiming,
};
use super::super::{
    GoodRuns, PlaceOutcome, PlannedNodes, WhatIfRequest, deployments, places, worlds,
};
use super::generate::program;
use super::{CellSymmetry, Renaming};
use crate::simulate::{EffectCourse, SimulationScript, StartedEffect, simulate};

/// How many programs are played.
const PROGRAMS: u64 = 80;

/// How many orders of everything are tried of each failure.
const SCHEDULES: u64 = 3;

struct One<'t>(&'t str);

impl Files for One<'_> {
    fn read(&self, _: &str) -> Result<String, FileError> {
        Ok(self.0.to_string())
    }
}

impl EnvironmentVariables for One<'_> {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// The plan of a program; nothing where it is refused.
pub(in super::super) fn plan(text: &str) -> Result<Plan, String> {
    let compiled = compile(&One(text), "case.deploy");
    let program = compiled
        .program
        .ok_or_else(|| format!("{:?}", compiled.diagnostics))?;
    let bound = bind(&program, &RunRequest::default(), &One(""), &One(""));
    bound.and_then(Plan::new).map_err(|all| format!("{all:?}"))
}

/// Takes and orders everything by its name alone: by the name that it has elsewhere, where cells
/// have changed places.
struct ByName<'r, S> {
    inner: S,
    seed: u64,
    renaming: Option<&'r Renaming<'r>>,
}

impl<S> ByName<'_, S> {
    fn chance(&self, node: &NodePath) -> u64 {
        let renamed = self.renaming.and_then(|renaming| renaming.path(node));
        let mut hasher = DefaultHasher::new();
        (self.seed, renamed.as_ref().unwrap_or(node)).hash(&mut hasher);
        hasher.finish()
    }

    fn timed(&self, node: &NodePath, course: EffectCourse) -> EffectCourse {
        let chance = self.chance(node);
        EffectCourse {
            takes_ms: (chance % 4) as i64 * 10,
            // Who has been stopped first may be told from who follows, and the end of a stop has
            // no rank.
            stops_ms: ((chance >> 2) % 10_000) as i64,
            ..course
        }
    }
}

impl SimulationScript for ByName<'_, &mut SimulatedStage<'_>> {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        let course = self.inner.course(started);
        self.timed(&started.node, course)
    }

    fn command(&mut self, started: &StartedEffect, command: &CommandRequest) -> EffectCourse {
        let course = self.inner.command(started, command);
        self.timed(&started.node, course)
    }

    fn action(&mut self, started: &StartedEffect, args: &[Value]) -> EffectCourse {
        let course = self.inner.action(started, args);
        self.timed(&started.node, course)
    }

    fn rank(&mut self, node: Option<&NodePath>) -> Option<u64> {
        Some(node.map_or(0, |node| self.chance(node)))
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let (_, answer) = self.inner.answer(node, question)?;
        Some(((self.chance(node) % 4) as i64 * 10, answer))
    }

    fn observe(&mut self, at: i64, happened: &RunEventKind) -> bool {
        self.inner.observe(at, happened)
    }

    fn supposes(&self) -> Option<Answers> {
        self.inner.supposes()
    }
}

/// What a report says of a play.
#[derive(Debug, PartialEq)]
struct Told {
    status: Option<Status>,
    stages: Vec<Option<Status>>,
    deployments: Vec<Option<(Status, Option<Failure>)>>,
    no_way_back: Vec<(NodePath, String)>,
    asked: bool,
    came: bool,
}

/// The play as it is, or as it is told of the cells that have changed places; nothing where
/// something has no name there.
fn told(all: &SimulatedRun, play: &SimulatedRun, renaming: Option<&Renaming<'_>>) -> Option<Told> {
    let stage = |at: usize| {
        let at = renaming.map_or(at, |it| it.stage(at));
        let (stage, _) = all.stages.get_index(at)?;
        play.stages.get(stage).copied()
    };
    let mut deployments = Vec::new();
    for at in 0..all.deployments.len() {
        let at = renaming.map_or(at, |it| it.deployment(at));
        let (node, _) = all.deployments.get_index(at)?;
        let end = match play.deployments.get(node) {
            Some(played) => {
                let failure = match (&played.failure, renaming) {
                    (Some(failure), Some(renaming)) => Some(renaming.failure(failure)?),
                    (failure, _) => failure.clone(),
                };
                Some((played.status, failure))
            }
            None => None,
        };
        // What was never reported has never started.
        deployments.push(end.filter(|end| end.0 != Status::Skipped));
    }
    let mut no_way_back = Vec::new();
    for (node, reason) in &play.no_way_back {
        let node = match renaming {
            Some(renaming) => renaming.path(node)?,
            None => node.clone(),
        };
        no_way_back.push((node, reason.clone()));
    }
    no_way_back.sort();
    Some(Told {
        status: play.status,
        stages: (0..all.stages.len()).map(stage).collect(),
        deployments,
        no_way_back,
        asked: play.asked,
        came: play.came,
    })
}

/// How much was compared.
#[derive(Debug, Default)]
struct Compared {
    programs: usize,
    plays: usize,
    /// Places whose plays treat cells by their place, or name what has no name elsewhere.
    uneven: usize,
    nameless: usize,
}

impl Compared {
    fn program(&mut self, seed: u64) {
        let text = program(seed);
        let Ok(plan) = plan(&text) else {
            return;
        };
        let ask = WhatIfRequest::default();
        let pipeline = Name::from("p");
        let player = FailureScript::new(plan, ask.clone());
        let Ok(runs) = GoodRuns::of(&player, &pipeline) else {
            return;
        };
        if !runs.failing.is_empty() {
            return;
        }
        let symmetry = CellSymmetry::of(player.plan(), &ask, &runs.all);
        let Ok(failing) = deployments(&runs.all) else {
            return;
        };
        let before = self.plays;
        for (at, node) in failing.iter().enumerate() {
            let like = symmetry.like(node);
            let first = failing[..at].iter().find(|it| symmetry.like(it) == like);
            if let (Some(first), Some(_)) = (first, &like) {
                self.pair(&player, &runs, (first, node), &symmetry, &text);
            }
        }
        self.programs += usize::from(self.plays > before);
    }

    fn pair(
        &mut self,
        player: &FailureScript,
        runs: &GoodRuns,
        (first, node): (&NodePath, &NodePath),
        symmetry: &CellSymmetry,
        text: &str,
    ) {
        let renaming = symmetry.renaming(first, node).expect("both are known");
        for place in places(&runs.all, first) {
            let other = renaming.path(place).expect("it is in the good run");
            let (mut there, mut here) = (Vec::new(), Vec::new());
            for good in runs.good.iter().filter(|it| it.effects.contains_key(place)) {
                assert!(good.effects.contains_key(&other), "{place} {other}\n{text}");
                for seed in 0..SCHEDULES {
                    let play = |place, node: &NodePath, renaming| {
                        let failing = InjectedFailure::new(place, node, good);
                        play_by_name(player, &failing, good, (seed, renaming))
                    };
                    there.push(play(place, first, None));
                    here.push(play(&other, node, Some(&renaming)));
                }
            }
            if !there.iter().all(SimulatedRun::is_even) {
                self.uneven += 1;
                continue;
            }
            for (there, here) in there.iter().zip(&here) {
                let Some(told) = told(&runs.all, there, Some(&renaming)) else {
                    continue;
                };
                self.plays += 1;
                let here = self::told(&runs.all, here, None).expect("all have their names");
                assert_eq!(told, here, "{place} for {other}\n{text}");
            }
            let planned = PlannedNodes::of(&runs.all);
            let there = PlaceOutcome::of(&runs.all, &there, place);
            let Some(told) = there.told(&planned, node, Some(&renaming)) else {
                self.nameless += 1;
                continue;
            };
            let here = PlaceOutcome::of(&runs.all, &here, &other).told(&planned, node, None);
            assert_eq!(Some(told), here, "{place} for {other}\n{text}");
        }
    }
}

fn play_by_name(
    player: &FailureScript,
    failing: &InjectedFailure<'_>,
    good: &SimulatedRun,
    (seed, renaming): (u64, Option<&Renaming<'_>>),
) -> SimulatedRun {
    let answers = worlds::answers(good);
    let pace = SimulationTiming::Even;
    player.play_in(Some(failing), pace, &answers, &mut |inner, _| {
        let mut script = ByName {
            inner,
            seed,
            renaming,
        };
        simulate(player.plan(), 0, &mut script)
    })
}

#[test]
fn what_is_told_of_another_cell_is_what_the_machine_does_there() {
    let mut compared = Compared::default();
    for seed in 1..=PROGRAMS {
        compared.program(seed);
    }
    assert!(compared.programs > 20, "{compared:?}");
    assert!(compared.plays > 600, "{compared:?}");
}
