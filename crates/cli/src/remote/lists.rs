//! The lists of a server: its runs, its ledger, its locks.

use super::super::exit::Exit;
use super::super::locks::{ShownLock, ShownRequest, draw, driven_by_none};
use super::super::output::Output;
use super::super::runs::ShownRun;
use super::super::state::{ListFormat, print_json};
use super::answers::{self, EnvironmentAnswer, LockAnswer, LockRequestAnswer};
use super::client::{RemoteError, RemoteServer};
use super::named::each_run;
use lockstep_store::LedgerLine;
use lockstep_view::style::Tone;

/// What stands for a run that the caller may not see.
const HIDDEN: &str = "(hidden)";

/// Runs, and what is said of those that are not listed.
pub(crate) type ListedRuns = (Vec<ShownRun>, Option<(String, usize)>);

/// The last runs whose ids begin with a prefix, and what is said of those that are not listed: how
/// many they are is not known.
pub(crate) fn runs(
    server: &RemoteServer,
    prefix: &str,
    limit: usize,
    output: &mut Output,
) -> Result<ListedRuns, Exit> {
    let mut found = Vec::new();
    let mut is_more = false;
    let listed = each_run(server, |run| {
        if !run.run.starts_with(prefix) {
            return true;
        }
        is_more = found.len() == limit;
        if !is_more {
            found.push(run.shown());
        }
        !is_more
    });
    listed.map_err(|error| error.show(server, output))?;
    let more = is_more.then(|| (String::from("more"), limit.max(1).saturating_mul(2)));
    Ok((found, more))
}

/// What is where.
pub(crate) fn ledger(server: &RemoteServer, output: &mut Output) -> Result<Vec<LedgerLine>, Exit> {
    let found: Result<Vec<EnvironmentAnswer>, RemoteError> = server.get("/environments");
    let found = found.map_err(|error| error.show(server, output))?;
    Ok(answers::ledger(found))
}

/// Shows who holds which lock, and who waits for it.
pub(crate) fn locks(
    server: &RemoteServer,
    named: &str,
    format: ListFormat,
    output: &mut Output,
) -> Exit {
    let found: Result<Vec<LockAnswer>, RemoteError> = server.get("/locks");
    let mut locks = match found {
        Ok(found) => found,
        Err(error) => return error.show(server, output),
    };
    locks.sort_by(|a, b| a.lock.cmp(&b.lock));
    let is_named = |it: &LockRequestAnswer| {
        let run = it.run.as_deref();
        named.is_empty() || run.is_some_and(|run| run.starts_with(named))
    };
    locks.retain(|lock| lock.holders.iter().chain(&lock.queue).any(is_named));
    match format {
        ListFormat::Json => print_json(&locks, output),
        ListFormat::Text => {
            let shown: Vec<ShownLock<'_>> = locks.iter().map(shown).collect();
            draw(&shown, named, output);
        }
    }
    Exit::Succeeded
}

fn shown(lock: &LockAnswer) -> ShownLock<'_> {
    ShownLock {
        lock: &lock.lock,
        holders: lock.holders.iter().map(request).collect(),
        queue: lock.queue.iter().map(request).collect(),
    }
}

fn request(request: &LockRequestAnswer) -> ShownRequest<'_> {
    ShownRequest {
        run: request.run.as_deref().unwrap_or(HIDDEN),
        node: request.node.as_deref().unwrap_or_default(),
        begun: request.since,
        remark: match request.is_driven {
            true => (Tone::Plain, String::new()),
            false => driven_by_none(),
        },
    }
}
