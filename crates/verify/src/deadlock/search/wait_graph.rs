//! Deadlock freedom by ordering: whether everything that strands may wait for can be ordered, each
//! thing after all that it may have to wait for (an acyclic wait-for graph). Then nothing can wait
//! for ever, whichever way strands go, whatever fails and whoever requests first; and no schedule
//! has to be explored.
//!
//! A lock is considered once for each of those who may hold it: what its holder still waits for
//! must not wait for the lock in turn. The holder's own wait for it is over by then. Who can never
//! have or want a lock at the same time as the holder has its own is passed over.

mod alike_cells;

use std::collections::HashMap;

pub use alike_cells::is_ordered_for_all;

use super::exclusion::Exclusion;
use super::held_sections::{LockOwner, held_sections, with_children};
use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;

/// Whether there is such an order.
pub fn is_ordered(flow: &DeadlockModel, shortage: &[bool]) -> bool {
    if flow.forks.iter().any(|fork| fork.tangled) {
        return false;
    }
    let mut graph = WaitGraph::new(flow, shortage);
    graph.strands();
    graph.forks();
    graph.locks();
    graph.has_order() && graph.locks_have_no_cycle()
}

/// More steps than this are not taken to follow what the holders of locks wait for: a few seconds.
const MAX_WALK_STEPS: usize = 200_000_000;

/// Something that is waited for: its number and, for a lock, who requests it.
type WaitPoint = (usize, Option<LockOwner>);

/// What comes later, what has to come sooner, and who requests it, if it is a lock.
struct WaitEdge {
    later: u32,
    sooner: u32,
    asks: Option<LockOwner>,
}

/// Someone who may hold a lock.
struct HeldLock {
    owner: LockOwner,
    class: usize,
    /// The last place before it has the lock.
    before: usize,
    /// What it waits for before it gives the lock back.
    waits: Vec<WaitPoint>,
}

/// What waits for what, by numbers: the places of strands ("it gets there, or never will"), then
/// meetings, locks, and what is inside splits.
struct WaitGraph<'a> {
    flow: &'a DeadlockModel,
    /// For each lock the number of its class: locks that are taken together are one.
    class: Vec<Option<usize>>,
    /// Where each strand's places begin.
    places: Vec<usize>,
    meetings: usize,
    locks: usize,
    insides: usize,
    edges: Vec<WaitEdge>,
    /// Those who may hold locks.
    held: Vec<HeldLock>,
    /// The splits that the numbers after all these belong to.
    extra: Vec<usize>,
    next: usize,
}

impl<'a> WaitGraph<'a> {
    fn new(flow: &'a DeadlockModel, shortage: &[bool]) -> Self {
        let mut next = 0;
        let places = flow.strands.iter().map(|strand| {
            let start = next;
            next += strand.ops.len() + 1;
            start
        });
        let places = places.collect();
        let meetings = next;
        let locks = meetings + flow.meetings.len();
        let insides = locks + flow.resources.len();
        Self {
            flow,
            class: classes(flow, shortage),
            places,
            meetings,
            locks,
            insides,
            edges: Vec::new(),
            held: Vec::new(),
            extra: Vec::new(),
            next: insides + flow.forks.len(),
        }
    }

    fn edge(&mut self, later: usize, sooner: usize) {
        self.wait(later, (sooner, None));
    }

    fn wait(&mut self, later: usize, (sooner, asks): WaitPoint) {
        self.edges.push(WaitEdge {
            later: later as u32,
            sooner: sooner as u32,
            asks,
        });
    }

    /// Something else that is waited for in a split.
    fn node(&mut self, fork: usize) -> usize {
        self.extra.push(fork);
        self.next += 1;
        self.next - 1
    }

    fn place(&self, strand: StrandId, at: usize) -> usize {
        self.places[strand] + at
    }

    fn end(&self, strand: StrandId) -> usize {
        self.place(strand, self.flow.strands[strand].ops.len())
    }

    /// What an operation may wait for; of a split, what is inside it.
    fn resource(&self, op: &ModelOp) -> Option<WaitPoint> {
        let lock = |lock: usize| self.class[lock].map(|class| self.locks + class);
        match op {
            ModelOp::Arrive(meeting, _) => Some((self.meetings + meeting, None)),
            ModelOp::Acquire(request) => {
                let owner = LockOwner::Request(*request);
                let mut locks = self.flow.requests[*request].locks.iter();
                Some((locks.find_map(|it| lock(*it))?, Some(owner)))
            }
            ModelOp::Enter(hold, _) => {
                let mut locks = self.flow.holds[*hold].locks.iter();
                let class = locks.find_map(|(it, _)| lock(*it))?;
                Some((class, Some(LockOwner::Hold(*hold))))
            }
            ModelOp::Fork(fork) => Some((self.insides + fork, None)),
            ModelOp::Pause(_)
            | ModelOp::Release(_)
            | ModelOp::Exit(..)
            | ModelOp::Drop(_)
            | ModelOp::Choose(..)
            | ModelOp::Jump(_)
            | ModelOp::Given(_)
            | ModelOp::Bind(_)
            | ModelOp::Leave(_)
            | ModelOp::Break
            | ModelOp::Fail => None,
        }
    }

