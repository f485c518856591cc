//! Builds the symbol tables: gives every declaration its index and every name of a file its
//! meaning.

use super::{DeclKind, DeclSite, Modules, NameBinding, NameTarget, errors};
use crate::eval::builtins;
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::diagnostic::suggest::closest;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_syntax::ast::{Ident, ItemKind};

/// Collects the declarations of all files, then binds what they import.
pub fn bind(modules: &mut Modules, diagnostics: &mut Diagnostics) {
    for file in 0..modules.files.len() {
        declare(modules, FileId(file as u32), diagnostics);
    }
    one_input_of_a_name(modules, diagnostics);
    let exported: Vec<_> = modules
        .files
        .iter()
        .map(|file| file.names.clone())
        .collect();
    for file in 0..modules.files.len() {
        import(modules, &exported, FileId(file as u32), diagnostics);
    }
}

/// The name and kind of a declaration.
fn declared(kind: &ItemKind) -> Option<(DeclKind, &Ident)> {
    Some(match kind {
        ItemKind::Input { name, .. } => (DeclKind::Input, name),
        ItemKind::Secret { name, .. } => (DeclKind::Secret, name),
        ItemKind::Let { name, .. } => (DeclKind::Let, name),
        ItemKind::Service { name, .. } => (DeclKind::Service, name),
        ItemKind::Environment(environment) => (DeclKind::Environment, &environment.name),
        ItemKind::Group { name, .. } => (DeclKind::Group, name),
        ItemKind::Kind(kind) => (DeclKind::Kind, &kind.name),
        ItemKind::Workflow { name, .. } => (DeclKind::Workflow, name),
        ItemKind::Action { name, .. } => (DeclKind::Action, name),
        ItemKind::Pipeline { name, .. } => (DeclKind::Pipeline, name),
        ItemKind::Function { name, .. } => (DeclKind::Function, name),
        ItemKind::Type { name, .. } => (DeclKind::Type, name),
        ItemKind::Trigger(trigger) => (DeclKind::Trigger, &trigger.name),
        ItemKind::Window { name, .. } => (DeclKind::Window, name),
        ItemKind::Import { .. }
        | ItemKind::From { .. }
        | ItemKind::Test { .. }
        | ItemKind::Error => return None,
    })
}

fn declare(modules: &mut Modules, file: FileId, diagnostics: &mut Diagnostics) {
    let module = &mut modules.files[file.0 as usize];
    for (item, declaration) in module.ast.items.iter().enumerate() {
        let Some((sort, name)) = declared(&declaration.kind) else {
            continue;
        };
        let site = DeclSite {
            file,
            item,
            name: name.clone(),
            sort,
        };
        if let ItemKind::Service { each: Some(_), .. } = &declaration.kind {
            modules.decls.service_templates.push(site);
            continue;
        }
        let decl = modules.decls.add(site);
        let is_called = matches!(
            sort,
            DeclKind::Workflow | DeclKind::Action | DeclKind::Function
        );
        if is_called && builtins::find(&name.name).is_some() && !builtins::gives_way(&name.name) {
            diagnostics.push(errors::builtin_name(name, sort));
        }
        let binding = NameBinding {
            span: name.span,
            target: NameTarget::Decl(decl),
            imported: false,
        };
        match module.names.get(&name.name) {
            // That a name is missing has been reported.
            _ if name.name.is_empty() => {}
            Some(first) => diagnostics.push(errors::duplicate(name, first.span)),
            None => {
                module.names.insert(name.name.clone(), binding);
            }
        }
    }
}

/// An input is given by its name alone, so two files cannot have one of the same name.
fn one_input_of_a_name(modules: &Modules, diagnostics: &mut Diagnostics) {
    let mut first: std::collections::HashMap<&Name, &DeclSite> = std::collections::HashMap::new();
    for site in &modules.decls.globals {
        if site.sort != DeclKind::Input {
            continue;
        }
        match first.get(&site.name.name) {
            Some(other) if other.file != site.file => {
                diagnostics.push(errors::input_in_two_files(&site.name, other.name.span));
            }
            Some(_) => {}
            None => {
                first.insert(&site.name.name, site);
            }
        }
    }
}

type NameCollector = indexmap::IndexMap<Name, NameBinding>;

fn import(
    modules: &mut Modules,
    exported: &[NameCollector],
    file: FileId,
    diagnostics: &mut Diagnostics,
) {
    let mut found: Vec<(Name, NameBinding)> = Vec::new();
    let mut meant: Vec<Name> = Vec::new();
    let module = modules.module(file);
    for import in &module.imports {
        let Some(item) = module.ast.items.get(import.item) else {
            continue;
        };
        match &item.kind {
            ItemKind::Import { alias, .. } => {
                let target = import.file.map_or(NameTarget::Lost, NameTarget::Namespace);
                found.push(bound(alias, target));
            }
            ItemKind::From { names, .. } => {
                for wanted in names {
                    let alias = wanted.alias.as_ref();
                    let target = match import.file {
                        // The cycle has been reported.
                        Some(from) if from == file => NameTarget::Lost,
                        Some(from) => exported_name(modules, exported, from, &wanted.name)
                            .unwrap_or_else(|error| {
                                diagnostics.extend(error.map(|error| *error));
                                // Its uses may well be written as they should be.
                                let names = exported[from.0 as usize].keys().map(|name| &**name);
                                let close = closest(&wanted.name.name, names).into_iter();
                                meant.extend(close.map(Name::from));
                                NameTarget::Lost
                            }),
                        None => NameTarget::Lost,
                    };
                    if let NameTarget::Decl(decl) = target {
                        let declared = modules.decls.site(decl).name.span;
                        modules.uses.name(wanted.name.span, declared);
                        if let Some(alias) = alias {
                            modules.uses.name(alias.span, declared);
                        }
                    }
                    found.push(bound(alias.unwrap_or(&wanted.name), target));
                }
            }
            _ => {}
        }
    }
    modules.files[file.0 as usize].lost.extend(meant);
    let names = &mut modules.files[file.0 as usize].names;
    for (name, binding) in found {
        match names.get(&name) {
            Some(first) => {
                let ident = Ident {
                    name,
                    span: binding.span,
                };
                let (first, second) = in_order(first.span, &ident);
                diagnostics.push(errors::duplicate(&second, first));
            }
            None => {
                names.insert(name, binding);
            }
        }
    }
}

/// The duplicate is the later of the two.
fn in_order(bound: Span, new: &Ident) -> (Span, Ident) {
    if bound <= new.span {
        (bound, new.clone())
    } else {
        let later = Ident {
            name: new.name.clone(),
            span: bound,
        };
        (new.span, later)
    }
}

fn bound(name: &Ident, target: NameTarget) -> (Name, NameBinding) {
    let binding = NameBinding {
        span: name.span,
        target,
        imported: true,
    };
    (name.name.clone(), binding)
}

/// What `name` refers to in the file `from`, which must declare it itself.
fn exported_name(
    modules: &Modules,
    exported: &[NameCollector],
    from: FileId,
    name: &Ident,
) -> Result<NameTarget, Option<Box<lockstep_base::diagnostic::Diagnostic>>> {
    let names = &exported[from.0 as usize];
    match names.get(&name.name) {
        Some(binding) => Ok(binding.target),
        None if modules.module(from).lost.contains(&name.name) => Err(None),
        None => {
            let candidates = names.keys().map(|name| &**name);
            Err(Some(Box::new(errors::not_exported(
                modules, from, name, candidates,
            ))))
        }
    }
}
