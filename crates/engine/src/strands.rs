//! The children of a `parallel` as nodes: all at once, or as many as `max` admits.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;

use super::barrier::OwedArrivals;
use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::certainty::keep_first_failure;
use super::fingerprint::hash_shown;
use super::node::{BodyEnd, NodeId, NodeRole, NodeWork};
use super::undo_list::{Undo, UndoCell, UndoCells, UndoList, UndoRank};
use super::{EndedNode, Machine};
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_lang::ir::{FailureClass, Order};
use lockstep_plan::PlanSequence;

/// The children of a `parallel` and what they have brought, each at its place.
#[derive(Debug, Clone, Default)]
pub struct StrandsWork {
    /// The children.
    children: PlanSequence,
    /// The next one to start.
    next: usize,
    /// How many may run at once.
    max: Option<usize>,
    /// How many run.
    live: usize,
    /// Whether no more may start.
    stopped: bool,
    /// Whether some never will.
    skipped: bool,
    /// Whether the first failure stops the others.
    fail_fast: bool,
    /// What the children yielded.
    yielded: Vec<Option<Value>>,
    /// How to undo what the children did.
    undo: Vec<UndoList>,
    /// The barriers that each child that has not started will pass.
    owed_arrivals: Vec<OwedArrivals>,
}

impl StrandsWork {
    /// Whether children may still start.
    pub(super) fn has_more(&self) -> bool {
        !self.stopped && self.next < self.children.len()
    }

    /// What of it makes a difference to what comes.
    pub(super) fn hash_into(&self, hasher: &mut DefaultHasher) {
        (self.next, self.live, self.stopped, self.skipped).hash(hasher);
        self.yielded
            .iter()
            .flatten()
            .for_each(|it| hash_shown(it, hasher));
        hash_shown(&self.undo, hasher);
    }
}

impl Machine {
    /// Begins a `parallel`.
    pub(super) fn begin_parallel(&mut self, id: NodeId) -> Result<(), NodeError> {
        let plan = self.plan.clone();
        let modifiers = &plan.tree.get(self.node(id)?.tree).stmt.modifiers;
        let max = match &modifiers.max {
            Some(max) => Some(self.count_of(id, max)?.max(1) as usize),
            None => None,
        };
        let children = self.body_of(id, 0)?;
        let locals = self.node(id)?.locals.clone();
        let mut owed = self.owe_arrivals_of_strands(id, &children, &locals)?;
        owed.resize_with(children.len(), Default::default);
        self.begin(id, None)?;
        let work = StrandsWork {
            max,
            fail_fast: modifiers.fail_fast,
            yielded: vec![None; children.len()],
            undo: vec![UndoList::default(); children.len()],
            children,
            owed_arrivals: owed,
            ..StrandsWork::default()
        };
        self.begin_work(id, NodeWork::Parallel(Box::new(work)))?;
        self.start_strands(id)?;
        Ok(())
    }

    /// Starts every child that may start; ends the block when all have ended.
    fn start_strands(&mut self, id: NodeId) -> Checked<()> {
        let around = self.around_children(id)?;
        let node = self.node(id)?;
        let (parent, locals) = (node.path.clone(), node.locals.clone());
        loop {
            let work = self.strands(id)?;
            let room = work.max.is_none_or(|max| work.live < max);
            let place = work.next;
            let next = work.children.get(place).copied();
            let Some(tree) = next.filter(|_| room && !work.stopped) else {
                break;
            };
            work.next += 1;
            work.live += 1;
            let owed = work.owed_arrivals.get_mut(place).map(std::mem::take);
            let path = self.path(&parent, tree, &locals);
            let role = NodeRole::Strand(place);
            let child = self.spawn(tree, Some(id), role, locals.clone(), around.clone(), path)?;
            self.node_mut(child)?.owed_arrivals = owed.unwrap_or_default();
        }
        self.skip_strands(id)?;
        match self.strands(id)?.live {
            0 => self.strands_done(id),
            _ => Ok(()),
        }
    }

