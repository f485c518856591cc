//! The stored approvals: who approved or rejected what, for a later audit.

use rusqlite::{Row, params};

use super::{RunNumber, Store, StoreError, Stored, now};
use lockstep_engine::{Answer, ApprovalAnswer, EffectId};

/// An answer that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The run.
    pub run: RunNumber,
    /// The question.
    pub effect: EffectId,
    /// The path of the node that asked.
    pub node: String,
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: Answer,
    /// Who answered.
    pub who: String,
    /// The user id of who answered, if it is known.
    pub uid: Option<u32>,
    /// The comment that came with the answer.
    pub comment: Option<String>,
    /// The hash of the plan that the answer was given for.
    pub plan_hash: String,
    /// When.
    pub answered_at: jiff::Timestamp,
}

impl Approval {
    /// An approval with the present time.
    pub fn now(mut self) -> Self {
        self.answered_at = now();
        self
    }
}

impl Store {
    /// Stores an approval.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn insert_approval(&self, approval: &Approval) -> Result<(), StoreError> {
        let answer = serde_json::to_string(&approval.answer)
            .map_err(|_| StoreError::refused("an answer cannot be stored"))?;
        let insert = "INSERT INTO approvals (run, effect, node, question, answer, who, comment, \
            plan_hash, answered_at, uid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            approval.run.0,
            approval.effect.0.cast_signed(),
            approval.node,
            approval.question,
            answer,
            approval.who,
            approval.comment,
            approval.plan_hash,
            Stored(approval.answered_at),
            approval.uid,
        ];
        let done = self.db.execute(insert, values);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// The approvals of a run, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn approvals(&self, run: RunNumber) -> Result<Vec<Approval>, StoreError> {
        let select = "SELECT effect, node, question, answer, who, comment, plan_hash, \
            answered_at, uid FROM approvals WHERE run = ? ORDER BY number";
        let read = |row: &Row<'_>| {
            let answer: String = row.get(3)?;
            let approval = Approval {
                run,
                effect: EffectId(row.get::<_, i64>(0)?.cast_unsigned()),
                node: row.get(1)?,
                question: row.get(2)?,
                answer: ApprovalAnswer::Yes.into(),
                who: row.get(4)?,
                comment: row.get(5)?,
                plan_hash: row.get(6)?,
                answered_at: row.get::<_, Stored>(7)?.0,
                uid: row.get(8)?,
            };
            Ok((approval, answer))
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let rows = rows.map_err(|error| self.error(&error))?;
        rows.into_iter()
            .map(|(approval, answer)| {
                let answer = self.json(&answer)?;
                Ok(Approval { answer, ..approval })
            })
            .collect()
    }
}
