//! Statements, their modifiers and their handlers.
//! It does not know which modifier fits which statement.

use super::broken::{Around, Before};
use super::{Lower, add};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::errors;
use crate::syntax::grammar::{Pair, Parts, Rule};
use crate::syntax::words;

/// What follows the head of a statement.
pub(super) struct Tail {
    /// The statement's first word.
    keyword: &'static str,
    /// How much was wrong before the statement.
    trouble: usize,
    pub(super) modifiers: Vec<Modifier>,
    pub(super) body: Option<Block>,
    pub(super) handlers: Vec<Handler>,
    /// Where the first of them begins, in the current piece.
    start: Option<usize>,
}

impl Tail {
    pub(super) fn new(keyword: &'static str, trouble: usize) -> Self {
        Self {
            keyword,
            trouble,
            modifiers: Vec::new(),
            body: None,
            handlers: Vec::new(),
            start: None,
        }
    }

    /// The words besides modifiers that may stand in the head.
    fn known(&self) -> &'static [&'static str] {
        match self.keyword {
            "matrix" => &["where", "include", "serial", "parallel"],
            "lock" => &["limit"],
            "verify" => &["every"],
            _ => &[],
        }
    }
}

impl<'t> Lower<'t> {
    /// The block that must stand next.
    pub(super) fn block_of(&mut self, parts: &mut Parts<'t>, what: &str, all: Span) -> Block {
        match parts.next() {
            Some(pair) if pair.as_rule() == Rule::block => self.block(pair),
            Some(pair) => {
                self.no_body(&pair, what);
                self.no_block(all)
            }
            None => self.no_block(all),
        }
    }

