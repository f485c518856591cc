//! Questions that are answered by another process.

use super::{json, other, says, shown, until_it_asks};
use crate::support::Test;
use crate::support::program::Said;
use crate::support::running::Running;

const APPROVE: &str = r#"
pipeline p {
  run "echo before >> log"
  approve "Ship it?" by ["release-managers", "grace"]
  run "echo after >> log"
}
"#;

const GROUPS: &str = "release-managers = [\"ada\", \"linus\"]\n";

/// A run that waits for its answer.
fn asking(text: &str) -> (Test, Running) {
    let test = super::super::run::file(text);
    let running = Running::start(other(&test, &["run", "main.deploy", "--format", "plain"]));
    until_it_asks(&test, 1);
    (test, running)
}

#[track_caller]
fn refused(test: &Test, args: &[&str]) -> String {
    let said = says(test, args);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{args:?}");
    shown(test, &said.stderr)
}

fn end(test: &Test, running: Running) -> (Said, String) {
    let said = running.end();
    let log = std::fs::read_to_string(test.path("log")).expect("a log");
    (said, log)
}

#[test]
fn a_group_answers_and_the_answer_is_kept() {
    let (test, running) = asking(APPROVE);
    // No groups file says who is a release manager.
    let mut all = refused(&test, &["approve", "--yes"]);
    std::fs::write(test.path(".lockstep/groups.toml"), GROUPS).expect("a file");
    all += &refused(&test, &["approve", "--yes", "--as", "mallory"]);
    all += &refused(&test, &["approve", "--choose", "retry"]);
    all += &refused(&test, &["approve", "r-none", "--yes"]);
    all += &refused(&test, &["approve", "r-", "q/**", "--yes"]);
    all += &says(&test, &["approve"]).stdout;
    let yes = [
        "approve",
        "r-",
        "**/approve",
        "--yes",
        "--comment",
        "looks good",
    ];
    all += &says(&test, &yes).stdout;
    // A second answer is rejected.
    all += &refused(&test, &["approve", "r-", "--no", "--as", "linus"]);
    let (said, log) = end(&test, running);
    assert_eq!((said.code, log.as_str()), (0, "before\nafter\n"));
    all += &said.stderr;
    all += &says(&test, &["show"]).stdout;
    insta::assert_snapshot!(shown(&test, &all));
    let kept = json(&test, &["show"])["answers"][0].clone();
    let hash = json(&test, &["runs"])[0]["plan"].clone();
    assert_eq!(kept["plan"], hash);
    assert_eq!(
        (&kept["who"], &kept["answer"]),
        (&"ada".into(), &"yes".into())
    );
}

#[test]
fn a_refusal_has_its_reason() {
    let (test, running) = asking(APPROVE);
    let no = [
        "approve",
        "--no",
        "--as",
        "grace",
        "--comment",
        "wrong week",
    ];
    assert_eq!(says(&test, &no).stdout, "p/approve: no, by grace\n");
    let (said, log) = end(&test, running);
    assert_eq!((said.code, log.as_str()), (1, "before\n"));
    assert!(
        said.stdout
            .contains("the answer was no: wrong week (grace)"),
        "{}",
        said.stdout
    );
}

#[test]
fn of_two_answers_the_first_counts() {
    let (test, running) = asking(APPROVE);
    let answers: Vec<Said> = std::thread::scope(|scope| {
        let give = |how: &'static str| {
            let test = &test;
            scope.spawn(move || says(test, &["approve", how, "--as", "grace"]))
        };
        let all: Vec<_> = ["--yes", "--no", "--yes", "--no"].map(give).into();
        all.into_iter()
            .map(|it| it.join().expect("an end"))
            .collect()
    });
    let counted: Vec<&Said> = answers.iter().filter(|said| said.code == 0).collect();
    let [first] = counted.as_slice() else {
        panic!("{answers:?}");
    };
    let yes = first.stdout.contains(": yes");
    for said in answers.iter().filter(|said| said.code != 0) {
        let word = if yes { "yes" } else { "no" };
        let told = format!("has already been answered: {word}, by grace");
        // One that comes late finds that the run has ended.
        let over = "there is no run with an open question";
        assert!(
            said.stderr.contains(&told) || said.stderr.contains(over),
            "{answers:?}"
        );
    }
    let (said, _) = end(&test, running);
    assert_eq!(said.code, if yes { 0 } else { 1 });
}

