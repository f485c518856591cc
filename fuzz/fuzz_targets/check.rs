//! Any text can be checked: it gives a program, or at least one error that has a place. The same
//! text gives the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_base::diagnostic::Severity;
use lockstep_fuzz::compiled;

fuzz_target!(|text: &str| {
    let compilation = compiled(text);
    let mut all = compilation.diagnostics.iter();
    let has_errors = all.any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(compilation.program.is_none(), has_errors);

    let again = compiled(text);
    assert_eq!(compilation.diagnostics, again.diagnostics);
    assert_eq!(compilation.program, again.program);
});
