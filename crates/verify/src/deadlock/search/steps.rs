//! The transitions of the search: what follows from an event, in the order in which the machine
//! does it. The consequences of a task come before what was pending after it, and each strand
//! continues as far as it can.

use super::state::ENDED;
use super::state::ForkState;
use super::state::ModelLockHolder;
use super::state::NOT_STARTED;
use super::state::SearchState;
use super::state::SearchStep;
use super::state::StrandTask;
use super::state::fresh_fork;
use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::ModelLiteral;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;

/// How strands are followed.
pub struct StateSpaceSearch<'a> {
    pub flow: &'a DeadlockModel,
    /// The locks that count; those that do not are always free.
    pub relevant: Vec<bool>,
    /// Whether everything that takes time is an event of its own.
    exact: bool,
    /// Whether what takes time may fail.
    failures: bool,
    /// Whether conditions are remembered: what was so stays so.
    decisions: bool,
    /// Where each strand's debts begin in `SearchState::owes` and `SearchState::deploys`.
    debts: Vec<(usize, usize)>,
    /// The place where each request is made.
    asked_at: Vec<usize>,
    /// The meetings of each split.
    met_in: Vec<Vec<usize>>,
    /// The stages that end in each strand, and where.
    ends: Vec<Vec<(usize, usize)>>,
}

impl<'a> StateSpaceSearch<'a> {
    /// Only these locks count, and they are requested in every order.
    pub fn free(flow: &'a DeadlockModel, relevant: Vec<bool>, failures: bool) -> Self {
        Self::new(flow, relevant, false, failures)
    }

    /// Everything is as in the machine.
    pub fn exact(flow: &'a DeadlockModel, failures: bool) -> Self {
        let relevant = vec![true; flow.resources.len()];
        Self::new(flow, relevant, true, failures)
    }

    /// The same; where `decisions`, what a condition was stays so.
    pub fn remembering(self, decisions: bool) -> Self {
        Self { decisions, ..self }
    }

    fn new(flow: &'a DeadlockModel, relevant: Vec<bool>, exact: bool, failures: bool) -> Self {
        let mut next = (0, 0);
        let debts = flow.strands.iter().map(|strand| {
            let start = next;
            next = (next.0 + strand.owes.len(), next.1 + strand.deploys.len());
            start
        });
        let mut search = Self {
            debts: debts.collect(),
            flow,
            relevant,
            exact,
            failures,
            decisions: false,
            asked_at: vec![0; flow.requests.len()],
            met_in: vec![Vec::new(); flow.forks.len()],
            ends: vec![Vec::new(); flow.strands.len()],
        };
        for (at, meeting) in flow.meetings.iter().enumerate() {
            search.met_in[meeting.fork].push(at);
        }
        for (strand, it) in flow.strands.iter().enumerate() {
            for (at, op) in it.ops.iter().enumerate() {
                match op {
                    ModelOp::Acquire(request) => search.asked_at[*request] = at,
                    ModelOp::Drop(hold) => search.ends[strand].push((*hold, at)),
                    ModelOp::Pause(_)
                    | ModelOp::Arrive(..)
                    | ModelOp::Release(_)
                    | ModelOp::Enter(..)
                    | ModelOp::Exit(..)
                    | ModelOp::Fork(_)
                    | ModelOp::Choose(..)
                    | ModelOp::Jump(_)
                    | ModelOp::Given(_)
                    | ModelOp::Bind(_)
                    | ModelOp::Leave(_)
                    | ModelOp::Break
                    | ModelOp::Fail => {}
                }
            }
        }
        search
    }

    /// The pipeline starts.
    pub fn start(&self, state: &mut SearchState) {
        state.at[0] = 0;
        state.tasks.push(StrandTask::Go(0));
        self.settle_ended(state);
    }

