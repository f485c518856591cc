//! `http.*` of the real program against real servers: certificates, proxies, redirects, classes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::{Told, file};
use crate::support::Test;
use crate::support::web::{Authority, WebServer, answer, redirect, tls};

/// A run of these statements.
fn asks(statement: &str) -> Test {
    file(&format!("pipeline p {{ step s {{ {statement} }} }}"))
}

/// The first failure of a run, as class and message.
#[track_caller]
fn failure(test: &Test) -> (String, String) {
    let told = Told::by(test);
    let failed = told
        .of_kind("node-finished")
        .find(|it| it["failure"].is_object());
    let failure = &failed.expect("a failure")["failure"];
    let text = |name: &str| failure[name].as_str().expect("a text").to_string();
    (text("class"), text("message"))
}

#[track_caller]
fn fails(test: &Test, class: &str, parts: &[&str]) {
    let (is, message) = failure(test);
    assert_eq!(is, class, "{message}");
    for part in parts {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
}

#[track_caller]
fn succeeds(test: &Test) {
    let told = Told::by(test);
    assert_eq!(told.code, 0, "{:?}", told.events);
}

fn ok(body: &'static str) -> impl Fn(&str) -> Vec<u8> + Send + Sync {
    move |_| answer("200 OK", &[], body)
}

fn text(path: &std::path::Path) -> String {
    path.display().to_string()
}

// --- Certificates ------------------------------------------------------------------------

#[test]
fn a_private_authority_is_trusted_by_file_and_by_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, other) = (
        Authority::new(folder.path(), "ours"),
        Authority::new(folder.path(), "other"),
    );
    let certificate = ours.sign("server", "DNS:localhost");
    let server = WebServer::with_tls(tls(&certificate, None), ok("fine"));
    let get = || asks(&format!("http.get(\"{}/x\")", server.url));
    succeeds(&get().env("SSL_CERT_FILE", &text(&ours.certificate())));
    let authorities = folder.path().join("authorities");
    std::fs::create_dir(&authorities).expect("a folder");
    std::fs::copy(ours.certificate(), authorities.join("a.crt")).expect("it is copied");
    std::fs::write(authorities.join("README"), "not a certificate").expect("it is written");
    succeeds(&get().env("SSL_CERT_DIR", &text(&authorities)));
    // Both are trusted, where both are set.
    let both = get()
        .env("SSL_CERT_DIR", &text(&authorities))
        .env("SSL_CERT_FILE", &text(&other.certificate()));
    succeeds(&both);

    let words = [
        "certificate verify failed: unknown issuer",
        "localhost",
        "SSL_CERT_FILE",
    ];
    fails(&get(), "authentication", &words);
    let wrong = text(&other.certificate());
    let words = [
        "unknown issuer",
        &format!("those of {wrong} (SSL_CERT_FILE)"),
    ];
    fails(
        &get().env("SSL_CERT_FILE", &wrong),
        "authentication",
        &words,
    );
}

#[test]
fn a_file_without_certificates_is_told() {
    let get = || asks("http.get(\"https://localhost:1/x\")").file("empty.pem", "nothing\n");
    let missing = get().env("SSL_CERT_FILE", "not-there.pem");
    let said = "the file `not-there.pem` of SSL_CERT_FILE does not exist";
    fails(&missing, "failed", &[said]);
    let empty = get().env("SSL_CERT_FILE", "empty.pem");
    fails(
        &empty,
        "failed",
        &["`empty.pem` of SSL_CERT_FILE holds no certificate"],
    );
    let bad = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let bad = get().file("bad.pem", bad).env("SSL_CERT_FILE", "bad.pem");
    fails(
        &bad,
        "failed",
        &["certificate that cannot be read, number 1"],
    );
    let folder = get().env("SSL_CERT_DIR", "not-there");
    fails(
        &folder,
        "failed",
        &["`not-there` of SSL_CERT_DIR does not exist"],
    );
    let none = get().folder("none").env("SSL_CERT_DIR", "none");
    fails(&none, "failed", &["no file in `none`"]);
    // Plain requests need none of them.
    let server = WebServer::new(ok("fine"));
    let plain = asks(&format!("http.get(\"{}\")", server.url));
    succeeds(&plain.env("SSL_CERT_FILE", "not-there.pem"));
}

