//! The state of a node while it is active. Its transitions are in `life` and `state`.

use std::sync::Arc;

use super::approval::OpenApproval;
use super::barrier::{BarrierInstanceId, OwedArrivals};
use super::cells::GridWork;
use super::completed_work::CompletedOutcome;
use super::event::EffectId;
use super::infrastructure_locks::InfrastructureLocks;
use super::node_state::NodeState;
use super::outcome::StatementEnd;
use super::rollback::UndoWork;
use super::run_event::{DeploymentRecord, Failure, NodeKind};
use super::stopping::StopCause;
use super::strands::StrandsWork;
use super::superseded::DeployedAt;
use super::undo_list::UndoList;
use super::watch::ActiveWatch;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::ir::{FailureClass, HandlerVerdict, RollbackScope};
use lockstep_plan::grid::Cell;
use lockstep_plan::{Locals, PlacePools, PlanSequence, TreeId, has_local_files};

/// An active node, by its place in the machine's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct NodeId(pub u32);

/// An active node.
#[derive(Debug, Clone)]
pub struct ActiveNode {
    /// Its spot in the plan.
    pub tree: TreeId,
    /// What it is in.
    pub parent: Option<NodeId>,
    /// What it is for its parent.
    pub role: NodeRole,
    /// The nodes in it.
    pub children: Vec<NodeId>,
    /// Its place among its parent's children.
    pub place: usize,
    /// What its expressions see.
    pub locals: Locals,
    /// What it inherits from the nodes around it.
    pub inherited: InheritedContext,
    /// Its path, or that of the nearest visible node around it.
    pub path: NodePath,
    /// What reports call it; nothing where they do not name it.
    pub visible: Option<NodeKind>,
    /// Its state.
    pub state: NodeState,
    /// Why it failed, while its failure is being dealt with.
    pub pending_failure: Option<Box<PendingFailure>>,
    /// Its value, once its body has ended well.
    pub value: Value,
    /// What its body yielded.
    pub yielded: Option<Value>,
    /// What its body requests of the enclosing blocks.
    pub signal: BodySignal,
    /// The failure that counts as success.
    pub ignored: Option<Box<Failure>>,
    /// Whether a handler decided that it rolls back.
    pub roll_back: bool,
    /// What has to be done to undo what it did.
    pub undo: UndoList,
    /// The `always` bodies that are still to run at its end.
    pub always_to_run: Vec<DeferredAlways>,
    /// Of a cell, its path for a retry, where that is another one.
    pub kept_path: Option<NodePath>,
    /// What has been done in it, where that is recorded.
    pub completed: Vec<(NodePath, CompletedOutcome)>,
    /// What looks at it while its body runs.
    pub watch: Option<Box<ActiveWatch>>,
    /// Its time limit, while it runs.
    pub timeout: Option<EffectId>,
    /// The barriers that it still has to pass.
    pub owed_arrivals: OwedArrivals,
    /// The deployment, where it is one.
    pub deployment: Option<Box<DeploymentState>>,
    /// The infrastructure locks, where it holds those of its deployments.
    pub infrastructure_locks: Option<Box<InfrastructureLocks>>,
}

impl InheritedContext {
    /// What is around the pipeline.
    pub fn nothing() -> Self {
        Self {
            commands: Arc::default(),
            lock_holder: NodeId(0),
            undoing: false,
            keep_undo: false,
            once: false,
        }
    }
}

impl ActiveNode {
    /// A node that has not begun.
    pub fn new(
        tree: TreeId,
        parent: Option<NodeId>,
        role: NodeRole,
        around: InheritedContext,
    ) -> Self {
        Self {
            tree,
            parent,
            role,
            children: Vec::new(),
            place: 0,
            locals: Locals::default(),
            inherited: around,
            path: NodePath::default(),
            visible: None,
            state: NodeState::default(),
            pending_failure: None,
            value: Value::None,
            yielded: None,
            signal: BodySignal::None,
            ignored: None,
            roll_back: false,
            undo: UndoList::default(),
            always_to_run: Vec::new(),
            kept_path: None,
            completed: Vec::new(),
            watch: None,
            timeout: None,
            owed_arrivals: OwedArrivals::default(),
            deployment: None,
            infrastructure_locks: None,
        }
    }

    /// Whether it is a statement: bodies of cells, handlers and the like have no modifiers and
    /// handlers of their own.
    pub fn is_statement(&self) -> bool {
        self.role.is_statement()
    }
}

