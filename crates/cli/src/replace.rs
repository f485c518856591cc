//! Replaces the text of a file: atomically where nothing but the text changes by that.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Error, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Replaces the content of a file by `text`; symbolic links are followed, and the file's owner and
/// permissions are preserved. A new file cannot have them all, or not all the names of the old one,
/// where that belongs to somebody else or has further names: then it is written where it is.
pub(crate) fn replace(path: &str, text: &str) -> Result<()> {
    let path = fs::canonicalize(path)?;
    let old = fs::metadata(&path)?;
    if old.permissions().readonly() {
        return Err(Error::other("it is read-only"));
    }
    if old.nlink() > 1 {
        return overwrite(&path, text);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let made = make(&part, text, &old);
    let replaced = made.and_then(|same| match same {
        true => fs::rename(&part, &path).map(|()| true),
        false => Ok(false),
    });
    match replaced {
        Ok(true) => Ok(()),
        Ok(false) => {
            let _ = fs::remove_file(&part);
            overwrite(&path, text)
        }
        Err(error) => {
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Writes a new file that is to stand for an old one; tells whether it belongs to whom the old one
/// does.
fn make(part: &Path, text: &str, old: &Metadata) -> Result<bool> {
    let mut options = OpenOptions::new();
    // Until its permissions are set, only this user can access the new file.
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(part)?;
    let new = file.metadata()?;
    let is_same = (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !is_same && fchown(&file, Some(old.uid()), Some(old.gid())).is_err() {
        return Ok(false);
    }
    file.write_all(text.as_bytes())?;
    file.set_permissions(old.permissions())?;
    file.sync_all()?;
    Ok(true)
}

/// Writes a file where it is.
fn overwrite(path: &Path, text: &str) -> Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}
