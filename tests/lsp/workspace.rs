//! What the server finds beyond the open files: the project around a file, files behind links, and
//! imports of what is moved.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::corpus::place;
use crate::support::editor::{Editor, address};

const LIBRARY: &str = "workflow greet(text: string) { log text }\n";
const USER: &str = "from \"./lib.deploy\" import greet\npipeline p { greet(text: \"a\") }\n";

/// A folder with these files.
fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("a path");
    for (name, text) in files {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(file, text).expect("a file is written");
    }
    (folder, path)
}

/// A request about the first place at which a text holds this.
fn at(uri: &str, text: &str, needle: &str) -> Value {
    let offset = text.find(needle).expect("it is there");
    json!({
        "textDocument": { "uri": uri },
        "position": place(text, offset, false),
        "newName": "zz",
        "context": { "includeDeclaration": true },
    })
}

/// The new texts of the files that an answer changes, by their names in the folder.
fn changed(answer: &Value, folder: &Path) -> BTreeMap<String, Vec<String>> {
    let root = format!("{}/", address(folder));
    let changes = answer["result"]["changes"].as_object();
    let changes = changes.unwrap_or_else(|| panic!("no changes: {answer}"));
    let texts = |edits: &Value| {
        let edits = edits.as_array().expect("edits").iter();
        edits
            .map(|edit| edit["newText"].as_str().expect("a text").to_owned())
            .collect()
    };
    changes
        .iter()
        .map(|(uri, edits)| (uri.replace(&root, ""), texts(edits)))
        .collect()
}

fn names(changes: &BTreeMap<String, Vec<String>>) -> Vec<(&str, usize)> {
    let all = changes.iter();
    all.map(|(name, edits)| (name.as_str(), edits.len()))
        .collect()
}

#[test]
fn without_a_folder_the_project_around_a_file_is_found() {
    let files = [
        ("lockstep.toml", ""),
        ("a/lib.deploy", LIBRARY),
        ("a/user.deploy", USER),
        (
            "b/user.deploy",
            "import \"../a/lib.deploy\" as l\npipeline q { l.greet(text: \"b\") }\n",
        ),
    ];
    for (settings, folders) in [
        ("lockstep.toml", Value::Null),
        (".git/HEAD", Value::Null),
        ("lockstep.toml", json!([])),
    ] {
        let (_folder, path) = project(&files[1..]);
        std::fs::create_dir_all(path.join(settings).parent().expect("a folder")).expect("made");
        std::fs::write(path.join(settings), "").expect("written");
        let mut editor = Editor::with_folders(&path.join("a"), &json!({}), &folders);
        let uri = address(&path.join("a/lib.deploy"));
        editor.open(&uri, LIBRARY);
        let answer = editor.ask("textDocument/rename", at(&uri, LIBRARY, "text:"));
        let changes = changed(&answer, &path);
        let wanted = [
            ("a/lib.deploy", 2),
            ("a/user.deploy", 1),
            ("b/user.deploy", 1),
        ];
        assert_eq!(names(&changes), wanted, "{settings} {folders}");
        let found = editor.ask("textDocument/references", at(&uri, LIBRARY, "greet"));
        assert_eq!(found["result"].as_array().map(Vec::len), Some(4), "{found}");
    }
}

#[test]
fn the_nearest_settings_bound_the_project() {
    let (_folder, path) = project(&[
        (".git/HEAD", ""),
        ("user.deploy", "from \"./a/lib.deploy\" import greet\n"),
        ("a/lockstep.toml", ""),
        ("a/lib.deploy", LIBRARY),
        ("a/user.deploy", USER),
    ]);
    let mut editor = Editor::with_folders(&path, &json!({}), &Value::Null);
    let uri = address(&path.join("a/lib.deploy"));
    editor.open(&uri, LIBRARY);
    let answer = editor.ask("textDocument/rename", at(&uri, LIBRARY, "greet"));
    let changes = changed(&answer, &path);
    assert_eq!(names(&changes), [("a/lib.deploy", 1), ("a/user.deploy", 2)]);
}

