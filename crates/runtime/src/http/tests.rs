//! Requests against servers of one answer, on this machine.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// Responds to one request with this text and returns the request.
fn serve(answer: impl Into<Vec<u8>>) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer: Vec<u8> = answer.into();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut asked = Vec::new();
        let mut piece = [0; 1024];
        while !String::from_utf8_lossy(&asked).contains("end-of-request") {
            let read = stream.read(&mut piece).expect("it can be read");
            asked.extend_from_slice(&piece[..read]);
            if read == 0 {
                break;
            }
        }
        stream.write_all(&answer).expect("it can be answered");
        String::from_utf8_lossy(&asked).into_owned()
    });
    (format!("http://{address}/path"), served)
}

fn post(url: &str, headers: Value, expect: Value) -> EffectOutcome {
    let vault = SecretVault::new(["s3cret-token"]);
    let args = [
        Value::string(url),
        headers,
        Value::string("end-of-request"),
        expect,
        Value::Duration(5_000),
    ];
    request(&SystemHttp, "http.post", &args, &vault)
}

#[test]
fn secrets_go_out_and_an_answer_is_a_value() {
    let (url, served) = serve(
        "HTTP/1.1 200 OK\r\nContent-Length: 32\r\nConnection: close\r\n\r\n\
         {\"token\": \"s3cret-token\", \"n\":1}",
    );
    let secret = Value::Secret(std::sync::Arc::new(vec![
        lockstep_base::value::SecretPart::Secret(0),
    ]));
    let outcome = post(&url, Value::map([("x-token", secret)]), Value::None);
    let asked = served.join().expect("it served");
    assert!(asked.starts_with("POST /path HTTP/1.1"), "{asked}");
    assert!(asked.contains("x-token: s3cret-token"), "{asked}");
    assert_eq!(outcome.failure, None);
    let body = outcome
        .value
        .as_map()
        .and_then(|it| it.get("body"))
        .cloned();
    assert_eq!(
        body,
        Some(Value::string("{\"token\": \"s3cret-token\", \"n\":1}"))
    );
    let json = outcome
        .value
        .as_map()
        .and_then(|it| it.get("json"))
        .and_then(Value::as_map);
    assert_eq!(json.and_then(|json| json.get("n")), Some(&Value::Int(1)));
}

#[test]
fn json_that_is_no_value_here_is_a_failure() {
    for (body, why) in [
        (
            "{\"id\": 12345678901234567890123}",
            "does not fit into 64 bits",
        ),
        ("{\"a\": 1, \"a\": 2}", "twice"),
    ] {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close");
        let (url, served) = serve(format!("{head}\r\n\r\n{body}"));
        let outcome = post(&url, Value::None, Value::None);
        served.join().expect("it served");
        let (class, message) = outcome.failure.expect("a failure");
        assert_eq!(class, FailureClass::Failed);
        assert!(message.contains(why), "{message}");
    }
    let (url, served) =
        serve("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{a}");
    let outcome = post(&url, Value::None, Value::None);
    served.join().expect("it served");
    assert_eq!(outcome.failure, None);
}

#[test]
fn a_status_that_is_not_expected_fails_with_class_exit() {
    let answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (url, served) = serve(answer);
    let outcome = post(&url, Value::None, Value::None);
    served.join().expect("it served");
    let message = format!("POST {url} answered 503 Service Unavailable");
    assert_eq!(outcome.failure, Some((FailureClass::Exit, message)));
    let (url, served) = serve(answer);
    let outcome = post(&url, Value::None, Value::list([Value::Int(503)]));
    served.join().expect("it served");
    assert_eq!(outcome.failure, None);
}

#[test]
fn an_answer_that_is_no_text_or_too_long_is_a_failure() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let mut latin: Vec<u8> = head.into();
    latin.extend(b"caf\xe9");
    let mut long: Vec<u8> = head.into();
    long.resize(head.len() + 11 * 1024 * 1024, b'x');
    for (answer, why) in [
        (latin, "is not UTF-8 (byte 4)"),
        (long, "is longer than 10 MiB"),
    ] {
        let (url, served) = serve(answer);
        let outcome = post(&url, Value::None, Value::None);
        let (class, message) = outcome.failure.expect("a failure");
        assert_eq!(class, FailureClass::Failed);
        assert!(message.contains(why), "{message}");
        // The client may have gone before it had all.
        let _ = served.join();
    }
}

#[test]
fn nobody_there_is_a_connection_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let outcome = post(&format!("http://{address}/"), Value::None, Value::None);
    let class = outcome.failure.map(|(class, _)| class);
    assert_eq!(class, Some(FailureClass::Connection));
}
