//! Secrets that commands make while a run goes on: they are shown and stored nowhere, and made
//! again when a run is resumed that needs them.

use super::durable::says;
use super::{Told, file};
use crate::support::Test;
use crate::support::running::{Running, is_gone, text_of};

/// The text comes together when it is made, so that no file of the test has it.
const MINT: &str = r#"
printf '{"access": "%s-%s", "list": ["%s"]}\n' "$ROOT" 4711 second-one
echo "$ROOT-4711" >&2
echo minted >> minted
"#;

const TEXT: &str = "root-token-4711";

const PROGRAM: &str = r#"
secret root = env("ROOT")

workflow mint(who: string) -> { token: secret, who: string } {
  let answer: secret = run "sh mint.sh" env { ROOT: root }
  return { token: from-json(answer).access, who: who }
}

pipeline p {
  let made = mint("ada")
  let basic = "Basic ${base64("${made.who}:${made.token}")}"
  run "echo token $T, $B, $J" env { T: made.token, B: basic, J: json({ t: made.token }) }
  run "cat" stdin "fed ${made.token}"
  let said = run "echo it is $T" env { T: made.token }
  log "${said.stdout} for ${made.who}"
  run "sh wait.sh"
  run "printf %s \"$T\" | cksum > again" env { T: made.token }
  run "printf %s \"$SAID\" | cksum > said" env { SAID: said.stdout }
}
"#;

const WAIT: &str = "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n";

fn minting() -> Test {
    file(PROGRAM)
        .file("mint.sh", MINT)
        .file("wait.sh", WAIT)
        .env("ROOT", "root-token")
}

/// Nothing in the folder of the test holds the text, but what the test itself compares.
#[track_caller]
fn nothing_holds_it(folder: &std::path::Path) {
    for entry in walk(folder) {
        let bytes = std::fs::read(&entry).unwrap_or_default();
        let held = bytes
            .windows(TEXT.len())
            .any(|window| window == TEXT.as_bytes());
        assert!(!held, "{} holds the secret", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

fn checksum(text: &str) -> String {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "printf %s \"$1\" | cksum", "sh", text]);
    let output = command.output().expect("there is a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_is_made_and_what_is_made_of_it_is_masked() {
    let test = minting().file("go", "");
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    let output = told.output();
    assert_eq!(
        output,
        ["token ***, Basic ***, ***", "fed ***", "it is ***"]
    );
    nothing_holds_it(&test.path(""));
    let read = |name| std::fs::read_to_string(test.path(name)).expect("it was written");
    assert_eq!(read("again"), checksum(TEXT));
    assert_eq!(read("said"), checksum(&format!("it is {TEXT}")));
    assert_eq!(read("minted"), "minted\n");
}

#[test]
fn a_run_that_is_resumed_makes_it_again() {
    let test = minting();
    let mut first = test.command();
    first.args(["--format", "json"]);
    let mut running = Running::start(first);
    while !running.line("node-started").contains("wait.sh") {}
    let waits = text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    assert!(is_gone(waits.trim()));
    nothing_holds_it(&test.path(""));
    std::fs::write(test.path("go"), "").expect("it is written");
    let mut command =
        crate::support::program::command(crate::support::program::program(), &test.path(""));
    command.args(["resume"]).env("ROOT", "root-token");
    let said = crate::support::program::run(command);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let read = |name| std::fs::read_to_string(test.path(name)).expect("it was written");
    assert_eq!(read("again"), checksum(TEXT));
    assert_eq!(read("said"), checksum(&format!("it is {TEXT}")));
    // Only what makes the secret has run again, and once.
    assert_eq!(read("minted"), "minted\nminted\n");
    nothing_holds_it(&test.path(""));
    assert!(says(&test, &["show"]).stdout.contains("it is ***"));
}

#[test]
fn a_failure_says_nothing_of_what_was_written() {
    let test = file(
        r#"
        pipeline p {
          let token: secret = run "sh mint.sh"
          run "true" env { T: token }
        }
        pipeline short { let token: secret = run "echo abc" run "true" env { T: token } }
        pipeline ignored {
          let token: secret? = run "sh mint.sh" on failure {
            log "${failure.code ?? 0}: <${failure.output}>"
            ignore
          }
          if token == none { log "there is none" }
        }
        "#,
    )
    .file(
        "mint.sh",
        "printf '%s-%s\n' root-token 4711; printf '%s-%s\n' root-token 4711 >&2; exit 4",
    );
    for (pipeline, part) in [
        ("p", "exit code 4; what it wrote is not shown"),
        ("short", "fewer than 4 characters"),
        ("ignored", "there is none"),
    ] {
        let said = says(
            &test,
            &["run", "main.deploy", pipeline, "--format", "plain"],
        );
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(part), "no `{part}` in {all}");
        assert!(!all.contains(TEXT), "{all}");
    }
    nothing_holds_it(&test.path(""));
}
