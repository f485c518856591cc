//! Lowers statements and blocks. Which modifiers a statement may have is checked later, in `lang`.

use super::broken::{Before, BrokenLineContext};
use super::tail::{StatementTail, keyword};
use super::{TreeBuilder, add, behind};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use crate::words;
use lockstep_base::source::Span;

/// Where a statement stands.
#[derive(Clone, Copy)]
pub(super) struct StatementPlace {
    pub(super) all: Span,
    /// Its first word, where that decides what may stand in the head; in the source it may be a
    /// shorter one, which was repaired.
    pub(super) keyword: Span,
}

impl<'t> TreeBuilder<'t> {
    /// The block that must stand next.
    pub(super) fn block_of(&mut self, parts: &mut Parts<'_>, what: &str, all: Span) -> Block {
        match parts.next() {
            Some(pair) if pair.rule() == Rule::block => self.block(pair),
            Some(pair) => {
                self.no_body(&pair, what);
                self.no_block(all)
            }
            None => self.no_block(all),
        }
    }

    pub(super) fn no_body(&mut self, pair: &Pair<'_>, what: &str) {
        let at = pair.start();
        let rest = self.text.get(self.base + at..).unwrap_or("");
        let rest = words::beginning(rest);
        let line = rest.lines().next().unwrap_or("");
        let foreign = crate::foreign::habit_of(&crate::foreign::HEADS, words::first_word(line));
        if foreign.is_some() && line.contains('{') && self.habitual_head(line, at) {
            return;
        }
        if !self.bare_statement(at, what) {
            let place = self.after_last_word(at);
            self.report(errors::no_body(place, what, "its statements"));
        }
    }

    pub(super) fn no_block(&self, all: Span) -> Block {
        Block {
            stmts: Vec::new(),
            span: Span {
                start: all.end,
                ..all
            },
        }
    }

    /// `{ statements }`
    pub(super) fn block(&mut self, pair: Pair<'_>) -> Block {
        let span = self.span_exact(&pair);
        let parts = Parts::of(pair);
        let mut stmts = Vec::with_capacity(parts.len());
        let mut before = Before::default();
        for pair in parts {
            let (stmt, after) = self.stmt(pair, before);
            stmts.push(stmt);
            before = after;
        }
        Block { stmts, span }
    }

    /// A statement, behind what stands `before` it. Returns what to remember of it.
    pub(super) fn stmt(&mut self, pair: Pair<'_>, before: Before) -> (Stmt, Before) {
        let trouble = self.report_broken();
        let span = self.span(&pair);
        let (start, end) = (pair.start(), pair.end());
        let form = pair.rule();
        let doc = match form {
            Rule::stage | Rule::step => self.doc(&pair),
            _ => None,
        };
        let keyword = keyword(form);
        let mut tail = StatementTail::new(keyword, trouble);
        let mut after = None;
        let kind = match form {
            Rule::error_stmt => {
                after = Some(self.error_line(pair, BrokenLineContext::Block, before));
                StmtKind::Error
            }
            Rule::stray_item => {
                self.stray_item(pair);
                StmtKind::Error
            }
            _ => {
                match form {
                    Rule::approve | Rule::run | Rule::query => self.head_first(start),
                    Rule::fail => {
                        self.head_first(start);
                        self.class_first(start);
                    }
                    Rule::barrier => self.barrier_name_last(start),
                    Rule::call => self.statement_as_call(start),
                    _ => {}
                }
                let place = StatementPlace {
                    all: span,
                    keyword: self.place(start, start + keyword.len()),
                };
                self.stmt_kind(form, Parts::of(pair), place, &mut tail)
            }
        };
        let head = match tail.start {
            Some(end) => self.place(start, self.trim(end).max(start)),
            None => span,
        };
        let stmt = Stmt {
            doc,
            kind,
            modifiers: tail.modifiers,
            handlers: tail.handlers,
            head,
            span,
        };
        let after = after.unwrap_or_else(|| self.before(start, end, trouble));
        (stmt, after)
    }

