//! The lock table of the search: first come, first served, all locks of a request together.

use super::state::HoldState;
use super::state::ModelLockHolder;
use super::state::SearchState;
use super::state::StrandTask;
use super::state::fresh_hold;
use super::steps::StateSpaceSearch;
use crate::deadlock::model::StrandId;

impl StateSpaceSearch<'_> {
    /// Requests the locks of a request.
    pub(super) fn ask(&self, state: &mut SearchState, strand: StrandId, request: usize) {
        let locks = self.flow.requests[request].locks.iter().copied();
        let locks: Vec<usize> = locks.filter(|lock| self.relevant[*lock]).collect();
        state
            .queue
            .push((ModelLockHolder::Request(strand, request), locks));
        self.grant(state);
    }

    /// A stage requests all its locks.
    pub(super) fn ask_all(&self, state: &mut SearchState, strand: StrandId, hold: usize) {
        let locks = self.flow.holds[hold].locks.iter().map(|(lock, _)| *lock);
        let locks: Vec<usize> = locks.filter(|lock| self.relevant[*lock]).collect();
        state.holds[hold].asked_by = Some(strand);
        state.queue.push((ModelLockHolder::Hold(hold), locks));
        self.grant(state);
    }

    /// Grants locks to all that can have them.
    fn grant(&self, state: &mut SearchState) {
        let mut wanted = vec![false; state.held.len()];
        let mut waiting = Vec::new();
        for (holder, locks) in std::mem::take(&mut state.queue) {
            let limit = match holder {
                ModelLockHolder::Request(_, request) => self.flow.requests[request].limit,
                ModelLockHolder::Hold(_) => 1,
            };
            let has_room = |lock: &usize| (state.held[*lock].len() as u32) < limit;
            if locks.iter().all(|lock| !wanted[*lock] && has_room(lock)) {
                for lock in &locks {
                    state.held[*lock].push(holder);
                    state.held[*lock].sort_unstable();
                }
                state.granted.push(holder);
            } else {
                locks.iter().for_each(|lock| wanted[*lock] = true);
                waiting.push((holder, locks));
            }
        }
        state.granted.sort_unstable();
        state.queue = waiting;
    }

    /// Notifies those that have been granted locks.
    pub(super) fn deliver(
        &self,
        state: &mut SearchState,
        holder: ModelLockHolder,
        out: &mut Vec<StrandTask>,
    ) {
        state.granted.retain(|other| *other != holder);
        match holder {
            ModelLockHolder::Request(strand, _) => {
                state.at[strand] += 1;
                out.push(StrandTask::Go(strand));
            }
            ModelLockHolder::Hold(hold) => {
                state.holds[hold].granted = true;
                for strand in std::mem::take(&mut state.holds[hold].waiting) {
                    state.at[strand] += 1;
                    out.push(StrandTask::Go(strand));
                }
                for (lock, _) in &self.flow.holds[hold].locks {
                    self.free_if_done(state, hold, *lock);
                }
            }
        }
    }

    /// Gives a request's locks back, or takes the request back.
    pub(super) fn give_back(&self, state: &mut SearchState, strand: StrandId, request: usize) {
        let holder = ModelLockHolder::Request(strand, request);
        for lock in &self.flow.requests[request].locks {
            state.held[*lock].retain(|other| *other != holder);
        }
        state.granted.retain(|other| *other != holder);
        state.queue.retain(|(other, _)| *other != holder);
        self.grant(state);
    }

    /// A stage has ended.
    pub(super) fn drop_hold(&self, state: &mut SearchState, hold: usize) {
        if state.holds[hold] == HoldState::default() {
            return;
        }
        let holder = ModelLockHolder::Hold(hold);
        for (lock, _) in &self.flow.holds[hold].locks {
            state.held[*lock].retain(|other| *other != holder);
        }
        state.granted.retain(|other| *other != holder);
        state.queue.retain(|(other, _)| *other != holder);
        state.holds[hold] = fresh_hold(self.flow, hold);
        self.grant(state);
    }

    /// A number of deployments to an infrastructure have ended, or will never come.
    pub(super) fn fewer(&self, state: &mut SearchState, hold: usize, lock: usize, count: u32) {
        let locks = &self.flow.holds[hold].locks;
        let place = locks.iter().position(|(other, _)| *other == lock);
        let remaining = place.and_then(|place| state.holds[hold].remaining[place].as_mut());
        if let Some(remaining) = remaining {
            *remaining = remaining.saturating_sub(count);
            self.free_if_done(state, hold, lock);
        }
    }

    fn free_if_done(&self, state: &mut SearchState, hold: usize, lock: usize) {
        let locks = &self.flow.holds[hold].locks;
        let place = locks.iter().position(|(other, _)| *other == lock);
        let remaining = place.and_then(|place| state.holds[hold].remaining[place]);
        let holder = ModelLockHolder::Hold(hold);
        if remaining == Some(0) && state.holds[hold].granted && state.held[lock].contains(&holder) {
            state.held[lock].retain(|other| *other != holder);
            self.grant(state);
        }
    }

    pub(super) fn is_asking(&self, state: &SearchState, strand: StrandId, request: usize) -> bool {
        let own = ModelLockHolder::Request(strand, request);
        state.queue.iter().any(|(holder, _)| *holder == own) || state.granted.contains(&own)
    }
}
