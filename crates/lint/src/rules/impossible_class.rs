//! `impossible-class`: an `on failure` for a class of failures that cannot occur there. Commands
//! are assumed to be able to fail in all the usual ways.

use std::collections::HashMap;

use super::super::context::{Context, ROOT_FILE};
use super::super::effects::EffectSet;
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{FailureClass, Program, Stmt};
use lockstep_syntax::ast::{Handler, HandlerKind, Ident, ItemKind};

pub(super) const RULE: Rule = Rule::new(codes::IMPOSSIBLE_CLASS, "impossible-class", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    let timed = has_timeouts(program);
    let mut look = |handlers: &[Handler], stmt: &Stmt| {
        let sum = context.effects.body(stmt);
        for class in handlers.iter().flat_map(classes) {
            found.extend(impossible(class, &sum, timed));
        }
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            if let Some(written) = context.written(stmt)
                && !stmt.handlers.on_failure.is_empty()
            {
                look(&written.handlers, stmt);
            }
        });
    });
    let mut handlers_by_pipeline: HashMap<&Name, &Vec<Handler>> = HashMap::new();
    for item in context.items() {
        if let ItemKind::Pipeline { name, handlers, .. } = &item.kind {
            handlers_by_pipeline.insert(&name.name, handlers);
        }
    }
    for pipeline in &program.pipelines {
        if let Some(handlers) = handlers_by_pipeline.get(&pipeline.name) {
            look(handlers, &pipeline.body);
        }
    }
}

fn classes(handler: &Handler) -> &[Ident] {
    match &handler.kind {
        HandlerKind::OnFailure { classes, .. } => classes,
        _ => &[],
    }
}

/// Whether the program has any timeout, which may also end what is inside its statement.
fn has_timeouts(program: &Program) -> bool {
    let mut found = false;
    let mut see = |stmt: &Stmt| found |= stmt.modifiers.timeout.is_some();
    for workflow in &program.workflows {
        for stmt in &workflow.body.stmts {
            each_stmt(stmt, &mut see);
        }
    }
    for pipeline in &program.pipelines {
        each_stmt(&pipeline.body, &mut see);
    }
    found
}

fn impossible(name: &Ident, sum: &EffectSet, timed: bool) -> Option<Diagnostic> {
    use FailureClass as Class;
    let class = Class::ALL
        .into_iter()
        .find(|class| class.as_str() == &*name.name)?;
    let why = match class {
        Class::Verification => "nothing in it verifies",
        Class::Approval => "nobody is asked in it",
        Class::Barrier => "no barrier is in it",
        Class::Deadlock => "no lock is taken in it",
        Class::Superseded => "nothing is deployed in it",
        Class::Interrupted => "nothing in it is marked `once`",
        Class::Timeout if !timed => "nothing has a time limit",
        Class::Exit | Class::Signal | Class::Connection | Class::Authentication => {
            "no command is run in it"
        }
        _ => return None,
    };
    if sum.has(class) {
        return None;
    }
    let message = format!("failures of class `{}` cannot occur here", name.name);
    Some(
        Diagnostic::warning(codes::IMPOSSIBLE_CLASS, name.span, message)
            .here(why)
            .help("name the class that was meant, or remove it"),
    )
}
