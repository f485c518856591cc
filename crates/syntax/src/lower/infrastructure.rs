//! Lowers services, environments with their infrastructures, and kinds.

use super::broken::{Before, BrokenLineContext};
use super::{TreeBuilder, add};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn service(&mut self, start: usize, parts: &mut Parts<'_>) -> ItemKind {
        let trouble = self.report_broken();
        let (name, text) = self.name_or_text(start, parts, "the service's name");
        let kind = self.of_kind(parts, &name, "a service");
        let using = parts.accept(Rule::using).map(|pair| self.using(pair));
        let each = parts.accept(Rule::for_in).map(|pair| self.each(pair));
        let (text, each) = self.text_with_list(&name, text, each, "the service's name");
        self.bad_heads(parts, trouble, "a declaration");
        let body = self.body_of(parts, Rule::fields, "the service", "its fields");
        let fields = self.fields(body);
        ItemKind::Service {
            name,
            text: text.map(Box::new),
            kind,
            using,
            each: each.map(Box::new),
            fields,
        }
    }

    /// The name that must stand next; a text in quotes gives those of one for each element. `start`
    /// is where the declaration begins.
    fn name_or_text(
        &mut self,
        start: usize,
        parts: &mut Parts<'_>,
        what: &str,
    ) -> (Ident, Option<Expr>) {
        if self.name_behind_list(start) {
            let span = self.place(start, start);
            parts.next();
            let name = self.names.get("");
            return (Ident { name, span }, None);
        }
        let Some(pair) = parts.accept(Rule::bad_name) else {
            return (self.name_of(parts, what), None);
        };
        let span = self.span_exact(&pair);
        let written = pair.text().trim_matches('"');
        let name = Ident {
            name: self.names.get(written),
            span,
        };
        let mut inner = Parts::of(pair);
        let text = inner.next().map(|pair| self.string(pair));
        let text = text.map(|text| Expr {
            kind: ExprKind::String(text),
            span,
        });
        (name, text)
    }

    /// `for x in LIST if E`
    fn each(&mut self, pair: Pair<'_>) -> Each {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let var = self.name_of(&mut parts, "the variable of the list");
        let second = self.second(&mut parts);
        let list = self.expr_of(&mut parts, "a list");
        let cond = parts.next();
        Each {
            var,
            second,
            list,
            cond: cond.map(|pair| self.expr_or_missing(pair, "a condition")),
            span,
        }
    }

    /// A text and a list belong together: what is made from data has a name for each element, and
    /// what is declared alone is named by a word.
    fn text_with_list(
        &mut self,
        name: &Ident,
        text: Option<Expr>,
        each: Option<Each>,
        what: &str,
    ) -> (Option<Expr>, Option<Each>) {
        match (&text, &each) {
            (Some(_), None) if name.name.contains("${") => {
                self.report(errors::no_list_for(name));
            }
            (Some(_), None) => self.report(errors::quoted_name(name.span, what, &name.name)),
            (None, Some(each)) if !name.name.is_empty() => {
                self.report(errors::one_name_for_all(name, each.span, &each.var.name));
                // The rest of it is checked as if the name were a text.
                return (Some(as_text(name)), Some(each.clone()));
            }
            _ => {}
        }
        match text.is_some() && each.is_some() {
            true => (text, each),
            false => (None, None),
        }
    }

    fn of_kind(&mut self, parts: &mut Parts<'_>, name: &Ident, what: &str) -> Path {
        let Some(pair) = parts.accept(Rule::of_kind) else {
            if !name.name.is_empty() {
                self.report(errors::no_kind(name.span, what, &name.name));
            }
            let span = Span {
                start: name.span.end,
                ..name.span
            };
            let name = Ident {
                name: self.names.get(""),
                span,
            };
            return Path {
                namespace: None,
                name,
            };
        };
        let mut inner = Parts::of(pair);
        self.bad_sep(&mut inner, ":", &name.name);
        self.path_of(&mut inner, "a kind after `:`")
    }

    /// `using W(args)`
    pub(super) fn using(&mut self, pair: Pair<'_>) -> Use {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let path = self.path_of(&mut parts, "a workflow after `using`");
        let args = match parts.accept(Rule::args) {
            Some(pair) => self.args(pair),
            None => Vec::new(),
        };
        Use { path, args, span }
    }

    /// The body in braces that must stand next.
    pub(super) fn body_of<'p>(
        &mut self,
        parts: &mut Parts<'p>,
        wanted: Rule,
        what: &str,
        of: &str,
    ) -> Option<Pair<'p>> {
        let pair = parts.next()?;
        if pair.rule() == wanted {
            return Some(pair);
        }
        let place = self.after_last_word(pair.start());
        self.report(errors::no_body(place, what, of));
        None
    }

    /// Walks over the lines of a body of fields: `line` takes what it knows.
    fn lines(
        &mut self,
        body: Option<Pair<'_>>,
        around: BrokenLineContext,
        mut line: impl FnMut(&mut Self, Pair<'_>),
    ) {
        let mut before = Before::default();
        for pair in body.into_iter().flat_map(Parts::of) {
            let trouble = self.report_broken();
            let (start, end) = (pair.start(), pair.end());
            before = if pair.rule() == Rule::error_field {
                self.error_line(pair, around, before)
            } else {
                line(self, pair);
                self.before(start, end, trouble)
            };
        }
    }

    pub(super) fn fields(&mut self, body: Option<Pair<'_>>) -> Vec<Field> {
        let mut fields = Vec::new();
        self.lines(body, BrokenLineContext::Service, |lower, pair| {
            add(&mut fields, lower.field(pair));
        });
        fields
    }

    fn field(&mut self, pair: Pair<'_>) -> Field {
        let doc = self.doc(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name_of(&mut parts, "a field's name");
        self.bad_sep(&mut parts, "=", &name.name);
        let value = self.expr_of(&mut parts, "a value after `=`");
        Field { doc, name, value }
    }

    pub(super) fn environment(&mut self, parts: &mut Parts<'_>) -> Environment {
        let trouble = self.report_broken();
        let mut environment = Environment {
            name: self.name_of(parts, "the environment's name"),
            fields: Vec::new(),
            overrides: Vec::new(),
            infrastructures: Vec::new(),
        };
        self.bad_heads(parts, trouble, "a declaration");
        let body = self.body_of(
            parts,
            Rule::environment_body,
            "the environment",
            "its fields and infrastructures",
        );
        self.lines(
            body,
            BrokenLineContext::Environment,
            |lower, pair| match pair.rule() {
                Rule::field => add(&mut environment.fields, lower.field(pair)),
                Rule::r#override => add(&mut environment.overrides, lower.override_of(pair)),
                _ => add(&mut environment.infrastructures, lower.infrastructure(pair)),
            },
        );
        environment
    }

    fn infrastructure(&mut self, pair: Pair<'_>) -> Infrastructure {
        let trouble = self.report_broken();
        let doc = self.doc(&pair);
        let span = self.span(&pair);
        let start = pair.start();
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        let (name, text) = self.name_or_text(start, parts, "the infrastructure's name");
        let kind = self.of_kind(parts, &name, "an infrastructure");
        let each = parts.accept(Rule::for_in).map(|pair| self.each(pair));
        let (text, each) = self.text_with_list(&name, text, each, "the infrastructure's name");
        self.bad_heads(parts, trouble, "a declaration");
        let mut fields = Vec::new();
        let mut overrides = Vec::new();
        let body = self.body_of(
            parts,
            Rule::infrastructure_body,
            "the infrastructure",
            "its fields",
        );
        self.lines(
            body,
            BrokenLineContext::Infrastructure,
            |lower, pair| match pair.rule() {
                Rule::field => add(&mut fields, lower.field(pair)),
                _ => add(&mut overrides, lower.override_of(pair)),
            },
        );
        Infrastructure {
            doc,
            name,
            text,
            kind,
            each,
            fields,
            overrides,
            span,
        }
    }

    fn override_of(&mut self, pair: Pair<'_>) -> Override {
        let trouble = self.report_broken();
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let service = self.path_of(&mut parts, "a service after `override`");
        let index = parts.accept(Rule::index).map(|pair| {
            let mut inner = Parts::of(pair);
            let index = self.expr_of(&mut inner, "the name of a service");
            self.junk_of(&mut inner);
            index
        });
        self.bad_heads(&mut parts, trouble, "a declaration");
        let body = self.body_of(&mut parts, Rule::fields, "the override", "its fields");
        let fields = self.fields(body);
        Override {
            service,
            index,
            fields,
            span,
        }
    }

    pub(super) fn kind(&mut self, parts: &mut Parts<'_>) -> Kind {
        let trouble = self.report_broken();
        let mut kind = Kind {
            name: self.name_of(parts, "the kind's name"),
            base: parts.accept(Rule::extends).map(|pair| {
                let mut inner = Parts::of(pair);
                self.path_of(&mut inner, "a kind after `extends`")
            }),
            service: Vec::new(),
            infrastructure: Vec::new(),
            deploy: None,
            requires: Vec::new(),
            parts: Vec::new(),
        };
        self.bad_heads(parts, trouble, "kind");
        let body = self.body_of(parts, Rule::kind_body, "the kind", "its parts");
        self.lines(body, BrokenLineContext::Kind, |lower, pair| {
            kind.parts.push(lower.span(&pair));
            match pair.rule() {
                Rule::kind_service => kind.service.extend(lower.field_decls(pair)),
                Rule::kind_infrastructure => kind.infrastructure.extend(lower.field_decls(pair)),
                Rule::requires => {
                    let found = lower.requires(pair);
                    kind.requires.push(found);
                }
                _ => {
                    let mut inner = Parts::of(pair);
                    match inner.next() {
                        Some(using) if using.rule() == Rule::using => {
                            kind.deploy = Some(lower.using(using));
                        }
                        Some(missing) => lower.missing(&missing, "`using` and a workflow"),
                        None => {}
                    }
                }
            }
        });
        kind
    }

    fn field_decls(&mut self, pair: Pair<'_>) -> Vec<FieldDecl> {
        let mut parts = Parts::of(pair);
        let mut fields = Vec::new();
        let body = self.body_of(&mut parts, Rule::field_decls, "this part", "its fields");
        self.lines(body, BrokenLineContext::KindPart, |lower, pair| {
            let param = lower.param(pair, "a field");
            fields.push(FieldDecl {
                doc: param.doc,
                name: param.name,
                ty: param.ty,
                default: param.default,
            });
        });
        fields
    }
}

/// A name as a text.
fn as_text(name: &Ident) -> Expr {
    let Ident { name, span } = name.clone();
    let text = StringLit {
        parts: vec![StringPart::Text { text: name, span }],
        multiline: false,
        raw: false,
        span,
    };
    Expr {
        kind: ExprKind::String(text),
        span,
    }
}