impl NodeRole {
    /// Whether a node with this role is a statement.
    pub fn is_statement(&self) -> bool {
        match self {
            Self::Root | Self::Body | Self::Strand(_) => true,
            Self::Cell(_)
            | Self::Look
            | Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => false,
        }
    }

    /// Whether it is beside what its statement does: a handler, a way back, a look.
    pub fn is_apart(&self) -> bool {
        match self {
            Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => true,
            Self::Root | Self::Body | Self::Strand(_) | Self::Cell(_) | Self::Look => false,
        }
    }

    /// Whether it is the pipeline.
    pub fn is_root(&self) -> bool {
        match self {
            Self::Root => true,
            Self::Body
            | Self::Strand(_)
            | Self::Cell(_)
            | Self::Look
            | Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => false,
        }
    }

    /// Whether it is the statement that a body is at, so that the body ends with it.
    pub fn is_in_body(&self) -> bool {
        match self {
            Self::Body => true,
            Self::Root
            | Self::Strand(_)
            | Self::Cell(_)
            | Self::Look
            | Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => false,
        }
    }

    /// The cell, where it is one.
    pub fn cell(&self) -> Option<&Cell> {
        match self {
            Self::Cell(cell) => Some(cell),
            Self::Root
            | Self::Body
            | Self::Strand(_)
            | Self::Look
            | Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => None,
        }
    }

    /// Whether its arrivals at barriers are expected.
    pub fn owes_arrivals(&self) -> bool {
        match self {
            Self::Strand(_) | Self::Cell(_) => true,
            Self::Root
            | Self::Body
            | Self::Look
            | Self::Handler
            | Self::Always
            | Self::Watch
            | Self::Between
            | Self::Rollback
            | Self::UndoPart => false,
        }
    }
}

/// What commands are given by the blocks around them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommandContext {
    /// Their connection, where they do not run here.
    pub connection: Option<Value>,
    /// The pools whose workers carry them out.
    pub pools: PlacePools,
    /// The file to whose folder their folder is relative, and that folder; without it, each command
    /// starts in the folder of the file in which it is written.
    pub folder: Option<(FileId, String)>,
    /// Variables of their environment: texts and secrets.
    pub env: Vec<(Name, Value)>,
    /// How long they may take to end when they are asked to, in milliseconds.
    pub grace_ms: Option<i64>,
    /// Whether some of it only the run knows, where that is supposed.
    pub supposed: bool,
}

impl CommandContext {
    /// The folder of a command, or of a block, that is relative to this one; `file` is where it is
    /// written.
    pub fn folder_of(&self, file: FileId, dir: Option<String>) -> Option<(FileId, String)> {
        match (&self.folder, dir) {
            (outer, None) => outer.clone(),
            (Some((outer_file, outer)), Some(dir)) if !dir.starts_with('/') => {
                Some((*outer_file, format!("{outer}/{dir}")))
            }
            (_, Some(dir)) => Some((file, dir)),
        }
    }

    /// They run at another place. A folder is one of the place around it, so it does not go along;
    /// a container of an image has the folders of this machine.
    pub fn move_to(&mut self, connection: Option<Value>) {
        let both = [&self.connection, &connection];
        let both_here = both.iter().all(|it| has_local_files(it.as_ref()));
        if self.connection != connection && !both_here {
            self.folder = None;
        }
        self.connection = connection;
    }

    /// Adds variables; one of the same name takes the place of the one before.
    pub fn set(&mut self, variables: Vec<(Name, Value)>) {
        self.env
            .retain(|(name, _)| !variables.iter().any(|(other, _)| other == name));
        self.env.extend(variables);
    }
}

/// What a node inherits.
#[derive(Debug, Clone)]
pub struct InheritedContext {
    /// What the commands in it are given.
    pub commands: Arc<CommandContext>,
    /// The stage or pipeline that holds its infrastructure locks.
    pub lock_holder: NodeId,
    /// Whether it takes something back: then barriers, approvals and waits are passed over.
    pub undoing: bool,
    /// Whether an enclosing block may have to undo what it does.
    pub keep_undo: bool,
    /// Whether it is in a step that must not run twice after a crash.
    pub once: bool,
}

/// What a node is for its parent.
#[derive(Debug, Clone)]
pub enum NodeRole {
    /// The pipeline.
    Root,
    /// The statement that a body is at.
    Body,
    /// A child of a `parallel`, by its place.
    Strand(usize),
    /// A cell.
    Cell(Box<Cell>),
    /// A check of a `verify`.
    Look,
    /// The body of a failure handler.
    Handler,
    /// The body of `always`.
    Always,
    /// What looks at a statement while its body runs.
    Watch,
    /// What is done between two batches of a loop.
    Between,
    /// The whole rollback of a scope.
    Rollback,
    /// A part of a rollback.
    UndoPart,
}

