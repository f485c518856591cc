//! What a stranger on the network tries.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::SHOP;
use crate::support::program::{command, program, run};
use crate::support::server::TestServer;

#[test]
fn a_stranger_gets_nothing() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let api = ada.get("/api/v1/openapi.json").expect(200);
    assert_eq!(api["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // Those with which one signs in.
            let is_open = operation["security"] == json!([{}]);
            let path = path.replace('{', "x").replace('}', "");
            let body = (method != "get").then_some(&b"{}"[..]);
            let answer = server.stranger().send(&method.to_uppercase(), &path, body);
            match is_open {
                true => assert!(answer.status < 500, "{path}: {answer:?}"),
                false => assert_eq!(answer.status, 401, "{method} {path}: {answer:?}"),
            }
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
    // A link works once, and one that was guessed does not.
    let again = server.stranger().get("/api/v1/invitations/AAAA").status;
    assert_eq!(again, 404);
}

#[test]
fn another_site_cannot_act_for_a_user() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let start = json!({"pipeline": "shop.deploy/ship"});
    let without = ada.without("X-CSRF-Token");
    assert!(
        without
            .post("/api/v1/runs", &start)
            .problem(403)
            .starts_with("cross-site")
    );
    without
        .with("X-CSRF-Token", "guessed")
        .post("/api/v1/runs", &start)
        .expect(403);
    let elsewhere = ada.with("Origin", "https://evil.example");
    elsewhere.post("/api/v1/runs", &start).expect(403);
    ada.with("Sec-Fetch-Site", "cross-site")
        .post("/api/v1/runs", &start)
        .expect(403);
    // A form of another site cannot sign anybody in as somebody else.
    let account = json!({"name": "ada", "password": "correct horse battery"});
    let form = server.stranger().with("Origin", "https://evil.example");
    form.post("/api/v1/session", &account).expect(403);
    let own = server.stranger().with("Origin", &server.url());
    let signed_in = own.post("/api/v1/session", &account);
    assert_eq!(signed_in.status, 204, "{signed_in:?}");
    let cookie = signed_in.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    // What is signed out is out.
    assert_eq!(ada.send("DELETE", "/api/v1/session", None).status, 204);
    ada.get("/api/v1/runs").expect(401);
}

#[test]
fn passwords_are_not_guessed_quickly() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let _ada = server.admin("ada");
    let mut slowed = 0;
    for at in 0..12 {
        let guess = json!({"name": "ada", "password": format!("wrong password {at}")});
        let answer = server.stranger().post("/api/v1/session", &guess);
        match answer.status {
            401 => assert!(
                answer
                    .problem(401)
                    .contains("the name or the password is wrong")
            ),
            429 => slowed += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert!(slowed >= 5, "{slowed}");
}

#[test]
fn paths_do_not_lead_out_of_their_folders() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let run = ada
        .post("/api/v1/runs", &json!({"pipeline": "shop.deploy/ship"}))
        .expect(201);
    let run = run["run"].as_str().unwrap();
    server.ended(&ada, run);
    for node in [
        "../../state.db",
        "..%2F..%2Fstate.db",
        "/etc/passwd",
        "%00",
        ".",
        "",
    ] {
        let log = ada.get(&format!("/api/v1/runs/{run}/log?node={node}"));
        assert_eq!(log.expect(200)["total"], 0, "{node}");
    }
    for path in [
        "/../Cargo.toml",
        "/..%2f..%2fetc/passwd",
        "/app.js/../../x",
        "/.lockstep",
    ] {
        assert_eq!(ada.get(path).status, 404, "{path}");
    }
    for id in [
        "..%2Fshop.deploy%2Fship",
        ".hidden.deploy%2Fx",
        "%2Fetc%2Fpasswd%2Fx",
    ] {
        ada.get(&format!("/api/v1/pipelines/{id}")).expect(404);
    }
}

#[test]
fn broken_and_slow_requests_do_no_harm() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let address = server.url();
    let address = address.strip_prefix("http://").unwrap();
    let raw = |text: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream.write_all(text).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.split(' ').nth(1).map(String::from)
    };
    let is = |text: &[u8], status: &str| assert_eq!(raw(text).as_deref(), Some(status));
    // Two lengths, a length and chunks: what one server reads as one request, another as two.
    is(
        b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\
        \r\n{}x",
        "400",
    );
    let both = raw(
        b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    );
    assert_ne!(both.as_deref(), Some("200"));
    is(b"GET / HTTP/9.9\r\n\r\n", "400");
    is(b"\x16\x03\x01\x02\x00\x01\x00", "400");
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    assert!(matches!(
        raw(long.as_bytes()).as_deref(),
        Some("431" | "414") | None
    ));
    let many: String = (0..200).map(|at| format!("X-{at}: 1\r\n")).collect();
    is(
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes(),
        "431",
    );
    let body = vec![b' '; 2 * 1024 * 1024];
    let large = ada.send("POST", "/api/v1/plans", Some(&body));
    assert!(large.problem(413).starts_with("too-large"));
    let deep = "[".repeat(100_000);
    ada.send("POST", "/api/v1/plans", Some(deep.as_bytes()))
        .expect(400);
    // Many that send nothing keep nobody else out.
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let since = Instant::now();
    ada.get("/api/v1/session").expect(200);
    assert!(since.elapsed() < Duration::from_secs(2));
    drop(idle);
}

#[test]
fn a_server_that_others_reach_needs_encryption() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.deploy"), "pipeline a { log \"a\" }").unwrap();
    let mut serve = command(program(), folder.path());
    serve.args(["serve", "--listen", "0.0.0.0:0"]);
    let said = run(serve);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("--tls-cert") && said.stderr.contains("--behind-proxy"));
    assert!(!folder.path().join(".lockstep").exists());
}
