//! Declarations and texts that are not finished: they do not take the next declaration with them,
//! and what is reported stands where they end.

use proptest::prelude::*;

use super::random::{damage, soup};
use super::{codes, read};
use crate::ast::ItemKind;

const NEXT: &str = "\n\nworkflow hello(n: int = 1) {\n  run \"echo ${n}\"\n}\n";

const DECLARATIONS: [&str; 8] = [
    "let base = 1 + 2",
    "let base: int = if true then 1 else 2",
    "let base = f ( 1 , g . x ) ?? [ 1 , 2 ]",
    "let base = { a : 1 , b : not true and x in y }",
    "input region: \"eu\" | \"us\" = \"eu\" where region != \"x\"",
    "secret token = env ( \"TOKEN\" )",
    "import \"./a.deploy\" as a",
    "from \"./a.deploy\" import a as b",
];

#[test]
fn an_unfinished_declaration_ends_before_the_next() {
    for whole in DECLARATIONS {
        let words: Vec<&str> = whole.split(' ').collect();
        for count in 1..words.len() {
            let text = words.get(..count).unwrap_or_default().join(" ");
            for gap in ["", " ", "  # soon"] {
                let all = format!("{text}{gap}{NEXT}");
                let parse = read(&all);
                let found = &parse.diagnostics;
                let is_next = |kind: &ItemKind| match kind {
                    ItemKind::Workflow { name, .. } => name.name.as_ref() == "hello",
                    _ => false,
                };
                let kept = parse.file.items.iter().any(|item| is_next(&item.kind));
                assert!(kept, "{all}\n{found:?}");
                let late = found.iter().find(|found| {
                    let start = found.span().map_or(0, |span| span.start as usize);
                    start > text.len() + gap.len() + 2
                });
                assert!(late.is_none(), "{all}\n{late:?}");
                assert!(found.len() <= 3, "{all}\n{found:?}");
            }
        }
    }
}

/// A pipeline of long texts, of which some are not closed.
fn long_texts(open: &[usize]) -> String {
    let mut text = String::from("pipeline p {\n");
    for number in 0..12 {
        text.push_str("  run \"\"\"\n    echo ${run.id} {\n    test -f f && rm 'f'\n");
        if !open.contains(&number) {
            text.push_str("    \"\"\"\n");
        }
    }
    text + "}\n"
}

#[test]
fn a_long_text_that_is_not_closed_is_the_one_mistake() {
    for open in [&[2][..], &[0], &[11], &[10, 11], &[1, 5], &[3, 4, 5]] {
        let text = long_texts(open);
        let parse = read(&text);
        let starts: Vec<usize> = text
            .match_indices("run \"\"\"")
            .map(|(at, _)| at + 4)
            .collect();
        let expected: Vec<_> = open.iter().map(|number| starts[*number]).collect();
        let found: Vec<usize> = (parse.diagnostics.iter())
            .filter_map(|found| Some(found.span()?.start as usize))
            .collect();
        assert_eq!(found, expected, "{text}\n{:?}", parse.diagnostics);
        assert!(codes(&text).iter().all(|code| *code == "E0104"));
    }
}

#[test]
fn a_string_that_is_not_closed_is_not_nested() {
    for text in [
        "pipeline p { log \"<${\"a\\}>\" }\n",
        "pipeline p { log \"${\"a\\}\" }\n",
        "let a = 1 pipeline p { run \"x ${\"\\}y\" }\n",
        "let a = \"${b}, ]\n",
        "pipeline p { log f(\"${[a]}) }\n",
        "let x = \"\"\"\"\"\"\"${",
    ] {
        let found = codes(text);
        assert!(found.contains(&"E0104"), "{text} {found:?}");
        assert!(!found.contains(&"E0120"), "{text} {found:?}");
    }
}

/// A keyword that was repaired is another length in the source.
#[test]
fn what_is_missing_behind_a_misspelt_keyword_is_missing_there() {
    for word in ["verif¥", "verif§", "matri¥", "paralle¥", "seria§", "loc¥"] {
        read(&format!("pipeline p {{\n  {word} {{ log \"a\" }}\n}}\n"));
        read(&format!(
            "pipeline p {{\n  {word} a in [1] {{ log \"a\" }}\n}}\n"
        ));
    }
}

proptest! {
    #[test]
    fn only_what_nests_is_nested_too_deeply(text in prop_oneof![soup(), damage(), quotes()]) {
        let opening = text.bytes().filter(|byte| b"{[(".contains(byte)).count();
        let is_deep = codes(&text).contains(&"E0120");
        prop_assert!(opening >= 30 || !is_deep, "{text:?}");
    }
}

/// Quotes, interpolations and brackets in any order.
fn quotes() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "\"",
        "\"",
        "\"\"\"",
        "${",
        "}",
        "\\",
        "\\}",
        "{",
        "}",
        "(",
        ")",
        "a",
        " ",
        "\n",
        "run ",
        "pipeline p {",
        "let x = ",
        ",",
        "#",
        "'",
    ]);
    prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat())
}
