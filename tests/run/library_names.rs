//! Only what is written `std/…` is of the library: no file of the folder is taken for it, nothing
//! leads out of it, and a folder that is called `std` is as every other.

use crate::support::Test;
use crate::support::program::{Said, run};

fn said(test: &Test, arguments: &[&str]) -> Said {
    let mut command = test.command();
    command.args(arguments);
    run(command)
}

const HOOKS: &str = "let text = file(\"./text\")\n\
    workflow where-am-i() { run \"pwd > ${text}\" }\n\
    pipeline p { where-am-i() }\n";

#[test]
fn a_folder_called_std_is_as_every_other() {
    let test = Test::new()
        .file(
            "main.deploy",
            "import \"./std/health\" as h\npipeline p { h.where-am-i() }",
        )
        .file("std/health", HOOKS)
        .file("std/text", "found");
    for arguments in [
        &["run", "main.deploy"][..],
        &["run", "std/health"],
        &["run", "./std/health"],
    ] {
        let told = said(&test, arguments);
        assert_eq!(
            told.code, 0,
            "{arguments:?}: {}{}",
            told.stdout, told.stderr
        );
        let found = test.path("std/found");
        let folder = std::fs::read_to_string(&found).expect("the command ran there");
        let wanted = std::fs::canonicalize(test.path("std")).expect("a folder");
        assert_eq!(folder.trim_end(), wanted.to_string_lossy(), "{arguments:?}");
        std::fs::remove_file(found).expect("it is there");
    }
}

#[test]
fn no_file_is_taken_for_a_part_of_the_library() {
    for path in [
        "std/mine",
        "std/mine.deploy",
        "std/../outside.deploy",
        "std/../../../../../../../../etc/passwd",
        "std/./health",
        "std//health",
        "std/health/../../outside.deploy",
    ] {
        let test = Test::new()
            .file(
                "main.deploy",
                format!("import \"{path}\" as x\npipeline p {{ x.w() }}"),
            )
            .file("std/mine", "workflow w() { log \"mine\" }")
            .file("std/mine.deploy", "workflow w() { log \"mine\" }")
            .file("outside.deploy", "workflow w() { log \"outside\" }");
        let told = said(&test, &["run", "main.deploy"]);
        assert_eq!(told.code, 2, "{path}: {}{}", told.stdout, told.stderr);
        assert!(
            told.stderr.contains("the library has no file"),
            "{path}: {}",
            told.stderr
        );
    }
}

/// `file("…")` is a file beside the file that names it, whatever it is called.
#[test]
fn a_file_is_beside_the_one_that_names_it() {
    let test = Test::new()
        .file(
            "sub/main.deploy",
            "let t = file(\"std/../../text\")\npipeline p { log t }",
        )
        .file("sub/std/x", "")
        .file("text", "the right one");
    let told = said(&test, &["run", "sub/main.deploy"]);
    assert!(
        told.stdout.contains("the right one"),
        "{}{}",
        told.stdout,
        told.stderr
    );
}
