//! Collects what the end of a run needs: deployments, failures, the end of their output. Other
//! nodes that ended well are dropped, so that memory stays bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::ops::Bound;

use indexmap::IndexMap;

use lockstep_base::node_path::{self, HandlerPart, NodePath};
use lockstep_base::source::Name;
use lockstep_engine::run_event::{
    DeploymentRecord, Failure, NodeKind, RunEvent, RunEventKind, Status,
};
use lockstep_lang::ir::FailureClass;
use lockstep_outline::Outline;

use super::cell_counts::CellCounts;
use super::deployment_counts::StatusCounts;
use super::plan_order::{PlanOrder, by_number};
use super::style::MAX_SHOWN_CHARS;
use super::{RunObserver, moment, path, phrases, text};

/// How many of the first lines of a command's output are stored.
const MAX_FIRST_LINES: usize = 5;
/// How many of the last ones.
const MAX_LAST_LINES: usize = 20;
/// How many failures store the end of their output.
const MAX_TAILS: usize = 100;
/// How many commands and logs of its handlers a failure stores.
const MAX_HANDLED: usize = 5;
/// For how many stopped commands the end of the output is stored, until the cause is known.
const MAX_STOPPED_TAILS: usize = 32;

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// The deployment's path.
    pub node: NodePath,
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// The version before, if the workflow reported one.
    pub before: Option<String>,
    /// The version now, if the workflow reported one.
    pub after: Option<String>,
    /// Whether it changed anything, if the workflow said so.
    pub changed: Option<bool>,
    /// Its last known status.
    pub status: Status,
    /// Whether it failed itself, and was not only rolled back with others.
    pub failed: bool,
    /// Why it was left alone, where a later run has deployed there.
    pub left: Option<String>,
    /// How long it has been worked on in all, in milliseconds.
    pub took_ms: Option<i64>,
    /// Since when it has been active.
    since: Option<i64>,
}

/// A command, and the beginning and the end of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputExcerpt {
    /// The command's path.
    pub node: NodePath,
    /// Its text.
    pub command: String,
    /// The first lines, each shortened.
    pub first: Vec<OutputLine>,
    /// How many lines are left out behind them.
    pub left_out: usize,
    /// The last lines that are not among the first ones.
    pub last: VecDeque<OutputLine>,
}

/// A line of a command's output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputLine {
    /// As much of it as people can read.
    pub start: String,
    /// How many characters follow.
    pub left_out: usize,
}

impl OutputLine {
    /// A line, in the space of one that is not needed any more.
    fn of(line: &str, Self { mut start, .. }: Self) -> Self {
        start.clear();
        // No character is shorter than a byte.
        if line.len() <= MAX_SHOWN_CHARS {
            start.push_str(line);
            return Self { start, left_out: 0 };
        }
        let line = text::output_line(line);
        let end = line.char_indices().nth(MAX_SHOWN_CHARS);
        let (shown, rest) = line.split_at(end.map_or(line.len(), |(end, _)| end));
        start.push_str(shown);
        Self {
            start,
            left_out: rest.chars().count(),
        }
    }
}

