//! `lockstep locks`: shows who holds which lock of a state directory, and who waits.
//! It does not know what a lock protects.

use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::state::{self, ListFormat, StateArgument};
use super::table::{Cell, cell, table};
use crate::report::style::Tone;
use crate::report::words::ticking;
use crate::runtime::shared_locks::shown;
use crate::runtime::store::{LockRow, Owner, Store, now, time};
use crate::source::Name;

#[derive(Debug, Args)]
pub(super) struct Locks {
    #[command(flatten)]
    state: StateArgument,

    /// How to write them down.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A lock. As JSON it is stable: fields may be added, none goes away.
#[derive(Debug, Default, Serialize)]
struct Lock<'a> {
    lock: &'a str,
    /// How many may hold it at once.
    places: u32,
    holders: Vec<Request<'a>>,
    /// Who waits, the next one first.
    queue: Vec<Request<'a>>,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    run: &'a str,
    node: &'a str,
    /// Since when it holds it, or waits.
    since: String,
    /// The process that drives the run; none where nobody does: the lock goes to the next.
    process: Option<u32>,
    #[serde(skip)]
    since_ms: i64,
}

pub(super) fn run(arguments: &Locks, output: &mut Output) -> Exit {
    let found = match Store::open_existing(&arguments.state.folder()) {
        Ok(Some(store)) => store.locks(),
        Ok(None) => Ok(Vec::new()),
        Err(error) => return state::refuse(&error, output),
    };
    let rows = match found {
        Ok(rows) => rows,
        Err(error) => return state::refuse(&error, output),
    };
    let locks = locks(&rows);
    match arguments.format {
        ListFormat::Json => state::print_json(&locks, output),
        ListFormat::Text if locks.is_empty() => {
            output.print("no lock is held, and nobody waits for one\n");
        }
        ListFormat::Text => {
            let rows: Vec<Vec<Cell>> = locks.iter().flat_map(lines).collect();
            let text = table(&rows, state::look(output));
            output.print(&text);
        }
    }
    Exit::Succeeded
}

fn locks(rows: &[LockRow]) -> Vec<Lock<'_>> {
    let mut found: IndexMap<&Name, Lock<'_>> = IndexMap::new();
    for row in rows {
        let lock = found.entry(&row.want.name).or_default();
        lock.lock = shown(&row.want.name);
        lock.places = row.want.limit;
        let since_ms = row.granted_at.unwrap_or(row.asked_at);
        let request = Request {
            run: &row.run,
            node: &row.node,
            since: time(since_ms),
            process: (row.owner.as_ref())
                .filter(|owner| Owner::is_alive(owner))
                .map(|owner| owner.pid),
            since_ms,
        };
        match row.granted_at {
            Some(_) => lock.holders.push(request),
            None => lock.queue.push(request),
        }
    }
    let mut all: Vec<Lock<'_>> = found.into_values().collect();
    all.sort_by_key(|lock| lock.lock);
    all
}

fn lines(lock: &Lock<'_>) -> Vec<Vec<Cell>> {
    let now = now();
    let mut name = Some(lock.lock);
    let mut line = |request: &Request<'_>, tone, how: String| {
        let gone = match request.process {
            Some(_) => "",
            None => "nobody drives it: the next in line gets it",
        };
        let name = name.take().unwrap_or_default();
        vec![
            cell(Tone::Bold, name),
            cell(tone, &how),
            cell(Tone::Plain, &ticking(now - request.since_ms)),
            cell(Tone::Plain, request.run),
            cell(Tone::Dim, request.node),
            cell(Tone::Warn, gone),
        ]
    };
    let mut lines = Vec::new();
    for holder in &lock.holders {
        lines.push(line(holder, Tone::Good, String::from("held for")));
    }
    for (at, request) in lock.queue.iter().enumerate() {
        lines.push(line(request, Tone::Note, format!("{}. waits for", at + 1)));
    }
    lines
}
