//! Durability: runs survive the program that executes them: they are resumed by their stored plan,
//! and what failed can be retried. Nothing that is stored contains a secret.

use std::path::Path;

use super::latches::log;
use crate::support::Test;
use crate::support::program::{Said, run};
use crate::support::running::{Running, is_gone, text_of};

/// The output of the program with these arguments instead of the test's own.
pub fn says(test: &Test, words: &[&str]) -> Said {
    let mut command =
        crate::support::program::command(crate::support::program::program(), &test.path(""));
    command.args(words);
    run(command)
}

const STEPS: &str = r#"
input tag: string
pipeline p {
  step one { run "sh -c 'echo one $0 >> log; echo out' ${tag}" }
  parallel {
    run "sh wait.sh"
    step other { run "echo other >> log" }
  }
  let said = run "echo three"
  step last { run "sh -c 'echo last $0 >> log' ${said.stdout}" }
}
"#;

const WAIT: &str = "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n\
                    echo waited >> log\n";

/// A run that was killed while it waited.
pub fn killed() -> Test {
    let test = super::file(STEPS)
        .file("wait.sh", WAIT)
        .args(["--format", "json", "-i", "tag=v1"]);
    let mut running = Running::start(test.command());
    // Emitted events are in the journal.
    while !running.line("node-finished").contains("other") {}
    let waits = text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    // The guardian has a second to end it.
    assert!(is_gone(waits.trim()));
    test
}

/// What is written first is not always the start of the run: one that was killed in between begins
/// when it is resumed, and does not wait for ever.
#[test]
fn a_run_whose_start_was_not_written_down_begins_when_it_is_resumed() {
    let test = killed();
    let database = rusqlite::Connection::open(test.path(".lockstep/state.db"));
    let database = database.expect("a database");
    let first = r#"{"Event":{"DeployedMeanwhile":{"later":[],"unclear":[]}}}"#;
    for (statement, values) in [
        (
            "DELETE FROM journal WHERE key > (SELECT min(key) FROM journal)",
            &[][..],
        ),
        ("UPDATE journal SET event = ?1, told = NULL", &[first]),
    ] {
        let values = rusqlite::params_from_iter(values);
        database.execute(statement, values).expect("it is changed");
    }
    drop(database);
    let _ = std::fs::remove_file(test.path("log"));
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume", "--format", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        log(&test).iter().any(|line| line == "last three"),
        "{said:?}"
    );
}