    /// A child has ended completely.
    pub(super) fn strand_ended(
        &mut self,
        id: NodeId,
        place: usize,
        leaver: EndedNode,
    ) -> Checked<()> {
        let work = self.strands(id)?;
        let Some(live) = work.live.checked_sub(1) else {
            return Err(BrokenInvariant::of(
                self.node(id)?,
                Breach::Count("strands"),
            ));
        };
        work.live = live;
        if let Some(undo) = work.undo.get_mut(place) {
            *undo = leaver.undo;
        }
        match leaver.end {
            BodyEnd::Good { yielded, .. } => {
                if let Some(slot) = work.yielded.get_mut(place) {
                    *slot = yielded;
                }
            }
            BodyEnd::Bad(trouble) => {
                let fail_fast = work.fail_fast;
                work.stopped |= fail_fast;
                let node = self.node_mut(id)?;
                let first = node.pending_failure.is_none();
                keep_first_failure(&mut node.pending_failure, trouble);
                if first && fail_fast {
                    self.fail_fast(id, &leaver.path, &[])?;
                }
                self.block_fails(id)?;
            }
        }
        self.start_strands(id)
    }

    fn strands_done(&mut self, id: NodeId) -> Checked<()> {
        let work = std::mem::take(self.strands(id)?);
        self.end_work(id)?;
        let node = self.node_mut(id)?;
        let strands = work.undo.into_iter().enumerate();
        let strands = strands.filter(|(_, undo)| !undo.is_empty());
        let cells: Vec<UndoCell> = strands
            .map(|(place, undo)| UndoCell {
                wave: 0,
                position: vec![place as u32],
                path: NodePath::default(),
                undo,
            })
            .collect();
        if !cells.is_empty() {
            let cells = UndoCells {
                orders: vec![Order::Parallel],
                max: work.max,
                cells,
                between: Vec::new(),
            };
            let undo = Undo::Cells(Box::new(cells));
            node.undo.put(UndoRank::Body, node.tree, undo);
        }
        if let Some(yielded) = work.yielded.into_iter().flatten().last() {
            node.yielded = Some(yielded);
        }
        let stopped = node.state.stops().cause().filter(|_| work.skipped).cloned();
        let end = match (node.pending_failure.take(), stopped) {
            (Some(trouble), _) => BodyEnd::Bad(trouble),
            (None, Some(cause)) => BodyEnd::stopped(&cause),
            (None, None) => BodyEnd::Good {
                value: lockstep_base::value::Value::None,
                yielded: node.yielded.take(),
                signal: super::node::BodySignal::None,
            },
        };
        self.body_ends(id, end)
    }

    /// No more children start, and those that never will are reported.
    pub(super) fn stop_strands(&mut self, id: NodeId) -> Checked<()> {
        self.strands(id)?.stopped = true;
        self.skip_strands(id)
    }

    /// Once the block is stopped: reports the children that never start, and breaks the barriers
    /// that they would pass.
    fn skip_strands(&mut self, id: NodeId) -> Checked<()> {
        let work = self.strands(id)?;
        if !work.stopped || work.next == work.children.len() {
            return Ok(());
        }
        let (all, owed) = (
            work.children.clone(),
            std::mem::take(&mut work.owed_arrivals),
        );
        let begun = std::mem::replace(&mut work.next, all.len());
        let rest = all.get(begun..).unwrap_or_default();
        work.skipped = true;
        let node = self.node(id)?;
        let (path, locals, undoing) = (
            node.path.clone(),
            node.locals.clone(),
            node.inherited.undoing,
        );
        let why = match &node.pending_failure {
            Some(trouble) => trouble.failure.clone(),
            None => self.failure(id, FailureClass::Cancelled, "it was stopped")?,
        };
        if !undoing {
            self.skip(rest, &path, &locals)?;
            self.count_skipped_deployments(id, rest, &locals)?;
        }
        for owed in owed {
            self.break_owed_barriers(&owed, &why)?;
        }
        Ok(())
    }
}
