//! Lowers expressions: the grammar reads operands and operators as one flat list; here they are
//! arranged by operator precedence (precedence climbing).

use super::TreeBuilder;
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use crate::words;
use lockstep_base::source::Span;

/// How deep an expression may be. Chains count too: `a + b + c` is two deep.
const MAX_HEIGHT: usize = 256;

/// How tightly the operators bind, from the loosest.
const COMPARISON_PRECEDENCE: u8 = 5;
const NOT_PRECEDENCE: u8 = 4;

fn operator(text: &str) -> (BinaryOp, u8) {
    match text {
        "??" => (BinaryOp::Else, 1),
        "or" => (BinaryOp::Or, 2),
        "and" => (BinaryOp::And, 3),
        "!=" => (BinaryOp::Ne, COMPARISON_PRECEDENCE),
        "<" => (BinaryOp::Lt, COMPARISON_PRECEDENCE),
        "<=" => (BinaryOp::Le, COMPARISON_PRECEDENCE),
        ">" => (BinaryOp::Gt, COMPARISON_PRECEDENCE),
        ">=" => (BinaryOp::Ge, COMPARISON_PRECEDENCE),
        "in" => (BinaryOp::In, COMPARISON_PRECEDENCE),
        "+" => (BinaryOp::Add, 6),
        "-" => (BinaryOp::Sub, 6),
        "*" => (BinaryOp::Mul, 7),
        "/" => (BinaryOp::Div, 7),
        "%" => (BinaryOp::Rem, 7),
        // Also `=`, which has been reported.
        _ => (BinaryOp::Eq, COMPARISON_PRECEDENCE),
    }
}

impl<'t> TreeBuilder<'t> {
    /// The expression that must stand next; `what` says what it is.
    pub(super) fn expr_of(&mut self, parts: &mut Parts<'_>, what: &str) -> Expr {
        match parts.next() {
            Some(pair) => self.expr_or_missing(pair, what),
            None => self.no_expr(self.place(0, 0)),
        }
    }

    pub(super) fn expr_or_missing(&mut self, pair: Pair<'_>, what: &str) -> Expr {
        match pair.rule() {
            Rule::expr | Rule::value => self.expr(pair),
            _ => self.no_value(&pair, what),
        }
    }

    /// A value that must stand where `pair` is.
    fn no_value(&mut self, pair: &Pair<'_>, what: &str) -> Expr {
        let place = self.after_last_word(pair.start());
        if pair.text().is_empty() && !self.filler_at(pair.start()) {
            let above = self.text_of(0, pair.start()).trim_end();
            let keyword = words::last_word(above);
            self.report(errors::missing_behind(place, what, keyword));
        }
        self.no_expr(place)
    }

    pub(super) fn no_expr(&mut self, span: Span) -> Expr {
        self.height = 1;
        Expr {
            kind: ExprKind::Error,
            span,
        }
    }

    /// A list of operands and operators.
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Expr {
        if self.depth >= MAX_HEIGHT {
            let span = self.span(&pair);
            return self.node(ExprKind::Error, span, MAX_HEIGHT);
        }
        self.too_deep &= self.depth > 0;
        self.depth += 1;
        let expr = self.climb(&mut Parts::of(pair), 0);
        self.depth -= 1;
        expr
    }

    /// Makes an expression of parts, the deepest of which is `height` deep.
    fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Expr {
        if height < MAX_HEIGHT {
            self.height = height + 1;
            return Expr { kind, span };
        }
        if !self.too_deep {
            self.too_deep = true;
            self.report(errors::too_deep_expression(span));
        }
        self.no_expr(span)
    }

    /// An operand and the operators behind it that bind at least as tightly as `min`.
    fn climb(&mut self, parts: &mut Parts<'_>, min: u8) -> Expr {
        let left = self.operand(parts);
        self.climb_from(left, parts, min)
    }

