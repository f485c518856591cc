//! The machine: a deterministic state machine that takes events and returns effects.
//! It is the scheduler of a run, as a pure state machine.
//!
//! [`Machine::handle`] takes the time and an [`Event`] and returns [`Effect`]s. Must not use a
//! clock, files, threads or randomness other than the seeded generator in its state: the same
//! events give the same effects. That makes runs durable (journal and replay), testable and
//! explorable.
//!
//! Each statement that is reached becomes a node. A node passes through its phases (body, pauses
//! between attempts, failure handler, rollback, `always`) and then reports its outcome to its
//! parent.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod always;
mod approval;
mod barrier;
mod barrier_width;
mod begin_command;
mod begin_statement;
mod broken;
mod broken_barriers;
mod cancel;
mod cells;
mod certainty;
mod command_value;
mod completed_work;
mod done_names;
mod event;
pub mod event_texts;
mod failed_command;
mod failure;
mod failure_handler;
mod fingerprint;
mod held_cells;
mod infrastructure_locks;
pub mod lock;
mod lock_dependencies;
mod made_secret;
mod node;
mod node_end;
pub mod node_origin;
mod node_state;
mod outcome;
mod owed_arrivals;
pub mod path_pattern;
mod pending_effects;
mod required_programs;
mod rerun_undo;
mod rollback;
pub mod run_event;
mod sequence;
mod standstill;
pub mod state;
mod statement;
mod stopping;
mod strands;
mod superseded;
pub mod supposition;
mod undo_list;
mod watch;
pub mod way_back;
mod windows;

use std::collections::HashMap;
use std::sync::Arc;

pub use approval::{ApprovalRequest, Objection, Respondent};
use barrier::Barriers;
pub use broken::{Breach, BrokenInvariant, EventReport, NodeReport};
use broken::{Checked, NodeError};
pub use command_value::{OutputText, command_value, transfer_value};
pub use completed_work::{CompletedOutcome, CompletedWork};
pub use event::{
    ActionCall, Answer, ApprovalAnswer, CommandEnding, CommandRequest, Effect, EffectId,
    EffectOutcome, Event, FailureChoice, LaterDeployment, LeftHalfDone, LockDemand, ProgramDemand,
    Question, UnclearPlace,
};
pub use failed_command::{MAX_OUTPUT_BYTES as MAX_FAILED_OUTPUT_BYTES, end_of};
use held_cells::HeldCells;
pub use lock_dependencies::{LockDependencies, LockDependency};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Locals, Plan, PlanWalk, RunFacts, TreeId};
use node::{ActiveNode, BodyEnd, InheritedContext, NodeId, NodeRole, PendingFailure};
use node_origin::NodeOrigins;
use outcome::DeploymentLines;
pub use pending_effects::{PendingEffects, PendingLockRequest, PendingWindow};
use rerun_undo::CompletedUndos;
use run_event::{Failure, NodeKind, RunEventKind, Status};
use standstill::RunLockRequests;
use state::Transitions;
use superseded::LaterDeployments;
use supposition::Suppositions;
use undo_list::UndoList;

/// The pure state machine of one run. A clone of it goes its own way from where it was made.
#[derive(Clone)]
pub struct Machine {
    plan: Arc<Plan>,
    run: RunFacts,
    /// Boxed: a node is large, and moves when it begins and ends.
    nodes: Vec<Option<Box<ActiveNode>>>,
    free: Vec<NodeId>,
    /// The consequences of the current task.
    queue: Vec<MachineTask>,
    effects: Vec<Effect>,
    now: i64,
    next_random: u64,
    next_effect: u64,
    /// Which node an effect's answer goes to.
    pending: HashMap<EffectId, NodeId>,
    barriers: Barriers,
    /// The locks that this run holds and waits for.
    locks: RunLockRequests,
    held_cells: HeldCells,
    completed_undos: CompletedUndos,
    transitions: Transitions,
    /// How many more skipped nodes are reported one by one.
    skip_events_left: usize,
    cancelled: bool,
    aborted: bool,
    rollback_failed: bool,
    /// How many failures there have been.
    failures: u64,
    finished: Option<Status>,
    /// The violated invariant of the machine, if any: then it does nothing any more.
    broken: Option<Box<BrokenInvariant>>,
    /// What the run before has done.
    completed_work: CompletedWork,
    /// Whether this one records what it does, and what that was.
    records_work: bool,
    completed_work_of_run: Vec<(NodePath, CompletedOutcome)>,
    later: LaterDeployments,
    /// Whether it remembers all that there is to take back.
    keeps_way_back: bool,
    /// Whether it does nothing but take back what another run did.
    goes_back: bool,
    /// What there is to take back: of the other run, or of this one at its end.
    way_back_of_run: UndoList,
    suppositions: Suppositions,
    /// Where its nodes come from, where that is recorded.
    origins: Option<NodeOrigins>,
    /// The ledger so far, where a handler asks for it.
    lines: DeploymentLines,
    /// How often a standstill of strands that waited for each other had to be broken.
    standstills: u32,
}

