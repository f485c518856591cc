//! The life cycle of a node: its status, its activity, its number of attempts, and whether it is
//! being stopped. Invariant: all of it changes only here, and each change checks its precondition,
//! in release builds too.

use super::Machine;
use super::approval::OpenApproval;
use super::broken::{Breach, BrokenInvariant, Checked};
use super::cells::GridWork;
use super::event::EffectId;
use super::node::{NodeId, NodePhase, NodeWork, SequenceWork};
use super::rollback::UndoWork;
use super::run_event::Status;
use super::state::{Activity, Transitions};
use super::stopping::{StopReason, Stops};
use super::strands::StrandsWork;

/// The state of a node.
#[derive(Debug, Clone)]
pub struct NodeState {
    /// What reports call it.
    status: Status,
    /// Where it is in the life of a statement, and what its body is doing.
    phase: NodePhase,
    /// How often its body has been tried.
    tries: u32,
    /// How often a handler has had it tried again.
    handler_tries: u32,
    /// Why it is to stop, if it is.
    stops: Stops,
}

impl Default for NodeState {
    fn default() -> Self {
        Self {
            status: Status::Pending,
            phase: NodePhase::Body(NodeWork::Nothing),
            tries: 0,
            handler_tries: 0,
            stops: Stops::default(),
        }
    }
}

// --- What it is ------------------------------------------------------------------------------

impl NodeState {
    pub fn status(&self) -> Status {
        self.status
    }

    pub fn phase(&self) -> &NodePhase {
        &self.phase
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        activity(&self.phase)
    }

    /// What its body is doing, while it is in its body.
    pub fn work(&self) -> Option<&NodeWork> {
        match &self.phase {
            NodePhase::Body(work) => Some(work),
            NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::Asking { .. }
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => None,
        }
    }

    pub fn is_in_body(&self) -> bool {
        self.work().is_some()
    }

    pub fn tries(&self) -> u32 {
        self.tries
    }

    pub fn handler_tries(&self) -> u32 {
        self.handler_tries
    }

    /// Why it is to stop.
    pub fn stops(&self) -> &Stops {
        &self.stops
    }

    /// Whether it is stopped from outside, so that it cannot recover.
    pub fn is_cancelled(&self) -> bool {
        self.stops.is_cancelled()
    }

    /// Whether it never began to run. One that waits for a lock has not begun on its first try.
    pub fn never_began(&self) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Queued => self.tries == 1,
            Status::Waiting
            | Status::Running
            | Status::Succeeded
            | Status::Ignored
            | Status::Failed
            | Status::Skipped
            | Status::Cancelled
            | Status::RollingBack
            | Status::Superseded
            | Status::RolledBack
            | Status::RollbackFailed => false,
        }
    }

    /// The body that it is at, also under a `lock`.
    pub fn sequence(&self) -> Option<&SequenceWork> {
        self.work()?.sequence()
    }

    pub fn sequence_mut(&mut self) -> Option<&mut SequenceWork> {
        let NodePhase::Body(NodeWork::Seq(seq) | NodeWork::Locked(_, seq)) = &mut self.phase else {
            return None;
        };
        Some(seq)
    }
}

/// Which node itself waits for locks; a stage requests those of its deployments, whatever it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester {
    /// A `lock`.
    Lock,
    /// A part of a rollback.
    Rollback,
}

impl NodeState {
    /// Whether what it does is to wait for this request for locks.
    pub fn requests_lock(&self, request: EffectId) -> Option<Requester> {
        match self.work()? {
            NodeWork::LockWait(pending) if *pending == request => Some(Requester::Lock),
            NodeWork::Undoing(work) if work.requested(request) => Some(Requester::Rollback),
            NodeWork::LockWait(_)
            | NodeWork::Undoing(_)
            | NodeWork::Nothing
            | NodeWork::Seq(_)
            | NodeWork::Parallel(_)
            | NodeWork::Grid(_)
            | NodeWork::Effect(_)
            | NodeWork::Timer(_)
            | NodeWork::Barrier(_)
            | NodeWork::Locked(..)
            | NodeWork::Ask(_)
            | NodeWork::HoldWait
            | NodeWork::Verify { .. } => None,
        }
    }
}

