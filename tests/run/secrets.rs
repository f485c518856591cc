//! Secrets reach commands through the environment only: they are neither in arguments, nor in
//! files, nor in events.

use super::{Told, file};
use crate::support::Test;
use crate::support::program::run;

const TOKEN: &str = "tok-4711-value";
const FILED: &str = "filed-0815-value";
const MADE: &str = "made-1234-value";

const SECRETS: &str = r#"
secret token = env("TOKEN")
secret filed = file("token.txt")
secret made = command("sh", "made.sh")
"#;

fn secrets(pipeline: &str) -> Test {
    file(&format!("{SECRETS}\n{pipeline}"))
        .file("token.txt", format!("{FILED}\n"))
        .file("made.sh", format!("echo {MADE}\n"))
        .env("TOKEN", TOKEN)
}

/// The output of a run in all formats, one after the other.
fn all_that_is_said(test: &Test) -> String {
    let mut all = String::new();
    for format in ["plain", "json", "live"] {
        let mut command = test.command();
        command.args(["--format", format]);
        let said = run(command);
        all.push_str(&format!(
            "{}{}exit {}\n",
            said.stdout, said.stderr, said.code
        ));
    }
    all
}

#[track_caller]
fn nothing_leaks(said: &str) {
    for secret in [TOKEN, FILED, MADE] {
        assert!(!said.contains(secret), "`{secret}` in {said}");
    }
}

#[test]
fn commands_get_the_texts_and_nobody_else_does() {
    let test = secrets(
        r#"pipeline p {
          run "printf '%s %s %s' ${token} ${filed} ${made} > text"
          run "sh -c 'echo $A > variables'" env { A: "${token}+${made}" }
          run "echo out ${token}; echo err ${filed} >&2; echo a${made}z"
        }"#,
    );
    let said = all_that_is_said(&test);
    nothing_leaks(&said);
    assert_eq!(said.matches("exit 0\n").count(), 3, "{said}");
    for part in ["out ***", "err ***", "a***z"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let read = |name| std::fs::read_to_string(test.path(name)).expect("it was written");
    assert_eq!(read("text"), format!("{TOKEN} {FILED} {MADE}"));
    assert_eq!(read("variables"), format!("{TOKEN}+{MADE}\n"));
}

/// No process that the program starts itself, nor the program, has a secret in its arguments.
#[test]
#[cfg(target_os = "linux")]
fn no_argument_holds_a_secret() {
    let test = secrets(
        r#"pipeline p {
          run "sh arguments.sh" env { A: token }
          run "cat /proc/$$/cmdline /proc/$PPID/cmdline >> arguments; printf ${token} > used"
          run "cat /proc/$$/cmdline >> arguments; printf ${filed} >> used" using bash
        }"#,
    )
    .file("arguments.sh", "cat /proc/$$/cmdline >> arguments\n");
    assert_eq!(Told::by(&test).code, 0);
    let arguments = std::fs::read(test.path("arguments")).expect("it was written");
    let arguments = String::from_utf8_lossy(&arguments);
    nothing_leaks(&arguments);
    for part in ["arguments.sh", "lockstep\0run", "printf"] {
        assert!(arguments.contains(part), "no `{part}` in {arguments}");
    }
    let used = std::fs::read_to_string(test.path("used")).expect("it was written");
    assert_eq!(used, format!("{TOKEN}{FILED}"));
}

/// The two halves come in two reads: the second is written when the first has been read from the
/// pipe, which a process can see by the free space in it.
#[test]
fn a_secret_in_two_pieces_is_masked() {
    let (first, second) = TOKEN.split_at(7);
    let test = secrets(
        "pipeline p { parallel {
           run \"KEY=${token} sh halves.sh\"
           run \"sh other.sh\"
         } }",
    )
    .file(
        "halves.sh",
        "rest=${KEY#???????}\nprintf 'begin %s' \"${KEY%\"$rest\"}\"; : > half\n\
         until [ -e seen ]; do sleep 0.02; done\nprintf '%s end\\n' \"$rest\"\n",
    )
    .file(
        "other.sh",
        "until [ -e half ]; do sleep 0.02; done\nsleep 0.1\n: > seen\n",
    );
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    assert_eq!(told.output(), ["begin *** end"]);
    let all = all_that_is_said(&test);
    assert!(!all.contains(first) && !all.contains(second), "{all}");
}

