//! Checks the fields that a declaration gives against those that its kind declares.

use indexmap::IndexMap;

use crate::eval::Expr;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::locals::LocalScope;
use super::{Checker, DeclaredFields, errors};

/// Fields with their values, checked.
pub type GivenFields = IndexMap<Name, Expr>;

impl Checker<'_> {
    /// Checks fields against their declarations; without declarations (the kind is unknown) only
    /// the values are checked. They see the names of the scope: of what is declared for each
    /// element of a list, the element. The last argument is what has them, and its kind.
    pub fn given(
        &mut self,
        locals: &mut LocalScope,
        fields: &[ast::Field],
        declared: Option<&[(Name, Type, Option<Span>)]>,
        (thing, kind): (&str, Option<u32>),
    ) -> GivenFields {
        let mut given = GivenFields::new();
        let mut first: IndexMap<&Name, Span> = IndexMap::new();
        for field in fields {
            let name = &field.name;
            if let Some(other) = first.get(&name.name) {
                self.report(errors::field_twice(name, *other));
                self.expr(locals, &field.value, None);
                continue;
            }
            first.insert(&name.name, name.span);
            let Some(declared) = declared else {
                self.expr(locals, &field.value, None);
                continue;
            };
            let Some((_, ty, span)) = declared.iter().find(|(other, ..)| *other == name.name)
            else {
                let known = declared.iter().map(|(name, ..)| &**name);
                let kind = kind.map(|kind| &self.tables.kinds[kind as usize].decl.name);
                self.report(errors::unknown_field(name, thing, known, kind));
                self.expr(locals, &field.value, None);
                continue;
            };
            if let Some(declared) = span {
                self.modules.uses.name(name.span, *declared);
            }
            let place = format!("field `{}`", name.name);
            let value = self.check(locals, &field.value, ty, &place, *span);
            given.insert(name.name.clone(), value);
        }
        given
    }
}

/// Names, types and places of declared fields.
pub fn declarations(declared: &DeclaredFields<'_>) -> Vec<(Name, Type, Option<Span>)> {
    declared
        .iter()
        .map(|(name, field)| (name.clone(), field.ty.clone(), field.span))
        .collect()
}
