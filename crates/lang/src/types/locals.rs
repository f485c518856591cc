//! The local names of one body: parameters, `let`s, loop variables, steps and stages.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::DeclaredFields;
use super::narrowing::Fact;
use crate::eval::{Expr, Slot};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast;

/// What introduced a local name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalKind {
    /// A parameter, a `let`, a loop variable, `failure`.
    Value,
    /// A step: its name refers to its value, and hides other names only where that has a use.
    Step,
    /// A stage: only `.services` and `.infrastructures` of its name are its own.
    Stage,
}

/// The result of an effect whose failure may be ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredResult {
    /// It is `none` where the effect failed.
    OfFailure,
    /// Of a command of which every failure is ignored: it is `none` only where the command did not
    /// end with a code. Its fields may be taken; where it is `none`, that fails.
    WithoutCode,
}

/// A local name.
#[derive(Debug, Clone)]
pub struct Local {
    /// The name.
    pub name: Name,
    /// Its number in the body.
    pub slot: Slot,
    /// Its type.
    pub ty: Type,
    /// Where it is introduced.
    pub span: Span,
    /// What introduced it.
    pub kind: LocalKind,
    /// Whether its value is only known while the pipeline runs.
    pub known_late: bool,
    /// The expression that it stands for, where it is not a value of its own: `m[k]` for the `v` of
    /// `k, v in m`.
    pub alias: Option<Expr>,
}

/// The local names of one body, or of one expression outside bodies.
#[derive(Debug)]
pub struct LocalScope {
    /// The file whose names can be seen.
    pub file: FileId,
    /// Whether `run.id` and its like can be seen.
    pub in_run: bool,
    /// Whether it is the scope of a function, which reads nothing but its parameters and names.
    pub(super) in_function: bool,
    /// The fields beside the one whose default this is: their types, and where they are declared.
    pub(super) siblings: IndexMap<Name, (Type, Option<Span>)>,
    /// How many expressions the current one is inside.
    pub(super) depth: u32,
    /// Words in statements that could not be read.
    recovered_names: HashSet<Name>,
    next: u32,
    stack: Vec<Local>,
    by_name: HashMap<Name, Vec<usize>>,
    late: Vec<bool>,
    /// What comparisons have shown.
    pub(super) facts: Vec<Fact>,
    /// Where the names begin that can be seen, and those that cannot.
    seen: SeenNames,
    /// The results of effects that are `none` where their failure was ignored.
    ignored_results: HashMap<Slot, IgnoredResult>,
}

/// A point to which a scope can be taken back.
#[derive(Debug, Clone, Copy)]
pub struct ScopeMark {
    names: usize,
    facts: usize,
}

/// What can be seen of a scope, where that is not all of it: in the name of a cell.
#[derive(Debug, Default)]
struct SeenNames {
    /// From which name of the scope on.
    from: usize,
    /// The other names, and where they are introduced.
    hidden: HashMap<Name, Span>,
    /// Whether that is so.
    confined: bool,
}

/// What could be seen before [`LocalScope::confine`].
#[derive(Debug)]
pub struct SeenBefore {
    seen: SeenNames,
    in_run: bool,
}

impl LocalScope {
    /// No local names, in this file.
    pub fn new(file: FileId) -> Self {
        Self {
            file,
            in_run: false,
            in_function: false,
            siblings: IndexMap::new(),
            depth: 0,
            recovered_names: HashSet::new(),
            next: 0,
            stack: Vec::new(),
            by_name: HashMap::new(),
            late: Vec::new(),
            facts: Vec::new(),
            seen: SeenNames::default(),
            ignored_results: HashMap::new(),
        }
    }

    /// The scope of the defaults of a kind's fields, which see each other and the name of what has
    /// them.
    pub fn of_defaults(file: FileId, fields: &DeclaredFields<'_>) -> Self {
        let declared = fields
            .iter()
            .map(|(name, field)| (name.clone(), (field.ty.clone(), field.span)));
        let mut scope = Self::new(file);
        scope.siblings = declared.collect();
        scope.siblings.insert("name".into(), (Type::String, None));
        scope
    }

    /// How many numbers are taken.
    pub(super) fn slots(&self) -> u32 {
        self.next
    }

    /// A number for a value without a name.
    pub fn slot(&mut self, late: bool) -> Slot {
        let slot = Slot(self.next);
        self.next += 1;
        self.late.push(late);
        slot
    }

    /// Introduces a value that has a name.
    pub fn add(&mut self, name: &Name, span: Span, ty: Type, late: bool) -> Slot {
        let slot = self.slot(late);
        self.name(name, span, ty, slot, LocalKind::Value);
        slot
    }

