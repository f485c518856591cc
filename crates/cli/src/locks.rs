//! `lockstep locks`: shows who holds which lock of a state directory, and who waits.

use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::remote;
use super::state::{self, ListFormat, StateArgument};
use super::table::{TableCell, cell, table};
use lockstep_base::source::Name;
use lockstep_plan::lock_for_people;
use lockstep_store::{LockRow, RunOwner, ms_between, now, time};
use lockstep_view::phrases::elapsed_text;
use lockstep_view::style::Tone;

#[derive(Debug, Args)]
pub(super) struct Locks {
    /// Show only the locks that this run holds or waits for: its id or a prefix of it.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A lock. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Default, Serialize)]
struct LockJson<'a> {
    lock: &'a str,
    /// How many may hold it at once.
    places: u32,
    holders: Vec<LockRequestJson<'a>>,
    /// Who waits, the next one first.
    queue: Vec<LockRequestJson<'a>>,
}

#[derive(Debug, Serialize)]
struct LockRequestJson<'a> {
    run: &'a str,
    node: &'a str,
    /// Since when it holds the lock, or waits.
    since: String,
    /// The process that drives the run; none if there is no such process: the lock goes to the
    /// next.
    process: Option<u32>,
    /// The machine of the process, and its last heartbeat; none if it has released the run.
    host: Option<&'a str>,
    heard_at: Option<String>,
    #[serde(skip)]
    begun: jiff::Timestamp,
    #[serde(skip)]
    owner: Option<&'a RunOwner>,
}

pub(super) fn run(arguments: &Locks, output: &mut Output) -> Exit {
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            let named = arguments.run.as_deref().unwrap_or_default();
            return remote::locks(&server, named, arguments.format, output);
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let found = match arguments.state.open_existing(None, output) {
        Ok(Some(store)) => store.locks(),
        Ok(None) => Ok(Vec::new()),
        Err(exit) => return exit,
    };
    let rows = match found {
        Ok(rows) => rows,
        Err(error) => return state::refuse(&error, output),
    };
    let named = arguments.run.as_deref().unwrap_or_default();
    let mut locks = locks(&rows);
    locks.retain(|lock| {
        let mut all = lock.holders.iter().chain(&lock.queue);
        all.any(|request| request.run.starts_with(named))
    });
    match arguments.format {
        ListFormat::Json => state::print_json(&locks, output),
        ListFormat::Text => {
            let shown: Vec<ShownLock<'_>> = locks.iter().map(LockJson::shown).collect();
            draw(&shown, named, output);
        }
    }
    Exit::Succeeded
}

/// A lock that is drawn, wherever it is stored.
pub(super) struct ShownLock<'a> {
    pub(super) lock: &'a str,
    pub(super) holders: Vec<ShownRequest<'a>>,
    pub(super) queue: Vec<ShownRequest<'a>>,
}

/// Who holds a lock, or waits for it.
pub(super) struct ShownRequest<'a> {
    pub(super) run: &'a str,
    pub(super) node: &'a str,
    pub(super) begun: jiff::Timestamp,
    /// A remark about the process behind it, if there is one.
    pub(super) remark: (Tone, String),
}

impl LockJson<'_> {
    fn shown(&self) -> ShownLock<'_> {
        ShownLock {
            lock: self.lock,
            holders: self.holders.iter().map(LockRequestJson::shown).collect(),
            queue: self.queue.iter().map(LockRequestJson::shown).collect(),
        }
    }
}

impl LockRequestJson<'_> {
    fn shown(&self) -> ShownRequest<'_> {
        ShownRequest {
            run: self.run,
            node: self.node,
            begun: self.begun,
            remark: whereabouts(self),
        }
    }
}

/// Draws locks, those of the runs that are named.
pub(super) fn draw(locks: &[ShownLock<'_>], named: &str, output: &mut Output) {
    match locks.is_empty() {
        true if !named.is_empty() => {
            let text = format!("no run that begins with `{named}` holds a lock or waits for one\n");
            output.print(&text);
        }
        true => output.print("no lock is held, and no run waits for one\n"),
        false => {
            let rows: Vec<Vec<TableCell>> = locks.iter().flat_map(lines).collect();
            let text = table(&rows, state::look(output));
            output.print(&text);
        }
    }
}

fn locks(rows: &[LockRow]) -> Vec<LockJson<'_>> {
    let mut found: IndexMap<&Name, LockJson<'_>> = IndexMap::new();
    for row in rows {
        let lock = found.entry(&row.want.name).or_default();
        lock.lock = lock_for_people(&row.want.name);
        lock.places = row.want.limit;
        let begun = row.granted_at.unwrap_or(row.asked_at);
        let request = LockRequestJson {
            run: &row.run,
            node: &row.node,
            since: time(begun),
            process: (row.owner.as_ref())
                .filter(|owner| RunOwner::is_alive(owner))
                .map(|owner| owner.pid),
            host: row.owner.as_ref().map(|owner| &*owner.host),
            heard_at: row.owner.as_ref().map(|owner| time(owner.heard_at)),
            begun,
            owner: row.owner.as_ref(),
        };
        match row.granted_at {
            Some(_) => lock.holders.push(request),
            None => lock.queue.push(request),
        }
    }
    let mut all: Vec<LockJson<'_>> = found.into_values().collect();
    all.sort_by_key(|lock| lock.lock);
    all
}

fn lines(lock: &ShownLock<'_>) -> Vec<Vec<TableCell>> {
    let now = now();
    let mut name = Some(lock.lock);
    let mut line = |request: &ShownRequest<'_>, tone, how: String| {
        let (tone_of, remark) = &request.remark;
        let name = name.take().unwrap_or_default();
        vec![
            cell(Tone::Bold, name),
            cell(tone, &how),
            cell(Tone::Plain, &elapsed_text(ms_between(request.begun, now))),
            cell(Tone::Plain, request.run),
            cell(Tone::Dim, request.node),
            cell(*tone_of, remark),
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

/// A remark about the process behind a request: it is gone, or cannot be checked from here.
fn whereabouts(request: &LockRequestJson<'_>) -> (Tone, String) {
    let far = request.owner.filter(|owner| !owner.is_within_sight());
    let silent = |owner: &RunOwner| {
        let ms = i64::try_from(owner.silent_for().as_millis()).unwrap_or(i64::MAX);
        elapsed_text(ms)
    };
    match (request.process, far) {
        (Some(_), None) => (Tone::Plain, String::new()),
        (Some(_), Some(owner)) => {
            let text = format!("{}, last heartbeat {} ago", owner.shown(), silent(owner));
            (Tone::Dim, text)
        }
        (None, Some(owner)) => {
            let (who, silent) = (owner.shown(), silent(owner));
            let text = format!(
                "{who} has sent no heartbeat for {silent}, so its lease has \
                                expired: the next in line gets the lock"
            );
            (Tone::Warn, text)
        }
        (None, None) => driven_by_none(),
    }
}

/// The remark about a request behind which no process is.
pub(super) fn driven_by_none() -> (Tone, String) {
    let text = "no process is running it: the next in line gets the lock";
    (Tone::Warn, String::from(text))
}
