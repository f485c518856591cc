//! What a run asks a person, and the answers that fit: one type for each kind of question.

use lockstep_engine::ApprovalAnswer;
pub use lockstep_engine::FailureChoice;
use lockstep_runtime::driver::AnswerSender;
use lockstep_runtime::inbox::Responder;

/// A question of a run. Dropping it leaves it open: where the run has a store, another process may
/// still answer, else the run waits.
#[derive(Debug)]
#[non_exhaustive]
pub enum Question {
    /// `approve`: go on or not.
    Approval(ApprovalQuestion),
    /// `ask` in a failure handler: what to do about a failure.
    Failure(FailureQuestion),
}

/// The question of an `approve`.
#[derive(Debug)]
#[non_exhaustive]
pub struct ApprovalQuestion {
    /// The path of its node.
    pub node: String,
    /// The text.
    pub text: String,
    /// The groups who may answer; empty for everybody.
    pub groups: Vec<String>,
    /// How many people still have to say yes. After each yes that is not enough it is asked again.
    pub missing: u32,
    /// Whose yes does not count: the excepted, and who has said yes already.
    pub except: Vec<String>,
    pub(crate) answerer: AnswerSender,
}

impl ApprovalQuestion {
    /// Yes: the run goes on, or asks for the next yes. One of a person that does not count changes
    /// nothing.
    pub fn approve(self, by: impl Into<Approver>) {
        let Approver(person) = by.into();
        self.answerer.answer_as(person, ApprovalAnswer::Yes);
    }

    /// No: the `approve` fails with class `approval`.
    pub fn refuse(self, by: impl Into<Approver>, reason: impl Into<String>) {
        let Approver(person) = by.into();
        let no = ApprovalAnswer::No(reason.into());
        self.answerer.answer_as(person, no);
    }
}

/// The question of an `ask`.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailureQuestion {
    /// The path of its node.
    pub node: String,
    /// What failed, and why.
    pub text: String,
    pub(crate) answerer: AnswerSender,
}

impl FailureQuestion {
    /// Answers.
    pub fn choose(self, by: impl Into<Approver>, choice: FailureChoice) {
        let Approver(person) = by.into();
        self.answerer.answer_as(person, choice);
    }
}

/// Who answers, and what they say with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver(Responder);

impl Approver {
    /// A person with a comment.
    pub fn with_comment(name: impl Into<String>, comment: impl Into<String>) -> Self {
        Self(Responder {
            name: Some(name.into()),
            comment: Some(comment.into()),
            uid: None,
        })
    }
}

impl<S: Into<String>> From<S> for Approver {
    fn from(name: S) -> Self {
        Self(Responder {
            name: Some(name.into()),
            comment: None,
            uid: None,
        })
    }
}
