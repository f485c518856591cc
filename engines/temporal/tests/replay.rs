//! Histories of runs and locks, recorded by this version and by older ones, are handled again: what
//! a workflow does must follow from its history. `tests/record.py` records them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is not as it should be"
)]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use lockstep_temporal::lock_workflow::SharedLock;
use lockstep_temporal::workflow::DeployRun;
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

/// All recorded histories.
fn histories(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => histories(&path, to),
            false => to.push(path),
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    let packed = std::fs::File::open(path).expect("a file");
    let mut text = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(packed);
    reader.read_to_end(&mut text).expect("a packed text");
    text
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<DeployRun>()
        .and_then(|options| options.register_workflow::<SharedLock>())
        .expect("workflows");
    WorkflowReplayer::new(options.build()).expect("a replayer")
}

#[tokio::test]
async fn what_was_recorded_is_done_again() {
    let mut found = Vec::new();
    histories(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories"),
        &mut found,
    );
    found.sort();
    assert!(found.len() >= 10, "{found:?}");
    for path in found {
        let history = WorkflowHistory::from_json(&read(&path)).expect("a history");
        let replayed = replayer().replay_workflow(history).await;
        replayed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The check can fail: a history in which something else happened is no history of a run.
#[tokio::test]
async fn a_changed_history_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories/0.1.0");
    let text = String::from_utf8(read(&folder.join("approved.json.gz"))).expect("text");
    assert!(text.contains("Steps::step"));
    let changed = text.replace("Steps::step", "Steps::other");
    let history = WorkflowHistory::from_json(changed.as_bytes()).expect("a history");
    assert!(replayer().replay_workflow(history).await.is_err());
}
