//! `approve … by … count … except …`: whose yes counts, how many are needed, and what the approval
//! is worth. The same rule answers front ends before they send a yes and the machine that takes it.

use serde::{Deserialize, Serialize};

use super::Machine;
use super::broken::{Checked, NodeError};
use super::event::{Effect, EffectId, Question};
use super::node::{BodyEnd, NodeId, NodeWork};
use super::run_event::{ApprovalProgress, RunEventKind, WaitReason};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::RunFacts;

/// What an `approve` asks for, and who has said yes so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The question.
    pub text: String,
    /// Who may answer; empty for everybody.
    pub by: Vec<String>,
    /// How many people have to say yes.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// Whose yes does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Who has said yes, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yeses: Vec<Respondent>,
}

/// Who has given an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Respondent {
    /// The person's name.
    pub by: Name,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// What was said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Respondent {
    /// Somebody who has said nothing with it, when the run began.
    pub fn at_start(by: Name, run: &RunFacts) -> Self {
        Self {
            by,
            at: format!("{:.3}", run.started_at),
            comment: None,
        }
    }
}

/// Why the yes of a person does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The person is excepted.
    Excepted,
    /// The person has said yes already.
    Counted,
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Excepted => "the yes of this person does not count",
            Self::Counted => "this person has said yes already",
        })
    }
}

pub(super) fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
pub(super) fn is_one(count: &u32) -> bool {
    *count == 1
}

impl ApprovalRequest {
    /// Why the yes of a person does not count, if it does not.
    pub fn objection(&self, who: &str) -> Option<Objection> {
        if self.except.iter().any(|it| it == who) {
            return Some(Objection::Excepted);
        }
        let said = self.yeses.iter().any(|yes| &*yes.by == who);
        said.then_some(Objection::Counted)
    }

    /// How many people still have to say yes.
    pub fn missing(&self) -> u32 {
        let given = u32::try_from(self.yeses.len()).unwrap_or(u32::MAX);
        self.count.max(1).saturating_sub(given)
    }

    /// What events tell of it.
    fn progress(&self) -> ApprovalProgress {
        ApprovalProgress {
            by: self.by.clone(),
            count: self.count,
            except: self.except.clone(),
            yes: self.yeses.iter().map(|yes| yes.by.clone()).collect(),
        }
    }

    /// The value of the approval: one record for each yes.
    fn value(&self) -> Value {
        Value::list(self.yeses.iter().map(|yes| {
            let comment = yes.comment.as_deref();
            Value::map([
                ("by".into(), Value::String(yes.by.clone())),
                ("at".into(), Value::string(yes.at.as_str())),
                (
                    Name::from("comment"),
                    comment.map_or(Value::None, Value::string),
                ),
            ])
        }))
    }
}

/// An approval that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenApproval {
    /// The question to people.
    pub(super) question: EffectId,
    pub(super) request: ApprovalRequest,
    /// Until when answers are waited for, by the machine's clock.
    until: Option<i64>,
}

#[cfg(test)]
impl OpenApproval {
    /// One that asks nobody in particular.
    pub(super) fn of(question: EffectId) -> Self {
        let request = ApprovalRequest {
            text: String::new(),
            by: Vec::new(),
            count: 1,
            except: Vec::new(),
            yeses: Vec::new(),
        };
        Self {
            question,
            request,
            until: None,
        }
    }
}

impl Machine {
    /// An `approve` begins.
    pub(super) fn begin_approve(&mut self, id: NodeId, kind: &StmtKind) -> Result<(), NodeError> {
        let StmtKind::Approve {
            question,
            by,
            count,
            except,
        } = kind
        else {
            return Ok(());
        };
        let request = ApprovalRequest {
            text: self.display(&self.value_of(id, question)?),
            by: self.people(id, by.as_ref())?,
            count: match count {
                Some(count) => self.count_of(id, count)?.max(1),
                None => 1,
            },
            except: self.people(id, except.as_ref())?,
            yeses: Vec::new(),
        };
        let plan = self.plan.clone();
        let limit = &plan.tree.get(self.node(id)?.tree).stmt.modifiers.timeout;
        let within_ms = match limit {
            Some(limit) => Some(self.duration_of(id, limit)?),
            None => None,
        };
        self.wait(id, waiting(&request, within_ms))?;
        let question = self.effect(id);
        let open = OpenApproval {
            question,
            request,
            until: within_ms.map(|within| self.now.saturating_add(within)),
        };
        self.ask_people(id, &open)?;
        self.begin_work(id, NodeWork::Ask(Box::new(open)))?;
        Ok(())
    }

    fn people(&self, id: NodeId, list: Option<&Expr>) -> Result<Vec<String>, NodeError> {
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        Ok(match self.value_of(id, list)? {
            Value::List(people) => people.iter().map(|who| self.display(who)).collect(),
            _ => Vec::new(),
        })
    }

    fn ask_people(&mut self, id: NodeId, open: &OpenApproval) -> Checked<()> {
        let node = self.node(id)?.path.clone();
        self.effects.push(Effect::Ask {
            id: open.question,
            node,
            question: Question::Approve(Box::new(open.request.clone())),
        });
        Ok(())
    }

    /// A person has said yes. Where more are needed the same question is asked again, and tells
    /// who has said yes so far. Whose yes does not count has changed nothing.
    pub(super) fn one_says_yes(
        &mut self,
        id: NodeId,
        from: Option<Box<Respondent>>,
    ) -> Checked<()> {
        let run = self.run.clone();
        let open = self.open_approval(id)?;
        let number = open.request.yeses.len() + 1;
        let unknown = || Respondent::at_start(format!("approver {number}").into(), &run);
        let from = from.map_or_else(unknown, |from| *from);
        if open.request.objection(&from.by).is_none() {
            open.request.yeses.push(from);
        }
        let open = open.clone();
        if open.request.missing() == 0 {
            return self.body_ends(id, BodyEnd::value(open.request.value()));
        }
        self.pending.insert(open.question, id);
        self.ask_people(id, &open)?;
        let within_ms = open.until.map(|until| (until - self.now).max(0));
        let node = self.node(id)?;
        if let Some(kind) = node.visible {
            let node = node.path.clone();
            self.emit(RunEventKind::NodeWaiting {
                node,
                kind,
                waiting: waiting(&open.request, within_ms),
            });
        }
        Ok(())
    }
}

fn waiting(request: &ApprovalRequest, within_ms: Option<i64>) -> WaitReason {
    WaitReason::Approval {
        question: request.text.clone(),
        choices: vec!["yes".into(), "no".into()],
        within_ms,
        progress: request.progress(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(by: &str) -> Respondent {
        Respondent {
            by: by.into(),
            at: String::new(),
            comment: None,
        }
    }

    #[test]
    fn a_person_counts_once_and_not_where_excepted() {
        let mut request = OpenApproval::of(EffectId(1)).request;
        request.count = 2;
        request.except = vec![String::from("ada")];
        assert_eq!(request.objection("ada"), Some(Objection::Excepted));
        assert_eq!((request.objection("grace"), request.missing()), (None, 2));
        request.yeses.push(yes("grace"));
        assert_eq!(request.objection("grace"), Some(Objection::Counted));
        assert_eq!((request.objection("linus"), request.missing()), (None, 1));
    }
}
