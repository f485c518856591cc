//! Who may do what: on every infrastructure of a plan, and what one may not see is not there.

use std::process::Command;

use serde_json::{Value, json};

use super::SHOP;
use crate::support::server::{Client, TestServer};

/// Takes away what everyone may on infrastructures, and gives back to see and to run on these.
fn narrow(admin: &Client, rights: &[&str], targets: &[&str]) {
    let all = admin.get("/api/v1/grants").expect(200);
    for grant in all.as_array().unwrap() {
        let is_of_targets = grant["on"] == "targets *" && grant["who"] == "everyone";
        if is_of_targets && rights.contains(&grant["right"].as_str().unwrap()) {
            let path = format!("/api/v1/grants/{}", grant["id"]);
            assert_eq!(admin.send("DELETE", &path, None).status, 204);
        }
    }
    for right in rights {
        for target in targets {
            let on = format!("targets {target}");
            let grant = json!({"who": "everyone", "right": right, "on": on});
            admin.post("/api/v1/grants", &grant).expect(201);
        }
    }
}

#[test]
fn a_run_needs_the_right_on_every_infrastructure() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    let asked =
        |targets: &[&str]| json!({"pipeline": "shop.deploy/ship", "inputs": {"targets": targets}});
    // At first everybody may run on all.
    let all = asked(&["prod.*"]);
    let run = bob.post("/api/v1/runs", &all).expect(201);
    server.ended(&bob, run["run"].as_str().unwrap());
    narrow(&ada, &["run"], &["prod.eu", "prod.us"]);
    let problem = bob.post("/api/v1/runs", &all).problem(403);
    assert_eq!(
        problem,
        "no-right: you have not the right `run` on prod.asia"
    );
    let plan = bob.post("/api/v1/plans", &all).expect(200);
    assert_eq!(plan["not_permitted"], json!(["prod.asia"]));
    let two = asked(&["prod.eu", "prod.us"]);
    let bob_run = bob.post("/api/v1/runs", &two).expect(201);
    assert_eq!(
        server.ended(&bob, bob_run["run"].as_str().unwrap()),
        "succeeded"
    );
    // Who started what was refused is nowhere, and a token has no more rights than its owner.
    let runs = bob.get("/api/v1/runs").expect(200);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
    let token = json!({"name": "ci", "rights": ["view", "run"]});
    let token = bob.post("/api/v1/tokens", &token).expect(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let ci = server.stranger().with("Authorization", &bearer);
    ci.post("/api/v1/runs", &all).expect(403);
    ci.post("/api/v1/runs", &two).expect(201);
    // An administrator may.
    let run = ada.post("/api/v1/runs", &all).expect(201);
    // A run says what its reader may do to it: who shows it offers nothing that is refused.
    let path = format!("/api/v1/runs/{}", run["run"].as_str().unwrap());
    let may = |client: &Client, path: &str| client.get(path).expect(200)["may"].clone();
    let every = ["view", "run", "approve", "cancel", "answer"];
    let unlimited = [&every[..], &["outside-window"]].concat();
    assert_eq!(run["may"], json!(unlimited));
    assert_eq!(may(&ada, &path), json!(unlimited));
    assert_eq!(
        may(&bob, &path),
        json!(["view", "approve", "cancel", "answer"])
    );
    assert_eq!(may(&ci, &path), json!(["view"]));
    let own = format!("/api/v1/runs/{}", bob_run["run"].as_str().unwrap());
    assert_eq!(may(&bob, &own), json!(every));
    let listed = bob.get("/api/v1/runs").expect(200);
    let listed = listed["runs"].as_array().unwrap().clone();
    let of = |run: &Value| listed.iter().find(|it| it["run"] == run["run"]).unwrap()["may"].clone();
    assert_eq!(of(&bob_run), json!(every));
    assert_eq!(of(&run), json!(["view", "approve", "cancel", "answer"]));
    bob.post(&format!("{path}/undo"), &json!({})).expect(403);
    // So does what is where, of the run that brought it.
    server.ended(&ada, run["run"].as_str().unwrap());
    let may_undo = |client: &Client| {
        let places = client.get("/api/v1/environments").expect(200);
        places[0]["services"][0]["places"][0]["may_undo"].clone()
    };
    assert_eq!(
        (may_undo(&ada), may_undo(&bob)),
        (json!(true), json!(false))
    );
}

