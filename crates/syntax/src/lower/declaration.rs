//! Lowers declarations from pairs to AST nodes.

use super::broken::{Before, BrokenLineContext};
use super::run::empty_string;
use super::tail::StatementTail;
use super::{TreeBuilder, add, behind};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    /// A declaration, behind what stands `before` it. Returns what to remember of it.
    pub(super) fn item(&mut self, pair: Pair<'_>, items: &mut Vec<Item>, before: Before) -> Before {
        let trouble = self.report_broken();
        let doc = self.doc(&pair);
        let span = self.span(&pair);
        let (start, end) = (pair.start(), pair.end());
        let (kind, after) = match pair.rule() {
            Rule::error_item => {
                let after = self.error_line(pair, BrokenLineContext::File, before);
                (ItemKind::Error, Some(after))
            }
            Rule::stray_stmt => (ItemKind::Error, Some(self.stray_stmt(pair, before))),
            _ => (self.item_kind(pair, span), None),
        };
        items.push(Item { doc, kind, span });
        after.unwrap_or_else(|| self.before(start, end, trouble))
    }

    fn item_kind(&mut self, pair: Pair<'_>, span: Span) -> ItemKind {
        let (form, start) = (pair.rule(), pair.start());
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        match form {
            Rule::service => self.service(start, parts),
            Rule::environment => ItemKind::Environment(self.environment(parts)),
            Rule::pipeline => self.pipeline(parts, span),
            Rule::workflow => self.workflow(parts, span),
            Rule::kind => ItemKind::Kind(self.kind(parts)),
            Rule::test => self.test(parts, span),
            Rule::import => self.import(parts, span),
            Rule::from => self.from(parts, span),
            Rule::input => self.input(parts),
            Rule::action => {
                let (name, params, result) = self.signature(parts, "the action");
                ItemKind::Action {
                    name,
                    params,
                    result,
                }
            }
            Rule::function => self.function(parts, span),
            Rule::type_item => self.type_item(parts, span),
            Rule::trigger => self.trigger(parts, span),
            Rule::secret => {
                let name = self.name_of(parts, "the secret's name");
                let ty = self.secret_type(parts, &name);
                self.in_secret = true;
                let source = self.value_part(parts, span, &name);
                self.in_secret = false;
                ItemKind::Secret { name, ty, source }
            }
            Rule::group => {
                let name = self.name_of(parts, "the group's name");
                let value = self.value_part(parts, span, &name);
                ItemKind::Group { name, value }
            }
            Rule::window => {
                let trouble = self.report_broken();
                let name = self.name_of(parts, "the window's name");
                self.bad_heads(parts, trouble, "a declaration");
                let body = self.body_of(parts, Rule::fields, "the window", "its fields");
                let fields = self.fields(body);
                ItemKind::Window { name, fields }
            }
            Rule::let_item => {
                let name = self.name_of(parts, "the name of the value");
                let (ty, value) = self.typed_value(parts, &name);
                let value = value.unwrap_or_else(|| self.no_value_part(span, &name));
                ItemKind::Let { name, ty, value }
            }
            _ => ItemKind::Error,
        }
    }

    /// `secret token: secret? = …`: no other type may stand there.
    fn secret_type(&mut self, parts: &mut Parts<'_>, name: &Ident) -> Option<TypeExpr> {
        let ty = self.of_type(parts)?;
        let plain = match &ty.kind {
            TypeKind::Error => return None,
            TypeKind::Optional(of) => &of.kind,
            other => other,
        };
        if matches!(plain, TypeKind::Name(word) if &*word.name == "secret") {
            return Some(ty);
        }
        let span = Span {
            start: name.span.end,
            ..ty.span
        };
        self.report(errors::typed_secret(span, &name.name));
        None
    }

    fn import(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let Some(path) = self.import_path(parts) else {
            return ItemKind::Error;
        };
        if parts.peek().is_none() {
            let end = Span {
                start: span.end,
                ..span
            };
            self.report(errors::missing_part(end, "`as` and a name"));
            return ItemKind::Error;
        }
        let alias = self.name_of(parts, "a name for the import");
        ItemKind::Import { path, alias }
    }

    fn import_path(&mut self, parts: &mut Parts<'_>) -> Option<StringLit> {
        let pair = parts.next()?;
        if pair.rule() == Rule::string {
            return Some(self.string(pair));
        }
        self.missing(&pair, "the path of a file in quotes");
        None
    }

    fn from(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let Some(path) = self.import_path(parts) else {
            return ItemKind::Error;
        };
        if parts.peek().is_none() {
            let end = Span {
                start: span.end,
                ..span
            };
            self.report(errors::missing_part(end, "`import` and a name"));
        }
        let mut names = Vec::new();
        for pair in parts.by_ref() {
            if pair.rule() != Rule::import_name {
                self.missing(&pair, "the name to import");
                continue;
            }
            let mut inner = Parts::of(pair);
            let name = self.name_of(&mut inner, "the name to import");
            let alias = inner
                .peek()
                .map(|_| self.name_of(&mut inner, "a name after `as`"));
            names.push(ImportName { name, alias });
        }
        ItemKind::From { path, names }
    }

    fn input(&mut self, parts: &mut Parts<'_>) -> ItemKind {
        let name = self.name_of(parts, "the input's name");
        let ty = self.of_type(parts);
        let untyped = ty.is_none() && !name.name.is_empty();
        let mut ty = ty.unwrap_or_else(|| error_type(name.span));
        let default = self.default(parts, &name);
        if untyped {
            ty = self.no_type(name.span, "an input", &name, default.as_ref());
        }
        let rule_of_input = parts.accept(Rule::validation).map(|pair| {
            self.late_default(&pair, &name);
            self.expr_of(&mut Parts::of(pair), "a condition after `where`")
        });
        ItemKind::Input {
            name,
            ty,
            default,
            rule: rule_of_input,
        }
    }

    fn no_type(&mut self, after: Span, what: &str, name: &Ident, value: Option<&Expr>) -> TypeExpr {
        if !name.name.is_empty() {
            let guess = value.and_then(type_of_literal);
            self.report(errors::no_type(after, what, &name.name, guess));
        }
        error_type(after)
    }

    /// `input port: int where port > 0 = 80`: the default is moved.
    fn late_default(&mut self, pair: &Pair<'_>, name: &Ident) {
        let Some(condition) = Parts::of(*pair).accept(Rule::expr) else {
            return;
        };
        let Some(sign) = Parts::of(condition).find(|part| part.rule() == Rule::bad_op) else {
            return;
        };
        let end = self.trim(pair.end());
        let rule = self.text_of(pair.start(), sign.start()).trim_end();
        let value = self.text_of(sign.end(), end).trim();
        if rule.contains('=') && !rule.contains("==") && !rule.contains(['<', '>', '!']) {
            return;
        }
        let right = format!("= {value} {rule}");
        let all = self.place(pair.start(), end);
        let span = self.place(sign.start(), end);
        if !name.name.is_empty() {
            self.repair(all, right.clone(), errors::late_default(span, all, &right));
        }
    }

    /// The value after `=`, if there is one.
    pub(super) fn default(&mut self, parts: &mut Parts<'_>, name: &Ident) -> Option<Expr> {
        let pair = parts.accept(Rule::default)?;
        let mut inner = Parts::of(pair);
        self.bad_sep(&mut inner, "=", &name.name);
        Some(self.expr_of(&mut inner, "a value after `=`"))
    }

    /// The value after `=`, which must be there.
    pub(super) fn value_part(&mut self, parts: &mut Parts<'_>, span: Span, name: &Ident) -> Expr {
        match self.default(parts, name) {
            Some(value) => value,
            None => self.no_value_part(span, name),
        }
    }

    pub(super) fn no_value_part(&mut self, span: Span, name: &Ident) -> Expr {
        let end = Span {
            start: span.end,
            ..span
        };
        if !name.name.is_empty() {
            self.report(errors::no_value(end, &name.name));
        }
        self.no_expr(end)
    }

    /// Words between a head and its body; `trouble` there was before the head.
    pub(super) fn bad_heads(&mut self, parts: &mut Parts<'_>, trouble: usize, keyword: &str) {
        while let Some(pair) = parts.accept(Rule::bad_head) {
            let quiet = self.report_broken() > trouble;
            self.bad_head(pair, keyword, &["using"], quiet);
        }
    }

    pub(super) fn param(&mut self, pair: Pair<'_>, what: &str) -> Param {
        let doc = self.doc(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name_of(&mut parts, "a name");
        let ty = self.of_type(&mut parts);
        let untyped = ty.is_none();
        let mut ty = ty.unwrap_or_else(|| error_type(name.span));
        let default = self.default(&mut parts, &name);
        if untyped {
            ty = self.no_type(name.span, what, &name, default.as_ref());
        }
        Param {
            doc,
            name,
            ty,
            default,
        }
    }

    /// `(s service, n int)`: puts the `:` in. Returns whether there was anything to do.
    fn params_without_colons(&mut self, pair: &Pair<'_>) -> bool {
        let parts: Vec<Pair<'_>> = Parts::of(*pair).collect();
        let mut found = false;
        for window in parts.windows(3) {
            let [name, between, ty] = window else {
                continue;
            };
            let rules = (name.rule(), between.rule(), ty.rule());
            let text = name.text().trim_end();
            let blank = self.text_of(name.start() + text.len(), ty.start());
            if rules == (Rule::param, Rule::no_comma, Rule::param)
                && crate::words::is_name(text)
                && blank.trim().is_empty()
                && !blank.contains('\n')
            {
                let end = name.start() + text.len();
                let place = self.place(end, end);
                self.repair(place, ":", errors::no_colon(place, text));
                found = true;
            }
        }
        found
    }

    fn signature(
        &mut self,
        parts: &mut Parts<'_>,
        what: &str,
    ) -> (Ident, Vec<Param>, Option<TypeExpr>) {
        let name = self.name_of(parts, &format!("{what}'s name"));
        let mut params = Vec::new();
        match parts.next() {
            Some(pair) if pair.rule() == Rule::params => {
                if self.params_without_colons(&pair) {
                    return (name, params, None);
                }
                for pair in Parts::of(pair) {
                    match pair.rule() {
                        Rule::param => add(&mut params, self.param(pair, "a parameter")),
                        Rule::no_comma => self.no_comma(&pair),
                        _ => self.junk(pair),
                    }
                }
            }
            Some(missing) if !name.name.is_empty() => {
                self.missing(&missing, "`(` and the parameters");
            }
            _ => {}
        }
        let result = parts.accept(Rule::result).map(|pair| {
            let mut inner = Parts::of(pair);
            if let Some(arrow) = inner.accept(Rule::bad_arrow) {
                let span = self.span_exact(&arrow);
                self.report(errors::result_arrow(span));
            }
            self.type_of(&mut inner)
        });
        (name, params, result)
    }

    fn workflow(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let (name, params, result) = self.signature(parts, "the workflow");
        let mut requires = Vec::new();
        while let Some(pair) = parts.accept(Rule::requires) {
            requires.push(self.requires(pair));
        }
        self.bad_heads(parts, trouble, "a declaration");
        let body = self.block_of(parts, "the workflow", span);
        ItemKind::Workflow {
            name,
            params,
            result,
            requires,
            body,
        }
    }

    fn function(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let (name, params, result) = self.signature(parts, "the function");
        let quiet = self.report_broken() > trouble || name.name.is_empty();
        let result = result.unwrap_or_else(|| {
            let head = params.last().map_or(name.span, |last| last.ty.span);
            if !quiet {
                self.report(errors::no_result(name.span, &name.name));
            }
            error_type(head)
        });
        let value = match self.function_block(parts) {
            Some(at) => {
                self.report(errors::function_block(at, &name.name));
                self.no_expr(behind(span))
            }
            None => match self.default(parts, &name) {
                Some(value) => value,
                None if quiet => self.no_expr(behind(span)),
                None => self.no_value_part(span, &name),
            },
        };
        ItemKind::Function {
            name,
            params,
            result,
            value,
        }
    }

    /// The statements that stand where the value of a function must, also behind a `=`.
    fn function_block(&mut self, parts: &mut Parts<'_>) -> Option<Span> {
        if let Some(block) = parts.accept(Rule::bad_block) {
            return Some(self.span(&block));
        }
        // What is missing behind the `=` has the place of the braces.
        let pair = parts
            .peek_pair()
            .filter(|pair| pair.rule() == Rule::default)?;
        let missing = Parts::of(pair).last()?;
        let (start, end) = match missing.rule() {
            Rule::missing => self.block_at(missing.start())?,
            _ => return None,
        };
        parts.next();
        Some(self.place(start, end))
    }

    /// `type NAME = TYPE`
    fn type_item(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let name = self.name_of(parts, "the type's name");
        let ty = match parts.accept(Rule::type_value) {
            Some(pair) => {
                let mut inner = Parts::of(pair);
                self.bad_sep(&mut inner, "=", &name.name);
                self.type_of(&mut inner)
            }
            None => {
                if !name.name.is_empty() {
                    self.report(errors::no_type_value(behind(span), &name.name));
                }
                error_type(span)
            }
        };
        ItemKind::Type { name, ty }
    }

    fn pipeline(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let name = self.name_of(parts, "the pipeline's name");
        let mut tail = StatementTail::new("", trouble);
        let mut requires = Vec::new();
        let mut queues = Vec::new();
        for pair in parts.by_ref() {
            match pair.rule() {
                Rule::requires => requires.push(self.requires(pair)),
                Rule::queue => queues.push(self.queue(pair)),
                _ => self.tail_part(pair, "the pipeline", &mut tail),
            }
        }
        let body = tail.body.unwrap_or_else(|| self.no_block(span));
        ItemKind::Pipeline {
            name,
            requires,
            queues,
            modifiers: tail.modifiers,
            body,
            handlers: tail.handlers,
        }
    }
}

