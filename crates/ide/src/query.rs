//! What somebody has typed of a name. It does not know which names there are.

/// Whether the letters that were typed stand in a name, in order; capitals do not matter.
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
