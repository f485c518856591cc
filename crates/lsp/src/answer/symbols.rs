//! Answers for document symbols and workspace symbols.

use std::sync::Arc;

use gen_lsp_types as lsp;

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, CheckedRoot};
use crate::convert::LineIndex;
use crate::session::Snapshot;
use crate::workspace;
use lockstep_ide::{self as ide, CheckedFile, ROOT_FILE, Symbol, SymbolKind};
use lockstep_syntax as syntax;

/// At most so many workspace symbols are listed.
const MAX_SYMBOLS: usize = 500;

/// `textDocument/documentSymbol`
pub(super) fn of_document(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentSymbolParams,
) -> Result<Option<lsp::DocumentSymbolResponse>, AnswerError> {
    let Some(document) = snapshot.documents.get(&params.text_document.uri.0) else {
        return Ok(None);
    };
    let (root, _) = cache.root(snapshot, document);
    let symbols = root.checked.symbols(ROOT_FILE);
    if !snapshot.client.symbol_tree {
        let flat = listed(symbols).map(|(_, symbol)| {
            let location = lsp::Location {
                uri: lsp::Uri(document.uri.clone()),
                range: root.range(snapshot.client.encoding, symbol.at),
            };
            let holder = root.checked.holder(symbol);
            information(symbol, holder.map(|it| it.to_string()), location)
        });
        return Ok(Some(flat.collect::<Vec<_>>().into()));
    }
    Ok(Some(inside(root, snapshot, symbols, None).into()))
}

/// The symbols that are listed: no parameters and variables.
fn listed(symbols: &[Symbol]) -> impl Iterator<Item = (usize, &Symbol)> {
    symbols.iter().enumerate().filter(|(_, symbol)| {
        !matches!(
            symbol.kind,
            SymbolKind::Parameter | SymbolKind::Local | SymbolKind::Variable
        )
    })
}

/// The nearest enclosing symbol that is listed itself.
fn parent(symbols: &[Symbol], symbol: &Symbol) -> Option<usize> {
    let mut within = symbol.within;
    while let Some(at) = within {
        let holder = symbols.get(at)?;
        if !matches!(holder.kind, SymbolKind::Local) {
            return Some(at);
        }
        within = holder.within;
    }
    None
}

fn inside(
    root: &CheckedRoot,
    snapshot: &Snapshot,
    symbols: &[Symbol],
    holder: Option<usize>,
) -> Vec<lsp::DocumentSymbol> {
    let encoding = snapshot.client.encoding;
    let inner = listed(symbols).filter(|(_, symbol)| parent(symbols, symbol) == holder);
    inner
        .map(|(at, symbol)| {
            let children = inside(root, snapshot, symbols, Some(at));
            lsp::DocumentSymbol::new(
                symbol.name.to_string(),
                detail(&root.checked, symbol),
                kind(symbol.kind),
                None,
                None,
                root.range(encoding, symbol.whole.to(symbol.at)),
                root.range(encoding, symbol.at),
                (!children.is_empty()).then_some(children),
            )
        })
        .collect()
}

/// The detail text that is shown next to the name.
fn detail(checked: &CheckedFile, symbol: &Symbol) -> Option<String> {
    match symbol.kind {
        SymbolKind::Infrastructure | SymbolKind::Service => {
            let head = ide::hover::one_line(checked.text(symbol.head));
            let kind = head.split_once(':')?.1.trim().to_owned();
            Some(kind)
        }
        _ => Some(symbol.kind.word().to_owned()),
    }
}

fn information(
    symbol: &Symbol,
    holder: Option<String>,
    location: lsp::Location,
) -> lsp::SymbolInformation {
    let base = lsp::BaseSymbolInformation {
        name: symbol.name.to_string(),
        kind: kind(symbol.kind),
        tags: None,
        container_name: holder,
    };
    #[expect(deprecated, reason = "the field must be given a value")]
    lsp::SymbolInformation {
        deprecated: None,
        location,
        base_symbol_information: base,
    }
}

fn kind(kind: SymbolKind) -> lsp::SymbolKind {
    match kind {
        SymbolKind::Namespace => lsp::SymbolKind::Namespace,
        SymbolKind::Input | SymbolKind::Let | SymbolKind::Secret => lsp::SymbolKind::Constant,
        SymbolKind::Group => lsp::SymbolKind::Array,
        SymbolKind::Window => lsp::SymbolKind::Object,
        SymbolKind::Service => lsp::SymbolKind::Class,
        SymbolKind::Environment => lsp::SymbolKind::Module,
        SymbolKind::Infrastructure => lsp::SymbolKind::Object,
        SymbolKind::Kind => lsp::SymbolKind::Interface,
        SymbolKind::Field => lsp::SymbolKind::Field,
        SymbolKind::Workflow | SymbolKind::Action | SymbolKind::Function => {
            lsp::SymbolKind::Function
        }
        SymbolKind::Type => lsp::SymbolKind::TypeParameter,
        SymbolKind::Pipeline | SymbolKind::Trigger => lsp::SymbolKind::Event,
        SymbolKind::Test => lsp::SymbolKind::Method,
        SymbolKind::Parameter | SymbolKind::Local | SymbolKind::Variable => {
            lsp::SymbolKind::Variable
        }
        SymbolKind::Stage | SymbolKind::Step => lsp::SymbolKind::Method,
    }
}

/// `workspace/symbol`
pub(super) fn of_workspace(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::WorkspaceSymbolParams,
) -> Result<Option<lsp::WorkspaceSymbolResponse>, AnswerError> {
    let mut found = Vec::new();
    for document in workspace::documents(snapshot, &cache.outside) {
        let parse = syntax::parse(ROOT_FILE, &document.text);
        let symbols = ide::symbols(&parse.file);
        let lines = LineIndex::of(&document.text);
        for (_, symbol) in listed(&symbols) {
            if found.len() >= MAX_SYMBOLS || !ide::fits(&params.query, &symbol.name) {
                continue;
            }
            let location = lsp::Location {
                uri: lsp::Uri(document.uri.clone()),
                range: lines.span(&document.text, symbol.at, snapshot.client.encoding),
            };
            let holder = symbol.within.and_then(|at| symbols.get(at));
            found.push(information(
                symbol,
                holder.map(|it| it.name.to_string()),
                location,
            ));
        }
    }
    Ok(Some(found.into()))
}