/// What is to be done next, inside the machine.
#[derive(Clone)]
enum MachineTask {
    /// Start the body of a node.
    Enter(NodeId),
    /// Start more cells of a loop.
    Cells(NodeId),
    /// A node's body ended.
    Ended(NodeId, BodyEnd),
    /// A node's failure handlers have ended; it rolls back or fails.
    Handled(NodeId),
    /// A node has ended completely and been removed; its parent continues.
    Left(NodeId, Box<EndedNode>),
}

/// What a parent receives of a node that has ended completely.
#[derive(Clone)]
struct EndedNode {
    tree: TreeId,
    role: NodeRole,
    end: BodyEnd,
    /// Its result where it has failed, if it has one all the same.
    failed_with: Option<Value>,
    /// Whether its failure counts as ignored.
    tolerated: bool,
    undo: undo_list::UndoList,
    completed: Vec<(NodePath, CompletedOutcome)>,
    path: NodePath,
}

impl Machine {
    /// A machine for one run of a plan. The seed decides the jitter of retries.
    pub fn new(plan: Arc<Plan>, run: RunFacts, seed: u64) -> Self {
        let lines = DeploymentLines::of(&plan);
        let held_cells = HeldCells::of(&run);
        Self {
            plan,
            run,
            nodes: Vec::new(),
            free: Vec::new(),
            queue: Vec::new(),
            effects: Vec::new(),
            now: 0,
            next_random: seed,
            next_effect: 0,
            pending: HashMap::new(),
            barriers: Barriers::default(),
            locks: RunLockRequests::default(),
            held_cells,
            completed_undos: CompletedUndos::default(),
            transitions: Transitions::default(),
            skip_events_left: 10_000,
            cancelled: false,
            aborted: false,
            rollback_failed: false,
            failures: 0,
            finished: None,
            broken: None,
            completed_work: CompletedWork::default(),
            records_work: false,
            completed_work_of_run: Vec::new(),
            later: LaterDeployments::default(),
            keeps_way_back: false,
            goes_back: false,
            way_back_of_run: UndoList::default(),
            suppositions: Suppositions::default(),
            origins: None,
            lines,
            standstills: 0,
        }
    }

    /// Takes one event in, at `now` milliseconds, and returns everything that follows from it, in
    /// order. What would be very much goes on with the next [`Event::GoOn`]: see
    /// [`Machine::has_more`]. An event for an effect that no longer matters changes nothing. Where
    /// the machine violates one of its own invariants, nothing follows, neither now nor later: see
    /// [`Machine::broken`].
    #[must_use]
    pub fn handle(&mut self, now: i64, event: Event) -> Vec<Effect> {
        if self.broken.is_some() {
            return Vec::new();
        }
        self.now = now;
        let report = EventReport::of(&event, now);
        if let Err(mut broken) = self.handle_checked(event) {
            broken.event = Some(report);
            self.broken = Some(broken);
            // What was decided before the mistake was found is part of it.
            self.effects.clear();
            self.queue.clear();
        }
        std::mem::take(&mut self.effects)
    }

    fn handle_checked(&mut self, event: Event) -> Checked<()> {
        self.apply(event)?;
        self.run_tasks()?;
        self.go_on()?;
        // Nothing can come in any more: strands that wait, wait for ever.
        while self.is_standstill() {
            self.standstills += 1;
            self.resolve_standstill()?;
            self.run_tasks()?;
            self.go_on()?;
        }
        Ok(())
    }

    /// The invariant that the machine has violated, if any. The run cannot continue then; the event
    /// that was handled last has had no effect.
    pub fn broken(&self) -> Option<&BrokenInvariant> {
        self.broken.as_deref()
    }

    /// How the run ended, once it has.
    pub fn finished(&self) -> Option<Status> {
        self.finished
    }

    /// How often the run came to a standstill, and those who waited for each other were let fail.
    pub fn standstills(&self) -> u32 {
        self.standstills
    }

