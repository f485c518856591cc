//! Commands: what they are given, what happens with their output, and how they fail.

use super::{Told, file, text};
use crate::support::Test;
use crate::support::running::{is_alive, is_gone, text_of};

/// The texts of the `log` statements.
fn logged(told: &Told) -> Vec<&str> {
    let logs = told
        .of_kind("node-started")
        .filter(|it| it["kind"] == "log");
    logs.map(|it| text(&it["text"])).collect()
}

#[track_caller]
fn succeeds(test: &Test) -> Told {
    let told = Told::by(test);
    assert_eq!(told.code, 0, "{:#?}", told.events.last());
    told
}

/// The failure of the only command of a pipeline.
#[track_caller]
fn fails(command: &str) -> (String, String) {
    let test = file(&format!("pipeline p {{ {command} }}"));
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    let (class, message) = told.failure("p/run");
    (class.to_string(), message.to_string())
}

#[test]
fn results_and_outputs_can_be_used() {
    let test = file(
        r#"
        pipeline p {
          let made = run "sh make.sh"
          log "${made.code} ${made.stdout} ${made.stderr}"
          log "${made.outputs["digest"]} and ${made.outputs["notes"]}"
          run "printf '%s.' ${made.outputs["notes"]}"
          if made.outputs["digest"] == "sha256:ab=cd" { log "as expected" }
        }"#,
    )
    .file(
        "make.sh",
        "echo built\necho careful >&2\n\
         echo 'digest=sha256:ab=cd' >> \"$LOCKSTEP_OUTPUT\"\n\
         printf 'notes<<END\\none\\n two $x\\nEND\\n' >> \"$LOCKSTEP_OUTPUT\"\n",
    );
    let told = succeeds(&test);
    let logged = logged(&told);
    assert_eq!(logged[0], "0 built careful");
    assert_eq!(logged[1], "sha256:ab=cd and one\n two $x");
    assert_eq!(logged[2], "as expected");
    assert!(told.output().ends_with(&["one", " two $x."]));
}