#[test]
fn what_one_may_not_see_is_not_there() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    let asked = json!({"pipeline": "shop.deploy/ship"});
    let run = ada.post("/api/v1/runs", &asked).expect(201);
    let run = run["run"].as_str().unwrap();
    server.ended(&ada, run);
    narrow(&ada, &["view"], &["prod.eu"]);
    let nothing = bob.get("/api/v1/runs/r-nothing").expect(404).to_string();
    for path in [
        "",
        "/plan",
        "/what-if",
        "/logs",
        "/log?node=x",
        "/events",
        "/answers",
    ] {
        let hidden = bob
            .get(&format!("/api/v1/runs/{run}{path}"))
            .expect(404)
            .to_string();
        assert_eq!(hidden.replace(run, "r-nothing"), nothing, "{path}");
    }
    for what in ["cancel", "resume", "retry", "undo", "answers"] {
        let body = json!({"question": 1, "answer": "yes"});
        let body = if what == "answers" { body } else { json!({}) };
        let path = format!("/api/v1/runs/{run}/{what}");
        let hidden = bob.post(&path, &body).expect(404).to_string();
        assert_eq!(hidden.replace(run, "r-nothing"), nothing, "{what}");
    }
    assert_eq!(bob.get("/api/v1/runs").expect(200)["runs"], json!([]));
    let places = bob.get("/api/v1/environments").expect(200).to_string();
    assert!(
        places.contains("prod.eu") && !places.contains("prod.us"),
        "{places}"
    );
    // Nor is the run that brought there what they may see.
    assert!(!places.contains(run) && !places.contains("ada"), "{places}");
    let form = bob
        .get("/api/v1/pipelines/shop.deploy%2Fship")
        .expect(200)
        .to_string();
    assert!(
        form.contains("prod.eu") && !form.contains("prod.us"),
        "{form}"
    );
    for path in [
        "users",
        "groups",
        "grants",
        "audit",
        "audit/check",
        "audit/export",
    ] {
        bob.get(&format!("/api/v1/{path}")).expect(403);
        assert_eq!(ada.get(&format!("/api/v1/{path}")).status, 200);
    }
}

const GATE: &str = "\
environment prod { infrastructure eu: app {} }
kind app {}
pipeline gate {
  stage ask {
    approve \"Ship it?\" by [\"ops\"] count 2 except [run.user]
  }
}
";

#[test]
fn an_approval_is_given_by_those_it_is_for() {
    let server = TestServer::new(&[("gate.deploy", GATE)]);
    let ada = server.admin("ada");
    let (bob, cleo) = (server.user(&ada, "bob"), server.user(&ada, "cleo"));
    let dan = server.user(&ada, "dan");
    ada.post("/api/v1/groups", &json!({"name": "ops"}));
    for name in ["ada", "bob", "cleo"] {
        let path = format!("/api/v1/groups/ops/members/{name}");
        assert_eq!(ada.send("PUT", &path, None).status, 204);
    }
    let run = ada
        .post("/api/v1/runs", &json!({"pipeline": "gate.deploy/gate"}))
        .expect(201);
    let run = run["run"].as_str().unwrap();
    let question = |client: &Client| {
        server.until("a question", || {
            let all = client.get("/api/v1/questions").expect(200);
            all.get(0).cloned()
        })
    };
    let number = question(&ada)["question"].clone();
    let path = format!("/api/v1/runs/{run}/answers");
    let yes = json!({"question": number, "answer": "yes", "comment": "looks good"});
    // The one who started it, one who is not in the group, one who has not the kind of answer.
    assert_eq!(
        question(&ada)["why_not"],
        "your yes does not count here: `except` names you"
    );
    ada.post(&path, &yes).expect(403);
    assert_eq!(question(&dan)["may_answer"], false);
    dan.post(&path, &yes).expect(403);
    bob.post(&path, &json!({"question": number, "answer": "retry"}))
        .expect(422);
    bob.post(&path, &yes).expect(202);
    server.until("the first yes", || {
        (question(&cleo)["yes"] == json!(["bob"])).then_some(())
    });
    bob.post(&path, &yes).expect(403);
    cleo.post(&path, &yes).expect(202);
    assert_eq!(server.ended(&ada, run), "succeeded");
    cleo.post(&path, &yes).expect(409);
    let given = ada.get(&path).expect(200);
    let who: Vec<&Value> = given
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["by"])
        .collect();
    assert_eq!(who, ["bob", "cleo"]);
}

