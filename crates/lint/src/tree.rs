//! Goes through the declarations, statements and expressions of a file as they were written.
//! It does not know what is looked for.

use lockstep_base::source::Span;
use lockstep_syntax::ast::{
    Block, Expr, ExprKind, Field, File, Given, Handler, HandlerKind, Item, ItemKind, LetValue,
    Modifier, ModifierKind, Stmt, StmtKind, StringLit, StringPart, TestKind, Use,
};

/// What a block is to its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What it does.
    Body,
    /// A branch of an `if`.
    Branch,
    /// How it is taken back.
    Undo,
    /// What is done when it fails.
    Failure,
    /// What is done in the end.
    Always,
}

/// The blocks directly inside a statement. Those of `let x = serial …` are the inner statement's.
pub fn blocks(stmt: &Stmt) -> Vec<(Role, &Block)> {
    let mut found = Vec::new();
    match &stmt.kind {
        StmtKind::Stage { body, .. }
        | StmtKind::Serial { body }
        | StmtKind::Parallel { body }
        | StmtKind::Loop { body, .. }
        | StmtKind::Matrix { body, .. }
        | StmtKind::Step { body, .. }
        | StmtKind::Lock { body, .. }
        | StmtKind::Verify { body, .. }
        | StmtKind::On { body, .. } => found.push((Role::Body, body)),
        StmtKind::If {
            branches,
            otherwise,
        } => {
            let branches = branches.iter().map(|(_, body)| body);
            found.extend(branches.chain(otherwise).map(|body| (Role::Branch, body)));
        }
        _ => {}
    }
    found.extend(stmt.handlers.iter().map(handler));
    found
}

/// A handler's block.
pub fn handler(handler: &Handler) -> (Role, &Block) {
    match &handler.kind {
        HandlerKind::Undo(body) => (Role::Undo, body),
        HandlerKind::OnFailure { body, .. } => (Role::Failure, body),
        HandlerKind::Always(body) => (Role::Always, body),
    }
}

/// The statement behind `let x =`, if it is an effect.
pub fn effect(stmt: &Stmt) -> Option<&Stmt> {
    match &stmt.kind {
        StmtKind::Let {
            value: LetValue::Effect(inner),
            ..
        } => Some(inner),
        _ => None,
    }
}

/// The blocks of a declaration: a workflow's body, a pipeline's body and handlers.
pub fn item_blocks(item: &Item) -> Vec<(Role, &Block)> {
    match &item.kind {
        ItemKind::Workflow { body, .. } => vec![(Role::Body, body)],
        ItemKind::Pipeline { body, handlers, .. } => {
            let body = std::iter::once((Role::Body, body));
            body.chain(handlers.iter().map(handler)).collect()
        }
        _ => Vec::new(),
    }
}

/// Hands all blocks of a file to `see`, each before those inside it.
pub fn each_block<'a>(file: &'a File, see: &mut dyn FnMut(Role, &'a Block)) {
    fn within<'a>(role: Role, block: &'a Block, see: &mut dyn FnMut(Role, &'a Block)) {
        see(role, block);
        for stmt in &block.stmts {
            for stmt in [Some(stmt), effect(stmt)].into_iter().flatten() {
                for (role, block) in blocks(stmt) {
                    within(role, block, see);
                }
            }
        }
    }
    for (role, block) in file.items.iter().flat_map(item_blocks) {
        within(role, block, see);
    }
}

/// Hands all statements of a file to `see`, each before those inside it.
pub fn each_stmt_of<'a>(file: &'a File, see: &mut dyn FnMut(&'a Stmt)) {
    each_block(file, &mut |_, block| {
        for stmt in &block.stmts {
            see(stmt);
            if let Some(inner) = effect(stmt) {
                see(inner);
            }
        }
    });
}

/// Hands all statements in a block to `see`, each before those inside it.
pub fn each_stmt<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Stmt)) {
    for stmt in &block.stmts {
        within(stmt, see);
    }
}

/// Hands a statement and all that are inside it to `see`.
pub fn within<'a>(stmt: &'a Stmt, see: &mut dyn FnMut(&'a Stmt)) {
    see(stmt);
    for (_, block) in blocks(stmt) {
        each_stmt(block, see);
    }
    if let Some(inner) = effect(stmt) {
        within(inner, see);
    }
}

/// The expressions of a statement itself, not those of the statements inside it.
pub fn exprs(stmt: &Stmt) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = Vec::new();
    match &stmt.kind {
        StmtKind::Loop { axis, .. } => found.push(&axis.list),
        StmtKind::Matrix {
            axes,
            filter,
            include,
            ..
        } => {
            found.extend(axes.iter().map(|axis| &axis.list));
            found.extend(filter.iter().chain(include));
        }
        StmtKind::Deploy {
            service,
            target,
            using,
        } => {
            found.extend([service, target]);
            found.extend(using.iter().flat_map(arguments));
        }
        StmtKind::Run(run) => {
            found.extend(interpolated(&run.command));
            found.extend(run.dir.iter().chain(&run.on));
            found.extend(run.variables().iter().map(|(_, value)| value));
        }
        StmtKind::Let {
            value: LetValue::Expr(value),
            ..
        } => found.push(value),
        StmtKind::If { branches, .. } => found.extend(branches.iter().map(|(when, _)| when)),
        StmtKind::Barrier { key, .. } => found.extend(key),
        StmtKind::Lock {
            resource, limit, ..
        } => {
            found.push(resource);
            found.extend(limit);
        }
        StmtKind::Approve { question, by } => {
            found.push(question);
            found.extend(by);
        }
        StmtKind::Verify { during, every, .. } => found.extend([during, every]),
        StmtKind::On { target, .. } => found.push(target),
        StmtKind::Return(value) => found.extend(value),
        StmtKind::Call(value)
        | StmtKind::Wait(value)
        | StmtKind::Log(value)
        | StmtKind::Fail(value)
        | StmtKind::Yield(value)
        | StmtKind::Retry(value) => found.push(value),
        StmtKind::Ask { timeout, .. } => found.extend(timeout),
        _ => {}
    }
    found.extend(stmt.modifiers.iter().flat_map(modifier));
    found
}

