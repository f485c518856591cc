//! Nothing newer is undone or overwritten: what a later run has deployed stays, and a place that was
//! left half done is not deployed to.

use super::durable::says;
use crate::support::Test;
use crate::support::running::{Running, text_of, until};

/// Deploys, and then goes on elsewhere until the file `go` is there.
const SHIP: &str = r#"
input v: string
input fails: bool = false
input waits: bool = false
input stuck: bool = false
kind app { deploy using put }
service web: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
workflow put(s: service<app>, i: infrastructure<app>) -> { before: string, after: string } {
  let before = run "cat live-${i.name}"
  step write {
    run "sh set.sh ${v} live-${i.name}"
  } undo {
    run "test ! -e no-undo"
    run "sh set.sh ${before.stdout} live-${i.name}"
  }
  if stuck { run "sh wait.sh" }
  run "sh gate.sh ${v}-${i.name}"
  return { before: before.stdout, after: v }
}
workflow look() {
  if waits { run "sh wait.sh" }
  run "test ${fails} = false"
}
pipeline handled {
  stage place { deploy web to prod.eu }
  stage look { look() on failure { rollback pipeline } }
}
pipeline whole atomic {
  stage place { deploy web to prod.eu }
  stage look { look() }
}
pipeline block {
  stage first { deploy web to prod.us }
  serial i in [prod.eu] atomic {
    stage place { deploy web to i }
    stage look { look() }
  }
}
pipeline there atomic {
  stage one { deploy web to prod.eu }
  stage two { deploy web to prod.us }
}
pipeline back atomic {
  stage one { deploy web to prod.us }
  stage two { deploy web to prod.eu }
}
pipeline found atomic {
  stage first { deploy web to prod.us }
  let n = run "echo us"
  stage one { serial i in (if n.stdout == "us" then [prod.us] else [prod.eu]) { deploy web to i } }
  stage look { look() }
}
pipeline each { serial i in prod.* { deploy web to i } }
pipeline one { stage place { deploy web to prod.eu } }
"#;

const WAIT: &str = "echo $$ > pid.new; mv pid.new pid; until [ -e go ]; do sleep 0.02; done\n";

fn ship() -> Test {
    Test::new()
        .file("main.deploy", SHIP)
        .file("set.sh", "echo \"$1\" > \"$2\"\n")
        .file("gate.sh", "! grep -qx -e \"$1\" bad 2>/dev/null\n")
        .file("wait.sh", WAIT)
        .file("live-prod.eu", "v0\n")
        .file("live-prod.us", "v0\n")
        .args(["run", "main.deploy"])
}

fn live(test: &Test) -> [String; 2] {
    ["live-prod.eu", "live-prod.us"].map(|it| text_of(&test.path(it)).trim().to_owned())
}

/// Starts a run that waits, and returns when it does.
fn waits(test: &Test, pipeline: &str, inputs: &[&str]) -> Running {
    let mut command = test.command();
    command.arg(pipeline);
    for input in inputs {
        command.args(["-i", input]);
    }
    let running = Running::start(command);
    until("it waits", || test.path("pid").exists());
    running
}

fn write(test: &Test, file: &str, text: &str) {
    std::fs::write(test.path(file), text).expect("a file");
}

#[test]
fn a_rollback_leaves_alone_what_a_later_run_has_deployed() {
    let test = ship();
    let old = waits(&test, "handled", &["v=v5", "fails=true", "waits=true"]);
    let new = says(&test, &["run", "main.deploy", "one", "-i", "v=v9"]);
    assert_eq!(new.code, 0, "{}", new.stdout);
    let id = id_of(&new.stdout);
    write(&test, "go", "");
    let old = old.end();
    assert_eq!(old.code, 1, "{}", old.stdout);
    assert_eq!(live(&test)[0], "v9");
    let left = format!("superseded: run {id} has deployed web to prod.eu since");
    assert!(old.stdout.contains(&left), "{}", old.stdout);
}

