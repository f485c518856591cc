//! A checked file with the lookups that most features need: which name is at a place, what declares
//! it, and where else it is used.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::patterns::{self, PatternName, PatternUse};
use super::symbol::{Symbol, SymbolKind, symbols};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Source, Span};
use lockstep_base::value::Type;
use lockstep_base::world::Files;
use lockstep_lang::compile::{Analysis, EditorRequest, analyse};
use lockstep_lang::ir::Program;
use lockstep_lang::resolve::{Modules, TreeReader};
use lockstep_syntax::ast;

/// The checked file itself is the first one.
pub const ROOT_FILE: FileId = FileId(0);

/// A file and all that it imports, checked.
#[derive(Debug)]
pub struct CheckedFile {
    analysis: Analysis,
    symbols: OnceCell<Vec<Vec<Symbol>>>,
    /// The indices of symbols in their lists, by the spans of their names.
    declared: OnceCell<HashMap<Span, usize>>,
    patterns: OnceCell<Vec<PatternUse>>,
}

/// A name at a place.
#[derive(Debug, Clone, Copy)]
pub struct NameOccurrence<'c> {
    /// The span of the name.
    pub at: Span,
    /// The symbol that it resolves to.
    pub symbol: &'c Symbol,
}

impl CheckedFile {
    /// Checks the file at `path` and what it imports.
    pub fn new(
        files: &dyn Files,
        path: &str,
        reader: TreeReader<'_>,
        look: EditorRequest<'_>,
    ) -> Self {
        Self {
            analysis: analyse(files, path, reader, look),
            symbols: OnceCell::new(),
            declared: OnceCell::new(),
            patterns: OnceCell::new(),
        }
    }

    /// The files and their names.
    pub fn modules(&self) -> &Modules {
        &self.analysis.modules
    }

    /// The program, or as much of it as could be made.
    pub fn program(&self) -> &Program {
        &self.analysis.program
    }