#[test]
fn a_certificate_that_does_not_fit_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let wrong = ours.sign("wrong", "DNS:shop.example,DNS:www.shop.example");
    let expired = ours.sign_expired("expired", "DNS:localhost");
    let own = (ours.certificate(), folder.path().join("ours.key"));
    for (certificate, words) in [
        (
            wrong,
            [
                "hostname mismatch",
                "shop.example, www.shop.example, not of localhost",
            ],
        ),
        (expired, ["localhost has expired", "2020-02-01T00:00:00Z"]),
        (own, ["CA:TRUE", "must sign one"]),
    ] {
        let server = WebServer::with_tls(tls(&certificate, None), ok("fine"));
        let get = asks(&format!("http.get(\"{}/x\")", server.url));
        let get = get.env("SSL_CERT_FILE", &text(&ours.certificate()));
        fails(
            &get,
            "authentication",
            &["certificate verify failed: ", words[0], words[1]],
        );
    }
    // No TLS at all.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let plain = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&answer("400 Bad Request", &[], ""));
    });
    let get = asks(&format!("http.get(\"https://{plain}\")"));
    fails(&get, "connection", &["not TLS"]);
}

#[test]
fn a_client_certificate_and_its_key_are_secrets_of_the_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let other = Authority::new(folder.path(), "other");
    let server = ours.sign("server", "DNS:localhost");
    let server = WebServer::with_tls(tls(&server, Some(&ours)), ok("fine"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a file");
    let run = |arguments: &str, client: &(std::path::PathBuf, std::path::PathBuf)| {
        let (certificate, key) = (read(&client.0), read(&client.1));
        file(&format!(
            "secret cert = file(\"client.pem\")\nsecret key = file(\"client.key\")\n\
             secret both = file(\"both.pem\")\n\
             pipeline p {{ step s {{ http.get(\"{}/x\"{arguments}) }} }}",
            server.url
        ))
        .file("both.pem", format!("{certificate}{key}"))
        .file("client.pem", certificate)
        .file("client.key", key)
        .env("SSL_CERT_FILE", &text(&ours.certificate()))
    };
    let (client, stranger) = (
        ours.sign("client", "DNS:client"),
        other.sign("stranger", "DNS:client"),
    );
    succeeds(&run(", certificate: cert, key: key", &client));
    succeeds(&run(", certificate: both", &client));
    fails(
        &run("", &client),
        "authentication",
        &["asks for a client certificate"],
    );
    let words = ["does not accept the client certificate"];
    fails(
        &run(", certificate: both", &stranger),
        "authentication",
        &words,
    );
    fails(
        &run(", certificate: cert", &client),
        "failed",
        &["holds no private key"],
    );
    fails(
        &run(", certificate: key, key: key", &client),
        "failed",
        &["holds no certificate"],
    );
    fails(
        &run(", key: key", &client),
        "failed",
        &["a `key` without a `certificate`"],
    );
    let mixed = (client.0, stranger.1);
    let words = ["is not the one of the `certificate`"];
    fails(
        &run(", certificate: cert, key: key", &mixed),
        "failed",
        &words,
    );
}

// --- Proxies -----------------------------------------------------------------------------

#[test]
fn plain_requests_are_passed_on_by_the_proxy() {
    let proxy = WebServer::new(|asked| {
        match asked
            .to_lowercase()
            .contains("proxy-authorization: basic dtpwqhnz")
        {
            true => answer("200 OK", &[], "through"),
            false => answer("407 Proxy Authentication Required", &[], ""),
        }
    });
    let get = || asks("http.post(\"http://shop.example/x?y\", body: \"b\")");
    let with_user = format!("http://u:p%40ss@{}", proxy.authority());
    succeeds(&get().env("HTTP_PROXY", &with_user));
    let asked = proxy.only();
    assert!(
        asked.starts_with("post http://shop.example/x?y http/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("host: shop.example\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\nb"), "{asked}");

    let wrong = get().env(
        "http_proxy",
        &format!("http://u:hidden@{}", proxy.authority()),
    );
    let (class, message) = failure(&wrong);
    assert_eq!(class, "authentication");
    let named = format!("the proxy {} (http_proxy) does not accept", proxy.url);
    assert!(message.contains(&named), "{message}");
    assert!(!message.contains("hidden"), "{message}");
    let none = get().env("ALL_PROXY", proxy.authority());
    fails(
        &none,
        "authentication",
        &["(ALL_PROXY) asks for a user and a password"],
    );

    let direct = WebServer::new(ok("direct"));
    let get = asks(&format!("http.get(\"{}\")", direct.url));
    let excepted = get
        .env("HTTP_PROXY", &with_user)
        .env("NO_PROXY", "127.0.0.0/8");
    succeeds(&excepted);
    assert_eq!(direct.asked().len(), 1);
    let wrong = asks("http.get(\"http://shop.example\")").env("HTTP_PROXY", "ftp://u:hidden@x");
    let (class, message) = failure(&wrong);
    assert_eq!(class, "failed");
    assert!(message.contains("`HTTP_PROXY` names no proxy"), "{message}");
    assert!(!message.contains("hidden"), "{message}");
}

#[test]
fn tls_goes_through_a_tunnel_of_the_proxy() {
    for (status, class, words) in [
        (
            "403 Forbidden",
            "authentication",
            "does not allow connections to shop.example:443 (403)",
        ),
        ("407 No", "authentication", "does not accept the user"),
        (
            "502 Bad Gateway",
            "connection",
            "made no connection to shop.example:443 (502)",
        ),
    ] {
        let proxy = WebServer::new(move |_| answer(status, &[], ""));
        let get = asks("http.get(\"https://shop.example/x\")");
        let named = format!("http://u:hidden@{}", proxy.authority());
        let get = get.env("HTTPS_PROXY", &named);
        let (is, message) = failure(&get);
        assert_eq!(is, class, "{message}");
        assert!(message.contains(words), "{message}");
        assert!(
            message.contains(&format!("{} (HTTPS_PROXY)", proxy.url)),
            "{message}"
        );
        assert!(!message.contains("hidden"), "{message}");
        let asked = proxy.only();
        assert!(
            asked.starts_with("connect shop.example:443 http/1.1"),
            "{asked}"
        );
        assert!(
            asked.contains("proxy-authorization: basic dtpoawrkzw4="),
            "{asked}"
        );
    }
    let gone = asks("http.get(\"https://shop.example\")").env("https_proxy", "http://127.0.0.1:1");
    let words = [
        "connection refused",
        "through the proxy http://127.0.0.1:1 (https_proxy)",
    ];
    fails(&gone, "connection", &words);
}

/// Accepts connections as a proxy: `accept` reads where one is to go, and it goes to `to`.
fn relay(to: String, accept: fn(&mut TcpStream) -> String) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a connection");
        let _ = tell.send(accept(&mut client));
        let mut server = TcpStream::connect(to).expect("a server");
        let mut back = (
            server.try_clone().expect("a copy"),
            client.try_clone().expect("a copy"),
        );
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let _ = std::io::copy(&mut client, &mut server);
    });
    (port, told)
}

