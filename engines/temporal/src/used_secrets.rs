//! Which secrets a step needs: whoever carries it out reads no other ones.

use std::collections::BTreeSet;

use lockstep_base::value::{MadeSecret, SecretPart, Value};
use lockstep_engine::CommandRequest;
use lockstep_lang::eval::builtins::SECRET_FILE_PREFIX;
use lockstep_lang::ir::command::{Invocation, TransferSource};
use lockstep_runtime::sealed::references;

use crate::wire::StepWork;

/// The secrets that something needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedSecrets {
    /// Declared ones, by their places in the program's table.
    pub declared: BTreeSet<u32>,
    /// Those that are made while the run goes on.
    pub made: BTreeSet<MadeSecret>,
}

impl UsedSecrets {
    /// The secrets that a step needs; the files of secrets are in this folder.
    pub fn of(work: &StepWork, secret_folder: &str) -> Self {
        let mut used = Walk {
            secret_folder,
            found: Self::default(),
        };
        match work {
            StepWork::Command { command, .. } => used.command(command),
            StepWork::Request { args, .. } => args.iter().for_each(|arg| used.value(arg)),
        }
        used.found
    }
}

struct Walk<'a> {
    secret_folder: &'a str,
    found: UsedSecrets,
}

impl Walk<'_> {
    fn command(&mut self, command: &CommandRequest) {
        match &command.invocation {
            Invocation::Direct(words) => words.iter().for_each(|word| self.text(word)),
            Invocation::Shell {
                script, variables, ..
            } => {
                self.text(script);
                variables.iter().for_each(|(_, value)| self.value(value));
            }
            Invocation::Transfer(transfer) => match &transfer.source {
                TransferSource::Text { text, .. } => self.value(text),
                TransferSource::Path(path) => self.text(path),
            },
        }
        command.env.iter().for_each(|(_, value)| self.value(value));
        command.stdin.iter().for_each(|value| self.value(value));
        command.dir.iter().for_each(|dir| self.text(dir));
        command.connect.iter().for_each(|value| self.value(value));
        for demand in &command.requires {
            demand.connect.iter().for_each(|value| self.value(value));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Map(entries) => {
                for (key, value) in entries.iter() {
                    self.text(key);
                    self.value(value);
                }
            }
            Value::Secret(parts) => parts.iter().for_each(|part| self.part(part)),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Duration(_)
            | Value::Percent(_)
            | Value::Service { .. }
            | Value::Environment(_)
            | Value::Infrastructure(_)
            | Value::Unknown => {}
        }
    }

    fn part(&mut self, part: &SecretPart) {
        match part {
            SecretPart::Text(text) => self.text(text),
            SecretPart::Secret(at) => drop(self.found.declared.insert(*at)),
            SecretPart::Made(made) => drop(self.found.made.insert(made.clone())),
            SecretPart::Derived(derived) => derived.args.iter().for_each(|arg| self.value(arg)),
        }
    }

    /// A text may refer to secrets that were sealed in it, and name files that hold secrets.
    fn text(&mut self, text: &str) {
        for part in references(text) {
            self.part(&part);
        }
        if self.secret_folder.is_empty() {
            return;
        }
        for (at, folder) in text.match_indices(self.secret_folder) {
            let rest = text.get(at + folder.len()..).unwrap_or_default();
            let rest = rest.strip_prefix('/').unwrap_or_default();
            let number = rest.strip_prefix(SECRET_FILE_PREFIX).unwrap_or_default();
            let end = number.find(|char: char| !char.is_ascii_digit());
            let digits = number.get(..end.unwrap_or(number.len()));
            self.found
                .declared
                .extend(digits.and_then(|it| it.parse::<u32>().ok()));
        }
    }
}
