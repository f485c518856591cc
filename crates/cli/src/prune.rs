//! `lockstep prune`: forgets old runs.

use clap::{ArgGroup, Args};

use super::exit::Exit;
use super::output::Output;
use super::state::{self, StateArgument};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::text::parse_duration;
use lockstep_store::{PruneLimits, Store, StoredRun, now};

/// At most so many are listed by their ids.
const MAX_LISTED: usize = 20;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["keep", "older_than"]).required(true).multiple(true)))]
#[command(mut_arg("server", |it| it.hide(true)))]
#[command(mut_arg("token_file", |it| it.hide(true)))]
#[command(mut_arg("engine", |it| it.hide(true)))]
pub(super) struct Prune {
    /// Keep at least this many runs, the latest.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// Forget only runs that ended longer ago than this, such as `30d`.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Option<i64>,

    /// Only list what would be forgotten.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    state: StateArgument,
}

fn duration(text: &str) -> Result<i64, String> {
    let found = parse_duration(text).filter(|ms| *ms >= 0);
    found.ok_or_else(|| String::from("a duration is written as `12h`, `30d` or `1d12h`"))
}

pub(super) fn run(arguments: &Prune, output: &mut Output) -> Exit {
    let instead = "prune on the machine of the server, with `--state`";
    if let Err(exit) = arguments
        .state
        .refuse_server("prune", instead, true, output)
        .and_then(|()| arguments.state.refuse_engine("prune", output))
    {
        return exit;
    }
    let store = match arguments.state.open(output) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let age = arguments.older_than.map(jiff::SignedDuration::from_millis);
    let ended_before = match age.map(|age| now().checked_sub(age)).transpose() {
        Ok(limit) => limit,
        Err(_) => {
            let message = "`--older-than` is longer than time goes back";
            return output.refuse(&Diagnostic::without_place(codes::NO_RUN, message));
        }
    };
    let limits = PruneLimits {
        keep: arguments.keep.unwrap_or(0),
        ended_before,
    };
    let forgotten = store
        .prunable(limits)
        .and_then(|runs| match arguments.dry_run {
            true => Ok(runs),
            false => forget(&store, runs),
        });
    match forgotten {
        Ok(runs) => {
            output.print(&told(&runs, arguments.dry_run));
            Exit::Succeeded
        }
        Err(error) => state::refuse(&error, output),
    }
}

fn forget(
    store: &Store,
    runs: Vec<StoredRun>,
) -> Result<Vec<StoredRun>, lockstep_store::StoreError> {
    let mut forgotten = Vec::new();
    for run in runs {
        if store.forget(&run)? {
            forgotten.push(run);
        }
    }
    Ok(forgotten)
}

fn told(runs: &[StoredRun], is_dry: bool) -> String {
    let mut text = String::new();
    for run in runs.iter().take(MAX_LISTED) {
        text.push_str(&format!(
            "{}  {}  {}\n",
            run.id,
            run.pipeline,
            run.status.as_str()
        ));
    }
    if runs.len() > MAX_LISTED {
        text.push_str(&format!("and {} more\n", runs.len() - MAX_LISTED));
    }
    let would = if is_dry { "would be " } else { "" };
    text.push_str(&match runs.len() {
        1 => format!("1 run {would}forgotten\n"),
        count => format!("{count} runs {would}forgotten\n"),
    });
    text
}
