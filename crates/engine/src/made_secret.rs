//! Secrets that are made while a run goes on: the machine has a recipe, which names the effect that
//! makes it. Only the runtime knows the text.

use std::sync::Arc;

use super::Machine;
use super::broken::Checked;
use super::event::EffectId;
use super::node::NodeId;
use lockstep_base::value::{MadeSecret, SecretPart, Value};

impl Machine {
    /// Whether what a command writes, or the body of an answer, is a secret.
    pub(super) fn makes_secret(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        let stmt = &self.plan.tree.get(node.tree).stmt;
        Ok(node.is_statement() && stmt.modifiers.secret)
    }

    /// The secret that an effect has made.
    pub(super) fn made_secret(&self, effect: EffectId) -> Value {
        let made = MadeSecret {
            run: self.run.id.clone(),
            effect: effect.0,
        };
        Value::Secret(Arc::new(vec![SecretPart::Made(made)]))
    }
}