    /// What may happen next; nothing where all has ended or no strand can continue.
    pub fn choices(&self, state: &SearchState) -> Vec<SearchStep> {
        if let Some(StrandTask::Go(strand)) = state.tasks.last() {
            let at = state.at[*strand] as usize;
            return match self.op(state, *strand) {
                Some(ModelOp::Choose(ways, _)) => {
                    let ways = ways.iter().copied();
                    let open = ways.filter(|way| self.is_open(state, *strand, *way));
                    open.map(|way| SearchStep::Goes(*strand, way)).collect()
                }
                None
                | Some(
                    ModelOp::Pause(_)
                    | ModelOp::Arrive(..)
                    | ModelOp::Acquire(_)
                    | ModelOp::Release(_)
                    | ModelOp::Enter(..)
                    | ModelOp::Exit(..)
                    | ModelOp::Drop(_)
                    | ModelOp::Fork(_)
                    | ModelOp::Jump(_)
                    | ModelOp::Given(_)
                    | ModelOp::Bind(_)
                    | ModelOp::Leave(_)
                    | ModelOp::Break
                    | ModelOp::Fail,
                ) => vec![
                    SearchStep::Ends(*strand, at),
                    SearchStep::Fails(*strand, at),
                ],
            };
        }
        let mut choices: Vec<SearchStep> = Vec::new();
        for strand in (0..self.flow.strands.len()).filter(|strand| state.runs(*strand)) {
            let at = state.at[strand] as usize;
            match self.op(state, strand) {
                Some(ModelOp::Pause(pause)) if self.exact => {
                    choices.push(SearchStep::Ends(strand, at));
                    if self.failures && pause.fails {
                        choices.push(SearchStep::Fails(strand, at));
                    }
                }
                Some(ModelOp::Acquire(request))
                    if !self.exact && !self.is_asking(state, strand, *request) =>
                {
                    choices.push(SearchStep::Asks(strand, at));
                }
                Some(ModelOp::Enter(hold, _))
                    if !self.exact && state.holds[*hold].asked_by.is_none() =>
                {
                    choices.push(SearchStep::Asks(strand, at));
                }
                None => choices.push(SearchStep::Ends(strand, at)),
                Some(
                    ModelOp::Pause(_)
                    | ModelOp::Arrive(..)
                    | ModelOp::Acquire(_)
                    | ModelOp::Release(_)
                    | ModelOp::Enter(..)
                    | ModelOp::Exit(..)
                    | ModelOp::Drop(_)
                    | ModelOp::Fork(_)
                    | ModelOp::Choose(..)
                    | ModelOp::Jump(_)
                    | ModelOp::Given(_)
                    | ModelOp::Bind(_)
                    | ModelOp::Leave(_)
                    | ModelOp::Break
                    | ModelOp::Fail,
                ) => {}
            }
        }
        choices.extend(state.granted.iter().map(|holder| SearchStep::Gets(*holder)));
        choices
    }

    /// One of the choices.
    pub fn take(&self, state: &mut SearchState, step: SearchStep) {
        let mut out = Vec::new();
        match step {
            SearchStep::Goes(strand, to) => state.at[strand] = to as u32,
            SearchStep::Ends(strand, at) if at >= self.flow.strands[strand].ops.len() => {
                self.ended(state, strand, true, &mut out);
            }
            SearchStep::Ends(strand, _) => {
                state.at[strand] += 1;
                if state.tasks.is_empty() {
                    out.push(StrandTask::Go(strand));
                }
            }
            SearchStep::Fails(strand, _) => {
                if !state.tasks.is_empty() {
                    state.tasks.pop();
                }
                out.push(StrandTask::Fail(strand));
            }
            SearchStep::Gets(holder) => self.deliver(state, holder, &mut out),
            SearchStep::Asks(strand, _) => match self.op(state, strand) {
                Some(ModelOp::Acquire(request)) => self.ask(state, strand, *request),
                Some(ModelOp::Enter(hold, _)) => {
                    let hold = *hold;
                    self.ask_all(state, strand, hold);
                    for other in 0..self.flow.strands.len() {
                        let op = self.op(state, other);
                        let enters = matches!(op, Some(ModelOp::Enter(at, _)) if *at == hold);
                        if state.runs(other) && enters {
                            state.holds[hold].waiting.push(other);
                        }
                    }
                }
                None
                | Some(
                    ModelOp::Pause(_)
                    | ModelOp::Arrive(..)
                    | ModelOp::Release(_)
                    | ModelOp::Exit(..)
                    | ModelOp::Drop(_)
                    | ModelOp::Fork(_)
                    | ModelOp::Choose(..)
                    | ModelOp::Jump(_)
                    | ModelOp::Given(_)
                    | ModelOp::Bind(_)
                    | ModelOp::Leave(_)
                    | ModelOp::Break
                    | ModelOp::Fail,
                ) => {}
            },
        }
        state.tasks.extend(out.into_iter().rev());
        self.settle_ended(state);
    }

