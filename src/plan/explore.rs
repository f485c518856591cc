//! Whether the strands of a plan can come to a standstill, and the shortest way there.
//! It does not know how that is told.
//!
//! Strands only wait for each other at barriers, for locks and for places in a throttled block.
//! All but the order in which locks are asked for is confluent: whoever can go on may as well go
//! on at once, and the others can still do what they could. So everything goes as far as it can,
//! and the search only branches where several strands are about to ask for locks, or where only
//! the run knows which way a strand goes.

use std::collections::{HashMap, HashSet, VecDeque};

use super::flow::{Flow, Op, StrandId};

/// States that are looked at before the search gives up.
const MOST_STATES: usize = 50_000;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every run of the strands ends.
    Ends,
    /// This one does not.
    Hangs(Hang),
    /// There were more states than can be looked at.
    Unknown,
}

/// A standstill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hang {
    /// The choices that led there, in order.
    pub steps: Vec<Step>,
    /// The strands that wait for ever, with the place of what they wait at.
    pub waiting: Vec<(StrandId, usize)>,
    /// The strands that never start, because their block lets no more in.
    pub kept_out: Vec<StrandId>,
    /// Who holds which lock: resource and strand.
    pub held: Vec<(usize, StrandId)>,
}

/// A choice on the way to a standstill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The strand asks for a lock, at this place.
    Asks(StrandId, usize),
    /// The strand goes on at this place.
    Goes(StrandId, usize),
}

/// Looks for a standstill; a shortest one is found first.
pub fn explore(flow: &Flow) -> Verdict {
    let search = Search {
        flow,
        relevant: relevant(flow),
        debts: debts(flow),
    };
    let mut first = State::new(flow);
    first.start(0);
    search.settle(&mut first);
    let mut seen = HashSet::from([first.clone()]);
    let mut queue = VecDeque::from([(first, Vec::new())]);
    while let Some((state, steps)) = queue.pop_front() {
        let choices = search.choices(&state);
        if choices.is_empty() {
            if !state.is_done(flow, 0) {
                return Verdict::Hangs(search.hang(&state, steps));
            }
            continue;
        }
        for choice in choices {
            let mut next = state.clone();
            search.choose(&mut next, choice);
            search.settle(&mut next);
            if seen.contains(&next) {
                continue;
            }
            if seen.len() >= MOST_STATES {
                return Verdict::Unknown;
            }
            seen.insert(next.clone());
            let mut steps = steps.clone();
            steps.push(choice);
            queue.push_back((next, steps));
        }
    }
    Verdict::Ends
}

/// The locks that can have a part in a standstill: those that are held while something else is
/// waited for. All others are only ever held for a while.
fn relevant(flow: &Flow) -> Vec<bool> {
    // A lock that nobody has to share is never waited for.
    let mut wanted = vec![0; flow.resources.len()];
    flow.requests
        .iter()
        .for_each(|(lock, _)| wanted[*lock] += 1);
    flow.holds
        .iter()
        .flat_map(|hold| &hold.locks)
        .for_each(|(lock, _)| wanted[*lock] += 1);
    let limits = flow.resources.iter().map(|(_, limit)| *limit);
    let mut relevant: Vec<bool> = limits
        .zip(wanted)
        .map(|(limit, count)| count > limit)
        .collect();
    loop {
        let mut waits = vec![false; flow.resources.len()];
        for strand in 0..flow.strands.len() {
            mark_waits(flow, strand, &relevant, &mut waits);
        }
        for hold in &flow.holds {
            // A stage holds its locks while any of its strands goes from one deployment to the
            // next; it is enough that something in it may wait.
            if stage_waits(flow, hold.tree, &relevant) {
                hold.locks.iter().for_each(|(lock, _)| waits[*lock] = true);
            }
        }
        let next: Vec<bool> = relevant.iter().zip(&waits).map(|(a, b)| *a && *b).collect();
        if next == relevant {
            return relevant;
        }
        relevant = next;
    }
}

