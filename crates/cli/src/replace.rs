//! Replaces a file atomically.

use std::fs::{self, OpenOptions};
use std::io::{Error, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces the content of a file by `text`; symbolic links are followed, and the file's
/// permissions are preserved.
pub(crate) fn replace(path: &str, text: &str) -> Result<()> {
    let path = fs::canonicalize(path)?;
    let rights = fs::metadata(&path)?.permissions();
    if rights.readonly() {
        return Err(Error::other("it is read-only"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write(&part, &path, text, rights);
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write(part: &Path, path: &Path, text: &str, rights: fs::Permissions) -> Result<()> {
    let mut options = OpenOptions::new();
    // Until its permissions are set, only this user can access the new file.
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(part)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(rights)?;
    file.sync_all()?;
    fs::rename(part, path)
}