    /// Whether one of the locks of a request can have a part in a standstill.
    fn may_be_waited_for(&self, request: usize) -> bool {
        let mut locks = self.flow.requests[request].locks.iter();
        locks.any(|lock| self.relevant[*lock])
    }

    pub(super) fn op(&self, state: &SearchState, strand: StrandId) -> Option<&ModelOp> {
        self.flow.strands[strand].ops.get(state.at[strand] as usize)
    }

    /// Advances everything as far as it can, or up to where there is a choice.
    fn settle_ended(&self, state: &mut SearchState) {
        loop {
            while let Some(task) = state.tasks.pop() {
                let mut out = Vec::new();
                match task {
                    StrandTask::Go(strand) => {
                        if !self.take_step(state, strand, &mut out) {
                            state.tasks.push(task);
                            return;
                        }
                    }
                    StrandTask::Fail(strand) => self.fail(state, strand, &mut out),
                    StrandTask::Left(strand, good) => self.left(state, strand, good, &mut out),
                }
                state.tasks.extend(out.into_iter().rev());
            }
            if self.exact || state.granted.is_empty() {
                break;
            }
            let mut out = Vec::new();
            for holder in std::mem::take(&mut state.granted) {
                self.deliver(state, holder, &mut out);
            }
            state.tasks.extend(out.into_iter().rev());
        }
        if !self.exact {
            // The order of arrival makes no difference here: locks are requested in every order.
            state.waiting.iter_mut().for_each(|it| it.sort_unstable());
            state
                .holds
                .iter_mut()
                .for_each(|it| it.waiting.sort_unstable());
        }
    }

