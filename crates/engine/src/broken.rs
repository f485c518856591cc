//! What the machine does when one of its invariants is violated: it stops the run with a report
//! that a user can send in. Must not continue with a placeholder value.

use std::fmt;
use std::panic::Location;

use super::event::{EffectId, Event};
use super::node::{ActiveNode, NodeId};
use super::run_event::{Failure, Status};
use super::state::Activity;
use lockstep_base::node_path::NodePath;
use lockstep_plan::TreeId;

/// A violated invariant of the machine: a bug in this program, never in a file. A broken machine
/// does nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenInvariant {
    /// Which rule.
    pub breach: Breach,
    /// The node that it is about, where that is in the machine's table.
    pub node: Option<NodeReport>,
    /// The event that was handled. Its payload is not recorded: it may be the output of a command.
    pub event: Option<EventReport>,
    /// Where in the source of this program it was found.
    pub found_at: &'static Location<'static>,
}

/// The violated invariant: something illegal that was requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// A node that is not in the table.
    NoSuchNode(u32),
    /// A status that may not follow the one that a node has.
    Status {
        /// The status.
        from: Status,
        /// The requested status.
        to: Status,
    },
    /// Something to do that may not follow what a node is doing.
    Activity {
        /// What it is doing.
        from: Activity,
        /// The requested activity.
        to: Activity,
    },
    /// Something to do that does not go with the status of a node.
    StatusOfActivity {
        /// The status.
        status: Status,
        /// The requested activity.
        to: Activity,
    },
    /// A node is not doing what the requested operation needs.
    NotDoing {
        /// What it is doing.
        found: Activity,
        /// What was expected.
        expected: Activity,
    },
    /// A node that is being stopped would be stopped for another reason, or no longer.
    Stopping {
        /// Why it is being stopped.
        from: &'static str,
        /// What was requested.
        to: &'static str,
    },
    /// A handler would retry what it does not handle.
    HandlerTry,
    /// A statement is another one than the rule at work is for.
    NotA(&'static str),
    /// A meeting at a barrier is not in the table.
    NoSuchMeeting,
    /// A count that would fall below zero.
    Count(&'static str),
    /// An event that does not answer what it names.
    WrongAnswer(EffectId),
    /// The run was started twice.
    StartedTwice,
    /// No strand waits, yet the run does not continue.
    Standstill,
}

/// A node in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// Its path.
    pub path: NodePath,
    /// Its spot in the plan.
    pub tree: TreeId,
    /// Its status.
    pub status: Status,
    /// What it is doing.
    pub activity: Activity,
    /// How often its body has been tried.
    pub tries: u32,
    /// Why it is being stopped.
    pub stopping: &'static str,
}

/// An event in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventReport {
    /// Its name.
    pub name: &'static str,
    /// What it answers, if it answers something.
    pub effect: Option<EffectId>,
    /// The machine's clock, in milliseconds.
    pub clock_ms: i64,
}

/// What is only made while the rules of the machine hold.
pub(super) type Checked<T> = Result<T, Box<BrokenInvariant>>;

/// Why a statement does not continue.
#[derive(Debug)]
pub(super) enum NodeError {
    /// It fails.
    Failed(Box<Failure>),
    /// The machine has broken a rule of its own.
    Broken(Box<BrokenInvariant>),
}

impl From<Failure> for NodeError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Box<BrokenInvariant>> for NodeError {
    fn from(broken: Box<BrokenInvariant>) -> Self {
        Self::Broken(broken)
    }
}

/// Takes the failure of a node out of what else may have gone wrong.
pub(super) fn failure_apart<T>(result: Result<T, NodeError>) -> Checked<Result<T, Failure>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(NodeError::Failed(failure)) => Ok(Err(*failure)),
        Err(NodeError::Broken(broken)) => Err(broken),
    }
}

impl BrokenInvariant {
    /// A rule that is about no node that is there.
    #[track_caller]
    pub(super) fn new(breach: Breach) -> Box<Self> {
        Box::new(Self {
            breach,
            node: None,
            event: None,
            found_at: Location::caller(),
        })
    }

