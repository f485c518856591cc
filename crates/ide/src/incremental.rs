//! Incremental check: updates the diagnostics after a change inside one body by checking that body
//! alone, since other bodies cannot see the change. Where that is not enough, the caller must do a
//! full check.

use std::collections::HashSet;

use super::checked_file::{CheckedFile, ROOT_FILE};
use super::text_change::TextChange;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
use lockstep_lang::resolve::ParsedFile;
use lockstep_syntax::ast::{File, Item, ItemKind};

/// The stored result of a full check.
#[derive(Debug, Clone, Default)]
pub struct CheckBaseline {
    items: Vec<(Span, Option<Span>)>,
    diagnostics: Vec<Diagnostic>,
    deploying: HashSet<u32>,
}

/// The body that contains a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedBody {
    /// The declaration, before the change.
    before: Span,
    /// The declaration, after the change.
    now: Span,
    /// A position in the body.
    pub offset: u32,
}

/// The span of the body of a declaration.
fn body(item: &Item) -> Option<Span> {
    match &item.kind {
        ItemKind::Workflow { body, .. } | ItemKind::Pipeline { body, .. } => Some(body.span),
        ItemKind::Test { body_span, .. } => Some(*body_span),
        _ => None,
    }
}

fn outline(tree: &File) -> Vec<(Span, Option<Span>)> {
    tree.items
        .iter()
        .map(|item| (item.span, body(item)))
        .collect()
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

    /// The body that contains a change, if everything around it is unchanged.
    pub fn body(&self, moved: &TextChange, now: &ParsedFile) -> Option<ChangedBody> {
        let inside = |(_, body): &(Span, Option<Span>)| body.is_some_and(|it| moved.is_inside(it));
        let place = self.items.iter().position(inside)?;
        let fresh = outline(&now.ast);
        let (whole, own) = *self.items.get(place)?;
        let expected = (
            moved.stretched(whole),
            own.map(|body| moved.stretched(body)),
        );
        let same = fresh.len() == self.items.len()
            && fresh
                .iter()
                .zip(&self.items)
                .enumerate()
                .all(|(at, (now, then))| {
                    if at == place {
                        *now == expected
                    } else {
                        Some(now.0) == moved.span(then.0)
                    }
                });
        let (whole_now, _) = expected;
        let around = |span: Span| whole_now.start <= span.start && span.end <= whole_now.end;
        let broken = now.diagnostics.iter().filter_map(Diagnostic::span);
        let clean = broken.into_iter().all(around) && self.was_whole();
        (same && clean).then_some(ChangedBody {
            before: whole,
            now: whole_now,
            offset: own?.start + 1,
        })
    }

    /// Whether the whole text could be parsed: text that could not be may hide names anywhere.
    fn was_whole(&self) -> bool {
        let items = self.items.iter().map(|(span, _)| *span);
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

    /// The diagnostics after a change inside a body. `looked` is a check of that body alone.
    pub fn diagnostics(
        &self,
        moved: &TextChange,
        body: ChangedBody,
        looked: &CheckedFile,
    ) -> Vec<Diagnostic> {
        let of = |diagnostic: &Diagnostic, item: Span| {
            diagnostic.span().is_some_and(|span| {
                span.file == item.file && item.start <= span.start && span.end <= item.end
            })
        };
        let others = self.diagnostics.iter().filter(|it| !of(it, body.before));
        let others = others.filter_map(|it| moved.diagnostic(it));
        let own = looked
            .diagnostics()
            .iter()
            .filter(|it| of(it, body.now))
            .cloned();
        let mut found: Vec<Diagnostic> = others.chain(own).collect();
        found.sort_by_key(|it| (it.span(), it.code));
        found.dedup();
        found
    }
}
