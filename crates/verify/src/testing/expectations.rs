//! The `expect`s of a test: whether they hold in a run.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::source::{Name, Span};
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::Status;
use lockstep_engine::state::ALL;
use lockstep_lang::ir::{Test, TestKind};

use super::nodes::TestNodes;

/// An `expect`.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    /// Where it stands.
    pub(super) span: Span,
    /// What it says.
    pub(super) what: ExpectationKind,
}

/// What an `expect` says. Patterns go by their numbers among all patterns of the test.
#[derive(Debug, Clone)]
pub(super) enum ExpectationKind {
    /// Every node that matches the pattern ends so.
    Status {
        /// The pattern and its number.
        path: (PathPattern, usize),
        /// How.
        status: Status,
        /// Whether the pattern is the pipeline itself: the status of the run will do as well.
        run: bool,
    },
    /// Whatever matches the first has ended before anything starts that matches the second.
    Order {
        /// The first pattern.
        first: (PathPattern, usize),
        /// The second one.
        second: (PathPattern, usize),
    },
}

/// The expectations of a test.
pub(super) fn expects(test: &Test, pipeline: &Name) -> Vec<Expectation> {
    let mut count = 0;
    let mut numbered = |text: &Name| {
        count += 1;
        (PathPattern::new(text), count - 1)
    };
    let mut found = Vec::new();
    for stmt in &test.stmts {
        let what = match &stmt.kind {
            TestKind::ExpectStatus { path, status } => {
                let known = ALL.into_iter().find(|it| it.as_str() == &**status);
                ExpectationKind::Status {
                    path: numbered(path),
                    status: known.unwrap_or(Status::Pending),
                    run: path == pipeline,
                }
            }
            TestKind::ExpectOrder { first, second } => ExpectationKind::Order {
                first: numbered(first),
                second: numbered(second),
            },
            TestKind::GivenInput { .. }
            | TestKind::GivenDeployed { .. }
            | TestKind::GivenRun { .. }
            | TestKind::GivenNode { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectCondition(_) => continue,
        };
        let span = stmt.span;
        found.push(Expectation { span, what });
    }
    found
}

/// All patterns, each at its number.
pub(super) fn patterns(expects: &[Expectation]) -> Vec<PathPattern> {
    let all = expects.iter().flat_map(Expectation::patterns);
    all.cloned().collect()
}

impl Expectation {
    /// Its patterns.
    pub(super) fn patterns(&self) -> Vec<&PathPattern> {
        match &self.what {
            ExpectationKind::Status { path, .. } => vec![&path.0],
            ExpectationKind::Order { first, second } => vec![&first.0, &second.0],
        }
    }

    /// Whether it holds in the present run.
    pub(super) fn holds(&self, nodes: &TestNodes, run_status: Option<Status>) -> bool {
        match &self.what {
            ExpectationKind::Status { status, run, .. } if *run && run_status == Some(*status) => {
                true
            }
            ExpectationKind::Status { path, status, .. } => {
                let mut any = false;
                let all = nodes.of(path.1).all(|(_, state)| {
                    any = true;
                    state.status == Some(*status)
                });
                all && (any || is_not_reached(*status))
            }
            ExpectationKind::Order { first, second } => {
                let start = nodes
                    .of(second.1)
                    .filter_map(|(_, it)| it.first_start)
                    .min();
                let Some(start) = start else {
                    // Nothing has started that something should have come before.
                    return true;
                };
                let mut any = false;
                let all = nodes.of(first.1).all(|(_, state)| {
                    any |= state.first_start.is_some();
                    let ended = state.last_end.is_some_and(|end| end < start);
                    state.first_start.is_none() || ended
                });
                any && all
            }
        }
    }
}

/// Whether a node that was never reached counts as having this status.
pub(super) fn is_not_reached(status: Status) -> bool {
    matches!(status, Status::Skipped | Status::Pending)
}
