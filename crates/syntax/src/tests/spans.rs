//! Every place in a tree lies in its text, on whole characters, and inside of its parent.

use crate::Parse;
use crate::ast::*;
use lockstep_base::source::Span;

/// Checks all places of a parse.
pub(super) fn check(text: &str, parse: &Parse) {
    let mut checker = Checker { text };
    let all = parse.file.span;
    assert_eq!(all.range(), 0..text.len());
    for item in &parse.file.items {
        checker.item(item, all);
    }
    for comment in &parse.comments {
        checker.inside(comment.span, all);
    }
    for diagnostic in &parse.diagnostics {
        for label in &diagnostic.labels {
            checker.inside(label.span, all);
        }
        for (span, _) in diagnostic.fixes.iter().flat_map(|fix| &fix.edits) {
            checker.inside(*span, all);
        }
    }
}

struct Checker<'t> {
    text: &'t str,
}

impl Checker<'_> {
    #[track_caller]
    fn inside(&mut self, span: Span, outer: Span) {
        assert!(span.start <= span.end, "{span:?} is turned around");
        assert!(
            outer.start <= span.start && span.end <= outer.end,
            "{span:?} is not inside of {outer:?} in {:?}",
            self.text
        );
        assert!(
            self.text.get(span.range()).is_some(),
            "{span:?} cuts a character of {:?}",
            self.text
        );
    }

    fn item(&mut self, item: &Item, outer: Span) {
        self.inside(item.span, outer);
        let all = item.span;
        match &item.kind {
            ItemKind::Import { path, alias } => {
                self.string(path, all);
                self.inside(alias.span, all);
            }
            ItemKind::From { path, names } => {
                self.string(path, all);
                for name in names {
                    self.inside(name.name.span, all);
                    name.alias
                        .iter()
                        .for_each(|alias| self.inside(alias.span, all));
                }
            }
            ItemKind::Input {
                name,
                ty,
                default,
                rule,
            } => {
                self.inside(name.span, all);
                self.ty(ty, all);
                default
                    .iter()
                    .chain(rule)
                    .for_each(|expr| self.expr(expr, all));
            }
            ItemKind::Secret { name, source } => {
                self.inside(name.span, all);
                self.expr(source, all);
            }
            ItemKind::Let { name, ty, value } => {
                self.inside(name.span, all);
                ty.iter().for_each(|ty| self.ty(ty, all));
                self.expr(value, all);
            }
            ItemKind::Service {
                name,
                kind,
                using,
                fields,
            } => {
                self.inside(name.span, all);
                self.inside(kind.span(), all);
                using.iter().for_each(|using| self.using(using, all));
                self.fields(fields, all);
            }
            ItemKind::Environment(environment) => {
                self.inside(environment.name.span, all);
                self.fields(&environment.fields, all);
                self.overrides(&environment.overrides, all);
                for infrastructure in &environment.infrastructures {
                    self.inside(infrastructure.span, all);
                    let all = infrastructure.span;
                    self.inside(infrastructure.name.span, all);
                    self.inside(infrastructure.kind.span(), all);
                    self.fields(&infrastructure.fields, all);
                    self.overrides(&infrastructure.overrides, all);
                }
            }
            ItemKind::Group { name, value } => {
                self.inside(name.span, all);
                self.expr(value, all);
            }
            ItemKind::Kind(kind) => {
                self.inside(kind.name.span, all);
                for field in kind.service.iter().chain(&kind.infrastructure) {
                    self.inside(field.name.span, all);
                    self.ty(&field.ty, all);
                    field.default.iter().for_each(|expr| self.expr(expr, all));
                }
                kind.deploy.iter().for_each(|using| self.using(using, all));
            }
            ItemKind::Workflow {
                name,
                params,
                result,
                body,
            } => {
                self.inside(name.span, all);
                self.params(params, all);
                result.iter().for_each(|ty| self.ty(ty, all));
                self.block(body, all);
            }
            ItemKind::Action {
                name,
                params,
                result,
            } => {
                self.inside(name.span, all);
                self.params(params, all);
                result.iter().for_each(|ty| self.ty(ty, all));
            }
            ItemKind::Pipeline {
                name,
                modifiers,
                body,
                handlers,
            } => {
                self.inside(name.span, all);
                modifiers
                    .iter()
                    .for_each(|modifier| self.modifier(modifier, all));
                self.block(body, all);
                handlers
                    .iter()
                    .for_each(|handler| self.handler(handler, all));
            }
            ItemKind::Test {
                name,
                body,
                body_span,
            } => {
                self.string(name, all);
                self.inside(*body_span, all);
                body.iter()
                    .for_each(|stmt| self.test_stmt(stmt, *body_span));
            }
            ItemKind::Error => {}
        }
    }

    fn fields(&mut self, fields: &[Field], outer: Span) {
        for field in fields {
            self.inside(field.name.span, outer);
            self.expr(&field.value, outer);
        }
    }

    fn overrides(&mut self, overrides: &[Override], outer: Span) {
        for over in overrides {
            self.inside(over.span, outer);
            self.inside(over.service.span(), over.span);
            self.fields(&over.fields, over.span);
        }
    }

    fn using(&mut self, using: &Use, outer: Span) {
        self.inside(using.span, outer);
        self.inside(using.path.span(), using.span);
        self.args(&using.args, using.span);
    }

    fn args(&mut self, args: &[Arg], outer: Span) {
        for arg in args {
            arg.name
                .iter()
                .for_each(|name| self.inside(name.span, outer));
            self.expr(&arg.value, outer);
        }
    }

    fn params(&mut self, params: &[Param], outer: Span) {
        for param in params {
            self.inside(param.name.span, outer);
            self.ty(&param.ty, outer);
            param.default.iter().for_each(|expr| self.expr(expr, outer));
        }
    }

    fn ty(&mut self, ty: &TypeExpr, outer: Span) {
        self.inside(ty.span, outer);
        let all = ty.span;
        match &ty.kind {
            TypeKind::Name(name) => self.inside(name.span, all),
            TypeKind::Of(name, kind) => {
                self.inside(name.span, all);
                self.inside(kind.span(), all);
            }
            TypeKind::List(inner) | TypeKind::Optional(inner) => self.ty(inner, all),
            TypeKind::Map(key, value) => {
                self.ty(key, all);
                self.ty(value, all);
            }
            TypeKind::Record(entries) => {
                for (name, ty) in entries {
                    self.inside(name.span, all);
                    self.ty(ty, all);
                }
            }
            TypeKind::OneOf(strings) => {
                strings.iter().for_each(|string| self.string(string, all));
            }
            TypeKind::Error => {}
        }
    }

    fn string(&mut self, string: &StringLit, outer: Span) {
        self.inside(string.span, outer);
        let mut last_text = false;
        for part in &string.parts {
            match part {
                StringPart::Text { text, span } => {
                    assert!(!text.is_empty() && !last_text, "texts are joined");
                    last_text = true;
                    self.inside(*span, string.span);
                }
                StringPart::Interpolation { expr, span } => {
                    last_text = false;
                    self.inside(*span, string.span);
                    self.expr(expr, *span);
                }
            }
        }
    }

    fn record(&mut self, entries: &[(RecordKey, Expr)], outer: Span) {
        for (key, value) in entries {
            match key {
                RecordKey::Name(name) => self.inside(name.span, outer),
                RecordKey::String(string) => self.string(string, outer),
            }
            self.expr(value, outer);
        }
    }

    fn expr(&mut self, expr: &Expr, outer: Span) {
        self.inside(expr.span, outer);
        let all = expr.span;
        match &expr.kind {
            ExprKind::String(string) => self.string(string, all),
            ExprKind::Name(name) => self.inside(name.span, all),
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(item, all)),
            ExprKind::Record(entries) => self.record(entries, all),
            ExprKind::Field(inner, name) => {
                self.expr(inner, all);
                self.inside(name.span, all);
            }
            ExprKind::Star(inner) | ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => {
                self.expr(inner, all);
            }
            ExprKind::Index(inner, index) => {
                self.expr(inner, all);
                self.expr(index, all);
            }
            ExprKind::Binary(_, op, left, right) => {
                self.inside(*op, all);
                self.expr(left, all);
                self.expr(right, all);
            }
            ExprKind::If(cond, then, otherwise) => {
                self.expr(cond, all);
                self.expr(then, all);
                self.expr(otherwise, all);
            }
            ExprKind::Comprehension {
                body,
                var,
                list,
                cond,
            } => {
                self.expr(body, all);
                self.inside(var.span, all);
                self.expr(list, all);
                cond.iter().for_each(|cond| self.expr(cond, all));
            }
            ExprKind::Call(callee, args) => {
                self.expr(callee, all);
                self.args(args, all);
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

    fn block(&mut self, block: &Block, outer: Span) {
        self.inside(block.span, outer);
        let mut last = block.span.start;
        for stmt in &block.stmts {
            assert!(
                last <= stmt.span.start,
                "statements overlap in {:?}",
                self.text
            );
            last = stmt.span.end;
            self.stmt(stmt, block.span);
        }
    }

    fn modifier(&mut self, modifier: &Modifier, outer: Span) {
        self.inside(modifier.span, outer);
        let all = modifier.span;
        match &modifier.kind {
            ModifierKind::Timeout(expr)
            | ModifierKind::Max(expr)
            | ModifierKind::Batches(expr)
            | ModifierKind::Tolerate(expr) => self.expr(expr, all),
            ModifierKind::Retry { times, every, upto } => {
                self.expr(times, all);
                every
                    .iter()
                    .chain(upto)
                    .for_each(|expr| self.expr(expr, all));
            }
            ModifierKind::FailFast
            | ModifierKind::Atomic
            | ModifierKind::Once
            | ModifierKind::Error => {}
        }
    }

    fn handler(&mut self, handler: &Handler, outer: Span) {
        self.inside(handler.span, outer);
        match &handler.kind {
            HandlerKind::Undo(body) | HandlerKind::Always(body) => self.block(body, handler.span),
            HandlerKind::OnFailure { classes, body } => {
                classes
                    .iter()
                    .for_each(|class| self.inside(class.span, handler.span));
                self.block(body, handler.span);
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt, outer: Span) {
        self.inside(stmt.span, outer);
        let all = stmt.span;
        self.inside(stmt.head, all);
        stmt.modifiers
            .iter()
            .for_each(|modifier| self.modifier(modifier, all));
        stmt.handlers
            .iter()
            .for_each(|handler| self.handler(handler, all));
        match &stmt.kind {
            StmtKind::Stage { name, body } | StmtKind::Step { name, body } => {
                self.inside(name.span, all);
                self.block(body, all);
            }
            StmtKind::Serial { body } | StmtKind::Parallel { body } => self.block(body, all),
            StmtKind::Loop { axis, body } => {
                self.axis(axis, all);
                self.block(body, all);
            }
            StmtKind::Matrix {
                axes,
                filter,
                include,
                body,
            } => {
                axes.iter().for_each(|axis| self.axis(axis, all));
                filter
                    .iter()
                    .chain(include)
                    .for_each(|expr| self.expr(expr, all));
                self.block(body, all);
            }
            StmtKind::Deploy {
                service,
                target,
                using,
            } => {
                self.expr(service, all);
                self.expr(target, all);
                using.iter().for_each(|using| self.using(using, all));
            }
            StmtKind::Run(run) => self.run(run, all),
            StmtKind::Let { name, ty, value } => {
                self.inside(name.span, all);
                ty.iter().for_each(|ty| self.ty(ty, all));
                match value {
                    LetValue::Expr(expr) => self.expr(expr, all),
                    LetValue::Effect(stmt) => self.stmt(stmt, all),
                }
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                for (cond, body) in branches {
                    self.expr(cond, all);
                    self.block(body, all);
                }
                otherwise.iter().for_each(|body| self.block(body, all));
            }
            StmtKind::Barrier { name, key } => {
                self.inside(name.span, all);
                key.iter().for_each(|key| self.expr(key, all));
            }
            StmtKind::Lock {
                resource,
                limit,
                body,
            } => {
                self.expr(resource, all);
                limit.iter().for_each(|limit| self.expr(limit, all));
                self.block(body, all);
            }
            StmtKind::Approve { question, by } => {
                self.expr(question, all);
                by.iter().for_each(|by| self.expr(by, all));
            }
            StmtKind::Verify {
                during,
                every,
                body,
            } => {
                self.expr(during, all);
                self.expr(every, all);
                self.block(body, all);
            }
            StmtKind::On { target, body } => {
                self.expr(target, all);
                self.block(body, all);
            }
            StmtKind::Call(expr)
            | StmtKind::Wait(expr)
            | StmtKind::Log(expr)
            | StmtKind::Fail(expr)
            | StmtKind::Yield(expr)
            | StmtKind::Retry(expr) => self.expr(expr, all),
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value, all)),
            StmtKind::Ask { timeout, otherwise } => {
                timeout.iter().for_each(|expr| self.expr(expr, all));
                otherwise
                    .iter()
                    .for_each(|name| self.inside(name.span, all));
            }
            StmtKind::Ignore | StmtKind::Rollback(_) | StmtKind::Abort | StmtKind::Error => {}
        }
    }

    fn run(&mut self, run: &Run, all: Span) {
        self.string(&run.command, all);
        run.using
            .iter()
            .for_each(|name| self.inside(name.span, all));
        run.dir
            .iter()
            .chain(&run.on)
            .for_each(|expr| self.expr(expr, all));
        self.record(run.variables(), all);
        run.env.iter().for_each(|env| self.inside(env.span, all));
    }

    fn axis(&mut self, axis: &Axis, outer: Span) {
        self.inside(axis.span, outer);
        axis.order
            .iter()
            .for_each(|(_, span)| self.inside(*span, axis.span));
        self.inside(axis.var.span, axis.span);
        self.expr(&axis.list, axis.span);
    }

    fn test_stmt(&mut self, stmt: &TestStmt, outer: Span) {
        self.inside(stmt.span, outer);
        let all = stmt.span;
        match &stmt.kind {
            TestKind::GivenInput { name, value } => {
                self.inside(name.span, all);
                self.expr(value, all);
            }
            TestKind::GivenRun {
                pattern: string,
                then,
            }
            | TestKind::GivenNode { path: string, then } => {
                self.string(string, all);
                match then {
                    Given::Returns(expr) => self.expr(expr, all),
                    Given::Fails(class) => {
                        class.iter().for_each(|class| self.inside(class.span, all));
                    }
                    Given::Refused => {}
                }
            }
            TestKind::Start { pipeline } => self.inside(pipeline.span, all),
            TestKind::ExpectStatus { path, status } => {
                self.test_path(path, all);
                self.inside(status.span, all);
            }
            TestKind::ExpectOrder { first, second } => {
                self.test_path(first, all);
                self.test_path(second, all);
            }
            TestKind::Error => {}
        }
    }

    fn test_path(&mut self, path: &TestPath, outer: Span) {
        match path {
            TestPath::Pattern(string) => self.string(string, outer),
            TestPath::Name(name) => self.inside(name.span, outer),
        }
    }
}
