//! What goes over the wire: the inputs and results of workflows and activities. They are in the
//! history of a server for as long as it keeps it, so fields may be added, and none may change.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::way_back::UndoneRun;
use lockstep_engine::{
    ActionCall, Answer, CommandRequest, CompletedWork, EffectId, EffectOutcome, Event,
};
use lockstep_plan::{BoundInputs, RunFacts};
use lockstep_runtime::driver::RunToTakeBack;
use lockstep_runtime::journal::{JournalEntry, JournalRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The version of these forms; a run of another one is not carried out.
pub const VERSION: u32 = 1;

/// JSON of more bytes is compressed.
const MAX_PLAIN_BYTES: usize = 1_024;

/// How a compressed text begins; JSON never does.
const COMPRESSED: &str = "zstd:";

const COMPRESSION_LEVEL: i32 = 3;

/// A text is not opened to more bytes than this: it may come from anybody who can write there.
const MAX_OPENED_BYTES: usize = 256 * 1024 * 1024;

/// Data as a text of JSON, which is compressed where it is long. Its depth is not limited.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed<T>(pub T);

impl<T: Serialize> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = pack(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: DeserializeOwned> de::Visitor<'_> for Text<T> {
            type Value = Packed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text of JSON, which may be compressed")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                unpack(text).map(Packed).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

fn pack<T: Serialize>(data: &T) -> Result<String, String> {
    let json = serde_json::to_string(data).map_err(|error| error.to_string())?;
    if json.len() <= MAX_PLAIN_BYTES {
        return Ok(json);
    }
    let small = zstd::bulk::compress(json.as_bytes(), COMPRESSION_LEVEL);
    let small = small.map_err(|error| error.to_string())?;
    Ok(format!("{COMPRESSED}{}", STANDARD.encode(small)))
}

fn unpack<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let opened;
    let json = match text.strip_prefix(COMPRESSED) {
        None => text,
        Some(small) => {
            let small = STANDARD.decode(small).map_err(|error| error.to_string())?;
            let bytes = open(&small).map_err(|error| error.to_string())?;
            opened = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            &opened
        }
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.disable_recursion_limit();
    let data = T::deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(data)
}

fn open(small: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let reader = zstd::stream::read::Decoder::new(small)?;
    let limit = MAX_OPENED_BYTES as u64 + 1;
    reader.take(limit).read_to_end(&mut bytes)?;
    match bytes.len() > MAX_OPENED_BYTES {
        true => Err(std::io::Error::other("it is too long")),
        false => Ok(bytes),
    }
}

/// Facts about a run: [`RunFacts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFactsWire {
    /// Its id.
    pub id: String,
    /// Who started it, sealed.
    pub user: String,
    /// When, as RFC 3339.
    pub started_at: String,
    /// The folder for the files of its secrets.
    pub secret_folder: String,
    /// The folder of the run.
    pub scratch: String,
    /// How many commands run at once, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_commands: Option<u32>,
    /// Why it does not ask windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<String>,
    /// The infrastructures on which its user may not run anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<String>,
}

impl RunFactsWire {
    /// The facts as they are sent.
    pub fn of(facts: &RunFacts) -> Self {
        Self {
            id: facts.id.to_string(),
            user: facts.user.to_string(),
            started_at: facts.started_at.to_string(),
            secret_folder: facts.secret_folder.to_string(),
            scratch: facts.scratch.to_string(),
            max_commands: facts.max_commands,
            outside_window: facts.outside_window.as_deref().map(String::from),
            denied: facts.denied.iter().map(ToString::to_string).collect(),
        }
    }

    /// The facts that were sent; nothing where the time is none.
    pub fn facts(&self) -> Option<RunFacts> {
        let started_at = self.started_at.parse().ok()?;
        let facts = RunFacts::new(Name::from(&*self.id), Name::from(&*self.user), started_at);
        let mut facts = facts
            .with_max_commands(self.max_commands)
            .with_outside_window(self.outside_window.as_deref().map(Name::from))
            .with_denied(
                self.denied
                    .iter()
                    .map(|it| Name::from(&**it))
                    .collect::<Vec<_>>(),
            );
        facts.secret_folder = Name::from(&*self.secret_folder);
        facts.scratch = Name::from(&*self.scratch);
        Some(facts)
    }
}

/// What a run was begun with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStart {
    /// [`VERSION`]
    pub version: u32,
    /// The run.
    pub facts: RunFactsWire,
    /// The program and what is known before the run, sealed.
    pub plan: Packed<BoundInputs>,
    /// Decides the jitter of retries.
    pub seed: u64,
    /// How many commands run at once.
    pub max: u32,
    /// The folder of each source file.
    pub source_folders: Vec<PathBuf>,
    /// The completed work of the run that it retries, sealed.
    #[serde(default)]
    pub completed: Option<Packed<CompletedWork>>,
    /// Whether the namespace has the search attributes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_attributes: bool,
    /// The id of the run that it retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<String>,
    /// The run that it takes back, and those that have taken some of it back before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<UndoneWire>,
    /// The part that it takes back, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_part: Option<String>,
}

