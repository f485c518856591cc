//! Find references: all places that name the same, in all files of one check. Files that do not
//! import each other are separate checks.

use super::barriers;
use super::checked_file::CheckedFile;
use super::patterns::PatternName;
use super::symbol::Symbol;
use super::syntax_node::{SyntaxNode, enclosing_nodes, walk};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_syntax::ast::{Expr, ExprKind, Ident, Stmt, StmtKind};

/// A use of a name, or its declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where.
    pub at: Span,
    /// Whether it is the declaration.
    pub declares: bool,
}

/// What has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedThing {
    /// A symbol, by the place of the name that declares it.
    Symbol(Span),
    /// The barriers that meet the one with this head. None of them declares it.
    Barrier(Span),
    /// The lock with this name, wherever it is taken: whoever uses the same state shares it.
    Lock(Name),
}

/// A place with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPlace {
    /// Where the name stands.
    pub at: Span,
    /// The name as it is written there, which may be an alias; that of a lock as it is.
    pub text: Name,
    /// What has it.
    pub thing: NamedThing,
}

/// What is named at a place.
pub fn named(checked: &CheckedFile, file: FileId, offset: u32) -> Option<NamedPlace> {
    if let Some(named) = checked.name_at(file, offset) {
        return Some(NamedPlace {
            at: named.at,
            text: checked.text(named.at).into(),
            thing: NamedThing::Symbol(named.symbol.at),
        });
    }
    let nodes = enclosing_nodes(checked.tree(file)?, offset);
    let in_source = nodes.into_iter().rev().find_map(|node| match node {
        SyntaxNode::Stmt(stmt) => named_by(stmt, offset),
        _ => None,
    });
    in_source.or_else(|| named_by_pattern(checked, file, offset))
}

fn named_by(stmt: &Stmt, offset: u32) -> Option<NamedPlace> {
    let mut named = barrier(stmt).into_iter().chain(locks(stmt));
    named.find(|found| found.at.start <= offset && offset <= found.at.end)
}

fn named_by_pattern(checked: &CheckedFile, file: FileId, offset: u32) -> Option<NamedPlace> {
    if !checked.is_in_test(file, offset) {
        return None;
    }
    let holds = |at: Span| at.file == file && at.start <= offset && offset <= at.end;
    let mut uses = checked.pattern_uses().iter();
    uses.find_map(|used| {
        let (text, thing) = match &used.name {
            PatternName::Barrier(head) => {
                let text = checked.text(used.at).into();
                (text, NamedThing::Barrier(*head))
            }
            PatternName::Lock(name) => (name.clone(), NamedThing::Lock(name.clone())),
            PatternName::Symbol(_) => return None,
        };
        let at = used.at;
        holds(at).then_some(NamedPlace { at, text, thing })
    })
}

fn barrier(stmt: &Stmt) -> Option<NamedPlace> {
    let StmtKind::Barrier {
        name: Ident { name, span },
        ..
    } = &stmt.kind
    else {
        return None;
    };
    Some(NamedPlace {
        at: *span,
        text: name.clone(),
        thing: NamedThing::Barrier(stmt.head),
    })
}

/// The names of a lock that are written out where it is taken.
fn locks(stmt: &Stmt) -> Vec<NamedPlace> {
    let StmtKind::Lock { resource, .. } = &stmt.kind else {
        return Vec::new();
    };
    let names = match &resource.kind {
        ExprKind::List(names) => names.as_slice(),
        _ => std::slice::from_ref(resource),
    };
    names.iter().filter_map(lock).collect()
}

fn lock(name: &Expr) -> Option<NamedPlace> {
    let ExprKind::String(literal) = &name.kind else {
        return None;
    };
    let name = literal.plain().filter(|_| !literal.multiline)?;
    Some(NamedPlace {
        at: Span {
            start: literal.span.start + 1,
            end: literal.span.end.saturating_sub(1),
            ..literal.span
        },
        text: name.clone(),
        thing: NamedThing::Lock(name),
    })
}

/// The places in statements at which barriers and locks are named, in all files.
pub(crate) fn in_statements(checked: &CheckedFile) -> Vec<NamedPlace> {
    let mut found = Vec::new();
    for module in &checked.modules().files {
        walk(&module.ast, &mut |node| {
            if let SyntaxNode::Stmt(stmt) = node {
                found.extend(barrier(stmt));
                found.extend(locks(stmt));
            }
            true
        });
    }
    found
}

impl CheckedFile {
    /// The heads of the barriers that meet the one with this head, itself included.
    pub(crate) fn same_barrier(&self, head: Span) -> barriers::BarrierGroup {
        let groups = barriers::groups(self.program(), &|_, name| name.clone());
        let found = groups.into_iter().find(|group| group.contains(&head));
        found.unwrap_or_else(|| [head].into())
    }
}

/// All places at which a thing is named, in order.
pub fn references(checked: &CheckedFile, thing: &NamedThing) -> Vec<Reference> {
    let used = |at| Reference {
        at,
        declares: false,
    };
    let is_it: Box<dyn Fn(&NamedThing) -> bool> = match thing {
        NamedThing::Symbol(declared) => {
            let symbol = checked.declared(*declared);
            return symbol.map_or(Vec::new(), |symbol| of_symbol(checked, symbol));
        }
        NamedThing::Barrier(head) => {
            let group = checked.same_barrier(*head);
            Box::new(move |other| matches!(other, NamedThing::Barrier(it) if group.contains(it)))
        }
        NamedThing::Lock(_) => Box::new(move |other| other == thing),
    };
    let stated = in_statements(checked).into_iter();
    let stated = stated.filter(|it| is_it(&it.thing)).map(|it| it.at);
    let in_patterns = checked.pattern_uses().iter().filter(|it| match &it.name {
        PatternName::Barrier(head) => is_it(&NamedThing::Barrier(*head)),
        PatternName::Lock(name) => is_it(&NamedThing::Lock(name.clone())),
        PatternName::Symbol(_) => false,
    });
    let mut places: Vec<Span> = stated.chain(in_patterns.map(|it| it.at)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(used).collect()
}

fn of_symbol(checked: &CheckedFile, symbol: &Symbol) -> Vec<Reference> {
    let places = checked.places(symbol).into_iter();
    places
        .map(|at| Reference {
            at,
            declares: at == symbol.at,
        })
        .collect()
}

/// Whether other files than those of one check may name it: those that import the file in which it
/// is declared. An alias is seen in its own file only.
pub fn is_named_elsewhere(checked: &CheckedFile, named: &NamedPlace) -> bool {
    match &named.thing {
        NamedThing::Symbol(declared) => checked
            .declared(*declared)
            .is_some_and(|symbol| symbol.kind.is_named_elsewhere() && symbol.name == named.text),
        NamedThing::Barrier(_) | NamedThing::Lock(_) => true,
    }
}
