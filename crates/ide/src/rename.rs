//! Rename: the edits in all files of one check. What the patterns of tests stand for stays the
//! same, or nothing is renamed.

use std::collections::{BTreeSet, HashSet};

use super::barriers;
use super::checked_file::{CheckedFile, ROOT_FILE};
use super::patterns;
use super::references::{self, NamedPlace, NamedThing};
use super::scope;
use super::symbol::{Symbol, SymbolKind};
use super::syntax_node::{SyntaxNode, enclosing_nodes};
use super::values::constants;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Value;
use lockstep_lang::eval::{builtins, eval};
use lockstep_lang::ir::{Stmt, StmtKind};
use lockstep_plan::{OtherName, SourceNodes, lock_name_exprs, written};
use lockstep_syntax::ast::{ExprKind, File, ItemKind};
use lockstep_syntax::lexer::is_word_part;
use lockstep_syntax::words;

/// A text to put in place of a name.
pub type RenameEdit = (Span, String);

/// Why something cannot be renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenameError {
    /// There is no name.
    Nothing,
    /// It is declared in the shipped library.
    Shipped(Name),
    /// It is a test, which is named by a text.
    Test,
    /// Its name is made of data.
    FromData,
    /// The new name is not made of the right letters.
    NotName(String),
    /// The new name cannot be that of a lock.
    NotLock,
    /// The new name is a reserved word.
    Reserved(String),
    /// The new name is that of a built-in function.
    BuiltIn(String),
    /// Something else has the new name already.
    Taken(&'static str, String),
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
    /// Barriers with the new name would meet these.
    Meets {
        /// The new name.
        to: String,
        /// Where: `line 3`.
        place: String,
    },
    /// A lock has its name from a value that is not written where it is taken.
    Computed {
        /// Its name.
        name: Name,
        /// Where: `line 3`.
        place: String,
    },
    /// A pattern of a test would stand for something else.
    Pattern {
        /// The pattern.
        pattern: Name,
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
            Self::FromData => f.write_str("its name is made of data: change the data, or the text"),
            Self::NotName(name) => write!(
                f,
                "`{name}` is not a name: a letter or `_`, then letters, digits, `_`, \
                 and `-` between them"
            ),
            Self::NotLock => f.write_str("the name of a lock is a text on one line"),
            Self::Reserved(name) => write!(f, "`{name}` is a reserved word"),
            Self::BuiltIn(name) => write!(f, "`{name}` is a built-in function"),
            Self::Taken(kind, name) => write!(f, "there is a {kind} `{name}` already"),
            Self::Hides { to, place } => {
                write!(f, "`{to}` would mean something else in {place}")
            }
            Self::Captures { to, place } => write!(f, "`{to}` in {place} would come to mean this"),
            Self::Meets { to, place } => {
                write!(f, "it would meet the barrier `{to}` in {place}")
            }
            Self::Computed { name, place } => write!(
                f,
                "the lock in {place} is `{name}` by a value that is not written there: write the \
                 text there, or rename both by hand"
            ),
            Self::Pattern { pattern, place } => write!(
                f,
                "the pattern `{pattern}` in {place} would stand for other nodes than now: write \
                 there which nodes are meant"
            ),
        }
    }
}

impl std::error::Error for RenameError {}

/// What is named at a place, if it can be renamed.
///
/// # Errors
///
/// If it cannot.
pub fn renamable(
    checked: &CheckedFile,
    file: FileId,
    offset: u32,
) -> Result<NamedPlace, RenameError> {
    let named = references::named(checked, file, offset).ok_or(RenameError::Nothing)?;
    let declared = match &named.thing {
        NamedThing::Symbol(declared) => *declared,
        NamedThing::Barrier(head) => *head,
        NamedThing::Lock(_) => named.at,
    };
    let symbol = symbol_of(checked, &named.thing);
    let is_alias = symbol.is_some_and(|symbol| symbol.name != named.text);
    let source = checked.source(declared.file);
    if source.is_some_and(|source| lockstep_lang::resolve::is_std(&source.name)) && !is_alias {
        return Err(RenameError::Shipped(named.text));
    }
    if symbol.is_some_and(|symbol| symbol.kind == SymbolKind::Test) {
        return Err(RenameError::Test);
    }
    let is_text = |symbol: &Symbol| {
        let named = matches!(
            symbol.kind,
            SymbolKind::Service | SymbolKind::Infrastructure
        );
        named && checked.text(symbol.at).starts_with('"')
    };
    if symbol.is_some_and(is_text) {
        return Err(RenameError::FromData);
    }
    Ok(named)
}

