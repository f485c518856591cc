//! `lockstep ledger`: what is where now, since when, and by which run.

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::remote;
use super::state::{self, ListFormat, StateArgument};
use super::table::{TableCell, cell, table};
use lockstep_store::{LedgerLine, PlaceState, ms_between, now, time};
use lockstep_view::Style;
use lockstep_view::phrases::elapsed_text;
use lockstep_view::style::{LineSymbol, Tone};

#[derive(Debug, Args)]
pub(super) struct Ledger {
    /// Show only these services and infrastructures.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A line of the ledger. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct LedgerLineJson<'a> {
    service: &'a str,
    target: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    /// `deployed`, `under-way`, `broken-off`, `failed` or `unclear`.
    state: &'static str,
    since: String,
    run: &'a str,
    node: &'a str,
    /// The last run that changed nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<String>,
}

pub(super) fn run(arguments: &Ledger, output: &mut Output) -> Exit {
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            return match remote::ledger(&server, output) {
                Ok(lines) => draw(arguments, lines, output),
                Err(exit) => exit,
            };
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let lines = match arguments.state.open_existing(None, output) {
        Ok(Some(store)) => store.ledger(),
        Ok(None) => Ok(Vec::new()),
        Err(exit) => return exit,
    };
    match lines {
        Ok(lines) => draw(arguments, lines, output),
        Err(error) => state::refuse(&error, output),
    }
}

fn draw(arguments: &Ledger, mut lines: Vec<LedgerLine>, output: &mut Output) -> Exit {
    let is_named = |line: &LedgerLine| {
        let mut names = arguments.names.iter();
        names.any(|name| **name == *line.service || **name == *line.target)
    };
    lines.retain(|line| arguments.names.is_empty() || is_named(line));
    match arguments.format {
        ListFormat::Json => {
            let all: Vec<LedgerLineJson<'_>> = lines.iter().map(json).collect();
            state::print_json(&all, output);
        }
        ListFormat::Text if lines.is_empty() => output.print("nothing has been deployed\n"),
        ListFormat::Text => {
            let style = state::look(output);
            let rows: Vec<Vec<TableCell>> = lines.iter().map(|line| row(line, style)).collect();
            output.print(&table(&rows, style));
        }
    }
    Exit::Succeeded
}

fn json(line: &LedgerLine) -> LedgerLineJson<'_> {
    let confirmed = line.confirmed.as_ref();
    LedgerLineJson {
        service: &line.service,
        target: &line.target,
        before: line.before.as_deref(),
        after: line.after.as_deref(),
        state: line.state.as_str(),
        since: time(line.since),
        run: &line.run,
        node: &line.node,
        confirmed_by: confirmed.map(|(run, _)| &**run),
        confirmed_at: confirmed.map(|(_, at)| time(*at)),
    }
}

fn row(line: &LedgerLine, style: Style) -> Vec<TableCell> {
    let (mark, word) = match line.state {
        PlaceState::Deployed => (LineSymbol::Good, ""),
        PlaceState::UnderWay => (LineSymbol::Run, "under way"),
        PlaceState::BrokenOff => (LineSymbol::Warn, "broken off"),
        PlaceState::Failed => (LineSymbol::Bad, "failed"),
        PlaceState::Unclear => (LineSymbol::Bad, "unclear"),
    };
    let ago = |at| format!("{} ago", elapsed_text(ms_between(at, now())));
    let confirmed = match &line.confirmed {
        Some((run, at)) => format!("unchanged by {run} {}", ago(*at)),
        None => String::new(),
    };
    let known = line.state == PlaceState::Deployed;
    let after = line.after.as_deref().filter(|_| known);
    vec![
        (mark.tone(), style.mark(mark).to_string()),
        cell(Tone::Bold, &line.target),
        cell(Tone::Plain, &line.service),
        cell(Tone::Plain, after.unwrap_or(style.dash())),
        cell(mark.tone(), word),
        cell(Tone::Plain, &ago(line.since)),
        cell(Tone::Dim, &line.run),
        cell(Tone::Dim, &confirmed),
    ]
}
