//! `lockstep cancel`: asks a run that another process drives to cancel, and waits until it has
//! accepted.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::remote::{self, RemoteServer};
use super::run::execute;
use super::state::{self, ListFormat, StateArgument};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_runtime::inbox::InboxRequestKind;
use lockstep_store::{RequestStatus, RunStatus, Store, StoreError, StoredRun};

/// The polling interval for the state of a request.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// After this time it is said that the run has not answered yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often to poll after the end of a run: the request may have ended it, and the end is stored
/// before the request is settled.
const MAX_POLLS_AFTER_END: u32 = 50;

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The run: its id or a prefix of it. Without it, the last one in progress.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Who cancels; the user of this process by default.
    #[arg(long = "as", value_name = "NAME")]
    who: Option<String>,

    /// The reason, stored with the request.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A run that is being cancelled. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct CancelRequestJson<'a> {
    run: &'a str,
    status: &'static str,
    /// None where a server knows who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    comment: Option<&'a str>,
}

pub(super) fn run(arguments: &Cancel, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref();
    match arguments.state.server(output) {
        Ok(Some(server)) => return of_server(arguments, &server, output),
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let runs = |_: &Store, run: &StoredRun| run.status == RunStatus::Running;
    let (store, run) = match arguments
        .state
        .open_run(named, runs, "run in progress", output)
    {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Err(refused) = is_driven(&store, &run) {
        return output.refuse(&refused);
    }
    let who = arguments.who.clone().unwrap_or_else(execute::user);
    let comment = arguments.comment.as_deref();
    let asked = store.request(run.number, &InboxRequestKind::Cancel, &who, comment);
    let heard = asked.and_then(|request| wait(&store, &run, request, output));
    if matches!(heard, Ok(RequestStatus::Heeded)) {
        output.took_effect();
    }
    match heard {
        Ok(RequestStatus::Heeded) => say(arguments, &run.id, Some(&who), output),
        Ok(RequestStatus::Refused(why)) => output.refuse(&Diagnostic::without_place(
            codes::NOT_DRIVEN,
            format!("run {}: {why}", run.id),
        )),
        Ok(RequestStatus::NotYet) => {
            let run = store.run(run.number).unwrap_or(run);
            let refused = is_driven(&store, &run).err();
            output.refuse(&refused.unwrap_or_else(|| not_driven(&store, &run)))
        }
        Err(error) => state::refuse(&error, output),
    }
}

/// Asks a server, which knows by the token who asks.
fn of_server(arguments: &Cancel, server: &RemoteServer, output: &mut Output) -> Exit {
    if let Err(exit) = remote::refuse_name(arguments.who.as_deref(), output) {
        return exit;
    }
    let (named, comment) = (arguments.run.as_deref(), arguments.comment.as_deref());
    match remote::cancel(server, named, comment, output) {
        Ok(run) => say(arguments, &run, None, output),
        Err(exit) => exit,
    }
}

/// Says that a run is being cancelled.
fn say(arguments: &Cancel, run: &str, by: Option<&str>, output: &mut Output) -> Exit {
    match arguments.format {
        ListFormat::Json => {
            let cancelling = CancelRequestJson {
                run,
                status: "cancelling",
                by,
                comment: arguments.comment.as_deref(),
            };
            state::print_json(&cancelling, output);
        }
        ListFormat::Text => output.print(&format!(
            "run {run} is being cancelled: running commands are stopped, and deployments in \
             progress are rolled back\n"
        )),
    }
    Exit::Succeeded
}

/// Waits until the run has handled a request. If no process drives it any more, the request is
/// withdrawn.
pub(super) fn wait(
    store: &Store,
    run: &StoredRun,
    request: i64,
    output: &mut Output,
) -> Result<RequestStatus, StoreError> {
    let mut late = 0;
    let asked_at = Instant::now();
    let mut is_told = false;
    loop {
        match store.request_status(request)? {
            RequestStatus::NotYet => {}
            heard => return Ok(heard),
        }
        if store.run(run.number)?.status != RunStatus::Running {
            late += 1;
        }
        if !is_told && asked_at.elapsed() > PATIENCE {
            is_told = true;
            output.complain(&no_answer_yet(&store.run(run.number)?));
        }
        if late > MAX_POLLS_AFTER_END {
            store.withdraw_request(request, "no process is running it")?;
            return Ok(RequestStatus::NotYet);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// What is said while a run does not take a request in.
fn no_answer_yet(run: &StoredRun) -> String {
    let owner = run.owner.clone().unwrap_or_default();
    let (id, process) = (&run.id, owner.shown());
    match owner.is_suspended() {
        true => format!(
            "waiting: {process}, which runs {id}, is suspended (Ctrl-Z, SIGSTOP); it takes the \
             request in when it goes on (`fg`, `kill -CONT {}`)\n",
            owner.pid
        ),
        false => format!("waiting: {process}, which runs {id}, has not answered yet\n"),
    }
}

/// Checks that a process drives a run.
pub(super) fn is_driven(store: &Store, run: &StoredRun) -> Result<(), Diagnostic> {
    match run.status {
        RunStatus::Running => Ok(()),
        RunStatus::Stopped => Err(not_driven(store, run)),
        RunStatus::Ended(status) => Err(Diagnostic::without_place(
            codes::NOT_DRIVEN,
            format!("run {} has ended: {status}", run.id),
        )),
    }
}

fn not_driven(store: &Store, run: &StoredRun) -> Diagnostic {
    let state = state::words(store.folder());
    let help = format!("`lockstep resume {}{state}` resumes it", run.id);
    let message = format!("run {} is stopped: no process is running it", run.id);
    Diagnostic::without_place(codes::NOT_DRIVEN, message).help(help)
}
