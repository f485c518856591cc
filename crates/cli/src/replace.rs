//! Replacing a file as a whole, so that nobody ever sees half of it.
//! It does not know what stands in it.

use std::fs::{self, OpenOptions};
use std::io::{Error, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Puts `text` in place of what is in the file; a link leads to the file that is replaced, and the
/// file keeps its rights.
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
    // Until it has its rights, the new file is nobody else's.
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(part)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(rights)?;
    file.sync_all()?;
    fs::rename(part, path)
}
