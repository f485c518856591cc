//! The children of a `parallel` as nodes: all at once, or as many as `max` admits.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;

use super::barrier::Owed;
use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::fingerprint::hash_shown;
use super::node::{End, NodeId, Role, Undo, Work};
use super::sequence::note_trouble;
use super::{Leaver, Machine};
use lockstep_base::value::Value;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::Seq;

/// The children of a `parallel` and what they have brought, each at its place.
#[derive(Debug, Clone, Default)]
pub struct StrandsWork {
    /// The children.
    children: Seq,
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
    undo: Vec<Vec<Undo>>,
    /// The barriers that each child that has not started will pass.
    owed: Vec<Owed>,
}

impl StrandsWork {
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
        let modifiers = &plan.tree.get(self.look(id)?.tree).stmt.modifiers;
        let max = match &modifiers.max {
            Some(max) => Some(self.count_of(id, max)?.max(1) as usize),
            None => None,
        };
        let children = self.body_of(id, 0)?;
        let locals = self.look(id)?.locals.clone();
        let mut owed = self.meet_strands(id, &children, &locals)?;
        owed.resize_with(children.len(), Default::default);
        self.begin(id, None)?;
        let work = StrandsWork {
            max,
            fail_fast: modifiers.fail_fast,
            yielded: vec![None; children.len()],
            undo: vec![Vec::new(); children.len()],
            children,
            owed,
            ..StrandsWork::default()
        };
        self.begin_work(id, Work::Parallel(Box::new(work)))?;
        self.start_strands(id)?;
        Ok(())
    }

    /// Starts every child that may start; ends the block when all have ended.
    fn start_strands(&mut self, id: NodeId) -> Checked<()> {
        let around = self.around_children(id)?;
        let node = self.look(id)?;
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
            let owed = work.owed.get_mut(place).map(std::mem::take);
            let path = self.path(&parent, tree, &locals);
            let role = Role::Strand(place);
            let child = self.add(tree, Some(id), role, locals.clone(), around.clone(), path)?;
            self.node(child)?.owed = owed.unwrap_or_default();
        }
        self.skip_strands(id)?;
        match self.strands(id)?.live {
            0 => self.strands_done(id),
            _ => Ok(()),
        }
    }

    /// A child has ended completely.
    pub(super) fn strand_left(&mut self, id: NodeId, place: usize, leaver: Leaver) -> Checked<()> {
        let doomed = self.around_children(id)?.doomed;
        let work = self.strands(id)?;
        let Some(live) = work.live.checked_sub(1) else {
            return Err(BrokenInvariant::of(
                self.look(id)?,
                Breach::Count("strands"),
            ));
        };
        work.live = live;
        if let Some(undo) = work.undo.get_mut(place) {
            *undo = leaver.undo;
        }
        match leaver.end {
            End::Good { yielded, .. } => {
                if let Some(slot) = work.yielded.get_mut(place) {
                    *slot = yielded;
                }
            }
            End::Bad(trouble) => {
                let fail_fast = work.fail_fast;
                work.stopped |= doomed || fail_fast;
                let node = self.node(id)?;
                let first = node.trouble.is_none();
                note_trouble(&mut node.trouble, trouble);
                if first && fail_fast {
                    self.fail_fast(id, &leaver.path)?;
                }
            }
        }
        self.start_strands(id)
    }

    fn strands_done(&mut self, id: NodeId) -> Checked<()> {
        let work = std::mem::take(self.strands(id)?);
        self.end_work(id)?;
        let undo: Vec<Undo> = work
            .undo
            .into_iter()
            .filter(|undo| !undo.is_empty())
            .map(Undo::Serial)
            .collect();
        let node = self.node(id)?;
        if !undo.is_empty() {
            node.undo.push(Undo::Parallel(undo));
        }
        if let Some(yielded) = work.yielded.into_iter().flatten().last() {
            node.yielded = Some(yielded);
        }
        let stopped = node.life.stop_failure().filter(|_| work.skipped).cloned();
        let end = match (node.trouble.take(), stopped) {
            (Some(trouble), _) => End::Bad(trouble),
            (None, Some(failure)) => End::bad((*failure).clone()),
            (None, None) => End::Good {
                value: lockstep_base::value::Value::None,
                yielded: node.yielded.take(),
                signal: super::node::Signal::None,
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
        let (all, owed) = (work.children.clone(), std::mem::take(&mut work.owed));
        let begun = std::mem::replace(&mut work.next, all.len());
        let rest = all.get(begun..).unwrap_or_default();
        work.skipped = true;
        let node = self.look(id)?;
        let (path, locals, undoing) = (node.path.clone(), node.locals.clone(), node.around.undoing);
        let why = match &node.trouble {
            Some(trouble) => trouble.failure.clone(),
            None => self.failure(id, FailureClass::Cancelled, "it was stopped")?,
        };
        if !undoing {
            self.skip(rest, &path, &locals)?;
            self.deploys_not(id, rest, &locals)?;
        }
        for owed in owed {
            self.break_owed(&owed, &why)?;
        }
        Ok(())
    }
}