    fn climb_from(&mut self, mut left: Expr, parts: &mut Parts<'_>, min: u8) -> Expr {
        let mut height = self.height;
        let mut compared: Option<Span> = None;
        while let Some(Rule::op | Rule::bad_op) = parts.peek() {
            let Some((op, strength)) = parts.peek_text().map(operator) else {
                break;
            };
            if strength < min {
                break;
            }
            let Some(pair) = parts.next() else { break };
            let at = self.span_exact(&pair);
            if pair.rule() == Rule::bad_op {
                self.bad_op(&pair);
            }
            let mut chained = false;
            if strength == COMPARISON_PRECEDENCE
                && let Some(first) = compared.replace(at)
            {
                self.report(errors::chained(at, first));
                chained = true;
            }
            let right = self.climb(parts, strength + 1);
            height = height.max(self.height);
            let span = left.span.to(right.span);
            // What a chain means is open, so nothing more is said about its types.
            let kind = match chained {
                true => ExprKind::Error,
                false => ExprKind::Binary(op, at, Box::new(left), Box::new(right)),
            };
            left = self.node(kind, span, height);
            height = self.height;
        }
        left
    }

    /// Prefixes, an atom, and what follows it. `not` reaches over comparisons.
    fn operand(&mut self, parts: &mut Parts<'_>) -> Expr {
        let mut prefixes: Vec<(UnaryOp, Span)> = Vec::new();
        let mut reach = 0;
        while let Some(pair) = parts.accept(Rule::prefix) {
            let op = if pair.text() == "-" {
                UnaryOp::Neg
            } else {
                UnaryOp::Not
            };
            prefixes.push((op, self.span_exact(&pair)));
            if op == UnaryOp::Not {
                reach = prefixes.len();
            }
        }
        let tight = prefixes.split_off(reach);
        let inner = self.negated(parts, tight);
        if prefixes.is_empty() {
            return inner;
        }
        let inner = self.climb_from(inner, parts, NOT_PRECEDENCE + 1);
        self.prefixed(inner, prefixes)
    }

    /// An atom behind minus signs.
    fn negated(&mut self, parts: &mut Parts<'_>, mut signs: Vec<(UnaryOp, Span)>) -> Expr {
        let least = signs
            .last()
            .and_then(|(_, minus)| self.least_integer(parts, *minus));
        let inner = match least {
            Some(least) => {
                signs.pop();
                self.tails(least, parts)
            }
            None => self.atom(parts),
        };
        self.prefixed(inner, signs)
    }

    fn prefixed(&mut self, mut inner: Expr, prefixes: Vec<(UnaryOp, Span)>) -> Expr {
        for (op, at) in prefixes.into_iter().rev() {
            let height = self.height;
            let span = at.to(inner.span);
            inner = self.node(ExprKind::Unary(op, Box::new(inner)), span, height);
        }
        inner
    }

    /// `-9223372036854775808`: the digits alone would be too large.
    fn least_integer(&mut self, parts: &mut Parts<'_>, minus: Span) -> Option<Expr> {
        if parts.peek() != Some(Rule::number) {
            return None;
        }
        let digits = parts.peek_text()?.replace('_', "");
        if digits != "9223372036854775808" {
            return None;
        }
        let pair = parts.next()?;
        let span = minus.to(self.span_exact(&pair));
        Some(self.node(ExprKind::Int(i64::MIN), span, 0))
    }

