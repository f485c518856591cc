//! The standard library that is embedded in the program: `std/NAME`.

/// The names and texts of `stdlib/*.deploy`.
const LIBRARY: &[(&str, &str)] = &[
    ("health", include_str!("../../stdlib/health.deploy")),
    ("release", include_str!("../../stdlib/release.deploy")),
];

/// The text of `std/NAME`.
pub fn find(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("std/")?;
    LIBRARY
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// All paths of the library.
pub fn paths() -> impl Iterator<Item = String> {
    LIBRARY.iter().map(|(name, _)| format!("std/{name}"))
}
