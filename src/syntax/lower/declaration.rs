//! Declarations and tests. It does not know which names exist.

use super::broken::{Around, Before};
use super::{Lower, add};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::errors;
use crate::syntax::grammar::{Pair, Parts, Rule};

impl<'t> Lower<'t> {
    /// A declaration, behind what stands `before` it. Returns what to remember of it.
    pub(super) fn item(&mut self, pair: Pair<'t>, items: &mut Vec<Item>, before: Before) -> Before {
        let trouble = self.trouble();
        let doc = self.doc(&pair);
        let span = self.span(&pair);
        let (start, end) = (pair.as_span().start(), pair.as_span().end());
        let (kind, after) = match pair.as_rule() {
            Rule::error_item => {
                let after = self.error_line(pair, Around::File, before);
                (ItemKind::Error, Some(after))
            }
            Rule::stray_stmt => (ItemKind::Error, Some(self.stray_stmt(pair, before))),
            _ => (self.item_kind(pair, span), None),
        };
        items.push(Item { doc, kind, span });
        after.unwrap_or_else(|| self.before(start, end, trouble))
    }

    fn item_kind(&mut self, pair: Pair<'t>, span: Span) -> ItemKind {
        let form = pair.as_rule();
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

    fn import(&mut self, parts: &mut Parts<'t>, span: Span) -> ItemKind {
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

    fn import_path(&mut self, parts: &mut Parts<'t>) -> Option<StringLit> {
        let pair = parts.next()?;
        if pair.as_rule() == Rule::string {
            return Some(self.string(pair));
        }
        self.missing(&pair, "the path of a file in quotes");
        None
    }

    fn from(&mut self, parts: &mut Parts<'t>, span: Span) -> ItemKind {
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
            if pair.as_rule() != Rule::import_name {
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

    fn input(&mut self, parts: &mut Parts<'t>) -> ItemKind {
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
    pub(super) fn default(&mut self, parts: &mut Parts<'t>, name: &Ident) -> Option<Expr> {
        let pair = parts.accept(Rule::default)?;
        let mut inner = Parts::of(pair);
        self.bad_sep(&mut inner, "=", &name.name);
        Some(self.expr_of(&mut inner, "a value after `=`"))
    }

    /// The value after `=`, which must be there.
    fn value_part(&mut self, parts: &mut Parts<'t>, span: Span, name: &Ident) -> Expr {
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

    fn service(&mut self, parts: &mut Parts<'t>) -> ItemKind {
        let trouble = self.trouble();
        let name = self.name_of(parts, "the service's name");
        let kind = self.of_kind(parts, &name, "a service");
        let using = parts.accept(Rule::using).map(|pair| self.using(pair));
        self.bad_heads(parts, trouble);
        let body = self.body_of(parts, Rule::fields, "the service", "its fields");
        let fields = self.fields(body);
        ItemKind::Service {
            name,
            kind,
            using,
            fields,
        }
    }

    fn of_kind(&mut self, parts: &mut Parts<'t>, name: &Ident, what: &str) -> Path {
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
    pub(super) fn using(&mut self, pair: Pair<'t>) -> Use {
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
    fn body_of(
        &mut self,
        parts: &mut Parts<'t>,
        wanted: Rule,
        what: &str,
        of: &str,
    ) -> Option<Pair<'t>> {
        let pair = parts.next()?;
        if pair.as_rule() == wanted {
            return Some(pair);
        }
        let place = self.after_last_word(pair.as_span().start());
        self.report(errors::no_body(place, what, of));
        None
    }

    /// Words between a head and its body; `trouble` there was before the head.
    pub(super) fn bad_heads(&mut self, parts: &mut Parts<'t>, trouble: usize) {
        while let Some(pair) = parts.accept(Rule::bad_head) {
            let quiet = self.trouble() > trouble;
            self.bad_head(pair, "", &["using"], quiet);
        }
    }

    /// Walks over the lines of a body of fields: `line` takes what it knows.
    fn lines(
        &mut self,
        body: Option<Pair<'t>>,
        around: Around,
        mut line: impl FnMut(&mut Self, Pair<'t>),
    ) {
        let mut before = Before::default();
        for pair in body.into_iter().flat_map(Parts::of) {
            let trouble = self.trouble();
            let (start, end) = (pair.as_span().start(), pair.as_span().end());
            before = if pair.as_rule() == Rule::error_field {
                self.error_line(pair, around, before)
            } else {
                line(self, pair);
                self.before(start, end, trouble)
            };
        }
    }

    fn fields(&mut self, body: Option<Pair<'t>>) -> Vec<Field> {
        let mut fields = Vec::new();
        self.lines(body, Around::Service, |lower, pair| {
            add(&mut fields, lower.field(pair));
        });
        fields
    }

    fn field(&mut self, pair: Pair<'t>) -> Field {
        let doc = self.doc(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name_of(&mut parts, "a field's name");
        self.bad_sep(&mut parts, "=", &name.name);
        let value = self.expr_of(&mut parts, "a value after `=`");
        Field { doc, name, value }
    }

    fn environment(&mut self, parts: &mut Parts<'t>) -> Environment {
        let trouble = self.trouble();
        let mut environment = Environment {
            name: self.name_of(parts, "the environment's name"),
            fields: Vec::new(),
            overrides: Vec::new(),
            infrastructures: Vec::new(),
        };
        self.bad_heads(parts, trouble);
        let body = self.body_of(
            parts,
            Rule::environment_body,
            "the environment",
            "its fields and infrastructures",
        );
        self.lines(body, Around::Environment, |lower, pair| {
            match pair.as_rule() {
                Rule::field => add(&mut environment.fields, lower.field(pair)),
                Rule::r#override => add(&mut environment.overrides, lower.override_of(pair)),
                _ => add(&mut environment.infrastructures, lower.infrastructure(pair)),
            }
        });
        environment
    }

    fn infrastructure(&mut self, pair: Pair<'t>) -> Infrastructure {
        let trouble = self.trouble();
        let doc = self.doc(&pair);
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        let name = self.name_of(parts, "the infrastructure's name");
        let kind = self.of_kind(parts, &name, "an infrastructure");
        self.bad_heads(parts, trouble);
        let mut fields = Vec::new();
        let mut overrides = Vec::new();
        let body = self.body_of(
            parts,
            Rule::infrastructure_body,
            "the infrastructure",
            "its fields",
        );
        self.lines(body, Around::Infrastructure, |lower, pair| {
            match pair.as_rule() {
                Rule::field => add(&mut fields, lower.field(pair)),
                _ => add(&mut overrides, lower.override_of(pair)),
            }
        });
        Infrastructure {
            doc,
            name,
            kind,
            fields,
            overrides,
            span,
        }
    }

    fn override_of(&mut self, pair: Pair<'t>) -> Override {
        let trouble = self.trouble();
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let service = self.path_of(&mut parts, "a service after `override`");
        self.bad_heads(&mut parts, trouble);
        let body = self.body_of(&mut parts, Rule::fields, "the override", "its fields");
        let fields = self.fields(body);
        Override {
            service,
            fields,
            span,
        }
    }

    fn kind(&mut self, parts: &mut Parts<'t>) -> Kind {
        let trouble = self.trouble();
        let mut kind = Kind {
            name: self.name_of(parts, "the kind's name"),
            service: Vec::new(),
            infrastructure: Vec::new(),
            deploy: None,
        };
        self.bad_heads(parts, trouble);
        let body = self.body_of(parts, Rule::kind_body, "the kind", "its parts");
        self.lines(body, Around::Kind, |lower, pair| match pair.as_rule() {
            Rule::kind_service => kind.service.extend(lower.field_decls(pair)),
            Rule::kind_infrastructure => kind.infrastructure.extend(lower.field_decls(pair)),
            _ => {
                let mut inner = Parts::of(pair);
                match inner.next() {
                    Some(using) if using.as_rule() == Rule::using => {
                        kind.deploy = Some(lower.using(using));
                    }
                    Some(missing) => lower.missing(&missing, "`using` and a workflow"),
                    None => {}
                }
            }
        });
        kind
    }

    fn field_decls(&mut self, pair: Pair<'t>) -> Vec<FieldDecl> {
        let mut parts = Parts::of(pair);
        let mut fields = Vec::new();
        let body = self.body_of(&mut parts, Rule::field_decls, "this part", "its fields");
        self.lines(body, Around::KindPart, |lower, pair| {
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

    fn param(&mut self, pair: Pair<'t>, what: &str) -> Param {
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
        parts: &mut Parts<'t>,
        what: &str,
    ) -> (Ident, Vec<Param>, Option<TypeExpr>) {
        let name = self.name_of(parts, &format!("{what}'s name"));
        let mut params = Vec::new();
        match parts.next() {
            Some(pair) if pair.as_rule() == Rule::params => {
                for pair in Parts::of(pair) {
                    match pair.as_rule() {
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

    fn workflow(&mut self, parts: &mut Parts<'t>, span: Span) -> ItemKind {
        let trouble = self.trouble();
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

    fn pipeline(&mut self, parts: &mut Parts<'t>, span: Span) -> ItemKind {
        let trouble = self.trouble();
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

    fn test(&mut self, parts: &mut Parts<'t>, span: Span) -> ItemKind {
        let trouble = self.trouble();
        let name = match parts.next() {
            Some(pair) if pair.as_rule() == Rule::string => self.string(pair),
            other => {
                if let Some(missing) = other {
                    self.missing(&missing, "a description in quotes");
                }
                StringLit {
                    parts: Vec::new(),
                    multiline: false,
                    span: Span {
                        end: span.start,
                        ..span
                    },
                }
            }
        };
        self.bad_heads(parts, trouble);
        let mut body = Vec::new();
        let mut body_span = Span {
            start: span.end,
            ..span
        };
        if let Some(pair) = self.body_of(parts, Rule::test_body, "the test", "its statements") {
            body_span = self.span_exact(&pair);
            let mut before = Before::default();
            for pair in Parts::of(pair) {
                let (stmt, after) = self.test_stmt(pair, before);
                body.push(stmt);
                before = after;
            }
        }
        ItemKind::Test {
            name,
            body,
            body_span,
        }
    }

    fn test_stmt(&mut self, pair: Pair<'t>, before: Before) -> (TestStmt, Before) {
        let trouble = self.trouble();
        let span = self.span(&pair);
        let (start, end) = (pair.as_span().start(), pair.as_span().end());
        if pair.as_rule() == Rule::error_test {
            let after = self.error_line(pair, Around::Test, before);
            let kind = TestKind::Error;
            return (TestStmt { kind, span }, after);
        }
        let kind = self.test_kind(pair, span).unwrap_or(TestKind::Error);
        let after = self.before(start, end, trouble);
        (TestStmt { kind, span }, after)
    }

    fn test_kind(&mut self, pair: Pair<'t>, span: Span) -> Option<TestKind> {
        let form = pair.as_rule();
        let mut parts = Parts::of(pair);
        let parts = &mut parts;
        match form {
            Rule::given_input => {
                let name = self.name_of(parts, "an input, `run` or a node");
                let value = self.value_part(parts, span, &name);
                Some(TestKind::GivenInput { name, value })
            }
            Rule::given_run => {
                let pattern = self.string(parts.next()?);
                let then = self.given(parts)?;
                Some(TestKind::GivenRun { pattern, then })
            }
            Rule::given_node => {
                let path = self.string(parts.next()?);
                let then = self.given(parts)?;
                Some(TestKind::GivenNode { path, then })
            }
            Rule::start => {
                let pipeline = self.name_of(parts, "a pipeline after `start`");
                Some(TestKind::Start { pipeline })
            }
            Rule::expect => {
                let first = self.test_path(parts, "a node after `expect`")?;
                let next = parts.next()?;
                match next.as_rule() {
                    Rule::before => {
                        let second =
                            self.test_path(&mut Parts::of(next), "a node after `before`")?;
                        Some(TestKind::ExpectOrder { first, second })
                    }
                    Rule::ident => {
                        let status = self.ident(&next);
                        Some(TestKind::ExpectStatus {
                            path: first,
                            status,
                        })
                    }
                    _ => {
                        self.missing(&next, "a status, or `before` and a node");
                        None
                    }
                }
            }
            _ => None,
        }
    }

    fn test_path(&mut self, parts: &mut Parts<'t>, what: &str) -> Option<TestPath> {
        let pair = parts.next()?;
        match pair.as_rule() {
            Rule::string => Some(TestPath::Pattern(self.string(pair))),
            Rule::ident => Some(TestPath::Name(self.ident(&pair))),
            _ => {
                self.missing(&pair, what);
                None
            }
        }
    }

    fn given(&mut self, parts: &mut Parts<'t>) -> Option<Given> {
        let pair = parts.next()?;
        match pair.as_rule() {
            Rule::returns => {
                let value = self.expr_of(&mut Parts::of(pair), "a value after `returns`");
                Some(Given::Returns(value))
            }
            Rule::fails => {
                let class = Parts::of(pair).next().map(|pair| self.ident(&pair));
                Some(Given::Fails(class))
            }
            Rule::refused => Some(Given::Refused),
            _ => {
                self.missing(&pair, "`returns`, `fails` or `refused`");
                None
            }
        }
    }
}
