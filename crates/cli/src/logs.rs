//! `lockstep logs`: shows what the commands of a run wrote, and follows a run that is active.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::exit::Exit;
use super::output::Output;
use super::remote::{self, LogsRequest};
use super::state::{self, ListFormat, StateArgument};
use lockstep_base::diagnostic::render::clean_line;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::NodePath;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_runtime::logs::{LogError, file_name, log_names, node_of};
use lockstep_store::{RunStatus, Store, StoreError, StoredRun, ms_between, time};
use lockstep_view::output_line;
use lockstep_view::phrases::timestamp;
use lockstep_view::style::{StyledLine, Tone};
use lockstep_view::{Style, path};

/// The polling interval for more output.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The size of a read, in bytes.
const READ_CHUNK_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The run: its id or a prefix of it. Without it, the last one.
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Only the output of this node and the nodes below it; `*` and `**` are wildcards.
    #[arg(value_name = "PATH")]
    path: Option<String>,

    /// Follow the output until the run ends.
    #[arg(short, long)]
    follow: bool,

    /// Only the last N lines of each command.
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,

    #[command(flatten)]
    state: StateArgument,

    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ListFormat,
}

/// A line of a log, as JSON.
#[derive(Debug, Serialize)]
struct LogLineJson<'a> {
    node: &'a str,
    /// When its command began; the last time, where it was tried several times.
    began: Option<String>,
    text: &'a str,
}

/// How far a log has been read.
#[derive(Debug, Default)]
struct LogCursor {
    at: u64,
    /// When the command began.
    began: Option<Timestamp>,
    /// A line whose end has not been written yet.
    rest: Vec<u8>,
}

struct LogLine<'a> {
    store: &'a Store,
    run: StoredRun,
    folder: PathBuf,
    only: Option<MeantNodes>,
    nodes: IndexMap<NodePath, LogCursor>,
    /// The first record that has not been read.
    next: u64,
    /// How many of the last lines of each node are shown of what is there at first.
    tail: Option<usize>,
    printer: LogPrinter,
}

/// The nodes at a path, and those below.
pub(super) struct MeantNodes(PathPattern, PathPattern);

impl MeantNodes {
    pub(super) fn new(path: &str) -> Self {
        let below = PathPattern::new(&format!("{path}/**"));
        Self(PathPattern::new(path), below)
    }

    pub(super) fn have(&self, node: &str) -> bool {
        self.0.matches(node) || self.1.matches(node)
    }
}

/// Prints lines of logs.
pub(super) struct LogPrinter {
    /// Whether each line is prefixed with its node.
    pub(super) named: bool,
    pub(super) format: ListFormat,
    pub(super) style: Style,
    /// When the run began.
    pub(super) started_at: Timestamp,
}

