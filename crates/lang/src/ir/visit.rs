//! The visitor of a program (IR). What a statement directly contains is listed here once, for
//! readers and for those that modify it; every plain traversal uses it.

#![deny(clippy::wildcard_enum_match_arm)]

use super::command::{CommandWord, Form, Operand, ScriptPart, TextPart, Transfer};
use super::{
    Axis, Between, Block, CommandTemplate, Failing, FailureHandler, GlobalSource, HandlerVerdict,
    Handlers, Matrix, Modifiers, Program, Retry, SecretSource, Stmt, StmtKind, Template, Watch,
    WorkflowUse,
};
pub use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, RunField};

/// Something directly inside a statement.
#[derive(Debug)]
pub enum Child<'ir> {
    /// An expression of the statement itself or of its modifiers.
    Expr(&'ir Expr),
    /// A body.
    Body(&'ir Block),
    /// The body of a handler.
    Handler(&'ir Block),
}

/// Something directly inside a statement, to be changed.
#[derive(Debug)]
pub enum ChildMut<'ir> {
    /// An expression of the statement itself or of its modifiers.
    Expr(&'ir mut Expr),
    /// A body.
    Body(&'ir mut Block),
    /// The body of a handler.
    Handler(&'ir mut Block),
}

/// Generates a function that calls `see` for the direct children of a statement. Every field of
/// every node is named, so that a new one does not compile until it has its place here.
macro_rules! children {
    ($(#[$doc:meta])* $name:ident, $texts:ident, $Child:ident, $iter:ident, $stored:ident
        $(, $mutable:tt)?) => {
        $(#[$doc])*
        pub fn $name<'ir>(
            stmt: &'ir $($mutable)? Stmt,
            see: &mut dyn FnMut($Child<'ir>),
        ) {
            let Stmt { kind, span: _, bind: _, modifiers, handlers } = stmt;
            match kind {
                StmtKind::Block(body)
                | StmtKind::Parallel(body)
                | StmtKind::Stage { name: _, body }
                | StmtKind::Step { name: _, body } => see($Child::Body(body)),
                StmtKind::Matrix(Matrix { word: _, axes, filter, include, body, between }) => {
                    for Axis { order: _, name: _, slot: _, list, of: _, by, same } in axes {
                        see($Child::Expr(list));
                        by.$iter().for_each(|it| see($Child::Expr(it)));
                        same.$iter().for_each(|it| see($Child::Expr(it)));
                    }
                    filter.$iter().for_each(|it| see($Child::Expr(it)));
                    include.$iter().flatten().for_each(|it| see($Child::Expr(it)));
                    see($Child::Body(body));
                    if let Some(Between { slot: _, body }) = between {
                        see($Child::Handler(body));
                    }
                }
                StmtKind::Deploy { service, target, using } => {
                    see($Child::Expr(service));
                    see($Child::Expr(target));
                    if let Some(WorkflowUse { workflow: _, args, called: _, span: _ }) = using {
                        args.$iter().flatten().for_each(|it| see($Child::Expr(it)));
                    }
                }
                StmtKind::Run(command) => {
                    let CommandTemplate {
                        form, text, dir, env, stdin, on, query: _, operands,
                    } = &$($mutable)? **command;
                    $texts(text, see);
                    match form {
                        Form::Direct(words) => {
                            for word in words {
                                match word {
                                    CommandWord::One(parts) => $texts(parts, see),
                                    CommandWord::Spread(value) => see($Child::Expr(value)),
                                }
                            }
                        }
                        Form::Shell { bash: _, script } => {
                            for part in script {
                                match part {
                                    ScriptPart::Bare(value)
                                    | ScriptPart::Quoted(value)
                                    | ScriptPart::Spread(value) => see($Child::Expr(value)),
                                    ScriptPart::Text(_) => {}
                                }
                            }
                        }
                        Form::Transfer(transfer) => {
                            let Transfer {
                                direction: _, is_text: _, source, to, replacing: _, mode: _,
                            } = &$($mutable)? **transfer;
                            see($Child::Expr(source));
                            see($Child::Expr(to));
                        }
                    }
                    dir.$iter().for_each(|it| see($Child::Expr(it)));
                    on.$iter().for_each(|it| see($Child::Expr(it)));
                    env.$iter().for_each(|(_, it)| see($Child::Expr(it)));
                    stdin.$iter().for_each(|it| see($Child::Expr(it)));
                    for Operand { value, program: _, written: _ } in operands {
                        see($Child::Expr(value));
                    }
                }
                StmtKind::Call(WorkflowUse { workflow: _, args, called: _, span: _ })
                | StmtKind::Action { action: _, args } => {
                    args.$iter().flatten().for_each(|it| see($Child::Expr(it)));
                }
                StmtKind::If { branches, otherwise } => {
                    for (condition, body) in branches {
                        see($Child::Expr(condition));
                        see($Child::Body(body));
                    }
                    otherwise.$iter().for_each(|it| see($Child::Body(it)));
                }
                StmtKind::Barrier { name: _, key, across: _ } => {
                    key.$iter().for_each(|it| see($Child::Expr(it)));
                }
                StmtKind::Lock { resource, limit, body } => {
                    see($Child::Expr(resource));
                    limit.$iter().for_each(|it| see($Child::Expr(it)));
                    see($Child::Body(body));
                }
                StmtKind::Approve { question, by, count, except } => {
                    see($Child::Expr(question));
                    by.$iter().for_each(|it| see($Child::Expr(it)));
                    count.$iter().for_each(|it| see($Child::Expr(it)));
                    except.$iter().for_each(|it| see($Child::Expr(it)));
                }
                StmtKind::Verify { during, every, body } => {
                    see($Child::Expr(during));
                    see($Child::Expr(every));
                    see($Child::Body(body));
                }
                StmtKind::On { target, dir, env, with: _, body } => {
                    target.$iter().for_each(|it| see($Child::Expr(it)));
                    dir.$iter().for_each(|it| see($Child::Expr(it)));
                    env.$iter().for_each(|(_, it)| see($Child::Expr(it)));
                    see($Child::Body(body));
                }
                StmtKind::Let(value)
                | StmtKind::Wait(value)
                | StmtKind::Log(value)
                | StmtKind::Fail(Failing { message: value, class: _ })
                | StmtKind::Yield(value)
                | StmtKind::Verdict(HandlerVerdict::Retry(value)) => see($Child::Expr(value)),
                StmtKind::Return(value)
                | StmtKind::Verdict(HandlerVerdict::Ask { timeout: value, otherwise: _ }) => {
                    value.$iter().for_each(|it| see($Child::Expr(it)));
                }
                StmtKind::Verdict(
                    HandlerVerdict::Ignore | HandlerVerdict::Rollback(_) | HandlerVerdict::Abort,
                ) => {}
            }
            if let Some(Modifiers {
                    timeout,
                    grace,
                    retry,
                    max,
                    batches,
                    tolerate,
                    fail_fast: _,
                    atomic: _,
                    once: _,
                    quiet: _,
                    secret: _,
            }) = modifiers.$stored()
            {
                timeout.$iter().for_each(|it| see($Child::Expr(it)));
                grace.$iter().for_each(|it| see($Child::Expr(it)));
                if let Some(Retry { times, every, upto }) = retry {
                    see($Child::Expr(times));
                    every.$iter().for_each(|it| see($Child::Expr(it)));
                    upto.$iter().for_each(|it| see($Child::Expr(it)));
                }
                max.$iter().for_each(|it| see($Child::Expr(it)));
                batches.$iter().for_each(|it| see($Child::Expr(it)));
                tolerate.$iter().for_each(|it| see($Child::Expr(it)));
            }
            if let Some(Handlers {
                    bound: _,
                    result: _,
                    outcome: _,
                    undo,
                    no_undo,
                    on_failure,
                    always,
                    watch,
            }) = handlers.$stored()
            {
                no_undo.$iter().for_each(|it| see($Child::Expr(it)));
                undo.$iter().for_each(|it| see($Child::Handler(it)));
                for FailureHandler { classes: _, slot: _, body } in on_failure {
                    see($Child::Handler(body));
                }
                always.$iter().for_each(|it| see($Child::Handler(it)));
                if let Some(Watch { every, body }) = watch {
                    see($Child::Expr(every));
                    see($Child::Handler(body));
                }
            }
        }

        fn $texts<'ir>(
            parts: &'ir $($mutable)? [TextPart],
            see: &mut dyn FnMut($Child<'ir>),
        ) {
            for part in parts {
                match part {
                    TextPart::Value(value) => see($Child::Expr(value)),
                    TextPart::Text(_) => {}
                }
            }
        }
    };
}

children!(
    /// Calls `see` for the direct children of a statement: its expressions and bodies in source
    /// order, then those of its modifiers, then its handlers.
    children, texts, Child, iter, stored
);
children!(
    /// The same as [`children`], to change it.
    children_mut, texts_mut, ChildMut, iter_mut, stored_mut, mut
);

/// Calls `see` for the expressions of a statement itself, without those of the statements in it.
pub fn own<'ir>(stmt: &'ir Stmt, see: &mut dyn FnMut(&'ir Expr)) {
    children(stmt, &mut |child| match child {
        Child::Expr(expr) => see(expr),
        Child::Body(_) | Child::Handler(_) => {}
    });
}

/// Whether a program uses the folder of its run.
pub fn uses_scratch(program: &Program) -> bool {
    let mut found = false;
    let mut see = |expr: &Expr| found |= is_scratch(expr);
    for pipeline in &program.pipelines {
        stmt(&pipeline.body, &mut see);
    }
    for workflow in &program.workflows {
        block(&workflow.body, &mut see);
        (workflow.params.iter())
            .filter_map(|param| param.default.as_ref())
            .for_each(&mut see);
    }
    found
}

fn is_scratch(expr: &Expr) -> bool {
    let mut found = expr.kind == ExprKind::Run(RunField::Scratch);
    each_part(expr, &mut |part| {
        found |= part.kind == ExprKind::Run(RunField::Scratch);
    });
    found
}

/// Whether a program makes secrets while it runs.
pub fn makes_secrets(program: &Program) -> bool {
    let mut found = false;
    let mut see = |stmt: &Stmt| found |= stmt.modifiers.secret;
    for pipeline in &program.pipelines {
        each_stmt(&pipeline.body, &mut |stmt| see(stmt));
    }
    for workflow in &program.workflows {
        for stmt in &workflow.body.stmts {
            each_stmt(stmt, &mut |stmt| see(stmt));
        }
    }
    found
}

/// Calls `see` for a statement and all those in it, each before those inside it (preorder).
pub fn each_stmt<'ir>(stmt: &'ir Stmt, see: &mut dyn FnMut(&'ir Stmt)) {
    see(stmt);
    children(stmt, &mut |child| match child {
        Child::Body(block) | Child::Handler(block) => {
            block.stmts.iter().for_each(|inner| each_stmt(inner, see));
        }
        Child::Expr(_) => {}
    });
}

/// Calls `see` for every expression of a block, also those in handlers.
pub fn block<'ir>(block: &'ir Block, see: &mut dyn FnMut(&'ir Expr)) {
    block.stmts.iter().for_each(|inner| stmt(inner, see));
}

/// Calls `see` for every expression of a statement, also those of the statements in it.
pub fn stmt<'ir>(stmt: &'ir Stmt, see: &mut dyn FnMut(&'ir Expr)) {
    children(stmt, &mut |child| match child {
        Child::Expr(expr) => see(expr),
        Child::Body(inner) | Child::Handler(inner) => block(inner, see),
    });
}

impl Stmt {
    /// The blocks directly inside it, without handlers.
    pub fn bodies(&self) -> Vec<&Block> {
        let mut found = Vec::new();
        children(self, &mut |child| match child {
            Child::Body(block) => found.push(block),
            Child::Expr(_) | Child::Handler(_) => {}
        });
        found
    }

    /// All blocks directly inside it, the handlers' last.
    pub fn blocks(&self) -> Vec<&Block> {
        let mut found = self.bodies();
        found.extend(self.handlers());
        found
    }

    /// The bodies of its handlers.
    pub fn handlers(&self) -> Vec<&Block> {
        let mut found = Vec::new();
        children(self, &mut |child| match child {
            Child::Handler(block) => found.push(block),
            Child::Expr(_) | Child::Body(_) => {}
        });
        found
    }
}

/// All `env(…)` and `file(…)` calls in the bodies of workflows and pipelines.
pub fn outside_calls(program: &Program) -> Vec<&Expr> {
    let mut found = Vec::new();
    each_of_bodies(program, &mut |part| {
        if is_call(part, &["env", "file"]) {
            found.push(part);
        }
    });
    found
}

/// Whether a program asks the ledger what is deployed.
pub fn asks_ledger(program: &Program) -> bool {
    let mut asks = false;
    each_of_all(program, &mut |part| asks |= is_call(part, &["deployed"]));
    asks
}

/// Whether there can be paths in a program: an input or a field that is one, or an expression that
/// becomes one.
pub fn has_paths(program: &Program) -> bool {
    let kinds = program.kinds.iter();
    let mut fields = kinds.flat_map(|it| it.service.values().chain(it.infrastructure.values()));
    let mut has =
        program.globals.iter().any(|it| it.ty.has_path()) || fields.any(|it| it.ty.has_path());
    each_of_all(program, &mut |part| {
        has |= matches!(&part.kind, ExprKind::Convert(_, ty) if ty.has_path());
    });
    has
}

/// Every part of every expression of a program, but of its tests.
fn each_of_all<'p>(program: &'p Program, see: &mut dyn FnMut(&'p Expr)) {
    each_of_bodies(program, see);
    let mut look = |expr| each_part(expr, &mut *see);
    for global in &program.globals {
        match &global.source {
            GlobalSource::Let(expr) => look(expr),
            GlobalSource::Input { default, rule } => {
                (default.as_deref().into_iter().chain(rule)).for_each(&mut look)
            }
        }
    }
    for secret in &program.secrets {
        match &secret.source {
            SecretSource::Env(expr) | SecretSource::File(expr) => look(expr),
            SecretSource::Command(words) => words.iter().for_each(&mut look),
        }
    }
    for kind in &program.kinds {
        let fields = kind.service.values().chain(kind.infrastructure.values());
        fields
            .filter_map(|field| field.default.as_ref())
            .for_each(&mut look);
    }
    let made = program.service_templates.iter().map(|it| &it.declared);
    let services = program.services.iter().chain(made);
    let fields = services.clone().flat_map(|it| it.fields.values());
    fields.for_each(&mut look);
    let named = services.filter_map(|it| it.using.as_ref());
    let default = program.kinds.iter().filter_map(|it| it.deploy.as_ref());
    let workflows = named.chain(default);
    workflows
        .flat_map(|it| it.args.iter().flatten())
        .for_each(&mut look);
    program
        .environments
        .iter()
        .flat_map(|it| it.fields.values())
        .for_each(&mut look);
    let made = program
        .infrastructure_templates
        .iter()
        .map(|it| &it.declared);
    let places = program.infrastructures.iter().chain(made);
    places
        .clone()
        .flat_map(|it| it.fields.values())
        .for_each(&mut look);
    let overrides = program.environments.iter().flat_map(|it| &it.overrides);
    let overrides = overrides.chain(places.flat_map(|it| &it.overrides));
    overrides
        .flat_map(|it| it.named.iter().chain(it.fields.values()))
        .for_each(&mut look);
    let services = program.service_templates.iter().flat_map(Template::head);
    let places = program
        .infrastructure_templates
        .iter()
        .flat_map(Template::head);
    services.chain(places).for_each(&mut look);
    program.groups.iter().for_each(|it| look(&it.value));
}

fn is_call(part: &Expr, names: &[&str]) -> bool {
    matches!(&part.kind, ExprKind::Call(function, _) if names.contains(&function.0.name))
}

/// Every part of every expression in workflows and pipelines.
fn each_of_bodies<'p>(program: &'p Program, see: &mut dyn FnMut(&'p Expr)) {
    let mut visit = |expr| each_part(expr, &mut *see);
    for workflow in &program.workflows {
        block(&workflow.body, &mut visit);
        workflow
            .params
            .iter()
            .filter_map(|param| param.default.as_ref())
            .for_each(&mut visit);
    }
    for pipeline in &program.pipelines {
        pipeline.queue.iter().for_each(|queue| visit(&queue.name));
        stmt(&pipeline.body, &mut visit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::eval::{Slot, visit};
    use crate::ir::Sparse;
    use lockstep_base::source::{FileId, Span};
    use lockstep_base::value::Value;

    fn expr(number: i64) -> Expr {
        Expr::constant(Value::Int(number), Span::start_of(FileId(0)))
    }

    fn stmt_of(kind: StmtKind) -> Stmt {
        Stmt {
            kind,
            span: Span::start_of(FileId(0)),
            bind: None,
            modifiers: Sparse::default(),
            handlers: Sparse::default(),
        }
    }

    fn log(number: i64) -> Block {
        Block {
            stmts: vec![Arc::new(stmt_of(StmtKind::Log(expr(number))))],
        }
    }

    fn lock_with_everything() -> Stmt {
        let mut stmt = stmt_of(StmtKind::Lock {
            resource: expr(1),
            limit: Some(expr(2)),
            body: log(3),
        });
        stmt.modifiers.timeout = Some(expr(4));
        stmt.modifiers.retry = Some(Retry {
            times: expr(5),
            every: Some(expr(6)),
            upto: Some(expr(7)),
        });
        stmt.handlers.undo = Some(log(8));
        stmt.handlers.on_failure = vec![FailureHandler {
            classes: Vec::new(),
            slot: Slot(0),
            body: log(9),
        }];
        stmt.handlers.always = Some(log(10));
        stmt
    }

    #[test]
    fn everything_is_seen_once_and_in_order() {
        let lock = lock_with_everything();
        let mut seen = Vec::new();
        stmt(&lock, &mut |expr| seen.push(expr.clone()));
        assert_eq!(seen, (1..=10).map(expr).collect::<Vec<_>>());
        let mut own_ones = 0;
        own(&lock, &mut |_| own_ones += 1);
        assert_eq!(own_ones, 6);
        assert_eq!((lock.bodies().len(), lock.blocks().len()), (1, 4));
        let mut statements = 0;
        each_stmt(&lock, &mut |_| statements += 1);
        assert_eq!(statements, 5);
    }

    #[test]
    fn what_is_changed_is_what_is_seen() {
        let mut lock = lock_with_everything();
        let (mut shared, mut changed) = (Vec::new(), 0);
        children(&lock.clone(), &mut |child| {
            shared.push(format!("{child:?}"))
        });
        let mut same = Vec::new();
        children_mut(&mut lock, &mut |child| {
            same.push(format!("{child:?}"));
            if let ChildMut::Expr(expr) = child {
                *expr = self::expr(0);
                changed += 1;
            }
        });
        assert_eq!(shared, same);
        let mut left = Vec::new();
        own(&lock, &mut |own| left.push(own.clone()));
        assert_eq!(left, vec![expr(0); changed]);
    }

    #[test]
    fn parts_of_an_expression_come_as_they_are_written() {
        let span = Span::start_of(FileId(0));
        let all = Expr {
            kind: ExprKind::Comprehension {
                body: Box::new(expr(3)),
                slot: Slot(0),
                list: Box::new(expr(1)),
                cond: Some(Box::new(expr(2))),
            },
            span,
        };
        let list = Expr {
            kind: ExprKind::If(Box::new(all), Box::new(expr(4)), Box::new(expr(5))),
            span,
        };
        let mut seen = Vec::new();
        visit::each_part(&list, &mut |part| seen.extend(part.as_const().cloned()));
        assert_eq!(seen, (1..=5).map(Value::Int).collect::<Vec<_>>());
    }
}