    fn stmt_kind(
        &mut self,
        form: Rule,
        mut parts: Parts<'_>,
        place: StatementPlace,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let parts = &mut parts;
        let span = place.all;
        match form {
            Rule::run => StmtKind::Run(Box::new(self.run(parts, false, tail))),
            Rule::query => StmtKind::Run(Box::new(self.run(parts, true, tail))),
            Rule::send => self.transfer(parts, TransferDirection::Send, tail),
            Rule::fetch => self.transfer(parts, TransferDirection::Fetch, tail),
            Rule::with => self.with(parts, span, tail),
            Rule::deploy => self.deploy(parts, tail),
            Rule::call => self.call(parts, tail),
            Rule::let_stmt => self.let_stmt(parts, span, tail),
            Rule::if_stmt => self.if_stmt(parts, span, tail),
            Rule::serial => self.serial_or_parallel(parts, Order::Serial, place, tail),
            Rule::parallel => self.serial_or_parallel(parts, Order::Parallel, place, tail),
            Rule::matrix => self.matrix(parts, place, tail),
            Rule::verify => self.verify(parts, place, tail),
            Rule::stage => {
                let name = self.name_of(parts, "the stage's name");
                let body = self.body(parts, "the stage", span, tail);
                StmtKind::Stage { name, body }
            }
            Rule::step => {
                let name = self.name_of(parts, "the step's name");
                let body = self.body(parts, "the step", span, tail);
                StmtKind::Step { name, body }
            }
            Rule::on_stmt => {
                let target = self.expr_of(parts, "an infrastructure after `on`");
                self.check_on(&target);
                let body = self.body(parts, "`on`", span, tail);
                StmtKind::On { target, body }
            }
            Rule::lock => {
                let resource = self.list_of(parts, "a resource to lock");
                self.lock(resource, parts, span, tail)
            }
            _ => self.simple_stmt(form, parts, tail),
        }
    }

