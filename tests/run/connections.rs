//! Commands on a real `sshd` with its default limits: one connection for each machine, which ends
//! with the run.

use std::time::{Duration, Instant};

use super::latches::log;
use crate::support::Test;
use crate::support::program::run;
use crate::support::running::{Running, text_of, until};
use crate::support::sshd::Sshd;

/// A pipeline `p` of these statements, whose commands are on the machine `target`, in the folder of
/// the test.
fn there(statements: &str) -> Test {
    let test = Test::new().args(["run", "main.deploy"]);
    let folder = test.path("");
    let text = format!(
        "pipeline p {{\n  with on ssh(\"target\") in \"{}\" {{\n{statements}\n  }}\n}}\n",
        folder.display()
    );
    test.file("main.deploy", text)
}

#[test]
fn two_hundred_commands_at_once_all_run() {
    let test = there("parallel k in range(0, 200) { run \"echo $LOCKSTEP_NODE >> log\" }");
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    let said = run(server.command(&test));
    assert_eq!(said.code, 0, "{said:?}");
    let mut nodes = log(&test);
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), 200);
    assert_eq!((server.openings(), server.accepted()), (1, 1));
    server.is_left();
}

#[test]
fn a_time_limit_begins_when_the_command_has_begun() {
    // Five rounds of eight; the last ones wait for four seconds.
    let test = there(
        "parallel k in range(0, 40) { run \"sleep 1\" timeout 3s }\n\
         run \"sleep 300\" timeout 1s\n\
         on failure { run \"echo ${failure.class} >> log\" on local() }",
    );
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    let said = run(server.command(&test));
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(log(&test), ["timeout"], "{said:?}");
}

#[test]
fn what_has_not_begun_is_tried_again_unless_access_is_denied() {
    let test = there("parallel { run \"echo a >> log\"  run \"echo b >> log\" }");
    let Some(mut server) = Sshd::prepare(&test, "") else {
        return;
    };
    let running = Running::start(server.command(&test));
    until("it has failed to connect", || server.openings() > 0);
    server.listen();
    let said = running.end();
    assert_eq!(said.code, 0, "{said:?}");
    let mut done = log(&test);
    done.sort();
    assert_eq!(done, ["a", "b"]);

    let denied = there(
        "run \"true\" on ssh(\"target\", identity: \"stranger\")\n\
         on failure { run \"echo ${failure.class} >> log\" on local() }",
    );
    let Some(server) = Sshd::start(&denied, "") else {
        return;
    };
    std::fs::write(denied.path("sshd/keys"), "").unwrap();
    let said = run(server.command(&denied));
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(log(&denied), ["authentication"]);
    assert_eq!(server.openings(), 1);
}

#[test]
fn what_a_login_greets_with_is_shown_and_is_no_output() {
    let test = there("let a = run \"echo value\"\nrun \"echo [${a.stdout}]\" on local()");
    let greeting = "ForceCommand printf 'hello\\nno end'; eval \"$SSH_ORIGINAL_COMMAND\"";
    let banner = format!("{greeting}\nBanner {}", test.path("banner").display());
    let test = test.file("banner", "for members only\n");
    let Some(server) = Sshd::start(&test, &banner) else {
        return;
    };
    let said = run(server.command(&test));
    assert_eq!(said.code, 0, "{said:?}");
    for line in ["for members only", "hello", "no end", "value", "[value]"] {
        let line = format!("│ {line}");
        let shown = said.stdout.lines().filter(|it| it.ends_with(&line));
        assert_eq!(shown.count(), 1, "{line}: {said:?}");
    }
}

#[test]
fn a_machine_that_is_frozen_is_noticed() {
    let test = there(
        "run \"touch begun; sleep 300\"\n\
         on failure { run \"echo ${failure.class}: ${failure.message} >> log\" on local() }",
    );
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    let running = Running::start(server.command(&test));
    until("it runs", || test.path("begun").exists());
    server.signal_sessions("STOP");
    let frozen = Instant::now();
    let said = running.end();
    assert!(frozen.elapsed() < Duration::from_secs(15), "{said:?}");
    assert_eq!(said.code, 1, "{said:?}");
    let line = log(&test).join("\n");
    let lost = "connection: the connection was lost while it ran: Timeout, server";
    assert!(line.starts_with(lost), "{line}");
    server.is_left();
}

#[test]
fn the_end_of_a_command_is_what_it_is_here() {
    let test = Test::new().args(["run", "main.deploy"]);
    let ends = [
        "kill -TERM $$",
        "kill -SEGV $$",
        "exit 143",
        "env true $(seq 1 500000)",
    ];
    let each = |place: &str| {
        ends.map(|end| {
            format!(
                "run '''\n  sh -c '{end}'\n''' on {place} on failure {{\n\
                 run \"echo ${{failure.class}}: ${{failure.message}} >> {}\" on local()\n\
                 ignore\n}}\n",
                test.path(&place[..3]).display()
            )
        })
        .concat()
    };
    let text = format!(
        "pipeline p {{\n{}{}}}\n",
        each("local()"),
        each("ssh(\"target\")")
    );
    let test = test.file("main.deploy", text);
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    let said = run(server.command(&test));
    assert_eq!(said.code, 0, "{said:?}");
    let (here, there) = (text_of(&test.path("loc")), text_of(&test.path("ssh")));
    assert_eq!(here, there);
    assert_eq!(here.matches("signal: killed by SIG").count(), 2, "{here}");
    assert!(here.contains("exit: exit code 143"), "{here}");
    assert!(here.contains("too long for the system"), "{here}");
}

#[test]
fn a_bash_reads_no_settings_there() {
    // As a child of `sshd`, it reads `/etc/bash.bashrc` and `~/.bashrc`, whatever it executes.
    let test = there("let a = run \"[[ 1 == 1 ]] && echo well\" using bash");
    let test = test.file("home/.bashrc", "echo settings\necho $NO_SUCH_VARIABLE\n");
    let home = test.path("home");
    let force = format!(
        "ForceCommand HOME='{}' SHLVL=0 sh -c \"$SSH_ORIGINAL_COMMAND\"",
        home.display()
    );
    let Some(server) = Sshd::start(&test, &force) else {
        return;
    };
    let said = run(server.command(&test));
    assert_eq!(said.code, 0, "{said:?}");
    for read in ["settings", "unbound variable"] {
        assert!(!said.stdout.contains(read), "{said:?}");
    }
}

#[test]
fn connections_end_with_the_run_however_it_ends() {
    let test = there("run \"true\"\nrun \"echo $$ > begun; sleep 300\"");
    let Some(server) = Sshd::start(&test, "") else {
        return;
    };
    for (signal, code) in [("INT", Some(4)), ("KILL", None)] {
        let running = Running::start(server.command(&test));
        let id = text_of(&test.path("begun"));
        assert!(server.clients().iter().any(|words| words.contains(" -N ")));
        running.signal(signal);
        let said = running.end();
        assert!(code.is_none_or(|code| code == said.code), "{said:?}");
        server.is_left();
        assert!(crate::support::running::is_gone(id.trim()));
        std::fs::remove_file(test.path("begun")).unwrap();
    }
}
