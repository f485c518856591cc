//! Stopping what runs: a cancelled run, a sibling that failed fast, a time limit.
//! Handlers, rollbacks and `always` that are under way go on.
//! It does not know what follows from the failures that it causes.

use std::sync::Arc;

use super::event::Effect;
use super::node::{End, NodeId, Phase, Stopping, Work};
use super::notice::{Failure, Status};
use super::{Machine, Task};
use lockstep_lang::ir::FailureClass;

impl Machine {
    /// Stops a node and all that is in it; everything stopped fails with this failure.
    pub(super) fn cancel(&mut self, id: NodeId, failure: &Arc<Failure>) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if !self.is_there(id) {
                continue;
            }
            let node = self.node(id);
            let stopped_before = node.stopping.is_some();
            if !node.is_cancelled() {
                // Also what has run out of time and is being stopped: it must not try again.
                node.stopping = Some(Stopping::Cancelled(failure.clone()));
            }
            match node.phase {
                Phase::Body if !stopped_before => self.interrupt(id, failure, &mut stack),
                Phase::Pause(timer) => self.stop_pausing(id, timer),
                Phase::Asking { question, timer } => {
                    self.unask(question);
                    if let Some(timer) = timer {
                        self.clear_timer(timer);
                    }
                    self.set(id, Status::Running);
                    self.node(id).phase = Phase::Handler;
                    self.queue.push(Task::Handled(id));
                }
                Phase::Body | Phase::Handler | Phase::RollingBack | Phase::Always => {}
            }
        }
    }

    fn stop_pausing(&mut self, id: NodeId, timer: super::EffectId) {
        self.clear_timer(timer);
        self.set(id, Status::Running);
        let node = self.node(id);
        node.phase = Phase::Body;
        if let Some(trouble) = node.trouble.take() {
            self.queue.push(Task::Ended(id, End::Bad(trouble)));
        }
    }

    /// A node's own time limit has run out.
    pub(super) fn timed_out(&mut self, id: NodeId) {
        if self.look(id).stopping.is_some() || self.look(id).phase != Phase::Body {
            return;
        }
        let stmt = self.plan.tree.get(self.look(id).tree).stmt.clone();
        let limit = stmt
            .modifiers
            .timeout
            .as_ref()
            .map(|limit| self.value_of(id, limit));
        let limit = limit
            .and_then(Result::ok)
            .map_or(String::new(), |limit| self.display(&limit));
        let message = format!("took longer than {limit}");
        let failure = Arc::new(self.failure(id, FailureClass::Timeout, message));
        self.node(id).stopping = Some(Stopping::Timeout(failure));
        let path = self.name_of(id);
        let message = format!("stopped because `{path}` took longer than {limit}");
        let cause = Arc::new(self.failure(id, FailureClass::Cancelled, message));
        let mut stack = Vec::new();
        self.interrupt(id, &cause, &mut stack);
        for child in stack.into_iter().rev() {
            self.cancel(child, &cause);
        }
    }

    /// Stops what a node's body is doing; the nodes in it are left to the caller.
    fn interrupt(&mut self, id: NodeId, failure: &Arc<Failure>, stack: &mut Vec<NodeId>) {
        let ended = match &mut self.node(id).work {
            Work::Nothing | Work::Seq(_) | Work::Locked(..) => false,
            Work::Undoing(_) => return,
            Work::Parallel(work) => {
                work.stopped = true;
                false
            }
            Work::Grid(work) => {
                work.grid.stop();
                false
            }
            Work::Effect(effect) => {
                let effect = *effect;
                if self.pending.contains_key(&effect) {
                    self.effects.push(Effect::Stop { id: effect });
                }
                false
            }
            Work::Timer(timer)
            | Work::Verify {
                timer: Some(timer), ..
            } => {
                let timer = *timer;
                let waiting = self.pending.contains_key(&timer);
                self.clear_timer(timer);
                waiting
            }
            Work::Verify { timer: None, .. } => false,
            Work::Barrier(meeting) => {
                let meeting = *meeting;
                self.stop_waiting_at(id, meeting)
            }
            Work::LockWait(request) => {
                let request = *request;
                let waiting = self.pending.contains_key(&request);
                if waiting {
                    self.release(request, Vec::new());
                }
                waiting
            }
            Work::Ask(question) => {
                let question = *question;
                let waiting = self.pending.contains_key(&question);
                self.unask(question);
                waiting
            }
            Work::HoldWait => self.stop_waiting_for_hold(id),
        };
        if ended {
            let node = self.look(id).path.clone();
            let failure = Failure {
                node,
                ..(**failure).clone()
            };
            self.queue.push(Task::Ended(id, End::bad(failure)));
        }
        self.skip_strands(id);
        // The first child is the first to come off the stack.
        stack.extend(self.look(id).children.iter().rev().copied());
    }
}