    /// Which transitions between states have happened.
    pub fn transitions(&self) -> Transitions {
        self.transitions
    }

    /// How much active state the machine still has: nodes, effects without an answer, meetings and
    /// locks. None of it once the run has ended.
    pub fn active_entries(&self) -> usize {
        self.nodes.iter().flatten().count()
            + self.pending.len()
            + self.barriers.len()
            + self.locks.len()
    }

    fn apply(&mut self, event: Event) -> Checked<()> {
        match event {
            Event::Start => self.start(),
            // What was held back goes on behind every event.
            Event::GoOn => Ok(()),
            Event::Resumed { by, uid } => {
                let run = self.run.id.clone();
                self.emit(RunEventKind::RunResumed { run, by, uid });
                self.forget_open_windows();
                Ok(())
            }
            Event::DeployedMeanwhile { later, unclear } => {
                self.deployed_meanwhile(later, unclear);
                self.stop_superseded()
            }
            // A rollback goes on until it is stopped.
            Event::Cancel if self.goes_back => Ok(()),
            Event::Cancel => {
                self.cancelled = true;
                if !self.exists(NodeId(0)) {
                    // It has not begun, or it has ended.
                    return Ok(());
                }
                let failure = self.failure_of_run(FailureClass::Cancelled, "the run was cancelled");
                self.cancel(NodeId(0), failure)
            }
            Event::Ended { id, outcome } => {
                self.held_cells.ended(id);
                match self.pending.remove(&id) {
                    Some(node) => self.effect_ended(node, id, outcome),
                    None => Ok(()),
                }
            }
            Event::Fired { id } => match self.pending.remove(&id) {
                Some(node) => self.timer_fired(node, id),
                None => Ok(()),
            },
            Event::Queued { id, queue } => match self.pending.get(&id).copied() {
                Some(node) => self.queued(node, id, queue),
                None => Ok(()),
            },
            Event::Acquired { id } => match self.pending.remove(&id) {
                Some(node) => {
                    self.locks.granted(id);
                    self.acquired(node, id)
                }
                None => Ok(()),
            },
            Event::LockRefused { id, class, message } => match self.pending.get(&id).copied() {
                Some(node) => self.fail_lock_request(node, id, class, &message),
                None => Ok(()),
            },
            Event::WindowOpen { id } => match self.pending.remove(&id) {
                Some(node) => self.window_open(node, id),
                None => Ok(()),
            },
            Event::WindowClosed {
                id,
                opens_at,
                refused,
            } => match self.pending.get(&id).copied() {
                Some(node) => self.window_closed(node, id, opens_at, refused),
                None => Ok(()),
            },
            Event::Answered { id, answer, from } => match self.pending.remove(&id) {
                Some(node) => self.answered(node, id, answer, from),
                None => Ok(()),
            },
        }
    }

    fn start(&mut self) -> Checked<()> {
        if !self.nodes.is_empty() {
            return Err(BrokenInvariant::new(Breach::StartedTwice));
        }
        let plan = self.plan.clone();
        let root = plan.tree.root();
        let name = &plan.bound.pipeline().name;
        self.emit(RunEventKind::RunStarted {
            run: self.run.id.clone(),
            pipeline: name.clone(),
            outside_window: self.run.outside_window.clone(),
        });
        let path = (name.clone().into(), Some(NodeKind::Pipeline));
        let around = InheritedContext {
            keep_undo: self.keeps_way_back,
            undoing: self.goes_back,
            ..InheritedContext::nothing()
        };
        self.spawn(root, None, NodeRole::Root, Locals::default(), around, path)?;
        Ok(())
    }

    fn run_tasks(&mut self) -> Checked<()> {
        // The consequences of a task are handled before what was pending after it (depth first), so
        // that strands that could all continue do so in the order in which they are written,
        // whatever contains them, and each continues as far as it can before the next.
        let mut stack = Vec::new();
        loop {
            stack.extend(self.queue.drain(..).rev());
            let Some(task) = stack.pop() else {
                return Ok(());
            };
            match task {
                MachineTask::Enter(node) => self.enter(node)?,
                MachineTask::Cells(node) => self.more_cells(node)?,
                MachineTask::Ended(node, end) => self.body_ended(node, end)?,
                MachineTask::Handled(node) => self.handlers_done(node)?,
                MachineTask::Left(parent, leaver) => self.child_ended(parent, *leaver)?,
            }
        }
    }

    // --- Nodes ---------------------------------------------------------------------------

