//! Find references and rename, in all files of one check. Files that do not import each other are
//! separate checks.

use super::checked_file::{CheckedFile, NameOccurrence};
use super::scope;
use super::symbol::{Symbol, SymbolKind};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_lang::eval::builtins;
use lockstep_syntax::ast::{File, ItemKind};
use lockstep_syntax::lexer::is_word_part;
use lockstep_syntax::words;

/// A use of a name, or its declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where.
    pub at: Span,
    /// Whether it is the declaration.
    pub declares: bool,
}

/// All references to the symbol at a place, in all files that were checked.
pub fn references(checked: &CheckedFile, file: FileId, offset: u32) -> Vec<Reference> {
    let Some(named) = checked.name_at(file, offset) else {
        return Vec::new();
    };
    of_symbol(checked, named.symbol)
}

/// All references to a symbol.
pub fn of_symbol(checked: &CheckedFile, symbol: &Symbol) -> Vec<Reference> {
    let places = checked.places(symbol).into_iter();
    places
        .map(|at| Reference {
            at,
            declares: at == symbol.at,
        })
        .collect()
}

/// Why something cannot be renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenameError {
    /// There is no name.
    Nothing,
    /// It is declared in the shipped library.
    Shipped(Name),
    /// It is a test, which is named by a text.
    Test,
    /// The new name is not made of the right letters.
    NotName(String),
    /// The new name is a reserved word.
    Reserved(String),
    /// The new name is that of a built-in function.
    BuiltIn(String),
    /// Something else has the new name already.
    Taken(SymbolKind, String),
    /// At a use of the old name, the new one would resolve to something else.
    Hides {
        /// The new name.
        to: String,
        /// Where: `line 3`.
        place: String,
    },
    /// A present use of the new name would resolve to this.
    Captures {
        /// The new name.
        to: String,
        /// Where: `line 3`.
        place: String,
    },
}

impl std::fmt::Display for RenameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("there is nothing here that can be renamed"),
            Self::Shipped(name) => write!(f, "`{name}` belongs to the shipped library"),
            Self::Test => f.write_str("a test is named by a text: change it in place"),
            Self::NotName(name) => write!(
                f,
                "`{name}` is not a name: a letter or `_`, then letters, digits, `_`, \
                 and `-` between them"
            ),
            Self::Reserved(name) => write!(f, "`{name}` is a reserved word"),
            Self::BuiltIn(name) => write!(f, "`{name}` is a built-in function"),
            Self::Taken(kind, name) => write!(f, "there is a {} `{name}` already", kind.word()),
            Self::Hides { to, place } => {
                write!(f, "`{to}` would mean something else in {place}")
            }
            Self::Captures { to, place } => write!(f, "`{to}` in {place} would come to mean this"),
        }
    }
}

impl std::error::Error for RenameError {}

/// The name at a place.
///
/// # Errors
///
/// If it cannot be renamed.
pub fn renamable(
    checked: &CheckedFile,
    file: FileId,
    offset: u32,
) -> Result<NameOccurrence<'_>, RenameError> {
    let Some(named) = checked.name_at(file, offset) else {
        return Err(RenameError::Nothing);
    };
    let symbol = named.symbol;
    let source = checked.source(symbol.at.file);
    if source.is_some_and(|source| lockstep_lang::resolve::is_std(&source.name))
        && !is_alias(checked, named)
    {
        return Err(RenameError::Shipped(symbol.name.clone()));
    }
    if symbol.kind == SymbolKind::Test {
        return Err(RenameError::Test);
    }
    Ok(named)
}

/// Whether a name is an alias given by an import, not the declared name.
fn is_alias(checked: &CheckedFile, named: NameOccurrence<'_>) -> bool {
    checked.text(named.at) != &*named.symbol.name
}

