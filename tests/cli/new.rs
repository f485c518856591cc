//! `lockstep new`.

use std::fs;
use std::path::Path;

use crate::support::Test;
use crate::support::program::{command, program, run};

/// The output of another call in a folder of the test.
fn calls(test: &Test, folder: &str, args: &[&str]) -> (String, i32) {
    let mut command = command(program(), &test.path(folder));
    command.args(args);
    let said = run(command);
    (said.stdout + &said.stderr, said.code)
}

#[test]
fn a_new_folder_is_ready() {
    let test = Test::new().args(["new", "shop"]);
    let said = test.said();
    assert_eq!(
        said.stdout,
        "made shop/shop.deploy\nmade shop/web/index.txt\nmade shop/.gitignore\n\n  cd shop\n  \
         lockstep plan   a dry run: shows what would happen\n  \
         lockstep test   runs its tests in virtual time, executing nothing\n  \
         lockstep run    runs it\n"
    );
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    for args in [
        &["check"][..],
        &["lint", "--deny-warnings"],
        &["fmt", "--check"],
        &["plan"],
        &["test"],
        &["run"],
        &["run", "-i", "version=v2"],
    ] {
        let (said, code) = calls(&test, "shop", args);
        assert_eq!(code, 0, "{args:?} says\n{said}");
    }
    let page = test.path("shop/site/prod/two/web/current/index.txt");
    assert_eq!(
        fs::read_to_string(page).expect("it is deployed"),
        "Hello from Lockstep.\n"
    );
    let (said, _) = calls(&test, "shop", &["test"]);
    assert!(said.contains("1 passed"), "{said}");
}

/// The line that goes into the new folder does so, whatever its name is.
#[test]
fn the_way_into_the_folder_can_be_copied() {
    for name in ["my shop", "it's", "$HOME", "a/b c", "-x"] {
        let test = Test::new().args(["new", "--", name]);
        let said = test.said();
        assert_eq!(said.code, 0, "{}", said.stderr);
        let lines = said.stdout.lines().map(str::trim);
        let into = lines.clone().find(|line| line.starts_with("cd "));
        let script = format!("{} && ls", into.expect("a line"));
        let mut shell = command("sh", &test.path(""));
        shell.args(["-c", &script]);
        let said = run(shell);
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{script}");
        assert!(
            said.stdout.contains(".deploy\n"),
            "{script}: {}",
            said.stdout
        );
    }
}

#[test]
fn without_a_name_it_is_this_folder() {
    let test = Test::new()
        .folder("corner")
        .file("corner/.gitignore", "x\n");
    let (said, code) = calls(&test, "corner", &["new"]);
    assert_eq!(code, 0, "{said}");
    assert!(test.path("corner/corner.deploy").exists(), "{said}");
    let ignored = fs::read_to_string(test.path("corner/.gitignore")).expect("a file");
    assert_eq!(ignored, "x\n");
}

#[test]
fn nothing_is_overwritten() {
    for there in ["shop/other.deploy", "shop/web/index.txt", "shop"] {
        let test = Test::new().file(there, "mine\n").args(["new", "shop"]);
        let said = test.said();
        assert_eq!((said.stdout.as_str(), said.code), ("", 2), "{there}");
        let code = if Path::new(there).parent() == Some(Path::new("")) {
            "error[E0750]: "
        } else {
            "error[E0751]: "
        };
        assert!(said.stderr.starts_with(code), "{}", said.stderr);
        assert_eq!(
            fs::read_to_string(test.path(there)).expect("a file"),
            "mine\n"
        );
    }
}
