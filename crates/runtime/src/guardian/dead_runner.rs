//! A runner that was killed, perhaps together with its guardian: who comes after it ends the
//! commands that it has left, before anything of its run goes on, and removes its folder for
//! temporary files.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{TARGET, table, watch};
use crate::processes::{self, MarkedCommands, ProcessId, ProcessSnapshot};

/// The file in a runner's folder that names the runner and the namespace of its process number.
const SIGNATURE_FILE: &str = "runner";

/// The beginning of the name of a table of commands, before the token.
const TABLE_PREFIX: &str = "commands-";

/// The beginning of the name of each folder of a runner.
pub(crate) const FOLDER_PREFIX: &str = "lockstep-";

/// The beginning of the name of each folder of a run.
const RUN_FOLDER_PREFIX: &str = "lockstep.";

/// A guardian gives up after ten seconds.
const GUARDIAN_EXIT_TIMEOUT: Duration = Duration::from_secs(12);

/// After so long a folder that nobody has signed is nobody's.
const UNSIGNED_FOLDER_AGE: Duration = Duration::from_secs(10);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What becomes of the dead runners of which somebody has asked, by their prefixes.
static ENDINGS: Mutex<Option<HashMap<String, Ending>>> = Mutex::new(None);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    UnderWay,
    Over,
    /// Some commands could not be ended.
    Failed,
}

/// A runner whose process is dead.
#[derive(Debug, Clone)]
pub struct DeadRunner {
    /// The beginning of its tokens.
    prefix: String,
    /// Where its folder for temporary files is, most likely.
    temporary: PathBuf,
}

/// Commands of a dead runner that could not be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnendedCommands {
    /// The numbers of their processes.
    pub processes: Vec<i32>,
}

impl std::fmt::Display for UnendedCommands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<String> = self.processes.iter().map(i32::to_string).collect();
        write!(
            f,
            "commands that it had started are still running and cannot be ended: process {}",
            numbers.join(", ")
        )
    }
}

impl std::error::Error for UnendedCommands {}

impl DeadRunner {
    /// The process with this number and this start, which is dead.
    pub fn new(pid: u32, start: &str) -> Self {
        Self {
            prefix: processes::runner_prefix(pid, start),
            temporary: std::env::temp_dir(),
        }
    }

    /// Waits until its guardian has ended its commands; where the guardian is dead, too, ends them
    /// itself. This blocks, for some seconds at most.
    ///
    /// # Errors
    ///
    /// Where some of its commands cannot be ended.
    pub fn end_commands(&self) -> Result<(), UnendedCommands> {
        if !processes::are_visible() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut snapshot = ProcessSnapshot::take_clear(0);
        while snapshot.has_guardian(&self.prefix) && begun.elapsed() < GUARDIAN_EXIT_TIMEOUT {
            std::thread::sleep(POLL_INTERVAL);
            snapshot = ProcessSnapshot::take_clear(0);
        }
        let folders: Vec<PathBuf> = (left_folders(&self.temporary).into_iter())
            .filter(|(of, _)| *of == self.prefix)
            .map(|(_, folder)| folder)
            .collect();
        let mut tokens: HashSet<String> = folders.iter().flat_map(|it| tables(it)).collect();
        tokens.extend(snapshot.tokens(&self.prefix));
        let mut unended: Vec<ProcessId> = Vec::new();
        for token in tokens {
            unended.extend(end_of_token(&token, &folders));
        }
        if !unended.is_empty() {
            unended.sort_unstable();
            return Err(UnendedCommands {
                processes: unended.iter().map(|process| process.id).collect(),
            });
        }
        for folder in folders {
            // Nothing depends on it.
            let _ = remove_folder(&folder);
        }
        Ok(())
    }

    /// Whether nothing of it is left. Where that is not known, it begins to end its commands, in
    /// the background; ask again.
    pub fn is_over(&self) -> bool {
        let mut endings = ENDINGS.lock().unwrap_or_else(PoisonError::into_inner);
        let endings = endings.get_or_insert_default();
        match endings.get(&self.prefix) {
            Some(Ending::Over) => return true,
            Some(Ending::UnderWay) => return false,
            Some(Ending::Failed) | None => {}
        }
        let this = self.clone();
        let started = std::thread::Builder::new().spawn(move || {
            let ending = match this.end_commands() {
                Ok(()) => Ending::Over,
                Err(error) => {
                    tracing::warn!(target: TARGET, %error, "a dead runner");
                    Ending::Failed
                }
            };
            let mut endings = ENDINGS.lock().unwrap_or_else(PoisonError::into_inner);
            endings.get_or_insert_default().insert(this.prefix, ending);
        });
        if started.is_ok() {
            endings.insert(self.prefix.clone(), Ending::UnderWay);
        }
        false
    }
}