/// A run that is taken back, with what has happened to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UndoneWire {
    /// The run.
    pub facts: RunFactsWire,
    /// Its seed.
    pub seed: u64,
    /// The completed work of the run that it retried, sealed.
    pub completed: Packed<CompletedWork>,
    /// The part that it has taken back, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The events that it has handled, sealed, each with the machine's clock.
    pub events: Packed<Vec<(i64, Event)>>,
}

impl UndoneWire {
    /// A run as it is sent.
    pub fn of(undone: &RunToTakeBack) -> Self {
        let RunToTakeBack { run, records } = undone;
        let event = |record: &JournalRecord| match &record.what {
            JournalEntry::Event(event) => Some((record.clock, event.clone())),
            JournalEntry::Begun(_) => None,
        };
        Self {
            facts: RunFactsWire::of(&run.facts),
            seed: run.seed,
            completed: Packed(run.completed.clone()),
            part: run.part.clone(),
            events: Packed(records.iter().filter_map(event).collect()),
        }
    }

    /// The run that was sent; nothing where its time is none.
    pub fn run(&self) -> Option<UndoneRun> {
        Some(UndoneRun {
            facts: self.facts.facts()?,
            seed: self.seed,
            completed: self.completed.0.clone(),
            part: self.part.clone(),
        })
    }
}

/// The input of a workflow: what the run was begun with, and what has happened since.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInput {
    /// What it was begun with.
    pub start: RunStart,
    /// The journal so far.
    #[serde(default)]
    pub journal: Vec<Packed<Vec<JournalLine>>>,
    /// Where the journal so far is, if it is too large to be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierJournal>,
    /// Commands that have been lost with their workers, and how often each.
    #[serde(default)]
    pub lost: Vec<(EffectId, u32)>,
    /// The execution before was broken off, and somebody resumes the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<ResumedRun>,
}

/// A run is resumed whose execution was terminated, has failed or has run out of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedRun {
    /// Who resumes it, sealed.
    pub by: String,
    /// The user id of who does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// When all commands of that execution have ended, in milliseconds since 1970.
    pub not_before: i64,
}

/// A journal that the execution before this one knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EarlierJournal {
    /// The id that the server has given to that execution.
    pub execution: String,
    /// How many events it has.
    pub events: u64,
}

/// A piece of such a journal, as it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EarlierPage {
    /// The run.
    pub run: String,
    /// The execution that knows it.
    pub execution: String,
    /// The event that it begins behind.
    pub after: u64,
}

/// An event that the machine has handled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Its number, from 1.
    pub seq: u64,
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// The machine's clock then, in milliseconds.
    pub clock: i64,
    /// The event, sealed.
    pub event: Event,
    /// The node of the command that has ended by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
}

/// A part of a run's journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JournalPage {
    /// The events, in their order.
    pub lines: Packed<Vec<JournalLine>>,
    /// The number of the last event that there is.
    pub last: u64,
    /// Why it has not begun, or does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_begun: Option<NotBegun>,
    /// Where the events are, as long as this execution has not taken them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierJournal>,
}

/// A command or request that a worker carries out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepInput {
    /// The run.
    pub run: String,
    /// The effect that it is.
    pub effect: EffectId,
    /// What is to be done.
    pub work: Packed<StepWork>,
    /// What makes the secrets that it needs, where they are made while the run goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<(EffectId, Packed<StepWork>)>,
    /// Whether the workflow wants to hear when it has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells_begin: bool,
    /// Whether it may run only once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepWork {
    /// A command.
    Command {
        /// Its node.
        node: NodePath,
        /// The command, sealed.
        command: Box<CommandRequest>,
    },
    /// A request of a built-in action.
    Request {
        /// Its node.
        node: NodePath,
        /// The action.
        action: Name,
        /// Its arguments, sealed.
        args: Vec<Value>,
        /// Whether the body of the answer is a secret.
        secret: bool,
    },
}

impl StepWork {
    /// The request of an action.
    pub fn request(call: ActionCall) -> Self {
        Self::Request {
            node: call.node,
            action: call.action,
            args: call.args,
            secret: call.secret,
        }
    }

    /// Its node.
    pub fn node(&self) -> &NodePath {
        match self {
            Self::Command { node, .. } | Self::Request { node, .. } => node,
        }
    }
}

