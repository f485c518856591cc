//! Goes through the blocks and expressions of lowered statements.
//! It does not know what is done with them.

use crate::eval::Expr;
use crate::ir::command::{Form, ScriptPart, TextPart, Word};
use crate::ir::{Block, Handlers, Modifiers, Stmt, StmtKind, Verdict};

/// Calls `see` for the blocks directly inside a statement.
pub(super) fn blocks_mut(stmt: &mut Stmt, see: &mut dyn FnMut(&mut Block)) {
    match &mut stmt.kind {
        StmtKind::Block(body)
        | StmtKind::Parallel(body)
        | StmtKind::Stage { body, .. }
        | StmtKind::Step { body, .. }
        | StmtKind::Lock { body, .. }
        | StmtKind::Verify { body, .. }
        | StmtKind::On { body, .. } => see(body),
        StmtKind::Matrix(matrix) => see(&mut matrix.body),
        StmtKind::If {
            branches,
            otherwise,
        } => {
            branches.iter_mut().for_each(|(_, block)| see(block));
            otherwise.iter_mut().for_each(&mut *see);
        }
        _ => {}
    }
    let Handlers {
        undo,
        on_failure,
        always,
    } = &mut stmt.handlers;
    undo.iter_mut().for_each(&mut *see);
    on_failure
        .iter_mut()
        .for_each(|handler| see(&mut handler.body));
    always.iter_mut().for_each(see);
}

/// Calls `see` for the expressions of a statement itself.
pub(super) fn own<'s>(stmt: &'s Stmt, see: &mut dyn FnMut(&'s Expr)) {
    match &stmt.kind {
        StmtKind::Block(_)
        | StmtKind::Parallel(_)
        | StmtKind::Stage { .. }
        | StmtKind::Step { .. } => {}
        StmtKind::Matrix(matrix) => {
            matrix.axes.iter().for_each(|axis| see(&axis.list));
            matrix.filter.iter().for_each(&mut *see);
            matrix.include.iter().flatten().for_each(&mut *see);
        }
        StmtKind::Deploy {
            service,
            target,
            using,
        } => {
            see(service);
            see(target);
            if let Some(using) = using {
                using.args.iter().flatten().for_each(&mut *see);
            }
        }
        StmtKind::Run(command) => {
            form(&command.form, see);
            command.text.iter().for_each(|part| text(part, see));
            command.dir.iter().for_each(&mut *see);
            command.env.iter().for_each(|(_, value)| see(value));
            command.on.iter().for_each(&mut *see);
        }
        StmtKind::Call(call) => call.args.iter().flatten().for_each(&mut *see),
        StmtKind::Action { args, .. } => args.iter().flatten().for_each(&mut *see),
        StmtKind::If { branches, .. } => branches.iter().for_each(|(cond, _)| see(cond)),
        StmtKind::Barrier { key, .. } => key.iter().for_each(&mut *see),
        StmtKind::Lock {
            resource, limit, ..
        } => {
            see(resource);
            limit.iter().for_each(&mut *see);
        }
        StmtKind::Approve { question, by } => {
            see(question);
            by.iter().for_each(&mut *see);
        }
        StmtKind::Let(value)
        | StmtKind::Wait(value)
        | StmtKind::Log(value)
        | StmtKind::Fail(value)
        | StmtKind::Yield(value)
        | StmtKind::On { target: value, .. } => see(value),
        StmtKind::Verify { during, every, .. } => {
            see(during);
            see(every);
        }
        StmtKind::Return(value) => value.iter().for_each(&mut *see),
        StmtKind::Verdict(Verdict::Retry(times)) => see(times),
        StmtKind::Verdict(Verdict::Ask { timeout, .. }) => timeout.iter().for_each(&mut *see),
        StmtKind::Verdict(_) => {}
    }
    modifiers(&stmt.modifiers, see);
}

fn modifiers<'s>(modifiers: &'s Modifiers, see: &mut dyn FnMut(&'s Expr)) {
    modifiers.timeout.iter().for_each(&mut *see);
    if let Some(retry) = &modifiers.retry {
        see(&retry.times);
        retry.every.iter().for_each(&mut *see);
        retry.upto.iter().for_each(&mut *see);
    }
    modifiers.max.iter().for_each(&mut *see);
    modifiers.batches.iter().for_each(&mut *see);
    modifiers.tolerate.iter().for_each(see);
}

fn text<'s>(part: &'s TextPart, see: &mut dyn FnMut(&'s Expr)) {
    if let TextPart::Value(value) = part {
        see(value);
    }
}

fn form<'s>(form: &'s Form, see: &mut dyn FnMut(&'s Expr)) {
    match form {
        Form::Direct(words) => words.iter().for_each(|word| match word {
            Word::One(parts) => parts.iter().for_each(|part| text(part, see)),
            Word::Spread(value) => see(value),
        }),
        Form::Shell { script, .. } => script.iter().for_each(|part| match part {
            ScriptPart::Bare(value) | ScriptPart::Quoted(value) | ScriptPart::Spread(value) => {
                see(value);
            }
            ScriptPart::Text(_) => {}
        }),
    }
}
