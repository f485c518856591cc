//! The interface of the machine: events that come in and effects that go out. Both are plain data
//! with ids; an event that answers an effect carries the effect's id.

use serde::{Deserialize, Serialize};

use super::approval::{ApprovalRequest, Objection, Respondent};
use super::run_event::{LockQueuePosition, RunEventKind};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::ir::command::Invocation;
use lockstep_lang::ir::{FailureClass, Requirement, Window};

/// Names an effect, and the event that answers it. Numbered from 1 in the order of emission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub u64);

/// Everything that can come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The run begins. Comes first and once.
    Start,
    /// What was held back so that one event does not lead to any number of effects goes on. Comes
    /// while [`Machine::has_more`](crate::Machine::has_more) says so.
    GoOn,
    /// The run is resumed.
    Resumed {
        /// The name of who resumes it.
        by: Name,
        /// The user id of who resumes it, if it is known.
        uid: Option<u32>,
    },
    /// What later runs have deployed and not taken back, and what others have left half done, all
    /// of it, whenever that has changed. It comes before the locks are granted under which it may
    /// have changed.
    DeployedMeanwhile {
        /// In the order in which it was deployed.
        later: Vec<LaterDeployment>,
        /// The places at which this run must not begin a deployment.
        #[serde(default)]
        unclear: Vec<UnclearPlace>,
    },
    /// A command or action ended.
    Ended {
        /// Which.
        id: EffectId,
        /// How.
        outcome: EffectOutcome,
    },
    /// A timer's time has come.
    Fired {
        /// Which.
        id: EffectId,
    },
    /// The locks of one [`Effect::Acquire`] are held by others, or wanted by who came before. It
    /// may come again when that has changed.
    Queued {
        /// Which.
        id: EffectId,
        /// Who is before it.
        #[serde(default)]
        queue: LockQueuePosition,
    },
    /// All locks of one [`Effect::Acquire`] are held.
    Acquired {
        /// Which.
        id: EffectId,
    },
    /// The locks of one [`Effect::Acquire`] cannot be had: the request is withdrawn, and who waits
    /// for it fails.
    LockRefused {
        /// Which.
        id: EffectId,
        /// The class of the failure.
        class: FailureClass,
        /// Why, in plain words.
        message: String,
    },
    /// The windows of one [`Effect::AwaitWindow`] are open for as long as it needs.
    WindowOpen {
        /// Which.
        id: EffectId,
    },
    /// They are not: [`Event::WindowOpen`] comes later, unless it is refused. It may come again
    /// when the time of day has been set.
    WindowClosed {
        /// Which.
        id: EffectId,
        /// When they open for as long as it needs, in milliseconds since 1970; nothing where they
        /// never do.
        opens_at: Option<i64>,
        /// Whether one of them refuses what comes while it is closed.
        refused: bool,
    },
    /// A person, or the host, answered.
    Answered {
        /// Which question.
        id: EffectId,
        /// What.
        answer: Answer,
        /// Who, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Box<Respondent>>,
    },
    /// The run is to be cancelled.
    Cancel,
}

impl Event {
    /// Locks are not free; who is before the request is not known.
    pub fn queued(id: EffectId) -> Self {
        let queue = LockQueuePosition::default();
        Self::Queued { id, queue }
    }
}

/// How a command or action ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectOutcome {
    /// Its result; for a command that of [`command_value`](crate::command_value), also where it
    /// failed.
    pub value: Value,
    /// Why it failed, if it did.
    pub failure: Option<(FailureClass, String)>,
    /// What else is to be said of the end of a command.
    #[serde(default, skip_serializing_if = "CommandEnding::is_usual")]
    pub ending: CommandEnding,
}

/// What else is to be said of the end of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandEnding {
    /// Whether it was asked to end, did not in its time, and was killed.
    pub killed: bool,
    /// The end of what it wrote, where it did not end with a code and so has no value.
    pub output: String,
}

impl CommandEnding {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl EffectOutcome {
    /// It ended well.
    pub fn good(value: Value) -> Self {
        Self {
            value,
            failure: None,
            ending: CommandEnding::default(),
        }
    }

    /// It failed.
    pub fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            value: Value::None,
            failure: Some((class, message.into())),
            ending: CommandEnding::default(),
        }
    }
}

/// An answer to a question. Each kind of question has its own: [`Answer::fits`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AnswerWord", into = "AnswerWord")]
pub enum Answer {
    /// To [`Question::Approve`].
    Approval(ApprovalAnswer),
    /// To [`Question::Failed`].
    Failure(FailureChoice),
    /// To [`Question::Failed`]: nobody can be asked, so what the handler says for that case counts.
    Nobody,
}

/// The answer to an `approve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalAnswer {
    /// Continue.
    Yes,
    /// Do not, with a reason; it may be empty.
    No(String),
}

/// What a person chooses to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureChoice {
    /// Try again.
    Retry,
    /// Count it as succeeded.
    Ignore,
    /// Roll back.
    Rollback,
    /// Stop the run, without rolling back.
    Abort,
}

