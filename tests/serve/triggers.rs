//! Triggers: deliveries that are genuine start a run once, all of the pipeline, and nothing else
//! starts anything.

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::SHOP;
use crate::support::server::{Answer, Client, TestServer};

const TRIGGERS: &str = "
secret hook = file(\"hook.txt\")

trigger on-push on webhook(secret: hook, from: \"github\")
  where event.payload.ref == \"refs/heads/main\"
  starts ship(tag: event.payload.after, targets: [prod.eu, prod.us])

trigger broken on webhook(secret: hook)
  starts ship(tag: event.payload.tag)

trigger nightly on schedule(\"0 3 * * 1-5\", zone: \"Europe/Berlin\")
  starts ship(tag: \"nightly\")
";

fn server() -> TestServer {
    let shop = format!("{SHOP}{TRIGGERS}");
    TestServer::new(&[("shop.deploy", &shop), ("hook.txt", "s3cret\n")])
}

/// HMAC-SHA256 as the standard defines it.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(with(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(with(0x5c))
        .chain_update(inner)
        .finalize();
    outer.to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A delivery of GitHub.
fn deliver(server: &TestServer, id: &str, payload: &Value) -> Answer {
    let body = payload.to_string();
    let signature = format!("sha256={}", hex(&hmac(b"s3cret", body.as_bytes())));
    let github = server.stranger();
    let github = github.with("X-Hub-Signature-256", &signature);
    let github = github
        .with("X-GitHub-Delivery", id)
        .with("X-GitHub-Event", "push");
    github.send(
        "POST",
        "/webhooks/shop.deploy/on-push",
        Some(body.as_bytes()),
    )
}

fn runs(client: &Client) -> Vec<Value> {
    let runs = client.get("/api/v1/runs").expect(200);
    runs["runs"].as_array().unwrap().clone()
}

#[test]
fn a_signed_delivery_starts_the_whole_pipeline_once() {
    let server = server();
    let ada = server.admin("ada");
    let push = json!({"ref": "refs/heads/main", "after": "abc", "files": ["web/x"]});
    let started = deliver(&server, "d-1", &push).expect(202);
    assert_eq!(started["decision"], "started", "{started}");
    let run = started["run"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&ada, &run), "succeeded");
    // All services go out, whatever the change was about, where the trigger says.
    let shown = ada.get(&format!("/api/v1/runs/{run}")).expect(200);
    assert_eq!(shown["user"], "trigger on-push");
    assert_eq!(
        shown["inputs"],
        json!({"tag": "abc", "targets": ["prod.eu", "prod.us"]})
    );
    let logs = ada.get(&format!("/api/v1/runs/{run}/logs")).expect(200);
    assert_eq!(logs.as_array().unwrap().len(), 4);
    // Sent again by the sender, and again by somebody who has seen it, under another id.
    for id in ["d-1", "d-2"] {
        let again = deliver(&server, id, &push).expect(200);
        assert_eq!(
            (&again["decision"], &again["run"]),
            (&json!("doubled"), &json!(run))
        );
    }
    let all: Vec<_> = std::thread::scope(|scope| {
        let push = json!({"ref": "refs/heads/main", "after": "def"});
        let server = &server;
        let send = |_| {
            let push = push.clone();
            scope.spawn(move || deliver(server, "d-3", &push).status)
        };
        let all: Vec<_> = (0..8).map(send).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(
        all.iter().filter(|status| **status == 202).count(),
        1,
        "{all:?}"
    );
    assert_eq!(runs(&ada).len(), 2);
    let repeats: Vec<Value> = {
        let triggers = ada.get("/api/v1/triggers").expect(200);
        let deliveries = triggers[0]["deliveries"].as_array().unwrap().iter();
        deliveries
            .map(|it| json!([it["repeats"], it["repeated_at"].is_string()]))
            .collect()
    };
    assert_eq!(repeats, [json!([7, true]), json!([2, true])]);
    // Nothing of what was delivered stays but what the inputs were given.
    for file in ["server.db", "server.db-wal", "state.db", "state.db-wal"] {
        let bytes = std::fs::read(server.state().join(file)).unwrap_or_default();
        assert!(!bytes.windows(5).any(|it| it == b"web/x"), "{file}");
    }
}

#[test]
fn what_is_not_genuine_or_does_not_fit_starts_nothing() {
    let server = server();
    let ada = server.admin("ada");
    let body = br#"{"ref": "refs/heads/main", "after": "abc"}"#;
    let path = "/webhooks/shop.deploy/on-push";
    let unsigned = server.stranger().send("POST", path, Some(body));
    assert!(unsigned.problem(401).contains("x-hub-signature-256"));
    let wrong = format!("sha256={}", hex(&hmac(b"guessed", body)));
    let wrong = server.stranger().with("X-Hub-Signature-256", &wrong);
    assert!(
        wrong
            .send("POST", path, Some(body))
            .problem(401)
            .contains("signature is wrong")
    );
    let other = deliver(
        &server,
        "d-1",
        &json!({"ref": "refs/heads/topic", "after": "x"}),
    );
    assert_eq!(other.expect(200)["decision"], "no-match");
    let missing = deliver(&server, "d-2", &json!({"zen": "Keep it simple."}));
    assert_eq!(missing.expect(200)["decision"], "no-match");
    // The rule of the input, a type that does not fit, and text that is no command.
    for after in [json!(""), json!(7), json!(null), json!(["a"])] {
        let id = format!("d-{after}").replace('"', "");
        let push = json!({"ref": "refs/heads/main", "after": after});
        let refused = deliver(&server, &id, &push).expect(200);
        assert_eq!(refused["decision"], "refused", "{after}: {refused}");
        assert_eq!(refused["reason"], Value::Null);
    }
    assert_eq!(runs(&ada), [Value::Null; 0]);
    let evil = "x; touch /tmp/lockstep-was-here $(id) `id` \u{1b}[31m";
    let push = json!({"ref": "refs/heads/main", "after": evil});
    let run = deliver(&server, "d-evil", &push).expect(202);
    let run = run["run"].as_str().unwrap();
    assert_eq!(server.ended(&ada, run), "succeeded");
    assert!(!std::path::Path::new("/tmp/lockstep-was-here").exists());
    let triggers = ada.get("/api/v1/triggers").expect(200);
    let push = &triggers[0];
    assert_eq!(push["id"], "shop.deploy/on-push");
    // The one whose signature was wrong is told of until a genuine one has come.
    assert_eq!(push["problem"], Value::Null);
    assert_eq!(push["not_permitted"], json!([]));
    let reasons: Vec<&str> = (push["deliveries"].as_array().unwrap().iter())
        .map(|it| it["reason"].as_str().unwrap_or_default())
        .collect();
    assert!(reasons[5].contains("event.payload"), "{reasons:?}");
    assert!(
        triggers[2]["next_at"].as_str().unwrap().contains("T0"),
        "{triggers}"
    );
    for path in [
        "/webhooks/shop.deploy/nightly",
        "/webhooks/shop.deploy/x",
        "/webhooks/x",
    ] {
        server.stranger().send("POST", path, Some(body)).expect(404);
    }
}

#[test]
fn a_trigger_can_be_tried_without_starting_anything() {
    let server = server();
    let ada = server.admin("ada");
    let test = |payload: Value| {
        let path = "/api/v1/triggers/shop.deploy%2Fon-push/test";
        ada.post(path, &json!({"payload": payload})).expect(200)
    };
    let fine = test(json!({"ref": "refs/heads/main", "after": "abc"}));
    assert_eq!(fine["decision"], "starts");
    assert_eq!(fine["inputs"]["tag"], "abc");
    assert_eq!(fine["targets"], json!(["prod.eu", "prod.us"]));
    let other = test(json!({"ref": "x"}));
    assert_eq!(other["decision"], "no-match");
    let wrong = test(json!({"ref": "refs/heads/main"}));
    assert_eq!(wrong["decision"], "refused");
    assert!(
        wrong["diagnostics"][0]["text"]
            .as_str()
            .unwrap()
            .contains("shop.deploy:")
    );
    assert_eq!(runs(&ada), [Value::Null; 0]);
}

#[test]
fn standard_webhooks_and_gitlab_are_taken_too() {
    let file = "
secret hook = file(\"hook.txt\")
input n: int
pipeline p { log \"${n}\" }
trigger standard on webhook(secret: hook, from: \"standard\") starts p(n: event.payload.n)
trigger gitlab on webhook(secret: hook, from: \"gitlab\") starts p(n: event.payload.n)
";
    let server = TestServer::new(&[("p.deploy", file), ("hook.txt", "s3cret")]);
    let ada = server.admin("ada");
    let body = br#"{"n": 3}"#;
    let now = jiff::Timestamp::now().as_second();
    let send = |id: &str, at: i64| {
        let signed = [format!("{id}.{at}.").as_bytes(), body].concat();
        let sign = base64::engine::general_purpose::STANDARD.encode(hmac(b"s3cret", &signed));
        let sender = server.stranger().with("webhook-id", id);
        let sender = sender.with("webhook-timestamp", &at.to_string());
        let sender = sender.with("webhook-signature", &format!("v1,{sign}"));
        sender.send("POST", "/webhooks/p.deploy/standard", Some(body))
    };
    assert_eq!(send("m1", now).expect(202)["decision"], "started");
    assert_eq!(send("m1", now).expect(200)["decision"], "doubled");
    // The same content under another id, which is signed, too, is another one.
    assert_eq!(send("m2", now).expect(202)["decision"], "started");
    assert!(send("m3", now - 400).problem(401).contains("300 s"));
    let gitlab = server.stranger().with("X-Gitlab-Token", "s3cret");
    let gitlab = gitlab.with("X-Gitlab-Event-UUID", "u1");
    let path = "/webhooks/p.deploy/gitlab";
    assert_eq!(
        gitlab.send("POST", path, Some(body)).expect(202)["decision"],
        "started"
    );
    assert_eq!(
        gitlab.send("POST", path, Some(body)).expect(200)["decision"],
        "doubled"
    );
    let wrong = gitlab.with("X-Gitlab-Token", "s3cre");
    wrong.send("POST", path, Some(body)).expect(401);
    assert_eq!(runs(&ada).len(), 3);
}

#[test]
fn a_change_of_files_starts_what_is_about_them() {
    let file = "
input commit: string
pipeline p { log commit }
trigger charts on change([\"k8s/**\"], branch: \"main\", every: 1s) starts p(commit: event.commit)
";
    let server = TestServer::new(&[
        ("p.deploy", file),
        (".gitignore", ".lockstep\nserver.err\n"),
    ]);
    let ada = server.admin("ada");
    let git = |arguments: &[&str]| {
        let mut git = crate::support::program::command("git", server.path());
        git.args(["-c", "user.name=a", "-c", "user.email=a@b.c"])
            .args(arguments);
        let said = crate::support::program::run(git);
        assert_eq!(said.code, 0, "{said:?}");
        said.stdout.trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "first"]);
    let deliveries = || {
        let all = ada.get("/api/v1/triggers").expect(200);
        (
            all[0]["problem"].clone(),
            all[0]["deliveries"].as_array().unwrap().clone(),
        )
    };
    // What was there at first starts nothing, and neither do other files.
    server.until("a look", || (deliveries().0 == Value::Null).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    std::fs::write(server.path().join("README"), "x").unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "second"]);
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(deliveries().1.len(), 0);
    std::fs::create_dir(server.path().join("k8s")).unwrap();
    std::fs::write(server.path().join("k8s/web.yaml"), "x").unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "third"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let run = server.until("a delivery", || {
        let all = deliveries().1;
        all.first()
            .and_then(|it| it["run"].as_str().map(String::from))
    });
    let shown = ada.get(&format!("/api/v1/runs/{run}")).expect(200);
    assert_eq!(shown["inputs"]["commit"], commit);
}
