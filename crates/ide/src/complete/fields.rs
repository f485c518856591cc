//! Completions for field names: in declarations, and after a dot.

use super::item::{Completion, CompletionKind};
use super::values;
use crate::checked_file::{CheckedFile, ROOT_FILE};
use crate::library;
use crate::syntax_node::SyntaxNode;
use lockstep_base::source::Name;
use lockstep_base::value::{KindRef, Type};
use lockstep_lang::eval::builtins::SECRET_FILE;
use lockstep_lang::ir::KindField;
use lockstep_lang::pool::POOL_FIELD;
use lockstep_lang::resolve::{DeclKind, NameTarget};
use lockstep_lang::types::BUILTIN_ACTIONS;
use lockstep_syntax::ast::{Expr, ExprKind, Field, ItemKind, Path};

/// The fields that the declaration around a place does not give yet.
pub fn fields(checked: &CheckedFile, nodes: &[SyntaxNode<'_>], offset: u32) -> Vec<Completion> {
    let innermost = nodes.iter().rev().find_map(|node| match node {
        SyntaxNode::Infrastructure(place) => {
            let mut found = of_kind(checked, kind(checked, &place.kind), false);
            add_own_fields(&mut found);
            found.push(own_field("window", "window").rank(2));
            Some((found, given(&place.fields, offset)))
        }
        SyntaxNode::Override(entry) => {
            let found = of_kind(checked, kind_of_service(checked, &entry.service), true);
            Some((found, given(&entry.fields, offset)))
        }
        SyntaxNode::Item(item) => match &item.kind {
            ItemKind::Service {
                kind: path, fields, ..
            } => {
                let found = of_kind(checked, kind(checked, path), true);
                Some((found, given(fields, offset)))
            }
            ItemKind::Environment(environment) => {
                let kinds = environment.infrastructures.iter();
                let kinds = kinds.filter_map(|place| kind(checked, &place.kind));
                let mut found: Vec<Completion> = Vec::new();
                for one in kinds {
                    let more = of_kind(checked, Some(one), false).into_iter();
                    let known = found.clone();
                    found.extend(more.filter(|it| !known.contains(it)));
                }
                add_own_fields(&mut found);
                found.retain(|it| it.label != "id");
                found.push(own_field("window", "window").rank(2));
                Some((found, given(&environment.fields, offset)))
            }
            ItemKind::Window { fields, .. } => {
                let all = [("open", "[string]"), ("except", "[string]")];
                let all = all
                    .into_iter()
                    .chain([("zone", "string"), ("outside", "string")]);
                let found = all.map(|(name, ty)| own_field(name, ty)).collect();
                Some((found, given(fields, offset)))
            }
            _ => None,
        },
        _ => None,
    });
    let Some((found, given)) = innermost else {
        return Vec::new();
    };
    let free = found.into_iter().filter(|it| !given.contains(&it.label));
    free.map(|it| {
        let insert = format!("{} = ", it.label);
        it.insert(insert)
    })
    .collect()
}

fn given(fields: &[Field], offset: u32) -> Vec<String> {
    let others = fields.iter().filter(|field| {
        let at = field.name.span;
        !(at.start <= offset && offset <= at.end)
    });
    others.map(|field| field.name.name.to_string()).collect()
}

fn kind(checked: &CheckedFile, path: &Path) -> Option<u32> {
    checked.modules().path(ROOT_FILE, path, DeclKind::Kind).ok()
}

fn kind_of_service(checked: &CheckedFile, path: &Path) -> Option<u32> {
    let service = checked
        .modules()
        .path(ROOT_FILE, path, DeclKind::Service)
        .ok()?;
    let site = checked.modules().decls.services.get(service as usize)?;
    match &checked.modules().item(site).kind {
        ItemKind::Service { kind, .. } => {
            checked.modules().path(site.file, kind, DeclKind::Kind).ok()
        }
        _ => None,
    }
}

/// The variables that `env { … }` of a command can set beside those that are given: those that the
/// command reads, and one for each secret.
pub fn variables(checked: &CheckedFile, command: &str, given: &[&str]) -> Vec<Completion> {
    let variable = |name: &str, value: &str| {
        Completion::new(name, CompletionKind::Field)
            .insert(format!("{name}: {value}"))
            .rank(0)
    };
    let read = command.split('$').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = rest.get(..end.unwrap_or(rest.len()))?;
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        begins.then(|| variable(name, "").detail("read by the command"))
    });
    let secrets = values::declared(checked, &[DeclKind::Secret]).into_iter();
    let secrets = secrets.map(|secret| {
        let name = secret.label.to_uppercase().replace(['-', '.'], "_");
        variable(&name, &secret.label)
            .detail(format!("secret {}", secret.label))
            .rank(1)
    });
    let mut found: Vec<Completion> = read.chain(secrets).collect();
    found.retain(|it| !given.contains(&it.label.as_str()));
    found
}

/// The fields that a kind declares for its services, or for its infrastructures.
fn of_kind(checked: &CheckedFile, kind: Option<u32>, service: bool) -> Vec<Completion> {
    let kind = kind.and_then(|kind| checked.program().kinds.get(kind as usize));
    let Some(kind) = kind else {
        return Vec::new();
    };
    let fields = match service {
        true => &kind.service,
        false => &kind.infrastructure,
    };
    fields
        .iter()
        .map(|(name, field)| of_field(name, field))
        .collect()
}

