//! Completion in a `trigger`: what it fires on, the pipeline, and the names of arguments.

use super::context::CompletionContext;
use super::{Completion, CompletionKind, values};
use crate::checked_file::CheckedFile;
use crate::syntax_node::SyntaxNode;
use lockstep_lang::resolve::DeclKind;
use lockstep_syntax::ast::TriggerPart;

/// What a trigger can fire on: the word, its documentation, a snippet, and its arguments.
const SOURCES: [(&str, &str, &str, &[&str]); 4] = [
    (
        "schedule",
        "At times: five fields of cron, in a time zone.",
        "schedule(\"${1:0 3 * * 1-5}\", zone: \"${2:UTC}\")",
        &["cron", "zone", "missed"],
    ),
    (
        "webhook",
        "A delivery that is signed with a secret.",
        "webhook(secret: ${1:secret})",
        &["secret", "from"],
    ),
    (
        "artifact",
        "A new digest of an image.",
        "artifact(\"${1:registry.example.com/image:tag}\")",
        &["image", "every"],
    ),
    (
        "change",
        "A commit that changes files.",
        "change([\"${1:k8s/**}\"])",
        &["paths", "branch", "every"],
    ),
];

/// Whether it is the part behind `starts`.
fn is_start(checked: &CheckedFile, part: &TriggerPart) -> bool {
    checked.text(part.span).starts_with("starts")
}

/// What can stand behind `on` and `starts`, if that is at a place.
pub(super) fn part_name(
    checked: &CheckedFile,
    nodes: &[SyntaxNode<'_>],
    offset: u32,
) -> Option<CompletionContext> {
    let [.., SyntaxNode::TriggerPart(part), SyntaxNode::Ident(name)] = nodes else {
        return None;
    };
    if offset < name.span.start || part.name.span != name.span {
        return None;
    }
    if is_start(checked, part) {
        return Some(CompletionContext::Declared(vec![DeclKind::Pipeline]));
    }
    let sources = SOURCES.map(|(word, doc, snippet, _)| {
        let item = Completion::new(word, CompletionKind::Keyword).snippet(snippet);
        item.doc(Some(doc)).rank(0)
    });
    Some(CompletionContext::Words(sources.to_vec()))
}

/// The names of the arguments that are not given yet.
pub(super) fn argument_names(
    checked: &CheckedFile,
    part: &TriggerPart,
    given: &[String],
) -> Vec<Completion> {
    let named = |name: &str| {
        Completion::new(format!("{name}:"), CompletionKind::Parameter)
            .insert(format!("{name}: "))
            .rank(0)
    };
    let is_free = |name: &str| !given.iter().any(|given| given == name);
    if is_start(checked, part) {
        let inputs = values::declared(checked, &[DeclKind::Input]).into_iter();
        let inputs = inputs.filter(|input| is_free(&input.label));
        return inputs.map(|input| named(&input.label)).collect();
    }
    let source = SOURCES.iter().find(|(word, ..)| *word == &*part.name.name);
    let names = source.map_or(&[][..], |(.., names)| names).iter();
    names
        .filter(|name| is_free(name))
        .map(|name| named(name))
        .collect()
}
