//! What is sent: a file, a folder or a text, written into a pipe.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::tree::{Entry, entries};
use super::{FolderSum, TransferError, TransferSummary, hex};

/// The mode of a file that is made of a text, where none is given.
const TEXT_MODE: u32 = 0o644;

/// The same for a secret.
const SECRET_MODE: u32 = 0o600;

/// What is sent.
pub(crate) enum Payload {
    /// A file.
    File {
        path: PathBuf,
        file: File,
        bytes: u64,
        mode: u32,
    },
    /// A folder.
    Folder { path: PathBuf, mode: u32 },
    /// A text.
    Text { text: String, mode: u32 },
}

impl Payload {
    /// What is at a path; links are followed to it.
    pub(crate) fn open(path: &Path) -> Result<Self, TransferError> {
        if path.as_os_str().is_empty() {
            return Err(TransferError::EmptyPath);
        }
        let meta = std::fs::metadata(path).map_err(TransferError::at(path))?;
        let mode = meta.permissions().mode() & 0o7777;
        let path = path.to_path_buf();
        if meta.is_dir() {
            return Ok(Self::Folder { path, mode });
        }
        if !meta.is_file() {
            return Err(TransferError::Special(path.display().to_string()));
        }
        let file = File::open(&path).map_err(TransferError::at(&path))?;
        Ok(Self::File {
            path,
            file,
            bytes: meta.len(),
            mode,
        })
    }

    /// A text to write.
    pub(crate) fn text(text: String, mode: Option<u16>, is_secret: bool) -> Self {
        let usual = if is_secret { SECRET_MODE } else { TEXT_MODE };
        let mode = mode.map_or(usual, u32::from);
        Self::Text { text, mode }
    }

    /// The mode that it gets on the other side.
    pub(crate) fn mode(&self) -> u32 {
        match self {
            Self::File { mode, .. } | Self::Folder { mode, .. } | Self::Text { mode, .. } => *mode,
        }
    }

    /// How many bytes are written, where it is no archive.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::File { bytes, .. } => Some(*bytes),
            Self::Folder { .. } => None,
            Self::Text { text, .. } => Some(text.len() as u64),
        }
    }

    /// Writes it. A folder becomes an archive whose last file is named `mark`: where that is
    /// missing, something is. This blocks.
    pub(crate) fn write(
        self,
        mut to: impl Write,
        mark: &str,
    ) -> Result<TransferSummary, TransferError> {
        match self {
            Self::File {
                path, file, bytes, ..
            } => {
                let mut reader = SumReader::new(file.take(bytes));
                let copied = io::copy(&mut reader, &mut to);
                let copied = copied.map_err(TransferError::at(&path))?;
                if copied < bytes {
                    return Err(TransferError::Changed(path.display().to_string()));
                }
                Ok(TransferSummary::of_file(copied, hex(reader.sum)))
            }
            Self::Text { text, .. } => {
                to.write_all(text.as_bytes())
                    .map_err(TransferError::at(Path::new("the text")))?;
                let sum = Sha256::new_with_prefix(text.as_bytes());
                Ok(TransferSummary::of_file(text.len() as u64, hex(sum)))
            }
            Self::Folder { path, .. } => write_folder(&path, to, mark),
        }
    }
}

fn write_folder(
    folder: &Path,
    to: impl Write,
    mark: &str,
) -> Result<TransferSummary, TransferError> {
    let mut archive = tar::Builder::new(to);
    let mut sum = FolderSum::default();
    for (path, entry) in entries(folder)? {
        let full = folder.join(&path);
        let mut header = tar::Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        let added = match entry {
            Entry::Folder { mode } => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(mode);
                header.set_size(0);
                archive.append_data(&mut header, &path, io::empty())
            }
            Entry::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                archive.append_link(&mut header, &path, &target)
            }
            Entry::File {
                mode,
                bytes,
                changed,
            } => {
                header.set_mtime(changed);
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(mode);
                header.set_size(bytes);
                let file = File::open(&full).map_err(TransferError::at(&full))?;
                let mut reader = SumReader::new(file.take(bytes));
                let added = archive.append_data(&mut header, &path, &mut reader);
                if reader.bytes < bytes && added.is_ok() {
                    return Err(TransferError::Changed(full.display().to_string()));
                }
                sum.add(&path, bytes, hex(reader.sum));
                added
            }
        };
        added.map_err(TransferError::at(&full))?;
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(0);
    let marked = archive.append_data(&mut header, mark, io::empty());
    marked.map_err(TransferError::at(folder))?;
    // Who has read the mark need not read the blocks that follow it.
    let _ = archive.finish();
    Ok(sum.finish())
}

/// Sums up what is read.
pub(super) struct SumReader<R> {
    reader: R,
    pub(super) sum: Sha256,
    pub(super) bytes: u64,
}

impl<R> SumReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            sum: Sha256::new(),
            bytes: 0,
        }
    }
}

impl<R: Read> Read for SumReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.sum.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
