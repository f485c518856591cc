//! The `expect`s of a test: whether they hold in a run.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::source::{Name, Span};
use lockstep_engine::notice::Status;
use lockstep_engine::pattern::Pattern;
use lockstep_engine::state::ALL;
use lockstep_lang::ir::{Test, TestKind};

use super::nodes::Nodes;

/// An `expect`.
#[derive(Debug, Clone)]
pub(super) struct Expect {
    /// Where it stands.
    pub(super) span: Span,
    /// What it says.
    pub(super) what: Wanted,
}

/// What an `expect` says. Patterns go by their numbers among all patterns of the test.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// Every node that matches the pattern ends so.
    Status {
        /// The pattern and its number.
        path: (Pattern, usize),
        /// How.
        status: Status,
        /// Whether the pattern is the pipeline itself: the status of the run will do as well.
        run: bool,
    },
    /// Whatever matches the first has ended before anything starts that matches the second.
    Order {
        /// The first pattern.
        first: (Pattern, usize),
        /// The second one.
        second: (Pattern, usize),
    },
}

/// The expectations of a test.
pub(super) fn expects(test: &Test, pipeline: &Name) -> Vec<Expect> {
    let mut count = 0;
    let mut numbered = |text: &Name| {
        count += 1;
        (Pattern::new(text), count - 1)
    };
    let mut found = Vec::new();
    for stmt in &test.stmts {
        let what = match &stmt.kind {
            TestKind::ExpectStatus { path, status } => {
                let known = ALL.into_iter().find(|it| it.as_str() == &**status);
                Wanted::Status {
                    path: numbered(path),
                    status: known.unwrap_or(Status::Pending),
                    run: path == pipeline,
                }
            }
            TestKind::ExpectOrder { first, second } => Wanted::Order {
                first: numbered(first),
                second: numbered(second),
            },
            TestKind::GivenInput { .. }
            | TestKind::GivenRun { .. }
            | TestKind::GivenNode { .. }
            | TestKind::Start { .. } => continue,
        };
        let span = stmt.span;
        found.push(Expect { span, what });
    }
    found
}

/// All patterns, each at its number.
pub(super) fn patterns(expects: &[Expect]) -> Vec<Pattern> {
    let all = expects.iter().flat_map(Expect::patterns);
    all.cloned().collect()
}

impl Expect {
    /// Its patterns.
    pub(super) fn patterns(&self) -> Vec<&Pattern> {
        match &self.what {
            Wanted::Status { path, .. } => vec![&path.0],
            Wanted::Order { first, second } => vec![&first.0, &second.0],
        }
    }

    /// Whether it holds in the present run.
    pub(super) fn holds(&self, nodes: &Nodes, run_status: Option<Status>) -> bool {
        match &self.what {
            Wanted::Status { status, run, .. } if *run && run_status == Some(*status) => true,
            Wanted::Status { path, status, .. } => {
                let mut any = false;
                let all = nodes.of(path.1).all(|(_, state)| {
                    any = true;
                    state.status == Some(*status)
                });
                all && (any || is_not_reached(*status))
            }
            Wanted::Order { first, second } => {
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
