//! What becomes of imports when files are moved: they lead to the same files as before.

use std::path::{Component, Path, PathBuf};

use super::checked_file::ROOT_FILE;
use lockstep_base::source::Span;
use lockstep_lang::resolve::is_std;
use lockstep_syntax::ast::ItemKind;
use lockstep_syntax::{parse, words};

/// The imports of a file that change, with the paths to write there, in quotes. `text` is the file
/// at `path`; `moved` says where a file will be, which may be where it is.
///
/// ```
/// use std::path::Path;
///
/// use lockstep_ide::moves::imports;
///
/// let moved = |path: &Path| match path.ends_with("lib.deploy") {
///     true => Path::new("/srv/common/base.deploy").to_owned(),
///     false => path.to_owned(),
/// };
/// let text = "import \"./lib.deploy\" as l\n";
/// let found = imports(text, Path::new("/srv/main.deploy"), &moved);
/// assert_eq!(found[0].1, "\"./common/base.deploy\"");
/// ```
pub fn imports(text: &str, path: &Path, moved: &dyn Fn(&Path) -> PathBuf) -> Vec<(Span, String)> {
    let (Some(folder), new) = (path.parent(), moved(path)) else {
        return Vec::new();
    };
    let Some(new_folder) = new.parent() else {
        return Vec::new();
    };
    let parsed = parse(ROOT_FILE, text);
    let mut found = Vec::new();
    for item in &parsed.file.items {
        let (ItemKind::Import { path: import, .. } | ItemKind::From { path: import, .. }) =
            &item.kind
        else {
            continue;
        };
        let Some(written) = import.plain().filter(|it| !is_std(it) && !it.is_empty()) else {
            continue;
        };
        let target = moved(&normal(&folder.join(&*written)));
        if normal(&new_folder.join(&*written)) == target {
            continue;
        }
        let path = match Path::new(&*written).is_absolute() {
            true => target.to_string_lossy().into_owned(),
            false => relative(new_folder, &target),
        };
        found.push((import.span, words::string_of(&path)));
    }
    found
}

/// A path without `.`, and without `..` after a folder.
pub fn normal(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !found.pop() {
                    found.push("..");
                }
            }
            part => found.push(part),
        }
    }
    found
}

/// The path of a file as an import in a folder writes it.
fn relative(folder: &Path, target: &Path) -> String {
    let shared = folder
        .components()
        .zip(target.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder.components().skip(shared).count();
    let down = target.components().skip(shared);
    let down: Vec<_> = down.map(|it| it.as_os_str().to_string_lossy()).collect();
    let up = match up {
        0 => String::from("./"),
        up => "../".repeat(up),
    };
    format!("{up}{}", down.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str, import: &str, moves: &[(&str, &str)]) -> Option<String> {
        let text = format!("from \"{import}\" import x\n");
        let moved = |path: &Path| {
            let new = moves.iter().find_map(|(old, new)| {
                let below = path.strip_prefix(old).ok()?;
                Some(normal(&Path::new(new).join(below)))
            });
            new.unwrap_or_else(|| path.to_owned())
        };
        let found = imports(&text, Path::new(path), &moved);
        assert!(
            found
                .iter()
                .all(|(at, _)| text[at.range()] == format!("\"{import}\""))
        );
        found.into_iter().next().map(|(_, path)| path)
    }

    #[test]
    fn imports_lead_to_where_the_files_will_be() {
        for (path, import, moves, wanted) in [
            (
                "/p/a.deploy",
                "./b.deploy",
                &[("/p/b.deploy", "/p/c.deploy")][..],
                Some("./c.deploy"),
            ),
            (
                "/p/a.deploy",
                "./b.deploy",
                &[("/p/b.deploy", "/p/x/b.deploy")],
                Some("./x/b.deploy"),
            ),
            (
                "/p/a.deploy",
                "./b.deploy",
                &[("/p/a.deploy", "/p/x/a.deploy")],
                Some("../b.deploy"),
            ),
            (
                "/p/a.deploy",
                "./b.deploy",
                &[("/p/a.deploy", "/p/c.deploy")],
                None,
            ),
            ("/p/a.deploy", "./b.deploy", &[("/p", "/q")], None),
            (
                "/p/x/a.deploy",
                "../y/b.deploy",
                &[("/p/y", "/p/z")],
                Some("../z/b.deploy"),
            ),
            (
                "/p/a.deploy",
                "./b.deploy",
                &[
                    ("/p/a.deploy", "/p/x/a.deploy"),
                    ("/p/b.deploy", "/p/x/b.deploy"),
                ],
                None,
            ),
            ("/p/a.deploy", "std/release", &[("/p/std", "/p/x")], None),
            (
                "/p/a.deploy",
                "/p/b.deploy",
                &[("/p/b.deploy", "/p/c.deploy")],
                Some("/p/c.deploy"),
            ),
            (
                "/p/a.deploy",
                "./x/../b.deploy",
                &[("/p/c.deploy", "/p/d.deploy")],
                None,
            ),
            (
                "/p/a.deploy",
                "./b.deploy",
                &[("/p/b.deploy", "/p/b b.deploy")],
                Some("./b b.deploy"),
            ),
        ] {
            let wanted = wanted.map(|path| format!("\"{path}\""));
            assert_eq!(
                changed(path, import, moves),
                wanted,
                "{path} {import} {moves:?}"
            );
        }
    }
}
