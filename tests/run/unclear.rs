//! Places that become unclear while a run waits for its locks, and places that are unclear for a
//! program that embeds the library.

use super::durable::says;
use crate::support::Test;
use crate::support::running::{Running, text_of, until};

const SHIP: &str = r#"
input v: string
input stuck: bool = false
kind app { deploy using put }
service web: app {}
service api: app {}
environment prod { infrastructure eu: app {} }
workflow put(s: service<app>, i: infrastructure<app>) -> { before: string, after: string } {
  let before = run "cat live-${s.name}"
  step write {
    run "sh set.sh ${v} live-${s.name}"
  } undo {
    run "sh set.sh ${before.stdout} live-${s.name}"
  }
  if stuck { run "sh wait.sh ${s.name}" }
  return { before: before.stdout, after: v }
}
pipeline one { deploy web to prod.eu }
pipeline other { deploy api to prod.eu }
pipeline ignores { deploy web to prod.eu on failure(failed) { ignore } }
pipeline tells { deploy web to prod.eu on failure(failed) { run "echo handled" } }
"#;

const WAIT: &str = "echo $$ > pid-$1.new; mv pid-$1.new pid-$1\n\
                    until [ -e go-$1 ]; do sleep 0.02; done\n";

fn ship() -> Test {
    Test::new()
        .file("main.deploy", SHIP)
        .file("set.sh", "echo \"$1\" > \"$2\"\n")
        .file("wait.sh", WAIT)
        .file("live-web", "v0\n")
        .file("live-api", "v0\n")
        .args(["run", "main.deploy"])
}

fn starts(test: &Test, words: &[&str]) -> Running {
    let mut command = test.command();
    command.args(words).args(["--format", "plain"]);
    Running::start(command)
}

/// Starts a run that is stuck in its deployment of a service.
fn stuck(test: &Test, pipeline: &str, service: &str) -> Running {
    let running = starts(test, &[pipeline, "-i", "v=v5", "-i", "stuck=true"]);
    let pid = test.path(&format!("pid-{service}"));
    until("it is stuck", || pid.exists());
    running
}

fn go(test: &Test, service: &str) {
    std::fs::write(test.path(&format!("go-{service}")), "").expect("a file");
}

fn live(test: &Test) -> String {
    text_of(&test.path("live-web")).trim().to_owned()
}

const WEB: &str = "what prod.eu has of web is unclear";

/// It waits for its locks since before the other run was broken off.
#[test]
fn who_is_granted_a_place_that_was_left_half_done_does_not_deploy_there() {
    for (pipeline, words, code, is_live) in [
        ("one", &[][..], 1, "v5"),
        ("tells", &[], 1, "v5"),
        ("ignores", &[], 0, "v5"),
        ("one", &["--force"], 0, "v9"),
        // Another service is another place.
        ("other", &[], 0, "v5"),
    ] {
        let test = ship();
        let old = stuck(&test, "one", "web");
        let mut new = starts(&test, &[&[pipeline, "-i", "v=v9"], words].concat());
        new.line("waits for");
        old.signal("KILL");
        let new = new.end();
        assert_eq!(new.code, code, "{pipeline}: {}", new.stdout);
        // Also a failure that is ignored is shown.
        let is_refused = pipeline != "other" && is_live == "v5";
        assert_eq!(new.stdout.contains(WEB), is_refused, "{}", new.stdout);
        assert_eq!(
            new.stdout.contains("│ handled"),
            pipeline == "tells",
            "{}",
            new.stdout
        );
        assert_eq!(live(&test), is_live, "{pipeline}: {}", new.stdout);
        // Whoever has not deployed there has not made it clear.
        let next = says(&test, &["run", "main.deploy", "one", "-i", "v=v10"]);
        let is_unclear = next.stderr.contains("E0735");
        assert_eq!(is_unclear, is_live == "v5", "{pipeline}: {}", next.stderr);
    }
}

/// The run that was broken off has been resumed, and stands in line behind those that came
/// meanwhile: it is no less half done there.
#[test]
fn a_place_of_a_run_that_waits_to_go_on_there_is_unclear() {
    let test = ship();
    let old = stuck(&test, "one", "web");
    let mut other = starts(&test, &["other", "-i", "v=v8", "-i", "stuck=true"]);
    other.line("waits for");
    let mut new = starts(&test, &["one", "-i", "v=v9"]);
    new.line("waits for");
    old.signal("KILL");
    until("the other one is stuck", || test.path("pid-api").exists());
    let mut command =
        crate::support::program::command(crate::support::program::program(), &test.path(""));
    command.args(["resume", "--format", "plain"]);
    go(&test, "web");
    let resumed = Running::start(command);
    until("it stands in line again", || {
        let runs = says(&test, &["runs", "--format", "json"]).stdout;
        !runs.contains("stopped")
    });
    go(&test, "api");
    assert_eq!(other.end().code, 0);
    let new = new.end();
    assert_eq!(new.code, 1, "{}", new.stdout);
    assert!(new.stdout.contains(WEB), "{}", new.stdout);
    let resumed = resumed.end();
    assert_eq!(resumed.code, 0, "{}", resumed.stdout);
    assert_eq!(live(&test), "v5");
}

/// What the command line is refused, a program that embeds the library is too.
#[tokio::test(flavor = "current_thread")]
async fn an_embedding_program_is_told_of_an_unclear_place() {
    use lockstep::{DiskFiles, Engine, RunEnd, StartError, Status};
    let test = ship();
    let mut old = stuck(&test, "one", "web");
    old.signal("KILL");
    old.line("");
    let refused = says(&test, &["run", "main.deploy", "one", "-i", "v=v9"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    let engine = Engine::builder()
        .files(DiskFiles::new(test.path("")))
        .folder(test.path(""))
        .store(test.path(".lockstep"))
        .build();
    let program = engine.compile("main.deploy").expect("a program");
    let plan = program.plan().pipeline("one").input("v", "v9").build();
    let plan = plan.expect("a plan");
    let Err(StartError::Unclear {
        service,
        target,
        is_broken_off,
        ..
    }) = engine.start(&plan).await
    else {
        panic!("it begins");
    };
    assert_eq!(
        (&*service, &*target, is_broken_off),
        ("web", "prod.eu", true)
    );
    assert_eq!(live(&test), "v5");
    let forced = engine.forced().start(&plan).await.expect("it begins");
    assert_eq!(forced.wait().await, RunEnd::Ended(Status::Succeeded));
    assert_eq!(live(&test), "v9");
    let next = engine.start(&plan).await.expect("nothing is unclear now");
    assert_eq!(next.wait().await, RunEnd::Ended(Status::Succeeded));
}
