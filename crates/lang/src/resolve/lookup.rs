//! Finds the declaration that a name refers to, and reports an error where there is none. Local
//! names are in `types::locals`.

use super::{Decl, DeclKind, Modules, NameBinding, NameTarget, errors};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::{Ident, Path};

/// What a look-up gives: the declaration, or a diagnostic, or nothing where the reason has been
/// reported already.
pub type Lookup<T> = Result<T, Option<Box<Diagnostic>>>;

/// A name that was found.
#[derive(Debug, Clone, Copy)]
pub struct ResolvedName {
    /// What it refers to.
    pub target: NameTarget,
    /// Where it is introduced.
    pub span: Span,
}

impl Modules {
    /// What a name of a file refers to.
    pub fn find(&self, file: FileId, name: &str) -> Option<&NameBinding> {
        self.module(file).names.get(name)
    }

    /// The declaration site of what a name of a file refers to.
    pub fn declared_at(&self, binding: &NameBinding) -> Span {
        match binding.target {
            NameTarget::Decl(decl) => self.decls.site(decl).name.span,
            NameTarget::Namespace(_) | NameTarget::Lost => binding.span,
        }
    }

    /// Whether an unknown name may be one whose declaration could not be read, or is itself what
    /// the parser put in place of a missing one.
    pub fn is_lost(&self, file: FileId, name: &str) -> bool {
        name.is_empty() || self.module(file).lost.contains(name)
    }

    /// The member of a namespace.
    pub fn member(&self, space: FileId, name: &Ident) -> Lookup<ResolvedName> {
        match self.find(space, &name.name) {
            Some(binding) if !binding.imported => {
                self.uses.name(name.span, binding.span);
                Ok(ResolvedName {
                    target: binding.target,
                    span: binding.span,
                })
            }
            Some(NameBinding {
                target: NameTarget::Lost,
                ..
            }) => Err(None),
            _ if self.is_lost(space, &name.name) => Err(None),
            _ => {
                let names = &self.module(space).names;
                let candidates = names
                    .iter()
                    .filter(|(_, binding)| !binding.imported)
                    .map(|(name, _)| &**name);
                Err(Some(Box::new(errors::not_exported(
                    self, space, name, candidates,
                ))))
            }
        }
    }

    /// The declaration of the wanted kind behind `name` or `ns.name`.
    pub fn path(&self, file: FileId, path: &Path, wanted: DeclKind) -> Lookup<u32> {
        self.path_of(file, path, &[wanted]).map(|decl| decl.index)
    }

    /// The declaration of one of the wanted sorts behind `name` or `ns.name`.
    pub fn path_of(&self, file: FileId, path: &Path, wanted: &[DeclKind]) -> Lookup<Decl> {
        if path.name.name.is_empty() {
            // That a name is missing has been reported.
            return Err(None);
        }
        let found = match &path.namespace {
            None => match self.find(file, &path.name.name) {
                Some(binding) => {
                    self.uses.name(path.name.span, self.declared_at(binding));
                    ResolvedName {
                        target: binding.target,
                        span: binding.span,
                    }
                }
                None if self.is_lost(file, &path.name.name) => return Err(None),
                None => {
                    let near = self.names_of(file, wanted);
                    let error = errors::unknown(&path.name, wanted, &near);
                    return Err(Some(Box::new(error)));
                }
            },
            Some(space) => self.member(self.namespace(file, space)?, &path.name)?,
        };
        match found.target {
            NameTarget::Lost => Err(None),
            NameTarget::Decl(decl) if wanted.contains(&decl.sort) => Ok(decl),
            NameTarget::Decl(decl) => {
                let near = self.names_of(file, wanted);
                let site = self.decls.site(decl);
                let error = errors::wrong_sort(
                    &path.name,
                    decl.sort.with_article(),
                    site.name.span,
                    wanted,
                    &near,
                );
                Err(Some(Box::new(error)))
            }
            NameTarget::Namespace(_) => {
                let near = self.names_of(file, wanted);
                let error =
                    errors::wrong_sort(&path.name, "a namespace", found.span, wanted, &near);
                Err(Some(Box::new(error)))
            }
        }
    }

    /// The file behind a namespace.
    pub fn namespace(&self, file: FileId, name: &Ident) -> Lookup<FileId> {
        match self.find(file, &name.name) {
            Some(NameBinding {
                target: NameTarget::Namespace(space),
                span,
                ..
            }) => {
                self.uses.name(name.span, *span);
                Ok(*space)
            }
            Some(NameBinding {
                target: NameTarget::Lost,
                ..
            }) => Err(None),
            Some(NameBinding {
                target: NameTarget::Decl(decl),
                ..
            }) => {
                let span = self.decls.site(*decl).name.span;
                Err(Some(Box::new(errors::not_a_namespace(
                    name,
                    decl.sort.with_article(),
                    span,
                ))))
            }
            None if self.is_lost(file, &name.name) => Err(None),
            None => {
                let spaces: Vec<&str> = self
                    .module(file)
                    .names
                    .iter()
                    .filter(|(_, binding)| matches!(binding.target, NameTarget::Namespace(_)))
                    .map(|(name, _)| &**name)
                    .collect();
                Err(Some(Box::new(errors::unknown_namespace(name, &spaces))))
            }
        }
    }

    /// The names of a file that refer to declarations of these kinds, also those that must be
    /// written with a namespace.
    pub fn names_of(&self, file: FileId, sorts: &[DeclKind]) -> Vec<String> {
        self.names_that(file, &|decl| sorts.contains(&decl.sort))
    }

    /// The names of a file that refer to declarations that fit, also those that must be written
    /// with a namespace.
    pub fn names_that(&self, file: FileId, fits: &dyn Fn(Decl) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for (name, binding) in &self.module(file).names {
            match binding.target {
                NameTarget::Decl(decl) if fits(decl) => found.push(name.to_string()),
                NameTarget::Namespace(space) => {
                    let members = self.module(space).names.iter();
                    found.extend(
                        members
                            .filter(|(_, member)| !member.imported)
                            .filter(|(_, member)| {
                                matches!(member.target, NameTarget::Decl(decl) if fits(decl))
                            })
                            .map(|(member, _)| format!("{name}.{member}")),
                    );
                }
                _ => {}
            }
        }
        found
    }
}