    fn strands(&mut self) {
        let flow = self.flow;
        for (strand, it) in flow.strands.iter().enumerate() {
            for (at, op) in it.ops.iter().enumerate() {
                let here = self.place(strand, at);
                match op {
                    ModelOp::Choose(ways, _) => {
                        for way in ways.iter().filter(|way| **way > at) {
                            self.edge(self.places[strand] + way, here);
                        }
                        continue;
                    }
                    ModelOp::Jump(to) => {
                        // A jump backwards is another try: it waits for nothing new.
                        if *to > at {
                            self.edge(self.places[strand] + to, here);
                        }
                        continue;
                    }
                    ModelOp::Fail => {
                        // It ends here, and comes here first.
                        self.edge(self.end(strand), here);
                        continue;
                    }
                    ModelOp::Fork(fork) => {
                        for child in &flow.forks[*fork].children {
                            self.edge(here + 1, self.end(*child));
                            self.edge(self.place(*child, 0), here);
                        }
                    }
                    op @ (ModelOp::Pause(_)
                    | ModelOp::Arrive(..)
                    | ModelOp::Acquire(_)
                    | ModelOp::Release(_)
                    | ModelOp::Enter(..)
                    | ModelOp::Exit(..)
                    | ModelOp::Drop(_)
                    | ModelOp::Given(_)
                    | ModelOp::Bind(_)
                    | ModelOp::Leave(_)
                    | ModelOp::Break) => {
                        if let Some(wait) = self.resource(op) {
                            self.wait(here + 1, wait);
                        }
                    }
                }
                if let ModelOp::Arrive(meeting, _) = op {
                    self.edge(self.meetings + meeting, here);
                }
                self.edge(here + 1, here);
            }
            for guard in &it.guards {
                self.guard(strand, guard);
            }
        }
    }

    /// A strand that fails continues at its guard, and leaves there the meetings that it would have
    /// reached.
    fn guard(&mut self, strand: StrandId, guard: &crate::deadlock::model::StrandGuard) {
        let flow = self.flow;
        let ops = &flow.strands[strand].ops;
        let pad = self.place(strand, guard.pad);
        for at in guard.from..guard.to {
            self.edge(pad, self.place(strand, at));
        }
        let handled = ops.get(guard.pad..guard.end).unwrap_or_default();
        let waits: Vec<WaitPoint> = handled.iter().filter_map(|op| self.resource(op)).collect();
        if waits.is_empty() {
            return;
        }
        for op in ops.get(guard.from..guard.to).unwrap_or_default() {
            let meetings: Vec<usize> = match op {
                ModelOp::Arrive(meeting, _) => vec![*meeting],
                ModelOp::Fork(fork) => {
                    let children = flow.forks[*fork].children.iter();
                    let owed = children.flat_map(|child| &flow.strands[*child].owes);
                    owed.map(|(meeting, _)| *meeting).collect()
                }
                ModelOp::Pause(_)
                | ModelOp::Acquire(_)
                | ModelOp::Release(_)
                | ModelOp::Enter(..)
                | ModelOp::Exit(..)
                | ModelOp::Drop(_)
                | ModelOp::Choose(..)
                | ModelOp::Jump(_)
                | ModelOp::Given(_)
                | ModelOp::Bind(_)
                | ModelOp::Leave(_)
                | ModelOp::Break
                | ModelOp::Fail => Vec::new(),
            };
            for meeting in meetings {
                for wait in &waits {
                    self.wait(self.meetings + meeting, *wait);
                }
            }
        }
    }

    /// Who starts after whom, and what is inside each split.
    fn forks(&mut self) {
        let flow = self.flow;
        for (at, fork) in flow.forks.iter().enumerate() {
            let groups: Vec<usize> = fork.group_sizes.iter().map(|_| self.node(at)).collect();
            let mut kept = None;
            let mut wave = 0;
            let mut before: Vec<StrandId> = Vec::new();
            for (place, child) in fork.children.iter().copied().enumerate() {
                let start = self.place(child, 0);
                for group in fork.after.get(place).into_iter().flatten() {
                    self.edge(start, groups[*group]);
                }
                for group in fork.groups.get(place).into_iter().flatten() {
                    self.edge(groups[*group], self.end(child));
                }
                // What has to end before the next place is free: all that started before.
                let next_wave = fork.wave.get(place).is_some_and(|it| *it > wave);
                let full = fork.max.is_some_and(|max| place >= max);
                if next_wave || full {
                    let node = self.node(at);
                    kept.into_iter().for_each(|kept| self.edge(node, kept));
                    for other in std::mem::take(&mut before) {
                        self.edge(node, self.end(other));
                    }
                    kept = Some(node);
                    wave = fork.wave.get(place).copied().unwrap_or(wave);
                }
                before.push(child);
                kept.into_iter().for_each(|kept| self.edge(start, kept));
                for op in &flow.strands[child].ops {
                    if let Some(wait) = self.resource(op) {
                        self.wait(self.insides + at, wait);
                    }
                }
            }
        }
    }