    /// What the compiler found.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// The diagnostics of all files.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.analysis.diagnostics
    }

    /// The AST of a file.
    pub fn tree(&self, file: FileId) -> Option<&ast::File> {
        let module = self.modules().files.get(file.0 as usize);
        module.map(|module| &*module.ast)
    }

    /// The name and text of a file.
    pub fn source(&self, file: FileId) -> Option<&Source> {
        self.modules().sources.get(file)
    }

    /// The text under a span.
    pub fn text(&self, span: Span) -> &str {
        self.modules().sources.text(span)
    }

    /// The uses of names, each with the name that declares it, in order.
    pub fn names(&self) -> &[(Span, Span)] {
        &self.analysis.noted.names
    }

    /// What the patterns of the file's own tests name, in order.
    pub fn pattern_uses(&self) -> &[PatternUse] {
        self.patterns.get_or_init(|| patterns::uses(self))
    }

    /// The expected types at the watched place.
    pub fn wanted(&self) -> &[(Span, Type)] {
        &self.analysis.noted.wanted
    }

    /// The symbols of a file.
    pub fn symbols(&self, file: FileId) -> &[Symbol] {
        let all = self.symbols.get_or_init(|| {
            let files = self.modules().files.iter();
            files.map(|module| symbols(&module.ast)).collect()
        });
        all.get(file.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The symbol that is declared at a place.
    pub fn declared(&self, at: Span) -> Option<&Symbol> {
        let declared = self.declared.get_or_init(|| {
            let files = 0..self.modules().files.len();
            let lists = files.map(|file| self.symbols(FileId(file as u32)).iter().enumerate());
            lists
                .flatten()
                .map(|(place, symbol)| (symbol.at, place))
                .collect()
        });
        self.symbols(at.file).get(*declared.get(&at)?)
    }

    /// The name at a place of a file, if it is resolved.
    pub fn name_at(&self, file: FileId, offset: u32) -> Option<NameOccurrence<'_>> {
        let names = self.names();
        let after = names.partition_point(|(at, _)| (at.file, at.start) <= (file, offset));
        let used = names.get(..after)?.iter().rev().take(4);
        let mut used = used.filter(|(at, _)| at.file == file && offset <= at.end);
        if let Some((at, symbol)) = used.find_map(|(at, to)| Some((at, self.declared(*to)?))) {
            return Some(NameOccurrence { at: *at, symbol });
        }
        let mut own = self.symbols(file).iter();
        let declared = own.find(|symbol| symbol.at.start <= offset && offset <= symbol.at.end);
        if let Some(symbol) = declared {
            let at = symbol.at;
            return Some(NameOccurrence { at, symbol });
        }
        self.named_by_pattern(file, offset)
    }

    fn named_by_pattern(&self, file: FileId, offset: u32) -> Option<NameOccurrence<'_>> {
        if !self.is_in_test(file, offset) {
            return None;
        }
        let mut uses = self.pattern_uses().iter();
        uses.find_map(|used| match &used.name {
            PatternName::Symbol(declared) if holds(used.at, file, offset) => Some(NameOccurrence {
                at: used.at,
                symbol: self.declared(*declared)?,
            }),
            _ => None,
        })
    }

    /// Whether a place is in a test of the checked file: only there patterns are worth the search.
    pub fn is_in_test(&self, file: FileId, offset: u32) -> bool {
        let items = self.tree(file).map_or(&[][..], |tree| &tree.items);
        file == ROOT_FILE
            && items.iter().any(|item| {
                matches!(item.kind, ast::ItemKind::Test { .. }) && holds(item.span, file, offset)
            })
    }

    /// All spans at which a symbol is named, including its declaration; in order.
    pub fn places(&self, symbol: &Symbol) -> Vec<Span> {
        let used = self.names().iter();
        let used = used.filter(|(_, declared)| *declared == symbol.at);
        let mut places: Vec<Span> = used.map(|(at, _)| *at).collect();
        let in_patterns = self.pattern_uses().iter();
        let in_patterns = in_patterns.filter(|it| it.name == PatternName::Symbol(symbol.at));
        places.extend(in_patterns.map(|it| it.at));
        places.push(symbol.at);
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The type of a member access, an index or a call, or of a local name at its declaration.
    pub fn type_at(&self, at: Span) -> Option<&Type> {
        let types = &self.analysis.noted.types;
        let place = types.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        types.get(place).map(|(_, ty)| ty)
    }

    /// The type that a name has at the watched place because it has been compared there, by
    /// where it is introduced.
    pub fn narrowed(&self, declared: Span) -> Option<&Type> {
        let narrowed = self.analysis.noted.narrowed.iter();
        let mut found = narrowed.filter(|(at, _)| *at == declared);
        found.next_back().map(|(_, ty)| ty)
    }

    /// The type of a symbol's value, if it has one.
    pub fn type_of(&self, symbol: &Symbol) -> Option<Type> {
        let program = self.program();
        match symbol.kind {
            SymbolKind::Input | SymbolKind::Let | SymbolKind::Group => {
                let globals = program.globals.iter();
                let mut found = globals.filter(|global| global.span == symbol.at);
                found.next().map(|global| global.ty.clone())
            }
            SymbolKind::Field => {
                let kinds = program.kinds.iter().zip(&self.modules().decls.kinds);
                let holds = |span: Span| span.start <= symbol.at.start && symbol.at.end <= span.end;
                let mut kinds = kinds.filter(|(_, site)| {
                    site.file == symbol.at.file && holds(self.modules().item(site).span)
                });
                let (kind, site) = kinds.next()?;
                let ast::ItemKind::Kind(decl) = &self.modules().item(site).kind else {
                    return None;
                };
                let of_service = decl.service.iter().any(|it| it.name.span == symbol.at);
                let fields = if of_service {
                    &kind.service
                } else {
                    &kind.infrastructure
                };
                fields.get(&symbol.name).map(|field| field.ty.clone())
            }
            SymbolKind::Secret => {
                let secrets = &self.modules().decls.secrets;
                let at = secrets.iter().position(|it| it.name.span == symbol.at)?;
                Some(self.secret_type(at))
            }
            SymbolKind::Environment => Some(Type::Environment),
            _ => self.type_at(symbol.at).cloned(),
        }
    }

    /// The type of a secret, by its place in the table.
    pub fn secret_type(&self, at: usize) -> Type {
        match self.modules().is_optional_secret(at as u32) {
            true => Type::optional(Type::Secret),
            false => Type::Secret,
        }
    }

    /// The name of the declaration that a symbol is a member of.
    pub fn holder(&self, symbol: &Symbol) -> Option<Name> {
        let holder = self.symbols(symbol.at.file).get(symbol.within?)?;
        Some(holder.name.clone())
    }
}

fn holds(span: Span, file: FileId, offset: u32) -> bool {
    span.file == file && span.start <= offset && offset <= span.end
}
