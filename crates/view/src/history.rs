//! The history of a run as a tree: each node that has been seen in events, its status and its
//! duration.

use std::borrow::Cow;

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
            RunEventKind::NodeStarted {
                node,
                kind,
                text,
                place,
                ..
            } => {
                let past = self.node(node, *kind);
                past.status = Status::Running;
                past.since = past.since.or(now);
                past.waiting = None;
                if text.is_some() {
                    let text = phrases::command_at(text.as_deref(), place.as_deref());
                    past.text = text.map(Cow::into_owned);
                }
            }
            RunEventKind::NodeWaiting {
                node,
                kind,
                waiting,
            } => {
                let past = self.node(node, *kind);
                past.status = match waiting {
                    WaitReason::Queue { .. }
                    | WaitReason::Lock { .. }
                    | WaitReason::Window { .. } => Status::Queued,
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
                past.took_ms = past.since.zip(now).map(|(since, now)| (now - since).max(0));
            }
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
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
                past.took_ms = past.since.map(|since| (now - since).max(0));
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
            .in_tree_order()
            .into_iter()
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

    /// All nodes, each behind what it is in; those beside each other as they first appeared.
    fn in_tree_order(&self) -> Vec<(&NodePath, &NodeHistory)> {
        let mut inside: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut open = Vec::new();
        for (at, node) in self.nodes.keys().enumerate() {
            let mut above = node_path::ancestors(node);
            match above.find_map(|above| self.nodes.get_index_of(above)) {
                Some(above) => inside[above].push(at),
                None => open.push(at),
            }
        }
        open.reverse();
        let mut all = Vec::with_capacity(self.nodes.len());
        while let Some(at) = open.pop() {
            all.extend(self.nodes.get_index(at));
            open.extend(inside[at].iter().rev());
        }
        all
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
        let above: Vec<&str> = node_path::ancestors(node)
            .filter(|above| {
                let known = self.nodes.get(*above);
                known.is_some_and(|past| full || self.is_shown(above, past))
            })
            .collect();
        let mark = past.mark(going_on);
        let mut line = StyledLine::of(Tone::Plain, "  ".repeat(above.len()));
        line.add(mark.tone(), style.mark(mark));
        let part = PathPart::read(node_path::last(node));
        let last = part.shown(style.ellipsis());
        let hidden = above
            .first()
            .and_then(|above| node_path::below(node, above));
        let cells = hidden_cells(hidden, &part, style);
        let text = past.text.as_deref().filter(|_| {
            use NodeKind::{Approve, Log, Run};
            past.kind == Run || past.kind == Approve || past.kind == Log
        });
        let words = match (part.deployment(), text) {
            (Some((service, target)), _) => {
                let arrow = style.arrow();
                format!("deploy {service} {arrow} {target}{}{cells}", part.ordinal())
            }
            (None, _) if past.kind == NodeKind::Stage => format!("stage {cells}{last}"),
            (None, Some(text)) => {
                let text = text::joined(text, style);
                format!("{cells}{last}: {text}")
            }
            (None, None) => format!("{cells}{last}"),
        };
        line.add(Tone::Plain, format!(" {}", text::clean(&words)));
        line.fit(MAX_NAME_COLUMNS, style);
        line
    }
}

/// The cells between a node and what it is shown in, which have no lines of their own: before the
/// name, or behind that of a deployment, where what it says itself is left out.
fn hidden_cells(hidden: Option<&str>, node: &PathPart<'_>, style: Style) -> String {
    let between = hidden.and_then(node_path::parent);
    let cells = between.into_iter().flat_map(node_path::parts);
    let cells = cells.map(PathPart::read).filter(|part| part.cell.is_some());
    let ellipsis = style.ellipsis();
    let Some((service, target)) = node.deployment() else {
        return cells
            .map(|part| format!("{}/", part.shown(ellipsis)))
            .collect();
    };
    let is_implied = |value: &str| value == service || value == target;
    let values = cells.flat_map(|part| part.shown_values(ellipsis, is_implied));
    match values.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        values => format!(" [{}]", values.join(", ")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_at_once_is_shown_below_what_it_is_in() {
        use NodeKind::{Cell, Deploy, Parallel, Pipeline, Step};
        let nodes = [
            ("p", Pipeline),
            ("p/parallel[a]", Cell),
            ("p/parallel[b]", Cell),
            ("p/parallel[b]#2", Cell),
            ("p/parallel[a]/deploy[s, a]", Deploy),
            ("p/parallel[b]/deploy[s, a]", Deploy),
            ("p/parallel[b]#2/look", Step),
            ("p/parallel[b]/deploy[s, a]/apply", Step),
            ("p/parallel[a]/deploy[s, a]/apply", Step),
            ("p/parallel", Parallel),
        ];
        let mut history = RunHistory::default();
        for (seq, (node, kind)) in nodes.into_iter().enumerate() {
            history.take(&RunEvent {
                seq: seq as u64,
                at: jiff::Timestamp::UNIX_EPOCH,
                what: RunEventKind::NodeFinished {
                    node: node.into(),
                    kind,
                    status: Status::Failed,
                    failure: None,
                    deployment: None,
                },
            });
        }
        let lines = history.lines(Style::PLAIN, false, false);
        let plain = |line: &StyledLine| {
            let line = line.paint(Style::PLAIN);
            line.split("  failed").next().unwrap_or_default().to_owned()
        };
        let shown: Vec<String> = lines
            .iter()
            .map(|line| plain(line).trim_end().to_owned())
            .collect();
        assert_eq!(
            shown,
            [
                "✗ p",
                "  ✗ deploy s → a",
                "    ✗ apply",
                "  ✗ deploy s → a [b]",
                "    ✗ apply",
                "  ✗ parallel[b]#2/look",
            ]
        );
    }
}