impl TreeBuilder<'_> {
    /// `queue "prod" keep latest`
    fn queue(&mut self, pair: Pair<'_>) -> Queue {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let name = match parts.next() {
            Some(text) if text.rule() == Rule::string => {
                let text = self.string(text);
                Expr {
                    span: text.span,
                    kind: ExprKind::String(text),
                }
            }
            Some(missing) => {
                self.missing(&missing, "the name of a queue in quotes");
                self.no_expr(behind(span))
            }
            None => self.no_expr(behind(span)),
        };
        let keep = parts.accept(Rule::queue_keep).and_then(|pair| {
            let word = Parts::of(pair).next()?;
            if word.rule() == Rule::ident {
                return Some(self.ident(&word));
            }
            self.missing(&word, "`all` or `latest` after `keep`");
            None
        });
        Queue { name, keep, span }
    }

    /// `requires "kubectl" ">= 1.27" by "…"`
    pub(super) fn requires(&mut self, pair: Pair<'_>) -> Requirement {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let program = match parts.next() {
            Some(text) if text.rule() == Rule::string => self.string(text),
            Some(missing) => {
                self.missing(&missing, "the name of a program in quotes");
                empty_string(span)
            }
            None => empty_string(span),
        };
        let version = parts.accept(Rule::string).map(|text| self.string(text));
        let by = parts.accept(Rule::requires_by).map(|pair| {
            let mut inner = Parts::of(pair);
            match inner.next() {
                Some(text) if text.rule() == Rule::string => self.string(text),
                Some(missing) => {
                    self.missing(&missing, "a command in quotes after `by`");
                    empty_string(span)
                }
                None => empty_string(span),
            }
        });
        Requirement {
            program,
            version,
            by,
            span,
        }
    }
}

fn error_type(after: Span) -> TypeExpr {
    TypeExpr {
        kind: TypeKind::Error,
        span: Span {
            start: after.end,
            ..after
        },
    }
}

/// The type that a literal shows.
fn type_of_literal(value: &Expr) -> Option<&'static str> {
    match &value.kind {
        ExprKind::String(_) => Some("string"),
        ExprKind::Int(_) => Some("int"),
        ExprKind::Float(_) => Some("float"),
        ExprKind::Bool(_) => Some("bool"),
        ExprKind::Duration(_) => Some("duration"),
        ExprKind::Percent(_) => Some("percent"),
        _ => None,
    }
}
