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

#[test]
fn a_plan_shows_what_is_set() {
    let shop = r#"
kind app {
  service { image: string = "web:1" }
  infrastructure { host: string = "here" }
  deploy using start
}
service web: app {}
environment prod { infrastructure eu: app {} }
workflow start(s: service<app>, i: infrastructure<app>) { run "echo ${s.image} ${i.host}" }
pipeline ship { deploy web to prod.eu }
"#;
    let set = ["--set", "web.image=web:2", "--set", "prod.eu.host=there"];
    let plan = |more: &[&str]| {
        let arguments = ["plan"].iter().chain(&set).chain(more).copied();
        Test::new()
            .file("shop.deploy", shop)
            .args(arguments)
            .said()
            .stdout
    };
    let text = plan(&[]);
    assert!(
        text.contains("  web.image     web:2  set\n  prod.eu.host  there  set\n"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&plan(&["--format", "json"])).expect("JSON");
    assert_eq!(json["set"][1]["name"], "prod.eu.host");
    assert_eq!(json["set"][1]["value"], "there");
}
