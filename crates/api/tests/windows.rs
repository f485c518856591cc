//! Runs that wait for deployment windows, on a clock of the test.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::time::Duration;

use lockstep_api::host::{Command, CommandControl, CommandEnd, CommandFuture, Spawner};
use lockstep_api::{
    Engine, EngineBuilder, MemoryFiles, Plan, Run, RunEnd, RunEventKind, SimulatedClock, Status,
    WaitReason,
};

/// The simulated clock begins on Thursday, 1970-01-01, at midnight.
fn program(outside: &str) -> String {
    format!(
        "window early {{ open = [\"thu 01:00-02:00\", \"fri 01:00-02:00\"] outside = \"{outside}\" }}
kind app {{ deploy using roll }}
workflow roll(s: service<app>, i: infrastructure<app>) {{ run \"roll\" timeout 30m }}
service web: app {{}}
environment prod {{ window = early infrastructure eu: app {{}} }}
pipeline p {{ stage s timeout 40m {{ deploy web to prod.eu }} }}"
    )
}

#[derive(Clone)]
struct Silent;

impl Spawner for Silent {
    fn spawn<'a>(&'a self, _: Command, _: CommandControl<'a>) -> CommandFuture<'a> {
        Box::pin(async { CommandEnd::succeeded("") })
    }
}

fn engine(clock: &SimulatedClock, outside: &str) -> EngineBuilder {
    let files = MemoryFiles::new().with("a.deploy", program(outside));
    let builder = Engine::builder().files(files).spawner(Silent);
    builder.clock(clock.clone())
}

fn plan(engine: &Engine) -> Plan {
    let program = engine
        .compile("a.deploy")
        .unwrap_or_else(|it| panic!("{it}"));
    program.plan().build().unwrap_or_else(|it| panic!("{it}"))
}

/// When the windows open that the run waits for next.
async fn opens(run: &mut Run) -> String {
    while let Some(event) = run.next_event().await {
        if let RunEventKind::NodeWaiting {
            waiting: WaitReason::Window { opens, .. },
            ..
        } = event.what
        {
            return opens.expect("it opens");
        }
    }
    panic!("it waits for no window");
}

#[tokio::test]
async fn a_run_waits_until_its_stage_fits_into_the_window() {
    let clock = SimulatedClock::new();
    let engine = engine(&clock, "wait").build();
    let mut run = engine.start(&plan(&engine)).await.expect("it starts");
    assert_eq!(opens(&mut run).await, "Thu 1970-01-01 01:00 UTC");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(run.wait().await, RunEnd::Ended(Status::Succeeded));
    // What may take 40 minutes does not begin at half past one.
    clock.advance(Duration::from_secs(1800));
    let mut late = engine.start(&plan(&engine)).await.expect("it starts");
    assert_eq!(opens(&mut late).await, "Fri 1970-01-02 01:00 UTC");
    late.cancel();
    assert_eq!(late.wait().await, RunEnd::Ended(Status::Cancelled));
}

#[tokio::test]
async fn a_run_that_is_stopped_asks_again_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new();
    let stored = || engine(&clock, "wait").store(folder.path()).build();
    let first = stored();
    let mut run = first.start(&plan(&first)).await.expect("it starts");
    let id = run.id().to_string();
    opens(&mut run).await;
    run.stop();
    assert_eq!(run.wait().await, RunEnd::Stopped);
    drop(first);
    clock.advance(Duration::from_secs(3600 + 60));
    let resumed = stored().resume(&id).await.expect("it goes on");
    assert_eq!(resumed.wait().await, RunEnd::Ended(Status::Succeeded));
}

#[tokio::test]
async fn what_is_refused_fails_and_a_reason_passes_it() {
    let clock = SimulatedClock::new();
    let engine = engine(&clock, "refuse").build();
    let run = engine.start(&plan(&engine)).await.expect("it starts");
    assert_eq!(run.wait().await, RunEnd::Ended(Status::Failed));
    let started = engine.start_outside_window(&plan(&engine), "hotfix").await;
    let mut run = started.expect("it starts");
    let first = run.next_event().await.expect("an event");
    let RunEventKind::RunStarted { outside_window, .. } = first.what else {
        panic!("{first:?}");
    };
    assert_eq!(outside_window.as_deref(), Some("hotfix"));
    assert_eq!(run.wait().await, RunEnd::Ended(Status::Succeeded));
}
