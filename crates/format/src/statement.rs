//! Prints statements: keyword, head, clauses, body, handlers. A head that does not fit on a line is
//! broken clause by clause.

use super::body::{BraceLayout, stays_on_line};
use super::expression::PARENTHESIS_BRACKETS;
use super::line::LinePiece;
use super::printer::{Printed, Printer, TokenGap, Unprintable};
use lockstep_base::source::Span;
use lockstep_syntax::ast::*;

/// A part of a head that stands on a line of its own where the head is broken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clause<'a> {
    Axis(&'a Axis),
    Where(&'a Expr),
    Using(&'a Use),
    /// `for x in LIST if E`
    Each(&'a Each),
    Shell(&'a Ident),
    Variables(&'a Variables),
    /// `across stage`, `across pipeline`, and where that stands.
    Across(AcrossScope, Span),
    Requires(&'a Requirement),
    Queue(&'a Queue),
    /// A keyword, a name and its arguments, if there are any.
    Called(&'static str, &'a TriggerPart),
    /// `replacing`
    Replacing(Span),
    /// `mode 0600`
    Mode(&'a FileMode),
    /// A keyword and an expression.
    Plain(&'static str, &'a Expr),
    Modifier(&'a Modifier),
}

impl Clause<'_> {
    /// A place in it, to put clauses in order.
    pub(super) fn place(&self) -> u32 {
        match self {
            Clause::Axis(axis) => axis.span.start,
            Clause::Where(expr) | Clause::Plain(_, expr) => expr.span.start,
            Clause::Using(using) => using.span.start,
            Clause::Each(each) => each.span.start,
            Clause::Shell(shell) => shell.span.start,
            Clause::Across(_, at) | Clause::Replacing(at) => at.start,
            Clause::Mode(mode) => mode.span.start,
            Clause::Modifier(modifier) => modifier.span.start,
            Clause::Requires(requirement) => requirement.span.start,
            Clause::Queue(queue) => queue.span.start,
            Clause::Called(_, part) => part.span.start,
            Clause::Variables(variables) => variables.span.start,
        }
    }
}

/// The block of a handler, where it has one.
pub(super) fn body_of(handler: &Handler) -> Option<&Block> {
    match &handler.kind {
        HandlerKind::Undo(body)
        | HandlerKind::OnFailure { body, .. }
        | HandlerKind::Always(body)
        | HandlerKind::Watch { body, .. } => Some(body),
        HandlerKind::NoUndo(_) => None,
    }
}

/// What is done between the batches of a loop.
fn between_of(modifier: &Modifier) -> Option<&Block> {
    match &modifier.kind {
        ModifierKind::Batches { between, .. } => between.as_ref(),
        ModifierKind::Timeout(_)
        | ModifierKind::Grace(_)
        | ModifierKind::Retry { .. }
        | ModifierKind::Max(_)
        | ModifierKind::Tolerate(_)
        | ModifierKind::FailFast
        | ModifierKind::Atomic
        | ModifierKind::Once
        | ModifierKind::Quiet
        | ModifierKind::Error => None,
    }
}

/// The blocks of a statement without those of its handlers.
fn bodies(kind: &StmtKind) -> Vec<&Block> {
    match kind {
        StmtKind::Stage { body, .. }
        | StmtKind::Serial { body }
        | StmtKind::Parallel { body }
        | StmtKind::Loop { body, .. }
        | StmtKind::Matrix { body, .. }
        | StmtKind::Step { body, .. }
        | StmtKind::Lock { body, .. }
        | StmtKind::Verify { body, .. }
        | StmtKind::On { body, .. }
        | StmtKind::With { body, .. } => vec![body],
        StmtKind::If {
            branches,
            otherwise,
        } => branches
            .iter()
            .map(|(_, body)| body)
            .chain(otherwise)
            .collect(),
        StmtKind::Let {
            value: LetValue::Effect(inner),
            ..
        } => {
            let mut all = bodies(&inner.kind);
            all.extend(inner.modifiers.iter().filter_map(between_of));
            all.extend(inner.handlers.iter().filter_map(body_of));
            all
        }
        StmtKind::Let {
            value: LetValue::Expr(_),
            ..
        }
        | StmtKind::Deploy { .. }
        | StmtKind::Run(_)
        | StmtKind::Transfer(_)
        | StmtKind::Call(_)
        | StmtKind::Barrier { .. }
        | StmtKind::Approve { .. }
        | StmtKind::Wait(_)
        | StmtKind::Log(_)
        | StmtKind::Fail { .. }
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::Ignore
        | StmtKind::Rollback(_)
        | StmtKind::Abort
        | StmtKind::Retry(_)
        | StmtKind::Ask { .. }
        | StmtKind::Error => Vec::new(),
    }
}

impl Printer<'_> {
    /// A statement.
    pub(super) fn stmt(&mut self, stmt: &Stmt) -> Printed {
        let mut blocks = bodies(&stmt.kind);
        blocks.extend(stmt.modifiers.iter().filter_map(between_of));
        blocks.extend(stmt.handlers.iter().filter_map(body_of));
        let short = stays_on_line(&blocks, self.text);
        self.short_or_long(short, |printer| printer.stmt_parts(stmt))
    }

    fn stmt_parts(&mut self, stmt: &Stmt) -> Printed {
        let mut clauses: Vec<Clause<'_>> = Vec::new();
        let body = match &stmt.kind {
            StmtKind::If {
                branches,
                otherwise,
            } => {
                self.branches(branches, otherwise.as_ref())?;
                return self.handlers(&stmt.handlers);
            }
            StmtKind::Let { name, ty, value } => {
                self.sign("let")?;
                self.name_and_type(name, ty.as_ref())?;
                self.gap(TokenGap::Space);
                match value {
                    LetValue::Expr(value) => self.expr(value)?,
                    LetValue::Effect(inner) => self.stmt_parts(inner)?,
                }
                None
            }
            kind => self.head(kind, &mut clauses)?,
        };
        clauses.extend(stmt.modifiers.iter().map(Clause::Modifier));
        clauses.sort_by_key(Clause::place);
        let grouped = self.clauses(&clauses)?;
        match body {
            Some(body) => {
                self.block(body, BraceLayout::of(grouped))?;
                self.handlers(&stmt.handlers)
            }
            None => self.handlers_of_head(&stmt.handlers, grouped),
        }
    }

    /// Prints the head of a statement, collects its clauses, and returns its body.
    fn head<'a>(
        &mut self,
        kind: &'a StmtKind,
        clauses: &mut Vec<Clause<'a>>,
    ) -> Result<Option<&'a Block>, Unprintable> {
        match kind {
            StmtKind::Stage { name, body } => {
                self.sign("stage")?;
                self.gap(TokenGap::Space);
                self.ident(name)?;
                return Ok(Some(body));
            }
            StmtKind::Step { name, body } => {
                self.sign("step")?;
                self.gap(TokenGap::Space);
                self.ident(name)?;
                return Ok(Some(body));
            }
            StmtKind::Serial { body } => {
                self.sign("serial")?;
                return Ok(Some(body));
            }
            StmtKind::Parallel { body } => {
                self.sign("parallel")?;
                return Ok(Some(body));
            }
            StmtKind::Loop { axis, body } => {
                self.axis(axis)?;
                return Ok(Some(body));
            }
            StmtKind::Matrix {
                axes,
                filter,
                include,
                body,
            } => {
                self.sign("matrix")?;
                clauses.extend(axes.iter().map(Clause::Axis));
                clauses.extend(filter.iter().map(Clause::Where));
                clauses.extend(include.iter().map(|cell| Clause::Plain("include", cell)));
                return Ok(Some(body));
            }
            StmtKind::Lock {
                resource,
                limit,
                body,
            } => {
                self.keyword_and("lock", resource)?;
                clauses.extend(limit.iter().map(|limit| Clause::Plain("limit", limit)));
                return Ok(Some(body));
            }
            StmtKind::Verify {
                during,
                every,
                body,
            } => {
                self.sign("verify")?;
                clauses.push(Clause::Plain("for", during));
                clauses.push(Clause::Plain("every", every));
                return Ok(Some(body));
            }
            StmtKind::On { target, body } => {
                self.keyword_and("on", target)?;
                return Ok(Some(body));
            }
            StmtKind::With { on, dir, env, body } => {
                self.sign("with")?;
                clauses.extend(on.iter().map(|on| Clause::Plain("on", on)));
                clauses.extend(dir.iter().map(|dir| Clause::Plain("in", dir)));
                clauses.extend(env.iter().map(Clause::Variables));
                return Ok(Some(body));
            }
            simple => self.simple(simple, clauses)?,
        }
        Ok(None)
    }

    /// The head of a statement without a body.
    fn simple<'a>(&mut self, kind: &'a StmtKind, clauses: &mut Vec<Clause<'a>>) -> Printed {
        match kind {
            StmtKind::Deploy {
                service,
                target,
                using,
            } => {
                self.keyword_and("deploy", service)?;
                self.word("to")?;
                self.gap(TokenGap::Space);
                self.expr(target)?;
                clauses.extend(using.iter().map(Clause::Using));
                Ok(())
            }
            StmtKind::Run(run) => self.run(run, clauses),
            StmtKind::Transfer(transfer) => self.transfer(transfer, clauses),
            StmtKind::Call(call) => self.expr(call),
            StmtKind::Barrier { name, key, across } => {
                self.sign("barrier")?;
                self.gap(TokenGap::Space);
                self.ident(name)?;
                clauses.extend(across.iter().map(|(what, at)| Clause::Across(*what, *at)));
                key.as_ref().map_or(Ok(()), |key| self.index(key))
            }
            StmtKind::Approve {
                question,
                by,
                count,
                except,
            } => {
                self.keyword_and("approve", question)?;
                clauses.extend(by.iter().map(|by| Clause::Plain("by", by)));
                clauses.extend(count.iter().map(|count| Clause::Plain("count", count)));
                clauses.extend(except.iter().map(|who| Clause::Plain("except", who)));
                Ok(())
            }
            StmtKind::Wait(expr) => self.keyword_and("wait", expr),
            StmtKind::Log(expr) => self.keyword_and("log", expr),
            StmtKind::Fail { message, class } => {
                self.keyword_and("fail", message)?;
                let Some(class) = class else {
                    return Ok(());
                };
                self.word("as")?;
                self.gap(TokenGap::Space);
                self.ident(class)
            }
            StmtKind::Yield(expr) => self.keyword_and("yield", expr),
            StmtKind::Retry(expr) => self.keyword_and("retry", expr),
            StmtKind::Return(Some(expr)) => self.keyword_and("return", expr),
            StmtKind::Return(None) => self.sign("return"),
            StmtKind::Ignore => self.sign("ignore"),
            StmtKind::Abort => self.sign("abort"),
            StmtKind::Rollback(scope) => {
                self.sign("rollback")?;
                match scope {
                    RollbackScope::Block => Ok(()),
                    RollbackScope::Stage => self.word("stage"),
                    RollbackScope::Pipeline => self.word("pipeline"),
                }
            }
            StmtKind::Ask { timeout, otherwise } => {
                self.sign("ask")?;
                if let Some(timeout) = timeout {
                    self.word("timeout")?;
                    self.gap(TokenGap::Space);
                    self.expr(timeout)?;
                }
                if let Some(otherwise) = otherwise {
                    self.word("else")?;
                    self.gap(TokenGap::Space);
                    self.ident(otherwise)?;
                }
                Ok(())
            }
            // They have bodies or parts of their own, or their parts are unknown.
            StmtKind::Stage { .. }
            | StmtKind::Serial { .. }
            | StmtKind::Parallel { .. }
            | StmtKind::Loop { .. }
            | StmtKind::Matrix { .. }
            | StmtKind::Step { .. }
            | StmtKind::Let { .. }
            | StmtKind::If { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Verify { .. }
            | StmtKind::On { .. }
            | StmtKind::With { .. }
            | StmtKind::Error => Err(Unprintable),
        }
    }

    fn keyword_and(&mut self, word: &'static str, expr: &Expr) -> Printed {
        self.sign(word)?;
        self.gap(TokenGap::Space);
        self.expr(expr)
    }

    fn run<'a>(&mut self, run: &'a Run, clauses: &mut Vec<Clause<'a>>) -> Printed {
        self.sign(run.word())?;
        self.gap(TokenGap::Space);
        self.string(&run.command)?;
        clauses.extend(run.using.iter().map(Clause::Shell));
        clauses.extend(run.dir.iter().map(|dir| Clause::Plain("in", dir)));
        clauses.extend(run.on.iter().map(|on| Clause::Plain("on", on)));
        clauses.extend(run.env.iter().map(Clause::Variables));
        clauses.extend(run.stdin.iter().map(|text| Clause::Plain("stdin", text)));
        Ok(())
    }

    fn transfer<'a>(&mut self, transfer: &'a Transfer, clauses: &mut Vec<Clause<'a>>) -> Printed {
        self.sign(transfer.direction.word())?;
        if transfer.is_text {
            self.word("text")?;
        }
        self.gap(TokenGap::Space);
        self.expr(&transfer.source)?;
        self.word("to")?;
        self.gap(TokenGap::Space);
        self.expr(&transfer.to)?;
        clauses.extend(transfer.replacing.map(Clause::Replacing));
        clauses.extend(transfer.mode.iter().map(Clause::Mode));
        clauses.extend(transfer.on.iter().map(|on| Clause::Plain("on", on)));
        Ok(())
    }

    fn axis(&mut self, axis: &Axis) -> Printed {
        if let Some((_, word)) = axis.order {
            self.take(word)?;
            self.gap(TokenGap::Space);
        }
        self.ident(&axis.var)?;
        self.second(axis.second.as_ref())?;
        self.word("in")?;
        self.gap(TokenGap::Space);
        self.expr(&axis.list)?;
        match &axis.by {
            Some(by) => {
                self.gap(TokenGap::Space);
                self.keyword_and("by", by)
            }
            None => Ok(()),
        }
    }

    /// The clauses of a head. Returns whether a group was begun, which is still open.
    pub(super) fn clauses(&mut self, clauses: &[Clause<'_>]) -> Result<bool, Unprintable> {
        if clauses.is_empty() {
            return Ok(false);
        }
        let broken = self.on_new_line();
        self.open_line(broken);
        self.push(LinePiece::In);
        for clause in clauses {
            self.gap(TokenGap::Line);
            self.clause(*clause)?;
        }
        self.push(LinePiece::Out);
        Ok(true)
    }

    fn clause(&mut self, clause: Clause<'_>) -> Printed {
        match clause {
            Clause::Axis(axis) => self.axis(axis),
            Clause::Where(rule) => self.keyword_and("where", rule),
            Clause::Using(using) => self.using(using),
            Clause::Each(each) => self.each(each),
            Clause::Shell(shell) => {
                self.sign("using")?;
                self.gap(TokenGap::Space);
                self.ident(shell)
            }
            Clause::Variables(variables) => {
                self.sign("env")?;
                self.gap(TokenGap::Space);
                self.record(&variables.entries)
            }
            Clause::Plain(word, expr) => self.keyword_and(word, expr),
            Clause::Across(what, _) => {
                self.sign("across")?;
                self.gap(TokenGap::Space);
                self.word(what.word())
            }
            Clause::Replacing(_) => self.sign("replacing"),
            Clause::Mode(mode) => {
                self.sign("mode")?;
                self.gap(TokenGap::Space);
                self.take(mode.span)
            }
            Clause::Modifier(modifier) => self.modifier(modifier),
            Clause::Requires(requirement) => self.requires(requirement),
            Clause::Queue(queue) => self.queue(queue),
            Clause::Called(word, part) => self.called(word, part),
        }
    }

    fn called(&mut self, word: &'static str, part: &TriggerPart) -> Printed {
        self.sign(word)?;
        self.gap(TokenGap::Space);
        self.ident(&part.name)?;
        match !part.args.is_empty() || self.sees("(") {
            true => self.args(&part.args),
            false => Ok(()),
        }
    }

    /// `for x in LIST if E`, `for k, v in MAP`
    fn each(&mut self, each: &Each) -> Printed {
        self.sign("for")?;
        self.gap(TokenGap::Space);
        self.ident(&each.var)?;
        if let Some(second) = &each.second {
            self.sign(",")?;
            self.gap(TokenGap::Space);
            self.ident(second)?;
        }
        self.word("in")?;
        self.gap(TokenGap::Space);
        self.expr(&each.list)?;
        if let Some(cond) = &each.cond {
            self.word("if")?;
            self.gap(TokenGap::Space);
            self.expr(cond)?;
        }
        Ok(())
    }

    /// `queue "prod" keep latest`
    fn queue(&mut self, queue: &Queue) -> Printed {
        self.keyword_and("queue", &queue.name)?;
        if let Some(keep) = &queue.keep {
            self.word("keep")?;
            self.gap(TokenGap::Space);
            self.ident(keep)?;
        }
        Ok(())
    }

    /// `requires "kubectl" ">= 1.27" by "…"`
    pub(super) fn requires(&mut self, requirement: &Requirement) -> Printed {
        self.sign("requires")?;
        self.gap(TokenGap::Space);
        self.string(&requirement.program)?;
        if let Some(version) = &requirement.version {
            self.gap(TokenGap::Space);
            self.string(version)?;
        }
        if let Some(by) = &requirement.by {
            self.word("by")?;
            self.gap(TokenGap::Space);
            self.string(by)?;
        }
        Ok(())
    }

    /// `using W(args)`
    pub(super) fn using(&mut self, using: &Use) -> Printed {
        self.sign("using")?;
        self.gap(TokenGap::Space);
        self.path(&using.path)?;
        if !using.args.is_empty() || self.sees("(") {
            self.args(&using.args)?;
        }
        Ok(())
    }

    fn modifier(&mut self, modifier: &Modifier) -> Printed {
        match &modifier.kind {
            ModifierKind::Timeout(limit) => self.keyword_and("timeout", limit),
            ModifierKind::Grace(time) => self.keyword_and("grace", time),
            ModifierKind::Retry { times, every, upto } => {
                self.keyword_and("retry", times)?;
                if let Some(every) = every {
                    self.word("every")?;
                    self.gap(TokenGap::Space);
                    self.expr(every)?;
                }
                if let Some(upto) = upto {
                    self.sign("..")?;
                    self.expr(upto)?;
                }
                Ok(())
            }
            ModifierKind::Max(count) => self.keyword_and("max", count),
            ModifierKind::Batches { sizes, between } => {
                self.keyword_and("batches", sizes)?;
                if let Some(body) = between {
                    self.word("between")?;
                    self.block(body, BraceLayout::Plain)?;
                }
                Ok(())
            }
            ModifierKind::Tolerate(count) => self.keyword_and("tolerate", count),
            ModifierKind::FailFast => {
                self.sign("fail")?;
                self.word("fast")
            }
            ModifierKind::Atomic => self.sign("atomic"),
            ModifierKind::Once => self.sign("once"),
            ModifierKind::Quiet => self.sign("quiet"),
            ModifierKind::Error => Err(Unprintable),
        }
    }

    fn branches(&mut self, branches: &[(Expr, Block)], otherwise: Option<&Block>) -> Printed {
        for (place, (condition, body)) in branches.iter().enumerate() {
            if place > 0 {
                self.gap(TokenGap::Join);
                self.sign("else")?;
                self.gap(TokenGap::Space);
            }
            self.sign("if")?;
            let grouped = matches!(condition.kind, ExprKind::Binary(..));
            self.gap(TokenGap::Space);
            if grouped {
                self.open(false);
                self.push(LinePiece::In);
                self.operands(condition)?;
                self.push(LinePiece::Out);
            } else {
                self.expr(condition)?;
            }
            self.block(body, BraceLayout::of(grouped))?;
        }
        if let Some(body) = otherwise {
            self.gap(TokenGap::Join);
            self.sign("else")?;
            self.block(body, BraceLayout::Plain)?;
        }
        Ok(())
    }

    /// Handlers behind a body.
    pub(super) fn handlers(&mut self, handlers: &[Handler]) -> Printed {
        for handler in handlers {
            self.gap(TokenGap::Join);
            self.handler(handler)?;
        }
        Ok(())
    }

    /// Handlers behind a head. The first one begins a line of its own where the head is broken.
    fn handlers_of_head(&mut self, handlers: &[Handler], grouped: bool) -> Printed {
        let Some((first, rest)) = handlers.split_first() else {
            if grouped {
                self.close();
            }
            return Ok(());
        };
        self.gap(if grouped {
            TokenGap::Line
        } else {
            TokenGap::Join
        });
        self.handler_head(first)?;
        let brace = if grouped {
            BraceLayout::EndsGroup
        } else {
            BraceLayout::Plain
        };
        match body_of(first) {
            Some(body) => self.block(body, brace)?,
            None if grouped => self.close(),
            None => {}
        }
        self.handlers(rest)
    }

    fn handler_head(&mut self, handler: &Handler) -> Printed {
        match &handler.kind {
            HandlerKind::Undo(_) => self.sign("undo"),
            HandlerKind::NoUndo(reason) => {
                self.sign("undo")?;
                self.word("none")?;
                self.gap(TokenGap::Space);
                self.expr(reason)
            }
            HandlerKind::Always(_) => self.sign("always"),
            HandlerKind::Watch { every, .. } => {
                self.sign("watch")?;
                self.word("every")?;
                self.gap(TokenGap::Space);
                self.expr(every)
            }
            HandlerKind::OnFailure { classes, .. } => {
                self.sign("on")?;
                self.word("failure")?;
                if !classes.is_empty() || self.sees("(") {
                    self.brackets(PARENTHESIS_BRACKETS, classes, Self::ident)?;
                }
                Ok(())
            }
        }
    }

    fn handler(&mut self, handler: &Handler) -> Printed {
        self.handler_head(handler)?;
        match body_of(handler) {
            Some(body) => self.block(body, BraceLayout::Plain),
            None => Ok(()),
        }
    }
}