#[test]
fn what_a_later_run_has_taken_back_is_not_in_the_way() {
    let test = ship();
    let old = waits(&test, "handled", &["v=v5", "fails=true", "waits=true"]);
    write(&test, "bad", "v9-prod.eu\n");
    let new = says(&test, &["run", "main.deploy", "one", "-i", "v=v9"]);
    assert_eq!(new.code, 1, "{}", new.stdout);
    assert_eq!(live(&test)[0], "v5");
    write(&test, "go", "");
    assert_eq!(old.end().code, 1);
    assert_eq!(live(&test)[0], "v0");
}

#[test]
fn a_retry_deploys_nothing_over_what_is_newer() {
    let test = ship();
    write(&test, "bad", "v5-prod.us\n");
    let old = says(&test, &["run", "main.deploy", "each", "-i", "v=v5"]);
    assert_eq!((old.code, live(&test)), (1, ["v5", "v0"].map(String::from)));
    write(&test, "bad", "");
    assert_eq!(
        says(&test, &["run", "main.deploy", "each", "-i", "v=v9"]).code,
        0
    );
    let id = id_of(&old.stdout);
    let again = says(&test, &["retry", "--yes", &id]);
    assert_eq!(again.code, 6, "{}", again.stdout);
    assert_eq!(live(&test), ["v9", "v9"]);
    let forced = says(&test, &["retry", "--yes", "--force", &id]);
    assert_eq!(forced.code, 0, "{}", forced.stdout);
    assert_eq!(live(&test), ["v9", "v5"]);
}

#[test]
fn a_resumed_run_deploys_nothing_over_what_is_newer() {
    let test = ship();
    let mut old = waits(&test, "each", &["v=v5", "stuck=true"]);
    old.signal("KILL");
    old.line("");
    until("its command is gone", || {
        !crate::support::running::is_alive(text_of(&test.path("pid")).trim())
    });
    let new = says(&test, &["run", "main.deploy", "one", "-i", "v=v9"]);
    assert_eq!(new.code, 2, "{}", new.stdout);
    assert!(new.stderr.contains("E0735"), "{}", new.stderr);
    let new = ["run", "main.deploy", "one", "-i", "v=v9", "--force"];
    let new = says(&test, &new);
    assert_eq!((new.code, live(&test)[0].as_str()), (0, "v9"));
    write(&test, "go", "");
    let resumed = says(&test, &["resume"]);
    assert_eq!(resumed.code, 6, "{}", resumed.stdout);
    assert_eq!(live(&test), ["v9", "v0"]);
}

#[test]
fn a_place_whose_rollback_failed_is_unclear_until_it_is_forced() {
    let test = ship().file("no-undo", "").file("bad", "v5-prod.eu\n");
    let old = says(&test, &["run", "main.deploy", "one", "-i", "v=v5"]);
    assert_eq!(old.code, 3, "{}", old.stdout);
    let new = ["run", "main.deploy", "one", "-i", "v=v9"];
    let refused = says(&test, &new);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("E0735"), "{}", refused.stderr);
    let forced = says(&test, &[new.as_slice(), &["--force"]].concat());
    assert_eq!(forced.code, 0, "{}", forced.stdout);
    assert_eq!(says(&test, &new).code, 0);
}

fn id_of(said: &str) -> String {
    let found = said.split_whitespace().find(|word| word.starts_with("r-"));
    found.expect("the id of a run").to_owned()
}

#[test]
fn what_is_atomic_keeps_all_that_it_deploys_to_until_its_end() {
    for pipeline in ["whole", "block", "found"] {
        let test = ship();
        let old = waits(&test, pipeline, &["v=v5", "fails=true", "waits=true"]);
        let mut new = test.command();
        new.args(["one", "-i", "v=v9", "--format", "plain"]);
        let mut new = Running::start(new);
        // Also where only the run knows what it deploys to: it may not ask for more later.
        new.line("waits for");
        assert!(!live(&test).contains(&String::from("v9")), "{pipeline}");
        write(&test, "go", "");
        assert_eq!((old.end().code, new.end().code), (1, 0), "{pipeline}");
        assert_eq!(live(&test)[0], "v9", "{pipeline}");
    }
}

