//! Asks a server to cancel a run.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::super::exit::Exit;
use super::super::output::Output;
use super::client::{RemoteError, RemoteServer, escaped};
use super::named::choose;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_store::RunStatus;

/// What a server answers to a request that it has passed on.
#[derive(Debug, Deserialize)]
pub(super) struct AcceptedAnswer {}

/// Asks a server to cancel a run. Nothing waits for the run to take it in.
pub(super) fn ask(
    server: &RemoteServer,
    run: &str,
    comment: Option<&str>,
) -> Result<AcceptedAnswer, RemoteError> {
    let body = json!({ "comment": comment });
    server.post(&format!("/runs/{}/cancel", escaped(run)), &body)
}

/// Cancels the run that is named, or the last one in progress; its id.
pub(crate) fn cancel(
    server: &RemoteServer,
    named: Option<&str>,
    comment: Option<&str>,
    output: &mut Output,
) -> Result<String, Exit> {
    let fits = |run: &super::answers::RunAnswer| run.status() == RunStatus::Running;
    let run = choose(server, named, fits, "run in progress", output)?;
    let id = run.run.clone();
    let not_driven = |message: String| Diagnostic::without_place(codes::NOT_DRIVEN, message);
    match run.status() {
        RunStatus::Running => {}
        RunStatus::Stopped => {
            let message = format!("run {id} is stopped: no process is running it");
            let help = format!("`lockstep resume {id}{}` resumes it", server.words());
            return Err(output.refuse(&not_driven(message).help(help)));
        }
        RunStatus::Ended(_) => {
            let message = format!("run {id} has ended: {}", run.status);
            return Err(output.refuse(&not_driven(message)));
        }
    }
    ask(server, &id, comment).map_err(|error| error.show(server, output))?;
    output.took_effect();
    Ok(id)
}

/// Waits a little until something holds of a run; whether it does.
pub(super) fn settles(most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + most;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