fn activity(phase: &NodePhase) -> Activity {
    match phase {
        NodePhase::Body(work) => match work {
            NodeWork::Nothing => Activity::Idle,
            NodeWork::Seq(_) => Activity::Sequence,
            NodeWork::Parallel(_) => Activity::Parallel,
            NodeWork::Grid(_) => Activity::Grid,
            NodeWork::Effect(_) => Activity::Effect,
            NodeWork::Timer(_) => Activity::Timer,
            NodeWork::Barrier(_) => Activity::Barrier,
            NodeWork::LockWait(_) => Activity::LockWait,
            NodeWork::Locked(..) => Activity::Locked,
            NodeWork::Ask(_) => Activity::Approval,
            NodeWork::HoldWait => Activity::HoldWait,
            NodeWork::Verify { .. } => Activity::Verify,
            NodeWork::Undoing(_) => Activity::Undoing,
        },
        NodePhase::Pause(_) => Activity::Pause,
        NodePhase::Handler => Activity::Handler,
        NodePhase::Asking { .. } => Activity::Asking,
        NodePhase::RollingBack => Activity::RollingBack,
        NodePhase::Always => Activity::Always,
        NodePhase::Ended => Activity::Ended,
    }
}

// --- How it changes --------------------------------------------------------------------------

impl NodeState {
    /// The only place where a status changes.
    fn set_status(&mut self, to: Status, seen: &mut Transitions) -> Result<(), Breach> {
        let from = self.status;
        if from == to {
            return Ok(());
        }
        if !seen.record(from, to) {
            return Err(Breach::Status { from, to });
        }
        self.status = to;
        Ok(())
    }

    /// The only place where it does something else.
    fn set_phase(&mut self, phase: NodePhase, seen: &mut Transitions) -> Result<NodePhase, Breach> {
        let (from, to) = (self.activity(), activity(&phase));
        // A body may end on the spot, and a failure be final without a handler.
        let stays = from == to && matches!(to, Activity::Idle | Activity::Handler);
        if !stays && !seen.note_activity(from, to) {
            return Err(Breach::Activity { from, to });
        }
        if !to.goes_with(self.status) {
            let status = self.status;
            return Err(Breach::StatusOfActivity { status, to });
        }
        Ok(std::mem::replace(&mut self.phase, phase))
    }

    /// One more try of its body.
    fn count_try(&mut self) -> Result<(), Breach> {
        match self.activity() {
            // The bodies of cells, handlers and rollbacks are put in before they begin.
            Activity::Idle | Activity::Sequence | Activity::Undoing => {
                self.tries = self.tries.saturating_add(1);
                Ok(())
            }
            found @ (Activity::Parallel
            | Activity::Grid
            | Activity::Effect
            | Activity::Timer
            | Activity::Barrier
            | Activity::LockWait
            | Activity::Locked
            | Activity::Approval
            | Activity::HoldWait
            | Activity::Verify
            | Activity::Pause
            | Activity::Handler
            | Activity::Asking
            | Activity::RollingBack
            | Activity::Always
            | Activity::Ended) => Err(Breach::NotDoing {
                found,
                expected: Activity::Idle,
            }),
        }
    }

    /// A handler retries its body.
    fn count_handler_try(&mut self) -> Result<(), Breach> {
        if self.activity() != Activity::Handler || self.handler_tries >= self.tries {
            return Err(Breach::HandlerTry);
        }
        self.handler_tries += 1;
        Ok(())
    }

    /// It is to stop. A time limit is for what is in its body.
    fn stop(&mut self, reason: StopReason) -> Result<(), Breach> {
        let from = self.stops.word();
        let before = self.stops.clone();
        let is_legal = self.is_in_body() || !matches!(reason, StopReason::Timeout(_));
        if !self.stops.add(reason) || !is_legal {
            let to = self.stops.word();
            self.stops = before;
            return Err(Breach::Stopping { from, to });
        }
        Ok(())
    }

