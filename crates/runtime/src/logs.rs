//! The logs of a run's commands: a file for each node that writes something, its lines in order of
//! arrival. They are buffered and written in large pieces, and secrets are masked.

use std::collections::HashMap;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::output_lines::OutputLines;
use crate::process::OutputLine;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::Stream;

/// The size of the buffer, in bytes.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// The maximum length of a file name before a hash replaces its end, in bytes (file systems allow
/// 255).
const MAX_FILE_NAME_BYTES: usize = 200;

/// So much of a longer one is kept, in bytes.
const KEPT_FILE_NAME_BYTES: usize = 180;

/// Stands between that and the hash.
const HASH_MARK: &str = "...";

/// The bytes of the hash that are in the name, two digits each.
const HASH_BYTES: usize = 8;

/// Why a log cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogError {
    /// The state directory, or the log that cannot be read.
    pub path: PathBuf,
    /// The kind of the system's error.
    pub kind: std::io::ErrorKind,
    /// The system's message.
    said: String,
}

impl LogError {
    /// An error with a log, or with the folder of all logs.
    pub fn new(path: &Path, error: &std::io::Error) -> Self {
        let said = error.to_string();
        let said = said.split(" (os error").next().unwrap_or_default();
        Self {
            path: path.to_path_buf(),
            kind: error.kind(),
            said: said.to_lowercase(),
        }
    }
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::io::ErrorKind;
        let path = self.path.display();
        match self.kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                write!(f, "the disk of the state directory `{path}` is full")
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                write!(f, "the state directory `{path}` cannot be written")
            }
            _ => {
                let said = &self.said;
                write!(f, "the state directory `{path}` cannot be used: {said}")
            }
        }
    }
}

impl std::error::Error for LogError {}

/// Who may read logs and the state that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogAccess {
    /// The user who owns them.
    #[default]
    Owner,
    /// The group of the folder, too.
    Group,
}

impl LogAccess {
    /// The permissions of a folder. New files in one for a group belong to that group.
    pub fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Group => 0o2770,
        }
    }

    /// The permissions of a file.
    pub fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group => 0o660,
        }
    }
}

/// The log files of one run.
#[derive(Debug)]
pub struct RunLogs {
    /// The state directory.
    state: PathBuf,
    folder: PathBuf,
    access: LogAccess,
    /// Whether the folder is known to exist.
    made: bool,
    open: HashMap<NodePath, OpenLog>,
}

/// The log of a command that runs.
#[derive(Debug, Default)]
struct OpenLog {
    /// Buffered bytes.
    held: Vec<u8>,
    /// The stream whose line has no end yet.
    unended: Option<Stream>,
    /// Whether something was written to the file.
    is_begun: bool,
}

impl OpenLog {
    /// Appends a line, or a piece of one.
    fn line(&mut self, line: OutputLine<'_>) {
        self.end_other(line.stream);
        self.held.extend_from_slice(line.text.as_bytes());
        self.unended = (!line.is_ended).then_some(line.stream);
        if line.is_ended {
            self.held.push(b'\n');
        }
    }

    /// Appends lines with their ends, the first of which was written to this stream.
    fn whole(&mut self, first: Stream, text: &str) {
        self.end_other(first);
        self.unended = None;
        self.held.extend_from_slice(text.as_bytes());
    }

    /// Ends the line of the other stream, where it has no end yet.
    fn end_other(&mut self, stream: Stream) {
        if self.unended.is_some_and(|unended| unended != stream) {
            self.held.push(b'\n');
        }
    }
}

impl RunLogs {
    /// The state directory, from the root.
    pub fn state(&self) -> PathBuf {
        std::path::absolute(&self.state).unwrap_or_else(|_| self.state.clone())
    }

    /// Logs in a folder of a state directory, which is created with the first log.
    pub fn new(state: PathBuf, folder: PathBuf, access: LogAccess) -> Self {
        Self {
            state,
            folder,
            access,
            made: false,
            open: HashMap::new(),
        }
    }

