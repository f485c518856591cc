//! Results of what may be ignored, and JSON that is not there: a value of a type without `none` is
//! never `none`, and what is not there never becomes an empty text in a command.

use std::fmt::Write as _;

use super::file;
use crate::support::Test;
use crate::support::program::{Said, run};

/// Notes its arguments, each in brackets.
const NOTE: &str = "for it; do echo \"[$it]\" >> noted; done\n";

fn noting(text: &str) -> Test {
    file(text).file("note.sh", NOTE)
}

fn noted(test: &Test) -> String {
    std::fs::read_to_string(test.path("noted")).unwrap_or_default()
}

fn says(test: &Test, words: &[&str]) -> Said {
    let mut command =
        crate::support::program::command(crate::support::program::program(), &test.path("."));
    command.args(words);
    run(command)
}

#[test]
fn a_command_that_ended_with_a_code_has_its_result() {
    let test = noting(
        r#"
pipeline p {
  let exits = run "sh -c 'echo v7; echo host=h1 >> $LOCKSTEP_OUTPUT; exit 3'" on failure(exit) { ignore }
  run "sh note.sh ${exits.stdout} ${exits.code} ${exits.outputs["host"]}"
  let any = run "sh -c 'echo v8; exit 4'" on failure { ignore }
  run "sh note.sh ${any.stdout} ${any.code}"
  let killed = run "sh -c 'echo v9; kill -9 $$'" on failure { ignore }
  if killed == none { run "sh note.sh none" }
  run "sh note.sh ${killed.stdout}"
}
"#,
    );
    let said = test.said();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("is `none`"), "{said:?}");
    assert_eq!(noted(&test), "[v7]\n[3]\n[h1]\n[v8]\n[4]\n[none]\n");
}

#[test]
fn outputs_that_cannot_be_read_are_not_ignored_with_the_code() {
    let test = noting(
        r#"
pipeline p {
  let exits = run "sh -c 'echo oops >> $LOCKSTEP_OUTPUT; exit 3'" on failure(exit) { ignore }
  run "sh note.sh ${exits.code}"
}
"#,
    );
    let said = test.said();
    assert_eq!((said.code, noted(&test).as_str()), (1, ""), "{said:?}");
    assert!(said.stdout.contains("is not `key=value`"), "{said:?}");
}

#[test]
fn a_tolerant_loop_keeps_the_places_of_its_cells() {
    let test = noting(
        r#"
let names = ["a", "b", "c", "d"]
pipeline p {
  let found = parallel n in names tolerate 2 { run "test ${n} != b" yield "of-${n}" }
  run "sh note.sh ${found[0] ?? "-"} ${found[1] ?? "-"} ${found[2] ?? "-"} ${found[3] ?? "-"}"
  let in-turn = serial n in names tolerate 2 { run "test ${n} != a" yield n }
  run "sh note.sh ${length(in-turn)} ${in-turn[0] ?? "-"} ${in-turn[1] ?? "-"}"
}
"#,
    );
    let said = test.said();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(noted(&test), "[of-a]\n[-]\n[of-c]\n[of-d]\n[4]\n[-]\n[b]\n");
}

#[test]
fn what_json_does_not_have_fails() {
    for (used, path) in [
        ("run \"sh note.sh ${j.image.tga}\"", ".image.tga"),
        ("run \"sh note.sh ${j.imag.tag}\"", "imag"),
        ("run \"sh note.sh ${j.n}\"", ".n"),
        ("run \"sh note.sh ${j.n.x}\"", ".n"),
        ("run \"sh note.sh ${j.l[1]}\"", ".l[1]"),
        ("run \"sh note.sh\" env { A: j.n }", ".n"),
        ("run \"sh note.sh ${[j.n, j.image.tag]}\"", "none"),
        ("log string(j.n)", "none"),
        ("log join([j.n], \",\")", "none"),
        ("let t: string = j.n log t", ".n"),
        ("if j.image { log \"x\" }", ".image"),
    ] {
        let test = noting(&format!(
            r#"
pipeline p {{
  let out = run "echo '{{\"image\": {{\"tag\": \"v1\"}}, \"n\": null, \"l\": [1]}}'"
  let j = from-json(out.stdout)
  {used}
}}
"#
        ));
        let said = test.said();
        assert_eq!(
            (said.code, noted(&test).as_str()),
            (1, ""),
            "{used}: {said:?}"
        );
        assert!(said.stdout.contains(path), "{used}: {said:?}");
    }
}

#[test]
fn a_fallback_covers_the_whole_path() {
    let test = noting(
        r#"
pipeline p {
  let out = run "echo '{\"image\": {\"tag\": \"v1\"}, \"n\": null, \"l\": [1]}'"
  let j = from-json(out.stdout)
  run "sh note.sh ${j.image.tag ?? "-"} ${j.image.tga ?? "-"} ${j.a.b.c ?? "-"} ${j.n ?? "-"}"
  run "sh note.sh ${j.n.x ?? "-"} ${j.l[0] ?? "-"} ${j.l[7] ?? "-"} ${j["x"] ?? j.y ?? "-"}"
  let typed: { image: { tag: string, digest: string? }, l: [float] } = j
  run "sh note.sh ${typed.image.tag} ${typed.image.digest ?? "-"} ${typed.l[0]}"
}
"#,
    );
    let said = test.said();
    assert_eq!(said.code, 0, "{said:?}");
    let wanted = "[v1]\n[-]\n[-]\n[-]\n[-]\n[1]\n[-]\n[-]\n[v1]\n[-]\n[1]\n";
    assert_eq!(noted(&test), wanted);
}

