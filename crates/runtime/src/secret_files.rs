//! The files that hold secrets while a run goes on (`token.file`): made when something that names
//! one is about to start, and removed when the run ends. Invariant: only this user can read them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::connection::random;
use super::secrets::SecretVault;
use lockstep_base::source::Name;
use lockstep_base::value::{SecretPart, Value};
use lockstep_lang::eval::builtins::SECRET_FILE_PREFIX;
use lockstep_lang::ir::command::{Invocation, TransferSource};

/// The files of the secrets of one run.
#[derive(Debug)]
pub(crate) struct SecretFiles {
    folder: String,
    /// The names of the secrets.
    names: Vec<Name>,
    /// What stands in the folder to tell whose it is, once this has made it.
    made: Mutex<Option<String>>,
}

/// Why a file of a secret is not there.
#[derive(Debug)]
pub(crate) enum SecretFileError {
    /// What uses it does not run on this machine.
    Elsewhere(Name),
    /// The folder or the file cannot be made.
    Unwritable(Name, std::io::Error),
    /// The secret has not been read.
    Unread(Name),
}

impl std::fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elsewhere(secret) => write!(
                f,
                "`.file` of secret `{secret}` is a file on this machine, and the command runs on \
                 another one: pass the secret by `env {{ … }}` or by standard input"
            ),
            Self::Unwritable(secret, why) => {
                write!(f, "the file of secret `{secret}` cannot be made: {why}")
            }
            Self::Unread(secret) => write!(f, "secret `{secret}` has not been read"),
        }
    }
}

impl std::error::Error for SecretFileError {}

impl SecretFiles {
    /// The files in a folder, which need not exist. The names are those of the program's secrets.
    pub(crate) fn new(folder: &str, names: Vec<Name>) -> Self {
        Self {
            folder: String::from(folder),
            names,
            made: Mutex::new(None),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(&self.folder)
    }

    /// The secrets whose files a command names.
    pub(crate) fn of_command(
        &self,
        command: &Invocation,
        env: &[(Name, Value)],
        stdin: Option<&Value>,
    ) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        if let Some(stdin) = stdin {
            self.in_value(stdin, &mut found);
        }
        match command {
            Invocation::Direct(words) => {
                for word in words {
                    self.in_text(word, &mut found);
                }
            }
            Invocation::Shell {
                bash: _,
                script: _,
                variables,
            } => {
                for (_, value) in variables {
                    self.in_value(value, &mut found);
                }
            }
            Invocation::Transfer(transfer) => match &transfer.source {
                TransferSource::Text { text, .. } => self.in_value(text, &mut found),
                TransferSource::Path(path) => self.in_text(path, &mut found),
            },
        }
        for (_, value) in env {
            self.in_value(value, &mut found);
        }
        found
    }

    /// The secrets whose files values name.
    pub(crate) fn of_values(&self, values: &[Value]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for value in values {
            self.in_value(value, &mut found);
        }
        found
    }

    fn in_value(&self, value: &Value, to: &mut BTreeSet<usize>) {
        match value {
            Value::String(text) => self.in_text(text, to),
            Value::List(items) => items.iter().for_each(|item| self.in_value(item, to)),
            Value::Map(entries) => {
                for (key, value) in entries.iter() {
                    self.in_text(key, to);
                    self.in_value(value, to);
                }
            }
            Value::Secret(parts) => {
                for part in parts.iter() {
                    match part {
                        SecretPart::Text(text) => self.in_text(text, to),
                        SecretPart::Derived(derived) => {
                            derived.args.iter().for_each(|arg| self.in_value(arg, to));
                        }
                        SecretPart::Secret(_) | SecretPart::Made(_) => {}
                    }
                }
            }
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Duration(_)
            | Value::Percent(_)
            | Value::Service { .. }
            | Value::Environment(_)
            | Value::Infrastructure(_)
            | Value::Unknown => {}
        }
    }

    fn in_text(&self, text: &str, to: &mut BTreeSet<usize>) {
        if self.names.is_empty() || self.folder.is_empty() {
            return;
        }
        for (at, folder) in text.match_indices(&*self.folder) {
            let rest = text.get(at + folder.len()..).unwrap_or_default();
            let rest = rest.strip_prefix('/').unwrap_or_default();
            let number = rest.strip_prefix(SECRET_FILE_PREFIX).unwrap_or_default();
            let end = number.find(|char: char| !char.is_ascii_digit());
            let digits = number.get(..end.unwrap_or(number.len()));
            let number = digits.and_then(|digits| digits.parse::<usize>().ok());
            to.extend(number.filter(|number| *number < self.names.len()));
        }
    }

    /// Refuses a command that names one and does not run on this machine.
    pub(crate) fn refuse_elsewhere(&self, used: &BTreeSet<usize>) -> Result<(), SecretFileError> {
        match used.first() {
            Some(at) => Err(SecretFileError::Elsewhere(self.name(*at))),
            None => Ok(()),
        }
    }

