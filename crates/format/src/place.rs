//! Prints environments, infrastructures and kinds.

use super::body::{Brace, Member, one_line};
use super::printer::{Done, Gap, Printer, Stop};
use lockstep_base::source::Span;
use lockstep_syntax::ast::*;

/// Members of different sorts in the order written.
fn in_order<'a>(members: impl Iterator<Item = Member<'a>>) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = members.collect();
    members.sort_by_key(Member::range);
    members
}

impl Printer<'_> {
    pub(super) fn environment(&mut self, environment: &Environment, end: u32) -> Done {
        self.sign("environment")?;
        self.gap(Gap::Space);
        self.ident(&environment.name)?;
        let fields = environment.fields.iter().map(Member::Field);
        let overrides = environment.overrides.iter().map(Member::Override);
        let places = environment.infrastructures.iter();
        let places = places.map(Member::Infrastructure);
        self.body(
            &in_order(fields.chain(overrides).chain(places)),
            end,
            Brace::Plain,
        )
    }

    pub(super) fn infrastructure(&mut self, infrastructure: &Infrastructure) -> Done {
        let short = one_line(infrastructure.span, self.text);
        self.short_or_long(short, |printer| {
            printer.sign("infrastructure")?;
            printer.name_and_kind(&infrastructure.name, &infrastructure.kind)?;
            let fields = infrastructure.fields.iter().map(Member::Field);
            let overrides = infrastructure.overrides.iter().map(Member::Override);
            let members = in_order(fields.chain(overrides));
            printer.body(&members, infrastructure.span.end, Brace::Plain)
        })
    }

    pub(super) fn override_of(&mut self, changed: &Override) -> Done {
        let short = one_line(changed.span, self.text);
        self.short_or_long(short, |printer| {
            printer.sign("override")?;
            printer.gap(Gap::Space);
            printer.path(&changed.service)?;
            let fields: Vec<Member<'_>> = changed.fields.iter().map(Member::Field).collect();
            printer.body(&fields, changed.span.end, Brace::Plain)
        })
    }

    pub(super) fn kind(&mut self, kind: &Kind, end: u32) -> Done {
        self.sign("kind")?;
        self.gap(Gap::Space);
        self.ident(&kind.name)?;
        let parts = kind.parts.iter().map(|part| {
            let own = self.text.get(part.range()).unwrap_or("");
            if own.starts_with("service") {
                Member::Part("service", within(&kind.service, *part), *part)
            } else if own.starts_with("infrastructure") {
                Member::Part("infrastructure", within(&kind.infrastructure, *part), *part)
            } else {
                Member::Deploy(kind.deploy.as_ref(), *part)
            }
        });
        self.body(&parts.collect::<Vec<_>>(), end, Brace::Plain)
    }

    /// `service { field: type … }`
    pub(super) fn part(&mut self, word: &'static str, decls: &[FieldDecl], span: Span) -> Done {
        self.short_or_long(one_line(span, self.text), |printer| {
            printer.sign(word)?;
            let decls: Vec<Member<'_>> = decls.iter().map(Member::Decl).collect();
            printer.body(&decls, span.end, Brace::Plain)
        })
    }

    /// `deploy using W(…)`
    pub(super) fn kind_deploy(&mut self, using: Option<&Use>) -> Done {
        self.sign("deploy")?;
        self.gap(Gap::Space);
        self.using(using.ok_or(Stop)?)
    }
}

/// The declarations that stand within `span`.
fn within(decls: &[FieldDecl], span: Span) -> &[FieldDecl] {
    let from = decls.partition_point(|decl| decl.name.span.start < span.start);
    let to = decls.partition_point(|decl| decl.name.span.start < span.end);
    decls.get(from..to).unwrap_or(&[])
}