#[test]
fn all_that_is_done_is_in_the_audit_log_and_no_secret_is() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    let token = json!({"name": "ci", "rights": ["view"]});
    let token = bob.post("/api/v1/tokens", &token).expect(201);
    let run = bob
        .post("/api/v1/runs", &json!({"pipeline": "shop.deploy/ship"}))
        .expect(201);
    server.ended(&bob, run["run"].as_str().unwrap());
    let wrong = json!({"name": "bob", "password": "battery staple horse"});
    server
        .stranger()
        .post("/api/v1/session", &wrong)
        .expect(401);
    let log = ada.get("/api/v1/audit").expect(200);
    let actions: Vec<&str> = (log.as_array().unwrap().iter().rev())
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "session.account",
            "user.invite",
            "session.account",
            "token.create",
            "run.start",
            "session.sign-in"
        ]
    );
    assert_eq!(log[1]["who"], "bob");
    assert_eq!(
        log[1]["object"],
        format!("run {}", run["run"].as_str().unwrap())
    );
    let check = ada.get("/api/v1/audit/check").expect(200);
    assert_eq!(check["is_whole"], true);
    let export = ada.get("/api/v1/audit/export").body;
    assert_eq!(export.lines().count(), 6);
    let secret = token["token"].as_str().unwrap();
    for file in ["server.db", "server.db-wal", "state.db", "state.db-wal"] {
        let bytes = std::fs::read(server.state().join(file)).unwrap_or_default();
        let holds = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
        assert!(
            !holds(secret) && !holds("correct horse") && !holds("staple"),
            "{file}"
        );
    }
    // Whoever changes the log is found out.
    let db = rusqlite::Connection::open(server.state().join("server.db")).unwrap();
    db.execute_batch(
        "PRAGMA writable_schema = on; DELETE FROM sqlite_schema WHERE type = 'trigger'",
    )
    .unwrap();
    drop(db);
    let db = rusqlite::Connection::open(server.state().join("server.db")).unwrap();
    let changed = db.execute("UPDATE audit SET who = 'eve' WHERE seq = 5", []);
    if changed.is_ok() {
        let check = ada.get("/api/v1/audit/check").expect(200);
        assert_eq!(check["is_whole"], false, "{check}");
    }
}

const FOUND: &str = "\
kind app {
  deploy using release
}

workflow release(s: service, i: infrastructure) {
  run \"touch ${s.name}-${i.name}\" undo { run \"rm ${s.name}-${i.name}\" }
}

environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
  infrastructure asia: app {}
}

service web: app {}

pipeline ship {
  let found = run \"cat list\"
  stage out {
    matrix serial target in prod.* where target.name in split(found.stdout, \",\") {
      deploy web to target
    }
  }
}

pipeline look {
  let found = run \"cat list\"
  matrix serial target in prod.* where target.name in split(found.stdout, \",\") {
    run \"touch at-${target.name}\" on target
  }
}

pipeline ask {
  run \"touch asked\" on prod.asia
}

input chosen: infrastructure = prod.eu

pipeline peek {
  log \"${chosen.name} is chosen\"
}
";

