//! Converts between the URIs of documents and paths of files.

use std::path::{Path, PathBuf};

pub(super) use lockstep_ide::moves::normal;

/// The path of a `file:` URI.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host before the path can only be this one.
    let path = &rest[rest.find('/')?..];
    let path = decode(path)?;
    let bytes = path.as_bytes();
    let drive = bytes.get(1).is_some_and(u8::is_ascii_alphabetic) && bytes.get(2) == Some(&b':');
    let path = if drive { path.get(1..)? } else { &path };
    Some(normal(Path::new(path)))
}

/// The `file:` URI of a path.
pub(super) fn uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let mut uri = String::from("file://");
    if !text.starts_with('/') {
        uri.push('/');
    }
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// Decodes percent-encoding such as `%2F`.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_lead_to_each_other() {
        for (address, file) in [
            ("file:///srv/a%20b/caf%C3%A9.deploy", "/srv/a b/café.deploy"),
            ("file:///x/%23%25.deploy", "/x/#%.deploy"),
        ] {
            assert_eq!(path(address), Some(PathBuf::from(file)));
            assert_eq!(uri(Path::new(file)), address);
        }
        assert_eq!(path("file://localhost/a/../b"), Some(PathBuf::from("/b")));
        assert_eq!(path("file:///c%3A/x"), Some(PathBuf::from("c:/x")));
        assert_eq!(path("untitled:Untitled-1"), None);
        assert_eq!(path("file:///bad%zz"), None);
        assert_eq!(path("file:///bad%é"), None);
    }
}
