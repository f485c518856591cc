//! The form of files: module headers, width and length, and that no file is unused.

use std::collections::BTreeSet;

use lockstep_base::diagnostic::Code;

use super::{File, files, none};

/// The maximum line width. Tests may be wider, since they contain input and output as it is.
const WIDEST: usize = 100;
const LONGEST: usize = 800;
/// Names that say nothing about the content.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];
/// Marks of unfinished work.
const MARKS: &[&str] = &["FIXME", "TODO", "XXX"];

/// Checks the form of one file.
fn complaints(
    File {
        path,
        text,
        is_test,
    }: &File,
) -> Vec<String> {
    let mut found = Vec::new();
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let is_rust = name.ends_with(".rs");
    if is_rust && stem != "tests" && !text.starts_with("//! ") {
        found.push(format!(
            "{path}:1: it does not open with `//!` and a sentence on its job"
        ));
    }
    if is_rust && text.lines().count() > LONGEST {
        found.push(format!("{path}: more than {LONGEST} lines"));
    }
    if EMPTY_NAMES.contains(&stem) {
        found.push(format!("{path}: the name says nothing"));
    }
    for (at, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", at + 1);
        if line.chars().count() > WIDEST && !is_test {
            found.push(format!("{place}: wider than {WIDEST} columns"));
        }
        if line.ends_with([' ', '\t']) {
            found.push(format!("{place}: ends in a blank"));
        }
        for mark in MARKS {
            let mut words = line.split(|char: char| !char.is_alphanumeric());
            if words.any(|word| word == *mark) {
                found.push(format!("{place}: {mark}"));
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(format!("{path}: the last line has no end"));
    }
    found
}

#[test]
fn files_are_well_formed() {
    let mut all = files(&["src", "crates", "engines", "tests"], "rs");
    // This file names the marks.
    all.retain(|file| file.path != "tests/tidy/form.rs");
    none(all.iter().flat_map(complaints).collect());
}

#[test]
fn a_bad_form_is_found() {
    let long = format!("//! A.\n{}", "\n".repeat(LONGEST));
    let wide = format!("//! A.\n// {}\n", "x".repeat(WIDEST));
    for (path, text) in [
        ("src/a.rs", "fn a() {}\n"),
        ("src/a.rs", long.as_str()),
        ("src/a.rs", wide.as_str()),
        ("src/a.rs", "//! A. \n"),
        ("src/a.rs", "//! A.\n// FIXME: b\n"),
        ("src/a.rs", "//! A."),
        ("src/common/mod.rs/utils.rs", "//! A.\n"),
    ] {
        let file = File {
            path: path.into(),
            text: text.into(),
            is_test: false,
        };
        assert_eq!(complaints(&file).len(), 1, "{path}: {text}");
    }
    let file = File {
        path: "src/a.rs".into(),
        text: "//! A todo, fixme.\n".into(),
        is_test: false,
    };
    assert_eq!(complaints(&file), [""; 0]);
}

#[test]
fn every_page_has_its_code_and_every_code_its_page() {
    let pages: BTreeSet<String> = files(&["crates/base/src/diagnostic/codes"], "md")
        .into_iter()
        .map(|file| file.path)
        .collect();
    let codes: BTreeSet<String> = Code::all()
        .map(|code| format!("crates/base/src/diagnostic/codes/{code}.md"))
        .collect();
    assert_eq!(pages, codes);
}

#[test]
fn no_code_stands_twice() {
    let codes: Vec<Code> = Code::all().collect();
    let once: BTreeSet<Code> = codes.iter().copied().collect();
    assert_eq!(codes, Vec::from_iter(once));
}