    /// A rule that is about a node.
    #[track_caller]
    pub(super) fn of(node: &ActiveNode, breach: Breach) -> Box<Self> {
        let life = &node.state;
        Box::new(Self {
            breach,
            node: Some(NodeReport {
                path: node.path.clone(),
                tree: node.tree,
                status: life.status(),
                activity: life.activity(),
                tries: life.tries(),
                stopping: life.stops().word(),
            }),
            event: None,
            found_at: Location::caller(),
        })
    }

    /// There is no such node.
    #[track_caller]
    pub(super) fn no_such_node(id: NodeId) -> Box<Self> {
        Self::new(Breach::NoSuchNode(id.0))
    }

    /// What a user can send in, as lines of a word and what it says.
    pub fn report(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("what", self.breach.to_string())];
        if let Some(node) = &self.node {
            let NodeReport {
                path,
                tree,
                status,
                activity,
                tries,
                stopping,
            } = node;
            lines.push(("node", format!("{path} (tree {})", tree.0)));
            lines.push((
                "state",
                format!("{status}, {activity}, try {tries}, {stopping}"),
            ));
        }
        if let Some(event) = &self.event {
            let of = event
                .effect
                .map_or(String::new(), |id| format!(" of effect {}", id.0));
            let EventReport { name, clock_ms, .. } = event;
            lines.push(("event", format!("{name}{of}, at {clock_ms} ms")));
        }
        let (file, line) = (self.found_at.file(), self.found_at.line());
        lines.push(("where", format!("{file}:{line}")));
        lines.push(("version", String::from(env!("CARGO_PKG_VERSION"))));
        lines
    }
}

impl EventReport {
    /// An event without what it holds.
    pub(super) fn of(event: &Event, clock_ms: i64) -> Self {
        let (name, effect) = match event {
            Event::Start => ("Start", None),
            Event::GoOn => ("GoOn", None),
            Event::Cancel => ("Cancel", None),
            Event::Ended { id, .. } => ("Ended", Some(*id)),
            Event::Fired { id } => ("Fired", Some(*id)),
            Event::Resumed { .. } => ("Resumed", None),
            Event::DeployedMeanwhile { .. } => ("DeployedMeanwhile", None),
            Event::Queued { id, .. } => ("Queued", Some(*id)),
            Event::LockRefused { id, .. } => ("LockRefused", Some(*id)),
            Event::Acquired { id } => ("Acquired", Some(*id)),
            Event::WindowOpen { id } => ("WindowOpen", Some(*id)),
            Event::WindowClosed { id, .. } => ("WindowClosed", Some(*id)),
            Event::Answered { id, .. } => ("Answered", Some(*id)),
        };
        Self {
            name,
            effect,
            clock_ms,
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode(id) => write!(f, "node {id} is not in the table"),
            Self::Status { from, to } => write!(f, "status {to} may not follow {from}"),
            Self::Activity { from, to } => write!(f, "`{to}` may not follow `{from}`"),
            Self::StatusOfActivity { status, to } => {
                write!(f, "`{to}` does not go with status {status}")
            }
            Self::NotDoing { found, expected } => {
                write!(f, "the node is doing `{found}`, not `{expected}`")
            }
            Self::Stopping { from, to } => write!(f, "`{to}` may not follow `{from}`"),
            Self::HandlerTry => f.write_str("a handler retries what it does not handle"),
            Self::NotA(statement) => write!(f, "the statement is not a {statement}"),
            Self::NoSuchMeeting => f.write_str("a meeting at a barrier is not in the table"),
            Self::Count(what) => write!(f, "the number of {what} would fall below zero"),
            Self::WrongAnswer(id) => {
                write!(
                    f,
                    "the event does not answer what effect {} asked for",
                    id.0
                )
            }
            Self::StartedTwice => f.write_str("the run was started a second time"),
            Self::Standstill => f.write_str("nothing waits, yet nothing can run"),
        }
    }
}

impl fmt::Display for BrokenInvariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.breach)?;
        if let Some(node) = &self.node {
            write!(f, " at `{}`", node.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for BrokenInvariant {}