/// What has come of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepOutput {
    /// Its outcome, sealed.
    pub outcome: Packed<EffectOutcome>,
    /// Who has carried it out.
    pub worker: String,
    /// When it ended by the server's clock, in milliseconds since 1970.
    #[serde(default)]
    pub ended_at: i64,
}

/// An answer of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSignal {
    /// The question.
    pub id: EffectId,
    /// The answer.
    pub answer: Answer,
    /// Who gives it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What was said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A run wants a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockWant {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The lock's name.
    pub name: String,
    /// The node that waits.
    pub node: String,
    /// How many may hold it at once.
    pub limit: u32,
    /// When the run began, in milliseconds since 1970.
    pub run_began: i64,
    /// Whether those that wait and came before are put aside: a queue that keeps the latest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_latest: bool,
    /// Which time the request asks for this lock; a later one has a higher number.
    #[serde(default, skip_serializing_if = "is_first")]
    pub attempt: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_first(attempt: &i64) -> bool {
    *attempt == 0
}

/// A run gives a lock back, or waits no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockLeave {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The lock's name.
    pub name: String,
    /// What it has deployed at the infrastructure of the lock, and not taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<DeployedHere>,
    /// Only what was asked for up to this attempt; whatever was, where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
}

/// Something that was deployed at an infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedHere {
    /// Its number there.
    pub number: i64,
    /// The run.
    pub run: String,
    /// The service.
    pub service: String,
    /// The infrastructure.
    pub target: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// What a lock answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockAnswer {
    /// It is held now.
    Granted(GrantSignal),
    /// Others are before.
    Queued(QueuedSignal),
    /// A newer one has put it aside.
    PutAside(PutAsideSignal),
}

/// A newer run has put a run aside that waited in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAsideSignal {
    /// The run.
    pub run: String,
    /// The newer one.
    pub by: String,
}

/// Somebody who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The node that has asked.
    pub node: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

/// A request for locks that waits for another run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRequest {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The lock that it waits for.
    pub lock: String,
    /// Whether a rollback has made it.
    pub rolls_back: bool,
}

/// The question whether runs wait for each other in a circle. It goes from who waits to who holds,
/// and where it comes back to who has asked it first, they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSignal {
    /// Who waits for whom, the first asker first. The last one waits for who is asked.
    pub path: Vec<WaitingRequest>,
    /// The request of who is asked that holds the lock.
    pub holder: EffectId,
}

/// A request for locks has to give way: runs wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveWaySignal {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// Who waits for whom.
    pub path: Vec<WaitingRequest>,
}

/// Why a run has not begun, or does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotBegun {
    /// It is resumed, and waits until what its last execution had begun has ended.
    Ending,
    /// It is resumed, and waits for a lock that it had.
    Regaining {
        /// The lock, as people know it.
        lock: String,
        /// The runs that have it.
        behind: Vec<String>,
    },
    /// It waits in its queue behind these runs.
    Queued {
        /// The queue.
        queue: String,
        /// The runs before it.
        behind: Vec<String>,
    },
    /// It has ended: a newer run has put it aside.
    PutAside {
        /// The newer run.
        by: String,
    },
    /// It has ended: it was cancelled while it waited.
    Cancelled,
}

/// A lock is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSignal {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The lock's name.
    pub name: String,
    /// Since when, in milliseconds since 1970.
    #[serde(default)]
    pub since: i64,
    /// What others have deployed there since the run began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<DeployedHere>,
    /// The attempt that is granted.
    #[serde(default, skip_serializing_if = "is_first")]
    pub attempt: i64,
}

/// Others are before a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedSignal {
    /// The run.
    pub run: String,
    /// Its request.
    pub request: EffectId,
    /// The lock's name.
    pub name: String,
    /// Who holds it.
    pub holders: Vec<LockHolder>,
    /// How many others wait and came before.
    pub ahead: u32,
}

/// What the workflow of a run returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// How the run ended: `succeeded`, `failed`.
    pub status: String,
    /// How many events its journal has.
    pub events: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_comes_back_as_it_was_long_or_deep() {
        let mut deep = serde_json::json!("x");
        for _ in 0..1_000 {
            deep = serde_json::json!([deep]);
        }
        for data in [
            serde_json::json!({"a": 1}),
            serde_json::json!("y".repeat(100_000)),
            deep,
        ] {
            let packed = serde_json::to_string(&Packed(data.clone())).unwrap();
            assert!(packed.len() < 2_500, "{}", packed.len());
            let opened: Packed<serde_json::Value> = serde_json::from_str(&packed).unwrap();
            assert_eq!(opened.0, data);
        }
        for wrong in ["\"zstd:!\"", "\"zstd:aaaa\"", "\"{\"", "3"] {
            assert!(serde_json::from_str::<Packed<serde_json::Value>>(wrong).is_err());
        }
    }
}