/// The edits that rename the name at a place to `to`.
///
/// # Errors
///
/// If it cannot be renamed.
pub fn rename(
    checked: &CheckedFile,
    file: FileId,
    offset: u32,
    to: &str,
) -> Result<Vec<Span>, RenameError> {
    let named = renamable(checked, file, offset)?;
    valid(to)?;
    let from = checked.text(named.at);
    let alias = is_alias(checked, named);
    let places: Vec<Span> = checked
        .places(named.symbol)
        .into_iter()
        .filter(|at| checked.text(*at) == from && (!alias || at.file == named.at.file))
        .collect();
    if from == to {
        return Ok(Vec::new());
    }
    clashes(checked, named.symbol, &places, to)?;
    Ok(places)
}

/// Checks that a text is a valid name.
///
/// # Errors
///
/// If it is not.
pub fn valid(name: &str) -> Result<(), RenameError> {
    let mut chars = name.chars();
    let first = chars.next();
    let good = first.is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(is_word_part)
        && !name.ends_with('-')
        && !name.contains("--");
    if !good {
        return Err(RenameError::NotName(name.to_owned()));
    }
    if words::RESERVED.contains(&name) {
        return Err(RenameError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// Checks that the new name does not resolve to something else where the old one is used.
fn clashes(
    checked: &CheckedFile,
    symbol: &Symbol,
    places: &[Span],
    to: &str,
) -> Result<(), RenameError> {
    let taken = |kind: SymbolKind| Err(RenameError::Taken(kind, to.to_owned()));
    let hides = |at: Span| {
        let (to, place) = (to.to_owned(), place(checked, at));
        Err(RenameError::Hides { to, place })
    };
    let own = checked.symbols(symbol.at.file);
    let siblings = own
        .iter()
        .filter(|other| other.name.as_ref() == to && other.at != symbol.at);
    for other in siblings {
        if other.within == symbol.within && (!symbol.kind.is_local() || other.kind.is_local()) {
            return taken(other.kind);
        }
    }
    if matches!(symbol.kind, SymbolKind::Workflow | SymbolKind::Action)
        && builtins::find(to).is_some()
    {
        return Err(RenameError::BuiltIn(to.to_owned()));
    }
    // Members of kinds and environments are always written after a dot, or as a field.
    if matches!(symbol.kind, SymbolKind::Field | SymbolKind::Infrastructure) {
        return Ok(());
    }
    for at in places {
        let Some(tree) = checked.tree(at.file) else {
            continue;
        };
        let local = scope::visible(tree, at.start)
            .into_iter()
            .find(|it| &*it.name == to);
        if local.is_some_and(|local| local.span != symbol.at) {
            return hides(*at);
        }
        let global = checked.modules().find(at.file, to);
        if global.is_some_and(|it| checked.modules().declared_at(it) != symbol.at) {
            return hides(*at);
        }
    }
    // Where the new name is used already, it must not resolve to the renamed symbol.
    if symbol.kind.is_local() {
        let hidden = checked.names().iter().find(|(at, declared)| {
            let inside = symbol_scope(checked, symbol).is_some_and(|scope| {
                at.file == scope.file && scope.start <= at.start && at.end <= scope.end
            });
            inside
                && *declared != symbol.at
                && checked.text(*at) == to
                && checked
                    .tree(at.file)
                    .is_some_and(|tree| sees(tree, at.start, symbol.at))
        });
        if let Some((at, _)) = hidden {
            let (to, place) = (to.to_owned(), place(checked, *at));
            return Err(RenameError::Captures { to, place });
        }
    }
    Ok(())
}

/// Whether a local name is visible at a place.
fn sees(tree: &File, offset: u32, name: Span) -> bool {
    scope::visible(tree, offset)
        .iter()
        .any(|it| it.span == name)
}

/// The declaration that encloses a local name.
fn symbol_scope(checked: &CheckedFile, symbol: &Symbol) -> Option<Span> {
    let items = &checked.tree(symbol.at.file)?.items;
    let item = items
        .iter()
        .find(|item| item.span.start <= symbol.at.start && symbol.at.end <= item.span.end)?;
    (!matches!(item.kind, ItemKind::Error)).then_some(item.span)
}

fn place(checked: &CheckedFile, at: Span) -> String {
    let place = checked.modules().sources.place(at);
    let line = place.rsplit(':').nth(1).unwrap_or("?");
    format!("line {line}")
}
