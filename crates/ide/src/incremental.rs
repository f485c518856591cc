//! Incremental check: updates the diagnostics after a change inside one declaration by checking
//! that alone, with those that name it where more than a body changed: others cannot see it.
//! Where that is not enough, the caller must do a full check.

use std::collections::HashSet;

use super::checked_file::{CheckedFile, ROOT_FILE};
use super::text_change::TextChange;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_lang::resolve::ParsedFile;
use lockstep_syntax::ast::{File, Item, ItemKind};

/// The stored result of a full check.
#[derive(Debug, Clone, Default)]
pub struct CheckBaseline {
    items: Vec<OutlinedItem>,
    diagnostics: Vec<Diagnostic>,
    deploying: HashSet<u32>,
}

/// A declaration of the file.
#[derive(Debug, Clone)]
struct OutlinedItem {
    span: Span,
    /// What no other declaration can see.
    body: Option<Span>,
    name: Option<Name>,
    /// Whether only those that name it can see a change of it.
    is_local: bool,
    /// Whether those that name it can see a change of what it names, as of a value's parts.
    hands_on: bool,
    /// Whether it is a trigger: it sees all that its pipeline can reach.
    is_trigger: bool,
}

/// The declarations that have to be checked after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedItems {
    /// Where they were before the change.
    before: Vec<Span>,
    /// Where they are now.
    now: Vec<Span>,
}

impl ChangedItems {
    /// A position in each of them.
    pub fn offsets(&self) -> Vec<(FileId, u32)> {
        let inside = |span: &Span| (span.file, span.start + 1);
        self.now.iter().map(inside).collect()
    }
}

impl OutlinedItem {
    fn of(item: &Item) -> Self {
        let (body, name, is_local, hands_on) = match &item.kind {
            ItemKind::Workflow { name, body, .. } | ItemKind::Pipeline { name, body, .. } => {
                (Some(body.span), Some(name), true, false)
            }
            ItemKind::Test { body_span, .. } => (Some(*body_span), None, true, false),
            // The names of those that are made for each element may be anything.
            ItemKind::Service { name, each, .. } => (None, Some(name), each.is_none(), true),
            ItemKind::Kind(_) => (None, None, false, false),
            _ => (None, None, false, true),
        };
        Self {
            span: item.span,
            body,
            name: name.map(|name| name.name.clone()),
            is_local,
            hands_on,
            is_trigger: matches!(item.kind, ItemKind::Trigger(_)),
        }
    }

    /// Whether its text names any of these.
    fn names(&self, text: &str, names: &[Name]) -> bool {
        let own = text.get(self.span.range()).unwrap_or("");
        names.iter().any(|name| has_word(own, name))
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let behind = text.get(at + word.len()..);
        let behind = behind.and_then(|text| text.chars().next());
        !before.is_some_and(in_word) && !behind.is_some_and(in_word)
    })
}

fn outline(tree: &File) -> Vec<OutlinedItem> {
    tree.items.iter().map(OutlinedItem::of).collect()
}

impl CheckBaseline {
    /// The parts of a full check that are to be stored.
    pub fn of(checked: &CheckedFile) -> Self {
        Self {
            items: checked.tree(ROOT_FILE).map(outline).unwrap_or_default(),
            diagnostics: checked.diagnostics().to_vec(),
            deploying: checked.analysis().deploying.clone(),
        }
    }

    /// The diagnostics of the check.
    pub fn found(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The workflows that deploy something, also indirectly.
    pub fn deploying(&self) -> &HashSet<u32> {
        &self.deploying
    }

    /// The declaration that contains a change, and those that can see it, if everything else is
    /// unchanged. `text` is the one after the change.
    pub fn changed(
        &self,
        moved: &TextChange,
        text: &str,
        now: &ParsedFile,
    ) -> Option<ChangedItems> {
        if self.items.iter().any(|it| it.is_trigger) {
            return None;
        }
        let place = self.items.iter().position(|it| moved.is_inside(it.span))?;
        let changed = self.items.get(place)?;
        let fresh = outline(&now.ast);
        let whole_now = moved.stretched(changed.span);
        let same = fresh.len() == self.items.len()
            && fresh
                .iter()
                .zip(&self.items)
                .enumerate()
                .all(|(at, (now, then))| {
                    now.is_local == then.is_local
                        && match at == place {
                            true => now.span == whole_now,
                            false => Some(now.span) == moved.span(then.span),
                        }
                });
        let around = |span: Span| whole_now.start <= span.start && span.end <= whole_now.end;
        let mut broken = now.diagnostics.iter().filter_map(Diagnostic::span);
        if !same || !changed.is_local || !broken.all(around) || !self.was_whole() {
            return None;
        }
        let mut found = ChangedItems {
            before: vec![changed.span],
            now: vec![whole_now],
        };
        let changed_now = fresh.get(place)?;
        let in_body = changed.body.is_some_and(|body| {
            moved.is_inside(body) && changed_now.body == Some(moved.stretched(body))
        });
        if !in_body {
            let names: Vec<Name> = [&changed.name, &changed_now.name]
                .into_iter()
                .flatten()
                .cloned()
                .collect();
            for (at, (now, then)) in fresh.iter().zip(&self.items).enumerate() {
                if at == place || !now.names(text, &names) {
                    continue;
                }
                if now.hands_on {
                    return None;
                }
                found.before.push(then.span);
                found.now.push(now.span);
            }
        }
        Some(found)
    }

    /// Whether the whole text could be parsed: text that could not be may hide names anywhere.
    fn was_whole(&self) -> bool {
        let items = self.items.iter().map(|item| item.span);
        let inside = |at: Span| {
            items
                .clone()
                .any(|item| item.start <= at.start && at.end <= item.end)
        };
        let of_root = self
            .diagnostics
            .iter()
            .filter(|it| it.code.as_str().starts_with("E01"));
        let mut spans = of_root.filter_map(Diagnostic::span);
        spans.all(|span| span.file != ROOT_FILE || inside(span))
    }

    /// The diagnostics after a change. `looked` is a check of the changed declarations alone.
    pub fn diagnostics(
        &self,
        moved: &TextChange,
        changed: &ChangedItems,
        looked: &CheckedFile,
    ) -> Vec<Diagnostic> {
        let of = |diagnostic: &Diagnostic, items: &[Span]| {
            diagnostic.span().is_some_and(|span| {
                items.iter().any(|item| {
                    span.file == item.file && item.start <= span.start && span.end <= item.end
                })
            })
        };
        let others = self.diagnostics.iter();
        let others = others.filter(|it| !of(it, &changed.before));
        let others = others.filter_map(|it| moved.diagnostic(it));
        let own = looked
            .diagnostics()
            .iter()
            .filter(|it| of(it, &changed.now))
            .cloned();
        let mut found: Vec<Diagnostic> = others.chain(own).collect();
        found.sort_by_key(|it| (it.span(), it.code));
        found.dedup();
        found
    }
}
