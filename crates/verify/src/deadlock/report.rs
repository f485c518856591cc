//! The proof that a plan ends: no strand can wait for ever (deadlock freedom). A deadlock is
//! reported with the locations in the source and the shortest schedule that leads to it.
//!
//! Failures are part of the proof. A strand that fails releases its locks and breaks the barriers
//! that it would have reached, so those that wait there fail in turn and none waits for it; but
//! locks that are released sooner can be acquired in another order, by failure handlers and retries
//! too, and that order is considered like any other. Timeouts are not part of it: a standstill that
//! ends in a timeout is a deadlock. Nor is a run that somebody cancels, or another run that holds
//! the same locks: it releases them.

#![deny(clippy::wildcard_enum_match_arm)]

mod barrier_timeouts;
mod explanation;
mod findings;

use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::StrandId;
use crate::deadlock::model::Undivided;
use crate::deadlock::search::SearchOutcome;
use crate::deadlock::search::explore;
use crate::deadlock::search::is_ordered_for_all;
use crate::deadlock::search::ordered_locks;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::eval::Halt;
use lockstep_plan::Plan;
use lockstep_plan::{PlanTree, TreeId, infrastructure_lock, lock_for_people};

/// Proves that a plan ends; otherwise says why it may not.
///
/// # Errors
///
/// The mistakes, each with a code of the 8xx family.
pub fn prove(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    let root = plan.tree.get(plan.tree.root());
    if nothing_waits(plan) {
        return Ok(());
    }
    if ends_by_alike_cells(plan) {
        return Ok(());
    }
    let flow = match DeadlockModel::of(plan) {
        Ok(flow) => flow,
        Err(Halt::Fault(fault)) => return Err(vec![*fault]),
        Err(Halt::Unknown) => {
            let what = "what its strands wait for depends on values known only at run time";
            let help = "take locks in one order everywhere, and pass barriers outside of locks";
            return Err(vec![not_proved(root.stmt.span, what).help(help)]);
        }
    };
    let teller = DeadlockReporter {
        flow: &flow,
        tree: &plan.tree,
    };
    if let Some(undivided) = flow.undivided {
        return Err(vec![teller.tell_undivided(undivided)]);
    }
    match explore(&flow) {
        SearchOutcome::Ends => {}
        SearchOutcome::Hangs(hang) => return Err(vec![teller.explain(&hang)]),
        SearchOutcome::Unknown(Some(hang)) => return Err(vec![teller.tell_perhaps(&hang)]),
        SearchOutcome::Unknown(None) => return Err(vec![teller.gave_up(root.stmt.span)]),
    }
    let late = teller.barrier_timeouts();
    if late.is_empty() { Ok(()) } else { Err(late) }
}

/// Whether it follows from one cell of each loop whose cells look alike that a plan ends. Only the
/// model of all cells says how a plan may hang, and which barriers are waited for too long.
pub fn ends_by_alike_cells(plan: &Plan) -> bool {
    DeadlockModel::with_one_of_alike_cells(plan)
        .is_some_and(|flow| flow.limits.is_empty() && is_ordered_for_all(&flow))
}

/// Whether no strand of a plan can wait for another: stages take all their locks together and
/// wait for nothing while they hold them.
pub fn nothing_waits(plan: &Plan) -> bool {
    let root = plan.tree.get(plan.tree.root());
    !root.has_barrier && !root.has_lock && !deploys_in_and_out_of_stages(plan)
}

/// Whether the pipeline itself holds infrastructures while stages in it need theirs.
fn deploys_in_and_out_of_stages(plan: &Plan) -> bool {
    let (mut inside, mut outside) = (false, false);
    for (id, node) in plan.tree.iter() {
        if node.stmt.kind.deploys() {
            let is_holder = |it: TreeId| it != plan.tree.root() && plan.tree.get(it).holds_locks;
            match plan.tree.outwards(id).any(is_holder) {
                true => inside = true,
                false => outside = true,
            }
        }
    }
    inside && outside
}

/// More locks than this are not named.
const MAX_NAMED_LOCKS: usize = 4;

/// What lets locks be taken in any order, or makes the order good.
const KEEP_APART: &str = "take these locks in one order everywhere, or hold one more lock, without \
                          `limit`, around all of them wherever they are taken";

/// What makes fewer ways of strands that take no locks.
const FEWER_WAYS: &str = "let all strands pass the barriers in the same order, in every branch; or \
                          decide by one value what several branches do";

/// What lets a condition be read.
const SIMPLER_CONDITION: &str = "make the condition of one value, or of several by `and`, `or` and \
                                 `not`; or pass the barriers in every branch";

const NOT_PROVED: &str = "it could not be proved that this pipeline has no deadlock";

fn not_proved(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error(codes::NOT_PROVED, span, NOT_PROVED).here(why)
}

/// Puts what was found into words.
struct DeadlockReporter<'a> {
    flow: &'a DeadlockModel,
    tree: &'a PlanTree,
}

impl DeadlockReporter<'_> {
    fn span(&self, tree: TreeId) -> Span {
        self.tree.get(tree).stmt.span
    }

    fn name(&self, strand: StrandId) -> &str {
        &self.flow.strands[strand].name
    }

    /// There are too many schedules.
    fn gave_up(&self, span: Span) -> Diagnostic {
        let locks = ordered_locks(self.flow);
        let more = locks.len().saturating_sub(MAX_NAMED_LOCKS);
        let mut names: Vec<String> = locks
            .into_iter()
            .take(MAX_NAMED_LOCKS)
            .map(|lock| self.lock(lock))
            .collect();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let what = match names.is_empty() {
            true => String::from("there are too many orders in which its strands can go on"),
            false => format!(
                "there are too many orders in which its strands can take {}",
                and_list(&names)
            ),
        };
        let help = match (names.is_empty(), self.flow.meetings.is_empty()) {
            (true, _) => FEWER_WAYS.to_string(),
            (false, true) => KEEP_APART.to_string(),
            (false, false) => format!("{KEEP_APART}; pass barriers outside of locks"),
        };
        not_proved(span, &what).help(help)
    }

    /// A strand is not followed in all of its ways.
    fn tell_undivided(&self, undivided: Undivided) -> Diagnostic {
        match undivided {
            Undivided::Ways(branch) => {
                let why = "too many conditions decide together which barriers are passed here";
                not_proved(self.span(branch), why).help(FEWER_WAYS)
            }
            Undivided::Unread(branch) => {
                let why = "when it is known which way this goes depends on values of the run";
                not_proved(self.span(branch), why).help(SIMPLER_CONDITION)
            }
        }
    }

    fn barrier(&self, meeting: usize) -> String {
        self.flow.meetings[meeting].barrier.to_string()
    }

    fn lock(&self, lock: usize) -> String {
        let name = &self.flow.resources[lock];
        let shown = lock_for_people(name);
        match *name == infrastructure_lock(shown) {
            true => format!("the lock of {shown}"),
            false => format!("lock \"{shown}\""),
        }
    }
}

/// `a`, `b` and `c`, as they are.
fn and_list(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
