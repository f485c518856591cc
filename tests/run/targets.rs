//! Infrastructures selected on the command line: names, ids, groups, `prod.*`, and errors.

use super::latches::log;
use super::{Told, file};
use crate::support::Test;

const PROGRAM: &str = r#"
input targets: [infrastructure] = prod.*

service a: app {}
kind app { deploy using note }

environment qa {
  infrastructure eu: app {}
}

environment prod {
  infrastructure eu: app { id = "k8s-1" }
  infrastructure us: app { id = "k8s-2" }
  infrastructure ap: app { id = "shared" }
}

environment dr {
  infrastructure ap: app { id = "shared" }
}

group outer = [prod.us, dr.ap]

workflow note(s: service<app>, i: infrastructure<app>) {
  run "echo ${i.name} >> log"
}

pipeline p {
  serial i in targets { deploy a to i }
}
"#;

fn given(targets: &[&str]) -> Test {
    let inputs = targets.iter().map(|it| format!("targets={it}"));
    let args = inputs.flat_map(|input| [String::from("-i"), input]);
    file(PROGRAM).args(args)
}

#[track_caller]
fn goes_to(targets: &[&str], wanted: &[&str]) {
    let test = given(targets);
    let told = Told::by(&test);
    assert_eq!(told.code, 0);
    assert_eq!(log(&test), wanted);
}

#[test]
fn the_default_stands_where_nothing_is_given() {
    goes_to(&[], &["prod.eu", "prod.us", "prod.ap"]);
}

#[test]
fn names_in_the_order_given() {
    goes_to(&["prod.us,prod.eu"], &["prod.us", "prod.eu"]);
    goes_to(&[" qa.eu , prod.us "], &["qa.eu", "prod.us"]);
}

#[test]
fn ids() {
    goes_to(&["k8s-2,k8s-1"], &["prod.us", "prod.eu"]);
}

#[test]
fn groups_and_whole_environments() {
    goes_to(&["outer"], &["prod.us", "dr.ap"]);
    goes_to(&["qa.eu,outer"], &["qa.eu", "prod.us", "dr.ap"]);
    goes_to(&["prod.*"], &["prod.eu", "prod.us", "prod.ap"]);
}

#[test]
fn a_list_in_a_file() {
    let test = file(PROGRAM)
        .file("more.json", r#"{"targets": ["prod.us", "qa.*"]}"#)
        .args(["--inputs", "more.json"]);
    assert_eq!(Told::by(&test).code, 0);
    assert_eq!(log(&test), ["prod.us", "qa.eu"]);
}

/// Nothing runs, and the message names the entry and the candidates.
#[track_caller]
fn refuses(targets: &str, parts: &[&str]) {
    let test = given(&[targets]);
    let said = test.said();
    assert_eq!(
        (said.stdout.as_str(), said.code),
        ("", 2),
        "{}",
        said.stderr
    );
    for part in parts {
        assert!(said.stderr.contains(part), "no `{part}` in {}", said.stderr);
    }
    assert!(log(&test).is_empty(), "something ran");
}

#[test]
fn wrong_entries_are_refused() {
    refuses("prod.uk", &["`prod.uk`", "prod.us"]);
    refuses("", &["empty"]);
    refuses("prod.eu,,prod.us", &["empty"]);
    refuses("prod.eu,prod.eu", &["`prod.eu`", "twice"]);
    refuses("prod.eu,k8s-1", &["`prod.eu`", "twice"]);
    refuses("prod.eu,prod.*", &["`prod.eu`", "twice"]);
    refuses("eu", &["`eu`", "qa.eu", "prod.eu"]);
    refuses("shared", &["`shared`", "prod.ap", "dr.ap"]);
    refuses("nowhere.*", &["`nowhere"]);
}

/// Several errors in one list, and those of other inputs, are reported together.
#[test]
fn all_mistakes_come_together() {
    let test = file(&format!("input tag: string\n{PROGRAM}")).args([
        "-i",
        "targets=prod.uk,prod.eu,prod.eu",
        "-i",
        "tga=v1",
    ]);
    let said = test.said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    for part in ["`prod.uk`", "twice", "`tag`", "`tga`"] {
        assert!(said.stderr.contains(part), "no `{part}` in {}", said.stderr);
    }
}
