//! Paths as code hosts want them: from the root of the checkout, wherever the program was started.

use std::path::{Component, Path, PathBuf};

use lockstep_base::source::Sources;

/// Where GitHub's runner says that the checkout is.
const WORKSPACE_VARIABLE: &str = "GITHUB_WORKSPACE";

/// The same texts, named from the root of the checkout that the current folder is in. What is not
/// in it keeps its name.
pub(super) fn named_from_root(sources: &Sources) -> Sources {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let Ok(here) = here else {
        return sources.clone();
    };
    let Some(root) = root(&here) else {
        return sources.clone();
    };
    let mut named = Sources::default();
    for (_, source) in sources.iter() {
        let name = match from_root(&source.name, &here, &root) {
            Some(path) => path.into(),
            None => source.name.clone(),
        };
        named.add(name, source.text.clone());
    }
    named
}

/// The root of the checkout that a folder is in.
fn root(here: &Path) -> Option<PathBuf> {
    let told = std::env::var_os(WORKSPACE_VARIABLE).and_then(|it| std::fs::canonicalize(it).ok());
    if let Some(told) = told.filter(|told| here.starts_with(told)) {
        return Some(told);
    }
    let mut folders = here.ancestors();
    let found = folders.find(|folder| folder.join(".git").exists());
    found.map(Path::to_path_buf)
}

/// The path of a file from the root; nothing where it is not below it.
fn from_root(name: &str, here: &Path, root: &Path) -> Option<String> {
    let mut whole = PathBuf::new();
    for part in here.join(name).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    let path = whole.strip_prefix(root).ok()?;
    path.to_str().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_root() {
        let path = |name| from_root(name, Path::new("/repo/shop/eu"), Path::new("/repo"));
        let is = |name, wanted: &str| assert_eq!(path(name).as_deref(), Some(wanted));
        is("a.deploy", "shop/eu/a.deploy");
        is("./a.deploy", "shop/eu/a.deploy");
        is("../lib/b.deploy", "shop/lib/b.deploy");
        is("/repo/c.deploy", "c.deploy");
        assert_eq!(path("../../../d.deploy"), None);
        assert_eq!(path("/elsewhere/e.deploy"), None);
    }
}
