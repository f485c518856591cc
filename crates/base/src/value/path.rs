//! Joins paths lexically: `.` and `..` are worked out as they are written, and no link is followed.
//! Must not access the file system.

/// The absolute path of `text`, which is relative to `folder`. A slash at its end goes.
pub fn absolute(folder: &str, text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let from = if text.starts_with('/') { "" } else { folder };
    for part in from.split('/').chain(text.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// An absolute path as seen from a folder, where it is in that folder or below.
pub fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    match path.strip_prefix(folder.trim_end_matches('/'))? {
        "" | "/" => Some("."),
        rest => rest.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_joined_to_its_folder() {
        for (text, wanted) in [
            ("dist", "/srv/app/dist"),
            ("./dist/", "/srv/app/dist"),
            (".", "/srv/app"),
            ("..", "/srv"),
            ("../../../x", "/x"),
            ("a//b/./../c", "/srv/app/a/c"),
            ("/opt/../etc/x/", "/etc/x"),
            ("/", "/"),
            ("~/x", "/srv/app/~/x"),
            (" ", "/srv/app/ "),
        ] {
            assert_eq!(absolute("/srv/app", text), wanted, "{text}");
        }
        assert_eq!(absolute("/", "x"), "/x");
        assert_eq!(absolute("/", "."), "/");
    }

    #[test]
    fn a_path_is_seen_from_a_folder_above() {
        assert_eq!(below("/srv/app", "/srv/app/dist"), Some("dist"));
        assert_eq!(below("/srv/app", "/srv/app"), Some("."));
        assert_eq!(below("/srv/app", "/srv/apple"), None);
        assert_eq!(below("/srv/app", "/srv"), None);
        assert_eq!(below("/", "/srv/app"), Some("srv/app"));
        assert_eq!(below("/", "/"), Some("."));
    }
}
