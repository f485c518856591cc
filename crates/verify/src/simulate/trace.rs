//! The trace of a simulated run, and queries on it.

use indexmap::IndexMap;

use lockstep_base::node_path::NodePath;
use lockstep_engine::node_origin::NodeOrigins;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{RunEventKind, Status};
use lockstep_engine::state::Transitions;
use lockstep_engine::supposition::OpenQuestion;
use lockstep_engine::{BrokenInvariant, Effect, Event};
use lockstep_plan::TreeId;

/// What happened in a simulated run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The reported events with their times, in virtual milliseconds.
    pub events: Vec<(i64, RunEventKind)>,
    /// How it ended; nothing if it came to a stop before its end.
    pub status: Option<Status>,
    /// The rule of its own that the machine has broken, if it has: then the run did not end.
    pub broken: Option<BrokenInvariant>,
    /// When it ended, in virtual milliseconds.
    pub ended_at: i64,
    /// Which transitions happened.
    pub transitions: Transitions,
    /// The most commands and actions that ran at once.
    pub width: usize,
    /// Every event and the effects that the machine returned, if the script requested that.
    pub handled: Vec<HandledEvent>,
    /// What only the run knows and was supposed, where this is a foresight.
    pub open_questions: IndexMap<TreeId, OpenQuestion>,
    /// Where each node comes from, if the script requested that.
    pub origins: NodeOrigins,
    /// How much was still in flight in the machine and in the world at the end: nothing, if all is
    /// well.
    pub left_over: usize,
}

/// An event and what the machine made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HandledEvent {
    /// When.
    pub at: i64,
    /// What came in.
    pub event: Event,
    /// What went out.
    pub effects: Vec<Effect>,
}

/// Where in the trace nodes that match a pattern first started and last ended.
struct NodeExtent {
    first_start: Option<usize>,
    last_start: Option<usize>,
    first_end: Option<usize>,
    last_end: Option<usize>,
}

impl Trace {
    /// The last reported status of a node.
    pub fn status_of(&self, path: &str) -> Option<Status> {
        let mut events = self.events.iter().rev();
        events.find_map(|(_, happened)| match happened {
            RunEventKind::NodeFinished { node, status, .. } if **node == *path => Some(*status),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunFinished { .. } => None,
        })
    }

    /// The nodes that match a pattern, each once, in the order first reported.
    pub fn nodes(&self, pattern: &PathPattern) -> Vec<NodePath> {
        let mut found = indexmap::IndexSet::new();
        for (_, happened) in &self.events {
            if let Some(node) = node_of(happened).filter(|node| pattern.matches(node)) {
                found.insert(node.clone());
            }
        }
        found.into_iter().collect()
    }

    /// How often nodes that match a pattern started.
    pub fn starts(&self, pattern: &PathPattern) -> usize {
        let starts = |happened: &RunEventKind| match happened {
            RunEventKind::NodeStarted { node, .. } => pattern.matches(node),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunFinished { .. } => false,
        };
        self.events.iter().filter(|(_, it)| starts(it)).count()
    }

    /// Whether everything that matches the first pattern had ended before anything that matches the
    /// second started. Both must have happened.
    pub fn before(&self, first: &PathPattern, then: &PathPattern) -> bool {
        match (self.extent(first).last_end, self.extent(then).first_start) {
            (Some(end), Some(start)) => {
                let (first, then) = (self.extent(first).last_start, self.extent(then).first_start);
                end < start && first < then
            }
            _ => false,
        }
    }

    /// Whether everything that matches either pattern ran at one and the same time.
    pub fn overlap(&self, one: &PathPattern, other: &PathPattern) -> bool {
        let (one, other) = (self.extent(one), self.extent(other));
        let last_start = one.last_start.max(other.last_start);
        let ends = [one.first_end, other.first_end];
        ends.into_iter()
            .all(|end| end.is_some() && last_start < end)
            && one.first_start.is_some()
            && other.first_start.is_some()
    }

    fn extent(&self, pattern: &PathPattern) -> NodeExtent {
        let mut extent = NodeExtent {
            first_start: None,
            last_start: None,
            first_end: None,
            last_end: None,
        };
        for (at, (_, happened)) in self.events.iter().enumerate() {
            let (first, last) = match happened {
                RunEventKind::NodeStarted { .. } => {
                    (&mut extent.first_start, &mut extent.last_start)
                }
                RunEventKind::NodeFinished { status, .. } if *status != Status::Skipped => {
                    (&mut extent.first_end, &mut extent.last_end)
                }
                RunEventKind::RunStarted { .. }
                | RunEventKind::RunResumed { .. }
                | RunEventKind::NodeWaiting { .. }
                | RunEventKind::NodeOutput { .. }
                | RunEventKind::NoWayBack { .. }
                | RunEventKind::WindowOpen { .. }
                | RunEventKind::NodeFinished { .. }
                | RunEventKind::RunFinished { .. } => continue,
            };
            if node_of(happened).is_some_and(|node| pattern.matches(node)) {
                first.get_or_insert(at);
                *last = Some(at);
            }
        }
        extent
    }
}

fn node_of(happened: &RunEventKind) -> Option<&NodePath> {
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
