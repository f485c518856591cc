//! The files of `tests/corpus/lint`: `RULE.deploy` has findings of the rule, with their text in a
//! snapshot; `RULE.fine.deploy`, which is similar, has none of any rule.

use std::path::{Path, PathBuf};

use lockstep_base::diagnostic::render::{RenderStyle, render};
use lockstep_lint::{self as lint, Rule};

use crate::support::compiler::{Files, Verdict, lint as look};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/lint")
}

fn verdict(name: &str, rule: &Rule) -> Result<Verdict, String> {
    let path = corpus().join(name);
    let text = std::fs::read_to_string(&path).map_err(|_| format!("there is no {name}"))?;
    let verdict = look(&Files::from([(name.to_string(), text)]), name, rule.name);
    match verdict.has_errors() {
        true => Err(format!("{name} does not compile:\n{}", verdict.shown())),
        false => Ok(verdict),
    }
}

#[test]
fn rules_find_what_they_are_for() {
    for rule in lint::rules() {
        let name = format!("{}.deploy", rule.name);
        let verdict = verdict(&name, rule).unwrap_or_else(|why| panic!("{why}"));
        let own = verdict.diagnostics.iter().filter(|it| it.code == rule.code);
        let own: Vec<_> = own.cloned().collect();
        assert!(!own.is_empty(), "{name}: nothing is found");
        let said = render(&own, verdict.sources(), RenderStyle::PLAIN);
        insta::with_settings!({
            snapshot_path => "../corpus/lint/snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(rule.name, said);
        });
    }
}

#[test]
fn rules_leave_alone_what_is_fine() {
    let mut wrong = Vec::new();
    for rule in lint::rules() {
        let name = format!("{}.fine.deploy", rule.name);
        match verdict(&name, rule) {
            Ok(verdict) if verdict.diagnostics.is_empty() => {}
            Ok(verdict) => wrong.push(verdict.shown()),
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_is_of_a_rule() {
    for entry in std::fs::read_dir(corpus()).expect("the corpus") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy().into_owned();
        if let Some(rule) = name.strip_suffix(".deploy") {
            let rule = rule.strip_suffix(".fine").unwrap_or(rule);
            assert!(lint::find(rule).is_some(), "{name} is of no rule");
        }
    }
}