#[test]
fn a_file_behind_a_link_is_one_file() {
    let (_folder, path) = project(&[
        ("common/lib.deploy", LIBRARY),
        (
            "user.deploy",
            "from \"./shared/lib.deploy\" import greet\npipeline p { greet(\"a\") }\n",
        ),
        (
            "other.deploy",
            "from \"./common/lib.deploy\" import greet\npipeline q { greet(\"b\") }\n",
        ),
    ]);
    std::os::unix::fs::symlink("common", path.join("shared")).expect("a link");
    for opened in ["common/lib.deploy", "shared/lib.deploy"] {
        let mut editor = Editor::new(&path, &json!({}));
        let uri = address(&path.join(opened));
        editor.open(&uri, LIBRARY);
        let answer = editor.ask("textDocument/rename", at(&uri, LIBRARY, "greet"));
        let changes = changed(&answer, &path);
        let wanted = [(opened, 1), ("other.deploy", 2), ("user.deploy", 2)];
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(names(&changes), wanted);
    }
}

#[test]
fn a_file_that_is_open_behind_a_link_is_seen_as_it_is_open() {
    let (_folder, path) = project(&[("common/lib.deploy", LIBRARY)]);
    std::os::unix::fs::symlink("common", path.join("shared")).expect("a link");
    let mut editor = Editor::new(&path, &json!({}));
    let user = address(&path.join("user.deploy"));
    let told = |message: &Value| {
        message["method"] == "textDocument/publishDiagnostics"
            && message["params"]["uri"].as_str() == Some(user.as_str())
    };
    editor.open(
        &user,
        "from \"./shared/lib.deploy\" import more\npipeline p { more() }\n",
    );
    let found = editor.wait(told);
    assert_eq!(
        found["params"]["diagnostics"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );
    let library = format!("{LIBRARY}workflow more() {{ log \"more\" }}\n");
    editor.open(&address(&path.join("common/lib.deploy")), &library);
    editor.wait(|message| told(message) && message["params"]["diagnostics"] == json!([]));
}

/// A client that does not watch files says nothing of what changes on disk.
#[test]
fn a_change_on_disk_is_seen_by_what_changes_files() {
    let (_folder, path) = project(&[("lib.deploy", LIBRARY)]);
    let mut editor = Editor::new(&path, &json!({}));
    let uri = address(&path.join("user.deploy"));
    editor.open(&uri, USER);
    editor.ask("textDocument/hover", at(&uri, USER, "greet"));
    std::fs::write(path.join("lib.deploy"), format!("\n\n{LIBRARY}")).expect("written");
    let answer = editor.ask("textDocument/rename", at(&uri, USER, "greet"));
    let edits = &answer["result"]["changes"][address(&path.join("lib.deploy"))];
    assert_eq!(edits[0]["range"]["start"]["line"], 2, "{answer}");
}

#[test]
fn imports_follow_files_that_are_moved() {
    let (_folder, path) = project(&[
        ("lib.deploy", LIBRARY),
        ("user.deploy", USER),
        (
            "sub/user.deploy",
            "import \"../lib.deploy\" as l\nfrom \"std/health\" import http-ok\n",
        ),
        ("sub/own.deploy", "import \"./user.deploy\" as u\n"),
    ]);
    let mut editor = Editor::new(&path, &json!({}));
    let offered = &editor.server["capabilities"]["workspace"]["fileOperations"]["willRename"];
    assert!(offered["filters"].is_array(), "{offered}");
    // The open text counts, not the one on disk.
    editor.open(
        &address(&path.join("user.deploy")),
        "let x = 1\nfrom \"./lib.deploy\" import greet\n",
    );
    let mut moved = |old: &str, new: &str| {
        let answer = editor.ask(
            "workspace/willRenameFiles",
            json!({ "files": [{
                "oldUri": address(&path.join(old)), "newUri": address(&path.join(new)),
            }] }),
        );
        match answer["result"].is_null() {
            true => None,
            false => Some((changed(&answer, &path), answer)),
        }
    };
    let (changes, answer) = moved("lib.deploy", "common/base.deploy").expect("changes");
    let wanted = BTreeMap::from([
        (
            String::from("sub/user.deploy"),
            vec![String::from("\"../common/base.deploy\"")],
        ),
        (
            String::from("user.deploy"),
            vec![String::from("\"./common/base.deploy\"")],
        ),
    ]);
    assert_eq!(changes, wanted);
    let open = &answer["result"]["changes"][address(&path.join("user.deploy"))];
    assert_eq!(
        open[0]["range"]["start"],
        json!({ "line": 1, "character": 5 })
    );
    let (changes, _) = moved("sub", "deep/er").expect("changes");
    let wanted = vec![String::from("\"../../lib.deploy\"")];
    assert_eq!(
        changes,
        BTreeMap::from([(String::from("sub/user.deploy"), wanted)])
    );
    assert_eq!(
        moved("user.deploy", "main.deploy").map(|(changes, _)| changes),
        None
    );
}
