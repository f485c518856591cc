//! The tree-sitter queries match the grammar, and every keyword of a program is highlighted as one.

use std::collections::BTreeSet;

use lockstep_base::source::FileId;
use lockstep_syntax as syntax;
use lockstep_syntax::ast::{HandlerKind, ItemKind, StmtKind};
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

/// Whether a handler ends in a verdict.
fn ends_in_verdict(text: &str) -> bool {
    let file = syntax::parse(FileId(0), text).file;
    let ItemKind::Pipeline { body, .. } = &file.items[0].kind else {
        panic!("a pipeline: {text}")
    };
    let HandlerKind::OnFailure { body, .. } = &body.stmts[0].handlers[0].kind else {
        panic!("a handler: {text}")
    };
    let last = body.stmts.last().expect("a statement");
    matches!(
        last.kind,
        StmtKind::Ignore
            | StmtKind::Rollback(_)
            | StmtKind::Abort
            | StmtKind::Retry(_)
            | StmtKind::Ask { .. }
    )
}

/// `retry` at the end of a handler may be its verdict, or a modifier of what stands before it.
#[test]
fn verdicts_are_drawn_as_verdicts() {
    let before = [
        "",
        "log \"x\"",
        "run \"x\"",
        "f()",
        "let x = 1",
        "let x = run \"y\"",
        "let x = f()",
        "deploy a to b",
        "wait 1s",
        "approve \"q\"",
        "step s { log 1 }",
        "serial { log 1 }",
        "parallel { log 1 }",
        "parallel x in [1] { log x }",
        "matrix x in [1] { log x }",
        "if true { log 1 }",
        "if true { log 1 } else { log 2 }",
        "lock \"l\" { log 1 }",
        "verify for 1s every 1s { run \"x\" }",
        "on b { run \"x\" }",
        "run \"x\" always { log 1 }",
        "barrier b",
    ];
    let verdicts = [
        "ignore",
        "rollback",
        "rollback stage",
        "abort",
        "retry 2",
        "ask",
    ];
    let query = Query::new(&language(), tree_sitter_deploy::HIGHLIGHTS_QUERY).expect("a query");
    let names = query.capture_names();
    let mut modifiers = 0;
    for before in before {
        for verdict in verdicts {
            let head = format!("pipeline p {{ run \"a\" on failure {{ {before} ");
            let text = format!("{head}{verdict} }} }}\n");
            let wanted = match ends_in_verdict(&text) {
                true => "keyword.exception",
                false => "keyword.modifier",
            };
            modifiers += u32::from(wanted == "keyword.modifier");
            let tree = parser().parse(&text, None).expect("a tree");
            let mut cursor = QueryCursor::new();
            let mut found = cursor.captures(&query, tree.root_node(), text.as_bytes());
            // Of several patterns the last one counts.
            let mut drawn = None;
            while let Some((matched, at)) = found.next() {
                let capture = matched.captures()[*at];
                if capture.node.start_byte() == head.len() {
                    let name = names[capture.index as usize];
                    drawn = drawn.max(Some((matched.pattern_index, name)));
                }
            }
            assert_eq!(drawn.map(|(_, name)| name), Some(wanted), "{text}");
        }
    }
    assert!(modifiers >= 2, "only {modifiers}");
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