fn bytes(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("bytes");
    bytes
}

#[test]
fn a_tunnel_leads_to_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let certificate = ours.sign("server", "DNS:shop.example");
    let server = WebServer::with_tls(tls(&certificate, None), ok("fine"));
    let to = server.authority().replace("localhost", "127.0.0.1");
    let (port, told) = relay(to, |client| {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.extend(bytes(client, 1));
        }
        let good = b"HTTP/1.1 200 Connection established\r\n\r\n";
        client.write_all(good).expect("it is answered");
        String::from_utf8_lossy(&asked).into_owned()
    });
    let get = asks("http.get(\"https://shop.example/x\", headers: { \"X-Key\": \"k\" })")
        .env("SSL_CERT_FILE", &text(&ours.certificate()))
        .env("https_proxy", &format!("127.0.0.1:{port}"));
    succeeds(&get);
    assert!(server.only().contains("x-key: k"));
    let asked = told.recv().expect("it was asked");
    assert!(
        asked.starts_with("CONNECT shop.example:443 HTTP/1.1"),
        "{asked}"
    );
    assert!(!asked.contains("X-Key"), "{asked}");
}

/// Answers as a SOCKS5 server, which asks for a user and a password where `with_user` is set; returns
/// what it was asked for: the user and the password, and the host.
fn socks(client: &mut TcpStream, with_user: bool) -> String {
    let count = usize::from(bytes(client, 2)[1]);
    let ways = bytes(client, count);
    let mut said = String::new();
    if with_user {
        assert!(ways.contains(&2), "{ways:?}");
        client.write_all(&[5, 2]).expect("it is answered");
        bytes(client, 1);
        for _ in ["user", "password"] {
            let length = usize::from(bytes(client, 1)[0]);
            said.push_str(&String::from_utf8_lossy(&bytes(client, length)));
            said.push(' ');
        }
        client.write_all(&[1, 0]).expect("it is answered");
    } else {
        client.write_all(&[5, 0]).expect("it is answered");
    }
    // A connection to a name, which is as long as the last of these says.
    let head = bytes(client, 5);
    assert_eq!(head[..4], [5, 1, 0, 3]);
    said.push_str(&String::from_utf8_lossy(&bytes(
        client,
        usize::from(head[4]),
    )));
    bytes(client, 2);
    let good = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    client.write_all(&good).expect("it is answered");
    said
}