    /// Adds a node; its body starts when its task is taken from the queue.
    fn spawn(
        &mut self,
        tree: TreeId,
        parent: Option<NodeId>,
        role: NodeRole,
        locals: Locals,
        around: InheritedContext,
        (path, visible): (NodePath, Option<NodeKind>),
    ) -> Checked<NodeId> {
        let id = self.free.pop().unwrap_or(NodeId(self.nodes.len() as u32));
        let mut place = 0;
        if let Some(parent) = parent {
            let siblings = &mut self.node_mut(parent)?.children;
            place = siblings.len();
            siblings.push(id);
        }
        let node = Box::new(ActiveNode {
            place,
            locals,
            path,
            visible,
            ..ActiveNode::new(tree, parent, role, around)
        });
        match self.nodes.get_mut(id.0 as usize) {
            Some(empty) => *empty = Some(node),
            None => self.nodes.push(Some(node)),
        }
        self.note_origin(id)?;
        self.queue.push(MachineTask::Enter(id));
        Ok(id)
    }

    /// Takes a node out of the table.
    fn remove(&mut self, id: NodeId) -> Checked<Box<ActiveNode>> {
        let taken = self.nodes.get_mut(id.0 as usize).and_then(Option::take);
        let node = taken.ok_or_else(|| BrokenInvariant::no_such_node(id))?;
        if let Some(parent) = node.parent {
            let siblings = &mut self.node_mut(parent)?.children;
            if siblings.get(node.place) != Some(&id) {
                return Err(BrokenInvariant::of(&node, Breach::NoSuchNode(id.0)));
            }
            siblings.swap_remove(node.place);
            if let Some(moved) = siblings.get(node.place).copied() {
                self.node_mut(moved)?.place = node.place;
            }
        }
        self.free.push(id);
        Ok(node)
    }

    #[track_caller]
    fn node_mut(&mut self, id: NodeId) -> Checked<&mut ActiveNode> {
        match self.nodes.get_mut(id.0 as usize) {
            Some(Some(node)) => Ok(node),
            Some(None) | None => Err(BrokenInvariant::no_such_node(id)),
        }
    }

    #[track_caller]
    fn node(&self, id: NodeId) -> Checked<&ActiveNode> {
        match self.find(id) {
            Some(node) => Ok(node),
            None => Err(BrokenInvariant::no_such_node(id)),
        }
    }

    /// A node, if it is still there.
    fn find(&self, id: NodeId) -> Option<&ActiveNode> {
        self.nodes.get(id.0 as usize)?.as_deref()
    }

    /// Whether there is such a node.
    fn exists(&self, id: NodeId) -> bool {
        self.find(id).is_some()
    }

    /// The body of a node has ended; what follows from it comes in its turn.
    fn body_ends(&mut self, id: NodeId, end: BodyEnd) -> Checked<()> {
        self.queue.push(MachineTask::Ended(id, end));
        Ok(())
    }

    // --- Effects -------------------------------------------------------------------------

    fn emit(&mut self, mut happened: RunEventKind) {
        self.lines.note(&happened);
        // What a command has written is for its handlers alone.
        if let Some(failure) = happened.failure_mut() {
            failure.command = None;
        }
        self.effects.push(Effect::Tell(happened));
    }

    /// A new effect whose answer goes to `node`.
    fn effect(&mut self, node: NodeId) -> EffectId {
        self.next_effect += 1;
        let id = EffectId(self.next_effect);
        self.pending.insert(id, node);
        id
    }

    fn set_timer(&mut self, node: NodeId, after_ms: i64) -> EffectId {
        let id = self.effect(node);
        let at = self.now.saturating_add(after_ms.max(0));
        self.effects.push(Effect::SetTimer { id, at });
        id
    }

    fn clear_timer(&mut self, id: EffectId) {
        if self.pending.remove(&id).is_some() {
            self.effects.push(Effect::ClearTimer { id });
        }
    }

    /// Requests locks, all together.
    fn acquire(&mut self, node: NodeId, wants: Vec<LockDemand>) -> Checked<EffectId> {
        let path = self.node(node)?.path.clone();
        let id = self.effect(node);
        self.locks.requested(id, &wants);
        self.effects.push(Effect::Acquire {
            id,
            node: path,
            wants,
        });
        Ok(id)
    }

    /// Gives some, or all, locks of a request back, or takes the request back.
    fn release(&mut self, id: EffectId, names: Vec<Name>) {
        self.pending.remove(&id);
        self.locks.released(id, &names);
        self.effects.push(Effect::Release { id, names });
    }

