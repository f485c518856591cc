//! The formatter never refuses its own result, and a formatted text stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_format::{checked, format_text};

fuzz_target!(|text: &str| {
    let formatted = checked(text).expect("a result that is the same program");
    let again = format_text(&formatted.text).expect("a result that is the same program");
    assert_eq!(formatted.text, again);
});
