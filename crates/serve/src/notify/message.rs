//! A message: what is said of a run, before it has the form of a target.

use serde::{Deserialize, Serialize};

use super::text::line;
use crate::settings::NotifyEvent;

/// What is said of a run. It is also the body that a webhook gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// What has happened.
    pub(crate) event: NotifyEvent,
    /// The run.
    pub(crate) run: String,
    /// `shop.deploy/ship`
    pub(crate) pipeline: String,
    /// Who started it.
    pub(crate) user: String,
    /// When it happened: RFC 3339 in UTC.
    pub(crate) at: String,
    /// The page of the run.
    pub(crate) url: String,
    /// How the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) question: Option<AskedText>,
    /// The answer that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<AnswerText>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<FailureText>,
    /// The deployments that have failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deployments: Vec<FailedDeployment>,
    /// The answers that were given in the run, where it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) answers: Vec<AnswerText>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskedText {
    /// The path of the node that asks.
    pub(crate) node: String,
    pub(crate) text: String,
    /// Who may answer; everybody where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) by: Vec<String>,
    /// How many have to say yes.
    pub(crate) count: u32,
    /// What can be answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) choices: Vec<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnswerText {
    pub(crate) node: String,
    /// `yes`, `no`, `retry`, …
    pub(crate) answer: String,
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailureText {
    pub(crate) class: String,
    pub(crate) node: String,
    pub(crate) message: String,
}

/// A deployment that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedDeployment {
    pub(crate) service: String,
    /// The infrastructure.
    pub(crate) target: String,
    pub(crate) node: String,
    pub(crate) message: String,
}

impl Message {
    /// What has happened, in one line.
    pub(super) fn title(&self) -> String {
        let said = match self.event {
            NotifyEvent::Started => "has started",
            NotifyEvent::Waiting => "waits for an answer",
            NotifyEvent::Answered => "was answered",
            NotifyEvent::Succeeded => "has succeeded",
            NotifyEvent::Failed => "has failed",
            NotifyEvent::RollbackFailed => "has failed, and so has its rollback",
            NotifyEvent::Cancelled => "was cancelled",
            NotifyEvent::Superseded => "was superseded by a newer run",
            NotifyEvent::Stopped => "has stopped: its process is gone",
        };
        format!("{} {said}", self.pipeline)
    }

    /// What else is to be said, as names and values.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Run", self.run.clone()),
            ("Started by", self.user.clone()),
            ("At", self.at.clone()),
        ];
        if let Some(asked) = &self.question {
            facts.push(("Question", asked.text.clone()));
            facts.push(("Asked by", asked.node.clone()));
            if !asked.by.is_empty() {
                facts.push(("For", asked.by.join(", ")));
            }
            if asked.count > 1 {
                facts.push(("Needed", format!("{} people", asked.count)));
            }
            if !asked.choices.is_empty() {
                facts.push(("Answers", asked.choices.join(", ")));
            }
        }
        if let Some(given) = &self.answer {
            facts.push(("Answer", given.shown()));
            facts.push(("To", given.node.clone()));
        }
        for failed in &self.deployments {
            let shown = format!(
                "{} on {}: {}",
                failed.service, failed.target, failed.message
            );
            facts.push(("Failed deployment", shown));
        }
        if let Some(failure) = &self.failure {
            facts.push(("Failure", failure.message.clone()));
            facts.push(("Failed node", failure.node.clone()));
        }
        for given in &self.answers {
            facts.push(("Answered", format!("{} ({})", given.shown(), given.node)));
        }
        facts
    }

    /// The subject of a mail.
    pub(super) fn subject(&self) -> String {
        line(&format!("{} ({})", self.title(), self.run), 200)
    }
}

impl AnswerText {
    fn shown(&self) -> String {
        match &self.comment {
            Some(comment) => format!("{} by {}: {comment}", self.answer, self.by),
            None => format!("{} by {}", self.answer, self.by),
        }
    }
}
