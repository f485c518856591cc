//! Control of a run by people and other processes: answers to its questions, cancellation; and
//! reacquiring the locks of a resumed run.

use tokio::sync::mpsc;
use tokio::time::Interval;

use super::{AnswerSender, ControlRequest, Driver, TARGET};
use crate::inbox::{InboxRequest, InboxRequestKind, Responder};
use lockstep_base::node_path::NodePath;
use lockstep_engine::{Answer, ApprovalAnswer, EffectId, Event, Question};

impl Driver<'_> {
    pub(super) fn ask(&mut self, id: EffectId, node: NodePath, question: Question) {
        if let Some(run_inbox) = &self.run_inbox {
            let asked = run_inbox.ask(id, &node, &question);
            self.note(asked);
        }
        let answer = AnswerSender(id, self.sender.clone());
        let asked = (node.clone(), question.clone());
        self.questions.insert(id, asked);
        self.host.ask(&node, &question, answer);
    }

    pub(super) fn withdraw_question(&mut self, id: EffectId) {
        if self.questions.remove(&id).is_some()
            && let Some(run_inbox) = &self.run_inbox
        {
            let unasked = run_inbox.withdraw(id);
            self.note(unasked);
        }
        self.host.withdraw(id);
    }

    /// Who did something, as others may know them.
    fn masked_person(&self, person: &Responder) -> Responder {
        let mask = |text: &Option<String>| text.as_ref().map(|text| self.vault.mask(text));
        Responder {
            name: mask(&person.name),
            comment: mask(&person.comment),
            uid: person.uid,
        }
    }

    /// An answer, as others may know it.
    fn masked_answer(&self, answer: &Answer) -> Answer {
        match answer {
            Answer::Approval(ApprovalAnswer::No(reason)) => {
                ApprovalAnswer::No(self.vault.mask(reason)).into()
            }
            Answer::Approval(ApprovalAnswer::Yes) | Answer::Failure(_) | Answer::Nobody => {
                answer.clone()
            }
        }
    }

    /// Applies an answer. Returns whether it is the first.
    pub(super) fn answer(&mut self, id: EffectId, answer: Answer, person: &Responder) -> bool {
        match self.questions.get(&id) {
            Some((_, question)) if answer.fits(question) => {}
            Some((node, _)) => {
                let answer = answer.as_str();
                tracing::warn!(target: TARGET, %node, answer, "it is no answer to the question");
                return false;
            }
            None => return false,
        }
        let Some((node, question)) = self.questions.remove(&id) else {
            return false;
        };
        if let Some(run_inbox) = &self.run_inbox {
            let (given, person) = (self.masked_answer(&answer), self.masked_person(person));
            let answered = run_inbox.answered(id, &node, &question, &given, &person);
            self.note(answered);
        }
        self.journal_event(Event::Answered { id, answer });
        true
    }

    /// Cancels the run.
    pub(super) fn cancel(&mut self) {
        tracing::info!(target: TARGET, "is cancelled");
        self.cancelled = true;
        self.host.cancelling();
        self.journal_event(Event::Cancel);
    }

    /// Handles the requests of other processes. They wait until a resumed run has asked its
    /// questions again: an answer to one of them is not too late.
    pub(super) fn poll_inbox(&mut self) {
        if self.resuming.is_some() {
            return;
        }
        let requests = match self
            .run_inbox
            .as_mut()
            .map(|run_inbox| run_inbox.requests())
        {
            None => return,
            Some(Ok(requests)) => requests,
            Some(Err(error)) => return self.note(Err(error)),
        };
        for request in requests {
            let person = self.masked_person(&Responder {
                name: Some(request.who.clone()),
                comment: request.comment.clone(),
                uid: request.uid,
            });
            let asks_to = match &request.asking {
                InboxRequestKind::Cancel => "cancel",
                InboxRequestKind::Answer(..) => "answer",
            };
            tracing::debug!(
                target: TARGET, number = request.number, asks_to,
                "another process asks"
            );
            let refused = match &request.asking {
                InboxRequestKind::Cancel if self.cancelled => Some("it is being cancelled already"),
                InboxRequestKind::Cancel => {
                    self.host.on_external_request(&person, None);
                    self.cancel();
                    None
                }
                InboxRequestKind::Answer(id, answer) => match self.questions.get(id) {
                    Some((_, question)) if answer.fits(question) => {
                        self.host.withdraw(*id);
                        let given = self.masked_answer(answer);
                        self.host.on_external_request(&person, Some(&given));
                        self.answer(*id, answer.clone(), &person);
                        None
                    }
                    Some((_, Question::Approve { .. })) => Some("the question is for yes or no"),
                    Some((_, Question::Failed { .. })) => {
                        Some("the question is for retry, ignore, rollback or abort")
                    }
                    None => Some("the question no longer needs an answer"),
                },
            };
            // Who asked did not know the secrets; from now on it is stored as others may know it.
            let request = InboxRequest {
                asking: match &request.asking {
                    InboxRequestKind::Cancel => InboxRequestKind::Cancel,
                    InboxRequestKind::Answer(id, answer) => {
                        InboxRequestKind::Answer(*id, self.masked_answer(answer))
                    }
                },
                who: person.name.unwrap_or_default(),
                comment: person.comment,
                ..request
            };
            if let Some(run_inbox) = &self.run_inbox {
                let settled = run_inbox.resolve(&request, refused);
                self.note(settled);
            }
        }
    }

    /// Waits until the run holds its earlier locks again. Returns whether it does: it may be asked
    /// to stop instead, before any of its work has been started.
    pub(super) async fn reacquire_locks(
        &mut self,
        control: &mut mpsc::UnboundedReceiver<ControlRequest>,
        ticks: &mut Interval,
    ) -> bool {
        let mut controlled = true;
        while !self.lease_lost.is_empty() && self.broken.is_none() {
            tokio::select! {
                biased;
                asked = control.recv(), if controlled => match asked {
                    Some(ControlRequest::Cancel | ControlRequest::Kill) => return false,
                    None => controlled = false,
                },
                _ = ticks.tick() => {
                    self.host.tick();
                    self.handle_granted_locks();
                    // The machine's clock stands still.
                    self.send_heartbeat(self.offset);
                }
            }
        }
        self.broken.is_none()
    }
}
