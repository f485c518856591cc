//! Tests of diagnostics and of their formats for tools.

use super::codes::SYNTAX;
use super::*;
use crate::source::Sources;

/// An error with everything that one can have, one over two lines, and one without a place.
fn samples() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let shop = sources.add("./my shop.deploy", "pipelin é {\n  log \"100%\"\n}\n");
    let hooks = sources.add("hooks.deploy", "let a = 1\n");
    let full = Diagnostic::error(
        SYNTAX,
        Span::new(shop, 0, 7),
        "no such word: `pipelin`, 100%",
    )
    .here("here")
    .label(Span::new(hooks, 4, 5), "see\nthis")
    .help("write:\n  `pipeline`")
    .fix("change to `pipeline`", Span::new(shop, 0, 7), "pipeline");
    let lines = Diagnostic::warning(SYNTAX, Span::new(shop, 8, 27), "an odd pipeline");
    let nowhere = Diagnostic::without_place(SYNTAX, "no file");
    (vec![full, lines, nowhere], sources)
}

#[test]
fn json_for_tools() {
    let (diagnostics, sources) = samples();
    insta::assert_snapshot!(json(&diagnostics, &sources));
}

#[test]
fn sarif_for_code_hosts() {
    let (diagnostics, sources) = samples();
    insta::assert_snapshot!(
        sarif(&diagnostics, &sources).replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
    );
}

#[test]
fn github_annotations() {
    let (diagnostics, sources) = samples();
    insta::assert_snapshot!(github(&diagnostics, &sources));
}

#[test]
fn nothing_wrong() {
    let sources = Sources::default();
    assert_eq!(github(&[], &sources), "");
    insta::assert_snapshot!("json_of_nothing", json(&[], &sources));
}
