//! Lowers `trigger`.

use super::{TreeBuilder, behind};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn trigger(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let name = self.name_of(parts, "the trigger's name");
        let on = parts.accept(Rule::trigger_on);
        let mut on = on.map(|pair| self.trigger_part(pair, "what it fires on after `on`"));
        if let Some(pair) = parts.accept(Rule::bad_on) {
            let part = self.trigger_part(pair, "");
            self.report(errors::no_on(part.name.span));
            on = Some(part);
        }
        let filter = parts.accept(Rule::validation).map(|pair| {
            let mut inner = Parts::of(pair);
            self.expr_of(&mut inner, "a condition after `where`")
        });
        let starts = parts.accept(Rule::trigger_starts);
        let starts = starts.map(|pair| self.trigger_part(pair, "a pipeline after `starts`"));
        // What stands behind a missing name has no place to be missing from.
        if !name.name.is_empty() {
            if on.is_none() {
                let place = behind(name.span);
                self.report(errors::missing_part(place, "`on` and what it fires on"));
            } else if starts.is_none() {
                let place = behind(span);
                self.report(errors::missing_part(place, "`starts` and a pipeline"));
            }
        }
        ItemKind::Trigger(Box::new(Trigger {
            name,
            on,
            filter,
            starts,
        }))
    }

    /// A name and its arguments.
    fn trigger_part(&mut self, pair: Pair<'_>, what: &str) -> TriggerPart {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name_of(&mut parts, what);
        let args = parts.accept(Rule::args);
        TriggerPart {
            name,
            args: args.map(|pair| self.args(pair)).unwrap_or_default(),
            span,
        }
    }
}