    /// Its time limit has done its work: its body has ended.
    fn end_timeout(&mut self) -> Result<(), Breach> {
        let from = self.stops.word();
        match self.activity() == Activity::Idle && self.stops.end_timeout() {
            true => Ok(()),
            false => Err(Breach::Stopping { from, to: from }),
        }
    }
}

// --- What the rules of the language request --------------------------------------------------

impl Machine {
    /// Changes the state of a node; where it may not be changed so, nothing is.
    #[track_caller]
    fn change<T>(
        &mut self,
        id: NodeId,
        change: impl FnOnce(&mut NodeState, &mut Transitions) -> Result<T, Breach>,
    ) -> Checked<T> {
        let Some(Some(node)) = self.nodes.get_mut(id.0 as usize) else {
            return Err(BrokenInvariant::no_such_node(id));
        };
        match change(&mut node.state, &mut self.transitions) {
            Ok(value) => Ok(value),
            Err(breach) => Err(BrokenInvariant::of(node, breach)),
        }
    }

    /// A node has another status.
    #[track_caller]
    pub(super) fn set(&mut self, id: NodeId, status: Status) -> Checked<()> {
        self.change(id, |life, seen| life.set_status(status, seen))
    }

    /// The body of a node, which does nothing or waits for its lock, does this now.
    #[track_caller]
    pub(super) fn begin_work(&mut self, id: NodeId, work: NodeWork) -> Checked<()> {
        self.go_to(id, NodePhase::Body(work))
    }

    /// The body of a node does nothing any more. Returns what it did.
    #[track_caller]
    pub(super) fn end_work(&mut self, id: NodeId) -> Checked<NodeWork> {
        let before = self.change(id, |life, seen| match life.phase {
            NodePhase::Body(_) => life.set_phase(NodePhase::Body(NodeWork::Nothing), seen),
            NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::Asking { .. }
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => Err(Breach::Activity {
                from: life.activity(),
                to: Activity::Idle,
            }),
        })?;
        Ok(match before {
            NodePhase::Body(work) => work,
            NodePhase::Pause(_)
            | NodePhase::Handler
            | NodePhase::Asking { .. }
            | NodePhase::RollingBack
            | NodePhase::Always
            | NodePhase::Ended => NodeWork::Nothing,
        })
    }

    /// A node enters another phase of its life.
    #[track_caller]
    pub(super) fn go_to(&mut self, id: NodeId, phase: NodePhase) -> Checked<()> {
        self.change(id, |life, seen| life.set_phase(phase, seen).map(|_| ()))
    }

    /// A try of a node's body begins.
    #[track_caller]
    pub(super) fn count_try(&mut self, id: NodeId) -> Checked<()> {
        self.change(id, |life, _| life.count_try())
    }

    /// A handler retries a node's body.
    #[track_caller]
    pub(super) fn count_handler_try(&mut self, id: NodeId) -> Checked<()> {
        self.change(id, |life, _| life.count_handler_try())
    }

    /// A node is to stop.
    #[track_caller]
    pub(super) fn set_stop(&mut self, id: NodeId, reason: StopReason) -> Checked<()> {
        self.change(id, |life, _| life.stop(reason))
    }

    /// The time limit of a node has done its work.
    #[track_caller]
    pub(super) fn end_timeout(&mut self, id: NodeId) -> Checked<()> {
        self.change(id, |life, _| life.end_timeout())
    }

    /// The body that a node is at, also under a `lock`.
    #[track_caller]
    pub(super) fn seq(&mut self, id: NodeId) -> Checked<&mut SequenceWork> {
        self.doing(id, Activity::Sequence, |phase| {
            let NodePhase::Body(NodeWork::Seq(seq) | NodeWork::Locked(_, seq)) = phase else {
                return None;
            };
            Some(seq)
        })
    }