/// Where a node is in the life of a statement.
#[derive(Debug, Clone)]
pub enum NodePhase {
    /// Its body runs, and this is what it is doing.
    Body(NodeWork),
    /// It waits before the next try.
    Pause(EffectId),
    /// A failure handler runs.
    Handler,
    /// A person is asked what to do about its failure.
    Asking {
        /// The question.
        question: EffectId,
        /// How long it waits for an answer.
        timer: Option<EffectId>,
    },
    /// What it did is being undone.
    RollingBack,
    /// Its `always` runs.
    Always,
    /// It has ended; its outcome is passed to its parent.
    Ended,
}

/// What a node's body is doing.
#[derive(Debug, Clone)]
pub enum NodeWork {
    /// Nothing yet.
    Nothing,
    /// Statements one after the other.
    Seq(SequenceWork),
    /// Children at once.
    Parallel(Box<StrandsWork>),
    /// Cells.
    Grid(Box<GridWork>),
    /// A command or action.
    Effect(EffectId),
    /// Time.
    Timer(EffectId),
    /// Others at a barrier.
    Barrier(BarrierInstanceId),
    /// A `lock` that is waited for.
    LockWait(EffectId),
    /// A `lock` that is held around a body.
    Locked(EffectId, SequenceWork),
    /// The answers to an `approve`.
    Ask(Box<OpenApproval>),
    /// A deployment that waits for its stage's locks.
    HoldWait,
    /// A `verify` between two checks (with the timer of the next) or during one.
    Verify {
        /// Until when it has to hold.
        until: i64,
        /// How long it waits between two checks, in milliseconds.
        every: i64,
        /// The timer of the next check.
        timer: Option<EffectId>,
    },
    /// A rollback: what is still to be undone, the last first.
    Undoing(UndoWork),
}

impl NodeWork {
    /// The request for locks that it has made, whether they are held or not: that of a `lock`, or
    /// of a part of a rollback.
    pub fn lock_request(&self) -> Option<EffectId> {
        match self {
            Self::LockWait(request) | Self::Locked(request, _) => Some(*request),
            Self::Undoing(work) => work.locks(),
            Self::Nothing
            | Self::Seq(_)
            | Self::Parallel(_)
            | Self::Grid(_)
            | Self::Effect(_)
            | Self::Timer(_)
            | Self::Barrier(_)
            | Self::Ask(_)
            | Self::HoldWait
            | Self::Verify { .. } => None,
        }
    }

    /// The body that it is doing, where that is statements one after the other.
    pub fn sequence(&self) -> Option<&SequenceWork> {
        match self {
            Self::Seq(seq) | Self::Locked(_, seq) => Some(seq),
            Self::Nothing
            | Self::Parallel(_)
            | Self::Grid(_)
            | Self::Effect(_)
            | Self::Timer(_)
            | Self::Barrier(_)
            | Self::LockWait(_)
            | Self::Ask(_)
            | Self::HoldWait
            | Self::Verify { .. }
            | Self::Undoing(_) => None,
        }
    }

    /// The request for the locks that are held around the body, or waited for.
    pub fn held_locks(&self) -> Option<EffectId> {
        match self {
            Self::Locked(request, _) => Some(*request),
            Self::Undoing(work) => work.locks(),
            Self::Nothing
            | Self::Seq(_)
            | Self::Parallel(_)
            | Self::Grid(_)
            | Self::Effect(_)
            | Self::Timer(_)
            | Self::Barrier(_)
            | Self::LockWait(_)
            | Self::Ask(_)
            | Self::HoldWait
            | Self::Verify { .. } => None,
        }
    }
}

/// A body and where it is.
#[derive(Debug, Clone)]
pub struct SequenceWork {
    /// The statements.
    pub seq: PlanSequence,
    /// The next one.
    pub next: usize,
    /// What it sees.
    pub locals: Locals,
    /// The value of the last statement that had one.
    pub last: Value,
}

impl SequenceWork {
    /// A body that begins.
    pub fn new(seq: PlanSequence, locals: Locals) -> Self {
        Self {
            seq,
            next: 0,
            locals,
            last: Value::None,
        }
    }
}

