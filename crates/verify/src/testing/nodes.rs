//! The nodes that occurred in the runs of a test, and what is known of each in the current run.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::HashMap;

use lockstep_base::node_path::NodePath;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{RunEventKind, Status, WaitReason};

use super::given::GivenRule;

/// All nodes of all runs of a test, by their paths.
#[derive(Debug, Default)]
pub(super) struct TestNodes {
    ids: HashMap<NodePath, usize>,
    all: Vec<TestNode>,
    /// The patterns of the expectations, and the nodes that match each.
    patterns: Vec<(PathPattern, Vec<usize>)>,
    /// Which run it is.
    run: u32,
    /// How many events there were in it.
    clock: u32,
}

/// A node.
#[derive(Debug)]
pub(super) struct TestNode {
    /// Its path.
    pub(super) path: NodePath,
    /// The rules that match it.
    pub(super) rules: Vec<usize>,
    /// The rules by which what runs in it fails, because they make a node that contains it fail.
    pub(super) within: Vec<usize>,
    /// Whether it matches a pattern of an expectation.
    watched: bool,
    /// Whether it has started in any run.
    started: bool,
    /// The run that `state` is of.
    run: u32,
    state: TestNodeState,
}

/// What is known of a node in the present run. Times count events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TestNodeState {
    /// The last reported status.
    pub(super) status: Option<Status>,
    /// When it first started.
    pub(super) first_start: Option<u32>,
    /// When it last ended; that it was rolled back later does not count.
    pub(super) last_end: Option<u32>,
    /// Whether it has started and not ended.
    live: bool,
}

impl TestNodes {
    /// Nodes that are watched for these patterns.
    pub(super) fn new(patterns: Vec<PathPattern>) -> Self {
        let patterns = patterns.into_iter().map(|it| (it, Vec::new())).collect();
        Self {
            patterns,
            ..Self::default()
        }
    }

    /// Another run begins.
    pub(super) fn begin(&mut self) {
        self.run += 1;
        self.clock = 0;
    }

    /// The number of the node with this path.
    pub(super) fn id(&mut self, path: &NodePath, rules: &[GivenRule]) -> usize {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = self.all.len();
        let numbered = || rules.iter().enumerate();
        let fits = |rule: &GivenRule| rule.node().is_some_and(|it| it.matches(path));
        let mut watched = false;
        for (pattern, nodes) in &mut self.patterns {
            if pattern.matches(path) {
                nodes.push(id);
                watched = true;
            }
        }
        self.all.push(TestNode {
            path: path.clone(),
            rules: numbered()
                .filter(|(_, rule)| fits(rule))
                .map(|(at, _)| at)
                .collect(),
            within: numbered()
                .filter(|(_, rule)| rule.fails_within(path))
                .map(|(at, _)| at)
                .collect(),
            watched,
            started: false,
            run: 0,
            state: TestNodeState::default(),
        });
        self.ids.insert(path.clone(), id);
        id
    }

    /// A node by its number.
    pub(super) fn get(&self, id: usize) -> Option<&TestNode> {
        self.all.get(id)
    }

    /// The paths of all nodes of all runs.
    pub(super) fn paths(&self) -> impl Iterator<Item = &NodePath> {
        self.all.iter().map(|node| &node.path)
    }

    /// Records a reported event of a node.
    pub(super) fn observe(&mut self, id: usize, happened: &RunEventKind) {
        self.clock += 1;
        let (run, clock) = (self.run, self.clock);
        let Some(node) = self.all.get_mut(id).filter(|node| node.watched) else {
            return;
        };
        if node.run != run {
            (node.run, node.state) = (run, TestNodeState::default());
        }
        let TestNode { state, started, .. } = node;
        let mut starts = |status| {
            state.status = Some(status);
            if status != Status::Queued {
                *started = true;
                state.live = true;
                state.first_start.get_or_insert(clock);
            }
        };
        match happened {
            RunEventKind::NodeStarted { .. } => starts(Status::Running),
            RunEventKind::NodeWaiting { waiting, .. } => match waiting {
                WaitReason::Queue { .. } | WaitReason::Lock { .. } | WaitReason::Window { .. } => {
                    starts(Status::Queued)
                }
                WaitReason::Barrier { .. }
                | WaitReason::Retry { .. }
                | WaitReason::Time { .. }
                | WaitReason::Approval { .. } => starts(Status::Waiting),
            },
            RunEventKind::NodeFinished { status, .. } => {
                state.status = Some(*status);
                if state.live && *status != Status::RollingBack {
                    state.live = false;
                    state.last_end = Some(clock);
                }
            }
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunFinished { .. } => {}
        }
    }

    /// The nodes that match a pattern and were reported in the current run.
    pub(super) fn of(&self, pattern: usize) -> impl Iterator<Item = (&NodePath, TestNodeState)> {
        let ids = self.patterns.get(pattern).map(|(_, ids)| ids.as_slice());
        let nodes = ids.unwrap_or_default().iter();
        nodes
            .filter_map(|id| self.all.get(*id))
            .filter(|node| node.run == self.run)
            .map(|node| (&node.path, node.state))
    }

    /// Whether a pattern matches a node of any run.
    pub(super) fn any(&self, pattern: usize) -> bool {
        let found = self.patterns.get(pattern);
        found.is_some_and(|(_, ids)| !ids.is_empty())
    }

    /// Whether a node that a pattern matches has ever started, in any run. Skipped ones have
    /// not.
    pub(super) fn ever_started(&self, pattern: usize) -> bool {
        let ids = self.patterns.get(pattern).map(|(_, ids)| ids.as_slice());
        let nodes = ids.unwrap_or_default().iter();
        nodes
            .filter_map(|id| self.all.get(*id))
            .any(|node| node.started)
    }
}

/// The node that an event is about.
pub(super) fn node_of(happened: &RunEventKind) -> Option<&NodePath> {
    match happened {
        RunEventKind::NodeStarted { node, .. }
        | RunEventKind::NodeWaiting { node, .. }
        | RunEventKind::NodeOutput { node, .. }
        | RunEventKind::NoWayBack { node, .. }
        | RunEventKind::WindowOpen { node, .. }
        | RunEventKind::NodeFinished { node, .. } => Some(node),
        RunEventKind::RunStarted { .. }
        | RunEventKind::RunResumed { .. }
        | RunEventKind::RunFinished { .. } => None,
    }
}
