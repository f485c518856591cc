//! Diagnostics, published to the client or pulled by it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use gen_lsp_types as lsp;
use serde_json::{Value, json};

use super::{AnswerError, settings};
use crate::analysis_cache::{AnalysisCache, LocationResolver, PublishedDiagnostics};
use crate::client::Client;
use crate::library::Library;
use crate::session::{Document, Snapshot};
use crate::uri;
use lockstep_base::diagnostic::{Diagnostic, Severity, codes};
use lockstep_base::source::Span;

/// Diagnostics by the URI of their file.
type ByFile = HashMap<String, Vec<lsp::Diagnostic>>;

/// The diagnostics of all open documents and of what they import, by URI: the parameters of
/// `publishDiagnostics`. `None` if the deadline `past` is exceeded.
pub(crate) fn all(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    past: &dyn Fn() -> bool,
) -> Option<HashMap<String, Value>> {
    let found = by_file(cache, snapshot, past)?.into_iter();
    let found = found.map(|(uri, diagnostics)| {
        let mut params = json!({ "uri": uri, "diagnostics": diagnostics });
        if let Some(document) = snapshot.opened(&uri) {
            params["version"] = json!(document.version);
        }
        (uri, params)
    });
    Some(found.collect())
}

/// The diagnostics of all open documents and of what they import; `None` if the deadline `past` is
/// exceeded.
fn by_file(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    past: &dyn Fn() -> bool,
) -> Option<ByFile> {
    let library = cache.library.clone();
    let mut found = ByFile::new();
    for document in documents(snapshot) {
        let told = cache.published(snapshot, document);
        found.entry(document.uri.clone()).or_default();
        add(&mut found, by_address(&told, snapshot, &library));
        if past() {
            return None;
        }
    }
    for (uri, document) in &snapshot.settings {
        let own = settings::mistakes(&cache.outside, snapshot, document);
        found.insert(uri.clone(), own);
    }
    Some(found)
}

/// The open documents, in the order of their URIs: so is the order of diagnostics.
fn documents(snapshot: &Snapshot) -> Vec<&Arc<Document>> {
    let mut documents: Vec<_> = snapshot.documents.values().collect();
    documents.sort_by(|a, b| a.uri.cmp(&b.uri));
    documents
}

/// Adds diagnostics; several documents can have the same one, of a file that they import.
fn add(found: &mut ByFile, more: Vec<(String, lsp::Diagnostic)>) {
    for (uri, diagnostic) in more {
        let all = found.entry(uri).or_default();
        if !all.contains(&diagnostic) {
            all.push(diagnostic);
        }
    }
}

/// The diagnostics of the one document that changed, if an incremental check of what changed
/// suffices.
pub(crate) fn quick(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
) -> Option<(String, Value)> {
    let library = cache.library.clone();
    let mut changed = snapshot
        .documents
        .values()
        .filter(|it| !cache.is_known(snapshot, it));
    let (document, None) = (changed.next()?.clone(), changed.next()) else {
        return None;
    };
    let told = cache.check_changed(snapshot, &document)?;
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
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::DocumentDiagnosticParams,
) -> Result<lsp::DocumentDiagnosticReport, AnswerError> {
    let uri = params.text_document.uri.0;
    let library = cache.library.clone();
    let mut found = ByFile::new();
    // What another document reports here counts as far as that is known already.
    for document in documents(snapshot) {
        let told = match document.uri == uri {
            true => cache.current(snapshot, document),
            false if cache.is_known(snapshot, document) => cache.published(snapshot, document),
            false => continue,
        };
        add(&mut found, by_address(&told, snapshot, &library));
    }
    if let Some(document) = snapshot.settings.get(&uri) {
        let own = settings::mistakes(&cache.outside, snapshot, document);
        found.insert(uri.clone(), own);
    }
    let items = found.remove(&uri).unwrap_or_default();
    let related_documents = snapshot
        .client
        .related_documents
        .then(|| related(cache, snapshot, &uri, found));
    let id = cache.reports.record(&uri, &items);
    Ok(match params.previous_result_id == Some(id.clone()) {
        true => lsp::RelatedUnchangedDocumentDiagnosticReport {
            related_documents,
            unchanged_document_diagnostic_report: unchanged(id),
        }
        .into(),
        false => lsp::RelatedFullDocumentDiagnosticReport {
            related_documents,
            full_document_diagnostic_report: full(id, items),
        }
        .into(),
    })
}