impl OutputExcerpt {
    fn of(node: &NodePath, command: &str) -> Self {
        Self {
            node: node.clone(),
            command: command.to_owned(),
            first: Vec::new(),
            left_out: 0,
            last: VecDeque::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    fn line(&mut self, line: &str) {
        if self.first.len() < MAX_FIRST_LINES {
            return self.first.push(OutputLine::of(line, OutputLine::default()));
        }
        let oldest = match self.last.len() == MAX_LAST_LINES {
            true => self.last.pop_front(),
            false => None,
        };
        self.left_out += usize::from(oldest.is_some());
        let line = OutputLine::of(line, oldest.unwrap_or_default());
        self.last.push_back(line);
    }
}

/// A failure that no retry or handler has cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedFailure {
    /// What happened.
    pub failure: Failure,
    /// The command that failed or was stopped, with the end of its output.
    pub tail: Option<OutputExcerpt>,
    /// What the handlers behind it ran and logged, with the end of what they wrote.
    pub handled: Vec<OutputExcerpt>,
    /// Whether it was ignored.
    pub ignored: bool,
    /// Its place among the failures of the run.
    order: u64,
}

/// The collected data of a run.
#[derive(Debug, Default)]
pub struct RunSummary {
    run: Option<Name>,
    status: Option<Status>,
    failure: Option<Failure>,
    began: Option<i64>,
    last: Option<i64>,
    rows: IndexMap<NodePath, LedgerRow>,
    unresolved_failures: BTreeMap<NodePath, UnresolvedFailure>,
    stored_tails: usize,
    running: HashMap<NodePath, OutputExcerpt>,
    /// That of the command that wrote last, which is not among the others meanwhile: commands write
    /// millions of lines, and most of them behind another one of the same command.
    writing: Option<OutputExcerpt>,
    stopped: VecDeque<OutputExcerpt>,
    skipped_stages: Vec<NodePath>,
    no_way_back: Vec<(NodePath, String)>,
    cells: CellCounts,
    planned_cells: u64,
    events: u64,
}

impl RunObserver for RunSummary {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        self.take(event);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RunSummary {
    /// The state before the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// The run's id.
    pub fn run(&self) -> Option<&Name> {
        self.run.as_ref()
    }

    /// How the run ended; none if it stopped without ending.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Why the run did not end well.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How long it took, in milliseconds.
    pub fn took_ms(&self) -> Option<i64> {
        Some((self.last? - self.began?).max(0))
    }

    /// Puts the deployments into the order of the plan, those of one infrastructure together, and
    /// notes how many cells the loops have that deploy nothing.
    pub fn by_plan(&mut self, outline: &Outline) {
        let order = PlanOrder::of(outline);
        let mut rows: Vec<(usize, NodePath, LedgerRow)> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(|(node, row)| (order.place(&node), node, row))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| by_number(&a.1, &b.1)));
        let mut targets: IndexMap<Name, Vec<(NodePath, LedgerRow)>> = IndexMap::new();
        for (_, node, row) in rows {
            let of_target = targets.entry(row.target.clone()).or_default();
            of_target.push((node, row));
        }
        self.rows = targets.into_values().flatten().collect();
        self.planned_cells = outline.cells_without_deployments();
    }

    /// The cells of loops that deploy nothing, by how they ended, and how many there are in all.
    pub(super) fn cells(&self) -> (&StatusCounts, usize) {
        let counts = self.cells.all();
        let planned = usize::try_from(self.planned_cells).unwrap_or(usize::MAX);
        (counts, planned.max(counts.total()))
    }

