//! Joins the path of an import to the folder of the importing file. Must not access the file
//! system.

/// The path of `import`, as seen from the file `importer`.
pub fn join(importer: &str, import: &str) -> String {
    if is_std(import) {
        // The library is no folder: no `..` leads out of it.
        return import.to_string();
    }
    match importer.rfind('/') {
        Some(at) if !import.starts_with('/') => own(&format!("{}/{import}", &importer[..at])),
        _ => own(import),
    }
}

/// The name of a file that is none of the library's, also in a folder `std`.
pub fn own(path: &str) -> String {
    let path = normal(path);
    match is_std(&path) {
        true => format!("./{path}"),
        false => path,
    }
}

/// Whether a path names a file of the shipped library.
pub fn is_std(path: &str) -> bool {
    path.starts_with("std/")
}

/// The path without `.`, empty parts, and `..` after a folder.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_importing_file() {
        assert_eq!(join("main.deploy", "./hooks.deploy"), "hooks.deploy");
        assert_eq!(join("a/b/main.deploy", "../x.deploy"), "a/x.deploy");
        assert_eq!(join("main.deploy", "../../x.deploy"), "../../x.deploy");
        assert_eq!(join("../a/main.deploy", "../x.deploy"), "../x.deploy");
        assert_eq!(join("/srv/main.deploy", "../../../x"), "/x");
        assert_eq!(join("a/main.deploy", "/etc/x"), "/etc/x");
        assert_eq!(join("a/main.deploy", "std/health"), "std/health");
    }

    #[test]
    fn only_what_is_written_so_is_of_the_library() {
        for (importer, import, wanted) in [
            ("main.deploy", "./std/health", "./std/health"),
            ("./std/a.deploy", "./health", "./std/health"),
            ("./std/a.deploy", "../b.deploy", "b.deploy"),
            ("a/main.deploy", "../std/health", "./std/health"),
            ("main.deploy", "x/../std/../std/y", "./std/y"),
            ("/a.deploy", "./std/health", "/std/health"),
            ("main.deploy", "std/../x", "std/../x"),
        ] {
            let joined = join(importer, import);
            assert_eq!(joined, wanted, "{importer} {import}");
            assert_eq!(is_std(&joined), is_std(import), "{importer} {import}");
        }
    }
}
