//! `lockstep runs`: lists the runs of a state directory, the last one first.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::remote;
use super::state::{self, ListFormat, StateArgument};
use super::table::{TableCell, cell, table};
use lockstep_base::source::Name;
use lockstep_store::{QueueWait, RunStatus, StoredRun, ms_between, now, time};
use lockstep_view::Style;
use lockstep_view::phrases::{duration_text, elapsed_text, status_symbol};
use lockstep_view::style::{LineSymbol, Tone};

#[derive(Debug, Args)]
pub(super) struct Runs {
    /// List only runs whose ids begin with this prefix.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// List at most this many.
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A run that is drawn, wherever it is stored.
#[derive(Debug, Clone)]
pub(super) struct ShownRun {
    pub(super) id: Name,
    pub(super) pipeline: Name,
    pub(super) status: RunStatus,
    /// The word for its status, which may say more.
    pub(super) word: String,
    pub(super) started_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) user: Name,
    pub(super) file: String,
    /// The folder of the file, if it is one of this machine.
    pub(super) folder: Option<String>,
    pub(super) inputs: serde_json::Value,
    pub(super) plan_hash: String,
    /// The process that drives it, if it is known.
    pub(super) process: Option<u32>,
    /// Where it waits for its place, if it does.
    pub(super) wait: Option<QueueWait>,
    pub(super) unstarted: Option<String>,
    pub(super) put_aside_by: Option<Name>,
    /// Why it did not ask the windows of what it deploys to.
    pub(super) outside_window: Option<String>,
}

impl ShownRun {
    pub(super) fn of(run: &StoredRun, wait: Option<&QueueWait>) -> Self {
        Self {
            id: run.id.clone(),
            pipeline: run.pipeline.clone(),
            status: run.status,
            word: status_word(run.status, wait).to_owned(),
            started_at: run.started_at,
            finished_at: run.finished_at,
            user: run.user.clone(),
            file: run.file.clone(),
            folder: Some(run.folder.clone()),
            inputs: run.inputs.clone(),
            plan_hash: run.plan_hash.clone(),
            process: match run.status {
                RunStatus::Running => run.owner.as_ref().map(|owner| owner.pid),
                RunStatus::Stopped | RunStatus::Ended(_) => None,
            },
            wait: wait.filter(|_| run.status == RunStatus::Running).cloned(),
            outside_window: run.outside_window.as_ref().map(ToString::to_string),
            unstarted: run.unstarted.clone(),
            put_aside_by: run.put_aside_by.clone(),
        }
    }
}

/// A run. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
pub(super) struct RunJson<'a> {
    run: &'a str,
    pipeline: &'a str,
    /// `running`, `stopped`, `queued` while it waits in a queue, or how it ended.
    pub(super) status: &'a str,
    started_at: String,
    finished_at: Option<String>,
    user: &'a str,
    file: &'a str,
    /// None for a run of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a str>,
    inputs: &'a serde_json::Value,
    plan: &'a str,
    /// The process that drives it.
    process: Option<u32>,
    /// The queue in which it waits, and the runs before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueJson<'a>>,
    /// Why it has ended without having begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    unstarted: Option<&'a str>,
    /// Why it does not ask the windows of what it deploys to.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_window: Option<&'a str>,
    /// The newer run of its queue that has put it aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    put_aside_by: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct QueueJson<'a> {
    name: &'a str,
    behind: Vec<&'a str>,
}

impl<'a> RunJson<'a> {
    pub(super) fn of(run: &'a ShownRun) -> Self {
        Self {
            run: &run.id,
            pipeline: &run.pipeline,
            status: &run.word,
            started_at: time(run.started_at),
            finished_at: run.finished_at.map(time),
            user: &run.user,
            file: &run.file,
            folder: run.folder.as_deref(),
            inputs: &run.inputs,
            plan: &run.plan_hash,
            process: run.process,
            queue: run.wait.as_ref().map(|wait| QueueJson {
                name: &wait.queue,
                behind: wait.behind.iter().map(|run| &**run).collect(),
            }),
            unstarted: run.unstarted.as_deref(),
            outside_window: run.outside_window.as_deref(),
            put_aside_by: run.put_aside_by.as_deref(),
        }
    }
}

/// The word for the status of a run, also of one that waits in a queue.
fn status_word(status: RunStatus, wait: Option<&QueueWait>) -> &'static str {
    match (status, wait) {
        (RunStatus::Running, Some(_)) => "queued",
        (status, _) => status.as_str(),
    }
}

