//! Stops what is running: a cancelled run, fail-fast after a sibling's failure, a timeout, a scope
//! that is certain to roll back. Handlers, rollbacks and `always` bodies in progress continue.

use std::sync::Arc;

use super::broken::{Breach, BrokenInvariant, Checked, failure_apart};
use super::event::Effect;
use super::node::{BodyEnd, NodeId, NodePhase, NodeWork, PendingFailure};
use super::run_event::Failure;
use super::state::Activity;
use super::stopping::{StopCause, StopReason};
use super::{Machine, MachineTask};
use lockstep_lang::ir::FailureClass;

/// How a node is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopMode {
    /// What runs is interrupted.
    Interrupt,
    /// Commands that run come to their end, and nothing new starts.
    HoldBack,
}

impl Machine {
    /// Stops a node and all that is in it; everything stopped fails with this failure.
    pub(super) fn cancel(&mut self, id: NodeId, failure: Failure) -> Checked<()> {
        self.stop(id, StopMode::Interrupt, failure, &[])
    }

    /// Stops a node and all that is in it, but for what is in the nodes of `except`.
    pub(super) fn stop(
        &mut self,
        id: NodeId,
        mode: StopMode,
        failure: Failure,
        except: &[NodeId],
    ) -> Checked<()> {
        let cause = Arc::new(StopCause { failure, number: 0 });
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if except.contains(&id) {
                continue;
            }
            let stops = self.node(id)?.state.stops();
            let stopped_before = match mode {
                StopMode::Interrupt => stops.is_interrupted(),
                StopMode::HoldBack => stops.any(),
            };
            match mode {
                // Also what has run out of time and is being stopped: it must not try again.
                StopMode::Interrupt if !stops.is_cancelled() => {
                    self.set_stop(id, StopReason::Cancelled(cause.clone()))?;
                }
                StopMode::HoldBack if !stops.is_cancelled() && !stops.is_held_back() => {
                    self.set_stop(id, StopReason::HeldBack(cause.clone()))?;
                }
                StopMode::Interrupt | StopMode::HoldBack => {}
            }
            match self.node(id)?.state.phase() {
                NodePhase::Body(_) if !stopped_before => {
                    self.interrupt(id, mode, &cause, &mut stack)?;
                }
                NodePhase::Pause(timer) => {
                    let timer = *timer;
                    self.stop_pausing(id, timer)?;
                }
                NodePhase::Asking { question, .. } => {
                    let question = *question;
                    self.withdraw_question(question);
                    self.stop_asking(id)?;
                    self.queue.push(MachineTask::Handled(id));
                }
                NodePhase::Body(_)
                | NodePhase::Handler
                | NodePhase::RollingBack
                | NodePhase::Always
                | NodePhase::Ended => {}
            }
        }
        Ok(())
    }

    fn stop_pausing(&mut self, id: NodeId, timer: super::EffectId) -> Checked<()> {
        self.clear_timer(timer);
        self.end_pause(id)?;
        if let Some(trouble) = self.node_mut(id)?.pending_failure.take() {
            self.queue
                .push(MachineTask::Ended(id, BodyEnd::Bad(trouble)));
        }
        Ok(())
    }

    /// A node's own time limit has run out.
    pub(super) fn timed_out(&mut self, id: NodeId) -> Checked<()> {
        let node = self.node(id)?;
        if node.state.stops().is_interrupted() || !node.state.is_in_body() {
            return Ok(());
        }
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let limit = match &stmt.modifiers.timeout {
            Some(limit) => failure_apart(self.value_of(id, limit))?.ok(),
            None => None,
        };
        let limit = limit.map_or(String::new(), |limit| self.display(&limit));
        let message = format!("took longer than {limit}");
        let failure = self.failure(id, FailureClass::Timeout, message)?;
        let number = self.next_failure();
        let cause = Arc::new(StopCause { failure, number });
        self.set_stop(id, StopReason::Timeout(cause))?;
        let path = self.name_of(id)?;
        let said = format!("stopped because `{path}` took longer than {limit}");
        self.interrupt_body(id, &said)?;
        self.timeout_stands(id)
    }

    /// Interrupts what a node's body is doing, because the node itself has failed.
    pub(super) fn interrupt_body(&mut self, id: NodeId, said: &str) -> Checked<()> {
        let failure = self.failure(id, FailureClass::Cancelled, said)?;
        let cause = StopCause { failure, number: 0 };
        let mut stack = Vec::new();
        self.interrupt(id, StopMode::Interrupt, &cause, &mut stack)?;
        for child in stack.into_iter().rev() {
            self.cancel(child, cause.failure.clone())?;
        }
        Ok(())
    }

    /// Stops what a node's body is doing; the nodes in it are left to the caller.
    fn interrupt(
        &mut self,
        id: NodeId,
        mode: StopMode,
        cause: &StopCause,
        stack: &mut Vec<NodeId>,
    ) -> Checked<()> {
        let node = self.node(id)?;
        let Some(work) = node.state.work() else {
            let (found, expected) = (node.state.activity(), Activity::Idle);
            return Err(BrokenInvariant::of(
                node,
                Breach::NotDoing { found, expected },
            ));
        };
        let ended = match work {
            NodeWork::Nothing | NodeWork::Seq(_) | NodeWork::Locked(..) => false,
            NodeWork::Undoing(_) => return Ok(()),
            NodeWork::Parallel(_) => {
                self.stop_strands(id)?;
                false
            }
            NodeWork::Grid(_) => {
                self.stop_cells(id)?;
                false
            }
            NodeWork::Effect(effect) => {
                let effect = *effect;
                if mode == StopMode::Interrupt && self.pending.contains_key(&effect) {
                    self.effects.push(Effect::Stop { id: effect });
                }
                false
            }
            NodeWork::Timer(timer)
            | NodeWork::Verify {
                timer: Some(timer), ..
            } => {
                let timer = *timer;
                let waiting = self.pending.contains_key(&timer);
                self.clear_timer(timer);
                waiting
            }
            NodeWork::Verify { timer: None, .. } => false,
            NodeWork::Barrier(meeting) => {
                let meeting = *meeting;
                self.stop_waiting_at(id, meeting)?
            }
            NodeWork::LockWait(request) => {
                let request = *request;
                let waiting = self.pending.contains_key(&request);
                if waiting {
                    self.release(request, Vec::new());
                }
                waiting
            }
            NodeWork::Ask(open) => {
                let question = open.question;
                let waiting = self.pending.contains_key(&question);
                self.withdraw_question(question);
                waiting
            }
            NodeWork::HoldWait => self.stop_waiting_for_lock(id)?,
        };
        if ended {
            let mut trouble = PendingFailure::of_stop(cause);
            trouble.failure.node = self.node(id)?.path.clone();
            self.queue
                .push(MachineTask::Ended(id, BodyEnd::Bad(trouble)));
        }
        // The first child is the first to come off the stack.
        stack.extend(self.node(id)?.children.iter().rev().copied());
        Ok(())
    }
}
