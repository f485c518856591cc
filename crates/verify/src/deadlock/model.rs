//! The deadlock model: the strands of a plan and where they can wait for each other, at barriers,
//! for locks, and for places in a throttled block. Everything else is left out, or represented as
//! something that takes time.

#![deny(clippy::wildcard_enum_match_arm)]

mod alike;
mod arrivals_ahead;
mod branches;
mod builder;
mod cells;
mod conditions;
mod knowledge;
mod names;
mod parts;
mod rescue;
mod strands;
mod way_back;
mod worlds;

use std::collections::BTreeMap;

use lockstep_base::source::Name;
use lockstep_lang::eval::Halt;
use lockstep_plan::BarrierName;
use lockstep_plan::Plan;
use lockstep_plan::TreeId;
use lockstep_plan::grid::Position;

/// A line of control, by its place in [`DeadlockModel::strands`].
pub type StrandId = usize;

/// The strands of a plan.
#[derive(Debug, Clone, Default)]
pub struct DeadlockModel {
    /// All strands; the first is the pipeline itself. What is in a strand comes after it.
    pub strands: Vec<ModelStrand>,
    /// The meetings at barriers.
    pub meetings: Vec<ModelBarrier>,
    /// What can be locked.
    pub resources: Vec<Name>,
    /// The `lock` statements that are reached.
    pub requests: Vec<ModelLockRequest>,
    /// The locks that stages take for their deployments.
    pub holds: Vec<ModelHold>,
    /// Where strands split.
    pub forks: Vec<ModelFork>,
    /// The time limits of barriers.
    pub limits: Vec<ModelTimeout>,
    /// What conditions ask that only the run can answer: for each, the bindings that it reads.
    pub decisions: Vec<Vec<usize>>,
    /// A branch by which a strand would have to be divided and is not: then the model does not
    /// owe what the machine does, and proves nothing.
    pub undivided: Option<Undivided>,
}

/// Why a strand is not divided by a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undivided {
    /// There would be too many ways.
    Ways(TreeId),
    /// Nobody can tell when its condition is known.
    Unread(TreeId),
}

/// A line of control and the places where it may wait.
#[derive(Debug, Clone, Default)]
pub struct ModelStrand {
    /// What a person calls it.
    pub name: String,
    /// What it does, in order.
    pub ops: Vec<ModelOp>,
    /// The split that it comes from.
    pub parent: Option<(StrandId, usize)>,
    /// How often it passes each meeting, at most; by meeting.
    pub owes: Vec<(usize, u32)>,
    /// How many deployments it brings to each lock of each stage, at most; by stage and lock.
    pub deploys: Vec<((usize, usize), u32)>,
    /// Where it continues after a failure; the innermost comes first.
    pub guards: Vec<StrandGuard>,
}

/// Where a strand continues when something between two places of it has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrandGuard {
    /// The first place.
    pub from: usize,
    /// The place after the last.
    pub to: usize,
    /// Where it continues.
    pub pad: usize,
    /// The place after what is done about the failure.
    pub end: usize,
}

/// A place where a strand may wait, or let others continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelOp {
    /// Something that takes time.
    Pause(ModelPause),
    /// Arrives at a meeting and waits for the others.
    Arrive(usize, TreeId),
    /// Takes the locks of a request.
    Acquire(usize),
    /// Gives them back.
    Release(usize),
    /// A deployment begins: its stage's locks are needed.
    Enter(usize, TreeId),
    /// A number of deployments to one of the stage's infrastructures have ended.
    Exit(usize, usize, u32),
    /// A stage has ended: its locks are given back.
    Drop(usize),
    /// Splits, and waits for all parts.
    Fork(usize),
    /// Continues at one of these places; which one, only the run knows.
    Choose(Vec<usize>, TreeId),
    /// Continues there.
    Jump(usize),
    /// Comes here only where all of this is so; that stays so until a binding changes.
    Given(Vec<ModelLiteral>),
    /// A name is bound to a value that only the run knows, perhaps again.
    Bind(usize),
    /// Leaves the meetings that are not ahead from here on.
    Leave(ArrivalsAhead),
    /// A failure is final: the meetings that it still owes are broken.
    Break,
    /// It fails here.
    Fail,
}

/// The answer to a decision: it has a value, or does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelLiteral {
    /// What is asked, by its place in [`DeadlockModel::decisions`].
    pub decision: usize,
    /// The value.
    pub value: usize,
    /// Whether it has that value.
    pub equal: bool,
}

impl ModelLiteral {
    /// The other answer to the same decision.
    pub fn negated(self) -> Self {
        Self {
            equal: !self.equal,
            ..self
        }
    }

    /// Whether not both can be so.
    pub fn excludes(&self, other: &Self) -> bool {
        self.decision == other.decision
            && match (self.equal, other.equal) {
                (true, true) => self.value != other.value,
                (true, false) | (false, true) => self.value == other.value,
                (false, false) => false,
            }
    }
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelPause {
    /// What it is.
    pub spot: TreeId,
    /// Whether it may fail.
    pub fails: bool,
    /// How many milliseconds it takes at best.
    pub least_ms: i64,
}

/// How long a strand waits at a barrier at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelTimeout {
    /// The strand.
    pub strand: StrandId,
    /// The barrier's statement.
    pub tree: TreeId,
    /// The meeting.
    pub meeting: usize,
    /// How many milliseconds.
    pub ms: i64,
}

/// What may still come on the way that a strand has taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrivalsAhead {
    /// How often it may pass each meeting.
    pub meetings: BTreeMap<usize, u32>,
    /// How many deployments it may bring to each lock of each stage.
    pub deploys: BTreeMap<(usize, usize), u32>,
}

