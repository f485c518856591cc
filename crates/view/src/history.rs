//! The history of a run as a tree: each node that has been seen in events, its status and its
//! duration.

use indexmap::IndexMap;
use serde::Serialize;

use super::style::{Line, Mark, Tone};
use super::{Style, moment, path, text, words};
use lockstep_base::source::Name;
use lockstep_engine::notice::{Failure, Happened, NodeKind, RunEvent, Status, Waiting};

/// Lines beyond this number are counted, not shown.
const MOST: usize = 300;
/// A name is not shown wider than this.
const WIDE: usize = 60;

/// What is known of the nodes of a run.
#[derive(Debug, Default)]
pub struct History {
    nodes: IndexMap<Name, Past>,
    last: Option<i64>,
}

/// What is known of a node. As JSON it is stable: fields may be added, none goes away.
#[derive(Debug, Clone, Serialize)]
pub struct Past {
    /// What it is.
    pub kind: NodeKind,
    /// Its last known status.
    pub status: Status,
    /// A command's text or a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How long it took, or has been running so far, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<i64>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip)]
    since: Option<i64>,
}

impl Past {
    /// A node that nothing drives any more is marked for attention.
    fn mark(&self, going_on: bool) -> Mark {
        match going_on || self.status.is_final() {
            true => words::mark(self.status),
            false => Mark::Warn,
        }
    }
}

impl History {
    /// Applies the next event.
    pub fn take(&mut self, event: &RunEvent) {
        let now = Some(moment(event));
        self.last = now;
        match &event.what {
            Happened::NodeStarted { node, kind, text } => {
                let past = self.node(node, *kind);
                past.status = Status::Running;
                past.since = past.since.or(now);
                past.waiting = None;
                if text.is_some() {
                    past.text.clone_from(text);
                }
            }
            Happened::NodeWaiting {
                node,
                kind,
                waiting,
            } => {
                let past = self.node(node, *kind);
                past.status = match waiting {
                    Waiting::Lock { .. } => Status::Queued,
                    Waiting::Barrier { .. }
                    | Waiting::Retry { .. }
                    | Waiting::Time { .. }
                    | Waiting::Approval { .. } => Status::Waiting,
                };
                past.since = past.since.or(now);
                past.waiting = Some(waiting.clone());
            }
            Happened::NodeFinished {
                node,
                kind,
                status,
                failure,
                ..
            } => {
                let past = self.node(node, *kind);
                past.status = *status;
                past.waiting = None;
                if failure.is_some() {
                    past.failure.clone_from(failure);
                }
                past.took_ms = past.since.zip(now).map(|(since, now)| now - since);
            }
            Happened::RunStarted { .. }
            | Happened::NodeOutput { .. }
            | Happened::RunFinished { .. } => {}
        }
    }

    fn node(&mut self, node: &Name, kind: NodeKind) -> &mut Past {
        self.nodes.entry(node.clone()).or_insert_with(|| Past {
            kind,
            status: Status::Pending,
            text: None,
            took_ms: None,
            waiting: None,
            failure: None,
            since: None,
        })
    }

    /// Sets the durations of the nodes that have not ended, up to `now`.
    pub fn until(&mut self, now: i64) {
        for past in self.nodes.values_mut() {
            if !past.status.is_final() {
                past.took_ms = past.since.map(|since| now - since);
            }
        }
    }

    /// All nodes, in the order in which they first appeared.
    pub fn nodes(&self) -> impl Iterator<Item = (&Name, &Past)> {
        self.nodes.iter()
    }