/// Whether an operation may wait for another strand.
fn may_wait(flow: &Flow, op: &Op, relevant: &[bool]) -> bool {
    match op {
        Op::Arrive(..) => true,
        Op::Acquire(request) => relevant[flow.requests[*request].0],
        Op::Enter(hold, _) => flow.holds[*hold]
            .locks
            .iter()
            .any(|(lock, _)| relevant[*lock]),
        Op::Fork(fork) => flow.forks[*fork].children.iter().any(|child| {
            flow.strands[*child]
                .ops
                .iter()
                .any(|op| may_wait(flow, op, relevant))
        }),
        Op::Release(_) | Op::Exit(..) | Op::Drop(_) | Op::Choose(_) | Op::Jump(_) => false,
    }
}

/// Marks the locks that a strand's `lock` statements hold while it may wait.
fn mark_waits(flow: &Flow, strand: StrandId, relevant: &[bool], waits: &mut [bool]) {
    let mut open: Vec<usize> = Vec::new();
    for op in &flow.strands[strand].ops {
        match op {
            Op::Release(request) => open.retain(|other| other != request),
            op if may_wait(flow, op, relevant) => {
                open.iter()
                    .for_each(|request| waits[flow.requests[*request].0] = true);
            }
            _ => {}
        }
        if let Op::Acquire(request) = op {
            open.push(*request);
        }
    }
}

/// Whether anything between a stage's first deployment and its end may wait.
fn stage_waits(flow: &Flow, stage: super::TreeId, relevant: &[bool]) -> bool {
    flow.strands.iter().any(|strand| {
        let hold = strand
            .ops
            .iter()
            .position(|op| matches!(op, Op::Drop(hold) if flow.holds[*hold].tree == stage));
        let Some(end) = hold else { return false };
        let ops = strand.ops.get(..end).unwrap_or_default();
        // Entering its own locks is no wait inside them.
        inside_waits(flow, ops, stage, relevant)
    })
}

fn inside_waits(flow: &Flow, ops: &[Op], stage: super::TreeId, relevant: &[bool]) -> bool {
    ops.iter().any(|op| match op {
        Op::Enter(hold, _) if flow.holds[*hold].tree == stage => false,
        Op::Fork(fork) => flow.forks[*fork]
            .children
            .iter()
            .any(|child| inside_waits(flow, &flow.strands[*child].ops, stage, relevant)),
        op => may_wait(flow, op, relevant),
    })
}

struct Search<'a> {
    flow: &'a Flow,
    relevant: Vec<bool>,
    /// Where each strand's debts begin in `State::owes`.
    debts: Vec<usize>,
}

fn debts(flow: &Flow) -> Vec<usize> {
    let starts = flow.strands.iter().scan(0, |next, strand| {
        let start = *next;
        *next += strand.owes.len();
        Some(start)
    });
    starts.collect()
}

const NOT_STARTED: u32 = u32::MAX;