    fn atom(&mut self, parts: &mut Parts<'_>) -> Expr {
        let Some(pair) = parts.next() else {
            return self.no_expr(self.place(0, 0));
        };
        let span = self.span_exact(&pair);
        let inner = match pair.rule() {
            Rule::ident => match self.effect_as_value(&pair) {
                Some(hole) => hole,
                None => self.name_expr(&pair, span),
            },
            Rule::string => {
                self.height = 0;
                let literal = self.string(pair);
                let height = self.height;
                self.node(ExprKind::String(literal), span, height)
            }
            Rule::number => {
                let kind = self.number(pair.text(), span);
                self.node(kind, span, 0)
            }
            Rule::list => self.list(pair, span),
            Rule::record => self.record_or_map(pair, span),
            Rule::paren => {
                let mut inner = Parts::of(pair);
                let expr = self.expr_of(&mut inner, "an expression");
                let list = (inner.accept(Rule::junk))
                    .filter(|junk| !self.list_in_parens(pair.start(), pair.end(), junk));
                if let Some(junk) = list {
                    self.junk(junk);
                }
                let height = self.height;
                self.node(ExprKind::Paren(Box::new(expr)), span, height)
            }
            Rule::if_expr => self.if_expr(pair),
            Rule::missing => self.no_operand(&pair),
            // The hole that recovery left has been reported.
            _ => self.no_expr(self.after_last_word(pair.start())),
        };
        self.tails(inner, parts)
    }

    /// An operator without anything behind it.
    fn no_operand(&mut self, pair: &Pair<'_>) -> Expr {
        let before = self.text_of(0, pair.start()).trim_end();
        let word = match words::last_word(before) {
            "" | "-" if before.ends_with("??") => "??",
            "" | "-" => before.get(before.len().saturating_sub(1)..).unwrap_or(""),
            word => word,
        };
        self.no_value(pair, &format!("a value after `{word}`"))
    }

    fn name_expr(&mut self, pair: &Pair<'_>, span: Span) -> Expr {
        let kind = match pair.text() {
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "none" => ExprKind::None,
            _ => ExprKind::Name(self.ident(pair)),
        };
        self.node(kind, span, 0)
    }

    /// `.name`, `.*`, `?`, `[index]` and `(args)` behind an atom.
    fn tails(&mut self, mut inner: Expr, parts: &mut Parts<'_>) -> Expr {
        loop {
            let height = self.height;
            match parts.peek() {
                Some(Rule::field_of) => {
                    let Some(pair) = parts.next() else { break };
                    let span = inner.span.to(self.span(&pair));
                    let kind = self.field_of(pair, inner);
                    inner = self.node(kind, span, height);
                }
                Some(Rule::maybe) => {
                    let Some(pair) = parts.next() else { break };
                    let span = inner.span.to(self.span_exact(&pair));
                    inner = self.node(ExprKind::Maybe(Box::new(inner)), span, height);
                }
                Some(Rule::index) => {
                    let Some(pair) = parts.next() else { break };
                    let span = inner.span.to(self.span_exact(&pair));
                    let index = self.index(pair);
                    let height = height.max(self.height);
                    inner = self.node(
                        ExprKind::Index(Box::new(inner), Box::new(index)),
                        span,
                        height,
                    );
                }
                Some(Rule::args) => {
                    let Some(pair) = parts.next() else { break };
                    let span = inner.span.to(self.span_exact(&pair));
                    if let Some(foreign) = self.foreign_call(&inner, &pair) {
                        inner = foreign;
                        continue;
                    }
                    self.check_callee(&inner);
                    let args = self.args(pair);
                    let height = height.max(self.height);
                    inner = self.node(ExprKind::Call(Box::new(inner), args), span, height);
                }
                _ => break,
            }
        }
        inner
    }

    /// A call as other languages have it, which is reported.
    fn foreign_call(&mut self, callee: &Expr, args: &Pair<'_>) -> Option<Expr> {
        if self.lambda(callee, args) {
            return Some(self.no_expr(callee.span));
        }
        self.method(callee, args)
    }

    fn check_callee(&mut self, callee: &Expr) {
        let named = match &callee.kind {
            ExprKind::Name(_) | ExprKind::Error => true,
            ExprKind::Field(of, _) => matches!(of.kind, ExprKind::Name(_) | ExprKind::Error),
            _ => false,
        };
        if !named {
            self.report(errors::callee(callee.span));
        }
    }