    /// The deployments, in the order in which they first appeared, or that of the plan.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &LedgerRow> {
        self.rows.values()
    }

    /// The failures, in the order in which they happened.
    pub fn unresolved_failures(&self) -> Vec<&UnresolvedFailure> {
        let mut troubles: Vec<&UnresolvedFailure> = self.unresolved_failures.values().collect();
        troubles.sort_by_key(|trouble| trouble.order);
        troubles
    }

    /// The stages that never started.
    pub fn skipped_stages(&self) -> &[NodePath] {
        &self.skipped_stages
    }

    /// How many commands and failures are stored.
    #[cfg(test)]
    pub(super) fn with_history(&self) -> usize {
        let writing = usize::from(self.writing.is_some());
        writing
            + self.running.len()
            + self.stopped.len()
            + self.unresolved_failures.len()
            + self.stored_tails
    }

    /// What a rollback has passed over, and why it has no way back.
    pub fn no_way_back(&self) -> &[(NodePath, String)] {
        &self.no_way_back
    }

    /// Applies the next event.
    pub fn take(&mut self, event: &RunEvent) {
        self.events += 1;
        let now = Some(moment(event));
        self.began = self.began.or(now);
        self.last = now;
        self.cells.event(event);
        match &event.what {
            RunEventKind::RunStarted { run, .. } => {
                self.run = Some(run.clone());
                self.status = None;
                self.failure = None;
            }
            RunEventKind::RunResumed { run, .. } => self.run = Some(run.clone()),
            RunEventKind::NodeStarted {
                node,
                kind,
                text,
                place,
                ..
            } => {
                self.started(node, *kind);
                let told = phrases::command_at(text.as_deref(), place.as_deref());
                let text = text.as_deref().unwrap_or_default();
                if *kind == NodeKind::Run {
                    let told = told.as_deref().unwrap_or_default();
                    // A retry begins anew.
                    self.take_excerpt(node);
                    self.running
                        .insert(node.clone(), OutputExcerpt::of(node, told));
                }
                if *kind == NodeKind::Log && path::handled(node).is_some() {
                    text.lines().for_each(|line| self.output(node, line));
                }
            }
            RunEventKind::NodeWaiting { node, kind, .. } => {
                if *kind == NodeKind::Deploy {
                    self.row(node, None);
                }
            }
            RunEventKind::NodeOutput { node, text, .. } => self.output(node, text),
            RunEventKind::WindowOpen { .. } => {}
            RunEventKind::NoWayBack { node, reason } => {
                self.no_way_back.push((node.clone(), reason.clone()));
            }
            RunEventKind::NodeFinished {
                node,
                kind,
                status,
                failure,
                deployment,
            } => {
                if *kind == NodeKind::Deploy {
                    self.deployed(node, *status, failure.is_some(), deployment.as_ref());
                    if *status == Status::Superseded
                        && let Some(row) = self.row(node, deployment.as_ref())
                    {
                        row.left = failure.as_ref().map(|it| it.message.clone());
                    }
                }
                if *kind == NodeKind::Stage && *status == Status::Skipped {
                    self.skipped_stages.push(node.clone());
                }
                self.ended(node, *status, failure.as_ref());
            }
            RunEventKind::RunFinished { status, failure } => {
                self.status = Some(*status);
                self.failure = failure.clone();
                if let Some(failure) = failure {
                    self.failed(failure, false);
                }
            }
        }
    }

    fn started(&mut self, node: &NodePath, kind: NodeKind) {
        // A node that starts again is a retry: its earlier failures do not count.
        self.forget(node);
        if kind == NodeKind::Stage {
            self.skipped_stages.retain(|stage| stage != node);
        }
        if kind == NodeKind::Deploy {
            let now = self.last;
            if let Some(row) = self.row(node, None) {
                row.status = Status::Running;
                row.since = row.since.or(now);
            }
        }
    }

    fn output(&mut self, node: &NodePath, text: &str) {
        let is_same = (self.writing.as_ref()).is_some_and(|tail| tail.node == *node);
        if !is_same {
            let tail = self.take_excerpt(node);
            self.writing = Some(tail.unwrap_or_else(|| OutputExcerpt::of(node, "")));
        }
        if let Some(tail) = &mut self.writing {
            tail.line(text);
        }
    }

    /// Takes what is known of a command's output, if it is known to run.
    fn take_excerpt(&mut self, node: &NodePath) -> Option<OutputExcerpt> {
        if let Some(tail) = self.writing.take() {
            self.running.insert(tail.node.clone(), tail);
        }
        self.running.remove(node)
    }

    /// The row of a deployment, created if it is new and the event or its path names service and
    /// target.
    fn row(
        &mut self,
        node: &NodePath,
        deployment: Option<&DeploymentRecord>,
    ) -> Option<&mut LedgerRow> {
        if !self.rows.contains_key(node) {
            let (service, target) = match deployment {
                Some(deployment) => (deployment.service.clone(), deployment.target.clone()),
                None => {
                    let (service, target) = node_path::deployment(node)?;
                    (service.into(), target.into())
                }
            };
            let row = LedgerRow {
                node: node.clone(),
                service,
                target,
                before: None,
                after: None,
                status: Status::Pending,
                failed: false,
                changed: None,
                left: None,
                took_ms: None,
                since: None,
            };
            self.rows.insert(node.clone(), row);
        }
        self.rows.get_mut(node)
    }

    fn deployed(
        &mut self,
        node: &NodePath,
        status: Status,
        failed: bool,
        deployment: Option<&DeploymentRecord>,
    ) {
        let now = self.last;
        let Some(row) = self.row(node, deployment) else {
            return;
        };
        if status.on_line(row.status) != status {
            return;
        }
        if let Some(deployment) = deployment {
            row.service = deployment.service.clone();
            row.target = deployment.target.clone();
            // The last report counts, but a missing value does not clear an earlier one.
            row.before = version(deployment.before.as_ref()).or(row.before.take());
            row.after = version(deployment.after.as_ref()).or(row.after.take());
            row.changed = deployment.changed.or(row.changed);
        }
        row.failed =
            (row.failed || failed) && !matches!(status, Status::Succeeded | Status::Skipped);
        row.status = status;
        if !status.is_final() {
            row.since = row.since.or(now);
        } else if let (Some(since), Some(now)) = (row.since.take(), now) {
            row.took_ms = Some(row.took_ms.unwrap_or(0) + (now - since).max(0));
        }
    }

    fn ended(&mut self, node: &NodePath, status: Status, failure: Option<&Failure>) {
        let is_of_failure = match path::handled(node) {
            Some((_, HandlerPart::OnFailure)) => true,
            // What fails there is a failure of its own.
            Some((_, HandlerPart::Always)) => failure.is_none(),
            Some((_, HandlerPart::Undo | HandlerPart::Watch | HandlerPart::Between)) | None => {
                false
            }
        };
        if is_of_failure
            && let Some(tail) = self.take_excerpt(node)
            && !tail.is_empty()
        {
            self.handled(tail);
        }
        match status {
            Status::Succeeded => {
                self.take_excerpt(node);
                self.drop_recovered(node, true);
            }
            Status::Ignored => {
                if let Some(failure) = failure {
                    self.failed(failure, true);
                }
                self.take_excerpt(node);
                self.drop_recovered(node, false);
            }
            _ => {
                if let Some(failure) = failure {
                    self.failed(failure, false);
                }
                if let Some(tail) = self.take_excerpt(node) {
                    self.store_tail(tail, status, failure);
                }
            }
        }
    }

    /// Records a failure under the node that failed first; blocks around it report the same one.
    fn failed(&mut self, failure: &Failure, ignored: bool) {
        if failure.class == FailureClass::Cancelled {
            return;
        }
        if let Some(known) = self.unresolved_failures.get_mut(&failure.node) {
            known.ignored |= ignored;
            // A check that failed is reported as the verification that it was part of.
            if failure.class == FailureClass::Verification {
                known.failure = failure.clone();
            }
            return;
        }
        let tail = self.tail_below(&failure.node);
        self.stored_tails += usize::from(tail.is_some());
        let trouble = UnresolvedFailure {
            failure: failure.clone(),
            tail,
            handled: Vec::new(),
            ignored,
            order: self.events,
        };
        self.unresolved_failures
            .insert(failure.node.clone(), trouble);
        if failure.class == FailureClass::Verification {
            self.absorb(&failure.node);
        }
    }

    /// A handler has run something: what it wrote belongs to the failure that it is for, the last
    /// one in the statement that has the handler.
    fn handled(&mut self, tail: OutputExcerpt) {
        let statements = std::iter::successors(path::handled(&tail.node), |(statement, _)| {
            path::handled(statement)
        });
        let mut found = statements.filter_map(|(statement, _)| self.last_failure_in(statement));
        if let Some(name) = found.next()
            && let Some(trouble) = self.unresolved_failures.get_mut(&name)
            && trouble.handled.len() < MAX_HANDLED
        {
            trouble.handled.push(tail);
        }
    }

    /// The last failure in a statement, but not in its handlers.
    fn last_failure_in(&self, statement: &str) -> Option<NodePath> {
        let mut names = self.below(statement);
        names.push(NodePath::from(statement));
        let orders = names.into_iter().filter_map(|name| {
            let trouble = self.unresolved_failures.get(&name)?;
            let own = path::handled(&name) == path::handled(statement);
            own.then_some((trouble.order, name))
        });
        orders.max().map(|(_, name)| name)
    }

    /// The end of the output of a command that was stopped because `node`, around it, failed.
    fn tail_below(&mut self, node: &str) -> Option<OutputExcerpt> {
        let at = self.stopped.iter().rposition(|tail| {
            &*tail.node == node || node_path::below(&tail.node, node).is_some()
        })?;
        self.stopped.remove(at)
    }

    /// A verification fails because a command in it did: they are merged into one failure.
    fn absorb(&mut self, node: &NodePath) {
        let inner = self.below(node);
        let mut tail = None;
        for name in inner {
            if let Some(trouble) = self.unresolved_failures.remove(&name) {
                self.stored_tails -= usize::from(trouble.tail.is_some());
                tail = trouble.tail.or(tail);
            }
        }
        if let Some(trouble) = self.unresolved_failures.get_mut(node)
            && trouble.tail.is_none()
            && tail.is_some()
        {
            trouble.tail = tail;
            self.stored_tails += 1;
        }
    }

    fn store_tail(&mut self, tail: OutputExcerpt, status: Status, failure: Option<&Failure>) {
        let trouble = failure.and_then(|failure| self.unresolved_failures.get_mut(&failure.node));
        match trouble {
            Some(trouble) if trouble.tail.is_none() && self.stored_tails < MAX_TAILS => {
                trouble.tail = Some(tail);
                self.stored_tails += 1;
            }
            None if status == Status::Cancelled => {
                if self.stopped.len() == MAX_STOPPED_TAILS {
                    self.stopped.pop_front();
                }
                self.stopped.push_back(tail);
            }
            _ => {}
        }
    }

    /// A node ended well: failures in it were cleared by a retry, or are ignored ones.
    fn drop_recovered(&mut self, node: &NodePath, forget: bool) {
        if self.unresolved_failures.is_empty() {
            return;
        }
        if forget {
            self.forget_unless_ignored(node);
        }
        for name in self.below(node) {
            if forget {
                self.forget_unless_ignored(&name);
            } else if let Some(trouble) = self.unresolved_failures.get_mut(&name) {
                trouble.ignored = true;
            }
        }
    }

    fn forget_unless_ignored(&mut self, node: &NodePath) {
        if self
            .unresolved_failures
            .get(node)
            .is_some_and(|trouble| !trouble.ignored)
        {
            self.forget(node);
        }
    }

    fn forget(&mut self, node: &NodePath) {
        if let Some(trouble) = self.unresolved_failures.remove(node) {
            self.stored_tails -= usize::from(trouble.tail.is_some());
        }
    }

    /// The failures below a node.
    fn below(&self, node: &str) -> Vec<NodePath> {
        let first = format!("{node}/");
        let range = (Bound::Included(first.as_str()), Bound::Unbounded);
        self.unresolved_failures
            .range::<str, _>(range)
            .map(|(name, _)| name)
            .take_while(|name| name.starts_with(&first))
            .cloned()
            .collect()
    }
}

/// A version that a workflow has reported. An empty one says that nothing is there.
fn version(reported: Option<&String>) -> Option<String> {
    reported.filter(|text| !text.is_empty()).cloned()
}