fn symbol_of<'c>(checked: &'c CheckedFile, thing: &NamedThing) -> Option<&'c Symbol> {
    match thing {
        NamedThing::Symbol(declared) => checked.declared(*declared),
        NamedThing::Barrier(_) | NamedThing::Lock(_) => None,
    }
}

/// The edits that rename what is named at a place to `to`.
///
/// # Errors
///
/// If it cannot be renamed, or would mean something else with that name.
pub fn rename(
    checked: &CheckedFile,
    named: &NamedPlace,
    to: &str,
) -> Result<Vec<RenameEdit>, RenameError> {
    let symbol = symbol_of(checked, &named.thing);
    match named.thing {
        NamedThing::Lock(_) => valid_lock(to)?,
        NamedThing::Symbol(_) | NamedThing::Barrier(_) => valid(to)?,
    }
    if &*named.text == to {
        return Ok(Vec::new());
    }
    let is_alias = symbol.is_some_and(|symbol| symbol.name != named.text);
    let places = references::references(checked, &named.thing).into_iter();
    let mut places: Vec<Span> = places.map(|it| it.at).collect();
    if symbol.is_some() {
        places.retain(|at| {
            checked.text(*at) == &*named.text && (!is_alias || at.file == named.at.file)
        });
    }
    match (&named.thing, symbol) {
        (NamedThing::Symbol(_), None) => return Err(RenameError::Nothing),
        (NamedThing::Symbol(_), Some(symbol)) => clashes(checked, symbol, &places, to)?,
        (NamedThing::Barrier(head), _) => stay_apart(checked, *head, to)?,
        (NamedThing::Lock(name), _) => free_lock(checked, name, to)?,
    }
    let in_patterns: HashSet<Span> = checked.pattern_uses().iter().map(|it| it.at).collect();
    let edits: Vec<RenameEdit> = places
        .into_iter()
        .map(|at| {
            let is_lock = matches!(named.thing, NamedThing::Lock(_));
            let text = match (is_lock, in_patterns.contains(&at)) {
                (false, _) => to.to_owned(),
                (true, false) => in_quotes(to),
                (true, true) => in_quotes(&written(to)),
            };
            (at, text)
        })
        .collect();
    patterns_stay(checked, named, to, &edits)?;
    Ok(edits)
}

/// A text as it is written between quotes.
fn in_quotes(text: &str) -> String {
    let quoted = words::string_of(text);
    let inside = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inside.unwrap_or(text).to_owned()
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

fn valid_lock(name: &str) -> Result<(), RenameError> {
    match name.is_empty() || name.contains(char::is_control) {
        true => Err(RenameError::NotLock),
        false => Ok(()),
    }
}

/// Checks that all patterns stand for what they stand for now.
fn patterns_stay(
    checked: &CheckedFile,
    named: &NamedPlace,
    to: &str,
    edits: &[RenameEdit],
) -> Result<(), RenameError> {
    let patterns = patterns::patterns(checked);
    if patterns.is_empty() {
        return Ok(());
    }
    let now = SourceNodes::new(checked.program());
    let then = now.renamed(other_name(checked, named, to));
    for pattern in &patterns {
        let pipelines = pattern.pipelines(&now);
        let steps = |nodes: &SourceNodes<'_>, text: &str| -> BTreeSet<_> {
            let steps = nodes.steps(&pipelines, text);
            steps.iter().map(|step| step.key()).collect()
        };
        if steps(&now, &pattern.text) != steps(&then, &pattern.changed(edits)) {
            return Err(RenameError::Pattern {
                pattern: pattern.text.clone(),
                place: place(checked, pattern.at),
            });
        }
    }
    Ok(())
}