/// Where a run waits: `in queue prod behind r-7f3a and 2 more`.
pub(super) fn wait_words(wait: &QueueWait) -> String {
    let behind = match &*wait.behind {
        [] => String::new(),
        [one] => format!(" behind {one}"),
        [one, more @ ..] => format!(" behind {one} and {} more", more.len()),
    };
    format!("in queue {}{behind}", wait.queue)
}

pub(super) fn run(arguments: &Runs, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref().unwrap_or_default();
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            return match remote::runs(&server, named, arguments.limit, output) {
                Ok((runs, more)) => draw(arguments, &runs, more, &server.words(), output),
                Err(exit) => exit,
            };
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let found = match arguments.state.open_existing(None, output) {
        Ok(Some(store)) => store
            .runs(named)
            .and_then(|runs| Ok((runs, store.queue_waits()?))),
        Ok(None) => Ok(Default::default()),
        Err(exit) => return exit,
    };
    let (mut runs, waits) = match found {
        Ok(runs) => runs,
        Err(error) => return state::refuse(&error, output),
    };
    let count = runs.len();
    runs.truncate(arguments.limit);
    let runs: Vec<ShownRun> = (runs.iter())
        .map(|run| ShownRun::of(run, waits.get(&run.number)))
        .collect();
    let more = (count > runs.len()).then(|| (format!("{} more", count - runs.len()), count));
    draw(arguments, &runs, more, "", output)
}

/// Lists runs, and says how many more there are, and how many are listed with those; `words` name
/// the server, if they are of one.
fn draw(
    arguments: &Runs,
    runs: &[ShownRun],
    more: Option<(String, usize)>,
    words: &str,
    output: &mut Output,
) -> Exit {
    let named = arguments.run.as_deref().unwrap_or_default();
    match arguments.format {
        ListFormat::Json => {
            let all: Vec<RunJson<'_>> = runs.iter().map(RunJson::of).collect();
            state::print_json(&all, output);
        }
        ListFormat::Text if runs.is_empty() && more.is_none() && !named.is_empty() => {
            output.print(&format!("no run begins with `{named}`\n"));
        }
        ListFormat::Text if runs.is_empty() && more.is_none() => {
            output.print("there are no runs here yet: `lockstep run` starts one\n");
        }
        ListFormat::Text => {
            let style = state::look(output);
            let rows: Vec<Vec<TableCell>> = runs.iter().map(|run| row(run, style)).collect();
            let mut text = table(&rows, style);
            if let Some((more, count)) = more {
                let gap = if named.is_empty() { "" } else { " " };
                text.push_str(&format!(
                    "{} and {more}: `lockstep runs{gap}{named} -n {count}{words}`\n",
                    style.ellipsis()
                ));
            }
            output.print(&text);
        }
    }
    Exit::Succeeded
}

fn row(run: &ShownRun, style: Style) -> Vec<TableCell> {
    let (sign, tone) = sign(run.status, style);
    let now = now();
    let ended = run.finished_at.unwrap_or(now);
    let time = match run.status {
        RunStatus::Ended(_) => format!("took {}", duration_text(ms_between(run.started_at, ended))),
        RunStatus::Running => run.wait.as_ref().map_or(String::new(), wait_words),
        RunStatus::Stopped => String::new(),
    };
    vec![
        (tone, sign.to_string()),
        cell(Tone::Bold, &run.id),
        cell(Tone::Plain, &run.pipeline),
        cell(tone, &run.word),
        cell(
            Tone::Plain,
            &format!("{} ago", elapsed_text(ms_between(run.started_at, now))),
        ),
        cell(Tone::Dim, &time),
        cell(Tone::Dim, &run.user),
        cell(Tone::Dim, &inputs(run)),
    ]
}

/// A symbol for the status of a run.
pub(super) fn sign(status: RunStatus, style: Style) -> (&'static str, Tone) {
    let mark = match status {
        RunStatus::Running => LineSymbol::Run,
        RunStatus::Stopped => LineSymbol::Warn,
        RunStatus::Ended(status) => status_symbol(status),
    };
    (style.mark(mark), mark.tone())
}

/// `tag=v2, targets=[prod.eu]`
pub(super) fn inputs(run: &ShownRun) -> String {
    let Some(inputs) = run.inputs.as_object() else {
        return String::new();
    };
    let shown = |(name, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    };
    let all: Vec<String> = inputs.iter().map(shown).collect();
    all.join(", ")
}
