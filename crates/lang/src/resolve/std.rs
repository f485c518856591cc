//! The standard library that is embedded in the program: `std/NAME`.

/// The modules of the library, each with its text.
macro_rules! library {
    ($($name:literal)*) => {
        const LIBRARY: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../stdlib/", $name, ".deploy")))),*
        ];
    };
}

library! {
    "argocd" "aws" "azure" "compose" "container" "database" "files" "gcloud" "git" "github"
    "haproxy" "health" "helm" "http" "image" "kubernetes" "nginx" "notify" "prometheus" "release"
    "systemd" "terraform"
}

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
