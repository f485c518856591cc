//! What a person is shown cannot be forged by a value: nasty texts, times the places where a value
//! is shown. Only what a command itself has written is drawn as terminals draw it.

use lockstep_base::shown::is_hidden;

use crate::support::Test;
use crate::support::program::run;
use crate::support::terminal::Terminal;

const NASTY: [&str; 9] = [
    "evil-build\rShip v1.0.0 (signed)",
    "a\nFORGED by a value",
    "a\r\nFORGED",
    "\u{1b}[2K\u{1b}[1Aup",
    "admin\u{202e}txt.exe",
    "zero\u{200b}width\u{feff}",
    "bell\u{7}\u{9b}31m\u{7f}",
    "lines\u{2028}FORGED\u{2029}",
    "tag\u{e0041}s\u{2066}x",
];

const PIPELINE: &str = r#"
## An input.
input v: string
kind k { service { t: string } deploy using g }
service a: k { t = v }
environment prod { infrastructure eu: k {} }
workflow g(s: service<k>, i: infrastructure<k>) -> { before: string, after: string } {
  run "true ${s.t}"
  return { before: v, after: "now ${v}" }
}
pipeline p {
  log "log ${v}"
  serial z in [v, "b${v}"] { step s { run "true ${z}" } }
  lock "lock ${v}" { run "true" }
  approve "Ship ${v} to production?" by [v]
  deploy a to prod.eu
  step falls { fail "fell ${v}" } on failure { ignore }
  fail "bad ${v}"
}
"#;

fn said(test: &Test, arguments: &[&str]) -> String {
    let mut command = test.command();
    command.args(arguments);
    let said = run(command);
    format!("{}{}", said.stdout, said.stderr)
}

#[track_caller]
fn shows_nothing_hidden(place: &[&str], said: &str) {
    for line in said.split('\n') {
        let hidden = line.find(is_hidden);
        assert!(hidden.is_none(), "{place:?} shows {line:?}");
        assert!(!line.starts_with("FORGED"), "{place:?}: {line:?}");
    }
}

#[test]
fn no_text_forges_what_is_shown() {
    for nasty in NASTY {
        let test = Test::new().file("main.deploy", PIPELINE);
        let input = format!("v={nasty}");
        for arguments in [
            &["plan", "main.deploy", "-i", &input][..],
            &["plan", "main.deploy", "--full", "-i", &input],
            &["plan", "main.deploy", "-i", &input, "--format", "mermaid"],
            &["plan", "main.deploy", "-i", &input, "--format", "dot"],
            &["plan", "main.deploy", "-i", &input, "--format", "html"],
            &["plan", "main.deploy", "-i", &input, "--if-fails", "p"],
            &[
                "run",
                "main.deploy",
                "--yes",
                "-i",
                &input,
                "--format",
                "plain",
            ],
            &["show", "--full"],
            &["runs"],
            &["logs"],
            &["retry", "--no-input", "--format", "plain"],
            &["show"],
            &["verify"],
            &["run", "main.deploy", "-i", nasty],
            &["run", nasty],
            &["show", nasty],
            &["logs", nasty],
            &["approve", nasty, "--yes", "--as", nasty, "--comment", nasty],
        ] {
            shows_nothing_hidden(arguments, &said(&test, arguments));
        }
    }
}

/// The question as the person at the terminal sees it.
#[test]
fn a_question_shows_what_it_is() {
    for (nasty, shown) in [
        (
            "evil\rShip v1 (signed)",
            "Ship evil\\rShip v1 (signed) to production?",
        ),
        ("x\u{202e}y", "Ship x\\u{202e}y to production?"),
        ("a\n  yes or no? yes\nb", "|   yes or no? yes"),
    ] {
        let test = Test::new()
            .file("main.deploy", PIPELINE.replace(" by [v]", ""))
            .args(["run", "main.deploy"])
            .args([String::from("-i"), format!("v={nasty}")]);
        let mut terminal = Terminal::start(test.command(), 100, 40);
        terminal.shows(shown);
        terminal.shows("yes or no? ");
        terminal.types("no\n");
        terminal.end();
    }
}
