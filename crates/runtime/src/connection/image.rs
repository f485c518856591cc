//! Containers that last as long as one command.

use std::path::{Path, PathBuf};

/// The folders of a command on this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkingFolders {
    /// That of the source file.
    pub(crate) source: PathBuf,
    /// The one that it starts in.
    pub(crate) working: PathBuf,
}

impl WorkingFolders {
    /// The folders of a command: `dir` is relative to that of the source file.
    pub(crate) fn new(source: &Path, dir: Option<&str>) -> Self {
        // Where there is no working folder, the engine says so.
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let source = whole(source);
        Self {
            working: dir.map_or_else(|| source.clone(), |dir| whole(&source.join(dir))),
            source,
        }
    }
}

/// The empty folder that is the home of who runs commands in a container.
const IMAGE_HOME: &str = "/run/lockstep-home";

/// The folder for temporary files there: an image need not have one.
const IMAGE_TEMPORARY: &str = "/run/lockstep-tmp";

/// The arguments for a container that lasts as long as its command, with the working folder at its
/// own path and the rights of the caller.
pub(super) fn arguments(engine: &str, folders: &WorkingFolders) -> Vec<String> {
    let mut arguments: Vec<String> = ["run", "--rm", "--interactive"].map(String::from).to_vec();
    let user = format!(
        "{}:{}",
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw()
    );
    arguments.extend([String::from("--user"), user]);
    let is_podman = engine.rsplit('/').next() == Some("podman");
    if is_podman && !rustix::process::getuid().is_root() {
        arguments.push(String::from("--userns=keep-id"));
    }
    let mut mounted = vec![&folders.source];
    if !folders.working.starts_with(&folders.source) {
        mounted.push(&folders.working);
    }
    for folder in mounted {
        let folder = folder.display();
        arguments.extend([
            String::from("--mount"),
            format!("type=bind,source={folder},destination={folder}"),
        ]);
    }
    for (variable, folder) in [("HOME", IMAGE_HOME), ("TMPDIR", IMAGE_TEMPORARY)] {
        arguments.extend([
            String::from("--mount"),
            format!("type=tmpfs,destination={folder},tmpfs-mode=1777"),
            String::from("--env"),
            format!("{variable}={folder}"),
        ]);
    }
    let working = folders.working.display().to_string();
    arguments.extend([String::from("--workdir"), working]);
    arguments
}