    /// Introduces a name for a value that has a number.
    pub fn name(&mut self, name: &Name, span: Span, ty: Type, slot: Slot, kind: LocalKind) {
        let late = self.is_late(slot);
        self.push(Local {
            name: name.clone(),
            slot,
            ty,
            span,
            kind,
            known_late: late,
            alias: None,
        });
    }

    /// Introduces a name for an expression.
    pub fn alias(&mut self, name: &ast::Ident, ty: Type, value: Expr, late: bool) {
        let slot = self.slot(late);
        self.push(Local {
            name: name.name.clone(),
            slot,
            ty,
            span: name.span,
            kind: LocalKind::Value,
            known_late: late,
            alias: Some(value),
        });
    }

    fn push(&mut self, local: Local) {
        self.by_name
            .entry(local.name.clone())
            .or_default()
            .push(self.stack.len());
        self.stack.push(local);
    }

    /// Where the current block's names and facts begin, for [`LocalScope::release`].
    pub fn mark(&self) -> ScopeMark {
        ScopeMark {
            names: self.stack.len(),
            facts: self.facts.len(),
        }
    }

    /// Drops the names and the facts since the mark.
    pub fn release(&mut self, mark: ScopeMark) {
        self.facts.truncate(mark.facts);
        for local in self.stack.drain(mark.names..) {
            if let Some(places) = self.by_name.get_mut(&local.name) {
                places.pop();
            }
        }
    }

    /// Takes the names since the mark away, to be put back with [`LocalScope::restore`].
    pub fn suspend(&mut self, mark: ScopeMark) -> Vec<Local> {
        let aside = self.stack[mark.names..].to_vec();
        self.release(mark);
        aside
    }

    /// Puts back what [`LocalScope::suspend`] took.
    pub fn restore(&mut self, aside: Vec<Local>) {
        for local in aside {
            self.push(local);
        }
    }

    /// From here on only the names since the mark can be seen, and those of the file; neither can
    /// those that are introduced `later`.
    pub fn confine<'s>(
        &mut self,
        mark: ScopeMark,
        later: impl Iterator<Item = &'s ast::Ident>,
    ) -> SeenBefore {
        let before = self.stack.iter().take(mark.names);
        let mut hidden: HashMap<Name, Span> = before
            .map(|local| (local.name.clone(), local.span))
            .collect();
        hidden.extend(later.map(|name| (name.name.clone(), name.span)));
        let seen = SeenNames {
            from: mark.names,
            hidden,
            confined: true,
        };
        SeenBefore {
            seen: std::mem::replace(&mut self.seen, seen),
            in_run: std::mem::take(&mut self.in_run),
        }
    }

    /// The end of what [`LocalScope::confine`] began.
    pub fn leave(&mut self, before: SeenBefore) {
        self.seen = before.seen;
        self.in_run = before.in_run;
    }

    /// Whether this is the name of a cell.
    pub fn names_cells(&self) -> bool {
        self.seen.confined
    }

    /// Where a name is introduced that cannot be seen here, and that nothing here has.
    pub fn hidden(&self, name: &str) -> Option<Span> {
        let found = self.seen.hidden.get(name).copied();
        found.filter(|_| self.find(name).is_none())
    }

    /// The names that match, the innermost first.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s Local> + use<'s> {
        let places = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let seen = places.iter().rev().filter(|at| **at >= self.seen.from);
        seen.map(|at| &self.stack[*at])
    }

    /// The innermost name that matches.
    pub fn find(&self, name: &str) -> Option<&Local> {
        self.all(name).next()
    }

    /// All that can be seen.
    pub fn visible(&self) -> impl Iterator<Item = &Local> {
        self.stack.iter().skip(self.seen.from)
    }

    /// Whether a value is only known while the pipeline runs.
    pub fn is_late(&self, slot: Slot) -> bool {
        self.late.get(slot.0 as usize).copied().unwrap_or(false)
    }

    /// The result of an effect is `none` where its failure was ignored.
    pub fn mark_ignored(&mut self, slot: Slot, result: IgnoredResult) {
        self.ignored_results.insert(slot, result);
    }

    /// Whether a result is `none` where the failure of its effect was ignored.
    pub fn ignored(&self, slot: Slot) -> Option<IgnoredResult> {
        self.ignored_results.get(&slot).copied()
    }

    /// Remembers the words of a statement that could not be read.
    pub fn mark_recovered(&mut self, words: impl Iterator<Item = Name>) {
        self.recovered_names.extend(words);
    }

    /// Whether an unknown name may have been introduced by text that could not be read.
    pub fn is_recovered(&self, name: &str) -> bool {
        self.recovered_names.contains(name)
    }
}
