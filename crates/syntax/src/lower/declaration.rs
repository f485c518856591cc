//! Lowers declarations from pairs to AST nodes.

use super::broken::{Before, BrokenLineContext};
use super::{TreeBuilder, add};
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
        let form = pair.rule();
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        match form {
            Rule::service => self.service(parts),
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
            Rule::secret => {
                let name = self.name_of(parts, "the secret's name");
                let source = self.value_part(parts, span, &name);
                ItemKind::Secret { name, source }
            }
            Rule::group => {
                let name = self.name_of(parts, "the group's name");
                let value = self.value_part(parts, span, &name);
                ItemKind::Group { name, value }
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
        let ty = ty.unwrap_or_else(|| self.no_type(name.span, "an input", &name));
        let default = self.default(parts, &name);
        let rule_of_input = parts
            .accept(Rule::validation)
            .map(|pair| self.expr_of(&mut Parts::of(pair), "a condition after `where`"));
        ItemKind::Input {
            name,
            ty,
            default,
            rule: rule_of_input,
        }
    }

    fn no_type(&mut self, after: Span, what: &str, name: &Ident) -> TypeExpr {
        if !name.name.is_empty() {
            self.report(errors::no_type(after, what, &name.name));
        }
        TypeExpr {
            kind: TypeKind::Error,
            span: Span {
                start: after.end,
                ..after
            },
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
    pub(super) fn bad_heads(&mut self, parts: &mut Parts<'_>, trouble: usize) {
        while let Some(pair) = parts.accept(Rule::bad_head) {
            let quiet = self.report_broken() > trouble;
            self.bad_head(pair, "", &["using"], quiet);
        }
    }

    pub(super) fn param(&mut self, pair: Pair<'_>, what: &str) -> Param {
        let doc = self.doc(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name_of(&mut parts, "a name");
        let ty = self.of_type(&mut parts);
        let ty = ty.unwrap_or_else(|| self.no_type(name.span, what, &name));
        let default = self.default(&mut parts, &name);
        Param {
            doc,
            name,
            ty,
            default,
        }
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
        let result = parts
            .accept(Rule::result)
            .map(|pair| self.type_of(&mut Parts::of(pair)));
        (name, params, result)
    }

    fn workflow(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let (name, params, result) = self.signature(parts, "the workflow");
        self.bad_heads(parts, trouble);
        let body = self.block_of(parts, "the workflow", span);
        ItemKind::Workflow {
            name,
            params,
            result,
            body,
        }
    }

    fn pipeline(&mut self, parts: &mut Parts<'_>, span: Span) -> ItemKind {
        let trouble = self.report_broken();
        let name = self.name_of(parts, "the pipeline's name");
        let tail = self.tail_of(parts, "the pipeline", trouble);
        let body = tail.body.unwrap_or_else(|| self.no_block(span));
        ItemKind::Pipeline {
            name,
            modifiers: tail.modifiers,
            body,
            handlers: tail.handlers,
        }
    }
}
