//! What handlers know of what was done, also over a kill, and what an `undo none` says.

use super::durable::says;
use super::file;
use super::latches::log;
use crate::support::Test;
use crate::support::running::{Running, is_gone, text_of};

const CREATE: &str = r#"
pipeline p {
  step server {
    let made = run "echo server-7"
    let name = "the ${made.stdout}"
    run "sh wait.sh"
    let late = run "echo late"
  } undo {
    if made != none and late == none { run "sh note.sh deleted ${made.stdout}" }
  } on failure {
    run "sh note.sh ${name ?? "nothing"}"
    rollback
  } always {
    run "sh note.sh ${outcome.status}"
  }
}
"#;

const WAIT: &str =
    "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\nexit 3\n";

const NOTE: &str = "echo \"$*\" >> log\n";

fn noting(text: &str) -> Test {
    file(text).file("note.sh", NOTE).file("wait.sh", WAIT)
}

#[test]
fn an_undo_knows_what_was_done_before_the_program_was_killed() {
    let test = noting(CREATE).args(["--format", "json"]);
    let mut running = Running::start(test.command());
    while !running.line("node-started").contains("wait.sh") {}
    let waits = text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    assert!(is_gone(waits.trim()));
    std::fs::write(test.path("go"), "").expect("a file");
    let said = says(&test, &["resume"]);
    assert_eq!(said.code, 1, "{said:?}");
    let noted = ["the server-7", "deleted server-7", "rolled-back"];
    assert_eq!(log(&test), noted, "{said:?}");
}

#[test]
fn the_report_says_what_is_not_taken_back() {
    let test = noting(
        r#"
kind app { deploy using put }
service web: app {}
environment prod { infrastructure eu: app {} }
workflow put(s: service<app>, i: infrastructure<app>) {
  step move { run "sh note.sh moved" } undo none "the data of ${s.name} is moved"
  step switch { run "sh note.sh switched" } undo { run "sh note.sh back" }
  run "false"
}
pipeline p { deploy web to prod.eu }
"#,
    );
    let said = says(&test, &["run", "main.deploy"]);
    assert_eq!(log(&test), ["moved", "switched", "back"], "{said:?}");
    let told = format!("{}{}", said.stdout, said.stderr);
    let line = "is not taken back: the data of web is moved";
    assert!(told.contains(line), "{said:?}");
    let asks = [
        "plan",
        "main.deploy",
        "--if-fails",
        "p/deploy[web, prod.eu]/run",
    ];
    let said = says(&test, &asks);
    let line = "has no way back: the data of web is moved";
    assert!(said.stdout.contains(line), "{said:?}");
}
