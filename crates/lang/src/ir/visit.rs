//! Walks over the statements and expressions of a program.
//! It does not know what is looked for.

use super::command::{Form, ScriptPart, TextPart, Word};
use super::{Block, Matrix, Program, Stmt, StmtKind, Verdict, WorkflowUse};
use crate::eval::{Expr, ExprKind, Part};

/// All `env(…)` and `file(…)` calls in the bodies of workflows and pipelines.
pub fn outside_calls(program: &Program) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut visit = |expr| {
        each_part(expr, &mut |part: &Expr| {
            let looks_outside = |name: &str| name == "env" || name == "file";
            if matches!(&part.kind, ExprKind::Call(function, _) if looks_outside(function.0.name)) {
                found.push(part);
            }
        })
    };
    for workflow in &program.workflows {
        block(&workflow.body, &mut visit);
        workflow
            .params
            .iter()
            .filter_map(|param| param.default.as_ref())
            .for_each(&mut visit);
    }
    for pipeline in &program.pipelines {
        stmt(&pipeline.body, &mut visit);
    }
    found
}

/// Hands every expression of a block to `visit`, also those in handlers.
pub fn block<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Expr)) {
    for statement in &block.stmts {
        stmt(statement, visit);
    }
}

/// Hands every expression of a statement to `visit`, also those of the statements in it.
pub fn stmt<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(&'a Expr)) {
    kind(&stmt.kind, visit);
    let modifiers = &stmt.modifiers;
    let retry = modifiers.retry.as_ref();
    [
        &modifiers.timeout,
        &modifiers.max,
        &modifiers.batches,
        &modifiers.tolerate,
    ]
    .into_iter()
    .flatten()
    .chain(retry.map(|retry| &retry.times))
    .chain(retry.and_then(|retry| retry.every.as_ref()))
    .chain(retry.and_then(|retry| retry.upto.as_ref()))
    .for_each(&mut *visit);
    let handlers = &stmt.handlers;
    let failures = handlers.on_failure.iter().map(|handler| &handler.body);
    for body in handlers.undo.iter().chain(failures).chain(&handlers.always) {
        block(body, visit);
    }
}

fn kind<'a>(kind: &'a StmtKind, visit: &mut dyn FnMut(&'a Expr)) {
    match kind {
        StmtKind::Block(body) | StmtKind::Parallel(body) => block(body, visit),
        StmtKind::Stage { body, .. } | StmtKind::Step { body, .. } => block(body, visit),
        StmtKind::Matrix(grid) => matrix(grid, visit),
        StmtKind::Deploy {
            service,
            target,
            using,
        } => {
            visit(service);
            visit(target);
            using.iter().for_each(|using| workflow(using, visit));
        }
        StmtKind::Run(command) => {
            run(command, visit);
        }
        StmtKind::Call(using) => workflow(using, visit),
        StmtKind::Action { args, .. } => args.iter().flatten().for_each(visit),
        StmtKind::If {
            branches,
            otherwise,
        } => {
            for (condition, body) in branches {
                visit(condition);
                block(body, visit);
            }
            otherwise.iter().for_each(|body| block(body, visit));
        }
        StmtKind::Barrier { key, .. } => key.iter().for_each(visit),
        StmtKind::Lock {
            resource,
            limit,
            body,
        } => {
            visit(resource);
            limit.iter().for_each(&mut *visit);
            block(body, visit);
        }
        StmtKind::Approve { question, by } => {
            visit(question);
            by.iter().for_each(visit);
        }
        StmtKind::Verify {
            during,
            every,
            body,
        } => {
            visit(during);
            visit(every);
            block(body, visit);
        }
        StmtKind::On { target, body } => {
            visit(target);
            block(body, visit);
        }
        StmtKind::Let(value)
        | StmtKind::Wait(value)
        | StmtKind::Log(value)
        | StmtKind::Fail(value)
        | StmtKind::Yield(value) => visit(value),
        StmtKind::Return(value) => value.iter().for_each(visit),
        StmtKind::Verdict(verdict) => match verdict {
            Verdict::Retry(times) => visit(times),
            Verdict::Ask { timeout, .. } => timeout.iter().for_each(visit),
            Verdict::Ignore | Verdict::Rollback(_) | Verdict::Abort => {}
        },
    }
}

fn matrix<'a>(matrix: &'a Matrix, visit: &mut dyn FnMut(&'a Expr)) {
    matrix.axes.iter().for_each(|axis| visit(&axis.list));
    matrix.filter.iter().for_each(&mut *visit);
    matrix.include.iter().flatten().for_each(&mut *visit);
    block(&matrix.body, visit);
}

fn workflow<'a>(using: &'a WorkflowUse, visit: &mut dyn FnMut(&'a Expr)) {
    using.args.iter().flatten().for_each(visit);
}

fn run<'a>(command: &'a super::Command, visit: &mut dyn FnMut(&'a Expr)) {
    texts(&command.text, visit);
    match &command.form {
        Form::Direct(words) => {
            for word in words {
                match word {
                    Word::One(parts) => texts(parts, visit),
                    Word::Spread(list) => visit(list),
                }
            }
        }
        Form::Shell { script, .. } => {
            for part in script {
                match part {
                    ScriptPart::Text(_) => {}
                    ScriptPart::Bare(expr)
                    | ScriptPart::Quoted(expr)
                    | ScriptPart::Spread(expr) => {
                        visit(expr);
                    }
                }
            }
        }
    }
    let fixed = command.dir.iter().chain(&command.on);
    fixed
        .chain(command.env.iter().map(|(_, value)| value))
        .for_each(visit);
}

fn texts<'a>(parts: &'a [TextPart], visit: &mut dyn FnMut(&'a Expr)) {
    for part in parts {
        if let TextPart::Value(expr) = part {
            visit(expr);
        }
    }
}

/// Hands an expression and all its parts to `visit`.
pub fn each_part<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Global(_) | ExprKind::Run(_) => {}
        ExprKind::Interpolate(parts) => {
            for part in parts {
                if let Part::Value(part) = part {
                    each_part(part, visit);
                }
            }
        }
        ExprKind::List(items) => items.iter().for_each(|item| each_part(&item.value, visit)),
        ExprKind::Record(entries) => entries
            .iter()
            .for_each(|(_, value)| each_part(value, visit)),
        ExprKind::Field(of, _) | ExprKind::Star(of) | ExprKind::Unary(_, of) => {
            each_part(of, visit)
        }
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => {
            each_part(a, visit);
            each_part(b, visit);
        }
        ExprKind::If(a, b, c) => {
            each_part(a, visit);
            each_part(b, visit);
            each_part(c, visit);
        }
        ExprKind::Comprehension {
            body, list, cond, ..
        } => {
            each_part(list, visit);
            cond.iter().for_each(|cond| each_part(cond, visit));
            each_part(body, visit);
        }
        ExprKind::Call(_, args) => args.iter().for_each(|arg| each_part(arg, visit)),
    }
}
