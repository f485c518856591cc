//! A run that takes another run back, begun elsewhere and broken off, goes on in an engine.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is not as it should be"
)]

use lockstep_api::state::inputs;
use lockstep_api::{Engine, MemoryFiles, RunEnd, RunEvent, RunEventKind, Status};
use lockstep_plan::{Plan, RunFacts};
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunNumber, Store, StoredRun};

const TEXT: &str = r#"
pipeline p queue "one" keep latest {
  step one { log "one" } undo { log "not one" }
  step two { log "two" } undo { log "not two" }
}
"#;

/// An undo of a run that was written down, and of which nothing has been done.
fn begun(store: &Store, run: &StoredRun, part: Option<&str>) -> String {
    let bound = store.bound(run).expect("its plan");
    let plan = Plan::new(bound.clone()).expect("a plan");
    let id = format!("r-undo{}", part.unwrap_or("-all"));
    let facts = RunFacts::new((&*id).into(), "ada".into(), lockstep_store::now());
    let new = NewRun {
        bound: &bound,
        vault: &SecretVault::new(Vec::<String>::new()),
        facts,
        inputs: inputs(&plan),
        file: "a.deploy",
        folder: ".",
        source_folders: &[],
        seed: 1,
        parent: None,
        undoes: Some((run.number, part)),
    };
    let new = store.begin(&new).expect("it is written down");
    store.release(new.number).expect("it is let go of");
    id
}

async fn logged(engine: &Engine, id: &str) -> (RunEnd, Vec<String>) {
    let mut run = engine.resume(id).await.expect("it goes on");
    let mut logged = Vec::new();
    while let Some(RunEvent { what, .. }) = run.next_event().await {
        if let RunEventKind::NodeStarted {
            text: Some(text), ..
        } = what
        {
            logged.push(text);
        }
    }
    (run.wait().await, logged)
}

#[tokio::test]
async fn an_undo_goes_on_where_it_was_broken_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::builder()
        .files(MemoryFiles::new().with("a.deploy", TEXT))
        .store(folder.path())
        .build();
    let plan = engine.compile("a.deploy").expect("a program").plan();
    let plan = plan.build().expect("a plan");
    let run = engine.start(&plan).await.expect("it starts");
    assert_eq!(run.wait().await, RunEnd::Ended(Status::Succeeded));
    let store = Store::open(folder.path()).expect("a store");
    let first = store.run(RunNumber(1)).expect("the run");
    let id = begun(&store, &first, Some("p/two"));
    let (end, part) = logged(&engine, &id).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded));
    assert_eq!(part, ["not two"]);
    // What an earlier one has taken back is left out.
    let id = begun(&store, &first, None);
    let (end, rest) = logged(&engine, &id).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded));
    assert_eq!(rest, ["not one"]);
}
