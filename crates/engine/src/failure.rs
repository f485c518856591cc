//! What happens when a body has ended: retry, `on failure` handlers, rollback, `always`, and then
//! the parent is notified.
//! Retries, their backoff and the failure handlers are here.

use std::sync::Arc;

use super::broken::{Checked, NodeError, failure_apart};
use super::event::{Effect, Question};
use super::node::{
    BodyEnd, BodySignal, NodeId, NodePhase, NodeRole, NodeWork, PendingFailure, SequenceWork,
    StopReason, Undo,
};
use super::run_event::{Failure, NodeKind, RunEventKind, Status, WaitReason};
use super::statement::{InlineStatement, Traits, on_the_spot, traits};
use super::{EndedNode, FailureChoice, Machine, MachineTask};
use lockstep_base::node_path::HandlerPart;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::{AskElse, FailureClass, HandlerVerdict, Retry, RollbackScope};
use lockstep_plan::{Locals, PlanSequence};

/// A pause between tries is shorter than written by up to this part, so that strands that failed
/// together do not try again together.
const MAX_RETRY_JITTER: f64 = 0.25;

impl Machine {
    /// A node's body has ended.
    pub(super) fn body_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        if let Some(timer) = self.node_mut(id)?.timeout.take() {
            self.clear_timer(timer);
        }
        if let Some(request) = self.end_work(id)?.held_lock() {
            self.release(request, Vec::new());
        }
        self.forget_barriers(id);
        let life = &self.node(id)?.state;
        let never_began = life.never_began();
        let timeout = match life.stopping() {
            Some(StopReason::Timeout(failure)) => Some(failure.clone()),
            Some(StopReason::Cancelled(_)) | None => None,
        };
        if matches!(life.status(), Status::Waiting | Status::Queued) && !never_began {
            self.set(id, Status::Running)?;
        }
        if timeout.is_some() {
            self.set_stopping(id, None)?;
        }
        let node = self.node_mut(id)?;
        match end {
            BodyEnd::Good {
                value,
                yielded,
                signal,
            } => {
                (node.value, node.yielded, node.signal) = (value, yielded, signal);
                node.pending_failure = None;
                let returns = matches!(node.signal, BodySignal::Return(_));
                if returns && self.takes_returns(id)? {
                    self.leave_remaining_barriers(id, None)?;
                }
                self.run_always(id)
            }
            BodyEnd::Bad(mut trouble) => {
                if let Some(failure) = timeout {
                    trouble.failure = (*failure).clone();
                }
                let leaves = node.state.stopping().is_some() && never_began;
                let decided = trouble.rolls_back.is_some();
                node.pending_failure = Some(trouble);
                match leaves {
                    true => self.end_node(id),
                    false => self.body_failed(id, decided),
                }
            }
        }
    }

    /// Whether a `return` in a node ends there.
    fn takes_returns(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let kind = &self.plan.tree.get(node.tree).stmt.kind;
        Ok(node.is_statement() && traits(kind).takes_returns)
    }

    /// A node's body has failed: it is tried again, or its failure is handled.
    fn body_failed(&mut self, id: NodeId, decided: bool) -> Checked<()> {
        let retry = match decided {
            true => Ok(None),
            false => failure_apart(self.pause_before_retry(id))?,
        };
        match retry {
            Ok(Some(after_ms)) => return self.pause(id, after_ms),
            Ok(None) => {}
            Err(failure) => {
                self.node_mut(id)?.pending_failure = Some(PendingFailure::new(failure));
            }
        }
        self.handle_failure(id)
    }

    // --- Retry ---------------------------------------------------------------------------

    /// How long to wait before the next try, in milliseconds; nothing where there is none.
    fn pause_before_retry(&mut self, id: NodeId) -> Result<Option<i64>, NodeError> {
        let node = self.node(id)?;
        if !node.is_statement() || node.state.stopping().is_some() || self.aborted {
            return Ok(None);
        }
        let failed = node.pending_failure.as_ref();
        if failed.is_some_and(|it| it.failure.class == FailureClass::Interrupted) {
            // What it did is unknown; whether it may be done again is not for a retry count to
            // decide.
            return Ok(None);
        }
        let (tries, handler_tries) = (node.state.tries(), node.state.handler_tries());
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let Some(retry) = &stmt.modifiers.retry else {
            return Ok(None);
        };
        let times = self.count_of(id, &retry.times)?;
        // A handler only retries what has been tried.
        let done = tries.saturating_sub(1).saturating_sub(handler_tries);
        match done < times {
            true => self.backoff(id, retry, done).map(Some),
            false => Ok(None),
        }
    }

    /// The pause after `done` retries: it doubles from the first duration up to the second.
    fn backoff(&mut self, id: NodeId, retry: &Retry, done: u32) -> Result<i64, NodeError> {
        let Some(every) = &retry.every else {
            return Ok(0);
        };
        let every = self.duration_of(id, every)?;
        let Some(upto) = &retry.upto else {
            return Ok(every);
        };
        let upto = self.duration_of(id, upto)?;
        let doubled = every.saturating_mul(1_i64.checked_shl(done.min(40)).unwrap_or(i64::MAX));
        let longest = doubled.min(upto.max(every));
        Ok((longest as f64 * (1.0 - MAX_RETRY_JITTER * self.next_random())) as i64)
    }

    fn pause(&mut self, id: NodeId, after_ms: i64) -> Checked<()> {
        let node = self.node(id)?;
        let attempt = node.state.tries().saturating_add(1);
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let times = match &stmt.modifiers.retry {
            Some(retry) => failure_apart(self.count_of(id, &retry.times))?.ok(),
            None => None,
        };
        let of = times.map_or(attempt, |times| times.saturating_add(1));
        self.ensure_started(id)?;
        let trouble = self.node(id)?.pending_failure.as_ref();
        let failure = trouble.map(|it| Box::new(it.failure.clone()));
        self.wait(
            id,
            WaitReason::Retry {
                attempt,
                of: of.max(attempt),
                after_ms,
                failure,
            },
        )?;
        let timer = self.set_timer(id, after_ms);
        self.go_to(id, NodePhase::Pause(timer))
    }

    /// The pause before the next try is over.
    pub(super) fn end_pause(&mut self, id: NodeId) -> Checked<()> {
        self.set(id, Status::Running)?;
        self.go_to(id, NodePhase::Body(NodeWork::Nothing))
    }

    // --- Failure handlers ----------------------------------------------------------------

    /// The first failure handler that matches runs.
    fn handle_failure(&mut self, id: NodeId) -> Checked<()> {
        if !self.node(id)?.is_statement() || self.aborted {
            return self.handlers_done(id);
        }
        let plan = self.plan.clone();
        let spot = plan.tree.get(self.node(id)?.tree);
        let Some(failure) = self
            .node(id)?
            .pending_failure
            .as_ref()
            .map(|it| it.failure.clone())
        else {
            return self.handlers_done(id);
        };
        let matching = spot
            .stmt
            .handlers
            .on_failure
            .iter()
            .enumerate()
            .find(|(_, handler)| {
                handler.classes.is_empty() || handler.classes.contains(&failure.class)
            });
        let Some((at, handler)) = matching else {
            return self.handlers_done(id);
        };
        self.ensure_started(id)?;
        let seq = spot.on_failure.get(at).cloned().unwrap_or_default();
        let locals = &self.node(id)?.locals;
        let locals = locals.bind(handler.slot, failure_value(&failure));
        self.go_to(id, NodePhase::Handler)?;
        self.start_handler_body(id, NodeRole::Handler, seq, locals, HandlerPart::OnFailure)
    }

    /// Starts a body in addition to the node's own: a handler or `always`.
    fn start_handler_body(
        &mut self,
        id: NodeId,
        role: NodeRole,
        seq: PlanSequence,
        locals: Locals,
        part: HandlerPart,
    ) -> Checked<()> {
        let mut around = self.around_children(id)?;
        // What must not run twice is the body: a handler that was interrupted runs again.
        around.once = self.node(id)?.inherited.once;
        let path = self.name_of(id)?.handler(part);
        let side = self.spawn(
            self.node(id)?.tree,
            Some(id),
            role,
            locals.clone(),
            around,
            (path, None),
        )?;
        self.begin_work(side, NodeWork::Seq(SequenceWork::new(seq, locals)))
    }

    pub(super) fn handler_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        match end {
            BodyEnd::Good {
                yielded, signal, ..
            } => {
                let node = self.node_mut(id)?;
                node.yielded = yielded;
                // What is stopped from outside ends, whatever its handler would like better.
                let recovers = !node.state.is_cancelled();
                match signal {
                    BodySignal::Verdict(verdict)
                        if recovers || is_allowed_when_stopped(&verdict) =>
                    {
                        self.apply_verdict(id, &verdict)
                    }
                    BodySignal::Verdict(_) | BodySignal::None | BodySignal::Return(_) => {
                        self.handlers_done(id)
                    }
                }
            }
            BodyEnd::Bad(of_handler) => {
                self.add_secondary_failure(id, "its failure handler", &of_handler)?;
                self.handlers_done(id)
            }
        }
    }

    /// Something else failed while a failure was dealt with.
    fn add_secondary_failure(
        &mut self,
        id: NodeId,
        what: &str,
        other: &PendingFailure,
    ) -> Checked<()> {
        if let Some(trouble) = &mut self.node_mut(id)?.pending_failure {
            let said = &other.failure.message;
            trouble.failure.message += &format!(" (and {what} failed: {said})");
            trouble.rolls_back = trouble.rolls_back.max(other.rolls_back);
            trouble.unrestored |= other.unrestored;
        }
        Ok(())
    }

    fn apply_verdict(&mut self, id: NodeId, verdict: &HandlerVerdict) -> Checked<()> {
        match verdict {
            HandlerVerdict::Ignore => self.ignore_failure(id),
            HandlerVerdict::Rollback(RollbackScope::Block) => {
                self.node_mut(id)?.roll_back = true;
                self.handlers_done(id)
            }
            HandlerVerdict::Rollback(scope) => {
                if let Some(trouble) = &mut self.node_mut(id)?.pending_failure {
                    trouble.rolls_back = trouble.rolls_back.max(Some(*scope));
                }
                self.handlers_done(id)
            }
            HandlerVerdict::Abort => self.abort(id),
            HandlerVerdict::Retry(times) => match failure_apart(self.count_of(id, times))? {
                Ok(times) if self.node(id)?.state.handler_tries() < times => self.retry(id),
                Ok(_) | Err(_) => self.handlers_done(id),
            },
            HandlerVerdict::Ask { timeout, .. } => {
                let limit = match timeout {
                    Some(limit) => failure_apart(self.duration_of(id, limit))?.ok(),
                    None => None,
                };
                self.ask_for_decision(id, limit)
            }
        }
    }

    fn ignore_failure(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        self.leave_remaining_barriers(id, None)?;
        let node = self.node_mut(id)?;
        node.ignored = true;
        node.pending_failure = None;
        node.signal = BodySignal::None;
        // A command that failed has a result too.
        if !traits(&plan.tree.get(node.tree).stmt.kind).has_value_after_failure {
            node.value = Value::None;
        } else if node.value == Value::None {
            node.value = empty_result();
        }
        self.run_always(id)
    }

    fn retry(&mut self, id: NodeId) -> Checked<()> {
        self.count_handler_try(id)?;
        self.pause(id, 0)
    }

    fn abort(&mut self, id: NodeId) -> Checked<()> {
        self.aborted = true;
        let message = "the run was aborted by a failure handler";
        let failure = self.failure(id, FailureClass::Cancelled, message)?;
        self.cancel(NodeId(0), &Arc::new(failure))?;
        self.handlers_done(id)
    }

    /// A person chooses what to do about the failure.
    fn ask_for_decision(&mut self, id: NodeId, limit_ms: Option<i64>) -> Checked<()> {
        let Some(trouble) = &self.node(id)?.pending_failure else {
            return self.handlers_done(id);
        };
        let text = format!(
            "{} failed: {}",
            trouble.failure.node, trouble.failure.message
        );
        let question = self.effect(id);
        let timer = limit_ms.map(|after_ms| self.set_timer(id, after_ms));
        let node = self.node(id)?.path.clone();
        self.wait(
            id,
            WaitReason::Approval {
                question: text.clone(),
            },
        )?;
        let asked = Question::Failed { text };
        self.effects.push(Effect::Ask {
            id: question,
            node,
            question: asked,
        });
        self.go_to(id, NodePhase::Asking { question, timer })
    }

    /// A person has chosen; or nobody has in time, or can be asked.
    pub(super) fn failure_decided(
        &mut self,
        id: NodeId,
        choice: Option<FailureChoice>,
    ) -> Checked<()> {
        self.stop_asking(id)?;
        let choice = match choice {
            Some(choice) => Some(choice),
            None => self
                .decision_on_timeout(id)?
                .map(|otherwise| match otherwise {
                    AskElse::Ignore => FailureChoice::Ignore,
                    AskElse::Rollback => FailureChoice::Rollback,
                    AskElse::Abort => FailureChoice::Abort,
                }),
        };
        match choice {
            Some(FailureChoice::Retry) => self.retry(id),
            Some(FailureChoice::Ignore) => self.ignore_failure(id),
            Some(FailureChoice::Rollback) => {
                self.node_mut(id)?.roll_back = true;
                self.handlers_done(id)
            }
            Some(FailureChoice::Abort) => self.abort(id),
            None => self.handlers_done(id),
        }
    }

    /// A person is no longer asked what to do about a failure: the handler continues.
    pub(super) fn stop_asking(&mut self, id: NodeId) -> Checked<()> {
        let limit = match self.node(id)?.state.phase() {
            NodePhase::Asking { timer, .. } => *timer,
            NodePhase::Body(_)
            | NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => None,
        };
        if let Some(timer) = limit {
            self.clear_timer(timer);
        }
        self.set(id, Status::Running)?;
        self.go_to(id, NodePhase::Handler)
    }

    fn decision_on_timeout(&self, id: NodeId) -> Checked<Option<AskElse>> {
        let node = self.node(id)?;
        let handlers = &self.plan.tree.get(node.tree).stmt.handlers.on_failure;
        let class = node
            .pending_failure
            .as_ref()
            .map(|trouble| trouble.failure.class);
        let handler = class.and_then(|class| {
            let mut handlers = handlers.iter();
            handlers.find(|it| it.classes.is_empty() || it.classes.contains(&class))
        });
        let last = handler.and_then(|handler| handler.body.stmts.last());
        Ok(match last.and_then(|stmt| on_the_spot(stmt)) {
            Some(InlineStatement::Verdict(HandlerVerdict::Ask { otherwise, .. })) => *otherwise,
            Some(
                InlineStatement::Verdict(
                    HandlerVerdict::Ignore
                    | HandlerVerdict::Rollback(_)
                    | HandlerVerdict::Abort
                    | HandlerVerdict::Retry(_),
                )
                | InlineStatement::Let(_)
                | InlineStatement::Yield(_)
                | InlineStatement::Fail(_)
                | InlineStatement::Return(_)
                | InlineStatement::Log(_),
            )
            | None => None,
        })
    }

    // --- After the handlers --------------------------------------------------------------

    /// The node rolls back, if it is to; then its `always` runs.
    pub(super) fn handlers_done(&mut self, id: NodeId) -> Checked<()> {
        self.go_to(id, NodePhase::Handler)?;
        self.break_barriers(id)?;
        if self.node(id)?.is_statement() && !self.aborted && self.begin_rollback(id)? {
            self.node_mut(id)?.completed.clear();
            return self.roll_back(id);
        }
        self.run_always(id)
    }

    fn begin_rollback(&mut self, id: NodeId) -> Checked<bool> {
        let plan = self.plan.clone();
        let node = self.node_mut(id)?;
        let stmt = &plan.tree.get(node.tree).stmt;
        let Traits {
            is_stage,
            rolls_back,
            ..
        } = traits(&stmt.kind);
        let is_root = node.role.is_root();
        let asked = node.pending_failure.as_mut().is_some_and(|trouble| {
            let here = is_root || (is_stage && trouble.rolls_back == Some(RollbackScope::Stage));
            here && trouble.rolls_back.take().is_some()
        });
        let is_scope = rolls_back || stmt.modifiers.atomic;
        Ok(asked || node.roll_back || is_scope)
    }

    /// The node's `always` runs; then it ends.
    pub(super) fn run_always(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        let always = &plan.tree.get(self.node(id)?.tree).always;
        match always {
            Some(body) if self.node(id)?.is_statement() && !self.aborted => {
                self.ensure_started(id)?;
                self.go_to(id, NodePhase::Always)?;
                let locals = self.node(id)?.locals.clone();
                self.start_handler_body(
                    id,
                    NodeRole::Always,
                    body.clone(),
                    locals,
                    HandlerPart::Always,
                )
            }
            Some(_) | None => self.end_node(id),
        }
    }

    pub(super) fn always_ended(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        match end {
            BodyEnd::Good {
                yielded: Some(yielded),
                ..
            } => self.node_mut(id)?.yielded = Some(yielded),
            BodyEnd::Bad(of_always) if self.node(id)?.pending_failure.is_some() => {
                self.add_secondary_failure(id, "its `always`", &of_always)?;
            }
            BodyEnd::Bad(of_always) => self.node_mut(id)?.pending_failure = Some(of_always),
            BodyEnd::Good { yielded: None, .. } => {}
        }
        self.end_node(id)
    }

    /// The node ends: this is reported, and its parent is notified.
    pub(super) fn end_node(&mut self, id: NodeId) -> Checked<()> {
        let trouble = &self.node(id)?.pending_failure;
        let failed = trouble.as_ref().map(|trouble| trouble.failure.clone());
        let tolerated = failed.is_some() && self.tolerates(id)?;
        let status = self.final_status(id, failed.as_ref(), tolerated)?;
        if status != Status::Cancelled {
            self.ensure_started(id)?;
        }
        self.set(id, status)?;
        self.go_to(id, NodePhase::Ended)?;
        self.settle_owed_arrivals(id, failed.as_ref().filter(|_| !tolerated))?;
        self.record_deployment_result(id)?;
        self.emit_finished(id, failed)?;
        let released = self.release_infrastructure_locks(id)?;
        let undo = self.undo_for_parent(id, released)?;
        let value = self.stage_value(id)?;
        let done = self.completed_by(id)?;
        let node = self.remove(id)?;
        let Some(parent) = node.parent else {
            self.completed_work_of_run = done;
            self.finish(node.pending_failure);
            return Ok(());
        };
        let end = match node.pending_failure {
            Some(trouble) => BodyEnd::Bad(trouble),
            None => self.end_for_parent(
                &node.role,
                node.tree,
                value.unwrap_or(node.value),
                node.yielded,
                node.signal,
            ),
        };
        let leaver = EndedNode {
            tree: node.tree,
            role: node.role,
            end,
            tolerated,
            undo,
            completed: done,
            path: node.path,
        };
        self.queue.push(MachineTask::Left(parent, Box::new(leaver)));
        Ok(())
    }

    fn ensure_started(&mut self, id: NodeId) -> Checked<()> {
        match self.node(id)?.state.status() {
            Status::Pending => self.begin(id, None),
            // This has been reported already.
            Status::Queued => self.set(id, Status::Running),
            Status::Waiting
            | Status::Running
            | Status::Succeeded
            | Status::Ignored
            | Status::Failed
            | Status::Skipped
            | Status::Cancelled
            | Status::RollingBack
            | Status::RolledBack
            | Status::RollbackFailed => Ok(()),
        }
    }

    fn final_status(
        &self,
        id: NodeId,
        failed: Option<&Failure>,
        tolerated: bool,
    ) -> Checked<Status> {
        let node = self.node(id)?;
        Ok(match (node.state.status(), failed) {
            (ended @ (Status::RolledBack | Status::RollbackFailed), _) => ended,
            (_, Some(_)) if tolerated => Status::Ignored,
            (_, Some(failure)) if failure.class == FailureClass::Cancelled => Status::Cancelled,
            (_, Some(_)) => Status::Failed,
            (_, None) if node.ignored => Status::Ignored,
            (_, None) => Status::Succeeded,
        })
    }

    /// A deployment's workflow may say what was and is there by what it returns.
    fn record_deployment_result(&mut self, id: NodeId) -> Checked<()> {
        let node = self.node_mut(id)?;
        if let (Some(deployment), BodySignal::Return(value)) = (&mut node.deployment, &node.signal)
        {
            deployment.record.note(value);
        }
        Ok(())
    }

    /// Reports how a node ended.
    pub(super) fn emit_finished(&mut self, id: NodeId, failure: Option<Failure>) -> Checked<()> {
        let Some(kind) = self.kind(id)? else {
            return Ok(());
        };
        let node = self.node(id)?;
        let deployment = node.deployment.as_ref().map(|it| it.record.clone());
        let (node, status) = (node.path.clone(), node.state.status());
        self.emit(RunEventKind::NodeFinished {
            node,
            kind,
            status,
            failure,
            deployment,
        });
        Ok(())
    }

    /// What a node's end means to the block around it: workflows take returns, cells and steps
    /// take yields.
    fn end_for_parent(
        &self,
        role: &NodeRole,
        tree: lockstep_plan::TreeId,
        value: Value,
        yielded: Option<Value>,
        signal: BodySignal,
    ) -> BodyEnd {
        let traits = traits(&self.plan.tree.get(tree).stmt.kind);
        match signal {
            signal if !role.is_statement() => BodyEnd::Good {
                value,
                yielded,
                signal,
            },
            BodySignal::Return(value) if traits.takes_returns => BodyEnd::value(value),
            signal if traits.hides_values => BodyEnd::Good {
                value: Value::None,
                yielded: None,
                signal,
            },
            signal if traits.takes_yields => BodyEnd::Good {
                value: yielded.unwrap_or(value),
                yielded: None,
                signal,
            },
            signal => BodyEnd::Good {
                value,
                yielded,
                signal,
            },
        }
    }

    /// How the enclosing block undoes what the node did, if it may have to.
    fn undo_for_parent(
        &mut self,
        id: NodeId,
        released: Vec<super::LockDemand>,
    ) -> Checked<Vec<Undo>> {
        let is_needed = self.node(id)?.inherited.keep_undo;
        let node = self.node_mut(id)?;
        let mut undo = std::mem::take(&mut node.undo);
        if !is_needed || undo.is_empty() {
            return Ok(Vec::new());
        }
        let status = node.state.status();
        // What `always` did after a deployment had rolled back has no line in the ledger.
        let may_change = !matches!(status, Status::RolledBack | Status::RollbackFailed);
        if let Some(deployment) = &node.deployment
            && node.visible == Some(NodeKind::Deploy)
            && may_change
        {
            let scope = super::node::UndoScope {
                path: node.path.clone(),
                deployment: deployment.record.clone(),
                status,
            };
            undo = vec![Undo::Scope(Box::new(scope), undo)];
        }
        if !released.is_empty() {
            undo = vec![Undo::Held(released, undo)];
        }
        Ok(undo)
    }
}

/// Whether a verdict can be had for what is stopped from outside.
fn is_allowed_when_stopped(verdict: &HandlerVerdict) -> bool {
    match verdict {
        HandlerVerdict::Rollback(_) | HandlerVerdict::Abort => true,
        HandlerVerdict::Ignore | HandlerVerdict::Retry(_) | HandlerVerdict::Ask { .. } => false,
    }
}

/// The result of a command that has none, as it never ran.
fn empty_result() -> Value {
    let nothing = || Value::string("");
    Value::map([
        ("stdout", nothing()),
        ("stderr", nothing()),
        ("code", Value::Int(-1)),
        ("outputs", Value::map::<Name>([])),
    ])
}

fn failure_value(failure: &Failure) -> Value {
    Value::map([
        ("class", Value::string(failure.class.as_str())),
        ("message", Value::string(failure.message.as_str())),
        ("node", Value::String(failure.node.to_name())),
    ])
}
