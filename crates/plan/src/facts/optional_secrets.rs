//! Which secrets that may be missing are there: `secret token: secret? = env("TOKEN", none)`.
//! Invariant: of the variable nothing is known but that, so a plan can be stored and shown.

use super::{FactFinder, depends_on_itself};
use lockstep_base::value::Value;
use lockstep_lang::eval::{self, Halt};
use lockstep_lang::ir::SecretSource;

impl FactFinder<'_> {
    /// Whether the variable of a secret is set. An empty one is not: so reads in a CI what it has
    /// no secret for.
    pub(super) fn finds_secret(&self, at: u32) -> Result<bool, Halt> {
        let known = self.optional_secrets.borrow().get(&at).copied();
        let Some(secret) = self.program.secrets.get(at as usize) else {
            return Err(Halt::Unknown);
        };
        match known {
            Some(Some(found)) => return Ok(found),
            Some(None) => {
                return Err(depends_on_itself(secret.span, &secret.name).into());
            }
            None => {}
        }
        let SecretSource::Env(name) = &secret.source else {
            return Err(Halt::Unknown);
        };
        self.optional_secrets.borrow_mut().insert(at, None);
        let found = eval::eval(name, self).and_then(|name| match name {
            Value::String(name) => Ok(self.outside.0.var(&name).is_ok_and(|it| !it.is_empty())),
            _ => Err(Halt::Unknown),
        });
        match &found {
            Ok(found) => self.optional_secrets.borrow_mut().insert(at, Some(*found)),
            Err(_) => self.optional_secrets.borrow_mut().shift_remove(&at),
        };
        found
    }

    /// All that are known. A mistake in the name of a variable shows where its secret is used.
    pub(super) fn found_secrets(&self) -> impl Iterator<Item = (u32, bool)> {
        let secrets = self.program.secrets.iter().enumerate();
        let optional = secrets.filter(|(_, secret)| secret.optional);
        optional.filter_map(|(at, _)| {
            let at = at as u32;
            Some((at, self.finds_secret(at).ok()?))
        })
    }
}
