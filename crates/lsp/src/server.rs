//! The main loop: handles messages in order, updates the session, and passes requests to the
//! worker.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use gen_lsp_types::{
    DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams,
};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::background::check;
use super::client::Client;
use super::session::{Document, Snapshot};
use super::transport::{self, Incoming};
use super::worker::{CancelledRequests, Worker, WorkerJob};
use super::{ServerEnvironment, capabilities, commands, uri};

/// The stack size of the worker, in bytes, enough for the deepest trees.
const WORKER_STACK_BYTES: usize = 64 << 20;

/// Serves until the client sends `exit` or disconnects; returns whether it sent `shutdown` before.
pub(super) fn run(
    mut input: Box<dyn BufRead + Send>,
    mut output: Box<dyn Write + Send>,
    outside: Arc<ServerEnvironment>,
) -> bool {
    let (messages, incoming) = channel();
    let reader = move || {
        while let Ok(Some(message)) = transport::read(&mut input) {
            if messages.send(message).is_err() {
                return;
            }
        }
    };
    let (replies, outgoing) = channel::<Value>();
    let writer = move || {
        for reply in outgoing {
            if transport::write(&mut *output, &reply).is_err() {
                return;
            }
        }
    };
    // The reader thread is not joined: it may wait for input for ever.
    if named("reader").spawn(reader).is_err() {
        return false;
    }
    let Ok(writer) = named("writer").spawn(writer) else {
        return false;
    };
    let good = serve(&incoming, replies, outside);
    // Pending answers are still written.
    let _ = writer.join();
    good
}

/// A named thread, so that it can be identified in the process.
fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(String::from(name))
}

fn serve(
    incoming: &Receiver<Incoming>,
    replies: Sender<Value>,
    outside: Arc<ServerEnvironment>,
) -> bool {
    let (jobs, queue) = channel();
    let stopped = CancelledRequests::default();
    let (snapshots, changes) = channel();
    let results = jobs.clone();
    let prover = {
        let outside = outside.clone();
        move || check(outside, &changes, &results)
    };
    if named("prover")
        .stack_size(WORKER_STACK_BYTES)
        .spawn(prover)
        .is_err()
    {
        return false;
    }
    let mut worker = Worker::new(outside.clone(), replies.clone(), stopped.clone());
    let worker = named("worker")
        .stack_size(WORKER_STACK_BYTES)
        .spawn(move || worker.work(&queue));
    let Ok(worker) = worker else {
        return false;
    };
    let mut server = Server {
        outside,
        session: Arc::default(),
        state: ServerState::New,
        replies,
        jobs,
        snapshots,
        stopped,
        asked: 0,
    };
    let mut good = false;
    while let Ok(message) = incoming.recv() {
        if let Some(end) = server.take(message) {
            good = end;
            break;
        }
    }
    // Pending requests are still answered; the prover is not joined.
    let _ = server.jobs.send(WorkerJob::Stop);
    drop(server);
    let _ = worker.join();
    good
}

/// The state of the protocol's lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerState {
    New,
    Running,
    ShutDown,
}

struct Server {
    outside: Arc<ServerEnvironment>,
    session: Arc<Snapshot>,
    state: ServerState,
    replies: Sender<Value>,
    jobs: Sender<WorkerJob>,
    snapshots: Sender<Arc<Snapshot>>,
    stopped: CancelledRequests,
    /// How many requests were sent to the client.
    asked: i32,
}

impl Server {
    /// Handles a message; `Some` after the last one, with whether the client shut down properly.
    fn take(&mut self, message: Incoming) -> Option<bool> {
        match message {
            Incoming::Malformed(refusal) => self.send(refusal),
            Incoming::Message(Message::Request(request)) => self.request(request),
            Incoming::Message(Message::Notification(notification)) => {
                if notification.method == "exit" {
                    return Some(self.state == ServerState::ShutDown);
                }
                self.notification(notification);
            }
            // Responses to the server's requests need no handling.
            Incoming::Message(Message::Response(_)) => {}
        }
        None
    }

    fn send(&self, message: Value) {
        let _ = self.replies.send(message);
    }

    fn answer(&self, response: &Response) {
        self.send(reply(response));
    }

    fn refuse(&self, id: RequestId, code: ErrorCode, why: &str) {
        self.answer(&Response::new_err(id, code as i32, why.to_owned()));
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        match (self.state, method.as_str()) {
            (ServerState::New, "initialize") => self.initialize(id, &params),
            (ServerState::New, _) => {
                let why = "the server has not been initialized";
                self.refuse(id, ErrorCode::ServerNotInitialized, why);
            }
            (_, "initialize") => {
                let why = "the server has been initialized already";
                self.refuse(id, ErrorCode::InvalidRequest, why);
            }
            (ServerState::ShutDown, _) => {
                let why = "the server is shutting down";
                self.refuse(id, ErrorCode::InvalidRequest, why);
            }
            (ServerState::Running, "shutdown") => {
                self.state = ServerState::ShutDown;
                self.answer(&Response::new_ok(id, Value::Null));
            }
            (ServerState::Running, "workspace/executeCommand") => self.execute(id, params),
            (ServerState::Running, _) => {
                let _ = self.jobs.send(WorkerJob::Answer {
                    id,
                    method,
                    params,
                    snapshot: self.session.clone(),
                });
            }
        }
    }