    /// Appends a line, or a piece of one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn line(&mut self, node: &NodePath, line: OutputLine<'_>) -> Result<(), LogError> {
        let mut lines = OutputLines::default();
        lines.push(line);
        self.lines(node, &lines)
    }

    /// How long the log of a node is, in bytes.
    pub fn length(&self, node: &str) -> u64 {
        let path = self.folder.join(file_name(node));
        std::fs::metadata(path).map_or(0, |it| it.len())
    }

    /// Writes a piece of a log that is written elsewhere to its place.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_at(&mut self, node: &str, offset: u64, text: &[u8]) -> Result<(), LogError> {
        self.make_folder()?;
        let path = self.folder.join(file_name(node));
        let mut options = OpenOptions::new();
        let options = options
            .write(true)
            .create(true)
            .mode(self.access.file_mode());
        let written = (options.open(&path)).and_then(|file| file.write_all_at(text, offset));
        written.map_err(|error| LogError::new(&self.state, &error))
    }

    fn make_folder(&mut self) -> Result<(), LogError> {
        if !self.made {
            make_folder(&self.folder, self.access)
                .map_err(|error| LogError::new(&self.state, &error))?;
            self.made = true;
        }
        Ok(())
    }

    /// Appends what a command has written.
    pub(super) fn lines(&mut self, node: &NodePath, lines: &OutputLines) -> Result<(), LogError> {
        let open = match self.open.get_mut(node) {
            Some(open) => open,
            None => self.open.entry(node.clone()).or_default(),
        };
        match lines.whole() {
            Some((stream, text)) => open.whole(stream, text),
            None => lines.iter().for_each(|line| open.line(line)),
        }
        if open.held.len() < WRITE_BUFFER_BYTES {
            return Ok(());
        }
        let text = std::mem::take(&mut open.held);
        let is_begun = std::mem::replace(&mut open.is_begun, true);
        self.append(node, &text, is_begun)
    }

    /// Flushes and closes one log.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn close(&mut self, node: &NodePath) -> Result<(), LogError> {
        match self.open.remove(node) {
            Some(open) if !open.held.is_empty() => self.append(node, &open.held, open.is_begun),
            _ => Ok(()),
        }
    }

    /// Flushes all logs, so that they can be read while the commands run.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let mut all = Vec::new();
        for (node, open) in &mut self.open {
            if !open.held.is_empty() {
                let is_begun = std::mem::replace(&mut open.is_begun, true);
                all.push((node.clone(), std::mem::take(&mut open.held), is_begun));
            }
        }
        for (node, text, is_begun) in all {
            self.append(&node, &text, is_begun)?;
        }
        Ok(())
    }

    /// Appends to a file. What another try of the node has written there is ended before.
    fn append(&mut self, node: &str, text: &[u8], is_begun: bool) -> Result<(), LogError> {
        self.make_folder()?;
        let path = self.folder.join(file_name(node));
        open_log(&path, self.access)
            .and_then(|mut file| {
                if !is_begun {
                    end_line(&mut file)?;
                }
                file.write_all(text)
            })
            .map_err(|error| LogError::new(&self.state, &error))
    }
}

/// Ends the last line of a file, where it has no end.
fn end_line(file: &mut std::fs::File) -> std::io::Result<()> {
    let Some(last) = file.metadata()?.len().checked_sub(1) else {
        return Ok(());
    };
    let mut byte = [b'\n'];
    // Nobody may read a log whose permissions were changed; it is written nevertheless.
    let is_read = file.read_at(&mut byte, last).is_ok();
    match is_read && byte != *b"\n" {
        true => file.write_all(b"\n"),
        false => Ok(()),
    }
}

/// Creates a folder and those above it, for these readers whatever the umask.
fn make_folder(folder: &Path, access: LogAccess) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above, access)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => std::fs::set_permissions(folder, Permissions::from_mode(access.folder_mode())),
        // Another process was faster.
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn open_log(path: &Path, access: LogAccess) -> std::io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let file = options.create(true).mode(0o600).open(path)?;
            file.set_permissions(Permissions::from_mode(access.file_mode()))?;
            Ok(file)
        }
        opened => opened,
    }
}

/// The text of a node's log; nothing if it wrote nothing.
///
/// # Errors
///
/// If it cannot be read.
pub fn read_log(folder: &Path, node: &str) -> Result<Option<Vec<u8>>, LogError> {
    let path = folder.join(file_name(node));
    match std::fs::read(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::new(&path, &error)),
    }
}

/// The names of the files of all logs in a folder, in no order; none where it does not exist.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn log_names(folder: &Path) -> Result<Vec<String>, LogError> {
    let found = match std::fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::new(folder, &error)),
    };
    let names = found.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: std::io::Result<Vec<String>> = names.collect();
    names.map_err(|error| LogError::new(folder, &error))
}