    /// Makes the files that are not there.
    pub(crate) fn make(
        &self,
        used: &BTreeSet<usize>,
        vault: &SecretVault,
    ) -> Result<(), SecretFileError> {
        for at in used {
            let unwritable = |why| SecretFileError::Unwritable(self.name(*at), why);
            let text = vault.texts().get(*at).and_then(Option::as_deref);
            let text = text.ok_or_else(|| SecretFileError::Unread(self.name(*at)))?;
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if made.is_none() || *made != identity(self.folder()) {
                *made = Some(new_folder(self.folder()).map_err(unwritable)?);
            }
            let path = self.folder().join(format!("{SECRET_FILE_PREFIX}{at}"));
            if std::fs::symlink_metadata(&path).is_err() {
                write(&path, text).map_err(unwritable)?;
            }
        }
        Ok(())
    }

    fn name(&self, at: usize) -> Name {
        self.names.get(at).cloned().unwrap_or_else(|| "".into())
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // Another process that has gone on with the run has a folder of its own there.
        if made.is_some()
            && *made == identity(self.folder())
            && let Err(error) = std::fs::remove_dir_all(self.folder())
        {
            tracing::warn!(target: "lockstep::secrets", %error, "files of secrets are left");
        }
    }
}

/// The file that tells whose a folder is: its number may be that of an earlier one.
const OWNER_FILE: &str = "owner";

/// Whose a folder is.
fn identity(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(OWNER_FILE)).ok()
}

/// A new folder that only this user can enter, in place of one that a dead process of this user has
/// left.
fn new_folder(folder: &Path) -> std::io::Result<String> {
    if let Ok(what) = std::fs::symlink_metadata(folder) {
        if !what.is_dir() || what.uid() != rustix::process::geteuid().as_raw() {
            let why = format!("`{}` belongs to somebody else", folder.display());
            return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, why));
        }
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(folder)?;
    let owner = random();
    std::fs::write(folder.join(OWNER_FILE), &owner)?;
    Ok(owner)
}

/// Writes a file that is there as a whole or not at all. A text of several lines ends with a line
/// end: programs refuse keys and certificates without one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut unfinished = PathBuf::from(path);
    unfinished.set_extension("new");
    // One that could not be written to its end.
    let _ = std::fs::remove_file(&unfinished);
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    if text.contains('\n') && !text.ends_with('\n') {
        file.write_all(b"\n")?;
    }
    drop(file);
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn files(folder: &Path) -> SecretFiles {
        let names = vec!["one".into(), "two".into()];
        SecretFiles::new(folder.join("lockstep.r-1.0").to_str().unwrap(), names)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_text_names_files_wherever_they_stand_in_it() {
        let files = SecretFiles::new("/t/lockstep.r-1.0", vec!["a".into(), "b".into()]);
        let in_text = |text: &str| {
            let mut found = BTreeSet::new();
            files.in_text(text, &mut found);
            found.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(in_text("--a=/t/lockstep.r-1.0/secret-0"), [0]);
        assert_eq!(
            in_text("/t/lockstep.r-1.0/secret-1:/t/lockstep.r-1.0/secret-0,x"),
            [0, 1]
        );
        for none in [
            "",
            "/t/lockstep.r-1.0",
            "/t/lockstep.r-1.0/secret-",
            "/t/lockstep.r-1.0/secret-2",
            "/t/lockstep.r-1.0/secret-99999999999999999999999",
            "/t/lockstep.r-2.0/secret-0",
        ] {
            assert!(in_text(none).is_empty(), "{none}");
        }
        let nested = Value::map([(
            "k",
            Value::list([Value::string("/t/lockstep.r-1.0/secret-1")]),
        )]);
        assert_eq!(
            files.of_values(&[nested]).into_iter().collect::<Vec<_>>(),
            [1]
        );
        let env = [(
            Name::from("X"),
            Value::Secret(vec![SecretPart::Text("/t/lockstep.r-1.0/secret-0".into())].into()),
        )];
        let found = files.of_command(&Invocation::Direct(Vec::new()), &env, None);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn only_this_user_reads_them_and_they_go_with_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let vault = SecretVault::new(["hunter2", "two\nlines"]);
        let files = files(folder.path());
        files.make(&BTreeSet::from([1]), &vault).unwrap();
        let (one, two) = (
            files.folder().join("secret-0"),
            files.folder().join("secret-1"),
        );
        assert!(!one.exists());
        files.make(&BTreeSet::from([0, 1]), &vault).unwrap();
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "hunter2");
        assert_eq!(std::fs::read_to_string(&two).unwrap(), "two\nlines\n");
        assert_eq!((mode(files.folder()), mode(&one)), (0o700, 0o600));
        // What something has removed is there again.
        std::fs::remove_dir_all(files.folder()).unwrap();
        files.make(&BTreeSet::from([0]), &vault).unwrap();
        assert!(one.exists() && !two.exists());
        drop(files);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_run_that_is_gone_on_with_has_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (SecretVault::new(["old-one"]), SecretVault::new(["new-one"]));
        let (before, after) = (files(folder.path()), files(folder.path()));
        before.make(&BTreeSet::from([0]), &old).unwrap();
        after.make(&BTreeSet::from([0]), &new).unwrap();
        drop(before);
        let text = std::fs::read_to_string(after.folder().join("secret-0"));
        assert_eq!(text.unwrap(), "new-one");
    }

    #[test]
    fn what_is_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let files = files(folder.path());
        std::os::unix::fs::symlink(&elsewhere, files.folder()).unwrap();
        let vault = SecretVault::new(["hunter2", "another"]);
        let error = files.make(&BTreeSet::from([0]), &vault).unwrap_err();
        assert!(
            error.to_string().contains("belongs to somebody else"),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
