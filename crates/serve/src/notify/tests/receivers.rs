//! Receivers on this machine: an HTTP server and a mail server, each with what has arrived.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that has arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Arrived {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server that answers as a test wants: 200 where nothing is said.
pub(super) struct HttpReceiver {
    address: SocketAddr,
    pub(super) answers: Mutex<VecDeque<String>>,
    arrived: Mutex<Vec<Arrived>>,
}

pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    )
}

impl HttpReceiver {
    pub(super) fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            answers: Mutex::default(),
            arrived: Mutex::default(),
        });
        let weak = Arc::downgrade(&receiver);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(receiver) = weak.upgrade() else {
                    return;
                };
                let _ = receiver.receive(stream.unwrap());
            }
        });
        receiver
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn say(&self, answer: String) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    fn receive(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length");
        let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
        reader.read_exact(&mut body)?;
        assert!(first.starts_with("POST "), "{first}");
        self.arrived.lock().unwrap().push(Arrived {
            path: first.split(' ').nth(1).unwrap().to_owned(),
            headers,
            body: String::from_utf8(body).unwrap(),
        });
        let next = self.answers.lock().unwrap().pop_front();
        let next = next.unwrap_or_else(|| answer(200, "", "ok"));
        reader.get_mut().write_all(next.as_bytes())
    }
}

/// A mail that has arrived.
#[derive(Debug, Clone, Default)]
pub(super) struct ArrivedMail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// Headers and body, with plain line ends.
    pub(super) text: String,
}

impl ArrivedMail {
    /// The headers of this name.
    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let (head, _) = self.text.split_once("\n\n").unwrap();
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let ours = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        ours.map(|(_, value)| value).collect()
    }
}

/// A mail server without encryption, for this machine alone.
pub(super) struct MailReceiver {
    address: SocketAddr,
    /// What it answers to the next recipients.
    pub(super) answers: Mutex<VecDeque<&'static str>>,
    arrived: Mutex<Vec<ArrivedMail>>,
    pub(super) logins: Mutex<Vec<String>>,
}

impl MailReceiver {
    pub(super) fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            answers: Mutex::default(),
            arrived: Mutex::default(),
            logins: Mutex::default(),
        });
        let weak = Arc::downgrade(&receiver);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(receiver) = weak.upgrade() else {
                    return;
                };
                let _ = receiver.talk(stream.unwrap());
            }
        });
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(super) fn arrived(&self) -> Vec<ArrivedMail> {
        self.arrived.lock().unwrap().clone()
    }

    fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut mail = ArrivedMail::default();
        reader.get_mut().write_all(b"220 test\r\n")?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let answer = match line.split([' ', ':']).next().unwrap() {
                "EHLO" => "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME",
                "AUTH" => {
                    self.logins.lock().unwrap().push(line.to_owned());
                    "235 in"
                }
                "MAIL" => {
                    mail.from = line.to_owned();
                    "250 ok"
                }
                "RCPT" => {
                    mail.to.push(line.to_owned());
                    self.answers.lock().unwrap().pop_front().unwrap_or("250 ok")
                }
                "DATA" => {
                    reader.get_mut().write_all(b"354 go\r\n")?;
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line)?;
                        match line.trim_end_matches("\r\n") {
                            "." => break,
                            line => {
                                mail.text.push_str(line.strip_prefix('.').unwrap_or(line));
                                mail.text.push('\n');
                            }
                        }
                    }
                    self.arrived.lock().unwrap().push(std::mem::take(&mut mail));
                    "250 taken"
                }
                "QUIT" => {
                    reader.get_mut().write_all(b"221 bye\r\n")?;
                    return Ok(());
                }
                _ => "250 ok",
            };
            reader
                .get_mut()
                .write_all(format!("{answer}\r\n").as_bytes())?;
        }
    }
}
