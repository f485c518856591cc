//! Quick fix that adds the missing fields of a service or an infrastructure, with placeholder
//! values of the right types.

use super::{Action, fix};
use crate::checked_file::CheckedFile;
use crate::symbol::Symbol;
use crate::syntax_node::SyntaxNode;
use crate::syntax_node::walk;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_lang::ir::KindField;
use lockstep_lang::resolve::DeclKind;
use lockstep_syntax::ast::{Field, Infrastructure, Item, ItemKind, Path};

/// Adds what is missing in the declaration whose name is at `at`.
pub(super) fn missing(checked: &CheckedFile, at: Span) -> Option<Action> {
    let tree = checked.tree(at.file)?;
    let mut found = None;
    walk(tree, &mut |node| {
        match node {
            SyntaxNode::Item(Item {
                kind:
                    ItemKind::Service {
                        name, kind, fields, ..
                    },
                span,
                ..
            }) if name.span == at => found = Some((kind, fields, *span, true, Vec::new())),
            SyntaxNode::Item(Item {
                kind: ItemKind::Environment(environment),
                ..
            }) => {
                let mut places = environment.infrastructures.iter();
                if let Some(place) = places.find(|place| place.name.span == at) {
                    let Infrastructure {
                        kind, fields, span, ..
                    } = place;
                    let inherited = environment.fields.iter();
                    let inherited = inherited.map(|field| field.name.name.clone()).collect();
                    found = Some((kind, fields, *span, false, inherited));
                }
            }
            _ => {}
        }
        found.is_none()
    });
    let (kind, fields, span, service, inherited) = found?;
    let lines = needed(checked, at, kind, service, fields, &inherited)?;
    let title = match lines.as_slice() {
        [(name, _)] => format!("add the field `{name}`"),
        _ => String::from("add the missing fields"),
    };
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    Some(fix(title, vec![insertion(checked, span, fields, &lines)?]))
}

fn needed(
    checked: &CheckedFile,
    at: Span,
    kind: &Path,
    service: bool,
    fields: &[Field],
    inherited: &[Name],
) -> Option<Vec<(Name, String)>> {
    let kind = checked.modules().path(at.file, kind, DeclKind::Kind).ok()?;
    let kind = checked.program().kinds.get(kind as usize)?;
    let declared = if service {
        &kind.service
    } else {
        &kind.infrastructure
    };
    let required = |field: &KindField| {
        field.default.is_none() && !matches!(field.ty, Type::Optional(_) | Type::Any)
    };
    let given = |name: &Name| {
        inherited.contains(name) || fields.iter().any(|field| field.name.name == *name)
    };
    let lacking = declared
        .iter()
        .filter(|(name, field)| required(field) && !given(name));
    let lacking: Vec<_> = lacking
        .map(|(name, field)| (name.clone(), sample(&field.ty)))
        .collect();
    (!lacking.is_empty()).then_some(lacking)
}

/// The type of a service, of the kind that its declaration names.
pub(super) fn type_of_service(checked: &CheckedFile, symbol: &Symbol) -> Option<Type> {
    let services = checked.program().services.iter();
    let mut services = services.zip(&checked.modules().decls.services);
    let (service, _) = services.find(|(_, site)| site.name.span == symbol.at)?;
    Some(Type::Service(Some(
        checked.modules().decls.kind_ref(service.kind),
    )))
}

/// A placeholder value of a type.
pub(crate) fn sample(ty: &Type) -> String {
    match ty {
        Type::Int => String::from("0"),
        Type::Float => String::from("0.0"),
        Type::Bool => String::from("false"),
        Type::Duration => String::from("0s"),
        Type::Percent => String::from("0%"),
        Type::List(_) => String::from("[]"),
        Type::Map(_) => String::from("{}"),
        Type::OneOf(words) => format!("\"{}\"", words.first().map_or("", |word| word)),
        Type::Record(fields) => {
            let fields = fields
                .iter()
                .map(|(name, ty)| format!("{name}: {}", sample(ty)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Type::Path => String::from("\".\""),
        Type::Connection => String::from("local()"),
        _ => String::from("\"\""),
    }
}

/// Where new fields go: after the last one, in the form in which the body is written.
fn insertion(
    checked: &CheckedFile,
    span: Span,
    fields: &[Field],
    lines: &[String],
) -> Option<(Span, String)> {
    let text = checked.text(span);
    let after = |end: u32| Span {
        start: end,
        end,
        ..span
    };
    let own = indentation(checked, span);
    if let Some(last) = fields.last() {
        let first = fields.first()?;
        let before = Span {
            end: first.name.span.start,
            ..span
        };
        let end = last.value.span.end;
        if checked.text(before).contains('\n') {
            let lines = lines.iter().map(|line| format!("\n{own}  {line}"));
            return Some((after(end), lines.collect()));
        }
        let lines = lines.iter().map(|line| format!(", {line}"));
        return Some((after(end), lines.collect()));
    }
    match text.find('{') {
        Some(open) => {
            let inside = text
                .get(open + 1..text.len().saturating_sub(1))
                .unwrap_or("");
            let start = span.start + u32::try_from(open).ok()? + 1;
            if inside.trim().is_empty() {
                let lines = lines.iter().map(|line| format!("\n{own}  {line}"));
                let body = format!("{}\n{own}", lines.collect::<String>());
                let hole = Span {
                    start,
                    end: span.end.saturating_sub(1).max(start),
                    ..span
                };
                return Some((hole, body));
            }
            let lines = lines.iter().map(|line| format!("\n{own}  {line}"));
            Some((after(start), lines.collect()))
        }
        None => {
            let lines = lines.iter().map(|line| format!("\n{own}  {line}"));
            Some((
                after(span.end),
                format!(" {{{}\n{own}}}", lines.collect::<String>()),
            ))
        }
    }
}

/// The blanks before the line on which something begins.
pub(crate) fn indentation(checked: &CheckedFile, span: Span) -> String {
    let text = checked.source(span.file).map_or("", |source| &*source.text);
    let before = text.get(..span.start as usize).unwrap_or("");
    let line = before
        .get(before.rfind('\n').map_or(0, |at| at + 1)..)
        .unwrap_or("");
    let end = line
        .find(|c: char| c != ' ' && c != '\t')
        .unwrap_or(line.len());
    line.get(..end).unwrap_or("").to_owned()
}
