//! A secret's text that comes by another way than the secret, too: an input, a variable, a file, the
//! output of a command. It is a value, which conditions, commands and files see as it is, and it is
//! neither shown nor stored in any place. The cases are ways in, times places out, times secrets.

use crate::support::Test;
use crate::support::program::run;

/// Secrets that are written differently where they are shown and stored.
const SECRETS: [&str; 4] = [
    "tok-value-12345",
    "p/a[s],s%w*d 'q\" #2",
    "two words-und-ä\\y",
    "line one\nline two of it",
];

/// How its text gets into the run: an expression.
const WAYS: [(&str, &str); 6] = [
    ("an input", "v"),
    ("a variable", "env(\"TOK\")"),
    ("a file", "file(\"./s.txt\")"),
    ("a let", "e"),
    ("output", "made.stdout"),
    ("outputs", "made.outputs[\"key\"]"),
];

fn pipeline(way: &str) -> String {
    format!(
        r#"
input v: string
secret tok = env("TOK")
let e = "${{env("TOK")}}"
kind k {{ service {{}} deploy using g }}
service a: k {{}}
environment prod {{ infrastructure eu: k {{}} }}
workflow g(s: service<k>, i: infrastructure<k>) -> {{ before: string, after: string }} {{
  let made = run "printf %s \"$T\"; {{ echo 'key<<EOF'; printf '%s\n' \"$T\"; echo EOF; }} >> \"$LOCKSTEP_OUTPUT\"" env {{ T: tok }}
  return {{ before: {way}, after: "now ${{{way}}}" }}
}}
pipeline p {{
  let made = run "printf %s \"$T\"; {{ echo 'key<<EOF'; printf '%s\n' \"$T\"; echo EOF; }} >> \"$LOCKSTEP_OUTPUT\"" env {{ T: tok }}
  log "a log ${{{way}}}"
  run "true ${{{way}}}"
  run "printf %s ${{{way}}} > kept.txt; printf %s ${{{way}}} | rev; printf 'cut: %.60s…' ${{{way}}}"
  if {way} == v {{ log "it is the same" }} else {{ log "it is another" }}
  serial z in [{way}, "a ${{{way}}}", "***"] {{ step s {{ run "echo ${{z}}" }} }}
  lock "l" {{ run "true" }}
  approve "ship ${{{way}}}?"
  deploy a to prod.eu
  step falls {{ run "echo ${{{way}}} >&2; exit 3" on failure {{ log "fell: ${{failure.message}}" }} }} on failure {{ ignore }}
  fail "bad ${{{way}}}"
}}
"#
    )
}

fn test(secret: &str, way: &str) -> Test {
    Test::new()
        .file("main.deploy", pipeline(way))
        .file("s.txt", secret)
        .env("TOK", secret)
        .env("LOCKSTEP_LOG", "trace")
}

/// All that a command says.
fn said(test: &Test, arguments: &[&str]) -> String {
    let mut command = test.command();
    command.args(arguments);
    let said = run(command);
    format!(
        "$ {arguments:?}\n{}{}exit {}\n",
        said.stdout, said.stderr, said.code
    )
}

/// The forms in which a text would be recognised: as it is, in JSON, and line by line.
fn traces(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let mut all = vec![secret.to_string(), json[1..json.len() - 1].to_string()];
    all.extend(secret.lines().map(String::from));
    all.push(secret.chars().rev().collect());
    all
}

#[track_caller]
fn holds_none(place: &str, text: &[u8], secret: &str) {
    let text = String::from_utf8_lossy(text);
    for trace in traces(secret) {
        if let Some(at) = text.find(&trace) {
            let before: String = text[..at].chars().rev().take(200).collect();
            let before: String = before.chars().rev().collect();
            panic!("{place} holds `{trace}` behind {before:?}");
        }
    }
}

/// The texts of all files below a folder.
fn stored(folder: &std::path::Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => stored(&path, all),
            false => all.push((
                path.display().to_string(),
                std::fs::read(&path).expect("a file"),
            )),
        }
    }
}

#[test]
fn a_secret_is_a_value_and_is_in_no_place() {
    for (at, secret) in SECRETS.into_iter().enumerate() {
        for (name, way) in WAYS {
            let deployed = if way.starts_with("made") {
                "output in a run"
            } else {
                name
            };
            let test = test(secret, way);
            let input = format!("v={secret}");
            let mut all = String::new();
            let formats: &[&str] = if at == 0 {
                &["plain", "json", "live"]
            } else {
                &["json"]
            };
            for format in ["text", "json", "mermaid", "dot", "html"] {
                all += &said(
                    &test,
                    &[
                        "plan",
                        "main.deploy",
                        "--full",
                        "-i",
                        &input,
                        "--format",
                        format,
                    ],
                );
            }
            for format in formats {
                all += &said(
                    &test,
                    &[
                        "run",
                        "main.deploy",
                        "--yes",
                        "-i",
                        &input,
                        "--format",
                        format,
                    ],
                );
            }
            assert!(all.contains("it is the same"), "{deployed}: {all}");
            let kept = std::fs::read_to_string(test.path("kept.txt")).expect("it was written");
            assert_eq!(kept, secret, "{deployed}: a file holds the value");
            for arguments in [
                &["show", "--full"][..],
                &["show", "--format", "json"],
                &["runs"],
                &["runs", "--format", "json"],
                &["logs"],
                &["verify"],
                &["locks"],
                &["retry", "--yes"],
                &["show", "--full"],
                &["verify"],
            ] {
                all += &said(&test, arguments);
            }
            // What was typed is not said again; the argument of `said` is.
            let all = all.replace(&format!("{:?}", input), "INPUT");
            holds_none(deployed, all.as_bytes(), secret);
            let mut files = Vec::new();
            stored(&test.path(".lockstep"), &mut files);
            for (path, bytes) in files {
                holds_none(&format!("{deployed}: {path}"), &bytes, secret);
            }
            assert_eq!(all.matches("conforms to its plan").count(), 2, "{all}");
        }
    }
}