/// The node whose log has this file name; nothing where the name does not say it.
///
/// ```
/// use lockstep_runtime::logs::node_of;
/// let node = node_of("p+deploy[web,%20prod.eu]+run.log");
/// assert_eq!(node.as_deref(), Some("p/deploy[web, prod.eu]/run"));
/// ```
pub fn node_of(name: &str) -> Option<NodePath> {
    let stem = name.strip_suffix(".log")?;
    let may_end_in_hash = stem.len() == KEPT_FILE_NAME_BYTES + HASH_MARK.len() + 2 * HASH_BYTES
        && (stem.get(KEPT_FILE_NAME_BYTES..)).is_some_and(|end| end.starts_with(HASH_MARK));
    if may_end_in_hash {
        return None;
    }
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b'/',
            b'%' => {
                let digit = |byte| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    let node = String::from_utf8(bytes).ok()?;
    (file_name(&node) == name).then(|| node.into())
}

/// The file name of a node's log: its path with `+` for `/`, and percent-encoding for each byte
/// that is unsuitable in a file name. A long one ends in a hash.
///
/// ```
/// use lockstep_runtime::logs::file_name;
/// assert_eq!(file_name("p/deploy[web, prod.eu]/run"), "p+deploy[web,%20prod.eu]+run.log");
/// ```
pub fn file_name(node: &str) -> String {
    let mut name = String::with_capacity(node.len() + 4);
    for byte in node.bytes() {
        match byte {
            b'/' => name.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => name.push(byte.into()),
            b'-' | b'_' | b'.' | b',' | b'[' | b']' | b'#' | b'@' | b'=' if !name.is_empty() => {
                name.push(byte.into());
            }
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > MAX_FILE_NAME_BYTES {
        let digits = |byte: &u8| format!("{byte:02x}");
        let hash: String = Sha256::digest(node)
            .iter()
            .take(HASH_BYTES)
            .map(digits)
            .collect();
        name.truncate(KEPT_FILE_NAME_BYTES);
        name.push_str(HASH_MARK);
        name.push_str(&hash);
    }
    name + ".log"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(stream: Stream, text: &str, is_ended: bool) -> OutputLines {
        let mut lines = OutputLines::default();
        lines.push(OutputLine {
            stream,
            text,
            is_ended,
        });
        lines
    }

    #[test]
    fn names_of_files_are_safe_and_different() {
        assert_eq!(file_name("p/run"), "p+run.log");
        assert_eq!(file_name("p/a+b/ü\0"), "p+a%2Bb+%C3%BC%00.log");
        assert_eq!(file_name("../x"), "%2E.+x.log");
        let long = |end: &str| file_name(&format!("{}{end}", "p/é".repeat(200)));
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() < 255);
    }

    #[test]
    fn a_name_says_its_node_or_nothing() {
        for node in ["p/run", "p/a+b/ü\0%2F", "../x", "", "p/m[a, b]#2/run"] {
            assert_eq!(node_of(&file_name(node)), Some(node.into()));
        }
        for other in [
            "p+run",
            "p+run.log.log~",
            "p%2",
            "%zz.log",
            "p%2frun.log",
            "%FF.log",
        ] {
            assert_eq!(node_of(other), None, "{other}");
        }
        for long in ["p/é", "x", "x+y"] {
            assert_eq!(node_of(&file_name(&long.repeat(201))), None);
        }
        // Of this length it may be the beginning of a longer one, and is not.
        let longest = "x".repeat(MAX_FILE_NAME_BYTES);
        assert_eq!(node_of(&file_name(&longest)), Some((&*longest).into()));
    }

    #[test]
    fn a_log_is_written_when_it_is_closed_flushed_or_large() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_path_buf();
        let mut logs = RunLogs::new(state.clone(), state.join("runs/r-1"), LogAccess::Owner);
        let node = NodePath::from("p/run");
        let read = || {
            let text = read_log(&folder.path().join("runs/r-1"), &node).unwrap();
            text.map(|text| String::from_utf8(text).unwrap())
        };
        let line = |text| written(Stream::Stdout, text, true);
        logs.lines(&node, &line("one")).unwrap();
        assert_eq!(read(), None);
        logs.close(&node).unwrap();
        assert_eq!(read().unwrap(), "one\n");
        logs.lines(&node, &line("two")).unwrap();
        logs.flush().unwrap();
        assert_eq!(read().unwrap(), "one\ntwo\n");
        let long = "x".repeat(WRITE_BUFFER_BYTES);
        logs.lines(&node, &line(&long)).unwrap();
        assert_eq!(read().unwrap().len(), 8 + WRITE_BUFFER_BYTES + 1);
    }

    #[test]
    fn a_log_is_as_it_was_written_and_each_try_begins_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_path_buf();
        let mut logs = RunLogs::new(state.clone(), state.join("r-1"), LogAccess::Owner);
        let node = NodePath::from("p/run");
        let mut write = |stream, text, is_ended| {
            logs.lines(&node, &written(stream, text, is_ended)).unwrap();
            if text == "last" {
                logs.close(&node).unwrap();
            } else {
                logs.flush().unwrap();
            }
        };
        let (out, err) = (Stream::Stdout, Stream::Stderr);
        for (stream, text, is_ended) in [
            (out, "long", false),
            (out, " line", true),
            (out, "cut", false),
            (err, "other", true),
            (out, "last", false),
            (out, "again", true),
        ] {
            write(stream, text, is_ended);
        }
        let text = read_log(&state.join("r-1"), "p/run").unwrap().unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "long line\ncut\nother\nlast\nagain\n");
    }
}
