//! The files of `tests/corpus/fmt` with their formatted text in a snapshot each; and the shipped
//! files, which are formatted.

use std::path::Path;

use lockstep_base::source::FileId;
use lockstep_format::format_text;
use lockstep_syntax::parse;

use super::keeps_all;
use crate::support::markdown::{Block, blocks};
use crate::tidy::files;

#[test]
fn the_corpus_is_formatted() {
    insta::glob!("../corpus/fmt", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let formatted = format_text(&text).expect("it is formatted");
        insta::with_settings!({
            snapshot_path => "../corpus/fmt/snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("fmt", formatted);
        });
    });
}

#[test]
fn every_file_of_the_repository_keeps_all() {
    let all = files(&["tests/corpus", "stdlib", "examples"], "deploy");
    assert!(all.len() > 100, "{} files", all.len());
    for file in &all {
        if parse(FileId(0), &file.text).diagnostics.is_empty() {
            keeps_all(&file.text).unwrap_or_else(|why| panic!("{}: {why}", file.path));
        } else {
            let formatted = format_text(&file.text).expect("it is formatted");
            assert_eq!(format_text(&formatted), Ok(formatted), "{}", file.path);
        }
    }
}

/// The formatted text of a block of a page.
fn formatted(block: &Block) -> String {
    let statements = block.is("body") || !parse(FileId(0), &block.text).diagnostics.is_empty();
    if !statements {
        return format_text(&block.text).expect("it is formatted");
    }
    let lines = block.text.lines().map(|line| format!("  {line}\n"));
    let text = format!("pipeline page {{\n{}}}\n", lines.collect::<String>());
    let text = format_text(&text).expect("it is formatted");
    let inside = text.lines().skip(1).take(text.lines().count() - 2);
    let inside = inside.map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)));
    inside.collect()
}

/// With `LOCKSTEP_FORMAT_WRITE=1` the files are formatted in place.
#[test]
fn what_is_shipped_is_formatted() {
    let writes = std::env::var_os("LOCKSTEP_FORMAT_WRITE").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut correct = |path: &str, old: &str, new: &str| {
        if old != new {
            wrong.push(path.to_string());
            if writes {
                std::fs::write(root.join(path), new).expect("it is written");
            }
        }
    };
    for file in files(&["stdlib", "examples"], "deploy") {
        let new = format_text(&file.text).expect("it is formatted");
        correct(&file.path, &file.text, &new);
    }
    let mut pages = files(&["."], "md");
    pages.retain(|page| !page.path.contains('/') || page.path.starts_with("docs/"));
    for page in pages {
        let mut text = page.text.clone();
        for block in blocks(&page.text).expect("all blocks are closed") {
            if block.is("deploy") && !block.is("wrong") {
                let fence = format!("```{}\n", block.tags.join(","));
                let (old, new) = (&block.text, formatted(&block));
                text = text.replacen(&format!("{fence}{old}```"), &format!("{fence}{new}```"), 1);
            }
        }
        correct(&page.path, &page.text, &text);
    }
    assert!(wrong.is_empty(), "not formatted: {}", wrong.join(", "));
}
