//! What `lockstep.toml` sets for all commands: the file, the state directory and the groups.

use crate::support::program::{Said, Test, command, program, run};

const ASKS: &str = r#"
pipeline ship {
  approve "Ship it?" by ["release-managers"]
}
"#;

const OTHER: &str = r#"
pipeline other {
  run "echo one; echo two; echo three"
  run "echo four; echo five"
}
"#;

const SETTINGS: &str = r#"
file = "main.deploy"
state = "state/here"

[groups]
release-managers = ["ada"]
"#;

fn project() -> Test {
    Test::new()
        .file("lockstep.toml", SETTINGS)
        .file("main.deploy", OTHER)
        .file("more.deploy", ASKS)
}

fn says(test: &Test, words: &[&str]) -> Said {
    let mut command = command(program(), &test.path("."));
    command.args(words);
    run(command)
}

#[test]
fn the_file_and_the_state_directory_are_those_of_the_settings() {
    let test = project();
    let said = says(&test, &["run"]);
    assert_eq!(
        (said.stderr.as_str(), said.code),
        ("", 0),
        "{}",
        said.stdout
    );
    assert!(test.path("state/here/state.db").exists());
    assert!(!test.path(".lockstep").exists());
    let shown = says(&test, &["show"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(!shown.stdout.contains("--state"), "{}", shown.stdout);
}

#[test]
fn without_the_settings_the_help_names_them() {
    let test = Test::new()
        .file("main.deploy", OTHER)
        .file("more.deploy", ASKS);
    let said = says(&test, &["plan"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("here or in `lockstep.toml`"),
        "{}",
        said.stderr
    );
}

#[test]
fn the_groups_of_the_settings_say_who_may_approve() {
    let test = project();
    let mut running = command(program(), &test.path("."));
    running.args(["run", "more.deploy"]);
    let running = crate::support::running::Running::start(running);
    let answer = |who: &str| says(&test, &["approve", "--yes", "--as", who]);
    crate::support::running::until("it asks", || {
        says(&test, &["approve"]).stdout.contains("Ship it?")
    });
    let listed = says(&test, &["approve"]).stdout;
    assert!(listed.contains("--yes|--no"), "{listed}");
    assert!(!listed.contains("--choose"), "{listed}");
    let refused = answer("bob");
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("lockstep.toml"),
        "{}",
        refused.stderr
    );
    assert_eq!(answer("ada").code, 0);
    assert_eq!(running.end().code, 0);
}

#[test]
fn logs_have_times_and_an_end() {
    let test = project();
    says(&test, &["run"]);
    let all = says(&test, &["logs"]).stdout;
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 5, "{all}");
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("   0:00  other │ ")),
        "{all}"
    );
    let end = says(&test, &["logs", "--tail", "1"]).stdout;
    let ends: Vec<&str> = end
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(ends, ["three", "five"], "{end}");
    let one = says(&test, &["logs", "-n", "2", "**/run"]).stdout;
    assert_eq!(one, "two\nthree\n");
}

/// What a node wrote is in its log; a long journal is not read for it, only for the order and the
/// times of several.
#[test]
fn the_log_of_one_node_is_shown_without_the_journal() {
    let test = project().file(
        "more.deploy",
        "pipeline more { step one { run \"echo 1\" } step silent { run \"true\" } }",
    );
    let long = "x".repeat(250);
    let other = format!("pipeline other {{ step {long} {{ run \"echo long\" }} }}\n");
    let database =
        || rusqlite::Connection::open(test.path("state/here/state.db")).expect("a database");
    let logs = |words: &[&str]| {
        let said = says(&test, &[&["logs"], words].concat());
        (said.stdout, said.code)
    };
    says(&test, &["run", "more.deploy"]);
    let all = [
        logs(&[]),
        logs(&["**/one"]),
        logs(&["**/one/run"]),
        logs(&["**/silent"]),
        logs(&["--tail", "1"]),
    ];
    assert_eq!(all[0], (String::from("1\n"), 0));
    assert_eq!(all[3], (String::new(), 2));
    let json = logs(&["--format", "json"]);
    let began = json.0.contains("\"began\":\"20");
    assert!(began, "{}", json.0);
    database()
        .execute("UPDATE journal SET told = 'no JSON'", [])
        .expect("a change");
    assert_eq!(logs(&[]), all[0]);
    assert_eq!(logs(&["**/one"]), all[1]);
    assert_eq!(logs(&["**/one/run"]), all[2]);
    assert_eq!(logs(&["**/silent"]), all[3]);
    assert_eq!(logs(&["--tail", "1"]), all[4]);
    assert_eq!(logs(&["--format", "json"]).1, 2, "it tells times");
    // The name of this log does not say its node.
    let test = test.file("main.deploy", &other);
    says(&test, &["run"]);
    let said = says(&test, &["logs", &format!("other/{long}")]);
    assert_eq!((said.stdout.as_str(), said.code), ("long\n", 0));
}
