//! Replaces what differs between runs, so that whole outputs can be compared.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Patterns and the replacements of their matches.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let table = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        (r"\br-[0-9a-z]{4,}\b", "[RUN]"),
    ];
    let compile = |(pattern, mark)| (Regex::new(pattern).expect("a pattern"), mark);
    table.into_iter().map(compile).collect()
});

/// The text without the temporary folder, times and run ids.
pub fn redact(text: &str, folder: &Path) -> String {
    let mut text = text.to_string();
    let real = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    for path in [real.as_path(), folder] {
        text = text.replace(&path.display().to_string(), "[FOLDER]");
    }
    for (pattern, mark) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *mark).into_owned();
    }
    text
}

#[test]
fn what_differs_is_replaced() {
    let folder = Path::new("/tmp/x1");
    let text = "/tmp/x1/a at 2026-03-01T12:00:00.000Z in r-7f3a, not in r-7";
    assert_eq!(
        redact(text, folder),
        "[FOLDER]/a at [TIME] in [RUN], not in r-7"
    );
}
