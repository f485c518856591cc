//! Deeply nested, long and broken texts are parsed quickly, without overflowing the stack.

use std::time::{Duration, Instant};

use super::{codes, read};
use crate::ast::Item;
use crate::{ScannedText, parse};
use lockstep_base::source::FileId;

/// How long parsing may take. Without optimization and in parallel with other tests it takes
/// longer; what grows exponentially takes longer than any limit.
pub(super) const PARSE_TIME_LIMIT: Duration =
    Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });

/// Reads a text, which must not take long.
#[track_caller]
fn quickly(text: &str) -> Vec<&'static str> {
    let start = Instant::now();
    let codes = codes(text);
    let took = start.elapsed();
    assert!(took < PARSE_TIME_LIMIT, "it took {took:?}");
    codes
}

fn in_pipeline(text: &str) -> String {
    format!("pipeline p {{\n{text}\n}}\n")
}

#[test]
fn a_hundred_brackets_are_read() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{ a: ", "1", " }"),
        ("f(", "1", ")"),
        ("a[", "1", "]"),
        ("\"${", "1", "}\""),
    ] {
        let text = format!("let x = {}{inner}{}", open.repeat(100), close.repeat(100));
        assert_eq!(quickly(&text), [] as [&str; 0], "{open}");
    }
    let blocks = in_pipeline(&format!(
        "{}log 1{}",
        "serial {".repeat(100),
        "}".repeat(100)
    ));
    assert_eq!(quickly(&blocks), [] as [&str; 0]);
    let types = format!("input x: {}int{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(quickly(&types), [] as [&str; 0]);
}

#[test]
fn more_brackets_are_too_deep() {
    for count in [200, 2_000, 8_000] {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{ a: ", "}"),
            ("f(", ")"),
            ("\"${", "}\""),
        ] {
            let text = format!(
                "let x = {}1{}\nlet y = 2",
                open.repeat(count),
                close.repeat(count)
            );
            assert_eq!(quickly(&text), ["E0120"], "{count} {open}");
            assert_eq!(read(&text).file.items.len(), 2);
        }
        let blocks = format!("{}log 1{}", "if a {\n".repeat(count), "}\n".repeat(count));
        assert_eq!(quickly(&in_pipeline(&blocks)), ["E0120"], "{count} blocks");
    }
}

#[test]
fn unclosed_brackets_are_reported_once_each_up_to_a_limit() {
    for open in [
        "{", "[", "(", "{\n", "[\n", "(\n", "({[", "\"${", "\"\"\"${", "f(\n  ",
    ] {
        for before in ["", "let x = ", "pipeline p {\n  log "] {
            let text = format!("{before}{}", open.repeat(10_000));
            let codes = quickly(&text);
            assert!(!codes.is_empty());
            assert!(codes.len() <= 500, "{} for {open:?}", codes.len());
        }
    }
    for close in ["}", "]", ")", "}])", "}\n"] {
        let codes = quickly(&close.repeat(10_000));
        assert!(!codes.is_empty());
        assert!(codes.len() <= 500, "{} for {close:?}", codes.len());
    }
}

#[test]
fn long_chains_are_too_deep_or_fine() {
    let plus = format!("let x = 1{}", " + 1".repeat(100));
    assert_eq!(quickly(&plus), [] as [&str; 0]);
    for link in [" + 1", ".a", "[0]", "(1)", " ?? 1", " and 1", " == 1"] {
        let text = format!("let x = a{}", link.repeat(10_000));
        assert!(quickly(&text).contains(&"E0120"), "{link}");
    }
    for prefix in [
        "- ",
        "not ",
        "- not ",
        "if a then ",
        "if ",
        "if a then 1 else ",
    ] {
        let text = format!("let x = {}1", prefix.repeat(10_000));
        assert!(quickly(&text).contains(&"E0120"), "{prefix}");
        let few = format!("let x = {}1", prefix.repeat(100));
        quickly(&few);
    }
}

#[test]
fn long_lists_of_statements_are_fine() {
    let elses = format!("if a {{ }}{}", " else if b { }".repeat(10_000));
    assert_eq!(quickly(&in_pipeline(&elses)), [] as [&str; 0]);
    let many = "log 1\n".repeat(5_000);
    assert_eq!(quickly(&in_pipeline(&many)), [] as [&str; 0]);
    let modifiers = format!("run \"x\"{}", " timeout 5s".repeat(5_000));
    assert_eq!(quickly(&in_pipeline(&modifiers)), [] as [&str; 0]);
}

#[test]
fn many_mistakes_are_answered_quickly() {
    for line in [
        "depoly a to b\n",
        "let x =\n",
        "x = 5;\n",
        "foo bar\n",
        "log \"open\n",
        "log 'a' && b\n",
        "}\n",
        "serial {\n",
        "log \"${\n",
        "log \"\"\"${\n",
        "for x in y {\n",
        "a ? b : c\n",
        "// x\n",
        "f(a b c\n",
    ] {
        let text = in_pipeline(&line.repeat(2_000));
        assert!(!quickly(&text).is_empty(), "{line}");
        assert!(!quickly(&line.repeat(2_000)).is_empty(), "{line}");
    }
}

/// A file of so many declarations, the last of which stands on `last`.
fn declarations(count: usize, last: &str) -> String {
    let mut text = String::from("\u{feff}# All of them.\n");
    for number in 0..count {
        text.push_str(&format!(
            "# Number {number}.\npipeline p{number} {{\n  run \"echo {number}\"\n}}\n\n"
        ));
    }
    text + last
}

#[test]
fn pieces_are_the_file_and_few_at_a_time() {
    let text = declarations(2_000, "let last = 1\n");
    let mut all = Vec::new();
    let (mut most, mut ends) = (0, vec![0]);
    let is_read = ScannedText::new(&text).pieces(FileId(0), |items, end| {
        most = most.max(items.len());
        let from = ends.last().copied().unwrap_or_default();
        let stand_in = |item: &Item| (from..=end).contains(&(item.span.end as usize));
        assert!(items.iter().all(stand_in), "{from}..{end}");
        ends.push(end);
        all.extend_from_slice(items);
        true
    });
    assert!(is_read);
    assert_eq!(ends.last(), Some(&text.len()));
    assert_eq!(all, parse(FileId(0), &text).file.items);
    assert!(most < 200, "{most} declarations at once");
}

#[test]
fn pieces_end_at_the_first_mistake_and_where_nobody_wants_more() {
    let count = |text: &str, wanted: usize| {
        let mut taken = 0;
        let is_read = ScannedText::new(text).pieces(FileId(0), |_, _| {
            taken += 1;
            taken < wanted
        });
        (is_read, taken)
    };
    let text = declarations(2_000, "");
    let (is_read, pieces) = count(&text, usize::MAX);
    assert!(is_read && pieces > 10, "{pieces}");
    assert_eq!(count(&text, 3), (false, 3));
    let mistaken = declarations(1_000, "pipeline p { step }\n") + &text;
    let (is_read, before) = count(&mistaken, usize::MAX);
    assert!(!is_read && before < pieces, "{before}");
    assert_eq!(count("let x = (", usize::MAX), (false, 0));
    assert_eq!(count("", usize::MAX), (true, 1));
}
