//! Completions for names of values, declarations and types, and for import paths.

use super::item::{Completion, CompletionKind};
use super::keywords::TYPES;
use crate::checked_file::{CheckedFile, ROOT_FILE};
use crate::hover::{declaration, examples};
use crate::scope;
use crate::symbol::Symbol;
use lockstep_base::source::FileId;
use lockstep_base::value::Type;
use lockstep_lang::eval::builtins;
use lockstep_lang::resolve::{self, Decl, DeclKind, NameTarget};
use lockstep_syntax::ast::{Item, ItemKind};

/// Import paths: those of the standard library, and the entries of the directory that has been
/// typed so far.
pub fn paths(typed: &str, beside: &dyn Fn(&str) -> Vec<String>) -> Vec<Completion> {
    let library = resolve::library_paths();
    let mut found: Vec<Completion> = library
        .map(|path| Completion::new(path, CompletionKind::File).rank(1))
        .collect();
    let folder = typed.rfind('/').map_or("./", |at| &typed[..=at]);
    if !resolve::is_std(folder) {
        let names = beside(folder).into_iter();
        found.extend(names.map(|name| {
            let rank = if name.ends_with('/') { 3 } else { 2 };
            Completion::new(format!("{folder}{name}"), CompletionKind::File).rank(rank)
        }));
    }
    found
}

/// The files and folders in the folder that has been typed so far, as `file("…")` names them.
pub fn files(typed: &str, beside: &dyn Fn(&str) -> Vec<String>) -> Vec<Completion> {
    let folder = typed.rfind('/').map_or("", |at| &typed[..=at]);
    let names = beside(if folder.is_empty() { "./" } else { folder }).into_iter();
    names
        .map(|name| {
            let rank = if name.ends_with('/') { 3 } else { 2 };
            Completion::new(format!("{folder}{name}"), CompletionKind::File).rank(rank)
        })
        .collect()
}

/// The paths of the standard library as they are written.
pub fn quoted_paths() -> Vec<Completion> {
    resolve::library_paths()
        .map(|path| Completion::new(format!("\"{path}\""), CompletionKind::File).rank(1))
        .collect()
}

/// The names of values, those of the expected type first.
pub fn values(checked: &CheckedFile, offset: u32, want: Option<&Type>) -> Vec<Completion> {
    let strict = want.is_some_and(|want| {
        let one = match want {
            Type::List(of) => of,
            other => other,
        };
        matches!(
            one,
            Type::Service(_) | Type::Infrastructure(_) | Type::Environment
        )
    });
    let fits = |ty: Option<&Type>| match (want, ty) {
        (Some(want), Some(ty)) => want.accepts(ty),
        _ => true,
    };
    let mut found: Vec<Completion> = Vec::new();
    let mut add = |item: Completion, ty: Option<&Type>, through: bool| {
        let good = fits(ty);
        if good || through || !strict {
            let rank = if good { item.rank.min(2) } else { 6 };
            found.push(item.rank(rank));
        }
    };
    locals(checked, offset, &mut add);
    siblings(checked, offset, &mut add);
    globals(checked, want, &mut add);
    if let Some(Type::OneOf(words)) = want {
        let words = words.iter().map(|word| format!("\"{word}\""));
        found.extend(words.map(|word| Completion::new(word, CompletionKind::Word).rank(0)));
    }
    if !strict {
        functions(want, &mut found);
        constants(want, &mut found);
    }
    found
}