    /// A strand continues until it waits, ends, or lets others run first. Not where there is a
    /// choice.
    fn take_step(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        out: &mut Vec<StrandTask>,
    ) -> bool {
        loop {
            let Some(op) = self.op(state, strand) else {
                // Where it matters who ends first, that is an event.
                let fork = self.flow.strands[strand].parent.map(|(_, fork)| fork);
                if self.exact || !fork.is_some_and(|fork| self.flow.forks[fork].tangled) {
                    self.ended(state, strand, true, out);
                }
                return true;
            };
            match op {
                ModelOp::Pause(_) if self.exact => return true,
                ModelOp::Pause(pause) if self.failures && pause.fails => return false,
                ModelOp::Choose(ways, _) if ways.len() != 1 => return false,
                ModelOp::Choose(ways, _) => {
                    state.at[strand] = ways[0] as u32;
                    continue;
                }
                ModelOp::Jump(to) => {
                    state.at[strand] = *to as u32;
                    continue;
                }
                ModelOp::Arrive(meeting, _) => {
                    self.arrive(state, strand, *meeting, out);
                    return true;
                }
                ModelOp::Acquire(request) if self.may_be_waited_for(*request) => {
                    if self.exact {
                        self.ask(state, strand, *request);
                    }
                    return true;
                }
                ModelOp::Enter(hold, _)
                    if self.holds_anything(*hold) && !state.holds[*hold].granted =>
                {
                    if state.holds[*hold].asked_by.is_some() {
                        state.holds[*hold].waiting.push(strand);
                    } else if self.exact {
                        state.holds[*hold].waiting.push(strand);
                        self.ask_all(state, strand, *hold);
                    }
                    return true;
                }
                ModelOp::Fork(fork) => {
                    self.split(state, *fork, out);
                    return true;
                }
                ModelOp::Fail => {
                    out.push(StrandTask::Fail(strand));
                    return true;
                }
                ModelOp::Pause(_) | ModelOp::Acquire(_) | ModelOp::Enter(..) => {}
                ModelOp::Release(request) => self.give_back(state, strand, *request),
                ModelOp::Exit(hold, lock, count) => {
                    let paid = self.count_deployments(state, strand, (*hold, *lock), *count);
                    self.fewer(state, *hold, *lock, paid);
                }
                ModelOp::Drop(hold) => self.drop_hold(state, *hold),
                ModelOp::Given(literals) => self.learn(state, literals),
                ModelOp::Bind(binding) => self.forget_decisions(state, *binding),
                ModelOp::Leave(_) => self.leave_remaining_barriers(state, strand, out),
                ModelOp::Break => self.break_owed_barriers(state, strand, out),
            }
            state.at[strand] += 1;
            if !out.is_empty() {
                out.push(StrandTask::Go(strand));
                return true;
            }
        }
    }

    // --- Conditions ----------------------------------------------------------------------

    /// Whether a strand may go a way, by what has been decided.
    fn is_open(&self, state: &SearchState, strand: StrandId, way: usize) -> bool {
        let Some(ModelOp::Given(given)) = self.flow.strands[strand].ops.get(way) else {
            return true;
        };
        let excluded = |it: &ModelLiteral| state.decided.iter().any(|other| it.excludes(other));
        !given.iter().any(excluded)
    }

    fn learn(&self, state: &mut SearchState, literals: &[ModelLiteral]) {
        if self.decisions {
            state.decided.extend(literals);
            state.decided.sort_unstable();
            state.decided.dedup();
        }
    }

    /// A name has got a value, perhaps another one: what reads it is open again.
    fn forget_decisions(&self, state: &mut SearchState, binding: usize) {
        let reads = &self.flow.decisions;
        let keeps = |it: &ModelLiteral| !reads[it.decision].contains(&binding);
        state.decided.retain(keeps);
    }

    fn holds_anything(&self, hold: usize) -> bool {
        let locks = &self.flow.holds[hold].locks;
        locks.iter().any(|(lock, _)| self.relevant[*lock])
    }

    // --- Barriers ------------------------------------------------------------------------

    /// The place of what a strand owes a meeting in `SearchState::owes`.
    pub(super) fn owed_arrivals(&self, strand: StrandId, meeting: usize) -> Option<usize> {
        let own = &self.flow.strands[strand].owes;
        let at = own
            .binary_search_by_key(&meeting, |(other, _)| *other)
            .ok()?;
        Some(self.debts[strand].0 + at)
    }

    fn arrive(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        meeting: usize,
        out: &mut Vec<StrandTask>,
    ) {
        if state.broken[meeting] || self.owed_arrivals(strand, meeting).is_none() {
            return out.push(StrandTask::Fail(strand));
        }
        self.change_owed(state, Some(strand), meeting, 1);
        state.arrived[meeting] += 1;
        state.waiting[meeting].push(strand);
        self.open(state, meeting, out);
    }

    /// A strand and all that it is in owe a meeting less.
    fn change_owed(
        &self,
        state: &mut SearchState,
        from: Option<StrandId>,
        meeting: usize,
        count: u32,
    ) {
        let mut at = from;
        while let Some(strand) = at {
            if let Some(debt) = self.owed_arrivals(strand, meeting) {
                state.owes[debt] = state.owes[debt].saturating_sub(count);
            }
            at = self.parent(strand);
        }
    }

