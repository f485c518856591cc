//! Failure handlers: which one runs (`on failure`), and what its verdict does.

use super::broken::{Checked, failure_apart};
use super::event::{Effect, Question};
use super::node::{
    BodyEnd, BodySignal, NodeId, NodePhase, NodeRole, NodeWork, PendingFailure, SequenceWork,
};
use super::run_event::{ApprovalProgress, Failure, Status, WaitReason};
use super::statement::{InlineStatement, on_the_spot, traits};
use super::{FailureChoice, Machine, OutputText, command_value};
use lockstep_base::node_path::HandlerPart;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::ir::{
    AskElse, FailureClass, FailureHandler, HandlerVerdict, RollbackScope, Stmt,
};
use lockstep_plan::{Locals, PlanSequence};

impl Machine {
    /// The first failure handler that matches runs.
    pub(super) fn handle_failure(&mut self, id: NodeId) -> Checked<()> {
        if !self.node(id)?.is_statement() || self.aborted {
            return self.handlers_done(id);
        }
        let plan = self.plan.clone();
        let spot = plan.tree.get(self.node(id)?.tree);
        let trouble = self.node(id)?.pending_failure.as_ref();
        let Some(failure) = trouble.map(|it| it.failure.clone()) else {
            return self.handlers_done(id);
        };
        let Some(found) = self.matching_handler(id, failure.class, &spot.stmt)? else {
            return self.handlers_done(id);
        };
        let HandlerMatch { at, handler, runs } = found;
        if !runs {
            let last = handler.body.stmts.last();
            return match last.and_then(|stmt| stmt.kind.verdict()) {
                Some(verdict @ HandlerVerdict::Rollback(_)) => self.apply_verdict(id, verdict),
                Some(
                    HandlerVerdict::Ignore
                    | HandlerVerdict::Abort
                    | HandlerVerdict::Retry(_)
                    | HandlerVerdict::Ask { .. },
                )
                | None => self.handlers_done(id),
            };
        }
        self.ensure_started(id)?;
        let seq = spot.on_failure.get(at).cloned().unwrap_or_default();
        let end = self.statement_end(id)?;
        let node = self.node(id)?;
        let locals = node.locals.bind(handler.slot, failure_value(&failure));
        let locals = self.with_outcome(node.tree, end.as_ref(), locals);
        self.go_to(id, NodePhase::Handler)?;
        self.start_handler_body(id, NodeRole::Handler, seq, locals, HandlerPart::OnFailure)
    }

    /// The failure handler that matches a class of failure. Where the run is cancelled, or a strand
    /// ends because a scope around it is certain to roll back, nothing new starts: only handlers
    /// run that name it; of any other, a rollback that it ends with is all that counts.
    pub(super) fn matching_handler<'s>(
        &self,
        id: NodeId,
        class: FailureClass,
        stmt: &'s Stmt,
    ) -> Checked<Option<HandlerMatch<'s>>> {
        let stops = self.node(id)?.state.stops();
        let held_back = stops.is_held_back() && !stops.is_interrupted();
        let by_name = class == FailureClass::Cancelled && (self.cancelled || held_back);
        let mut handlers = stmt.handlers.on_failure.iter().enumerate();
        let matches = |handler: &FailureHandler| {
            handler.classes.is_empty() || handler.classes.contains(&class)
        };
        let found = handlers.find(|(_, handler)| matches(handler));
        Ok(found.map(|(at, handler)| HandlerMatch {
            at,
            handler,
            runs: !by_name || !handler.classes.is_empty(),
        }))
    }

    /// Starts a body in addition to the node's own: a handler or `always`.
    pub(super) fn start_handler_body(
        &mut self,
        id: NodeId,
        role: NodeRole,
        seq: PlanSequence,
        locals: Locals,
        part: HandlerPart,
    ) -> Checked<()> {
        let mut around = self.around_handlers(id)?;
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
                // What is stopped from outside ends, whatever its handler would like better, and
                // so does what a handler in it has decided to roll back.
                let stops = node.state.stops();
                let decided = node.pending_failure.as_ref();
                let decided = decided.is_some_and(|it| it.rolls_back.is_some());
                let limits = VerdictLimits {
                    cancelled: stops.is_cancelled() || decided,
                    held_back: stops.is_held_back(),
                };
                match signal {
                    BodySignal::Verdict(verdict) if limits.allow(&verdict) => {
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
    pub(super) fn add_secondary_failure(
        &mut self,
        id: NodeId,
        what: &str,
        other: &PendingFailure,
    ) -> Checked<()> {
        if let Some(trouble) = &mut self.node_mut(id)?.pending_failure {
            let said = &other.failure.message;
            trouble.failure.message += &format!(" (and {what} failed: {said})");
            trouble.take_in(other);
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
        let failed = node.pending_failure.take().map(|it| it.failure);
        let exited = (failed.as_ref()).is_some_and(|it| it.class == FailureClass::Exit);
        node.ignored = failed.map(Box::new);
        node.signal = BodySignal::None;
        // A command that failed with a code has a result too.
        let stmt = &plan.tree.get(node.tree).stmt;
        let keeps = traits(&stmt.kind).has_value_after_failure && !stmt.modifiers.secret;
        if !keeps || !ended_with_code(&node.value) {
            node.value = match keeps && exited {
                true => exited_without_output(),
                false => Value::None,
            };
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
        self.cancel(NodeId(0), failure)?;
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
                choices: FailureChoice::ALL.map(|it| it.as_str().into()).to_vec(),
                within_ms: limit_ms,
                progress: ApprovalProgress::default(),
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
}

/// A failure handler that matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandlerMatch<'s> {
    /// Its place among the handlers.
    pub at: usize,
    /// The handler.
    pub handler: &'s FailureHandler,
    /// Whether it runs.
    pub runs: bool,
}

/// What limits the verdicts that a handler may give.
#[derive(Debug, Clone, Copy)]
pub(super) struct VerdictLimits {
    /// It is stopped from outside, or is to be rolled back: it cannot become a success.
    pub cancelled: bool,
    /// A scope around it is certain to roll back: nothing new starts.
    pub held_back: bool,
}

impl VerdictLimits {
    /// Whether a verdict is allowed.
    pub fn allow(self, verdict: &HandlerVerdict) -> bool {
        match verdict {
            HandlerVerdict::Rollback(_) | HandlerVerdict::Abort => true,
            HandlerVerdict::Ignore => !self.cancelled,
            HandlerVerdict::Retry(_) | HandlerVerdict::Ask { .. } => {
                !self.cancelled && !self.held_back
            }
        }
    }
}
/// The result of a command of which it is known only that it ended with a code.
fn exited_without_output() -> Value {
    let nothing = OutputText::default;
    command_value::<Name>(nothing(), nothing(), 1, [])
}

/// Whether a result is that of a command that ended with a code. The journals of earlier versions
/// say -1 where it did not.
pub(super) fn ended_with_code(value: &Value) -> bool {
    let code = value.as_map().and_then(|fields| fields.get("code"));
    matches!(code, Some(Value::Int(code)) if *code >= 0)
}

pub(super) fn failure_value(failure: &Failure) -> Value {
    let command = failure.command.as_deref();
    let code = command.and_then(|command| command.code);
    let output = command.map_or("", |command| &command.output);
    Value::map([
        ("class", Value::string(failure.class.as_str())),
        ("message", Value::string(failure.message.as_str())),
        ("node", Value::String(failure.node.to_name())),
        ("code", code.map_or(Value::None, Value::Int)),
        ("output", Value::string(output)),
    ])
}
