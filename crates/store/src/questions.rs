//! The stored questions of runs that wait for a person.

use rusqlite::{Row, params};

use super::{RunNumber, Store, StoreError, Stored, now};
use lockstep_engine::{EffectId, Question};

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQuestion {
    /// The run that asks.
    pub run: RunNumber,
    /// Identifies the question in its run.
    pub effect: EffectId,
    /// The path of the node that asks.
    pub node: String,
    /// What is asked.
    pub question: Question,
    /// When it was asked.
    pub asked_at: jiff::Timestamp,
}

impl Store {
    /// Stores a question. One that is asked again, as somebody has answered and that is not enough,
    /// keeps its time.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put_question(
        &self,
        run: RunNumber,
        effect: EffectId,
        node: &str,
        question: &Question,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(question)
            .map_err(|_| StoreError::refused("a question cannot be stored"))?;
        let insert = "INSERT INTO questions (run, effect, node, question, asked_at) \
            VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (run, effect) DO UPDATE SET question = excluded.question";
        let values = params![run.0, effect.0.cast_signed(), node, text, Stored(now())];
        let done = self.db.execute(insert, values);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// Removes a question that has been answered or has become obsolete.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn withdraw_question(&self, run: RunNumber, effect: EffectId) -> Result<(), StoreError> {
        let delete = "DELETE FROM questions WHERE run = ? AND effect = ?";
        let done = (self.db).execute(delete, params![run.0, effect.0.cast_signed()]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// The questions of a run that wait for an answer, in the order in which they were asked.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn questions(&self, run: RunNumber) -> Result<Vec<StoredQuestion>, StoreError> {
        let select = "SELECT effect, node, question, asked_at FROM questions WHERE run = ? \
            ORDER BY effect";
        let read = |row: &Row<'_>| {
            let question: String = row.get(2)?;
            let asked_at = row.get::<_, Stored>(3)?.0;
            Ok((row.get::<_, i64>(0)?, row.get(1)?, question, asked_at))
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let rows = rows.map_err(|error| self.error(&error))?;
        rows.into_iter()
            .map(|(effect, node, question, asked_at)| {
                Ok(StoredQuestion {
                    run,
                    effect: EffectId(effect.cast_unsigned()),
                    node,
                    question: self.json(&question)?,
                    asked_at,
                })
            })
            .collect()
    }
}