impl FailureChoice {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Retry, Self::Ignore, Self::Rollback, Self::Abort];

    /// The word for it: `retry`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Ignore => "ignore",
            Self::Rollback => "rollback",
            Self::Abort => "abort",
        }
    }
}

impl Answer {
    /// Whether it answers a question of this kind.
    pub fn fits(&self, question: &Question) -> bool {
        match (self, question) {
            (Self::Approval(_), Question::Approve { .. })
            | (Self::Failure(_) | Self::Nobody, Question::Failed { .. }) => true,
            (Self::Approval(_), Question::Failed { .. })
            | (Self::Failure(_) | Self::Nobody, Question::Approve { .. }) => false,
        }
    }

    /// The word for it: `yes`, `no`, `retry`. Where nobody could be asked it is `no`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Approval(ApprovalAnswer::Yes) => "yes",
            Self::Approval(ApprovalAnswer::No(_)) | Self::Nobody => "no",
            Self::Failure(choice) => choice.as_str(),
        }
    }
}

impl From<ApprovalAnswer> for Answer {
    fn from(answer: ApprovalAnswer) -> Self {
        Self::Approval(answer)
    }
}

impl From<FailureChoice> for Answer {
    fn from(choice: FailureChoice) -> Self {
        Self::Failure(choice)
    }
}

/// An answer as journals and stores hold it: one word, whatever was asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerWord {
    Yes,
    No(String),
    Retry,
    Ignore,
    Rollback,
    Abort,
    Nobody,
}

impl From<AnswerWord> for Answer {
    fn from(word: AnswerWord) -> Self {
        match word {
            AnswerWord::Yes => Self::Approval(ApprovalAnswer::Yes),
            AnswerWord::No(reason) => Self::Approval(ApprovalAnswer::No(reason)),
            AnswerWord::Retry => Self::Failure(FailureChoice::Retry),
            AnswerWord::Ignore => Self::Failure(FailureChoice::Ignore),
            AnswerWord::Rollback => Self::Failure(FailureChoice::Rollback),
            AnswerWord::Abort => Self::Failure(FailureChoice::Abort),
            AnswerWord::Nobody => Self::Nobody,
        }
    }
}

impl From<Answer> for AnswerWord {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Approval(ApprovalAnswer::Yes) => Self::Yes,
            Answer::Approval(ApprovalAnswer::No(reason)) => Self::No(reason),
            Answer::Failure(FailureChoice::Retry) => Self::Retry,
            Answer::Failure(FailureChoice::Ignore) => Self::Ignore,
            Answer::Failure(FailureChoice::Rollback) => Self::Rollback,
            Answer::Failure(FailureChoice::Abort) => Self::Abort,
            Answer::Nobody => Self::Nobody,
        }
    }
}

/// A command, evaluated as far as it can be without knowing secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// What is executed.
    pub invocation: Invocation,
    /// Its text for people.
    pub text: String,
    /// Variables of its environment; their values may be secrets.
    pub env: Vec<(Name, Value)>,
    /// What it reads from its standard input: a text or a secret.
    #[serde(default)]
    pub stdin: Option<Value>,
    /// The file it was written in: its folder is the working directory.
    pub file: FileId,
    /// The file that its statement stands in: paths of transfers on this machine are relative to
    /// its folder, whatever blocks say of the working directory.
    #[serde(default)]
    pub written_in: FileId,
    /// A directory relative to that folder.
    pub dir: Option<String>,
    /// The connection it uses, where it does not run here.
    pub connect: Option<Value>,
    /// The pool whose workers carry it out, on an engine that has workers; any where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// How long it may take to end when it is asked to, in milliseconds, where that is said.
    #[serde(default)]
    pub grace_ms: Option<i64>,
    /// Whether it must not be started a second time after a crash.
    pub once: bool,
    /// Whether the program can use its value, and so what it writes to each stream.
    pub has_value: bool,
    /// Whether its output is shown only where it fails.
    #[serde(default)]
    pub quiet: bool,
    /// Whether what it writes is a secret: it is shown, logged and stored nowhere.
    #[serde(default)]
    pub secret: bool,
    /// Whether it changes nothing: a `query`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub query: bool,
    /// Whether it changes nothing and is the same in any run, so that it may be asked before one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub askable: bool,
    /// Its own time limit, if it has one: a timer that has been set. Where it does not run here,
    /// the time until it has begun there does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<EffectId>,
    /// The programs that must be there before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<ProgramDemand>,
}

/// A program that must be at an infrastructure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramDemand {
    /// What is required.
    pub requirement: Requirement,
    /// Where.
    pub place: InfrastructureId,
    /// What people call that.
    pub name: Name,
    /// The connection to it.
    pub connect: Option<Value>,
}

/// A named place to hold, and how many may hold it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockDemand {
    /// The name: [`lockstep_plan::infrastructure_lock`] or [`lockstep_plan::named_lock`].
    pub name: Name,
    /// How many holders there may be.
    pub limit: u32,
}

