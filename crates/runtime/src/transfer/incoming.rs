//! What is fetched: read from a pipe, unpacked beside its place, and put there at once.

use std::fs;
use std::io::{self, BufRead as _, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::outgoing::SumReader;
use super::tree::{difference, is_of_state};
use super::{FolderSum, TransferError, TransferSummary, hex};

/// The name of what is being replaced, in the folder of what replaces it.
const OLD: &str = ".lockstep-old";

/// Something that has arrived beside its place. It is removed unless it is put there.
pub(crate) struct Arrived {
    /// The folder that it was unpacked into.
    scratch: PathBuf,
    /// What arrived.
    content: PathBuf,
    to: PathBuf,
    summary: TransferSummary,
}

/// Reads what the script of a `fetch` writes: a line that says what it is, and an archive. `mark`
/// names the folder beside the place that it is unpacked into. This blocks.
pub(crate) fn receive(from: impl Read, to: &Path, mark: &str) -> Result<Arrived, TransferError> {
    let Some(name) = to.file_name() else {
        return Err(match to.as_os_str().is_empty() {
            true => TransferError::EmptyPath,
            false => TransferError::Folder(to.display().to_string()),
        });
    };
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(TransferError::at(parent))?;
    let scratch = parent.join(mark);
    // It is left where this program was killed while it fetched the same, perhaps when it had
    // just moved away what is replaced.
    let old = scratch.join(OLD);
    if fs::symlink_metadata(to).is_err() && fs::symlink_metadata(&old).is_ok() {
        fs::rename(&old, to).map_err(TransferError::at(to))?;
    }
    remove(&scratch).map_err(TransferError::at(&scratch))?;
    fs::create_dir(&scratch).map_err(TransferError::at(&scratch))?;
    let mut arrived = Arrived {
        content: scratch.join(name),
        scratch,
        to: to.to_path_buf(),
        summary: TransferSummary::of_file(0, String::new()),
    };
    let mut from = io::BufReader::new(from);
    let mut kind = String::new();
    let read = from.read_line(&mut kind);
    read.map_err(TransferError::at(to))?;
    arrived.summary = match kind.as_str() {
        "file\n" => unpack_file(from, &arrived.content)?,
        "folder\n" => unpack_folder(from, &arrived.content)?,
        _ => return Err(TransferError::Incomplete),
    };
    Ok(arrived)
}

fn unpack_file(from: impl Read, to: &Path) -> Result<TransferSummary, TransferError> {
    let mut archive = tar::Archive::new(from);
    let mut entries = archive.entries().map_err(TransferError::at(to))?;
    let first = entries.next().ok_or(TransferError::Incomplete)?;
    let mut entry = first.map_err(TransferError::at(to))?;
    let mode = entry.header().mode().map_err(TransferError::at(to))?;
    let mut file = fs::File::create(to).map_err(TransferError::at(to))?;
    let mut reader = SumReader::new(&mut entry);
    io::copy(&mut reader, &mut file).map_err(TransferError::at(to))?;
    let summary = TransferSummary::of_file(reader.bytes, hex(reader.sum));
    let mode = fs::Permissions::from_mode(mode & 0o7777);
    fs::set_permissions(to, mode).map_err(TransferError::at(to))?;
    // The rest of the archive is read, so that who writes it comes to its end.
    entries.for_each(drop);
    Ok(summary)
}

fn unpack_folder(from: impl Read, to: &Path) -> Result<TransferSummary, TransferError> {
    fs::create_dir(to).map_err(TransferError::at(to))?;
    let mut sum = FolderSum::default();
    let mut folders: Vec<(PathBuf, u32)> = Vec::new();
    let mut archive = tar::Archive::new(from);
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(false);
    for entry in archive.entries().map_err(TransferError::at(to))? {
        let mut entry = entry.map_err(TransferError::at(to))?;
        let path = entry.path().map_err(TransferError::at(to))?.into_owned();
        let path: PathBuf = path.components().collect();
        let path = path.strip_prefix(".").unwrap_or(&path).to_path_buf();
        let kind = entry.header().entry_type();
        if is_of_state(&path, kind.is_dir()) {
            continue;
        }
        if kind.is_dir() {
            // Their modes come last: what cannot be written to must first be filled.
            let mode = entry.header().mode().map_err(TransferError::at(to))?;
            folders.push((path.clone(), mode & 0o7777));
            if is_inside(&path) {
                let full = to.join(&path);
                fs::create_dir_all(&full).map_err(TransferError::at(&full))?;
            }
            continue;
        }
        if !(kind.is_file() || kind.is_symlink() || kind.is_hard_link()) {
            return Err(TransferError::Special(path.display().to_string()));
        }
        let unpacked = entry.unpack_in(to).map_err(TransferError::at(&path))?;
        if !unpacked {
            return Err(TransferError::Special(path.display().to_string()));
        }
        if kind.is_file() || kind.is_hard_link() {
            let full = to.join(&path);
            let file = fs::File::open(&full).map_err(TransferError::at(&full))?;
            let mut reader = SumReader::new(file);
            io::copy(&mut reader, &mut io::sink()).map_err(TransferError::at(&full))?;
            sum.add(&path, reader.bytes, hex(reader.sum));
        }
    }
    for (path, mode) in folders.into_iter().rev() {
        if path.as_os_str().is_empty() || is_inside(&path) {
            let full = to.join(&path);
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(&full, mode).map_err(TransferError::at(&full))?;
        }
    }
    Ok(sum.finish())
}

/// Whether a path leads to a place below.
fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

impl Arrived {
    /// Puts it at its place. A folder that holds the same stays as it is.
    pub(crate) fn put(&self, replacing: bool) -> Result<TransferSummary, TransferError> {
        let Self { content, to, .. } = self;
        let summary = self.summary.clone();
        let is_folder = content.is_dir();
        let renamed = |to: &Path| fs::rename(content, to).map_err(TransferError::at(to));
        match fs::symlink_metadata(to).ok() {
            None => renamed(to)?,
            // A rename replaces a file with a file.
            Some(_) if !is_folder && !to.is_dir() => renamed(to)?,
            Some(_) => {
                let shown = || to.display().to_string();
                if to.is_dir() && !replacing {
                    if !is_folder {
                        return Err(TransferError::Folder(shown()));
                    }
                    return match difference(content, to)? {
                        None => Ok(summary),
                        Some(path) => {
                            Err(TransferError::Occupied(shown(), path.display().to_string()))
                        }
                    };
                }
                let old = self.scratch.join(OLD);
                fs::rename(to, &old).map_err(TransferError::at(to))?;
                if let Err(error) = renamed(to) {
                    fs::rename(&old, to).map_err(TransferError::at(to))?;
                    return Err(error);
                }
            }
        }
        Ok(summary)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        // What cannot be removed has a name that says whose it is.
        let _ = remove(&self.scratch);
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
