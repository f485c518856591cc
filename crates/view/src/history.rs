//! The history of a run as a tree: each node that has been seen in events, its status and its
//! duration.

use indexmap::IndexMap;
use serde::Serialize;

use super::style::{LineSymbol, StyledLine, Tone};
use super::{Style, moment, phrases, text};
use lockstep_base::node_path::{self, NodePath, PathPart};
use lockstep_engine::run_event::{Failure, NodeKind, RunEvent, RunEventKind, Status, WaitReason};

/// Lines beyond this number are counted, not shown.
const MAX_HISTORY_LINES: usize = 300;
/// A name is not shown wider than this.
const MAX_NAME_COLUMNS: usize = 60;

/// What is known of the nodes of a run.
#[derive(Debug, Default)]
pub struct RunHistory {
    nodes: IndexMap<NodePath, NodeHistory>,
    last: Option<i64>,
}

/// What is known of a node. As JSON it is stable: fields may be added, none goes away.
#[derive(Debug, Clone, Serialize)]
pub struct NodeHistory {
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
    pub waiting: Option<WaitReason>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip)]
    since: Option<i64>,
}

impl NodeHistory {
    /// A node that nothing drives any more is marked for attention.
    fn mark(&self, going_on: bool) -> LineSymbol {
        match going_on || self.status.is_final() {
            true => phrases::status_symbol(self.status),
            false => LineSymbol::Warn,
        }
    }
}

impl RunHistory {
    /// Applies the next event.
    pub fn take(&mut self, event: &RunEvent) {
        let now = Some(moment(event));
        self.last = now;
        match &event.what {
            RunEventKind::NodeStarted { node, kind, text } => {
                let past = self.node(node, *kind);
                past.status = Status::Running;
                past.since = past.since.or(now);
                past.waiting = None;
                if text.is_some() {
                    past.text.clone_from(text);
                }
            }
            RunEventKind::NodeWaiting {
                node,
                kind,
                waiting,
            } => {
                let past = self.node(node, *kind);
                past.status = match waiting {
                    WaitReason::Lock { .. } => Status::Queued,
                    WaitReason::Barrier { .. }
                    | WaitReason::Retry { .. }
                    | WaitReason::Time { .. }
                    | WaitReason::Approval { .. } => Status::Waiting,
                };
                past.since = past.since.or(now);
                past.waiting = Some(waiting.clone());
            }
            RunEventKind::NodeFinished {
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
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::RunFinished { .. } => {}
        }
    }

    fn node(&mut self, node: &NodePath, kind: NodeKind) -> &mut NodeHistory {
        self.nodes
            .entry(node.clone())
            .or_insert_with(|| NodeHistory {
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
    pub fn nodes(&self) -> impl Iterator<Item = (&NodePath, &NodeHistory)> {
        self.nodes.iter()
    }

    /// A line for each node. Without `full` uninteresting lines are left out: what a deployment or
    /// step that succeeded did inside, and loops.
    pub fn lines(&self, style: Style, full: bool, going_on: bool) -> Vec<StyledLine> {
        let shown: Vec<(&NodePath, &NodeHistory)> = self
            .nodes
            .iter()
            .filter(|(node, past)| full || self.is_shown(node, past))
            .collect();
        let rows: Vec<(StyledLine, &NodeHistory)> = (shown.iter().take(MAX_HISTORY_LINES))
            .map(|(node, past)| (self.name(node, past, style, full, going_on), *past))
            .collect();
        let widths = rows
            .iter()
            .map(|(name, _)| name.width().min(MAX_NAME_COLUMNS));
        let column = widths.max().unwrap_or(0) + 2;
        let mut lines: Vec<StyledLine> = rows
            .into_iter()
            .map(|(name, past)| finish(name, past, column, going_on))
            .collect();
        if shown.len() > MAX_HISTORY_LINES {
            let more = shown.len() - MAX_HISTORY_LINES;
            lines.push(StyledLine::of(Tone::Dim, format!("  and {more} more")));
        }
        lines
    }

    fn is_shown(&self, node: &str, past: &NodeHistory) -> bool {
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
                    around.is_some_and(|it: &NodeHistory| matches!(it.kind, Deploy | Step))
                };
                !is_plain || !node_path::ancestors(node).any(is_inside)
            }
        }
    }

    fn name(
        &self,
        node: &str,
        past: &NodeHistory,
        style: Style,
        full: bool,
        going_on: bool,
    ) -> StyledLine {
        let above = node_path::ancestors(node).filter(|above| {
            let known = self.nodes.get(*above);
            known.is_some_and(|past| full || self.is_shown(above, past))
        });
        let mark = past.mark(going_on);
        let mut line = StyledLine::of(Tone::Plain, "  ".repeat(above.count()));
        line.add(mark.tone(), style.mark(mark));
        let last = node_path::parts(node).last().unwrap_or(node);
        let segment = PathPart::read(last);
        let text = past.text.as_deref().filter(|_| {
            use NodeKind::{Approve, Log, Run};
            past.kind == Run || past.kind == Approve || past.kind == Log
        });
        let words = match (segment.deployment(), text) {
            (Some((service, target)), _) => {
                let arrow = style.arrow();
                format!("deploy {service} {arrow} {target}{}", segment.ordinal())
            }
            (None, _) if past.kind == NodeKind::Stage => format!("stage {last}"),
            (None, Some(text)) => {
                format!("{last}: {}", text::first_line(text, style.ellipsis()))
            }
            (None, None) => last.to_owned(),
        };
        line.add(Tone::Plain, format!(" {}", text::clean(&words)));
        line.fit(MAX_NAME_COLUMNS, style);
        line
    }
}

/// The end of a line: the status and the duration.
fn finish(mut line: StyledLine, past: &NodeHistory, column: usize, going_on: bool) -> StyledLine {
    line.pad(column);
    let mark = past.mark(going_on);
    let mut word = past.status.as_str().to_owned();
    if !going_on && !past.status.is_final() {
        // Nothing drives the run any more.
        word = String::from("unfinished");
    } else if let Some(waiting) = &past.waiting {
        word = phrases::wait_text(waiting, past.took_ms);
    }
    line.add(mark.tone(), format!("{word:<11}"));
    if let Some(took) = past.took_ms.filter(|_| past.waiting.is_none()) {
        line.add(Tone::Dim, format!("  {}", phrases::duration_text(took)));
    }
    line
}
