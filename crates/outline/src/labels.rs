//! Values, commands and modifiers of a plan as text, in the syntax of the language.

use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::command::{self, TextPart};
use lockstep_lang::ir::{Axis, CommandTemplate, FailureHandler, Program};
use lockstep_plan::PlanNode;
use lockstep_plan::{Locals, PlanWalk, connection_text};

/// A value as a person would give it: a list is separated by commas.
pub(super) fn shown(program: &Program, value: &Value) -> String {
    match value {
        Value::List(items) if !items.is_empty() => {
            let items = items.iter().map(|item| shown(program, item));
            items.collect::<Vec<_>>().join(", ")
        }
        _ => lockstep_plan::display(program, value),
    }
}

/// The value of an expression, or its text where only the run knows the value.
pub(super) fn text(walk: &PlanWalk<'_>, expr: &Expr, locals: &Locals) -> String {
    match walk.eval(expr, locals) {
        Ok(value) => shown(&walk.bound.program, &value),
        Err(_) => walk.bound.program.sources.text(expr.span).to_string(),
    }
}

/// What a value of an axis is called. One that is no name says little without the axis' name.
pub(super) fn named(
    walk: &PlanWalk<'_>,
    axis: Option<&Axis>,
    value: &Value,
    locals: &Locals,
) -> String {
    let shown = walk.name_on_axis(axis, value, locals);
    match (value, axis.filter(|axis| axis.by.is_none())) {
        (
            Value::Int(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Percent(_)
            | Value::Duration(_),
            Some(axis),
        ) => format!("{} {shown}", axis.name),
        _ => shown,
    }
}

/// A command; what only the run knows stays as it was written, and of long values the beginning is
/// shown.
pub(super) fn parts(
    walk: &PlanWalk<'_>,
    run: &CommandTemplate,
    is_here: bool,
    locals: &Locals,
) -> String {
    let value = |expr: &Expr| {
        let value = walk.eval(expr, locals)?;
        Ok::<_, Halt>(match run.is_path_here(expr, is_here) {
            true => walk.bound.facts.seen_from(expr.span.file, value),
            false => value,
        })
    };
    let part = |part: &TextPart| match part {
        TextPart::Text(text) => text.to_string(),
        TextPart::Value(expr) => match value(expr) {
            Ok(Value::List(items)) => {
                command::first_words(&items, &|item| command::beginning(walk.display(item)))
            }
            Ok(value) => command::beginning(walk.display(&value)),
            Err(_) => format!("${{{}}}", walk.bound.program.sources.text(expr.span)),
        },
    };
    run.text.iter().map(part).collect()
}

/// What a block gives to its commands: a place, a folder, the names of variables.
pub(super) fn given(
    walk: &PlanWalk<'_>,
    target: Option<&Expr>,
    dir: Option<&Expr>,
    env: &[(Name, Expr)],
    locals: &Locals,
) -> String {
    let place = target.map(|target| match walk.eval(target, locals) {
        Ok(connect @ Value::Map(_)) => connection_text(&connect),
        _ => text(walk, target, locals),
    });
    let folder = dir.map(|dir| format!("in {}", text(walk, dir, locals)));
    let names: Vec<&str> = env.iter().map(|(name, _)| &**name).collect();
    let variables = (!names.is_empty()).then(|| format!("env {}", names.join(", ")));
    let parts: Vec<String> = place.into_iter().chain(folder).chain(variables).collect();
    parts.join(" ")
}

/// The modifiers and handlers of a statement.
pub(super) fn modifiers(walk: &PlanWalk<'_>, node: &PlanNode, locals: &Locals) -> Vec<String> {
    let modifiers = &node.stmt.modifiers;
    let mut notes = Vec::new();
    if modifiers.atomic {
        notes.push(String::from("atomic"));
    }
    let mut say = |word: &str, value: &Option<Expr>| {
        if let Some(value) = value {
            notes.push(format!("{word} {}", text(walk, value, locals)));
        }
    };
    say("max", &modifiers.max);
    say("batches", &modifiers.batches);
    say("tolerate", &modifiers.tolerate);
    say("timeout", &modifiers.timeout);
    say("grace", &modifiers.grace);
    if let Some(retry) = &modifiers.retry {
        let said = |expr: &Expr| text(walk, expr, locals);
        let every = retry.every.as_ref().map(said);
        let every = every.map_or(String::new(), |every| format!(" every {every}"));
        let upto = retry.upto.as_ref().map(said);
        let upto = upto.map_or(String::new(), |upto| format!("..{upto}"));
        notes.push(format!("retry {}{every}{upto}", said(&retry.times)));
    }
    let is_query = node
        .stmt
        .kind
        .command()
        .is_some_and(|command| command.query);
    for (set, word) in [
        (modifiers.fail_fast, "fail fast"),
        (modifiers.once, "once"),
        (is_query, "query"),
        (modifiers.quiet, "quiet"),
        (node.undo.is_some(), "undo"),
        (node.stmt.handlers.no_undo.is_some(), "undo none"),
        (node.between.is_some(), "between"),
        (node.watch.is_some(), "watch"),
    ] {
        if set {
            notes.push(String::from(word));
        }
    }
    notes.extend(node.stmt.handlers.on_failure.iter().map(on_failure));
    if node.always.is_some() {
        notes.push(String::from("always"));
    }
    notes
}

/// `on failure(timeout, verification)`
fn on_failure(handler: &FailureHandler) -> String {
    match handler.classes.is_empty() {
        true => String::from("on failure"),
        false => format!("on failure({})", classes(handler)),
    }
}

/// The classes of failures that a handler takes; empty where it takes all.
pub(super) fn classes(handler: &FailureHandler) -> String {
    let classes: Vec<&str> = handler.classes.iter().map(|it| it.as_str()).collect();
    classes.join(", ")
}