#[test]
fn socks_leads_to_the_server() {
    for (with_user, user, told_of) in [
        (false, "", "shop.example"),
        (true, "u:p%40s%3As%25+@", "u p@s:s%+ shop.example"),
    ] {
        let server = WebServer::new(ok("fine"));
        let to = server.authority().to_string();
        let (port, told) = match with_user {
            true => relay(to, |client| socks(client, true)),
            false => relay(to, |client| socks(client, false)),
        };
        let get = asks("http.get(\"http://shop.example/x\")")
            .env("all_proxy", &format!("socks5h://{user}127.0.0.1:{port}"));
        succeeds(&get);
        assert!(server.only().starts_with("get /x http/1.1"));
        assert_eq!(told.recv().expect("it was asked"), told_of);
    }
}

#[test]
fn a_proxy_over_tls_receives_the_password_in_the_tunnel() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let certificate = ours.sign("proxy", "DNS:localhost,IP:127.0.0.1");
    for (to, target) in [
        ("http://shop.example/x", "shop.example:80"),
        ("https://shop.example/x", "shop.example:443"),
    ] {
        let proxy = WebServer::with_tls(tls(&certificate, None), |_| {
            answer("407 Proxy Authentication Required", &[], "")
        });
        let named = format!("https://u:p%40ss@{}", proxy.authority());
        let get = asks(&format!("http.get(\"{to}\")"))
            .env("SSL_CERT_FILE", &text(&ours.certificate()))
            .env("all_proxy", &named);
        fails(
            &get,
            "authentication",
            &["(all_proxy) does not accept the user and the password"],
        );
        let asked = proxy.only();
        assert!(
            asked.starts_with(&format!("connect {target} http/1.1")),
            "{asked}"
        );
        assert!(
            asked.contains("proxy-authorization: basic dtpwqhnz"),
            "{asked}"
        );
    }
}

// --- Redirects ---------------------------------------------------------------------------

