//! What happens when a body has ended: retry, `on failure` handlers, rollback, `always`, and then
//! the parent is notified.

use std::sync::Arc;

use super::broken::{Checked, NodeError, failure_apart};
use super::event::{Effect, Question};
use super::node::{End, NodeId, Phase, Role, SeqWork, Signal, Stopping, Trouble, Undo, Work};
use super::notice::{Failure, Happened, NodeKind, Status, Waiting};
use super::statement::{OnTheSpot, Traits, on_the_spot, traits};
use super::{Answer, Leaver, Machine, Task};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::{AskElse, FailureClass, Retry, RollbackScope, Verdict};
use lockstep_plan::{Locals, Seq};

/// A pause between tries is shorter than written by up to this part, so that strands that failed
/// together do not try again together.
const JITTER: f64 = 0.25;

impl Machine {
    /// A node's body has ended.
    pub(super) fn body_ended(&mut self, id: NodeId, end: End) -> Checked<()> {
        if let Some(timer) = self.node(id)?.timeout.take() {
            self.clear_timer(timer);
        }
        if let Some(request) = self.end_work(id)?.held_lock() {
            self.release(request, Vec::new());
        }
        self.forget_meetings(id);
        let life = &self.look(id)?.life;
        let never_began = life.never_began();
        let timeout = match life.stopping() {
            Some(Stopping::Timeout(failure)) => Some(failure.clone()),
            Some(Stopping::Cancelled(_)) | None => None,
        };
        if matches!(life.status(), Status::Waiting | Status::Queued) && !never_began {
            self.set(id, Status::Running)?;
        }
        if timeout.is_some() {
            self.set_stopping(id, None)?;
        }
        let node = self.node(id)?;
        match end {
            End::Good {
                value,
                yielded,
                signal,
            } => {
                (node.value, node.yielded, node.signal) = (value, yielded, signal);
                node.trouble = None;
                let returns = matches!(node.signal, Signal::Return(_));
                if returns && self.takes_returns(id)? {
                    self.leave_behind(id, None)?;
                }
                self.finally(id)
            }
            End::Bad(mut trouble) => {
                if let Some(failure) = timeout {
                    trouble.failure = (*failure).clone();
                }
                let leaves = node.life.stopping().is_some() && never_began;
                let decided = trouble.rolls_back.is_some();
                node.trouble = Some(trouble);
                match leaves {
                    true => self.leave(id),
                    false => self.body_failed(id, decided),
                }
            }
        }
    }

