//! `std/release` over several runs: what a run has removed comes back when it is taken back, so that
//! the run before it still has its way back.

use super::durable::says;
use crate::support::Test;
use crate::support::running::{Running, text_of, until};

const SHIP: &str = r#"
from "std/release" import release, place, activate, prune
input v: string
input bad: bool = false
input waits: bool = false
service shop: release { source = "src", version = v, keep = 1 }
environment prod { infrastructure eu: release { root = "srv" } }
workflow checked(s: service<release>, i: infrastructure<release>) {
  place(s, i)
  activate(s, i)
  prune(s, i)
  run "test ${bad} = false"
}
pipeline ship {
  stage place { deploy shop to prod.eu using checked() }
  stage look {
    if waits { run "sh wait.sh" }
  } on failure { rollback pipeline }
}
"#;

const WAIT: &str = "touch waits; until [ -e go ]; do sleep 0.02; done; false\n";

fn versions(test: &Test) -> Vec<String> {
    let all = std::fs::read_dir(test.path("srv/shop/releases")).expect("a folder");
    let names = all.map(|it| it.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_run_that_is_taken_back_leaves_the_one_before_its_way_back() {
    let test = Test::new()
        .file("main.deploy", SHIP)
        .file("wait.sh", WAIT)
        .file("src/page", "a page\n")
        .args(["run", "main.deploy"]);
    let first = says(&test, &["run", "main.deploy", "-i", "v=v0"]);
    assert_eq!(first.code, 0, "{}", first.stdout);
    let mut command = test.command();
    command.args(["-i", "v=v1", "-i", "waits=true"]);
    let old = Running::start(command);
    until("it waits", || test.path("waits").exists());
    assert_eq!(versions(&test), ["v0", "v1"]);
    let new = says(
        &test,
        &["run", "main.deploy", "-i", "v=v2", "-i", "bad=true"],
    );
    assert_eq!(new.code, 1, "{}", new.stdout);
    assert_eq!(
        versions(&test),
        ["v0", "v1"],
        "it has put back what it removed"
    );
    std::fs::write(test.path("go"), "").expect("a file");
    let old = old.end();
    assert_eq!(old.code, 1, "{}{}", old.stdout, old.stderr);
    assert!(old.stdout.contains("rolled back to v0"), "{}", old.stdout);
    assert_eq!(text_of(&test.path("srv/shop/current/page")), "a page\n");
    assert_eq!(versions(&test), ["v0"]);
}

/// Which version is the newest does not depend on the times of folders, which some systems know by
/// the second only.
#[test]
fn the_newest_versions_are_those_that_were_in_use_last() {
    let test = Test::new()
        .file("main.deploy", SHIP.replace("keep = 1", "keep = 2"))
        .file("src/page", "a page\n");
    for version in ["v9", "v1", "v5", "v3"] {
        let input = format!("v={version}");
        let said = says(&test, &["run", "main.deploy", "-i", &input]);
        assert_eq!(said.code, 0, "{}", said.stdout);
        let releases = test.path("srv/shop/releases");
        let same = std::process::Command::new("sh")
            .args(["-c", "touch -t 202601010000 \"$1\"/*", "sh"])
            .arg(&releases)
            .status();
        assert!(same.is_ok_and(|it| it.success()));
    }
    assert_eq!(versions(&test), ["v3", "v5"]);
    // One that is used again is new again.
    for version in ["v5", "v2"] {
        let input = format!("v={version}");
        says(&test, &["run", "main.deploy", "-i", &input]);
    }
    assert_eq!(versions(&test), ["v2", "v5"]);
}