#[test]
fn outputs_that_cannot_be_read_fail() {
    let (class, message) = fails(r#"run "echo no equals sign > \"$LOCKSTEP_OUTPUT\"""#);
    assert_eq!(class, "failed");
    assert_eq!(
        message,
        "line 1 of its outputs is not `key=value`: `no equals sign`"
    );
}

/// What is emitted is complete; of a value that would not be, reading it is a failure that says so.
#[test]
fn a_long_output_is_no_value_but_its_end_is() {
    let command = r#"run "i=0; while [ $i -lt 40 ]; do i=$((i + 1)); cat piece; done; echo last""#;
    let piece = "0123456789abcde\n".repeat(2 * 1024);
    let test = file(&format!(
        r#"
        pipeline p {{
          let out = {command}
          let few = run "echo few"
          log "${{out.cut}} ${{length(out.tail ?? "")}} ${{ends-with(out.tail ?? "", "last")}}"
          log "${{out.code}}${{out.stderr}}${{length(out.outputs)}}"
          log "${{few.cut}} ${{few.tail ?? few.stdout}}"
        }}"#
    ))
    .file("piece", &piece);
    let told = succeeds(&test);
    let logged = logged(&told);
    assert_eq!(logged[0], format!("true {} true", (1 << 20) - 1));
    assert_eq!(logged[1..], ["00", "false few"]);
    let output: Vec<&str> = told.output();
    assert_eq!(output.len(), 40 * 2 * 1024 + 2);
    for (reads, stream, to) in [
        ("out.stdout", "stdout", ""),
        (r#"length(split(out.stdout, "\n"))"#, "stdout", ""),
        ("from-json(out.stdout)", "stdout", ""),
        ("out.stderr", "stderr", " >&2"),
    ] {
        let command = command.replace("done;", &format!("done{to};"));
        let test = file(&format!(
            "pipeline p {{ let out = {command} let read = {reads} log \"${{out.code}}\" }}"
        ))
        .file("piece", &piece);
        let told = Told::by(&test);
        let end = told.of_kind("run-finished").last().expect("an end");
        let (class, message) = (
            text(&end["failure"]["class"]),
            text(&end["failure"]["message"]),
        );
        assert_eq!((told.code, class), (1, "failed"), "{reads}");
        let why = format!("the command wrote more than 1 MiB, so its `.{stream}` was cut");
        assert_eq!(message, why, "{reads}");
    }
}

#[test]
fn long_lines_come_in_pieces_and_bytes_do_no_harm() {
    let test = file(
        r#"
        pipeline p {
          let long = run "cat long"
          run "cat bytes"
          log "${length(long.stdout)}"
        }"#,
    )
    .file("long", "x".repeat(200_000))
    .file("bytes", b"a\xff\xfe\x00\x1b[31mb\n\xc3\xa4\n");
    let told = succeeds(&test);
    let of = |node: &str| -> Vec<&str> {
        let output = told.of_kind("node-output").filter(|it| it["node"] == node);
        output.map(|it| text(&it["text"])).collect()
    };
    let long = of("p/run");
    assert_eq!(long.concat(), "x".repeat(200_000));
    assert!(long.iter().all(|piece| piece.len() <= 64 * 1024));
    assert_eq!(logged(&told), ["200000"]);
    assert_eq!(of("p/run#2"), ["a\u{fffd}\u{fffd}\0\u{1b}[31mb", "ä"]);
    // In the log a line is whole, and one without an end has none.
    let log = |node: &str| {
        let mut command =
            crate::support::program::command(crate::support::program::program(), &test.path(""));
        command.args(["logs", node]);
        crate::support::program::run(command).stdout
    };
    assert_eq!(log("p/run"), "x".repeat(200_000));
    assert!(log("p/run#2").ends_with("ä\n"));
    let plain = test.said();
    assert_eq!(plain.code, 0);
    assert!(!plain.stdout.contains(['\0', '\u{1b}']));
}

#[test]
fn a_command_gets_its_folder_its_variables_and_its_names() {
    let test = file(
        r#"
        let greeting = "hello $USER 'x'"
        pipeline p {
          stage s {
            run "pwd" in "below"
            run "sh -c 'echo $LOCKSTEP_RUN_ID $LOCKSTEP_NODE $GREETING $OUTER'"
              env { GREETING: greeting }
            run "sh -c 'cat; echo $?'"
            run "x=${run.id}; [ \"$x\" = \"$LOCKSTEP_RUN_ID\" ]"
          }
        }"#,
    )
    .folder("below")
    .env("OUTER", "outer");
    let told = succeeds(&test);
    let run = text(&told.events[0]["run"]);
    let output = told.output();
    assert!(output[0].ends_with("/below"), "{output:?}");
    let wanted = format!("{run} p/s/run#2 hello $USER 'x' outer");
    assert_eq!(output[1..], [wanted.as_str(), "0"]);
}

#[test]
fn the_shell_is_strict_and_bash_can_be_had() {
    let test = file(
        r#"
        pipeline p {
          run "printf '%s' ${run.id} > id; false; touch never" on failure { ignore }
          run "echo ${run.id} $undefined; touch never" on failure { ignore }
          run "false | true; touch never" using bash on failure { ignore }
          run "a=(1 2 3); echo ${length([1])} \${#a[@]}" using bash
        }"#,
    );
    let told = succeeds(&test);
    assert!(!test.path("never").exists());
    assert_eq!(told.output().last(), Some(&"1 3"));
}

/// Values are data: whatever they contain is passed unchanged, in both kinds of commands.
#[test]
fn values_are_never_code() {
    let test = file(
        r#"
        let nasty = ["a b", "", "$(touch owned)", "`touch owned`", "; touch owned", "*", "-n", "'\""]
        pipeline p {
          run "sh count.sh ${nasty} end"
          run "sh count.sh ${nasty} end; true"
          run "sh count.sh x${nasty[2]}y \"${nasty[0]}\""
          run "sh count.sh x${nasty[2]}y \"${nasty[0]}\"; true"
        }"#,
    )
    .file("count.sh", "for word; do printf '[%s]' \"$word\"; done; echo\n");
    let told = succeeds(&test);
    let list = "[a b][][$(touch owned)][`touch owned`][; touch owned][*][-n]['\"][end]";
    let words = "[x$(touch owned)y][a b]";
    assert_eq!(told.output(), [list, list, words, words]);
    assert!(!test.path("owned").exists());
}

/// The same by every other way on which a value comes to a command.
#[test]
fn values_are_never_code_by_any_other_way() {
    let nasty = [
        "a b",
        "$(touch owned)",
        "`touch owned`",
        "; touch owned",
        "*",
        "-n",
        "'\"",
        "${HOME}",
        "\\n",
        "# no comment",
        "it's\n'''\nraw",
        "%s",
        "~",
    ];
    let data = serde_json::json!(nasty.map(|text| serde_json::json!({ "text": text })));
    let test = file(
        r#"
        let data: [{ text: string }] = from-json(file("data.json"))
        function same(text: string) -> string = text
        kind app {
          service { text: string, late: string = "${text}" }
          deploy using put
        }
        environment e { infrastructure i: app {} }
        service "s${i}": app for i, it in data { text = it.text }
        workflow put(s: service<app>, i: infrastructure<app>) {
          query "sh show.sh ${s.late}"
          run 'sh show.sh "$VALUE"; true' env { VALUE: s.late }
          with env { VALUE: s.late } { run "sh -c 'sh show.sh \"$VALUE\"'" }
          run "sh -c 'sh show.sh \"$(cat)\"'" stdin s.text
          run "sh show.sh ${same(s.text)}; true" quiet
          let made: string? = s.text
          if made != none { run "sh show.sh ${made}" }
          step kept {
            let kept = run "sh show.sh ${s.text}" quiet
          } undo {
            run "sh show.sh ${kept?.stdout ?? "none"}"
          }
          fail s.text
        }
        pipeline p {
          serial s in app.* by s.text {
            serial {
              deploy s to e.i on failure { run "sh show.sh ${failure.message}" }
            } on failure { ignore }
          }
        }"#,
    )
    .file("data.json", data.to_string())
    .file(
        "show.sh",
        "for word; do printf '[%s]' \"$word\"; done; echo\n",
    );
    let told = succeeds(&test);
    let output = told.output().join("\n");
    for text in nasty {
        // What a query and quiet commands write is not shown; the undo shows what one has written.
        let all = [(format!("\n[{text}]"), 5), (format!("[[{text}]]"), 1)];
        for (shown, most) in all {
            let count = format!("\n{output}").matches(&shown).count();
            assert_eq!(count, most, "{shown}: {output}");
        }
    }
    assert!(!test.path("owned").exists());
}

#[test]
fn failures_have_plain_messages() {
    let fails = |command: &str| {
        let (class, message) = fails(command);
        format!("{class}: {message}")
    };
    assert_eq!(fails(r#"run "sh -c 'exit 42'""#), "exit: exit code 42");
    assert_eq!(fails(r#"run "kill -KILL $$""#), "signal: killed by SIGKILL");
    assert_eq!(
        fails(r#"run "no-such-program --version""#),
        "failed: `no-such-program` was not found on the PATH: install it, or name it with its path"
    );
    assert_eq!(
        fails(r#"run "true && no-such-program""#),
        "exit: exit code 127: a command in it was not found"
    );
    assert!(fails(r#"run "true" in "nowhere""#).ends_with("nowhere` does not exist"));
    assert!(fails(r#"run "./main.deploy""#).ends_with("is not executable: `chmod +x` makes it so"));
    assert_eq!(
        fails(r#"run "sleep 60" timeout 100ms"#),
        "timeout: took longer than 100ms"
    );
}

#[test]
fn a_failed_command_is_tried_again() {
    let test = file(
        r#"
        pipeline p {
          run "sh third-time.sh" retry 5 every 10ms..40ms
          run "echo x >> tries; false" retry 2 on failure { log "after ${failure.message}" }
        }"#,
    )
    .file(
        "third-time.sh",
        "echo x >> count; [ \"$(wc -l < count)\" -ge 3 ]\n",
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 1);
    let lines = |name| std::fs::read_to_string(test.path(name)).expect("a file");
    assert_eq!(lines("count"), "x\nx\nx\n");
    assert_eq!(lines("tries"), "x\nx\nx\n");
    assert_eq!(logged(&told), ["after exit code 1"]);
    let pauses: Vec<(u64, u64, u64)> = (told.of_kind("node-waiting"))
        .map(|it| &it["waiting"])
        .map(|it| {
            let number = |key: &str| it[key].as_u64().expect("a number");
            (number("attempt"), number("of"), number("after_ms"))
        })
        .collect();
    assert_eq!(pauses.len(), 4);
    let (first, second) = (pauses[0], pauses[1]);
    assert_eq!((first.0, first.1, second.0, second.1), (2, 6, 3, 6));
    // The delay doubles, less a jitter of up to a quarter.
    assert!((7..=10).contains(&first.2) && (15..=20).contains(&second.2));
    assert_eq!(pauses[2..], [(2, 3, 0), (3, 3, 0)]);
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let test = file(
        r#"
        pipeline p {
          run "sh -c 'sleep 300 & echo $! > inner; wait' & echo $! > outer; wait" timeout 300ms
        }"#,
    );
    let told = Told::by(&test);
    assert_eq!(told.failure("p/run").0, "timeout");
    for name in ["inner", "outer"] {
        let id = text_of(&test.path(name));
        assert!(is_gone(id.trim()), "{name} is left");
    }
}

/// A process that a command leaves behind holds its pipes open: the command has ended nevertheless,
/// and that process lives on.
#[test]
fn what_a_command_leaves_behind_holds_nothing_up() {
    let test = file(r#"pipeline p { run "echo before; sleep 300 & echo $! > left; echo after" }"#);
    let told = succeeds(&test);
    assert_eq!(told.output(), ["before", "after"]);
    let left = text_of(&test.path("left"));
    assert!(is_alive(left.trim()));
    assert!(crate::support::running::signal(left.trim(), "KILL"));
}

/// Two thousand commands, eight at once: afterwards the program has as many open files as before,
/// and no other children.
#[test]
#[cfg(target_os = "linux")]
fn many_commands_leave_nothing_behind() {
    let test = file(
        r#"
        pipeline p {
          run "sh look.sh"
          parallel n in range(0, 2000) {
            run "sh one.sh"
          }
          run "sh look.sh"
        }"#,
    )
    .file("one.sh", "echo x >> count\n")
    .file(
        "look.sh",
        "fewest=9999\n\
         for look in 1 2 3 4 5 6 7 8 9 10; do\n\
         sleep 0.02; now=$(ls /proc/$PPID/fd | wc -l)\n\
         if [ $now -lt $fewest ]; then fewest=$now; fi\n\
         done\n\
         echo $fewest\n\
         grep -hs \"^PPid:[[:space:]]*$PPID\\$\" /proc/[0-9]*/status | wc -l\n",
    )
    .args(["--max", "8"]);
    let told = succeeds(&test);
    let count = std::fs::read_to_string(test.path("count")).expect("the count");
    assert_eq!(count.lines().count(), 2000);
    let output = told.output();
    let (before, after) = output.split_at(2);
    assert_eq!(before, after);
    assert_eq!(
        after[1], "2",
        "only the command that looks, and the guardian"
    );
}

/// No more run at once than `--max` allows, and those that wait are started in order.
#[test]
fn a_limit_holds_for_all_commands_together() {
    let test = file(
        r#"
        pipeline p {
          parallel n in range(0, 12) {
            run "sh one.sh ${n}"
          }
        }"#,
    )
    .file(
        "one.sh",
        "echo start >> log; echo $1 >> order; sleep 0.05; echo end >> log\n",
    )
    .args(["--max", "1"]);
    succeeds(&test);
    let log = super::latches::log(&test);
    assert_eq!(log, ["start", "end"].repeat(12));
    let order = std::fs::read_to_string(test.path("order")).expect("the order");
    let wanted: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    assert_eq!(order.lines().collect::<Vec<_>>(), wanted);
}