/// A deployment of another run, which came after the first of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterDeployment {
    /// Its number among all deployments.
    pub number: i64,
    /// The run.
    pub run: Name,
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// Whether this run must not deploy there any more: it is resumed, or retries another run, and
    /// the other one began later.
    pub blocks: bool,
}

/// A place that another run has left half done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnclearPlace {
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// The run.
    pub run: Name,
    /// How that run has left it.
    pub left: LeftHalfDone,
}

/// How a run has left a place half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftHalfDone {
    /// It was stopped there, and can be resumed.
    BrokenOff,
    /// It was stopped there, has been resumed, and does not hold the lock of the infrastructure.
    Resumed,
    /// It could not roll back.
    RollbackFailed,
}

impl std::fmt::Display for UnclearPlace {
    /// A sentence without a full stop.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            service,
            target,
            run,
            left,
        } = self;
        write!(f, "what {target} has of {service} is unclear: run {run} ")?;
        f.write_str(match left {
            LeftHalfDone::BrokenOff => "was stopped there and is unfinished",
            LeftHalfDone::Resumed => "was stopped there and has not gone on there yet",
            LeftHalfDone::RollbackFailed => "could not roll it back",
        })
    }
}

impl Question {
    /// The question itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Approve(request) => &request.text,
            Self::Failed { text } => text,
        }
    }

    /// Why an answer of a person does not count, if it does not.
    pub fn objection(&self, answer: &Answer, who: Option<&str>) -> Option<Objection> {
        match (self, answer, who) {
            (Self::Approve(request), Answer::Approval(ApprovalAnswer::Yes), Some(who)) => {
                request.objection(who)
            }
            _ => None,
        }
    }

    /// Takes an answer in. Returns whether the question needs no more of them.
    pub fn take(&mut self, answer: &Answer, from: Option<&Respondent>) -> bool {
        let (Self::Approve(request), Answer::Approval(ApprovalAnswer::Yes)) = (self, answer) else {
            return true;
        };
        let missing = request.missing();
        request.yeses.extend(from.cloned());
        missing <= 1
    }
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// `approve`: yes or no. Where more people have to say yes it is asked again, by the same id.
    Approve(Box<ApprovalRequest>),
    /// `ask` in a failure handler: retry, ignore, rollback or abort.
    Failed {
        /// What failed, and why.
        text: String,
    },
}

/// An action that is to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionCall {
    /// The path of its node.
    pub node: NodePath,
    /// The action's name.
    pub action: Name,
    /// Its arguments, one for each parameter.
    pub args: Vec<Value>,
    /// Whether it must not be started a second time after a crash.
    pub once: bool,
    /// Whether the body of the answer is a secret.
    pub secret: bool,
    /// The pool whose workers call it, on an engine that has workers; any where none is named.
    pub pool: Option<Name>,
}

/// Everything that may go out.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start this command; it is answered by [`Event::Ended`].
    Run {
        /// Its id.
        id: EffectId,
        /// The path of its node.
        node: NodePath,
        /// What to start.
        command: Box<CommandRequest>,
    },
    /// Call this action of the host; it is answered by [`Event::Ended`].
    Act {
        /// Its id.
        id: EffectId,
        /// What to call.
        call: Box<ActionCall>,
    },
    /// End this command or action; it still answers by [`Event::Ended`].
    Stop {
        /// Which.
        id: EffectId,
    },
    /// Send [`Event::Fired`] at this time, in milliseconds of the machine's clock.
    SetTimer {
        /// Its id.
        id: EffectId,
        /// When.
        at: i64,
    },
    /// Cancel this timer.
    ClearTimer {
        /// Which.
        id: EffectId,
    },
    /// Take all these locks together, first come first served; answered by [`Event::Acquired`],
    /// and before that by [`Event::Queued`] where that takes time.
    Acquire {
        /// Its id.
        id: EffectId,
        /// The path of the node that waits.
        node: NodePath,
        /// What is wanted.
        wants: Vec<LockDemand>,
    },
    /// Release these locks; requests that have not been granted yet are withdrawn.
    Release {
        /// The [`Effect::Acquire`] that they were wanted by.
        id: EffectId,
        /// Which of its locks; all of them where it is empty.
        names: Vec<Name>,
    },
    /// Say when all these windows are open for so long; answered by [`Event::WindowOpen`], and
    /// before that by [`Event::WindowClosed`] where they are not.
    AwaitWindow {
        /// Its id.
        id: EffectId,
        /// The path of the node that waits.
        node: NodePath,
        /// The windows.
        windows: Vec<Window>,
        /// How long they must be open, in milliseconds.
        needs_ms: u64,
    },
    /// The windows do not matter any more.
    LeaveWindow {
        /// The [`Effect::AwaitWindow`].
        id: EffectId,
    },
    /// Ask a person; answered by [`Event::Answered`].
    Ask {
        /// Its id.
        id: EffectId,
        /// The path of the node that asks.
        node: NodePath,
        /// What.
        question: Question,
    },
    /// The question is withdrawn.
    Unask {
        /// Which.
        id: EffectId,
    },
    /// Report an event of the run.
    Tell(RunEventKind),
}
