//! The tests of the parser.

use super::*;

const FIRST: &str = include_str!("samples/first.deploy");
const EVERYTHING: &str = include_str!("samples/everything.deploy");

#[test]
fn valid_files_give_no_diagnostics() {
    for text in [FIRST, EVERYTHING] {
        let parsed = parse(FileId(0), text);
        if std::env::var("SHOW").is_ok() {
            println!("{:#?}", parsed.file);
        }
        assert_eq!(parsed.diagnostics, []);
    }
}

#[test]
fn sizes() {
    println!(
        "expr {} stmt {} item {} string {}",
        size_of::<ast::Expr>(),
        size_of::<ast::Stmt>(),
        size_of::<ast::Item>(),
        size_of::<ast::StringLit>()
    );
}
