//! What has changed in a git checkout between two commits.

use std::path::Path;
use std::process::Command;

use globset::{GlobSet, GlobSetBuilder};
use lockstep_base::source::Name;
use lockstep_lang::ir::file_pattern::file_pattern;

/// So many of the changed files are named to the trigger.
const MAX_PATHS: usize = 1_000;

/// The commit that is there now, and which of the files differ that a trigger is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommitChange {
    pub(crate) commit: String,
    pub(crate) paths: Vec<String>,
}

/// What has changed since a commit; nothing differs where there was none.
pub(crate) fn since(
    folder: &Path,
    branch: Option<&str>,
    patterns: &[Name],
    known: Option<&str>,
) -> Result<CommitChange, String> {
    let head = format!("{}^{{commit}}", branch.unwrap_or("HEAD"));
    let commit = git(
        folder,
        &["rev-parse", "--verify", "--end-of-options", &head],
    )?;
    let commit = commit.trim().to_owned();
    let Some(known) = known.filter(|known| *known != commit) else {
        return Ok(CommitChange {
            commit,
            paths: Vec::new(),
        });
    };
    let range = [
        "diff",
        "--name-only",
        "-z",
        "--no-renames",
        "--end-of-options",
        known,
        &commit,
    ];
    let changed = match git(folder, &range) {
        Ok(changed) => changed,
        // History was rewritten, and the old commit is gone: all that is there may differ.
        Err(_) => git(
            folder,
            &["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit],
        )?,
    };
    let patterns = compiled(patterns)?;
    let paths = changed.split('\0').filter(|path| !path.is_empty());
    let paths = paths.filter(|path| patterns.is_match(path)).take(MAX_PATHS);
    Ok(CommitChange {
        commit,
        paths: paths.map(String::from).collect(),
    })
}

fn compiled(patterns: &[Name]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = file_pattern(pattern);
        set.add(glob.map_err(|error| format!("the pattern `{pattern}`: {}", error.message))?);
    }
    set.build().map_err(|error| error.to_string())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    // What a checkout sets for itself is not run.
    let done = Command::new("git")
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-C",
        ])
        .arg(folder)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output();
    let done = done.map_err(|error| format!("git cannot be started: {error}"))?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&done.stderr);
            let first = said.lines().next().unwrap_or("git failed");
            Err(first.trim_start_matches("fatal: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_between_two_commits_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let config = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
            git(folder.path(), &[&config[..], arguments].concat()).unwrap()
        };
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let commit = |message: &str| {
            run(&["add", "-A"]);
            run(&["commit", "-q", "-m", message]);
        };
        run(&["init", "-q", "-b", "main"]);
        write("k8s/web/a.yaml", "1");
        write("docs/a b.md", "1");
        commit("first");
        let patterns = [Name::from("k8s/**"), Name::from("docs/*.md")];
        let look = |known: Option<&str>| since(folder.path(), Some("main"), &patterns, known);
        let first = look(None).unwrap();
        assert_eq!(first.paths, [""; 0]);
        assert_eq!(look(Some(&first.commit)).unwrap().paths, [""; 0]);
        write("other.txt", "1");
        commit("second");
        let second = look(Some(&first.commit)).unwrap();
        assert_ne!(second.commit, first.commit);
        assert_eq!(second.paths, [""; 0]);
        write("k8s/web/a.yaml", "2");
        write("docs/a b.md", "2");
        write("docs/deep/c.md", "2");
        commit("third");
        let third = look(Some(&first.commit)).unwrap();
        assert_eq!(third.paths, ["docs/a b.md", "k8s/web/a.yaml"]);
        // A commit that is gone, and one that would be an option.
        let all = look(Some("0123456789012345678901234567890123456789")).unwrap();
        assert_eq!(all.paths, ["docs/a b.md", "k8s/web/a.yaml"]);
        assert!(since(folder.path(), Some("--output=x"), &patterns, None).is_err());
        assert!(since(folder.path(), Some("nothing"), &patterns, None).is_err());
    }
}
