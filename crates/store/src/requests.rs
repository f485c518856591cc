//! The stored requests of other processes to a run: answers to its questions, and cancellation.

use rusqlite::{Row, params};

use lockstep_runtime::inbox::{InboxRequest, InboxRequestKind};

use super::runs::user_id;
use super::{RunNumber, Store, StoreError, Stored, StoredQuestion, now};
use lockstep_engine::{Answer, ApprovalAnswer, EffectId, Objection, Question};

impl Store {
    /// Stores a request to a run.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn request(
        &self,
        run: RunNumber,
        asking: &InboxRequestKind,
        who: &str,
        comment: Option<&str>,
    ) -> Result<i64, StoreError> {
        let (kind, effect, answer) = columns(asking)?;
        let insert = "INSERT INTO requests \
            (run, kind, effect, answer, who, comment, asked_at, uid) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let at = Stored(now());
        let values = params![run.0, kind, effect, answer, who, comment, at, user_id()];
        let done = self.db.execute(insert, values);
        done.map_err(|error| self.error(&error))?;
        Ok(self.db.last_insert_rowid())
    }

    /// The requests to a run that it has not handled.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn requests(&self, run: RunNumber) -> Result<Vec<InboxRequest>, StoreError> {
        type RequestColumns = (i64, String, Option<i64>, Option<String>, String);
        let select = "SELECT number, kind, effect, answer, who, comment, asked_at, uid \
            FROM requests WHERE run = ? AND taken_at IS NULL ORDER BY number";
        let read = |row: &Row<'_>| {
            let said: RequestColumns = (
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            );
            Ok((said, row.get(5)?, row.get::<_, Stored>(6)?.0, row.get(7)?))
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let rows = rows.map_err(|error| self.error(&error))?;
        rows.into_iter()
            .map(
                |((number, kind, effect, answer, who), comment, asked_at, uid)| {
                    let asking = match (kind.as_str(), effect, answer) {
                        ("cancel", ..) => InboxRequestKind::Cancel,
                        ("answer", Some(effect), Some(answer)) => InboxRequestKind::Answer(
                            EffectId(effect.cast_unsigned()),
                            self.json(&answer)?,
                        ),
                        _ => return Err(StoreError::damaged(self.folder())),
                    };
                    Ok(InboxRequest {
                        number,
                        asking,
                        who,
                        uid,
                        comment,
                        asked_at,
                    })
                },
            )
            .collect()
    }

    /// The requests to cancel a run that it has heeded.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn cancellations(&self, run: RunNumber) -> Result<Vec<InboxRequest>, StoreError> {
        let select = "SELECT number, who, comment, asked_at, uid FROM requests WHERE run = ? \
            AND kind = 'cancel' AND taken_at IS NOT NULL AND refused IS NULL ORDER BY number";
        let read = |row: &Row<'_>| {
            Ok(InboxRequest {
                number: row.get(0)?,
                asking: InboxRequestKind::Cancel,
                who: row.get(1)?,
                comment: row.get(2)?,
                asked_at: row.get::<_, Stored>(3)?.0,
                uid: row.get(4)?,
            })
        };
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([run.0], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }

    /// Marks a request as handled; `refused` is the reason if it was rejected. Its texts take the
    /// place of those that were stored.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn settle_request(
        &self,
        request: &InboxRequest,
        refused: Option<&str>,
    ) -> Result<(), StoreError> {
        let (_, _, answer) = columns(&request.asking)?;
        let update = "UPDATE requests SET taken_at = ?, refused = ?, who = ?, comment = ?, \
            answer = ? WHERE number = ?";
        let (who, comment) = (&request.who, &request.comment);
        let values = params![Stored(now()), refused, who, comment, answer, request.number];
        let done = self.db.execute(update, values);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// Withdraws a request that no process has taken in. Nobody knows whether there are secrets in
    /// its texts, so they are not kept.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn withdraw_request(&self, request: i64, why: &str) -> Result<(), StoreError> {
        let update = "UPDATE requests SET taken_at = ?, refused = ?, who = '', comment = NULL, \
            answer = NULL WHERE number = ? AND taken_at IS NULL";
        let done = (self.db).execute(update, params![Stored(now()), why, request]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// The state of a request.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn request_status(&self, request: i64) -> Result<RequestStatus, StoreError> {
        let select = "SELECT taken_at, refused FROM requests WHERE number = ?";
        let read = self.db.query_row(select, [request], |row| {
            Ok((
                row.get::<_, Option<i64>>(0)?,
                row.get::<_, Option<String>>(1)?,
            ))
        });
        match read {
            Ok((None, _)) => Ok(RequestStatus::NotYet),
            Ok((Some(_), None)) => Ok(RequestStatus::Heeded),
            Ok((Some(_), Some(why))) => Ok(RequestStatus::Refused(why)),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Answers a question of a run, unless somebody else was first; then that answer is returned.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn answer(
        &self,
        asked: &StoredQuestion,
        answer: &Answer,
        who: &str,
        comment: Option<&str>,
    ) -> Result<AnswerStatus, StoreError> {
        // The transaction serializes concurrent answers.
        let change = self.write()?;
        let mut given: Vec<(String, Answer)> = (self.approvals(asked.run)?.into_iter())
            .filter(|it| it.effect == asked.effect)
            .map(|it| (it.who, it.answer))
            .collect();
        for request in self.requests(asked.run)? {
            if let InboxRequestKind::Answer(effect, answer) = request.asking
                && effect == asked.effect
            {
                given.push((request.who, answer));
            }
        }
        let mut still = self.questions(asked.run)?.into_iter();
        let Some(still) = still.find(|it| it.effect == asked.effect) else {
            return Ok(AnswerStatus::TooLate(given.pop()));
        };
        if let Some(last) = settled_by(&still.question, &given) {
            return Ok(AnswerStatus::TooLate(Some(last)));
        }
        if !answer.fits(&still.question) {
            return Ok(AnswerStatus::Unfit);
        }
        if let Some(objection) = objection(&still.question, &given, answer, who) {
            return Ok(AnswerStatus::Objected(objection));
        }
        let asking = InboxRequestKind::Answer(asked.effect, answer.clone());
        let number = self.request(asked.run, &asking, who, comment)?;
        self.commit(change)?;
        Ok(AnswerStatus::Given(number))
    }
}

/// The answer after which a question needs no other.
fn settled_by(question: &Question, given: &[(String, Answer)]) -> Option<(String, Answer)> {
    let Question::Approve(request) = question else {
        return given.first().cloned();
    };
    let mut yeses: Vec<&str> = Vec::new();
    for (who, answer) in given {
        if *answer == Answer::Approval(ApprovalAnswer::Yes) {
            if !yeses.contains(&who.as_str()) {
                yeses.push(who);
            }
            if yeses.len() < request.count as usize {
                continue;
            }
        }
        return Some((who.clone(), answer.clone()));
    }
    None
}

/// Why an answer of a person does not count.
fn objection(
    question: &Question,
    given: &[(String, Answer)],
    answer: &Answer,
    who: &str,
) -> Option<Objection> {
    let (Question::Approve(request), Answer::Approval(ApprovalAnswer::Yes)) = (question, answer)
    else {
        return None;
    };
    let said = given.iter().any(|(by, _)| by == who);
    request
        .objection(who)
        .or(said.then_some(Objection::Counted))
}

/// What is asked, in its columns: `kind`, `effect` and `answer`.
fn columns(
    asking: &InboxRequestKind,
) -> Result<(&'static str, Option<i64>, Option<String>), StoreError> {
    Ok(match asking {
        InboxRequestKind::Cancel => ("cancel", None, None),
        InboxRequestKind::Answer(effect, answer) => {
            let text = serde_json::to_string(answer);
            let text = text.map_err(|_| StoreError::refused("an answer cannot be stored"))?;
            ("answer", Some(effect.0.cast_signed()), Some(text))
        }
    })
}

/// The state of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestStatus {
    /// The run has not handled it yet.
    NotYet,
    /// The run has accepted it.
    Heeded,
    /// The run has rejected it, for this reason.
    Refused(String),
}

/// The result of answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerStatus {
    /// It was the first; this request passes it to the run.
    Given(i64),
    /// It answers another kind of question; nothing was written.
    Unfit,
    /// It does not count, as it is that of this person; nothing was written.
    Objected(Objection),
    /// Somebody else had answered (who, and what), or the question does not matter any more.
    TooLate(Option<(String, Answer)>),
}
