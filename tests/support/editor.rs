//! A client of the language server: starts it, sends notifications and requests, and waits for
//! answers.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::program::{command, program};

/// The maximum time for an answer.
const LONGEST: Duration = Duration::from_secs(60);

/// A client with its server.
pub struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    incoming: Receiver<Value>,
    asked: i64,
    /// Notifications and requests of the server that have not been consumed.
    pub told: Vec<Value>,
    /// The result of `initialize`.
    pub server: Value,
}

impl Editor {
    /// Starts a server in a folder, without sending anything.
    pub fn silent(folder: &Path) -> Self {
        let mut command = command(program(), folder);
        command.args(["lsp", "--stdio"]);
        command.env("XDG_CACHE_HOME", folder.join("cache"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, incoming) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input,
            incoming,
            asked: 0,
            told: Vec::new(),
            server: Value::Null,
        }
    }

    /// Starts a server for a client with these capabilities.
    pub fn new(folder: &Path, capabilities: &Value) -> Self {
        let folders = json!([{ "uri": address(folder), "name": "test" }]);
        Self::with_folders(folder, capabilities, &folders)
    }

    /// The same for a client with these workspace folders, or none.
    pub fn with_folders(folder: &Path, capabilities: &Value, folders: &Value) -> Self {
        let mut editor = Self::silent(folder);
        let answer = editor.ask(
            "initialize",
            json!({
                "processId": null,
                "rootUri": null,
                "capabilities": capabilities,
                "workspaceFolders": folders,
            }),
        );
        editor.server = answer["result"].clone();
        editor.tell("initialized", json!({}));
        editor
    }

    /// Writes raw bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(bytes).expect("the server reads");
        input.flush().expect("the server reads");
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let whole = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.raw(whole.as_bytes());
    }

    /// Sends a notification.
    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(|message| message["id"] == json!(id) && message.get("method").is_none())
    }

    /// The next message that matches; the others are stored.
    pub fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.told.iter().position(&fits) {
            return self.told.remove(at);
        }
        loop {
            let message = self.incoming.recv_timeout(LONGEST);
            let message = message.expect("the server answers");
            if fits(&message) {
                return message;
            }
            self.told.push(message);
        }
    }

    /// Opens a document.
    pub fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "deploy", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Closes the input; returns the exit code of the server.
    pub fn end(mut self) -> i32 {
        drop(self.input.take());
        let status = self.child.wait().expect("the server ends");
        status.code().unwrap_or(-1)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The URI of a path.
pub fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn read(input: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
