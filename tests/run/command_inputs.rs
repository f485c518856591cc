//! What commands are given beside their text: a standard input, a folder and variables by `with`,
//! a grace time; and what is shown of those that only ask.

use super::{Told, file};
use crate::support::running::{Running, text_of};

#[test]
fn a_text_of_any_size_is_fed_without_blocking() {
    let test = file(
        r#"
        input line: string = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        let many = join([line for n in range(0, 20000)], "")
        pipeline p {
          run "wc -c" stdin many
          run "sh -c 'cat; echo; echo end'" stdin "three"
          run "true" stdin many
          run "head -c 3" stdin many
          run "sh -c 'exec 0<&-; sleep 0.1'" stdin many
          run "cat" stdin ""
          run "cat"
        }
        "#,
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    assert_eq!(told.output(), ["1280000", "three", "end", "012"]);
}

#[test]
fn with_gives_a_folder_and_variables_and_the_inner_ones_win() {
    let test = file(
        r#"
        workflow show() { run "sh -c 'echo $A $B; basename \"$PWD\"'" }
        pipeline p {
          with in "web" env { A: "1", B: "2" } {
            show()
            with in "deep" env { B: "3" } { show() }
            run "sh -c 'echo $A $B; basename \"$PWD\"'" in "deep" env { A: "9" }
            with in "/" { run "pwd" }
          }
          show()
          step undone { run "true" } undo { run "true" }
        }
        "#,
    )
    .file("web/deep/here", "");
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    let output = told.output();
    let [shown @ .., _, folder] = output.as_slice() else {
        panic!("{output:?}");
    };
    assert_eq!(shown, ["1 2", "web", "1 3", "deep", "9 2", "deep", "/"]);
    assert_ne!(*folder, "web");
}

#[test]
fn an_undo_has_what_its_step_was_given() {
    let test = file(
        r#"
        pipeline p {
          serial {
            with in "web" env { A: "1" } {
              step one { run "true" } undo { run "sh -c 'basename \"$PWD\"; echo $A'" }
            }
            fail "no" as verification
          } on failure(verification) { rollback }
        }
        "#,
    )
    .file("web/here", "");
    let told = Told::by(&test);
    assert_eq!((told.code, told.output()), (1, vec!["web", "1"]));
}

#[test]
fn what_only_asks_is_shown_where_it_fails() {
    let test = file(
        r#"
        pipeline p {
          let found = query "echo asked"
          log found.stdout
          run "echo quiet" quiet
          query "echo why; exit 3" on failure(exit) {
            log "${failure.code ?? 0}: ${failure.output}"
            ignore
          }
        }
        "#,
    );
    let told = Told::by(&test);
    assert_eq!((told.code, told.output()), (0, vec!["why"]));
    let logs = super::durable::says(&test, &["logs"]);
    for part in ["asked", "quiet", "why"] {
        assert!(logs.stdout.contains(part), "no `{part}` in {}", logs.stdout);
    }
}

const STUBBORN: &str = "trap 'sleep 1; echo saved > state; exit 1' TERM\n\
                        : > began\nwhile :; do sleep 0.05; done\n";

#[test]
fn a_grace_lets_a_command_end_in_peace() {
    let program = |grace: &str| {
        file(&format!(
            "pipeline p {{ stage s grace {grace} {{ run \"sh tool.sh\" timeout 300ms }} }}"
        ))
        .file("tool.sh", STUBBORN)
    };
    let test = program("20s");
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    assert!(test.path("state").exists());
    let test = program("100ms");
    let said = test.said();
    assert_eq!(said.code, 1);
    assert!(!test.path("state").exists());
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("SIGTERM, and was killed by SIGKILL"), "{all}");
}