/// The expressions of a modifier.
pub fn modifier(modifier: &Modifier) -> Vec<&Expr> {
    match &modifier.kind {
        ModifierKind::Timeout(value)
        | ModifierKind::Max(value)
        | ModifierKind::Batches(value)
        | ModifierKind::Tolerate(value) => vec![value],
        ModifierKind::Retry { times, every, upto } => {
            let pauses = every.iter().chain(upto).map(|it| &**it);
            std::iter::once(times).chain(pauses).collect()
        }
        _ => Vec::new(),
    }
}

fn arguments(using: &Use) -> impl Iterator<Item = &Expr> {
    using.args.iter().map(|arg| &arg.value)
}

fn interpolated(text: &StringLit) -> impl Iterator<Item = &Expr> {
    text.parts.iter().filter_map(|part| match part {
        StringPart::Interpolation { expr, .. } => Some(expr),
        StringPart::Text { .. } => None,
    })
}

/// The expressions of a declaration itself, not those of its statements.
pub fn item_exprs(item: &Item) -> Vec<&Expr> {
    match &item.kind {
        ItemKind::Input { default, rule, .. } => default.iter().chain(rule).collect(),
        ItemKind::Secret { source: value, .. }
        | ItemKind::Let { value, .. }
        | ItemKind::Group { value, .. } => vec![value],
        ItemKind::Service { using, fields, .. } => {
            let using = using.iter().flat_map(arguments);
            using.chain(of_fields(fields)).collect()
        }
        ItemKind::Environment(environment) => {
            let mut found: Vec<&Expr> = of_fields(&environment.fields).collect();
            for entry in &environment.overrides {
                found.extend(of_fields(&entry.fields));
            }
            for place in &environment.infrastructures {
                found.extend(of_fields(&place.fields));
                for entry in &place.overrides {
                    found.extend(of_fields(&entry.fields));
                }
            }
            found
        }
        ItemKind::Kind(kind) => {
            let fields = kind.service.iter().chain(&kind.infrastructure);
            let defaults = fields.filter_map(|field| field.default.as_ref());
            let using = kind.deploy.iter().flat_map(arguments);
            defaults.chain(using).collect()
        }
        ItemKind::Workflow { params, .. } | ItemKind::Action { params, .. } => {
            params.iter().filter_map(|it| it.default.as_ref()).collect()
        }
        ItemKind::Pipeline { modifiers, .. } => modifiers.iter().flat_map(modifier).collect(),
        ItemKind::Test { body, .. } => {
            let values = body.iter().filter_map(|stmt| match &stmt.kind {
                TestKind::GivenInput { value, .. } => Some(value),
                TestKind::GivenRun {
                    then: Given::Returns(value),
                    ..
                }
                | TestKind::GivenNode {
                    then: Given::Returns(value),
                    ..
                } => Some(value),
                _ => None,
            });
            values.collect()
        }
        ItemKind::Import { .. } | ItemKind::From { .. } | ItemKind::Error => Vec::new(),
    }
}

fn of_fields(fields: &[Field]) -> impl Iterator<Item = &Expr> {
    fields.iter().map(|field| &field.value)
}

/// The expressions directly inside an expression.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::String(text) => interpolated(text).collect(),
        ExprKind::List(items) => items.iter().collect(),
        ExprKind::Record(entries) => entries.iter().map(|(_, value)| value).collect(),
        ExprKind::Field(of, _) | ExprKind::Star(of) | ExprKind::Unary(_, of) => vec![of],
        ExprKind::Paren(of) => vec![of],
        ExprKind::Index(a, b) | ExprKind::Binary(_, _, a, b) => vec![a, b],
        ExprKind::If(a, b, c) => vec![a, b, c],
        ExprKind::Comprehension {
            body, list, cond, ..
        } => {
            let cond = cond.as_deref();
            [Some(&**list), cond, Some(&**body)]
                .into_iter()
                .flatten()
                .collect()
        }
        ExprKind::Call(callee, args) => {
            let args = args.iter().map(|arg| &arg.value);
            std::iter::once(&**callee).chain(args).collect()
        }
        _ => Vec::new(),
    }
}

/// Hands an expression and all that are inside it to `see`.
pub fn each_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(&'a Expr)) {
    see(expr);
    for part in parts(expr) {
        each_expr(part, see);
    }
}

/// An expression without the parentheses around it.
pub fn bare(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}

/// Where the modifier of a statement that fits stands.
pub fn modifier_span(stmt: &Stmt, fits: impl Fn(&ModifierKind) -> bool) -> Option<Span> {
    let mut all = stmt.modifiers.iter();
    all.find(|modifier| fits(&modifier.kind))
        .map(|modifier| modifier.span)
}
