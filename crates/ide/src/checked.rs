//! A file that was checked, with what an editor asks about most: which name stands at a place,
//! what declares it, and where else it is used.
//! It does not know how files are kept open.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::symbol::{Symbol, SymbolKind, symbols};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Source, Span};
use lockstep_base::value::Type;
use lockstep_base::world::Files;
use lockstep_lang::compile::{Analysis, Look, analyse};
use lockstep_lang::ir::Program;
use lockstep_lang::resolve::{Modules, Reader};
use lockstep_syntax::ast;

/// The file that was asked for is the first one.
pub const ROOT: FileId = FileId(0);

/// A file and all that it imports, checked.
#[derive(Debug)]
pub struct Checked {
    analysis: Analysis,
    symbols: OnceCell<Vec<Vec<Symbol>>>,
    /// The places of symbols in their lists, by the places of their names.
    declared: OnceCell<HashMap<Span, usize>>,
}

/// A name at a place.
#[derive(Debug, Clone, Copy)]
pub struct Named<'c> {
    /// Where the name stands.
    pub at: Span,
    /// What it stands for.
    pub symbol: &'c Symbol,
}

impl Checked {
    /// Checks the file at `path`, as far as it is of interest.
    pub fn new(files: &dyn Files, path: &str, reader: Reader<'_>, look: Look<'_>) -> Self {
        Self {
            analysis: analyse(files, path, reader, look),
            symbols: OnceCell::new(),
            declared: OnceCell::new(),
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

    /// What is wrong, in all files.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.analysis.diagnostics
    }

    /// The tree of a file.
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

    /// Where names are used, with the name that declares each, in order.
    pub fn names(&self) -> &[(Span, Span)] {
        &self.analysis.noted.names
    }

    /// The types that were wanted at the watched place.
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

    /// The symbol whose name stands at a place.
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

    /// The name at a place of a file, if it is known what it stands for.
    pub fn name_at(&self, file: FileId, offset: u32) -> Option<Named<'_>> {
        let names = self.names();
        let after = names.partition_point(|(at, _)| (at.file, at.start) <= (file, offset));
        let used = names.get(..after)?.iter().rev().take(4);
        let mut used = used.filter(|(at, _)| at.file == file && offset <= at.end);
        if let Some((at, symbol)) = used.find_map(|(at, to)| Some((at, self.declared(*to)?))) {
            return Some(Named { at: *at, symbol });
        }
        let mut own = self.symbols(file).iter();
        let symbol = own.find(|symbol| symbol.at.start <= offset && offset <= symbol.at.end)?;
        Some(Named {
            at: symbol.at,
            symbol,
        })
    }

    /// All places where a symbol is named, its declaration among them; in order.
    pub fn places(&self, symbol: &Symbol) -> Vec<Span> {
        let used = self.names().iter();
        let used = used.filter(|(_, declared)| *declared == symbol.at);
        let mut places: Vec<Span> = used.map(|(at, _)| *at).collect();
        places.push(symbol.at);
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The type of an expression with a point, a bracket or a call, or of a local name where it
    /// is introduced.
    pub fn type_at(&self, at: Span) -> Option<&Type> {
        let types = &self.analysis.noted.types;
        let place = types.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        types.get(place).map(|(_, ty)| ty)
    }

    /// The type of what a symbol stands for, if it has a value.
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
            SymbolKind::Secret => Some(Type::Secret),
            SymbolKind::Environment => Some(Type::Environment),
            _ => self.type_at(symbol.at).cloned(),
        }
    }

    /// The name of what a symbol is declared in.
    pub fn holder(&self, symbol: &Symbol) -> Option<Name> {
        let holder = self.symbols(symbol.at.file).get(symbol.within?)?;
        Some(holder.name.clone())
    }
}
