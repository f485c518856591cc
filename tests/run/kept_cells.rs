//! A retry finds the cells of a list that has changed since by their values: whatever their places
//! are now, whatever they are called, and however many are equal.

use serde_json::{Value, json};

use crate::support::Test;
use crate::support::program::{Said, command, program, run};

/// `cell.sh` notes what it was given, gives it back with a number of its own, and fails where it
/// is told to.
const PROGRAM: &str = r#"
let xs: [string] = from-json(file("xs.json"))
let hosts: [{ name: string, port: int }] = from-json(file("hosts.json"))
let ports: {string: int} = from-json(file("ports.json"))
pipeline plain {
  let made = parallel x in xs { let it = run "sh cell.sh ${x}" yield it.stdout }
  run "sh gate.sh ${made}"
}
pipeline placed {
  let made = parallel i, x in xs { let it = run "sh cell.sh ${x}" yield it.stdout }
  run "sh gate.sh ${made}"
}
pipeline named {
  let made = parallel h in hosts by h.name {
    let it = run "sh cell.sh ${h.port}"
    yield it.stdout
  }
  run "sh gate.sh ${made}"
}
pipeline nested {
  matrix serial n in ["1", "2"] by "n${n}" parallel i, x in xs by "${i}-${x}" {
    step s { run "sh cell.sh ${n}${x}" }
  }
}
pipeline keyed {
  let made = parallel k, v in ports {
    let it = run "sh cell.sh ${k}${v}"
    yield it.stdout
  }
  run "sh gate.sh ${made}"
}
"#;

const CELL: &str = r#"
printf '%s\n' "$1" >> log
[ ! -e bad ] || [ "$1" != "$(cat bad)" ] || exit 1
printf '%s:%s' "$1" "$(wc -l < log | tr -d ' ')"
"#;

const GATE: &str = "printf '%s\\n' \"$@\" > results\n";

fn says(test: &Test, args: &[&str]) -> Said {
    let mut command = command(program(), &test.path(""));
    command.args(args);
    run(command)
}

fn write(test: &Test, name: &str, value: &Value) {
    std::fs::write(test.path(name), value.to_string()).expect("it is written");
}

/// Runs a pipeline in which `bad` fails with the first data, then retries it with the second, where
/// it does not. What the retry ran, in the order of texts.
fn retried(pipeline: &str, data: [&Value; 2], bad: &str) -> (Vec<String>, Vec<String>) {
    let file = match pipeline {
        "named" => "hosts.json",
        "keyed" => "ports.json",
        _ => "xs.json",
    };
    let test = Test::new()
        .file("main.deploy", PROGRAM)
        .file("cell.sh", CELL)
        .file("gate.sh", GATE)
        .file("xs.json", "[]")
        .file("hosts.json", "[]")
        .file("ports.json", "{ \"a\": 1, \"b\": 2 }");
    write(&test, file, data[0]);
    std::fs::write(test.path("bad"), bad).expect("it is written");
    let said = says(&test, &["run", "main.deploy", pipeline]);
    assert_eq!(said.code, 1, "{pipeline}: {}{}", said.stdout, said.stderr);
    std::fs::remove_file(test.path("bad")).expect("it is there");
    std::fs::remove_file(test.path("log")).expect("it is there");
    write(&test, file, data[1]);
    let said = says(&test, &["retry", "--current", "--yes"]);
    assert_eq!(said.code, 0, "{pipeline}: {}{}", said.stdout, said.stderr);
    let text_of = |name: &str| std::fs::read_to_string(test.path(name)).unwrap_or_default();
    let log = text_of("log");
    let mut again: Vec<String> = log.lines().map(Into::into).collect();
    again.sort();
    let results = text_of("results");
    let of = |line: &str| line.split(':').next().unwrap_or_default().to_string();
    (again, results.lines().map(of).collect())
}

#[track_caller]
fn runs_again(pipeline: &str, data: [Value; 2], bad: &str, again: &[&str], results: &[&str]) {
    let (ran, made) = retried(pipeline, [&data[0], &data[1]], bad);
    assert_eq!((ran, made), (texts(again), texts(results)), "{pipeline}");
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_cell_is_found_by_its_value_in_another_order() {
    for pipeline in ["plain", "placed"] {
        let lists = [json!(["a", "b", "c"]), json!(["c", "b", "a"])];
        runs_again(pipeline, lists, "b", &["b"], &["c", "b", "a"]);
    }
}

#[test]
fn elements_come_and_go() {
    for pipeline in ["plain", "placed"] {
        let lists = [json!(["a", "b", "c"]), json!(["new", "b", "c"])];
        runs_again(pipeline, lists, "b", &["b", "new"], &["new", "b", "c"]);
        let lists = [json!(["a", "b", "c"]), json!(["c"])];
        runs_again(pipeline, lists, "b", &[], &["c"]);
    }
}

#[test]
fn equal_elements_count() {
    for pipeline in ["plain", "placed"] {
        let lists = [json!(["a", "b", "a"]), json!(["b", "a", "a", "a"])];
        runs_again(pipeline, lists, "b", &["a", "b"], &["b", "a", "a", "a"]);
    }
}

#[test]
fn a_name_is_not_the_value() {
    let host = |name: &str, port: i64| json!({ "name": name, "port": port });
    // Two are called the same, and stand the other way round.
    let lists = [
        json!([host("web", 1), host("web", 2), host("db", 3)]),
        json!([host("web", 2), host("web", 1), host("db", 3)]),
    ];
    runs_again("named", lists, "2", &["2"], &["2", "1", "3"]);
    // What was done is found where it is called otherwise, and not where it is another host.
    let lists = [
        json!([host("web", 1), host("db", 2), host("queue", 3)]),
        json!([host("web", 4), host("db", 2), host("queue", 3)]),
    ];
    runs_again("named", lists, "2", &["2", "4"], &["4", "2", "3"]);
}

#[test]
fn all_axes_are_found_by_value() {
    let lists = [json!(["a", "b"]), json!(["b", "a"])];
    runs_again("nested", lists, "1b", &["1b", "2a", "2b"], &[]);
    let lists = [json!(["a", "b"]), json!(["b", "a"])];
    runs_again("nested", lists, "2a", &["2a"], &[]);
}

#[test]
fn what_a_key_leads_to_counts() {
    let maps = [json!({ "a": 1, "b": 2 }), json!({ "a": 3, "b": 2 })];
    runs_again("keyed", maps, "b2", &["a3", "b2"], &["a3", "b2"]);
}
