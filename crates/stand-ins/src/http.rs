//! HTTP as far as tests need it: a request is read, an answer is written, the connection closes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak};

use serde_json::Value;

/// A request that has arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// `GET`, `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Arrived {
    /// Reads one.
    fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
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
        let mut words = first.split(' ').map(str::to_owned);
        Ok(Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An answer as it is sent; `headers` are whole lines.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    )
}

/// Answers requests on a thread of its own, for as long as there is somebody to answer.
pub(crate) fn serve<T: Send + Sync + 'static>(
    listener: TcpListener,
    of: Weak<T>,
    answer_to: fn(&T, Arrived) -> String,
) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Some(of) = of.upgrade() else {
                return;
            };
            // A client that hangs up is no business of the service.
            let _ = exchange(stream.unwrap(), |arrived| answer_to(&of, arrived));
        }
    });
}

fn exchange(stream: TcpStream, answer_to: impl FnOnce(Arrived) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let arrived = Arrived::read(&mut reader)?;
    let answer = answer_to(arrived);
    reader.get_mut().write_all(answer.as_bytes())
}

/// An HTTP server that answers as a test wants: 200 where nothing is said.
pub struct HttpReceiver {
    address: SocketAddr,
    answers: Mutex<VecDeque<String>>,
    arrived: Mutex<Vec<Arrived>>,
}

impl HttpReceiver {
    /// Starts one.
    pub fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            answers: Mutex::default(),
            arrived: Mutex::default(),
        });
        serve(listener, Arc::downgrade(&receiver), Self::receive);
        receiver
    }

    /// Its address with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Says what the next request is answered that has no answer yet; see [`answer`].
    pub fn say(&self, answer: String) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// What has arrived.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    fn receive(&self, arrived: Arrived) -> String {
        assert_eq!(arrived.method, "POST");
        self.arrived.lock().unwrap().push(arrived);
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| answer(200, "", "ok"))
    }
}
