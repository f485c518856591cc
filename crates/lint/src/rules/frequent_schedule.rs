//! `frequent-schedule`: a schedule that fires more often than it seems to: in every minute of an
//! hour, or on either of two days, since cron joins them by "or". A range of hours is left alone:
//! every minute of the working day may be meant.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::cron::Cron;
use lockstep_syntax::ast::{Expr, ExprKind, ItemKind, StringPart, TriggerPart};

pub(super) const RULE: Rule =
    Rule::new(codes::FREQUENT_SCHEDULE, "frequent-schedule", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for item in context.items() {
        let ItemKind::Trigger(trigger) = &item.kind else {
            continue;
        };
        let on = trigger.on.as_ref();
        let Some(fields) = on.and_then(schedule) else {
            continue;
        };
        let [minute, hour, day, _, weekday] = fields;
        let is_one = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if minute.text == "*" && is_one(hour.text) {
            found.push(
                Diagnostic::warning(
                    codes::FREQUENT_SCHEDULE,
                    minute.span,
                    "this schedule fires 60 times in one hour",
                )
                .here("every minute")
                .label(hour.span, "of this hour")
                .help("write the minute at which it is to fire: `0`"),
            );
        }
        if !day.text.starts_with('*') && !weekday.text.starts_with('*') {
            found.push(
                Diagnostic::warning(
                    codes::FREQUENT_SCHEDULE,
                    day.span,
                    "this schedule fires on either of these days, not on both at once",
                )
                .here("on this day of every such month")
                .label(weekday.span, "and on this day of every week")
                .help("write `*` for one of them; or two triggers, where each is meant"),
            );
        }
    }
}

/// A field of a schedule.
#[derive(Clone, Copy)]
struct Field<'a> {
    text: &'a str,
    span: Span,
}

/// The five fields of a schedule that is written out, and is one.
fn schedule(on: &TriggerPart) -> Option<[Field<'_>; 5]> {
    if &*on.name.name != "schedule" {
        return None;
    }
    let mut args = on.args.iter();
    let cron = args.find(|arg| arg.name.as_ref().is_none_or(|name| &*name.name == "cron"))?;
    let (text, span) = text(&cron.value)?;
    Cron::parse(text).ok()?;
    let mut at = 0;
    let fields = text.split_whitespace().map(|field| {
        let start = text.get(at..)?.find(field)? + at;
        at = start + field.len();
        let first = span.start as usize;
        Some(Field {
            text: field,
            span: Span::new(span.file, first + start, first + at),
        })
    });
    let fields: Vec<Field<'_>> = fields.collect::<Option<_>>()?;
    fields.try_into().ok()
}

/// A text as it is written, with its place.
fn text(expr: &Expr) -> Option<(&str, Span)> {
    let ExprKind::String(string) = &tree::bare(expr).kind else {
        return None;
    };
    match string.parts.as_slice() {
        [StringPart::Text { text, span }] if (span.end - span.start) as usize == text.len() => {
            Some((text, *span))
        }
        _ => None,
    }
}