fn locals(
    checked: &CheckedFile,
    offset: u32,
    add: &mut dyn FnMut(Completion, Option<&Type>, bool),
) {
    let Some(tree) = checked.tree(ROOT_FILE) else {
        return;
    };
    let mut seen: Vec<&str> = Vec::new();
    for name in scope::visible(tree, offset).into_iter().rev() {
        if seen.contains(&&*name.name) {
            continue;
        }
        seen.push(&name.name);
        let ty = checked
            .narrowed(name.span)
            .or_else(|| checked.type_at(name.span));
        let mut item = Completion::new(&*name.name, CompletionKind::Variable).rank(0);
        if let Some(ty) = ty.filter(|ty| **ty != Type::Any) {
            item = item.detail(ty.to_string());
        }
        add(item, ty, false);
    }
    if scope::in_failure(tree, offset) {
        let item = Completion::new("failure", CompletionKind::Variable)
            .detail("{ class: string, message: string, node: string }")
            .rank(1);
        add(item, Some(&Type::Nothing), false);
    }
    if scope::knows_event(tree, offset) {
        let item = Completion::new("event", CompletionKind::Variable)
            .detail("what has happened: { at: string, … }")
            .rank(1);
        add(item, Some(&Type::Nothing), false);
    }
    if scope::knows_outcome(tree, offset) {
        let item = Completion::new("outcome", CompletionKind::Variable)
            .detail("{ status: string, failure: {…}?, deployments: [{…}] }")
            .rank(1);
        add(item, Some(&Type::Nothing), false);
    }
}

/// In the default of a kind's field the other fields, and the name of what has them.
fn siblings(
    checked: &CheckedFile,
    offset: u32,
    add: &mut dyn FnMut(Completion, Option<&Type>, bool),
) {
    let sites = checked.modules().decls.kinds.iter();
    for (site, kind) in sites.zip(&checked.program().kinds) {
        let item = checked.modules().item(site);
        let ItemKind::Kind(decl) = &item.kind else {
            continue;
        };
        if site.file != ROOT_FILE || offset < item.span.start || item.span.end < offset {
            continue;
        }
        let of_service = decl.service.iter().map(|field| (field, &kind.service));
        let of_place = decl
            .infrastructure
            .iter()
            .map(|field| (field, &kind.infrastructure));
        let before = of_service
            .chain(of_place)
            .filter(|(field, _)| field.name.span.end < offset);
        let Some((field, fields)) = before.max_by_key(|(field, _)| field.name.span.start) else {
            continue;
        };
        let others = fields.iter().filter(|(name, _)| **name != field.name.name);
        for (name, other) in others {
            let item = Completion::new(&**name, CompletionKind::Field).rank(0);
            let item = item.detail(other.ty.to_string()).doc(other.doc.as_ref());
            add(item, Some(&other.ty), false);
        }
        let name = Completion::new("name", CompletionKind::Field).rank(1);
        add(name.detail("string"), Some(&Type::String), false);
    }
}

fn globals(
    checked: &CheckedFile,
    want: Option<&Type>,
    add: &mut dyn FnMut(Completion, Option<&Type>, bool),
) {
    let listed = matches!(want, Some(Type::List(_)));
    let of_places = match want {
        Some(Type::List(of)) => matches!(**of, Type::Infrastructure(_) | Type::Any),
        Some(want) => matches!(want, Type::Infrastructure(_)),
        None => true,
    };
    let Some(module) = checked.modules().files.first() else {
        return;
    };
    let program = checked.program();
    for (name, binding) in &module.names {
        let decl = match binding.target {
            NameTarget::Decl(decl) => decl,
            NameTarget::Namespace(_) => {
                let item = Completion::new(&**name, CompletionKind::Namespace);
                add(item.rank(4), None, true);
                continue;
            }
            NameTarget::Lost => continue,
        };
        let index = decl.index as usize;
        let ty = match decl.sort {
            DeclKind::Input | DeclKind::Let | DeclKind::Group => {
                program.globals.get(index).map(|global| {
                    let narrowed = checked.narrowed(global.span);
                    narrowed.unwrap_or(&global.ty).clone()
                })
            }
            DeclKind::Secret => {
                let at = checked.modules().decls.site(decl).name.span;
                let narrowed = checked.narrowed(at).cloned();
                narrowed.or_else(|| Some(checked.secret_type(index)))
            }
            DeclKind::Service => service_type(checked, index),
            DeclKind::Environment => Some(Type::Environment),
            DeclKind::Function => {
                let at = checked.modules().decls.site(decl).name.span;
                checked.type_at(at).cloned()
            }
            DeclKind::Kind
            | DeclKind::Workflow
            | DeclKind::Action
            | DeclKind::Pipeline
            | DeclKind::Type
            | DeclKind::Trigger
            | DeclKind::Window => continue,
        };
        let mut item = of_decl(checked, name, decl).rank(2);
        if let Some(ty) = ty.as_ref().filter(|ty| **ty != Type::Any) {
            item = item.detail(ty.to_string());
        }
        // Infrastructures follow an environment.
        let places = decl.sort == DeclKind::Environment && of_places;
        add(item, ty.as_ref(), places);
        if places && listed {
            let all = Completion::new(format!("{name}.*"), CompletionKind::Infrastructure);
            let all = all.detail("[infrastructure]");
            let ty = Type::list(Type::Infrastructure(None));
            add(
                all.doc(Some("All its infrastructures.")).rank(1),
                Some(&ty),
                true,
            );
        }
    }
    for place in &program.infrastructures {
        let kind = program.kinds.get(place.kind as usize);
        let ty =
            kind.map(|_| Type::Infrastructure(Some(checked.modules().decls.kind_ref(place.kind))));
        let item = Completion::new(&*place.name, CompletionKind::Infrastructure);
        let item = match &ty {
            Some(ty) => item.detail(ty.to_string()),
            None => item,
        };
        // Useless where any value may stand.
        if place.span.file == ROOT_FILE {
            add(item.doc(place.doc.as_ref()).rank(1), ty.as_ref(), false);
        }
    }
}

