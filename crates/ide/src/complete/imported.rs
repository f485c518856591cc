//! Completions for names that other files declare: with each comes the import that it needs.

use std::cell::OnceCell;

use super::context::CompletionContext;
use super::item::{Completion, CompletionKind};
use crate::actions::{Export, Exporter, import};
use crate::checked_file::{CheckedFile, ROOT_FILE};
use crate::fits;
use crate::symbol::SymbolKind;
use crate::text_change::TextChange;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_lang::resolve::DeclKind;
use lockstep_syntax as syntax;

/// At most so many names are offered.
const MAX_IMPORTED_NAMES: usize = 200;

/// The names of other files that fit what is expected. `text` is what is edited, `typed` what has
/// been typed of the name.
pub fn complete(
    checked: &CheckedFile,
    want: &CompletionContext,
    (text, typed): (&str, &str),
    exporters: &dyn Fn() -> Vec<Exporter>,
) -> Vec<Completion> {
    let kinds = wanted(want);
    // Where much else could stand, only a name that has been begun is looked for elsewhere.
    let wide = matches!(
        want,
        CompletionContext::Value(..) | CompletionContext::Statement(_)
    ) && !is_strict(want);
    if kinds.is_empty() || (wide && typed.is_empty()) {
        return Vec::new();
    }
    let calls = matches!(want, CompletionContext::Statement(_));
    let edits = ImportEdits::new(checked, text);
    let known = |name: &str| checked.modules().find(ROOT_FILE, name).is_some();
    let mut found = Vec::new();
    for exporter in exporters() {
        let fitting = exporter.exports.iter().filter(|export| {
            kinds.contains(&export.kind) && fits(typed, &export.name) && !known(&export.name)
        });
        for export in fitting {
            if found.len() >= MAX_IMPORTED_NAMES {
                return found;
            }
            let mut item = Completion::new(&export.name, shown_as(export.kind))
                .detail(format!("{} from \"{}\"", export.kind.word(), exporter.path))
                .doc(export.doc.as_ref())
                .rank(8);
            if calls {
                item = item.snippet(format!("{}($0)", export.name));
            }
            if matches!(want, CompletionContext::Type) {
                found.extend(types(&item, export, &edits, &exporter.path));
                continue;
            }
            item.import = Some(edits.import(&exporter.path, &export.name));
            found.push(item);
        }
    }
    found
}

/// Imports in the text that is edited.
struct ImportEdits<'c> {
    text: &'c str,
    /// The tree of the text that was checked, and how that differs from the edited one.
    checked: Option<(&'c syntax::ast::File, TextChange)>,
    /// The tree of the edited text, where the other does not tell.
    own: OnceCell<syntax::ast::File>,
}

impl<'c> ImportEdits<'c> {
    fn new(checked: &'c CheckedFile, text: &'c str) -> Self {
        let source = checked.modules().sources.get(ROOT_FILE);
        let known = source.zip(checked.tree(ROOT_FILE));
        Self {
            text,
            checked: known.map(|(source, tree)| (tree, TextChange::between(&source.text, text))),
            own: OnceCell::new(),
        }
    }

    /// The edit that imports a name.
    fn import(&self, path: &str, name: &str) -> (Span, String) {
        let known = self.checked.and_then(|(tree, moved)| {
            let (span, line) = import(tree, ROOT_FILE, path, name);
            Some((moved.span(span)?, line))
        });
        known.unwrap_or_else(|| {
            let read = || syntax::parse(ROOT_FILE, self.text).file;
            import(self.own.get_or_init(read), ROOT_FILE, path, name)
        })
    }
}

/// The types that are made of a kind.
fn types(
    item: &Completion,
    export: &Export,
    edits: &ImportEdits<'_>,
    path: &str,
) -> Vec<Completion> {
    let of = |thing: &str| Completion {
        label: format!("{thing}<{}>", export.name),
        kind: CompletionKind::Type,
        import: Some(edits.import(path, &export.name)),
        ..item.clone()
    };
    vec![of("service"), of("infrastructure")]
}

/// Whether only declarations of few sorts fit.
fn is_strict(want: &CompletionContext) -> bool {
    let CompletionContext::Value(Some(ty), _) = want else {
        return false;
    };
    let one = match ty {
        Type::List(of) => of,
        other => other,
    };
    matches!(
        one,
        Type::Service(_) | Type::Infrastructure(_) | Type::Environment
    )
}

/// The kinds of symbols that fit.
fn wanted(want: &CompletionContext) -> Vec<SymbolKind> {
    match want {
        CompletionContext::Nothing
        | CompletionContext::Words(_)
        | CompletionContext::Member(_)
        | CompletionContext::Export(..)
        | CompletionContext::Fields(_) => Vec::new(),
        CompletionContext::Statement(_) => vec![SymbolKind::Workflow, SymbolKind::Action],
        CompletionContext::Type => vec![SymbolKind::Kind, SymbolKind::Type],
        CompletionContext::Kind => vec![SymbolKind::Kind],
        CompletionContext::Declared(sorts) => sorts.iter().map(|sort| of_sort(*sort)).collect(),
        CompletionContext::Value(ty, _) => match ty {
            Some(Type::Service(_)) => vec![SymbolKind::Service],
            Some(Type::Infrastructure(_) | Type::Environment) => vec![SymbolKind::Environment],
            Some(Type::List(of)) if matches!(**of, Type::Infrastructure(_)) => {
                vec![SymbolKind::Environment, SymbolKind::Group]
            }
            Some(Type::List(of)) if matches!(**of, Type::Service(_)) => {
                vec![SymbolKind::Service, SymbolKind::Group]
            }
            _ => vec![
                SymbolKind::Let,
                SymbolKind::Input,
                SymbolKind::Group,
                SymbolKind::Secret,
                SymbolKind::Service,
                SymbolKind::Environment,
                SymbolKind::Function,
            ],
        },
    }
}

fn of_sort(sort: DeclKind) -> SymbolKind {
    match sort {
        DeclKind::Input => SymbolKind::Input,
        DeclKind::Secret => SymbolKind::Secret,
        DeclKind::Let => SymbolKind::Let,
        DeclKind::Service => SymbolKind::Service,
        DeclKind::Environment => SymbolKind::Environment,
        DeclKind::Group => SymbolKind::Group,
        DeclKind::Kind => SymbolKind::Kind,
        DeclKind::Workflow => SymbolKind::Workflow,
        DeclKind::Action => SymbolKind::Action,
        DeclKind::Pipeline => SymbolKind::Pipeline,
        DeclKind::Function => SymbolKind::Function,
        DeclKind::Type => SymbolKind::Type,
        DeclKind::Trigger => SymbolKind::Trigger,
        DeclKind::Window => SymbolKind::Window,
    }
}

fn shown_as(kind: SymbolKind) -> CompletionKind {
    match kind {
        SymbolKind::Service => CompletionKind::Service,
        SymbolKind::Environment => CompletionKind::Environment,
        SymbolKind::Kind => CompletionKind::Kind,
        SymbolKind::Workflow => CompletionKind::Workflow,
        SymbolKind::Action => CompletionKind::Action,
        SymbolKind::Pipeline => CompletionKind::Pipeline,
        SymbolKind::Function => CompletionKind::Function,
        SymbolKind::Type => CompletionKind::Type,
        _ => CompletionKind::Value,
    }
}
