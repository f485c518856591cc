//! The file of a secret (`token.file`): commands take its path as an argument; it is there while the
//! run goes on, for its user alone, and is gone whatever ends the run.

use std::path::{Path, PathBuf};

use super::{Told, file};
use crate::support::Test;
use crate::support::program::run;
use crate::support::running::{Running, text_of, until};

const TOKEN: &str = "tok-4711-value";
const KEY: &str = "-----BEGIN KEY-----\nbm9ib2R5\n-----END KEY-----";

const FILES: &str = r#"
secret token = env("TOKEN")
secret key = env("KEY")
kind k { infrastructure { config: secret } deploy using flags-used }
service s: k {}
environment prod { infrastructure eu: k { config = token } }
workflow flags(of: secret) -> [string] { return ["--context", "c", "--config=${of.file}"] }
workflow flags-used(s: service<k>, i: infrastructure<k>) {
  let all = flags(i.config)
  run "sh use.sh ${all}"
}
"#;

/// Says what it was given, and what is in the file.
const USE: &str = r#"
for last; do :; done
path=${last#--config=}
echo "$path" >> paths
stat -c '%a %F' "$path" "${path%/*}" >> modes
cat "$path" >> texts
echo '|' >> texts
"#;

fn test(pipeline: &str) -> Test {
    let test = file(&format!("{FILES}\n{pipeline}"))
        .folder("tmp")
        .file("use.sh", USE)
        .env("TOKEN", TOKEN)
        .env("KEY", KEY);
    let temporary = test.path("tmp").display().to_string();
    test.env("TMPDIR", &temporary)
}

fn text(test: &Test, name: &str) -> String {
    std::fs::read_to_string(test.path(name)).unwrap_or_default()
}

/// What is left in the folder for temporary files.
fn left(test: &Test) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(test.path("tmp")).expect("a folder");
    entries.flatten().map(|entry| entry.path()).collect()
}

#[test]
fn a_command_gets_the_path_by_every_way() {
    let test = test(
        r#"pipeline p {
          run "sh use.sh ${token.file}"
          run "sh use.sh --config=${key.file}"
          run "echo x; sh use.sh ${key.file}"
          run "sh use.sh \"$CONFIG\"" env { CONFIG: token.file }
          deploy s to prod.eu
        }"#,
    );
    let mut command = test.command();
    command.args(["--format", "plain"]);
    let said = run(command);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(!said.stdout.contains(TOKEN), "{}", said.stdout);
    let key = format!("{KEY}\n|\n");
    let token = format!("{TOKEN}|\n");
    let texts = text(&test, "texts");
    assert_eq!(texts, format!("{token}{key}{key}{token}{token}"));
    let modes = text(&test, "modes");
    assert_eq!(modes, "600 regular file\n700 directory\n".repeat(5));
    let paths = text(&test, "paths");
    let mut distinct: Vec<&str> = paths.lines().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 2, "{paths}");
    assert_eq!(left(&test), [""; 0].map(PathBuf::from));
}

/// What is not used is not written.
#[test]
fn a_file_is_made_when_a_command_uses_it() {
    let test = test(
        r#"pipeline p {
          let path = token.file
          run "ls \"$TMPDIR\" > before"
          run "true ${path}"
          run "ls \"$TMPDIR\" > after"
        }"#,
    );
    assert_eq!(Told::by(&test).code, 0);
    let folders = |name: &str| text(&test, name).matches("lockstep.r-").count();
    assert_eq!((folders("before"), folders("after")), (0, 1));
}

#[test]
fn a_command_elsewhere_is_not_started() {
    let test = test(
        r#"environment far { infrastructure one: k { config = token connect = container("web", "./engine") } }
        pipeline p { run "echo ${token.file} > ran" on far.one }"#,
    )
    .file("engine", "#!/bin/sh\necho started >> started\n");
    let told = run(test.command());
    assert_eq!(told.code, 1, "{}{}", told.stdout, told.stderr);
    assert!(
        told.stdout.contains("`.file` of secret `token`"),
        "{}",
        told.stdout
    );
    assert!(!test.path("ran").exists() && !test.path("started").exists());
}

const WAITS: &str = r#"pipeline p {
  let path = token.file
  run "echo ${path} >> paths; echo $$ > begun; until [ -e go ]; do sleep 0.02; done; cat ${path} >> texts"
}"#;

/// Killed with its guardian or alone, the file goes; it is there again, under the same path, when
/// the run goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_killed_run_leaves_none_and_goes_on_with_the_same_path() {
    let test = test(WAITS);
    let running = Running::start(test.command());
    text_of(&test.path("begun"));
    let path = PathBuf::from(text_of(&test.path("paths")).trim_end());
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    assert!(path.exists());
    running.signal("KILL");
    drop(running);
    until("the guardian has removed it", || !folder.exists());
    std::fs::write(test.path("go"), "").expect("a file");
    let mut resume =
        crate::support::program::command(crate::support::program::program(), &test.path(""));
    resume
        .arg("resume")
        .env("TOKEN", "a-newer-value")
        .env("KEY", KEY);
    resume.env("TMPDIR", test.path("tmp"));
    let said = run(resume);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let paths = text(&test, "paths");
    let distinct: std::collections::BTreeSet<&str> = paths.lines().collect();
    assert_eq!((paths.lines().count(), distinct.len()), (2, 1), "{paths}");
    assert_eq!(text(&test, "texts"), "a-newer-value");
    assert_eq!(left(&test), [""; 0].map(PathBuf::from));
}

#[test]
fn what_has_no_file_is_refused() {
    for (pipeline, code, part) in [
        (
            r#"let f = token.file  pipeline p { log f }"#,
            "E0506",
            "only while a pipeline runs",
        ),
        (
            r#"pipeline p { run "x ${token.path}" }"#,
            "E0303",
            "it has `file`",
        ),
        (
            r#"workflow w(of: secret) { run "x ${of.file}" } pipeline p { w("plain") }"#,
            "E0406",
            "only a declared `secret` has a file",
        ),
        (
            r#"workflow w(of: secret) { run "x ${of.file}" } pipeline p { w("Bearer ${token}") }"#,
            "E0406",
            "it is made with a secret",
        ),
    ] {
        let test = test(pipeline);
        let said = run(test.command());
        let all = format!("{}{}", said.stdout, said.stderr);
        assert_ne!(said.code, 0, "{pipeline}: {all}");
        assert!(all.contains(part), "{pipeline}: {code}: {all}");
    }
}