    /// The children of a `parallel`.
    #[track_caller]
    pub(super) fn strands(&mut self, id: NodeId) -> Checked<&mut StrandsWork> {
        self.doing(id, Activity::Parallel, |phase| {
            let NodePhase::Body(NodeWork::Parallel(work)) = phase else {
                return None;
            };
            Some(&mut **work)
        })
    }

    /// The cells of a loop or matrix.
    #[track_caller]
    pub(super) fn grid(&mut self, id: NodeId) -> Checked<&mut GridWork> {
        self.doing(id, Activity::Grid, |phase| {
            let NodePhase::Body(NodeWork::Grid(work)) = phase else {
                return None;
            };
            Some(&mut **work)
        })
    }

    /// An active rollback.
    #[track_caller]
    pub(super) fn undoing(&mut self, id: NodeId) -> Checked<&mut UndoWork> {
        self.doing(id, Activity::Undoing, |phase| {
            let NodePhase::Body(NodeWork::Undoing(work)) = phase else {
                return None;
            };
            Some(work)
        })
    }

    /// Until when a `verify` has to hold, and how long it waits between two checks.
    #[track_caller]
    pub(super) fn verify_times(&self, id: NodeId) -> Checked<(i64, i64)> {
        let node = self.node(id)?;
        let NodePhase::Body(NodeWork::Verify { until, every, .. }) = &node.state.phase else {
            let (found, expected) = (node.state.activity(), Activity::Verify);
            return Err(BrokenInvariant::of(
                node,
                Breach::NotDoing { found, expected },
            ));
        };
        Ok((*until, *every))
    }

    /// An `approve` that waits.
    #[track_caller]
    pub(super) fn open_approval(&mut self, id: NodeId) -> Checked<&mut OpenApproval> {
        self.doing(id, Activity::Approval, |phase| {
            let NodePhase::Body(NodeWork::Ask(open)) = phase else {
                return None;
            };
            Some(&mut **open)
        })
    }

    /// The timer of the next check of a `verify`.
    #[track_caller]
    pub(super) fn verify_timer(&mut self, id: NodeId) -> Checked<&mut Option<EffectId>> {
        self.doing(id, Activity::Verify, |phase| {
            let NodePhase::Body(NodeWork::Verify { timer, .. }) = phase else {
                return None;
            };
            Some(timer)
        })
    }