    /// What has to happen before a lock is given back.
    fn locks(&mut self) {
        let flow = self.flow;
        for section in held_sections(flow) {
            let (class, waits) = match section.owner {
                LockOwner::Request(request) => {
                    let inside = section.inside().iter();
                    let waits = inside.filter_map(|op| self.resource(op)).collect();
                    let mut locks = flow.requests[request].locks.iter();
                    (locks.find_map(|lock| self.class[*lock]), waits)
                }
                LockOwner::Hold(hold) => {
                    // What is waited for while a stage holds its locks; not for those.
                    let enters_own =
                        |op: &ModelOp| matches!(op, ModelOp::Enter(own, _) if *own == hold);
                    let inside = with_children(flow, section.inside());
                    let others = inside.filter(|op| !enters_own(op));
                    let waits = others.filter_map(|op| self.resource(op)).collect();
                    let mut locks = flow.holds[hold].locks.iter();
                    (locks.find_map(|(lock, _)| self.class[*lock]), waits)
                }
            };
            let Some(class) = class else { continue };
            self.held.push(HeldLock {
                owner: section.owner,
                class,
                before: self.place(section.strand, section.from),
                waits,
            });
        }
    }

    /// Whether there is no cycle, locks aside.
    fn has_order(&self) -> bool {
        let mut left = vec![true; self.next];
        let waits = self.edges.iter().map(|edge| (edge.later, edge.sooner));
        remove_free(&mut left, waits);
        !left.contains(&true)
    }

    /// What waits for what, if a lock waits for all that any of its holders waits for.
    fn all_waits(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        let edges = self.edges.iter().map(|edge| (edge.later, edge.sooner));
        let of_holders = self.held.iter().flat_map(|held| {
            let lock = (self.locks + held.class) as u32;
            held.waits.iter().map(move |(wait, _)| (lock, *wait as u32))
        });
        edges.chain(of_holders)
    }

    /// What may be on a cycle, if a lock waits for all that any of its holders waits for. A lock
    /// that is not needs no closer look, and most are not.
    fn may_be_on_cycles(&self) -> Vec<bool> {
        let mut left = vec![true; self.next];
        let waits = self.all_waits();
        remove_free(&mut left, waits.clone());
        // What nothing waits for that is left is on none, either.
        remove_free(&mut left, waits.map(|(later, sooner)| (sooner, later)));
        left
    }

    /// Whether no holder of a lock waits for something that waits for that lock.
    fn locks_have_no_cycle(&self) -> bool {
        if self.held.iter().all(|held| held.waits.is_empty()) {
            // As in most plans.
            return true;
        }
        let suspects = self.may_be_on_cycles();
        let is_suspect = |held: &&HeldLock| suspects[self.locks + held.class];
        if !self.held.iter().any(|held| is_suspect(&held)) {
            return true;
        }
        let sooner = NumberTable::new(self.next, self.edges.iter().map(|edge| edge.later));
        let mut by_class: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, held) in self.held.iter().enumerate() {
            by_class
                .entry(self.locks + held.class)
                .or_default()
                .push(at);
        }
        let mut walk = WaitGraphWalk {
            exclusion: Exclusion::new(self.flow, &held_sections(self.flow)),
            graph: self,
            sooner,
            by_class,
            seen: vec![0; self.next],
            round: 0,
            steps: 0,
        };
        self.held.iter().filter(is_suspect).all(|held| {
            walk.round += 1;
            if walk.is_reachable(held) {
                return true;
            }
            // What had to happen before it could have the lock has happened.
            walk.round += 1;
            walk.mark_predecessors(held);
            walk.is_reachable(held)
        })
    }
}

/// A walk from what is held to what that waits for.
struct WaitGraphWalk<'a> {
    graph: &'a WaitGraph<'a>,
    exclusion: Exclusion<'a>,
    sooner: NumberTable,
    /// Who may hold the locks of each class, by the number of that.
    by_class: HashMap<usize, Vec<usize>>,
    /// In which round each number was last visited.
    seen: Vec<u32>,
    round: u32,
    steps: usize,
}