#[test]
fn credentials_are_sent_to_no_other_host() {
    let other = WebServer::new(ok("{}"));
    let to = other.url.clone();
    let first = WebServer::new(move |asked| match asked.contains(" /same ") {
        true => answer("200 OK", &[], "{}"),
        false if asked.contains(" /here ") => redirect("302 Found", "/same"),
        false => redirect("307 Temporary Redirect", &format!("{to}/z")),
    });
    let run = |path: &str, more: &str| {
        file(&format!(
            "secret token = env(\"TOKEN\")\n\
             pipeline p {{ step s {{ http.post(\"{}{path}\", headers: {{\
               Authorization: \"Bearer ${{token}}\", Cookie: \"a=b\", \"X-Key\": token,\
               Accept: \"application/json\" }}{more}) }} }}",
            first.url
        ))
        .env("TOKEN", "tok-4711-value")
    };
    succeeds(&run("/here", ""));
    let asked = first.asked();
    assert!(asked[1].starts_with("GET /same"), "{asked:?}");
    assert!(asked[1].contains("Bearer tok-4711-value"), "{asked:?}");
    succeeds(&run("/there", ", body: \"plain\""));
    let asked = other.only();
    assert!(asked.starts_with("post /z"), "{asked}");
    assert!(asked.contains("accept: application/json"), "{asked}");
    for part in ["tok-4711-value", "authorization", "cookie", "x-key"] {
        assert!(!asked.contains(part), "{asked}");
    }
    let secret = run("/there", ", body: token");
    fails(
        &secret,
        "failed",
        &["not followed: the body holds a secret"],
    );
    assert_eq!(other.asked().len(), 1);
}

#[test]
fn redirects_end() {
    let server = WebServer::new(|asked| match asked.contains(" /away ") {
        true => redirect("302 Found", "ftp://x/y"),
        false => redirect("302 Found", "/again"),
    });
    let get = |more: &str| asks(&format!("http.get(\"{}{more})", server.url));
    let words = ["was redirected more than 10 times, the last time to /again"];
    fails(&get("/x\""), "failed", &words);
    assert_eq!(server.asked().len(), 11);
    fails(
        &get("/away\""),
        "failed",
        &["to `ftp://x/y`, which is no address"],
    );
    // Whoever expects a redirect wants to see it.
    succeeds(&get("/x\", expect: [302]"));
    assert_eq!(server.asked().len(), 13);
}

#[test]
fn nothing_goes_from_https_to_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let certificate = ours.sign("server", "DNS:localhost");
    let plain = WebServer::new(ok("fine"));
    let to = plain.url.clone();
    let server = WebServer::with_tls(tls(&certificate, None), move |_| {
        redirect("301 Moved Permanently", &format!("{to}/y"))
    });
    let get = asks(&format!("http.get(\"{}/x\")", server.url));
    let get = get.env("SSL_CERT_FILE", &text(&ours.certificate()));
    fails(
        &get,
        "failed",
        &["redirected from https to http://127.0.0.1"],
    );
    assert_eq!(plain.asked(), Vec::<String>::new());
}

// --- Limits, types and classes -----------------------------------------------------------

#[test]
fn answers_have_limits() {
    let many: Vec<String> = (0..200).map(|at| format!("X-{at}: v")).collect();
    let long = format!("X-Long: {}", "v".repeat(70_000));
    for headers in [many, vec![long]] {
        let server = WebServer::new(move |_| {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            answer("200 OK", &headers, "")
        });
        let get = asks(&format!("http.get(\"{}\")", server.url));
        fails(&get, "failed", &["more than 128 headers or 64 KiB"]);
    }
    let two = WebServer::new(|_| answer("200 OK", &["X-Two: a", "X-Two: b"], ""));
    let get = format!(
        "let a = http.get(\"{}\")\nlog a.headers[\"x-two\"]",
        two.url
    );
    let told = Told::by(&asks(&get));
    assert_eq!(told.code, 0);
    assert!(
        format!("{:?}", told.events).contains("\"a, b\""),
        "{:?}",
        told.events
    );
}

#[test]
fn json_is_checked_where_it_gets_a_type() {
    let server = WebServer::new(|asked| match asked.contains(" /good ") {
        true => answer("200 OK", &[], "[{\"name\": \"a\", \"size\": 1}]"),
        false => answer("200 OK", &[], "[{\"name\": \"a\", \"size\": \"big\"}]"),
    });
    let get = |path: &str| {
        asks(&format!(
            "let a = http.get(\"{}{path}\")\n\
             if a.json == none {{ fail \"no JSON\" }}\n\
             let files: [{{ name: string, size: int }}] = a.json\nlog files[0].name",
            server.url
        ))
    };
    succeeds(&get("/good"));
    fails(&get("/bad"), "failed", &["size", "int"]);
}