/// Ends the commands with this token that were under way: those in the table, or all where the
/// table is lost. What a command that had ended well left behind is in no table, and lives on.
fn end_of_token(token: &str, folders: &[PathBuf]) -> Vec<ProcessId> {
    let name = format!("{TABLE_PREFIX}{token}");
    let table = folders
        .iter()
        .find_map(|it| File::open(it.join(&name)).ok());
    let traces = table.as_ref().map(table::read);
    let commands = MarkedCommands {
        token,
        traces: traces.as_deref().unwrap_or_default(),
        lasting: true,
        all: traces.is_none(),
    };
    let since = commands.traces.iter().map(|it| it.from).min();
    watch::end_processes(&commands, since.unwrap_or(0))
}

/// Whether a dead runner has neither a guardian nor commands.
fn is_all_gone(snapshot: &ProcessSnapshot, prefix: &str, folder: &Path) -> bool {
    let has_command = tables(folder).iter().any(|token| {
        let traces = File::open(table_path(folder, token)).map(|table| table::read(&table));
        let commands = MarkedCommands {
            token,
            traces: &traces.unwrap_or_default(),
            lasting: true,
            all: false,
        };
        !snapshot.belonging(&commands, &HashSet::new()).is_empty()
    });
    !has_command && !snapshot.has_guardian(prefix)
}

/// The path of a runner's table in its folder.
pub(super) fn table_path(folder: &Path, token: &str) -> PathBuf {
    folder.join(format!("{TABLE_PREFIX}{token}"))
}

/// The tokens of the tables in a folder.
fn tables(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let token = |name: &str| name.strip_prefix(TABLE_PREFIX).map(String::from);
    files
        .flatten()
        .filter_map(|file| token(file.file_name().to_str()?))
        .collect()
}

/// Writes down in a folder for temporary files whose it is.
pub(crate) fn sign(folder: &Path) -> std::io::Result<()> {
    let pid = std::process::id();
    let start = processes::start(pid).unwrap_or_default();
    let prefix = processes::runner_prefix(pid, &start);
    let text = format!("{prefix}\n{}\n", processes::namespace());
    std::fs::write(folder.join(SIGNATURE_FILE), text)
}