    /// Whether a `return` in a node ends there.
    fn takes_returns(&self, id: NodeId) -> Checked<bool> {
        let node = self.look(id)?;
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
                self.node(id)?.trouble = Some(Trouble::new(failure));
            }
        }
        self.handle_failure(id)
    }

    // --- Retry ---------------------------------------------------------------------------

    /// How long to wait before the next try, in milliseconds; nothing where there is none.
    fn pause_before_retry(&mut self, id: NodeId) -> Result<Option<i64>, NodeError> {
        let node = self.look(id)?;
        if !node.is_statement() || node.life.stopping().is_some() || self.aborted {
            return Ok(None);
        }
        let failed = node.trouble.as_ref();
        if failed.is_some_and(|it| it.failure.class == FailureClass::Interrupted) {
            // What it did is unknown; whether it may be done again is not for a retry count to
            // decide.
            return Ok(None);
        }
        let (tries, handler_tries) = (node.life.tries(), node.life.handler_tries());
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
        Ok((longest as f64 * (1.0 - JITTER * self.chance())) as i64)
    }

    fn pause(&mut self, id: NodeId, after_ms: i64) -> Checked<()> {
        let node = self.look(id)?;
        let attempt = node.life.tries().saturating_add(1);
        let stmt = self.plan.tree.get(node.tree).stmt.clone();
        let times = match &stmt.modifiers.retry {
            Some(retry) => failure_apart(self.count_of(id, &retry.times))?.ok(),
            None => None,
        };
        let of = times.map_or(attempt, |times| times.saturating_add(1));
        self.begin_unless_begun(id)?;
        let trouble = self.look(id)?.trouble.as_ref();
        let failure = trouble.map(|it| Box::new(it.failure.clone()));
        self.wait(
            id,
            Waiting::Retry {
                attempt,
                of: of.max(attempt),
                after_ms,
                failure,
            },
        )?;
        let timer = self.set_timer(id, after_ms);
        self.go_to(id, Phase::Pause(timer))
    }

    /// The pause before the next try is over.
    pub(super) fn end_pause(&mut self, id: NodeId) -> Checked<()> {
        self.set(id, Status::Running)?;
        self.go_to(id, Phase::Body(Work::Nothing))
    }

    // --- Failure handlers ----------------------------------------------------------------

    /// The first failure handler that matches runs.
    fn handle_failure(&mut self, id: NodeId) -> Checked<()> {
        if !self.look(id)?.is_statement() || self.aborted {
            return self.handlers_done(id);
        }
        let plan = self.plan.clone();
        let spot = plan.tree.get(self.look(id)?.tree);
        let Some(failure) = self.look(id)?.trouble.as_ref().map(|it| it.failure.clone()) else {
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
        self.begin_unless_begun(id)?;
        let seq = spot.on_failure.get(at).cloned().unwrap_or_default();
        let locals = &self.look(id)?.locals;
        let locals = locals.bind(handler.slot, failure_value(&failure));
        self.go_to(id, Phase::Handler)?;
        self.side_body(id, Role::Handler, seq, locals, "on-failure")
    }

    /// Starts a body in addition to the node's own: a handler or `always`.
    fn side_body(
        &mut self,
        id: NodeId,
        role: Role,
        seq: Seq,
        locals: Locals,
        label: &str,
    ) -> Checked<()> {
        let mut around = self.around_children(id)?;
        // What must not run twice is the body: a handler that was interrupted runs again.
        around.once = self.look(id)?.around.once;
        let path = Name::from(format!("{}/{label}", self.name_of(id)?));
        let side = self.add(
            self.look(id)?.tree,
            Some(id),
            role,
            locals.clone(),
            around,
            (path, None),
        )?;
        self.begin_work(side, Work::Seq(SeqWork::new(seq, locals)))
    }

    pub(super) fn handler_left(&mut self, id: NodeId, end: End) -> Checked<()> {
        match end {
            End::Good {
                yielded, signal, ..
            } => {
                let node = self.node(id)?;
                node.yielded = yielded;
                // What is stopped from outside ends, whatever its handler would like better.
                let recovers = !node.life.is_cancelled();
                match signal {
                    Signal::Verdict(verdict) if recovers || ends(&verdict) => {
                        self.verdict(id, &verdict)
                    }
                    Signal::Verdict(_) | Signal::None | Signal::Return(_) => self.handlers_done(id),
                }
            }
            End::Bad(of_handler) => {
                self.add_to_trouble(id, "its failure handler", &of_handler)?;
                self.handlers_done(id)
            }
        }
    }

    /// Something else failed while a failure was dealt with.
    fn add_to_trouble(&mut self, id: NodeId, what: &str, other: &Trouble) -> Checked<()> {
        if let Some(trouble) = &mut self.node(id)?.trouble {
            let said = &other.failure.message;
            trouble.failure.message += &format!(" (and {what} failed: {said})");
            trouble.rolls_back = trouble.rolls_back.max(other.rolls_back);
            trouble.unrestored |= other.unrestored;
        }
        Ok(())
    }

    fn verdict(&mut self, id: NodeId, verdict: &Verdict) -> Checked<()> {
        match verdict {
            Verdict::Ignore => self.ignore(id),
            Verdict::Rollback(RollbackScope::Block) => {
                self.node(id)?.roll_back = true;
                self.handlers_done(id)
            }
            Verdict::Rollback(scope) => {
                if let Some(trouble) = &mut self.node(id)?.trouble {
                    trouble.rolls_back = trouble.rolls_back.max(Some(*scope));
                }
                self.handlers_done(id)
            }
            Verdict::Abort => self.abort(id),
            Verdict::Retry(times) => match failure_apart(self.count_of(id, times))? {
                Ok(times) if self.look(id)?.life.handler_tries() < times => self.try_again(id),
                Ok(_) | Err(_) => self.handlers_done(id),
            },
            Verdict::Ask { timeout, .. } => {
                let limit = match timeout {
                    Some(limit) => failure_apart(self.duration_of(id, limit))?.ok(),
                    None => None,
                };
                self.ask(id, limit)
            }
        }
    }

    fn ignore(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        self.leave_behind(id, None)?;
        let node = self.node(id)?;
        node.ignored = true;
        node.trouble = None;
        node.signal = Signal::None;
        // A command that failed has a result too.
        if !traits(&plan.tree.get(node.tree).stmt.kind).has_value_after_failure {
            node.value = Value::None;
        } else if node.value == Value::None {
            node.value = no_result();
        }
        self.finally(id)
    }

    fn try_again(&mut self, id: NodeId) -> Checked<()> {
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
    fn ask(&mut self, id: NodeId, limit_ms: Option<i64>) -> Checked<()> {
        let Some(trouble) = &self.look(id)?.trouble else {
            return self.handlers_done(id);
        };
        let text = format!(
            "{} failed: {}",
            trouble.failure.node, trouble.failure.message
        );
        let question = self.effect(id);
        let timer = limit_ms.map(|after_ms| self.set_timer(id, after_ms));
        let node = self.look(id)?.path.clone();
        self.wait(
            id,
            Waiting::Approval {
                question: text.clone(),
            },
        )?;
        let asked = Question::Failed { text };
        self.effects.push(Effect::Ask {
            id: question,
            node,
            question: asked,
        });
        self.go_to(id, Phase::Asking { question, timer })
    }

    /// A person has chosen, or has not answered in time.
    pub(super) fn decided(&mut self, id: NodeId, answer: Option<Answer>) -> Checked<()> {
        self.stop_asking(id)?;
        // Where no person can be asked, nothing is chosen.
        let answer = match answer.filter(|it| !matches!(it, Answer::No(_))) {
            Some(answer) => Some(answer),
            None => self.ask_otherwise(id)?.map(|otherwise| match otherwise {
                AskElse::Ignore => Answer::Ignore,
                AskElse::Rollback => Answer::Rollback,
                AskElse::Abort => Answer::Abort,
            }),
        };
        match answer {
            Some(Answer::Retry | Answer::Yes) => self.try_again(id),
            Some(Answer::Ignore) => self.ignore(id),
            Some(Answer::Rollback) => {
                self.node(id)?.roll_back = true;
                self.handlers_done(id)
            }
            Some(Answer::Abort) => self.abort(id),
            Some(Answer::No(_)) | None => self.handlers_done(id),
        }
    }

    /// A person is no longer asked what to do about a failure: the handler continues.
    pub(super) fn stop_asking(&mut self, id: NodeId) -> Checked<()> {
        let limit = match self.look(id)?.life.phase() {
            Phase::Asking { timer, .. } => *timer,
            Phase::Body(_)
            | Phase::Pause(_)
            | Phase::Handler
            | Phase::RollingBack
            | Phase::Always
            | Phase::Ended => None,
        };
        if let Some(timer) = limit {
            self.clear_timer(timer);
        }
        self.set(id, Status::Running)?;
        self.go_to(id, Phase::Handler)
    }

    fn ask_otherwise(&self, id: NodeId) -> Checked<Option<AskElse>> {
        let node = self.look(id)?;
        let handlers = &self.plan.tree.get(node.tree).stmt.handlers.on_failure;
        let class = node.trouble.as_ref().map(|trouble| trouble.failure.class);
        let handler = class.and_then(|class| {
            let mut handlers = handlers.iter();
            handlers.find(|it| it.classes.is_empty() || it.classes.contains(&class))
        });
        let last = handler.and_then(|handler| handler.body.stmts.last());
        Ok(match last.and_then(|stmt| on_the_spot(stmt)) {
            Some(OnTheSpot::Verdict(Verdict::Ask { otherwise, .. })) => *otherwise,
            Some(
                OnTheSpot::Verdict(
                    Verdict::Ignore | Verdict::Rollback(_) | Verdict::Abort | Verdict::Retry(_),
                )
                | OnTheSpot::Let(_)
                | OnTheSpot::Yield(_)
                | OnTheSpot::Fail(_)
                | OnTheSpot::Return(_)
                | OnTheSpot::Log(_),
            )
            | None => None,
        })
    }

    // --- After the handlers --------------------------------------------------------------

    /// The node rolls back, if it is to; then its `always` runs.
    pub(super) fn handlers_done(&mut self, id: NodeId) -> Checked<()> {
        self.go_to(id, Phase::Handler)?;
        self.break_meetings(id)?;
        if self.look(id)?.is_statement() && !self.aborted && self.rolls_back(id)? {
            self.node(id)?.done.clear();
            return self.roll_back(id);
        }
        self.finally(id)
    }

    fn rolls_back(&mut self, id: NodeId) -> Checked<bool> {
        let plan = self.plan.clone();
        let node = self.node(id)?;
        let stmt = &plan.tree.get(node.tree).stmt;
        let Traits {
            is_stage,
            rolls_back,
            ..
        } = traits(&stmt.kind);
        let is_root = node.role.is_root();
        let asked = node.trouble.as_mut().is_some_and(|trouble| {
            let here = is_root || (is_stage && trouble.rolls_back == Some(RollbackScope::Stage));
            here && trouble.rolls_back.take().is_some()
        });
        let is_scope = rolls_back || stmt.modifiers.atomic;
        Ok(asked || node.roll_back || is_scope)
    }

    /// The node's `always` runs; then it ends.
    pub(super) fn finally(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        let always = &plan.tree.get(self.look(id)?.tree).always;
        match always {
            Some(body) if self.look(id)?.is_statement() && !self.aborted => {
                self.begin_unless_begun(id)?;
                self.go_to(id, Phase::Always)?;
                let locals = self.look(id)?.locals.clone();
                self.side_body(id, Role::Always, body.clone(), locals, "always")
            }
            Some(_) | None => self.leave(id),
        }
    }

    pub(super) fn always_left(&mut self, id: NodeId, end: End) -> Checked<()> {
        match end {
            End::Good {
                yielded: Some(yielded),
                ..
            } => self.node(id)?.yielded = Some(yielded),
            End::Bad(of_always) if self.look(id)?.trouble.is_some() => {
                self.add_to_trouble(id, "its `always`", &of_always)?;
            }
            End::Bad(of_always) => self.node(id)?.trouble = Some(of_always),
            End::Good { yielded: None, .. } => {}
        }
        self.leave(id)
    }

    /// The node ends: this is reported, and its parent is notified.
    pub(super) fn leave(&mut self, id: NodeId) -> Checked<()> {
        let trouble = &self.look(id)?.trouble;
        let failed = trouble.as_ref().map(|trouble| trouble.failure.clone());
        let tolerated = failed.is_some() && self.tolerates(id)?;
        let status = self.final_status(id, failed.as_ref(), tolerated)?;
        if status != Status::Cancelled {
            self.begin_unless_begun(id)?;
        }
        self.set(id, status)?;
        self.go_to(id, Phase::Ended)?;
        self.settle_owed(id, failed.as_ref().filter(|_| !tolerated))?;
        self.note_result(id)?;
        self.tell_finished(id, failed)?;
        let released = self.release_holds(id)?;
        let undo = self.undo_for_parent(id, released)?;
        let value = self.stage_value(id)?;
        let done = self.done_by(id)?;
        let node = self.remove(id)?;
        let Some(parent) = node.parent else {
            self.done = done;
            self.finish(node.trouble);
            return Ok(());
        };
        let end = match node.trouble {
            Some(trouble) => End::Bad(trouble),
            None => self.end_for_parent(
                &node.role,
                node.tree,
                value.unwrap_or(node.value),
                node.yielded,
                node.signal,
            ),
        };
        let leaver = Leaver {
            tree: node.tree,
            role: node.role,
            end,
            tolerated,
            undo,
            done,
            path: node.path,
        };
        self.queue.push(Task::Left(parent, Box::new(leaver)));
        Ok(())
    }

    fn begin_unless_begun(&mut self, id: NodeId) -> Checked<()> {
        match self.look(id)?.life.status() {
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
        let node = self.look(id)?;
        Ok(match (node.life.status(), failed) {
            (ended @ (Status::RolledBack | Status::RollbackFailed), _) => ended,
            (_, Some(_)) if tolerated => Status::Ignored,
            (_, Some(failure)) if failure.class == FailureClass::Cancelled => Status::Cancelled,
            (_, Some(_)) => Status::Failed,
            (_, None) if node.ignored => Status::Ignored,
            (_, None) => Status::Succeeded,
        })
    }

    /// A deployment's workflow may say what was and is there by what it returns.
    fn note_result(&mut self, id: NodeId) -> Checked<()> {
        let node = self.node(id)?;
        if let (Some(deployment), Signal::Return(value)) = (&mut node.deployment, &node.signal) {
            deployment.line.note(value);
        }
        Ok(())
    }

    /// Reports how a node ended.
    pub(super) fn tell_finished(&mut self, id: NodeId, failure: Option<Failure>) -> Checked<()> {
        let Some(kind) = self.kind(id)? else {
            return Ok(());
        };
        let node = self.look(id)?;
        let deployment = node.deployment.as_ref().map(|it| it.line.clone());
        let (node, status) = (node.path.clone(), node.life.status());
        self.tell(Happened::NodeFinished {
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
        role: &Role,
        tree: lockstep_plan::TreeId,
        value: Value,
        yielded: Option<Value>,
        signal: Signal,
    ) -> End {
        let traits = traits(&self.plan.tree.get(tree).stmt.kind);
        match signal {
            signal if !role.is_statement() => End::Good {
                value,
                yielded,
                signal,
            },
            Signal::Return(value) if traits.takes_returns => End::value(value),
            signal if traits.hides_values => End::Good {
                value: Value::None,
                yielded: None,
                signal,
            },
            signal if traits.takes_yields => End::Good {
                value: yielded.unwrap_or(value),
                yielded: None,
                signal,
            },
            signal => End::Good {
                value,
                yielded,
                signal,
            },
        }
    }

    /// How the enclosing block undoes what the node did, if it may have to.
    fn undo_for_parent(&mut self, id: NodeId, released: Vec<super::Want>) -> Checked<Vec<Undo>> {
        let keep = self.look(id)?.around.keep_undo;
        let node = self.node(id)?;
        let mut undo = std::mem::take(&mut node.undo);
        if !keep || undo.is_empty() {
            return Ok(Vec::new());
        }
        let status = node.life.status();
        // What `always` did after a deployment had rolled back has no line in the ledger.
        let may_change = !matches!(status, Status::RolledBack | Status::RollbackFailed);
        if let Some(deployment) = &node.deployment
            && node.visible == Some(NodeKind::Deploy)
            && may_change
        {
            let scope = super::node::UndoScope {
                path: node.path.clone(),
                deployment: deployment.line.clone(),
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
fn ends(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Rollback(_) | Verdict::Abort => true,
        Verdict::Ignore | Verdict::Retry(_) | Verdict::Ask { .. } => false,
    }
}

/// The result of a command that has none, as it never ran.
fn no_result() -> Value {
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
        ("node", Value::String(failure.node.clone())),
    ])
}
