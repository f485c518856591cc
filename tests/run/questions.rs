//! Questions to a person: on a terminal they are asked one after the other. Answers of other
//! processes are tested in `together`.

use super::latches::log;
use super::{Told, file, text};
use crate::support::Test;
use crate::support::terminal::{Terminal, screen};

const APPROVE: &str = r#"
pipeline p {
  run "echo before >> log"
  approve "Ship it to 3 places?" by ["release-managers"]
  run "echo after >> log"
}
"#;

fn on_a_terminal(text: &str) -> (Test, Terminal) {
    let test = file(text);
    let terminal = Terminal::start(test.command(), 80, 24);
    (test, terminal)
}

#[test]
fn where_nobody_is_asked_the_answer_is_no() {
    let test = file(APPROVE).args(["--no-input"]);
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    assert_eq!(
        told.failure("p/approve"),
        (
            "approval",
            "the answer was no: --no-input asks no questions"
        )
    );
    let waiting = told.of_kind("node-waiting").next().expect("it waits");
    assert_eq!(
        text(&waiting["waiting"]["question"]),
        "Ship it to 3 places?"
    );
    assert_eq!(log(&test), ["before"]);
}

#[test]
fn yes_can_be_said_beforehand() {
    let test = file(APPROVE).args(["--yes"]);
    assert_eq!(Told::by(&test).code, 0);
    assert_eq!(log(&test), ["before", "after"]);
}

#[test]
fn a_person_says_yes() {
    let (test, mut terminal) = on_a_terminal(APPROVE);
    terminal.shows("Ship it to 3 places? (for release-managers)");
    terminal.shows("yes or no? ");
    terminal.types("well\n");
    terminal.shows("yes or no? ");
    assert_eq!(log(&test), ["before"]);
    terminal.types("Y\n");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 0, "{drawn}");
    assert_eq!(log(&test), ["before", "after"]);
}

#[test]
fn a_person_says_no() {
    let (test, mut terminal) = on_a_terminal(APPROVE);
    terminal.shows("yes or no? ");
    terminal.types("n\n");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 1, "{drawn}");
    let screen = screen(&drawn).join("\n");
    assert!(screen.contains("the answer was no"), "{screen}");
    assert_eq!(log(&test), ["before"]);
}

#[test]
fn the_end_of_input_is_a_no() {
    let (test, mut terminal) = on_a_terminal(APPROVE);
    terminal.shows("yes or no? ");
    terminal.types("\u{4}");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 1, "{drawn}");
    assert!(drawn.contains("no answer was given"), "{drawn}");
    assert_eq!(log(&test), ["before"]);
}

/// The second is asked after the first is answered; what was typed too early is no answer.
#[test]
fn two_at_once_are_asked_one_after_the_other() {
    let (test, mut terminal) = on_a_terminal(
        r#"pipeline p { parallel {
          step eu { approve "To eu?" run "echo eu >> log" }
          step us { approve "To us?" run "echo us >> log" }
        } }"#,
    );
    terminal.shows("To eu?");
    terminal.shows("yes or no? ");
    terminal.types("y\ny\n");
    terminal.shows("To us?");
    terminal.shows("yes or no? ");
    crate::support::running::until("eu goes on meanwhile", || log(&test) == ["eu"]);
    terminal.types("no\n");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 1, "{drawn}");
    assert_eq!(log(&test), ["eu"]);
}

/// A question that a timeout or a cancellation has answered is removed, and the live view
/// continues.
#[test]
fn a_question_that_does_not_matter_any_more_is_withdrawn() {
    let (test, mut terminal) = on_a_terminal(
        r#"pipeline p { parallel {
          step first { approve "Soon?" timeout 200ms } on failure { ignore }
          step second { approve "Later?" run "echo later >> log" }
        } }"#,
    );
    terminal.shows("Soon?");
    terminal.shows("this question no longer needs an answer");
    terminal.shows("Later?");
    terminal.shows("yes or no? ");
    terminal.types("yes\n");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 0, "{drawn}");
    assert_eq!(log(&test), ["later"]);
}

#[test]
fn a_run_can_be_cancelled_while_it_asks() {
    let (test, mut terminal) =
        on_a_terminal(r#"pipeline p { approve "Ship?" } always { run "echo cleaned >> log" }"#);
    terminal.shows("yes or no? ");
    crate::support::running::signal(&terminal.id().to_string(), "INT");
    terminal.shows("this question no longer needs an answer");
    let (drawn, code) = terminal.end();
    assert_eq!(code, 4, "{drawn}");
    assert_eq!(log(&test), ["cleaned"]);
}

#[test]
fn a_person_chooses_what_becomes_of_a_failure() {
    const FAILS: &str = r#"pipeline p {
      step s { run "echo try >> log; [ -e fixed ]" } on failure { ask }
      run "echo after >> log"
    }"#;
    let choose = |answers: &[&str], code: i32, wanted: &[&str]| {
        let (test, mut terminal) = on_a_terminal(FAILS);
        for answer in answers {
            terminal.shows("exit code 1");
            terminal.shows("retry, ignore, rollback or abort? ");
            if *answer == "retry" {
                std::fs::write(test.path("fixed"), "").expect("the file is written");
            }
            terminal.types(&format!("{answer}\n"));
        }
        let (drawn, ended) = terminal.end();
        assert_eq!(ended, code, "{drawn}");
        assert_eq!(log(&test), wanted);
    };
    choose(&["retry"], 0, &["try", "try", "after"]);
    choose(&["ignore"], 0, &["try", "after"]);
    choose(&["rollback"], 1, &["try"]);
    choose(&["abort"], 1, &["try"]);
}

/// If nobody can be asked, the `else` branch is used.
#[test]
fn a_choice_that_nobody_makes() {
    for (otherwise, code, wanted) in [
        ("ask else ignore", 0, vec!["after"]),
        ("ask", 1, vec![]),
        ("ask timeout 1h else ignore", 0, vec!["after"]),
    ] {
        let test = file(&format!(
            "pipeline p {{ run \"false\" on failure {{ {otherwise} }} run \"echo after >> log\" }}"
        ))
        .args(["--no-input"]);
        assert_eq!(Told::by(&test).code, code, "{otherwise}");
        assert_eq!(log(&test), wanted, "{otherwise}");
    }
}
