//! Turns events into log lines: what starts, ends, waits and fails, and when. Each line has a
//! weight; the caller chooses whether all lines are shown (plain) or only the important ones
//! (live).

use std::collections::{HashMap, HashSet};

use lockstep_base::node_path::{self, HandlerPart, NodePath};
use lockstep_engine::run_event::{
    DeploymentRecord, Failure, NodeKind, RunEvent, RunEventKind, Status, WaitReason, WindowOf,
};
use lockstep_lang::ir::FailureClass;

use super::deployment_counts::DeploymentCounts;
use super::style::{LineSymbol, MAX_SHOWN_CHARS, Style, StyledLine, Tone};
use super::{moment, path, phrases, text};

/// The smallest and the greatest width of the column of names.
const NAME_COLUMNS: std::ops::RangeInclusive<usize> = 32..=44;
/// The columns before the names.
const NAME_OFFSET_COLUMNS: usize = 11;
/// A command that took this long gets a line when it ends, in milliseconds.
const LONG_COMMAND_MS: i64 = 10_000;
/// Up to so many strands at a barrier, each arrival gets a line.
const MAX_REPORTED_ARRIVALS: usize = 8;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineWeight {
    /// Only for a complete log.
    Detail,
    /// Remains on the screen when the live tree is gone.
    Lasting,
}

/// A node that has started or waits.
#[derive(Debug, Default)]
struct OpenNode {
    since: Option<i64>,
    /// A command's text.
    what: String,
    waiting: Option<WaitReason>,
}

/// What stands before the lines of a command, while nothing but they is told and the time that is
/// shown is the same: commands write many lines in a second.
#[derive(Debug)]
struct OutputStart {
    node: NodePath,
    second: i64,
    /// Whether its lines are shown.
    is_shown: bool,
    line: StyledLine,
    painted: String,
}

impl OutputStart {
    /// Whether it stands before the lines of this node. Mostly both are one path in memory.
    fn is_of(&self, node: &NodePath) -> bool {
        std::ptr::eq::<str>(&**node, &*self.node) || *node == self.node
    }
}

/// The narrator. It stores the nodes that have not ended, and which failures it has reported.
#[derive(Debug)]
pub(super) struct EventFormatter {
    style: Style,
    column: usize,
    /// The column of names is never wider than this.
    room: usize,
    /// Whether lines of all weights are shown.
    shows_details: bool,
    began: Option<i64>,
    now: Option<i64>,
    open: HashMap<NodePath, OpenNode>,
    reported_failures: HashSet<NodePath>,
    /// The barriers at which someone waits.
    barriers: HashSet<String>,
    /// For each `verify` that is going on what has been looked at in it once.
    looked_at: HashMap<NodePath, HashSet<NodePath>>,
    /// Of the last event, where a command wrote.
    output_start: Option<OutputStart>,
    /// How many of them were made.
    #[cfg(test)]
    pub(super) output_starts: usize,
    lines: Vec<(LineWeight, StyledLine)>,
}

