//! What the commands of a run of a server wrote.

use std::time::Duration;

use indexmap::IndexMap;

use super::super::exit::Exit;
use super::super::logs::{LogPrinter, MeantNodes};
use super::super::output::Output;
use super::super::state::{self, ListFormat};
use super::answers::{LogAnswer, LoggedAnswer};
use super::client::{RemoteError, RemoteServer, escaped};
use super::named::{choose, run_by_id};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::NodePath;
use lockstep_store::RunStatus;

/// How often a server is asked for more.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// So many lines are asked for at once.
const PAGE_LINES: u64 = 2_000;

/// Whose output is to be shown.
pub(crate) struct LogsRequest<'a> {
    pub(crate) named: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) follow: bool,
    pub(crate) tail: Option<usize>,
    pub(crate) format: ListFormat,
}

/// How far the log of a node has been read.
#[derive(Default)]
struct Cursor {
    bytes: u64,
    /// The number of the next line.
    next: u64,
}

struct RemoteLogs<'a> {
    server: &'a RemoteServer,
    run: String,
    only: Option<MeantNodes>,
    nodes: IndexMap<NodePath, Cursor>,
    printer: LogPrinter,
    wrote: bool,
}

/// Shows the output of the commands of a run.
pub(crate) fn logs(
    server: &RemoteServer,
    request: &LogsRequest<'_>,
    output: &mut Output,
) -> Result<Exit, Exit> {
    let run = choose(server, request.named, |_| true, "run", output)?;
    let mut logs = RemoteLogs {
        server,
        only: request.path.map(MeantNodes::new),
        nodes: IndexMap::new(),
        printer: LogPrinter {
            named: true,
            format: request.format,
            style: state::look(output),
            started_at: run.shown().started_at,
        },
        run: run.run,
        wrote: false,
    };
    let mut tail = request.tail;
    let mut is_lost = false;
    loop {
        match logs.read_on(request.follow, tail, output) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if request.follow && error.may_pass() => {
                if !is_lost {
                    let why = error.why();
                    output.complain(&format!(
                        "the server does not answer ({why}): asking again\n"
                    ));
                }
                is_lost = true;
                std::thread::sleep(POLL_INTERVAL * 2);
                continue;
            }
            Err(error) => return Err(error.show(server, output)),
        }
        (is_lost, tail) = (false, None);
        std::thread::sleep(POLL_INTERVAL);
    }
    let id = &logs.run;
    match request.path {
        _ if logs.wrote || request.format == ListFormat::Json => {}
        None => output.print(&format!("the commands of run {id} wrote nothing\n")),
        Some(path) => {
            let message = format!("run {id} has no command at `{path}` that wrote something");
            let help = format!("`lockstep show {id} --full{}` lists them", server.words());
            let refused = Diagnostic::without_place(codes::NO_RUN, message);
            return Err(output.refuse(&refused.help(help)));
        }
    }
    Ok(Exit::Succeeded)
}

impl RemoteLogs<'_> {
    /// Shows what is new; whether more may come.
    fn read_on(
        &mut self,
        follow: bool,
        tail: Option<usize>,
        output: &mut Output,
    ) -> Result<bool, RemoteError> {
        // How the run is, before its logs are read: what is written between is read, too.
        let is_running = || -> Result<bool, RemoteError> {
            let run = run_by_id(self.server, &self.run)?;
            Ok(run.status() == RunStatus::Running)
        };
        let goes_on = follow && is_running()?;
        let path = format!("/runs/{}/logs", escaped(&self.run));
        let found: Vec<LoggedAnswer> = match self.server.get(&path) {
            // One that is only being started has none.
            Err(error) if error.is_not_found() => Vec::new(),
            found => found?,
        };
        let is_meant =
            |it: &LoggedAnswer| self.only.as_ref().is_none_or(|only| only.have(&it.node));
        let found: Vec<LoggedAnswer> = found.into_iter().filter(is_meant).collect();
        if !follow {
            // The output of a single command is shown unchanged.
            self.printer.named = found.len() > 1;
        }
        for logged in found {
            let cursor = self.nodes.get(&logged.node);
            let is_new = cursor.is_none_or(|it| it.bytes != logged.bytes || !goes_on);
            if is_new {
                self.read_node(&logged, goes_on, tail, output)?;
            }
        }
        Ok(goes_on)
    }

    fn read_node(
        &mut self,
        logged: &LoggedAnswer,
        goes_on: bool,
        tail: Option<usize>,
        output: &mut Output,
    ) -> Result<(), RemoteError> {
        let mut next = self.nodes.get(&logged.node).map_or(0, |it| it.next);
        if let Some(tail) = tail {
            let total = self.lines(&logged.node, None, 1)?.total;
            next = total.saturating_sub(tail as u64);
        }
        loop {
            let mut page = self.lines(&logged.node, Some(next), PAGE_LINES)?;
            let is_last = page.first + page.lines.len() as u64 >= page.total;
            // A line whose end has not been written yet is shown with it.
            if is_last && page.is_open && goes_on {
                page.lines.pop();
            }
            next = page.first + page.lines.len() as u64;
            self.wrote |= !page.lines.is_empty();
            let is_open = is_last && page.is_open && !self.printer.named;
            let from = (&*logged.node, Some(logged.began));
            self.printer.print(from, &page.lines, is_open, output);
            if is_last || page.lines.is_empty() {
                break;
            }
        }
        let read = Cursor {
            bytes: logged.bytes,
            next,
        };
        self.nodes.insert(logged.node.clone(), read);
        Ok(())
    }

    fn lines(&self, node: &str, from: Option<u64>, count: u64) -> Result<LogAnswer, RemoteError> {
        let (run, node) = (escaped(&self.run), escaped(node));
        let from = from.map_or(String::new(), |from| format!("&from={from}"));
        let path = format!("/runs/{run}/log?node={node}{from}&lines={count}");
        self.server.get(&path)
    }
}
