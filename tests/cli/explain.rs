//! `lockstep explain`.

use lockstep_base::diagnostic::Code;

use crate::support::Test;

#[test]
fn a_code_shows_its_page() {
    let page = Test::new().args(["explain", "e704"]).said();
    assert_eq!((page.stderr.as_str(), page.code), ("", 0));
    insta::assert_snapshot!(page.stdout);
}

#[test]
fn without_a_code_all_are_listed() {
    let list = Test::new().args(["explain"]).said();
    assert_eq!((list.stderr.as_str(), list.code), ("", 0));
    let lines: Vec<&str> = list
        .stdout
        .lines()
        .filter(|line| line.starts_with("  E") || line.starts_with("  L"))
        .collect();
    let codes: Vec<String> = Code::all()
        .map(|code| format!("  {code}  {}", code.title()))
        .collect();
    assert_eq!(lines, codes);
    assert!(list.stdout.starts_with("Syntax\n  E0101  "));
}

#[test]
fn an_unknown_code_is_refused() {
    Test::new()
        .args(["explain", "E9999"])
        .stderr(
            "error[E0704]: there is no code `E9999`\n  help: `lockstep explain` lists all codes\n",
        )
        .exits(2);
}
