//! The texts of secrets that come into being while a run goes on: what commands and requests have
//! made, and what functions make of secrets. All of them are masked, and none is stored.

use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};

use super::sealed::{form_of, with_each};
use super::secrets::{SecretVault, TextError, usable};
use lockstep_base::source::Name;
use lockstep_base::value::{MadeSecret, SecretPart, Value};
use lockstep_lang::eval::builtins::of_secrets;

/// What has become known of secrets while the run goes on.
#[derive(Default)]
pub(super) struct MadeTexts {
    texts: HashMap<MadeSecret, Name>,
    /// What is masked beside the declared secrets, by the numbers of the redactor that follow
    /// theirs.
    masked: Vec<(SecretPart, Name)>,
}

impl SecretVault {
    fn made_texts(&self) -> MutexGuard<'_, MadeTexts> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the text of a secret that has been made, and masks it from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be a secret: what it does that none can do.
    pub fn add_made(&self, made: MadeSecret, text: String) -> Result<(), &'static str> {
        let text = Name::from(usable(text)?);
        self.mask_too(SecretPart::Made(made.clone()), &text);
        self.made_texts().texts.insert(made, text);
        Ok(())
    }

    /// Masks a text beside the declared secrets.
    fn mask_too(&self, part: SecretPart, text: &Name) {
        if text.is_empty() {
            return;
        }
        let mut made = self.made_texts();
        if !made
            .masked
            .iter()
            .any(|(known, of)| *known == part && of == text)
        {
            self.redactor.learn(text);
            made.masked.push((part, text.clone()));
        }
    }

    /// The recipe of what is masked under a number of the redactor, where it is no declared secret.
    pub(super) fn masked_part(&self, number: usize) -> Option<SecretPart> {
        let at = number.checked_sub(self.texts().len())?;
        let made = self.made_texts();
        made.masked.get(at).map(|(part, _)| part.clone())
    }

    /// The text of a part of a secret.
    pub(super) fn part(&self, part: &SecretPart) -> Result<String, TextError> {
        match part {
            SecretPart::Text(text) => self.opened(text),
            SecretPart::Secret(at) => match self.texts().get(*at as usize) {
                Some(Some(text)) => Ok(text.to_string()),
                Some(None) | None => Err(TextError::UnknownSecret(*at)),
            },
            SecretPart::Made(made) => match self.made_texts().texts.get(made) {
                Some(text) => Ok(text.to_string()),
                None => Err(TextError::NotMade(made.clone())),
            },
            SecretPart::Derived(_) => {
                let text = match self.derived(part)? {
                    Value::String(text) => text,
                    other => match of_secrets("json", &[other]) {
                        Ok(Value::String(text)) => text,
                        Ok(_) => return Err(TextError::NotText),
                        Err(why) => return Err(TextError::Derived(why)),
                    },
                };
                let text = usable(text)
                    .map_err(|why| TextError::Derived(format!("what is made of a secret {why}")))?;
                self.mask_too(part.clone(), &text);
                Ok(text.to_string())
            }
        }
    }

    /// What a function makes of secrets.
    fn derived(&self, part: &SecretPart) -> Result<Value, TextError> {
        let SecretPart::Derived(derived) = part else {
            return self.part(part).map(Value::string);
        };
        let args = derived.args.iter().map(|arg| self.plain(arg));
        let args: Vec<Value> = args.collect::<Result<_, TextError>>()?;
        of_secrets(&derived.function, &args).map_err(TextError::Derived)
    }

    /// A value with the texts of its secrets.
    fn plain(&self, value: &Value) -> Result<Value, TextError> {
        Ok(match value {
            Value::Secret(parts) => match parts.as_slice() {
                [part] => self.derived(part)?,
                _ => Value::string(self.text(value)?),
            },
            Value::String(text) => Value::string(self.opened(text)?),
            Value::List(items) => {
                let items: Result<Vec<Value>, TextError> =
                    items.iter().map(|item| self.plain(item)).collect();
                Value::list(items?)
            }
            Value::Map(entries) => {
                let plain = |(key, value): (&Name, &Value)| Ok((key.clone(), self.plain(value)?));
                let entries: Result<Vec<(Name, Value)>, TextError> =
                    entries.iter().map(plain).collect();
                Value::map(entries?)
            }
            other => other.clone(),
        })
    }

    /// Adds the secrets that a value needs and that must be made first.
    pub(super) fn missing_in(&self, value: &Value, to: &mut BTreeSet<MadeSecret>) {
        match value {
            Value::String(text) => self.missing_in_text(text, to),
            Value::Secret(parts) => parts.iter().for_each(|part| self.missing_in_part(part, to)),
            Value::List(items) => items.iter().for_each(|item| self.missing_in(item, to)),
            Value::Map(entries) => {
                for (key, value) in entries.iter() {
                    self.missing_in_text(key, to);
                    self.missing_in(value, to);
                }
            }
            Value::None
            | Value::Unknown
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Duration(_)
            | Value::Percent(_)
            | Value::Service { .. }
            | Value::Environment(_)
            | Value::Infrastructure(_) => {}
        }
    }

    /// The same for a text.
    pub(super) fn missing_in_text(&self, text: &str, to: &mut BTreeSet<MadeSecret>) {
        for unopened in self.unopened_in(text) {
            self.missing_in_part(&unopened.part, to);
        }
    }

    fn missing_in_part(&self, part: &SecretPart, to: &mut BTreeSet<MadeSecret>) {
        match part {
            SecretPart::Text(text) => self.missing_in_text(text, to),
            SecretPart::Secret(_) => {}
            SecretPart::Made(made) if self.made_texts().texts.contains_key(made) => {}
            SecretPart::Made(made) => {
                to.insert(made.clone());
            }
            SecretPart::Derived(derived) => {
                derived.args.iter().for_each(|arg| self.missing_in(arg, to));
            }
        }
    }

    /// A text in which secrets that have been made again take the places of their references.
    pub(super) fn opened(&self, text: &str) -> Result<String, TextError> {
        with_each(text, &self.unopened_in(text), &mut |reference| {
            let whole = self.part(&reference.part)?;
            form_of(&whole, reference.form, reference.from).ok_or(TextError::NotText)
        })
    }
}
