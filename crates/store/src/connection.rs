//! How the database of a state directory is opened: to read and write or, where this process may
//! only read it, to look.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, access};

use super::database;

/// Opens the database of a state directory, which exists.
pub(super) fn open(folder: &Path) -> rusqlite::Result<Connection> {
    let path = database(folder);
    let shared = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if access(&path, Access::WRITE_OK).is_ok() || access(&path, Access::READ_OK).is_err() {
        return Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | shared);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | shared;
    if wal(&path).exists() {
        return Connection::open_with_flags(path, flags);
    }
    // Nobody has it open: who has keeps this file beside it. SQLite would make the file even to
    // read, unless it is told that nothing changes.
    Connection::open_with_flags(unchanging(&path), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// The file of what is not in the database yet.
fn wal(database: &Path) -> std::path::PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The URI of a database that nobody changes.
fn unchanging(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut uri = String::from("file:");
    for byte in whole.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                uri.push(char::from(*byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_whatever_is_in_it() {
        let uri = unchanging(Path::new("/no where/50%/#?/\u{e4}"));
        assert_eq!(uri, "file:/no%20where/50%25/%23%3F/%C3%A4?immutable=1");
    }
}
