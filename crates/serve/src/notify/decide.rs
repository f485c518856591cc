//! What is to be said of what happens in a run. Nothing here reads or sends anything.

use jiff::Timestamp;
use lockstep_engine::run_event::{Failure, RunEventKind, Status, WaitReason};
use lockstep_store::time;
use serde::{Deserialize, Serialize};

use super::message::{AnswerText, AskedText, FailedDeployment, FailureText, Message};
use super::text::{line, lines};
use crate::settings::NotifyEvent;

/// No text of a run is longer in a message.
const MAX_TEXT: usize = 1_000;
/// No name or path is.
const MAX_NAME: usize = 200;
/// So many deployments, answers or names are in a message.
const MAX_ITEMS: usize = 10;

/// The run that is spoken of.
#[derive(Debug, Clone)]
pub(super) struct RunAbout {
    pub(super) run: String,
    pub(super) pipeline: String,
    pub(super) user: String,
    /// The page of the run.
    pub(super) url: String,
}

/// What is remembered of a run between its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunMemory {
    /// The deployments that have failed and did not succeed since.
    failed: Vec<FailedDeployment>,
    /// The answers that were given.
    answers: Vec<AnswerText>,
    /// Whether it was said that it has ended.
    pub(super) has_ended: bool,
    /// The record behind which it was said that its process is gone.
    pub(super) stopped_behind: Option<u64>,
}

impl RunAbout {
    fn message(&self, event: NotifyEvent, at: Timestamp) -> Message {
        Message {
            event,
            run: line(&self.run, MAX_NAME),
            pipeline: line(&self.pipeline, MAX_NAME),
            user: line(&self.user, MAX_NAME),
            at: time(at),
            url: self.url.clone(),
            status: None,
            question: None,
            answer: None,
            failure: None,
            deployments: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// What is to be said of the events of one record.
    pub(super) fn of_events(
        &self,
        events: &[RunEventKind],
        at: Timestamp,
        memory: &mut RunMemory,
    ) -> Vec<Message> {
        let said = events.iter().map(|event| self.of_event(event, at, memory));
        said.flatten().collect()
    }

    fn of_event(
        &self,
        event: &RunEventKind,
        at: Timestamp,
        memory: &mut RunMemory,
    ) -> Option<Message> {
        match event {
            RunEventKind::RunStarted { .. } => Some(self.message(NotifyEvent::Started, at)),
            RunEventKind::NodeWaiting { node, waiting, .. } => {
                let question = asked(node.as_str(), waiting)?;
                Some(Message {
                    question: Some(question),
                    ..self.message(NotifyEvent::Waiting, at)
                })
            }
            RunEventKind::NodeFinished {
                node,
                status,
                failure,
                deployment: Some(deployment),
                ..
            } => {
                memory.failed.retain(|it| it.node != node.as_str());
                let has_failed = matches!(status, Status::Failed | Status::RollbackFailed);
                if has_failed && memory.failed.len() < MAX_ITEMS {
                    let message = failure.as_ref().map(|it| it.message.as_str());
                    memory.failed.push(FailedDeployment {
                        service: line(&deployment.service, MAX_NAME),
                        target: line(&deployment.target, MAX_NAME),
                        node: line(node.as_str(), MAX_NAME),
                        message: lines(message.unwrap_or("failed"), MAX_TEXT),
                    });
                }
                None
            }
            RunEventKind::RunFinished { status, failure } => {
                self.of_end(*status, failure.as_ref(), at, memory)
            }
            RunEventKind::RunResumed { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::NoWayBack { .. } => None,
        }
    }

    fn of_end(
        &self,
        status: Status,
        failure: Option<&Failure>,
        at: Timestamp,
        memory: &mut RunMemory,
    ) -> Option<Message> {
        let event = of_status(status)?;
        memory.has_ended = true;
        let is_good = event == NotifyEvent::Succeeded;
        Some(Message {
            status: Some(status.as_str().to_owned()),
            failure: failure.filter(|_| !is_good).map(|it| FailureText {
                class: it.class.as_str().to_owned(),
                node: line(it.node.as_str(), MAX_NAME),
                message: lines(&it.message, MAX_TEXT),
            }),
            deployments: match is_good {
                true => Vec::new(),
                false => memory.failed.clone(),
            },
            answers: memory.answers.clone(),
            ..self.message(event, at)
        })
    }

    /// What is to be said of a run that has ended without having begun.
    pub(super) fn of_unstarted(
        &self,
        status: Status,
        why: &str,
        at: Timestamp,
        memory: &mut RunMemory,
    ) -> Option<Message> {
        let said = self.of_end(status, None, at, memory)?;
        Some(Message {
            failure: Some(FailureText {
                class: String::from("unstarted"),
                node: String::new(),
                message: lines(why, MAX_TEXT),
            }),
            ..said
        })
    }

    /// What is to be said of an answer.
    pub(super) fn of_answer(
        &self,
        given: &AnswerText,
        at: Timestamp,
        memory: &mut RunMemory,
    ) -> Message {
        let given = AnswerText {
            node: line(&given.node, MAX_NAME),
            answer: line(&given.answer, MAX_NAME),
            by: line(&given.by, MAX_NAME),
            comment: given.comment.as_deref().map(|it| lines(it, MAX_TEXT)),
        };
        if memory.answers.len() < MAX_ITEMS {
            memory.answers.push(given.clone());
        }
        Message {
            answer: Some(given),
            ..self.message(NotifyEvent::Answered, at)
        }
    }

    /// What is to be said of a run whose process is gone.
    pub(super) fn of_stop(&self, at: Timestamp) -> Message {
        self.message(NotifyEvent::Stopped, at)
    }
}

/// The question for people that a node waits for. One that is asked again since one of several has
/// said yes is the same.
fn asked(node: &str, waiting: &WaitReason) -> Option<AskedText> {
    match waiting {
        WaitReason::Approval {
            question,
            choices,
            progress,
            ..
        } if progress.yes.is_empty() => Some(AskedText {
            node: line(node, MAX_NAME),
            text: lines(question, MAX_TEXT),
            by: names(progress.by.iter().map(String::as_str)),
            count: progress.count,
            choices: names(choices.iter().map(|it| &**it)),
        }),
        WaitReason::Approval { .. }
        | WaitReason::Barrier { .. }
        | WaitReason::Queue { .. }
        | WaitReason::Lock { .. }
        | WaitReason::Window { .. }
        | WaitReason::Retry { .. }
        | WaitReason::Time { .. } => None,
    }
}

fn names<'t>(all: impl Iterator<Item = &'t str>) -> Vec<String> {
    all.take(MAX_ITEMS).map(|it| line(it, MAX_NAME)).collect()
}

/// What the end of a run is, by its status.
fn of_status(status: Status) -> Option<NotifyEvent> {
    match status {
        Status::Succeeded | Status::Ignored => Some(NotifyEvent::Succeeded),
        Status::Failed | Status::RolledBack => Some(NotifyEvent::Failed),
        Status::RollbackFailed => Some(NotifyEvent::RollbackFailed),
        Status::Cancelled | Status::Skipped => Some(NotifyEvent::Cancelled),
        Status::Superseded => Some(NotifyEvent::Superseded),
        Status::Pending
        | Status::Queued
        | Status::Waiting
        | Status::Running
        | Status::RollingBack => None,
    }
}
