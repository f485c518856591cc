//! The table of rules, their pages and the list in `docs/lint.md` agree.

use std::collections::BTreeSet;
use std::path::Path;

use lockstep_base::diagnostic::Code;
use lockstep_lint::{self as lint, Level, Rule};

/// The second line of a rule's page.
fn remark(rule: &Rule) -> String {
    format!("`{}` · {}", rule.name, rule.level.as_str())
}

/// The row of a rule in the list of the documentation.
fn row(rule: &Rule) -> String {
    let level = match (rule.safe, rule.level) {
        (true, level) => format!("{}, fixable", level.as_str()),
        (false, level) => level.as_str().to_string(),
    };
    format!(
        "| {} | `{}` | {level} | {} |",
        rule.code,
        rule.name,
        rule.code.title()
    )
}

#[test]
fn codes_and_rules_are_the_same() {
    let rules: Vec<Code> = lint::rules().iter().map(|rule| rule.code).collect();
    let codes: Vec<Code> = Code::all().filter(|code| code.is_lint()).collect();
    assert_eq!(rules, codes);
    let names: BTreeSet<&str> = lint::rules().iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules.len());
}

#[test]
fn pages_say_name_and_level() {
    for rule in lint::rules() {
        let page = rule.code.page();
        let said = page.lines().nth(2).unwrap_or_default();
        let wanted = remark(rule);
        let rest = said.strip_prefix(&wanted);
        assert!(
            rest.is_some_and(|it| it.is_empty() || it.starts_with(" · ")),
            "{said}"
        );
        let mended = said.contains("fixed by `lockstep lint --fix`");
        assert_eq!(mended, rule.safe, "{said}");
        assert!(!(rule.safe && rule.level == Level::Off), "{said}");
    }
}

#[test]
fn the_list_of_the_documentation_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md");
    let page = std::fs::read_to_string(path).expect("docs/lint.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| L0"))
        .collect();
    let wanted: Vec<String> = lint::rules().iter().map(row).collect();
    assert_eq!(rows, wanted);
}
