//! Writes the history of a workflow, as `tests/replay.rs` reads it: `history URL WORKFLOW` writes
//! JSON to standard output. `tests/record.py` calls it.

use std::io::Write as _;

use lockstep_temporal::address::EngineAddress;
use lockstep_temporal::client::connect;
use temporalio_client::{UntypedWorkflow, WorkflowFetchHistoryOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, workflow] = &words[..] else {
        return Err("history URL WORKFLOW".into());
    };
    let address = EngineAddress::read(url, &|_| None).map_err(|refusal| refusal.message)?;
    let client = connect(&address, "history").await;
    let client = client.map_err(|refusal| refusal.message)?;
    let handle = client.get_workflow_handle::<UntypedWorkflow>(workflow);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    std::io::stdout().write_all(&history.to_json().await?)?;
    Ok(())
}
