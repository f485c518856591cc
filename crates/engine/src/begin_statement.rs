//! How each kind of statement begins: the dispatch over all statements.

use std::sync::Arc;

use super::broken::{Breach, BrokenInvariant, Checked, NodeError, failure_apart};
use super::event::{ActionCall, Effect, EffectId, LockDemand};
use super::node::{
    BodyEnd, BodySignal, CommandContext, DeploymentState, InheritedContext, NodeId, NodePhase,
    NodeRole, NodeWork, SequenceWork,
};
use super::run_event::{
    DeploymentRecord, FailedCommand, Failure, NodeKind, RunEventKind, Status, WaitReason,
};
use super::state::Activity;
use super::statement::{given, traits};
use super::undo_list::{Undo, UndoRank, UndoStep};
use super::{Machine, MachineTask};
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{self, FailureClass, Stmt, StmtKind};
use lockstep_plan::{self as plan, Locals, PlanSequence, named_lock};

impl Machine {
    /// Begins a try of a node's body.
    pub(super) fn enter(&mut self, id: NodeId) -> Checked<()> {
        if let Some(cause) = self.node(id)?.state.stops().cause().cloned() {
            return self.body_ends(id, BodyEnd::stopped(&cause));
        }
        self.count_try(id)?;
        if self.goes_back && self.node(id)?.role.is_root() {
            return self.go_back(id);
        }
        let plan = self.plan.clone();
        let node = self.node_mut(id)?;
        node.pending_failure = None;
        node.completed.clear();
        let spot = plan.tree.get(node.tree);
        let stmt = spot.stmt.clone();
        match &node.role {
            NodeRole::Root | NodeRole::Body | NodeRole::Strand(_) => {}
            NodeRole::Cell(_)
            | NodeRole::Look
            | NodeRole::Handler
            | NodeRole::Always
            | NodeRole::Between => {
                self.begin(id, None)?;
                return self.advance(id);
            }
            NodeRole::Watch => return self.run_watch(id),
            NodeRole::Rollback | NodeRole::UndoPart => {
                // A part of a rollback is a body, or a list of parts.
                if node.state.sequence().is_some() {
                    self.begin(id, None)?;
                    return self.advance(id);
                }
                return self.undo_next(id);
            }
        }
        if self.reuse_completed(id)? {
            return Ok(());
        }
        if self.node(id)?.state.tries() == 1 {
            self.forget_done_names(id)?;
        }
        let node = self.node(id)?;
        if node.state.tries() == 1
            && (spot.undo.is_some() || stmt.handlers.no_undo.is_some())
            && (node.inherited.keep_undo || spot.may_roll_back)
            && !node.inherited.undoing
        {
            let (tree, locals, path) = (node.tree, node.locals.clone(), node.path.clone());
            let commands = self.around_handlers(id)?.commands;
            self.completed_undos.record_start(&path);
            let step = UndoStep {
                tree,
                locals,
                path,
                commands,
                has_way_back: stmt.handlers.no_undo.is_none(),
            };
            let step = Undo::Step(Box::new(step));
            self.node_mut(id)?.undo.put(UndoRank::Own, tree, step);
        }
        if let Err(failure) = failure_apart(self.begin_statement(id, &stmt))? {
            if self.node(id)?.state.status() == Status::Pending {
                self.begin(id, None)?;
            }
            self.queue
                .push(MachineTask::Ended(id, BodyEnd::bad(failure)));
        }
        Ok(())
    }

