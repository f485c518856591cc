//! How long an editor waits: diagnostics after a keystroke and completion, in a file of 5,000
//! lines, asked of the real server over standard input and output.
//!
//! `cargo bench --bench lsp`

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
    fn start() -> Self {
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
        server.ask("initialize", json!({ "capabilities": {} }));
        server.tell("initialized", json!({}));
        server
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

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:<28} {:>4} times  median {:>6.1} ms  99 % {:>6.1} ms  longest {:>6.1} ms",
        times.len(),
        ms(at(0.5)),
        ms(at(0.99)),
        ms(at(1.0)),
    );
}

fn main() {
    let text = big(5_000);
    let mut server = Server::start();
    server.tell(
        "textDocument/didOpen",
        json!({ "textDocument": { "uri": URI, "languageId": "deploy", "version": 1, "text": text } }),
    );
    server.diagnosed(1);
    let lines: Vec<&str> = text.lines().collect();
    let bodies = lines.iter().enumerate();
    let bodies = bodies.filter(|(_, line)| line.starts_with("  return found"));
    let bodies: Vec<usize> = bodies.map(|(at, _)| at).collect();
    let mut version = 1;
    let mut typed = Vec::new();
    let mut completed = Vec::new();
    for round in 0..6 {
        let mut line = bodies[bodies.len() * (round + 1) / 8];
        let mut character = 0;
        let first = line;
        for c in TYPED.chars() {
            version += 1;
            let place = json!({ "line": line, "character": character });
            let began = Instant::now();
            server.tell(
                "textDocument/didChange",
                json!({
                    "textDocument": { "uri": URI, "version": version },
                    "contentChanges": [{
                        "range": { "start": place, "end": place }, "text": c.to_string(),
                    }],
                }),
            );
            server.diagnosed(version);
            typed.push(began.elapsed());
            character += 1;
            if c == '\n' {
                (line, character) = (line + 1, 0);
            }
            // A person types more slowly than this.
            std::thread::sleep(Duration::from_millis(120));
            if matches!(c, '.' | 'l' | 'r' | 't') {
                let place = json!({ "line": line, "character": character });
                let began = Instant::now();
                server.ask(
                    "textDocument/completion",
                    json!({ "textDocument": { "uri": URI }, "position": place }),
                );
                completed.push(began.elapsed());
            }
        }
        version += 1;
        server.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": version },
                "contentChanges": [{
                    "range": {
                        "start": { "line": first, "character": 0 },
                        "end": { "line": line, "character": character },
                    },
                    "text": "",
                }],
            }),
        );
        server.diagnosed(version);
    }
    println!("a file of {} lines, {} KB", lines.len(), text.len() / 1024);
    report("diagnostics after a keystroke", typed);
    report("completion", completed);
    server.ask("shutdown", Value::Null);
    server.tell("exit", Value::Null);
    let _ = server.child.wait();
}
