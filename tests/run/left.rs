//! What a command leaves running on purpose: it lives on, its output is shown while the run lasts,
//! and it does not die of it afterwards.

use super::{Told, file};
use crate::support::program::run;
use crate::support::running::until;

/// Writes for a while, to both streams, then says in a file that it has come to its end.
const SERVER: &str = "
n=0; while [ $n -lt 12 ]; do n=$((n + 1)); echo tick $n; echo tock >&2; sleep 0.1; done
head -c 300000 /dev/zero
touch served
";

#[test]
fn it_lives_on_when_the_run_has_ended_though_it_writes() {
    for start in [
        "sh server.sh &",
        "nohup sh server.sh &",
        "(setsid sh server.sh &);",
    ] {
        let test = file(&format!("pipeline p {{ run \"{start} echo started\" }}"))
            .file("server.sh", SERVER);
        let said = run(test.command());
        assert_eq!(said.code, 0, "{start}: {said:?}");
        assert!(!test.path("served").exists(), "the run has waited for it");
        until("it has come to its end", || test.path("served").exists());
    }
}

#[test]
fn its_output_is_shown_masked_and_logged_while_the_run_lasts() {
    let test = file(
        r#"
secret token = env("TOK")
pipeline p {
  step start { run "sh server.sh & echo started" env { T: token } }
  run "until [ -e seen ]; do sleep 0.02; done"
}
"#,
    )
    .file(
        "server.sh",
        "sleep 0.5; echo \"late $T\"; sleep 0.3; touch seen; sleep 1; touch served",
    )
    .env("TOK", "s3cr3t-t0ken");
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    let lines: Vec<&str> = (told.of_kind("node-output"))
        .filter(|event| event["node"] == "p/start/run")
        .filter_map(|event| event["text"].as_str())
        .collect();
    assert_eq!(lines, ["started", "late ***"]);
    until("it has come to its end", || test.path("served").exists());
}

#[test]
fn what_stands_behind_the_output_is_waited_for() {
    let test = file(
        r#"
pipeline p {
  let slow = run "exec > >(sleep 0.6; cat); echo first; echo last" using bash
  let both = run "exec > >(sleep 0.4; tee log) 2> >(sleep 0.5; cat >&2); echo out; echo err >&2" using bash
  log "${slow.stdout}|${both.stdout}"
  run "exec > >(sleep 0.6; cat); echo why; exit 3" using bash on failure { log "it failed" }
}
"#,
    );
    let said = run(test.command());
    assert_eq!(said.code, 1, "{said:?}");
    for line in ["first", "last", "out", "err", "why"] {
        assert!(
            said.stdout.contains(&format!("│ {line}\n")),
            "{line}: {said:?}"
        );
    }
    assert!(said.stdout.contains("first\n"), "{said:?}");
}
