//! Lowers services, environments with their infrastructures, and kinds.

use super::broken::{Before, BrokenLineContext};
use super::{TreeBuilder, add};
use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn service(&mut self, parts: &mut Parts<'_>) -> ItemKind {
        let trouble = self.report_broken();
        let name = self.name_of(parts, "the service's name");
        let kind = self.of_kind(parts, &name, "a service");
        let using = parts.accept(Rule::using).map(|pair| self.using(pair));
        self.bad_heads(parts, trouble, "a declaration");
        let body = self.body_of(parts, Rule::fields, "the service", "its fields");
        let fields = self.fields(body);
        ItemKind::Service {
            name,
            kind,
            using,
            fields,
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

    fn fields(&mut self, body: Option<Pair<'_>>) -> Vec<Field> {
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
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        let name = self.name_of(parts, "the infrastructure's name");
        let kind = self.of_kind(parts, &name, "an infrastructure");
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
            kind,
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
        self.bad_heads(&mut parts, trouble, "a declaration");
        let body = self.body_of(&mut parts, Rule::fields, "the override", "its fields");
        let fields = self.fields(body);
        Override {
            service,
            fields,
            span,
        }
    }

    pub(super) fn kind(&mut self, parts: &mut Parts<'_>) -> Kind {
        let trouble = self.report_broken();
        let mut kind = Kind {
            name: self.name_of(parts, "the kind's name"),
            service: Vec::new(),
            infrastructure: Vec::new(),
            deploy: None,
            parts: Vec::new(),
        };
        self.bad_heads(parts, trouble, "kind");
        let body = self.body_of(parts, Rule::kind_body, "the kind", "its parts");
        self.lines(body, BrokenLineContext::Kind, |lower, pair| {
            kind.parts.push(lower.span(&pair));
            match pair.rule() {
                Rule::kind_service => kind.service.extend(lower.field_decls(pair)),
                Rule::kind_infrastructure => kind.infrastructure.extend(lower.field_decls(pair)),
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
