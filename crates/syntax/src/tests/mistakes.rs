//! Texts with syntax errors: each message with its location, and the rest of the tree.

use std::fmt::Write;

use super::{codes, read, show};
use lockstep_base::diagnostic::Code;
use lockstep_base::source::Source;

/// The texts, separated by lines of dashes.
const MISTAKES: &str = include_str!("samples/mistakes.deploy");

#[test]
fn mistakes_have_precise_messages_and_leave_the_rest() {
    let mut out = String::new();
    for text in MISTAKES.split("\n----\n") {
        let parse = read(text);
        assert!(!parse.diagnostics.is_empty(), "no mistake found in {text}");
        let source = Source::new("", text);
        let _ = writeln!(out, "{}\n----", text.trim_end());
        for found in &parse.diagnostics {
            for (number, label) in found.labels.iter().enumerate() {
                let (line, column) = source.line_column(label.span.start);
                let shown = text[label.span.range()].escape_debug();
                if number == 0 {
                    let _ = writeln!(out, "{} {}", found.code, found.message);
                }
                let _ = writeln!(out, "  {line}:{column} `{shown}` {}", label.text);
            }
            if let Some(help) = &found.help {
                let _ = writeln!(out, "  help: {help}");
            }
            for fix in &found.fixes {
                let _ = writeln!(out, "  fix: {}", fix.title);
            }
        }
        let _ = writeln!(out, "----\n{}========", show::file(&parse.file));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn fixes_mend_what_they_promise() {
    for text in MISTAKES.split("\n----\n") {
        let parse = read(text);
        for found in &parse.diagnostics {
            for fix in &found.fixes {
                let mut mended = String::from(text);
                let mut edits = fix.edits.clone();
                edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
                for (span, new) in edits {
                    mended.replace_range(span.range(), &new);
                }
                let after = read(&mended).diagnostics;
                let left = after
                    .iter()
                    .filter(|other| other.message == found.message)
                    .count();
                let before = parse
                    .diagnostics
                    .iter()
                    .filter(|other| other.message == found.message)
                    .count();
                assert!(
                    left < before && after.len() < parse.diagnostics.len() + 1,
                    "`{}` does not mend `{}`:\n{mended}\n{after:?}",
                    fix.title,
                    found.message
                );
            }
        }
    }
}

/// The blocks of a page that begin with a line of three backticks and `deploy`.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```deploy\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn each_page_of_a_syntax_code_shows_its_mistake() {
    let mut pages = 0;
    for code in Code::all().filter(|code| code.as_str().starts_with("E01")) {
        let blocks = blocks(code.page());
        let [wrong, right] = blocks.as_slice() else {
            panic!("{code} has not two examples");
        };
        let mut found = codes(wrong);
        found.dedup();
        assert_eq!(found, [code.as_str()], "{wrong}");
        assert_eq!(codes(right), [] as [&str; 0], "{right}");
        pages += 1;
    }
    assert_eq!(pages, 26);
}

#[test]
fn a_misspelt_word_is_no_longer_than_it_is_written() {
    let short = "pipeline p {\n  lock \"a\" {\n    verif\n    log \"b\"\n  }\n}\n";
    assert!(!codes(short).is_empty());
}