impl EventFormatter {
    /// A narrator that writes in this style.
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            column: *NAME_COLUMNS.start(),
            room: *NAME_COLUMNS.end(),
            shows_details: false,
            began: None,
            now: None,
            open: HashMap::new(),
            reported_failures: HashSet::new(),
            barriers: HashSet::new(),
            looked_at: HashMap::new(),
            output_start: None,
            #[cfg(test)]
            output_starts: 0,
            lines: Vec::new(),
        }
    }

    /// The same one, for a log that shows lines of all weights.
    pub(super) fn with_details(self) -> Self {
        Self {
            shows_details: true,
            ..self
        }
    }

    /// How many nodes and failures are stored.
    #[cfg(test)]
    pub(super) fn replayed(&self) -> usize {
        self.open.len() + self.barriers.len() + self.reported_failures.len() + self.looked_at.len()
    }

    /// Sets the width in columns; on a narrow screen names take half of them.
    pub(super) fn fit_name(&mut self, width: usize) {
        self.room = width.saturating_sub(NAME_OFFSET_COLUMNS) / 2;
    }

    /// Appends the lines for an event, in order. The tally must have been updated with the event
    /// before.
    pub(super) fn format_event(
        &mut self,
        event: &RunEvent,
        tally: &DeploymentCounts,
    ) -> impl Iterator<Item = (LineWeight, StyledLine)> {
        self.output_start = None;
        self.now = Some(moment(event));
        self.began = self.began.or(self.now);
        let again = self.looks_again(&event.what);
        match &event.what {
            RunEventKind::RunStarted {
                run,
                pipeline,
                outside_window,
            } => {
                let mut words = StyledLine::of(Tone::Dim, format!("run {}", text::clean(run)));
                if let Some(reason) = outside_window {
                    let reason = format!("  outside of its windows: {}", text::clean(reason));
                    words.add(Tone::Warn, reason);
                }
                self.push_line(
                    LineWeight::Lasting,
                    LineSymbol::Run,
                    pipeline,
                    Tone::Bold,
                    words,
                );
            }
            RunEventKind::RunResumed { run, by, .. } => {
                let run = text::clean(run);
                let words = format!("run {run} is resumed by {}", text::clean(by));
                let words = StyledLine::of(Tone::Dim, words);
                self.push_line(LineWeight::Lasting, LineSymbol::Run, "", Tone::Bold, words);
            }
            RunEventKind::NodeStarted {
                node,
                kind,
                text,
                place,
                ..
            } => {
                let text = phrases::command_at(text.as_deref(), place.as_deref());
                self.started(node, *kind, text.as_deref())
            }
            RunEventKind::NodeWaiting {
                node,
                kind: _,
                waiting,
            } => self.waits(node, waiting),
            RunEventKind::NodeOutput { node, text, .. } => {
                let mut line = self.output_start(node);
                line.add(Tone::Plain, text::output_line(text))
                    .shorten(self.style);
                // What a handler finds out of a failure is what people look for.
                let weight = match self.handles_a_failure(node) {
                    true => LineWeight::Lasting,
                    false => LineWeight::Detail,
                };
                self.lines.push((weight, line));
            }
            RunEventKind::NodeFinished {
                node,
                kind,
                status,
                failure,
                deployment,
            } => {
                let (took, what) = self.close(node, *kind, *status);
                let end = NodeEnd {
                    node,
                    status: *status,
                    failure: failure.as_ref(),
                    took,
                    what,
                };
                if *kind == NodeKind::Deploy {
                    self.deployed(&end, deployment.as_ref());
                } else if *kind == NodeKind::Stage {
                    self.stage_ended(&end, tally);
                } else {
                    self.ended(&end, *kind);
                }
            }
            RunEventKind::NoWayBack { node, reason } => {
                let words = format!("has no way back: {}", text::clean(reason));
                let words = StyledLine::of(Tone::Warn, words);
                let (lasting, mark) = (LineWeight::Lasting, LineSymbol::Warn);
                self.push_line(lasting, mark, node, Tone::Warn, words);
            }
            RunEventKind::WindowOpen { node, windows, .. } => {
                let words = format!("{} may be used now", text::clean(&WindowOf::list(windows)));
                let words = StyledLine::of(Tone::Dim, words);
                let (detail, mark) = (LineWeight::Detail, LineSymbol::Good);
                self.push_line(detail, mark, node, Tone::Plain, words);
            }
            RunEventKind::RunFinished { .. } => {}
        }
        if again {
            // A `verify` says at its end whether all of its rounds were good.
            self.lines.clear();
        }
        self.lines.drain(..)
    }

    /// Appends what a command has written to a text, as [`EventFormatter::format_event`] and
    /// [`StyledLine::paint`] give it. Returns whether the event is one of those.
    pub(super) fn paint_output(&mut self, event: &RunEvent, to: &mut String) -> bool {
        let RunEventKind::NodeOutput { node, text, .. } = &event.what else {
            return false;
        };
        let now = moment(event);
        self.now = Some(now);
        let second = phrases::whole_seconds(now - *self.began.get_or_insert(now));
        let start = match self.output_start.take() {
            Some(start) if start.second == second && start.is_of(node) => start,
            Some(_) | None => {
                let is_shown = !self.looks_again(&event.what);
                let line = self.output_start(node);
                OutputStart {
                    node: node.clone(),
                    second,
                    is_shown,
                    painted: line.paint_start(self.style),
                    line,
                }
            }
        };
        let start = self.output_start.insert(start);
        if !start.is_shown {
            return true;
        }
        let begins_at = to.len();
        let text = text::output_line(text);
        to.push_str(&start.painted);
        // No character is shorter than a byte.
        if start.line.text_bytes() + text.len() <= MAX_SHOWN_CHARS {
            to.push_str(&text);
            let kept = to[begins_at..].trim_end_matches(' ').len();
            to.truncate(begins_at + kept);
        } else {
            let mut line = start.line.clone();
            to.truncate(begins_at);
            to.push_str(
                &line
                    .add(Tone::Plain, text)
                    .shorten(self.style)
                    .paint(self.style),
            );
        }
        to.push('\n');
        true
    }

    /// Whether an event belongs to a later round of a `verify`, and reports nothing bad.
    fn looks_again(&mut self, what: &RunEventKind) -> bool {
        let (node, kind, good) = match what {
            RunEventKind::NodeStarted { node, kind, .. } => (node, *kind, true),
            RunEventKind::NodeOutput { node, .. } => (node, NodeKind::Run, true),
            RunEventKind::NodeFinished {
                node, kind, status, ..
            } => (node, *kind, status.is_good()),
            RunEventKind::NodeWaiting { .. }
            | RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunFinished { .. } => return false,
        };
        let ends = matches!(what, RunEventKind::NodeFinished { .. });
        if kind == NodeKind::Verify {
            match ends {
                true => drop(self.looked_at.remove(node)),
                false => drop(self.looked_at.insert(node.clone(), HashSet::new())),
            }
            return false;
        }
        if self.looked_at.is_empty() {
            return false;
        }
        let around = node_path::ancestors(node).find(|above| self.looked_at.contains_key(*above));
        let Some(seen) = around.and_then(|around| self.looked_at.get_mut(around)) else {
            return false;
        };
        let again = match ends {
            true => !seen.insert(node.clone()),
            false => seen.contains(node),
        };
        again && good
    }

    /// Whether a node is in a handler of something that has failed.
    fn handles_a_failure(&self, node: &str) -> bool {
        let mut failed = self.reported_failures.iter();
        match path::handled(node) {
            Some((_, HandlerPart::OnFailure)) => true,
            Some((statement, HandlerPart::Always)) => {
                failed.any(|failed| node_path::is_in(failed, statement))
                    || self.handles_a_failure(statement)
            }
            Some((_, HandlerPart::Undo | HandlerPart::Watch | HandlerPart::Between)) | None => {
                false
            }
        }
    }

    fn started(&mut self, node: &NodePath, kind: NodeKind, what: Option<&str>) {
        self.reported_failures.remove(node);
        if kind.is_timed() {
            let open = self.open.entry(node.clone()).or_default();
            open.waiting = None;
            open.since = self.now;
        }
        match kind {
            NodeKind::Stage => {
                let words = StyledLine::of(Tone::Dim, "stage");
                self.push_line(
                    LineWeight::Lasting,
                    LineSymbol::Run,
                    node,
                    Tone::Bold,
                    words,
                );
            }
            NodeKind::Deploy => {
                let words = StyledLine::of(Tone::Dim, "starts");
                self.push_line(
                    LineWeight::Detail,
                    LineSymbol::Run,
                    node,
                    Tone::Plain,
                    words,
                );
            }
            NodeKind::Run | NodeKind::Action | NodeKind::Verify => {
                let what = text::joined(what.unwrap_or(""), self.style);
                if !what.is_empty() {
                    let is_command = kind == NodeKind::Run;
                    let what = if is_command {
                        phrases::command_line(node, &what)
                    } else {
                        what
                    };
                    let words = StyledLine::of(Tone::Dim, what.as_str());
                    self.push_line(LineWeight::Detail, LineSymbol::None, node, Tone::Dim, words);
                    self.open.entry(node.clone()).or_default().what = what;
                }
            }
            NodeKind::Undo => {
                let words = StyledLine::of(Tone::Dim, "rolls back");
                self.push_line(LineWeight::Detail, LineSymbol::Back, node, Tone::Dim, words);
            }
            NodeKind::Log => {
                if let Some(what) = what {
                    self.push_lines(
                        LineWeight::Lasting,
                        LineSymbol::None,
                        node,
                        Tone::Plain,
                        StyledLine::new(),
                        what,
                    );
                }
            }
            NodeKind::Pipeline
            | NodeKind::Serial
            | NodeKind::Parallel
            | NodeKind::Cell
            | NodeKind::Step
            | NodeKind::Workflow
            | NodeKind::Barrier
            | NodeKind::Lock
            | NodeKind::Approve
            | NodeKind::Wait => {}
        }
    }

    fn waits(&mut self, node: &NodePath, waiting: &WaitReason) {
        let open = self.open.entry(node.clone()).or_default();
        open.waiting = Some(waiting.clone());
        if !matches!(waiting, WaitReason::Retry { .. }) {
            open.since = self.now;
        }
        let (weight, mark) = match waiting {
            WaitReason::Approval { .. } => (LineWeight::Lasting, LineSymbol::Ask),
            WaitReason::Retry { .. } => (LineWeight::Detail, LineSymbol::Again),
            // Nothing else is told before it has its place.
            WaitReason::Queue { .. } | WaitReason::Window { .. } => {
                (LineWeight::Lasting, LineSymbol::Wait)
            }
            WaitReason::Barrier { .. } | WaitReason::Lock { .. } | WaitReason::Time { .. } => {
                (LineWeight::Detail, LineSymbol::Wait)
            }
        };
        if let WaitReason::Barrier {
            name,
            arrived,
            expected,
        } = waiting
        {
            self.barriers.insert(name.clone());
            // Of hundreds of arrivals only every tenth part is reported.
            let step = (expected / 10).max(1);
            if *expected > MAX_REPORTED_ARRIVALS && *arrived != 1 && arrived % step != 0 {
                return;
            }
        }
        let mut words = StyledLine::new();
        if let WaitReason::Retry {
            failure: Some(failure),
            ..
        } = waiting
        {
            let why = text::first_line(&failure.message, self.style.ellipsis());
            words.add(
                Tone::Plain,
                format!("{}{why}; ", phrases::class_text(failure)),
            );
        }
        words.add(mark.tone(), phrases::wait_text(waiting, None));
        self.push_line(weight, mark, node, Tone::Plain, words);
    }

    /// Removes a node that has ended, and returns how long it took and what it was.
    fn close(&mut self, node: &NodePath, kind: NodeKind, status: Status) -> (Option<i64>, String) {
        let open = self.open.remove(node).unwrap_or_default();
        if !status.is_final() {
            let since = self.now;
            let rolling = OpenNode {
                since,
                ..OpenNode::default()
            };
            self.open.insert(node.clone(), rolling);
        }
        if let (NodeKind::Barrier, Some(WaitReason::Barrier { name, .. })) = (kind, &open.waiting)
            && self.barriers.remove(name)
            && status == Status::Succeeded
        {
            let words = StyledLine::of(Tone::Dim, format!("barrier {} opens", text::clean(name)));
            self.push_line(
                LineWeight::Detail,
                LineSymbol::Good,
                node,
                Tone::Plain,
                words,
            );
        }
        let took = self.now.zip(open.since);
        let took = took.map(|(now, since)| (now - since).max(0));
        (took, open.what)
    }

    fn deployed(&mut self, end: &NodeEnd<'_>, deployment: Option<&DeploymentRecord>) {
        let before = deployment.and_then(|deployment| deployment.before.as_deref());
        let after = deployment.and_then(|deployment| deployment.after.as_deref());
        // An empty one says that nothing is there.
        let (before, after) = (
            before.filter(|text| !text.is_empty()),
            after.filter(|text| !text.is_empty()),
        );
        let mut words = StyledLine::new();
        match end.status {
            Status::Succeeded => {
                let changed = deployment.and_then(|deployment| deployment.changed);
                words.add(
                    Tone::Good,
                    match changed {
                        Some(false) => "unchanged",
                        Some(true) | None => "deployed",
                    },
                );
                let change = phrases::version_change(before, after, self.style);
                if !change.is_empty() {
                    words.add(Tone::Plain, format!("  {change}"));
                }
            }
            Status::RollingBack => {
                let why = match end.failure.map(|failure| failure.class) {
                    Some(FailureClass::Cancelled) => "cancelled, rolling back",
                    Some(_) => "failed, rolling back",
                    None => "rolling back",
                };
                words.add(Tone::Warn, why);
                words.add(Tone::Plain, self.cause(end));
            }
            Status::RolledBack => {
                words.add(Tone::Warn, rolled_back(before));
            }
            Status::RollbackFailed => {
                words.add(Tone::Bad, "rollback failed");
            }
            Status::Ignored => {
                words.add(Tone::Warn, "failed, and that is ignored");
            }
            Status::Failed | Status::Cancelled => {
                words.add(Tone::Bad, end.status.as_str());
                words.add(Tone::Plain, self.cause(end));
            }
            Status::Superseded => {
                words.add(Tone::Warn, "superseded, left as it is");
            }
            // The ledger lists what never started.
            _ => return,
        }
        let mark = match end.status {
            Status::RollingBack if end.failure.is_some() => LineSymbol::Bad,
            status => phrases::status_symbol(status),
        };
        self.end_line(LineWeight::Lasting, mark, end, words);
        self.format_failure(end);
    }

    /// Why something ended that did not fail itself: what failed elsewhere, or stopped it.
    fn cause(&self, end: &NodeEnd<'_>) -> String {
        let Some(failure) = end.failure else {
            return String::new();
        };
        let inside = node_path::is_in(&failure.node, end.node);
        if self.shows_details && inside && self.reported_failures.contains(&failure.node) {
            return String::new();
        }
        let is_told = matches!(
            failure.class,
            FailureClass::Barrier | FailureClass::Cancelled
        );
        if is_told {
            let why = failure.message.strip_prefix("stopped because ");
            let why = path::with_labels(why.unwrap_or(&failure.message), end.node, self.style);
            let why = text::first_line(&why, self.style.ellipsis());
            return format!(": {why}");
        }
        if node_path::is_in(&failure.node, end.node) {
            return String::new();
        }
        let label = path::label(&failure.node, self.style);
        format!(": {} failed", text::clean(&label))
    }

    fn stage_ended(&mut self, end: &NodeEnd<'_>, tally: &DeploymentCounts) {
        let word = match end.status {
            Status::Succeeded => "done",
            Status::Skipped => "not started",
            Status::RollingBack => "rolling back",
            Status::RolledBack => "rolled back",
            Status::RollbackFailed => "rollback failed",
            status => status.as_str(),
        };
        let mark = phrases::status_symbol(end.status);
        let mut words = StyledLine::of(mark.tone(), word);
        let counts = tally
            .of_stage(end.node)
            .map(phrases::end_counts)
            .unwrap_or_default();
        if !counts.is_empty() && end.status.is_final() {
            words.add(Tone::Plain, format!(": {counts}"));
        }
        self.end_line(LineWeight::Lasting, mark, end, words);
        self.format_failure(end);
    }

    fn ended(&mut self, end: &NodeEnd<'_>, kind: NodeKind) {
        let succeeded = end.status == Status::Succeeded;
        let good = match kind {
            NodeKind::Step if succeeded => "done",
            NodeKind::Step if end.status == Status::Cancelled => "cancelled",
            NodeKind::Run if succeeded && end.took.is_some_and(|took| took >= LONG_COMMAND_MS) => {
                &end.what
            }
            // An action writes nothing that would be seen.
            NodeKind::Action if succeeded => "done",
            NodeKind::Verify if succeeded => "verified",
            NodeKind::Approve if succeeded => "approved",
            NodeKind::Undo if succeeded || end.status == Status::RolledBack => "undone",
            NodeKind::Pipeline
            | NodeKind::Stage
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
            | NodeKind::Undo => "",
        };
        if !good.is_empty() {
            let weight = match kind == NodeKind::Approve {
                true => LineWeight::Lasting,
                false => LineWeight::Detail,
            };
            let words = StyledLine::of(Tone::Dim, good);
            self.end_line(weight, phrases::status_symbol(end.status), end, words);
        }
        self.format_failure(end);
    }

    /// Reports the reason once: blocks around the node that failed first only propagate its
    /// failure.
    fn format_failure(&mut self, end: &NodeEnd<'_>) {
        let Some(failure) = end.failure else {
            return;
        };
        // A cancellation is reported by what it stops.
        if failure.class == FailureClass::Cancelled
            || !self.reported_failures.insert(failure.node.clone())
        {
            return;
        }
        let mark = match end.status {
            Status::Ignored => LineSymbol::Warn,
            _ => LineSymbol::Bad,
        };
        // One broken barrier fails many; their deployments report that themselves.
        let weight = match failure.class {
            FailureClass::Barrier => LineWeight::Detail,
            _ => LineWeight::Lasting,
        };
        let ignored = if end.status == Status::Ignored {
            "ignored: "
        } else {
            ""
        };
        let head = format!("{ignored}{}", phrases::class_text(failure));
        let head = StyledLine::of(mark.tone(), head);
        self.push_lines(
            weight,
            mark,
            &failure.node,
            mark.tone(),
            head,
            &failure.message,
        );
    }

    /// A line about an end, with its duration.
    fn end_line(
        &mut self,
        weight: LineWeight,
        mark: LineSymbol,
        end: &NodeEnd<'_>,
        mut words: StyledLine,
    ) {
        if let Some(took) = end.took {
            words.add(Tone::Dim, format!("  {}", phrases::duration_text(took)));
        }
        let tone = match (weight, mark) {
            (LineWeight::Lasting, LineSymbol::Bad) => Tone::Bad,
            (LineWeight::Lasting, _) => Tone::Plain,
            (LineWeight::Detail, _) => Tone::Dim,
        };
        self.push_line(weight, mark, end.node, tone, words);
    }

    /// Writes a text that may have many lines; those after the first stand below it.
    fn push_lines(
        &mut self,
        weight: LineWeight,
        mark: LineSymbol,
        node: &str,
        tone: Tone,
        head: StyledLine,
        what: &str,
    ) {
        let mut head = Some(head);
        for line in text::lines(what) {
            let first = head.is_some();
            let mut words = head.take().unwrap_or_default();
            words.add(Tone::Plain, line);
            let (mark, tone) = if first {
                (mark, tone)
            } else {
                (LineSymbol::None, Tone::Dim)
            };
            self.push_line(weight, mark, node, tone, words);
        }
    }

    /// `  1:04  ✓ checkout → prod.eu       deployed`
    fn push_line(
        &mut self,
        weight: LineWeight,
        mark: LineSymbol,
        node: &str,
        tone: Tone,
        words: StyledLine,
    ) {
        let mut line = self.line_start(mark, node, tone, !words.is_empty());
        line.append(words).shorten(self.style);
        self.lines.push((weight, line));
    }

    /// What stands before a line of a command: `  1:04    smoke-test    │ `.
    fn output_start(&mut self, node: &str) -> StyledLine {
        #[cfg(test)]
        {
            self.output_starts += 1;
        }
        let mut line = self.line_start(LineSymbol::None, node, Tone::Dim, true);
        line.add(Tone::Dim, format!("{} ", self.style.bar()));
        line
    }

    /// The time, the mark and the name that stand before the words of a line.
    fn line_start(
        &mut self,
        mark: LineSymbol,
        node: &str,
        tone: Tone,
        has_words: bool,
    ) -> StyledLine {
        let since = match (self.now, self.began) {
            (Some(now), Some(began)) => phrases::timestamp(now - began),
            _ => String::new(),
        };
        let label = path::label(node, self.style);
        let label = text::clean(&label).into_owned();
        let wide = text::width(&label).min(*NAME_COLUMNS.end());
        self.column = self.column.max(wide);
        let mut line = StyledLine::new();
        line.add(Tone::Dim, format!("{since:>7}  "))
            .add(mark.tone(), self.style.mark(mark))
            .add(Tone::Plain, " ");
        let start = line.width();
        line.add(tone, label);
        if has_words {
            line.pad(start + self.column.min(self.room))
                .add(Tone::Plain, "  ");
        }
        line
    }
}

/// The end of a node.
struct NodeEnd<'a> {
    node: &'a NodePath,
    status: Status,
    failure: Option<&'a Failure>,
    took: Option<i64>,
    what: String,
}

fn rolled_back(before: Option<&str>) -> String {
    match before {
        Some(before) => format!("rolled back to {}", text::clean(before)),
        None => String::from("rolled back"),
    }
}