    fn withdraw_question(&mut self, id: EffectId) {
        if self.pending.remove(&id).is_some() {
            self.effects.push(Effect::Unask { id });
        }
    }

    // --- Values --------------------------------------------------------------------------

    fn walk<'a>(plan: &'a Plan, run: &'a RunFacts) -> PlanWalk<'a> {
        PlanWalk {
            bound: &plan.bound,
            tree: &plan.tree,
            run: Some(run),
            skip_holders: false,
            misfits: None,
            one_cell_of: None,
        }
    }

    fn eval(&self, expr: &Expr, locals: &Locals) -> Result<Value, Halt> {
        let value = Self::walk(&self.plan, &self.run).eval(expr, locals);
        value.or_else(|halt| self.supposed_value(halt))
    }

    /// The value of an expression of a node; a mistake in it is the node's failure.
    fn value_of(&self, id: NodeId, expr: &Expr) -> Result<Value, NodeError> {
        let node = self.node(id)?;
        self.eval(expr, &node.locals)
            .map_err(|halt| self.fault(id, halt))
    }

    fn duration_of(&self, id: NodeId, expr: &Expr) -> Result<i64, NodeError> {
        Ok(match self.value_of(id, expr)? {
            Value::Duration(ms) => ms,
            _ => 0,
        })
    }

    fn count_of(&self, id: NodeId, expr: &Expr) -> Result<u32, NodeError> {
        Ok(match self.value_of(id, expr)? {
            Value::Int(number) => match u32::try_from(number.max(0)) {
                Ok(count) => count,
                Err(_) => {
                    let message = format!("{number} is more than {}, the largest count", u32::MAX);
                    return Err(self.failure(id, FailureClass::Failed, message)?.into());
                }
            },
            _ => 0,
        })
    }

    fn display(&self, value: &Value) -> String {
        Self::walk(&self.plan, &self.run).display(value)
    }

    /// The failure that a mistake in an expression is, as what ends a statement.
    fn fault(&self, id: NodeId, halt: Halt) -> NodeError {
        match self.failure_of(id, halt) {
            Ok(failure) => failure.into(),
            Err(broken) => broken.into(),
        }
    }

    /// The failure that a mistake in an expression is.
    fn failure_of(&self, id: NodeId, halt: Halt) -> Checked<Failure> {
        match halt {
            Halt::Fault(diagnostic) => {
                let mut failure =
                    self.failure(id, FailureClass::Failed, diagnostic.message.clone())?;
                failure.span = diagnostic.span().or(failure.span);
                Ok(failure)
            }
            Halt::Unknown => self.failure(
                id,
                FailureClass::Internal,
                "a value was not known when it was needed",
            ),
        }
    }

    /// A failure of this node.
    #[track_caller]
    fn failure(
        &self,
        id: NodeId,
        class: FailureClass,
        message: impl Into<String>,
    ) -> Checked<Failure> {
        let node = self.node(id)?;
        Ok(Failure {
            class,
            message: message.into(),
            node: self.name_of(id)?,
            span: Some(self.plan.tree.get(node.tree).stmt.span),
            command: None,
        })
    }

    /// A failure of the run as a whole.
    fn failure_of_run(&self, class: FailureClass, message: &str) -> Failure {
        Failure {
            class,
            message: message.to_string(),
            node: self.plan.bound.pipeline().name.clone().into(),
            span: None,
            command: None,
        }
    }

    /// Chance, from 0 up to but without 1: splitmix64.
    fn next_random(&mut self) -> f64 {
        self.next_random = self.next_random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.next_random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The run has ended.
    fn finish(&mut self, trouble: Option<Box<PendingFailure>>) {
        let failure = trouble.map(|trouble| trouble.failure);
        let status = match &failure {
            _ if self.rollback_failed => Status::RollbackFailed,
            Some(_) if self.cancelled => Status::Cancelled,
            Some(failure) if failure.class == FailureClass::Superseded => Status::Superseded,
            Some(_) => Status::Failed,
            None if self.later.left_alone => Status::Superseded,
            None => Status::Succeeded,
        };
        let failure = match status {
            Status::Cancelled => {
                let said = "the run was cancelled";
                Some(self.failure_of_run(FailureClass::Cancelled, said))
            }
            _ => failure,
        };
        self.finished = Some(status);
        self.emit(RunEventKind::RunFinished { status, failure });
    }
}