#[test]
fn what_is_atomic_in_two_orders_does_not_hang() {
    let test = ship();
    let start = |pipeline: &str, v: &str| {
        let mut command = test.command();
        command.args([pipeline, "-i", v]);
        Running::start(command)
    };
    for _ in 0..3 {
        let all = [start("there", "v=v1"), start("back", "v=v2")];
        let all = all.map(Running::end);
        assert_eq!(all.map(|it| it.code), [0, 0]);
    }
}

#[test]
fn the_plan_says_what_is_kept_to_the_end() {
    let test = ship();
    let plan = |pipeline| says(&test, &["plan", "main.deploy", pipeline, "-i", "v=v1"]).stdout;
    for pipeline in ["whole", "there", "found"] {
        let said = plan(pipeline);
        let head: Vec<&str> = said.lines().take(2).collect();
        assert!(head[1].contains("atomic · locks prod."), "{said}");
    }
    assert!(plan("found").contains("locks prod.us, prod.eu"));
    assert!(plan("block").contains("locks prod.eu · atomic"));
    // What is given back before may have been deployed to when it is rolled back.
    for (pipeline, is_told) in [("whole", false), ("handled", true)] {
        let fails = format!("{pipeline}/look/look");
        let plan = ["plan", "main.deploy", pipeline, "-i", "v=v1"];
        let words = [plan.as_slice(), &["--if-fails", &fails]].concat();
        let said = says(&test, &words).stdout;
        assert!(said.contains("rolled back"), "{said}");
        let told = said.contains("what a later run has deployed by then is left as it is");
        assert_eq!(told, is_told, "{said}");
    }
}

/// Runs that succeed, fail or are taken back come between a deployment and its rollback, in any
/// order: whoever has deployed last and has not taken it back is what is live.
#[test]
fn the_latest_is_live_whatever_comes_between() {
    for seed in 0..8_u32 {
        let test = ship();
        let mut latest = ["v0", "v0"].map(String::from);
        let old = waits(&test, "handled", &["v=v5", "fails=true", "waits=true"]);
        let mut is_superseded = false;
        // The bits of the seed say what each run does.
        for turn in 0..3 {
            let is_good = seed >> turn & 1 == 1;
            let pipeline = ["one", "each", "handled"][(seed + turn) as usize % 3];
            let version = format!("v{}", 6 + turn);
            let bad = format!("{version}-prod.eu\n");
            write(&test, "bad", if is_good { "" } else { &bad });
            let input = format!("v={version}");
            let run = says(&test, &["run", "main.deploy", pipeline, "-i", &input]);
            assert_eq!(run.code, i32::from(!is_good), "{seed}: {}", run.stdout);
            if is_good {
                is_superseded = true;
                latest[0].clone_from(&version);
                if pipeline == "each" {
                    latest[1] = version;
                }
            }
        }
        write(&test, "bad", "");
        write(&test, "go", "");
        let old = old.end();
        assert_eq!(old.code, 1, "{seed}: {}", old.stdout);
        let told = old.stdout.contains("superseded");
        assert_eq!(told, is_superseded, "{seed}: {}", old.stdout);
        assert_eq!(live(&test), latest, "{seed}");
        // Once more, the same is so: it fails again, or does not begin.
        let again = says(&test, &["retry", "--yes", &id_of(&old.stdout)]);
        let expected = if is_superseded { 6 } else { 1 };
        assert_eq!(again.code, expected, "{seed}: {}", again.stdout);
        assert_eq!(live(&test), latest, "{seed}");
    }
}
