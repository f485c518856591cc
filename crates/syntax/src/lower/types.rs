//! Lowers type expressions.

use super::{TreeBuilder, behind};
use crate::ast::{Expr, Ident, TypeExpr, TypeKind};
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    /// The type that must stand next.
    pub(super) fn type_of(&mut self, parts: &mut Parts<'_>) -> TypeExpr {
        match parts.next() {
            Some(pair) if pair.rule() == Rule::r#type => self.type_expr(pair),
            Some(pair) => {
                self.missing(&pair, "a type");
                TypeExpr {
                    kind: TypeKind::Error,
                    span: self.after_last_word(pair.start()),
                }
            }
            None => TypeExpr {
                kind: TypeKind::Error,
                span: self.place(0, 0),
            },
        }
    }

    /// The type after `:`, if there is one.
    pub(super) fn of_type(&mut self, parts: &mut Parts<'_>) -> Option<TypeExpr> {
        let pair = parts.accept(Rule::of_type)?;
        Some(self.type_of(&mut Parts::of(pair)))
    }

    /// The type and the value of a `let`. Where only a type is written, and none that could be
    /// one, the value probably stands behind the wrong sign.
    pub(super) fn typed_value(
        &mut self,
        parts: &mut Parts<'_>,
        name: &Ident,
    ) -> (Option<TypeExpr>, Option<Expr>) {
        let colon = match parts.peek_start() {
            Some(start) if parts.peek() == Some(Rule::of_type) => self.place(start, start + 1),
            _ => return (None, self.default(parts, name)),
        };
        let trouble = self.mark();
        let ty = self.of_type(parts);
        let value = self.default(parts, name);
        let plain = matches!(
            ty,
            Some(TypeExpr {
                kind: TypeKind::Name(_)
                    | TypeKind::Member(..)
                    | TypeKind::Of(..)
                    | TypeKind::Optional(_),
                ..
            })
        );
        let effect = parts.peek() == Some(Rule::let_effect);
        if value.is_none() && !plain && !effect && !name.name.is_empty() {
            self.forget(trouble);
            self.repair(colon, "=", errors::wrong_sign(colon, ":", "=", &name.name));
            let end = Span {
                start: colon.end,
                ..colon
            };
            return (ty, Some(self.no_expr(end)));
        }
        (ty, value)
    }

    fn type_expr(&mut self, pair: Pair<'_>) -> TypeExpr {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let Some(inner) = parts.next() else {
            return TypeExpr {
                kind: TypeKind::Error,
                span,
            };
        };
        let base = self.span(&inner);
        let kind = self.type_kind(inner);
        if parts.peek() == Some(Rule::optional) {
            let inner = Box::new(TypeExpr { kind, span: base });
            return TypeExpr {
                kind: TypeKind::Optional(inner),
                span,
            };
        }
        TypeExpr { kind, span }
    }

    fn type_kind(&mut self, pair: Pair<'_>) -> TypeKind {
        match pair.rule() {
            Rule::type_name => {
                let mut parts = Parts::of(pair);
                let name = self.name_of(&mut parts, "a type");
                if parts.peek() == Some(Rule::ident) {
                    let member = self.name_of(&mut parts, "a type");
                    return TypeKind::Member(name, member);
                }
                if parts.peek().is_some() {
                    let kind = self.path_of(&mut parts, "a kind");
                    return TypeKind::Of(name, kind);
                }
                TypeKind::Name(name)
            }
            Rule::one_of => {
                TypeKind::OneOf(Parts::of(pair).map(|pair| self.string(pair)).collect())
            }
            Rule::type_list => {
                let mut parts = Parts::of(pair);
                let element = self.type_of(&mut parts);
                match parts.accept(Rule::junk) {
                    Some(junk) if junk.text().starts_with(':') => {
                        self.record_in_brackets(pair.start(), pair.end());
                    }
                    Some(junk) => self.junk(junk),
                    None => {}
                }
                TypeKind::List(Box::new(element))
            }
            Rule::type_braces => self.type_braces(pair),
            _ => TypeKind::Error,
        }
    }

    /// `{string: T}` is a map, everything else in braces is a record.
    fn type_braces(&mut self, pair: Pair<'_>) -> TypeKind {
        let mut entries: Vec<(Ident, TypeExpr)> = Vec::new();
        for pair in Parts::of(pair) {
            match pair.rule() {
                Rule::type_entry => {
                    let mut parts = Parts::of(pair);
                    let name = self.name_of(&mut parts, "a name");
                    if parts.accept(Rule::no_sep).is_some() {
                        let place = behind(name.span);
                        self.report(errors::no_sign(place, &name.name, ":"));
                    }
                    self.bad_sep(&mut parts, ":", &name.name);
                    let ty = self.type_of(&mut parts);
                    entries.push((name, ty));
                }
                Rule::no_comma => self.no_comma(&pair),
                _ => self.junk(pair),
            }
        }
        if matches!(entries.as_slice(), [(name, _)] if &*name.name == "string")
            && let Some((name, ty)) = entries.pop()
        {
            let key = TypeExpr {
                span: name.span,
                kind: TypeKind::Name(name),
            };
            return TypeKind::Map(Box::new(key), Box::new(ty));
        }
        TypeKind::Record(entries)
    }

    /// Reports the wrong sign between `name` and what follows, if it is wrong.
    pub(super) fn bad_sep(&mut self, parts: &mut Parts<'_>, right: &str, name: &str) {
        if let Some(pair) = parts
            .accept(Rule::bad_sep)
            .or_else(|| parts.accept(Rule::bad_eq))
        {
            let span = self.span_exact(&pair);
            if pair.text() != right {
                self.report(errors::wrong_sign(span, pair.text(), right, name));
            }
        }
    }
}
