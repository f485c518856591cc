//! Differential test: the generated parser produces the same pairs as pest's own parser of the same
//! grammar.

use ::pest::Parser;
use ::pest::iterators::Pairs;
use proptest::prelude::*;

use super::random::{cut, damage, soup};
use super::{EVERYTHING, FIRST};
use crate::grammar::{Parts, Reading};
use crate::recover::SourceRepair;
use crate::scan::scan;
use lockstep_base::source::FileId;

/// The parser that pest derives from the grammar.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/deploy.pest"]
struct Pest;

/// A piece: how deep it is, what it is, and where.
type PestPair = (usize, String, usize, usize);

fn of_pest(pairs: Pairs<'_, Rule>, depth: usize, all: &mut Vec<PestPair>) {
    for pair in pairs {
        let span = pair.as_span();
        let rule = format!("{:?}", pair.as_rule());
        all.push((depth, rule, span.start(), span.end()));
        of_pest(pair.into_inner(), depth + 1, all);
    }
}

fn of_ours(parts: Parts<'_>, depth: usize, all: &mut Vec<PestPair>) {
    for pair in parts {
        let rule = format!("{:?}", pair.rule());
        all.push((depth, rule, pair.start(), pair.end()));
        of_ours(Parts::of(pair), depth + 1, all);
    }
}

fn same(text: &str) {
    let expected = Pest::parse(Rule::file, text).ok().map(|mut pairs| {
        let mut all = Vec::new();
        let whole = pairs.next().map(|pair| pair.into_inner());
        whole
            .into_iter()
            .for_each(|inner| of_pest(inner, 0, &mut all));
        all
    });
    let read = Reading::default().file(text).ok().map(|reading| {
        let mut all = Vec::new();
        of_ours(reading.parts(text), 0, &mut all);
        all
    });
    assert_eq!(read, expected, "{text:?}");
}

/// Compares the pairs of a file, as it is written and as it is repaired.
fn compare(text: &str) {
    let mended = SourceRepair::new(FileId(0), text, 0, 0..text.len())
        .repaired()
        .0;
    for text in [text, &mended] {
        let scan = scan(text);
        if !scan.clean {
            continue;
        }
        let ends = scan.cuts.iter().skip(1).copied().chain([text.len()]);
        for (from, to) in scan.cuts.iter().copied().zip(ends) {
            same(&text[from..to]);
        }
    }
}

#[test]
fn every_construct_is_read_alike() {
    compare(FIRST);
    compare(EVERYTHING);
    compare(include_str!("samples/mistakes.deploy"));
    insta::glob!("../../../../tests/corpus", "**/*.deploy", |path| {
        compare(&std::fs::read_to_string(path).expect("a corpus file"));
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn soup_is_read_alike(text in soup()) {
        compare(&text);
        compare(&format!("pipeline p {{\n  {text}\n}}\n"));
    }

    #[test]
    fn damage_is_read_alike(text in damage()) {
        compare(&text);
    }

    #[test]
    fn what_is_left_is_read_alike(text in cut()) {
        compare(&text);
    }
}
