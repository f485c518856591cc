//! `lockstep plan`: what is known before anything runs.

use crate::support::Test;

const FILE: &str = r#"
## The version to ship.
input version: string = "v1"

pipeline release {
  stage build {
    run "touch built"
  }
  stage ship {
    parallel place in ["eu", "us"] {
      run "touch shipped-${place}"
      barrier shipped
    }
  }
}
"#;

fn file(arguments: &[&str]) -> Test {
    Test::new()
        .file("release.deploy", FILE)
        .args(arguments.iter().copied())
}

#[test]
fn a_plan_is_shown_and_nothing_runs() {
    let test = file(&["plan", "-i", "version=v2"]);
    let said = test.said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    insta::assert_snapshot!(said.stdout);
    assert!(!test.path("built").exists());
}

#[test]
fn a_plan_is_data_for_tools() {
    let said = file(&["plan", "--format", "json"]).said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(json["pipeline"], "release");
}