    fn execute(&self, id: RequestId, params: Value) {
        let outside = &self.outside;
        let is_unsaved = |path: &std::path::Path| {
            let open = self.session.of_path(path);
            let saved = outside.files.read(&path.to_string_lossy());
            open.is_some_and(|open| saved.is_ok_and(|saved| saved != *open.text))
        };
        let refusal = commands::execute(
            id,
            params,
            (&self.session.client, is_unsaved),
            outside,
            &self.jobs,
        );
        refusal.iter().for_each(|refusal| self.answer(refusal));
    }

    fn initialize(&mut self, id: RequestId, params: &Value) {
        let client = Client::new(params);
        let result = capabilities::result(&client);
        Arc::make_mut(&mut self.session).client = Arc::new(client);
        self.state = ServerState::Running;
        self.answer(&Response::new_ok(id, result));
    }

    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        if self.state != ServerState::Running {
            return;
        }
        match method.as_str() {
            "initialized" => self.watch(),
            "textDocument/didOpen" => self.with(params, Self::open),
            "textDocument/didChange" => self.with(params, Self::change),
            "textDocument/didClose" => self.with(params, Self::close),
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => {
                self.update(|session| session.disk += 1);
            }
            "workspace/didChangeWorkspaceFolders" => self.with(params, Self::folders),
            "$/cancelRequest" => {
                let id = params.get("id").cloned().unwrap_or_default();
                if let Ok(id) = serde_json::from_value::<RequestId>(id) {
                    self.stopped.stop(id);
                }
            }
            // Methods with `$/` may be ignored, and other notifications need no response.
            _ => {}
        }
    }

    /// Calls `take` with parsed parameters; malformed parameters of a notification are ignored,
    /// since it has no response.
    fn with<T: DeserializeOwned>(&mut self, params: Value, take: impl Fn(&mut Self, T)) {
        if let Ok(params) = serde_json::from_value(params) {
            take(self, params);
        }
    }

    /// Updates the session and requests a check of its documents.
    fn update(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let session = Arc::make_mut(&mut self.session);
        session.moment += 1;
        change(session);
        self.stopped.passed(session.moment);
        let _ = self.jobs.send(WorkerJob::Check(self.session.clone()));
        let _ = self.snapshots.send(self.session.clone());
    }

    fn open(&mut self, params: DidOpenTextDocumentParams) {
        let new = params.text_document;
        let document = Document::new(&new.uri.0, new.version, &new.text);
        let name = document
            .path
            .as_deref()
            .and_then(std::path::Path::file_name);
        let is_settings = name.is_some_and(|name| name == self.outside.settings.file);
        if !is_settings && new.language_id.to_string() == "toml" {
            // An editor that attaches by the type of a file hands on all of them.
            return;
        }
        self.update(|session| {
            let shelf = match is_settings {
                true => &mut session.settings,
                false => &mut session.documents,
            };
            shelf.insert(new.uri.0, Arc::new(document));
        });
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) {
        let version = params.text_document.version;
        let uri = params.text_document.text_document_identifier.uri.0;
        let encoding = self.session.client.encoding;
        let Some(document) = self.session.opened(&uri) else {
            return;
        };
        let document = document.changed(version, params.content_changes, encoding);
        self.update(|session| {
            session.shelf(&uri).insert(uri, Arc::new(document));
        });
    }

    fn close(&mut self, params: DidCloseTextDocumentParams) {
        self.update(|session| {
            let uri = params.text_document.uri.0;
            session.shelf(&uri).remove(&uri);
        });
    }

    fn folders(&mut self, params: DidChangeWorkspaceFoldersParams) {
        self.update(|session| {
            let client = Arc::make_mut(&mut session.client);
            let path = |folder: &gen_lsp_types::WorkspaceFolder| uri::path(&folder.uri.0);
            for gone in params.event.removed.iter().filter_map(path) {
                client.folders.retain(|folder| *folder != gone);
            }
            let added = params.event.added.iter().filter_map(path);
            client.folders.extend(added);
        });
    }

    /// Registers a watcher for source files that change on disk.
    fn watch(&mut self) {
        if !self.session.client.watches {
            return;
        }
        self.asked += 1;
        self.send(json!({
            "id": format!("lockstep-{}", self.asked),
            "method": "client/registerCapability",
            "params": { "registrations": [{
                "id": "files",
                "method": "workspace/didChangeWatchedFiles",
                "registerOptions": { "watchers": [
                    { "globPattern": "**/*.deploy" },
                    { "globPattern": "**/lockstep.toml" },
                ] },
            }] },
        }));
    }
}

/// A response in the form of the protocol: with a result, even if it is null.
pub(super) fn reply(response: &Response) -> Value {
    match &response.error {
        Some(error) => json!({ "id": response.id, "error": error }),
        None => json!({ "id": response.id, "result": response.result }),
    }
}
