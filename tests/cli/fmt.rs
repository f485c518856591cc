//! `lockstep fmt`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use crate::support::Test;

const GOOD: &str = "service web: app { image = \"web:7\" }\n";
const BAD: &str = "service  web:app{image=\"web:7\"}";

#[test]
fn a_folder_is_formatted_but_for_what_git_ignores() {
    let test = Test::new()
        .file("a.deploy", BAD)
        .file("b.deploy", GOOD)
        .file("deep/er/c.deploy", BAD)
        .file("out/d.deploy", BAD)
        .file(".gitignore", "out\n")
        .file("e.txt", BAD)
        .args(["fmt"]);
    let said = test.said();
    assert_eq!(said.stdout, "2 files formatted, 1 unchanged\n");
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    let read = |path: &str| fs::read_to_string(test.path(path)).expect("a file");
    assert_eq!(read("a.deploy"), GOOD);
    assert_eq!(read("deep/er/c.deploy"), GOOD);
    assert_eq!(read("out/d.deploy"), BAD);
    assert_eq!(read("e.txt"), BAD);
    assert_eq!(test.said().stdout, "3 files unchanged\n");
}

#[test]
fn check_lists_files_and_writes_nothing() {
    let test = Test::new()
        .file("a.deploy", BAD)
        .file("b.deploy", GOOD)
        .file("deep/c.deploy", BAD)
        .args(["fmt", "--check", "."]);
    let said = test.said();
    assert_eq!(said.stdout, "a.deploy\ndeep/c.deploy\n");
    assert_eq!(
        (said.stderr.as_str(), said.code),
        ("2 files are not formatted\n", 1)
    );
    let text = fs::read_to_string(test.path("a.deploy")).expect("a file");
    assert_eq!(text, BAD);
    Test::new()
        .file("b.deploy", GOOD)
        .args(["fmt", "--check"])
        .exits(0);
}

#[test]
fn diff_shows_what_would_change() {
    Test::new()
        .file("a.deploy", format!("let x = 1\n{BAD}\n"))
        .args(["fmt", "--diff", "a.deploy"])
        .stdout(format!(
            "--- a.deploy\n+++ a.deploy (formatted)\n@@ -1,2 +1,2 @@\n let x = 1\n-{BAD}\n+{GOOD}"
        ))
        .stderr("1 file is not formatted\n")
        .exits(1);
    let coloured = Test::new()
        .file("a.deploy", BAD)
        .args(["fmt", "--diff", "--color", "always"])
        .said();
    assert!(
        coloured.stdout.contains("\u{1b}[32m+"),
        "{}",
        coloured.stdout
    );
}

/// The output of the program for a text on standard input.
fn piped(args: &[&str], text: &str) -> (String, String, Option<i32>) {
    let test = Test::new().args(args.iter().copied());
    let mut child = test
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("standard input");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        said(output.stdout),
        said(output.stderr),
        output.status.code(),
    )
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let quiet = String::new();
    assert_eq!(
        piped(&["fmt", "-"], BAD),
        (GOOD.to_string(), quiet.clone(), Some(0))
    );
    assert_eq!(
        piped(&["fmt", "--check", "-"], GOOD),
        (quiet.clone(), quiet, Some(0))
    );
    let (stdout, _, code) = piped(&["fmt", "--check", "-"], BAD);
    assert_eq!((stdout.as_str(), code), ("standard input\n", Some(1)));
    // Nothing is lost, whatever the text is.
    let (stdout, stderr, code) = piped(&["fmt", "-"], "pipelin a {");
    assert_eq!((stdout.as_str(), code), ("pipelin a {\n", Some(2)));
    assert_eq!(
        stderr,
        "error: standard input:1:1 has errors and was left unchanged there\n"
    );
}

#[test]
fn a_broken_file_does_not_stop_the_others() {
    let broken = format!("pipelin a {{}}\n{BAD}\n");
    let test = Test::new()
        .file("a.deploy", &broken)
        .file("b.deploy", b"\xff")
        .file("c.deploy", BAD)
        .args(["fmt", "a.deploy", "b.deploy", "nowhere.deploy", "c.deploy"]);
    let said = test.said();
    assert_eq!(said.stdout, "2 files formatted, 1 unchanged\n");
    assert_eq!(
        said.stderr,
        "error[E0703]: cannot read `nowhere.deploy`: no such file\n\
         error: a.deploy:1:1 has errors and was left unchanged there; \
         `lockstep check a.deploy` says why\n\
         error[E0703]: cannot read `b.deploy`: is not UTF-8 (byte 1)\n"
    );
    assert_eq!(said.code, 2);
    let read = |path: &str| fs::read_to_string(test.path(path)).expect("a file");
    assert_eq!(read("a.deploy"), format!("pipelin a {{}}\n{GOOD}"));
    assert_eq!(read("c.deploy"), GOOD);
}

#[test]
fn a_file_keeps_its_rights_and_a_link_stays_a_link() {
    let test = Test::new()
        .file("real/a.deploy", BAD)
        .args(["fmt", "link.deploy"]);
    let real = test.path("real/a.deploy");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("rights");
    symlink("real/a.deploy", test.path("link.deploy")).expect("a link");
    assert_eq!(test.said().stdout, "1 file formatted\n");
    assert_eq!(fs::read_to_string(&real).expect("a file"), GOOD);
    let rights = fs::metadata(&real).expect("a file").permissions().mode();
    assert_eq!(rights & 0o777, 0o640);
    let link = fs::symlink_metadata(test.path("link.deploy")).expect("a link");
    assert!(link.is_symlink());
    let names = fs::read_dir(test.path("real")).expect("a folder").count();
    assert_eq!(names, 1, "something was left behind");
}

/// Another owner can be set by root alone; a second name is the other reason to write in place.
#[test]
fn a_file_keeps_its_owner_and_its_names() {
    use std::os::unix::fs::{MetadataExt, chown};
    let test = Test::new()
        .file("a.deploy", BAD)
        .file("b.deploy", format!("{BAD}{}", " ".repeat(100)))
        .args(["fmt"]);
    let owned = chown(test.path("a.deploy"), Some(12_345), Some(12_346)).is_ok();
    fs::hard_link(test.path("b.deploy"), test.path("c.txt")).expect("a second name");
    assert_eq!(test.said().stdout, "2 files formatted\n");
    for name in ["a.deploy", "b.deploy", "c.txt"] {
        let text = fs::read_to_string(test.path(name)).expect("a file");
        assert_eq!(text, GOOD, "{name}");
    }
    let old = fs::metadata(test.path("a.deploy")).expect("a file");
    assert!(!owned || (old.uid(), old.gid()) == (12_345, 12_346));
    let names = fs::read_dir(test.path(".")).expect("a folder").count();
    assert_eq!(names, 3, "something was left behind");
}

#[test]
fn a_read_only_file_is_left_alone() {
    let test = Test::new().file("a.deploy", BAD).args(["fmt"]);
    let path = test.path("a.deploy");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("rights");
    let said = test.said();
    assert_eq!(
        (said.stderr.as_str(), said.code),
        (
            "error[E0750]: cannot write `a.deploy`: it is read-only\n",
            2
        )
    );
    assert_eq!(fs::read_to_string(&path).expect("a file"), BAD);
}

#[test]
fn a_folder_without_files_is_refused() {
    Test::new()
        .args(["fmt"])
        .stderr("error[E0701]: there is no `.deploy` file in this folder\n  help: name a file, or a folder with \
             one; `lockstep new` makes an example\n")
        .exits(2);
}
