//! What makes secrets while a run goes on: who needs one makes it again, on whatever worker.

use std::collections::BTreeMap;

use lockstep_engine::{Effect, EffectId};

use crate::used_secrets::UsedSecrets;
use crate::wire::StepWork;

/// What makes the secrets of a run.
#[derive(Debug, Clone, Default)]
pub struct RunMakers(BTreeMap<EffectId, StepWork>);

impl RunMakers {
    /// Notes what makes a secret.
    pub fn note(&mut self, effect: &Effect) {
        let (id, maker) = match effect {
            Effect::Run { id, node, command } => {
                let (node, command) = (node.clone(), command.clone());
                let is_secret = command.secret;
                (
                    *id,
                    is_secret.then_some(StepWork::Command { node, command }),
                )
            }
            Effect::Act { id, call } => {
                let request = || StepWork::request((**call).clone());
                (*id, call.secret.then(request))
            }
            Effect::Stop { .. }
            | Effect::SetTimer { .. }
            | Effect::ClearTimer { .. }
            | Effect::Acquire { .. }
            | Effect::Release { .. }
            | Effect::AwaitWindow { .. }
            | Effect::LeaveWindow { .. }
            | Effect::Ask { .. }
            | Effect::Unask { .. }
            | Effect::Tell(_) => return,
        };
        if let Some(maker) = maker {
            self.0.insert(id, maker);
        }
    }

    /// What makes the secrets that a step needs, with what they need themselves.
    pub fn of(&self, work: &StepWork) -> Vec<(EffectId, StepWork)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut found = BTreeMap::new();
        let mut looked = vec![work];
        while let Some(next) = looked.pop() {
            for made in UsedSecrets::of(next, "").made {
                let id = EffectId(made.effect);
                if let Some(maker) = self.0.get(&id)
                    && found.insert(id, maker.clone()).is_none()
                {
                    looked.push(maker);
                }
            }
        }
        found.into_iter().collect()
    }
}