    pub(super) fn parent(&self, strand: StrandId) -> Option<StrandId> {
        self.flow.strands[strand].parent.map(|(parent, _)| parent)
    }

    fn open(&self, state: &mut SearchState, meeting: usize, out: &mut Vec<StrandTask>) {
        let expected = self.flow.meetings[meeting].expected;
        if state.arrived[meeting] + state.left[meeting] < expected {
            return;
        }
        // A strand that arrives again, in another attempt, makes no difference.
        state.arrived[meeting] = expected.saturating_sub(state.left[meeting]);
        for strand in std::mem::take(&mut state.waiting[meeting]) {
            state.at[strand] += 1;
            out.push(StrandTask::Go(strand));
        }
    }

    /// A strand will not arrive at meetings that expect it, nor bring deployments to stages' locks,
    /// except those in `kept`.
    fn leave(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        kept: &crate::deadlock::model::ArrivalsAhead,
        out: &mut Vec<StrandTask>,
    ) {
        let (owes, _) = self.debts[strand];
        for (at, (meeting, _)) in self.flow.strands[strand].owes.iter().enumerate() {
            let behind = state.owes[owes + at].saturating_sub(kept.meeting(*meeting));
            if behind > 0 {
                self.change_owed(state, Some(strand), *meeting, behind);
                state.left[*meeting] += behind;
                self.open(state, *meeting, out);
            }
        }
        self.count_skipped_deployments(state, strand, kept);
    }

    fn leave_remaining_barriers(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        out: &mut Vec<StrandTask>,
    ) {
        if let Some(ModelOp::Leave(kept)) = self.op(state, strand) {
            self.leave(state, strand, kept, out);
        }
    }

    /// The deployments that a strand was still to bring, except those in `kept`, are not waited
    /// for.
    fn count_skipped_deployments(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        kept: &crate::deadlock::model::ArrivalsAhead,
    ) {
        let (_, deploys) = self.debts[strand];
        for (at, (key, _)) in self.flow.strands[strand].deploys.iter().enumerate() {
            let behind = state.deploys[deploys + at].saturating_sub(kept.deploys(*key));
            if behind > 0 {
                let paid = self.count_deployments(state, strand, *key, behind);
                self.fewer(state, key.0, key.1, paid);
            }
        }
    }

    /// How many of these deployments a strand still owed.
    fn count_deployments(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        key: (usize, usize),
        count: u32,
    ) -> u32 {
        let mut at = Some(strand);
        let mut paid = count;
        while let Some(it) = at {
            let own = &self.flow.strands[it].deploys;
            if let Ok(place) = own.binary_search_by_key(&key, |(other, _)| *other) {
                let owed = &mut state.deploys[self.debts[it].1 + place];
                if it == strand {
                    paid = count.min(*owed);
                }
                *owed = owed.saturating_sub(paid);
            }
            at = self.parent(it);
        }
        paid
    }

    /// The meetings that a strand owes are broken: all who wait there fail.
    fn break_owed_barriers(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        out: &mut Vec<StrandTask>,
    ) {
        let (owes, _) = self.debts[strand];
        for (at, (meeting, _)) in self.flow.strands[strand].owes.iter().enumerate() {
            if state.owes[owes + at] > 0 {
                state.broken[*meeting] = true;
                let waiting = std::mem::take(&mut state.waiting[*meeting]);
                out.extend(waiting.into_iter().map(StrandTask::Fail));
            }
        }
    }

    // --- Failures ------------------------------------------------------------------------

