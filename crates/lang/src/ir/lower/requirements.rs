//! Lowers `requires`: a program that must be there, and its version.

use crate::ir::{Requirement, VersionRule};
use lockstep_base::source::Name;
use lockstep_syntax::ast;

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    /// The programs that a declaration requires.
    pub(super) fn requirements(&mut self, written: &[ast::Requirement]) -> Vec<Requirement> {
        let mut found = Vec::with_capacity(written.len());
        for requirement in written {
            if self.check.modules.is_broken(requirement.span) {
                continue;
            }
            let program = self.plain_text(&requirement.program);
            if program
                .as_ref()
                .is_some_and(|name| name.contains(char::is_whitespace))
            {
                self.check
                    .report(errors::program_with_blanks(requirement.program.span));
                continue;
            }
            let version = requirement.version.as_ref();
            let rules = version.and_then(|text| {
                let plain = self.plain_text(text)?;
                let rules = VersionRule::read_all(&plain);
                if rules.is_none() {
                    self.check.report(errors::version_rule(text.span, &plain));
                }
                rules
            });
            let by = requirement.by.as_ref();
            let by = by.and_then(|text| self.plain_text(text));
            if let Some(program) = program.filter(|program| !program.is_empty()) {
                found.push(Requirement {
                    program,
                    version: rules.unwrap_or_default(),
                    by,
                    span: requirement.span,
                });
            }
        }
        found
    }

    /// A text without values: what is looked for is known before any value is.
    fn plain_text(&mut self, text: &ast::StringLit) -> Option<Name> {
        let plain = text.plain();
        if plain.is_none() {
            self.check.report(errors::value_in_requirement(text.span));
        }
        plain
    }
}
