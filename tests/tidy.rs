//! Keeps the house in order: who may use whom, what is used nowhere else, and the form of files.
//! Every rule is shown a bad sample too, so that none can fall silent.

mod bans;
mod code;
mod form;
mod layers;

use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the root.
pub struct File {
    pub path: String,
    pub text: String,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
}

/// All files below these folders whose names end in `ending`.
pub fn files(folders: &[&str], ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root).expect("a path below the root");
        if path.extension().is_some_and(|other| other == ending) {
            files.push(File {
                path: name.display().to_string(),
                text: std::fs::read_to_string(&path).expect("a readable file"),
                is_test: false,
            });
        }
    }
    mark_tests(&mut files);
    assert!(!files.is_empty(), "no .{ending} files in {folders:?}");
    files
}

/// Marks the files of modules that are declared below `#[cfg(test)]`, and all below them.
fn mark_tests(files: &mut [File]) {
    let mut modules: Vec<String> = Vec::new();
    for file in files.iter() {
        let code = code::bare(&file.text);
        let home = match file.path.strip_suffix("/mod.rs") {
            Some(folder) => folder,
            None => file.path.trim_end_matches(".rs"),
        };
        let home = home.trim_end_matches("/lib").trim_end_matches("/main");
        for (at, mark) in code.match_indices("#[cfg(test)]") {
            let next = code[at + mark.len()..].trim_start();
            let Some((declared, _)) = next.split_once(';') else {
                continue;
            };
            if let Some((before, name)) = declared.rsplit_once("mod ")
                && !before.contains('{')
            {
                modules.push(format!("{home}/{name}"));
            }
        }
    }
    for file in files {
        file.is_test = file.path.starts_with("tests/")
            || modules.iter().any(|module| {
                let rest = file.path.strip_prefix(module);
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default();
        if name == "target" || name == ".git" {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, paths),
            false => paths.push(path),
        }
    }
}

/// Fails with all complaints, one on a line.
#[track_caller]
pub fn none(complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn files_of_test_modules_are_known() {
    let file = |path: &str, text: &str| File {
        path: path.into(),
        text: text.into(),
        is_test: false,
    };
    let mut files = [
        file("src/lib.rs", "mod a;\n#[cfg(test)]\nmod b;\n"),
        file("src/b.rs", ""),
        file(
            "src/a/mod.rs",
            "// #[cfg(test)]\nmod c;\n#[cfg(test)]\npub(crate) mod d;\n",
        ),
        file("src/a/c.rs", "#[cfg(test)]\nmod tests {\n mod x;\n}"),
        file("src/a/d/deep.rs", ""),
        file("src/a/c/tests.rs", ""),
    ];
    mark_tests(&mut files);
    let tests: Vec<&str> = files
        .iter()
        .filter(|file| file.is_test)
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(tests, ["src/b.rs", "src/a/d/deep.rs"]);
}
