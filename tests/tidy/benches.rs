//! The benchmarks: that what is written down about them has the rows that they have.

use std::path::Path;

use regex::Regex;

/// A row of `benches/compare` that is measured where none is named.
const ROW: &str = r#"(?m)^@row\("([^"]+)", "[^"]*"(?:, rounds=[1-9]\d*)?\)$"#;

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
    let rows = names("benches/compare", ROW);
    let mut table = names(
        "BENCHMARKS.md",
        r"(?m)^\| `([a-z0-9-]+)` \| .* \| [*]*(?:yes|no)[*]* \|",
    );
    // What takes minutes is measured by name, and may be written down.
    let by_name = names(
        "benches/compare",
        r#"(?m)^@row\("([^"]+)", .*, rounds=0\)$"#,
    );
    table.retain(|name| !by_name.contains(name));
    assert!(rows.len() >= 20, "{rows:?}");
    assert_eq!(rows, table, "write them down: benches/compare --write");
}