/// A handler of each class makes the next try, which succeeds.
#[test]
fn each_class_is_retried_by_its_name() {
    let tries = |first: fn() -> Vec<u8>| {
        let count = AtomicUsize::new(0);
        WebServer::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => first(),
            _ => answer("200 OK", &[], ""),
        })
    };
    let late = || {
        std::thread::sleep(std::time::Duration::from_secs(3));
        Vec::new()
    };
    for (class, server) in [
        ("exit", tries(|| answer("503 Service Unavailable", &[], ""))),
        ("connection", tries(Vec::new)),
        (
            "connection",
            tries(|| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()),
        ),
        ("connection", tries(|| b"not HTTP\r\n\r\n".to_vec())),
        ("timeout", tries(late)),
        (
            "failed",
            tries(|| answer("200 OK", &[], "{\"a\": 1, \"a\": 2}")),
        ),
    ] {
        let get = |handled: &str| {
            let url = &server.url;
            asks(&format!(
                "http.get(\"{url}\", timeout: 1s) on failure({handled}) {{ retry 1 }}"
            ))
        };
        succeeds(&get(class));
        assert_eq!(server.asked().len(), 2, "{class}");
    }
    let gone = asks("http.get(\"http://127.0.0.1:1\") on failure(connection) { ignore }");
    succeeds(&gone);
    let other = asks("http.get(\"http://127.0.0.1:1\") on failure(exit, timeout) { ignore }");
    fails(&other, "connection", &["connection refused"]);
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(folder.path(), "ours");
    let server = WebServer::with_tls(tls(&ours.sign("server", "DNS:localhost"), None), ok(""));
    let get = format!(
        "http.get(\"{}\") on failure(authentication) {{ ignore }}",
        server.url
    );
    succeeds(&asks(&get));
}

/// Wherever a secret stands in a request, and whatever a server makes of it, it is kept nowhere.
#[test]
fn nothing_that_is_kept_holds_a_secret() {
    const TOKEN: &str = "tok-4711-value";
    let server = WebServer::new(|asked| match asked.contains(" /echo") {
        true => redirect("302 Found", &format!("http://127.0.0.1:1/?k={TOKEN}")),
        false => answer("500 Oh", &[&format!("X-Echo: {TOKEN}")], TOKEN),
    });
    let url = &server.url;
    let test = file(&format!(
        "secret token = env(\"TOKEN\")\n\
         secret lines = file(\"lines.txt\")\n\
         pipeline p {{\n\
           http.get(\"{url}/?k=${{token}}\") on failure {{ log failure.message\nignore }}\n\
           http.get(\"{url}/echo?k=${{token}}\") on failure {{ log failure.message\nignore }}\n\
           http.get(\"nonsense-${{token}}\") on failure {{ log failure.message\nignore }}\n\
           http.get(\"{url}/\", headers: {{ \"X-A\": lines }}) on failure {{ ignore }}\n\
           http.get(\"https://localhost:1/\", certificate: token, key: token) on failure {{ ignore }}\n\
           let a = http.post(\"{url}/\", headers: {{ \"X-A\": token }}, body: token, expect: [500])\n\
           log \"${{a.body}} ${{a.headers[\"x-echo\"]}}\"\n\
         }}"
    ))
    .env("TOKEN", TOKEN)
    .file("lines.txt", format!("{TOKEN}-first\n{TOKEN}-second\n"))
    .env("LOCKSTEP_LOG", "trace");
    let said = crate::support::program::run(test.command());
    assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    assert!(said.stdout.contains("***"), "{}", said.stdout);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(!all.contains(TOKEN), "{all}");
    let mut folders = vec![test.path(".lockstep")];
    let mut looked = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let kept = std::fs::read(&path).unwrap_or_default();
            let kept = String::from_utf8_lossy(&kept);
            assert!(!kept.contains(TOKEN), "{}", path.display());
            looked += 1;
        }
    }
    assert!(looked > 0);
    for arguments in [vec!["show"], vec!["show", "--format", "json"]] {
        let mut show =
            crate::support::program::command(crate::support::program::program(), &test.path("."));
        show.args(arguments);
        let shown = crate::support::program::run(show);
        assert!(!format!("{}{}", shown.stdout, shown.stderr).contains(TOKEN));
    }
}
