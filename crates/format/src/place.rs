//! Prints environments, infrastructures and kinds.

use super::body::{BodyMember, BraceLayout, one_line};
use super::printer::{Printed, Printer, TokenGap, Unprintable};
use super::statement::Clause;
use lockstep_base::source::Span;
use lockstep_syntax::ast::*;

/// Members of different sorts in the order written.
fn in_order<'a>(members: impl Iterator<Item = BodyMember<'a>>) -> Vec<BodyMember<'a>> {
    let mut members: Vec<BodyMember<'a>> = members.collect();
    members.sort_by_key(BodyMember::range);
    members
}

impl Printer<'_> {
    pub(super) fn environment(&mut self, environment: &Environment, end: u32) -> Printed {
        self.sign("environment")?;
        self.gap(TokenGap::Space);
        self.ident(&environment.name)?;
        let fields = environment.fields.iter().map(BodyMember::Field);
        let overrides = environment.overrides.iter().map(BodyMember::Override);
        let places = environment.infrastructures.iter();
        let places = places.map(BodyMember::Infrastructure);
        self.body(
            &in_order(fields.chain(overrides).chain(places)),
            end,
            BraceLayout::Plain,
        )
    }

    pub(super) fn infrastructure(&mut self, infrastructure: &Infrastructure) -> Printed {
        let short = one_line(infrastructure.span, self.text);
        self.short_or_long(short, |printer| {
            printer.sign("infrastructure")?;
            let Infrastructure { name, text, .. } = infrastructure;
            printer.name_and_kind(name, text.as_ref(), &infrastructure.kind)?;
            let each: Vec<Clause<'_>> = infrastructure.each.iter().map(Clause::Each).collect();
            let grouped = printer.clauses(&each)?;
            let fields = infrastructure.fields.iter().map(BodyMember::Field);
            let overrides = infrastructure.overrides.iter().map(BodyMember::Override);
            let members = in_order(fields.chain(overrides));
            printer.body(&members, infrastructure.span.end, BraceLayout::of(grouped))
        })
    }

    pub(super) fn override_of(&mut self, changed: &Override) -> Printed {
        let short = one_line(changed.span, self.text);
        self.short_or_long(short, |printer| {
            printer.sign("override")?;
            printer.gap(TokenGap::Space);
            printer.path(&changed.service)?;
            if let Some(index) = &changed.index {
                printer.index(index)?;
            }
            let fields: Vec<BodyMember<'_>> =
                changed.fields.iter().map(BodyMember::Field).collect();
            printer.body(&fields, changed.span.end, BraceLayout::Plain)
        })
    }

    pub(super) fn kind(&mut self, kind: &Kind, end: u32) -> Printed {
        self.sign("kind")?;
        self.gap(TokenGap::Space);
        self.ident(&kind.name)?;
        if let Some(base) = &kind.base {
            self.word("extends")?;
            self.gap(TokenGap::Space);
            self.path(base)?;
        }
        let parts = kind.parts.iter().map(|part| {
            let own = self.text.get(part.range()).unwrap_or("");
            if own.starts_with("service") {
                BodyMember::Part("service", within(&kind.service, *part), *part)
            } else if own.starts_with("infrastructure") {
                BodyMember::Part("infrastructure", within(&kind.infrastructure, *part), *part)
            } else if own.starts_with("requires") {
                let all = kind.requires.iter();
                BodyMember::Requires(all.clone().find(|it| it.span == *part), *part)
            } else {
                BodyMember::Deploy(kind.deploy.as_ref(), *part)
            }
        });
        self.body(&parts.collect::<Vec<_>>(), end, BraceLayout::Plain)
    }

    /// `service { field: type … }`
    pub(super) fn part(&mut self, word: &'static str, decls: &[FieldDecl], span: Span) -> Printed {
        self.short_or_long(one_line(span, self.text), |printer| {
            printer.sign(word)?;
            let decls: Vec<BodyMember<'_>> = decls.iter().map(BodyMember::Decl).collect();
            printer.body(&decls, span.end, BraceLayout::Plain)
        })
    }

    /// `deploy using W(…)`
    pub(super) fn kind_deploy(&mut self, using: Option<&Use>) -> Printed {
        self.sign("deploy")?;
        self.gap(TokenGap::Space);
        self.using(using.ok_or(Unprintable)?)
    }
}

/// The declarations that stand within `span`.
fn within(decls: &[FieldDecl], span: Span) -> &[FieldDecl] {
    let from = decls.partition_point(|decl| decl.name.span.start < span.start);
    let to = decls.partition_point(|decl| decl.name.span.start < span.end);
    decls.get(from..to).unwrap_or(&[])
}