    fn field_of(&mut self, pair: Pair<'_>, of: Expr) -> ExprKind {
        let mut parts = Parts::of(pair);
        match parts.next() {
            Some(name) if name.rule() == Rule::ident => {
                let name = Ident {
                    name: self.names.get(name.text()),
                    span: self.span_exact(&name),
                };
                ExprKind::Field(Box::new(of), name)
            }
            Some(star) if star.rule() == Rule::star => ExprKind::Star(Box::new(of)),
            Some(missing) => {
                if missing.text().is_empty() {
                    self.missing_name(missing.start(), "a name after `.`");
                }
                ExprKind::Error
            }
            None => ExprKind::Error,
        }
    }

    /// What stands between `[` and `]`.
    pub(super) fn index(&mut self, pair: Pair<'_>) -> Expr {
        let mut parts = Parts::of(pair);
        let index = self.expr_of(&mut parts, "an index");
        self.junk_of(&mut parts);
        index
    }

    /// The arguments of a call; afterwards `height` is that of the highest.
    pub(super) fn args(&mut self, pair: Pair<'_>) -> Vec<Arg> {
        let parts = Parts::of(pair);
        let mut args = Vec::with_capacity(parts.len());
        let mut height = 0;
        for pair in parts {
            match pair.rule() {
                Rule::arg => {
                    let arg = self.arg(pair);
                    height = height.max(self.height);
                    args.push(arg);
                }
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        self.height = height;
        args
    }

    /// The grammar reads `name: e` as an expression and a value, and `name = e` as one expression.
    fn arg(&mut self, pair: Pair<'_>) -> Arg {
        let mut parts = Parts::of(pair);
        let Some(first) = parts.next() else {
            let value = self.no_expr(self.place(0, 0));
            return Arg { name: None, value };
        };
        if let Some(arg) = self.assigned_arg(&first) {
            return arg;
        }
        let first = self.expr_or_missing(first, "an argument");
        let Some(value) = parts.next() else {
            return Arg {
                name: None,
                value: first,
            };
        };
        let value = self.expr_or_missing(value, "the argument's value");
        match first.kind {
            ExprKind::Name(name) => Arg {
                name: Some(name),
                value,
            },
            _ => {
                self.report(errors::argument_name(first.span));
                Arg { name: None, value }
            }
        }
    }

    /// `name = e`, where `name: e` is meant.
    fn assigned_arg(&mut self, pair: &Pair<'_>) -> Option<Arg> {
        let mut parts = Parts::of(*pair);
        if parts.peek() != Some(Rule::ident) {
            return None;
        }
        let name = parts.next()?;
        let sign = parts.accept(Rule::bad_op)?;
        let name = self.ident(&name);
        let sign = self.span_exact(&sign);
        self.report(errors::wrong_sign(sign, "=", ":", &name.name));
        let value = self.climb(&mut parts, 0);
        Some(Arg {
            name: Some(name),
            value,
        })
    }

    fn list(&mut self, pair: Pair<'_>, span: Span) -> Expr {
        let mut parts = Parts::of(pair);
        let mut items = Vec::with_capacity(parts.len());
        let mut height = 0;
        while let Some(pair) = parts.next() {
            match pair.rule() {
                Rule::expr => {
                    items.push(self.expr(pair));
                    height = height.max(self.height);
                }
                Rule::for_in => {
                    let body = items.pop();
                    let body = body.map(|body| (None, body));
                    let list = self.comprehension(pair, body, span, height);
                    self.junk_of(&mut parts);
                    return list;
                }
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        self.node(ExprKind::List(items), span, height)
    }

    fn comprehension(
        &mut self,
        pair: Pair<'_>,
        body: Option<(Option<RecordKey>, Expr)>,
        span: Span,
        height: usize,
    ) -> Expr {
        let mut parts = Parts::of(pair);
        let var = self.name_of(&mut parts, "the variable of the comprehension");
        let second = self.second(&mut parts);
        let list = self.expr_of(&mut parts, "a list");
        let mut height = height.max(self.height);
        let cond = parts.next().map(|pair| {
            let cond = self.expr_or_missing(pair, "a condition");
            height = height.max(self.height);
            cond
        });
        let Some((key, body)) = body else {
            return self.no_expr(span);
        };
        let comprehension = Comprehension {
            key,
            body,
            var,
            second,
            list,
            cond,
        };
        let kind = ExprKind::Comprehension(Box::new(comprehension));
        self.node(kind, span, height)
    }

    /// A record, or the comprehension of a map.
    fn record_or_map(&mut self, pair: Pair<'_>, span: Span) -> Expr {
        let mut parts = Parts::of(pair);
        let entry = parts
            .accept(Rule::entry)
            .filter(|_| parts.peek() == Some(Rule::for_in));
        let Some((entry, pair_of_for)) = entry.zip(parts.next()) else {
            let (entries, height) = self.record(pair);
            return self.node(ExprKind::Record(entries), span, height);
        };
        let body = self.entry(entry).map(|(key, body)| (Some(key), body));
        let height = self.height;
        let map = self.comprehension(pair_of_for, body, span, height);
        self.junk_of(&mut parts);
        map
    }

    /// The entries of a record, and how deep they are.
    pub(super) fn record(&mut self, pair: Pair<'_>) -> (Vec<(RecordKey, Expr)>, usize) {
        let parts = Parts::of(pair);
        let mut entries = Vec::with_capacity(parts.len());
        let mut height = 0;
        for pair in parts {
            match pair.rule() {
                Rule::entry => {
                    entries.extend(self.entry(pair));
                    height = height.max(self.height);
                }
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        (entries, height)
    }

    fn entry(&mut self, pair: Pair<'_>) -> Option<(RecordKey, Expr)> {
        let mut parts = Parts::of(pair);
        let key = parts.next()?;
        let written = key.text();
        let key = if key.rule() == Rule::ident {
            RecordKey::Name(self.ident(&key))
        } else {
            RecordKey::String(self.string(key))
        };
        self.bad_sep(&mut parts, ":", written);
        let value = self.expr_of(&mut parts, "a value");
        Some((key, value))
    }

    fn if_expr(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let start = pair.start();
        let mut parts = Parts::of(pair);
        let cond = self.expr_of(&mut parts, "a condition");
        let mut height = self.height;
        let then = match parts.accept(Rule::then_part) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), "a value after `then`"),
            None => {
                self.no_then(start, self.end_of(cond.span));
                self.no_expr(self.end_of(cond.span))
            }
        };
        height = height.max(self.height);
        let otherwise = match parts.accept(Rule::else_part) {
            Some(pair) => self.expr_of(&mut Parts::of(pair), "a value after `else`"),
            None => {
                if then.kind != ExprKind::Error {
                    self.report(errors::if_without(self.end_of(then.span), "else"));
                }
                self.no_expr(self.end_of(then.span))
            }
        };
        height = height.max(self.height);
        let kind = ExprKind::If(Box::new(cond), Box::new(then), Box::new(otherwise));
        self.node(kind, span, height)
    }

    /// An `if` without `then`: perhaps a statement, before which a value was forgotten.
    fn no_then(&mut self, start: usize, place: Span) {
        let above = self.text_of(0, start).trim_end_matches([' ', '\t']);
        if above.ends_with('\n') && above.trim_end().ends_with('=') {
            self.hole_before(start);
        } else {
            self.report(errors::if_without(place, "then"));
        }
    }

    fn end_of(&self, span: Span) -> Span {
        Span {
            start: span.end,
            ..span
        }
    }

    /// A number, percent or duration by its text.
    fn number(&mut self, text: &str, span: Span) -> ExprKind {
        super::number::number(text).unwrap_or_else(|problem| {
            self.report(errors::number(span, text, problem));
            ExprKind::Error
        })
    }
}