    /// A strand fails where it is: it continues at the guard around it, or ends.
    fn fail(&self, state: &mut SearchState, strand: StrandId, out: &mut Vec<StrandTask>) {
        let flow = self.flow;
        let at = state.at[strand] as usize;
        let guards = &flow.strands[strand].guards;
        let guard = guards.iter().find(|it| it.from <= at && at < it.to);
        let range = guard.map_or(0..usize::MAX, |it| it.from..it.to);
        if guard.is_none() && !self.would_tolerate(state, strand) {
            self.break_owed_barriers(state, strand, out);
        }
        let own = |holder: &ModelLockHolder| match holder {
            ModelLockHolder::Request(other, request) => {
                (*other == strand && range.contains(&self.asked_at[*request])).then_some(*request)
            }
            ModelLockHolder::Hold(_) => None,
        };
        let held = state.held.iter().flatten();
        let asked = state.queue.iter().map(|(holder, _)| holder);
        let requests: Vec<usize> = held.chain(asked).filter_map(own).collect();
        for request in requests {
            self.give_back(state, strand, request);
        }
        for (hold, end) in &self.ends[strand] {
            if range.contains(end) {
                self.drop_hold(state, *hold);
            }
        }
        match guard {
            Some(guard) => {
                state.at[strand] = guard.pad as u32;
                out.push(StrandTask::Go(strand));
            }
            None => self.ended(state, strand, false, out),
        }
    }

    fn would_tolerate(&self, state: &SearchState, strand: StrandId) -> bool {
        let fork = self.flow.strands[strand].parent.map(|(_, fork)| fork);
        fork.is_some_and(|fork| state.forks[fork].tolerated < self.flow.forks[fork].tolerated)
    }

    // --- Blocks --------------------------------------------------------------------------

    /// A block begins.
    fn split(&self, state: &mut SearchState, fork: usize, out: &mut Vec<StrandTask>) {
        let flow = self.flow;
        if state.forks[fork] != fresh_fork(flow, fork) {
            self.retry(state, fork);
        }
        self.fill(state, fork, out);
    }

    /// A block that is tried again is a new one.
    fn retry(&self, state: &mut SearchState, fork: usize) {
        let flow = self.flow;
        state.forks[fork] = fresh_fork(flow, fork);
        for (at, strand) in flow.strands.iter().enumerate() {
            if !flow.is_in(at, fork) {
                continue;
            }
            state.at[at] = NOT_STARTED;
            let (owes, deploys) = self.debts[at];
            for (place, (_, count)) in strand.owes.iter().enumerate() {
                state.owes[owes + place] = *count;
            }
            for (place, (_, count)) in strand.deploys.iter().enumerate() {
                state.deploys[deploys + place] = *count;
            }
        }
    }

    /// Starts every strand of a block that may start, in source order; ends the block where all
    /// have ended.
    fn fill(&self, state: &mut SearchState, fork: usize, out: &mut Vec<StrandTask>) {
        let shape = &self.flow.forks[fork];
        let mut place = state.forks[fork].first as usize;
        let mut all = true;
        while let Some(child) = shape.children.get(place).copied() {
            let now = &mut state.forks[fork];
            if all {
                now.first = place as u32;
            }
            place += 1;
            if state.at[child] != NOT_STARTED {
                continue;
            }
            let after = shape.after.get(place - 1).into_iter().flatten();
            if after.into_iter().any(|group| now.groups[*group] > 0) {
                all = false;
                continue;
            }
            let wave = shape.wave.get(place - 1).map_or(0, |wave| *wave as u32);
            if !now.stopped {
                if wave > now.wave && now.running > 0 {
                    return;
                }
                now.wave = wave.max(now.wave);
                if shape.max.is_some_and(|max| now.running as usize >= max) {
                    return;
                }
            }
            if now.stopped || self.is_broken(state, fork, place - 1) {
                self.skip(state, fork, place - 1, out);
                continue;
            }
            let now = &mut state.forks[fork];
            now.running += 1;
            state.at[child] = 0;
            out.push(StrandTask::Go(child));
        }
        let now = &mut state.forks[fork];
        if all {
            now.first = shape.children.len() as u32;
        }
        if now.done as usize == shape.children.len() {
            let parent = shape.parent;
            let bad = now.bad;
            *now = ForkState {
                done: now.done,
                ..ForkState::default()
            };
            for meeting in &self.met_in[fork] {
                (state.arrived[*meeting], state.left[*meeting]) = (0, 0);
                state.broken[*meeting] = false;
            }
            if bad {
                out.push(StrandTask::Fail(parent));
            } else {
                state.at[parent] += 1;
                out.push(StrandTask::Go(parent));
            }
        }
    }