    fn no_body(&mut self, pair: &Pair<'t>, what: &str) {
        let place = self.after_last_word(pair.as_span().start());
        self.report(errors::no_body(place, what, "its statements"));
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
    pub(super) fn block(&mut self, pair: Pair<'t>) -> Block {
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

    /// The rest of a statement: modifiers, body, handlers.
    pub(super) fn tail_of(&mut self, parts: &mut Parts<'t>, what: &str, trouble: usize) -> Tail {
        let mut tail = Tail::new("", trouble);
        for pair in parts.by_ref() {
            self.tail_part(pair, what, &mut tail);
        }
        tail
    }

    /// A modifier, body or handler. `what` names the statement.
    fn tail_part(&mut self, pair: Pair<'t>, what: &str, tail: &mut Tail) {
        tail.start.get_or_insert(pair.as_span().start());
        match pair.as_rule() {
            Rule::block => tail.body = Some(self.block(pair)),
            Rule::missing_body => self.no_body(&pair, what),
            Rule::bad_head => {
                let span = self.span(&pair);
                let quiet = self.trouble() > tail.trouble;
                self.bad_head(pair, tail.keyword, tail.known(), quiet);
                let kind = ModifierKind::Error;
                add(&mut tail.modifiers, Modifier { kind, span });
            }
            Rule::undo | Rule::always | Rule::on_failure => {
                if let Some(handler) = self.handler(pair) {
                    add(&mut tail.handlers, handler);
                }
            }
            _ => {
                let modifier = self.modifier(pair);
                add(&mut tail.modifiers, modifier);
            }
        }
    }

    fn modifier(&mut self, pair: Pair<'t>) -> Modifier {
        let span = self.span(&pair);
        let form = pair.as_rule();
        if form == Rule::retry {
            self.before_retry = self.after_last_word(pair.as_span().start());
        }
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        let kind = match form {
            Rule::timeout => ModifierKind::Timeout(self.expr_of(parts, "a duration")),
            Rule::retry => {
                let times = self.expr_of(parts, "a number of tries");
                let (every, upto) = self.every_range(parts);
                ModifierKind::Retry { times, every, upto }
            }
            Rule::max => ModifierKind::Max(self.expr_of(parts, "a number")),
            Rule::batches => ModifierKind::Batches(self.expr_of(parts, "a list of sizes")),
            Rule::tolerate => ModifierKind::Tolerate(self.expr_of(parts, "a number of failures")),
            Rule::fail_fast => ModifierKind::FailFast,
            Rule::atomic => ModifierKind::Atomic,
            Rule::once => ModifierKind::Once,
            _ => ModifierKind::Error,
        };
        Modifier { kind, span }
    }

    fn every_range(&mut self, parts: &mut Parts<'t>) -> (Option<Expr>, Option<Expr>) {
        let Some(pair) = parts.accept(Rule::every_range) else {
            return (None, None);
        };
        let mut inner = Parts::of(pair);
        let every = self.expr_of(&mut inner, "a duration after `every`");
        let upto = inner
            .accept(Rule::upto)
            .map(|pair| self.expr_of(&mut Parts::of(pair), "a duration after `..`"));
        (Some(every), upto)
    }

    fn handler(&mut self, pair: Pair<'t>) -> Option<Handler> {
        let span = self.span(&pair);
        let form = pair.as_rule();
        let mut parts = Parts::of(pair);
        let kind = match form {
            Rule::undo => HandlerKind::Undo(self.block(parts.next()?)),
            Rule::always => HandlerKind::Always(self.block(parts.next()?)),
            _ => {
                let classes = match parts.accept(Rule::classes) {
                    Some(pair) => self.classes(pair),
                    None => Vec::new(),
                };
                let trouble = self.trouble();
                self.bad_heads(&mut parts, trouble);
                let mut body = self.block(parts.next()?);
                retry_at_the_end(&mut body, self.before_retry);
                HandlerKind::OnFailure { classes, body }
            }
        };
        Some(Handler { kind, span })
    }

    fn classes(&mut self, pair: Pair<'t>) -> Vec<Ident> {
        let mut classes = Vec::new();
        for pair in Parts::of(pair) {
            match pair.as_rule() {
                Rule::ident => classes.push(self.ident(&pair)),
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        classes
    }

    /// A statement, behind what stands `before` it. Returns what to remember of it.
    pub(super) fn stmt(&mut self, pair: Pair<'t>, before: Before) -> (Stmt, Before) {
        let trouble = self.trouble();
        let span = self.span(&pair);
        let (start, end) = (pair.as_span().start(), pair.as_span().end());
        let form = pair.as_rule();
        let doc = match form {
            Rule::stage | Rule::step => self.doc(&pair),
            _ => None,
        };
        let mut tail = Tail::new(keyword(form), trouble);
        let mut after = None;
        let kind = match form {
            Rule::error_stmt => {
                after = Some(self.error_line(pair, Around::Block, before));
                StmtKind::Error
            }
            Rule::stray_item => {
                self.stray_item(pair);
                StmtKind::Error
            }
            _ => self.stmt_kind(form, Parts::of(pair), span, &mut tail),
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
        mut parts: Parts<'t>,
        span: Span,
        tail: &mut Tail,
    ) -> StmtKind {
        let parts = &mut parts;
        match form {
            Rule::run => StmtKind::Run(self.run(parts, tail)),
            Rule::deploy => self.deploy(parts, tail),
            Rule::call => self.call(parts, tail),
            Rule::let_stmt => self.let_stmt(parts, span, tail),
            Rule::if_stmt => self.if_stmt(parts, span, tail),
            Rule::serial => self.serial_or_parallel(parts, Order::Serial, span, tail),
            Rule::parallel => self.serial_or_parallel(parts, Order::Parallel, span, tail),
            Rule::matrix => self.matrix(parts, span, tail),
            Rule::verify => self.verify(parts, span, tail),
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
                let resource = self.expr_of(parts, "a resource to lock");
                let limit = parts
                    .accept(Rule::limit)
                    .map(|pair| self.expr_of(&mut Parts::of(pair), "a number after `limit`"));
                let body = self.body(parts, "`lock`", span, tail);
                StmtKind::Lock {
                    resource,
                    limit,
                    body,
                }
            }
            _ => self.simple_stmt(form, parts, tail),
        }
    }

    /// The statements without a body.
    fn simple_stmt(&mut self, form: Rule, parts: &mut Parts<'t>, tail: &mut Tail) -> StmtKind {
        let kind = match form {
            Rule::barrier => {
                let name = self.name_of(parts, "the barrier's name");
                let key = parts.accept(Rule::index).map(|pair| self.index(pair));
                StmtKind::Barrier { name, key }
            }
            Rule::approve => self.approve(parts, tail),
            Rule::wait => StmtKind::Wait(self.expr_of(parts, "a duration")),
            Rule::log => StmtKind::Log(self.expr_of(parts, "a text")),
            Rule::fail => StmtKind::Fail(self.expr_of(parts, "a message")),
            Rule::yield_stmt => StmtKind::Yield(self.expr_of(parts, "a value")),
            Rule::return_stmt => {
                let value = parts.accept(Rule::expr).map(|pair| self.expr(pair));
                StmtKind::Return(value)
            }
            Rule::ignore => StmtKind::Ignore,
            Rule::abort => StmtKind::Abort,
            Rule::rollback => StmtKind::Rollback(match parts.next() {
                None => RollbackScope::Block,
                Some(pair) if pair.as_str() == "stage" => RollbackScope::Stage,
                Some(_) => RollbackScope::Pipeline,
            }),
            Rule::retry_stmt => {
                let times = self.expr_of(parts, "a number of tries");
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

    /// Modifiers, the body and the handlers.
    fn body(&mut self, parts: &mut Parts<'t>, what: &str, all: Span, tail: &mut Tail) -> Block {
        for pair in parts.by_ref() {
            self.tail_part(pair, what, tail);
        }
        tail.body.take().unwrap_or_else(|| self.no_block(all))
    }

    pub(super) fn run(&mut self, parts: &mut Parts<'t>, tail: &mut Tail) -> Run {
        let mut run = Run {
            command: self.command(parts),
            using: None,
            dir: None,
            env: Vec::new(),
            on: None,
        };
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.as_rule() {
                Rule::run_using => {
                    let shell = self.name_of(&mut Parts::of(pair), "a shell after `using`");
                    self.once(run.using.replace(shell).is_some(), span, "using");
                }
                Rule::run_in => {
                    let dir = self.expr_of(&mut Parts::of(pair), "a directory after `in`");
                    self.once(run.dir.replace(dir).is_some(), span, "in");
                }
                Rule::run_on => {
                    let on = self.expr_of(&mut Parts::of(pair), "an infrastructure after `on`");
                    self.once(run.on.replace(on).is_some(), span, "on");
                }
                Rule::run_env => {
                    let mut inner = Parts::of(pair);
                    match inner.next() {
                        Some(record) if record.as_rule() == Rule::record => {
                            let (entries, _) = self.record(record);
                            self.once(!run.env.is_empty(), span, "env");
                            run.env.extend(entries);
                        }
                        Some(missing) => self.missing(&missing, "`{` and variables after `env`"),
                        None => {}
                    }
                }
                _ => {
                    self.tail_part(pair, "`run`", tail);
                }
            }
        }
        run
    }

    /// Reports a clause that stands twice.
    fn once(&mut self, twice: bool, span: Span, word: &str) {
        if twice {
            self.report(errors::twice(span, word));
        }
    }

    fn command(&mut self, parts: &mut Parts<'t>) -> StringLit {
        let Some(pair) = parts.next() else {
            return empty_string(self.place(0, 0));
        };
        match pair.as_rule() {
            Rule::string => self.string(pair),
            Rule::bad_command => empty_string(self.bare_command(&pair)),
            _ => {
                self.missing(&pair, "a command in quotes");
                empty_string(self.after_last_word(pair.as_span().start()))
            }
        }
    }

    fn deploy(&mut self, parts: &mut Parts<'t>, tail: &mut Tail) -> StmtKind {
        let Some(service) = parts.next() else {
            return StmtKind::Error;
        };
        let end = self.trim(service.as_span().end());
        let service = self.expr_or_missing(service, "a service");
        let target = match parts.accept(Rule::deploy_to) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), "an infrastructure after `to`"),
            None => {
                if service.kind != ExprKind::Error {
                    self.no_target(&service, end);
                }
                self.no_expr(self.place(end, end))
            }
        };
        let mut using = None;
        for pair in parts.by_ref() {
            if pair.as_rule() == Rule::using {
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
        } else if words::meant(&name.name, &["failure"]).is_some() {
            let diagnostic = errors::misspelt(target.span, &name.name, "failure", "infrastructure");
            self.repair(target.span, "failure", diagnostic);
        }
    }

    fn call(&mut self, parts: &mut Parts<'t>, tail: &mut Tail) -> StmtKind {
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

    fn let_stmt(&mut self, parts: &mut Parts<'t>, span: Span, tail: &mut Tail) -> StmtKind {
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
            self.tail_part(pair, "`let`", tail);
        }
        StmtKind::Let { name, ty, value }
    }

    fn if_stmt(&mut self, parts: &mut Parts<'t>, span: Span, tail: &mut Tail) -> StmtKind {
        let mut branches = vec![self.branch(parts, span, tail.trouble)];
        let mut otherwise = None;
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            let trouble = self.trouble();
            match pair.as_rule() {
                Rule::else_if => {
                    let branch = self.branch(&mut Parts::of(pair), span, trouble);
                    add(&mut branches, branch);
                }
                Rule::otherwise => {
                    let mut inner = Parts::of(pair);
                    self.bad_heads(&mut inner, trouble);
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

    fn branch(&mut self, parts: &mut Parts<'t>, span: Span, trouble: usize) -> (Expr, Block) {
        let cond = self.expr_of(parts, "a condition after `if`");
        self.bad_heads(parts, trouble);
        let body = self.block_of(parts, "`if`", span);
        (cond, body)
    }

    fn serial_or_parallel(
        &mut self,
        parts: &mut Parts<'t>,
        order: Order,
        span: Span,
        tail: &mut Tail,
    ) -> StmtKind {
        let (word, what) = match order {
            Order::Serial => ("serial", "`serial`"),
            Order::Parallel => ("parallel", "`parallel`"),
        };
        let axis = parts.accept(Rule::over).map(|pair| {
            let keyword = Span {
                end: span.start + word.len() as u32,
                ..span
            };
            let end = self.span(&pair);
            let mut inner = Parts::of(pair);
            let var = self.name_of(&mut inner, "a variable");
            let list = self.expr_of(&mut inner, "a list after `in`");
            Axis {
                order: Some((order, keyword)),
                var,
                list,
                span: keyword.to(end),
            }
        });
        let body = self.body(parts, what, span, tail);
        match (axis, order) {
            (Some(axis), _) => StmtKind::Loop { axis, body },
            (None, Order::Serial) => StmtKind::Serial { body },
            (None, Order::Parallel) => StmtKind::Parallel { body },
        }
    }

    fn matrix(&mut self, parts: &mut Parts<'t>, span: Span, tail: &mut Tail) -> StmtKind {
        let mut axes = Vec::new();
        let mut filter = None;
        let mut include = Vec::new();
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.as_rule() {
                Rule::axis => add(&mut axes, self.axis(pair, span)),
                Rule::filter => {
                    let cond = self.expr_of(&mut Parts::of(pair), "a condition after `where`");
                    self.once(filter.replace(cond).is_some(), span, "where");
                }
                Rule::include => {
                    let cells = self.expr_of(&mut Parts::of(pair), "a record after `include`");
                    add(&mut include, cells);
                }
                _ => self.tail_part(pair, "`matrix`", tail),
            }
        }
        if axes.is_empty() && self.trouble() == tail.trouble {
            let end = span.start + "matrix".len() as u32;
            self.report(errors::no_axis(Span {
                start: end,
                end,
                ..span
            }));
        }
        StmtKind::Matrix {
            axes,
            filter,
            include,
            body: tail.body.take().unwrap_or_else(|| self.no_block(span)),
        }
    }

    fn axis(&mut self, pair: Pair<'t>, span: Span) -> Axis {
        let mut parts = Parts::of(pair);
        let order = parts.accept(Rule::order).map(|pair| {
            let order = if pair.as_str() == "serial" {
                Order::Serial
            } else {
                Order::Parallel
            };
            (order, self.span_exact(&pair))
        });
        let var = self.name_of(&mut parts, "a variable");
        let list = self.expr_of(&mut parts, "a list after `in`");
        Axis {
            order,
            var,
            list,
            span,
        }
    }

    fn verify(&mut self, parts: &mut Parts<'t>, span: Span, tail: &mut Tail) -> StmtKind {
        let mut during = None;
        let mut every = None;
        for pair in parts.by_ref() {
            match pair.as_rule() {
                Rule::during => {
                    during = Some(self.expr_of(&mut Parts::of(pair), "a duration after `for`"));
                }
                Rule::every => {
                    every = Some(self.expr_of(&mut Parts::of(pair), "a duration after `every`"));
                }
                _ => self.tail_part(pair, "`verify`", tail),
            }
        }
        let keyword = Span {
            end: span.start + "verify".len() as u32,
            start: span.start + "verify".len() as u32,
            ..span
        };
        if (during.is_none() || every.is_none()) && self.trouble() == tail.trouble {
            let diagnostic = errors::verify(keyword, during.is_none(), every.is_none());
            self.report(diagnostic);
        }
        StmtKind::Verify {
            during: during.unwrap_or_else(|| self.no_expr(keyword)),
            every: every.unwrap_or_else(|| self.no_expr(keyword)),
            body: tail.body.take().unwrap_or_else(|| self.no_block(span)),
        }
    }

    fn approve(&mut self, parts: &mut Parts<'t>, tail: &mut Tail) -> StmtKind {
        let question = self.expr_of(parts, "a question");
        let mut by = None;
        for pair in parts.by_ref() {
            if pair.as_rule() == Rule::by {
                let span = self.span(&pair);
                let groups = self.expr_of(&mut Parts::of(pair), "a list of groups after `by`");
                self.once(by.replace(groups).is_some(), span, "by");
            } else {
                self.tail_part(pair, "`approve`", tail);
            }
        }
        StmtKind::Approve { question, by }
    }

    fn ask(&mut self, parts: &mut Parts<'t>) -> StmtKind {
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

/// The first word of a statement with a head that is looked at for misspelt words.
fn keyword(form: Rule) -> &'static str {
    match form {
        Rule::serial => "serial",
        Rule::parallel => "parallel",
        Rule::matrix => "matrix",
        Rule::lock => "lock",
        Rule::verify => "verify",
        _ => "",
    }
}

fn empty_string(span: Span) -> StringLit {
    StringLit {
        parts: Vec::new(),
        multiline: false,
        span,
    }
}

/// At the very end of an `on failure` body, `retry N` is the statement that retries what failed,
/// although the grammar takes it for a modifier of the statement before it. `before` is the place
/// where the words before it end.
fn retry_at_the_end(body: &mut Block, before: Span) {
    let Some(last) = body.stmts.last_mut() else {
        return;
    };
    let takes_retry = matches!(
        last.kind,
        StmtKind::Run(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Call(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Approve { .. }
    );
    let end = last.span.end;
    if !takes_retry || !last.handlers.is_empty() {
        return;
    }
    let Some(modifier) = last.modifiers.pop_if(|modifier| {
        modifier.span.end == end && matches!(modifier.kind, ModifierKind::Retry { every: None, .. })
    }) else {
        return;
    };
    let ModifierKind::Retry { times, .. } = modifier.kind else {
        return;
    };
    last.span.end = before.end;
    let span = modifier.span;
    body.stmts.push(Stmt {
        doc: None,
        kind: StmtKind::Retry(times),
        modifiers: Vec::new(),
        handlers: Vec::new(),
        head: span,
        span,
    });
}
