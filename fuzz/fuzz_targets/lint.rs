//! The rules of `lint` look at any text, with and without plans; the fixes that `--fix` applies
//! leave a program that compiles as one that compiles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_lint::{Config, fix, lint_with};
use lockstep_plan::Plan;
use lockstep_fuzz::{FILE, OneFile, assert_places, compiled, plans};

fuzz_target!(|text: &str| {
    let config = Config::default();
    let compilation = compiled(text);
    let planned = match &compilation.program {
        Some(program) => plans(program, text, false),
        None => Vec::new(),
    };
    let plans: Vec<&Plan> = planned.iter().collect();
    let findings = lint_with(&compilation, &plans, &config);
    assert_places(&findings, &compilation.sources);

    let fixed = fix(&OneFile(text), FILE, text, &config);
    let after = compiled(&fixed.text);
    assert_eq!(compilation.program.is_some(), after.program.is_some());
});