fn of_field(name: &Name, field: &KindField) -> Completion {
    let needed = field.default.is_none() && !matches!(field.ty, Type::Optional(_));
    Completion::new(&**name, CompletionKind::Field)
        .detail(field.ty.to_string())
        .doc(field.doc.as_ref())
        .rank(if needed { 0 } else { 1 })
}

/// Adds the fields that every infrastructure may be given, where its kind does not declare them.
fn add_own_fields(found: &mut Vec<Completion>) {
    let own = [
        ("id", "string"),
        ("connect", "connection"),
        ("exclusive", "bool"),
        (POOL_FIELD, "string?"),
    ];
    for (name, ty) in own {
        if found.iter().all(|it| it.label != name) {
            found.push(own_field(name, ty).rank(2));
        }
    }
}

fn own_field(name: &str, ty: &str) -> Completion {
    Completion::new(name, CompletionKind::Field)
        .detail(ty)
        .doc(library::own_field(name))
        .rank(1)
}

/// The members that can follow a dot after an expression.
pub fn members(checked: &CheckedFile, of: &Expr) -> Vec<Completion> {
    if let ExprKind::Name(name) = &of.kind {
        let binding = checked.modules().find(ROOT_FILE, &name.name);
        let local = checked.names().iter().any(|(at, _)| *at == name.span);
        match binding.map(|binding| binding.target) {
            Some(NameTarget::Namespace(file)) => return values::exported(checked, file, &[]),
            Some(NameTarget::Decl(decl)) if decl.sort == DeclKind::Environment => {
                return of_environment(checked, decl.index);
            }
            None if !local && &*name.name == "http" => return http(),
            None if !local && &*name.name == "run" => {
                return ["id", "user", "started-at", "scratch"]
                    .map(|field| own_field(field, "string"))
                    .to_vec();
            }
            _ => {}
        }
        // The name of a stage does not resolve to a symbol.
        let mut names = checked.names().iter();
        if let Some((_, declared)) = names.find(|(at, _)| *at == name.span)
            && let Some(ty) = checked.type_at(*declared)
        {
            return of_type(checked, ty);
        }
    }
    match checked.type_at(of.span) {
        Some(ty) => of_type(checked, ty),
        None => Vec::new(),
    }
}

fn of_type(checked: &CheckedFile, ty: &Type) -> Vec<Completion> {
    match ty {
        Type::Record(fields) => fields
            .iter()
            .map(|(name, ty)| own_field(name, &ty.to_string()).rank(0))
            .collect(),
        Type::Service(kind) => {
            let mut found = of_kind(checked, kind_id(kind), true);
            found.extend(["name", "kind"].map(|name| own_field(name, "string")));
            found
        }
        Type::Infrastructure(kind) => {
            let mut found = of_kind(checked, kind_id(kind), false);
            found.push(own_field("name", "string"));
            found.push(own_field("environment", "environment"));
            add_own_fields(&mut found);
            found
        }
        Type::Environment => vec![own_field("name", "string"), star()],
        Type::Secret => vec![
            Completion::new("file", CompletionKind::Field)
                .detail("string")
                .doc(Some(SECRET_FILE.doc))
                .rank(1),
        ],
        Type::Optional(of) => of_type(checked, of),
        _ => Vec::new(),
    }
}

fn kind_id(kind: &Option<KindRef>) -> Option<u32> {
    kind.as_ref().map(|kind| kind.id)
}

fn star() -> Completion {
    Completion::new("*", CompletionKind::Keyword)
        .detail("[infrastructure]")
        .doc(Some("All its infrastructures, in source order."))
        .rank(2)
}

/// The infrastructures and the fields of an environment.
fn of_environment(checked: &CheckedFile, environment: u32) -> Vec<Completion> {
    let program = checked.program();
    let Some(environment) = program.environments.get(environment as usize) else {
        return Vec::new();
    };
    let places = environment.infrastructures.iter();
    let places = places.filter_map(|id| program.infrastructures.get(id.0 as usize));
    let mut found: Vec<Completion> = places
        .map(|place| {
            let kind = program.kinds.get(place.kind as usize);
            let name = place.name.rsplit('.').next().unwrap_or(&place.name);
            let kind = kind.map_or("infrastructure", |kind| &kind.name);
            Completion::new(name, CompletionKind::Infrastructure)
                .detail(format!("infrastructure<{kind}>"))
                .doc(place.doc.as_ref())
                .rank(0)
        })
        .collect();
    let fields = environment.fields.keys();
    found.extend(fields.map(|name| Completion::new(&**name, CompletionKind::Field).rank(1)));
    found.push(own_field("name", "string"));
    found.push(star());
    found
}

fn http() -> Vec<Completion> {
    let actions = BUILTIN_ACTIONS.iter();
    actions
        .filter_map(|action| {
            let name = action.name.strip_prefix("http.")?;
            let params = (action.params)().into_iter();
            let params: Vec<String> = params.map(|(name, ty)| format!("{name}: {ty}")).collect();
            Some(
                Completion::new(name, CompletionKind::Action)
                    .detail(format!("({}) -> {}", params.join(", "), (action.result)()))
                    .snippet(format!("{name}($0)"))
                    .insert(format!("{name}(")),
            )
        })
        .collect()
}
