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

/// What would end an element, an attribute or the data, where it was not escaped.
const NASTY: &str = "</script><script>alert(1)</script><!--\" ' & \u{2028}\u{202e}";

/// A page without its script and style, which are the same for all plans.
fn markup(page: &str) -> String {
    let mut out = page.to_owned();
    for (start, end) in [
        ("<style>", "</style>"),
        ("<script>", "</script>"),
        ("script-src 'sha256-", "'"),
        ("style-src 'sha256-", "'"),
        ("image/svg+xml;base64,", "\""),
    ] {
        let (before, rest) = out.split_once(start).expect(start);
        let (inside, after) = rest.split_once(end).expect(end);
        assert!(inside.len() > 40, "{start} is empty");
        out = format!("{before}{start}…{end}{after}");
    }
    out
}

#[test]
fn a_plan_is_a_page() {
    let version = format!("version=v2 {NASTY}");
    let said = file(&["plan", "--format", "html", "-i", &version]).said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    insta::assert_snapshot!(markup(&said.stdout));
}

/// The data of a page is what `--format json` says, with all cells.
#[test]
fn a_page_has_all_cells() {
    let text = "pipeline p { parallel cell in range(0, 200) { run \"echo ${cell}\" } }";
    let plan = |arguments: &[&str]| {
        let arguments = ["plan", "p.deploy"].iter().chain(arguments).copied();
        let said = Test::new().file("p.deploy", text).args(arguments).said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0));
        said.stdout
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let page = |arguments: &[&str]| {
        let page = plan(&[&["--format", "html"], arguments].concat());
        let (_, data) = page.split_once("id=\"plan\">").expect("data");
        json(data.split_once("</script>").expect("its end").0)
    };
    assert_eq!(
        page(&[]),
        json(&plan(&["--format", "json", "--cells", "200"]))
    );
    assert_eq!(page(&["--cells", "7"])["items"][0]["unlisted"], 193);
}

/// How many cells are listed of a loop of 3,000 whose body this is.
fn listed(body: &str) -> usize {
    let text = format!("pipeline p {{ parallel cell in range(0, 3000) {{ {body} }} }}");
    let arguments = ["plan", "p.deploy", "--format", "json", "--cells", "9000"];
    let said = Test::new().file("p.deploy", text).args(arguments).said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let item = &json["items"][0];
    let listed = item["items"].as_array().expect("cells").len();
    let unlisted = item["unlisted"].as_u64().unwrap_or(0);
    assert_eq!(listed as u64 + unlisted, 3_000);
    listed
}

#[test]
fn more_cells_are_listed_where_they_are_small() {
    assert_eq!(listed("run \"echo ${cell}\""), 3_000);
    assert_eq!(listed(&"run \"echo ${cell}\"\n".repeat(60)), 2_000);
}

#[test]
fn a_what_if_is_no_page() {
    let said = file(&[
        "plan",
        "--format",
        "html",
        "--if-fails",
        "release/build/run",
    ])
    .said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert!(said.stderr.contains("E0728"), "{}", said.stderr);
}