/// Where all strands are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// The next operation of each strand.
    at: Vec<u32>,
    /// What each strand still owes each of its meetings; only where strands may go several ways.
    owes: Vec<u32>,
    arrived: Vec<u32>,
    left: Vec<u32>,
    /// Who waits at each meeting.
    waiting: Vec<Vec<StrandId>>,
    /// Who holds each lock, and who waits, in order.
    held: Vec<Vec<Holder>>,
    queue: Vec<(Holder, Vec<usize>)>,
    holds: Vec<HoldState>,
    forks: Vec<ForkState>,
    /// Strands that can go on.
    ready: Vec<StrandId>,
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// A `lock` statement: strand and request.
    Request(StrandId, usize),
    /// A stage.
    Hold(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct HoldState {
    asked_by: Option<StrandId>,
    granted: bool,
    waiting: Vec<StrandId>,
    remaining: Vec<Option<u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct ForkState {
    running: u32,
    done: u32,
    admitted: u32,
    wave: u32,
    groups: Vec<u32>,
}

impl State {
    fn new(flow: &Flow) -> Self {
        let holds = flow.holds.iter().map(|hold| HoldState {
            remaining: hold.locks.iter().map(|(_, count)| *count).collect(),
            ..HoldState::default()
        });
        let forks = flow.forks.iter().map(|fork| ForkState {
            groups: fork.group_sizes.clone(),
            ..ForkState::default()
        });
        Self {
            at: vec![NOT_STARTED; flow.strands.len()],
            owes: flow
                .strands
                .iter()
                .flat_map(|it| it.owes.iter().map(|(_, count)| *count))
                .collect(),
            arrived: vec![0; flow.meetings.len()],
            left: vec![0; flow.meetings.len()],
            waiting: vec![Vec::new(); flow.meetings.len()],
            held: vec![Vec::new(); flow.resources.len()],
            queue: Vec::new(),
            holds: holds.collect(),
            forks: forks.collect(),
            ready: Vec::new(),
        }
    }

    fn start(&mut self, strand: StrandId) {
        self.at[strand] = 0;
        self.ready.push(strand);
    }

    fn is_done(&self, flow: &Flow, strand: StrandId) -> bool {
        self.at[strand] as usize == flow.strands[strand].ops.len()
    }
}

impl Search<'_> {
    fn op(&self, state: &State, strand: StrandId) -> Option<&Op> {
        self.flow.strands[strand].ops.get(state.at[strand] as usize)
    }

    /// Lets everything go as far as it can.
    fn settle(&self, state: &mut State) {
        while let Some(strand) = state.ready.pop() {
            while self.advance(state, strand) {}
        }
        // The same state is the same, however it was reached.
        state
            .waiting
            .iter_mut()
            .for_each(|waiting| waiting.sort_unstable());
    }

    /// One operation of a strand; whether it can go on.
    fn advance(&self, state: &mut State, strand: StrandId) -> bool {
        let Some(op) = self.op(state, strand) else {
            self.ended(state, strand);
            return false;
        };
        match op {
            Op::Arrive(meeting, _) => {
                self.pay(state, strand, *meeting, 1);
                state.arrived[*meeting] += 1;
                state.waiting[*meeting].push(strand);
                self.open(state, *meeting);
                return false;
            }
            Op::Acquire(request) if self.relevant[self.flow.requests[*request].0] => return false,
            Op::Enter(hold, _) if self.holds_anything(*hold) && !state.holds[*hold].granted => {
                if state.holds[*hold].asked_by.is_some() {
                    state.holds[*hold].waiting.push(strand);
                }
                return false;
            }
            Op::Acquire(_) | Op::Enter(..) => {}
            Op::Release(request) => {
                let lock = self.flow.requests[*request].0;
                state.held[lock].retain(|holder| *holder != Holder::Request(strand, *request));
                self.grant(state);
            }
            Op::Exit(hold, lock) => self.exit(state, *hold, *lock),
            Op::Drop(hold) => {
                for (lock, _) in &self.flow.holds[*hold].locks {
                    state.held[*lock].retain(|holder| *holder != Holder::Hold(*hold));
                }
                self.grant(state);
            }
            Op::Fork(fork) => {
                self.fill(state, *fork);
                // The last part that ends lets it go on.
                if !self.flow.forks[*fork].children.is_empty() {
                    return false;
                }
            }
            Op::Choose(_) => return false,
            Op::Jump(to) => {
                state.at[strand] = *to as u32;
                return true;
            }
        }
        state.at[strand] += 1;
        true
    }

    fn holds_anything(&self, hold: usize) -> bool {
        self.flow.holds[hold]
            .locks
            .iter()
            .any(|(lock, _)| self.relevant[*lock])
    }

    /// The index of what a strand owes a meeting in `State::owes`.
    fn debt(&self, strand: StrandId, meeting: usize) -> Option<usize> {
        let own = &self.flow.strands[strand].owes;
        let at = own
            .binary_search_by_key(&meeting, |(other, _)| *other)
            .ok()?;
        Some(self.debts[strand] + at)
    }

    fn pay(&self, state: &mut State, strand: StrandId, meeting: usize, count: u32) {
        let mut at = Some(strand);
        while let Some(strand) = at {
            if let Some(debt) = self.debt(strand, meeting) {
                state.owes[debt] = state.owes[debt].saturating_sub(count);
            }
            at = self.flow.strands[strand].parent.map(|(parent, _)| parent);
        }
    }

    fn open(&self, state: &mut State, meeting: usize) {
        let expected = self.flow.meetings[meeting].expected;
        if state.waiting[meeting].is_empty()
            || state.arrived[meeting] + state.left[meeting] < expected
        {
            return;
        }
        for strand in std::mem::take(&mut state.waiting[meeting]) {
            state.at[strand] += 1;
            state.ready.push(strand);
        }
    }

    /// A strand has ended: what it still owes is left, and its block goes on.
    fn ended(&self, state: &mut State, strand: StrandId) {
        let Some((parent, fork)) = self.flow.strands[strand].parent else {
            return;
        };
        for (meeting, _) in &self.flow.strands[strand].owes {
            let Some(debt) = self.debt(strand, *meeting) else {
                continue;
            };
            let count = state.owes[debt];
            if count > 0 {
                self.pay(state, strand, *meeting, count);
                state.left[*meeting] += count;
                self.open(state, *meeting);
            }
        }
        let shape = &self.flow.forks[fork];
        let place = shape.children.iter().position(|child| *child == strand);
        let now = &mut state.forks[fork];
        now.running -= 1;
        now.done += 1;
        for group in place
            .and_then(|place| shape.groups.get(place))
            .into_iter()
            .flatten()
        {
            now.groups[*group] -= 1;
        }
        if now.done as usize == shape.children.len() {
            state.at[parent] += 1;
            state.ready.push(parent);
        } else {
            self.fill(state, fork);
        }
    }

    /// Starts every strand of a block that may start, in source order.
    fn fill(&self, state: &mut State, fork: usize) {
        let shape = &self.flow.forks[fork];
        for (place, child) in shape.children.iter().enumerate() {
            if state.at[*child] != NOT_STARTED {
                continue;
            }
            let now = &mut state.forks[fork];
            if shape.max.is_some_and(|max| now.running as usize >= max) {
                return;
            }
            if let Some(size) = shape.waves.get(now.wave as usize).or(shape.waves.last())
                && now.admitted as usize >= *size
            {
                if now.running > 0 {
                    return;
                }
                now.wave += 1;
                now.admitted = 0;
            }
            let free = shape
                .after
                .get(place)
                .is_none_or(|after| after.iter().all(|group| now.groups[*group] == 0));
            if free {
                now.running += 1;
                now.admitted += 1;
                state.start(*child);
            }
        }
    }

    fn exit(&self, state: &mut State, hold: usize, lock: usize) {
        let locks = &self.flow.holds[hold].locks;
        let Some(place) = locks.iter().position(|(other, _)| *other == lock) else {
            return;
        };
        if let Some(remaining) = &mut state.holds[hold].remaining[place] {
            *remaining = remaining.saturating_sub(1);
            if *remaining == 0 {
                state.held[lock].retain(|holder| *holder != Holder::Hold(hold));
                self.grant(state);
            }
        }
    }

    /// First come first served, all of a request's locks together.
    fn grant(&self, state: &mut State) {
        let mut wanted: HashMap<usize, u32> = HashMap::new();
        let mut waiting = Vec::new();
        for (holder, locks) in std::mem::take(&mut state.queue) {
            let free = locks.iter().all(|lock| {
                let held = state.held[*lock].len() as u32;
                held + wanted.get(lock).copied().unwrap_or(0) < self.flow.resources[*lock].1
            });
            if !free {
                for lock in &locks {
                    *wanted.entry(*lock).or_default() += self.flow.resources[*lock].1;
                }
                waiting.push((holder, locks));
                continue;
            }
            for lock in &locks {
                state.held[*lock].push(holder);
            }
            match holder {
                Holder::Request(strand, _) => {
                    state.at[strand] += 1;
                    state.ready.push(strand);
                }
                Holder::Hold(hold) => {
                    state.holds[hold].granted = true;
                    for strand in std::mem::take(&mut state.holds[hold].waiting) {
                        state.at[strand] += 1;
                        state.ready.push(strand);
                    }
                }
            }
        }
        state.queue = waiting;
    }

    /// The strands that are about to ask for a lock or to go one of several ways. A way that
    /// only concerns one strand is looked at first, on its own.
    fn choices(&self, state: &State) -> Vec<Step> {
        let mut asks = Vec::new();
        for strand in 0..self.flow.strands.len() {
            if state.at[strand] == NOT_STARTED {
                continue;
            }
            let place = state.at[strand] as usize;
            match self.op(state, strand) {
                Some(Op::Choose(ways)) => {
                    return ways.iter().map(|way| Step::Goes(strand, *way)).collect();
                }
                Some(Op::Acquire(request)) if !self.is_queued(state, strand, *request) => {
                    asks.push(Step::Asks(strand, place));
                }
                Some(Op::Enter(hold, _)) if state.holds[*hold].asked_by.is_none() => {
                    asks.push(Step::Asks(strand, place));
                }
                _ => {}
            }
        }
        asks
    }

    fn is_queued(&self, state: &State, strand: StrandId, request: usize) -> bool {
        let own = Holder::Request(strand, request);
        state.queue.iter().any(|(holder, _)| *holder == own)
    }

    fn choose(&self, state: &mut State, step: Step) {
        match step {
            Step::Goes(strand, to) => {
                state.at[strand] = to as u32;
                state.ready.push(strand);
            }
            Step::Asks(strand, _) => match self.op(state, strand) {
                Some(Op::Acquire(request)) => {
                    let request = *request;
                    let locks = vec![self.flow.requests[request].0];
                    state.queue.push((Holder::Request(strand, request), locks));
                    self.grant(state);
                }
                Some(Op::Enter(hold, _)) => {
                    let hold = *hold;
                    let locks = self.flow.holds[hold].locks.iter().map(|(lock, _)| *lock);
                    let locks = locks.filter(|lock| self.relevant[*lock]).collect();
                    state.holds[hold].asked_by = Some(strand);
                    // All of its strands that are here wait together.
                    for other in 0..self.flow.strands.len() {
                        let enters = match self.op(state, other) {
                            Some(Op::Enter(wanted, _)) => *wanted == hold,
                            _ => false,
                        };
                        if enters && state.at[other] != NOT_STARTED {
                            state.holds[hold].waiting.push(other);
                        }
                    }
                    state.queue.push((Holder::Hold(hold), locks));
                    self.grant(state);
                }
                _ => {}
            },
        }
    }

    fn hang(&self, state: &State, steps: Vec<Step>) -> Hang {
        let started = |strand: &StrandId| state.at[*strand] != NOT_STARTED;
        let waits = |strand: &StrandId| {
            matches!(
                self.op(state, *strand),
                Some(Op::Arrive(..) | Op::Acquire(_) | Op::Enter(..))
            )
        };
        let strands = 0..self.flow.strands.len();
        let waiting = strands.clone().filter(started).filter(waits);
        let waiting = waiting
            .map(|strand| (strand, state.at[strand] as usize))
            .collect();
        let kept_out = strands
            .filter(|strand| !started(strand))
            .filter(|strand| {
                let parent = self.flow.strands[*strand].parent;
                parent.is_some_and(|(parent, fork)| {
                    self.op(state, parent) == Some(&Op::Fork(fork)) && started(&parent)
                })
            })
            .collect();
        let mut held = Vec::new();
        for (lock, holders) in state.held.iter().enumerate() {
            for holder in holders {
                let strand = match holder {
                    Holder::Request(strand, _) => Some(*strand),
                    Holder::Hold(hold) => state.holds[*hold].asked_by,
                };
                held.extend(strand.map(|strand| (lock, strand)));
            }
        }
        Hang {
            steps,
            waiting,
            kept_out,
            held,
        }
    }
}
