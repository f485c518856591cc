//! The files of a state directory and who may read them: by default the user who made it alone,
//! whatever the umask; with [`Access::Group`] the group of the folder, too.
//!
//! The permissions of the database say which of both a directory is. SQLite gives its other files
//! (`-wal`, `-shm`) the permissions of the database, whoever creates them, so a reader with a
//! strict umask does not lock the others out.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use lockstep_runtime::logs::LogAccess as Access;

use super::{StoreError, database};

/// Creates a state directory with its empty database, as far as they do not exist yet. What exists
/// keeps its permissions.
pub(super) fn create(folder: &Path, access: Access) -> Result<(), StoreError> {
    let at = |error: io::Error| StoreError::file(folder, &error);
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(at)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        // Setting them again is what the umask cannot change.
        Ok(()) => set(folder, access.folder_mode()).map_err(at)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(at(error)),
    }
    if database(folder).exists() {
        return Ok(());
    }
    // The state of runs should not be committed with the source. Failing to write this is harmless.
    let _ = create_file(&folder.join(".gitignore"), access, b"*\n");
    match create_file(&database(folder), access, b"") {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(at),
    }
}

fn create_file(path: &Path, access: Access, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    set(path, access.file_mode())?;
    io::Write::write_all(&mut file, text)
}

/// Opens a state directory to the group of its folder: what is there, and what comes.
pub(super) fn share(folder: &Path) -> Result<(), StoreError> {
    let mode = std::fs::metadata(folder).map(|it| it.permissions().mode() & 0o7777);
    if access(folder) == Access::Group && mode.is_ok_and(|it| it == Access::Group.folder_mode()) {
        return Ok(());
    }
    share_all(folder).map_err(|error| StoreError::file(folder, &error))
}

fn share_all(path: &Path) -> io::Result<()> {
    let kind = std::fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in std::fs::read_dir(path)? {
            match share_all(&entry?.path()) {
                // Another process has removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                shared => shared?,
            }
        }
        set(path, Access::Group.folder_mode())
    } else if kind.is_file() {
        set(path, Access::Group.file_mode())
    } else {
        Ok(())
    }
}

/// Sets permissions, if they are not set already: only the owner of a file may set them.
fn set(path: &Path, mode: u32) -> io::Result<()> {
    let now = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    match now == mode {
        true => Ok(()),
        false => std::fs::set_permissions(path, Permissions::from_mode(mode)),
    }
}

/// Who may use an existing state directory.
pub(super) fn access(folder: &Path) -> Access {
    let mode = std::fs::metadata(database(folder)).map(|it| it.permissions().mode());
    match mode.is_ok_and(|mode| mode & 0o060 == 0o060) {
        true => Access::Group,
        false => Access::Owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_directory_is_private_or_the_groups_with_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/state");
        let store = Store::open(&state).unwrap();
        let modes = |names: &[&str]| -> Vec<u32> {
            names.iter().map(|name| mode(&state.join(name))).collect()
        };
        let files = ["state.db", "state.db-wal", "state.db-shm", ".gitignore"];
        assert_eq!((mode(&state), modes(&files)), (0o700, vec![0o600; 4]));
        assert_eq!(store.access(), Access::Owner);
        drop(store);
        let store = Store::open_shared(&state).unwrap();
        assert_eq!((mode(&state), modes(&files)), (0o2770, vec![0o660; 4]));
        drop(store);
        // It stays so, whoever opens it next.
        assert_eq!(Store::open(&state).unwrap().access(), Access::Group);
    }
}