#[test]
fn what_only_the_run_knows_needs_the_right_as_well() {
    let server = TestServer::new(&[("found.deploy", FOUND)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    narrow(&ada, &["view", "run"], &["prod.eu", "prod.us"]);
    let list = |text: &str| std::fs::write(server.path().join("list"), text).unwrap();
    let is_there = |name: &str| server.path().join(name).exists();
    let start = |client: &Client, pipeline: &str| {
        let asked = json!({"pipeline": format!("found.deploy/{pipeline}")});
        let run = client.post("/api/v1/runs", &asked).expect(201);
        let run = run["run"].as_str().unwrap().to_owned();
        let status = server.ended(client, &run);
        (run, status)
    };
    // The plan names none of those that may come, but what it says is true.
    let asked = json!({"pipeline": "found.deploy/ship"});
    let plan = bob.post("/api/v1/plans", &asked).expect(200);
    assert_eq!(plan["open_targets"], json!(["prod.eu", "prod.us"]));
    assert_eq!(plan["not_permitted"], json!([]));

    list("prod.eu,prod.us");
    assert_eq!(start(&bob, "ship").1, "succeeded");
    assert!(is_there("web-prod.us"));
    // One that may not be touched fails before anything is done there.
    list("prod.eu,prod.asia");
    let (refused, status) = start(&bob, "ship");
    assert_eq!(status, "failed");
    assert!(is_there("web-prod.eu") && !is_there("web-prod.asia"));
    let events = bob.events(&refused, 0);
    let why = "`bob` may not run anything on `prod.asia`";
    assert!(format!("{events:?}").contains(why), "{events:?}");
    // It stays so when it is retried, until there is the right.
    let retry = |client: &Client| {
        let path = format!("/api/v1/runs/{refused}/retry");
        let run = client.post(&path, &json!({})).expect(201);
        server.ended(client, run["run"].as_str().unwrap())
    };
    assert_eq!(retry(&bob), "failed");
    assert!(!is_there("web-prod.asia"));
    for right in ["view", "run"] {
        let grant = json!({"who": "user bob", "right": right, "on": "targets prod.asia"});
        ada.post("/api/v1/grants", &grant).expect(201);
    }
    assert_eq!(retry(&bob), "succeeded");
    assert!(is_there("web-prod.asia"));
}

#[test]
fn commands_on_infrastructures_need_the_right_on_them() {
    let server = TestServer::new(&[("found.deploy", FOUND)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    narrow(&ada, &["run"], &["prod.eu"]);
    std::fs::write(server.path().join("list"), "prod.eu,prod.us").unwrap();
    let asked = |pipeline: &str| json!({"pipeline": format!("found.deploy/{pipeline}")});
    // `look` goes over all of them, and only the run knows which it leaves out.
    let problem = bob.post("/api/v1/runs", &asked("look")).problem(403);
    assert_eq!(
        problem,
        "no-right: you have not the right `run` on prod.asia, prod.us"
    );
    let problem = bob.post("/api/v1/runs", &asked("ask")).problem(403);
    assert_eq!(
        problem,
        "no-right: you have not the right `run` on prod.asia"
    );
    assert!(!server.path().join("asked").exists());
    // So does what is chosen, even where only its name is used.
    let mut peek = asked("peek");
    peek["inputs"] = json!({"chosen": "prod.asia"});
    let problem = bob.post("/api/v1/runs", &peek).problem(403);
    assert_eq!(
        problem,
        "no-right: you have not the right `run` on prod.asia"
    );
    bob.post("/api/v1/runs", &asked("peek")).expect(201);
}

#[test]
fn a_run_that_is_resumed_may_touch_no_more_than_before() {
    let mut server = TestServer::new(&[("found.deploy", FOUND)]);
    let ada = server.admin("ada");
    let bob = server.user(&ada, "bob");
    narrow(&ada, &["view", "run"], &["prod.eu", "prod.us"]);
    let list = server.path().join("list");
    // It waits until there is a list.
    let made = Command::new("mkfifo").arg(&list).status().unwrap();
    assert!(made.success());
    let asked = json!({"pipeline": "found.deploy/ship"});
    let run = bob.post("/api/v1/runs", &asked).expect(201);
    let run = run["run"].as_str().unwrap();
    server.kill();
    let pattern = format!("--run-id {run}");
    let killed = Command::new("pkill")
        .args(["-9", "-f", "--", &pattern])
        .status();
    assert!(killed.unwrap().success());
    std::fs::remove_file(&list).unwrap();
    std::fs::write(&list, "prod.eu,prod.asia").unwrap();
    // Nobody has to ask for it: a server that starts resumes what lost its process.
    server.start();
    assert_eq!(server.ended(&bob, run), "failed");
    assert!(!server.path().join("web-prod.asia").exists());
}