/// The diagnostics of files that are not open, to be sent with those of the document `uri`.
fn related(
    cache: &mut AnalysisCache,
    snapshot: &Snapshot,
    uri: &str,
    mut found: ByFile,
) -> HashMap<lsp::Uri, lsp::RelatedDocument> {
    found.retain(|file, _| snapshot.opened(file).is_none());
    let gone = cache.reports.relate(uri, found.keys().cloned().collect());
    // An open document has its diagnostics by itself.
    let gone = gone.into_iter();
    let gone = gone.filter(|file| !snapshot.documents.contains_key(file));
    found.extend(gone.map(|file| (file, Vec::new())));
    let reports = found.into_iter().map(|(file, items)| {
        let id = cache.reports.record(&file, &items);
        (lsp::Uri(file), full(id, items).into())
    });
    reports.collect()
}

fn full(id: String, items: Vec<lsp::Diagnostic>) -> lsp::FullDocumentDiagnosticReport {
    lsp::FullDocumentDiagnosticReport {
        result_id: Some(id),
        items,
    }
}

fn unchanged(result_id: String) -> lsp::UnchangedDocumentDiagnosticReport {
    lsp::UnchangedDocumentDiagnosticReport { result_id }
}

/// `workspace/diagnostic`: the diagnostics of all open documents and of what they import.
pub(super) fn pull_all(
    cache: &mut AnalysisCache,
    snapshot: &Arc<Snapshot>,
    params: lsp::WorkspaceDiagnosticParams,
) -> Result<lsp::WorkspaceDiagnosticReport, AnswerError> {
    let mut found = by_file(cache, snapshot, &|| false).unwrap_or_default();
    let known = params.previous_result_ids.into_iter();
    let known: HashMap<String, String> = known.map(|it| (it.uri.0, it.value)).collect();
    // What the client still shows of a file that nothing imports any more.
    for uri in known.keys() {
        found.entry(uri.clone()).or_default();
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let reports = found.into_iter().map(|(uri, items)| {
        let version = snapshot.opened(&uri).map(|it| it.version);
        let id = cache.reports.record(&uri, &items);
        let same = known.get(&uri) == Some(&id);
        let uri = lsp::Uri(uri);
        match same {
            true => lsp::WorkspaceUnchangedDocumentDiagnosticReport {
                uri,
                version,
                unchanged_document_diagnostic_report: unchanged(id),
            }
            .into(),
            false => lsp::WorkspaceFullDocumentDiagnosticReport {
                uri,
                version,
                full_document_diagnostic_report: full(id, items),
            }
            .into(),
        }
    });
    Ok(lsp::WorkspaceDiagnosticReport {
        items: reports.collect(),
    })
}

/// Whether a pull would return something new.
pub(crate) fn are_news(cache: &mut AnalysisCache, snapshot: &Arc<Snapshot>) -> bool {
    let found = by_file(cache, snapshot, &|| false).unwrap_or_default();
    // A client that pulls the workspace does so by itself.
    let counts = |uri: &String| snapshot.client.related_documents || snapshot.opened(uri).is_some();
    let reports = &cache.reports;
    let mut now = found.iter().filter(|(uri, _)| counts(uri));
    let mut before = reports.files().filter(|uri| counts(uri));
    now.any(|(uri, items)| !reports.has(uri, items)) || before.any(|uri| !found.contains_key(uri))
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
    let page = client
        .code_pages
        .then(|| library.page(diagnostic.code))
        .flatten();
    let range = |span| sites.range(client.encoding, span);
    let location = |span| sites.location(snapshot, library, span);
    shown(client, diagnostic, page, &range, &location)
}

/// The same, with the page of its code and where its spans are.
pub(super) fn shown(
    client: &Client,
    diagnostic: &Diagnostic,
    page: Option<PathBuf>,
    range: &dyn Fn(Span) -> lsp::Range,
    location: &dyn Fn(Span) -> Option<lsp::Location>,
) -> lsp::Diagnostic {
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
            location: location(label.span)?,
            message: match label.text.is_empty() {
                true => String::from("here"),
                false => label.text.clone(),
            },
        })
    });
    let related: Vec<_> = further.filter(|_| client.related).collect();
    let page = page.map(|path| lsp::Uri(uri::uri(&path)));
    lsp::Diagnostic {
        range: first.map_or_else(Default::default, |label| range(label.span)),
        severity: Some(match diagnostic.severity {
            Severity::Error => lsp::DiagnosticSeverity::Error,
            Severity::Warning => lsp::DiagnosticSeverity::Warning,
        }),
        code: Some(lsp::Code::String(diagnostic.code.as_str().to_owned())),
        source: Some(String::from("lockstep")),
        message: lsp::Message::String(message),
        related_information: (!related.is_empty()).then_some(related),
        code_description: page.map(lsp::CodeDescription::new),
        tags: is_unused(diagnostic)
            .then(|| vec![lsp::DiagnosticTag::Unnecessary])
            .filter(|_| client.tags),
        data: None,
    }
}