#[test]
fn the_folder_of_a_run_is_there_until_it_has_ended() {
    let test = file(
        r#"
        pipeline p {
          run "sh -c 'echo kept > \"$1\"/file' sh ${run.scratch}"
          run "sh wait.sh"
          run "sh -c 'cat \"$1\"/file; echo \"$1\" > where' sh ${run.scratch}"
        }
        "#,
    )
    .file(
        "wait.sh",
        "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n",
    )
    .args(["--format", "json"]);
    let mut running = Running::start(test.command());
    while !running.line("node-started").contains("wait.sh") {}
    text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    std::fs::write(test.path("go"), "").expect("it is written");
    let said = super::durable::says(&test, &["resume"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("kept"), "{}", said.stdout);
    let folder = std::fs::read_to_string(test.path("where")).expect("it was written");
    assert!(!std::path::Path::new(folder.trim()).exists(), "{folder}");
}

#[test]
fn what_is_required_is_looked_for_before_anything_runs() {
    let test = file(
        r#"
        kind app { requires "tool" ">= 2.1" by "./tool says" deploy using put }
        service web: app {}
        environment prod { infrastructure eu: app {} infrastructure us: app {} }
        workflow put(s: service<app>, i: infrastructure<app>) requires "no-such-one" {
          run "sh -c 'echo ran > ran'"
        }
        pipeline p requires "sh" requires "no-such-two" { deploy web to prod.eu deploy web to prod.us }
        pipeline q requires "sh" requires "./tool" ">= 1.9, < 2" by "./tool says" { run "true" }
        "#,
    )
    .file("tool", "#!/bin/sh\necho \"tool 2 of v1.9.3\"\n");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(test.path("tool"), mode).expect("it is there");
    let said = super::durable::says(&test, &["run", "main.deploy", "p"]);
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    for part in [
        "`tool` is required and is missing",
        "not found on prod.eu; not found on prod.us",
        "`no-such-one` is required and is missing",
        "`no-such-two` is required and is missing",
    ] {
        assert!(said.stderr.contains(part), "no `{part}` in {}", said.stderr);
    }
    assert!(!test.path("ran").exists());
    let said = super::durable::says(&test, &["run", "main.deploy", "q"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_place_that_only_the_run_knows_is_looked_at_before_its_first_command() {
    let test = file(
        r#"
        kind app { requires "no-such-tool" deploy using put }
        service web: app {}
        environment prod { infrastructure eu: app {} infrastructure us: app {} }
        workflow put(s: service<app>, i: infrastructure<app>) {
          step change { run "touch ran" } undo { run "touch undone" }
        }
        workflow look() requires "no-such-look" { run "touch looked" }
        pipeline p {
          let name = run "echo us"
          stage s {
            deploy web to prod[name.stdout] on failure { run "touch told" ignore }
          }
          on prod[name.stdout] { look() on failure { log failure.message ignore } }
        }
        "#,
    );
    let said = super::durable::says(&test, &["run", "main.deploy"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for part in [
        "failed: `no-such-tool` is required: not found on prod.us",
        "`no-such-look` is required: not found on prod.us",
    ] {
        assert!(said.stdout.contains(part), "no `{part}` in {}", said.stdout);
    }
    let is_there = |name: &str| test.path(name).exists();
    assert!(!is_there("ran") && !is_there("looked"));
    assert!(is_there("told"), "{}", said.stdout);
}

#[test]
fn what_is_required_is_looked_for_again_on_resume() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = file(
        r#"
        pipeline p requires "./tool" {
          run "sh wait.sh"
          run "touch after"
        }
        "#,
    )
    .file(
        "wait.sh",
        "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n",
    )
    .args(["--format", "json"]);
    let install = || {
        std::fs::write(test.path("tool"), "#!/bin/sh\n").expect("it is written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(test.path("tool"), mode).expect("it is there");
    };
    install();
    let mut running = Running::start(test.command());
    while !running.line("node-started").contains("wait.sh") {}
    text_of(&test.path("pid"));
    running.signal("KILL");
    running.end();
    std::fs::write(test.path("go"), "").expect("it is written");
    std::fs::remove_file(test.path("tool")).expect("it was there");
    let said = super::durable::says(&test, &["resume"]);
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("E0739"), "{}", said.stderr);
    assert!(!test.path("after").exists());
    install();
    let said = super::durable::says(&test, &["resume"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(test.path("after").exists());
}

#[test]
fn a_deployment_that_has_only_asked_leaves_nothing_half_done() {
    let program = |word: &str| {
        file(&format!(
            r#"
            kind app {{ deploy using put }}
            service web: app {{}}
            environment prod {{ infrastructure eu: app {{}} }}
            workflow put(s: service<app>, i: infrastructure<app>) {{
              {word} "sh wait.sh"
              run "true"
            }}
            pipeline p {{ deploy web to prod.eu }}
            "#
        ))
        .file(
            "wait.sh",
            "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n",
        )
        .args(["--format", "json"])
    };
    for (word, code) in [("query", 0), ("run", 2)] {
        let test = program(word);
        let mut running = Running::start(test.command());
        while !running.line("node-started").contains("wait.sh") {}
        text_of(&test.path("pid"));
        running.signal("KILL");
        running.end();
        std::fs::write(test.path("go"), "").expect("it is written");
        let said = super::durable::says(&test, &["run", "main.deploy"]);
        assert_eq!(said.code, code, "{word}: {}{}", said.stdout, said.stderr);
    }
}
