//! Lowers what follows the head of a statement: modifiers, the body and handlers.

use super::{TreeBuilder, add};
use crate::ast::*;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

/// What follows the head of a statement.
pub(super) struct StatementTail {
    /// The statement's first word.
    keyword: &'static str,
    /// How much was wrong before the statement.
    pub(super) problems: usize,
    pub(super) modifiers: Vec<Modifier>,
    pub(super) body: Option<Block>,
    pub(super) handlers: Vec<Handler>,
    /// Where the first of them begins, in the current piece.
    pub(super) start: Option<usize>,
}

impl StatementTail {
    pub(super) fn new(keyword: &'static str, trouble: usize) -> Self {
        Self {
            keyword,
            problems: trouble,
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
            "with" => &["on", "in", "env"],
            _ => &[],
        }
    }
}

impl<'t> TreeBuilder<'t> {
    /// A modifier, body or handler. `what` names the statement.
    pub(super) fn tail_part(&mut self, pair: Pair<'_>, what: &str, tail: &mut StatementTail) {
        tail.start.get_or_insert(pair.start());
        match pair.rule() {
            Rule::block => tail.body = Some(self.block(pair)),
            // What comes before has taken the body, or is why there is none.
            Rule::missing_body if self.report_broken() > tail.problems => {}
            Rule::missing_body => self.no_body(&pair, what),
            Rule::bad_head => {
                let span = self.span(&pair);
                let quiet = self.report_broken() > tail.problems;
                self.bad_head(pair, tail.keyword, tail.known(), quiet);
                let kind = ModifierKind::Error;
                add(&mut tail.modifiers, Modifier { kind, span });
            }
            Rule::undo | Rule::always | Rule::on_failure | Rule::watch => {
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

    fn modifier(&mut self, pair: Pair<'_>) -> Modifier {
        let span = self.span(&pair);
        let form = pair.rule();
        if form == Rule::retry {
            self.before_retry = self.after_last_word(pair.start());
        }
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        let kind = match form {
            Rule::timeout => ModifierKind::Timeout(self.expr_of(parts, "a duration")),
            Rule::grace => ModifierKind::Grace(self.expr_of(parts, "a duration")),
            Rule::retry => {
                let times = self.expr_of(parts, "a number of retries");
                let (every, upto) = self.every_range(parts);
                ModifierKind::Retry {
                    times,
                    every: every.map(Box::new),
                    upto: upto.map(Box::new),
                }
            }
            Rule::max => ModifierKind::Max(self.expr_of(parts, "a number")),
            Rule::batches => {
                let sizes = self.list_of(parts, "a list of sizes");
                let between = parts.accept(Rule::between).map(|pair| self.between(pair));
                ModifierKind::Batches { sizes, between }
            }
            Rule::tolerate => ModifierKind::Tolerate(self.expr_of(parts, "a number of failures")),
            Rule::fail_fast => ModifierKind::FailFast,
            Rule::atomic => ModifierKind::Atomic,
            Rule::once => ModifierKind::Once,
            Rule::quiet => ModifierKind::Quiet,
            _ => ModifierKind::Error,
        };
        Modifier { kind, span }
    }

    pub(super) fn every_range(&mut self, parts: &mut Parts<'_>) -> (Option<Expr>, Option<Expr>) {
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

    fn handler(&mut self, pair: Pair<'_>) -> Option<Handler> {
        let span = self.span(&pair);
        let form = pair.rule();
        let mut parts = Parts::of(pair);
        let kind = match form {
            Rule::undo => match parts.accept(Rule::no_undo) {
                Some(pair) => {
                    let mut reason = Parts::of(pair);
                    HandlerKind::NoUndo(self.expr_of(&mut reason, "the reason in quotes"))
                }
                None => {
                    let trouble = self.report_broken();
                    HandlerKind::Undo(self.handler_body(&mut parts, "`undo`", span, trouble))
                }
            },
            Rule::always => {
                let trouble = self.report_broken();
                HandlerKind::Always(self.handler_body(&mut parts, "`always`", span, trouble))
            }
            Rule::watch => self.watch(&mut parts, span),
            _ => {
                let classes = match parts.accept(Rule::classes) {
                    Some(pair) => self.classes(pair),
                    None => Vec::new(),
                };
                let trouble = self.report_broken();
                // `on failure ignore`
                let bare = parts
                    .peek_pair()
                    .filter(|pair| pair.rule() == Rule::bad_head);
                if bare.is_some_and(|pair| self.bare_statement(pair.start(), "`on failure`")) {
                    parts.next();
                } else {
                    self.bad_heads(&mut parts, trouble, "a branch");
                }
                let mut body = self.handler_body(&mut parts, "`on failure`", span, trouble);
                retry_at_the_end(&mut body, self.before_retry);
                HandlerKind::OnFailure { classes, body }
            }
        };
        Some(Handler { kind, span })
    }

    /// What is done between the batches of a loop.
    fn between(&mut self, pair: Pair<'_>) -> Block {
        let span = self.span(&pair);
        let trouble = self.report_broken();
        self.handler_body(&mut Parts::of(pair), "`between`", span, trouble)
    }

    /// The statements of a handler, which must stand next; in its head there were `trouble` errors.
    fn handler_body(
        &mut self,
        parts: &mut Parts<'_>,
        what: &str,
        span: Span,
        trouble: usize,
    ) -> Block {
        match parts.next() {
            Some(inner) if inner.rule() == Rule::block => self.block(inner),
            Some(inner) => {
                if self.report_broken() == trouble {
                    self.no_body(&inner, what);
                }
                self.no_block(span)
            }
            None => self.no_block(span),
        }
    }

    /// `watch every D { … }`
    fn watch(&mut self, parts: &mut Parts<'_>, span: Span) -> HandlerKind {
        let trouble = self.report_broken();
        let every = match parts.accept(Rule::every) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), "a duration after `every`"),
            None => self.expr_of(parts, "`every` and a duration"),
        };
        self.bad_heads(parts, trouble, "`watch`");
        let body = self.handler_body(parts, "`watch`", span, trouble);
        HandlerKind::Watch { every, body }
    }

    fn classes(&mut self, pair: Pair<'_>) -> Vec<Ident> {
        let mut classes = Vec::new();
        for pair in Parts::of(pair) {
            match pair.rule() {
                Rule::ident => classes.push(self.ident(&pair)),
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        classes
    }

    /// Modifiers, the body and the handlers.
    pub(super) fn body(
        &mut self,
        parts: &mut Parts<'_>,
        what: &str,
        all: Span,
        tail: &mut StatementTail,
    ) -> Block {
        for pair in parts.by_ref() {
            self.tail_part(pair, what, tail);
        }
        tail.body.take().unwrap_or_else(|| self.no_block(all))
    }
}

/// The first word of a statement whose head is checked for misspelt words.
pub(super) fn keyword(form: Rule) -> &'static str {
    match form {
        Rule::serial => "serial",
        Rule::parallel => "parallel",
        Rule::matrix => "matrix",
        Rule::lock => "lock",
        Rule::verify => "verify",
        Rule::with => "with",
        _ => "",
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
            | StmtKind::Transfer(_)
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