/// What nodes would be called with the new name.
fn other_name(checked: &CheckedFile, named: &NamedPlace, to: &str) -> OtherName {
    let mut other = OtherName {
        of: HashSet::new(),
        lock: None,
        name: Name::from(to),
    };
    match &named.thing {
        NamedThing::Lock(name) => other.lock = Some(name.clone()),
        NamedThing::Barrier(head) => other.of.extend(checked.same_barrier(*head)),
        NamedThing::Symbol(declared) => {
            // A pipeline is called as the checked file calls it.
            let pipelines = checked.program().pipelines.iter();
            let own = pipelines.filter(|it| {
                let head = it.body.span;
                let is_declared_here = head.file == declared.file
                    && head.start <= declared.start
                    && declared.end <= head.end;
                is_declared_here && it.name == named.text
            });
            other.of.extend(own.map(|it| it.body.span));
            let symbol = checked.declared(*declared);
            if let Some(symbol) = symbol.filter(|symbol| symbol.name == named.text) {
                other.of.insert(symbol.at);
                if matches!(symbol.kind, SymbolKind::Stage | SymbolKind::Step) {
                    other.of.insert(symbol.head);
                }
            }
        }
    }
    other
}

/// Checks that barriers meet the same as before.
fn stay_apart(checked: &CheckedFile, head: Span, to: &str) -> Result<(), RenameError> {
    let program = checked.program();
    let now = barriers::groups(program, &|_, name| name.clone());
    let own = checked.same_barrier(head);
    let new = Name::from(to);
    let then = barriers::groups(program, &|head, name| match own.contains(&head) {
        true => new.clone(),
        false => name.clone(),
    });
    if now == then {
        return Ok(());
    }
    let met = then.iter().find(|group| group.is_superset(&own));
    let other = met.and_then(|group| group.difference(&own).next());
    Err(RenameError::Meets {
        to: to.to_owned(),
        place: place(checked, other.copied().unwrap_or(head)),
    })
}

/// Checks that no other lock has the new name, and that each that has the old one is renamed.
fn free_lock(checked: &CheckedFile, name: &Name, to: &str) -> Result<(), RenameError> {
    let places = references::in_statements(checked);
    let is_written = |at: Span| {
        places
            .iter()
            .any(|it| at.start < it.at.end && it.at.start < at.end && it.at.file == at.file)
    };
    for (at, lock) in locks(checked) {
        if &*lock == to {
            return Err(RenameError::Taken("lock", to.to_owned()));
        }
        if lock == *name && !is_written(at) {
            return Err(RenameError::Computed {
                name: name.clone(),
                place: place(checked, at),
            });
        }
    }
    Ok(())
}

