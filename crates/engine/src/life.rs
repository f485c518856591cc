//! The life cycle of a node: its status, its activity, its number of attempts, and whether it is
//! being stopped. Invariant: all of it changes only here, and each change checks its precondition,
//! in release builds too.

use std::sync::Arc;

use super::Machine;
use super::broken::{Breach, BrokenInvariant, Checked};
use super::cells::GridWork;
use super::event::EffectId;
use super::node::{NodeId, Phase, SeqWork, Stopping, Work};
use super::notice::{Failure, Status};
use super::rollback::UndoWork;
use super::state::{Activity, Transitions};
use super::strands::StrandsWork;

/// The state of a node.
#[derive(Debug, Clone)]
pub struct Life {
    /// What reports call it.
    status: Status,
    /// Where it is in the life of a statement, and what its body is doing.
    phase: Phase,
    /// How often its body has been tried.
    tries: u32,
    /// How often a handler has had it tried again.
    handler_tries: u32,
    /// Why its body is being stopped, if it is.
    stopping: Option<Stopping>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            status: Status::Pending,
            phase: Phase::Body(Work::Nothing),
            tries: 0,
            handler_tries: 0,
            stopping: None,
        }
    }
}

// --- What it is ------------------------------------------------------------------------------

impl Life {
    pub fn status(&self) -> Status {
        self.status
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        activity(&self.phase)
    }

    /// What its body is doing, while it is in its body.
    pub fn work(&self) -> Option<&Work> {
        match &self.phase {
            Phase::Body(work) => Some(work),
            Phase::Pause(_)
            | Phase::Handler
            | Phase::Asking { .. }
            | Phase::RollingBack
            | Phase::Always
            | Phase::Ended => None,
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

    pub fn stopping(&self) -> Option<&Stopping> {
        self.stopping.as_ref()
    }

    /// Why it has to stop, if it has to.
    pub fn stop_failure(&self) -> Option<&Arc<Failure>> {
        match self.stopping.as_ref()? {
            Stopping::Cancelled(failure) | Stopping::Timeout(failure) => Some(failure),
        }
    }

    /// Whether it is stopped from outside, so that it cannot recover.
    pub fn is_cancelled(&self) -> bool {
        match self.stopping {
            Some(Stopping::Cancelled(_)) => true,
            Some(Stopping::Timeout(_)) | None => false,
        }
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
            | Status::RolledBack
            | Status::RollbackFailed => false,
        }
    }

    /// Whether it is being stopped, and why, in words.
    pub fn stopping_word(&self) -> &'static str {
        match self.stopping {
            None => "not stopping",
            Some(Stopping::Cancelled(_)) => "stopped from outside",
            Some(Stopping::Timeout(_)) => "stopped by its time limit",
        }
    }

    /// The body that it is at, also under a `lock`.
    pub fn sequence(&self) -> Option<&SeqWork> {
        match self.work()? {
            Work::Seq(seq) | Work::Locked(_, seq) => Some(seq),
            Work::Nothing
            | Work::Parallel(_)
            | Work::Grid(_)
            | Work::Effect(_)
            | Work::Timer(_)
            | Work::Barrier(_)
            | Work::LockWait(_)
            | Work::Ask(_)
            | Work::HoldWait
            | Work::Verify { .. }
            | Work::Undoing(_) => None,
        }
    }

