//! `lockstep serve` in a fresh folder, and what browsers and programs ask it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{command, program};

/// Everything that is tested is faster than this.
const LONGEST: Duration = Duration::from_secs(60);

/// A server, and its folder.
pub struct TestServer {
    folder: TempDir,
    child: Option<Child>,
    address: String,
    /// The one-time link of the first start.
    link: String,
}

/// Somebody who asks a server: a browser with a session, or a program with a token.
#[derive(Clone)]
pub struct Client {
    address: String,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl TestServer {
    /// Starts one on files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text).expect("the file is written");
        }
        let mut server = Self {
            folder,
            child: None,
            address: String::from("127.0.0.1:0"),
            link: String::new(),
        };
        server.start();
        server
    }

    /// Starts it, again at the same address where it has run before.
    pub fn start(&mut self) {
        let mut serve = command(program(), self.path());
        serve.args(["serve", "--listen", &self.address]);
        let errors = std::fs::File::create(self.path().join("server.err")).expect("a file");
        serve.stdout(Stdio::piped()).stderr(errors);
        let mut child = serve.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a line").expect("text");
        let (_, address) = first.split_once("http://").expect("an address");
        self.address = address.to_owned();
        if self.link.is_empty() {
            let _ = lines.next();
            let link = lines.next().expect("a line").expect("text");
            let (_, token) = link.split_once('#').expect("a token");
            self.link = token.to_owned();
        }
        // What it says later is not read, and must not fill a pipe.
        std::thread::spawn(move || lines.count());
        self.child = Some(child);
    }

    /// Kills it, without a chance to do anything more.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is killed");
            child.wait().expect("it has ended");
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join(".lockstep")
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody who is not signed in.
    pub fn stranger(&self) -> Client {
        Client {
            address: self.address.clone(),
            headers: Vec::new(),
        }
    }

    /// The first administrator, in a browser.
    pub fn admin(&self, name: &str) -> Client {
        self.by_link(
            &self.link,
            json!({"name": name, "password": "correct horse battery"}),
        )
    }

    /// Another user, invited by the first.
    pub fn user(&self, admin: &Client, name: &str) -> Client {
        let link = admin
            .post("/api/v1/users", &json!({"name": name}))
            .expect(201);
        let url = link["url"].as_str().expect("a link");
        let (_, token) = url.split_once('#').expect("a token");
        self.by_link(token, json!({"password": "correct horse battery"}))
    }

    fn by_link(&self, token: &str, account: Value) -> Client {
        let answer = self
            .stranger()
            .post(&format!("/api/v1/invitations/{token}"), &account);
        assert_eq!(answer.status, 204, "{answer:?}");
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let client = self.stranger().with("Cookie", &cookie);
        let session = client.get("/api/v1/session").expect(200);
        let csrf = session["csrf_token"].as_str().expect("a token").to_owned();
        client.with("X-CSRF-Token", &csrf)
    }

    /// Runs the command line in the folder.
    pub fn lockstep(&self, arguments: &[&str]) -> super::program::Said {
        let mut process = command(program(), self.path());
        process.args(arguments);
        super::program::run(process)
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + LONGEST;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < end, "waited too long: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a run has ended, and says how.
    #[track_caller]
    pub fn ended(&self, client: &Client, run: &str) -> String {
        self.until("the end of the run", || {
            let found = client.get(&format!("/api/v1/runs/{run}")).expect(200);
            let status = found["status"].as_str().expect("a status").to_owned();
            let goes_on = ["starting", "running", "queued", "stopped"];
            (!goes_on.contains(&status.as_str())).then_some(status)
        })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
        // Runs outlive it.
        let path = self.path().display().to_string();
        let _ = Command::new("pkill").args(["-9", "-f", &path]).status();
    }
}

impl Client {
    /// The same with a header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// The same without a header.
    pub fn without(&self, name: &str) -> Self {
        let mut without = self.clone();
        without
            .headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        without
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let mut stream = self.open(method, path, body);
        read(&mut stream)
    }

    /// A request of which the answer has not been read.
    #[track_caller]
    pub fn open(&self, method: &str, path: &str, body: Option<&[u8]>) -> BufReader<TcpStream> {
        let opened = self.try_open(method, path, body);
        opened.expect("the server listens")
    }

    /// The same of a server that may be gone.
    pub fn try_open(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream
            .set_read_timeout(Some(LONGEST))
            .expect("a time limit");
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            let named = self.headers.iter().any(|(name, _)| name == "Content-Type");
            if !named {
                head.push_str("Content-Type: application/json\r\n");
            }
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        // A server that has been killed meanwhile is found when the answer is read.
        let _ = (&stream).write_all(&bytes);
        Ok(BufReader::new(stream))
    }

    /// The records of a run's events behind one, until the stream ends: `(number, data)`.
    #[track_caller]
    pub fn events(&self, run: &str, after: u64) -> Vec<(u64, Value)> {
        let with = self.with("Last-Event-ID", &after.to_string());
        let answer = with.get(&format!("/api/v1/runs/{run}/events"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let messages = answer.body.split("\n\n");
        let records = messages.filter_map(|message| {
            let mut lines = message.lines();
            let id = lines.find_map(|line| line.strip_prefix("id: "))?;
            let data = lines.find_map(|line| line.strip_prefix("data: "))?;
            let data = serde_json::from_str(data).expect("JSON");
            Some((id.parse().expect("a number"), data))
        });
        records.collect()
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as data, where the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The type and the text of the problem.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        let data = self.expect(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("type"), text("detail"))
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Answer {
    let mut line = || {
        let mut text = String::new();
        stream.read_line(&mut text).expect("a line");
        text.trim_end().to_owned()
    };
    let status = line();
    let status = status.split(' ').nth(1).and_then(|it| it.parse().ok());
    let mut headers = Vec::new();
    loop {
        let next = line();
        let Some((name, value)) = next.split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let mut body = Vec::new();
    if is_chunked {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).expect("a size");
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut piece = vec![0; size + 2];
            if size == 0 || stream.read_exact(&mut piece).is_err() {
                break;
            }
            body.extend_from_slice(&piece[..size]);
        }
    } else {
        let _ = stream.read_to_end(&mut body);
    }
    Answer {
        status: status.unwrap_or(0),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
