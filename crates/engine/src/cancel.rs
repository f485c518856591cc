//! Cancellation of what is running: a cancelled run, fail-fast after a sibling's failure, a
//! timeout. Handlers, rollbacks and `always` bodies in progress continue.

use std::sync::Arc;

use super::broken::{Breach, BrokenInvariant, Checked, failure_apart};
use super::event::Effect;
use super::node::{End, NodeId, Phase, Stopping, Work};
use super::notice::Failure;
use super::state::Activity;
use super::{Machine, Task};
use lockstep_lang::ir::FailureClass;

impl Machine {
    /// Stops a node and all that is in it; everything stopped fails with this failure.
    pub(super) fn cancel(&mut self, id: NodeId, failure: &Arc<Failure>) -> Checked<()> {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let life = &self.look(id)?.life;
            let stopped_before = life.stopping().is_some();
            if !life.is_cancelled() {
                // Also what has run out of time and is being stopped: it must not try again.
                self.set_stopping(id, Some(Stopping::Cancelled(failure.clone())))?;
            }
            match self.look(id)?.life.phase() {
                Phase::Body(_) if !stopped_before => self.interrupt(id, failure, &mut stack)?,
                Phase::Pause(timer) => {
                    let timer = *timer;
                    self.stop_pausing(id, timer)?;
                }
                Phase::Asking { question, .. } => {
                    let question = *question;
                    self.unask(question);
                    self.stop_asking(id)?;
                    self.queue.push(Task::Handled(id));
                }
                Phase::Body(_)
                | Phase::Handler
                | Phase::RollingBack
                | Phase::Always
                | Phase::Ended => {}
            }
        }
        Ok(())
    }

    fn stop_pausing(&mut self, id: NodeId, timer: super::EffectId) -> Checked<()> {
        self.clear_timer(timer);
        self.end_pause(id)?;
        if let Some(trouble) = self.node(id)?.trouble.take() {
            self.queue.push(Task::Ended(id, End::Bad(trouble)));
        }
        Ok(())
    }

    /// A node's own time limit has run out.
    pub(super) fn timed_out(&mut self, id: NodeId) -> Checked<()> {
        let node = self.look(id)?;
        if node.life.stopping().is_some() || !node.life.is_in_body() {
            return Ok(());
        }
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let limit = match &stmt.modifiers.timeout {
            Some(limit) => failure_apart(self.value_of(id, limit))?.ok(),
            None => None,
        };
        let limit = limit.map_or(String::new(), |limit| self.display(&limit));
        let message = format!("took longer than {limit}");
        let failure = Arc::new(self.failure(id, FailureClass::Timeout, message)?);
        self.set_stopping(id, Some(Stopping::Timeout(failure)))?;
        let path = self.name_of(id)?;
        let message = format!("stopped because `{path}` took longer than {limit}");
        let cause = Arc::new(self.failure(id, FailureClass::Cancelled, message)?);
        let mut stack = Vec::new();
        self.interrupt(id, &cause, &mut stack)?;
        for child in stack.into_iter().rev() {
            self.cancel(child, &cause)?;
        }
        Ok(())
    }

    /// Stops what a node's body is doing; the nodes in it are left to the caller.
    fn interrupt(
        &mut self,
        id: NodeId,
        failure: &Arc<Failure>,
        stack: &mut Vec<NodeId>,
    ) -> Checked<()> {
        let node = self.look(id)?;
        let Some(work) = node.life.work() else {
            let (found, expected) = (node.life.activity(), Activity::Idle);
            return Err(BrokenInvariant::of(
                node,
                Breach::NotDoing { found, expected },
            ));
        };
        let ended = match work {
            Work::Nothing | Work::Seq(_) | Work::Locked(..) => false,
            Work::Undoing(_) => return Ok(()),
            Work::Parallel(_) => {
                self.stop_strands(id)?;
                false
            }
            Work::Grid(_) => {
                self.stop_cells(id)?;
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
                self.stop_waiting_at(id, meeting)?
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
            Work::HoldWait => self.stop_waiting_for_hold(id)?,
        };
        if ended {
            let node = self.look(id)?.path.clone();
            let failure = Failure {
                node,
                ..(**failure).clone()
            };
            self.queue.push(Task::Ended(id, End::bad(failure)));
        }
        // The first child is the first to come off the stack.
        stack.extend(self.look(id)?.children.iter().rev().copied());
        Ok(())
    }
}