impl WaitGraphWalk<'_> {
    /// Whether what a holder waits for does not wait for its lock.
    fn is_reachable(&mut self, held: &HeldLock) -> bool {
        let graph = self.graph;
        let own = graph.locks + held.class;
        let mut open = Vec::new();
        let mut next: Vec<WaitPoint> = held.waits.clone();
        loop {
            for (at, asks) in next.drain(..) {
                self.steps += 1;
                if asks.is_some_and(|asks| self.exclusion.excludes(asks, held.owner)) {
                    continue;
                }
                let again = at == own && asks != Some(held.owner);
                if again || self.steps > MAX_WALK_STEPS {
                    return false;
                }
                if at != own && std::mem::replace(&mut self.seen[at], self.round) != self.round {
                    open.push(at);
                }
            }
            let Some(at) = open.pop() else { return true };
            let edges = self.sooner.of(at).iter();
            let edges = edges.map(|edge| &graph.edges[*edge as usize]);
            next.extend(edges.map(|edge| (edge.sooner as usize, edge.asks)));
            let others = self.by_class.get(&at).map_or(&[][..], |it| it);
            self.steps += others.len();
            let others = others.iter().map(|other| &graph.held[*other]);
            let others = others.filter(|it| !self.exclusion.excludes(it.owner, held.owner));
            next.extend(others.flat_map(|other| other.waits.iter().copied()));
        }
    }

    /// Marks the places and meetings that were there before a lock was had.
    fn mark_predecessors(&mut self, held: &HeldLock) {
        let graph = self.graph;
        let mut open = vec![held.before];
        while let Some(at) = open.pop() {
            self.steps += 1;
            let is_lock = (graph.locks..graph.insides).contains(&at);
            if is_lock || std::mem::replace(&mut self.seen[at], self.round) == self.round {
                continue;
            }
            let edges = self.sooner.of(at).iter();
            open.extend(edges.map(|edge| graph.edges[*edge as usize].sooner as usize));
        }
    }
}

/// Removes, again and again, what waits for nothing that is left.
fn remove_free(left: &mut [bool], waits: impl Iterator<Item = (u32, u32)> + Clone) {
    let waits: Vec<(u32, u32)> = waits
        .filter(|(later, sooner)| left[*later as usize] && left[*sooner as usize])
        .collect();
    let followers = NumberTable::new(left.len(), waits.iter().map(|(_, sooner)| *sooner));
    let mut counts = vec![0_u32; left.len()];
    for (later, _) in &waits {
        counts[*later as usize] += 1;
    }
    let is_free = |at: &usize| left[*at] && counts[*at] == 0;
    let mut free: Vec<usize> = (0..left.len()).filter(is_free).collect();
    while let Some(at) = free.pop() {
        left[at] = false;
        for wait in followers.of(at) {
            let later = waits[*wait as usize].0 as usize;
            counts[later] -= 1;
            if counts[later] == 0 {
                free.push(later);
            }
        }
    }
}

/// The places in a list, by the number that each of its elements has.
struct NumberTable {
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl NumberTable {
    /// The numbers are below `count`.
    fn new(count: usize, numbers: impl Iterator<Item = u32> + Clone) -> Self {
        let mut starts = vec![0_u32; count + 1];
        let mut all = 0;
        for number in numbers.clone() {
            starts[number as usize + 1] += 1;
            all += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut places = vec![0_u32; all];
        let mut free = starts.clone();
        for (at, number) in numbers.enumerate() {
            let slot = &mut free[number as usize];
            places[*slot as usize] = at as u32;
            *slot += 1;
        }
        Self { starts, places }
    }

    fn of(&self, number: usize) -> &[u32] {
        let range = self.starts[number] as usize..self.starts[number + 1] as usize;
        self.places.get(range).unwrap_or_default()
    }
}

/// The classes of the locks that can be in short supply.
fn classes(flow: &DeadlockModel, shortage: &[bool]) -> Vec<Option<usize>> {
    let mut class: Vec<Option<usize>> = (0..flow.resources.len())
        .map(|lock| shortage[lock].then_some(lock))
        .collect();
    let holds = (flow.holds.iter()).map(|it| it.locks.iter().map(|(lock, _)| *lock).collect());
    let requests = flow.requests.iter().map(|it| it.locks.clone());
    for locks in holds.chain(requests) {
        let locks: Vec<usize> = locks;
        let together: Vec<usize> = locks.iter().filter_map(|lock| class[*lock]).collect();
        let (Some(least), Some(most)) = (together.iter().min(), together.iter().max()) else {
            continue;
        };
        if least != most {
            let least = *least;
            let merged: HashMap<usize, usize> =
                together.into_iter().map(|it| (it, least)).collect();
            for own in class.iter_mut().flatten() {
                *own = merged.get(own).copied().unwrap_or(*own);
            }
        }
    }
    class
}
