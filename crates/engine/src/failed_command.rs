//! What a failure handler hears of the command that failed: its exit code, and the end of what it
//! wrote.

use super::Machine;
use super::broken::{Checked, failure_apart};
use super::event::EffectOutcome;
use super::node::NodeId;
use super::run_event::{FailedCommand, Failure};
use lockstep_base::value::Value;
use lockstep_lang::ir::SIGTERM_GRACE_MS;

/// So much of what a command wrote is kept for the handlers of its failure.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

impl FailedCommand {
    /// What the outcome of a command says.
    pub(super) fn of(outcome: &EffectOutcome) -> Self {
        let value = &outcome.value;
        let fields = value.as_map();
        let field = |name: &str| fields.and_then(|fields| fields.get(name));
        let code = match field("code") {
            Some(Value::Int(code)) => Some(*code),
            _ => None,
        };
        let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
        let (stdout, stderr) = (
            field("tail").map_or_else(|| text("stdout"), |_| text("tail")),
            text("stderr"),
        );
        let parts = [stdout, stderr, &outcome.ending.output]
            .into_iter()
            .filter(|text| !text.is_empty());
        let output = end_of(&parts.collect::<Vec<_>>().join("\n")).to_string();
        Self {
            code,
            output,
            killed: None,
        }
    }
}

impl Machine {
    /// What is known of a command that has failed.
    pub(super) fn failed_command(
        &self,
        id: NodeId,
        outcome: &EffectOutcome,
    ) -> Checked<FailedCommand> {
        let grace_ms = failure_apart(self.grace_of(id))?.unwrap_or_default();
        let killed = outcome.ending.killed.then(|| {
            let grace = self.display(&Value::Duration(grace_ms.unwrap_or(SIGTERM_GRACE_MS)));
            format!("a command did not end within {grace} of SIGTERM, and was killed by SIGKILL")
        });
        Ok(FailedCommand {
            killed,
            ..FailedCommand::of(outcome)
        })
    }
}

impl Failure {
    /// Adds to the message that a command had to be killed.
    pub(super) fn says_how_it_was_killed(&mut self, command: &FailedCommand) {
        if let Some(killed) = &command.killed
            && !self.message.contains(killed.as_str())
        {
            self.message = format!("{}; {killed}", self.message);
        }
    }
}

/// The last part of a text, of whole characters, as much as is kept for the handlers of a failure.
pub fn end_of(text: &str) -> &str {
    let from = text.len().saturating_sub(MAX_OUTPUT_BYTES);
    text.get(text.ceil_char_boundary(from)..)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OutputText, command_value};
    use lockstep_base::source::Name;

    #[test]
    fn the_end_of_both_streams_is_kept() {
        let value =
            command_value::<Name>(OutputText::whole("out"), OutputText::whole("err"), 3, []);
        let command = FailedCommand::of(&EffectOutcome::good(value));
        assert_eq!((command.code, &*command.output), (Some(3), "out\nerr"));
        let long = "é".repeat(MAX_OUTPUT_BYTES);
        let value = command_value::<Name>(
            OutputText {
                text: long,
                is_cut: true,
            },
            OutputText::default(),
            1,
            [],
        );
        let command = FailedCommand::of(&EffectOutcome::good(value));
        assert_eq!(command.output.len(), MAX_OUTPUT_BYTES);
        let nothing = FailedCommand::of(&EffectOutcome::good(Value::None));
        assert_eq!(nothing, FailedCommand::default());
    }
}