fn service_type(checked: &CheckedFile, index: usize) -> Option<Type> {
    let program = checked.program();
    let service = program.services.get(index)?;
    Some(Type::Service(Some(
        checked.modules().decls.kind_ref(service.kind),
    )))
}

fn functions(want: Option<&Type>, found: &mut Vec<Completion>) {
    for builtin in builtins::ALL {
        let mut doc = builtin.doc.to_owned();
        if let Some(examples) = examples(builtin) {
            doc.push_str("\n\n");
            doc.push_str(&examples);
        }
        let result = (builtin.result)(
            &builtin
                .params
                .iter()
                .map(|it| (it.ty)())
                .collect::<Vec<_>>(),
        );
        let fits = want.is_none_or(|want| want.accepts(&result));
        let none = builtin.params.is_empty();
        found.push(
            Completion::new(builtin.name, CompletionKind::Function)
                .detail(builtin.signature())
                .doc(Some(doc))
                .snippet(format!(
                    "{}({})",
                    builtin.name,
                    if none { "" } else { "$0" }
                ))
                .rank(if fits { 4 } else { 7 }),
        );
    }
}

fn constants(want: Option<&Type>, found: &mut Vec<Completion>) {
    let bool = matches!(want, Some(Type::Bool));
    let rank = |fits: bool| if fits { 1 } else { 7 };
    let word = |word: &str| Completion::new(word, CompletionKind::Keyword);
    found.push(word("true").rank(rank(bool)));
    found.push(word("false").rank(rank(bool)));
    found.push(word("none").rank(7));
    found.push(word("not").rank(rank(bool)));
    found.push(
        word("if")
            .snippet("if ${1:condition} then ${2:value} else ${3:other}")
            .rank(7),
    );
}

/// The names of declarations of these sorts.
pub fn declared(checked: &CheckedFile, sorts: &[DeclKind]) -> Vec<Completion> {
    let mut found = Vec::new();
    let Some(module) = checked.modules().files.first() else {
        return found;
    };
    for (name, binding) in &module.names {
        match binding.target {
            NameTarget::Decl(decl) if sorts.contains(&decl.sort) => {
                found.push(of_decl(checked, name, decl).rank(1));
            }
            NameTarget::Namespace(file) => {
                let members = exported(checked, file, sorts).into_iter();
                found.extend(members.map(|mut it| {
                    it.label = format!("{name}.{}", it.label);
                    it.snippet = None;
                    it.insert = None;
                    it.rank(2)
                }));
            }
            _ => {}
        }
    }
    // The name of a workflow after `using` needs no parentheses.
    for item in &mut found {
        item.snippet = None;
    }
    found
}

