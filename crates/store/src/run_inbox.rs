//! The inbox of a run in the state directory: its questions are published there, and other
//! processes store their answers or ask to cancel.

use lockstep_runtime::inbox::{InboxError, InboxRequest, Responder, RunInbox};

use super::{Approval, RunNumber, Store, StoreError, now};
use lockstep_base::node_path::NodePath;
use lockstep_engine::{Answer, EffectId, Question};

/// The inbox of one run that this process drives.
#[derive(Debug)]
pub struct StoredInbox {
    store: Store,
    run: RunNumber,
    plan_hash: String,
    /// The state of the database at the last poll.
    seen: Option<i64>,
}

impl StoredInbox {
    /// The inbox of a run whose plan has this hash. It opens a connection of its own.
    ///
    /// # Errors
    ///
    /// If the state directory cannot be used. The same holds for the other methods.
    pub fn new(
        store: &Store,
        run: RunNumber,
        plan_hash: impl Into<String>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            store: store.reopen()?,
            run,
            plan_hash: plan_hash.into(),
            seen: None,
        })
    }
}

impl RunInbox for StoredInbox {
    fn ask(&self, id: EffectId, node: &NodePath, question: &Question) -> Result<(), InboxError> {
        Ok(self.store.put_question(self.run, id, node, question)?)
    }

    fn withdraw(&self, id: EffectId) -> Result<(), InboxError> {
        Ok(self.store.withdraw_question(self.run, id)?)
    }

    fn answered(
        &self,
        id: EffectId,
        node: &NodePath,
        question: &Question,
        answer: &Answer,
        person: &Responder,
    ) -> Result<(), InboxError> {
        self.store.insert_approval(&Approval {
            run: self.run,
            effect: id,
            node: node.to_string(),
            question: question.text().to_string(),
            answer: answer.clone(),
            who: person
                .name
                .clone()
                .unwrap_or_else(|| String::from("unknown")),
            comment: person.comment.clone(),
            uid: person.uid,
            plan_hash: self.plan_hash.clone(),
            answered_at: now(),
        })?;
        Ok(())
    }

    fn requests(&mut self) -> Result<Vec<InboxRequest>, InboxError> {
        let changes = self.store.changes()?;
        if self.seen == Some(changes) {
            return Ok(Vec::new());
        }
        self.seen = Some(changes);
        Ok(self.store.requests(self.run)?)
    }

    fn resolve(&self, request: &InboxRequest, refused: Option<&str>) -> Result<(), InboxError> {
        Ok(self.store.settle_request(request, refused)?)
    }
}
