//! What other processes ask of a run, and where its questions lie open for them.
//! It does not know what follows from an answer.

use lockstep_base::source::Name;
use lockstep_engine::{Answer, EffectId, Question};

/// Who answered, and what they said with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The name; nothing where it is not known.
    pub name: Option<String>,
    /// What they said.
    pub comment: Option<String>,
}

/// What is asked of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// An answer to one of its questions.
    Answer(EffectId, Answer),
    /// To cancel it.
    Cancel,
}

/// Something asked of a run, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number, in the order in which they came.
    pub number: i64,
    /// What.
    pub asking: Asking,
    /// Who.
    pub who: String,
    /// What was said with it.
    pub comment: Option<String>,
    /// When.
    pub asked_at: jiff::Timestamp,
}

/// Why questions cannot be kept or requests cannot be read: a sentence for people, without a full
/// stop. The run stops, whatever the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxError(pub String);

impl std::fmt::Display for InboxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InboxError {}

/// Where the questions of a run lie open, and where requests for it arrive.
///
/// # Errors
///
/// All methods fail where what is kept cannot be read or written: the run stops.
pub trait RunInbox {
    /// A question is asked.
    fn ask(&self, id: EffectId, node: &Name, question: &Question) -> Result<(), InboxError>;

    /// A question does not matter any more.
    fn unask(&self, id: EffectId) -> Result<(), InboxError>;

    /// A question has been answered.
    fn answered(
        &self,
        id: EffectId,
        node: &Name,
        question: &Question,
        answer: &Answer,
        person: &Person,
    ) -> Result<(), InboxError>;

    /// What others ask of the run and has not been settled. It is called about ten times a second.
    fn requests(&mut self) -> Result<Vec<Request>, InboxError>;

    /// A request has been taken in; `refused` says why it is not heeded.
    fn settle(&self, request: &Request, refused: Option<&str>) -> Result<(), InboxError>;
}