    /// A line for each node. Without `full` uninteresting lines are left out: what a deployment or
    /// step that succeeded did inside, and loops.
    pub fn lines(&self, style: Style, full: bool, going_on: bool) -> Vec<Line> {
        let shown: Vec<(&Name, &Past)> = self
            .nodes
            .iter()
            .filter(|(node, past)| full || self.is_shown(node, past))
            .collect();
        let rows: Vec<(Line, &Past)> = (shown.iter().take(MOST))
            .map(|(node, past)| (self.name(node, past, style, full, going_on), *past))
            .collect();
        let widths = rows.iter().map(|(name, _)| name.width().min(WIDE));
        let column = widths.max().unwrap_or(0) + 2;
        let mut lines: Vec<Line> = rows
            .into_iter()
            .map(|(name, past)| finish(name, past, column, going_on))
            .collect();
        if shown.len() > MOST {
            let more = shown.len() - MOST;
            lines.push(Line::of(Tone::Dim, format!("  and {more} more")));
        }
        lines
    }

    fn is_shown(&self, node: &str, past: &Past) -> bool {
        use NodeKind::{
            Action, Approve, Barrier, Cell, Deploy, Lock, Log, Parallel, Pipeline, Run, Serial,
            Stage, Step, Undo, Verify, Wait, Workflow,
        };
        let is_plain = matches!(past.status, Status::Succeeded | Status::Skipped);
        match past.kind {
            Pipeline | Stage | Deploy => true,
            Serial | Parallel | Cell => false,
            Step | Run | Workflow | Action | Barrier | Lock | Approve | Wait | Verify | Log
            | Undo => {
                let is_inside = |above| {
                    let around = self.nodes.get(above);
                    around.is_some_and(|it: &Past| matches!(it.kind, Deploy | Step))
                };
                !is_plain || !path::ancestors(node).any(is_inside)
            }
        }
    }

    fn name(&self, node: &str, past: &Past, style: Style, full: bool, going_on: bool) -> Line {
        let above = path::ancestors(node).filter(|above| {
            let known = self.nodes.get(*above);
            known.is_some_and(|past| full || self.is_shown(above, past))
        });
        let mark = past.mark(going_on);
        let mut line = Line::of(Tone::Plain, "  ".repeat(above.count()));
        line.add(mark.tone(), style.mark(mark));
        let last = path::segments(node).last().unwrap_or(node);
        let segment = path::Segment::new(last);
        let words = match (past.kind, &past.text, segment.deployment()) {
            (_, _, Some((service, target))) => {
                format!(
                    "deploy {service} {} {target}{}",
                    style.arrow(),
                    segment.rest
                )
            }
            (NodeKind::Stage, ..) => format!("stage {last}"),
            (NodeKind::Run | NodeKind::Approve | NodeKind::Log, Some(said), _) => {
                format!("{last}: {}", text::first_line(said, style.ellipsis()))
            }
            (
                NodeKind::Pipeline
                | NodeKind::Serial
                | NodeKind::Parallel
                | NodeKind::Cell
                | NodeKind::Deploy
                | NodeKind::Step
                | NodeKind::Run
                | NodeKind::Workflow
                | NodeKind::Action
                | NodeKind::Barrier
                | NodeKind::Lock
                | NodeKind::Approve
                | NodeKind::Wait
                | NodeKind::Verify
                | NodeKind::Log
                | NodeKind::Undo,
                _,
                None,
            ) => last.to_owned(),
        };
        line.add(Tone::Plain, format!(" {}", text::clean(&words)));
        line.fit(WIDE, style);
        line
    }
}

/// The end of a line: the status and the duration.
fn finish(mut line: Line, past: &Past, column: usize, going_on: bool) -> Line {
    line.pad(column);
    let mark = past.mark(going_on);
    let mut word = past.status.as_str().to_owned();
    if !going_on && !past.status.is_final() {
        // Nothing drives the run any more.
        word = String::from("unfinished");
    } else if let Some(waiting) = &past.waiting {
        word = words::waiting(waiting, past.took_ms);
    }
    line.add(mark.tone(), format!("{word:<11}"));
    if let Some(took) = past.took_ms.filter(|_| past.waiting.is_none()) {
        line.add(Tone::Dim, format!("  {}", words::took(took)));
    }
    line
}
