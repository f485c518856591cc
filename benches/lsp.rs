//! The latency of the language server: diagnostics after a keystroke and completion, in a file of
//! 5,000 lines, requested of the real server over standard input and output.
//!
//! `cargo bench --bench lsp`

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is not as it should be"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const URI: &str = "file:///tmp/lockstep-bench/big.deploy";

/// What is typed, one character after the other, into the middle of the file.
const TYPED: &str = "  log \"at ${s.name}\"\n  if tries > 1 {\n    run \"true\" retry tries\n  }\n";

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: i64,
}

impl Server {
    fn start(capabilities: &Value) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Self {
            child,
            input,
            output,
            asked: 0,
        };
        server.ask("initialize", json!({ "capabilities": capabilities }));
        server.tell("initialized", json!({}));
        server
    }

    /// The processor time that its threads have used so far, without the one for background checks,
    /// which delay nobody; zero on other systems than Linux.
    fn work(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
        let times = tasks.filter_map(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            if name.trim() == "prover" {
                return None;
            }
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(times.sum())
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        self.input.flush().expect("it reads");
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.read();
            if message["id"] == json!(id) {
                return message;
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("a line");
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("a body");
        serde_json::from_slice(&body).expect("a message")
    }

    /// Waits for the diagnostics of a version.
    fn diagnosed(&mut self, version: i64) {
        loop {
            let message = self.read();
            if message["params"]["version"] == json!(version) {
                return;
            }
        }
    }
}

/// A file of about `lines` lines, with all sorts of declarations.
fn big(lines: usize) -> String {
    let mut text = String::from(
        "from \"std/release\" import release\nfrom \"std/health\" import http-ok\n\
         input version: string = \"v1\"\n",
    );
    for environment in 0..6 {
        let _ = writeln!(text, "environment env-{environment} {{");
        for place in 0..10 {
            let _ = writeln!(
                text,
                "  infrastructure i{place}: release {{ root = \"{environment}/{place}\" }}"
            );
        }
        text.push_str("}\n");
    }
    let mut at = 0;
    while text.lines().count() < lines {
        let _ = write!(
            text,
            "\n## Service {at}.\nservice svc-{at}: release {{\n  source = \"web/{at}\"\n  \
             version = version\n}}\n\n\
             ## Says things about {at}.\n\
             workflow w-{at}(s: service<release>, i: infrastructure<release>, tries: int = 3) -> string {{\n  \
             let base = \"${{i.root}}/${{s.name}}/{at}\"\n  \
             step prepare {{\n    run \"mkdir -p ${{base}}\" retry tries every 1s..10s timeout 2m\n    \
             log \"prepared ${{base}}\"\n  }} undo {{\n    run \"rm -rf ${{base}}\"\n  }}\n  \
             let found = run \"ls -1 ${{base}}\" in base env {{ LANG: \"C\" }}\n  \
             if found.stdout == \"\" and tries > 1 {{\n    log \"nothing: ${{found.code}}\"\n  \
             }} else if length(split(found.stdout, \"\\n\")) > 10 {{\n    \
             http-ok(\"https://example.com/${{s.name}}\", tries: 2, every: 5s)\n  }}\n  \
             return found.stdout\n}}\n"
        );
        if at % 10 == 0 {
            let _ = write!(
                text,
                "\npipeline p-{at} atomic timeout 2h {{\n  stage first {{\n    \
                 matrix serial target in env-1.* parallel service in [svc-{at}] max 4\n    {{\n      \
                 deploy service to target\n    }}\n  }}\n}}\n"
            );
        }
        at += 1;
    }
    text
}

/// The latency: until the answer arrived, and the processor time of the server.
#[derive(Clone, Copy)]
struct Took {
    time: Duration,
    work: Duration,
}

fn report(what: &str, took: &[Took]) {
    let line = |name: &str, of: &dyn Fn(&Took) -> Duration| {
        let mut times: Vec<f64> = took
            .iter()
            .map(|it| of(it).as_secs_f64() * 1000.0)
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        println!(
            "{name:<34} {:>4} times  median {:>6.1} ms  90 % {:>6.1} ms  99 % {:>6.1} ms  \
             longest {:>6.1} ms",
            times.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
        );
    };
    line(what, &|it| it.time);
    line("  of that, processor time", &|it| it.work);
}

/// A place where somebody types, and what is typed there.
struct Typing<'t> {
    line: usize,
    character: usize,
    text: &'t str,
    /// Whether completion is asked for, too.
    completes: bool,
}

/// A document in a server, while it is edited.
struct Session {
    server: Server,
    version: i64,
    pulls: bool,
    completed: Vec<Took>,
}

