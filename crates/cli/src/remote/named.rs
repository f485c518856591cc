//! The choice of a run of a server, as of one in a state directory.

use super::super::exit::Exit;
use super::super::output::Output;
use super::super::state;
use super::answers::{RunAnswer, RunsAnswer};
use super::client::{RemoteError, RemoteServer, escaped};

/// So many runs are asked for at once.
const PAGE_RUNS: usize = 200;
/// A run is looked for among so many pages of the last ones.
const MAX_PAGES: usize = 50;

/// A run by its id.
pub(super) fn run_by_id(server: &RemoteServer, id: &str) -> Result<RunAnswer, RemoteError> {
    server.get(&format!("/runs/{}", escaped(id)))
}

/// Goes through the runs, the last one first, until `take` has enough.
pub(super) fn each_run(
    server: &RemoteServer,
    mut take: impl FnMut(RunAnswer) -> bool,
) -> Result<(), RemoteError> {
    let mut before = None;
    for _ in 0..MAX_PAGES {
        let from = before.map_or(String::new(), |number: i64| format!("&before={number}"));
        let page: RunsAnswer = server.get(&format!("/runs?limit={PAGE_RUNS}{from}"))?;
        for run in page.runs {
            if !take(run) {
                return Ok(());
            }
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(())
}

/// The one run whose id begins with `named`; without that, the last run that fits. `kind` names the
/// runs in question for the error message.
pub(super) fn choose(
    server: &RemoteServer,
    named: Option<&str>,
    fits: impl Fn(&RunAnswer) -> bool,
    kind: &str,
    output: &mut Output,
) -> Result<RunAnswer, Exit> {
    find(server, named, fits, kind).map_err(|unfound| match unfound {
        Unfound::Error(error) => error.show(server, output),
        Unfound::None(message, help) => state::complain(&message, help.as_deref(), output),
    })
}

/// Why there is no such run.
enum Unfound {
    Error(RemoteError),
    /// What is wrong, and what helps.
    None(String, Option<String>),
}

impl From<RemoteError> for Unfound {
    fn from(error: RemoteError) -> Self {
        Self::Error(error)
    }
}

fn find(
    server: &RemoteServer,
    named: Option<&str>,
    fits: impl Fn(&RunAnswer) -> bool,
    kind: &str,
) -> Result<RunAnswer, Unfound> {
    let Some(prefix) = named else {
        let mut found = None;
        each_run(server, |run| {
            let is_it = fits(&run);
            found = is_it.then_some(run);
            !is_it
        })?;
        return found.ok_or_else(|| Unfound::None(format!("there is no {kind}"), None));
    };
    match run_by_id(server, prefix) {
        Ok(run) => return Ok(run),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    let (mut found, mut last) = (Vec::new(), Vec::new());
    each_run(server, |run| {
        if last.len() < 5 {
            last.push(line(&run));
        }
        if run.run.starts_with(prefix) {
            found.push(run);
        }
        true
    })?;
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => {
            let help = (!last.is_empty()).then(|| format!("the last runs are {}", last.join(", ")));
            Err(Unfound::None(format!("there is no run `{prefix}`"), help))
        }
        _ => {
            let shown: Vec<String> = found.iter().take(5).map(line).collect();
            let help = format!("it may be {}", shown.join(", "));
            let message = format!("several runs begin with `{prefix}`");
            Err(Unfound::None(message, Some(help)))
        }
    }
}

fn line(run: &RunAnswer) -> String {
    format!("{} ({} {})", run.run, run.pipeline, run.status)
}