#[test]
fn names_given_as_data_are_all_names() {
    let text = r#"
kind web { service { image: string } infrastructure {} deploy using roll }
workflow roll(s: service<web>, i: infrastructure<web>) { run "true" }
service checkout: web { image = "a" }
environment prod { infrastructure eu: web {} }
input services: [service] = [checkout]
input targets: [infrastructure] = prod.*
pipeline p { serial s in services { log s.name } serial i in targets { log i.name } }
"#;
    for (data, reason) in [
        (r#"{"services": ["checkout", 5]}"#, "at [1]: got a number"),
        (r#"{"services": [null]}"#, "at [0]: got none"),
        (r#"{"services": {"a": 1}}"#, "got a map"),
        (r#"{"targets": ["prod.eu", {"a": 1}]}"#, "at [1]: got a map"),
        (r#"{"targets": true}"#, "got a bool"),
        (r#"{"targets": 18446744073709551616}"#, "64 bits"),
        (r#"{"targets": [], "targets": []}"#, "given twice"),
    ] {
        let test = file(text).file("in.json", data);
        let said = test.args(["--inputs", "in.json"]).said();
        assert_eq!(said.code, 2, "{data}: {said:?}");
        assert!(said.stderr.contains(reason), "{data}: {said:?}");
    }
}

/// A generator of small numbers that is the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// An effect with or without a handler, and a use of its result that its type allows.
fn effect(at: usize, chance: &mut Chance, text: &mut String) {
    let fails = chance.below(2) == 0;
    let handler = match chance.below(4) {
        _ if !fails => "",
        0 => "on failure { ignore }",
        1 => "on failure(exit, signal) { ignore }",
        2 => "on failure(exit) { ask else ignore }",
        _ => "on failure(exit) { ignore }",
    };
    let ignored = !handler.is_empty();
    let retry = if chance.below(2) == 0 { "retry 1" } else { "" };
    let code = if fails { 3 } else { 0 };
    let command = format!("run \"sh -c 'echo v{at}; exit {code}'\"");
    let guarded = |name: &str, text: &mut String| {
        let _ = match ignored {
            true => writeln!(
                text,
                "  if {name} != none {{ run \"sh note.sh ${{{name}}}\" }} else {{ run \"sh note.sh missing\" }}"
            ),
            false => writeln!(text, "  run \"sh note.sh ${{{name}}}\""),
        };
    };
    let name = format!("r{at}");
    match chance.below(4) {
        0 => {
            let _ = writeln!(text, "  let {name} = {command} {retry} {handler}");
            let used = format!("run \"sh note.sh ${{{name}.stdout}} ${{{name}.code}}\"");
            let missing = "run \"sh note.sh missing\"";
            let _ = match handler.contains("signal") {
                true => writeln!(
                    text,
                    "  if {name} == none {{ {missing} }} else {{ {used} }}"
                ),
                false => writeln!(text, "  {used}"),
            };
        }
        1 => {
            let _ = writeln!(
                text,
                "  let {name} = give(\"v{at}\", {code}) {retry} {handler}"
            );
            guarded(&name, text);
        }
        2 => {
            let _ = writeln!(
                text,
                "  step {name} {retry} {{ {command} yield \"v{at}\" }} {handler}"
            );
            guarded(&name, text);
        }
        _ => {
            let _ = writeln!(
                text,
                "  let {name} = parallel n in [0, {code}, 0] tolerate 1 {{ run \"sh exit.sh ${{n}}\" yield \"v${{n}}\" }}"
            );
            let _ = writeln!(
                text,
                "  serial x in {name} {{ if x != none {{ run \"sh note.sh ${{x}}\" }} else {{ run \"sh note.sh missing\" }} }}"
            );
        }
    }
}

/// A pipeline of such effects that ends well once there is a file `go`.
fn program_of(seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut text = String::from(
        "workflow give(value: string, code: int) -> string {\n  run \"sh exit.sh ${code}\"\n  return value\n}\npipeline p {\n",
    );
    for at in 0..6 {
        effect(at, &mut chance, &mut text);
    }
    text.push_str("  run \"test -e go\"\n  run \"sh note.sh end\"\n}\n");
    text
}

#[test]
fn a_value_of_a_type_without_none_is_never_none() {
    for seed in 0..8 {
        let text = program_of(seed);
        let test = noting(&text)
            .file("exit.sh", "exit $1\n")
            .args(["--no-input"]);
        let said = test.said();
        assert_eq!(said.code, 1, "seed {seed}: {said:?}\n{text}");
        std::fs::write(test.path("go"), "").expect("a file");
        // What was ignored in the first run counts as done in the second one.
        let said = says(&test, &["retry", "--yes", "--no-input"]);
        assert_eq!(said.code, 0, "seed {seed}: {said:?}\n{text}");
        let noted = noted(&test);
        assert!(noted.ends_with("[end]\n"), "seed {seed}: {noted}");
        let bad = noted
            .lines()
            .find(|line| matches!(*line, "[]" | "[none]" | "[null]"));
        assert_eq!(bad, None, "seed {seed}: {noted}\n{text}");
    }
}
