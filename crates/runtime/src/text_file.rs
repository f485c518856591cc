//! Reads text files. Only regular files are read: a pipe or a device may never come to its end.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lockstep_base::world::FileError;

/// The largest text, in bytes: places in sources are kept as 32-bit offsets.
const MAX_BYTES: u64 = 1 << 30;

/// The text of a file. It never waits for another process.
///
/// # Errors
///
/// Where it is no regular file, is too large or no UTF-8, or cannot be read.
pub fn read(path: &Path) -> Result<String, FileError> {
    check(&std::fs::metadata(path)?)?;
    // Should it have become a pipe meanwhile, opening it does not wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    text(file, metadata.len())
}

/// The text that another process hands over under this name, such as `/dev/fd/63` in a command line
/// with `<(…)`, or of a file.
///
/// # Errors
///
/// As those of [`read`].
pub fn read_handed_over(path: &Path) -> Result<String, FileError> {
    let is_handed_over = path == Path::new("/dev/stdin") || path.starts_with("/dev/fd");
    match is_handed_over {
        true => text(std::fs::File::open(path)?, 0),
        false => read(path),
    }
}

/// The one path of a file, without links; none where it is not there, or its path is no text.
pub fn real(path: &Path) -> Option<String> {
    let real = std::fs::canonicalize(path).ok()?;
    real.into_os_string().into_string().ok()
}

/// The absolute path of a folder without links, as commands that start there would see it.
pub fn folder(path: &Path) -> Option<String> {
    let path = match path == Path::new("") {
        true => Path::new("."),
        false => path,
    };
    let real = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    real.ok()?.into_os_string().into_string().ok()
}

fn check(metadata: &std::fs::Metadata) -> Result<(), FileError> {
    if metadata.is_dir() {
        return Err(FileError::IsFolder);
    }
    match metadata.is_file() {
        true => Ok(()),
        false => Err(FileError::NotRegular),
    }
}

/// The text of a file of about so many bytes: where that is true, it is read in one go.
fn text(file: std::fs::File, about: u64) -> Result<String, FileError> {
    let about = usize::try_from(about.min(MAX_BYTES)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(about);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::TooLarge);
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text\n").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link to a pipe")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert_eq!(read(&path("file")), Ok(String::from("text\n")));
        assert_eq!(read(&path("link")), Ok(String::from("text\n")));
        for name in ["pipe", "link to a pipe", "socket"] {
            assert_eq!(read(&path(name)), Err(FileError::NotRegular), "{name}");
            assert_eq!(
                read_handed_over(&path(name)),
                Err(FileError::NotRegular),
                "{name}"
            );
        }
        assert_eq!(read(Path::new("/dev/zero")), Err(FileError::NotRegular));
        assert_eq!(read(folder.path()), Err(FileError::IsFolder));
        assert_eq!(read(&path("none")), Err(FileError::NotFound));
    }
}
