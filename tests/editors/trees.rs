//! The tree-sitter grammar reads what the program reads: a text has an error in the one exactly if
//! it has one in the other. It does not compare the trees.

use lockstep::source::FileId;
use lockstep::syntax;
use tree_sitter::Parser;

use crate::tidy::{files, none};

/// A parser of the committed grammar.
fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_deploy::LANGUAGE.into())
        .expect("a grammar that this library can use");
    parser
}

/// How the two disagree about a text, if they do.
fn disagreement(parser: &mut Parser, text: &str) -> Option<String> {
    let tree = parser.parse(text, None).expect("a tree");
    let mistakes = syntax::parse(FileId(0), text).diagnostics;
    match (tree.root_node().has_error(), mistakes.first()) {
        (true, None) => Some(String::from("an error for tree-sitter alone")),
        (false, Some(mistake)) => Some(format!(
            "an error for the program alone: {} {}",
            mistake.code, mistake.message
        )),
        _ => None,
    }
}

#[test]
fn files_have_errors_in_the_tree_where_the_program_reports_some() {
    let mut parser = parser();
    let all = files(&["examples", "stdlib", "src", "tests"], "deploy");
    let complaints = all.iter().filter_map(|file| {
        let disagreement = disagreement(&mut parser, &file.text)?;
        Some(format!("{}: {disagreement}", file.path))
    });
    none(complaints.collect());
}
