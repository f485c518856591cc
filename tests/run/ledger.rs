//! The last lines of a run: the ledger in the order of the plan, and what can be done next.

use crate::support::program::{Said, Test, command, program, run};

const SHOP: &str = r#"
kind app { deploy using roll }
service web: app {}
service api: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
input bad: string = "nothing"

workflow roll(s: service<app>, i: infrastructure<app>) {
  # The service that is written first ends last.
  if s == web { run "while [ ! -e api-${i.name} ]; do sleep 0.01; done" }
  step place {
    run "echo before= >> $LOCKSTEP_OUTPUT; echo after=v2 >> $LOCKSTEP_OUTPUT"
  } undo {
    run "false"
  }
  run "touch ${s.name}-${i.name}; test ${s.name}-${i.name} != ${bad}"
}

pipeline ship {
  matrix parallel s in [web, api] serial i in prod.* { deploy s to i }
}

pipeline hosts {
  stage all {
    parallel h in ["h1", "h2", "h3"] { run "test ${h} != ${bad}" }
  }
}
"#;

fn shop(arguments: &[&str]) -> Test {
    let arguments = ["run", "shop.deploy"].iter().chain(arguments);
    Test::new()
        .file("shop.deploy", SHOP)
        .args(arguments.copied())
}

/// The lines of the ledger, without marks and times.
fn ledger(said: &Said) -> Vec<String> {
    let rows = said.stdout.lines().filter(|line| line.contains("  prod."));
    rows.map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        words.join(" ")
    })
    .collect()
}

fn shown(mut command: std::process::Command) -> Said {
    command.arg("show");
    run(command)
}

#[test]
fn a_ledger_is_in_the_order_of_the_plan_by_infrastructure() {
    let test = shop(&["ship"]);
    let said = test.said();
    assert_eq!(said.code, 0, "{}", said.stdout);
    let order = ["web prod.eu", "api prod.eu", "web prod.us", "api prod.us"];
    assert_eq!(ledger(&said), order);
    let show = command(program(), &test.path("."));
    assert_eq!(ledger(&shown(show)), order);
}

#[test]
fn after_a_failed_rollback_the_advice_is_what_helps() {
    let said = shop(&["ship", "-i", "bad=web-prod.us"]).said();
    assert_eq!(said.code, 3, "{}", said.stdout);
    let (_, advice) = said
        .stdout
        .split_once("bring web on prod.us into order by hand, and then\n")
        .unwrap_or_else(|| panic!("{}", said.stdout));
    assert!(advice.contains("lockstep retry"), "{advice}");
    assert!(advice.trim_end().ends_with("--force"), "{advice}");
}

/// An empty `before` says that nothing was there.
#[test]
fn an_empty_version_is_none() {
    let file = SHOP.replace("run \"false\"", "run \"true\"");
    let test = Test::new().file("shop.deploy", file);
    let said = test
        .args(["run", "shop.deploy", "ship", "-i", "bad=web-prod.us"])
        .said();
    assert_eq!(said.code, 1, "{}", said.stdout);
    let row = said.stdout.lines().find(|line| line.starts_with("↶ web"));
    let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
    assert_eq!(words[1..6], ["web", "prod.us", "—", "rolled", "back"]);
    assert!(!said.stdout.contains("rolled back to"), "{}", said.stdout);
}

#[test]
fn loops_that_deploy_nothing_count_their_cells() {
    for (bad, words) in [
        ("nothing", ": 3 cells done"),
        ("h2", ": 2 of 3 cells done, 1 failed"),
    ] {
        let said = shop(&["hosts", "-i", &format!("bad={bad}")]).said();
        assert!(said.stdout.contains(words), "{}", said.stdout);
    }
}