    /// Whether a cell never starts, as one before it in its chain has failed.
    fn is_broken(&self, state: &SearchState, fork: usize, place: usize) -> bool {
        let shape = &self.flow.forks[fork];
        let Some((position, chains)) = shape.chains.get(place) else {
            return false;
        };
        state.forks[fork].failed.iter().any(|failed| {
            let Some((before, broken)) = shape.chains.get(*failed as usize) else {
                return false;
            };
            (0..shape.serial.len())
                .filter(|axis| shape.serial[*axis])
                .any(|axis| {
                    let later = position.get(..axis) == before.get(..axis)
                        && before
                            .get(axis)
                            .is_some_and(|it| position.get(axis) > Some(it));
                    let same = match (&broken[axis], &chains[axis]) {
                        (Some(broken), Some(own)) => broken == own,
                        _ => true,
                    };
                    later && same
                })
        })
    }

    /// A strand never starts; the meetings that it would reach are broken.
    fn skip(&self, state: &mut SearchState, fork: usize, place: usize, out: &mut Vec<StrandTask>) {
        let child = self.flow.forks[fork].children[place];
        state.at[child] = ENDED;
        self.break_owed_barriers(state, child, out);
        self.count_skipped_deployments(state, child, &Default::default());
        self.forget(state, child);
        self.count_off(state, fork, place);
    }

    fn count_off(&self, state: &mut SearchState, fork: usize, place: usize) {
        let now = &mut state.forks[fork];
        now.done += 1;
        for group in self.flow.forks[fork]
            .groups
            .get(place)
            .into_iter()
            .flatten()
        {
            now.groups[*group] -= 1;
        }
    }

    /// A strand has ended, well or not.
    fn ended(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        good: bool,
        out: &mut Vec<StrandTask>,
    ) {
        state.at[strand] = ENDED;
        let Some((_, fork)) = self.flow.strands[strand].parent else {
            return;
        };
        let tolerated = !good && self.would_tolerate(state, strand);
        if tolerated {
            state.forks[fork].tolerated += 1;
        }
        if good || tolerated {
            self.leave(state, strand, &Default::default(), out);
        } else {
            self.break_owed_barriers(state, strand, out);
            self.count_skipped_deployments(state, strand, &Default::default());
        }
        self.forget(state, strand);
        out.push(StrandTask::Left(strand, good || tolerated));
    }

    /// The meetings that an ended strand did not reach make no difference any more.
    fn forget(&self, state: &mut SearchState, strand: StrandId) {
        let owes = self.debts[strand].0;
        let own = self.flow.strands[strand].owes.len();
        state.owes[owes..owes + own].fill(0);
    }

    /// The block of a strand that has ended continues.
    fn left(
        &self,
        state: &mut SearchState,
        strand: StrandId,
        good: bool,
        out: &mut Vec<StrandTask>,
    ) {
        let Some((_, fork)) = self.flow.strands[strand].parent else {
            return;
        };
        let shape = &self.flow.forks[fork];
        let place = shape.children.binary_search(&strand).unwrap_or_default();
        state.forks[fork].running -= 1;
        self.count_off(state, fork, place);
        let now = &mut state.forks[fork];
        if !good {
            now.bad = true;
            now.stopped |= shape.stops;
            if !shape.chains.is_empty() {
                now.failed.push(place as u32);
                now.failed.sort_unstable();
            }
        }
        self.fill(state, fork, out);
    }
}