impl Session {
    fn open(text: &str, pulls: bool) -> Self {
        let capabilities = match pulls {
            true => json!({
                "textDocument": { "diagnostic": {} },
                "workspace": { "diagnostics": { "refreshSupport": true } },
            }),
            false => json!({}),
        };
        let mut server = Server::start(&capabilities);
        let document = json!({ "uri": URI, "languageId": "deploy", "version": 1, "text": text });
        server.tell("textDocument/didOpen", json!({ "textDocument": document }));
        let mut session = Self {
            server,
            version: 1,
            pulls,
            completed: Vec::new(),
        };
        session.diagnosed();
        session
    }

    /// Waits until the present diagnostics are published.
    fn diagnosed(&mut self) {
        if self.pulls {
            let document = json!({ "textDocument": { "uri": URI } });
            self.server.ask("textDocument/diagnostic", document);
        } else {
            self.server.diagnosed(self.version);
        }
    }

    fn change(&mut self, start: &Value, end: &Value, text: &str) -> Took {
        self.version += 1;
        let (began, work) = (Instant::now(), self.server.work());
        let change = json!({ "range": { "start": start, "end": end }, "text": text });
        self.server.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": self.version },
                "contentChanges": [change],
            }),
        );
        self.diagnosed();
        Took {
            time: began.elapsed(),
            work: self.server.work() - work,
        }
    }

    fn complete(&mut self, place: &Value) {
        let (began, work) = (Instant::now(), self.server.work());
        let params = json!({ "textDocument": { "uri": URI }, "position": place });
        self.server.ask("textDocument/completion", params);
        self.completed.push(Took {
            time: began.elapsed(),
            work: self.server.work() - work,
        });
    }

    /// Types a text character by character, as a person would, and removes it.
    fn type_in(&mut self, typing: &Typing<'_>) -> Vec<Took> {
        let place = |line: usize, character: usize| json!({ "line": line, "character": character });
        let (mut line, mut character) = (typing.line, typing.character);
        let first = place(line, character);
        let mut took = Vec::new();
        for (at, c) in typing.text.chars().enumerate() {
            let here = place(line, character);
            took.push(self.change(&here, &here, &c.to_string()));
            character += 1;
            if c == '\n' {
                (line, character) = (line + 1, 0);
            }
            // A person types more slowly than this, and sometimes thinks.
            let pause = if at % 10 == 9 { 400 } else { 120 };
            std::thread::sleep(Duration::from_millis(pause));
            if typing.completes && matches!(c, '.' | 'l' | 'r' | 't') {
                self.complete(&place(line, character));
            }
        }
        self.change(&first, &place(line, character), "");
        took
    }

    fn end(mut self) {
        self.server.ask("shutdown", Value::Null);
        self.server.tell("exit", Value::Null);
        let _ = self.server.child.wait();
    }
}

/// Some of the lines that begin with a text.
fn some(lines: &[&str], begin: &str, count: usize) -> Vec<usize> {
    let all = lines.iter().enumerate();
    let all = all.filter(|(_, line)| line.starts_with(begin));
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    (0..count)
        .map(|at| all[all.len() * (at + 1) / (count + 2)])
        .collect()
}

fn main() {
    let text = big(5_000);
    let lines: Vec<&str> = text.lines().collect();
    println!("a file of {} lines, {} KB", lines.len(), text.len() / 1024);
    let column = |line: usize, of: &str| lines[line].find(of).map_or(0, |at| at + of.len());
    for pulls in [false, true] {
        let mut session = Session::open(&text, pulls);
        let mut body = Vec::new();
        for line in some(&lines, "  return found", 6) {
            body.extend(session.type_in(&Typing {
                line,
                character: 0,
                text: TYPED,
                completes: true,
            }));
        }
        let mut field = Vec::new();
        for line in some(&lines, "  source = ", 3) {
            field.extend(session.type_in(&Typing {
                line,
                character: column(line, "\"web"),
                text: "/new ${version}",
                completes: false,
            }));
        }
        let mut head = Vec::new();
        for line in some(&lines, "workflow ", 3) {
            head.extend(session.type_in(&Typing {
                line,
                character: column(line, "= 3"),
                text: ", more: bool = true",
                completes: false,
            }));
        }
        println!(
            "{}",
            match pulls {
                true => "an editor that asks for diagnostics",
                false => "an editor that is sent diagnostics",
            }
        );
        report("diagnostics, typing in a body", &body);
        report("diagnostics, typing in a field", &field);
        report("diagnostics, typing in a head", &head);
        report("completion", &session.completed);
        session.end();
    }
}