/// A run in a folder that is somewhere else now is refused before anything starts; with a link in
/// its place it goes on, and so does a retry.
#[test]
fn a_run_in_a_folder_that_was_moved_is_refused_until_it_is_back() {
    use crate::support::program::{command, program};
    let test = Test::new()
        .file(
            "old/main.deploy",
            "pipeline p { step one { run \"sh step.sh\" } }",
        )
        .file("old/step.sh", "echo ran >> log; [ -e go ]\n");
    let (old, new) = (test.path("old"), test.path("new"));
    let call = |folder: &Path, words: &[&str]| {
        let mut command = command(program(), folder);
        command.args(words);
        run(command)
    };
    assert_eq!(call(&old, &["run"]).code, 1);
    std::fs::rename(&old, &new).expect("moved");
    std::fs::write(new.join("go"), "").expect("a file");
    let said = call(&new, &["retry", "--start"]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    for part in [
        "error[E0732]: ",
        "/old`, which is not there any more",
        "`ln -s`",
    ] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
    std::os::unix::fs::symlink(&new, &old).expect("a link");
    let said = call(&new, &["retry", "--start"]);
    assert_eq!(
        (said.stderr.as_str(), said.code),
        ("", 0),
        "{}",
        said.stdout
    );
    assert_eq!(text_of(&new.join("log")), "ran\nran\n");
}

/// The same for a run that is resumed: it stays as it was.
#[test]
fn a_stopped_run_in_a_folder_that_was_moved_is_as_it_was() {
    let test = killed();
    let db = rusqlite::Connection::open(test.path(".lockstep/state.db")).expect("a database");
    let move_to = |folder: &str| {
        let set = "UPDATE runs SET folders = ?";
        db.execute(set, [format!("[\"{folder}\"]")])
            .expect("changed");
    };
    move_to("/nowhere/at/all");
    for _ in 0..2 {
        let said = says(&test, &["resume"]);
        assert_eq!(said.code, 2, "{}", said.stdout);
        assert!(
            said.stderr
                .contains("`/nowhere/at/all`, which is not there"),
            "{}",
            said.stderr
        );
    }
    move_to(test.path("").to_str().expect("UTF-8"));
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(log(&test), ["one v1", "other", "waited", "last three"]);
}

/// Whoever may only read the state directory can look, and change nothing.
#[test]
fn who_may_only_read_can_look() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let test = super::file("pipeline p { step one { run \"echo hi; exit 1\" } }");
    assert_eq!(run(test.command()).code, 1);
    let folder = test.path("");
    let state = folder.join(".lockstep");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
    };
    let all = |path: &Path| -> Vec<std::path::PathBuf> {
        let found = std::fs::read_dir(path).expect("a folder");
        found.map(|entry| entry.expect("an entry").path()).collect()
    };
    let mut open = vec![state.clone()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(all(&path));
        }
        set(&path, if path.is_dir() { 0o555 } else { 0o444 });
    }
    set(&folder, 0o755);
    let looks = |words: &[&str]| {
        let mut command =
            crate::support::program::command(crate::support::program::program(), &folder);
        command.args(words);
        // Root may write whatever its rights are.
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        run(command)
    };
    for words in [&["runs"][..], &["show"], &["logs"], &["verify"], &["locks"]] {
        let said = looks(words);
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{words:?}");
    }
    let said = looks(&["retry", "--start"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    assert!(said.stderr.contains("cannot be written"), "{}", said.stderr);
    assert_eq!(
        all(&state)
            .iter()
            .filter(|it| it.to_string_lossy().contains("state.db"))
            .count(),
        1
    );
    // The folder is to be removed.
    set(&state, 0o755);
    set(&state.join("runs"), 0o755);
    for run in all(&state.join("runs")) {
        set(&run, 0o755);
    }
}

/// A path that the database cannot have is an error that says so.
#[test]
fn a_path_that_is_too_long_is_refused_with_the_reason() {
    let deep = vec!["d".repeat(100); 6].join("/");
    let test = Test::new().file(&format!("{deep}/x.deploy"), "pipeline p { log \"hi\" }");
    let call = |words: &[&str]| {
        let folder = test.path(&deep);
        let mut command =
            crate::support::program::command(crate::support::program::program(), &folder);
        command.args(words);
        run(command)
    };
    let said = call(&["run"]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    let reason = "its path is too long, ";
    assert!(
        said.stderr.contains("; name another one with `--state`"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains(reason), "{}", said.stderr);
    let state = test.path("state").display().to_string();
    let said = call(&["run", "--state", &state]);
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
}

#[test]
fn a_run_goes_on_by_its_own_plan_when_its_source_has_changed() {
    let test = killed();
    std::fs::write(test.path("main.deploy"), "pipeline other {}").expect("a file");
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume", "--format", "json"]);
    let told = said
        .stderr
        .starts_with("note: `main.deploy` has changed since run r-");
    assert_eq!((told, said.code), (true, 0), "{}", said.stderr);
    assert_eq!(log(&test), ["one v1", "other", "waited", "last three"]);
    let again = says(&test, &["resume"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("E0730"), "{}", again.stderr);
    assert!(again.stderr.contains("there is no interrupted run"));
}

#[test]
fn a_run_goes_on_when_its_source_is_gone_and_from_another_folder() {
    let test = killed();
    std::fs::remove_file(test.path("main.deploy")).expect("it is there");
    std::fs::write(test.path("go"), "").expect("a file");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command =
        crate::support::program::command(crate::support::program::program(), elsewhere.path());
    let state = test.path(".lockstep").display().to_string();
    command.args(["resume", "r-", "--state", &state]);
    let said = run(command);
    let told = said
        .stderr
        .starts_with("note: `main.deploy` has changed since run r-");
    assert_eq!(
        (told, said.code),
        (true, 0),
        "{}{}",
        said.stdout,
        said.stderr
    );
    assert_eq!(log(&test), ["one v1", "other", "waited", "last three"]);
}

#[test]
fn a_run_that_is_being_run_is_left_alone() {
    let test = super::file(STEPS)
        .file("wait.sh", WAIT)
        .args(["--format", "json", "-i", "tag=v1"]);
    let running = Running::start(test.command());
    text_of(&test.path("pid"));
    for words in [["resume", "r-"], ["retry", "r-"]] {
        let said = says(&test, &words);
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains("E0732"), "{}", said.stderr);
    }
    std::fs::write(test.path("go"), "").expect("a file");
    assert_eq!(running.end().code, 0);
}

#[test]
fn what_may_run_only_once_is_not_run_again() {
    let test = super::file(
        r#"pipeline p {
          step careful once { run "sh wait.sh" }
          run "echo never >> log"
        } on failure(interrupted) { run "echo mended >> log" }"#,
    )
    .file("wait.sh", WAIT)
    .args(["--format", "json"]);
    let running = Running::start(test.command());
    let waits = text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    // The guardian has a second to end it.
    assert!(is_gone(waits.trim()));
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume"]);
    assert_eq!(said.code, 1);
    assert_eq!(log(&test), ["mended"]);
    assert!(
        said.stdout.contains("interrupted: it was running"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("lockstep retry r-"), "{}", said.stdout);
}

#[test]
fn a_wait_goes_on_where_it_was() {
    let test = super::file(
        r#"pipeline p {
          parallel { wait 3s run "sh wait.sh" }
          run "echo end >> log"
        }"#,
    )
    .file("wait.sh", WAIT)
    .args(["--format", "json"]);
    let running = Running::start(test.command());
    text_of(&test.path("pid"));
    running.signal("HUP");
    assert_eq!(running.end().code, 5);
    std::fs::write(test.path("go"), "").expect("a file");
    assert_eq!(says(&test, &["resume"]).code, 0);
    assert_eq!(log(&test), ["waited", "end"]);
}

const FAILS: &str = r#"
kind app { deploy using put }
service a: app {}
service b: app {}
environment e { infrastructure i: app {} infrastructure j: app {} }
workflow put(s: service<app>, t: infrastructure<app>) -> { before: string, after: string } {
  run "echo put ${s.name} ${t.name} >> log"
  run "sh check.sh ${s.name} ${t.name}"
  return { before: "0", after: "1" }
}
pipeline p {
  let first = run "echo first >> log; echo value"
  stage s { matrix serial t in e.* parallel s in [a, b] { deploy s to t } }
  step last { run "echo last ${first.stdout} >> log" }
} always { run "echo always >> log" }
"#;

#[test]
fn a_retry_runs_what_failed_or_never_started() {
    let test = super::file(FAILS).file("check.sh", "[ \"$1 $2\" != \"b e.i\" ] || [ -e good ]\n");
    let said = says(&test, &["run", "main.deploy"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout
            .trim_end()
            .lines()
            .last()
            .expect("a line")
            .contains("lockstep retry r-")
    );
    let mut before = log(&test);
    before.sort();
    assert_eq!(before, ["always", "first", "put a e.i", "put b e.i"]);
    std::fs::remove_file(test.path("log")).expect("it is there");
    let refused = says(&test, &["retry"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let shown = &refused.stdout;
    assert!(
        shown.contains("b → e.i") && !shown.contains("a → e.i"),
        "{shown}"
    );
    std::fs::write(test.path("good"), "").expect("a file");
    let said = says(&test, &["retry", "--yes"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let log = log(&test);
    assert_eq!(log[0], "put b e.i");
    assert_eq!(log[3..], ["last value", "always"]);
    assert_eq!(log.len(), 5, "{log:?}");
    let nothing = says(&test, &["retry", "--yes"]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("nothing to retry"),
        "{}",
        nothing.stderr
    );
}

/// A run of another version of the program is resumed as that version would have, or not at all.
#[test]
fn a_run_of_another_version_is_refused_with_the_reason() {
    let test = killed();
    std::fs::write(test.path("go"), "").expect("a file");
    let change = |text: &str| {
        let database = rusqlite::Connection::open(test.path(".lockstep/state.db"));
        database
            .expect("a database")
            .execute_batch(text)
            .expect("a change");
    };
    let version: i64 = rusqlite::Connection::open(test.path(".lockstep/state.db"))
        .and_then(|db| db.pragma_query_value(None, "user_version", |row| row.get(0)))
        .expect("a version");
    let this_version = format!("PRAGMA user_version = {version}");
    let wrongs = [
        (
            "UPDATE programs SET version = version + 1",
            "UPDATE programs SET version = version - 1",
            "E0732",
            "it was planned by another version of this program",
        ),
        (
            "UPDATE journal SET told = replace(told, 'p/one', 'p/eno') WHERE seq = 2",
            "UPDATE journal SET told = replace(told, 'p/eno', 'p/one') WHERE seq = 2",
            "E0732",
            "its journal is not compatible with this version of the program (record 2)",
        ),
        (
            "PRAGMA user_version = 99",
            this_version.as_str(),
            "E0731",
            "was written by a later version of this program",
        ),
    ];
    for (wrong, right, code, reason) in wrongs {
        change(wrong);
        let said = says(&test, &["resume"]);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (2, ""),
            "{}",
            said.stderr
        );
        assert!(
            said.stderr.contains(code) && said.stderr.contains(reason),
            "{}",
            said.stderr
        );
        change(right);
    }
    assert_eq!(log(&test), ["one v1", "other"]);
    assert_eq!(says(&test, &["resume"]).code, 0);
    assert_eq!(log(&test), ["one v1", "other", "waited", "last three"]);
}

/// The bytes of all files in a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => all.extend(all_bytes(&path)),
            false => all.extend(std::fs::read(&path).expect("a file")),
        }
    }
    all
}

#[test]
fn nothing_that_is_kept_holds_a_secret() {
    use base64::Engine as _;
    let secrets = [
        "tok/4711+value=&x",
        "filed 0815 \"value\"",
        "made-1234-value",
    ];
    let test = super::file(
        r#"
secret token = env("TOKEN")
secret filed = file("token.txt")
secret made = command("sh", "made.sh")
pipeline p {
  let said = run "printf '%s\n' ${token} ${filed}; printf %s ${made} | base64; echo a${token}b >&2"
  run "echo ${said.stdout}${said.stderr}"
  run "echo \"key=${token}\" >> $LOCKSTEP_OUTPUT; echo ${made} | sed 's/-/%2D/g'"
  log "said ${said.stdout}"
  run "printf user:%s ${token} | base64 >&2; printf a:%s ${filed} | base64 | tr '+/' '-_'"
  step fails { run "echo ${filed}; sh -c 'echo $A >&2; exit 3'" env { A: "${token}+${made}" } }
}
"#,
    )
    .file("token.txt", format!("{}\n", secrets[1]))
    .file("made.sh", format!("echo {}\n", secrets[2]))
    .env("TOKEN", secrets[0]);
    let said = run(test.command());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let kept = String::from_utf8_lossy(&all_bytes(&test.path(".lockstep"))).into_owned();
    assert!(kept.contains("***"), "something was masked");
    let percent = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    for secret in secrets {
        // In base64 the text before it shifts it, and its ends depend on what is around it.
        let base64 = |before: usize| {
            let text = format!("{}{secret}", "x".repeat(before));
            let all = base64::engine::general_purpose::STANDARD_NO_PAD.encode(text);
            all[[0, 2, 3][before]..all.len() - 2].to_string()
        };
        let url_safe = |text: String| text.replace('+', "-").replace('/', "_");
        let json = serde_json::to_string(secret).expect("text");
        let json = json.trim_matches('"').to_string();
        let mut forms = vec![secret.to_string(), percent(secret), json];
        forms.extend([0, 1, 2].map(base64));
        forms.extend([0, 1, 2].map(base64).map(url_safe));
        for form in forms {
            assert!(!kept.contains(&form), "`{form}` is kept");
        }
    }
}

#[test]
fn a_state_directory_that_cannot_be_written_stops_the_run_before_it_begins() {
    let test = super::file("pipeline p { run \"echo ran >> log\" }").file("taken", "");
    let said = says(&test, &["run", "main.deploy", "--state", "taken"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("E0731"), "{}", said.stderr);
    assert!(!test.path("log").exists());
}

/// The limit on the size of files stands in for a full disk.
#[test]
fn a_full_disk_stops_a_run_which_can_be_resumed() {
    let test = super::file(
        r#"pipeline p {
          serial n in range(0, 40) {
            run "sh -c 'echo $0 >> log; head -c 20000 /dev/zero | tr \"\\0\" x' ${n}"
          }
        }"#,
    );
    let program = crate::support::program::program();
    let mut command = crate::support::program::command("bash", &test.path(""));
    let line = format!(
        "trap '' XFSZ; ulimit -f 400; exec '{}' run main.deploy",
        program.display()
    );
    command.args(["-c", &line]);
    let said = run(command);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("E0731"), "{}", said.stderr);
    assert!(
        said.stdout.contains("lockstep resume r-"),
        "{}",
        said.stdout
    );
    let done = log(&test).len();
    assert!((1..40).contains(&done), "{done}");
    let said = says(&test, &["resume", "--format", "json"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let mut numbers = log(&test);
    // At most what was in flight has run a second time.
    assert!(numbers.len() <= 41, "{numbers:?}");
    numbers.dedup();
    let wanted: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(numbers, wanted);
}

/// However small a file may be, that is an error, whichever file is the first.
#[test]
fn a_limit_on_files_is_never_a_silent_end() {
    for blocks in [0, 1, 8, 40, 100] {
        let test = super::file("pipeline p { run \"echo ran >> log\" }");
        let program = crate::support::program::program();
        for arguments in ["run main.deploy", "runs", "resume", "run main.deploy --yes"] {
            let mut command = crate::support::program::command("bash", &test.path(""));
            let line = format!(
                "ulimit -f {blocks}; exec '{}' {arguments}",
                program.display()
            );
            command.args(["-c", &line]);
            let said = run(command);
            // 128 and more is a signal.
            assert!(said.code < 128, "{blocks} {arguments}: {}", said.code);
            let all = format!("{}{}", said.stdout, said.stderr);
            assert!(
                said.code == 0 || !all.is_empty(),
                "{blocks} {arguments}: {}",
                said.code
            );
            if arguments == "run main.deploy" {
                assert!(all.contains("`ulimit -f`"), "{blocks}: {all}");
            }
        }
        let said = says(&test, &["runs"]);
        assert!(
            said.code == 0 || said.code == 2,
            "{blocks}: {}",
            said.stderr
        );
    }
}

/// Cells that had not begun when the run was killed begin when it is resumed; and so does what the
/// machine had held back of a burst of cells that run nothing.
#[test]
fn a_run_of_many_cells_goes_on_with_those_that_had_not_begun() {
    let test = super::file(
        r#"pipeline p {
          parallel n in range(0, 400) { run "sh step.sh ${n}" }
          parallel m in range(0, 3000) { let x = m }
          run "sh step.sh end"
        }"#,
    )
    .file(
        "step.sh",
        "echo $1 >> log\n[ $1 != 200 ] || until [ -e go ]; do sleep 0.02; done\n",
    )
    .args(["--format", "json", "--max", "2"]);
    let mut running = Running::start(test.command());
    while !running.line("node-finished").contains("parallel[210]") {}
    running.signal("KILL");
    let reported = running.end().stdout;
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume", "--format", "json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let done = log(&test);
    for cell in 0..400 {
        let times = done.iter().filter(|l| **l == cell.to_string()).count();
        // What is reported as ended is in the journal. What had ended without being written down
        // yet runs again, as what was running does.
        let path = format!("parallel[{cell}]");
        let ended =
            (reported.lines()).any(|line| line.contains("node-finished") && line.contains(&path));
        assert!(times == 1 || (times == 2 && !ended), "{cell}: {times}");
    }
    assert_eq!(done.last().map(String::as_str), Some("end"));
}
