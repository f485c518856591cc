//! What compiles can be planned or is refused with a diagnostic that has a place, the proof that
//! it ends included.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_verify::check;
use lockstep_fuzz::{NoVariables, OneFile, assert_places, compiled, plans};

fuzz_target!(|text: &str| {
    let compilation = compiled(text);
    let Some(program) = &compilation.program else {
        return;
    };
    let found = check(program, &NoVariables, &OneFile(text));
    assert_places(&found, &compilation.sources);
    for plan in plans(program, text, true) {
        assert!(plan.tree.iter().next().is_some());
    }
});