/// Has another folder beside a runner's folder removed with it: one of a run, whose name is the
/// same whoever drives the run.
pub(crate) fn remove_too(folder: &Path, other: &Path) -> std::io::Result<()> {
    let Some(name) = other.file_name() else {
        return Ok(());
    };
    match std::os::unix::fs::symlink(other, folder.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes the folder that this entry of a runner's folder stands for, if it does.
fn remove_other(entry: &std::fs::DirEntry) -> std::io::Result<()> {
    let is_run = |name: &std::ffi::OsStr| {
        (name.to_str()).is_some_and(|name| name.starts_with(RUN_FOLDER_PREFIX))
    };
    if !entry.file_type()?.is_symlink() || !is_run(&entry.file_name()) {
        return Ok(());
    }
    let other = std::fs::read_link(entry.path())?;
    if !other.is_absolute() || other.file_name() != Some(&entry.file_name()) {
        return Ok(());
    }
    match std::fs::symlink_metadata(&other) {
        Ok(what) if what.is_dir() => std::fs::remove_dir_all(other),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Removes a runner's folder, its signature last: where this is broken off, others still see whose
/// it was, and remove the rest.
pub(crate) fn remove_folder(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name() == SIGNATURE_FILE {
            continue;
        }
        remove_other(&entry)?;
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    std::fs::remove_dir_all(folder)
}

/// The folders of runners of this user that are dead, with the prefixes of those. Only runners
/// count whose process numbers can be seen from here.
fn left_folders(parent: &Path) -> Vec<(String, PathBuf)> {
    let here = processes::namespace();
    let user = rustix::process::geteuid().as_raw();
    let Ok(folders) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    if here.is_empty() {
        return Vec::new();
    }
    let named = folders.flatten().filter(|folder| {
        (folder.file_name().to_str()).is_some_and(|name| name.starts_with(FOLDER_PREFIX))
    });
    let dead = named.filter_map(|folder| {
        let folder = folder.path();
        let what = std::fs::symlink_metadata(&folder).ok()?;
        if !what.is_dir() || what.uid() != user {
            return None;
        }
        let signature = std::fs::read_to_string(folder.join(SIGNATURE_FILE));
        let whole = signature.ok().filter(|text| text.ends_with('\n'));
        let Some(text) = whole else {
            // Its runner was killed before it had signed it; one that holds something stays.
            let age = what.modified().ok()?.elapsed().unwrap_or_default();
            if age > UNSIGNED_FOLDER_AGE {
                let _ = remove_unsigned(&folder);
            }
            return None;
        };
        let (prefix, namespace) = text.trim_end().split_once('\n')?;
        let pid: u32 = prefix.split('-').next()?.parse().ok()?;
        let now = processes::start(pid).map(|start| processes::runner_prefix(pid, &start));
        let is_dead = namespace == here && now.as_deref() != Some(prefix);
        is_dead.then(|| (String::from(prefix), folder))
    });
    dead.collect()
}

/// Removes a folder whose signature is missing or was not written to its end, if nothing else is in
/// it.
fn remove_unsigned(folder: &Path) -> std::io::Result<()> {
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let is_signature = |entry: &std::fs::DirEntry| entry.file_name() == SIGNATURE_FILE;
    if entries.iter().all(is_signature) {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Removes the folders of runners that were killed together with their guardians. Where commands of
/// theirs are alive it ends them first, in the background.
pub fn remove_left_folders(parent: &Path) {
    let folders = left_folders(parent);
    if folders.is_empty() {
        return;
    }
    let snapshot = ProcessSnapshot::take_clear(0);
    for (prefix, folder) in folders {
        if is_all_gone(&snapshot, &prefix, &folder) {
            // Nothing depends on it.
            let _ = remove_folder(&folder);
            continue;
        }
        let runner = DeadRunner {
            prefix,
            temporary: parent.to_path_buf(),
        };
        runner.is_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_run_goes_with_that_of_its_runner() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("file"), "").unwrap();
            folder
        };
        let (runner, run, other) = (folder("lockstep-1"), folder("lockstep.r-1.0"), folder("x"));
        sign(&runner).unwrap();
        remove_too(&runner, &run).unwrap();
        remove_too(&runner, &run).unwrap();
        // What a command has put there leads nowhere.
        std::os::unix::fs::symlink(&other, runner.join("lockstep.r-2.0")).unwrap();
        std::os::unix::fs::symlink(&other, runner.join("output-1")).unwrap();
        remove_folder(&runner).unwrap();
        assert!(!runner.exists() && !run.exists());
        assert!(other.join("file").exists());
    }

    #[test]
    fn a_folder_whose_signature_is_not_whole_is_nobodys_after_a_while() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        let old = std::time::SystemTime::now() - 2 * UNSIGNED_FOLDER_AGE;
        let made = |name: &str, files: &[(&str, &str)], is_old: bool| {
            let folder = parent.join(name);
            std::fs::create_dir(&folder).unwrap();
            for (file, text) in files {
                std::fs::write(folder.join(file), text).unwrap();
            }
            if is_old {
                let folder = std::fs::File::open(&folder).unwrap();
                folder.set_modified(old).unwrap();
            }
            folder
        };
        let gone = [
            made("lockstep-1", &[], true),
            made("lockstep-2", &[(SIGNATURE_FILE, "")], true),
            made("lockstep-3", &[(SIGNATURE_FILE, "12-34\npid")], true),
        ];
        let left = [
            made("lockstep-4", &[(SIGNATURE_FILE, "")], false),
            made(
                "lockstep-5",
                &[(SIGNATURE_FILE, ""), ("output-1", "x")],
                true,
            ),
        ];
        remove_left_folders(parent);
        assert!(gone.iter().all(|folder| !folder.exists()));
        assert!(left.iter().all(|folder| folder.exists()));
    }

    #[test]
    fn a_folder_that_cannot_be_removed_yet_stays_signed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("lockstep-1");
        std::fs::create_dir_all(folder.join("below")).unwrap();
        sign(&folder).unwrap();
        std::fs::write(folder.join("below/file"), "").unwrap();
        assert!(remove_folder(&parent.path().join("no-such")).is_err());
        assert!(folder.join(SIGNATURE_FILE).exists());
        remove_folder(&folder).unwrap();
        assert!(!folder.exists());
    }
}