    fn begin_statement(&mut self, id: NodeId, stmt: &Stmt) -> Result<(), NodeError> {
        let traits = traits(&stmt.kind);
        if traits.passed_over_in_rollback && self.node(id)?.inherited.undoing {
            self.begin(id, None)?;
            // Nobody was asked.
            let value = match traits.is_approval {
                true => Value::list([]),
                false => Value::None,
            };
            let end = BodyEnd::value(value);
            self.queue.push(MachineTask::Ended(id, end));
            return Ok(());
        }
        if !traits.arms_timeout_later {
            self.arm_timeout(id, stmt)?;
            self.begin_watch(id, stmt)?;
        }
        match &stmt.kind {
            StmtKind::Deploy { .. } => self.begin_deploy(id)?,
            StmtKind::Block(_) | StmtKind::Stage { .. } | StmtKind::Step { .. } => {
                self.begin(id, None)?;
                self.run_body(id, 0)?;
            }
            StmtKind::Parallel(_) => self.begin_parallel(id)?,
            StmtKind::Matrix(matrix) => self.begin_cells(id, matrix)?,
            StmtKind::Run(command) => self.begin_run(id, command, stmt)?,
            StmtKind::Action { action, args } => self.begin_action(id, *action, args, stmt)?,
            StmtKind::Call(using) => {
                let locals = Self::walk(&self.plan, &self.run).call(using, &self.node(id)?.locals);
                let locals = locals.map_err(|halt| self.fault(id, halt))?;
                self.begin(id, None)?;
                self.run_seq(id, self.body_of(id, 0)?, locals)?;
            }
            StmtKind::If { branches, .. } => self.begin_if(id, branches)?,
            StmtKind::Barrier { name, key, .. } => self.arrive(id, name, key.as_ref())?,
            StmtKind::Lock {
                resource, limit, ..
            } => self.begin_lock(id, resource, limit.as_ref())?,
            StmtKind::Approve { .. } => self.begin_approve(id, &stmt.kind)?,
            StmtKind::Wait(duration) => {
                let after_ms = self.duration_of(id, duration)?;
                self.wait(id, WaitReason::Time { after_ms })?;
                let timer = self.set_timer(id, after_ms);
                self.begin_work(id, NodeWork::Timer(timer))?;
            }
            StmtKind::Verify { during, every, .. } => {
                let until = self.now.saturating_add(self.duration_of(id, during)?);
                let every = self.duration_of(id, every)?;
                self.begin(id, None)?;
                self.begin_work(
                    id,
                    NodeWork::Verify {
                        until,
                        every,
                        timer: None,
                    },
                )?;
                self.recheck(id)?;
            }
            StmtKind::On {
                target, dir, env, ..
            } => {
                self.check_place(id, target.as_ref())?;
                for expr in dir.iter().chain(env.iter().map(|(_, it)| it)) {
                    self.value_of(id, expr)?;
                }
                self.begin(id, None)?;
                self.run_body(id, 0)?;
            }
            StmtKind::Log(text) => {
                let text = self.value_of(id, text)?;
                self.begin(id, Some(self.display(&text)))?;
                self.queue.push(MachineTask::Ended(id, BodyEnd::good()));
            }
            // These have a node of their own only where others run in parallel with them.
            StmtKind::Let(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::Verdict(_) => {
                self.begin(id, None)?;
                self.at_once(id)?;
            }
        }
        Ok(())
    }

    /// A statement that is done on the spot, as a child of a `parallel`.
    fn at_once(&mut self, id: NodeId) -> Checked<()> {
        let plan = self.plan.clone();
        let node = self.node(id)?;
        let (spot, locals) = (plan.tree.get(node.tree), node.locals.clone());
        match self.run_inline(id, spot, &locals)? {
            Some(Err(trouble)) => self.body_ends(id, BodyEnd::Bad(trouble)),
            Some(Ok(Some(signal))) => self.seq_ended(id, Value::None, signal),
            Some(Ok(None)) | None => self.seq_ended(id, Value::None, BodySignal::None),
        }
    }

    // --- Helpers -------------------------------------------------------------------------

    /// The node runs, and this is reported.
    pub(super) fn begin(&mut self, id: NodeId, text: Option<String>) -> Checked<()> {
        self.begin_at(id, text, None)
    }

    /// The same for what does not run on the machine of the run, but at `place`.
    pub(super) fn begin_at(
        &mut self,
        id: NodeId,
        text: Option<String>,
        place: Option<String>,
    ) -> Checked<()> {
        self.set(id, Status::Running)?;
        let node = self.node(id)?;
        if let Some(kind) = node.visible {
            // One that an earlier run has made does not begin, nor one that only has its handlers,
            // because it may not begin.
            let begun = node.deployment.as_ref();
            let begun = begun.filter(|it| it.body.is_some() && it.at.is_some());
            let deployment = begun.map(|it| it.record.clone());
            let node = node.path.clone();
            self.emit(RunEventKind::NodeStarted {
                node,
                kind,
                text,
                place,
                deployment,
            });
        }
        Ok(())
    }

    /// The node waits, and this is reported.
    pub(super) fn wait(&mut self, id: NodeId, waiting: WaitReason) -> Checked<()> {
        let status = match waiting {
            WaitReason::Queue { .. } | WaitReason::Lock { .. } | WaitReason::Window { .. } => {
                Status::Queued
            }
            WaitReason::Barrier { .. }
            | WaitReason::Retry { .. }
            | WaitReason::Time { .. }
            | WaitReason::Approval { .. } => Status::Waiting,
        };
        self.set(id, status)?;
        let node = self.node(id)?;
        if let Some(kind) = node.visible {
            let node = node.path.clone();
            self.emit(RunEventKind::NodeWaiting {
                node,
                kind,
                waiting,
            });
        }
        Ok(())
    }

    pub(super) fn body_of(&self, id: NodeId, at: usize) -> Checked<PlanSequence> {
        let bodies = &self.plan.tree.get(self.node(id)?.tree).bodies;
        Ok(bodies.get(at).cloned().unwrap_or_default())
    }

    pub(super) fn run_body(&mut self, id: NodeId, at: usize) -> Checked<()> {
        let locals = self.node(id)?.locals.clone();
        self.run_seq(id, self.body_of(id, at)?, locals)
    }

    fn run_seq(&mut self, id: NodeId, seq: PlanSequence, locals: Locals) -> Checked<()> {
        self.begin_work(id, NodeWork::Seq(SequenceWork::new(seq, locals)))?;
        self.advance(id)
    }

    pub(super) fn arm_timeout(&mut self, id: NodeId, stmt: &Stmt) -> Result<(), NodeError> {
        if let Some(limit) = &stmt.modifiers.timeout {
            let after_ms = self.duration_of(id, limit)?;
            let timer = self.set_timer(id, after_ms);
            self.node_mut(id)?.timeout = Some(timer);
        }
        Ok(())
    }

    /// What the children of a node inherit.
    pub(super) fn around_children(&self, id: NodeId) -> Checked<InheritedContext> {
        let node = self.node(id)?;
        let around = node.inherited.clone();
        if !node.is_statement() {
            return Ok(around);
        }
        let spot = self.plan.tree.get(node.tree);
        let modifiers = &spot.stmt.modifiers;
        let traits = traits(&spot.stmt.kind);
        let is_scope = traits.rolls_back || modifiers.atomic;
        let commands = match given(&spot.stmt) {
            None => around.commands,
            Some(given) => Arc::new(self.commands_in(&spot.stmt, given, node)),
        };
        let holds = spot.holds_locks || node.role.is_root();
        Ok(InheritedContext {
            commands,
            lock_holder: if holds { id } else { around.lock_holder },
            undoing: around.undoing,
            keep_undo: around.keep_undo || is_scope || spot.may_roll_back,
            once: (around.once || modifiers.once) && !around.undoing,
        })
    }

    /// What the handlers of a node inherit: the same as its children, but those of a deployment
    /// run at the place around it.
    pub(super) fn around_handlers(&self, id: NodeId) -> Checked<InheritedContext> {
        let mut around = self.around_children(id)?;
        let node = self.node(id)?;
        if node.is_statement() && traits(&self.plan.tree.get(node.tree).stmt.kind).is_deploy {
            let mut commands = CommandContext::clone(&node.inherited.commands);
            commands.grace_ms = around.commands.grace_ms;
            around.commands = Arc::new(commands);
        }
        Ok(around)
    }

    // --- Statements ----------------------------------------------------------------------

    fn begin_if(&mut self, id: NodeId, branches: &[(Expr, ir::Block)]) -> Result<(), NodeError> {
        let taken = self.branch_taken(id, branches)?;
        self.begin(id, None)?;
        let node = self.node(id)?;
        let (path, locals) = (node.path.clone(), node.locals.clone());
        let bodies = self.plan.tree.get(node.tree).bodies.clone();
        for (at, body) in bodies.iter().enumerate() {
            if at != taken && !self.node(id)?.inherited.undoing {
                self.skip(body, &path, &locals)?;
            }
        }
        if !self.node(id)?.inherited.undoing {
            self.leave_remaining_barriers(id, Some(self.body_of(id, taken)?))?;
        }
        self.run_body(id, taken)?;
        Ok(())
    }

    fn begin_lock(
        &mut self,
        id: NodeId,
        resource: &Expr,
        limit: Option<&Expr>,
    ) -> Result<(), NodeError> {
        self.value_of(id, resource)?;
        let names = self.resource_names(id)?;
        let limit = match limit {
            Some(limit) => self.count_of(id, limit)?.max(1),
            None => 1,
        };
        let is_undoing = self.node(id)?.inherited.undoing;
        let mut wants = Vec::with_capacity(names.len());
        for name in names.into_iter().map(named_lock) {
            if !is_undoing || !self.is_held_for_undo(id, &name)? {
                wants.push(LockDemand { name, limit });
            }
        }
        if wants.is_empty() {
            self.begin(id, None)?;
            self.run_body(id, 0)?;
            return Ok(());
        }
        let request = self.acquire(id, wants)?;
        self.begin_work(id, NodeWork::LockWait(request))?;
        Ok(())
    }

    /// Checks again whether what is verified still holds.
    pub(super) fn recheck(&mut self, id: NodeId) -> Checked<()> {
        let node = self.node(id)?;
        let (tree, locals, path) = (node.tree, node.locals.clone(), node.path.clone());
        let around = self.around_children(id)?;
        let watched = self.plan.tree.get(tree).watch.clone();
        let seq = match node.role {
            NodeRole::Watch => watched.unwrap_or_default(),
            NodeRole::Root
            | NodeRole::Body
            | NodeRole::Strand(_)
            | NodeRole::Cell(_)
            | NodeRole::Look
            | NodeRole::Handler
            | NodeRole::Always
            | NodeRole::Between
            | NodeRole::Rollback
            | NodeRole::UndoPart => self.body_of(id, 0)?,
        };
        let seq = SequenceWork::new(seq, locals.clone());
        let look = self.spawn(tree, Some(id), NodeRole::Look, locals, around, (path, None))?;
        self.begin_work(look, NodeWork::Seq(seq))
    }

    /// A place has a connection; where its value cannot be had, the statement fails.
    fn check_place(&self, id: NodeId, place: Option<&Expr>) -> Result<(), NodeError> {
        if let Some(place) = place {
            self.check_right_at(id, place)?;
            let connection = self.connection(place, &self.node(id)?.locals);
            connection.map_err(|halt| self.fault(id, halt))?;
        }
        Ok(())
    }

    /// Refuses a place where the user of the run may not run anything.
    pub(super) fn check_right_at(&self, id: NodeId, place: &Expr) -> Result<(), NodeError> {
        if self.run.denied.is_empty() {
            return Ok(());
        }
        match self.eval(place, &self.node(id)?.locals) {
            Ok(Value::Infrastructure(target)) => self.check_right(id, target),
            // What is wrong with it is found by whoever uses it.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Refuses an infrastructure on which the user of the run may not run anything. What has been
    /// done can always be taken back.
    fn check_right(&self, id: NodeId, target: InfrastructureId) -> Result<(), NodeError> {
        if self.run.denied.is_empty() || self.node(id)?.inherited.undoing {
            return Ok(());
        }
        let name = self.infrastructure_lock_name(target);
        if !self.run.denied.contains(&name) {
            return Ok(());
        }
        let message = format!("`{}` may not run anything on `{name}`", self.run.user);
        Err(self.failure(id, FailureClass::Failed, message)?.into())
    }

    fn begin_action(
        &mut self,
        id: NodeId,
        action: u32,
        given: &[Option<Expr>],
        stmt: &Stmt,
    ) -> Result<(), NodeError> {
        let plan = self.plan.clone();
        let Some(action) = plan.bound.program.actions.get(action as usize) else {
            return Err(BrokenInvariant::of(self.node(id)?, Breach::NotA("known action")).into());
        };
        let mut inside = Locals::default();
        let mut args = Vec::with_capacity(action.params.len());
        for (at, param) in action.params.iter().enumerate() {
            let value = match (given.get(at).and_then(Option::as_ref), &param.default) {
                (Some(arg), _) => self.eval(arg, &self.node(id)?.locals),
                (None, Some(default)) => self.eval(default, &inside),
                (None, None) => Ok(Value::None),
            };
            let value = value.map_err(|halt| self.fault(id, halt))?;
            inside = inside.bind(param.slot, value.clone());
            args.push(value);
        }
        self.begin(id, None)?;
        let effect = self.effect(id);
        let node = self.node(id)?;
        let once = stmt.modifiers.once || node.inherited.once;
        let pool = node.inherited.commands.pools.pool.clone();
        let node = node.path.clone();
        let action = action.name.clone();
        self.held_cells.begun(effect);
        let call = Box::new(ActionCall {
            node,
            action,
            args,
            once,
            secret: stmt.modifiers.secret,
            pool,
        });
        self.effects.push(Effect::Act { id: effect, call });
        self.begin_work(id, NodeWork::Effect(effect))?;
        Ok(())
    }

    // --- Deployments ---------------------------------------------------------------------

    fn begin_deploy(&mut self, id: NodeId) -> Result<(), NodeError> {
        let found = self.deployment_of(id)?;
        let plan = self.plan.clone();
        let stmt = &plan.tree.get(self.node(id)?.tree).stmt;
        self.check_place(id, given(stmt).and_then(|it| it.place))?;
        let mut line = self.ledger_line(&found);
        let target = found.target;
        self.check_right(id, target)?;
        let mut at = None;
        if let Some(tried) = self.node_mut(id)?.deployment.take() {
            // What the first try found there is what counts.
            (line.before, line.after) = (tried.record.before, tried.record.after);
            line.changed = tried.record.changed;
            at = tried.at;
        }
        self.record_deployed(id, found.service, target)?;
        if !self.node(id)?.inherited.undoing {
            self.count_open_arrivals(id)?;
        }
        let state = DeploymentState {
            record: line,
            target,
            body: Some(SequenceWork::new(found.body, found.locals)),
            holds: !self.node(id)?.inherited.undoing && self.is_guarded(target),
            at,
        };
        let holds = state.holds;
        self.node_mut(id)?.deployment = Some(Box::new(state));
        if !holds || self.hold_infrastructure_lock(id, target)? {
            return self.run_deployment(id);
        }
        self.begin_work(id, NodeWork::HoldWait)?;
        Ok(())
    }

    /// A deployment was made by the run before.
    pub(super) fn note_kept_deployment(
        &mut self,
        id: NodeId,
        done: &super::CompletedOutcome,
    ) -> Checked<()> {
        let node = self.node(id)?;
        let found = Self::walk(&self.plan, &self.run).deployment(node.tree, &node.locals);
        let (Ok(found), Some(line)) = (found, &done.line) else {
            return Ok(());
        };
        self.record_deployed(id, found.service, found.target)?;
        let state = DeploymentState {
            record: line.clone(),
            target: found.target,
            body: None,
            holds: self.is_guarded(found.target),
            at: None,
        };
        self.node_mut(id)?.deployment = Some(Box::new(state));
        Ok(())
    }

    /// The deployment has its lock: its workflow starts.
    pub(super) fn run_deployment(&mut self, id: NodeId) -> Result<(), NodeError> {
        self.check_not_superseded(id)?;
        if let Some(failure) = self.unclear_place(id)? {
            return Err(failure.into());
        }
        let stmt = self.plan.tree.get(self.node(id)?.tree).stmt.clone();
        self.arm_timeout(id, &stmt)?;
        self.begin_watch(id, &stmt)?;
        let now = self.later.next();
        if let Some(deployment) = &mut self.node_mut(id)?.deployment {
            deployment.at = Some(now);
        }
        self.begin(id, None)?;
        let deployment = self.node_mut(id)?.deployment.as_mut();
        let Some(body) = deployment.and_then(|it| it.body.take()) else {
            let breach = Breach::NotA("deployment that has not begun");
            return Err(BrokenInvariant::of(self.node(id)?, breach).into());
        };
        self.begin_work(id, NodeWork::Seq(body))?;
        self.advance(id)?;
        Ok(())
    }

    /// Whether a deployment may begin: a run that is resumed or retried deploys nothing over what a
    /// later one has deployed.
    pub(super) fn check_not_superseded(&mut self, id: NodeId) -> Result<(), NodeError> {
        let node = self.node(id)?;
        let found = node.deployment.as_ref().filter(|_| !node.inherited.undoing);
        let Some((place, at)) = found.map(|it| (it.record.clone(), it.at.unwrap_or(0))) else {
            return Ok(());
        };
        match self.blocked_by(&place, at) {
            Some(by) => {
                let path = self.node(id)?.path.clone();
                Err(self.superseded(path, &place, &by).into())
            }
            None => Ok(()),
        }
    }

    pub(super) fn ledger_line(&self, deployment: &plan::ResolvedDeployment) -> DeploymentRecord {
        let service = Value::Service {
            id: deployment.service,
            at: None,
        };
        let target = Value::Infrastructure(deployment.target);
        DeploymentRecord {
            service: Name::from(self.display(&service)),
            target: Name::from(self.display(&target)),
            before: None,
            after: None,
            changed: None,
        }
    }

    // --- Ends of effects -----------------------------------------------------------------

    /// A command or action ended.
    pub(super) fn effect_ended(
        &mut self,
        id: NodeId,
        effect: EffectId,
        outcome: super::EffectOutcome,
    ) -> Checked<()> {
        let waits = match self.node(id)?.state.work() {
            Some(NodeWork::Effect(waited)) => *waited == effect,
            Some(
                NodeWork::Nothing
                | NodeWork::Seq(_)
                | NodeWork::Parallel(_)
                | NodeWork::Grid(_)
                | NodeWork::Timer(_)
                | NodeWork::Barrier(_)
                | NodeWork::LockWait(_)
                | NodeWork::Locked(..)
                | NodeWork::Ask(_)
                | NodeWork::HoldWait
                | NodeWork::Verify { .. }
                | NodeWork::Undoing(_),
            )
            | None => false,
        };
        if !waits {
            return Err(self.wrong_answer(id, effect));
        }
        self.note_outputs(id, &outcome.value)?;
        let command = match &outcome.failure {
            Some(_) => self.failed_command(id, &outcome)?,
            None => FailedCommand::default(),
        };
        let makes_secret = self.makes_secret(id)?;
        let Some((class, message)) = outcome.failure else {
            let value = match makes_secret {
                true => self.made_secret(effect),
                false => outcome.value,
            };
            return self.body_ends(id, BodyEnd::value(value));
        };
        let node = self.node_mut(id)?;
        node.value = match makes_secret {
            true => Value::None,
            false => outcome.value,
        };
        let mut failure = match node.state.stops().interruption() {
            Some(cause) => Failure {
                node: node.path.clone(),
                ..cause.failure.clone()
            },
            None => self.failure(id, class, message)?,
        };
        failure.says_how_it_was_killed(&command);
        failure.command = Some(Arc::new(command));
        self.body_ends(id, BodyEnd::bad(failure))
    }

    /// A command in a deployment says what was and is there by its outputs `before` and `after`.
    fn note_outputs(&mut self, id: NodeId, value: &Value) -> Checked<()> {
        let outputs = value.as_map().and_then(|it| it.get("outputs"));
        let Some(outputs) = outputs.filter(|it| it.as_map().is_some_and(|it| !it.is_empty()))
        else {
            return Ok(());
        };
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node_mut(id)?;
            if let Some(deployment) = &mut node.deployment {
                deployment.record.note(outputs);
                return Ok(());
            }
            let parent = node.parent;
            if node.state.activity() == Activity::Undoing
                && let Some(line) = self.undoing(id)?.line()
            {
                line.note(outputs);
                return Ok(());
            }
            at = parent;
        }
        Ok(())
    }

    /// A person answered.
    pub(super) fn answered(
        &mut self,
        id: NodeId,
        question: EffectId,
        answer: super::Answer,
        from: Option<Box<super::Respondent>>,
    ) -> Checked<()> {
        use super::{Answer, ApprovalAnswer};
        match self.node(id)?.state.phase() {
            NodePhase::Asking {
                question: asked, ..
            } if *asked == question => {
                return match answer {
                    Answer::Failure(choice) => self.failure_decided(id, Some(choice)),
                    Answer::Nobody => self.failure_decided(id, None),
                    Answer::Approval(_) => Err(self.wrong_answer(id, question)),
                };
            }
            NodePhase::Body(NodeWork::Ask(open)) if open.question == question => {}
            NodePhase::Body(_)
            | NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::Asking { .. }
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => return Err(self.wrong_answer(id, question)),
        }
        let said = match answer {
            Answer::Approval(ApprovalAnswer::Yes) => return self.one_says_yes(id, from),
            Answer::Approval(ApprovalAnswer::No(reason)) if !reason.is_empty() => {
                format!("the answer was no: {reason}")
            }
            Answer::Approval(ApprovalAnswer::No(_)) => String::from("the answer was no"),
            Answer::Failure(_) | Answer::Nobody => return Err(self.wrong_answer(id, question)),
        };
        let failure = self.failure(id, FailureClass::Approval, said)?;
        self.body_ends(id, BodyEnd::bad(failure))
    }

    /// A timer's time has come.
    pub(super) fn timer_fired(&mut self, id: NodeId, timer: EffectId) -> Checked<()> {
        let node = self.node_mut(id)?;
        if node.timeout == Some(timer) {
            node.timeout = None;
            return self.timed_out(id);
        }
        match node.state.phase() {
            NodePhase::Pause(pause) if *pause == timer => {
                self.end_pause(id)?;
                self.queue.push(MachineTask::Enter(id));
                Ok(())
            }
            NodePhase::Asking {
                question,
                timer: Some(limit),
            } if *limit == timer => {
                let question = *question;
                self.withdraw_question(question);
                self.failure_decided(id, None)
            }
            NodePhase::Body(NodeWork::Verify {
                timer: Some(next), ..
            }) if *next == timer => {
                *self.verify_timer(id)? = None;
                self.set(id, Status::Running)?;
                self.recheck(id)
            }
            NodePhase::Body(NodeWork::Timer(waited)) if *waited == timer => {
                self.body_ends(id, BodyEnd::good())
            }
            NodePhase::Body(_)
            | NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::Asking { .. }
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => Err(self.wrong_answer(id, timer)),
        }
    }

    /// An event names an effect of a node, and the node does not wait for it.
    #[track_caller]
    pub(super) fn wrong_answer(&self, id: NodeId, effect: EffectId) -> Box<BrokenInvariant> {
        match self.node(id) {
            Ok(node) => BrokenInvariant::of(node, Breach::WrongAnswer(effect)),
            Err(broken) => broken,
        }
    }

    /// What reports call a node; nothing where they do not name it.
    pub(super) fn kind(&self, id: NodeId) -> Checked<Option<NodeKind>> {
        Ok(self.node(id)?.visible)
    }
}
