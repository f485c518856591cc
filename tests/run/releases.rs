//! `std/release` over several runs: what a run has removed comes back when it is taken back, so that
//! the run before it still has its way back.

use super::durable::says;
use crate::support::Test;
use crate::support::running::{Running, text_of, until};
use crate::together::json;

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

/// The same over runs that all have deployed before the first of them ends. Each says when it waits.
const OVERLAP: &str = r#"
from "std/release" import release
input v: string
service shop: release { source = "src", version = v, keep = 1 }
environment prod { infrastructure eu: release { root = "srv" } }
pipeline ship {
  stage place { deploy shop to prod.eu }
  stage look {
    run "sh hold.sh ${v}"
  } on failure { rollback pipeline }
}
"#;

const HOLD: &str = "touch waits-$1; until [ -e go-$1 ]; do sleep 0.02; done; test ! -e fails-$1\n";

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// What is there when runs have ended in this order, of which those with their bit fail: each takes
/// its version back where it is the latest that is left, and else leaves it.
fn overlap(order: [usize; 3], failing: u32) {
    let test = Test::new()
        .file("main.deploy", OVERLAP)
        .file("hold.sh", HOLD)
        .file("src/page", "a page\n")
        .file("go-v0", "")
        .args(["run", "main.deploy"]);
    let case = format!("{order:?}, {failing:03b} fail");
    let first = says(&test, &["run", "main.deploy", "-i", "v=v0"]);
    assert_eq!(first.code, 0, "{case}: {}", first.stdout);
    let mut running: Vec<Option<Running>> = (1..=3)
        .map(|number| {
            let mut command = test.command();
            command.args(["-i", &format!("v=v{number}")]);
            let running = Running::start(command);
            until("it waits", || {
                test.path(&format!("waits-v{number}")).exists()
            });
            Some(running)
        })
        .collect();
    let mut there: Vec<usize> = vec![0, 1, 2, 3];
    let mut expected = [""; 3];
    for run in order {
        let (version, fails) = (run + 1, failing & (1 << run) != 0);
        let is_latest = there.last() == Some(&version);
        expected[run] = match fails {
            true if is_latest => "rolled-back",
            true => "superseded",
            false => "succeeded",
        };
        if fails && is_latest {
            there.pop();
        }
        if fails {
            std::fs::write(test.path(&format!("fails-v{version}")), "").expect("a file");
        }
        std::fs::write(test.path(&format!("go-v{version}")), "").expect("a file");
        let said = running[run].take().expect("it runs").end();
        let code = i32::from(fails);
        assert_eq!(said.code, code, "{case}: {}{}", said.stdout, said.stderr);
    }
    let live = there.last().expect("the first one stays");
    let link = std::fs::read_link(test.path("srv/shop/current")).expect("a link");
    let live_path = format!("releases/v{live}");
    assert_eq!(link, std::path::Path::new(&live_path), "{case}");
    let page = text_of(&test.path("srv/shop/current/page"));
    assert_eq!(page, "a page\n", "{case}");
    let ledger = json(&test, &["ledger"]);
    assert_eq!(ledger[0]["after"], format!("v{live}"), "{case}: {ledger}");
    let runs = json(&test, &["runs"]);
    let mut ids: Vec<&str> = (runs.as_array().into_iter().flatten())
        .filter_map(|run| run["run"].as_str())
        .collect();
    ids.reverse();
    for (id, expected) in ids[1..].iter().zip(expected) {
        let shown = json(&test, &["show", id]);
        let status = &shown["deployments"][0]["status"];
        assert_eq!(status, expected, "{case}: {shown}");
    }
}

#[test]
fn of_three_overlapping_runs_none_undoes_what_is_newer() {
    // Where all fail, each order ends in another way; the others are mixed.
    for (at, order) in ORDERS.into_iter().enumerate() {
        for failing in [0b111, [0b101, 0b011, 0b110][at % 3]] {
            overlap(order, failing);
        }
    }
    let test = Test::new()
        .file("main.deploy", OVERLAP)
        .file("src/page", "a page\n");
    let plan = ["plan", "main.deploy", "-i", "v=v1"];
    let said = says(&test, &[&plan[..], &["--if-fails", "ship/look"]].concat());
    for end in ["rolled back", "superseded"] {
        assert!(said.stdout.contains(end), "{}", said.stdout);
    }
}

/// What another run may have to go back to stays, also on another machine: there the folders of runs
/// cannot be seen.
#[cfg(target_os = "linux")]
#[test]
fn versions_that_live_runs_need_stay_on_another_machine() {
    use crate::support::sshd::Sshd;
    use std::process::Command;

    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|it| it.status.success()) {
        println!("SKIPPED: no other view of the file system can be had here (`unshare -rm`)");
        return;
    }
    let test = Test::new().folder("mine").folder("other");
    let srv = test.path("srv").display().to_string();
    let there = format!("root = \"{srv}\", connect = ssh(\"target\")");
    let hide = format!(
        "mount -t tmpfs none '{}'; mount -t tmpfs none '{}'; exec sh -c \"$ORIGINAL\"\n",
        test.path("mine").display(),
        test.path("other").display()
    );
    let login = format!(
        "ForceCommand ORIGINAL=\"$SSH_ORIGINAL_COMMAND\" exec unshare -rm sh '{}'",
        test.path("hide.sh").display()
    );
    let test = test
        .file(
            "main.deploy",
            OVERLAP.replace("root = \"srv\"", &there.replace(", ", "\n")),
        )
        .file("hold.sh", HOLD)
        .file("hide.sh", hide)
        .file("src/page", "a page\n")
        .args(["run", "main.deploy"]);
    let Some(server) = Sshd::start(&test, &login) else {
        return;
    };
    let start = |version: &str, state: &str| {
        let mut command = server.command(&test);
        command.args(["-i", &format!("v={version}"), "--state", state]);
        Running::start(command)
    };
    let ends = |version: &str, state: &str| {
        std::fs::write(test.path(&format!("go-{version}")), "").expect("a file");
        let said = start(version, state).end();
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    };
    ends("v0", "mine");
    let old = start("v1", "mine");
    until("it waits", || test.path("waits-v1").exists());
    ends("v2", "mine");
    assert_eq!(versions(&test), ["v0", "v1", "v2"]);
    ends("v3", "other");
    assert_eq!(versions(&test), ["v0", "v1", "v2", "v3"]);
    std::fs::write(test.path("go-v1"), "").expect("a file");
    assert_eq!(old.end().code, 0);
    // The run of another state folder is over, which nobody here knows: it counts for a day.
    ends("v4", "mine");
    assert_eq!(versions(&test), ["v2", "v3", "v4"]);
    for entry in std::fs::read_dir(test.path("srv/shop/.way-back")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let touched = Command::new("touch")
            .args(["-d", "2 days ago"])
            .arg(path)
            .status();
        assert!(touched.is_ok_and(|it| it.success()));
    }
    ends("v5", "mine");
    assert_eq!(versions(&test), ["v4", "v5"]);
}
