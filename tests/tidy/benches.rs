//! The benchmarks: that what is written down about them has the rows that they have.

use std::path::Path;

use regex::Regex;

/// The names that an expression finds in a file, in its order.
fn names(path: &str, expression: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(path).expect("a file");
    let found = Regex::new(expression).expect("an expression");
    let names = found.captures_iter(&text).map(|it| it[1].to_string());
    names.collect()
}

#[test]
fn every_count_is_written_down() {
    let rows = names("benches/counts", r#"(?m)^@row\("([^"]+)"\)$"#);
    let counts = names("benches/counts.txt", r"(?m)^([a-z-]+) +[0-9,]+ +[0-9,]+$");
    assert!(rows.len() >= 10, "{rows:?}");
    assert_eq!(rows, counts, "write them down: benches/counts --write");
}

#[test]
fn every_comparison_is_written_down() {
    // What takes minutes is only measured by name.
    let rows = names(
        "benches/compare",
        r#"(?m)^@row\("([^"]+)", ".*"(?:, rounds=[1-9]\d*)?\)$"#,
    );
    let table = names("BENCHMARKS.md", r"(?m)^\| `([a-z0-9-]+)` \| .* (?:yes|no)\b.* \|$");
    assert!(rows.len() >= 20, "{rows:?}");
    assert_eq!(rows, table, "write them down: benches/compare --write");
}
