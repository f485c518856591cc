//! Fuzzy matching of typed text against names.

/// Whether the typed letters occur in a name, in this order; case is ignored.
///
/// ```
/// assert!(lockstep_ide::fits("sgN", "staging.north"));
/// assert!(!lockstep_ide::fits("ns", "staging.north"));
/// ```
pub fn fits(typed: &str, name: &str) -> bool {
    let same = |a: char, b: char| a == b || a.to_lowercase().eq(b.to_lowercase());
    let mut rest = name.chars();
    typed
        .chars()
        .all(|wanted| rest.any(|letter| same(letter, wanted)))
}
