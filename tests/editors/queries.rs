//! The tree-sitter queries match the grammar, and every keyword of a program is highlighted as one.

use std::collections::BTreeSet;

use lockstep_base::source::FileId;
use lockstep_syntax as syntax;
use tree_sitter::{Language, Node, Query, QueryCursor, StreamingIterator};

use super::trees::parser;
use crate::tidy::files;

fn language() -> Language {
    tree_sitter_deploy::LANGUAGE.into()
}

#[test]
fn every_query_fits_the_grammar() {
    let queries = files(&["editors/tree-sitter-deploy/queries"], "scm");
    let names: Vec<&str> = queries
        .iter()
        .filter_map(|query| query.path.rsplit('/').next())
        .collect();
    assert_eq!(
        names,
        [
            "folds.scm",
            "highlights.scm",
            "indents.scm",
            "injections.scm",
            "locals.scm",
            "textobjects.scm",
        ]
    );
    for query in &queries {
        if let Err(error) = Query::new(&language(), &query.text) {
            panic!("{}: {error}", query.path);
        }
    }
}

/// The leaves of a tree that are keywords of the language, with the names of their captures.
fn words<'t>(node: Node<'t>, found: &mut Vec<Node<'t>>) {
    let kind = node.kind();
    let is_word = kind
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b' ');
    if node.child_count() == 0 && !node.is_named() && is_word {
        found.push(node);
    }
    for at in 0..node.child_count() {
        words(node.child(at).expect("a child"), found);
    }
}

#[test]
fn every_word_is_drawn_as_a_word() {
    let query = Query::new(&language(), tree_sitter_deploy::HIGHLIGHTS_QUERY).expect("a query");
    let names = query.capture_names();
    let mut kinds = BTreeSet::new();
    for file in files(&["crates/syntax/src/tests/samples", "examples"], "deploy") {
        if !syntax::parse(FileId(0), &file.text).diagnostics.is_empty() {
            continue;
        }
        let tree = parser().parse(&file.text, None).expect("a tree");
        let mut drawn = BTreeSet::new();
        let mut cursor = QueryCursor::new();
        let mut found = cursor.captures(&query, tree.root_node(), file.text.as_bytes());
        while let Some((matched, at)) = found.next() {
            let capture = matched.captures()[*at];
            let name = names[capture.index as usize];
            if name.starts_with("keyword") {
                drawn.insert(capture.node.byte_range().start);
            }
        }
        let mut all = Vec::new();
        words(tree.root_node(), &mut all);
        for word in all {
            let start = word.byte_range().start;
            let place = word.start_position();
            assert!(
                drawn.contains(&start),
                "{} {place}: `{}`",
                file.path,
                word.kind()
            );
            kinds.insert(String::from(word.kind()));
        }
    }
    // The samples contain nearly every keyword of the language.
    assert!(kinds.len() > 60, "{kinds:?}");
}

#[test]
fn commands_are_shell_without_their_interpolations() {
    let text = "pipeline p { run \"echo ${a} \\\"x\\\" | cat\" log \"not ${a} shell\" }";
    let query = Query::new(&language(), tree_sitter_deploy::INJECTIONS_QUERY).expect("a query");
    let tree = parser().parse(text, None).expect("a tree");
    let mut cursor = QueryCursor::new();
    let mut found = cursor.matches(&query, tree.root_node(), text.as_bytes());
    let mut pieces = Vec::new();
    while let Some(matched) = found.next() {
        let content = matched.captures()[0].node;
        let mut from = content.start_byte();
        for at in 0..content.child_count() {
            let child = content.child(at).expect("a child");
            pieces.push(&text[from..child.start_byte()]);
            from = child.end_byte();
        }
        pieces.push(&text[from..content.end_byte()]);
    }
    assert_eq!(pieces, ["echo ", " ", "x", " | cat"]);
}
