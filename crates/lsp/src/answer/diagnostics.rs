//! Diagnostics, published to the client or pulled by it.

use std::collections::HashMap;
use std::sync::Arc;

use gen_lsp_types as lsp;
use serde_json::{Value, json};

use super::AnswerError;
use crate::analysis_cache::{AnalysisCache, LocationResolver, PublishedDiagnostics};
use crate::library::Library;
use crate::session::Snapshot;
use lockstep_base::diagnostic::{Diagnostic, Severity, codes};

/// The diagnostics of all open documents and of what they import, by URI: the parameters of
/// `publishDiagnostics`. `None` if the deadline `past` is exceeded.
pub(crate) fn all(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    past: &dyn Fn() -> bool,
) -> Option<HashMap<String, Value>> {
    let library = desk.library.clone();
    let mut found: HashMap<String, Vec<lsp::Diagnostic>> = HashMap::new();
    for document in snapshot.documents.values() {
        let told = desk.published(snapshot, document);
        found.entry(document.uri.clone()).or_default();
        for (uri, diagnostic) in by_address(&told, snapshot, &library) {
            let all = found.entry(uri).or_default();
            if !all.contains(&diagnostic) {
                all.push(diagnostic);
            }
        }
        if past() {
            return None;
        }
    }
    let found = found.into_iter().map(|(uri, diagnostics)| {
        let mut params = json!({ "uri": uri, "diagnostics": diagnostics });
        if let Some(document) = snapshot.documents.get(&uri) {
            params["version"] = json!(document.version);
        }
        (uri, params)
    });
    Some(found.collect())
}

/// The diagnostics of the one document that changed, if an incremental check of the changed body
/// suffices.
pub(crate) fn quick(desk: &mut AnalysisCache, snapshot: &Arc<Snapshot>) -> Option<(String, Value)> {
    let library = desk.library.clone();
    let mut changed = snapshot
        .documents
        .values()
        .filter(|it| !desk.is_known(snapshot, it));
    let (document, None) = (changed.next()?.clone(), changed.next()) else {
        return None;
    };
    let told = desk.check_body(snapshot, &document)?;
    let own = own(&told, &document.uri, snapshot, &library);
    let params = json!({
        "uri": document.uri,
        "diagnostics": own,
        "version": document.version,
    });
    Some((document.uri.clone(), params))
}

/// The diagnostics by the URI of their file.
fn by_address(
    told: &PublishedDiagnostics,
    snapshot: &Snapshot,
    library: &Library,
) -> Vec<(String, lsp::Diagnostic)> {
    let mut found = Vec::new();
    for diagnostic in &told.found {
        let Some(span) = diagnostic.span() else {
            continue;
        };
        if let Some(uri) = told.sites().uri(snapshot, library, span.file) {
            let shown = convert(told.sites(), snapshot, library, diagnostic);
            found.push((uri.0, shown));
        }
    }
    found
}

/// The diagnostics of a document itself.
fn own(
    told: &PublishedDiagnostics,
    uri: &str,
    snapshot: &Snapshot,
    library: &Library,
) -> Vec<lsp::Diagnostic> {
    let all = by_address(told, snapshot, library).into_iter();
    all.filter(|(of, _)| of == uri).map(|(_, it)| it).collect()
}

/// `textDocument/diagnostic`
pub(super) fn pull(
    desk: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentDiagnosticParams,
) -> Result<lsp::DocumentDiagnosticReport, AnswerError> {
    let uri = params.text_document.uri;
    let library = desk.library.clone();
    let items = match snapshot.documents.get(&uri.0) {
        Some(document) => {
            let told = desk.pull(snapshot, document);
            own(&told, &uri.0, snapshot, &library)
        }
        None => Vec::new(),
    };
    let report = lsp::RelatedFullDocumentDiagnosticReport {
        full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport {
            result_id: None,
            items,
        },
        related_documents: None,
    };
    Ok(report.into())
}

/// Whether a diagnostic reports something unused.
fn is_unused(diagnostic: &Diagnostic) -> bool {
    [
        codes::UNUSED_IMPORT,
        codes::UNUSED_DECLARATION,
        codes::UNUSED_INPUT,
        codes::UNUSED_VALUE,
        codes::UNUSED_PARAMETER,
    ]
    .contains(&diagnostic.code)
}

/// A diagnostic of the protocol.
pub(super) fn convert(
    sites: LocationResolver<'_>,
    snapshot: &Snapshot,
    library: &Library,
    diagnostic: &Diagnostic,
) -> lsp::Diagnostic {
    let client = &snapshot.client;
    let mut labels = diagnostic.labels.iter();
    let first = labels.next();
    let mut message = diagnostic.message.clone();
    if let Some(label) = first.filter(|label| !label.text.is_empty()) {
        message.push_str(&format!(": {}", label.text));
    }
    if let Some(help) = &diagnostic.help {
        message.push_str(&format!("\n{help}"));
    }
    let further = labels.filter_map(|label| {
        Some(lsp::DiagnosticRelatedInformation {
            location: sites.location(snapshot, library, label.span)?,
            message: match label.text.is_empty() {
                true => String::from("here"),
                false => label.text.clone(),
            },
        })
    });
    let related: Vec<_> = further.filter(|_| client.related).collect();
    lsp::Diagnostic {
        range: first.map_or_else(Default::default, |label| {
            sites.range(client.encoding, label.span)
        }),
        severity: Some(match diagnostic.severity {
            Severity::Error => lsp::DiagnosticSeverity::Error,
            Severity::Warning => lsp::DiagnosticSeverity::Warning,
        }),
        code: Some(lsp::Code::String(diagnostic.code.as_str().to_owned())),
        source: Some(String::from("lockstep")),
        message: lsp::Message::String(message),
        related_information: (!related.is_empty()).then_some(related),
        code_description: None,
        tags: is_unused(diagnostic)
            .then(|| vec![lsp::DiagnosticTag::Unnecessary])
            .filter(|_| client.tags),
        data: None,
    }
}
