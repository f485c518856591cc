//! The worlds in which a pipeline may run: what only the run knows is supposed to be one thing in
//! one of them, and something else in another.

use std::collections::VecDeque;

use super::simulation::SimulatedRun;
use lockstep_base::source::Name;
use lockstep_base::value::text::UNKNOWN_MARK;
use lockstep_engine::supposition::Answers;

/// The most worlds in which a pipeline is simulated without a failure.
pub(super) const MAX_WORLDS: usize = 32;

/// The most worlds that a failure is simulated in, of those that only it leads to.
pub(super) const MAX_WORLDS_OF_A_FAILURE: usize = 4;

/// Simulates every world, those first in which most questions have their first answer. Returns the
/// runs, and whether there are more worlds than `max`.
pub(super) fn explore(
    start: Answers,
    max: usize,
    mut play: impl FnMut(&Answers) -> SimulatedRun,
) -> (Vec<SimulatedRun>, bool) {
    let mut ahead = VecDeque::from([start]);
    let mut runs = Vec::new();
    while let Some(answers) = ahead.pop_front() {
        if runs.len() == max {
            return (runs, true);
        }
        let run = play(&answers);
        // What came before a question stays as it is, so that no world comes twice.
        let mut before = answers.clone();
        for (tree, question) in &run.open {
            if answers.contains_key(tree) {
                continue;
            }
            for other in (0..question.alternatives).filter(|it| *it != question.supposed) {
                let mut other_answers = before.clone();
                other_answers.insert(*tree, other);
                ahead.push_back(other_answers);
            }
            before.insert(*tree, question.supposed);
        }
        runs.push(run);
    }
    (runs, false)
}

/// What has been supposed in a run.
pub(super) fn answers(run: &SimulatedRun) -> Answers {
    let open = run.open.iter();
    open.map(|(tree, question)| (*tree, question.supposed))
        .collect()
}

/// All that is in any of these runs.
pub(super) fn together(runs: &[SimulatedRun]) -> SimulatedRun {
    let mut all = SimulatedRun::default();
    for run in runs {
        all.status = all.status.or(run.status);
        all.ended_at = all.ended_at.max(run.ended_at);
        all.width = all.width.max(run.width);
        for (node, origin) in &run.origins {
            let known = all.origins.entry(node.clone());
            known.or_insert_with(|| origin.clone());
        }
        for (node, kind) in &run.nodes {
            all.nodes.entry(node.clone()).or_insert(*kind);
        }
        for (node, candidate) in &run.effects {
            all.effects.entry(node.clone()).or_insert(*candidate);
        }
        for (node, deployed) in &run.deployments {
            let known = all.deployments.entry(node.clone());
            let known = known.or_insert_with(|| deployed.clone());
            // What differs from world to world is not known.
            if known.service != deployed.service {
                known.service = Name::from(UNKNOWN_MARK);
            }
            if known.target != deployed.target {
                known.target = Name::from(UNKNOWN_MARK);
            }
        }
        for (node, status) in &run.stages {
            all.stages.entry(node.clone()).or_insert(*status);
        }
        for (tree, question) in &run.open {
            let known = all.open.entry(*tree);
            known.or_insert_with(|| question.clone());
        }
    }
    all
}
