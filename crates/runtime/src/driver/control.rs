//! Control of a run by people and other processes: answers to its questions, cancellation; and
//! reacquiring the locks of a resumed run.

use tokio::sync::mpsc;
use tokio::time::Interval;

use super::{AnswerSender, ControlRequest, Driver, TARGET};
use crate::inbox::{InboxRequest, InboxRequestKind, Responder};
use crate::secrets::SecretVault;
use lockstep_base::node_path::NodePath;
use lockstep_engine::{Answer, ApprovalAnswer, EffectId, Event, Question, Respondent};

/// Whether a question can be answered so by this person: the question.
///
/// # Errors
///
/// Why the answer changes nothing.
pub(super) fn accepts<'q>(
    question: Option<&'q Question>,
    answer: &Answer,
    person: &Responder,
) -> Result<&'q Question, String> {
    let question = question.ok_or("the question no longer needs an answer")?;
    match question {
        question if answer.fits(question) => {}
        Question::Approve(_) => return Err("the question is for yes or no".into()),
        Question::Failed { .. } => {
            return Err("the question is for retry, ignore, rollback or abort".into());
        }
    }
    match question.objection(answer, person.name.as_deref()) {
        Some(objection) => Err(objection.to_string()),
        None => Ok(question),
    }
}

/// Who did something, as others may know them.
pub(super) fn masked_person(vault: &SecretVault, person: &Responder) -> Responder {
    let mask = |text: &Option<String>| text.as_ref().map(|text| vault.mask(text));
    Responder {
        name: mask(&person.name),
        comment: mask(&person.comment),
        uid: person.uid,
    }
}

/// An answer, as others may know it.
pub(super) fn masked_answer(vault: &SecretVault, answer: &Answer) -> Answer {
    match answer {
        Answer::Approval(ApprovalAnswer::No(reason)) => {
            ApprovalAnswer::No(vault.mask(reason)).into()
        }
        Answer::Approval(ApprovalAnswer::Yes) | Answer::Failure(_) | Answer::Nobody => {
            answer.clone()
        }
    }
}

/// A request as it is stored once it has been handled: who asked did not know the secrets.
pub(super) fn masked_request(vault: &SecretVault, request: InboxRequest) -> InboxRequest {
    InboxRequest {
        asking: match &request.asking {
            InboxRequestKind::Cancel => InboxRequestKind::Cancel,
            InboxRequestKind::Answer(id, answer) => {
                InboxRequestKind::Answer(*id, masked_answer(vault, answer))
            }
        },
        who: vault.mask(&request.who),
        comment: request.comment.as_deref().map(|text| vault.mask(text)),
        ..request
    }
}

impl Driver<'_> {
    pub(super) fn ask(&mut self, id: EffectId, node: NodePath, question: Question) {
        // The machine asks again after each yes that is not enough. Meanwhile others may have
        // answered.
        if self.settled.contains(&id) {
            return;
        }
        let question = match (self.questions.remove(&id), question) {
            (Some((_, Question::Approve(known))), Question::Approve(asked))
                if known.yeses.len() > asked.yeses.len() =>
            {
                Question::Approve(known)
            }
            (_, question) => question,
        };
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
        self.settled.insert(id);
        if self.questions.remove(&id).is_some()
            && let Some(run_inbox) = &self.run_inbox
        {
            let unasked = run_inbox.withdraw(id);
            self.note(unasked);
        }
        self.host.withdraw(id);
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
        let person = masked_person(&self.vault, person);
        if let Some((node, question)) = self.questions.get(&id)
            && let Some(objection) = question.objection(&answer, person.name.as_deref())
        {
            tracing::warn!(target: TARGET, %node, %objection, "the answer does not count");
            return false;
        }
        let Some((node, mut question)) = self.questions.remove(&id) else {
            return false;
        };
        let from = person.name.as_ref().map(|name| {
            Box::new(Respondent {
                by: name.as_str().into(),
                at: format!("{:.3}", self.time()),
                comment: person.comment.clone(),
            })
        });
        let is_over = question.take(&answer, from.as_deref());
        if let Some(run_inbox) = &self.run_inbox {
            let given = masked_answer(&self.vault, &answer);
            let mut answered = run_inbox.answered(id, &node, &question, &given, &person);
            if is_over {
                answered = answered.and_then(|()| run_inbox.withdraw(id));
            }
            self.note(answered);
        }
        match is_over {
            true => drop(self.settled.insert(id)),
            false => drop(self.questions.insert(id, (node, question))),
        }
        self.journal_event(Event::Answered { id, answer, from });
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
            let person = masked_person(
                &self.vault,
                &Responder {
                    name: Some(request.who.clone()),
                    comment: request.comment.clone(),
                    uid: request.uid,
                },
            );
            let asks_to = match &request.asking {
                InboxRequestKind::Cancel => "cancel",
                InboxRequestKind::Answer(..) => "answer",
            };
            tracing::debug!(
                target: TARGET, number = request.number, asks_to,
                "another process asks"
            );
            let refused = match &request.asking {
                InboxRequestKind::Cancel if self.cancelled => {
                    Some(String::from("it is being cancelled already"))
                }
                InboxRequestKind::Cancel => {
                    self.host.on_external_request(&person, None);
                    self.cancel();
                    None
                }
                InboxRequestKind::Answer(id, answer) => self.answer_of(*id, answer, &person).err(),
            };
            let request = masked_request(&self.vault, request);
            if let Some(run_inbox) = &self.run_inbox {
                let settled = run_inbox.resolve(&request, refused.as_deref());
                self.note(settled);
            }
        }
    }

    /// Applies the answer of another process; `person` is masked.
    ///
    /// # Errors
    ///
    /// Why it changes nothing.
    fn answer_of(
        &mut self,
        id: EffectId,
        answer: &Answer,
        person: &Responder,
    ) -> Result<(), String> {
        let question = self.questions.get(&id).map(|(_, question)| question);
        let question = accepts(question, answer, person)?;
        if question.clone().take(answer, None) {
            self.host.withdraw(id);
        }
        let given = masked_answer(&self.vault, answer);
        self.host.on_external_request(person, Some(&given));
        self.answer(id, answer.clone(), person);
        Ok(())
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