/// The locks whose names are known before a run, with the places of their names.
fn locks(checked: &CheckedFile) -> Vec<(Span, Name)> {
    let program = checked.program();
    let constants = constants(program);
    let mut found = Vec::new();
    let workflows = program.workflows.iter().map(|it| &it.body);
    let mut open: Vec<&Stmt> = program.pipelines.iter().map(|it| &*it.body).collect();
    open.extend(workflows.flat_map(|body| body.stmts.iter().map(|stmt| &**stmt)));
    while let Some(stmt) = open.pop() {
        if let StmtKind::Lock { resource, .. } = &stmt.kind {
            constants.prepare(resource);
            for one in lock_name_exprs(resource) {
                match eval(one, &constants) {
                    Ok(Value::String(name)) => found.push((one.span, Name::from(&*name))),
                    Ok(Value::List(names)) => {
                        let names = names.iter().filter_map(Value::as_str);
                        found.extend(names.map(|name| (one.span, Name::from(name))));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
        for block in stmt.blocks() {
            open.extend(block.stmts.iter().map(|stmt| &**stmt));
        }
    }
    found
}

/// Checks that the new name does not resolve to something else where the old one is used.
fn clashes(
    checked: &CheckedFile,
    symbol: &Symbol,
    places: &[Span],
    to: &str,
) -> Result<(), RenameError> {
    let own = checked.symbols(symbol.at.file);
    let siblings = own
        .iter()
        .filter(|other| other.name.as_ref() == to && other.at != symbol.at);
    for other in siblings {
        if other.within == symbol.within && (!symbol.kind.is_local() || other.kind.is_local()) {
            return Err(RenameError::Taken(other.kind.word(), to.to_owned()));
        }
    }
    if matches!(
        symbol.kind,
        SymbolKind::Workflow | SymbolKind::Action | SymbolKind::Function
    ) && builtins::find(to).is_some()
    {
        return Err(RenameError::BuiltIn(to.to_owned()));
    }
    // Members of kinds and environments are always written after a dot, or as a field.
    if matches!(symbol.kind, SymbolKind::Field | SymbolKind::Infrastructure) {
        return Ok(());
    }
    for at in places {
        if checked
            .tree(at.file)
            .is_some_and(|tree| !is_looked_up(tree, *at))
        {
            continue;
        }
        if is_hidden(checked, symbol, *at, to) {
            let (to, place) = (to.to_owned(), place(checked, *at));
            return Err(RenameError::Hides { to, place });
        }
    }
    if symbol.kind == SymbolKind::Parameter {
        argument_is_free(checked, symbol, to)?;
    }
    match symbol.kind.is_local() {
        true => captures(checked, symbol, to),
        false => Ok(()),
    }
}

/// Checks that no call gives an argument with the new name of a parameter, which is unknown now.
fn argument_is_free(
    checked: &CheckedFile,
    parameter: &Symbol,
    to: &str,
) -> Result<(), RenameError> {
    let symbols = checked.symbols(parameter.at.file);
    let Some(holder) = parameter.within.and_then(|place| symbols.get(place)) else {
        return Ok(());
    };
    for called in checked.places(holder) {
        let Some(tree) = checked.tree(called.file) else {
            continue;
        };
        let nodes = enclosing_nodes(tree, called.start);
        let args = nodes.iter().rev().find_map(|node| match node {
            SyntaxNode::Use(using) => Some(&using.args),
            SyntaxNode::Expr(expr) => match &expr.kind {
                ExprKind::Call(_, args) => Some(args),
                _ => None,
            },
            _ => None,
        });
        let names = args
            .into_iter()
            .flatten()
            .filter_map(|arg| arg.name.as_ref());
        if let Some(taken) = names.into_iter().find(|name| &*name.name == to) {
            let (to, place) = (to.to_owned(), place(checked, taken.span));
            return Err(RenameError::Captures { to, place });
        }
    }
    Ok(())
}

/// Whether a name is looked up where it stands: the name of an argument belongs to what is called,
/// and that in a pattern is a text.
fn is_looked_up(tree: &File, at: Span) -> bool {
    let nodes = enclosing_nodes(tree, at.start);
    let is_argument = nodes.iter().any(|node| match node {
        SyntaxNode::Arg(arg) => arg.name.as_ref().is_some_and(|name| name.span == at),
        _ => false,
    });
    !is_argument && !matches!(nodes.last(), Some(SyntaxNode::Text(_)))
}

/// Whether the new name resolves to something else at a place.
fn is_hidden(checked: &CheckedFile, symbol: &Symbol, at: Span, to: &str) -> bool {
    let Some(tree) = checked.tree(at.file) else {
        return false;
    };
    let local = scope::visible(tree, at.start)
        .into_iter()
        .find(|it| &*it.name == to);
    let global = checked.modules().find(at.file, to);
    local.is_some_and(|local| local.span != symbol.at)
        || global.is_some_and(|it| checked.modules().declared_at(it) != symbol.at)
}

/// Checks that where the new name of a local is used already, it does not resolve to that.
fn captures(checked: &CheckedFile, symbol: &Symbol, to: &str) -> Result<(), RenameError> {
    let Some(scope) = symbol_scope(checked, symbol) else {
        return Ok(());
    };
    let hidden = checked.names().iter().find(|(at, declared)| {
        at.file == scope.file
            && scope.start <= at.start
            && at.end <= scope.end
            && *declared != symbol.at
            && checked.text(*at) == to
            && checked
                .tree(at.file)
                .is_some_and(|tree| is_looked_up(tree, *at) && sees(tree, at.start, symbol.at))
    });
    match hidden {
        Some((at, _)) => {
            let (to, place) = (to.to_owned(), place(checked, *at));
            Err(RenameError::Captures { to, place })
        }
        None => Ok(()),
    }
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

/// `line 3`, with the name of its file where that is not the checked one.
fn place(checked: &CheckedFile, at: Span) -> String {
    let Some(source) = checked.source(at.file) else {
        return String::from("another file");
    };
    let (line, _) = source.line_column(at.start);
    match at.file == ROOT_FILE {
        true => format!("line {line}"),
        false => format!("line {line} of `{}`", source.name),
    }
}
