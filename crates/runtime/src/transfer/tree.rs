//! Folders on this machine: what they hold, and whether two of them hold the same.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::TransferError;

/// The folder of a run's state, which never goes anywhere.
const STATE_FOLDER: &str = ".lockstep";

/// Whether something with this path below a folder is a state folder, or in one.
pub(super) fn is_of_state(path: &Path, is_folder: bool) -> bool {
    let around = match is_folder {
        true => Some(path),
        false => path.parent(),
    };
    let mut parts = around.into_iter().flat_map(Path::components);
    parts.any(|part| part.as_os_str() == STATE_FOLDER)
}

/// Something in a folder. A file has changed so many seconds after 1970.
pub(super) enum Entry {
    Folder { mode: u32 },
    File { mode: u32, bytes: u64, changed: u64 },
    Link { target: PathBuf },
}

/// What a folder holds, with paths below it: each folder before what it holds, by name. State
/// folders are left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<(PathBuf, Entry)>, TransferError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let at = folder.join(&below);
        let mut names = Vec::new();
        for entry in fs::read_dir(&at).map_err(TransferError::at(&at))? {
            names.push(entry.map_err(TransferError::at(&at))?.file_name());
        }
        names.sort();
        for name in names {
            let path = below.join(&name);
            let full = folder.join(&path);
            let meta = fs::symlink_metadata(&full).map_err(TransferError::at(&full))?;
            let mode = meta.permissions().mode() & 0o7777;
            let entry = if meta.is_dir() {
                if name == STATE_FOLDER {
                    continue;
                }
                open.push(path.clone());
                Entry::Folder { mode }
            } else if meta.is_file() {
                Entry::File {
                    mode,
                    bytes: meta.len(),
                    changed: meta.mtime().try_into().unwrap_or(0),
                }
            } else if meta.is_symlink() {
                let target = fs::read_link(&full).map_err(TransferError::at(&full))?;
                Entry::Link { target }
            } else {
                return Err(TransferError::Special(full.display().to_string()));
            };
            found.push((path, entry));
        }
    }
    Ok(found)
}

/// The first path below two folders at which they differ: in what is there, in content, or in
/// whether it can be executed.
pub(super) fn difference(one: &Path, other: &Path) -> Result<Option<PathBuf>, TransferError> {
    let first = entries(one)?;
    let second = entries(other)?;
    let known: std::collections::HashMap<&PathBuf, &Entry> =
        second.iter().map(|(path, entry)| (path, entry)).collect();
    for (path, entry) in &first {
        let is_same = match (entry, known.get(path)) {
            (Entry::Folder { .. }, Some(Entry::Folder { .. })) => true,
            (Entry::Link { target }, Some(Entry::Link { target: to })) => target == to,
            (
                Entry::File { mode, bytes, .. },
                Some(Entry::File {
                    mode: m, bytes: b, ..
                }),
            ) => {
                let full = [one.join(path), other.join(path)];
                bytes == b
                    && (mode & 0o111 == 0) == (m & 0o111 == 0)
                    && have_same_bytes(&full[0], &full[1]).map_err(TransferError::at(&full[0]))?
            }
            _ => false,
        };
        if !is_same {
            return Ok(Some(path.clone()));
        }
    }
    let own: std::collections::HashSet<&PathBuf> = first.iter().map(|(path, _)| path).collect();
    Ok(second
        .iter()
        .find(|(path, _)| !own.contains(path))
        .map(|(path, _)| path.clone()))
}

fn have_same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let mut readers = [
        io::BufReader::new(File::open(one)?),
        io::BufReader::new(File::open(other)?),
    ];
    let mut chunks = [[0; 8192]; 2];
    loop {
        let [first, second] = &mut readers;
        let [a, b] = &mut chunks;
        let read = first.read(a)?;
        if read == 0 {
            return Ok(second.read(b)? == 0);
        }
        match second.read_exact(&mut b[..read]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        if a[..read] != b[..read] {
            return Ok(false);
        }
    }
}
