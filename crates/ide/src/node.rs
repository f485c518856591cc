//! The parts of a tree, one inside the other, as an editor sees them.
//! It does not know what their names stand for.

use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::{
    Arg, Axis, Block, Environment, Expr, ExprKind, Field, FieldDecl, File, Given, Handler,
    HandlerKind, Ident, ImportName, Infrastructure, Item, ItemKind, Kind, LetValue, Modifier,
    ModifierKind, Override, Param, Path, RecordKey, Run, Stmt, StmtKind, StringLit, StringPart,
    TestKind, TestPath, TestStmt, TypeExpr, TypeKind, Use,
};

/// A part of a tree.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is named like what it holds")]
pub enum Node<'a> {
    Item(&'a Item),
    Import(&'a ImportName),
    Infrastructure(&'a Infrastructure),
    Override(&'a Override),
    Field(&'a Field),
    FieldDecl(&'a FieldDecl),
    Param(&'a Param),
    Type(&'a TypeExpr),
    Path(&'a Path),
    Use(&'a Use),
    Arg(&'a Arg),
    Block(&'a Block),
    Stmt(&'a Stmt),
    Axis(&'a Axis),
    Modifier(&'a Modifier),
    Handler(&'a Handler),
    TestStmt(&'a TestStmt),
    Expr(&'a Expr),
    Text(&'a StringLit),
    Ident(&'a Ident),
}

impl<'a> Node<'a> {
    /// Where it stands.
    pub fn span(self) -> Span {
        let with = |name: Span, value: Span| name.to(value);
        match self {
            Node::Item(item) => item.span,
            Node::Import(name) => match &name.alias {
                Some(alias) => name.name.span.to(alias.span),
                None => name.name.span,
            },
            Node::Infrastructure(place) => place.span,
            Node::Override(entry) => entry.span,
            Node::Field(field) => with(field.name.span, field.value.span),
            Node::FieldDecl(field) => match &field.default {
                Some(default) => with(field.name.span, default.span),
                None => with(field.name.span, field.ty.span),
            },
            Node::Param(param) => match &param.default {
                Some(default) => with(param.name.span, default.span),
                None => with(param.name.span, param.ty.span),
            },
            Node::Type(ty) => ty.span,
            Node::Path(path) => path.span(),
            Node::Use(using) => using.span,
            Node::Arg(arg) => match &arg.name {
                Some(name) => name.span.to(arg.value.span),
                None => arg.value.span,
            },
            Node::Block(block) => block.span,
            Node::Stmt(stmt) => stmt.span,
            Node::Axis(axis) => axis.span,
            Node::Modifier(modifier) => modifier.span,
            Node::Handler(handler) => handler.span,
            Node::TestStmt(stmt) => stmt.span,
            Node::Expr(expr) => expr.span,
            Node::Text(text) => text.span,
            Node::Ident(name) => name.span,
        }
    }

    /// Hands the parts directly inside of it to `see`, roughly in source order.
    pub fn children(self, see: &mut dyn FnMut(Node<'a>)) {
        match self {
            Node::Item(item) => item_parts(item, see),
            Node::Import(name) => {
                see(Node::Ident(&name.name));
                name.alias.iter().for_each(|alias| see(Node::Ident(alias)));
            }
            Node::Infrastructure(place) => {
                see(Node::Ident(&place.name));
                see(Node::Path(&place.kind));
                place.fields.iter().for_each(|it| see(Node::Field(it)));
                place
                    .overrides
                    .iter()
                    .for_each(|it| see(Node::Override(it)));
            }
            Node::Override(entry) => {
                see(Node::Path(&entry.service));
                entry.fields.iter().for_each(|it| see(Node::Field(it)));
            }
            Node::Field(field) => {
                see(Node::Ident(&field.name));
                see(Node::Expr(&field.value));
            }
            Node::FieldDecl(field) => {
                see(Node::Ident(&field.name));
                see(Node::Type(&field.ty));
                field.default.iter().for_each(|it| see(Node::Expr(it)));
            }
            Node::Param(param) => {
                see(Node::Ident(&param.name));
                see(Node::Type(&param.ty));
                param.default.iter().for_each(|it| see(Node::Expr(it)));
            }
            Node::Type(ty) => type_parts(ty, see),
            Node::Path(path) => {
                path.namespace.iter().for_each(|it| see(Node::Ident(it)));
                see(Node::Ident(&path.name));
            }
            Node::Use(using) => {
                see(Node::Path(&using.path));
                using.args.iter().for_each(|it| see(Node::Arg(it)));
            }
            Node::Arg(arg) => {
                arg.name.iter().for_each(|it| see(Node::Ident(it)));
                see(Node::Expr(&arg.value));
            }
            Node::Block(block) => block.stmts.iter().for_each(|it| see(Node::Stmt(it))),
            Node::Stmt(stmt) => {
                stmt_head(&stmt.kind, see);
                stmt.modifiers.iter().for_each(|it| see(Node::Modifier(it)));
                stmt_body(&stmt.kind, see);
                stmt.handlers.iter().for_each(|it| see(Node::Handler(it)));
            }
            Node::Axis(axis) => {
                see(Node::Ident(&axis.var));
                see(Node::Expr(&axis.list));
            }
            Node::Modifier(modifier) => modifier_parts(&modifier.kind, see),
            Node::Handler(handler) => match &handler.kind {
                HandlerKind::Undo(body) | HandlerKind::Always(body) => see(Node::Block(body)),
                HandlerKind::OnFailure { classes, body } => {
                    classes.iter().for_each(|it| see(Node::Ident(it)));
                    see(Node::Block(body));
                }
            },
            Node::TestStmt(stmt) => test_parts(&stmt.kind, see),
            Node::Expr(expr) => expr_parts(&expr.kind, see),
            Node::Text(text) => text.parts.iter().for_each(|part| {
                if let StringPart::Interpolation { expr, .. } = part {
                    see(Node::Expr(expr));
                }
            }),
            Node::Ident(_) => {}
        }
    }
}

fn item_parts<'a>(item: &'a Item, see: &mut dyn FnMut(Node<'a>)) {
    match &item.kind {
        ItemKind::Import { path, alias } => {
            see(Node::Text(path));
            see(Node::Ident(alias));
        }
        ItemKind::From { path, names } => {
            see(Node::Text(path));
            names.iter().for_each(|it| see(Node::Import(it)));
        }
        ItemKind::Input {
            name,
            ty,
            default,
            rule,
        } => {
            see(Node::Ident(name));
            see(Node::Type(ty));
            default
                .iter()
                .chain(rule)
                .for_each(|it| see(Node::Expr(it)));
        }
        ItemKind::Secret { name, source } => {
            see(Node::Ident(name));
            see(Node::Expr(source));
        }
        ItemKind::Let { name, ty, value } => {
            see(Node::Ident(name));
            ty.iter().for_each(|it| see(Node::Type(it)));
            see(Node::Expr(value));
        }
        ItemKind::Service {
            name,
            kind,
            using,
            fields,
        } => {
            see(Node::Ident(name));
            see(Node::Path(kind));
            using.iter().for_each(|it| see(Node::Use(it)));
            fields.iter().for_each(|it| see(Node::Field(it)));
        }
        ItemKind::Environment(environment) => environment_parts(environment, see),
        ItemKind::Group { name, value } => {
            see(Node::Ident(name));
            see(Node::Expr(value));
        }
        ItemKind::Kind(kind) => kind_parts(kind, see),
        ItemKind::Workflow {
            name,
            params,
            result,
            body,
        } => {
            see(Node::Ident(name));
            params.iter().for_each(|it| see(Node::Param(it)));
            result.iter().for_each(|it| see(Node::Type(it)));
            see(Node::Block(body));
        }
        ItemKind::Action {
            name,
            params,
            result,
        } => {
            see(Node::Ident(name));
            params.iter().for_each(|it| see(Node::Param(it)));
            result.iter().for_each(|it| see(Node::Type(it)));
        }
        ItemKind::Pipeline {
            name,
            modifiers,
            body,
            handlers,
        } => {
            see(Node::Ident(name));
            modifiers.iter().for_each(|it| see(Node::Modifier(it)));
            see(Node::Block(body));
            handlers.iter().for_each(|it| see(Node::Handler(it)));
        }
        ItemKind::Test { name, body, .. } => {
            see(Node::Text(name));
            body.iter().for_each(|it| see(Node::TestStmt(it)));
        }
        ItemKind::Error => {}
    }
}

/// The parts of an environment, in the order in which they stand.
fn environment_parts<'a>(environment: &'a Environment, see: &mut dyn FnMut(Node<'a>)) {
    see(Node::Ident(&environment.name));
    let fields = environment.fields.iter().map(Node::Field);
    let overrides = environment.overrides.iter().map(Node::Override);
    let places = environment.infrastructures.iter().map(Node::Infrastructure);
    let mut parts: Vec<Node<'a>> = fields.chain(overrides).chain(places).collect();
    parts.sort_by_key(|part| part.span().start);
    parts.into_iter().for_each(see);
}

fn kind_parts<'a>(kind: &'a Kind, see: &mut dyn FnMut(Node<'a>)) {
    see(Node::Ident(&kind.name));
    let fields = kind.service.iter().chain(&kind.infrastructure);
    fields.for_each(|it| see(Node::FieldDecl(it)));
    kind.deploy.iter().for_each(|it| see(Node::Use(it)));
}

fn type_parts<'a>(ty: &'a TypeExpr, see: &mut dyn FnMut(Node<'a>)) {
    match &ty.kind {
        TypeKind::Name(name) => see(Node::Ident(name)),
        TypeKind::Of(name, path) => {
            see(Node::Ident(name));
            see(Node::Path(path));
        }
        TypeKind::List(of) | TypeKind::Optional(of) => see(Node::Type(of)),
        TypeKind::Map(key, of) => {
            see(Node::Type(key));
            see(Node::Type(of));
        }
        TypeKind::Record(fields) => fields.iter().for_each(|(name, ty)| {
            see(Node::Ident(name));
            see(Node::Type(ty));
        }),
        TypeKind::OneOf(texts) => texts.iter().for_each(|it| see(Node::Text(it))),
        TypeKind::Error => {}
    }
}

/// What stands before a statement's modifiers.
fn stmt_head<'a>(kind: &'a StmtKind, see: &mut dyn FnMut(Node<'a>)) {
    match kind {
        StmtKind::Stage { name, .. } | StmtKind::Step { name, .. } => see(Node::Ident(name)),
        StmtKind::Loop { axis, .. } => see(Node::Axis(axis)),
        StmtKind::Matrix {
            axes,
            filter,
            include,
            ..
        } => {
            axes.iter().for_each(|it| see(Node::Axis(it)));
            filter
                .iter()
                .chain(include)
                .for_each(|it| see(Node::Expr(it)));
        }
        StmtKind::Deploy {
            service,
            target,
            using,
        } => {
            see(Node::Expr(service));
            see(Node::Expr(target));
            using.iter().for_each(|it| see(Node::Use(it)));
        }
        StmtKind::Run(run) => run_parts(run, see),
        StmtKind::Let { name, ty, value } => {
            see(Node::Ident(name));
            ty.iter().for_each(|it| see(Node::Type(it)));
            match value {
                LetValue::Expr(expr) => see(Node::Expr(expr)),
                LetValue::Effect(stmt) => see(Node::Stmt(stmt)),
            }
        }
        StmtKind::Barrier { name, key } => {
            see(Node::Ident(name));
            key.iter().for_each(|it| see(Node::Expr(it)));
        }
        StmtKind::Lock {
            resource, limit, ..
        } => {
            see(Node::Expr(resource));
            limit.iter().for_each(|it| see(Node::Expr(it)));
        }
        StmtKind::Approve { question, by } => {
            see(Node::Expr(question));
            by.iter().for_each(|it| see(Node::Expr(it)));
        }
        StmtKind::Verify { during, every, .. } => {
            see(Node::Expr(during));
            see(Node::Expr(every));
        }
        StmtKind::Call(value)
        | StmtKind::Wait(value)
        | StmtKind::Log(value)
        | StmtKind::Fail(value)
        | StmtKind::Yield(value)
        | StmtKind::Retry(value)
        | StmtKind::On { target: value, .. } => see(Node::Expr(value)),
        StmtKind::Return(value) => value.iter().for_each(|it| see(Node::Expr(it))),
        StmtKind::Ask { timeout, otherwise } => {
            timeout.iter().for_each(|it| see(Node::Expr(it)));
            otherwise.iter().for_each(|it| see(Node::Ident(it)));
        }
        StmtKind::Serial { .. }
        | StmtKind::Parallel { .. }
        | StmtKind::If { .. }
        | StmtKind::Ignore
        | StmtKind::Rollback(_)
        | StmtKind::Abort
        | StmtKind::Error => {}
    }
}

/// What stands after a statement's modifiers.
fn stmt_body<'a>(kind: &'a StmtKind, see: &mut dyn FnMut(Node<'a>)) {
    match kind {
        StmtKind::Stage { body, .. }
        | StmtKind::Step { body, .. }
        | StmtKind::Serial { body }
        | StmtKind::Parallel { body }
        | StmtKind::Loop { body, .. }
        | StmtKind::Matrix { body, .. }
        | StmtKind::Lock { body, .. }
        | StmtKind::Verify { body, .. }
        | StmtKind::On { body, .. } => see(Node::Block(body)),
        StmtKind::If {
            branches,
            otherwise,
        } => {
            for (cond, body) in branches {
                see(Node::Expr(cond));
                see(Node::Block(body));
            }
            otherwise.iter().for_each(|it| see(Node::Block(it)));
        }
        _ => {}
    }
}

fn run_parts<'a>(run: &'a Run, see: &mut dyn FnMut(Node<'a>)) {
    see(Node::Text(&run.command));
    run.using.iter().for_each(|it| see(Node::Ident(it)));
    run.dir.iter().for_each(|it| see(Node::Expr(it)));
    run.variables()
        .iter()
        .for_each(|entry| record_entry(entry, see));
    run.on.iter().for_each(|it| see(Node::Expr(it)));
}

fn record_entry<'a>((key, value): &'a (RecordKey, Expr), see: &mut dyn FnMut(Node<'a>)) {
    match key {
        RecordKey::Name(name) => see(Node::Ident(name)),
        RecordKey::String(text) => see(Node::Text(text)),
    }
    see(Node::Expr(value));
}

fn modifier_parts<'a>(kind: &'a ModifierKind, see: &mut dyn FnMut(Node<'a>)) {
    match kind {
        ModifierKind::Timeout(value)
        | ModifierKind::Max(value)
        | ModifierKind::Batches(value)
        | ModifierKind::Tolerate(value) => see(Node::Expr(value)),
        ModifierKind::Retry { times, every, upto } => {
            see(Node::Expr(times));
            every.iter().chain(upto).for_each(|it| see(Node::Expr(it)));
        }
        ModifierKind::FailFast
        | ModifierKind::Atomic
        | ModifierKind::Once
        | ModifierKind::Error => {}
    }
}

fn test_parts<'a>(kind: &'a TestKind, see: &mut dyn FnMut(Node<'a>)) {
    let mut path = |path: &'a TestPath| match path {
        TestPath::Pattern(text) => see(Node::Text(text)),
        TestPath::Name(name) => see(Node::Ident(name)),
    };
    match kind {
        TestKind::GivenInput { name, value } => {
            see(Node::Ident(name));
            see(Node::Expr(value));
        }
        TestKind::GivenRun { pattern, then } => {
            see(Node::Text(pattern));
            given(then, see);
        }
        TestKind::GivenNode { path, then } => {
            see(Node::Text(path));
            given(then, see);
        }
        TestKind::Start { pipeline } => see(Node::Ident(pipeline)),
        TestKind::ExpectStatus { path: of, status } => {
            path(of);
            see(Node::Ident(status));
        }
        TestKind::ExpectOrder { first, second } => {
            path(first);
            path(second);
        }
        TestKind::Error => {}
    }
}

fn given<'a>(then: &'a Given, see: &mut dyn FnMut(Node<'a>)) {
    match then {
        Given::Returns(value) => see(Node::Expr(value)),
        Given::Fails(class) => class.iter().for_each(|it| see(Node::Ident(it))),
        Given::Refused => {}
    }
}

fn expr_parts<'a>(kind: &'a ExprKind, see: &mut dyn FnMut(Node<'a>)) {
    match kind {
        ExprKind::String(text) => see(Node::Text(text)),
        ExprKind::Name(name) => see(Node::Ident(name)),
        ExprKind::List(items) => items.iter().for_each(|it| see(Node::Expr(it))),
        ExprKind::Record(entries) => entries.iter().for_each(|entry| record_entry(entry, see)),
        ExprKind::Field(of, name) => {
            see(Node::Expr(of));
            see(Node::Ident(name));
        }
        ExprKind::Star(of) | ExprKind::Unary(_, of) | ExprKind::Paren(of) => see(Node::Expr(of)),
        ExprKind::Index(a, b) | ExprKind::Binary(_, _, a, b) => {
            see(Node::Expr(a));
            see(Node::Expr(b));
        }
        ExprKind::If(a, b, c) => [a, b, c].into_iter().for_each(|it| see(Node::Expr(it))),
        ExprKind::Comprehension {
            body,
            var,
            list,
            cond,
        } => {
            see(Node::Expr(body));
            see(Node::Ident(var));
            see(Node::Expr(list));
            cond.iter().for_each(|it| see(Node::Expr(it)));
        }
        ExprKind::Call(callee, args) => {
            see(Node::Expr(callee));
            args.iter().for_each(|it| see(Node::Arg(it)));
        }
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Percent(_)
        | ExprKind::Duration(_)
        | ExprKind::Error => {}
    }
}

/// Hands every part of a file to `see`, what holds others before what it holds. Where `see`
/// says no, what is inside is passed over.
pub fn walk<'a>(file: &'a File, see: &mut dyn FnMut(Node<'a>) -> bool) {
    for item in &file.items {
        walk_from(Node::Item(item), see);
    }
}

/// The same for one part.
pub fn walk_from<'a>(node: Node<'a>, see: &mut dyn FnMut(Node<'a>) -> bool) {
    if see(node) {
        node.children(&mut |child| walk_from(child, see));
    }
}

/// The parts that hold a place, the outermost first.
pub fn around(file: &File, offset: u32) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    walk(file, &mut |node| {
        let span = node.span();
        let holds = span.start <= offset && offset <= span.end;
        if holds {
            found.push(node);
        }
        holds
    });
    found
}

/// The place `offset` of a file, as an empty range.
pub fn at(file: FileId, offset: u32) -> Span {
    Span {
        file,
        start: offset,
        end: offset,
    }
}