    /// The statements without a body.
    fn simple_stmt(
        &mut self,
        form: Rule,
        parts: &mut Parts<'_>,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let kind = match form {
            Rule::barrier => self.barrier(parts, tail),
            Rule::approve => self.approve(parts, tail),
            Rule::wait => StmtKind::Wait(self.expr_of(parts, "a duration")),
            Rule::log => StmtKind::Log(self.expr_of(parts, "a text")),
            Rule::fail => StmtKind::Fail {
                message: self.expr_of(parts, "a message"),
                class: (parts.accept(Rule::fail_as))
                    .map(|pair| self.name_of(&mut Parts::of(pair), "a class after `as`")),
            },
            Rule::yield_stmt => StmtKind::Yield(self.expr_of(parts, "a value")),
            Rule::return_stmt => {
                let value = parts.accept(Rule::expr).map(|pair| self.expr(pair));
                StmtKind::Return(value)
            }
            Rule::ignore => StmtKind::Ignore,
            Rule::abort => StmtKind::Abort,
            Rule::rollback => StmtKind::Rollback(match parts.next() {
                None => RollbackScope::Block,
                Some(pair) if pair.text() == "stage" => RollbackScope::Stage,
                Some(_) => RollbackScope::Pipeline,
            }),
            Rule::retry_stmt => {
                let times = self.expr_of(parts, "a number of retries");
                if let Some(pair) = parts.accept(Rule::every_range) {
                    let span = self.span(&pair);
                    self.report(errors::retry_every(span));
                }
                StmtKind::Retry(times)
            }
            Rule::ask => self.ask(parts),
            _ => StmtKind::Error,
        };
        for pair in parts.by_ref() {
            self.tail_part(pair, "the statement", tail);
        }
        kind
    }

    fn deploy(&mut self, parts: &mut Parts<'_>, tail: &mut StatementTail) -> StmtKind {
        let Some(service) = parts.next() else {
            return StmtKind::Error;
        };
        let end = self.trim(service.end());
        let service = self.expr_or_missing(service, "a service");
        let target = match parts.accept(Rule::deploy_to) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), "an infrastructure after `to`"),
            None => {
                if service.kind != ExprKind::Error {
                    self.no_target("deploy", &service, end);
                }
                self.no_expr(self.place(end, end))
            }
        };
        let mut using = None;
        for pair in parts.by_ref() {
            if pair.rule() == Rule::using {
                let span = self.span(&pair);
                let found = self.using(pair);
                self.once(using.replace(found).is_some(), span, "using");
            } else {
                self.tail_part(pair, "`deploy`", tail);
            }
        }
        StmtKind::Deploy {
            service,
            target,
            using,
        }
    }

    /// `on failure { … }` where no statement stands before it, or misspelt.
    fn check_on(&mut self, target: &Expr) {
        let ExprKind::Name(name) = &target.kind else {
            return;
        };
        if &*name.name == "failure" {
            self.report(errors::stray_handler(target.span, "on failure"));
        } else if words::suggest_keyword(&name.name, &["failure"]).is_some() {
            let diagnostic = errors::misspelt(target.span, &name.name, "failure", "infrastructure");
            self.repair(target.span, "failure", diagnostic);
        }
    }

    fn call(&mut self, parts: &mut Parts<'_>, tail: &mut StatementTail) -> StmtKind {
        let first = self.name_of(parts, "a workflow or action");
        let start = first.span;
        let mut callee = Expr {
            span: start,
            kind: ExprKind::Name(first),
        };
        if let Some(pair) = parts.accept(Rule::callee_of) {
            let name = self.name_of(&mut Parts::of(pair), "a workflow or action");
            callee = Expr {
                span: start.to(name.span),
                kind: ExprKind::Field(Box::new(callee), name),
            };
        }
        let mut span = callee.span;
        let mut args = Vec::new();
        if let Some(pair) = parts.accept(Rule::args) {
            span = span.to(self.span_exact(&pair));
            args = self.args(pair);
        }
        for pair in parts.by_ref() {
            self.tail_part(pair, "a call", tail);
        }
        StmtKind::Call(Expr {
            kind: ExprKind::Call(Box::new(callee), args),
            span,
        })
    }

    fn let_stmt(
        &mut self,
        parts: &mut Parts<'_>,
        span: Span,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let name = self.name_of(parts, "the name of the value");
        let (ty, value) = self.typed_value(parts, &name);
        let value = match (value, parts.accept(Rule::let_effect)) {
            (Some(value), _) => LetValue::Expr(value),
            (None, Some(pair)) => {
                let mut inner = Parts::of(pair);
                self.bad_sep(&mut inner, "=", &name.name);
                match inner.next() {
                    Some(effect) => {
                        let (effect, _) = self.stmt(effect, Before::default());
                        LetValue::Effect(Box::new(effect))
                    }
                    None => LetValue::Expr(self.no_expr(span)),
                }
            }
            (None, None) => {
                let end = ty.as_ref().map_or(name.span, |ty| ty.span);
                LetValue::Expr(self.no_value_part(end, &name))
            }
        };
        for pair in parts.by_ref() {
            if matches!(value, LetValue::Effect(_)) && self.report_broken() == tail.problems {
                self.behind_effect(&pair);
            }
            self.tail_part(pair, "`let`", tail);
        }
        StmtKind::Let { name, ty, value }
    }

    /// A modifier or handler of `let` behind an effect, which has taken all that can be its own.
    fn behind_effect(&mut self, pair: &Pair<'_>) {
        let word = match pair.rule() {
            Rule::on_failure => "on failure",
            Rule::fail_fast => "fail fast",
            _ => words::first_word(pair.text()),
        };
        let word_span = self.place(pair.start(), pair.start() + word.len());
        let diagnostic = match pair.rule() {
            Rule::undo | Rule::always | Rule::on_failure | Rule::watch => {
                errors::stray_handler(word_span, word)
            }
            _ => errors::stray_modifier(word_span, word),
        };
        self.report(diagnostic);
    }

    fn if_stmt(&mut self, parts: &mut Parts<'_>, span: Span, tail: &mut StatementTail) -> StmtKind {
        let mut branches = vec![self.branch(parts, span, tail.problems)];
        let mut otherwise = None;
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            let trouble = self.report_broken();
            match pair.rule() {
                Rule::else_if => {
                    let branch = self.branch(&mut Parts::of(pair), span, trouble);
                    add(&mut branches, branch);
                }
                Rule::otherwise => {
                    let mut inner = Parts::of(pair);
                    self.bad_heads(&mut inner, trouble, "a branch");
                    otherwise = Some(self.block_of(&mut inner, "`else`", span));
                }
                _ => self.tail_part(pair, "`if`", tail),
            }
        }
        StmtKind::If {
            branches,
            otherwise,
        }
    }

    fn branch(&mut self, parts: &mut Parts<'_>, span: Span, trouble: usize) -> (Expr, Block) {
        let cond = self.expr_of(parts, "a condition after `if`");
        self.bad_heads(parts, trouble, "a branch");
        let body = self.block_of(parts, "`if`", span);
        (cond, body)
    }

    fn lock(
        &mut self,
        resource: Expr,
        parts: &mut Parts<'_>,
        span: Span,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let mut limit = None;
        for pair in parts.by_ref() {
            if pair.rule() == Rule::limit {
                let clause = self.span(&pair);
                let places = self.expr_of(&mut Parts::of(pair), "a number after `limit`");
                self.once(limit.replace(places).is_some(), clause, "limit");
            } else {
                self.tail_part(pair, "`lock`", tail);
            }
        }
        StmtKind::Lock {
            resource,
            limit,
            body: tail.body.take().unwrap_or_else(|| self.no_block(span)),
        }
    }

    fn verify(
        &mut self,
        parts: &mut Parts<'_>,
        place: StatementPlace,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let mut during = None;
        let mut every = None;
        for pair in parts.by_ref() {
            match pair.rule() {
                Rule::during => {
                    let clause = self.span(&pair);
                    let time = self.expr_of(&mut Parts::of(pair), "a duration after `for`");
                    self.once(during.replace(time).is_some(), clause, "for");
                }
                Rule::every => {
                    let clause = self.span(&pair);
                    let time = self.expr_of(&mut Parts::of(pair), "a duration after `every`");
                    self.once(every.replace(time).is_some(), clause, "every");
                }
                _ => self.tail_part(pair, "`verify`", tail),
            }
        }
        let keyword = behind(place.keyword);
        if (during.is_none() || every.is_none()) && self.report_broken() == tail.problems {
            let diagnostic = errors::verify(keyword, during.is_none(), every.is_none());
            self.report(diagnostic);
        }
        StmtKind::Verify {
            during: during.unwrap_or_else(|| self.no_expr(keyword)),
            every: every.unwrap_or_else(|| self.no_expr(keyword)),
            body: tail.body.take().unwrap_or_else(|| self.no_block(place.all)),
        }
    }

    fn barrier(&mut self, parts: &mut Parts<'_>, tail: &mut StatementTail) -> StmtKind {
        let name = self.name_of(parts, "the barrier's name");
        let key = parts.accept(Rule::index).map(|pair| self.index(pair));
        let mut across = None;
        for pair in parts.by_ref() {
            if pair.rule() == Rule::across {
                let span = self.span(&pair);
                let found = self.across(&mut Parts::of(pair));
                let twice = across.replace((found, span)).is_some();
                self.once(twice, span, "across");
            } else {
                self.tail_part(pair, "`barrier`", tail);
            }
        }
        StmtKind::Barrier { name, key, across }
    }

    fn across(&mut self, parts: &mut Parts<'_>) -> AcrossScope {
        match parts.next() {
            Some(pair) if pair.rule() == Rule::across_what => match pair.text() {
                "pipeline" => AcrossScope::Pipeline,
                _ => AcrossScope::Stage,
            },
            other => {
                if let Some(pair) = other {
                    self.missing(&pair, "`stage` or `pipeline` after `across`");
                }
                AcrossScope::Stage
            }
        }
    }

    fn approve(&mut self, parts: &mut Parts<'_>, tail: &mut StatementTail) -> StmtKind {
        let question = self.expr_of(parts, "a question");
        let (mut by, mut count, mut except) = (None, None, None);
        for pair in parts.by_ref() {
            let (clause, word, wanted) = match pair.rule() {
                Rule::by => (&mut by, "by", "a list of groups after `by`"),
                Rule::count => (&mut count, "count", "a number after `count`"),
                Rule::except => (&mut except, "except", "a list of people after `except`"),
                _ => {
                    self.tail_part(pair, "`approve`", tail);
                    continue;
                }
            };
            let span = self.span(&pair);
            let value = match word {
                "count" => self.expr_of(&mut Parts::of(pair), wanted),
                _ => self.list_of(&mut Parts::of(pair), wanted),
            };
            self.once(clause.replace(value).is_some(), span, word);
        }
        StmtKind::Approve {
            question,
            by,
            count,
            except,
        }
    }

    fn ask(&mut self, parts: &mut Parts<'_>) -> StmtKind {
        let timeout = parts
            .accept(Rule::timeout)
            .map(|pair| self.expr_of(&mut Parts::of(pair), "a duration after `timeout`"));
        let otherwise = parts.accept(Rule::ask_else).map(|pair| {
            self.name_of(
                &mut Parts::of(pair),
                "`ignore`, `rollback` or `abort` after `else`",
            )
        });
        StmtKind::Ask { timeout, otherwise }
    }
}