    pub fn sequence_mut(&mut self) -> Option<&mut SeqWork> {
        let Phase::Body(Work::Seq(seq) | Work::Locked(_, seq)) = &mut self.phase else {
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

impl Life {
    /// Whether what it does is to wait for this request for locks.
    pub fn requests_lock(&self, request: EffectId) -> Option<Requester> {
        match self.work()? {
            Work::LockWait(wanted) if *wanted == request => Some(Requester::Lock),
            Work::Undoing(work) if work.requested(request) => Some(Requester::Rollback),
            Work::LockWait(_)
            | Work::Undoing(_)
            | Work::Nothing
            | Work::Seq(_)
            | Work::Parallel(_)
            | Work::Grid(_)
            | Work::Effect(_)
            | Work::Timer(_)
            | Work::Barrier(_)
            | Work::Locked(..)
            | Work::Ask(_)
            | Work::HoldWait
            | Work::Verify { .. } => None,
        }
    }
}

fn activity(phase: &Phase) -> Activity {
    match phase {
        Phase::Body(work) => match work {
            Work::Nothing => Activity::Idle,
            Work::Seq(_) => Activity::Sequence,
            Work::Parallel(_) => Activity::Parallel,
            Work::Grid(_) => Activity::Grid,
            Work::Effect(_) => Activity::Effect,
            Work::Timer(_) => Activity::Timer,
            Work::Barrier(_) => Activity::Barrier,
            Work::LockWait(_) => Activity::LockWait,
            Work::Locked(..) => Activity::Locked,
            Work::Ask(_) => Activity::Approval,
            Work::HoldWait => Activity::HoldWait,
            Work::Verify { .. } => Activity::Verify,
            Work::Undoing(_) => Activity::Undoing,
        },
        Phase::Pause(_) => Activity::Pause,
        Phase::Handler => Activity::Handler,
        Phase::Asking { .. } => Activity::Asking,
        Phase::RollingBack => Activity::RollingBack,
        Phase::Always => Activity::Always,
        Phase::Ended => Activity::Ended,
    }
}

// --- How it changes --------------------------------------------------------------------------

impl Life {
    /// The only place where a status changes.
    fn set_status(&mut self, to: Status, seen: &mut Transitions) -> Result<(), Breach> {
        let from = self.status;
        if from == to {
            return Ok(());
        }
        if !seen.note(from, to) {
            return Err(Breach::Status { from, to });
        }
        self.status = to;
        Ok(())
    }

    /// The only place where it does something else.
    fn set_phase(&mut self, phase: Phase, seen: &mut Transitions) -> Result<Phase, Breach> {
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

    /// Its body is to stop. What stops it from outside beats its own time limit.
    fn set_stopping(&mut self, stopping: Option<Stopping>) -> Result<(), Breach> {
        let is_legal = match (&self.stopping, &stopping) {
            (None, Some(Stopping::Timeout(_))) => self.is_in_body(),
            (None | Some(Stopping::Timeout(_)), Some(Stopping::Cancelled(_))) => true,
            // The time limit has done its work once the body has ended.
            (Some(Stopping::Timeout(_)), None) => self.activity() == Activity::Idle,
            (None, None)
            | (Some(Stopping::Timeout(_)), Some(Stopping::Timeout(_)))
            | (Some(Stopping::Cancelled(_)), _) => false,
        };
        let from = self.stopping_word();
        let before = std::mem::replace(&mut self.stopping, stopping);
        if !is_legal {
            let to = self.stopping_word();
            self.stopping = before;
            return Err(Breach::Stopping { from, to });
        }
        Ok(())
    }
}

// --- What the rules of the language request --------------------------------------------------

impl Machine {
    /// Changes the state of a node; where it may not be changed so, nothing is.
    #[track_caller]
    fn change<T>(
        &mut self,
        id: NodeId,
        change: impl FnOnce(&mut Life, &mut Transitions) -> Result<T, Breach>,
    ) -> Checked<T> {
        let Some(Some(node)) = self.nodes.get_mut(id.0 as usize) else {
            return Err(BrokenInvariant::no_such_node(id));
        };
        match change(&mut node.life, &mut self.transitions) {
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
    pub(super) fn begin_work(&mut self, id: NodeId, work: Work) -> Checked<()> {
        self.go_to(id, Phase::Body(work))
    }

    /// The body of a node does nothing any more. Returns what it did.
    #[track_caller]
    pub(super) fn end_work(&mut self, id: NodeId) -> Checked<Work> {
        let before = self.change(id, |life, seen| match life.phase {
            Phase::Body(_) => life.set_phase(Phase::Body(Work::Nothing), seen),
            Phase::Pause(_)
            | Phase::Handler
            | Phase::Asking { .. }
            | Phase::RollingBack
            | Phase::Always
            | Phase::Ended => Err(Breach::Activity {
                from: life.activity(),
                to: Activity::Idle,
            }),
        })?;
        Ok(match before {
            Phase::Body(work) => work,
            Phase::Pause(_)
            | Phase::Handler
            | Phase::Asking { .. }
            | Phase::RollingBack
            | Phase::Always
            | Phase::Ended => Work::Nothing,
        })
    }

    /// A node enters another phase of its life.
    #[track_caller]
    pub(super) fn go_to(&mut self, id: NodeId, phase: Phase) -> Checked<()> {
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

    /// The body of a node is to stop, or has been stopped by its time limit.
    #[track_caller]
    pub(super) fn set_stopping(&mut self, id: NodeId, stopping: Option<Stopping>) -> Checked<()> {
        self.change(id, |life, _| life.set_stopping(stopping))
    }

    /// The body that a node is at, also under a `lock`.
    #[track_caller]
    pub(super) fn seq(&mut self, id: NodeId) -> Checked<&mut SeqWork> {
        self.doing(id, Activity::Sequence, |phase| {
            let Phase::Body(Work::Seq(seq) | Work::Locked(_, seq)) = phase else {
                return None;
            };
            Some(seq)
        })
    }

    /// The children of a `parallel`.
    #[track_caller]
    pub(super) fn strands(&mut self, id: NodeId) -> Checked<&mut StrandsWork> {
        self.doing(id, Activity::Parallel, |phase| {
            let Phase::Body(Work::Parallel(work)) = phase else {
                return None;
            };
            Some(&mut **work)
        })
    }

    /// The cells of a loop or matrix.
    #[track_caller]
    pub(super) fn grid(&mut self, id: NodeId) -> Checked<&mut GridWork> {
        self.doing(id, Activity::Grid, |phase| {
            let Phase::Body(Work::Grid(work)) = phase else {
                return None;
            };
            Some(&mut **work)
        })
    }

    /// An active rollback.
    #[track_caller]
    pub(super) fn undoing(&mut self, id: NodeId) -> Checked<&mut UndoWork> {
        self.doing(id, Activity::Undoing, |phase| {
            let Phase::Body(Work::Undoing(work)) = phase else {
                return None;
            };
            Some(work)
        })
    }

    /// Until when a `verify` has to hold, and how long it waits between two checks.
    #[track_caller]
    pub(super) fn verify_times(&self, id: NodeId) -> Checked<(i64, i64)> {
        let node = self.look(id)?;
        let Phase::Body(Work::Verify { until, every, .. }) = &node.life.phase else {
            let (found, expected) = (node.life.activity(), Activity::Verify);
            return Err(BrokenInvariant::of(
                node,
                Breach::NotDoing { found, expected },
            ));
        };
        Ok((*until, *every))
    }

    /// The timer of the next check of a `verify`.
    #[track_caller]
    pub(super) fn verify_timer(&mut self, id: NodeId) -> Checked<&mut Option<EffectId>> {
        self.doing(id, Activity::Verify, |phase| {
            let Phase::Body(Work::Verify { timer, .. }) = phase else {
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
        part: impl FnOnce(&'m mut Phase) -> Option<&'m mut T>,
    ) -> Checked<&'m mut T> {
        let found = self.look(id)?.life.activity();
        let is_sequence = expected == Activity::Sequence && found == Activity::Locked;
        if found != expected && !is_sequence {
            let breach = Breach::NotDoing { found, expected };
            return Err(BrokenInvariant::of(self.look(id)?, breach));
        }
        match part(&mut self.node(id)?.life.phase) {
            Some(part) => Ok(part),
            None => Err(BrokenInvariant::new(Breach::NotDoing { found, expected })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::{Around, Node, Role};
    use super::super::state::{ACTIVITIES, ALL, successors};
    use super::super::{BrokenInvariant, Event};
    use super::*;
    use lockstep_base::source::Name;
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
        impl lockstep_base::world::Environment for Nothing {
            fn var(&self, _: &str) -> Result<String, lockstep_base::world::VariableError> {
                Err(lockstep_base::world::VariableError::NotSet)
            }
        }
        let program = lockstep_lang::compile::compile(&One(text), "case.deploy");
        let program = program.program.expect("a program");
        let asked = lockstep_plan::Asked::default();
        let bound = lockstep_plan::bind(&program, &asked, &Nothing, &One(""));
        let plan = bound.and_then(Plan::new);
        Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong:?}")))
    }

    /// A machine that runs a command: node 0 is the pipeline, node 1 the command.
    fn machine() -> Machine {
        let facts = RunFacts {
            id: "run".into(),
            user: "test".into(),
            started_at: jiff::Timestamp::constant(1_767_225_600, 0),
        };
        let mut machine = Machine::new(plan("pipeline p { run \"x\" }"), facts, 1);
        assert!(!machine.handle(0, Event::Start).is_empty());
        machine
    }

    /// A phase in which a node does this.
    fn phase_of(activity: Activity) -> Phase {
        let seq = || SeqWork::new(Arc::from([]), lockstep_plan::Locals::default());
        let id = EffectId(1);
        Phase::Body(match activity {
            Activity::Idle => Work::Nothing,
            Activity::Sequence => Work::Seq(seq()),
            Activity::Parallel => Work::Parallel(Box::default()),
            Activity::Effect => Work::Effect(id),
            Activity::Timer => Work::Timer(id),
            Activity::LockWait => Work::LockWait(id),
            Activity::Locked => Work::Locked(id, seq()),
            Activity::Approval => Work::Ask(id),
            Activity::HoldWait => Work::HoldWait,
            Activity::Undoing => Work::Undoing(UndoWork::default()),
            Activity::Verify => Work::Verify {
                until: 0,
                every: 1,
                timer: None,
            },
            Activity::Pause => return Phase::Pause(id),
            Activity::Handler => return Phase::Handler,
            Activity::Asking => {
                return Phase::Asking {
                    question: id,
                    timer: None,
                };
            }
            Activity::RollingBack => return Phase::RollingBack,
            Activity::Always => return Phase::Always,
            Activity::Ended => return Phase::Ended,
            // These need a grid and a meeting.
            Activity::Grid | Activity::Barrier => Work::Nothing,
        })
    }

    #[test]
    fn a_status_changes_as_the_table_says_or_not_at_all() {
        for from in ALL {
            for to in ALL {
                let mut life = Life {
                    status: from,
                    ..Life::default()
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
                let mut life = Life {
                    status: fits.expect("a status"),
                    phase: before,
                    ..Life::default()
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
        let mut life = Life {
            phase: Phase::Handler,
            status: Status::Running,
            ..Life::default()
        };
        let seen = &mut Transitions::default();
        let wrong = life.set_phase(Phase::RollingBack, seen).map(|_| ());
        let (status, to) = (Status::Running, Activity::RollingBack);
        assert_eq!(wrong, Err(Breach::StatusOfActivity { status, to }));
        assert_eq!(life.activity(), Activity::Handler);
    }

    #[test]
    fn what_is_stopped_from_outside_stays_so_and_tries_are_counted_in_their_place() {
        let failure = Arc::new(Failure {
            class: lockstep_lang::ir::FailureClass::Cancelled,
            message: String::from("why"),
            node: Name::from("p"),
            span: None,
        });
        let timeout = || Some(Stopping::Timeout(failure.clone()));
        let outside = || Some(Stopping::Cancelled(failure.clone()));
        let mut life = Life::default();
        assert_eq!(life.set_stopping(timeout()), Ok(()));
        assert!(life.set_stopping(timeout()).is_err());
        assert_eq!(life.set_stopping(None), Ok(()));
        assert_eq!(life.set_stopping(timeout()), Ok(()));
        assert_eq!(life.set_stopping(outside()), Ok(()));
        for wrong in [timeout(), None, outside()] {
            assert!(life.set_stopping(wrong).is_err());
            assert!(life.is_cancelled());
        }
        assert_eq!(life.count_try(), Ok(()));
        assert_eq!(life.count_handler_try(), Err(Breach::HandlerTry));
        life.phase = Phase::Handler;
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
        let outcome = super::super::Outcome::good(lockstep_base::value::Value::None);
        let ended = Event::Ended {
            id: EffectId(1),
            outcome,
        };
        assert_eq!(broken(machine, ended).breach, Breach::NoSuchNode(1));
    }

    #[test]
    fn an_illegal_transition_stops_the_machine_and_says_where() {
        let mut machine = machine();
        let life = &mut machine.nodes[1].as_mut().expect("the command").life;
        life.status = Status::Skipped;
        let outcome = super::super::Outcome::good(lockstep_base::value::Value::None);
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
        let node = Node::new(TreeId(0), None, Role::Root, Around::nothing());
        assert_eq!(node.life.activity(), Activity::Idle);
        assert!(node.life.never_began() && node.life.is_in_body());
    }
}
