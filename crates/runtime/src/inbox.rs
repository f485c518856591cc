//! The inbox of a run: requests of other processes (answers, cancel), and the questions that are
//! published for them.

use lockstep_base::node_path::NodePath;
use lockstep_engine::{Answer, EffectId, Question};

/// Who answered, and their comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Responder {
    /// The name, if it is known.
    pub name: Option<String>,
    /// The comment.
    pub comment: Option<String>,
    /// The user id of the process that answered, if it is known: names can be chosen.
    pub uid: Option<u32>,
}

/// A request to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxRequestKind {
    /// An answer to one of its questions.
    Answer(EffectId, Answer),
    /// Cancel the run.
    Cancel,
}

/// A request, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRequest {
    /// Its number, in the order of arrival.
    pub number: i64,
    /// The request.
    pub asking: InboxRequestKind,
    /// Who made it.
    pub who: String,
    /// The user id of who made it, if it is known.
    pub uid: Option<u32>,
    /// The comment that came with it.
    pub comment: Option<String>,
    /// When it was made.
    pub asked_at: jiff::Timestamp,
}

/// Why questions cannot be stored or requests cannot be read: a sentence for people, without a full
/// stop. The run stops, whatever the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxError(pub String);

impl std::fmt::Display for InboxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InboxError {}

/// Where the questions of a run are published, and where requests for it arrive.
///
/// # Errors
///
/// All methods fail if the storage cannot be read or written: the run stops.
pub trait RunInbox {
    /// A question is asked.
    fn ask(&self, id: EffectId, node: &NodePath, question: &Question) -> Result<(), InboxError>;

    /// A question has become obsolete.
    fn withdraw(&self, id: EffectId) -> Result<(), InboxError>;

    /// A question has been answered. It is withdrawn unless more answers are needed.
    fn answered(
        &self,
        id: EffectId,
        node: &NodePath,
        question: &Question,
        answer: &Answer,
        person: &Responder,
    ) -> Result<(), InboxError>;

    /// The requests that have not been settled. It is called about ten times a second.
    fn requests(&mut self) -> Result<Vec<InboxRequest>, InboxError>;

    /// A request has been handled; `refused` is the reason if it was rejected. Its texts are
    /// masked, and take the place of those that were stored by who knew no secrets.
    fn resolve(&self, request: &InboxRequest, refused: Option<&str>) -> Result<(), InboxError>;
}