pub(super) fn run(arguments: &Logs, output: &mut Output) -> Exit {
    let (named, path) = state::run_and_path(&arguments.run, &arguments.path);
    match arguments.state.server(output) {
        Ok(Some(server)) => {
            let request = LogsRequest {
                named,
                path,
                follow: arguments.follow,
                tail: arguments.tail,
                format: arguments.format,
            };
            return match remote::logs(&server, &request, output) {
                Ok(exit) | Err(exit) => exit,
            };
        }
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let (store, run) = match arguments.state.open_run(named, |_, _| true, "run", output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let mut logged = LogLine {
        folder: store.logs(&run.id),
        store: &store,
        printer: LogPrinter {
            named: true,
            format: arguments.format,
            style: state::look(output),
            started_at: run.started_at,
        },
        run,
        only: path.map(MeantNodes::new),
        nodes: IndexMap::new(),
        next: 1,
        tail: arguments.tail,
    };
    match logged.show(arguments.follow, path, output) {
        Ok(exit) => exit,
        Err(error) => state::refuse(&error, output),
    }
}

impl LogLine<'_> {
    fn show(
        &mut self,
        follow: bool,
        path: Option<&str>,
        output: &mut Output,
    ) -> Result<Exit, StoreError> {
        if follow {
            self.read_new()?;
        } else {
            self.find_written()?;
            // The output of a single command is shown unchanged.
            self.printer.named = self.nodes.len() > 1;
        }
        let mut wrote = self.read(!follow, output)?;
        self.tail = None;
        let mut goes_on = follow;
        while goes_on {
            goes_on = self.store.run(self.run.number)?.status == RunStatus::Running;
            self.read_new()?;
            wrote |= self.read(!goes_on, output)?;
            if goes_on {
                std::thread::sleep(POLL_INTERVAL);
            }
        }
        if wrote || self.printer.format == ListFormat::Json {
            return Ok(Exit::Succeeded);
        }
        let id = &self.run.id;
        let Some(path) = path else {
            output.print(&format!("the commands of run {id} wrote nothing\n"));
            return Ok(Exit::Succeeded);
        };
        if !self.nodes.is_empty() {
            output.print(&format!("`{path}` of run {id} wrote nothing\n"));
            return Ok(Exit::Succeeded);
        }
        let message = format!("run {id} has no command at `{path}`");
        let help = format!("`lockstep show {id} --full` lists them");
        let refused = Diagnostic::without_place(codes::NO_RUN, message);
        Ok(output.refuse(&refused.help(help)))
    }

    /// Finds the nodes that have written something, in the order in which they started. What ran is
    /// in the journal, which may be long; so it is read only where the logs do not say enough.
    fn find_written(&mut self) -> Result<(), StoreError> {
        let mut nodes = HashSet::new();
        let mut unnamed = HashSet::new();
        for name in log_names(&self.folder)? {
            match node_of(&name) {
                Some(node) if self.is_meant(&node) => drop(nodes.insert(node)),
                Some(_) => {}
                None => drop(unnamed.insert(name)),
            }
        }
        // Where only one has written, neither its place nor its time is shown.
        let shows_order = nodes.len() > 1 || self.printer.format == ListFormat::Json;
        if unnamed.is_empty() && (nodes.is_empty() || !shows_order) {
            let read = nodes.into_iter().map(|node| (node, LogCursor::default()));
            self.nodes.extend(read);
            return Ok(());
        }
        self.read_started(|node| {
            nodes.contains(node) || !unnamed.is_empty() && unnamed.contains(&file_name(node))
        })
    }

    /// Finds nodes that have started since.
    fn read_new(&mut self) -> Result<(), StoreError> {
        let last = self.store.last_sequence(self.run.number)?;
        if last < self.next {
            return Ok(());
        }
        self.read_started(|_| true)?;
        self.next = last + 1;
        Ok(())
    }

    /// Reads from the journal which of these nodes have started, and when.
    fn read_started(&mut self, is_wanted: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let mut nodes = std::mem::take(&mut self.nodes);
        let (run, next) = (self.run.number, self.next);
        self.store.started_nodes(run, next, |node, at| {
            if is_wanted(node) && self.is_meant(node) {
                nodes.entry(NodePath::read(node)).or_default().began = Some(at);
            }
        })?;
        self.nodes = nodes;
        Ok(())
    }

    fn is_meant(&self, node: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.have(node))
    }

    /// Shows what has been written since the last call; also a line without its end where no more
    /// comes. Returns whether there was something.
    fn read(&mut self, to_the_end: bool, output: &mut Output) -> Result<bool, StoreError> {
        let mut nodes = std::mem::take(&mut self.nodes);
        let mut wrote = false;
        let mut failed = None;
        for (node, reading) in &mut nodes {
            let path = self.folder.join(file_name(node));
            let mut last: VecDeque<String> = VecDeque::new();
            loop {
                let more = match read_more(&path, reading) {
                    Ok(more) => more,
                    Err(error) => {
                        failed = Some(LogError::new(&path, &error));
                        break;
                    }
                };
                let is_ended = reading.rest.ends_with(b"\n");
                let lines = split_lines(&mut reading.rest, to_the_end && !more);
                wrote |= !lines.is_empty();
                // Where only one wrote, its last line ends as it was written.
                let is_open = !self.printer.named && !more && to_the_end && !is_ended;
                let began = reading.began;
                match self.tail {
                    None => self.printer.print((node, began), &lines, is_open, output),
                    Some(count) => {
                        last.extend(lines);
                        last.drain(..last.len().saturating_sub(count));
                        if !more {
                            let last = last.make_contiguous();
                            self.printer.print((node, began), last, is_open, output);
                        }
                    }
                }
                if !more {
                    break;
                }
            }
        }
        self.nodes = nodes;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(wrote),
        }
    }
}

impl LogPrinter {
    /// Prints lines of a node that began at a time; `is_open` where the last one has no end.
    pub(super) fn print(
        &self,
        (node, began): (&str, Option<Timestamp>),
        lines: &[String],
        is_open: bool,
        output: &mut Output,
    ) {
        let mut text = String::new();
        let since = began.map(|began| ms_between(self.started_at, began));
        for line in lines {
            if self.format == ListFormat::Json {
                let began = began.map(time);
                let written = LogLineJson {
                    node,
                    began,
                    text: line,
                };
                // Texts can always be serialized.
                text.push_str(&serde_json::to_string(&written).unwrap_or_default());
            } else if self.named {
                let label = path::label(node, self.style);
                let since = since.map(timestamp).unwrap_or_default();
                let mut shown = StyledLine::of(Tone::Dim, format!("{since:>7}  "));
                shown.add(Tone::Note, clean_line(&label));
                shown.add(Tone::Dim, format!(" {} ", self.style.bar()));
                text.push_str(&shown.paint(self.style));
                text.push(' ');
                text.push_str(&output_line(line));
            } else {
                text.push_str(&output_line(line));
            }
            text.push('\n');
        }
        if is_open && self.format != ListFormat::Json {
            text.pop();
        }
        if !text.is_empty() {
            output.print(&text);
        }
    }
}

/// Reads a piece of a log. Returns whether there is more.
fn read_more(path: &Path, reading: &mut LogCursor) -> std::io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(reading.at))?;
    let count = file.take(READ_CHUNK_BYTES).read_to_end(&mut reading.rest)?;
    reading.at += count as u64;
    Ok(count as u64 == READ_CHUNK_BYTES)
}

/// Removes the whole lines, and an unfinished one if no more comes.
fn split_lines(bytes: &mut Vec<u8>, last: bool) -> Vec<String> {
    let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
        _ if last => bytes.len(),
        Some(at) => at + 1,
        None => 0,
    };
    let taken: Vec<u8> = bytes.drain(..end).collect();
    let text = String::from_utf8_lossy(&taken);
    text.lines().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_waits_for_its_end_unless_no_more_comes() {
        let mut bytes = b"one\ntw".to_vec();
        assert_eq!(split_lines(&mut bytes, false), ["one"]);
        assert_eq!(split_lines(&mut bytes, false), [""; 0]);
        bytes.extend_from_slice(b"o\nthr");
        assert_eq!(split_lines(&mut bytes, false), ["two"]);
        assert_eq!(split_lines(&mut bytes, true), ["thr"]);
        assert!(bytes.is_empty());
    }
}
