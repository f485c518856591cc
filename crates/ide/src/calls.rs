//! Call hierarchy: which workflows and pipelines call which workflows and actions, also by
//! deploying.

use super::checked_file::CheckedFile;
use super::symbol::{Symbol, SymbolKind};
use lockstep_base::source::{FileId, Span};

/// A caller or a callee, with the places of the calls.
#[derive(Debug, Clone)]
pub struct Call<'c> {
    /// Who calls, or who is called.
    pub symbol: &'c Symbol,
    /// The spans of the calls, in the caller.
    pub at: Vec<Span>,
}

/// The workflow, action or pipeline whose name is at a place, or that encloses it.
pub fn callable(checked: &CheckedFile, file: FileId, offset: u32) -> Option<&Symbol> {
    let named = checked.name_at(file, offset).map(|named| named.symbol);
    named.filter(|symbol| is_callable(symbol))
}

fn is_callable(symbol: &Symbol) -> bool {
    matches!(
        symbol.kind,
        SymbolKind::Workflow
            | SymbolKind::Action
            | SymbolKind::Function
            | SymbolKind::Pipeline
            | SymbolKind::Trigger
            | SymbolKind::Kind
            | SymbolKind::Service
    )
}

/// The declaration around a place that can call something: a workflow, a pipeline, a trigger, or a
/// kind or a service that names its workflow.
fn enclosing_callable(checked: &CheckedFile, at: Span) -> Option<&Symbol> {
    let symbols = checked.symbols(at.file).iter();
    let mut symbols = symbols.filter(|symbol| symbol.within.is_none() && is_callable(symbol));
    symbols.find(|symbol| symbol.whole.start <= at.start && at.end <= symbol.whole.end)
}

/// The callers of a symbol.
pub fn incoming<'c>(checked: &'c CheckedFile, symbol: &Symbol) -> Vec<Call<'c>> {
    let mut found: Vec<Call<'c>> = Vec::new();
    for (at, declared) in checked.names() {
        if *declared != symbol.at {
            continue;
        }
        let Some(caller) = enclosing_callable(checked, *at) else {
            continue;
        };
        match found.iter_mut().find(|call| call.symbol.at == caller.at) {
            Some(call) => call.at.push(*at),
            None => found.push(Call {
                symbol: caller,
                at: vec![*at],
            }),
        }
    }
    found
}

/// The callees of a symbol.
pub fn outgoing<'c>(checked: &'c CheckedFile, symbol: &Symbol) -> Vec<Call<'c>> {
    let mut found: Vec<Call<'c>> = Vec::new();
    let whole = symbol.whole;
    for (at, declared) in checked.names() {
        let inside = at.file == whole.file && whole.start <= at.start && at.end <= whole.end;
        if !inside || at == declared {
            continue;
        }
        let Some(callee) = checked.declared(*declared) else {
            continue;
        };
        if !matches!(
            callee.kind,
            SymbolKind::Workflow | SymbolKind::Action | SymbolKind::Function
        ) {
            continue;
        }
        match found.iter_mut().find(|call| call.symbol.at == callee.at) {
            Some(call) => call.at.push(*at),
            None => found.push(Call {
                symbol: callee,
                at: vec![*at],
            }),
        }
    }
    found
}