#[test]
fn a_person_elsewhere_chooses_what_is_done_about_a_failure() {
    let (test, running) = asking(
        "pipeline p { step s { run \"echo tried >> log; test -e mended\" } on failure { ask } }",
    );
    std::fs::write(test.path("mended"), "").expect("a file");
    let refused = refused(&test, &["approve", "--yes"]);
    assert!(refused.contains("--choose retry"), "{refused}");
    assert_eq!(says(&test, &["approve", "--choose", "retry"]).code, 0);
    let (said, log) = end(&test, running);
    assert_eq!(
        (said.code, log.as_str()),
        (0, "tried\ntried\n"),
        "{}",
        said.stdout
    );
}

#[test]
fn an_answer_waits_for_a_run_that_is_stopped() {
    let (test, running) = asking(APPROVE);
    running.signal("KILL");
    running.end();
    let said = says(&test, &["approve", "--yes", "--as", "grace"]);
    assert!(said.stdout.starts_with("recorded: run r-"), "{said:?}");
    let resumed = says(&test, &["resume", "--format", "plain"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let log = std::fs::read_to_string(test.path("log")).expect("a log");
    assert_eq!(log, "before\nafter\n");
}

#[test]
fn an_approval_in_time_or_none() {
    let test = super::super::run::file("pipeline p { approve \"Ship it?\" timeout 300ms }");
    let said = says(&test, &["run", "main.deploy", "--format", "plain"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        says(&test, &["approve"]).stdout,
        "no run is waiting for an approval or an answer\n"
    );
    let late = refused(&test, &["approve", "r-", "--yes"]);
    assert!(late.contains("has no open question"), "{late}");
}

#[test]
fn a_question_before_the_first_deployment_holds_no_lock() {
    let (test, running) = asking(
        "kind app { deploy using put }\nservice web: app {}\n\
         environment prod { infrastructure eu: app {} }\n\
         workflow put(s: service<app>, i: infrastructure<app>) { run \"true\" }\n\
         pipeline p { stage s { approve \"Ship it?\" deploy web to prod.eu } }",
    );
    assert_eq!(
        says(&test, &["locks"]).stdout,
        "no lock is held, and no run waits for one\n"
    );
    let yes = ["run", "main.deploy", "--yes", "--format", "plain"];
    assert_eq!(says(&test, &yes).code, 0);
    assert_eq!(says(&test, &["approve", "--yes"]).code, 0);
    assert_eq!(running.end().code, 0);
}

/// Who answers or cancels does not know the secrets of the run.
#[test]
fn what_people_say_is_stored_without_secrets() {
    const SECRET: &str = "tok-4711-value";
    let test = super::super::run::file(
        "secret token = env(\"TOKEN\")\n\
         pipeline p { approve \"one\" run \"true\" env { T: token } approve \"two\" }",
    )
    .args(["--format", "plain"])
    .env("TOKEN", SECRET)
    .env("USER", "ada");
    let running = Running::start(test.command());
    until_it_asks(&test, 1);
    let comment = format!("it was {SECRET}");
    let who = format!("ada-{SECRET}");
    let said = says(
        &test,
        &["approve", "--yes", "--comment", &comment, "--as", &who],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    until_it_asks(&test, 1);
    let said = says(
        &test,
        &["approve", "--no", "--comment", &comment, "--as", &who],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = running.end();
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stdout.contains("it was ***"), "{}", said.stdout);
    let mut open = vec![test.path(".lockstep")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            open.extend(entries.flatten().map(|entry| entry.path()));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET), "{}", path.display());
    }
}