/// The ledger's line of a deployment that runs.
#[derive(Debug, Clone)]
pub struct DeploymentState {
    /// The line.
    pub record: DeploymentRecord,
    /// The infrastructure.
    pub target: InfrastructureId,
    /// The body of its workflow and what that sees.
    pub body: Option<SequenceWork>,
    /// Whether its stage's locks are to be notified when it ends.
    pub holds: bool,
    /// When it began, if it has.
    pub at: Option<DeployedAt>,
}

impl DeploymentRecord {
    /// Records what was and is there, as a record or the outputs of a command say it.
    pub fn note(&mut self, said: &Value) {
        let text = |key| said.as_map()?.get(key)?.as_str().map(str::to_string);
        // What was there before the first try is what counts.
        self.before = self.before.take().or_else(|| text("before"));
        self.after = text("after").or(self.after.take());
        let changed = said.as_map().and_then(|it| it.get("changed"));
        let changed = match changed {
            Some(Value::Bool(changed)) => Some(*changed),
            // A command has only texts to say it with.
            Some(Value::String(text)) if **text == *"true" => Some(true),
            Some(Value::String(text)) if **text == *"false" => Some(false),
            _ => None,
        };
        self.changed = changed.or(self.changed);
    }
}

/// A failure on its way outwards.
#[derive(Debug, Clone)]
pub struct PendingFailure {
    /// The failure.
    pub failure: Failure,
    /// Which of the run's failures it is, counted from 1 in the order in which they happened; 0
    /// before it has been counted.
    pub number: u64,
    /// How far outwards everything is to be rolled back, where a handler said so.
    pub rolls_back: Option<RollbackScope>,
    /// Whether something that should have been undone was not.
    pub unrestored: bool,
    /// The `always` bodies of what it has passed, which wait for that rollback.
    pub deferred: Vec<DeferredAlways>,
}

/// An `always` that runs once a block further out has been rolled back.
#[derive(Debug, Clone)]
pub struct DeferredAlways {
    /// The statement that it belongs to.
    pub tree: TreeId,
    /// What it sees.
    pub locals: Locals,
    /// Its path.
    pub path: NodePath,
    /// What its commands are given.
    pub commands: Arc<CommandContext>,
    /// How the statement stood, where it asks for that.
    pub end: Option<StatementEnd>,
}

impl PendingFailure {
    /// A failure that no handler has decided about.
    pub fn new(failure: Failure) -> Box<Self> {
        Box::new(Self {
            failure,
            number: 0,
            rolls_back: None,
            unrestored: false,
            deferred: Vec::new(),
        })
    }

    /// The failure for which a node is stopped.
    pub fn of_stop(cause: &StopCause) -> Box<Self> {
        Self::new(cause.failure.clone())
    }

    /// Whether it is a consequence of another failure that stopped what it is about.
    pub fn is_consequence(&self) -> bool {
        self.failure.class == FailureClass::Cancelled
    }

    /// Takes in what another failure asks of the blocks around.
    pub fn take_in(&mut self, other: &Self) {
        self.rolls_back = self.rolls_back.max(other.rolls_back);
        self.unrestored |= other.unrestored;
        self.deferred.extend(other.deferred.iter().cloned());
    }
}

/// What a body requests of the enclosing blocks when it succeeds.
#[derive(Debug, Clone, Default)]
pub enum BodySignal {
    /// Nothing: continue.
    #[default]
    None,
    /// End the workflow with this value.
    Return(Value),
    /// The verdict of a failure handler.
    Verdict(HandlerVerdict),
}

/// How a body ended.
#[derive(Debug, Clone)]
pub enum BodyEnd {
    /// Well.
    Good {
        /// Its value.
        value: Value,
        /// What it yielded.
        yielded: Option<Value>,
        /// What it requests of the enclosing blocks.
        signal: BodySignal,
    },
    /// With a failure.
    Bad(Box<PendingFailure>),
}

impl BodyEnd {
    /// Well, with a value.
    pub fn value(value: Value) -> Self {
        Self::Good {
            value,
            yielded: None,
            signal: BodySignal::None,
        }
    }

    /// Well, without a value.
    pub fn good() -> Self {
        Self::value(Value::None)
    }

    /// Whether it is a failure.
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Bad(_) => true,
            Self::Good { .. } => false,
        }
    }

    /// With a failure.
    pub fn bad(failure: Failure) -> Self {
        Self::Bad(PendingFailure::new(failure))
    }

    /// Stopped.
    pub fn stopped(cause: &StopCause) -> Self {
        Self::Bad(PendingFailure::of_stop(cause))
    }
}
