//! What the formatter does with every file of the repository.

use std::path::Path;

use super::{format, format_text};
use crate::source::FileId;
use crate::syntax::parse;

/// All `.deploy` files below a folder of the repository, with their texts.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "deploy") {
                let text = std::fs::read_to_string(&path).expect("a text");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found
}

#[test]
fn every_file_keeps_its_meaning() {
    let mut count = 0;
    for folder in ["tests/corpus", "stdlib", "examples"] {
        for (path, text) in sources(folder) {
            let formatted = format_text(&text).unwrap_or_else(|why| panic!("{path}: {why}"));
            let again = format_text(&formatted).unwrap_or_else(|why| panic!("{path}: {why}"));
            assert_eq!(again, formatted, "{path}");
            let tree = parse(FileId(0), &text);
            if tree.diagnostics.is_empty() {
                let kept = format(&tree, &text).kept;
                assert_eq!(kept, [], "{path}: left as it stands");
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count} files");
}
