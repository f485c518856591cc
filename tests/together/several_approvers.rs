//! Approvals that need several people, or somebody else than who began the run.

use super::{json, other, says, shown, until_it_asks};
use crate::support::Test;
use crate::support::running::{Running, text_of, until};

const TWO: &str = r#"
pipeline p {
  let yes = approve "Ship it?" by ["ops", "mary"] count 2 except [run.user]
  run "echo ${join([y.by for y in yes], " ")} ${yes[0].comment ?? "-"} >> log"
  log "at ${length(yes[0].at)}"
}
"#;

const GROUPS: &str = "ops = [\"ada\", \"grace\", \"linus\"]\n";

/// A run of `ada` that waits for two others.
fn asking() -> (Test, Running) {
    let test = super::super::run::file(TWO).env("USER", "ada");
    std::fs::create_dir_all(test.path(".lockstep")).expect("a folder");
    std::fs::write(test.path(".lockstep/groups.toml"), GROUPS).expect("a file");
    let running = Running::start(other(&test, &["run", "main.deploy", "--format", "plain"]));
    until_it_asks(&test, 1);
    (test, running)
}

/// Until one person has said yes.
fn until_one_has_said_yes(test: &Test) {
    until("one yes is counted", || {
        json(test, &["approve"])[0]["yes"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    });
}

#[test]
fn two_others_have_to_say_yes_and_each_counts_once() {
    let (test, running) = asking();
    let mut all = says(&test, &["approve"]).stdout;
    let refused = |who: &str| {
        let said = says(&test, &["approve", "--yes", "--as", who]);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{who}");
        shown(&test, &said.stderr)
    };
    // Who began it, and who is in no group.
    all += &refused("ada");
    all += &refused("mallory");
    let first = ["approve", "--yes", "--as", "grace", "--comment", "fine"];
    all += &says(&test, &first).stdout;
    until_one_has_said_yes(&test);
    all += &refused("grace");
    all += &says(&test, &["approve"]).stdout;
    all += &says(&test, &["show"]).stdout;
    all += &says(&test, &["approve", "--yes", "--as", "mary"]).stdout;
    let said = running.end();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(text_of(&test.path("log")), "grace mary fine\n");
    assert!(said.stdout.contains("at 24"), "{}", said.stdout);
    all += &said.stdout;
    all += &says(&test, &["show"]).stdout;
    insta::assert_snapshot!(shown(&test, &all));
}

#[test]
fn one_no_is_a_no() {
    let (test, running) = asking();
    assert_eq!(says(&test, &["approve", "--yes", "--as", "grace"]).code, 0);
    until_one_has_said_yes(&test);
    // Somebody changes their mind; who began the run may say no as well.
    assert_eq!(says(&test, &["approve", "--no", "--as", "ada"]).code, 0);
    let said = running.end();
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stdout.contains("the answer was no"), "{}", said.stdout);
}

#[test]
fn a_yes_outlives_the_process() {
    let (test, running) = asking();
    let first = ["approve", "--yes", "--as", "grace", "--comment", "fine"];
    assert_eq!(says(&test, &first).code, 0);
    until_one_has_said_yes(&test);
    running.signal("KILL");
    running.end();
    // One of two is there, so this one is recorded as the second.
    let said = says(&test, &["approve", "--yes", "--as", "grace"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    let said = says(&test, &["approve", "--yes", "--as", "linus"]);
    assert!(said.stdout.starts_with("recorded: run r-"), "{said:?}");
    let late = says(&test, &["approve", "--yes", "--as", "mary"]);
    assert!(late.stderr.contains("already been answered"), "{late:?}");
    let resumed = says(&test, &["resume", "--format", "plain"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(text_of(&test.path("log")), "grace linus fine\n");
}

#[test]
fn of_many_at_once_as_many_count_as_are_needed() {
    let (test, running) = asking();
    let people = ["grace", "linus", "mary", "grace", "linus", "mary"];
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let give = |who: &'static str| {
            let test = &test;
            scope.spawn(move || says(test, &["approve", "--yes", "--as", who]).code)
        };
        let all: Vec<_> = people.map(give).into();
        (all.into_iter())
            .map(|it| it.join().expect("an end"))
            .collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        2,
        "{codes:?}"
    );
    let said = running.end();
    assert_eq!(said.code, 0, "{}", said.stdout);
}

/// `--yes` is one yes, of who begins the run.
#[test]
fn yes_beforehand_is_one_yes() {
    let text = r#"pipeline p { approve "Ship it?" count 2 run "echo shipped >> log" }"#;
    let test = super::super::run::file(text).env("USER", "ada");
    let with = |args: &[&str]| {
        let all = [&["run", "main.deploy", "--yes", "--format", "plain"], args].concat();
        other(&test, &all)
    };
    let running = Running::start(with(&[]));
    until_one_has_said_yes(&test);
    let again = says(&test, &["approve", "--yes", "--as", "ada"]);
    assert_eq!(again.code, 2, "{}", again.stdout);
    assert_eq!(says(&test, &["approve", "--yes", "--as", "grace"]).code, 0);
    let said = running.end();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(text_of(&test.path("log")), "shipped\n");
    // Nobody else can be asked.
    let said = crate::support::program::run(with(&["--no-input"]));
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stdout.contains("--no-input"), "{}", said.stdout);
    let text = r#"pipeline p { approve "Ship it?" except [run.user] }"#;
    std::fs::write(test.path("main.deploy"), text).expect("a file");
    let said = crate::support::program::run(with(&["--no-input"]));
    assert_eq!(said.code, 1, "{}", said.stdout);
}
