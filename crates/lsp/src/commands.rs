//! `workspace/executeCommand`: plans, checks or tests a file for an editor that has no command of
//! its own for it. The commands run on threads of their own, so that nothing waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use gen_lsp_types::{ExecuteCommandParams, Uri};
use lsp_server::{ErrorCode, RequestId, Response};
use serde_json::{Value, json};

use super::client::Client;
use super::worker::WorkerJob;
use super::{ServerEnvironment, uri};

/// What can be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileAction {
    Plan,
    Check,
    Test,
}

/// The commands by the names that the protocol uses.
pub(super) const COMMANDS: [(&str, FileAction); 3] = [
    ("lockstep.plan", FileAction::Plan),
    ("lockstep.check", FileAction::Check),
    ("lockstep.test", FileAction::Test),
];

/// The command of the lens that runs a pipeline. The server does not run pipelines: an editor that
/// has this command asks before it does.
pub(super) const RUN: &str = "lockstep.run";

/// A command about a file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCommand {
    /// What to do.
    pub action: FileAction,
    /// The file.
    pub file: PathBuf,
    /// The pipeline to plan, or the test to run; the only one or all of them without it.
    pub name: Option<String>,
}

/// What a command has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Whether it has ended well.
    pub good: bool,
    /// All that it has written.
    pub text: String,
}

/// A command that has ended.
pub(super) struct Executed {
    /// The request that it answers.
    id: RequestId,
    client: Arc<Client>,
    /// What was done with which file.
    command: FileCommand,
    output: CommandOutput,
}

/// Whether somebody runs a command of this name: the editor or the server.
pub(super) fn can_run(client: &Client, name: &str) -> bool {
    client.commands.iter().any(|own| own == name) || offered(client).any(|own| own == name)
}

/// The commands that the server offers: an editor's own have precedence.
pub(super) fn offered(client: &Client) -> impl Iterator<Item = &'static str> {
    let names = COMMANDS.iter().map(|(name, _)| *name);
    names.filter(|name| !client.commands.iter().any(|own| own == name))
}

/// Starts a command; its end is handed to the worker. Returns the refusal if there is none such.
pub(super) fn execute(
    id: RequestId,
    params: Value,
    (client, is_unsaved): (&Arc<Client>, impl Fn(&Path) -> bool),
    outside: &Arc<ServerEnvironment>,
    jobs: &Sender<WorkerJob>,
) -> Option<Response> {
    let refuse = |id, why: &str| {
        Some(Response::new_err(
            id,
            ErrorCode::InvalidParams as i32,
            why.to_owned(),
        ))
    };
    let Ok(params) = serde_json::from_value::<ExecuteCommandParams>(params) else {
        return refuse(id, "a command has a name and arguments");
    };
    let Some((_, action)) = COMMANDS.iter().find(|(name, _)| *name == params.command) else {
        return refuse(id, &format!("there is no command `{}`", params.command));
    };
    let arguments = params.arguments.unwrap_or_default();
    let argument = |at: usize| arguments.get(at).and_then(Value::as_str);
    let Some(file) = argument(0).and_then(uri::path) else {
        return refuse(id, "the first argument is the URI of a file");
    };
    let command = FileCommand {
        action: *action,
        name: argument(1).map(str::to_owned),
        file,
    };
    let note = is_unsaved(&command.file);
    let (client, outside, jobs) = (client.clone(), outside.clone(), jobs.clone());
    let refused = id.clone();
    let work = move || {
        let mut output = (outside.execute)(&command);
        if note {
            let note = "The file has changes that are not saved; this is about the saved one.\n\n";
            output.text.insert_str(0, note);
        }
        let executed = Executed {
            id,
            client,
            command,
            output,
        };
        let _ = jobs.send(WorkerJob::Executed(executed));
    };
    let started = thread::Builder::new()
        .name(String::from("command"))
        .spawn(work);
    match started {
        Ok(_) => None,
        Err(why) => Some(Response::new_err(
            refused,
            ErrorCode::RequestFailed as i32,
            format!("the command cannot be started: {why}"),
        )),
    }
}

impl Executed {
    /// The answer to the request, and the message that shows the result, without its id if it is a
    /// request.
    pub(super) fn shown(self, outside: &ServerEnvironment) -> (Response, Value) {
        let Self {
            id,
            client,
            command,
            output,
        } = self;
        let text = output.text.trim_end();
        let page = || {
            let long = client.shows_documents && text.lines().count() > 1;
            let path = long.then(|| write(outside.cache.as_deref()?, &command, text));
            path.flatten()
        };
        let message = match page() {
            Some(path) => json!({
                "method": "window/showDocument",
                "params": { "uri": Uri(uri::uri(&path)), "takeFocus": true },
            }),
            None => json!({
                "method": "window/showMessage",
                "params": { "type": if output.good { 3 } else { 1 }, "message": text },
            }),
        };
        (Response::new_ok(id, text), message)
    }
}

/// Writes what a command has said into a file that an editor can show.
fn write(cache: &Path, command: &FileCommand, text: &str) -> Option<PathBuf> {
    let folder = cache.join("lockstep").join("shown");
    std::fs::create_dir_all(&folder).ok()?;
    let action = match command.action {
        FileAction::Plan => "plan",
        FileAction::Check => "check",
        FileAction::Test => "test",
    };
    let name = command.file.file_stem()?.to_string_lossy();
    let path = folder.join(format!("{action}-{name}.txt"));
    std::fs::write(&path, format!("{text}\n")).ok()?;
    Some(path)
}