    /// What a node is doing, which must be this.
    #[track_caller]
    fn doing<'m, T>(
        &'m mut self,
        id: NodeId,
        expected: Activity,
        part: impl FnOnce(&'m mut NodePhase) -> Option<&'m mut T>,
    ) -> Checked<&'m mut T> {
        let found = self.node(id)?.state.activity();
        let is_sequence = expected == Activity::Sequence && found == Activity::Locked;
        if found != expected && !is_sequence {
            let breach = Breach::NotDoing { found, expected };
            return Err(BrokenInvariant::of(self.node(id)?, breach));
        }
        match part(&mut self.node_mut(id)?.state.phase) {
            Some(part) => Ok(part),
            None => Err(BrokenInvariant::new(Breach::NotDoing { found, expected })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::node::{ActiveNode, InheritedContext, NodeRole};
    use super::super::run_event::Failure;
    use super::super::state::{ACTIVITIES, ALL, successors};
    use super::super::stopping::StopCause;
    use super::super::{BrokenInvariant, Event};
    use super::*;
    use lockstep_base::node_path::NodePath;
    use lockstep_plan::{Plan, RunFacts, TreeId};

    /// The plan of a program.
    fn plan(text: &str) -> Arc<Plan> {
        struct One<'a>(&'a str);
        impl lockstep_base::world::Files for One<'_> {
            fn read(&self, _: &str) -> Result<String, lockstep_base::world::FileError> {
                Ok(self.0.to_string())
            }
        }
        struct Nothing;
        impl lockstep_base::world::EnvironmentVariables for Nothing {
            fn var(&self, _: &str) -> Result<String, lockstep_base::world::VariableError> {
                Err(lockstep_base::world::VariableError::NotSet)
            }
        }
        let program = lockstep_lang::compile::compile(&One(text), "case.deploy");
        let program = program.program.expect("a program");
        let asked = lockstep_plan::RunRequest::default();
        let bound = lockstep_plan::bind(&program, &asked, &Nothing, &One(""));
        let plan = bound.and_then(Plan::new);
        Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong:?}")))
    }

    /// A machine that runs a command: node 0 is the pipeline, node 1 the command.
    fn machine() -> Machine {
        let started_at = jiff::Timestamp::constant(1_767_225_600, 0);
        let facts = RunFacts::new("run".into(), "test".into(), started_at);
        let mut machine = Machine::new(plan("pipeline p { run \"x\" }"), facts, 1);
        assert!(!machine.handle(0, Event::Start).is_empty());
        machine
    }

    /// A phase in which a node does this.
    fn phase_of(activity: Activity) -> NodePhase {
        let seq = || SequenceWork::new(Arc::from([]), lockstep_plan::Locals::default());
        let id = EffectId(1);
        NodePhase::Body(match activity {
            Activity::Idle => NodeWork::Nothing,
            Activity::Sequence => NodeWork::Seq(seq()),
            Activity::Parallel => NodeWork::Parallel(Box::default()),
            Activity::Effect => NodeWork::Effect(id),
            Activity::Timer => NodeWork::Timer(id),
            Activity::LockWait => NodeWork::LockWait(id),
            Activity::Locked => NodeWork::Locked(id, seq()),
            Activity::Approval => NodeWork::Ask(Box::new(OpenApproval::of(id))),
            Activity::HoldWait => NodeWork::HoldWait,
            Activity::Undoing => NodeWork::Undoing(UndoWork::default()),
            Activity::Verify => NodeWork::Verify {
                until: 0,
                every: 1,
                timer: None,
            },
            Activity::Pause => return NodePhase::Pause(id),
            Activity::Handler => return NodePhase::Handler,
            Activity::Asking => {
                return NodePhase::Asking {
                    question: id,
                    timer: None,
                };
            }
            Activity::RollingBack => return NodePhase::RollingBack,
            Activity::Always => return NodePhase::Always,
            Activity::Ended => return NodePhase::Ended,
            // These need a grid and a meeting.
            Activity::Grid | Activity::Barrier => NodeWork::Nothing,
        })
    }

    #[test]
    fn a_status_changes_as_the_table_says_or_not_at_all() {
        for from in ALL {
            for to in ALL {
                let mut life = NodeState {
                    status: from,
                    ..NodeState::default()
                };
                let mut seen = Transitions::default();
                let is_legal = from == to || successors(from).contains(&to);
                let set = life.set_status(to, &mut seen);
                assert_eq!(set.is_ok(), is_legal, "{from} {to}");
                assert_eq!(life.status, if is_legal { to } else { from });
                if !is_legal {
                    assert_eq!(set, Err(Breach::Status { from, to }));
                }
            }
        }
    }

    #[test]
    fn a_node_does_what_the_table_says_or_goes_on_as_before() {
        for from in ACTIVITIES {
            for to in ACTIVITIES {
                let (before, after) = (phase_of(from), phase_of(to));
                if activity(&before) != from || activity(&after) != to {
                    continue;
                }
                let fits = ALL.into_iter().find(|status| to.goes_with(*status));
                let mut life = NodeState {
                    status: fits.expect("a status"),
                    phase: before,
                    ..NodeState::default()
                };
                let stays = from == to && matches!(to, Activity::Idle | Activity::Handler);
                let is_legal = stays || from.successors().contains(&to);
                let mut seen = Transitions::default();
                let set = life.set_phase(after, &mut seen).map(|_| ());
                assert_eq!(set.is_ok(), is_legal, "{from} {to}");
                assert_eq!(life.activity(), if is_legal { to } else { from });
            }
        }
    }

    #[test]
    fn what_a_node_does_goes_with_its_status() {
        let mut life = NodeState {
            phase: NodePhase::Handler,
            status: Status::Running,
            ..NodeState::default()
        };
        let seen = &mut Transitions::default();
        let wrong = life.set_phase(NodePhase::RollingBack, seen).map(|_| ());
        let (status, to) = (Status::Running, Activity::RollingBack);
        assert_eq!(wrong, Err(Breach::StatusOfActivity { status, to }));
        assert_eq!(life.activity(), Activity::Handler);
    }

    #[test]
    fn what_is_stopped_from_outside_stays_so_and_tries_are_counted_in_their_place() {
        let cause = Arc::new(StopCause {
            failure: Failure {
                class: lockstep_lang::ir::FailureClass::Cancelled,
                message: String::from("why"),
                node: NodePath::from("p"),
                span: None,
                command: None,
            },
            number: 0,
        });
        let timeout = || StopReason::Timeout(cause.clone());
        let outside = || StopReason::Cancelled(cause.clone());
        let held = || StopReason::HeldBack(cause.clone());
        let mut life = NodeState::default();
        assert_eq!(life.stop(timeout()), Ok(()));
        assert!(life.stop(timeout()).is_err());
        assert_eq!(life.end_timeout(), Ok(()));
        assert!(life.end_timeout().is_err());
        assert_eq!(life.stop(held()), Ok(()));
        assert!(!life.stops().is_interrupted());
        assert_eq!(life.stop(timeout()), Ok(()));
        assert_eq!(life.stop(outside()), Ok(()));
        for wrong in [timeout(), outside(), held()] {
            assert!(life.stop(wrong).is_err());
            assert!(life.is_cancelled());
        }
        assert_eq!(life.count_try(), Ok(()));
        assert_eq!(life.count_handler_try(), Err(Breach::HandlerTry));
        life.phase = NodePhase::Handler;
        assert_eq!(life.count_handler_try(), Ok(()));
        assert_eq!(life.count_handler_try(), Err(Breach::HandlerTry));
        assert!(life.count_try().is_err());
        assert_eq!((life.tries(), life.handler_tries()), (1, 1));
    }

    /// What a machine says that broke at this.
    fn broken(mut machine: Machine, event: Event) -> BrokenInvariant {
        assert_eq!(machine.handle(5, event), []);
        machine.broken().cloned().expect("a broken rule")
    }

    #[test]
    fn a_node_that_is_not_there_stops_the_machine() {
        let mut machine = machine();
        // The command's node is lost; its parent still names it.
        machine.nodes[1] = None;
        let found = broken(machine.clone(), Event::Cancel);
        assert_eq!(found.breach, Breach::NoSuchNode(1));
        assert_eq!(found.node, None);
        assert!(found.found_at.file().ends_with("cancel.rs"), "{found:?}");
        let outcome = super::super::EffectOutcome::good(lockstep_base::value::Value::None);
        let ended = Event::Ended {
            id: EffectId(1),
            outcome,
        };
        assert_eq!(broken(machine, ended).breach, Breach::NoSuchNode(1));
    }

    #[test]
    fn an_illegal_transition_stops_the_machine_and_says_where() {
        let mut machine = machine();
        let life = &mut machine.nodes[1].as_mut().expect("the command").state;
        life.status = Status::Skipped;
        let outcome = super::super::EffectOutcome::good(lockstep_base::value::Value::None);
        let ended = Event::Ended {
            id: EffectId(1),
            outcome,
        };
        let found = broken(machine, ended);
        let (status, to) = (Status::Skipped, Activity::Idle);
        assert_eq!(found.breach, Breach::StatusOfActivity { status, to });
        let node = found.node.expect("a node");
        assert_eq!((&*node.path, node.activity), ("p/run", Activity::Effect));
        assert!(node.tree > TreeId(0));
    }

    #[test]
    fn a_new_node_has_done_nothing() {
        let node = ActiveNode::new(TreeId(0), None, NodeRole::Root, InheritedContext::nothing());
        assert_eq!(node.state.activity(), Activity::Idle);
        assert!(node.state.never_began() && node.state.is_in_body());
    }
}