#[test]
fn failures_and_outputs_and_the_ledger_hold_none() {
    let test = secrets(
        r#"
        service a: app {}
        kind app { deploy using put }
        environment prod { infrastructure eu: app {} }
        workflow put(s: service<app>, i: infrastructure<app>) {
          let said = run """
            echo before=${token} >> "$LOCKSTEP_OUTPUT"
            echo after=v2-${filed} >> "$LOCKSTEP_OUTPUT"
            echo key=${made} >> "$LOCKSTEP_OUTPUT"
            echo ${token}
            """
          log "${said.outputs["key"]} and ${said.stdout}"
          run "echo no such thing ${token} >> \"$LOCKSTEP_OUTPUT\""
        }
        pipeline p { deploy a to prod.eu }
        "#,
    );
    let said = all_that_is_said(&test);
    nothing_leaks(&said);
    assert_eq!(said.matches("exit 1\n").count(), 3, "{said}");
    for part in ["*** and ***", "`no such thing ***`", "*** → v2-***"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn all_missing_secrets_are_told_together_and_nothing_runs() {
    let test = file(
        r#"
        secret a = env("NOT_THERE")
        secret b = file("not-there.txt")
        secret c = command("not-a-program")
        secret d = command("sh", "-c", "echo it will not say >&2; exit 4")
        secret e = env("TOKEN")
        pipeline p { run "touch ran" env { A: a, B: b, C: c, D: d, E: e } }
        "#,
    )
    .env("TOKEN", TOKEN);
    let said = test.said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    for part in [
        "secret `a` could not be read: the variable `NOT_THERE` is not set",
        "secret `b` could not be read: the file `not-there.txt` does not exist",
        "secret `c` could not be read: the program `not-a-program` was not found",
        "secret `d` could not be read: the command `sh` failed (exit status: 4); what it wrote is not shown",
        "4 errors",
    ] {
        assert!(said.stderr.contains(part), "no `{part}` in {}", said.stderr);
    }
    assert!(!said.stderr.contains("secret `e`"), "{}", said.stderr);
    assert!(!test.path("ran").exists());
}

/// What is shown of a command that makes a secret could be that secret.
#[test]
fn a_command_that_fails_does_not_tell_the_secret_that_it_makes() {
    let test = file(
        "secret a = command(\"sh\", \"-c\", \"printf 'hunt%s' er2 >&2; exit 4\")\n\
         secret b = env(\"SHORT\")\n\
         pipeline p { run \"true\" env { A: a, B: b } }\n",
    )
    .env("SHORT", "abc");
    let said = test.said();
    assert_eq!(said.code, 2);
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    let short = "secret `b` could not be read: it has fewer than 4 characters";
    assert!(said.stderr.contains(short), "{}", said.stderr);
}

/// The variable that a secret is read from is given to those commands alone that ask for it.
#[test]
fn the_variable_of_a_secret_is_withheld() {
    let test = file(
        "secret token = env(\"TOKEN\")\n\
         pipeline p {\n\
           run \"echo without=${TOKEN:-none}\"\n\
           run \"echo with=${#TOKEN}\" env { TOKEN: token }\n\
         }\n"
        .replace("${", "\\${")
        .as_str(),
    )
    .env("TOKEN", TOKEN);
    let told = Told::by(&test);
    let length = format!("with={}", TOKEN.len());
    assert_eq!(told.output(), ["without=none", length.as_str()]);
}

/// The program's own log says that commands ran, and nothing of what they were given.
#[test]
fn no_log_line_holds_a_secret() {
    let test = secrets(
        r#"pipeline p {
          run "printf '%s %s %s' ${token} ${filed} ${made} > text"
          run "sh -c 'echo $A > variables'" env { A: "${token}+${made}" }
          run "echo out ${token}; echo err ${filed} >&2; echo \"key=${made}\" >> $LOCKSTEP_OUTPUT"
          step s { http.get("http://127.0.0.1:1/path", { key: filed }) on failure { ignore } }
          run "echo ${token}; exit 3"
        }"#,
    )
    .env("LOCKSTEP_LOG", "trace");
    let said = all_that_is_said(&test);
    nothing_leaks(&said);
    for part in [
        "lockstep::driver",
        "lockstep::journal",
        "lockstep::store",
        "lockstep::process",
        "lockstep::http",
        "lockstep::secrets",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    assert!(said.contains("command{id="), "{said}");
}

#[test]
fn nothing_is_logged_without_being_asked_for() {
    let test = file("pipeline p { run \"true\" }");
    assert_eq!(run(test.command()).stderr, "");
    let test = test.env("LOCKSTEP_LOG", "lockstep::store=loud");
    let said = run(test.command());
    assert_eq!(said.code, 0);
    assert!(
        said.stderr.contains("warning: LOCKSTEP_LOG is not valid"),
        "{}",
        said.stderr
    );
}

/// A place that is not deployed to needs no token.
#[test]
fn only_what_the_plan_reaches_is_read() {
    let declared = r#"
      secret eu-token = env("EU_TOKEN")
      secret us-token = env("US_TOKEN")
      secret other = command("sh", "-c", "touch ran; echo other-value")
      kind app { infrastructure { token: secret } deploy using put }
      kind rare { deploy using put-rare }
      service web: app {}
      service odd: rare {}
      environment prod {
        infrastructure eu: app { token = eu-token }
        infrastructure us: app { token = us-token }
        infrastructure spare: rare {}
      }
      input targets: [infrastructure<app>] = [prod.eu, prod.us]
      workflow put(s: service<app>, i: infrastructure<app>) {
        run "sh -c 'test $T = eu-token-value'" env { T: i.token }
      }
      workflow put-rare(s: service<rare>, i: infrastructure<rare>) {
        run "true" env { T: other }
      }
      pipeline one { deploy web to prod.eu }
      pipeline chosen { serial i in targets { deploy web to i } }
      pipeline named { deploy web to prod["eu"] }
      pipeline strange { deploy odd to prod.spare }
    "#;
    let test = file(declared).env("EU_TOKEN", "eu-token-value");
    let code = |arguments: &[&str]| {
        let mut command = test.command();
        command.args(arguments);
        run(command).code
    };
    assert_eq!(code(&["one"]), 0);
    assert_eq!(code(&["named"]), 0);
    assert_eq!(code(&["chosen", "-i", "targets=prod.eu"]), 0);
    assert_eq!(code(&["chosen"]), 2, "`US_TOKEN` is not there");
    assert!(!test.path("ran").exists(), "nothing needs what it makes");
    assert_eq!(code(&["strange"]), 0);
    assert!(test.path("ran").exists());
}