/// What a statement can call.
pub fn callable(checked: &CheckedFile) -> Vec<Completion> {
    let mut found: Vec<Completion> = Vec::new();
    let Some(module) = checked.modules().files.first() else {
        return found;
    };
    for (name, binding) in &module.names {
        match binding.target {
            NameTarget::Decl(decl)
                if matches!(decl.sort, DeclKind::Workflow | DeclKind::Action) =>
            {
                found.push(of_decl(checked, name, decl).rank(3));
            }
            NameTarget::Namespace(_) => {
                found.push(Completion::new(&**name, CompletionKind::Namespace).rank(4));
            }
            _ => {}
        }
    }
    found.push(Completion::new("http", CompletionKind::Namespace).rank(7));
    found
}

/// The exports of a file: of these sorts, or of any if there are none.
pub fn exported(checked: &CheckedFile, file: FileId, sorts: &[DeclKind]) -> Vec<Completion> {
    let Some(module) = checked.modules().files.get(file.0 as usize) else {
        return Vec::new();
    };
    let own = module.names.iter().filter(|(_, binding)| !binding.imported);
    own.filter_map(|(name, binding)| match binding.target {
        NameTarget::Decl(decl) if sorts.is_empty() || sorts.contains(&decl.sort) => {
            Some(of_decl(checked, name, decl).rank(1))
        }
        _ => None,
    })
    .collect()
}

/// The named types, and those that are derived from kinds.
pub fn types(checked: &CheckedFile) -> Vec<Completion> {
    let named = TYPES.iter();
    let mut found: Vec<Completion> = named
        .map(|name| Completion::new(*name, CompletionKind::Type).rank(1))
        .collect();
    found.extend(declared(checked, &[DeclKind::Type]));
    for kind in declared(checked, &[DeclKind::Kind]) {
        for thing in ["service", "infrastructure"] {
            let ty = format!("{thing}<{}>", kind.label);
            found.push(Completion::new(ty, CompletionKind::Type).rank(2));
        }
    }
    found
}

fn shown_as(sort: DeclKind) -> CompletionKind {
    match sort {
        DeclKind::Input | DeclKind::Let | DeclKind::Group | DeclKind::Secret | DeclKind::Window => {
            CompletionKind::Value
        }
        DeclKind::Service => CompletionKind::Service,
        DeclKind::Environment => CompletionKind::Environment,
        DeclKind::Kind => CompletionKind::Kind,
        DeclKind::Workflow => CompletionKind::Workflow,
        DeclKind::Action => CompletionKind::Action,
        DeclKind::Pipeline | DeclKind::Trigger => CompletionKind::Pipeline,
        DeclKind::Function => CompletionKind::Function,
        DeclKind::Type => CompletionKind::Type,
    }
}

/// A completion for a declaration under its name in this file.
pub fn of_decl(checked: &CheckedFile, name: &str, decl: Decl) -> Completion {
    let item = Completion::new(name, shown_as(decl.sort));
    let modules = checked.modules();
    let declared_by = modules.item(modules.decls.site(decl));
    let Some(symbol) = Symbol::of_item(declared_by) else {
        return item;
    };
    let item = item
        .detail(declaration(checked, &symbol))
        .doc(symbol.doc.as_ref());
    match decl.sort {
        DeclKind::Workflow | DeclKind::Action | DeclKind::Function => {
            item.snippet(call(name, declared_by))
        }
        _ => item,
    }
}

/// A call of a workflow or an action, with placeholders for its required arguments.
fn call(name: &str, item: &Item) -> String {
    let params = crate::signature::required(item);
    let gaps = params.iter().enumerate();
    let gaps: Vec<String> = gaps
        .map(|(at, name)| format!("${{{}:{name}}}", at + 1))
        .collect();
    format!("{name}({})", gaps.join(", "))
}
