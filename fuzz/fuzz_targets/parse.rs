//! Any text has a tree, as a file and as an expression, and every mistake has a place in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_base::source::Sources;
use lockstep_syntax::{parse, parse_expression};
use lockstep_fuzz::{FILE, assert_places};

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let file = sources.add(FILE, text);

    let parsed = parse(file, text);
    assert_eq!(parsed.file.span.range(), 0..text.len());
    assert_places(&parsed.diagnostics, &sources);

    let (_, diagnostics) = parse_expression(file, text);
    assert_places(&diagnostics, &sources);
});