impl ArrivalsAhead {
    /// How often it may pass a meeting.
    pub fn meeting(&self, meeting: usize) -> u32 {
        self.meetings.get(&meeting).copied().unwrap_or(0)
    }

    /// How many deployments it may bring to a lock of a stage.
    pub fn deploys(&self, key: (usize, usize)) -> u32 {
        self.deploys.get(&key).copied().unwrap_or(0)
    }
}

/// One meeting at a barrier.
#[derive(Debug, Clone)]
pub struct ModelBarrier {
    /// The barrier's name and key.
    pub barrier: BarrierName,
    /// How many arrivals it waits for.
    pub expected: u32,
    /// The split whose strands meet.
    pub fork: usize,
}

/// A `lock` statement that is reached.
#[derive(Debug, Clone)]
pub struct ModelLockRequest {
    /// The locks that it takes, together.
    pub locks: Vec<usize>,
    /// How many may hold it, at least.
    pub limit: u32,
    /// Whether it is certain that nobody else may hold it at the same time.
    pub alone: bool,
    /// Where it stands.
    pub tree: TreeId,
    /// What is so where it is reached.
    pub given: Vec<ModelLiteral>,
}

/// The locks of a stage.
#[derive(Debug, Clone)]
pub struct ModelHold {
    /// The locks, and how many deployments each is needed for; with nothing there, to the end.
    pub locks: Vec<(usize, Option<u32>)>,
    /// The stage, or the pipeline.
    pub tree: TreeId,
    /// What is so where it is reached.
    pub given: Vec<ModelLiteral>,
}

/// A split into parallel strands or cells.
#[derive(Debug, Clone, Default)]
pub struct ModelFork {
    /// The strands.
    pub children: Vec<StrandId>,
    /// The strand that splits.
    pub parent: StrandId,
    /// The block.
    pub tree: TreeId,
    /// How many run at once.
    pub max: Option<usize>,
    /// The sizes of the waves, as they are written; the last one repeats.
    pub waves: Vec<usize>,
    /// For each strand, the wave that it is in; empty without waves.
    pub wave: Vec<usize>,
    /// For each strand, the groups that must have ended before it starts.
    pub after: Vec<Vec<usize>>,
    /// For each strand, the groups that it is in.
    pub groups: Vec<Vec<usize>>,
    /// How many strands each group has.
    pub group_sizes: Vec<u32>,
    /// For each cell its place and, for each axis, the chain of that axis that it is in; where
    /// no axis is serial there is nothing here.
    pub chains: Vec<(Position, Vec<Option<String>>)>,
    /// Which axes are serial.
    pub serial: Vec<bool>,
    /// Whether a parallel axis is inside a serial one that is inside a parallel one: then who
    /// gets the next place depends on who ends first.
    pub tangled: bool,
    /// Whether a failure prevents those that have not started from starting.
    pub stops: bool,
    /// How many failed cells are ignored.
    pub tolerated: u32,
    /// Whether its strand stands for several, of which some start when others have ended.
    pub in_turns: bool,
}

impl ModelFork {
    /// Whether it lets only some strands in at once.
    pub fn is_throttled(&self) -> bool {
        self.max.is_some() || !self.waves.is_empty()
    }

    /// Whether one of two strands has always ended before the other starts.
    pub fn are_apart(&self, one: StrandId, other: StrandId) -> bool {
        let place = |strand: StrandId| self.children.binary_search(&strand).unwrap_or_default();
        let (one, other) = (place(one), place(other));
        let in_chain = match (self.chains.get(one), self.chains.get(other)) {
            (Some((a, _)), Some((b, _))) => {
                let axis = a.iter().zip(b).position(|(a, b)| a != b);
                axis.is_some_and(|axis| self.serial.get(axis) == Some(&true))
            }
            _ => false,
        };
        in_chain || self.max == Some(1) || self.wave.get(one) != self.wave.get(other)
    }

    /// Gives every strand its wave.
    pub fn set_waves(&mut self, sizes: Vec<usize>) {
        self.wave.clear();
        if let Some(last) = sizes.last().copied() {
            let mut each = sizes
                .iter()
                .copied()
                .chain(std::iter::repeat(last))
                .enumerate();
            while self.wave.len() < self.children.len() {
                let Some((wave, size)) = each.next() else {
                    break;
                };
                let room = self.children.len() - self.wave.len();
                self.wave
                    .extend(std::iter::repeat_n(wave, size.clamp(1, room)));
            }
        }
        self.waves = sizes;
    }
}

impl DeadlockModel {
    /// The strands of a plan. What cannot be known before the run is left out; it is checked when
    /// it is reached.
    pub fn of(plan: &Plan) -> Result<Self, Halt> {
        builder::flow(plan)
    }

    /// The same with one cell of each loop whose cells look alike, which stands for all of them:
    /// locks that may have one name are one, and so are barriers that may have one key. What can
    /// be ordered here can be ordered in the model of all cells. Nothing where there is no such
    /// loop, or where only the model of all cells can tell.
    pub fn with_one_of_alike_cells(plan: &Plan) -> Option<Self> {
        alike::flow_with_one_of_alike_cells(plan)
    }

    /// Whether a strand is in a split, however deep.
    pub fn is_in(&self, strand: StrandId, fork: usize) -> bool {
        let mut at = self.strands[strand].parent;
        while let Some((parent, own)) = at {
            if own == fork {
                return true;
            }
            at = self.strands[parent].parent;
        }
        false
    }
}
