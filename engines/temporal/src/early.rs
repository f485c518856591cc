//! What has come for something that the run has not asked for yet, as it sees it. A worker that
//! dies while it carries a run on may have asked for a lock already, and that is granted to a run
//! whose next worker hears of the grant together with what made the first one ask. The machine
//! numbers what it asks for in order, so what is early is known by its number.

use lockstep_engine::{Effect, EffectId};

use crate::wire::{AnswerSignal, GrantSignal};

/// What is kept until the run asks for it.
#[derive(Debug, Clone)]
pub struct Early {
    /// The number of the last effect.
    last: EffectId,
    grants: Vec<GrantSignal>,
    /// With the times at which they came.
    answers: Vec<(AnswerSignal, String)>,
}

impl Default for Early {
    fn default() -> Self {
        Self {
            last: EffectId(0),
            grants: Vec::new(),
            answers: Vec::new(),
        }
    }
}

impl Early {
    /// Notes that the machine has asked for something.
    pub fn note(&mut self, effect: &Effect) {
        let id = match effect {
            Effect::Run { id, .. }
            | Effect::Act { id, .. }
            | Effect::SetTimer { id, .. }
            | Effect::Acquire { id, .. }
            | Effect::AwaitWindow { id, .. }
            | Effect::Ask { id, .. } => *id,
            Effect::Stop { .. }
            | Effect::ClearTimer { .. }
            | Effect::Release { .. }
            | Effect::LeaveWindow { .. }
            | Effect::Unask { .. }
            | Effect::Tell(_) => return,
        };
        self.last = self.last.max(id);
    }

    /// Hands the grant back, unless it is early: then it is kept.
    pub fn grant(&mut self, grant: GrantSignal) -> Option<GrantSignal> {
        if grant.request <= self.last {
            return Some(grant);
        }
        self.grants.push(grant);
        None
    }

    /// Hands the answer back, unless it is early: then it is kept.
    pub fn answer(&mut self, answer: AnswerSignal, at: String) -> Option<(AnswerSignal, String)> {
        if answer.id <= self.last {
            return Some((answer, at));
        }
        self.answers.push((answer, at));
        None
    }

    /// The kept grants that are early no more.
    pub fn due_grants(&mut self) -> Vec<GrantSignal> {
        let last = self.last;
        let due = self.grants.extract_if(.., |it| it.request <= last);
        due.collect()
    }

    /// The kept answers that are early no more.
    pub fn due_answers(&mut self) -> Vec<(AnswerSignal, String)> {
        let last = self.last;
        let due = self.answers.extract_if(.., |(it, _)| it.id <= last);
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_early_until_it_was_asked_for() {
        let mut early = Early::default();
        let grant = GrantSignal {
            run: "r".into(),
            request: EffectId(2),
            name: "infrastructure eu".into(),
            since: 0,
            deployed: Vec::new(),
            attempt: 0,
        };
        assert_eq!(early.grant(grant.clone()), None);
        early.note(&Effect::SetTimer {
            id: EffectId(1),
            at: 0,
        });
        assert_eq!(early.due_grants(), []);
        early.note(&Effect::Acquire {
            id: EffectId(2),
            node: "p".into(),
            wants: Vec::new(),
        });
        assert_eq!(early.due_grants(), std::slice::from_ref(&grant));
        assert_eq!(early.due_grants(), []);
        assert_eq!(early.grant(grant.clone()), Some(grant));
    }
}
