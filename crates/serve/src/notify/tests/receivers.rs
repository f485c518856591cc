//! A mail server on this machine, with what has arrived.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

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
